"""Reports are sealed and restated beside everything else: one at a time, to be stopped at any moment, and failures are told."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from collector import ledgers as ledgers_
from collector.core import sealing
from collector.core.change import StoreError
from collector.core.sealing import Entries
from collector.core.stretch import Stretch
from tests.collector.ledger.test_issuing import APPROVER, APRIL, SETTLED, late, march, over, restated, version
from tests.collector.ledger.world import DAY, INTERVAL, World


class SlowDisk:
    """The store, in which reading evidence for reports waits until it is let go; `most` is how many did at once."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.readers = self.most = 0
        self._read = world.store.stretches_of
        self._known_ms = world.now - sealing.COMMITTED_MS
        monkeypatch.setattr(world.store, "stretches_of", self.stretches_of)

    async def stretches_of(self, targets: Sequence[str], *when: int) -> Mapping[str, Sequence[Stretch]]:
        if when[-1] != self._known_ms:
            return await self._read(targets, *when)
        self.readers += 1
        self.most = max(self.most, self.readers)
        self.waits.set()
        try:
            await self.goes_on.wait()
            return await self._read(targets, *when)
        finally:
            self.readers -= 1


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, APRIL - 6 * 3_600_000)


async def settled(world: World) -> None:
    """March is over and closed, and nobody has sealed it."""
    await march(world)
    while world.now < SETTLED + DAY:
        world.now += DAY
        await world.tick()


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_days_are_closed_and_agents_heard_while_a_report_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.running() as ledgers:
        await settled(world)
        disk = SlowDisk(world, monkeypatch)
        issuing = asyncio.create_task(ledgers.issue())
        await disk.waits.wait()
        assert not gc.isenabled(), "a report is a million values and no cycles"
        closed_ms = ledgers.keeper.pages["web-01"].closed_ms
        await world.live(["web-01"], world.now + 3 * INTERVAL)
        world.now += DAY
        await world.tick()
        assert ledgers.keeper.pages["web-01"].closed_ms == closed_ms + DAY
        assert await world.store.issued_reports() == []
        disk.goes_on.set()
        asked = await ledgers.issuing.seal("2026-03-31", APPROVER)
        assert (asked.version, (await version(world)).issued_by) == (1, "collector")
        links = [link async for link in world.store.chain()]
        assert sealing.verify(links) is None
        await ended(issuing)
        assert gc.isenabled()


async def test_never_two_reports_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.running() as ledgers:
        await settled(world)
        disk = SlowDisk(world, monkeypatch)
        issuing = asyncio.create_task(ledgers.issue())
        await disk.waits.wait()
        asked = [asyncio.create_task(ledgers.issuing.seal(period, APPROVER)) for period in ("2026-Q1", "2026-03-31")]
        disk.goes_on.set()
        assert [one.version for one in await asyncio.gather(*asked)] == [1, 1]
        assert disk.most == 1
        await ended(issuing)


async def test_a_stop_in_the_middle_leaves_nothing_and_tells_who_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.running() as ledgers:
        await settled(world)
        disk = SlowDisk(world, monkeypatch)
        issuing = asyncio.create_task(ledgers.issue())
        await disk.waits.wait()
        asked = asyncio.create_task(ledgers.issuing.seal("2026-03-31", APPROVER))
        await asyncio.sleep(0)
        await ended(issuing)
        with pytest.raises(StoreError, match="the collector stops"):
            await asked
        assert await world.store.issued_reports() == []
        monkeypatch.undo()
    async with world.running() as ledgers:
        await ledgers.issuing.tick(world.now)
        assert (await version(world)).version == 1


async def test_days_and_reports_follow_each_other_in_the_chain_whoever_comes_first(world: World) -> None:
    """R17.4: both look at the end of the chain before they add to it."""
    async with world.running() as ledgers:
        await settled(world)
        world.now += DAY
        await asyncio.gather(world.tick(), ledgers.issuing.tick(world.now))
        links = [link async for link in world.store.chain()]
        assert sealing.verify(links) is None
        assert [link.kind for link in links].count("report") == 1
        assert ledgers.keeper.issue_failures == 0


async def test_failures_are_counted_logged_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once because the disk is full, once because of something nobody thought of."""
    monkeypatch.setattr(ledgers_, "AFTER_FAILURE_S", 0.001)
    caplog.set_level(logging.INFO, "haidang.ledger")
    async with world.running() as ledgers:
        await settled(world)
        enter, wrongs = world.store.enter, [StoreError("disk full"), KeyError("something new")]
        issued = asyncio.Event()

        async def failing(entries: Entries) -> None:
            if entries.issued and wrongs:
                raise wrongs.pop(0)
            await enter(entries)
            if entries.issued:
                issued.set()

        monkeypatch.setattr("collector.ledger.issuing._TRIES", 1)
        monkeypatch.setattr(world.store, "enter", failing)
        issuing = asyncio.create_task(ledgers.issue())
        await issued.wait()
        await ended(issuing)
        assert ledgers.keeper.issue_failures == 2
        said = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert "disk full" in said[0].getMessage()
        assert said[1].exc_info is not None
        assert (await version(world)).version == 1


async def test_a_restatement_that_fails_does_not_keep_the_others_from_their_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.running() as ledgers:
        await march(world)
        await over(world)
        asked = asyncio.create_task(ledgers.issuing.seal("2026-03-31", APPROVER))
        await asyncio.sleep(0)
        await ledgers.issuing.tick(world.now)
        assert (await asked).version == 1
        await late(world)
        enter, first = world.store.enter, list[Any]()

        async def failing(entries: Entries) -> None:
            if entries.issued:
                first.append(entries.issued[0].period)
                if entries.issued[0].period == first[0]:
                    raise KeyError("something new")
            await enter(entries)

        monkeypatch.setattr(world.store, "enter", failing)
        world.now += 60_000
        with pytest.raises(KeyError):
            await ledgers.issuing.tick(world.now)
        await ledgers.issuing.tick(world.now)
        assert sorted(first) == ["2026-03", "2026-03-31"]
        monkeypatch.undo()
        await restated(world)
        assert {one.period: one.version for one in await world.store.issued_reports()} == {"2026-03": 2, "2026-03-31": 2}
