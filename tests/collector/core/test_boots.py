"""Restarts, reboots, counters, stalls, sleep and farewells (SPEC 3.8), and what covers prove (R9.2)."""

from __future__ import annotations

from itertools import permutations

import pytest

from agent.model import Kind
from collector.core.boots import Boots, Cover
from collector.core.judge import Judge
from collector.core.state import View, Why
from collector.core.subject import Timetable
from tests.collector.core.judging import (
    BOTH,
    MS,
    PROBE,
    PUSH,
    PUSH_DOWN,
    blind,
    every,
    judged,
    marker,
    obs,
    reasons,
    report,
    reports,
    rules,
    told,
)  # fmt: skip

UP, DOWN, UNKNOWN = "up", "down", "unknown"
WRAP = 1 << 32


def test_r8_1_the_same_boot_on_both_sides_of_a_silence_ran() -> None:
    judge = judged([*reports(0, 300, "b1"), marker(Kind.AGENT_START, 895), *reports(900, 1200, "b1")], PUSH_DOWN)
    assert told(judge, 1200) == [(0, 1200, UP)]
    assert reasons(judge, 1200)[1] == (360, 900, Why.CONTINUITY)


def test_r8_2_pinned_by_stop_and_start_a_reboot_is_down_at_any_length() -> None:
    """V17: from `agent_stop` to `agent_start`, 10 minutes."""
    old = [*reports(0, 300, "b1"), marker(Kind.AGENT_STOP, 310)]
    new = [marker(Kind.AGENT_START, 910, "b2", boot_ms=700 * MS), *reports(960, 1200, "b2", boot_ms=700 * MS)]
    for how in (PUSH, PUSH_DOWN):
        assert told(judged([*old, *new], how), 1200) == [(0, 310, UP), (310, 910, DOWN), (910, 1200, UP)]


@pytest.mark.parametrize(("first", "is_short"), [(390, True), (450, True), (451, False)])
def test_r8_2_not_pinned_up_to_a_ttl_it_is_down_between_the_evidence(first: int, is_short: bool) -> None:
    """V18: no missed report, still an outage. V24: longer than a TTL it stays as it was until the boot instant."""
    born = (first - 20) * MS
    judge = judged([*reports(0, 300, "b1"), *reports(first, 1200, "b2", boot_ms=born)], PUSH)
    expected = (
        [(0, 300, UP), (300, first, DOWN), (first, 1200, UP)]
        if is_short
        else [(0, 360, UP), (360, first - 20, UNKNOWN), (first - 20, 1200, UP)]
    )
    assert told(judge, 1200) == expected


def test_r8_2_v24_a_reboot_found_in_the_spool_turns_time_down() -> None:
    """Live reports go on at 900; what was spooled shows boot b2 from 500 on, 60 s after the last of b1."""
    live = [*reports(0, 300, "b1"), *reports(900, 1200, "b2")]
    spool = [*reports(360, 420, "b1", live=False), *reports(480, 840, "b2", live=False)]
    assert told(judged(live, PUSH), 1200) == [(0, 360, UP), (360, 900, UNKNOWN), (900, 1200, UP)]
    judge = judged([*live, *spool], PUSH)
    assert told(judge, 1200) == [(0, 420, UP), (420, 480, DOWN), (480, 1200, UP)]
    assert told(judge, 1200, View.E2E) == [(0, 360, UP), (360, 900, UNKNOWN), (900, 1200, UP)]


def test_r8_2_only_one_end_pinned_is_not_pinned() -> None:
    evidence = [*reports(0, 300, "b1"), marker(Kind.AGENT_STOP, 310), *reports(900, 1200, "b2", boot_ms=850 * MS)]
    assert told(judged(evidence, PUSH), 1200) == [(0, 360, UP), (360, 850, UNKNOWN), (850, 1200, UP)]


def test_r8_2_markers_and_reports_at_one_instant_pin_in_any_order() -> None:
    ends = [marker(Kind.AGENT_STOP, 300), report(300, "b1"), marker(Kind.AGENT_START, 900, "b2"), report(900, "b2")]
    for some in permutations(ends):
        boots = Boots()
        for s in some:
            boots.see(s, 150_000)
        assert boots.reboots() == [(300 * MS, 900 * MS, True)]
        assert boots.outages() == [(300 * MS, 900 * MS)]


def test_r8_2_counters_and_ids_are_two_witnesses() -> None:
    """An agent with a boot id and an SNMP poll with counters tell of one machine: no reboot between the two, and a real one
    lasts from the last evidence of the same witness."""
    ids = [*reports(0, 600, "b1"), *reports(690, 1200, "b2")]
    polls = [obs(t, ticks=100 * (t + 1000)) for t in (20, 80, 140)]
    boots = judged([*ids, *polls], BOTH).boots
    assert boots.outages() == [(600 * MS, 690 * MS)]


def _polls(*values: tuple[int, int | None, int | None]) -> list[tuple[int, int, bool]]:
    return judged([obs(t, ticks=ticks, system_ticks=system) for t, ticks, system in values]).boots.reboots()


def test_r8_3_a_wrap_is_no_reboot() -> None:
    assert _polls((0, WRAP - 6000, None), (60, 0, None), (120, 6000, None)) == []


def test_r8_3_a_counter_that_fell_is_a_reboot_within_the_tolerance_not() -> None:
    assert _polls((0, 9_000_000, None), (60, 9_005_000, None)) == []
    assert _polls((0, 9_000_000, None), (60, 9_007_000, None)) == []
    assert _polls((0, 9_000_000, None), (60, 9_004_999, None)) == [(0, 60 * MS, False)]
    assert _polls((0, 9_000_000, None), (60, 4_500, None)) == [(0, 60 * MS, False)]


def test_r8_3_the_tolerance_is_that_of_the_rules() -> None:
    polls = [obs(0, ticks=9_000_000), obs(60, ticks=9_004_000)]
    assert len(judged(polls).boots.reboots()) == 1
    assert judged(polls, rules(reboot_tolerance_ms=20_000)).boots.reboots() == []


def test_r8_3_the_systems_own_uptime_is_preferred() -> None:
    """V19: the SNMP agent restarted, the host did not; and the other way round."""
    assert _polls((0, 9_000_000, 9_100_000), (60, 3_000, 9_106_000)) == []
    assert _polls((0, 9_000_000, 9_100_000), (60, 9_006_000, 3_000)) == [(0, 60 * MS, False)]
    assert _polls((0, 9_000_000, None), (60, 3_000, 9_106_000)) == [(0, 60 * MS, False)]


@pytest.mark.parametrize("absurd", [-1, WRAP, 1 << 63])
def test_r8_3_absurd_values_are_ignored(absurd: int) -> None:
    assert _polls((0, 9_000_000, None), (60, absurd, None), (120, 9_012_000, None)) == []
    assert _polls((0, absurd, absurd), (60, absurd, None)) == []


def test_r8_3_r9_2_a_counter_tells_since_when_it_ran() -> None:
    """A reboot longer than a TTL: unknown until the instant that the counter names."""
    judge = judged([obs(0, ticks=9_000_000), obs(60, ticks=9_006_000), obs(600, ticks=12_000), *every(660, 900)])
    assert told(judge, 900) == [(0, 210, UP), (210, 480, UNKNOWN), (480, 900, UP)]


def test_r8_3_counters_that_come_late_make_the_judge_anew() -> None:
    """Out of order they would tell of a reboot that never was."""
    judge = Judge(Timetable.always(PROBE))
    for s in (obs(0, ticks=1000), obs(120, ticks=500)):
        judge.see(s)
    judge.see(obs(60, ticks=7000))
    assert judge.behind_ms == 60 * MS


def test_r8_1_a_stall_is_an_explicit_failure_but_does_not_beat_an_answered_probe() -> None:
    stall = marker(Kind.STALL, 300, until_ms=700 * MS)
    pushing = judged([*reports(0, 300, "b1"), stall, *reports(700, 1200, "b1")], PUSH)
    assert told(pushing, 1200) == [(0, 300, UP), (300, 700, DOWN), (700, 1200, UP)]
    assert reasons(pushing, 1200)[1] == (300, 700, Why.STALL)
    probed = judged([*every(0, 480), stall, *every(900, 1200)], BOTH)
    assert told(probed, 1200) == [(0, 630, UP), (630, 700, DOWN), (700, 900, UNKNOWN), (900, 1200, UP)]


def test_r9_5_a_stall_found_in_the_spool_counts_the_same() -> None:
    live = [*reports(0, 300, "b1"), *reports(900, 1200, "b1")]
    spool = [marker(Kind.STALL, 400, until_ms=800 * MS, live=False), report(360, "b1", live=False)]
    assert told(judged([*live, *spool], PUSH), 1200) == [(0, 400, UP), (400, 800, DOWN), (800, 1200, UP)]


def test_r8_5_time_asleep_is_no_continuity() -> None:
    """240 s of the 600 between the two were slept: they are taken from the end, as nobody can tell when it fell asleep."""
    before = reports(0, 300, "b1")
    after = reports(900, 1200, "b1", first_asleep_ms=240 * MS, last_asleep_ms=240 * MS)
    judge = judged([*before, *after], PUSH)
    assert told(judge, 1200) == [(0, 660, UP), (660, 900, UNKNOWN), (900, 1200, UP)]
    jitter = reports(900, 1200, "b1", first_asleep_ms=1999, last_asleep_ms=1999)
    assert told(judged([*before, *jitter], PUSH), 1200) == [(0, 1200, UP)]


def test_r8_5_more_sleep_than_time_leaves_nothing() -> None:
    after = reports(900, 1200, "b1", first_asleep_ms=9000 * MS, last_asleep_ms=9000 * MS)
    judge = judged([*reports(0, 300, "b1"), *after], PUSH)
    assert told(judge, 1200) == [(0, 360, UP), (360, 900, UNKNOWN), (900, 1200, UP)]


FAREWELL = marker(Kind.AGENT_STOP, 310, farewell=True)


def test_r8_5_fast_startup_a_farewell_breaks_continuity_though_the_boot_is_the_same() -> None:
    """A shutdown that is a hibernation: the uptime goes on, and yet it was down until the next evidence."""
    judge = judged([*reports(0, 300, "b1"), FAREWELL, *reports(900, 1200, "b1")], PUSH)
    assert told(judge, 1200) == [(0, 310, UP), (310, 900, DOWN), (900, 1200, UP)]
    assert reasons(judge, 1200)[1] == (310, 900, Why.SHUTDOWN)
    assert told(judged([*reports(0, 300, "b1"), FAREWELL], PUSH), 2000) == [(0, 310, UP), (310, 2000, DOWN)]


def test_r8_5_an_answered_probe_ends_it_but_proves_no_continuity() -> None:
    judge = judged([*reports(0, 300, "b1"), *every(0, 300), FAREWELL, obs(500), report(1200, "b1"), obs(1200)], BOTH)
    assert told(judge, 1200) == [(0, 310, UP), (310, 500, DOWN), (500, 650, UP), (650, 1200, UNKNOWN)]


def test_r8_5_a_farewell_in_the_spool_that_comes_after_the_next_boots_reports() -> None:
    """In place it would be taken to last until whatever comes next."""
    judge = Judge(Timetable.always(PUSH))
    for s in [*reports(0, 300, "b1"), *reports(900, 960, "b2")]:
        judge.see(s)
    judge.see(FAREWELL)
    assert judge.behind_ms == 310 * MS
    evidence = [*reports(0, 300, "b1"), FAREWELL, *reports(900, 960, "b2")]
    assert told(judged(reversed(evidence), PUSH), 960) == [(0, 310, UP), (310, 900, DOWN), (900, 960, UP)]


def test_r8_5_a_farewell_inside_a_stretch_lasts_to_the_next_sample_of_it() -> None:
    """A quick suspend between two probes, told as one run of 21."""
    samples = every(0, 1200)
    run = type(samples[0])(Kind.OBS, "collector", "ping", samples[0].result, 0, 1200 * MS, 21, (), 60_000)
    farewell = marker(Kind.AGENT_STOP, 610, farewell=True)
    for evidence in ([run, farewell], [*samples, farewell]):
        assert told(judged(evidence, BOTH), 1200) == [(0, 610, UP), (610, 660, DOWN), (660, 1200, UP)]


def test_r9_2_covers_join_in_any_order() -> None:
    """Reports with different holds: joined if the next one comes within the reach of one before it."""
    pieces = [(0, 100, 40), (130, 130, 40), (171, 300, 150), (450, 500, 10), (520, 600, 10)]
    expected = None
    for some in permutations(pieces):
        cover = Cover()
        for piece in (*some, *some):
            cover.add(*piece)
        found = list(zip(cover.starts, cover.ends, strict=True))
        expected = expected or found
        assert found == expected == [(0, 130), (171, 500), (520, 600)]


def test_r9_2_continuity_can_be_switched_off() -> None:
    evidence = [*reports(0, 300, "b1"), *reports(900, 1200, "b1")]
    judge = judged(evidence, rules(PUSH, accept_uptime_evidence=False))
    assert told(judge, 1200) == [(0, 360, UP), (360, 900, UNKNOWN), (900, 1200, UP)]


def test_r9_2_from_the_boot_instant_to_the_first_evidence_it_ran() -> None:
    judge = judged(reports(600, 900, "b1", boot_ms=200 * MS), PUSH)
    assert told(judge, 900) == [(0, 200, UNKNOWN), (200, 900, UP)]


def test_forgetting_keeps_the_newest_old_boot() -> None:
    """A reboot has two ends, and one may be long ago."""
    boots = judged([*reports(0, 300, "b1"), *reports(400, 700, "b2")], PUSH).boots
    boots.forget(650 * MS)
    boots.see(marker(Kind.AGENT_STOP, 710, "b2"), 150_000)
    boots.see(marker(Kind.AGENT_START, 2000, "b3"), 150_000)
    assert (710 * MS, 2000 * MS) in boots.outages()
    boots.forget(5000 * MS)
    assert list(boots.by_id) == ["b3"]


def test_r5_3_blindness_of_the_centre_costs_a_running_machine_nothing() -> None:
    """V08: agents keep spooling while the collector is down."""
    live = [*reports(0, 300, "b1"), *reports(900, 1200, "b1")]
    spool = reports(360, 840, "b1", live=False)
    judge = judged([*live, *spool], PUSH_DOWN, blind(310, 890))
    assert told(judge, 1200) == [(0, 1200, UP)]
    assert reasons(judge, 1200)[1] == (310, 900, Why.BACKFILL)
    assert told(judge, 1200, View.E2E) == [(0, 310, UP), (310, 900, UNKNOWN), (900, 1200, UP)]
