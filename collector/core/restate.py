"""What new evidence or a person's act changed in spans that were sealed (R17.2): the changed intervals and the rule for each.

Pure and linear. Claimed seconds that moved are added up, so that counters stay right without going back (R17.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from collector.core.intervals import Interval, Intervals, clip, minus, union
from collector.core.state import Span, State, View, Why

RULES: Final = {
    Why.OBSERVED: "R9.8",
    Why.REPORTING: "R9.1",
    Why.NEVER: "R5.6",
    Why.SILENT: "R6.3",
    Why.STALE: "R5.2",
    Why.BLIND: "R5.2",
    Why.PENDING: "R4.4",
    Why.PATH: "R7.2",
    Why.PATH_UNCLEAR: "R7.2",
    Why.REBOOT: "R9.5",
    Why.SHUTDOWN: "R8.5",
    Why.STALL: "R9.5",
    Why.BACKFILL: "R9.3",
    Why.CONTINUITY: "R9.3",
    Why.BRIDGED: "R5.5",
    Why.CORRECTED: "R9.4",
    Why.MEMBERS: "R15.1",
    Why.STATED: "R1.1",
}
"""By why the new state holds, the rule that brought it."""
WITHDRAWN: Final = "R17.2"
"""A correction no longer counts: what was observed stands again."""
WINDOW: Final = "R11.3"
"""A retroactive window, or one that was withdrawn, moved time into or out of maintenance."""
UNCONFIRMED: Final = "R4.3"
"""Failures that were never confirmed came to light, or turned out to have been none; no state is another."""


class Changed(msgspec.Struct, frozen=True, gc=False):
    """An interval whose state is another now: values of `State`, `MAINTENANCE` (the overlay) or `OUTSIDE` (of scope)."""

    from_ms: int
    to_ms: int
    from_state: str
    to_state: str
    rule: str


MAINTENANCE: Final = "maintenance"
OUTSIDE: Final = ""


class CountedRow(msgspec.Struct, frozen=True, gc=False):
    """One subject's counters as they were shown, so that they go on from there after a restart; `body` is the keeper's."""

    subject: str
    body: bytes


class Restated(msgspec.Struct, frozen=True, gc=False):
    """So many milliseconds of a subject were claimed as one state and are another: what its counters must move by."""

    subject: str
    view: View
    from_state: str
    to_state: str
    ms: int


def compare(before: Sequence[Span], after: Sequence[Span], from_ms: int, until_ms: int) -> list[Changed]:
    """Changed intervals within the period, by the rule that brought the new state.

    A change of the reason alone is none: no figure moves but the backfilled part of `up`, which `regraded` tells.
    """
    out: list[Changed] = []
    for a, b, old, new in _side_by_side(before, after, from_ms, until_ms):
        was, now = (old.state.value if old else OUTSIDE), (new.state.value if new else OUTSIDE)
        if was == now:
            continue
        rule = _rule(old, new)
        last = out[-1] if out else None
        if last is not None and last.to_ms == a and (last.from_state, last.to_state, last.rule) == (was, now, rule):
            out[-1] = Changed(last.from_ms, b, was, now, rule)
        else:
            out.append(Changed(a, b, was, now, rule))
    return out


def _rule(old: Span | None, new: Span | None) -> str:
    if old is not None and old.why is Why.CORRECTED and (new is None or new.why is not Why.CORRECTED):
        return WITHDRAWN
    return RULES[new.why] if new is not None else "R12.3"


_GRADED: Final = (Why.BACKFILL, Why.CONTINUITY)


def regraded(before: Sequence[Span], after: Sequence[Span], from_ms: int, until_ms: int) -> list[Changed]:
    """Intervals that keep their state and rest on evidence of another grade (R9.7); states are named `state:why`."""
    return [
        Changed(a, b, f"{old.state.value}:{old.why.value}", f"{new.state.value}:{new.why.value}", "R9.7")
        for a, b, old, new in _side_by_side(before, after, from_ms, until_ms)
        if old is not None
        and new is not None
        and old.state is new.state
        and old.why is not new.why
        and (old.why in _GRADED or new.why in _GRADED)
    ]


def compare_windows(
    before: Sequence[Interval], after: Sequence[Interval], spans: Sequence[Span], period: Interval
) -> list[Changed]:
    """Time that moved into or out of maintenance (R11.3), with the observed state on the other side."""
    out: list[Changed] = []
    old = [Span(a, b, State.UP, Why.STATED) for a, b in before]
    new = [Span(a, b, State.UP, Why.STATED) for a, b in after]
    for a, b, was, now in list(_side_by_side(old, new, *period)):
        if (was is None) == (now is None):
            continue
        for c, d, state, _ in _side_by_side(spans, (), a, b):
            observed = state.state.value if state else OUTSIDE
            names = (observed, MAINTENANCE) if now is not None else (MAINTENANCE, observed)
            out.append(Changed(c, d, *names, WINDOW))
    return out


def compare_soft(before: Intervals, after: Intervals, from_ms: int, until_ms: int) -> list[Changed]:
    """Time in which failures that were never confirmed are other ones (R4.3); the states beside it are not told."""
    found = union([*minus(before, after), *minus(after, before)]) if before != after else []
    return [Changed(a, b, OUTSIDE, OUTSIDE, UNCONFIRMED) for a, b in clip(found, from_ms, until_ms)]


def totals(subject: str, view: View, changes: Iterable[Changed]) -> list[Restated]:
    """What counters must move by, one entry for each pair of states."""
    moved: dict[tuple[str, str], int] = {}
    for change in changes:
        key = (change.from_state, change.to_state)
        moved[key] = moved.get(key, 0) + change.to_ms - change.from_ms
    return [Restated(subject, view, was, now, ms) for (was, now), ms in sorted(moved.items())]


_Both = tuple[int, int, Span | None, Span | None]


def _side_by_side(before: Sequence[Span], after: Sequence[Span], from_ms: int, until_ms: int) -> Iterator[_Both]:
    """The period in pieces in which both lists have one span, or none."""
    i = j = 0
    at_ms = from_ms
    while at_ms < until_ms:
        while i < len(before) and before[i].to_ms <= at_ms:
            i += 1
        while j < len(after) and after[j].to_ms <= at_ms:
            j += 1
        end_ms, old, new = until_ms, None, None
        if i < len(before):
            old, end_ms = _here(before[i], at_ms, end_ms)
        if j < len(after):
            new, end_ms = _here(after[j], at_ms, end_ms)
        yield at_ms, end_ms, old, new
        at_ms = end_ms


def _here(span: Span, at_ms: int, end_ms: int) -> tuple[Span | None, int]:
    """The span if it has begun, and until when that stays so."""
    return (span, min(end_ms, span.to_ms)) if span.from_ms <= at_ms else (None, min(end_ms, span.from_ms))
