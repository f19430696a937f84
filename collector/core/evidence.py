"""Evidence: what was observed, when it was about and when we learned it (SPEC R1.1); and its run-length form.

Pure. Times are integers in milliseconds, UTC.
"""

from __future__ import annotations

import enum

import msgspec

from agent.model import Kind, Lane, Outcome, Reason


class Grade(enum.StrEnum):
    """How evidence reached us (SPEC R9.1): live if `rx - t <= late_after`, else late."""

    LIVE = "live"
    LATE = "late"


class TimeQuality(enum.StrEnum):
    """How `t` was found: from the boot instant (R2.2), estimated (R2.3) or clamped to rx (R2.4)."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    CLAMPED = "clamped"


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One record of evidence, placed on the collector's timeline. `wall_ms` is the agent's own clock, kept and not used."""

    target: str
    observer: str
    module: str
    kind: Kind
    t_ms: int
    rx_ms: int
    outcome: Outcome
    reason: Reason
    detail: str
    interval_ms: int
    stream: str
    boot: str
    lane: Lane
    seq: int
    uptime_ms: int
    awake_ms: int
    wall_ms: int
    grade: Grade
    quality: TimeQuality
    from_ms: int = 0
    until_ms: int = 0
    delta_ms: int = 0


class TargetInfo(msgspec.Struct, frozen=True):
    """What inventory says of a target. `via` is the agent (or `collector`) that may report it. `silence_means` is
    `unknown` or `down` (SPEC R6.3)."""

    id: str
    site: str
    class_: str
    via: str
    silence_means: str = "unknown"


TTL_NUMERATOR = 5
TTL_DENOMINATOR = 2
"""A sample holds for 2.5 x interval (SPEC 3.20, R5.1), as a fraction because times are integers."""


def ttl_ms(interval_ms: int) -> int:
    """How long a report of this interval holds (R5.1), in milliseconds; 0 for what does not repeat."""
    return interval_ms * TTL_NUMERATOR // TTL_DENOMINATOR


class Run(msgspec.Struct, frozen=True, gc=False):
    """A run of equal evidence of one target, module and observer: one row of the store.

    `id` is 0 until the store has given one. `count` is how many reports it stands for, exactly. `first_asleep_ms` and
    `last_asleep_ms` are uptime minus awake time (R8.5). `detail` is the first report's: it is for people and does not
    break a run. `growing`: it may still be extended.
    """

    id: int
    target: str
    observer: str
    module: str
    kind: Kind
    outcome: Outcome
    reason: Reason
    detail: str
    interval_ms: int
    stream: str
    boot: str
    lane: Lane
    grade: Grade
    quality: TimeQuality
    first_t_ms: int
    last_t_ms: int
    first_rx_ms: int
    last_rx_ms: int
    first_seq: int
    last_seq: int
    count: int
    first_uptime_ms: int
    last_uptime_ms: int
    first_asleep_ms: int
    last_asleep_ms: int
    first_wall_ms: int
    last_wall_ms: int
    from_ms: int = 0
    until_ms: int = 0
    delta_ms: int = 0
    growing: bool = False


_GROWING = (Kind.OBS, Kind.REPORT)


def start_run(evidence: Evidence) -> Run:
    """A run of one; `growing` tells whether it may be extended at all."""
    e = evidence
    asleep = e.uptime_ms - e.awake_ms
    return Run(
        0, e.target, e.observer, e.module, e.kind, e.outcome, e.reason, e.detail, e.interval_ms, e.stream, e.boot, e.lane,
        e.grade, e.quality, e.t_ms, e.t_ms, e.rx_ms, e.rx_ms, e.seq, e.seq, 1, e.uptime_ms, e.uptime_ms, asleep, asleep,
        e.wall_ms, e.wall_ms, e.from_ms, e.until_ms, e.delta_ms, e.interval_ms > 0 and e.kind in _GROWING,
    )  # fmt: skip


def _continues(run: Run, e: Evidence) -> bool:
    return (
        run.growing
        and run.last_seq < e.seq
        and 0 <= e.t_ms - run.last_t_ms <= ttl_ms(run.interval_ms)
        and run.outcome is e.outcome
        and run.grade is e.grade
        and run.reason is e.reason
        and run.quality is e.quality
        and run.interval_ms == e.interval_ms
        and run.kind is e.kind
        and run.lane is e.lane
        and run.boot == e.boot
        and run.stream == e.stream
        and run.module == e.module
        and run.target == e.target
        and run.observer == e.observer
    )


def extend(run: Run, evidence: Evidence) -> Run | None:
    """The run with `evidence` as its newest report, or None when it does not belong to it.

    It belongs when everything that judgement reads is equal, it is younger than the run's last report, and the gap is at
    most the TTL (R5.1). Markers and what does not repeat (interval 0) are never merged.
    """
    if not _continues(run, evidence):
        return None
    r, e = run, evidence
    return Run(
        r.id, r.target, r.observer, r.module, r.kind, r.outcome, r.reason, r.detail, r.interval_ms, r.stream, r.boot, r.lane,
        r.grade, r.quality, r.first_t_ms, e.t_ms, r.first_rx_ms, e.rx_ms, r.first_seq, e.seq, r.count + 1, r.first_uptime_ms,
        e.uptime_ms, r.first_asleep_ms, e.uptime_ms - e.awake_ms, r.first_wall_ms, e.wall_ms, r.from_ms, r.until_ms,
        r.delta_ms, True,
    )  # fmt: skip


def last_of(run: Run) -> Evidence:
    """The newest evidence that a run stands for."""
    r = run
    return Evidence(
        r.target, r.observer, r.module, r.kind, r.last_t_ms, r.last_rx_ms, r.outcome, r.reason, r.detail, r.interval_ms,
        r.stream, r.boot, r.lane, r.last_seq, r.last_uptime_ms, r.last_uptime_ms - r.last_asleep_ms, r.last_wall_ms, r.grade,
        r.quality, r.from_ms, r.until_ms, r.delta_ms,
    )  # fmt: skip
