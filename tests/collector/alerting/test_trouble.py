"""The collector's look at itself: every source by itself, from memory at any moment, and named alike after a restart."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.alerting.trouble import Sources, Watch, is_unsynchronised, own_conditions, room_of
from collector.core.alert import COLLECTOR_SUBJECT, Alert, AlertKey, AlertKind, Severity, Trouble
from collector.core.own_trouble import CALM_MS, MIB, Disk, Loop, OwnReason

T = 1_790_000_000_000
PLENTY = Disk(500 * 1024 * MIB, 1000 * 1024 * MIB)


class World:
    """Sources that a test sets, on a clock that it turns."""

    def __init__(self, folder: Path) -> None:
        self.now = T
        self.ahead = 0
        self.unwritten: tuple[int | None, str] = (None, "")
        self.disk: Disk | OSError = PLENTY
        self.is_unsynchronised: bool | None = False
        self.sources = Sources(
            folder,
            unwritten=lambda: self.unwritten,
            ahead_ms=lambda: self.ahead,
            room=self.room,
            unsynchronised=lambda: self.is_unsynchronised,
        )
        self.watch = self.start()

    def start(self) -> Watch:
        return Watch(self.sources, lambda: self.now, lambda _key, default: default)

    def room(self, _folder: Path) -> Disk:
        if isinstance(self.disk, OSError):
            raise self.disk
        return self.disk

    async def look(self, seconds: float = 5) -> dict[str, str]:
        self.now += round(seconds * 1000)
        await self.watch.look()
        return {one.key.name: one.reason for one in self.watch.conditions()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_each_source_makes_its_own_trouble(world: World) -> None:
    """One after the other begins, and all of them go on side by side."""
    assert await world.look() == {}
    world.disk = Disk(50 * MIB, 1000 * MIB)
    world.unwritten = (T - 60_000, "database is locked")
    world.ahead = 2_001
    assert await world.look() == {"disk": "bytes_low", "database": "unwritten", "clock": "clock_step"}
    found = {one.key.name: one for one in world.watch.conditions()}
    assert found["database"].key == AlertKey(COLLECTOR_SUBJECT, AlertKind.COLLECTOR, "database")
    assert found["database"].detail == "database is locked"
    assert found["disk"].severity is Severity.CRITICAL


async def test_a_folder_that_cannot_be_looked_at_is_a_trouble(world: World) -> None:
    """And the others are told all the same."""
    world.disk = OSError(5, "Input/output error")
    world.unwritten = (T - 60_000, "")
    assert await world.look() == {"disk": "unreadable", "database": "unwritten"}


async def test_a_slow_drift_of_the_clock_is_no_step(world: World) -> None:
    """Only what happens between two looks is one."""
    for _ in range(10):
        world.ahead += 1_500
        assert await world.look() == {}
    world.ahead -= 3_600_000
    assert await world.look() == {"clock": "clock_step"}
    assert await world.look(601) == {"clock": "clock_step"}, "calm must last"
    assert await world.look(CALM_MS / 1000) == {}


async def test_an_unsynchronised_clock_is_told_when_it_stays_so(world: World) -> None:
    """After a boot it is so for minutes; where nobody can tell nothing is said."""
    world.is_unsynchronised = True
    assert await world.look() == {}
    assert await world.look(599) == {}
    assert await world.look(1) == {"clock": "unsynchronised"}
    world.is_unsynchronised = None
    await world.look()
    assert await world.look(CALM_MS / 1000) == {}


async def test_after_a_restart_a_trouble_has_the_same_identity_or_ends(world: World) -> None:
    """Known from open alerts: what lasts keeps when it was known, what is over ends after a calm."""
    world.unwritten = (T - 60_000, "")
    await world.look()
    (before,) = world.watch.conditions()
    alert = Alert(
        "u", before.key, before.severity, before.since_ms, before.known_ms, reason=before.reason, detail=before.detail
    )
    foreign = msgspec.structs.replace(alert, reason="a word of tomorrow")
    world.now += 100_000
    world.watch = world.start()
    world.watch.recall(own_conditions([foreign, alert, msgspec.structs.replace(alert, gone_ms=T)]))
    assert await world.look() == {"database": "unwritten"}
    assert world.watch.conditions()[0].known_ms == before.known_ms
    world.watch = world.start()
    world.watch.recall(own_conditions([alert]))
    world.unwritten = (None, "")
    assert await world.look() == {"database": "unwritten"}
    assert await world.look(CALM_MS / 1000) == {}


async def test_a_file_system_that_hangs_is_told_and_not_asked_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead mount keeps one thread, not one more every look."""
    monkeypatch.setattr("collector.alerting.trouble.DISK_S", 0.02)
    release, asked = threading.Event(), []

    def room(folder: Path) -> Disk:
        asked.append(folder)
        release.wait(10)
        return PLENTY

    world.sources = msgspec.structs.replace(world.sources, room=room)
    world.watch = world.start()
    assert await world.look() == {"disk": "unreadable"}
    assert await world.look() == {"disk": "unreadable"}
    assert len(asked) == 1
    release.set()
    asking = world.watch._asking
    assert asking is not None
    await asking
    await world.look()
    assert await world.look(CALM_MS / 1000) == {}


async def test_the_on_call_file_may_say_how_grave_it_is_and_each_look_is_told(world: World) -> None:
    """Whoever follows is called after every look."""
    looks: list[int] = []
    world.watch.on_look = lambda: looks.append(len(world.watch.conditions()))
    world.watch.severe = lambda key, default: Severity.INFO if key.name == Trouble.LEDGER else default
    world.sources = msgspec.structs.replace(world.sources, loops=lambda: (Loop("judging", 3, "boom"),))
    world.watch._sources = world.sources
    await world.look()
    (found,) = world.watch.conditions()
    assert (found.severity, found.reason, found.detail) == (
        Severity.INFO, OwnReason.FAILING, "judging failed 3 times in a row: boom",
    )  # fmt: skip
    assert looks == [1]


async def test_it_runs_until_it_is_ended(world: World) -> None:
    """As a task of the collector."""
    looked = asyncio.Event()
    world.watch.on_look = looked.set
    task = asyncio.create_task(world.watch.run())
    async with asyncio.timeout(5):
        await looked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 MiB; the folder's own where it cannot be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=1000", "tmpfs", str(folder)], check=False, capture_output=True
    )
    yield folder
    if done.returncode == 0:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_real_room_of_a_real_folder(small_disk: Path) -> None:
    """As the operating system counts it: a file takes room, and none is there that is not."""
    before = room_of(small_disk)
    assert 0 < before.free_bytes <= before.bytes
    assert 0 <= before.free_files <= before.files
    if os.path.ismount(small_disk):
        assert (before.bytes, before.files) == (64 * MIB, 1000)
        (small_disk / "full").write_bytes(b"x" * (63 * MIB))
        after = room_of(small_disk)
        assert after.free_bytes <= MIB
        assert after.free_files == before.free_files - 1
    with pytest.raises(OSError, match="No such file"):
        room_of(small_disk / "absent")


def test_the_kernel_can_be_asked_about_its_clock() -> None:
    """Without changing it: it answers yes or no where it may be asked."""
    first = is_unsynchronised()
    assert first in (True, False, None)
    assert is_unsynchronised() == first
