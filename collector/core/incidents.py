"""Incidents: chains of charged time, cut only by good time that was observed (SPEC 3.13). Pure, one pass over the spans.

Charged time is given unclipped, so that a chain that began before a period is known as one (R13.2), and its length (R13.4).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

import msgspec

from collector.core.intervals import Interval, Intervals
from collector.core.state import Span, State, Why, grade_of

_UP = State.UP
_DEGRADED = State.DEGRADED


class Incident(msgspec.Struct, frozen=True):
    """One incident as it is listed (R13.5). Milliseconds UTC."""

    onset_ms: int
    """Its first charged instant."""
    last_ms: int
    """End of its last charged piece."""
    restored_ms: int | None
    """The first instant after `last_ms` at which it was seen up or degraded; None while nobody has seen that."""
    pieces: tuple[Interval, ...]
    """Charged time, unclipped."""
    why: Why
    """Of the first charged span."""
    grade: str
    """Grade of the evidence behind it (3.9)."""

    @property
    def charged_ms(self) -> int:
        """Full length: charged time only, not the unknown or planned time between (R13.4)."""
        return sum([b - a for a, b in self.pieces])

    def charged_within(self, from_ms: int, to_ms: int) -> int:
        """Charged time that lies in a period (R13.3)."""
        return sum([max(0, min(b, to_ms) - max(a, from_ms)) for a, b in self.pieces])


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Incidents of a period (R13.2, R13.4)."""

    incidents: int = 0
    started: int = 0
    closed: int = 0
    closed_ms: int = 0


_NONE: Final = Counts()
_begin: Final = itemgetter(0)
_end: Final = itemgetter(1)


def good_runs(spans: Sequence[Span], at_least_ms: int = 0) -> list[Interval]:
    """Unbroken observed UP or DEGRADED time, windows and hours notwithstanding: what may cut a chain (R13.1). Runs shorter than
    `at_least_ms` are left out (R10.3)."""
    out: list[Interval] = []
    start = end = None
    for span in spans:
        state = span.state
        if state is not _UP and state is not _DEGRADED:
            continue
        if span.from_ms != end:
            if start is not None and end is not None and end - start >= at_least_ms:
                out.append((start, end))
            start = span.from_ms
        end = span.to_ms
    if start is not None and end is not None and end - start >= at_least_ms:
        out.append((start, end))
    return out


def starts(spans: Sequence[Span], charged: Intervals, merge_gap_ms: int) -> list[int]:
    """Positions in `charged` at which a chain begins (R13.1). `charged` is sorted, disjoint and not touching."""
    if len(charged) < 2:
        return [0] if charged else []
    out = [0]
    runs = good_runs(spans, merge_gap_ms)
    runs.append((charged[-1][1], charged[-1][1] + 1))  # stops the search
    at = 0
    before = charged[0][1]
    for i in range(1, len(charged)):
        while runs[at][1] <= before:
            at += 1
        a, b = charged[i]
        if runs[at][0] < a:
            out.append(i)
        before = b
    return out


def count(spans: Sequence[Span], charged: Intervals, merge_gap_ms: int, period: Interval) -> Counts:
    """Incidents with charged time in the period, those whose first charged instant is in it (R13.2), and those that ended in
    it with their full lengths (R13.4). One whose charged time reaches the end of what is known has not ended."""
    from_ms, to_ms = period
    i = bisect_right(charged, from_ms, key=_end)
    j = bisect_left(charged, to_ms, key=_begin) - 1
    if i > j or from_ms >= to_ms:
        return _NONE
    # Pieces i to j have charged time in the period. Chains are in order: only the first may have begun before it, only the last
    # may outlast it.
    begins = starts(spans, charged, merge_gap_ms)
    first, last = bisect_right(begins, i) - 1, bisect_right(begins, j) - 1
    onset, after = begins[first], begins[last + 1] if last + 1 < len(begins) else len(charged)
    incidents = last - first + 1
    until = charged[after - 1][1]
    ended = until <= to_ms and until < spans[-1].to_ms
    closed_ms = sum([b - a for a, b in charged[onset : after if ended else begins[last]]])
    return Counts(incidents, incidents - (charged[onset][0] < from_ms), incidents - (not ended), closed_ms)


def chains(spans: Sequence[Span], charged: Intervals, merge_gap_ms: int) -> list[Incident]:
    """All incidents that `charged` holds, in order of onset (R13.1, R13.5)."""
    if not charged:
        return []
    begins = starts(spans, charged, merge_gap_ms)
    runs = good_runs(spans)
    out: list[Incident] = []
    at = run = 0
    for end, begin in zip([*begins[1:], len(charged)], begins, strict=True):
        pieces = tuple(charged[begin:end])
        onset, until = pieces[0][0], pieces[-1][1]
        while spans[at].to_ms <= onset:
            at += 1
        while run < len(runs) and runs[run][1] <= until:
            run += 1
        restored = max(until, runs[run][0]) if run < len(runs) else None
        why = spans[at].why
        out.append(Incident(onset, until, restored, pieces, why, grade_of(why)))
    return out
