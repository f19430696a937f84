"""Plain counts of pages and of the collector's own trouble for the exposition; `PageView` is asked for what is a gauge."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from collector.core.alert import Alert, AlertKind, Condition, Severity
from collector.core.histogram import Histogram
from collector.core.incident import Incident, IncidentState
from collector.core.silencing import Silence

PAGER_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PAGED: Final = "paged"
"""In place of a reason: people were told."""


class Beating(enum.StrEnum):
    """What came of a beat of a dead man's switch."""

    SENT = "sent"
    FAILED = "failed"
    WITHHELD = "withheld"
    """Something is not well."""


class PageView(msgspec.Struct, frozen=True):
    """How pages stand at one moment."""

    incidents: Mapping[tuple[IncidentState, Severity], int] = {}
    alerts: Mapping[tuple[AlertKind, str], int] = {}
    """Open ones by kind and by the word of what holds them, or `PAGED`."""
    silences: Mapping[str, int] = {}
    """`pending` and `active`."""
    own: tuple[Condition, ...] = ()


class PageTally(msgspec.Struct):
    """Everything counted since the collector pages."""

    decisions_s: Histogram = msgspec.field(default_factory=lambda: Histogram.of(PAGER_BOUNDS_S))
    """Seconds of a decision: looking and deciding, without writing."""
    write_failures: int = 0
    """Decisions that could not be written; they are made again."""
    direct: dict[str, int] = {}
    """Direct pages of the collector's own trouble, by verdict."""
    heartbeats: dict[Beating, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Beating, 0))
    view: Callable[[], PageView] | None = None


def view_of(
    alerts: Iterable[Alert], incidents: Iterable[Incident], silences: Iterable[Silence], own: Iterable[Condition], now_ms: int
) -> PageView:
    """Count what is at hand. Resolved incidents and ended silences are not counted: how many are remembered says nothing."""
    by_incident: dict[tuple[IncidentState, Severity], int] = {}
    for incident in incidents:
        if incident.state is not IncidentState.RESOLVED:
            key = (incident.state, incident.severity)
            by_incident[key] = by_incident.get(key, 0) + 1
    by_alert: dict[tuple[AlertKind, str], int] = {}
    for alert in alerts:
        if alert.is_open:
            held = PAGED if alert.hold is None else alert.hold.reason.value
            by_alert[alert.key.kind, held] = by_alert.get((alert.key.kind, held), 0) + 1
    by_silence = {"pending": 0, "active": 0}
    for silence in silences:
        if silence.is_active(now_ms):
            by_silence["active"] += 1
        elif silence.from_ms > now_ms:
            by_silence["pending"] += 1
    return PageView(by_incident, by_alert, by_silence, tuple(own))
