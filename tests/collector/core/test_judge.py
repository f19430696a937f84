"""The judge of one target: late evidence (3.9), observers (3.3), scope (R12.3), rules over time (R1.2); live as a whole."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Kind
from collector.core.intervals import minus, size
from collector.core.judge import CENTRE, Judge, judge_all
from collector.core.state import State, View, Why, grade_of
from collector.core.stretch import Result, Stretch
from collector.core.subject import Rules, Timetable
from tests.collector.core.judging import (
    BOTH,
    MS,
    PROBE,
    PUSH,
    PUSH_DOWN,
    blind,
    changing,
    every,
    judged,
    line,
    marker,
    obs,
    reasons,
    report,
    reports,
    rules,
    through,
    told,
)  # fmt: skip

UP, DOWN, UNKNOWN, UNREACHABLE, DEGRADED = "up", "down", "unknown", "unreachable", "degraded"


# --- late evidence (3.9)


def test_r9_1_only_live_reports_are_samples() -> None:
    judge = judged([*reports(0, 300), *reports(360, 840, live=False)], PUSH_DOWN)
    assert told(judge, 1200) == [(0, 840, UP), (840, 1200, DOWN)]
    assert reasons(judge, 1200)[:2] == [(0, 360, Why.REPORTING), (360, 840, Why.BACKFILL)]


def test_r9_2_r9_7_v22_a_hole_in_the_spool_gives_no_cover() -> None:
    """Reports without a boot id, 360 to 480 and 780 to 840 were kept: what lies between is not proved."""
    spool = [*reports(360, 480, live=False), *reports(780, 840, live=False)]
    judge = judged([*reports(0, 300), *spool, *reports(900, 1200)], PUSH_DOWN)
    assert told(judge, 1200) == [(0, 480, UP), (480, 780, DOWN), (780, 1200, UP)]


def test_r9_3_v22_with_a_boot_id_the_hole_is_bridged_by_grade_e3() -> None:
    spool = [*reports(360, 480, "b1", live=False), *reports(780, 840, "b1", live=False)]
    judge = judged([*reports(0, 300, "b1"), *spool, *reports(900, 1200, "b1")], PUSH_DOWN)
    assert told(judge, 1200) == [(0, 1200, UP)]
    grades = [(a, b, grade_of(why)) for a, b, why in reasons(judge, 1200)]
    assert grades == [(0, 360, "E1"), (360, 480, "E2"), (480, 780, "E3"), (780, 900, "E2"), (900, 1200, "E1")]


def test_r9_3_unreachable_time_becomes_up_in_the_device_view_only() -> None:
    parent = line((0, 350, State.UP), (350, 890, State.DOWN), (890, 2000, State.UP))
    evidence = [*reports(0, 300), *reports(360, 840, live=False), *reports(900, 1200)]
    judge = judged(evidence, PUSH_DOWN, paths=through([parent]))
    assert told(judge, 1200) == [(0, 1200, UP)]
    assert told(judge, 1200, View.E2E) == [(0, 360, UP), (360, 900, UNREACHABLE), (900, 1200, UP)]


def test_r9_4_late_reports_do_not_overturn_explicit_failures() -> None:
    evidence = [*every(0, 240), *every(300, 840, "fail"), *every(900, 1200)]
    judge = judged([*evidence, *reports(0, 1200, "b1", live=False)], BOTH)
    assert told(judge, 1200) == [(0, 300, UP), (300, 900, DOWN), (900, 1200, UP)]


def test_r9_5_a_failed_local_check_in_the_spool_turns_time_down() -> None:
    """A check by the agent itself, of the service on its own host; the centre saw nothing else of it."""
    evidence = [
        *every(0, 240, observer="host"),
        *every(300, 840, "fail", observer="host", live=False),
        *every(900, 1200, observer="host"),
    ]
    judge = judged(evidence)
    assert told(judge, 1200) == [(0, 300, UP), (300, 900, DOWN), (900, 1200, UP)]


def test_r9_6_the_end_to_end_view_ignores_late_evidence() -> None:
    judge = judged([*every(0, 240), *every(300, 840, live=False), *every(900, 1200)])
    assert told(judge, 1200) == [(0, 1200, UP)]
    assert told(judge, 1200, View.E2E) == [(0, 390, UP), (390, 900, UNKNOWN), (900, 1200, UP)]


# --- several observers (3.3, R9.8)

SITE = "agent-7"


def test_3_3_several_observers_combine_by_or_and_the_centre_alone_speaks_end_to_end() -> None:
    judge = judged([*every(0, 240), *every(300, 900, "fail"), *every(10, 910, observer=SITE)])
    assert told(judge, 900) == [(0, 900, UP)]
    assert told(judge, 900, View.E2E) == [(0, 300, UP), (300, 900, DOWN)]


def test_3_3_several_checks_of_one_host_combine_by_or() -> None:
    judge = judged([*every(0, 900, "fail"), *every(5, 905, module="snmp")])
    for view in View:
        assert told(judge, 900, view) == [(0, 5, DOWN), (5, 900, UP)]


def test_3_3_a_target_seen_by_its_site_only_is_unknown_end_to_end() -> None:
    judge = judged(every(0, 900, observer=SITE))
    assert told(judge, 900, View.E2E) == [(0, 900, UNKNOWN)]


def test_r9_8_late_observations_of_a_site_observer_are_samples_ok_and_fail_alike() -> None:
    late = [*every(300, 480, observer=SITE, live=False), *every(540, 720, "fail", observer=SITE, live=False)]
    judge = judged([*every(0, 240, observer=SITE), *late, *every(780, 900, observer=SITE)])
    assert told(judge, 900) == [(0, 540, UP), (540, 780, DOWN), (780, 900, UP)]
    assert judge.confirmed(View.DEVICE) == [(540 * MS, 660 * MS)]
    assert judge.confirmed(View.E2E) == []


def test_r9_8_the_path_is_judged_from_that_observer() -> None:
    """From the centre the line is cut; the site's own observer stands behind it."""
    cut = through([line((0, 300, State.UP), (300, 2000, State.DOWN))])
    paths = {**cut, SITE: through([line((0, 2000, State.UP))])[View.DEVICE]}
    failing = [*every(0, 240), *every(300, 720, "fail")]
    by_site = [msgspec.structs.replace(s, observer=SITE, live=s.first_ms < 300 * MS) for s in failing]
    assert told(judged(by_site, paths=paths), 720) == [(0, 300, UP), (300, 720, DOWN)]
    both = judged([*failing, *by_site], paths=paths)
    assert told(both, 720) == [(0, 300, UP), (300, 720, DOWN)]
    assert told(both, 720, View.E2E) == [(0, 300, UP), (300, 720, UNREACHABLE)]


def test_r9_8_a_dead_site_observer_makes_its_devices_unknown_never_down() -> None:
    samples = [*every(0, 300, observer=SITE), *every(900, 1200, observer=SITE)]
    judge = judged(samples, rules(silence_is_down=True), blind(310, 890, SITE))
    assert reasons(judge, 900)[-1] == (310, 900, Why.BLIND)
    assert told(judge, 1200) == [(0, 310, UP), (310, 900, UNKNOWN), (900, 1200, UP)]


def test_r9_8_a_blind_record_that_comes_late_makes_the_judge_anew_where_it_matters() -> None:
    judge = judged([*every(0, 300, observer=SITE), *every(900, 1200, observer=SITE)])
    judge.blind(blind(1000, 1050, SITE))
    assert judge.behind_ms is None
    judge.blind(blind(310, 890, SITE))
    assert judge.behind_ms == 310 * MS


# --- scope (R12.3) and rules (R1.2) over time


def test_r12_3_outside_the_scope_nothing_is_told_and_nothing_counts() -> None:
    judge = judged(every(0, 1200), scope=((300 * MS, 600 * MS), (900 * MS, None)))
    assert told(judge, 1200) == [(300, 600, UP), (900, 1200, UP)]


def test_r12_3_what_was_seen_before_a_retirement_holds_nothing_after_it() -> None:
    """The last good sample would hold until 690; service begins again at 620."""
    scope = ((0, 600 * MS), (620 * MS, None))
    judge = judged(every(0, 540), scope=scope)
    assert told(judge, 700) == [(0, 600, UP), (620, 700, UNKNOWN)]
    assert judge.now(View.DEVICE, 700 * MS).why is Why.NEVER
    judge = judged([*every(0, 540), *every(650, 770, "fail")], rules(fail_after=2), scope=scope)
    assert told(judge, 800) == [(0, 600, UP), (620, 650, UNKNOWN), (650, 800, DOWN)]


def test_r12_3_a_run_is_cut_where_service_ends_and_begins() -> None:
    """One stretch of 21 samples, or one by one."""
    scope = ((100 * MS, 610 * MS), (905 * MS, None))
    run = Stretch(Kind.OBS, CENTRE, "ping", Result.OK, 0, 1200 * MS, 21, (), 60_000)
    for evidence in ([run], every(0, 1200)):
        found = told(judged(evidence, scope=scope), 1200)
        assert found == [(100, 120, UNKNOWN), (120, 610, UP), (905, 960, UNKNOWN), (960, 1200, UP)]


def test_r1_2_each_failure_is_counted_by_the_rules_of_its_instant() -> None:
    how = changing((0, PROBE), (500, rules(fail_after=1)))
    judge = judged([*every(0, 240), *every(300, 360, "fail"), *every(420, 480), obs(540, "fail"), *every(600, 720)], how)
    assert told(judge, 720) == [(0, 540, UP), (540, 600, DOWN), (600, 720, UP)]


def test_r1_2_a_hold_is_that_of_the_rules_of_its_sample() -> None:
    how = changing((0, PROBE), (500, rules(ttl_ms=600_000)))
    judge = judged([obs(0), obs(400), obs(600), obs(1100)], how)
    assert told(judge, 1100) == [(0, 150, UP), (150, 400, UNKNOWN), (400, 550, UP), (550, 600, UNKNOWN), (600, 1100, UP)]


def test_r1_2_gap_policy_and_uptime_evidence_count_from_when_they_hold() -> None:
    how = changing((0, PUSH), (600, rules(PUSH, accept_uptime_evidence=False)))
    evidence = [*reports(0, 300, "b1"), *reports(900, 1200, "b1")]
    assert told(judged(evidence, how), 1200) == [(0, 600, UP), (600, 900, UNKNOWN), (900, 1200, UP)]


# --- run-length: the ends of a good stretch, all instants of a failed one


def packed(samples: list[Stretch]) -> list[Stretch]:
    """Equal neighbours at most 90 s apart made one stretch, as evidence is stored."""
    out: list[Stretch] = []
    for s in samples:
        last = out[-1] if out else None
        same = last is not None and (last.kind, last.result, last.observer, last.boot, last.live) == (
            s.kind, s.result, s.observer, s.boot, s.live,
        )  # fmt: skip
        if last is not None and same and s.first_ms - last.last_ms <= 90_000:
            times = (*(last.times or (last.first_ms,)), s.first_ms) if s.result is Result.FAIL else ()
            out[-1] = msgspec.structs.replace(last, last_ms=s.last_ms, count=last.count + 1, times=times)
        else:
            out.append(s)
    return out


RESULTS = st.sampled_from(["ok", "ok", "ok", "degraded", "fail", "fail"])
STEPS = st.sampled_from([15, 60, 60, 60, 75, 150, 151, 400])


@st.composite
def timelines(draw: st.DrawFn) -> list[Stretch]:
    """Probes with retries, lost ones and gaps."""
    out, t = [], 0
    for _ in range(draw(st.integers(1, 25))):
        result = draw(RESULTS)
        out += [obs(t + 60 * k, result) for k in range(draw(st.integers(1, 4)))]
        t = out[-1].first_ms // MS + draw(STEPS)
    return out


HOWS = st.builds(
    lambda n, m, bridge: rules(fail_after=n, recover_after=m, gap_policy=bridge),
    st.integers(1, 3), st.integers(1, 3), st.sampled_from(list(type(PROBE.gap_policy))),
)  # fmt: skip
PARENT = through(
    [line((0, 400, State.UP), (400, 700, State.DOWN), (700, 1000, State.UNKNOWN), (1000, 9000, State.UP))], slack=30
)


@given(timelines(), HOWS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_stretches_say_what_their_samples_say(samples: list[Stretch], how: Rules, is_behind: bool) -> None:
    paths = PARENT if is_behind else None
    end = samples[-1].last_ms // MS + 500
    one, other = judged(samples, how, paths=paths), judged(packed(samples), how, paths=paths)
    for view in View:
        assert one.spans(view, 0, end * MS) == other.spans(view, 0, end * MS)
        assert one.soft_runs(view) == other.soft_runs(view)
        assert one.confirmed(view) == other.confirmed(view)


def test_a_good_run_that_goes_on_beyond_a_failure_is_cut_there() -> None:
    """A run may be extended across a single failure, as the gap is short; the failure still counts in its place."""
    how = rules(fail_after=1, recover_after=2)
    samples = [obs(t, "fail" if t == 300 else "ok") for t in range(0, 661, 60)]
    run = Stretch(Kind.OBS, CENTRE, "ping", Result.OK, 0, 660 * MS, 12, (), 60_000)
    assert told(judged(samples, how), 660) == told(judged([obs(300, "fail"), run], how), 660)
    assert told(judged([obs(300, "fail"), run], how), 660) == [(0, 300, UP), (300, 360, DOWN), (360, 660, UP)]


def test_of_samples_at_one_instant_the_best_counts() -> None:
    for some in itertools.permutations([obs(60, "fail"), obs(60, "degraded"), obs(60)]):
        judge = judged([obs(0), *some, *every(120, 240, "degraded")], rules(fail_after=1))
        assert told(judge, 240) == [(0, 120, UP), (120, 240, DEGRADED)]


def test_modules_that_report_side_by_side_are_one_sign_of_life() -> None:
    """Two readers of one agent, told as two runs that overlap."""
    both = [Stretch(Kind.REPORT, "T", m, Result.OK, t * MS, (t + 1200) * MS, 21, (), 60_000) for m, t in (("a", 0), ("b", 7))]
    judge = judged(both, PUSH_DOWN)
    assert told(judge, 2000) == [(0, 1267, UP), (1267, 2000, DOWN)]


# --- live is whole


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, Stretch]]:
    """Evidence of one target with when it was received: probes by two observers, reports, two boots, some of it late."""
    out: list[tuple[int, Stretch]] = []
    for k in range(draw(st.integers(3, 30))):
        t = 60 * k + draw(st.sampled_from([0, 0, 0, 3, 20]))
        late = draw(st.sampled_from([0, 0, 0, 0, 200, 700]))
        boot = "b1" if k < 15 else "b2"
        kind = draw(st.sampled_from(["obs", "obs", "site", "report", "report", "none", "stop", "stall"]))
        more = {"live": late == 0}
        if kind == "obs":
            out.append((t + late, obs(t, draw(RESULTS), **more)))
        elif kind == "site":
            out.append((t + late, obs(t, draw(RESULTS), observer=SITE, **more)))
        elif kind == "report":
            out.append((t + late, report(t, boot, **more)))
        elif kind == "stop":
            out.append((t + late, marker(Kind.AGENT_STOP, t, boot, farewell=draw(st.booleans()), **more)))
        elif kind == "stall":
            out.append((t + late, marker(Kind.STALL, t, boot, until_ms=(t + 200) * MS, **more)))
    return out


SIGNS = st.sampled_from([PROBE, PUSH, PUSH_DOWN, BOTH, rules(BOTH, recover_after=2, fail_after=1)])


@given(histories(), SIGNS, st.booleans(), st.data())
@settings(max_examples=400, deadline=None)
def test_live_equals_whole(arriving: list[tuple[int, Stretch]], how: Rules, is_behind: bool, data: st.DataObject) -> None:
    """One by one in the order of receipt, some of it twice, asked in between; what cannot be taken in place is judged anew."""
    timetable, paths = Timetable.always(how), PARENT if is_behind else None
    twice = data.draw(st.lists(st.sampled_from(arriving), max_size=5)) if arriving else []
    order = sorted([*arriving, *[(rx + 100, s) for rx, s in twice]], key=lambda pair: pair[0])
    live, seen = Judge(timetable, paths=paths), list[Stretch]()
    whole = judge_all([], [], timetable, paths=paths)
    for rx, stretch in order:
        live.see(stretch)
        seen.append(stretch)
        if live.behind_ms is not None:
            live = judge_all(seen, [], timetable, paths=paths)
            assert live.behind_ms is None
        until = max(s.last_ms for s in seen) + 1
        whole = judge_all([s for _, s in {id(s): (0, s) for s in seen}.values()], [], timetable, paths=paths)
        for view in View:
            live.now(view, until)
            assert live.spans(view, 0, until, known_ms=rx * MS) == whole.spans(view, 0, until, known_ms=rx * MS)
    assert live.confirmed(View.DEVICE) == whole.confirmed(View.DEVICE)
    assert live.soft_runs(View.DEVICE) == whole.soft_runs(View.DEVICE)


@given(histories(), SIGNS, st.randoms())
@settings(max_examples=100, deadline=None)
def test_3_18_3_order_and_repetition_change_nothing(arriving: list[tuple[int, Stretch]], how: Rules, dice: object) -> None:
    evidence = [s for _, s in arriving]
    mixed = [*evidence, *evidence]
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    for view in View:
        assert judged(evidence, how).spans(view, 0, 2500 * MS) == judged(mixed, how).spans(view, 0, 2500 * MS)


@given(histories(), SIGNS, st.integers(0, 2400))
@settings(max_examples=100, deadline=None)
def test_3_18_2_parts_of_a_period_add_up(arriving: list[tuple[int, Stretch]], how: Rules, middle: int) -> None:
    judge = judged([s for _, s in arriving], rules(how, gap_policy=list(type(how.gap_policy))[middle % 2]))
    for view in View:
        whole = told(judge, 2400, view)
        left = judge.spans(view, 0, middle * MS, known_ms=2400 * MS)
        right = judge.spans(view, middle * MS, 2400 * MS)
        assert sum(b - a for a, b, _ in whole) == 2400
        for state in State:
            parts = sum(s.to_ms - s.from_ms for s in (*left, *right) if s.state is state)
            assert parts == sum((b - a) * MS for a, b, name in whole if name == state)


def test_what_fell_behind_says_from_when() -> None:
    judge = Judge(Timetable.always(PROBE))
    for s in (obs(0), *every(60, 180, "fail"), obs(400)):
        judge.see(s)
    judge.see(obs(240))
    assert judge.behind_ms == 240 * MS
    judge.see(obs(120))
    assert judge.behind_ms == 120 * MS


def test_a_late_sample_that_says_what_is_known_is_taken_in_place() -> None:
    judge = Judge(Timetable.always(PROBE))
    for s in every(0, 600):
        judge.see(s)
    for s in (obs(90, live=False), obs(300), obs(600), obs(600, "fail")):
        judge.see(s)
    assert judge.behind_ms is None
    assert told(judge, 700) == [(0, 700, UP)]


@pytest.mark.parametrize("how", [PROBE, PUSH_DOWN])
def test_forgetting_changes_nothing_after(how: Rules) -> None:
    evidence = [
        *reports(0, 300, "b1"),
        *reports(900, 1200, "b1"),
        *every(0, 900),
        *every(960, 1080, "fail"),
        *every(1140, 1200),
    ]
    kept, forgetful = judged(evidence, how), judged(evidence, how)
    forgetful.forget(1000 * MS)
    for view in View:
        assert told(forgetful, 2000, view, from_=1000) == told(kept, 2000, view, from_=1000)
    forgetful.see(obs(400, "fail"))
    assert (forgetful.behind_ms is not None) is (how is PROBE)


# --- maintenance is an overlay (3.11): what is judged under a window is what is judged without


@pytest.mark.parametrize(("window", "charged"), [((200, 500), 100), ((360, 700), 60), ((0, 300), 300), ((300, 600), 0)])
def test_r11_2_v28_v30_time_outside_a_window_is_charged_wherever_the_outage_began(
    window: tuple[int, int], charged: int
) -> None:
    judge = judged([*every(0, 240), *every(300, 540, "fail"), *every(600, 900)])
    down = [(a, b) for a, b, state in told(judge, 900) if state == DOWN]
    assert size(minus([(int(a), int(b)) for a, b in down], [window])) == charged


def test_3_3_a_degraded_thing_is_not_undone_by_another_thing_but_by_another_observer_of_the_same() -> None:
    """Ping answers while the disk is full: degraded. The same probe from elsewhere finds nothing wrong: up."""
    full = [obs(t, Result.DEGRADED, module="snmp") for t in range(0, 600, 60)]
    answered = [obs(t, Result.OK, module="icmp") for t in range(0, 600, 60)]
    elsewhere = [obs(t, Result.OK, module=f"snmp:{SITE}", observer=SITE) for t in range(0, 600, 60)]
    for evidence, wanted in (([*full, *answered], State.DEGRADED), ([*full, *answered, *elsewhere], State.UP)):
        judge = judged(evidence, PROBE)
        assert {span.state for span in judge.spans(View.DEVICE, 0, 600 * MS)} == {wanted}
        assert judge.now(View.DEVICE, 600 * MS).state is wanted
