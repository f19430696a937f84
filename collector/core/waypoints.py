"""What a stored run told as of a moment K, although it stands for many reports that came one after the other (R1.3).

Pure. Judgement reads `Stretch`; this is the one place that makes it from evidence, so that live and recomputed agree.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent.model import AGENT, Kind, Outcome
from collector.core.evidence import Evidence, Grade, Mark, Run, TimeQuality, marks_of, start_run
from collector.core.stretch import BlindSpan, Result, Stretch

RESULTS: Final = {Outcome.OK: Result.OK, Outcome.DEGRADED: Result.DEGRADED, Outcome.FAILED: Result.FAIL}
"""`error` is missing: *could not test* is no sample."""
FAREWELLS: Final = ("shutdown", "suspend")
"""Reasons of an `agent_stop` after which the machine does not run (R8.5), as the agent writes them."""
_MARKERS: Final = frozenset({Kind.AGENT_START, Kind.AGENT_STOP, Kind.STALL})
_SAMPLES: Final = frozenset({Kind.OBS, Kind.REPORT})


class Known(msgspec.Struct, frozen=True, gc=False):
    """The part of a run that was known at K: its first `count` samples, the last at `last_ms`. Of a live good run `last_ms` may
    be the most that it can have been, and `count` as many as evenly spaced ones would be: its hold reaches K either way."""

    count: int
    last_ms: int
    whole: bool
    marks: tuple[Mark, ...]
    """Kept samples that were known (`evidence.marks_of`)."""


def known_at(run: Run, known_ms: int) -> Known | None:
    """What was known of a run at K; None: nothing yet. What is kept was received in its order, so it is a beginning."""
    if run.first_rx_ms > known_ms:
        return None
    every = marks_of(run)
    marks = tuple([mark for mark in every if mark[2] <= known_ms])
    if run.last_rx_ms <= known_ms:
        return Known(run.count, run.last_t_ms, True, marks)
    number, t_ms, _ = marks[-1]
    next_number, next_ms = every[len(marks)][:2] if len(marks) < len(every) else (run.count, run.last_t_ms)
    if next_number > number + 1 and run.outcome is Outcome.OK and run.grade is Grade.LIVE:
        # The samples in between were each received before one and a half intervals after the one before were over.
        reach_ms = max(t_ms, min(next_ms, known_ms))
        number += (reach_ms - t_ms) * (next_number - 1 - number) // max(1, next_ms - t_ms)
        t_ms = reach_ms
    return Known(number, t_ms, False, marks)


def stretch_at(run: Run, known_ms: int) -> Stretch | None:
    """What judgement reads of a run as of K; None when nothing was known, or it is no sample and no marker of a boot.

    Who observed another than itself tells nothing of that one's boot.
    """
    if run.kind not in _SAMPLES:
        return _marker_at(run, known_ms)
    result = RESULTS.get(run.outcome)
    if result is None or run.first_rx_ms > known_ms:
        return None
    times: tuple[int, ...] = ()
    if result is Result.OK and run.last_rx_ms <= known_ms:
        count, last_ms, whole = run.count, run.last_t_ms, True
    else:
        known = known_at(run, known_ms)
        assert known is not None
        count, last_ms, whole = known.count, known.last_ms, known.whole
        if result is Result.FAIL and count > 1:
            times = tuple([mark[1] for mark in known.marks])
    own = run.observer == run.target
    asleep = (run.first_asleep_ms, run.last_asleep_ms if whole else run.first_asleep_ms) if own else (0, 0)
    return Stretch(
        run.kind, run.observer, run.module, result, run.first_t_ms, last_ms, count, times, run.interval_ms,
        run.grade is Grade.LIVE, run.boot if own else "", boot_instant(run) if own else None, *asleep,
    )  # fmt: skip


def boot_instant(run: Run) -> int | None:
    """When the boot that a run tells of began (R2.2); None when its place on the timeline was clamped (R2.4)."""
    return None if run.quality is TimeQuality.CLAMPED or not run.boot else run.first_t_ms - run.first_uptime_ms


def _marker_at(run: Run, known_ms: int) -> Stretch | None:
    if run.module != AGENT or run.kind not in _MARKERS or run.first_rx_ms > known_ms:
        return None
    is_stall = run.kind is Kind.STALL
    at_ms = run.from_ms if is_stall else run.first_t_ms
    return Stretch(
        run.kind, run.observer, run.module, Result.FAIL if is_stall else Result.OK, at_ms, at_ms, 1, (), 0,
        run.grade is Grade.LIVE, run.boot, boot_instant(run), run.first_asleep_ms, run.first_asleep_ms,
        farewell=run.kind is Kind.AGENT_STOP and run.detail.startswith(FAREWELLS),
        until_ms=run.until_ms if is_stall else 0,
    )  # fmt: skip


def stretch_of(evidence: Evidence) -> Stretch | None:
    """What judgement reads of one record as it arrives."""
    return stretch_at(start_run(evidence), evidence.rx_ms)


def blind_at(run: Run, known_ms: int) -> BlindSpan | None:
    """An observer's record of its own blindness (R5.3), as of K; None for anything else."""
    if run.kind is not Kind.BLIND or run.first_rx_ms > known_ms or run.until_ms <= run.from_ms:
        return None
    return BlindSpan(run.observer, run.from_ms, run.until_ms, blind_of(run.target, run.observer))


def blind_of(target: str, observer: str) -> str:
    """What a blind record is about: said of its own host it is about everything that it observes (""), else of that target."""
    return "" if target == observer else target
