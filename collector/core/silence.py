"""Which reports were due and did not come (SPEC 3.6): arithmetic on due instants and blind records."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from collector.core.intervals import Interval

Missed = tuple[int, int]
"""First and last of due instants that are one interval apart."""


def missed(last_ms: int, interval_ms: int, until_ms: int, blinds: Sequence[Interval]) -> list[Missed]:
    """Due instants `last + k x interval` before `until_ms` at which the collector was not blind (R6.2), in unbroken rows."""
    out: list[Missed] = []
    due_ms = last_ms + interval_ms
    index = max(0, bisect_right(blinds, (due_ms, due_ms)) - 1)
    while due_ms < until_ms:
        while index < len(blinds) and blinds[index][1] <= due_ms:
            index += 1
        if index < len(blinds) and blinds[index][0] <= due_ms:
            due_ms = _next(last_ms, interval_ms, blinds[index][1])
            continue
        end_ms = min(until_ms, blinds[index][0]) if index < len(blinds) else until_ms
        out.append((due_ms, _next(last_ms, interval_ms, end_ms) - interval_ms))
        due_ms = _next(last_ms, interval_ms, end_ms)
    return out


def watched(row: Missed, confirm_ms: int, until_ms: int, blinds: Sequence[Interval]) -> bool:
    """Whether the collector has watched the silence from the first due instant of a row for `confirm_ms`, the rest of a TTL.

    It is asked where no later report ends the silence: time in which nobody looked confirms nothing.
    """
    index = bisect_right(blinds, (row[0], row[0]))
    end_ms = min(until_ms, blinds[index][0]) if index < len(blinds) else until_ms
    return end_ms - row[0] >= confirm_ms


def _next(last_ms: int, interval_ms: int, at_ms: int) -> int:
    """The first due instant that is not before `at_ms`."""
    return last_ms + -(-(at_ms - last_ms) // interval_ms) * interval_ms
