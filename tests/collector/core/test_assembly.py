"""A report is put together from a court: every figure in its place, every lost second with one cause (SPEC 3.15, R17.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.assembly import ALL, Ask, Facts, assemble
from collector.core.blame import CAUSES, Blame, links_of
from collector.core.causes import lost
from collector.core.corrections import Correction
from collector.core.counting import Counting
from collector.core.court import Court, Terms
from collector.core.figures import pool
from collector.core.intervals import clip
from collector.core.monthly import Line, Provenance, Report, RestatementLine
from collector.core.roll import Roll
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule, Objective, Rules, Subject, SubjectKind
from collector.core.windows import Selector, Window

HOUR = 3_600_000
DAY = 24 * HOUR
PERIOD = (0, DAY)
UP, DOWN, UNREACHABLE, UNKNOWN = State.UP, State.DOWN, State.UNREACHABLE, State.UNKNOWN
PROVENANCE = Provenance(DAY, "", "1.0", "2026a", "")
FACTS = Facts(PROVENANCE, "sealed")
Both = Mapping[str, Sequence[Span] | Mapping[View, Sequence[Span]]]


def spans(*rows: tuple[int, State, Why]) -> list[Span]:
    """A day of spans from (hour at which it ends, state, why)."""
    out: list[Span] = []
    at = 0
    for hour, state, why in rows:
        out.append(Span(at, hour * HOUR, state, why))
        at = hour * HOUR
    return out


UP_ALL_DAY = spans((24, UP, Why.OBSERVED))


def court_of(subjects: Sequence[Subject], observed: Both, terms: Terms | None = None, known_ms: int | None = None) -> Court:
    def answer(id_: str, view: View) -> Sequence[Span]:
        found = observed.get(id_, UP_ALL_DAY)
        return found[view] if isinstance(found, Mapping) else found

    return Court(Roll.of(subjects), answer, terms or Terms(), (0, DAY), known_ms)


def report_of(court: Court, facts: Facts = FACTS, **changes: object) -> Report:
    return assemble(court, Ask("1970-01-01", PERIOD, "UTC", **changes), facts)  # type: ignore[arg-type]


def line_of(report: Report, id_: str, view: View) -> Line:
    [found] = [line for line in [*report.headline, *report.subjects] if line.id == id_ and line.view is view]
    return found


# --- V21: a site whose line is cut for ten hours while its server runs on

LINK = Subject(id="link-hue", site="hue", class_="link", rules=Rules(interval_ms=15_000))
SERVER = Subject(
    id="srv-hue", site="hue", class_="server", rules=Rules(interval_ms=60_000, parents=(("link-hue",),)), labels={"rack": "7"}
)
SITE = Subject(
    id="site:hue", kind=SubjectKind.SITE, site="hue", class_="office",
    group=Group(GroupRule.ALL, ("link-hue", "site:hue:critical")),
)  # fmt: skip
CRITICAL = Subject(
    id="site:hue:critical", kind=SubjectKind.GROUP, site="hue", group=Group(GroupRule.K_OF_N, ("srv-hue",), 1)
)  # fmt: skip
DEVICES = Subject(id="site:hue:devices", kind=SubjectKind.GROUP, site="hue", group=Group(GroupRule.POOLED, ("srv-hue",)))
AGENT = Subject(id="agent:srv-hue", kind=SubjectKind.AGENT, site="hue", class_="server")
ESTATE = [LINK, SERVER, SITE, CRITICAL, DEVICES, AGENT]
CUT = {
    "link-hue": spans((4, UP, Why.OBSERVED), (14, DOWN, Why.OBSERVED), (24, UP, Why.OBSERVED)),
    "srv-hue": {
        View.DEVICE: spans((4, UP, Why.OBSERVED), (14, UP, Why.BACKFILL), (24, UP, Why.OBSERVED)),
        View.E2E: spans((4, UP, Why.OBSERVED), (14, UNREACHABLE, Why.PATH), (24, UP, Why.OBSERVED)),
    },
}


def test_v21_a_site_is_shown_in_both_views_side_by_side() -> None:
    """R15.4: the devices ran all day, the centre could use the site for fourteen hours; the loss is the line's."""
    report = report_of(court_of(ESTATE, CUT))
    assert [(line.id, line.view) for line in report.headline[:2]] == [("site:hue", View.DEVICE), ("site:hue", View.E2E)]
    device, e2e = (line_of(report, "site:hue", view) for view in View)
    assert device.figures.availability == 1
    assert e2e.figures.availability == Fraction(14, 24)
    assert (device.policy, e2e.policy) == ("device_contract", "e2e")
    assert (device.decides, e2e.decides) == (False, True)
    causes = {(each.subject, each.view): each.by_cause for each in report.lost}
    assert causes["site:hue", View.E2E] == dict.fromkeys(CAUSES, 0) | {"link": 10 * HOUR}
    assert ("site:hue", View.DEVICE) not in causes  # nothing was lost


def test_r15_4_helpers_of_a_site_are_no_lines_of_their_own() -> None:
    """A site is one line; its pool and its critical devices are how it is made."""
    report = report_of(court_of(ESTATE, CUT))
    assert {line.id for line in report.headline} == {"site:hue", "*:link", "*:server", "*"}
    assert [(line.id, line.view) for line in report.subjects] == [
        (id_, view) for id_ in ("agent:srv-hue", "link-hue", "srv-hue") for view in View
    ]


def test_r4_2_resolution_is_interval_and_timeout_and_a_site_has_its_coarsest_members() -> None:
    """Pools have none."""
    report = report_of(court_of(ESTATE, CUT), timeouts={"srv-hue": 2_000})
    assert line_of(report, "link-hue", View.DEVICE).resolution_ms == 20_000
    assert line_of(report, "srv-hue", View.E2E).resolution_ms == 62_000
    assert line_of(report, "site:hue", View.E2E).resolution_ms == 62_000
    assert line_of(report, "site:hue", View.DEVICE).resolution_ms == 0
    assert line_of(report, ALL, View.DEVICE).resolution_ms == line_of(report, ALL, View.DEVICE).merge_gap_ms == 0


def test_r4_1_an_incident_carries_onset_hard_restored_cause_and_grade() -> None:
    """R13.5, with what the judge confirmed."""
    confirmed = {("link-hue", View.DEVICE): [(4 * HOUR, 4 * HOUR + 6_000)]}
    report = report_of(court_of(ESTATE, CUT), Facts(PROVENANCE, "sealed", confirmed=confirmed))
    [link] = [each for each in report.incidents if each.subject == "link-hue"]
    assert (link.onset_ms, link.hard_ms, link.restored_ms) == (4 * HOUR, 4 * HOUR + 6_000, 14 * HOUR)
    assert (link.charged_ms, link.cause, link.why, link.grade, link.view) == (
        10 * HOUR, "link", "observed", "E1", View.DEVICE,
    )  # fmt: skip
    [site] = [each for each in report.incidents if each.subject == "site:hue"]
    assert (site.view, site.cause, site.charged_ms) == (View.E2E, "link", 10 * HOUR)
    assert {each.subject for each in report.incidents} == {"link-hue", "site:hue"}
    assert report.incidents_left_out == 0


def test_r15_3_fleets_are_pooled_by_class_and_whole_and_agents_are_not_among_them() -> None:
    """Never a mean of percentages."""
    report = report_of(court_of(ESTATE, CUT))
    whole = line_of(report, ALL, View.DEVICE).figures
    assert (whole.ast, whole.down, whole.availability) == (2 * DAY, 10 * HOUR, Fraction(38, 48))
    assert line_of(report, "*:server", View.E2E).figures.unreachable == 10 * HOUR
    assert whole.slo == Fraction(99, 100)


def test_a_fleet_takes_its_members_objective_where_they_agree() -> None:
    """Else the one that is asked for."""
    high = Objective(slo_ppm=999_000)
    a, b, c = (Subject(id=name, class_=class_, objective=high) for name, class_ in (("a", "x"), ("b", "x"), ("c", "y")))
    low = Subject(id="d", class_="y")
    report = report_of(court_of([a, b, c, low], {}), objective=Fraction(95, 100))
    assert line_of(report, "*:x", View.DEVICE).figures.slo == Fraction(999, 1000)
    assert line_of(report, "*:y", View.DEVICE).figures.slo == Fraction(95, 100)


def test_names_are_given_in_every_language() -> None:
    """`name` is that of the language asked for, and the id where there is none."""
    names = {"link-hue": {"vi": "Đường truyền Huế", "en": "Line to Hue"}}
    report = report_of(court_of(ESTATE, CUT), names=names, language="en")
    line = line_of(report, "link-hue", View.DEVICE)
    assert (line.name, line.names["vi"]) == ("Line to Hue", "Đường truyền Huế")
    assert line_of(report, "srv-hue", View.DEVICE).name == "srv-hue"
    assert line_of(report, ALL, View.DEVICE).names == {"en": "All targets", "vi": "Mọi đối tượng"}


def test_a_limit_takes_a_site_or_a_group_and_refuses_everything_else() -> None:
    """Subjects, fleets and lists are those of the limit."""
    other = Subject(id="srv-hn", site="hn", class_="server")
    group = Subject(id="group:all", kind=SubjectKind.GROUP, group=Group(GroupRule.ANY, ("srv-hue", "srv-hn")))
    court = court_of([*ESTATE, other, group], CUT)
    by_site = report_of(court, limit="site:hue")
    assert {line.id for line in by_site.subjects} == {"agent:srv-hue", "link-hue", "srv-hue"}
    assert {line.id for line in by_site.headline} == {"site:hue", "*:link", "*:server", "*"}
    assert {line.site for line in by_site.headline} == {"hue"}
    by_group = report_of(court, limit="group:all")
    assert {line.id for line in by_group.subjects} == {"srv-hue", "srv-hn"}
    assert {line.id for line in by_group.headline} == {"group:all", "*:server", "*"}
    assert line_of(by_group, ALL, View.DEVICE).figures.ast == 2 * DAY
    for wrong in ("hue", "srv-hue"):
        with pytest.raises(ValueError, match=f"{wrong}.*expected the id of a site or a group"):
            report_of(court, limit=wrong)


def test_an_empty_period_is_refused_and_an_empty_estate_has_no_data() -> None:
    """Nothing is invented."""
    with pytest.raises(ValueError, match="expected an end after its beginning"):
        assemble(court_of([], {}), Ask("x", (5, 5), "UTC"), FACTS)
    report = report_of(court_of([], {}))
    assert [(line.id, line.figures.verdict) for line in report.headline] == [(ALL, "NO_DATA"), (ALL, "NO_DATA")]
    assert report.subjects == report.incidents == report.lost == ()


def test_r12_3_a_subject_that_was_not_in_service_has_no_line() -> None:
    """One that was for a part is counted for that part."""
    gone = Subject(id="gone", scope=((DAY, None),))
    part = Subject(id="part", scope=((0, 6 * HOUR),))
    report = report_of(court_of([gone, part], {"part": spans((6, UP, Why.OBSERVED))}))
    assert {line.id for line in report.subjects} == {"part"}
    assert line_of(report, "part", View.DEVICE).figures.ast == 6 * HOUR


def test_r4_3_failures_that_stayed_soft_are_told() -> None:
    """By view."""
    soft = {("link-hue", View.E2E): [(HOUR, HOUR + 30_000), (DAY - 10_000, DAY + 10_000)]}
    report = report_of(court_of(ESTATE, CUT), Facts(PROVENANCE, "sealed", soft=soft))
    assert line_of(report, "link-hue", View.E2E).figures.soft_fail == 40_000
    assert line_of(report, "link-hue", View.DEVICE).figures.soft_fail == 0


def test_r12_5_coverage_of_the_collector_counts_what_is_known_so_far() -> None:
    """Until K while the period is open."""
    facts = Facts(PROVENANCE, "open", blinds=[(HOUR, 2 * HOUR)])
    assert report_of(court_of(ESTATE, CUT), facts).collector_coverage_ppm == 958_333
    assert report_of(court_of(ESTATE, CUT, known_ms=4 * HOUR), facts).collector_coverage_ppm == 750_000


def test_r17_5_unknown_time_has_a_cause_and_the_longest_are_kept() -> None:
    """Time under a window is planned and no longer unknown."""
    blind = spans((2, UP, Why.OBSERVED), (3, UNKNOWN, Why.BLIND), (10, UP, Why.OBSERVED), (14, UNKNOWN, Why.STALE),
                  (24, UP, Why.OBSERVED))  # fmt: skip
    window = Window("w1", 12 * HOUR, 24 * HOUR, (Selector(site="hue"),), False, "u1", "u2", "work", "C-1", False, 0)
    court = court_of([LINK], {"link-hue": blind}, Terms(windows=[window]))
    every = report_of(court)
    assert [(u.from_ms, u.to_ms, u.why, u.cause) for u in every.unknown] == [
        (2 * HOUR, 3 * HOUR, "collector_blind", "collector"), (10 * HOUR, 12 * HOUR, "stale", "agent"),
    ]  # fmt: skip
    few = report_of(court, most_unknown=1)
    assert ([u.why for u in few.unknown], few.unknown_left_out) == (["stale"], 1)


def test_r11_1_windows_are_counted_by_their_union() -> None:
    """Of two that overlap the second adds what the first has not; of one that names nobody nothing counts."""
    a, b, c = (
        Window(id_, x * HOUR, y * HOUR, (scope,), False, "u1", "u2", "work", "C-1", id_ == "b", 0)
        for id_, x, y, scope in (
            ("a", -2, 3, Selector(site="hue", class_="server")),
            ("b", 2, 5, Selector(subjects=("srv-hue",))),
            ("c", 1, 2, Selector(labels={"rack": "9"})),
        )
    )
    court = court_of(ESTATE, CUT, Terms(windows=[b, c, a]))
    report = report_of(court)
    assert [(w.id, w.counted_ms, w.retroactive) for w in report.windows] == [
        ("a", 3 * HOUR, False), ("c", 0, False), ("b", 2 * HOUR, True),
    ]  # fmt: skip
    assert [w.scope for w in report.windows] == ["site=hue class=server", "label rack=9", "srv-hue"]
    assert line_of(report, "srv-hue", View.DEVICE).figures.maintenance == 5 * HOUR
    assert [w.id for w in report_of(court, limit="site:hue").windows] == ["a", "b"]


def test_the_parameters_of_judgement_are_stated_once_for_each_way_of_judging() -> None:
    """SPEC 3.20, R5.1, R10.3: interval, timeout, time to live and counts, with the timeout of those that have their own."""
    other = Subject(id="srv-hn", site="hn", class_="server", rules=SERVER.rules)
    report = report_of(court_of([*ESTATE, other], CUT), timeouts={"link-hue": 2_000})
    assert [(p.kind, p.class_, p.interval_ms, p.timeout_ms, p.ttl_ms) for p in report.parameters] == [
        ("agent", "server", 15_000, 5_000, 37_500), ("target", "link", 15_000, 2_000, 37_500),
        ("target", "server", 60_000, 5_000, 150_000),
    ]  # fmt: skip
    line = report.parameters[1]
    assert (line.fail_after, line.recover_after, line.merge_gap_ms, line.silence_is_down) == (3, 1, 300_000, False)


def test_corrections_and_restatements_of_the_scope_are_listed() -> None:
    """R17.5; what is about others stays out of a limited report."""
    one = Correction("c1", "srv-hue", None, 4 * HOUR, 5 * HOUR, State.DOWN, "u1", "u2", "crashed", "C-2", 0)
    other = Subject(id="srv-hn", site="hn", class_="server")
    restated = RestatementLine(
        "1970-01-01", 1, "srv-hn", View.DEVICE, 0, HOUR, "up", "down", "R9.5", (3,), DAY, "", "100", "95.8333"
    )
    court = court_of([*ESTATE, other], CUT, Terms(corrections=[one]))
    facts = Facts(PROVENANCE, "sealed", restatements=[restated])
    whole, limited = report_of(court, facts), report_of(court, facts, limit="site:hue")
    assert [each.id for each in whole.corrections] == [each.id for each in limited.corrections] == ["c1"]
    assert (whole.restatements, limited.restatements) == ((restated,), ())
    assert [(i.subject, i.why) for i in whole.incidents if i.subject == "srv-hue"] == [("srv-hue", "corrected")]


def test_power_is_charged_where_two_machines_of_a_site_rebooted_at_once() -> None:
    """LESSONS 1.3: the boot records of a site show it; the same reboot alone is the host's."""
    reboot = spans((4, UP, Why.OBSERVED), (5, DOWN, Why.REBOOT), (24, UP, Why.OBSERVED))
    a, b = (Subject(id=id_, site="hue", class_="server") for id_ in "ab")
    far = Subject(id="c", site="hn", class_="server")
    report = report_of(court_of([a, b, far], {"a": reboot, "b": reboot, "c": reboot}))
    causes = {each.subject: each.by_cause for each in report.lost if each.view is View.DEVICE}
    assert (causes["a"]["power"], causes["b"]["power"], causes["c"]["power"], causes["c"]["host"]) == (HOUR, HOUR, 0, HOUR)
    assert {(i.subject, i.cause) for i in report.incidents} == {("a", "power"), ("b", "power"), ("c", "host")}
    told = report_of(court_of([far], {"c": reboot}), Facts(PROVENANCE, "sealed", power={"hn": [(4 * HOUR, 5 * HOUR)]}))
    assert [i.cause for i in told.incidents] == ["power"]


def test_r13_2_a_bounded_list_takes_whole_subjects_with_most_charged_time() -> None:
    """What is left out is counted, and the figures have all of it."""
    many = spans(*[(hour, DOWN if hour % 2 == 0 else UP, Why.OBSERVED) for hour in range(1, 25)])
    long = spans((1, UP, Why.OBSERVED), (23, DOWN, Why.OBSERVED), (24, UP, Why.OBSERVED))
    court = court_of([Subject(id=id_) for id_ in "abc"], {"a": many, "b": long, "c": many})
    report = report_of(court, most_incidents=13)
    assert {each.subject for each in report.incidents} == {"a", "b"}
    assert (len(report.incidents), report.incidents_left_out) == (13, 12)
    assert line_of(report, ALL, View.DEVICE).figures.incidents == 25


def test_progress_is_told() -> None:
    """While subjects are counted."""
    told: list[tuple[int, int]] = []
    assemble(court_of(ESTATE, CUT), Ask("d", PERIOD, "UTC"), FACTS, lambda done, total: told.append((done, total)))
    assert told == [(0, 3)]


# --- properties

_STATES = st.sampled_from([(UP, Why.OBSERVED), (UP, Why.BACKFILL), (DOWN, Why.OBSERVED), (DOWN, Why.REBOOT),
                           (UNREACHABLE, Why.PATH), (UNKNOWN, Why.BLIND), (UNKNOWN, Why.STALE),
                           (UNKNOWN, Why.PATH_UNCLEAR), (State.DEGRADED, Why.OBSERVED)])  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> list[Span]:
    edges = sorted({0, 24, *draw(st.lists(st.integers(1, 23), max_size=8))})
    return [Span(a * HOUR, b * HOUR, *draw(_STATES)) for a, b in pairwise(edges)]


_IDS = ("a", "b", "link", "srv-1", "srv-2")


@st.composite
def courts(draw: st.DrawFn) -> Court:
    observed = {
        id_: {View.DEVICE: (spans_ := draw(lines())), View.E2E: spans_ if draw(st.booleans()) else draw(lines())}
        for id_ in _IDS
    }
    subjects = [
        Subject(id=id_, site="s" if id_ in ("link", "srv-1", "srv-2") else "", class_=id_[:3],
                objective=Objective(policy=draw(st.sampled_from(["", "", "unknown_as_down", "calendar"]))),
                scope=draw(st.sampled_from([((0, None),), ((0, 5 * HOUR), (7 * HOUR, None))])))
        for id_ in _IDS
    ]  # fmt: skip
    subjects += [
        Subject(id="site:s", kind=SubjectKind.SITE, site="s", group=Group(GroupRule.ALL, ("link", "site:s:critical"))),
        Subject(id="site:s:critical", kind=SubjectKind.GROUP, site="s", group=Group(GroupRule.ANY, ("srv-1", "srv-2"))),
        Subject(id="group:w", kind=SubjectKind.GROUP, group=Group(GroupRule.POOLED, ("a", "srv-1"), weights=(3, 2))),
        Subject(id="group:k", kind=SubjectKind.GROUP, group=Group(GroupRule.K_OF_N, ("a", "b", "site:s"), 2)),
    ]
    scopes = st.sampled_from([Selector(site="s"), Selector(subjects=("a", "group:k"))])
    plans = draw(st.lists(st.tuples(st.integers(-2, 23), scopes, st.booleans()), max_size=3))
    windows = [
        Window(str(n), a * HOUR, (a + 3) * HOUR, (scope,), propagate, "u1", "u2", "", "", False, 0)
        for n, (a, scope, propagate) in enumerate(plans)
    ]
    return court_of(subjects, observed, Terms(windows=windows), draw(st.sampled_from([None, 20 * HOUR])))


@settings(max_examples=150, deadline=None)
@given(courts())
def test_every_line_agrees_with_the_court_and_its_lost_time_adds_up(court: Court) -> None:
    """Figures are the court's own, whatever shares work; causes add up to all that was neither up nor degraded."""
    report = report_of(court)
    sums = {(each.subject, each.view): each for each in report.lost}
    for line in [*report.headline, *report.subjects]:
        f = line.figures
        if line.kind != "fleet":
            assert f == court.figures(line.id, line.view, PERIOD)
        lost_ms = f.ast - f.up - f.degraded
        found = sums.get((line.id, line.view))
        assert (found is None) is (lost_ms == 0)
        if found is not None:
            assert found.total_ms == lost_ms == sum(found.by_cause.values())
            assert min(found.by_cause.values()) >= 0
    for view in View:
        of_all = [line.figures for line in report.subjects if line.view is view and line.kind == "target"]
        assert line_of(report, ALL, view).figures == pool([(1, f) for f in of_all], Fraction(99, 100))


@settings(max_examples=150, deadline=None)
@given(courts())
def test_lists_hold_what_the_figures_count(court: Court) -> None:
    """Incidents and charged time of the list are those of the figures (R13.2), unknown stretches add up to unknown time."""
    report = report_of(court)
    for line in [*report.headline, *report.subjects]:
        if line.kind == "fleet" or not line.decides or line.id == "group:w":
            continue
        f = line.figures
        mine = [each for each in report.incidents if (each.subject, each.view) == (line.id, line.view)]
        assert len(mine) == f.incidents
        assert sum(each.charged_ms for each in mine) == f.charged
        gaps = [each for each in report.unknown if (each.subject, each.view) == (line.id, line.view)]
        assert sum(each.to_ms - each.from_ms for each in gaps) == f.unknown


@settings(max_examples=100, deadline=None)
@given(courts())
def test_a_targets_causes_are_those_of_the_plain_rule(court: Court) -> None:
    """The quick way and the long one agree with `causes.lost`."""
    links = links_of(court.roll)
    counting, blame = Counting(court, PERIOD, links, {}), Blame(court, {}, links)
    for id_ in _IDS:
        for view in View:
            question = counting.question(id_, view)
            planned = () if question.policy.ignores_maintenance else question.windows
            agreed = clip(question.scope, PERIOD[0], question.until_ms)
            expected = lost(court.spans(id_, view), agreed, planned, is_link=id_ in links)
            assert blame.lost(id_, view, counting.of(id_, view), question) == tuple([expected[cause] for cause in CAUSES])
