"""Which stored evidence is behind a span: the samples that said it, or the ones on either side of a gap, by why it holds.

Pure. Everything is as of K (R1.3); the choice is bounded, and what was left out is counted.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

import msgspec

from agent.model import Kind, Outcome
from collector.core.evidence import Grade, Run
from collector.core.judge import CENTRE
from collector.core.state import GOOD_STATES, Span, State, View, Why
from collector.core.waypoints import known_at

MOST: Final = 6
"""Rows shown of one span; of more the first and the last ones."""


class Role(enum.StrEnum):
    """What a row of evidence is to a span."""

    SAID = "said"
    """It says the state, within the span."""
    AGAINST = "against"
    """It says something else within the span and does not prevail (3.3, R9.4)."""
    BEFORE = "before"
    """The last one before the span."""
    AFTER = "after"
    """The first one after it."""
    OLD_BOOT = "old_boot"
    NEW_BOOT = "new_boot"
    """The last of one boot and the first of the next (R8.2)."""


class Witness(msgspec.Struct, frozen=True):
    """A row of evidence as of K and what it is to the span. Milliseconds UTC."""

    id: int
    role: Role
    kind: str
    observer: str
    module: str
    outcome: str
    reason: str
    detail: str
    first_ms: int
    last_ms: int
    count: int
    received_ms: int
    """When the first of them was received."""
    grade: str
    """`live` or `late` (R9.1)."""
    boot: str


class Named(msgspec.Struct, frozen=True):
    """Rows behind a span, oldest first, and how many more there are."""

    rows: tuple[Witness, ...] = ()
    left_out: int = 0


_SAMPLES: Final = (Kind.OBS, Kind.REPORT)
_AROUND: Final = frozenset(
    {Why.STALE, Why.BLIND, Why.PENDING, Why.SILENT, Why.PATH_UNCLEAR, Why.CONTINUITY, Why.BRIDGED, Why.NEVER, Why.PATH}
)
"""Reasons that rest on what lies on either side of the span."""
_FAILS: Final = frozenset({Why.PENDING, Why.PATH, Why.PATH_UNCLEAR})
"""Reasons under which failed samples say the state although it is not down."""


class Witnesses:
    """The evidence of one target, searched by time."""

    def __init__(self, runs: Iterable[Run], known_ms: int) -> None:
        known = [(run, part) for run in runs if (part := known_at(run, known_ms)) is not None]
        known.sort(key=lambda pair: (pair[0].first_t_ms, pair[1].last_ms, pair[0].id))
        self._rows = [(run, _facts(run, part.count, part.last_ms)) for run, part in known]
        self._firsts = [row.first_ms for _, row in self._rows]
        self._reach = list(accumulate([row.last_ms for _, row in self._rows], max))
        """The latest instant of this row and all before it: what may touch a span begins where it reaches the span."""

    def of(self, span: Span, view: View) -> Named:
        """The rows that a span rests on (3.4 to 3.9)."""
        if span.why is Why.REBOOT:
            return self._bounded(self._boots(span))
        if span.why in (Why.SHUTDOWN, Why.STALL):
            return self._bounded([*self._markers(span), *self._after(span, view)])
        found = self._within(span, view)
        is_around = span.why in _AROUND or not any(row.role is Role.SAID for row in found)
        before = self._before(span, view, {row.id for row in found}) if is_around else []
        after = self._after(span, view) if is_around or span.state is State.DOWN else []
        return self._bounded([*before, *found, *after])

    def _within(self, span: Span, view: View) -> list[Witness]:
        """Samples inside the span: those that say its state and those that say the contrary."""
        return [
            _as(row, role)
            for run, row in self._touching(span.from_ms, span.to_ms)
            if run.kind in _SAMPLES and _counts(run, view, span) and (role := _role(run, span)) is not None
        ]

    def _touching(self, from_ms: int, to_ms: int) -> list[tuple[Run, Witness]]:
        low, high = bisect_left(self._reach, from_ms), bisect_left(self._firsts, to_ms)
        return [pair for pair in self._rows[low:high] if pair[1].last_ms >= from_ms]

    def _before(self, span: Span, view: View, inside: set[int]) -> list[Witness]:
        """The row with the last sample before the span, or at its very beginning if it is not one of those inside."""
        best: Witness | None = None
        for index in range(bisect_right(self._firsts, span.from_ms) - 1, -1, -1):
            if best is not None and self._reach[index] <= best.last_ms:
                break
            run, row = self._rows[index]
            is_later = best is None or row.last_ms > best.last_ms
            if is_later and row.last_ms <= span.from_ms and row.id not in inside and _counts_as_sign(run, view, span):
                best = row
        return [_as(best, Role.BEFORE)] if best is not None else []

    def _after(self, span: Span, view: View) -> list[Witness]:
        """The row with the first sample after the span."""
        for run, row in self._rows[bisect_left(self._firsts, span.to_ms) :]:
            if _counts_as_sign(run, view, span):
                return [_as(row, Role.AFTER)]
        return []

    def _boots(self, span: Span) -> list[Witness]:
        """The last evidence of the old boot and the first of the new one (R8.2)."""
        own = [(run, row) for run, row in self._rows if run.boot and _own(run) and run.outcome is not Outcome.FAILED]
        old = [row for _, row in own if row.last_ms <= span.from_ms]
        new = [row for _, row in own if row.first_ms >= span.to_ms]
        out = [_as(max(old, key=lambda row: row.last_ms), Role.OLD_BOOT)] if old else []
        return out + ([_as(new[0], Role.NEW_BOOT)] if new else [])

    def _markers(self, span: Span) -> list[Witness]:
        kind = Kind.STALL if span.why is Why.STALL else Kind.AGENT_STOP
        return [
            _as(row, Role.SAID)
            for run, row in self._rows
            if run.kind is kind and (run.from_ms or row.first_ms) < span.to_ms and (run.until_ms or row.last_ms) >= span.from_ms
        ]

    def _bounded(self, found: Sequence[Witness]) -> Named:
        """Oldest first; of many that say the same the first and the last ones."""
        ordered = sorted({(row.id, row.role): row for row in found}.values(), key=lambda row: (row.first_ms, row.id, row.role))
        if len(ordered) <= MOST:
            return Named(tuple(ordered))
        kept = [*ordered[: MOST // 2], *ordered[-MOST // 2 :]]
        return Named(tuple(kept), len(ordered) - len(kept))


def _facts(run: Run, count: int, last_ms: int) -> Witness:
    return Witness(
        run.id, Role.SAID, run.kind.value, run.observer, run.module, run.outcome.value, run.reason.value, run.detail,
        run.first_t_ms, last_ms, count, run.first_rx_ms, run.grade.value, run.boot,
    )  # fmt: skip


def _as(row: Witness, role: Role) -> Witness:
    return row if row.role is role else msgspec.structs.replace(row, role=role)


def _own(run: Run) -> bool:
    """Whether the machine itself speaks: only that tells of its boots."""
    return run.observer == run.target


def _counts(run: Run, view: View, span: Span) -> bool:
    """Whether judgement looks at a sample in this view: the end-to-end view knows the centre's own and live ones only (R9.6);
    *could not test* is no sample."""
    if run.outcome not in _RESULTS:
        return False
    if view is View.E2E:
        return run.grade is Grade.LIVE and (run.kind is Kind.REPORT or run.observer == CENTRE)
    if span.why is Why.BACKFILL:
        return run.kind is Kind.REPORT
    return True


def _counts_as_sign(run: Run, view: View, span: Span) -> bool:
    """Whether a row outside the span may stand on its edge: a sample; for boot continuity anything of the machine's own."""
    if span.why is Why.CONTINUITY:
        return bool(run.boot) and _own(run)
    return run.kind in _SAMPLES and _counts(run, view, span)


_RESULTS: Final = {
    Outcome.OK: frozenset({State.UP}),
    Outcome.DEGRADED: frozenset({State.DEGRADED}),
    Outcome.FAILED: frozenset({State.DOWN}),
}


def _role(run: Run, span: Span) -> Role | None:
    """None: it neither says what the span says nor the contrary."""
    if _says(run, span):
        return Role.SAID
    is_good = span.state in GOOD_STATES
    return Role.AGAINST if (is_good or span.state is State.DOWN) and (run.outcome is Outcome.FAILED) is is_good else None


def _says(run: Run, span: Span) -> bool:
    if span.why is Why.OBSERVED and run.kind is Kind.REPORT and span.state in GOOD_STATES:
        return False
    if span.why is Why.REPORTING and run.kind is not Kind.REPORT:
        return False
    if run.outcome is Outcome.FAILED and span.why in _FAILS:
        return True
    return span.state in _RESULTS[run.outcome] or (span.why is Why.BACKFILL and run.outcome is not Outcome.FAILED)
