"""Who is told of an incident, step by step until somebody acknowledges. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from collector.core.alert import HoldReason
from collector.core.book import Draft
from collector.core.incident import EntryKind, Incident, IncidentState
from collector.core.incident_facts import is_explained
from collector.core.notice import EventKind
from collector.core.paging import Policy
from collector.core.saying import Say

_MOST: Final = 50
"""Steps without anybody that are passed over at once."""


class Step(msgspec.Struct, frozen=True):
    """A step that reaches somebody."""

    level: int
    round: int
    wait_ms: int
    """After the step before."""
    receivers: tuple[str, ...]


def next_reaching(policy: Policy, escalation: str, level: int, round_: int, now_ms: int) -> Step | None:
    """The next step that has somebody to tell; those with nobody on call are passed over without waiting. None: no such."""
    wait: int | None = None
    for _ in range(_MOST):
        found = policy.next_step(escalation, level, round_)
        if found is None:
            return None
        level, round_, own = found
        wait = own if wait is None else wait
        receivers = policy.recipients(escalation, level, now_ms)
        if receivers:
            return Step(level, round_, wait, receivers)
    return None


def after(policy: Policy, incident: Incident, now_ms: int) -> int | None:
    """When the step after the incident's present one is due; None: there is none."""
    found = policy.next_step(incident.escalation, incident.level, incident.round)
    return now_ms + found[2] if found is not None else None


def escalate(draft: Draft, incident: Incident) -> None:
    """Carry out the next step if it is due: nobody acknowledged, and something of it is still said."""
    if incident.state is not IncidentState.OPEN or incident.next_ms is None or not incident.told:
        return
    if draft.now_ms < incident.next_ms:
        draft.wakes.append(incident.next_ms)
        return
    if incident.uid in draft.says or incident.resolving_ms is not None or _is_muted(draft, incident.uid):
        return
    step = next_reaching(draft.policy, incident.escalation, incident.level, incident.round, draft.now_ms)
    if step is None:
        draft.put_incident(msgspec.structs.replace(incident, next_ms=None))
        return
    stepped = msgspec.structs.replace(incident, level=step.level, round=step.round)
    told = tuple(dict.fromkeys((*incident.told, *step.receivers)))
    stepped = msgspec.structs.replace(stepped, told=told, next_ms=after(draft.policy, stepped, draft.now_ms))
    draft.put_incident(stepped)
    draft.note(incident.uid, EntryKind.ESCALATED, text=f"{step.level}: " + ", ".join(step.receivers))
    first = tuple(one for one in step.receivers if one not in incident.told)
    draft.says[incident.uid] = Say(EventKind.REMINDER, step.receivers, step.level, first=first)
    if stepped.next_ms is not None:
        draft.wakes.append(stepped.next_ms)


def _is_muted(draft: Draft, uid: str) -> bool:
    """Whether everything of it that lasts is held again: explained by another incident, silenced, in maintenance."""
    return not any(
        part.is_open and not is_explained(part) and (part.hold is None or part.hold.reason is HoldReason.GROUPED)
        for part in draft.parts(uid)
    )
