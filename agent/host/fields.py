"""Values at fixed places among the words of a kernel file: laid out once, then picked out without looking at names again.

Serves the kinds that turn many named numbers into series without labels (meminfo, vmstat, netstat, sockstat).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from operator import itemgetter, mul

import msgspec

from agent.host.reading import alone
from agent.model import Family, Readings


class Field(msgspec.Struct, frozen=True):
    """One series: its family, the place of its value among the words, and what the value is multiplied with."""

    family: Family
    place: int
    scale: float = 1.0


class Plan(msgspec.Struct, frozen=True):
    """Where the values are (`fields`), and which words are numbers (`numbers`: one flag a word).

    All words that are no numbers must be as they were for the plan to hold.
    """

    fields: tuple[Field, ...]
    numbers: bytes


def _picker(places: Sequence[int]) -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    """Like `itemgetter`, but a tuple for one place and for none as well."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda words: tuple(words[place] for place in places)


class Fields:
    """Reads words by the plan that `lay_out` made, and makes a new plan when the words' names changed."""

    __slots__ = ("_count", "_families", "_lay_out", "_names", "_pick_names", "_pick_values", "_scales")

    def __init__(self, lay_out: Callable[[Sequence[bytes]], Plan]) -> None:
        self._lay_out = lay_out
        self._count = -1
        self._names: tuple[bytes, ...] = ()
        self._pick_names = self._pick_values = _picker(())
        self._families: tuple[Family, ...] = ()
        self._scales: tuple[float, ...] = ()

    def of(self, words: Sequence[bytes]) -> Readings:
        """The readings in `words`. Raises `ValueError` for a value that is no number, and what `lay_out` raises."""
        if len(words) != self._count or self._pick_names(words) != self._names:
            self._plan(words)
        return alone(self._families, map(mul, map(float, self._pick_values(words)), self._scales))

    def _plan(self, words: Sequence[bytes]) -> None:
        self._count = -1  # a layout that fails must not leave half a plan behind
        plan = self._lay_out(words)
        if len(plan.numbers) != len(words):
            raise ValueError(f"{len(words)} words, {len(plan.numbers)} planned")
        self._pick_names = _picker(list(compress(range(len(words)), (not number for number in plan.numbers))))
        self._pick_values = _picker([field.place for field in plan.fields])
        self._names = self._pick_names(words)
        self._families = tuple(field.family for field in plan.fields)
        self._scales = tuple(field.scale for field in plan.fields)
        self._count = len(words)
