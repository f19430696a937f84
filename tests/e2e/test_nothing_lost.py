"""Kill -9 at random moments, of agents, of the collector, of both, under load: what was acknowledged is there exactly once,
and every gap is explained."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from agent.model import Lane
from tests.e2e.crowd import Crowd
from tests.e2e.ground import SLACK_MS, Books, Centre, Station, now_ms, seeded
from tests.e2e.worlds import Dial
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

ROUNDS = 12
CROWD = [f"crowd-{number:02}" for number in range(24)]
STATIONS = [f"host-{number}" for number in range(3)]


class Storm:
    """Who was dead when, and what the dead agents' position files had settled."""

    def __init__(self, centre: Centre, stations: list[Station], chance: random.Random) -> None:
        self.centre = centre
        self.stations = stations
        self.chance = chance
        self.dead: dict[str, list[tuple[int, int]]] = {one.name: [] for one in stations}
        self.blind: list[tuple[int, int]] = []
        self.settled: dict[str, dict[Lane, set[int]]] = {one.name: {lane: set() for lane in Lane} for one in stations}

    def kill(self, what: str) -> None:
        """End one agent, the collector, or both at a random moment, and start them again."""
        time.sleep(self.chance.uniform(0.1, 1.2))
        station = self.chance.choice(self.stations)
        victims = {"agent": [station], "collector": [self.centre], "both": [station, self.centre]}[what]
        self.chance.shuffle(victims)
        at_ms = now_ms()
        for victim in victims:
            victim.kill()
        if station in victims:
            for lane, numbers in station.settled().items():
                self.settled[station.name][lane] |= numbers
            station.start()
            self.dead[station.name].append((at_ms, now_ms()))
        if self.centre in victims:
            self.centre.start()
            self.blind.append((at_ms, now_ms()))


def test_kill_at_random_moments(tmp_path: Path) -> None:
    """Twelve kills under the load of 24 scripted and 3 real agents; then everything is delivered and the books are right."""
    chance = seeded("storm")
    centre = Centre(tmp_path / "centre")
    enrolled = centre.enrol(*CROWD, *STATIONS)
    stations = [Station(tmp_path / name, name, enrolled[name], centre.url) for name in STATIONS]
    storm = Storm(centre, stations, chance)
    with centre, stations[0], stations[1], stations[2]:
        with Crowd(centre.agent_port, {name: enrolled[name] for name in CROWD}, chance.randrange(1 << 30)) as crowd:
            wait_for(lambda: crowd.acknowledged > 500)
            order = ["collector"] * (ROUNDS // 2) + ["both"] * (ROUNDS // 4) + ["agent"] * (ROUNDS // 4)
            chance.shuffle(order)
            for what in order:
                storm.kill(what)
        for station in stations:
            station.drain()
    books = Books(centre.database)
    for member in crowd.members:
        for lane in Lane:
            book = books.check_lane(
                member.name, member.stream, lane, produced=member.made[lane], acknowledged=member.acknowledged[lane]
            )
            assert not book.lost
    for station in stations:
        books.check_station(station, storm.settled[station.name])
        assert not books.losses(station.name)
        starts = books.markers(station.name, "agent_start")
        assert len(starts) == 1 + len(storm.dead[station.name])
        books.check_gaps(station.name, storm.dead[station.name])
    _check_blindness(books, storm.blind)
    print(
        f"storm: {order.count('collector') + order.count('both')} kills of the collector, "
        f"{order.count('agent') + order.count('both')} of an agent, {crowd.acknowledged} reports acknowledged to the crowd, "
        f"{sum(member.repeated for member in crowd.members)} batches repeated, answers {dict(crowd.statuses)}"
    )


def _check_blindness(books: Books, blind: list[tuple[int, int]]) -> None:
    """R5.3: each death of the collector is a record from its last heartbeat to its start, which holds the moment it died."""
    records = [record for record in books.blinds() if record[2] == "died"]
    assert len(records) == len(blind)
    for (from_ms, until_ms, _), (died_ms, back_ms) in zip(records, blind, strict=True):
        assert until_ms is not None
        assert died_ms - 10_000 - SLACK_MS <= from_ms <= died_ms < until_ms <= back_ms


def test_agent_killed_in_the_act(tmp_path: Path) -> None:
    """An agent that collects forty times a second is killed twenty times, so that most deaths fall into a write to the spool,
    an exchange, or a restart: its numbering has neither hole nor second use, and nothing needs to be stated as lost."""
    chance = seeded("agent")
    dial = Dial(tmp_path / "clock")
    dial.run(40)
    centre = Centre(tmp_path / "centre", "limits:\n  requests_per_s: 1000\n")
    name = STATIONS[0]
    station = Station(tmp_path / "agent", name, centre.enrol(name)[name], centre.url).under(dial)
    settled: dict[Lane, set[int]] = {lane: set() for lane in Lane}
    with centre, station:
        for _ in range(20):
            seen = station.produced() if (station.spool / "position").exists() else dict.fromkeys(Lane, 0)
            wait_for(lambda seen=seen: _has_grown(station, seen), say=station.said)
            time.sleep(chance.uniform(0.0, 0.2))
            station.kill()
            for lane, numbers in station.settled().items():
                assert settled[lane] <= numbers, "what was acknowledged must stay so"
                settled[lane] |= numbers
            station.start()
        dial.run(1)
        station.drain()
    books = Books(centre.database)
    held = books.check_station(station, settled)
    assert not books.losses(name)
    assert len(books.markers(name, "agent_start")) == 21
    print(f"agent: {len(held[Lane.FACTS].received)} facts and {len(held[Lane.BULK].received)} host reports through 20 kills")


def _has_grown(station: Station, seen: dict[Lane, int]) -> bool:
    return (station.spool / "position").exists() and station.produced()[Lane.BULK] > seen[Lane.BULK] + 2


def test_stop_in_order_under_load(tmp_path: Path) -> None:
    """SIGTERM: what was admitted is committed, the start of blindness is written after it, the next start closes it."""
    chance = seeded("stop")
    centre = Centre(tmp_path)
    enrolled = centre.enrol(*CROWD[:12])
    stops = 2
    with centre:
        with Crowd(centre.agent_port, enrolled, chance.randrange(1 << 30)) as crowd:
            for _ in range(stops):
                before = crowd.acknowledged
                wait_for(lambda before=before: crowd.acknowledged > before + 200)
                time.sleep(chance.uniform(0.0, 0.3))
                assert centre.stop() == 0, centre.said()
                books = Books(centre.database)
                from_ms, until_ms, cause = books.blinds()[-1]
                assert (until_ms, cause) == (None, "stopped")
                assert from_ms >= books.rows("SELECT max(last_rx_ms) AS t FROM evidence")[0]["t"]
                centre.start()
                reopened = books.blinds()[-1]
                assert reopened[0] == from_ms
                assert reopened[1] is not None
                assert reopened[1] > from_ms
        assert "Traceback" not in centre.said()
    for member in crowd.members:
        for lane in Lane:
            books.check_lane(
                member.name, member.stream, lane, produced=member.made[lane], acknowledged=member.acknowledged[lane]
            )
    assert [cause for _, _, cause in books.blinds()] == ["stopped"] * (stops + 1)


def test_collector_away_for_ten_minutes(tmp_path: Path) -> None:
    """Ten minutes of a world whose time runs ninety times faster: the agent spools, and the gap closes with late evidence."""
    dial = Dial(tmp_path / "clock")
    centre = Centre(tmp_path / "centre", dial=dial)
    name = STATIONS[0]
    station = Station(tmp_path / "agent", name, centre.enrol(name)[name], centre.url, interval_s=3).under(dial)
    with centre, station:
        station.wait_for_status(lambda s: s.uplink.batches >= 2)
        away_ms = dial.now_ms()
        centre.kill()
        dial.run(90)
        wait_for(lambda: dial.now_ms() > away_ms + 600_000, 30)
        dial.run(1)
        waiting = station.wait_for_status(lambda s: s.at_ms > away_ms + 590_000)
        assert sum(mark.reports for mark in waiting.spool.watermarks) > 300
        centre.start()
        back_ms = dial.now_ms()
        dial.run(20)  # until the agent's next try, which is up to a minute away
        station.wait_for_status(lambda s: s.uplink.batches > waiting.uplink.batches)
        dial.run(1)
        station.drain()
    books = Books(centre.database)
    held = books.check_station(station)
    assert not books.losses(name)
    assert books.check_gaps(name) == []
    beats = books.beats(name)
    late = sum(beat.count for beat in beats if beat.grade == "late")
    assert late > 150
    assert {beat.quality for beat in beats} <= {"measured", "clamped"}
    (from_ms, until_ms, _), *_ = books.blinds()
    assert from_ms <= away_ms
    assert until_ms is not None
    assert 600_000 <= until_ms - from_ms <= back_ms - from_ms
    print(f"ten minutes: {len(held[Lane.FACTS].received)} facts and {len(held[Lane.BULK].received)} host reports, {late} late")
