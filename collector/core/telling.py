"""What a decision says of its incidents, as outbox rows: made once everything is decided, so that they list it all. Pure."""

from __future__ import annotations

import msgspec

from collector.core.alert import Alert
from collector.core.book import Draft
from collector.core.incident import Incident
from collector.core.incident_facts import NameOf, Telling, is_explained, notice_of, outgoing_of
from collector.core.notice import EventKind, Named


def speak(draft: Draft) -> None:
    """One event of each incident of which something is to be said, the same for every receiver."""
    for uid, say in draft.says.items():
        incident = draft.incident(uid)
        if incident is not None and say.receivers:
            telling = Telling(say.event, draft.now_ms, say.text, say.by, say.still_down)
            notice = notice_of(incident, _told_of(draft, incident, say.event), telling, names_in(draft))
            draft.changes.outgoing += [
                msgspec.structs.replace(one, event=EventKind.FIRING) if one.receiver in say.first else one
                for one in outgoing_of(incident, notice, say.receivers)
            ]
            draft.put_incident(msgspec.structs.replace(incident, events=incident.events + 1))


def _told_of(draft: Draft, incident: Incident, event: EventKind) -> list[Alert]:
    """Its own alerts and what it explains: at the end everything that it explained, before that what still lasts, together
    with what was paged before this was known to be the cause."""
    parts = draft.parts(incident.uid)
    if event is EventKind.RESOLVED:
        return parts
    subject = incident.cause.subject
    others = [
        alert
        for alert in draft.all_open()
        if alert.paged_ms is not None and alert.hold is not None and alert.hold.by == subject and alert.incident != incident.uid
    ]
    return [*(part for part in parts if part.is_open or not is_explained(part)), *others]


def names_in(draft: Draft) -> NameOf:
    """How subjects are called: as they are seen, else by their id."""

    def name_of(subject: str) -> Named:
        view = draft.view(subject)
        return view.named if view is not None else Named(subject)

    return name_of
