"""An incident's events as facts for its receivers: what, where, since when, what else is affected. Pure.

Also for acts of people: `say` numbers the event, so that it is the same for every receiver and attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from collector.core.alert import Alert
from collector.core.book import Draft, is_explained
from collector.core.incident import Incident
from collector.core.notice import (
    MAX_LISTED,
    Affected,
    AlertFacts,
    IncidentFacts,
    Named,
    Notice,
    Outgoing,
    event_id_of,
)
from collector.core.saying import Say

NameOf = Callable[[str], Named]


def say(incident: Incident, say_: Say, parts: Sequence[Alert], now_ms: int, name_of: NameOf) -> tuple[Incident, list[Outgoing]]:
    """The incident after an event, and its copies for the receivers. `parts` are the incident's alerts and those that its
    cause explains."""
    notice = notice_of(incident, say_, parts, now_ms, name_of)
    seq = incident.events
    event_id = event_id_of(incident.uid, seq)
    outgoing = [
        Outgoing(event_id, receiver, incident.uid, seq, say_.event, notice, incident.severity, now_ms)
        for receiver in say_.receivers
    ]
    return msgspec.structs.replace(incident, events=seq + 1), outgoing


def notice_of(incident: Incident, say_: Say, parts: Sequence[Alert], now_ms: int, name_of: NameOf) -> Notice:
    """The facts of an event. Alerts of its own are listed cause first, then what still lasts, then what is over."""
    own = [part for part in parts if part.incident == incident.uid and not is_explained(part)]
    own.sort(key=lambda part: (part.key != incident.cause, not part.is_open, part.severity.rank, part.known_ms, part.uid))
    affected = affected_of(incident, parts)
    return Notice(
        say_.event,
        now_ms,
        incident_facts(incident, name_of),
        tuple(alert_facts(part, part.key == incident.cause, name_of) for part in own[:MAX_LISTED]),
        len(own),
        tuple(_affected(part, name_of) for part in affected[:MAX_LISTED]),
        len(affected),
        say_.still_down[:MAX_LISTED],
        say_.level,
        say_.text,
        say_.by,
    )


def affected_of(incident: Incident, parts: Iterable[Alert]) -> list[Alert]:
    """Open alerts that the incident explains: one per subject, also one that was paged before its cause was known."""
    found: dict[str, Alert] = {}
    for part in parts:
        if part.is_open and part.hold is not None and part.key.subject != incident.cause.subject:
            is_own = part.incident == incident.uid
            explains = is_explained(part) if is_own else part.hold.by == incident.cause.subject
            if explains:
                found.setdefault(part.key.subject, part)
    return sorted(found.values(), key=lambda part: (part.severity.rank, part.since_ms, part.key))


def incident_facts(incident: Incident, name_of: NameOf) -> IncidentFacts:
    """The incident itself."""
    named = name_of(incident.cause.subject)
    return IncidentFacts(
        incident.uid,
        incident.number,
        incident.state,
        incident.severity,
        incident.site,
        named.site_vi,
        named.site_en,
        incident.onset_ms,
        incident.opened_ms,
        incident.resolved_ms,
        incident.acknowledged_by,
        incident.assignee,
        incident.reopened,
        incident.route,
    )


def alert_facts(alert: Alert, is_cause: bool, name_of: NameOf) -> AlertFacts:
    """An alert of it."""
    return AlertFacts(
        alert.uid,
        alert.key,
        alert.severity,
        name_of(alert.key.subject),
        alert.state,
        alert.since_ms,
        alert.known_ms,
        alert.ended_ms,
        alert.reason,
        alert.detail,
        alert.value,
        is_cause,
    )


def _affected(alert: Alert, name_of: NameOf) -> Affected:
    assert alert.hold is not None
    return Affected(name_of(alert.key.subject), alert.state, alert.since_ms, alert.hold.reason)


def names_in(draft: Draft) -> NameOf:
    """How subjects are called: as they are seen, else by their id."""

    def name_of(subject: str) -> Named:
        view = draft.view(subject)
        return view.named if view is not None else Named(subject)

    return name_of
