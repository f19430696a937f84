"""The agent's disk fails it: a file system that is really full, a folder that is deleted, segments that were never written
whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import segment
from agent.disk import read_file
from agent.model import Lane, LossReason
from tests.e2e.ground import Books, Centre, Station, seeded
from tests.e2e.worlds import Dial

pytestmark = pytest.mark.e2e

HOST = "host-0"


@contextlib.contextmanager
def _tiny_disk(folder: Path, kib: int) -> Iterator[None]:
    """A file system of its own of this size."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"mount is not allowed here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk(tmp_path: Path) -> None:
    """The spool's disk is full while the collector is away, and the agent is killed on it: what did not fit is stated as lost,
    the rest arrives, and the disk is free again afterwards."""
    dial = Dial(tmp_path / "clock")
    centre = Centre(tmp_path / "centre")
    station = Station(tmp_path / "agent", HOST, centre.enrol(HOST)[HOST], centre.url).under(dial)
    with _tiny_disk(station.spool, 192), station:
        dial.run(25)
        full = station.wait_for_status(lambda s: bool(s.spool.disk_error) and s.spool.lost[LossReason.DISK_FULL] > 20)
        assert full.spool.disk_error == "No space left on device"
        station.kill()
        acknowledged = station.settled()
        station.start()
        again = station.wait_for_status(lambda s: s.spool.lost[LossReason.DISK_FULL] > 20)
        assert again.spool.disk_error == "No space left on device"
        with centre:
            station.wait_for_status(lambda s: s.uplink.batches > 0, 60)
            dial.run(2)
            station.wait_for_status(lambda s: not s.spool.disk_error and s.uplink.batches > 3, 60)
            before = station.status()
            assert before is not None
            station.wait_for_status(lambda s: s.collections > before.collections + 3)
            station.drain()
            assert (station.spool / "ballast").stat().st_size > 0
            books = Books(centre.database)
            books.check_station(station, acknowledged)
    losses = books.losses(HOST)
    lost = sum(loss["count"] for loss in losses)
    assert {loss["reason"] for loss in losses} == {"disk_full"}
    assert lost >= full.spool.lost[LossReason.DISK_FULL]
    assert len(losses) < lost / 4, "a long loss is a few records"
    received = books.lane(HOST, books.rows("SELECT stream FROM sequences")[0]["stream"], Lane.FACTS).received
    print(f"full disk: {lost} reports lost in {len(losses)} records, {len(received)} facts received")


def test_removed_folder(tmp_path: Path) -> None:
    """Somebody deletes the spool while the collector is away: what memory holds arrives, the rest is stated as lost, and the
    stream goes on."""
    centre = Centre(tmp_path / "centre")
    dial = Dial(tmp_path / "clock")
    dial.run(10)
    station = Station(tmp_path / "agent", HOST, centre.enrol(HOST)[HOST], centre.url).under(dial)
    with station:
        station.wait_for_status(lambda s: s.collections >= 30)
        stream = station.stream
        shutil.rmtree(station.spool)
        gone = station.wait_for_status(lambda s: s.spool.repairs == 1)
        with centre:
            station.wait_for_status(lambda s: s.uplink.batches > 0, 60)
            station.drain()
    assert station.stream == stream
    books = Books(centre.database)
    held = books.check_station(station)
    assert {loss["reason"] for loss in books.losses(HOST)} == {"corrupt"}
    assert len(held[Lane.FACTS].lost) + len(held[Lane.BULK].lost) == gone.spool.lost[LossReason.CORRUPT] >= 30
    books.check_gaps(HOST)


def _cut_tail(station: Station, lane: Lane, keep: int) -> int:
    """Cut the newest record of a lane `keep` bytes after its start; its number."""
    path = str(max(station.spool.glob(f"{lane}-*.seg")))
    data = read_file(path)
    *before, last = segment.records(data)
    start = before[-1].end if before else segment.HEADER_BYTES
    assert start < start + keep < last.end
    os.truncate(path, start + keep)
    return last.seq


def test_torn_tail(tmp_path: Path) -> None:
    """The machine lost power in the middle of a write: what was torn is stated as lost, what was whole arrives, and numbering
    goes on above both."""
    chance = seeded("torn tail")
    centre = Centre(tmp_path / "centre")
    dial = Dial(tmp_path / "clock")
    dial.run(3)
    station = Station(tmp_path / "agent", HOST, centre.enrol(HOST)[HOST], centre.url).under(dial)
    torn = {}
    with station:
        for lane in (*Lane, *Lane):
            station.wait_for_status(lambda s: s.collections >= 2)
            station.kill()
            torn.setdefault(lane, []).append(_cut_tail(station, lane, chance.randrange(1, 40)))
            station.start()
        with centre:
            station.wait_for_status(lambda s: s.uplink.batches > 0, 60)
            station.drain()
    books = Books(centre.database)
    held = books.check_station(station)
    for lane, numbers in torn.items():
        assert set(numbers) <= held[lane].lost
    assert {loss["reason"] for loss in books.losses(HOST)} == {"torn"}
    assert len(held[Lane.FACTS].lost | held[Lane.BULK].lost) >= 2
