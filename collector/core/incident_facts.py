"""An incident as its notices tell it: facts of it and its alerts at one moment, and the event as rows for receivers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from collector.core.alert import Alert, HoldReason
from collector.core.incident import Incident
from collector.core.notice import (
    MAX_LISTED,
    Affected,
    AlertFacts,
    EventKind,
    IncidentFacts,
    Named,
    Notice,
    Outgoing,
    event_id_of,
)

NameOf = Callable[[str], Named]
"""A subject as messages show it."""
EXPLAINED: Final = frozenset({HoldReason.PARENT_DOWN, HoldReason.OBSERVER_GONE, HoldReason.RECHECKED})
"""Alerts held so without ever having been paged are told as affected by the incident, not as alerts of their own."""


class Telling(msgspec.Struct, frozen=True):
    """What an event says beside the facts."""

    event: EventKind
    at_ms: int
    text: str = ""
    by: str = ""
    still_down: tuple[Named, ...] = ()


def incident_facts(incident: Incident, name_of: NameOf) -> IncidentFacts:
    """The incident itself; its site is named as its cause's is."""
    cause = name_of(incident.cause.subject)
    is_there = cause.site == incident.site
    return IncidentFacts(
        incident.uid, incident.number, incident.state, incident.severity, incident.site, cause.site_vi if is_there else "",
        cause.site_en if is_there else "", incident.onset_ms, incident.opened_ms, incident.resolved_ms,
        incident.acknowledged_by, incident.assignee, incident.reopened, incident.route,
    )  # fmt: skip


def alert_facts(alert: Alert, incident: Incident, name_of: NameOf) -> AlertFacts:
    """One alert of an incident."""
    return AlertFacts(
        alert.uid, alert.key, alert.severity, name_of(alert.key.subject), alert.state, alert.since_ms, alert.known_ms,
        alert.ended_ms, alert.reason, alert.detail, alert.value, alert.key == incident.cause,
    )  # fmt: skip


def is_explained(alert: Alert) -> bool:
    """Whether it is part of its incident because that one's cause explains it: it is told as affected. What was paged stays an
    alert of the incident that it was paged with."""
    return alert.paged_ms is None and alert.hold is not None and alert.hold.reason in EXPLAINED


def notice_of(incident: Incident, alerts: Iterable[Alert], telling: Telling, name_of: NameOf) -> Notice:
    """The facts of one event: the cause first, then what lasts, the gravest and oldest; `MAX_LISTED` of each at most, the rest
    counted. `alerts` are its own, those that it explains, and held ones of other incidents that it explains since."""
    ordered = sorted(
        alerts, key=lambda one: (one.key != incident.cause, not one.is_open, one.severity.rank, one.since_ms, one.key)
    )
    own = [one for one in ordered if not _is_affected(one, incident)]
    affected = [
        Affected(name_of(one.key.subject), one.state, one.since_ms, one.hold.reason)
        for one in ordered
        if one.hold is not None and _is_affected(one, incident)
    ]
    return Notice(
        telling.event, telling.at_ms, incident_facts(incident, name_of),
        tuple(alert_facts(one, incident, name_of) for one in own[:MAX_LISTED]), len(own), tuple(affected[:MAX_LISTED]),
        len(affected), telling.still_down[:MAX_LISTED], max(0, incident.level), telling.text, telling.by,
    )  # fmt: skip


def _is_affected(alert: Alert, incident: Incident) -> bool:
    return is_explained(alert) or (alert.incident not in ("", incident.uid))


def outgoing_of(incident: Incident, notice: Notice, receivers: Sequence[str]) -> list[Outgoing]:
    """The incident's next event for each receiver: the same id for all."""
    seq = incident.events
    return [
        Outgoing(
            event_id_of(incident.uid, seq), receiver, incident.uid, seq, notice.event, notice, incident.severity,
            notice.made_ms,
        )
        for receiver in receivers
    ]  # fmt: skip
