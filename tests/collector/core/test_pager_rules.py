"""Single rules of the pager: what joins, what raises, what re-opens, what is quiet, and what a person's act changes."""

from __future__ import annotations

import msgspec

from collector.core.alert import Alert, AlertKey, AlertKind, Condition, HoldReason, Severity
from collector.core.digest import digest_of
from collector.core.incident import EntryKind, IncidentState
from collector.core.notice import Named
from collector.core.paging import AlertRule, SubjectView
from collector.core.state import State
from tests.collector.core.paging import DAY, HOUR, MINUTE, NOW, SECOND, Pager, Plan, condition, down, silence, up

T0 = NOW + 10 * SECOND


def reason(pager: Pager, subject: str, kind: AlertKind = AlertKind.DOWN) -> HoldReason | None:
    """Why the newest alert of a subject is held."""
    hold = pager.alert(subject, kind).hold
    return hold.reason if hold is not None else None


def graded(view: SubjectView, severity: Severity) -> SubjectView:
    """The view with its conditions in another severity."""
    changed = tuple(msgspec.structs.replace(found, severity=severity) for found in view.conditions)
    return msgspec.structs.replace(view, conditions=changed)


def test_alerts_of_one_site_known_together_are_one_incident_with_an_update() -> None:
    pager = Pager()
    one, other = down("a", NOW, site="dic"), down("b", NOW + 20 * SECOND, site="dic")
    pager.see(T0, [one, up("b", site="dic")])
    pager.see(NOW + 30 * SECOND, [one, other])
    assert pager.events() == [(1, "firing"), (1, "update")]
    assert reason(pager, "b") is HoldReason.GROUPED
    pager.see(NOW + MINUTE, [up("a", NOW + MINUTE, site="dic"), other])
    assert pager.incidents[pager.alert("a").uid].state is IncidentState.OPEN
    pager.see(NOW + 2 * MINUTE, [up("b", NOW + 2 * MINUTE, site="dic")])
    assert pager.events() == [(1, "firing"), (1, "update"), (1, "resolved")]


def test_a_graver_alert_of_the_same_subject_fires_again_by_its_own_route() -> None:
    plan = Plan()
    plan.steps["critical"] = [(0, ("noc",))]
    pager = Pager(plan)
    slow = condition("ups", NOW, AlertKind.DEGRADED, severity=Severity.WARNING)
    pager.see(T0, [up("ups", state=State.DEGRADED, conditions=(slow,))])
    assert {row.receiver for row in pager.sent} == {"mail"}
    pager.see(NOW + HOUR + 10 * SECOND, [down("ups", NOW + HOUR)])
    assert pager.events() == [(1, "firing"), (1, "firing")]
    assert {row.receiver for row in pager.sent if row.seq == 1} == {"mail", "noc"}
    assert pager.incidents[pager.alert("ups").incident].severity is Severity.CRITICAL
    pager.see(NOW + 2 * HOUR, [up("ups", NOW + 2 * HOUR)])
    assert pager.events()[2:] == [(1, "resolved")]


def test_an_outage_is_no_part_of_a_certificate_that_lasts_for_weeks() -> None:
    """However grave that one is: the outage pages, and is resolved when it is over."""
    pager = Pager()
    worn = condition("web", NOW, AlertKind.CERTIFICATE)
    pager.see(T0, [up("web", conditions=(worn,))])
    both = down("web", NOW + HOUR)
    pager.see(NOW + HOUR + 10 * SECOND, [msgspec.structs.replace(both, conditions=(worn, *both.conditions))])
    pager.see(NOW + 2 * HOUR, [up("web", NOW + 2 * HOUR, conditions=(worn,))])
    said = [what for what in pager.events() if what[1] != "reminder"]
    assert said == [(1, "firing"), (2, "firing"), (2, "resolved")]


def test_a_certificate_that_was_told_by_mail_pages_when_it_is_about_to_end() -> None:
    """Once, whoever the mail went to hears of it, too, and nobody hears twice of a restart; a silence keeps it back."""
    pager = Pager()
    pager.see(T0, [up("web", conditions=(condition("web", NOW, AlertKind.CERTIFICATE, severity=Severity.WARNING),))])
    assert [row.receiver for row in pager.sent] == ["mail"]
    pager.silences["S1"] = silence("web", NOW + DAY + MINUTE)
    ends = [up("web", conditions=(condition("web", NOW, AlertKind.CERTIFICATE),))]
    pager.see(NOW + DAY, ends)
    assert [row.receiver for row in pager.sent] == ["mail"]
    pager.see(NOW + DAY + MINUTE, ends)
    pager.restart()
    pager.see(NOW + DAY + MINUTE + SECOND, ends)
    assert [(row.event.value, row.receiver) for row in pager.sent if row.seq == 1] == [("firing", "mail"), ("firing", "noc")]
    pager.see(NOW + DAY + 2 * MINUTE, [up("web")])
    assert pager.events() == [(1, "firing"), (1, "firing"), (1, "resolved")]


def burns(subject: str, known: int, name: str = "page_fast", **fields: object) -> SubjectView:
    """A subject that is up and uses its budget too fast."""
    key = AlertKey(subject, AlertKind.BURN, name)
    return up(subject, conditions=(Condition(key, Severity.CRITICAL, known, known),), **fields)


def test_a_budget_is_paged_unless_an_outage_within_its_window_says_why_it_is_used() -> None:
    """Also after that outage, also if the outage was that of a parent of a member; an older one explains nothing."""
    pager = Pager()
    behind = {"parents": (("router",),)}
    views = [down("router", NOW), down("web", NOW, State.UNREACHABLE, **behind), burns("all", T0, members=("web",))]
    pager.see(T0, views)
    pager.see(T0 + SECOND, views)
    hold = pager.alerts[pager.book.open[AlertKey("all", AlertKind.BURN, "page_fast")]].hold
    assert hold is not None
    assert hold.reason is HoldReason.GROUPED
    back = NOW + 20 * MINUTE
    for minute in range(30):
        at = back + minute * MINUTE
        pager.see(at, [up("router", back), up("web", back, at, **behind), burns("all", T0, members=("web",))])
        pager.restart()
    assert [what for what in pager.events() if what[1] != "reminder"] == [(1, "firing"), (1, "resolved")]
    late = back + 3 * HOUR
    fresh = [up("router", back), up("web", back, late, **behind), up("all", members=("web",))]
    pager.see(late, fresh)
    pager.see(late + MINUTE, [*fresh[:2], burns("all", late + MINUTE, members=("web",))])
    assert pager.events()[-1] == (2, "firing")


def test_an_outage_is_no_part_of_the_incident_of_a_budget() -> None:
    """Of the same subject, and at the same site in the same moment."""
    pager = Pager()
    pager.see(T0, [burns("site", T0, site="dic"), up("line", site="dic")])
    both = burns("site", T0, site="dic")
    broken = down("site", T0, site="dic")
    broken = msgspec.structs.replace(broken, conditions=(*broken.conditions, *both.conditions))
    pager.see(T0 + 10 * SECOND, [broken, up("line", site="dic")])
    assert pager.events() == [(1, "firing"), (2, "firing")]
    pager.see(T0 + MINUTE, [burns("site", T0, site="dic"), up("line", site="dic")])
    assert pager.events() == [(1, "firing"), (2, "firing"), (2, "resolved")]


def test_what_happens_at_a_site_and_is_another_teams_task_pages_that_team() -> None:
    """And the group that fails with it is said once to whom only the group is sent."""
    plan = Plan()
    plan.routes = {"server": ("r-server", "servers"), "group": ("r-group", "managers")}
    plan.steps |= {"servers": [(0, ("team",))], "managers": [(0, ("noc", "boss"))]}
    pager = Pager(plan)
    line, server = down("line", NOW, site="dic"), down("server", NOW + 5 * SECOND, site="dic")
    group = down("group", NOW, site="dic", members=("line",))
    pager.see(T0, [line, group, up("server", site="dic")])
    pager.see(T0 + 5 * SECOND, [line, group, server])
    assert [(row.receiver, row.seq) for row in pager.sent if row.event == "firing"] == [
        ("noc", 0), ("mail", 0), ("boss", 0), ("team", 0),
    ]  # fmt: skip
    assert pager.alert("group").incident == pager.alert("line").incident != pager.alert("server").incident
    late = NOW + HOUR
    views = [up(name, late, site="dic") for name in ("line", "server", "group")]
    pager.see(late, views)
    assert sorted(row.receiver for row in pager.sent if row.event == "resolved") == ["boss", "mail", "noc", "team"]


def test_what_comes_back_within_the_merge_gap_reopens_its_incident_and_later_opens_a_new_one() -> None:
    pager = Pager()
    back = NOW + 2 * MINUTE
    pager.see(T0, [down("web", NOW)])
    pager.see(back, [up("web", back)])
    pager.see(back + MINUTE, [down("web", back + 50 * SECOND)])
    assert pager.events() == [(1, "firing"), (1, "resolved"), (1, "firing")]
    assert EntryKind.REOPENED in [entry.kind for entry in pager.entries]
    pager.see(back + 2 * MINUTE, [up("web", back + 2 * MINUTE)])
    pager.restart()
    late = back + 20 * MINUTE
    pager.see(late, [down("web", late - 10 * SECOND)])
    assert pager.events()[-2:] == [(1, "resolved"), (2, "firing")]


def test_quiet_hours_keep_an_incident_for_the_digest_and_page_what_lasts() -> None:
    plan = Plan()
    plan.quiet[Severity.WARNING] = NOW + HOUR
    pager = Pager(plan)
    lasts, ends = graded(down("a", NOW), Severity.WARNING), graded(down("b", NOW), Severity.WARNING)
    pager.see(T0, [lasts, ends])
    assert pager.sent == []
    assert reason(pager, "a") is HoldReason.QUIET_HOURS
    pager.see(NOW + 10 * MINUTE, [lasts, up("b", NOW + 10 * MINUTE)])
    rows = digest_of(pager.incidents.values(), pager.alerts.values(), (NOW - DAY, NOW + 11 * MINUTE), ("mail",), Named)
    assert [facts.key.subject for facts in rows[0].notice.alerts] == ["a", "b"]
    pager.see(NOW + HOUR, [lasts])
    assert pager.events() == [(1, "firing")]
    assert pager.alert("b").paged_ms is None


def test_a_graver_outage_behind_a_quiet_cause_is_not_left_until_morning() -> None:
    plan = Plan()
    plan.quiet[Severity.WARNING] = NOW + 8 * HOUR
    pager = Pager(plan)
    router = graded(down("router", NOW), Severity.WARNING)
    pager.see(T0, [router])
    assert pager.sent == []
    pager.see(T0 + SECOND, [router, down("web", NOW, State.UNREACHABLE, parents=(("router",),))])
    assert pager.events() == [(1, "firing")]
    assert pager.sent[0].severity is Severity.CRITICAL
    assert reason(pager, "web") is HoldReason.PARENT_DOWN


def test_a_cause_that_nobody_is_told_of_explains_nothing_to_anybody() -> None:
    plan = Plan()
    plan.unrouted = {"router"}
    pager = Pager(plan)
    children = [down(name, NOW, State.UNREACHABLE, parents=(("router",),)) for name in ("a", "b")]
    pager.see(T0, [down("router", NOW), *children])
    assert reason(pager, "router") is HoldReason.NO_ROUTE
    assert pager.events() == [(1, "firing")]
    assert reason(pager, "b") is HoldReason.GROUPED


def test_a_paged_child_keeps_its_incident_when_its_parent_turns_out_to_be_the_cause() -> None:
    pager = Pager()
    child = down("web", NOW, parents=(("router",),))
    pager.see(T0, [child, up("router", good=T0)])
    pager.see(NOW + MINUTE, [child, down("router", NOW + 40 * SECOND)])
    assert reason(pager, "web") is HoldReason.PARENT_DOWN
    for minute in range(2, 40):
        pager.see(NOW + minute * MINUTE, [child, down("router", NOW + 40 * SECOND)])
    assert (1, "reminder") not in pager.events()
    back = NOW + 40 * MINUTE
    pager.see(back, [up("web", back, parents=(("router",),)), up("router", back)])
    assert pager.events().count((1, "firing")) == pager.events().count((1, "resolved")) == 1
    assert pager.events()[-1] == (2, "resolved")


def test_a_group_says_what_its_member_said_and_joins_its_incident() -> None:
    pager = Pager()
    pager.see(T0, [down("site", NOW, members=("line", "room")), down("line", NOW), up("room")])
    assert pager.events() == [(1, "firing")]
    assert reason(pager, "site") is HoldReason.GROUPED
    planned = Pager()
    planned.see(T0, [down("site", NOW, members=("line",)), down("line", NOW, window="W1")])
    assert (planned.sent, reason(planned, "site")) == ([], HoldReason.MAINTENANCE)


def test_no_data_is_explained_by_a_gone_observer_and_by_a_graver_alert_of_the_same_subject() -> None:
    pager = Pager()
    silent = up("disk", NOW, NOW - 1, state=State.UNKNOWN, conditions=(condition("disk", NOW, AlertKind.NO_DATA),))
    watched = msgspec.structs.replace(silent, observers=("agent:a",))
    pager.see(T0, [watched, down("agent:a", NOW)])
    assert reason(pager, "disk", AlertKind.NO_DATA) is HoldReason.OBSERVER_GONE
    both = (condition("web", NOW), condition("web", NOW, AlertKind.NO_DATA))
    pager.see(T0, [down("web", NOW, conditions=both)])
    assert reason(pager, "web", AlertKind.NO_DATA) is HoldReason.INHIBITED


def test_a_rule_of_the_file_mutes_what_another_told_alert_explains() -> None:
    plan = Plan()
    plan.inhibiting = "power"
    pager = Pager(plan)
    pager.see(T0, [down("power", NOW)])
    pager.see(T0 + SECOND, [down("power", NOW), down("web", NOW)])
    assert reason(pager, "web") is HoldReason.INHIBITED
    pager.see(T0 + MINUTE, [up("power", T0 + MINUTE), down("web", NOW)])
    pager.see(T0 + MINUTE + SECOND, [down("web", NOW)])
    assert pager.alert("web").paged_ms is not None


def test_settling_and_muted_kinds_page_when_they_may() -> None:
    plan = Plan()
    plan.alert_rules = {AlertKind.DOWN: AlertRule(after_ms=5 * MINUTE), AlertKind.CERTIFICATE: AlertRule(pages=False)}
    pager = Pager(plan)
    views = [down("web", NOW), up("tls", conditions=(condition("tls", NOW, AlertKind.CERTIFICATE),))]
    pager.see(T0, views)
    assert reason(pager, "web") is HoldReason.SETTLING
    assert pager.decision.next_ms == NOW + 5 * MINUTE
    pager.see(NOW + 5 * MINUTE, views)
    assert pager.alert("web").paged_ms == NOW + 5 * MINUTE
    assert reason(pager, "tls", AlertKind.CERTIFICATE) is HoldReason.MUTED_RULE


def test_unknown_never_ends_an_outage_and_leaving_service_does() -> None:
    pager = Pager()
    pager.see(T0, [down("web", NOW)])
    pager.see(T0 + HOUR, [up("web", T0 + MINUTE, state=State.UNKNOWN)])
    assert pager.alert("web").is_open
    pager.see(T0 + 2 * HOUR, [up("web", T0 + MINUTE, state=State.UNKNOWN, is_in_service=False)])
    assert pager.events()[-1] == (1, "resolved")
    assert any(entry.text == "out of service" for entry in pager.entries)


def test_what_flaps_is_updated_once_and_its_further_flips_are_held() -> None:
    pager = Pager()
    pager.see(T0, [down("web", NOW)])
    for second in range(1, 4):
        pager.see(T0 + second * SECOND, [down("web", NOW, is_flapping=True)])
    good = T0 + MINUTE
    pager.see(good, [up("web", good, is_flapping=True)])
    pager.see(good + MINUTE, [down("web", good + 50 * SECOND, is_flapping=True)])
    assert pager.events() == [(1, "firing"), (1, "update"), (1, "resolved")]
    assert reason(pager, "web") is HoldReason.FLAPPING
    pager.see(good + 5 * MINUTE, [down("web", good + 50 * SECOND)])
    assert pager.alert("web").paged_ms == good + 5 * MINUTE


def test_who_is_not_on_call_is_passed_over_and_nobody_at_all_is_a_reason() -> None:
    plan = Plan()
    plan.steps["critical"][0] = (0, ())
    pager = Pager(plan)
    pager.see(T0, [down("web", NOW)])
    assert {row.receiver for row in pager.sent} == {"lead"}
    plan.steps["critical"] = [(0, ())]
    pager.see(T0 + SECOND, [down("web", NOW), down("db", NOW)])
    hold = pager.alert("db").hold
    assert hold is not None
    assert (hold.reason, hold.by) == (HoldReason.NO_ROUTE, "r-critical")


def closed(pager: Pager, uid: str, now: int) -> None:
    """A person resolves an incident while it lasts: as the act writes it."""
    incident = pager.incidents[uid]
    by_hand = msgspec.structs.replace(incident, state=IncidentState.RESOLVED, resolved_ms=now, resolved_by="an", told=())
    pager.incidents[uid] = by_hand
    pager.book.incidents[uid] = by_hand
    pager.book.live.pop(uid)


def test_what_was_closed_by_hand_pages_again_only_after_it_has_ended() -> None:
    """And what its cause only explained is judged anew: the parent returns, the child does not."""
    pager = Pager()
    child = down("web", NOW, State.UNREACHABLE, parents=(("router",),))
    pager.see(T0, [down("router", NOW), child])
    pager.sent.clear()
    uid = pager.alert("router").uid
    pager.incidents[uid] = msgspec.structs.replace(pager.incidents[uid], events=0)
    closed(pager, uid, T0 + MINUTE)
    for hour in range(1, 30):
        pager.see(T0 + hour * HOUR, [down("router", NOW), child])
        pager.book.forget(T0 + hour * HOUR)
    assert reason(pager, "router") is HoldReason.CLOSED_BY_HAND
    assert reason(pager, "web") is HoldReason.PARENT_DOWN
    back = T0 + 31 * HOUR
    own = msgspec.structs.replace(down("web", back, parents=(("router",),)), failed_ms=back + 20 * SECOND)
    pager.see(back + 20 * SECOND, [up("router", back, back + 20 * SECOND), own])
    assert pager.events() == [(2, "firing")]


def notices(pager: Pager) -> list[tuple[str, list[str]]]:
    """Words about silences and the alerts they list."""
    rows = [row for row in pager.sent if row.event == "notice"]
    return [(row.notice.text, [facts.key.subject for facts in row.notice.alerts]) for row in rows]


def test_a_silence_that_hides_an_outage_is_told_once_and_again_when_it_ends_with_it_still_down() -> None:
    pager = Pager()
    pager.silences["S1"] = silence("web", NOW + HOUR)
    for minute in range(59):
        pager.see(T0 + minute * MINUTE, [down("web", NOW)])
    assert notices(pager) == [("hides", ["web"])]
    pager.restart()
    pager.see(NOW + HOUR, [down("web", NOW)])
    pager.see(NOW + HOUR + SECOND, [down("web", NOW)])
    assert notices(pager) == [("hides", ["web"]), ("ended_down", ["web"])]
    assert pager.alert("web").paged_ms == NOW + HOUR
    assert pager.silences["S1"].told_end
    assert {row.receiver for row in pager.sent if row.event == "notice"} == {"keeper"}


def test_a_forgotten_silence_is_told_once_a_week_and_one_that_matches_is_not() -> None:
    pager = Pager()
    pager.silences = {"S1": silence("gone", NOW + 29 * DAY), "S2": silence("web", NOW + 29 * DAY, id="S2")}
    pager.silences["S2"] = msgspec.structs.replace(pager.silences["S2"], told_hides=(), notify=("an",))
    for hour in range(0, 16 * 24, 6):
        pager.see(T0 + hour * HOUR, [graded(down("web", NOW), Severity.INFO)])
    assert notices(pager) == [("forgotten", [])] * 2
    far = Pager()
    far.silences["S1"] = silence("gone", NOW + 40 * DAY)
    far.see(T0, [up("web")])
    far.see(T0 + DAY, [up("web")])
    assert notices(far) == [("forgotten", [])]


def test_a_resolved_passes_a_silence_that_came_after_the_page_and_reminders_do_not() -> None:
    pager = Pager()
    pager.see(T0, [down("web", NOW)])
    pager.silences["S1"] = silence("web", NOW + DAY, told_hides=(pager.alert("web").uid,))
    for minute in range(1, 60):
        pager.see(T0 + minute * MINUTE, [down("web", NOW)])
    pager.see(T0 + HOUR, [up("web", T0 + HOUR)])
    assert pager.events() == [(1, "firing"), (1, "resolved")]


def test_the_collectors_own_troubles_are_incidents_of_their_own() -> None:
    pager = Pager()
    found = tuple(
        msgspec.structs.replace(one, key=msgspec.structs.replace(one.key, name=name))
        for name in ("disk", "database")
        for one in (condition("collector", NOW, AlertKind.COLLECTOR),)
    )
    pager.see(T0, [up("collector", conditions=found)])
    assert pager.events() == [(1, "firing"), (2, "firing")]
    alerts: list[Alert] = list(pager.alerts.values())
    assert [alert.uid for alert in alerts] == list(pager.incidents)
