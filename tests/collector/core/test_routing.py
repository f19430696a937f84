"""What the on-call file answers the pager: routes, quiet hours, steps, people, inhibition, digests."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.alert import AlertKey, AlertKind, Severity, labels_of
from collector.core.alert_rules import KINDS, KindRule
from collector.core.calling import (
    DigestRule,
    Escalation,
    GroupPick,
    InhibitRule,
    Match,
    Miss,
    Notify,
    NotifyKind,
    Person,
    Plan,
    Quiet,
    Route,
    Step,
)
from collector.core.hours import Hours, next_clock, weekly
from collector.core.paging import Policy, Routed
from collector.core.rota import Rota
from collector.core.routing import NOBODY, OnCall

ZONE = "Asia/Ho_Chi_Minh"
MINUTE = 60_000
LOW = frozenset({Severity.WARNING, Severity.INFO})


def at(text: str, zone: str = ZONE) -> int:
    """A local time in milliseconds."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def hours(first: int, last: int, days: range = range(7)) -> Hours:
    """Hours of the day."""
    return Hours((weekly([(first * 60, last * 60)], days, ZONE),))


def labels(subject: str = "sw-1", site: str = "dic", class_: str = "switch", **own: str) -> dict[str, str]:
    """Labels of an outage."""
    return labels_of(AlertKey(subject, AlertKind.DOWN), Severity.CRITICAL, (site, class_, own))


def receiver(name: str) -> Notify:
    return Notify(NotifyKind.RECEIVER, name)


PLAN = Plan(
    zone=ZONE,
    people={
        "an": Person("Trực ca A", ("sms-an", "mail-an"), "vi"),
        "binh": Person("Trực ca B", ("sms-binh",), "en"),
    },
    rotas={"noc": Rota(ZONE, ("an", "binh"), (8 * 60,), 7, dt.date(2026, 1, 5))},
    escalations={
        "noc": Escalation(
            (
                Step(0, (Notify(NotifyKind.ROTA, "noc"), receiver("noc"), receiver("sms-an"))),
                Step(15 * MINUTE, (Notify(NotifyKind.PERSON, "binh"),)),
                Step(40 * MINUTE, (receiver("lead"),)),
            ),
            repeat=1,
            repeat_after_ms=20 * MINUTE,
        ),
        "day": Escalation((Step(5 * MINUTE, (receiver("noc"),)),)),
    },
    routes=(
        Route("night", "day", Match(severities=LOW, hours=hours(22, 6))),
        Route("warnings", "day", Match(severities=LOW), Quiet(LOW, hours(12, 13), 13 * 60 + 30)),
        Route("default", "noc"),
    ),
    emergency=("desk",),
)
POLICY = OnCall(PLAN)


def test_it_is_what_the_pager_asks() -> None:
    """The pager's questions are these methods, and without a file every alert finds no route and every step nobody."""
    policy: Policy = POLICY
    assert policy.rules == PLAN.rules
    assert NOBODY.route(labels(), Severity.CRITICAL, 0) is None
    assert NOBODY.recipients("noc", 0, 0) == ()
    assert NOBODY.next_step("noc", -1, 0) is None


def test_the_first_route_that_matches_takes_it() -> None:
    """By severity and by hour, also over midnight; what a route does not say is not asked."""
    for severity, time, route in (
        (Severity.WARNING, "2026-11-24T21:59", "warnings"),
        (Severity.WARNING, "2026-11-24T22:00", "night"),
        (Severity.INFO, "2026-11-25T05:59", "night"),
        (Severity.INFO, "2026-11-25T06:00", "warnings"),
        (Severity.CRITICAL, "2026-11-24T23:00", "default"),
    ):
        found = POLICY.route(labels(), severity, at(time))
        assert found is not None
        assert found.route == route


def test_quiet_hours_last_until_the_time_that_is_said() -> None:
    """What comes in the last minutes before it waits, too; what is grave goes out at once."""
    end = at("2026-11-24T13:30")
    for time in ("2026-11-24T12:00", "2026-11-24T12:59", "2026-11-24T13:29"):
        assert POLICY.route(labels(), Severity.WARNING, at(time)) == Routed("warnings", "day", end)
    for time in ("2026-11-24T11:59", "2026-11-24T13:30"):
        assert POLICY.route(labels(), Severity.WARNING, at(time)) == Routed("warnings", "day")
    assert POLICY.route(labels(), Severity.CRITICAL, at("2026-11-24T12:30")) == Routed("default", "noc")


def test_why_a_route_does_not_match_is_told() -> None:
    """The first thing that differs, for each that a route can say."""
    group = GroupPick("rooms", ids=frozenset({"sw-9"}))
    for match, miss in (
        (Match(severities=LOW), Miss.SEVERITY),
        (Match(kinds=frozenset({AlertKind.BURN})), Miss.KIND),
        (Match(sites=frozenset({"tu-ky"})), Miss.SITE),
        (Match(classes=frozenset({"ups"})), Miss.CLASS),
        (Match(groups=(group,)), Miss.GROUP),
        (Match(labels={"owner": frozenset({"mang"})}), Miss.LABELS),
        (Match(hours=hours(1, 2)), Miss.HOURS),
        (Match(), None),
    ):
        policy = OnCall(msgspec.structs.replace(PLAN, routes=(Route("one", "noc", match),)))
        assert list(policy.tried(labels(), Severity.CRITICAL, at("2026-11-24T12:00"))) == [(0, miss)]


def test_a_group_is_its_members_however_they_are_named() -> None:
    """By id, by what picks them, with all that is at a site that is a member; an agent goes where its host goes."""
    group = GroupPick("all", frozenset({"sw-1"}), frozenset({"tu-ky"}), (("dic", "ups", (("rack", "7"),)),))
    for subject in (
        labels("sw-1"),
        labels("agent:sw-1"),
        labels("x", site="tu-ky"),
        labels("site:tu-ky", site="", class_=""),
        labels("site:tu-ky:critical", site="", class_=""),
        labels("ups-1", class_="ups", rack="7"),
    ):
        assert group.has(subject), subject
    for subject in (
        labels("sw-2"),
        labels("ups-1", class_="ups", rack="8"),
        labels("ups-1", class_="ups"),
        labels("group:sw-1"),
    ):
        assert not group.has(subject), subject


def test_steps_reach_who_is_on_call_when_they_are_carried_out() -> None:
    """Rotas and people become receivers, in order and once each; at the hand-over it is the next."""
    monday = at("2026-01-12T08:00")
    assert POLICY.recipients("noc", 0, monday - 1) == ("sms-an", "mail-an", "noc")
    assert POLICY.recipients("noc", 0, monday) == ("sms-binh", "noc", "sms-an")
    assert POLICY.recipients("noc", 1, monday) == ("sms-binh",)
    assert POLICY.recipients("noc", 3, monday) == ()


def test_a_step_that_would_reach_nobody_reaches_the_emergency_receivers() -> None:
    """A gap of a rota loses no page."""
    steps = (Step(0, (Notify(NotifyKind.ROTA, "noc"),)),)
    policy = OnCall(msgspec.structs.replace(PLAN, escalations={"only": Escalation(steps)}))
    assert policy.recipients("only", 0, at("2026-01-05T07:59")) == ("desk",)
    assert policy.recipients("only", 0, at("2026-01-05T08:00")) == ("sms-an", "mail-an")


def test_an_escalation_goes_step_by_step_and_round_by_round() -> None:
    """Waits are from one step to the next; after the last of the last round comes nothing."""
    found, last = [], (-1, 0)
    while (step := POLICY.next_step("noc", *last)) is not None:
        found.append((step[0], step[1], step[2] // MINUTE))
        last = step[:2]
    assert found == [(0, 0, 0), (1, 0, 15), (2, 0, 25), (0, 1, 20), (1, 1, 15), (2, 1, 25)]
    assert POLICY.next_step("day", -1, 0) == (0, 0, 5 * MINUTE)
    assert [step.after_ms // MINUTE for step in POLICY.steps("noc", at("2026-01-12T07:50"))] == [0, 15, 40, 60, 75, 100]


def test_the_steps_that_are_told_beforehand_are_those_that_come() -> None:
    """Also beyond a hand-over."""
    begin = at("2026-01-12T07:50")
    told = POLICY.steps("noc", begin)
    assert told[0].receivers == ("sms-an", "mail-an", "noc")
    assert told[3].receivers == ("sms-binh", "noc", "sms-an")
    assert all(step.receivers == POLICY.recipients("noc", step.level, begin + step.after_ms) for step in told)


def test_an_escalation_that_is_gone_is_gone_on_with_by_the_last_routes() -> None:
    """Somebody renamed it while an incident was open: people are still told."""
    assert POLICY.recipients("renamed", 2, 0) == ("lead",)
    assert POLICY.next_step("renamed", 0, 0) == (1, 0, 15 * MINUTE)


def test_inhibition_wants_both_sides_and_equal_labels() -> None:
    """Labels that neither has are equal; no alert mutes itself."""
    rule = InhibitRule("power", {"class": frozenset({"ups"})}, {"class": frozenset({"switch", "ups"})}, ("site", "rack"))
    policy = OnCall(msgspec.structs.replace(PLAN, inhibit=(rule,)))
    ups = labels("ups-1", class_="ups")
    assert policy.inhibits(ups, labels()) == "power"
    assert policy.inhibits(ups, labels(site="tu-ky")) == ""
    assert policy.inhibits(ups, labels(rack="7")) == ""
    assert policy.inhibits(labels(), ups) == ""
    assert policy.inhibits(ups, ups) == ""
    assert policy.inhibits(ups, labels("ups-2", class_="ups")) == "power"


def test_how_grave_it_is_depends_on_kind_and_priority() -> None:
    """The file comes first, then the table, then what the rule of the kind found."""
    critical, warning, info = Severity.CRITICAL, Severity.WARNING, Severity.INFO
    assert POLICY.severity_of(AlertKind.DOWN, "low", info) is warning
    assert POLICY.severity_of(AlertKind.DOWN, "", info) is critical
    assert POLICY.severity_of(AlertKind.CERTIFICATE, "low", critical) is critical
    policy = OnCall(msgspec.structs.replace(PLAN, kinds={AlertKind.CERTIFICATE: KindRule(1, False, (warning, info, info))}))
    assert policy.severity_of(AlertKind.CERTIFICATE, "critical", critical) is warning
    assert not policy.alert_rule(AlertKind.CERTIFICATE).pages
    assert policy.alert_rule(AlertKind.NO_DATA).after_ms == 15 * MINUTE
    assert set(KINDS) == set(AlertKind)


def test_a_digest_is_due_once() -> None:
    """In the interval that holds its time: its end belongs to it, its beginning does not; never more than two days late."""
    rule = DigestRule((7 * 60 + 30,), (Notify(NotifyKind.ROTA, "noc"), receiver("noc")), (0, 1, 2, 3, 4))
    policy = OnCall(msgspec.structs.replace(PLAN, digests=(rule,)))
    friday, monday = at("2026-01-09T07:30"), at("2026-01-12T07:30")
    assert [due.at_ms for due in policy.digest_due(friday - 1, friday)] == [friday]
    assert policy.digest_due(friday, monday - 1) == []
    assert [(due.at_ms, due.receivers) for due in policy.digest_due(friday - 1, monday)] == [
        (monday, ("sms-an", "mail-an", "noc"))
    ]


def test_a_receiver_speaks_its_own_language_then_that_of_its_person() -> None:
    """And then that of the file."""
    policy = OnCall(msgspec.structs.replace(PLAN, languages={"sms-binh": "vi"}, language="en"))
    assert [policy.language_of(name) for name in ("sms-binh", "sms-an", "noc")] == ["vi", "vi", "en"]
    assert POLICY.language_of("sms-binh") == "en"


def test_a_receiver_gets_the_events_it_asked_for() -> None:
    """All where it says nothing; a test always comes."""
    policy = OnCall(msgspec.structs.replace(PLAN, events={"sms": frozenset({"firing"})}))
    assert [policy.wants("sms", event) for event in ("firing", "resolved", "test")] == [True, False, True]
    assert policy.wants("noc", "resolved")


def test_duties_are_turns_with_their_receivers() -> None:
    """For people who ask who is on duty."""
    found = POLICY.duties(at("2026-01-12T00:00"), at("2026-01-13T00:00"))
    assert [(duty.rota, duty.person, duty.receivers, duty.note) for duty in found] == [
        ("noc", "an", ("sms-an", "mail-an"), ""),
        ("noc", "binh", ("sms-binh",), ""),
    ]


@settings(max_examples=60)
@given(
    st.integers(at("2026-01-01T00:00"), at("2027-01-01T00:00")), st.integers(0, 1439), st.sampled_from([ZONE, "Europe/Berlin"])
)
def test_the_next_time_on_the_clock_is_the_next(now_ms: int, minute: int, zone: str) -> None:
    """At or after now, at most 25 hours on, and clocks show it, but where a change skips it."""
    found = next_clock(ZoneInfo(zone), now_ms, minute)
    shown = dt.datetime.fromtimestamp(found / 1000, ZoneInfo(zone))
    assert 0 <= found - now_ms <= 25 * 60 * MINUTE
    if zone == ZONE:
        assert (shown.hour * 60 + shown.minute, shown.second) == (minute, 0)


@settings(max_examples=60)
@given(st.lists(st.integers(at("2026-01-01T00:00"), at("2027-01-01T00:00")), max_size=6))
def test_what_was_asked_before_does_not_matter(times: list[int]) -> None:
    """A policy that answered other questions answers this one as a fresh one does."""
    used = OnCall(PLAN)
    for time in times:
        assert used.route(labels(), Severity.WARNING, time) == OnCall(PLAN).route(labels(), Severity.WARNING, time)
