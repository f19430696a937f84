"""A bad line between agent and collector: cut, silent, one-way, torn in the middle of a request. Each ends in a timeout or a
retry and never in a loss, and what was sent twice counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model import Lane
from tests.e2e.ground import Books, Centre, Station, seeded
from tests.e2e.line import Line, Mode
from tests.e2e.worlds import Dial
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

HOSTS = ("host-0", "host-1")


def test_bad_line(tmp_path: Path) -> None:
    """Every fault in turn, each until agents suffered from it."""
    chance = seeded("line")
    dial = Dial(tmp_path / "clock")
    dial.run(2.5)
    centre = Centre(tmp_path / "centre", dial=dial)
    enrolled = centre.enrol(*HOSTS)
    faults = [Mode.CUT, Mode.HOLE, Mode.MUTE, Mode.TEAR]
    chance.shuffle(faults)
    with centre, Line(centre.agent_port, lambda: chance.randrange(1, 6_000)) as line:
        url = f"https://127.0.0.1:{line.port}"
        stations = [Station(tmp_path / name, name, enrolled[name], url, few=False).under(dial) for name in HOSTS]
        with stations[0], stations[1]:
            for fault in faults:
                _suffer(stations, line, fault, dial)
            for station in stations:
                station.drain()
        assert line.swallowed > 0
        assert line.torn > 0
        duplicates = centre.figure("haidang_ingest_duplicate_reports_total")
        assert duplicates > 0, "a muted line makes agents send twice"
    books = Books(centre.database)
    for station in stations:
        books.check_station(station)
        assert not books.losses(station.name)
        assert books.check_gaps(station.name) == []
    print(f"line: {line.connections} connections, {line.torn} torn, {duplicates:.0f} duplicates")


def _suffer(stations: list[Station], line: Line, fault: Mode, dial: Dial) -> None:
    """Let the line be good until every agent delivered, then bad until every agent has suffered from it."""
    good_ms = dial.now_ms()
    for station in stations:
        station.wait_for_status(lambda s: s.uplink.state.value == "ok" and s.uplink.last_success_at_ms > good_ms)
    before = [station.wait_for_status(lambda s: s.uplink.batches > 0).uplink.failures for station in stations]
    torn = line.torn
    line.become(fault)
    for station, failures in zip(stations, before, strict=True):
        failed = station.wait_for_status(lambda s, failures=failures: s.uplink.failures > failures, 30)
        if fault is Mode.HOLE:
            assert "did not answer in time" in failed.uplink.detail
    if fault is Mode.TEAR:
        wait_for(lambda: line.torn > torn)
    line.become(Mode.OPEN)


def test_silent_collector_is_left_alone(tmp_path: Path) -> None:
    """A line that swallows everything keeps the agent collecting at its pace: nothing waits for the network."""
    centre = Centre(tmp_path / "centre")
    enrolled = centre.enrol(HOSTS[0])
    with centre, Line(centre.agent_port) as line:
        station = Station(tmp_path / "agent", HOSTS[0], enrolled[HOSTS[0]], f"https://127.0.0.1:{line.port}")
        line.become(Mode.HOLE)
        with station:
            first = station.wait_for_status(lambda s: s.collections >= 1)
            last = station.wait_for_status(lambda s: s.uplink.failures >= 2 and s.collections >= 5)
            took_s = (last.at_ms - first.at_ms) / 1000
            assert last.collections - first.collections >= took_s - 1.5
            assert last.missed_slots <= 1
            assert {mark.lane: mark.oldest for mark in last.spool.watermarks} == dict.fromkeys(Lane, 1)
            line.become(Mode.OPEN)
            station.drain()
    books = Books(centre.database)
    books.check_station(station)
    assert books.check_gaps(HOSTS[0]) == []
