"""Rules by which a subject's newest figures and an agent's watermarks become conditions. Pure, told the time.

Each answers what is wrong now; who keeps what was wrong before, and since when, is `collector.alerting.conditions`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from collector.core.alert import AlertKind, Severity
from collector.core.budget import ALERTS, Burn, firing
from collector.core.grading import Scale, Threshold

DAY_S: Final = 86_400
DAYS_LEFT: Final = Scale(Threshold(21, 22), Threshold(3, 4))
"""Of a certificate. An end in the past is below every bound."""
CHARGE_LOW: Final = 0.5
RUNTIME_LOW_S: Final = 600.0
"""A battery with less is critical."""
LOW_STATES: Final = frozenset({"low", "depleted"})
WEDGED_MS: Final = 300_000
WEDGED_INTERVALS: Final = 10
UNSEEN_FIRST_MS: Final = 3_600_000
"""What was never seen is not missed in the first hour of its service."""

DEFAULTS: Final[Mapping[AlertKind, Severity]] = {
    AlertKind.DOWN: Severity.CRITICAL,
    AlertKind.DEGRADED: Severity.WARNING,
    AlertKind.NO_DATA: Severity.WARNING,
    AlertKind.BURN: Severity.CRITICAL,
    AlertKind.AGENT_WEDGED: Severity.WARNING,
    AlertKind.CERTIFICATE: Severity.WARNING,
    AlertKind.ON_BATTERY: Severity.WARNING,
    AlertKind.COLLECTOR: Severity.CRITICAL,
}
"""How grave a kind is unless its own rule, or the on-call file, says otherwise."""


class FindingReason(enum.StrEnum):
    """Why a figure is wrong: a closed list, put into words where it is shown."""

    EXPIRING = "expiring"
    EXPIRED = "expired"
    MAINS_LOST = "mains_lost"
    BATTERY_LOW = "battery_low"
    BURNING = "burning"
    BACKLOG = "backlog"
    """Reports wait at the agent and do not get fewer."""
    READERS_SILENT = "readers_silent"
    """Heartbeats come and nothing else."""


class Found(msgspec.Struct, frozen=True):
    """Something wrong with a subject beside its state. `since_ms` is when it became true as far as the figures tell."""

    kind: AlertKind
    name: str
    severity: Severity
    since_ms: int
    reason: FindingReason
    detail: str = ""
    value: float | None = None


def certificate(name: str, ends_s: float, now_ms: int, before: Severity | None) -> Found | None:
    """A certificate that ends soon or has ended; `ends_s` is Unix time, `value` the days left."""
    left = (ends_s - now_ms / 1000) / DAY_S
    severity = DAYS_LEFT.grade(left, before)
    if severity is None:
        return None
    since_ms = round((ends_s - DAYS_LEFT.warning.begin * DAY_S) * 1000)
    text = f"the certificate ends in {left:.1f} days" if left > 0 else f"the certificate ended {-left:.1f} days ago"
    reason = FindingReason.EXPIRING if left > 0 else FindingReason.EXPIRED
    return Found(AlertKind.CERTIFICATE, name, severity, min(since_ms, now_ms), reason, text, round(left, 2))


class Battery(msgspec.Struct, frozen=True):
    """What a UPS says of itself; None where it does not."""

    source: str | None = None
    """Where the output comes from."""
    seconds: float | None = None
    """Time on battery."""
    charge: float | None = None
    runtime_s: float | None = None
    state: str | None = None
    test: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether it runs on its battery. A test of the battery is none of our business: it lasts seconds, and is wanted."""
        if self.test == "running":
            return False
        if self.source is not None and self.source not in ("unknown", "other"):
            return self.source == "battery"
        return self.seconds is not None and self.seconds > 0

    @property
    def is_low(self) -> bool:
        """Whether what hangs on it will soon be without power."""
        return (
            self.state in LOW_STATES
            or (self.charge is not None and self.charge < CHARGE_LOW)
            or (self.runtime_s is not None and self.runtime_s < RUNTIME_LOW_S)
        )


def on_battery(ups: Battery, at_ms: int, before: Severity | None) -> Found | None:
    """A UPS on its battery, as it said at `at_ms`; once critical it stays so until the mains are back."""
    if not ups.is_on:
        return None
    critical = ups.is_low or before is Severity.CRITICAL
    parts = [
        f"charge {ups.charge:.0%}" if ups.charge is not None else "",
        f"{ups.runtime_s / 60:.0f} min left" if ups.runtime_s is not None else "",
        f"battery {ups.state}" if ups.state is not None else "",
    ]
    text = ", ".join([part for part in parts if part])
    since_ms = at_ms - round((ups.seconds or 0) * 1000)
    severity = Severity.CRITICAL if critical else Severity.WARNING
    return Found(
        AlertKind.ON_BATTERY,
        "",
        severity,
        since_ms,
        FindingReason.BATTERY_LOW if ups.is_low else FindingReason.MAINS_LOST,
        text,
        ups.charge,
    )


class Lane(msgspec.Struct, frozen=True):
    """A lane of an agent's spool: reports produced and not accepted yet, and when there were none."""

    name: str
    backlog: int
    caught_up_ms: int


class Progress(msgspec.Struct, frozen=True):
    """The least backlog that was seen since a lane was last caught up, and when. A spool that drains makes progress all the
    time, however old it is; one that is stuck, or grows faster than it is sent, makes none."""

    backlog: int
    since_ms: int


def follow_lane(progress: Progress | None, lane: Lane, now_ms: int) -> Progress:
    """How a lane goes on."""
    if progress is None or lane.backlog < progress.backlog or lane.backlog == 0:
        return Progress(lane.backlog, now_ms)
    return progress


def limit_of(interval_ms: int) -> int:
    """How old a watermark may be: five minutes, or ten intervals of the agent."""
    return max(WEDGED_MS, WEDGED_INTERVALS * interval_ms)


class Modules(msgspec.Struct, frozen=True):
    """The newest report of the agent's readers, `None` if none was ever seen, and the newest heartbeat."""

    read_ms: int | None
    read_interval_ms: int
    beat_ms: int
    beat_uptime_ms: int


def wedged(lanes: Sequence[tuple[Lane, Progress]], modules: Modules | None, interval_ms: int, now_ms: int) -> Found | None:
    """An agent that runs and of which nothing, or not all, arrives. The caller has seen to it that its heartbeats come."""
    limit_ms = limit_of(interval_ms)
    stuck = [
        lane
        for lane, progress in lanes
        if lane.backlog and now_ms - lane.caught_up_ms > limit_ms and now_ms - progress.since_ms > limit_ms
    ]
    if stuck:
        worst = min(stuck, key=lambda lane: lane.caught_up_ms)
        age_s = (now_ms - worst.caught_up_ms) / 1000
        text = f"lane {worst.name}: {worst.backlog} reports wait and do not get fewer, {age_s:.0f} s behind"
        return Found(
            AlertKind.AGENT_WEDGED, "", DEFAULTS[AlertKind.AGENT_WEDGED], worst.caught_up_ms, FindingReason.BACKLOG, text, age_s
        )
    if modules is None or modules.read_ms is None or any(lane.backlog for lane, _ in lanes):
        # While old reports are still on their way the newest ones of a reader are not known.
        return None
    limit_ms = limit_of(max(interval_ms, modules.read_interval_ms))
    silent_ms = modules.beat_ms - modules.read_ms
    if silent_ms <= limit_ms or modules.beat_uptime_ms <= limit_ms:
        return None
    text = f"heartbeats come, and no reader has reported for {silent_ms / 1000:.0f} s"
    kind = AlertKind.AGENT_WEDGED
    return Found(kind, "", DEFAULTS[kind], modules.read_ms, FindingReason.READERS_SILENT, text, silent_ms / 1000)


def burning(burnt: Mapping[int, Burn], before: Mapping[str, int], now_ms: int, since_ms: int = 0) -> list[Found]:
    """The burn alerts that fire (R14.3), from the burn of every window. `before`: those that fired, and since when; a window
    without a denominator neither fires nor resolves (R14.2). Of a subject that is known only since `since_ms`, for less than
    the long window, bad time is measured against all of that window: half a minute of the first five is not a day's budget.
    """
    state = firing(burnt)
    out = []
    for alert in ALERTS:
        fires = state[alert.name]
        if fires and alert.name not in before and now_ms - since_ms < alert.long_ms:
            whole = burnt[alert.long_ms]
            fires = whole.bad > alert.limit * (1 - whole.slo) * alert.long_ms
        if not (fires or (fires is None and alert.name in before)):
            continue
        rate = burnt[alert.short_ms].rate
        text = f"burn rate over {alert.long_ms // 60_000} and {alert.short_ms // 60_000} min above {float(alert.limit):g}"
        severity = Severity.WARNING if alert.name == "ticket" else Severity.CRITICAL
        value = None if rate is None else round(float(rate), 3)
        begun_ms = before.get(alert.name, now_ms)
        out.append(Found(AlertKind.BURN, alert.name, severity, begun_ms, FindingReason.BURNING, text, value))
    return out
