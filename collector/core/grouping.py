"""Incidents: opened, joined, raised, re-opened and resolved as the alerts of one cause come and go. Pure.

One cause is one incident. An alert that was paged before its cause was known keeps its own incident, which says nothing more
while the cause explains it, and is resolved when the alert is over: one page, one resolved, and none a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from collector.core.alert import Alert, AlertKey, AlertKind, Hold, HoldReason
from collector.core.book import Draft, changed
from collector.core.escalating import Step, after
from collector.core.holding import Case, would_page
from collector.core.incident import EntryKind, Incident, IncidentState
from collector.core.incident_facts import EXPLAINED, is_explained
from collector.core.meeting import has_open, reopenable, told_incident
from collector.core.notice import EventKind, Named
from collector.core.paging import Routed
from collector.core.saying import Say

_GRAVE: Final = frozenset({AlertKind.DOWN, AlertKind.NO_DATA})


def keep(case: Case, hold: Hold) -> None:
    """Note why an alert that was never paged is held, and which incident it is part of for that."""
    draft, alert = case.draft, case.alert
    since = alert.hold.since_ms if _is_same(alert.hold, hold) and alert.hold is not None else draft.now_ms
    incident = _membership(case, hold)
    kept = msgspec.structs.replace(hold, since_ms=since)
    if kept == alert.hold and incident == alert.incident and case.looked_ms == alert.looked_ms:
        return
    if incident != alert.incident:
        move(draft, alert, incident, kept.reason.value)
    draft.put(changed(alert, hold=kept, incident=incident, looked_ms=case.looked_ms))


def mute(case: Case, hold: Hold | None) -> None:
    """Note why nothing more is said of an alert that was paged, or that it is said again."""
    draft, alert = case.draft, case.alert
    if hold is not None:
        since = alert.hold.since_ms if _is_same(alert.hold, hold) and alert.hold is not None else draft.now_ms
        hold = msgspec.structs.replace(hold, since_ms=since)
    if hold == alert.hold:
        return
    draft.put(changed(alert, hold=hold))
    if hold is None or _is_same(alert.hold, hold):
        return
    draft.note(alert.incident, EntryKind.HELD, alert, f"{hold.reason.value} {hold.by}".strip())
    if hold.reason is HoldReason.FLAPPING:
        update(draft, alert.incident, "flaps")
    if hold.reason is HoldReason.PARENT_DOWN:
        explained_in = incident_of_cause(draft, hold.by)
        if explained_in is not None:
            draft.note(explained_in.uid, EntryKind.JOINED, alert, hold.reason.value)


def _is_same(old: Hold | None, new: Hold) -> bool:
    return old is not None and old.reason is new.reason and old.by == new.by


def _membership(case: Case, hold: Hold) -> str:
    """The incident that a held alert is part of."""
    draft, alert = case.draft, case.alert
    if hold.reason in (HoldReason.PARENT_DOWN, HoldReason.OBSERVER_GONE):
        found = incident_of_cause(draft, case.cause)
        return found.uid if found is not None else ""
    if hold.reason in EXPLAINED:
        return alert.incident if is_explained(alert) else ""
    if hold.reason is HoldReason.GROUPED:
        return case.into
    if hold.reason is HoldReason.QUIET_HOURS:
        return case.into or _open_quietly(case)
    return "" if is_explained(alert) else alert.incident


def incident_of_cause(draft: Draft, subject: str) -> Incident | None:
    """The incident that is not over of the alert that says that a subject is out or silent."""
    for kind in (AlertKind.DOWN, AlertKind.NO_DATA):
        alert = draft.open_by(AlertKey(subject, kind))
        if alert is not None and (found := draft.unresolved(alert.incident)) is not None:
            return found
    return None


def move(draft: Draft, alert: Alert, to: str, why: str) -> None:
    """Note that an alert leaves one incident and becomes part of another; either may be none."""
    if alert.incident:
        draft.note(alert.incident, EntryKind.LEFT, alert, why)
    if to and to != alert.uid:
        draft.note(to, EntryKind.JOINED, alert, why)
        incident = draft.unresolved(to)
        is_grouped = why == HoldReason.GROUPED.value and incident is not None and told_incident(incident)
        if is_grouped:
            update(draft, to, "")


def heed(case: Case, hold: Hold) -> None:
    """What an incident explains and is graver than it makes it graver: a page by night is not left to a cause that waits for
    the morning."""
    draft, alert = case.draft, draft_alert(case)
    incident = draft.unresolved(alert.incident)
    if hold.reason not in (HoldReason.PARENT_DOWN, HoldReason.OBSERVER_GONE) or incident is None:
        return
    if alert.severity.rank >= incident.severity.rank or alert.key.kind not in _GRAVE or not would_page(case):
        return
    assert case.routed is not None
    assert case.step is not None
    draft.note(incident.uid, EntryKind.SEVERITY, alert, f"{incident.severity.value} -> {alert.severity.value}")
    fire(draft, incident, alert, case.routed, case.step)
    _settle_others(draft, incident.uid, alert.uid)


def rise(case: Case) -> None:
    """What was paged and is graver now than what people were told is a page anew, by the route of what it is now: a certificate
    that ends in hours, a battery that is low."""
    draft, alert = case.draft, draft_alert(case)
    incident = draft.unresolved(alert.incident)
    if incident is None or alert.severity.rank >= incident.severity.rank or not would_page(case):
        return
    assert case.routed is not None
    assert case.step is not None
    draft.note(incident.uid, EntryKind.SEVERITY, alert, f"{incident.severity.value} -> {alert.severity.value}")
    fire(draft, incident, alert, case.routed, case.step)


def draft_alert(case: Case) -> Alert:
    """The alert as it is by now."""
    return case.draft.alert(case.alert.uid)


def update(draft: Draft, uid: str, text: str) -> None:
    """More of an incident is to be told to those who know of it; nothing where a page goes out anyway."""
    incident = draft.unresolved(uid)
    if incident is not None and incident.told and uid not in draft.says:
        draft.says[uid] = Say(EventKind.UPDATE, incident.told, incident.level, text)


def page(case: Case) -> None:
    """The page of an alert goes out: with the incident that it raises or that was not told yet, or one that it opens."""
    draft, alert = case.draft, case.alert
    routed, step = case.routed, case.step
    assert routed is not None
    assert step is not None
    incident = draft.unresolved(case.into)
    if incident is None:
        again = reopenable(draft, alert)
        incident = _reopen(case, again) if again is not None else _open(case)
    elif alert.severity.rank < incident.severity.rank:
        draft.note(incident.uid, EntryKind.SEVERITY, alert, f"{incident.severity.value} -> {alert.severity.value}")
    if alert.incident != incident.uid:
        move(draft, alert, incident.uid, case.remark)
    draft.put(changed(alert, hold=None, incident=incident.uid, paged_ms=draft.now_ms, looked_ms=case.looked_ms))
    if told_incident(incident) and alert.severity.rank >= incident.severity.rank:
        widen(draft, incident, step)
    else:
        fire(draft, incident, alert, routed, step)
    _settle_others(draft, incident.uid, alert.uid)
    draft.note(incident.uid, EntryKind.PAGED, alert, "; ".join(filter(None, (", ".join(step.receivers), case.remark))))


def fire(draft: Draft, incident: Incident, alert: Alert, routed: Routed, step: Step) -> None:
    """Say it to the receivers of the first step, and to those who knew of it when it was less grave."""
    told = tuple(dict.fromkeys((*incident.told, *step.receivers)))
    graver = min(incident.severity, alert.severity, key=lambda severity: severity.rank)
    # What is over before anybody hears of the incident is not what they are called for.
    is_stale = not incident.told and draft.open_by(incident.cause) is None
    incident = msgspec.structs.replace(incident, cause=alert.key) if is_stale else incident
    fired = msgspec.structs.replace(
        incident, state=IncidentState.OPEN, severity=graver, route=routed.route, escalation=routed.escalation, level=step.level,
        round=step.round, told=told, acknowledged_ms=None, acknowledged_by="", resolving_ms=None, digest=False,
    )  # fmt: skip
    fired = msgspec.structs.replace(fired, next_ms=after(draft.policy, fired, draft.now_ms))
    draft.put_incident(fired)
    draft.says[incident.uid] = Say(EventKind.FIRING, told, step.level)
    if fired.next_ms is not None:
        draft.wakes.append(fired.next_ms)


def widen(draft: Draft, incident: Incident, step: Step) -> None:
    """Say an incident to more people, whose own alert is part of it; to those who know of it nothing is said again."""
    fresh = tuple(name for name in step.receivers if name not in incident.told)
    said = draft.says.get(incident.uid)
    before = said.receivers if said is not None and said.event is EventKind.FIRING else ()
    draft.put_incident(msgspec.structs.replace(incident, told=(*incident.told, *fresh), resolving_ms=None))
    draft.says[incident.uid] = Say(EventKind.FIRING, tuple(dict.fromkeys((*before, *fresh))), max(0, incident.level))


def _settle_others(draft: Draft, uid: str, paged: str) -> None:
    """What waited in the same incident for its hour has been told with it."""
    incident = draft.incident(uid)
    for part in draft.parts(uid):
        is_waiting = part.hold is not None and part.hold.reason is HoldReason.QUIET_HOURS
        if part.uid != paged and part.is_open and is_waiting and incident is not None:
            draft.put(changed(part, hold=Hold(HoldReason.GROUPED, f"#{incident.number}", draft.now_ms)))


def _open(case: Case, state: IncidentState = IncidentState.OPEN) -> Incident:
    draft, alert = case.draft, case.alert
    incident = Incident(
        alert.uid, draft.take_number(), state, alert.key, alert.severity, case.view.named.site, alert.since_ms, draft.now_ms,
        level=-1,
    )  # fmt: skip
    draft.note(incident.uid, EntryKind.OPENED, alert)
    return draft.put_incident(incident)


def _reopen(case: Case, incident: Incident) -> Incident:
    draft, alert = case.draft, case.alert
    draft.note(incident.uid, EntryKind.REOPENED, alert)
    return draft.put_incident(
        msgspec.structs.replace(
            incident, state=IncidentState.OPEN, severity=alert.severity, level=-1, round=0, next_ms=None, told=(),
            acknowledged_ms=None, acknowledged_by="", resolved_ms=None, resolved_by="", resolving_ms=None,
            reopened=incident.reopened + 1, digest=False,
        )
    )  # fmt: skip


def _open_quietly(case: Case) -> str:
    """An incident that nobody is told of before the quiet hours are over: it stands in the digest."""
    again = reopenable(case.draft, case.alert)
    incident = _reopen(case, again) if again is not None else _open(case)
    routed = case.routed
    quiet = msgspec.structs.replace(incident, digest=True, route=routed.route if routed is not None else "")
    return case.draft.put_incident(quiet).uid


def resolve(draft: Draft, incident: Incident) -> None:
    """End an incident of which everything is over, once what it explained is over or judged anew, or that took too long."""
    if has_open(draft, incident.uid):
        if incident.resolving_ms is not None:
            draft.put_incident(msgspec.structs.replace(incident, resolving_ms=None))
        return
    waiting = [part for part in draft.parts(incident.uid) if part.is_open]
    begun = incident.resolving_ms if incident.resolving_ms is not None else draft.now_ms
    until = begun + draft.policy.rules.recheck_limit_ms
    if waiting and draft.now_ms < until:
        draft.wakes.append(until)
        if incident.resolving_ms is None:
            draft.put_incident(msgspec.structs.replace(incident, resolving_ms=begun))
        return
    for part in waiting:
        draft.note(incident.uid, EntryKind.LEFT, part, "not seen since")
        draft.put(changed(part, incident=""))
    draft.note(incident.uid, EntryKind.RESOLVED)
    over = msgspec.structs.replace(
        incident, state=IncidentState.RESOLVED, resolved_ms=draft.now_ms, resolved_by="", resolving_ms=None, next_ms=None
    )
    draft.put_incident(over)
    if incident.told:
        still = still_down(draft, incident.cause.subject)
        draft.says[incident.uid] = Say(EventKind.RESOLVED, incident.told, incident.level, still_down=still)
    else:
        draft.says.pop(incident.uid, None)


def still_down(draft: Draft, subject: str) -> tuple[Named, ...]:
    """What lies behind a subject and is down or not seen yet: people ask for it when the subject is back."""
    behind: dict[str, bool] = {subject: True}
    found = [a for a in draft.all_open() if a.key.kind is AlertKind.DOWN and a.key.subject != subject]
    names: list[Named] = []
    for alert in found:
        view = draft.view(alert.key.subject)
        if view is not None and _is_behind(draft, alert.key.subject, behind):
            names.append(view.named)
    return tuple(sorted(names, key=lambda named: named.id))


def _is_behind(draft: Draft, subject: str, behind: dict[str, bool]) -> bool:
    known = behind.get(subject)
    if known is not None:
        return known
    behind[subject] = False  # Should parents form a cycle after all, it ends here.
    view = draft.view(subject)
    groups: Sequence[Sequence[str]] = view.parents if view is not None else ()
    behind[subject] = any(_is_behind(draft, name, behind) for group in groups for name in group)
    return behind[subject]
