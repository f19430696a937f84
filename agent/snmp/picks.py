"""Where the values of a family come from, once its layout is known: picked by position, constant, or computed from a text.

Picking is what happens at every poll, so plain numbers are taken by one call of C for a whole family.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from agent.snmp.columns import Number
from agent.snmp.rows import COUNTER64, Rows, Value
from agent.snmp.values import MANTISSA

Pick = Callable[[list[Value]], Sequence[float]]
"""The rows' values -> the family's values, in the order of its series."""


class Computed:
    """A number made of one row's value; made anew only when that changed. `value` is None while the row gives none."""

    __slots__ = ("compute", "place", "raw", "tag", "value")

    def __init__(self, place: int, tag: int, raw: Value, compute: Number) -> None:
        self.place = place
        self.tag = tag
        self.raw = raw
        self.compute = compute
        self.value = compute(tag, raw)

    def update(self, values: list[Value]) -> bool:
        """Look at a new poll's value; false if there is a number where there was none, or none where there was one."""
        raw = values[self.place]
        if raw == self.raw:
            return True
        self.raw = raw
        was, self.value = self.value, self.compute(self.tag, raw)
        return (was is None) == (self.value is None)


Source = int | float | Computed
"""Of one series: the position of its row (int), its constant value (float), or what computes it."""


def pick_of(sources: Sequence[Source], rows: Rows) -> Pick:
    """How the values of a family are picked."""
    if all(type(source) is int for source in sources):
        places: Any = list(sources)
        pick = _positions(places)
        wraps = [rows.tags[place] == COUNTER64 for place in places]
        return _wrapped(pick, None if all(wraps) else wraps) if any(wraps) else pick
    if all(type(source) is float for source in sources):
        constants: Any = tuple(sources)
        return lambda values: constants
    return _mixed(list(sources), rows)


def _positions(places: list[int]) -> Pick:
    first, count = places[0], len(places)
    if places == list(range(first, first + count)):  # a column is walked in one run
        return itemgetter(slice(first, first + count))
    return itemgetter(*places)


def _wrapped(inner: Pick, wraps: list[bool] | None) -> Pick:
    """The same, with Counter64 values below 2^53 as snmp_exporter exposes them; `wraps` says which, None for all."""

    def pick(values: list[Value]) -> Sequence[float]:
        found = inner(values)
        if max(found) < MANTISSA:
            return found
        if wraps is None:
            return [value % MANTISSA for value in found]
        return [value % MANTISSA if is_wrapping else value for value, is_wrapping in zip(found, wraps, strict=True)]

    return pick


def _mixed(sources: list[Source], rows: Rows) -> Pick:
    wraps = [type(source) is int and rows.tags[source] == COUNTER64 for source in sources]

    def one(source: Source, is_wrapping: bool, values: list[Value]) -> float:
        if isinstance(source, Computed):
            return source.value or 0.0
        if type(source) is float:
            return source
        value: Any = values[int(source)]
        return float(value % MANTISSA if is_wrapping else value)

    return lambda values: [one(source, wrap, values) for source, wrap in zip(sources, wraps, strict=True)]
