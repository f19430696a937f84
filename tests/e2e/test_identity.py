"""One identity belongs to one machine: a second one is refused, says so, and disturbs nothing; a new machine may take over."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.uplink import UplinkState
from tests.e2e.ground import Books, Centre, Station
from tests.e2e.worlds import Dial
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

HOST = "host-0"
SPEED = 2.5
"""Time runs faster here, for collector and agents alike, so that less is waited."""


def test_two_agents_with_one_identity(tmp_path: Path) -> None:
    """A copied configuration: the copy is refused with the reason in its log, its status and the collector's figures. A
    restart of the collector forgets nothing of it, and neither machine's reports are mixed with the other's."""
    dial = Dial(tmp_path / "clock")
    dial.run(SPEED)
    centre = Centre(tmp_path / "centre", dial=dial)
    enrolled = centre.enrol(HOST)[HOST]
    first = Station(tmp_path / "first", HOST, enrolled, centre.url).under(dial)
    copy = Station(tmp_path / "copy", HOST, enrolled, centre.url).under(dial)
    with centre, first:
        first.wait_for_status(lambda s: s.uplink.batches >= 2)
        with copy:
            _is_refused(copy, "another machine reports as this agent")
            assert centre.figure("haidang_agent_identity_conflicts_total", instance=HOST) >= 1
            centre.kill()
            copy.kill()
            centre.start()
            copy.start()  # it may well be the first to call
            _is_refused(copy, "another machine reports as this agent")
            before = first.wait_for_status(lambda s: s.uplink.state is UplinkState.OK)
            first.wait_for_status(lambda s: s.uplink.batches > before.uplink.batches + 2)
        assert copy.process is not None
        assert copy.process.returncode == 0
        assert sum(mark.reports for mark in copy.wait_for_status(lambda s: bool(s.stopped)).spool.watermarks) > 4
        first.drain()
    books = Books(centre.database)
    books.check_station(first)
    assert books.check_gaps(HOST) == []
    assert [row["stream"] for row in books.rows("SELECT DISTINCT stream FROM boots")] == [first.stream]


def _is_refused(station: Station, why: str) -> None:
    status = station.wait_for_status(lambda s: s.uplink.state is UplinkState.CONFLICT)
    assert why in status.uplink.detail
    assert status.uplink.reports == 0
    wait_for(lambda: why in station.said(), say=station.said)


def test_copied_spool_and_takeover(tmp_path: Path) -> None:
    """A machine copied whole, spool and all: the one that booted last is the agent, the other is refused for ever. And a
    machine made anew takes its name over once the old one was silent for a minute."""
    dials = [Dial(tmp_path / "clock")]
    dials[0].run(SPEED)
    dials += [dials[0].twin(tmp_path / f"clock-{number}") for number in (1, 2)]
    centre = Centre(tmp_path / "centre", dial=dials[0])
    enrolled = centre.enrol(HOST)[HOST]
    old = Station(tmp_path / "old", HOST, enrolled, centre.url).under(dials[1], "boot-old")
    copy = Station(tmp_path / "copy", HOST, enrolled, centre.url).under(dials[2], "boot-copy")
    anew = Station(tmp_path / "anew", HOST, enrolled, centre.url).under(dials[0])
    with centre, old:
        old.wait_for_status(lambda s: s.uplink.batches >= 2)
        old.stop()
        shutil.rmtree(copy.spool, ignore_errors=True)
        shutil.copytree(old.spool, copy.spool)
        os.unlink(copy.spool / "lock")
        old.start()
        seen = old.wait_for_status(lambda s: not s.stopped and s.uplink.batches >= 2)
        dials[2].reboot()
        with copy:
            copy.wait_for_status(lambda s: s.uplink.batches >= 2)
            refused = old.wait_for_status(lambda s: s.uplink.state is UplinkState.CONFLICT)
            assert "this sender was replaced" in refused.uplink.detail
            assert refused.uplink.batches >= seen.uplink.batches
            copy.stop()
        dials[0].jump(61_000)
        with anew:
            anew.wait_for_status(lambda s: s.uplink.batches >= 2)
            anew.drain()
    books = Books(centre.database)
    books.check_station(anew)
    present = books.rows("SELECT stream FROM boots WHERE present")
    assert [row["stream"] for row in present] == [anew.stream]
