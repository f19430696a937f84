"""Which reports were due and did not come (SPEC 3.6): arithmetic on due instants and blind records."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from collector.core.intervals import Interval, union

Missed = tuple[int, int]
"""First and last of due instants that are one interval apart."""


def missed(last_ms: int, interval_ms: int, until_ms: int, blinds: Sequence[Interval]) -> list[Missed]:
    """Due instants `last + k x interval` before `until_ms` at which the collector was not blind (R6.2), in unbroken rows."""
    out: list[Missed] = []
    due_ms = last_ms + interval_ms
    for from_ms, to_ms in (*_near(due_ms, until_ms, blinds), (until_ms, until_ms)):
        if due_ms < from_ms:
            end_ms = _next(last_ms, interval_ms, from_ms)
            out.append((due_ms, end_ms - interval_ms))
            due_ms = end_ms
        if due_ms < to_ms:
            due_ms = _next(last_ms, interval_ms, to_ms)
    return out


def watched(row: Missed, confirm_ms: int, until_ms: int, blinds: Sequence[Interval]) -> bool:
    """Whether the collector has watched the silence from the first due instant of a row for `confirm_ms`, the rest of a TTL.

    It is asked where no later report ends the silence: time in which nobody looked confirms nothing.
    """
    near = _near(row[0], until_ms, blinds)
    return (near[0][0] if near else until_ms) - row[0] >= confirm_ms


def _near(from_ms: int, until_ms: int, blinds: Sequence[Interval]) -> list[Interval]:
    """Blind records that touch `[from_ms, until_ms)`, joined: a longer one may hold a shorter one that began later."""
    return union(blind for blind in blinds[: bisect_left(blinds, (until_ms, until_ms))] if blind[1] > from_ms)


def _next(last_ms: int, interval_ms: int, at_ms: int) -> int:
    """The first due instant that is not before `at_ms`."""
    return last_ms + -(-(at_ms - last_ms) // interval_ms) * interval_ms
