"""Which numbers of a lane are settled: everything up to `done`, and single ranges above it. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator


class Ranges:
    """Settled numbers. Compact: adjacent ranges become one, and what touches `done` raises it."""

    __slots__ = ("_firsts", "_lasts", "done")

    def __init__(self, done: int = 0, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.done = done
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __contains__(self, seq: int) -> bool:
        if seq <= self.done:
            return True
        at = bisect.bisect_right(self._firsts, seq) - 1
        return at >= 0 and seq <= self._lasts[at]

    def add(self, first: int, last: int) -> None:
        """Settle `first..last`; what is settled already stays so."""
        if last <= self.done:
            return
        low = bisect.bisect_left(self._lasts, first - 1)
        high = bisect.bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        if first <= self.done + 1:
            self.done = last
            del self._firsts[:high], self._lasts[:high]
        else:
            self._firsts[low:high] = [first]
            self._lasts[low:high] = [last]

    def holds_all(self, first: int, last: int) -> bool:
        """Whether every number of `first..last` is settled (true of an empty range)."""
        return first > last or next(self.open_between(first, last), None) is None

    def open_between(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The parts of `first..last` that are not settled."""
        first = max(first, self.done + 1)
        at = bisect.bisect_left(self._lasts, first)
        while first <= last:
            if at == len(self._firsts) or self._firsts[at] > last:
                yield first, last
                return
            if self._firsts[at] > first:
                yield first, self._firsts[at] - 1
            first = self._lasts[at] + 1
            at += 1

    def above(self) -> tuple[tuple[int, int], ...]:
        """The ranges above `done`, lowest first."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    def count_above(self) -> int:
        """How many numbers above `done` are settled."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)
