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


class Evidence(msgspec.Struct, frozen=True):
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
