"""Wrong and jumping wall clocks, of agents and of the collector: neither gap nor outage, and no report is misplaced."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.ground import Books, Centre, Station, now_ms
from tests.e2e.worlds import Dial

pytestmark = pytest.mark.e2e

HOST = "host-0"
HOUR_MS = 3_600_000
NEAR_MS = 2_000
SPEED = 2.5
"""Time runs faster in some of these worlds, for collector and agent alike, so that less is waited."""


def test_agent_clocks_an_hour_wrong_then_set_right(tmp_path: Path) -> None:
    """R2.2: wall clocks an hour ahead and behind place nothing wrong, and their correction is a marker and not a gap (V25)."""
    centre = Centre(tmp_path / "centre")
    errors = {"ahead": HOUR_MS, "behind": -HOUR_MS}
    enrolled = centre.enrol(*errors)
    dials = {name: Dial(tmp_path / f"clock-{name}") for name in errors}
    stations = [Station(tmp_path / name, name, enrolled[name], centre.url).under(dials[name]) for name in errors]
    for name, wrong_ms in errors.items():
        dials[name].set_wall(wrong_ms)
    began_ms = now_ms()
    with centre, stations[0], stations[1]:
        for station in stations:
            station.wait_for_status(lambda s: s.uplink.batches >= 3)
            offset_s = centre.figure("haidang_agent_clock_offset_seconds", instance=station.name)
            assert abs(offset_s * 1000 - errors[station.name]) < NEAR_MS
            assert centre.targets()[station.name]["state"] == "up"
        stepped_ms = now_ms()
        for dial in dials.values():
            dial.set_wall(0)
        for station in stations:
            seen = station.wait_for_status(lambda s: s.collections > 0)
            station.wait_for_status(lambda s, seen=seen: s.uplink.batches >= seen.uplink.batches + 2)
            assert abs(centre.figure("haidang_agent_clock_offset_seconds", instance=station.name)) < NEAR_MS / 1000
            station.drain()
        ended_ms = now_ms()
    books = Books(centre.database)
    for station in stations:
        books.check_station(station)
        assert books.check_gaps(station.name) == []
        beats = books.beats(station.name)
        assert began_ms <= beats[0].first_ms
        assert max(beat.last_ms for beat in beats) <= ended_ms
        assert {beat.grade for beat in beats} == {"live"}
        (step,) = books.markers(station.name, "clock_step")
        assert abs(step["delta_ms"] + errors[station.name]) < NEAR_MS
        assert abs(step["first_t_ms"] - stepped_ms) < 1_000 + NEAR_MS


def test_boot_that_was_never_heard(tmp_path: Path) -> None:
    """R2.3: reports of a boot that ended before the collector heard of it are placed by the agent's wall clock less its last
    known offset, though that clock is an hour wrong; they are marked as estimated, and lie in order where they happened."""
    dial = Dial(tmp_path / "clock")
    dial.run(SPEED)
    # The collector's wall clock must be right while the agent's is wrong: it has a dial of its own at the same speed.
    right = dial.twin(tmp_path / "clock-right")
    centre = Centre(tmp_path / "centre", dial=right)
    station = Station(tmp_path / "agent", HOST, centre.enrol(HOST)[HOST], centre.url)
    dial.set_wall(HOUR_MS)
    boots: list[tuple[int, int]] = []
    for number, is_heard in enumerate((True, False, True)):
        dial.reboot()
        station.under(dial, f"boot-{number}")
        began_ms = dial.now_ms()
        if is_heard:
            centre.start()
        station.start()
        station.wait_for_status(lambda s, n=number: s.boot == f"boot-{n}" and s.collections >= 3)
        if is_heard:
            station.wait_for_status(lambda s, n=number: s.boot == f"boot-{n}" and s.uplink.batches >= 2)
        if number == 2:
            station.drain()
        else:
            station.kill()
        boots.append((began_ms, dial.now_ms()))
        if is_heard:
            assert centre.stop() == 0
    books = Books(centre.database)
    books.check_station(station)
    by_boot = {f"boot-{number}": [b for b in books.beats(HOST) if b.boot == f"boot-{number}"] for number in range(3)}
    assert {beat.quality for beat in by_boot["boot-1"]} == {"estimated"}
    for number, (began_ms, ended_ms) in enumerate(boots):
        beats = by_boot[f"boot-{number}"]
        assert beats, f"boot {number} left no heartbeats"
        assert min(beat.first_ms for beat in beats) >= began_ms - NEAR_MS, number
        assert max(beat.last_ms for beat in beats) <= ended_ms + NEAR_MS, number
    dead = [(before[1] - NEAR_MS, after[0] + NEAR_MS) for before, after in pairwise(boots)]
    books.check_gaps(HOST, dead)


def test_collector_clock_steps_while_it_runs(tmp_path: Path) -> None:
    """R2.1: a jump of the collector's wall clock does not reach its timeline and is recorded."""
    dial = Dial(tmp_path / "clock")
    dial.run(SPEED)
    centre = Centre(tmp_path / "centre", dial=dial)
    station = Station(tmp_path / "agent", HOST, centre.enrol(HOST)[HOST], centre.url).under(dial.twin(tmp_path / "clock-right"))
    with centre, station:
        first = station.wait_for_status(lambda s: s.uplink.batches >= 2)
        stepped_ms = dial.now_ms()
        dial.set_wall(HOUR_MS)
        station.wait_for_status(lambda s: s.uplink.batches >= first.uplink.batches + 3)
        assert centre.targets()[HOST]["state"] == "up"
        station.drain()
        ended_ms = dial.now_ms()
    books = Books(centre.database)
    books.check_station(station)
    assert books.check_gaps(HOST) == []
    assert max(beat.last_ms for beat in books.beats(HOST)) <= ended_ms
    (step,) = books.rows("SELECT at_ms, delta_ms FROM clock_steps")
    assert abs(step["delta_ms"] - HOUR_MS) < NEAR_MS
    assert abs(step["at_ms"] - stepped_ms) < 1_000 + NEAR_MS


@pytest.mark.parametrize("wrong_ms", [-HOUR_MS, HOUR_MS], ids=["was behind", "was ahead"])
def test_collector_started_with_a_wrong_clock(tmp_path: Path, wrong_ms: int) -> None:
    """A collector whose clock was an hour wrong and is right at its next start soon places reports where they happen again: its
    agents, whose boots it knows by the wrong clock, are neither late for days nor silent."""
    dial = Dial(tmp_path / "clock")
    dial.run(SPEED)
    centre = Centre(tmp_path / "centre", dial=dial)
    station = Station(tmp_path / "agent", HOST, centre.enrol(HOST)[HOST], centre.url).under(dial.twin(tmp_path / "clock-right"))
    dial.set_wall(wrong_ms)
    with centre, station:
        station.wait_for_status(lambda s: s.uplink.batches >= 2)
        assert centre.stop() == 0
        dial.set_wall(0)
        centre.start()
        back_ms = dial.now_ms()
        again = station.wait_for_status(lambda s: s.uplink.state.value == "ok" and s.uplink.last_success_at_ms > back_ms)
        station.wait_for_status(lambda s: s.uplink.batches >= again.uplink.batches + 3)
        target = centre.targets()[HOST]
        assert target["state"] == "up", target
        assert centre.figure("haidang_target_last_report_age_seconds", instance=HOST) > 0, "values stand still in the future"
        station.drain()
        ended_ms = dial.now_ms()
    books = Books(centre.database)
    books.check_station(station)
    newest = books.rows("SELECT last_t_ms, grade FROM evidence WHERE module = 'heartbeat' ORDER BY id DESC LIMIT 1")[0]
    assert newest["grade"] == "live"
    assert abs(newest["last_t_ms"] - ended_ms) < 1_000 + NEAR_MS
