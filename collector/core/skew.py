"""Where on the collector's timeline a report belongs (SPEC 3.2, R2.1 to R2.4).

Pure: told every time it needs. An agent's wall clock is never used while its boot has been heard live.
"""

from __future__ import annotations

import enum

import msgspec

from agent.model import Report
from collector.core.evidence import Grade, Run, TimeQuality

LATE_AFTER_MS = 30_000
"""R9.1."""
OFFSET_WARNING_MS = 5_000
OFFSET_EVENT_MS = 60_000
WINDOW_MS = 86_400_000
"""How long a minimum of R2.2 is kept alone: it is taken over this window and the one before, because a clock that runs slow by
50 millionths makes a minimum of last month 130 s wrong, and 4 s is the most that two days can do."""
FAR_MS = 30_000
FAR_BATCHES = 3
"""So many batches in a row that seem so late were not delayed by any line: one of the two clocks that R2.2 compares has jumped
(a collector that was started with a wrong clock, a machine whose uptime stood still), and the boot's instant is found anew."""
OFFSET_STEP_MS = 1_000
"""Changes of the offset below this are not worth writing down."""


class Timeline(msgspec.Struct, frozen=True):
    """The collector's own time (R2.1): wall clock at start plus monotonic time since; no jump of the wall clock reaches it."""

    wall_ms: int
    monotonic_ms: int

    def at(self, monotonic_ms: int) -> int:
        """Timeline time, in milliseconds UTC, of a monotonic reading."""
        return self.wall_ms + monotonic_ms - self.monotonic_ms

    def step(self, wall_ms: int, monotonic_ms: int) -> int:
        """How far the wall clock is ahead of the timeline: the `delta` of a `clock_step`."""
        return wall_ms - self.at(monotonic_ms)

    def rebase(self, delta_ms: int) -> Timeline:
        """The timeline after a recorded `clock_step` of `delta_ms`."""
        return Timeline(self.wall_ms + delta_ms, self.monotonic_ms)


class BootClock(msgspec.Struct, frozen=True):
    """What live batches told about one boot. `instant_ms` is when it began on our timeline (R2.2), the lesser of
    `current_ms` (minimum since `since_ms`) and the minimum of the window before; `offset_ms` is its wall clock minus ours.
    `far` counts the latest batches that were `FAR_MS` late by it; it is not stored."""

    instant_ms: int
    current_ms: int
    since_ms: int
    offset_ms: int
    far: int = 0


def observe(clock: BootClock | None, *, rx_ms: int, uptime_ms: int, wall_ms: int) -> BootClock:
    """The boot's clock after a live batch (R2.2); the same object when nothing worth writing down has changed."""
    sample = rx_ms - uptime_ms
    if clock is None:
        return BootClock(sample, sample, rx_ms, wall_ms - rx_ms)
    instant, current, since = clock.instant_ms, clock.current_ms, clock.since_ms
    far = clock.far + 1 if sample - instant >= FAR_MS else 0
    if far >= FAR_BATCHES:
        return BootClock(sample, sample, rx_ms, wall_ms - rx_ms)
    if rx_ms - since >= WINDOW_MS:
        instant, current, since = min(current, sample), sample, rx_ms
    elif sample < current:
        instant, current = min(instant, sample), sample
    offset = wall_ms - instant - uptime_ms
    if abs(offset - clock.offset_ms) < OFFSET_STEP_MS:
        if current == clock.current_ms and since == clock.since_ms and far == clock.far:
            return clock
        offset = clock.offset_ms
    return BootClock(instant, current, since, offset, far)


class OffsetLevel(enum.StrEnum):
    """How bad an agent's clock is (R2.4)."""

    FINE = "fine"
    WARNING = "warning"
    EVENT = "event"


def offset_level(offset_ms: int) -> OffsetLevel:
    """Above 5 s a warning, above 60 s an event on the report (R2.4)."""
    size = abs(offset_ms)
    if size > OFFSET_EVENT_MS:
        return OffsetLevel.EVENT
    return OffsetLevel.WARNING if size > OFFSET_WARNING_MS else OffsetLevel.FINE


def offsets_of(run: Run) -> tuple[int, int]:
    """The agent's wall clock minus ours at the first and at the last report of a run, in milliseconds.

    Stored evidence needs no column for R2.4: both clocks of both ends are kept. Between the ends the offset is what it was at
    the first, but for drift and for the steps that the agent's `clock_step` markers of that time tell. Of `estimated`
    reports it is the offset that placed them, of `clamped` ones the least that it can have been.
    """
    return run.first_wall_ms - run.first_t_ms, run.last_wall_ms - run.last_t_ms


def level_of(run: Run) -> OffsetLevel:
    """The worse of the two ends of a run: `event` is the event on the report that R2.4 asks for."""
    return offset_level(max(offsets_of(run), key=abs))


def place(uptime_ms: int, clock: BootClock, *, rx_ms: int) -> tuple[int, TimeQuality]:
    """Instant of a report whose boot was heard live (R2.2); what would lie in the future is clamped to `rx_ms` (R2.4)."""
    t_ms = clock.instant_ms + uptime_ms
    if t_ms > rx_ms:
        return rx_ms, TimeQuality.CLAMPED
    return t_ms, TimeQuality.MEASURED


class Estimate(msgspec.Struct, frozen=True):
    """What R2.3 needs beside the report: the last known offset of the agent's clock, when it was last heard live before,
    and the instant given to the report with the next lower number (0 for none)."""

    offset_ms: int
    heard_ms: int
    previous_ms: int = 0


def place_estimated(report_at_ms: int, estimate: Estimate, *, rx_ms: int) -> tuple[int, TimeQuality]:
    """Instant of a report whose boot was never heard live (R2.3): wall clock less offset, forced into
    (previous live rx, own rx] and not before the report with the lower number."""
    t_ms = max(report_at_ms - estimate.offset_ms, estimate.heard_ms + 1, estimate.previous_ms)
    return min(t_ms, rx_ms), TimeQuality.ESTIMATED


def grade(t_ms: int, rx_ms: int, late_after_ms: int = LATE_AFTER_MS) -> Grade:
    """Live or late (R9.1)."""
    return Grade.LIVE if rx_ms - t_ms <= late_after_ms else Grade.LATE


def bounds(report: Report, t_ms: int) -> tuple[int, int]:
    """`from_ms` and `until_ms` of a `blind`, `stall` or `clock_step` record on the timeline; zeros for other reports."""
    if not report.until_ms:
        return 0, 0
    shift = t_ms - report.uptime_ms
    return report.from_ms + shift, report.until_ms + shift
