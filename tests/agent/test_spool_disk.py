"""A disk that takes nothing: the agent goes on, keeps a bounded part, still sends it, and states what did not fit."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.model import Lane, LossReason
from agent.spool import Spool, SpoolLimits
from agent.spool_folder import BALLAST_BYTES
from agent.transport import HttpTransport, TransportSettings
from agent.uplink import Uplink, UplinkSettings
from tests.agent import collector_kit as server
from tests.agent import spool_kit as kit

LIMITS = SpoolLimits(held_reports=10)


@pytest.fixture
def clock() -> kit.JumpClock:
    return kit.JumpClock()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(TransportSettings())
    yield made
    made.close()


@contextmanager
def no_room_past(size: int) -> Iterator[None]:
    """No file may grow past `size` bytes: writes fail with EFBIG, with or without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _collect(spool: Spool, clock: kit.JumpClock, count: int, size: int = 5000) -> None:
    """Reports larger than the limit below, which the position and small loss records stay under."""
    for _ in range(count):
        spool.append_collection(facts=[kit.heartbeat(clock, "x" * size)], bulk=[kit.host(clock, detail="x" * size)])
        clock.advance(15)


def _explained(entries: list, lane: Lane) -> set[int]:
    stated = {seq for loss in kit.losses(entries) if loss.lane is lane for seq in range(loss.first_seq, loss.last_seq + 1)}
    kept = {entry.seq for entry in entries if entry.lane is lane}
    assert not stated & kept
    return stated | kept


def test_what_does_not_fit_is_stated_once_the_disk_has_room_again(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    _collect(spool, clock, 5)
    with no_room_past(4096):
        os.truncate(tmp_path / "ballast", 0)  # no ballast: nothing can be stated until there is room
        _collect(spool, clock, 30)
        status = spool.status()
        assert status.disk_error == "File too large"
        assert 0 < status.held_reports <= LIMITS.held_reports
    _collect(spool, clock, 1)
    assert spool.status().disk_error == ""
    assert spool.status().held_reports == 0
    entries = kit.unsent(spool)
    produced = {mark.lane: mark.produced for mark in spool.watermarks()}
    for lane in Lane:
        assert _explained(entries, lane) == set(range(1, produced[lane] + 1))
    assert {loss.reason for loss in kit.losses(entries)} == {LossReason.DISK_FULL}
    assert sum(loss.count for loss in kit.losses(entries)) == spool.status().lost[LossReason.DISK_FULL] > 10
    assert (tmp_path / "ballast").stat().st_size == BALLAST_BYTES, "room is reserved again"
    kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert kit.unsent(spool) == entries
    spool.close()


def test_a_full_disk_does_not_silence_the_host(tmp_path: Path, clock: kit.JumpClock) -> None:
    """Reports that only memory holds are offered, and freed when accepted: nothing is lost while the network works."""
    spool = kit.reopen(tmp_path, LIMITS, clock)
    with no_room_past(4096):
        for number in range(1, 51):
            given = spool.append_collection(facts=[kit.heartbeat(clock, "x" * 5000)], bulk=[kit.host(clock, detail="x" * 5000)])
            assert given.facts == range(number, number + 1)
            fresh = spool.fresh(*kit.PLENTY)
            assert [entry.seq for entry in fresh] == [number, number]
            spool.accept(fresh)
        assert spool.status().held_reports == 0
    assert sum(spool.status().lost.values()) == 0
    kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert kit.unsent(spool) == []
    assert spool.append(Lane.FACTS, [kit.heartbeat(clock)]) == range(51, 52)
    spool.close()


def test_numbers_used_while_nothing_could_be_noted_are_not_used_again(
    tmp_path: Path, clock: kit.JumpClock, transport: HttpTransport
) -> None:
    """A disk gone read-only takes not even the position. The next process learns from the collector what was used."""
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert not spool.is_unsure, "a new folder has nothing to ask"
    with no_room_past(0):
        for _ in range(20):
            spool.append_collection(facts=[kit.heartbeat(clock)], bulk=[kit.host(clock)])
            spool.accept(spool.fresh(*kit.PLENTY))
        kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock, boot="boot-2")
    assert spool.append(Lane.FACTS, [kit.marker(clock, detail="second life")]) == range(1, 2), "the trap"
    answers = iter([server.ok(acknowledged={Lane.FACTS: 20, Lane.BULK: 20}), server.ok(credit=9), server.ok()])
    with server.collector(lambda request: next(answers)) as collector:
        uplink = _uplink(spool, clock, transport, collector.url)
        assert uplink.step() == 0.0
        assert uplink.step() is None
        first, second = collector.batches()
        assert first.groups == ()
        (group,) = second.groups
        assert [(group.lane, r.seq, r.detail) for r in group.reports] == [(Lane.FACTS, 21, "second life")]
        assert spool.append(Lane.BULK, [kit.host(clock)]) == range(21, 22)
        assert uplink.step() is None
    assert not spool.is_unsure
    assert kit.unsent(spool) == []
    spool.close()
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert not spool.is_unsure, "after an orderly end there is nothing to ask"
    spool.close()


@pytest.mark.parametrize("status", [400, 403])
def test_a_collector_that_takes_no_empty_batch_is_not_asked_twice(
    status: int, tmp_path: Path, clock: kit.JumpClock, transport: HttpTransport
) -> None:
    kit.kill(kit.reopen(tmp_path, LIMITS, clock))
    spool = kit.reopen(tmp_path, LIMITS, clock)
    spool.append(Lane.FACTS, [kit.marker(clock)])
    answers = iter([server.error(status), server.ok()])
    with server.collector(lambda request: next(answers)) as collector:
        uplink = _uplink(spool, clock, transport, collector.url)
        assert uplink.step() == 0.0
        assert uplink.step() is None
        assert [len(batch.groups) for batch in collector.batches()] == [0, 1]
    assert uplink.status().refused == 0
    spool.close()


def _uplink(spool: Spool, clock: kit.JumpClock, transport: HttpTransport, url: str) -> Uplink:
    return Uplink(spool, transport, clock, UplinkSettings((url,)), boot="boot-2", agent_version="", random=lambda: 0.0)


def test_killed_on_a_full_disk_the_next_start_states_what_memory_held(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    _collect(spool, clock, 2)
    os.truncate(tmp_path / "ballast", 0)
    with no_room_past(4096):
        _collect(spool, clock, 20)
        kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock)
    entries = kit.unsent(spool)
    assert _explained(entries, Lane.BULK) == set(range(1, 23))
    assert set(range(1, 23)) <= _explained(entries, Lane.FACTS)
    assert {loss.reason for loss in kit.losses(entries)} == {LossReason.DISK_FULL}
    assert spool.append(Lane.BULK, [kit.host(clock)]) == range(23, 24)
    spool.close()


def test_losses_reach_the_collector_while_the_disk_is_still_full(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    os.truncate(tmp_path / "ballast", 0)
    with no_room_past(4096):
        _collect(spool, clock, 30)
        spool.accept(spool.fresh(*kit.PLENTY) + spool.backlog(*kit.PLENTY))
        stated = kit.losses(spool.fresh(*kit.PLENTY))
        assert {(loss.lane, loss.reason) for loss in stated} >= {(Lane.BULK, LossReason.DISK_FULL)}
        assert sum(loss.count for loss in stated) == spool.status().lost[LossReason.DISK_FULL]
    spool.close()


def test_markers_are_kept_in_memory_before_heartbeats_and_bulk(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    os.truncate(tmp_path / "ballast", 0)
    with no_room_past(4096):
        (number,) = spool.append(Lane.FACTS, [kit.marker(clock, detail="x" * 5000)])
        _collect(spool, clock, 40)
        assert number in {entry.seq for entry in kit.unsent(spool) if entry.lane is Lane.FACTS}
    spool.close()


@contextmanager
def tiny_disk(folder: Path, kib: int) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_on_a_real_full_disk_the_ballast_makes_room_to_state_the_loss(tmp_path: Path, clock: kit.JumpClock) -> None:
    folder = tmp_path / "disk"
    with tiny_disk(folder, 256):
        spool = kit.reopen(folder, LIMITS, clock)
        for _ in range(600):
            _collect(spool, clock, 1, 300)
        status = spool.status()
        assert status.disk_error == "No space left on device"
        assert status.lost[LossReason.DISK_FULL] > 100
        assert not (folder / "ballast").exists()
        kit.kill(spool)
        spool = kit.reopen(folder, LIMITS, clock)
        on_disk = kit.unsent(spool)
        assert kit.losses(on_disk), "the loss was on disk before the kill"
        spool.accept(on_disk)
        _collect(spool, clock, 1)
        everything = on_disk + kit.unsent(spool)
        produced = {mark.lane: mark.produced for mark in spool.watermarks()}
        for lane in Lane:
            assert _explained(everything, lane) == set(range(1, produced[lane] + 1))
        assert spool.status().disk_error == ""
        spool.close()
