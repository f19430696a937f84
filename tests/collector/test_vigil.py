"""The collector's own watch on a real store and a clock that is set by hand: what it missed is known before anybody judges."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agent.model import Kind, Report
from collector.core.change import COLLECTOR, ClockStep, StoreError
from collector.core.life import Blind as Shown
from collector.core.state import State, Why
from collector.store.store import Store
from collector.vigil import GAP_MS, STEP_MS, Times, Vigil
from tests.collector.fleet_kit import evidence, info, make_fleet

T = 1_700_000_000_000
INTERVAL_MS = 5_000


class World:
    """A vigil, its picture with one target that is down when silent, and time that passes when it is told to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_ms = T
        self.ahead_ms = 0
        self.waiting = 0
        self.fleet = make_fleet()
        self.fleet.set_targets([info("h1", silence="down")])
        times = Times(lambda: self.now_ms, lambda: self.ahead_ms)
        self.vigil = Vigil(store, self.fleet, self.fleet.tally, times, lambda: self.waiting)

    def report(self) -> None:
        report = Report(1, "h1", "heartbeat", Kind.REPORT, self.now_ms, 1, 1, interval_ms=INTERVAL_MS)
        self.fleet.apply(evidence("h1", "heartbeat", self.now_ms, interval_ms=INTERVAL_MS), report)

    def tick(self, seconds: int) -> None:
        """So many seconds in which the loop runs as it should."""
        for _ in range(seconds):
            self.now_ms += 1_000
            self.vigil.look()

    def judge(self) -> tuple[State, Why]:
        """As the pages do it."""
        target = self.fleet.get("h1")
        assert target is not None
        found = self.fleet.judge(target, self.vigil.look())
        return found.state, found.why

    async def blinds(self) -> list[tuple[int, int | None, str]]:
        return [(one.from_ms - T, one.until_ms and one.until_ms - T, one.cause) for one in await self.store.blinds(0, 2**60)]


@pytest.fixture
async def world(store: Store) -> World:
    made = World(store)
    await made.vigil.begin()
    made.report()
    return made


async def test_silence_that_was_watched_is_down(world: World) -> None:
    world.tick(12)
    assert world.judge() == (State.UP, Why.REPORTING)
    world.tick(1)
    assert world.judge() == (State.DOWN, Why.SILENT)
    await world.vigil.beat()
    assert await world.blinds() == []


@pytest.mark.parametrize("stall_ms", [GAP_MS + 1, 13_000, 29_000, 3_600_000])
async def test_after_a_stall_the_first_judgement_knows_of_it(world: World, stall_ms: int) -> None:
    world.tick(4)
    world.now_ms += stall_ms
    state, why = world.judge()
    assert why is not Why.SILENT
    assert state is (State.UP if 4_000 + stall_ms <= 12_500 else State.UNKNOWN)
    world.tick(14)
    assert world.judge() == (State.DOWN, Why.SILENT), "what is silent after it is called so"
    await world.vigil.beat()
    assert await world.blinds() == [(4_000, 4_000 + stall_ms, "stall")]
    assert world.fleet.tally.blind_ms == stall_ms


async def test_a_loop_that_is_a_little_late_is_no_stall(world: World) -> None:
    world.now_ms += GAP_MS
    world.vigil.look()
    await world.vigil.beat()
    assert await world.blinds() == []


async def test_reports_that_wait_for_the_database_are_not_silence(world: World) -> None:
    world.tick(2)
    world.waiting = 1
    world.tick(20)
    assert world.judge() == (State.UNKNOWN, Why.BLIND)
    world.vigil.stored()
    world.waiting = 0
    await world.vigil.beat()
    assert await world.blinds() == [(2_000, 22_000, "store")]
    assert world.fleet.blinds == [Shown(T + 2_000, T + 22_000)]


async def test_a_busy_store_that_keeps_taking_batches_is_no_blindness(world: World) -> None:
    world.waiting = 9
    for _ in range(20):
        world.tick(2)
        world.vigil.stored()
    await world.vigil.beat()
    assert await world.blinds() == []


async def test_a_store_that_fails_is_blindness_until_it_takes_something(world: World) -> None:
    world.tick(1)
    world.vigil.failed()
    world.tick(3)
    assert world.fleet.blinds == []
    world.tick(10)
    assert world.judge() == (State.UNKNOWN, Why.BLIND)
    world.now_ms += 60_000
    assert world.judge() == (State.UNKNOWN, Why.BLIND), "a stall while the store was away is part of it"
    await world.vigil.beat()
    assert await world.blinds() == [(1_000, 74_000, "store")]
    assert world.fleet.tally.blind_ms == 73_000


class Away:
    """A store in front of the real one that can be away."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        if self.is_away:
            raise StoreError("the database is away")
        return getattr(self.store, name)


async def test_what_could_not_be_written_is_written_before_the_next_heartbeat(store: Store) -> None:
    away = Away(store)
    world = World(cast("Store", away))
    await world.vigil.begin()
    world.tick(1)
    world.now_ms += 10_000
    world.ahead_ms = -90_000
    world.vigil.look()
    world.vigil.watch_clock()
    away.is_away = True
    for _ in range(3):
        await world.vigil.beat()
        world.tick(10)
    away.is_away = False
    await world.vigil.beat()
    assert await world.blinds() == [(1_000, 11_000, "stall"), (11_000, 41_000, "store")]
    assert await store.clock_steps(0, 2**60) == [ClockStep(COLLECTOR, T + 11_000, -90_000)]
    again = World(store)
    again.now_ms = world.now_ms + 5_000
    await again.vigil.begin()
    assert (await again.blinds())[2:] == [(41_000, 46_000, "died")]


async def test_a_step_of_the_wall_clock_is_recorded_once(world: World) -> None:
    for ahead_ms in (STEP_MS, 3_600_000, 3_600_500, 3_600_000):
        world.ahead_ms = ahead_ms
        world.now_ms += 1_000
        world.vigil.watch_clock()
        await world.vigil.beat()
    world.ahead_ms = 0
    world.now_ms += 1_000
    world.vigil.watch_clock()
    await world.vigil.beat()
    assert await world.store.clock_steps(0, 2**60, observer=COLLECTOR) == [
        ClockStep(COLLECTOR, T + 2_000, 3_600_000),
        ClockStep(COLLECTOR, T + 5_000, -3_600_000),
    ]
    assert await world.store.clock_steps(T + 3_000, T + 5_000) == []


async def test_a_start_knows_what_the_stop_before_it_wrote(store: Store, world: World) -> None:
    world.tick(3)
    world.now_ms += 20_000
    world.vigil.look()
    await world.vigil.finish()
    again = World(store)
    again.now_ms = world.now_ms + 60_000
    await again.vigil.begin()
    assert await again.blinds() == [(3_000, 23_000, "stall"), (23_000, 83_000, "stopped")]
    assert [blind.until_ms - T for blind in again.fleet.blinds] == [23_000, 83_000]
    assert again.fleet.tally.blind_ms == 80_000


async def test_how_long_nothing_could_be_stored_is_told_while_it_lasts(world: World) -> None:
    """Whoever watches over the collector itself asks in the middle of it."""
    world.tick(1)
    assert (world.vigil.unwritten_ms, world.vigil.dark_ms) == (None, None)
    world.waiting = 3
    world.tick(2)
    assert (world.vigil.unwritten_ms, world.vigil.dark_ms) == (T + 1_000, None)
    world.tick(3)
    assert (world.vigil.unwritten_ms, world.vigil.dark_ms) == (T + 1_000, T + 1_000)
    world.waiting = 0
    world.vigil.stored()
    assert (world.vigil.unwritten_ms, world.vigil.dark_ms) == (None, None)
