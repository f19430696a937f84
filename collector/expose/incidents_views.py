"""What the API takes and tells of alerts, incidents, silences and the outbox. Values only; times are RFC 3339, UTC on the way
out.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from collector.core.alert import Alert, AlertKind, Severity, labels_of
from collector.core.incident import Entry, EntryKind, Incident, IncidentState
from collector.core.notice import EventKind, OutboxRow, RowState
from collector.core.paging_answers import Duty, ReceiverStanding, RouteExplained, Tested
from collector.core.silencing import FullMatch, Silence
from collector.expose.acts_views import Moment
from collector.expose.alert_views import AlertView, alert_view, names_of, number_in
from collector.expose.paging_port import PagingDesk
from collector.expose.times import maybe, time_text
from collector.expose.words import Words


class IncidentView(msgspec.Struct, frozen=True):
    """An incident without its timeline."""

    number: int
    uid: str
    state: IncidentState
    severity: Severity
    subject: str
    """Of its cause."""
    names: Words
    kind: AlertKind
    name: str
    site: str
    onset: str
    opened: str
    acknowledged: str | None
    acknowledged_by: str
    assignee: str
    resolved: str | None
    resolved_by: str
    reopened: int
    route: str
    escalation: str
    level: int
    next_step: str | None
    told: tuple[str, ...]


class EntryView(msgspec.Struct, frozen=True):
    """A line of a timeline."""

    at: str
    kind: EntryKind
    by: str
    subject: str
    alert: str
    """Kind of the alert it is about."""
    text: str


class RowView(msgspec.Struct, frozen=True):
    """A row of the outbox."""

    id: int
    event_id: str
    receiver: str
    order: str
    incident: int | None
    silence: str
    event: EventKind
    severity: Severity
    state: RowState
    attempts: int
    created: str
    next: str | None
    last: str | None
    done: str | None
    error: str
    instead_of: str
    """Of a row for a second channel: whose place it takes."""


class IncidentShown(msgspec.Struct, frozen=True):
    """Everything about an incident."""

    incident: IncidentView
    alerts: list[AlertView]
    timeline: list[EntryView]
    outbox: list[RowView]


class IncidentList(msgspec.Struct, frozen=True):
    """Newest first; `next` is the `before` of the following page, None at the end."""

    incidents: list[IncidentView]
    next: int | None


class AlertList(msgspec.Struct, frozen=True):
    """Open alerts, the gravest first."""

    alerts: list[AlertView]


class SilenceView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A silence and what it mutes at present."""

    id: str
    status: str
    """`pending`, `active`, `expired`."""
    matchers: tuple[str, ...]
    author: str
    comment: str
    created: str
    from_: str
    to: str
    expired: str | None
    expired_by: str
    notify: tuple[str, ...]
    last_match: str | None
    mutes: tuple[str, ...]
    """Subjects of open alerts that it matches at present, active or still to come."""
    fits: bool = True
    """Found when it is made: whether anything that is known can have an alert that it mutes."""


class SilenceList(msgspec.Struct, frozen=True):
    """Newest first; `next` is the `before` of the following page, None at the end."""

    silences: list[SilenceView]
    next: int | None


class OutboxList(msgspec.Struct, frozen=True):
    """Newest first; `next` is the `before` of the following page, None at the end."""

    outbox: list[RowView]
    next: int | None


class SilenceIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A silence that is asked for; without `from` it begins now."""

    matchers: Annotated[tuple[Annotated[str, Meta(max_length=1_000)], ...], Meta(min_length=1, max_length=20)]
    comment: Annotated[str, Meta(max_length=500)]
    to: Moment
    from_: Moment | None = None
    notify: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=20)] = ()


def open_alert_view(alert: Alert, desk: PagingDesk) -> AlertView:
    """An alert of the desk's."""
    return alert_view(alert, desk.name_of(alert.key.subject), number_in(desk, alert.incident))


def incident_view(incident: Incident, desk: PagingDesk) -> IncidentView:
    """The incident as it stands."""
    i, cause = incident, incident.cause
    return IncidentView(
        i.number, i.uid, i.state, i.severity, cause.subject, names_of(desk.name_of(cause.subject)), cause.kind, cause.name,
        i.site, time_text(i.onset_ms), time_text(i.opened_ms), maybe(i.acknowledged_ms), i.acknowledged_by, i.assignee,
        maybe(i.resolved_ms), i.resolved_by, i.reopened, i.route, i.escalation, i.level, maybe(i.next_ms), i.told,
    )  # fmt: skip


def entry_view(entry: Entry) -> EntryView:
    """A line of a timeline."""
    subject, kind = (entry.alert.subject, entry.alert.kind.value) if entry.alert is not None else ("", "")
    return EntryView(time_text(entry.at_ms), entry.kind, entry.by, subject, kind, entry.text)


def row_view(row: OutboxRow) -> RowView:
    """A row of the outbox."""
    out = row.outgoing
    incident = out.notice.incident
    is_waiting = row.state is RowState.PENDING
    return RowView(
        row.id, out.event_id, out.receiver, out.order, None if incident is None else incident.number, out.notice.silence,
        out.event, out.severity, row.state, row.attempts, time_text(out.created_ms),
        time_text(row.next_ms) if is_waiting else None, maybe(row.last_ms), maybe(row.done_ms), row.error, out.first_receiver,
    )  # fmt: skip


def silence_view(silence: Silence, desk: PagingDesk, now_ms: int, full_match: FullMatch) -> SilenceView:
    """A silence as it stands, and whom it hits."""
    s = silence
    status = "expired" if s.end_ms <= now_ms else "active" if s.is_active(now_ms) else "pending"
    return SilenceView(
        s.id, status, tuple(map(str, s.matchers)), s.author, s.comment, time_text(s.created_ms), time_text(s.from_ms),
        time_text(s.to_ms), maybe(s.expired_ms), s.expired_by, s.notify, maybe(s.last_match_ms),
        () if status == "expired" else tuple(sorted(_muted(s, desk, full_match))),
    )  # fmt: skip


def _muted(silence: Silence, desk: PagingDesk, full_match: FullMatch) -> set[str]:
    found = set()
    for alert in desk.alerts():
        named = desk.name_of(alert.key.subject)
        labels = labels_of(alert.key, alert.severity, (named.site, named.class_, named.labels))
        if all(matcher.holds(labels, full_match) for matcher in silence.matchers):
            found.add(alert.key.subject)
    return found


def duty_view(duty: Duty) -> dict[str, object]:
    """A stretch of duty."""
    return {
        "rota": duty.rota,
        "person": duty.person,
        "from": time_text(duty.from_ms),
        "to": time_text(duty.to_ms),
        "receivers": duty.receivers,
        "note": duty.note,
    }


def receiver_view(one: ReceiverStanding) -> dict[str, object]:
    """How a receiver stands."""
    return {
        "name": one.name,
        "kind": one.kind,
        "language": one.language,
        "fallback": one.fallback,
        "pending": one.pending,
        "oldest": maybe(one.oldest_ms),
        "last_success": maybe(one.last_success_ms),
        "last_failure": maybe(one.last_failure_ms),
        "last_error": one.last_error,
    }


def tested_view(tested: Tested) -> dict[str, object]:
    """How a test went."""
    return {
        "receiver": tested.receiver,
        "event_id": tested.event_id,
        "delivered": tested.is_delivered,
        "took_s": tested.took_ms / 1000,
        "remark": tested.remark,
        "error": tested.error,
    }


def route_view(found: RouteExplained) -> dict[str, object]:
    """Where an alert would go."""
    steps = [
        {"level": one.level, "round": one.round, "after_s": one.after_ms / 1000, "receivers": one.receivers}
        for one in found.steps
    ]
    return {
        "labels": found.labels,
        "route": found.route,
        "escalation": found.escalation,
        "pages": found.pages,
        "after_s": found.after_ms / 1000,
        "quiet_until": maybe(found.quiet_until_ms),
        "silences": found.silences,
        "steps": steps,
    }
