"""Missed reports of targets that only push (SPEC 3.6): due instants, blindness, and how long somebody has watched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.core.silence import missed, watched
from collector.core.state import State, View, Why
from collector.core.subject import Sign
from tests.collector.core.judging import (
    BOTH,
    MS,
    PUSH,
    PUSH_DOWN,
    blind,
    changing,
    every,
    judged,
    line,
    reasons,
    report,
    reports,
    rules,
    runs,
    through,
    told,
)  # fmt: skip

UP, DOWN, UNKNOWN, UNREACHABLE = "up", "down", "unknown", "unreachable"
BLINDS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=4)


@given(last=st.integers(0, 10), interval=st.integers(1, 7), until=st.integers(0, 70), blinds=BLINDS)
def test_r6_2_missed_names_every_due_instant_at_which_nobody_was_blind(
    last: int, interval: int, until: int, blinds: list[tuple[int, int]]
) -> None:
    """Records may overlap and hold each other. Rows are broken wherever somebody was blind in between."""
    found = missed(last, interval, until, sorted(blinds))
    instants = [t for a, b in found for t in range(a, b + 1, interval)]
    seeing = [t for t in range(last + interval, until, interval) if not any(a <= t < b for a, b in blinds)]
    assert instants == seeing
    for a, b in found:
        assert not any(a < from_ < b for from_, _ in blinds)


def test_r6_2_watched_ends_at_the_first_blindness() -> None:
    assert watched((100, 160), 90, 190, [])
    assert not watched((100, 160), 90, 189, [])
    assert not watched((100, 160), 90, 400, [(150, 300)])
    assert watched((100, 160), 50, 400, [(0, 90), (150, 300)])


def test_r6_2_two_reports_a_ttl_apart_miss_nothing() -> None:
    assert told(judged([report(0), report(150)], PUSH_DOWN), 150) == [(0, 150, UP)]
    assert told(judged([report(0), report(151)], PUSH_DOWN), 151) == [(0, 60, UP), (60, 151, DOWN)]


def test_r6_3_down_starts_at_the_first_missed_due_instant() -> None:
    """Its confirmation was the rest of the TTL: onset 360, hard 450."""
    judge = judged([*reports(0, 300), *reports(900, 1200)], PUSH_DOWN)
    assert told(judge, 1200) == [(0, 360, UP), (360, 900, DOWN), (900, 1200, UP)]
    assert judge.confirmed(View.DEVICE) == [(360 * MS, 450 * MS)]


def test_r6_3_silence_means_unknown_unless_it_is_said_to_mean_down() -> None:
    judge = judged([*reports(0, 300), *reports(900, 1200)], PUSH)
    assert told(judge, 1200) == [(0, 360, UP), (360, 900, UNKNOWN), (900, 1200, UP)]
    assert reasons(judge, 900)[1:] == [(360, 900, Why.SILENT)]


def test_r6_3_over_a_broken_path_silence_is_unreachable() -> None:
    parent = line((0, 350, State.UP), (350, 700, State.DOWN), (700, 2000, State.UP))
    judge = judged([*reports(0, 300), *reports(900, 1200)], PUSH_DOWN, paths=through([parent]))
    assert told(judge, 1200) == [(0, 360, UP), (360, 720, UNREACHABLE), (720, 900, DOWN), (900, 1200, UP)]


def test_r4_5_r6_3_down_by_absence_stays_down_when_the_path_breaks_later() -> None:
    parent = line((0, 500, State.UP), (500, 800, State.DOWN), (800, 2000, State.UP))
    judge = judged([*reports(0, 300), *reports(900, 1200)], PUSH_DOWN, paths=through([parent]))
    assert told(judge, 1200) == [(0, 360, UP), (360, 900, DOWN), (900, 1200, UP)]
    assert reasons(judge, 900)[1:] == [(360, 900, Why.SILENT)]


def test_r6_2_due_instants_in_blindness_are_not_missed() -> None:
    """Blind [340, 700): due 360 to 660 are nobody's fault, 720 is missed."""
    judge = judged([*reports(0, 300), *reports(900, 1200)], PUSH_DOWN, blind(340, 700))
    assert told(judge, 1200) == [(0, 340, UP), (340, 720, UNKNOWN), (720, 900, DOWN), (900, 1200, UP)]


def test_r6_2_silence_at_the_end_counts_when_a_ttl_has_passed() -> None:
    judge = judged(reports(0, 300), PUSH_DOWN)
    assert told(judge, 450) == [(0, 450, UP)]
    assert told(judge, 451) == [(0, 360, UP), (360, 451, DOWN)]
    now = judge.now(View.DEVICE, 451 * MS)
    assert (now.from_ms, now.state, now.why) == (360 * MS, State.DOWN, Why.SILENT)


def test_r6_2_after_blindness_silence_is_watched_anew() -> None:
    """Nobody looked [310, 1000): silence from 1020 on is down only when it was watched for the 90 s that confirm it."""
    judge = judged(reports(0, 300), PUSH_DOWN, blind(310, 1000))
    assert told(judge, 1109) == [(0, 310, UP), (310, 1109, UNKNOWN)]
    assert told(judge, 1110) == [(0, 310, UP), (310, 1020, UNKNOWN), (1020, 1110, DOWN)]


def test_asking_leaves_no_trace() -> None:
    """Trailing silence is assumed for the answer only."""
    judge = judged(reports(0, 300), PUSH_DOWN)
    before = judge.changes
    for until in (460, 1000, 5000):
        told(judge, until)
        judge.now(View.DEVICE, until * MS)
    assert judge.changes == before
    for one in reports(360, 600):
        judge.see(one)
    assert told(judge, 600) == [(0, 600, UP)]
    assert judge.confirmed(View.DEVICE) == []


def test_a_day_that_is_over_is_told_as_known_later() -> None:
    """Silence that began 20 s before midnight is missed at the due instant before it, once that is confirmed."""
    judge = judged([*reports(0, 300), report(2000)], PUSH_DOWN)
    later = judged(reports(0, 300), PUSH_DOWN)
    assert told(later, 380) == [(0, 380, UP)]
    assert told(later, 380, known_ms=1000 * MS) == told(judge, 380) == [(0, 360, UP), (360, 380, DOWN)]


def test_r6_4_an_explicit_failure_ends_down_by_absence() -> None:
    """From then on late evidence cannot lift it (R9.4)."""
    silence = [*reports(0, 300), report(900, result="fail"), *reports(960, 1200)]
    judge = judged([*silence, *reports(360, 840, live=False)], PUSH_DOWN)
    assert told(judge, 1200) == [(0, 900, UP), (900, 960, DOWN), (960, 1200, UP)]


def test_r4_1_silence_confirms_a_run_that_waited() -> None:
    """Failing self-reports, then none: down from the first failure, which is the onset."""
    judge = judged([*reports(0, 240), *reports(300, 360, result="fail")], PUSH_DOWN)
    assert told(judge, 1000) == [(0, 300, UP), (300, 1000, DOWN)]
    assert reasons(judge, 1000)[1:] == [(300, 420, Why.OBSERVED), (420, 1000, Why.SILENT)]
    again = judged([*reports(0, 240), *reports(300, 360, result="fail"), report(900)], PUSH_DOWN)
    assert again.confirmed(View.DEVICE) == [(300 * MS, 510 * MS)]


def test_reports_without_an_interval_have_that_of_the_rules() -> None:
    first = [report(t) for t in (0, 60)]
    plain = [type(s)(s.kind, s.observer, s.module, s.result, s.first_ms, s.last_ms) for s in first]
    assert told(judged(plain, PUSH_DOWN), 600) == [(0, 120, UP), (120, 600, DOWN)]


def test_r1_2_what_silence_means_is_asked_at_each_due_instant() -> None:
    how = changing((0, PUSH), (600, PUSH_DOWN))
    judge = judged([*reports(0, 300), *reports(1200, 1500)], how)
    assert told(judge, 1500) == [(0, 360, UP), (360, 600, UNKNOWN), (600, 1200, DOWN), (1200, 1500, UP)]


def test_r1_2_silence_is_judged_only_while_reports_are_what_counts() -> None:
    """First pushed, then probed: the reports that go on are not missed, and no longer samples."""
    how = changing((0, PUSH_DOWN), (600, BOTH))
    judge = judged([*reports(0, 500), *every(610, 1000)], how)
    assert told(judge, 1000) == [(0, 540, UP), (540, 600, DOWN), (600, 610, UNKNOWN), (610, 1000, UP)]
    back = changing((0, BOTH), (600, PUSH_DOWN))
    judge = judged([*reports(0, 1200), *every(0, 1200, "fail")], back)
    assert told(judge, 1200) == [(0, 600, DOWN), (600, 1200, UP)]


def test_r12_3_what_was_missed_before_a_retirement_stays_missed() -> None:
    """Whatever comes after the target is in service again; between the two nothing is missed, and before its first
    report nothing is known (R5.6)."""
    scope = ((0, 1000 * MS), (2000 * MS, None))
    judge = judged(reports(0, 300), PUSH_DOWN, scope=scope)
    before = told(judge, 1500)
    assert before == [(0, 360, UP), (360, 1000, DOWN)]
    assert told(judge, 2500) == [*before, (2000, 2500, UNKNOWN)]
    for one in reports(2100, 2400):
        judge.see(one)
    assert told(judge, 2400) == [*before, (2000, 2100, UNKNOWN), (2100, 2400, UP)]
    assert judge.behind_ms is None


def test_both_views_of_a_pushing_target_without_parents_are_the_same_sequence() -> None:
    judge = judged([*reports(0, 300), *reports(900, 1200)], rules(PUSH_DOWN, sign=Sign.PUSH))
    assert told(judge, 1200, View.E2E) == told(judge, 1200) == runs(judge.spans(View.E2E, 0, 1200 * MS))
