"""Samples through the table: onset, soft runs, retries, holds, gaps (SPEC 3.4, 3.5). Seconds, TTL 150, N = 3, M = 1."""

from __future__ import annotations

import pytest

from collector.core.dependency import OpenPath
from collector.core.machine import Machine
from collector.core.state import State, View, Why
from collector.core.stretch import Stretch
from collector.core.subject import GapPolicy, Timetable
from tests.collector.core.judging import MS, PROBE, blind, every, judged, line, obs, reasons, rules, through, told

UP, DOWN, UNKNOWN, UNREACHABLE, DEGRADED = "up", "down", "unknown", "unreachable", "degraded"


def test_r4_1_down_starts_at_the_first_failed_check_and_the_hard_instant_is_kept() -> None:
    judge = judged([*every(0, 240), *every(300, 540, "fail"), *every(600, 900)])
    assert told(judge, 900) == [(0, 300, UP), (300, 600, DOWN), (600, 900, UP)]
    assert judge.confirmed(View.DEVICE) == [(300 * MS, 420 * MS)]


def test_r4_1_recovery_starts_at_the_first_good_check_of_a_confirmed_recovery() -> None:
    how = rules(recover_after=3)
    outage = [*every(0, 60), *every(120, 240, "fail")]
    assert told(judged([*outage, *every(300, 480)], how), 480) == [(0, 120, UP), (120, 300, DOWN), (300, 480, UP)]
    lucky = [*outage, *every(300, 360), obs(420, "fail"), *every(480, 600)]
    assert told(judged(lucky, how), 660) == [(0, 120, UP), (120, 480, DOWN), (480, 660, UP)]


def test_r4_3_a_failure_that_stays_soft_is_listed_and_not_charged() -> None:
    judge = judged([*every(0, 240), *every(300, 360, "fail"), *every(420, 600)])
    assert told(judge, 600) == [(0, 600, UP)]
    assert judge.soft_runs(View.DEVICE) == [(300 * MS, 420 * MS)]


def _probed(down: tuple[int, int], retry: int) -> list[Stretch]:
    """Probes every 60 s, `retry` seconds after a failure that is not confirmed yet."""
    out, t, failed = [], 0, 0
    while t < 1200:
        is_down = down[0] <= t < down[1]
        failed = failed + 1 if is_down else 0
        out.append(obs(t, "fail" if is_down else "ok"))
        t += retry if 0 < failed < 3 else 60
    return out


@pytest.mark.parametrize(("retry", "enough"), [(15, 90), (60, 180)])
def test_r4_3_fast_retries_confirm_every_outage_of_90_s(retry: int, enough: int) -> None:
    """Whenever it begins between two probes; without retries it takes 180 s. One second less can stay soft."""
    for length, always in ((enough, True), (enough - 1, False)):
        found = [judged(_probed((a, a + length), retry)).confirmed(View.DEVICE) for a in range(301, 361)]
        assert all(found) is always
        assert all(len(outages) <= 1 for outages in found)


def test_r4_3_a_soft_run_takes_the_last_good_label() -> None:
    judge = judged([*every(0, 240, "degraded"), obs(300, "fail"), *every(360, 480)])
    assert told(judge, 540) == [(0, 360, DEGRADED), (360, 540, UP)]
    assert told(judged([obs(0, "fail"), obs(60)]), 120) == [(0, 120, UP)]


def test_r4_3_the_last_good_label_is_one_that_was_confirmed() -> None:
    """A recovery that a gap cut short was down; the soft run after the gap takes the label of what ends it."""
    cut = [*every(0, 60, "fail"), obs(120), obs(400, "fail"), *every(460, 580, "degraded")]
    judge = judged(cut, rules(fail_after=2, recover_after=3))
    assert told(judge, 580) == [(0, 270, DOWN), (270, 400, UNKNOWN), (400, 580, DEGRADED)]


def test_r4_4_a_run_never_crosses_a_gap() -> None:
    """Two failures, a gap of more than a TTL, two more: nothing was confirmed and nothing is dated back across it (V11)."""
    judge = judged([*every(0, 240), *every(300, 360, "fail"), *every(600, 660, "fail"), *every(720, 900)])
    assert told(judge, 900) == [(0, 300, UP), (300, 600, UNKNOWN), (600, 900, UP)]
    assert reasons(judge, 600)[1:] == [(300, 510, Why.PENDING), (510, 600, Why.STALE)]


def test_r4_4_a_recovery_that_a_gap_cuts_short_was_none() -> None:
    judge = judged([*every(0, 120, "fail"), obs(180), *every(600, 720)], rules(recover_after=2))
    assert told(judge, 720) == [(0, 330, DOWN), (330, 600, UNKNOWN), (600, 720, UP)]


def test_r4_5_v14_a_confirmed_down_ignores_a_parent_that_fails_later() -> None:
    parent = line((0, 400, State.UP), (400, 800, State.DOWN), (800, 1200, State.UP))
    judge = judged([*every(0, 60), *every(120, 960, "fail"), *every(1020, 1200)], paths=through([parent]))
    for view in View:
        assert told(judge, 1200, view) == [(0, 120, UP), (120, 1020, DOWN), (1020, 1200, UP)]


def test_r4_6_what_is_pending_at_k_is_unknown_and_shown_as_before_until_then() -> None:
    judge = judged([*every(0, 240), *every(300, 360, "fail")])
    assert told(judge, 400) == [(0, 300, UP), (300, 400, UNKNOWN)]
    assert reasons(judge, 400)[-1] == (300, 400, Why.PENDING)
    assert judge.now(View.DEVICE, 400 * MS).state is State.UP
    judge = judged([*every(0, 120, "fail"), obs(180)], rules(recover_after=2))
    assert told(judge, 200) == [(0, 180, DOWN), (180, 200, UNKNOWN)]
    assert judge.now(View.DEVICE, 200 * MS).state is State.DOWN


def test_r5_1_a_sample_holds_until_the_next_one_at_most_a_ttl_later() -> None:
    assert told(judged([obs(0), obs(150), obs(301)]), 301) == [(0, 300, UP), (300, 301, UNKNOWN)]


def test_r5_2_v08_a_gap_begins_with_the_blindness_that_starts_within_the_ttl() -> None:
    judge = judged([*every(0, 600), *every(1800, 2400)], PROBE, blind(610, 1790))
    assert told(judge, 2400) == [(0, 610, UP), (610, 1800, UNKNOWN), (1800, 2400, UP)]
    assert reasons(judge, 1800)[-1] == (610, 1800, Why.BLIND)


def test_r5_2_blindness_that_starts_outside_the_ttl_ends_nothing_earlier() -> None:
    judge = judged([*every(0, 600), *every(1800, 2400)], PROBE, blind(760, 1790))
    assert reasons(judge, 1800)[1:] == [(750, 760, Why.STALE), (760, 1800, Why.BLIND)]


def test_r5_2_blindness_exactly_at_the_end_of_the_ttl_counts_and_at_the_sample_itself_does_not() -> None:
    """The record's start lies in `(t, t + TTL]`; where it began before, the hold is whole and what follows it is blindness."""
    judge = judged([obs(0), obs(900)], PROBE, blind(150, 890))
    assert reasons(judge, 900)[1:] == [(150, 900, Why.BLIND)]
    judge = judged([obs(0), obs(900)], PROBE, blind(0, 890))
    assert reasons(judge, 900) == [(0, 150, Why.OBSERVED), (150, 900, Why.BLIND)]


def test_r5_2_only_the_observers_own_blindness_counts() -> None:
    assert told(judged([obs(0), obs(120)], PROBE, blind(10, 100, "agent-9")), 120) == [(0, 120, UP)]
    other = judged([obs(0), obs(900)], PROBE, blind(10, 890, "agent-9"))
    assert reasons(other, 900)[1:] == [(150, 900, Why.STALE)]


def test_r5_2_while_no_sample_follows_the_hold_ends_where_the_observer_went_blind() -> None:
    """As of K within the TTL: nobody has seen it since."""
    judge = judged(every(0, 600), PROBE, blind(610, 640))
    assert told(judge, 650) == [(0, 610, UP), (610, 650, UNKNOWN)]
    judge.see(obs(660))
    assert told(judge, 660) == [(0, 660, UP)]


def test_r5_4_v08_a_restart_that_fits_inside_the_ttl_costs_nothing() -> None:
    assert told(judged([*every(0, 600), *every(740, 1000)], PROBE, blind(610, 730)), 1000) == [(0, 1000, UP)]


def test_r5_5_down_on_both_sides_of_a_gap() -> None:
    """Unknown, or down where the policy bridges it; the part that is asked for does not change it (V10)."""
    samples = [*every(0, 60), *every(120, 300, "fail"), *every(1200, 1320, "fail"), *every(1380, 1500)]
    assert told(judged(samples), 1500) == [
        (0, 120, UP),
        (120, 450, DOWN),
        (450, 1200, UNKNOWN),
        (1200, 1380, DOWN),
        (1380, 1500, UP),
    ]
    bridged = judged(samples, rules(gap_policy=GapPolicy.BRIDGE_DOWN))
    assert told(bridged, 1500) == [(0, 120, UP), (120, 1380, DOWN), (1380, 1500, UP)]
    assert told(bridged, 1000, from_=500) == [(500, 1000, DOWN)]
    recovering = judged([*every(0, 300, "fail"), *every(1200, 1380)], rules(gap_policy=GapPolicy.BRIDGE_DOWN))
    assert told(recovering, 1200) == [(0, 450, DOWN), (450, 1200, UNKNOWN)]


def test_r5_6_before_the_first_sample_nothing_is_known() -> None:
    judge = judged(every(300, 600))
    assert told(judge, 600) == [(0, 300, UNKNOWN), (300, 600, UP)]
    assert reasons(judge, 300) == [(0, 300, Why.NEVER)]
    assert told(judged([]), 100) == [(0, 100, UNKNOWN)]


def test_now_tells_since_when_it_has_lasted() -> None:
    judge = judged([*every(0, 240), *every(300, 420, "fail")])
    now = judge.now(View.DEVICE, 450 * MS)
    assert (now.from_ms, now.to_ms, now.state) == (300 * MS, 450 * MS, State.DOWN)
    stale = judge.now(View.DEVICE, 700 * MS)
    assert (stale.from_ms, stale.state, stale.why) == (570 * MS, State.UNKNOWN, Why.STALE)


def _machine() -> Machine:
    return Machine(Timetable.always(PROBE), [], OpenPath())


LABEL = (State.UP, Why.OBSERVED)


def test_changes_count_only_what_is_more_than_going_on() -> None:
    machine = _machine()
    machine.see_good(0, 0, 1, LABEL, 60_000)
    before = machine.changes
    machine.see_good(60_000, 600_000, 10, LABEL, 60_000)
    assert machine.changes == before
    machine.see_failures([660_000, 720_000, 780_000], 60_000)
    assert machine.changes > before
    before = machine.changes
    machine.see_failures([840_000, 900_000], 60_000)
    assert machine.changes == before


def test_restore_undoes_missed_reports_in_every_phase() -> None:
    """Whatever waits to be confirmed: after going back it says and does what it would have done."""
    how = Timetable.always(rules(recover_after=3, silence_is_down=True))
    for steps in range(8):
        one, other = Machine(how, [], OpenPath()), Machine(how, [], OpenPath())
        for machine in (one, other):
            for step in range(steps):
                t_ms = step * 60_000
                if step in (1, 2, 3, 6):
                    machine.see_failures([t_ms], 60_000)
                else:
                    machine.see_good(t_ms, t_ms, 1, LABEL, 60_000)
        if steps:
            kept = one.snapshot()
            one.miss(steps * 60_000, (steps + 5) * 60_000, 60_000)
            one.restore(kept)
        assert one.spans(0, 900_000) == other.spans(0, 900_000)
        assert one.snapshot() == other.snapshot()
        for machine in (one, other):
            machine.see_good(steps * 60_000, steps * 60_000 + 180_000, 4, LABEL, 60_000)
        assert one.spans(0, 900_000) == other.spans(0, 900_000)


def test_evidence_from_before_what_was_forgotten_is_not_known() -> None:
    """It would be judged by the newest label otherwise."""
    machine = _machine()
    machine.see_good(0, 0, 1, LABEL, 60_000)
    machine.see_failures([60_000, 120_000, 180_000], 60_000)
    machine.see_good(240_000, 3_600_000, 57, LABEL, 60_000)
    assert machine.knows(300_000, 300_000, LABEL, 60_000)
    machine.see_failures([3_660_000, 3_720_000, 3_780_000], 60_000)
    machine.see_good(3_840_000, 7_200_000, 57, LABEL, 60_000)
    machine.forget(6_000_000)
    assert machine.spans(6_000_000, 7_200_000)[0].state is State.UP
    assert not machine.knows(60_000, 60_000, LABEL, 60_000)
    assert machine.soft == machine.confirmed == []


def test_a_good_sample_inside_a_soft_run_is_not_known() -> None:
    """It changes which failures are listed as soft (R4.3)."""
    machine = _machine()
    machine.see_good(0, 0, 1, LABEL, 60_000)
    machine.see_failures([60_000, 120_000], 60_000)
    machine.see_good(180_000, 600_000, 8, LABEL, 60_000)
    assert not machine.knows(90_000, 90_000, LABEL, 60_000)
    assert machine.knows(240_000, 300_000, LABEL, 60_000)


def test_unreachable_gives_way_to_what_the_next_sample_says() -> None:
    parent = line((0, 100, State.UP), (100, 400, State.DOWN), (400, 2000, State.UP))
    judge = judged(
        [*every(0, 60), *every(120, 360, "fail"), *every(420, 540, "fail"), *every(600, 700)], paths=through([parent])
    )
    assert told(judge, 660) == [(0, 120, UP), (120, 420, UNREACHABLE), (420, 600, DOWN), (600, 660, UP)]
