"""Why nobody is told of an alert (yet): the reasons in a fixed order, the first that holds is the answer. Pure.

The order tells people the most: what somebody decided on purpose comes before what the network explains, that before what is
merely waited for, and where it would go comes last. `STAGES` is the list; a reason that waits always has a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from collector.core.alert import OF_STATES, Alert, AlertKey, AlertKind, Condition, Hold, HoldReason, labels_of
from collector.core.book import Draft, condition_of
from collector.core.escalating import Step, next_reaching
from collector.core.incident import Incident
from collector.core.incident_facts import is_explained
from collector.core.meeting import companion, is_kin, members_of, told_incident
from collector.core.paging import Routed, SubjectView
from collector.core.paths import Paths
from collector.core.spending import spender, stays_explained
from collector.core.state import State

EXPLAINABLE: Final = OF_STATES | {AlertKind.BURN}
"""Kinds that a dead parent explains. Certificates, batteries and wedged agents are news of their own."""

_IMPLIED: Final = {
    AlertKind.DOWN: frozenset({AlertKind.DEGRADED, AlertKind.NO_DATA, AlertKind.BURN, AlertKind.AGENT_WEDGED}),
    AlertKind.NO_DATA: frozenset({AlertKind.DEGRADED, AlertKind.BURN, AlertKind.AGENT_WEDGED}),
}
"""What an alert of a kind says already of the same subject."""

WAITING: Final = frozenset({HoldReason.SETTLING, HoldReason.PARENT_CHECKED, HoldReason.RECHECKED})
"""Reasons that end by themselves, soon."""

_DECIDED: Final = frozenset({
    HoldReason.MAINTENANCE, HoldReason.SILENCE, HoldReason.CLOSED_BY_HAND, HoldReason.FLAPPING, HoldReason.INHIBITED,
    HoldReason.BLIND,
})  # fmt: skip
"""Reasons of a member that hold its group's alert, too."""

_UNTOLD: Final = frozenset({HoldReason.MUTED_RULE, HoldReason.NO_ROUTE, HoldReason.OUT_OF_HOURS})
"""Reasons by which the file itself keeps an alert from everybody, whatever depends on its subject."""


class Case(msgspec.Struct, gc=False):
    """One open alert and what is known of its subject; `labels`, `into` and `routed` are filled in on the way."""

    draft: Draft
    paths: Paths
    alert: Alert
    view: SubjectView
    condition: Condition | None
    looked_ms: int | None = None
    cause: str = ""
    """Subject that explains it."""
    into: str = ""
    """Uid of the incident that it is part of or is to join."""
    routed: Routed | None = None
    step: Step | None = None
    """The first step of its escalation that reaches somebody."""
    beyond: str = ""
    """What it lies behind and nobody is told of: its page cannot be left to that."""
    remark: str = ""
    """What was not found out before its bound was over."""
    labels: dict[str, str] | None = None

    @property
    def known_ms(self) -> int:
        """When what is true now was confirmed."""
        return self.condition.known_ms if self.condition is not None else self.alert.known_ms


def case_of(draft: Draft, paths: Paths, alert: Alert, view: SubjectView) -> Case:
    """The case of an alert."""
    return Case(draft, paths, alert, view, condition_of(view, alert.key))


def labels_in(case: Case) -> dict[str, str]:
    """The alert's labels, made once."""
    if case.labels is None:
        case.labels = labels_of_alert(case.alert, case.view)
    return case.labels


def labels_of_alert(alert: Alert, view: SubjectView) -> dict[str, str]:
    """The labels by which silences, routes and inhibition know an alert."""
    named = view.named
    return labels_of(alert.key, alert.severity, (named.site, named.class_, named.labels))


def hold_of(case: Case) -> Hold | None:
    """Why an alert that was never paged is held; None: its page goes out now."""
    for stage in STAGES:
        hold = stage(case)
        if hold is not None:
            return hold
    return None


def mute_of(case: Case) -> Hold | None:
    """Why nothing more is said of an alert that was paged; its resolved goes out all the same."""
    for stage in _MUTES:
        hold = stage(case)
        if hold is not None:
            return hold
    return None


def _muted_rule(case: Case) -> Hold | None:
    kind = case.alert.key.kind
    return None if case.draft.policy.alert_rule(kind).pages else Hold(HoldReason.MUTED_RULE, kind.value)


def _closed_by_hand(case: Case) -> Hold | None:
    """A person resolved its incident while it was true: nothing more of it until it has ended and comes back."""
    alert = case.alert
    if not alert.incident or is_explained(alert) or case.draft.unresolved(alert.incident) is not None:
        return None
    incident = case.draft.incident(alert.incident)
    return Hold(HoldReason.CLOSED_BY_HAND, f"#{incident.number}" if incident is not None else "")


def _out_of_hours(case: Case) -> Hold | None:
    return None if case.view.is_in_hours else Hold(HoldReason.OUT_OF_HOURS)


def _maintenance(case: Case) -> Hold | None:
    return Hold(HoldReason.MAINTENANCE, case.view.window) if case.view.window else None


def _blind(case: Case) -> Hold | None:
    return Hold(HoldReason.BLIND) if case.view.is_blind and case.alert.key.kind in OF_STATES else None


def _parent_down(case: Case) -> Hold | None:
    """Something before it is out, which explains it. What nobody will ever be told of explains nothing to anybody."""
    if not case.view.parents or case.alert.key.kind not in EXPLAINABLE:
        return None
    cause = case.paths.blocked_by(case.view.parents)
    if cause and is_untold(case.draft, cause):
        case.beyond = cause
        return None
    case.cause = cause
    return Hold(HoldReason.PARENT_DOWN, cause) if cause else None


def is_untold(draft: Draft, cause: str) -> bool:
    """Whether nobody will be told of what is out there, by the on-call file or the subject's hours."""
    alert = draft.open_by(AlertKey(cause, AlertKind.DOWN))
    if alert is None or alert.hold is None or alert.hold.reason not in _UNTOLD:
        return False
    return draft.unresolved(alert.incident) is None


def _observer_gone(case: Case) -> Hold | None:
    """Nobody knows because whoever should observe it is gone itself."""
    if case.alert.key.kind is not AlertKind.NO_DATA or not case.view.observers:
        return None
    case.cause = case.paths.gone_observer(case.view.observers)
    return Hold(HoldReason.OBSERVER_GONE, case.cause) if case.cause else None


def _spent(case: Case) -> Hold | None:
    """An outage that is known used the budget up. Its incident is over when the outage is: this is no part of it."""
    if case.alert.key.kind is not AlertKind.BURN:
        return None
    found = spender(case.draft, case.alert, case.view)
    if found is not None:
        return Hold(HoldReason.GROUPED, f"#{found.number}")
    stages: tuple[Stage, ...] = (_parent_down, _observer_gone, _members)
    live = next((hold for stage in stages if (hold := stage(case)) is not None), None)
    return stays_explained(case.alert, live, case.draft.now_ms)


def _members(case: Case) -> Hold | None:
    """A group or site says what its members said: it joins their incident, or is held as they are."""
    if not case.view.members or case.alert.key.kind not in EXPLAINABLE:
        return None
    if case.condition is None and case.alert.key.kind in OF_STATES:
        return Hold(HoldReason.RECHECKED)  # Its members work again; the whole is found to work a moment later.
    names = members_of(case.draft, case.view)
    others = [a for name in names for a in case.draft.open_of(name) if a.key.kind in OF_STATES]
    if own := next((a for a in others if not is_explained(a) and case.draft.unresolved(a.incident)), None):
        case.into = own.incident if case.alert.key.kind in OF_STATES else ""
        return None
    for reasons in (frozenset({HoldReason.PARENT_DOWN, HoldReason.OBSERVER_GONE}), WAITING, _DECIDED):
        found = next((a.hold for a in others if a.hold is not None and a.hold.reason in reasons), None)
        if found is not None:
            case.cause = found.by if found.reason in (HoldReason.PARENT_DOWN, HoldReason.OBSERVER_GONE) else ""
            return Hold(found.reason, found.by, until_ms=found.until_ms)
    return None


def _settling(case: Case) -> Hold | None:
    until = case.alert.since_ms + case.draft.policy.alert_rule(case.alert.key.kind).after_ms
    return Hold(HoldReason.SETTLING, until_ms=until) if until > case.draft.now_ms else None


def _flapping(case: Case) -> Hold | None:
    return Hold(HoldReason.FLAPPING) if case.view.is_flapping and case.alert.key.kind in OF_STATES else None


def _inhibited(case: Case) -> Hold | None:
    """A graver kind of alert of the same subject says it, or is about to. One that is muted by itself says nothing."""
    alert = case.alert
    for other in case.draft.open_of(alert.key.subject):
        is_said = other.paged_ms is not None or case.draft.unresolved(other.incident) is not None
        is_waiting = other.hold is not None and other.hold.reason in WAITING and other.hold.until_ms is not None
        if other.uid != alert.uid and _implies(other, alert) and (is_said or is_waiting):
            return Hold(HoldReason.INHIBITED, other.key.kind.value)
    return None


def _implies(graver: Alert, lesser: Alert) -> bool:
    if graver.severity.rank > lesser.severity.rank:
        return False
    if graver.key.kind is lesser.key.kind is AlertKind.BURN:
        return graver.severity.rank < lesser.severity.rank
    return lesser.key.kind in _IMPLIED.get(graver.key.kind, ())


def _silence(case: Case) -> Hold | None:
    """The active silence that lasts longest, so that people see when it will page."""
    draft = case.draft
    if not draft.seen.silences:
        return None
    labels = labels_in(case)
    found = [silence for silence in draft.seen.silences if silence.mutes(labels, draft.now_ms, draft.full_match)]
    if not found:
        return None
    last = max(found, key=lambda silence: (silence.end_ms, silence.id))
    return Hold(HoldReason.SILENCE, last.id, until_ms=last.end_ms)


def _rule_inhibited(case: Case) -> Hold | None:
    """A rule of the on-call file: another alert that people were told of mutes this one."""
    draft = case.draft
    for other in draft.told():
        view = draft.view(other.key.subject)
        if other.uid != case.alert.uid and view is not None:
            rule = draft.policy.inhibits(labels_of_alert(other, view), labels_in(case))
            if rule:
                return Hold(HoldReason.INHIBITED, rule)
    return None


def _rechecked(case: Case) -> Hold | None:
    """Its path has just returned: it needs a sample of its own from after that, and is looked at. An outage confirmed after
    the return passes. What is still called unreachable when the bound is over is held on without a bound: once nobody sees it
    any more that is no data, which pages by itself."""
    alert, view, paths = case.alert, case.view, case.paths
    if case.beyond or alert.key.kind not in OF_STATES or not (view.parents or view.observers):
        return None
    is_silent = alert.key.kind is AlertKind.NO_DATA
    returned = paths.since_ms((*view.parents, view.observers) if is_silent and view.observers else view.parents)
    state = case.condition.state if case.condition is not None else alert.state
    is_unreachable = alert.key.kind is AlertKind.DOWN and state is State.UNREACHABLE
    if not is_unreachable and _was_seen_since(case, returned):
        return None
    limit = case.draft.policy.rules.recheck_limit_ms
    begun = alert.looked_ms if alert.looked_ms is not None else case.draft.now_ms
    case.looked_ms = begun
    if case.draft.now_ms < begun + limit:
        again = paths.look(alert.key.subject)
        case.draft.wakes.extend([again] if again is not None else [])
        return Hold(HoldReason.RECHECKED, _returned_name(case), until_ms=begun + limit)
    return Hold(HoldReason.RECHECKED, _returned_name(case)) if is_unreachable else None


def _was_seen_since(case: Case, returned_ms: int) -> bool:
    if case.known_ms >= returned_ms:
        return True
    if case.alert.key.kind is AlertKind.NO_DATA:
        return False  # Had it been seen it would have ended.
    newest = case.view.good_ms if case.alert.key.kind is AlertKind.DEGRADED else case.view.failed_ms
    return newest is not None and newest >= returned_ms


def _returned_name(case: Case) -> str:
    hold = case.alert.hold
    return hold.by if hold is not None and hold.reason in (HoldReason.PARENT_DOWN, HoldReason.RECHECKED) else ""


def _parent_checked(case: Case) -> Hold | None:
    """Every OR-group of its parents must have been seen good since this was known; they get a fresh look and it waits for the
    verdict, at most as long as that can take."""
    alert, view, paths, now = case.alert, case.view, case.paths, case.draft.now_ms
    if case.beyond or not view.parents or alert.key.kind not in OF_STATES:
        return None
    open_ = paths.unseen(view.parents, case.known_ms)
    if not open_:
        return None
    was_rechecked = alert.hold is not None and alert.hold.reason is HoldReason.RECHECKED and case.looked_ms is None
    begun = now if alert.looked_ms is None or was_rechecked else alert.looked_ms
    case.looked_ms = begun
    names = sorted({name for group in open_ for name in group})
    until = paths.verdict_by(open_, case.known_ms, begun)
    if now >= until:
        case.remark = "not seen since: " + ", ".join(names)
        return None
    again = [moment for name in names if (moment := paths.look(name)) is not None]
    case.draft.wakes.extend(again)
    return Hold(HoldReason.PARENT_CHECKED, names[0], until_ms=until)


def _grouped(case: Case) -> Hold | None:
    """People were told of the incident that it is part of, it is no graver than that one, and whom it would be sent to is among
    them."""
    draft, own = case.draft, own_incident(case)
    incident = (
        own or draft.unresolved(case.into) or companion(draft, case.alert, case.known_ms, lambda one: _is_heard(case, one))
    )
    if incident is None and case.beyond:
        incident = _of_same_cause(case)
    if incident is None:
        return None
    case.into = incident.uid
    if case.alert.severity.rank < incident.severity.rank or (own is None and not _is_heard(case, incident)):
        return None
    return _told_already(case)


def _is_heard(case: Case, incident: Incident) -> bool:
    """Whether those to whom an alert would be sent know of an incident, or hear of it by the same route."""
    draft = case.draft
    routed = draft.policy.route(labels_in(case), case.alert.severity, draft.now_ms)
    if routed is None or routed.route == incident.route:
        return True
    step = next_reaching(draft.policy, routed.escalation, -1, 0, draft.now_ms)
    return step is None or set(step.receivers) <= set(incident.told)


def _of_same_cause(case: Case) -> Incident | None:
    """An incident of something else behind what nobody is told of."""
    for incident in case.draft.live():
        view = case.draft.view(incident.cause.subject)
        is_behind = view is not None and view.parents and case.paths.blocked_by(view.parents) == case.beyond
        if is_behind and is_kin(incident.cause.kind, case.alert.key.kind) and _is_heard(case, incident):
            return incident
    return None


def own_incident(case: Case) -> Incident | None:
    """The incident that it is handled in, if that is not over."""
    return None if is_explained(case.alert) else case.draft.unresolved(case.alert.incident)


def _no_route(case: Case) -> Hold | None:
    """No route takes it. Where it is graver than an incident that was told, it stays grouped there."""
    case.routed = case.draft.policy.route(labels_in(case), case.alert.severity, case.draft.now_ms)
    if case.routed is not None:
        return None
    return _told_already(case) or Hold(HoldReason.NO_ROUTE)


def _quiet_hours(case: Case) -> Hold | None:
    routed = case.routed
    if routed is None or routed.quiet_until_ms is None:
        return None
    return _told_already(case) or Hold(HoldReason.QUIET_HOURS, routed.route, until_ms=routed.quiet_until_ms)


def _first_step(case: Case) -> Hold | None:
    """Its escalation begins later, or has nobody to tell."""
    routed, now = case.routed, case.draft.now_ms
    if routed is None:
        return None
    case.step = next_reaching(case.draft.policy, routed.escalation, -1, 0, now)
    if case.step is None:
        return _told_already(case) or Hold(HoldReason.NO_ROUTE, routed.route)
    begins = case.alert.known_ms + case.step.wait_ms
    return Hold(HoldReason.SETTLING, routed.escalation, until_ms=begins) if now < begins else None


def _told_already(case: Case) -> Hold | None:
    incident = case.draft.unresolved(case.into)
    return Hold(HoldReason.GROUPED, f"#{incident.number}") if incident is not None and told_incident(incident) else None


def would_page(case: Case) -> bool:
    """Whether an alert that something else explains would have been told by itself: then its severity counts for the cause."""
    return not any(stage(case) is not None for stage in (_settling, _flapping, _silence, _no_route, _quiet_hours, _first_step))


Stage = Callable[[Case], Hold | None]

STAGES: Final[tuple[Stage, ...]] = (
    _muted_rule, _closed_by_hand, _out_of_hours, _maintenance, _blind,
    _spent, _parent_down, _observer_gone, _members,
    _settling, _flapping, _inhibited, _silence, _rule_inhibited,
    _rechecked, _parent_checked,
    _grouped, _no_route, _quiet_hours, _first_step,
)  # fmt: skip

_MUTES: Final[tuple[Stage, ...]] = (
    _closed_by_hand, _out_of_hours, _maintenance, _blind, _parent_down, _observer_gone, _flapping, _silence,
)  # fmt: skip
