"""Which incident an alert belongs with: that of its subject, of what it shares a cause with, of its site; or one that it
re-opens. Pure, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from collector.core.alert import OF_STATES, Alert, AlertKind
from collector.core.book import Draft
from collector.core.incident import Incident
from collector.core.incident_facts import is_explained
from collector.core.paging import SubjectView

_ALONE: Final = frozenset({AlertKind.COLLECTOR})
"""Each trouble of the collector is an incident of its own, which the way past a broken database can tell, too."""

_APART: Final = frozenset({AlertKind.COLLECTOR, AlertKind.CERTIFICATE})
"""Kinds that say nothing about what else happens at a site."""


def is_kin(one: AlertKind, other: AlertKind) -> bool:
    """Whether alerts of these kinds can be one incident: what would keep it open for weeks is none with an outage."""
    return one is other or {one, other} <= OF_STATES


def told_incident(incident: Incident) -> bool:
    """Whether somebody was told of it."""
    return bool(incident.told)


def members_of(draft: Draft, view: SubjectView) -> list[str]:
    """What a group is made of, and what the groups among these are made of."""
    found: dict[str, None] = {}
    level: Sequence[str] = view.members
    while level:
        views = [seen for name in level if name not in found and (seen := draft.view(name)) is not None]
        found |= dict.fromkeys(level)
        level = [name for seen in views for name in seen.members]
    return list(found)


def companion(draft: Draft, alert: Alert, known_ms: int, is_heard: Callable[[Incident], bool]) -> Incident | None:
    """An incident that is not over and that an alert belongs to: by its subject, because it was part of it before, or by its
    site and the moment at which what is true now was confirmed. `is_heard`: whether whom the alert would be sent to knows of
    an incident; what merely happens at the same site is not left to people who have another task."""
    if alert.key.kind in _ALONE:
        return None
    incidents = [incident for incident in draft.live() if is_kin(incident.cause.kind, alert.key.kind)]
    if is_explained(alert):
        # What a parent explained until now, and no more, is dead by itself: whoever was told of the parent was not told of it.
        incidents = [incident for incident in incidents if incident.uid != alert.incident]
    found = _of_subject(draft, alert, incidents)
    if found is not None:
        return found
    near = _of_site(draft, alert, known_ms, incidents)
    return next((incident for incident in near if is_heard(incident)), None)


def _of_subject(draft: Draft, alert: Alert, incidents: list[Incident]) -> Incident | None:
    subject = alert.key.subject
    for other in draft.open_of(subject):
        incident = draft.unresolved(other.incident)
        if incident in incidents and other.uid != alert.uid and not is_explained(other):
            return incident
    known = draft.owners().get(alert.key, ())
    return next((incident for incident in incidents if incident.cause.subject == subject or incident.uid in known), None)


def _of_site(draft: Draft, alert: Alert, known_ms: int, incidents: list[Incident]) -> Iterator[Incident]:
    """Known within the window around its opening, not graver, while what it was opened for lasts."""
    view = draft.view(alert.key.subject)
    site, window = view.named.site if view is not None else "", draft.policy.rules.group_window_ms
    if not site or alert.key.kind in _APART:
        return
    for incident in incidents:
        is_near = abs(known_ms - incident.opened_ms) <= window and incident.site == site
        if is_near and alert.severity.rank >= incident.severity.rank and has_open(draft, incident.uid):
            yield incident


def has_open(draft: Draft, uid: str) -> bool:
    """Whether something of an incident that people handle is still true."""
    incident = draft.incident(uid)
    cause = draft.open_by(incident.cause) if incident is not None else None
    if cause is not None and cause.incident == uid and not is_explained(cause):
        return True
    return any(part.is_open and not is_explained(part) for part in draft.parts(uid))


def reopenable(draft: Draft, alert: Alert) -> Incident | None:
    """The incident that an alert re-opens: its own, or one that was over less than the merge gap before the alert was known
    and in which this was an alert of its own."""
    own = draft.incident(alert.uid)
    if own is not None:
        return own
    gap = draft.policy.rules.merge_gap_ms
    found = [
        incident
        for uid in draft.owners().get(alert.key, ())
        if (incident := draft.incident(uid)) is not None
        and incident.resolved_ms is not None
        and alert.known_ms <= incident.resolved_ms + gap
    ]
    return max(found, key=lambda incident: incident.number, default=None)
