"""Which numbers of a lane have arrived, which are stated as lost, and up to where there is no gap.

Pure and bounded: an agent that leaves holes on purpose is refused before its list of ranges grows without limit.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Iterator

MAX_RANGES = 10_000


class TooManyHolesError(ValueError):
    """Taking this number would need more ranges than allowed; nothing was changed."""


class Ranges:
    """A set of positive integers kept as closed ranges that neither overlap nor touch."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """Number of ranges."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    @property
    def size(self) -> int:
        """Number of integers."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def end_from(self, number: int) -> int:
        """Last number of the range that holds `number`; `number - 1` when none does."""
        place = bisect_right(self._firsts, number) - 1
        if place >= 0 and number <= self._lasts[place]:
            return self._lasts[place]
        return number - 1

    def append(self, number: int) -> bool:
        """Take in the number after the highest one, which nearly all are; false, and nothing done, for any other."""
        lasts = self._lasts
        if lasts and lasts[-1] + 1 == number:
            lasts[-1] = number
            return True
        return False

    def touches(self, first: int, last: int) -> bool:
        """Whether `first..last` overlaps or adjoins a range."""
        return bisect_right(self._lasts, first - 2) < bisect_right(self._firsts, last + 1)

    def add(self, first: int, last: int, limit: int = MAX_RANGES) -> None:
        """Take in `first..last`. Raises `TooManyHolesError`, changing nothing, when more than `limit` ranges would result."""
        firsts, lasts = self._firsts, self._lasts
        low = bisect_right(lasts, first - 2)
        high = bisect_right(firsts, last + 1)
        if low == high:
            if len(firsts) >= limit:
                raise TooManyHolesError(f"more than {limit} ranges of numbers with holes between them")
            firsts.insert(low, first)
            lasts.insert(low, last)
            return
        firsts[low:high] = [min(first, firsts[low])]
        lasts[low:high] = [max(last, lasts[high - 1])]

    def text(self) -> str:
        """Compact form: `1-100 105 110-112`."""
        if not self._firsts:
            return ""
        return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in self)

    @classmethod
    def parse(cls, text: str) -> Ranges:
        """Inverse of `text`. Raises `ValueError` for anything that `text` would not write."""
        ranges = cls()
        previous = -1
        for part in text.split():
            first_text, dash, last_text = part.partition("-")
            first, last = int(first_text), int(last_text if dash else first_text)
            if not previous + 1 < first <= last:
                raise ValueError(f"range {part!r} after {previous}: expected ascending ranges with holes between them")
            ranges._firsts.append(first)
            ranges._lasts.append(last)
            previous = last
        return ranges


class Added(enum.Enum):
    """What a number was to a sequence."""

    NEW = "new"
    DUPLICATE = "duplicate"


class Sequence:
    """One lane of one stream. A number that was stated as lost and arrives all the same is new: evidence beats its absence."""

    __slots__ = ("_limit", "_watermark", "lost", "received")

    def __init__(self, received: str = "", lost: str = "", *, limit: int = MAX_RANGES) -> None:
        """From the texts of `Ranges`. Raises `ValueError`."""
        self.received = Ranges.parse(received)
        self.lost = Ranges.parse(lost)
        self._limit = limit
        self._watermark = 0

    def add(self, seq: int) -> Added:
        """Take in one number. Raises `TooManyHolesError`."""
        return Added.NEW if self.received.append(seq) or self._insert(seq) else Added.DUPLICATE

    def _insert(self, seq: int) -> bool:
        if seq in self.received:
            return False
        self.received.add(seq, seq, self._limit)
        return True

    def may_lose(self, first: int, last: int) -> bool:
        """Whether `lose` would take this range."""
        return len(self.lost) < self._limit or self.lost.touches(first, last)

    def lose(self, first: int, last: int) -> None:
        """Close the hole `first..last` with a loss record. Raises `TooManyHolesError`."""
        self.lost.add(first, last, self._limit)

    @property
    def watermark(self) -> int:
        """The last number up to which every number has arrived or is stated as lost; 0 before the first."""
        mark = self._watermark
        while True:
            end = self.received.end_from(mark + 1)
            if self.lost:
                end = max(end, self.lost.end_from(mark + 1))
            if end == mark:
                self._watermark = mark
                return mark
            mark = end

    def holes(self) -> list[tuple[int, int]]:
        """Ranges below the highest received number that neither arrived nor are stated as lost."""
        explained = Ranges()
        for first, last in [*self.received, *self.lost]:
            explained.add(first, last, 2 * self._limit)
        top = max((last for _, last in self.received), default=0)
        holes: list[tuple[int, int]] = []
        expected = 1
        for first, last in explained:
            if first > expected and expected <= top:
                holes.append((expected, min(first - 1, top)))
            expected = last + 1
        return holes
