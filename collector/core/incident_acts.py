"""What people do to incidents: acknowledge, assign, comment, resolve. Pure: an incident and an act give what is to be written,
whole, or a refusal that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from collector.core.alert import Alert, Hold, HoldReason
from collector.core.audit import AuditEntry
from collector.core.incident import ActRefusal, Entry, EntryKind, Incident, IncidentState, RefusedError
from collector.core.incident_facts import NameOf, Telling, is_explained, notice_of, outgoing_of
from collector.core.notice import Changes, EventKind
from collector.core.paging_answers import IncidentAct, IncidentActKind
from collector.core.people import Actor, Right, may

MAX_TEXT: Final = 500
MAX_NAME: Final = 64


class Around(msgspec.Struct, frozen=True):
    """What an act needs to know beside the incident."""

    alerts: Sequence[Alert]
    """Those that are part of it."""
    name_of: NameOf


class Done(msgspec.Struct, frozen=True):
    """What an act writes, in one transaction."""

    incident: Incident
    changes: Changes
    audit: AuditEntry


def carry_out(incident: Incident, act: IncidentAct, actor: Actor, now_ms: int, around: Around) -> Done:
    """What comes of an act at `now_ms`. Raises `RefusedError`.

    Acknowledged: no further step of the escalation is due, everybody who was told hears of it. Resolved: everybody who was told
    gets the resolved, and its alerts still open page nobody until they have ended; what it only explained is judged anew.
    """
    if not may(actor.role, Right.CREATE):
        raise RefusedError(ActRefusal.FORBIDDEN, actor.role.value, f"{actor.name} is {actor.role.value}, which may not act")
    text = line(act.text, "text")
    changes = _ACTS[act.kind](incident, msgspec.structs.replace(act, text=text), (actor, now_ms), around)
    details = {"text": text, "assignee": act.assignee}
    shown = msgspec.json.encode({name: value for name, value in details.items() if value}).decode()
    audit = AuditEntry(
        now_ms, actor.name, actor.role.value, actor.source, f"incident.{act.kind.value}", str(incident.number), shown
    )
    return Done(changes.incidents[0] if changes.incidents else incident, changes, audit)


def line(text: str, name: str, *, most: int = MAX_TEXT, least: int = 0) -> str:
    """A text that a person gave, without blanks around it. Raises `RefusedError` unless it is one printable line."""
    text = text.strip()
    if not least <= len(text) <= most or not text.isprintable():
        raise RefusedError(ActRefusal.BAD_TEXT, name, f"expected one line of {least} to {most} printable characters")
    return text


When = tuple[Actor, int]


def _acknowledge(incident: Incident, act: IncidentAct, when: When, around: Around) -> Changes:
    _refuse_resolved(incident)
    if incident.state is IncidentState.ACKNOWLEDGED:
        raise RefusedError(ActRefusal.ALREADY, str(incident.number), f"acknowledged by {incident.acknowledged_by}")
    actor, now_ms = when
    after = msgspec.structs.replace(
        incident, state=IncidentState.ACKNOWLEDGED, acknowledged_ms=now_ms, acknowledged_by=actor.name, next_ms=None
    )
    lasting = [one for one in around.alerts if one.is_open]
    return _told(after, lasting, (EntryKind.ACKNOWLEDGED, EventKind.ACKNOWLEDGED, act.text), when, around)


def _assign(incident: Incident, act: IncidentAct, when: When, around: Around) -> Changes:
    _refuse_resolved(incident)
    assignee = line(act.assignee, "assignee", most=MAX_NAME, least=1)
    if assignee == incident.assignee:
        raise RefusedError(ActRefusal.ALREADY, str(incident.number), f"assigned to {assignee}")
    entries = [_entry(incident, EntryKind.ASSIGNED, when, assignee)]
    if act.text:
        entries.append(_entry(incident, EntryKind.COMMENTED, when, act.text))
    return Changes(incidents=[msgspec.structs.replace(incident, assignee=assignee)], entries=entries)


def _comment(incident: Incident, act: IncidentAct, when: When, around: Around) -> Changes:
    """Also on one that is over."""
    return Changes(entries=[_entry(incident, EntryKind.COMMENTED, when, line(act.text, "text", least=1))])


def _resolve(incident: Incident, act: IncidentAct, when: When, around: Around) -> Changes:
    _refuse_resolved(incident)
    actor, now_ms = when
    after = msgspec.structs.replace(
        incident, state=IncidentState.RESOLVED, resolved_ms=now_ms, resolved_by=actor.name, next_ms=None, resolving_ms=None,
        digest=False,
    )  # fmt: skip
    hold = Hold(HoldReason.CLOSED_BY_HAND, f"#{incident.number}", now_ms)
    changes = _told(after, around.alerts, (EntryKind.RESOLVED, EventKind.RESOLVED, act.text), when, around)
    changes.alerts += [
        msgspec.structs.replace(one, hold=hold) for one in around.alerts if one.is_open and not is_explained(one)
    ]
    return changes


_Carry = Callable[[Incident, IncidentAct, When, Around], Changes]
_ACTS: Final[dict[IncidentActKind, _Carry]] = {
    IncidentActKind.ACKNOWLEDGE: _acknowledge,
    IncidentActKind.ASSIGN: _assign,
    IncidentActKind.COMMENT: _comment,
    IncidentActKind.RESOLVE: _resolve,
}


def _refuse_resolved(incident: Incident) -> None:
    if incident.state is IncidentState.RESOLVED:
        raise RefusedError(ActRefusal.RESOLVED, str(incident.number), "the incident is over")


def _entry(incident: Incident, kind: EntryKind, when: When, text: str) -> Entry:
    actor, now_ms = when
    return Entry(incident.uid, now_ms, kind, actor.name, text=text)


def _told(
    after: Incident, alerts: Sequence[Alert], what: tuple[EntryKind, EventKind, str], when: When, around: Around
) -> Changes:
    """The incident after an act, its line in the timeline, and the event for everybody who was told; no event for nobody."""
    entry, event, text = what
    actor, now_ms = when
    outgoing = []
    if after.told:
        notice = notice_of(after, alerts, Telling(event, now_ms, text, actor.name), around.name_of)
        outgoing = outgoing_of(after, notice, after.told)
        after = msgspec.structs.replace(after, events=after.events + 1)
    return Changes(incidents=[after], entries=[_entry(after, entry, when, text)], outgoing=outgoing)
