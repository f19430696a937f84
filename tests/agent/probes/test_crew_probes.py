"""The crew with probes: sooner after a failure, the least important left out first, and start delays that are counted."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from agent.model import Outcome
from agent.probes.crew import CALM_MS, SHED_AFTER_MS, Crew, Pace
from agent.probes.crew_stats import DELAY_BOUNDS_MS, CrewStats
from tests.agent.probes.test_crew import Hands

LOW, NORMAL, CRITICAL = range(3)


class Runs:
    """What runs for one item; ends at once unless it is held, with the outcomes that were laid down, then `ok`."""

    def __init__(self, world: World, pace: Pace) -> None:
        self.world = world
        self.pace = pace
        self.began: list[int] = []

    async def poll(self, deadline_s: float, *, reset: bool = False) -> Outcome:
        assert 0 < deadline_s < self.pace.interval_s
        self.began.append(self.world.clock.now_ms)
        self.world.order.append(self.pace.key)
        if self.pace.key in self.world.held:
            await self.world.held[self.pace.key].wait()
        left = self.world.outcomes.get(self.pace.key)
        return left.pop(0) if left else Outcome.OK


class World:
    def __init__(self, max_in_flight: int = 100) -> None:
        self.clock = Hands()
        self.order: list[str] = []
        self.held: dict[str, asyncio.Event] = {}
        self.outcomes: dict[str, list[Outcome]] = {}
        self.made: dict[str, Runs] = {}
        self.crew: Crew[Pace] = Crew(self._make, self.clock, pace=lambda pace: pace, max_in_flight=max_in_flight)

    def _make(self, pace: Pace) -> Runs:
        made = self.made[pace.key] = Runs(self, pace)
        return made

    async def turn(self) -> int:
        wait_ms = self.crew.step()
        for _ in range(4):
            await asyncio.sleep(0)
        return min(wait_ms, self.crew._heap[0][0] - self.clock.now_ms)

    async def until(self, end_ms: int) -> None:
        """Time goes on to `end_ms`, from one slot to the next."""
        while (wait_ms := await self.turn()) <= end_ms - self.clock.now_ms:
            self.clock.now_ms += max(wait_ms, 1)
        self.clock.now_ms = end_ms

    def gaps_s(self, key: str) -> list[int]:
        """Whole seconds between its runs; those in a slot may begin a tick early."""
        began = self.made[key].began
        return [round((after - before) / 1000) for before, after in pairwise(began)]


FAILED, OK, ERROR, DEGRADED = Outcome.FAILED, Outcome.OK, Outcome.ERROR, Outcome.DEGRADED


async def test_a_failed_run_is_repeated_sooner_until_it_is_confirmed() -> None:
    """Three failures in a row ten seconds apart, then the slots of the interval again."""
    world = World()
    world.outcomes["a"] = [OK, FAILED, FAILED, FAILED, FAILED, FAILED]
    world.crew.configure([Pace("a", 60, retry_s=10, fail_after=3)])
    await world.until(world.clock.now_ms + 360_000)
    assert world.gaps_s("a")[:5] == [60, 10, 10, 40, 60]


async def test_the_distance_of_retries_may_be_less_than_a_second() -> None:
    """Three looks within half a second; a retry may begin a tick early, like a slot."""
    world = World()
    world.outcomes["a"] = [FAILED, FAILED, FAILED]
    world.crew.configure([Pace("a", 5, retry_s=0.2, fail_after=3)])
    await world.until(world.clock.now_ms + 12_000)
    began = world.made["a"].began
    assert [150 <= after - before <= 250 for before, after in pairwise(began)][:3] == [True, True, False], began


async def test_a_success_ends_the_repeating() -> None:
    """It was over before it was confirmed: the slots go on as they were, and the next failure begins anew."""
    world = World()
    world.outcomes["a"] = [FAILED, FAILED, DEGRADED, FAILED, FAILED, OK]
    world.crew.configure([Pace("a", 60, retry_s=10, fail_after=3)])
    await world.until(world.clock.now_ms + 240_000)
    assert world.gaps_s("a")[:5] == [10, 10, 40, 10, 10]


async def test_what_could_not_be_tested_is_not_repeated_and_confirms_nothing() -> None:
    world = World()
    world.outcomes["a"] = [FAILED, ERROR, FAILED, FAILED]
    world.crew.configure([Pace("a", 60, retry_s=10, fail_after=3)])
    await world.until(world.clock.now_ms + 240_000)
    assert world.gaps_s("a")[:3] == [10, 50, 10]


async def test_without_a_distance_of_retries_the_slots_are_all_there_is() -> None:
    world = World()
    world.outcomes["a"] = [FAILED] * 9
    world.crew.configure([Pace("a", 60, fail_after=3)])
    await world.until(world.clock.now_ms + 240_000)
    assert set(world.gaps_s("a")) == {60}


async def test_a_repeated_run_that_takes_long_is_never_run_twice_at_once() -> None:
    """A run that ends after its retry was due is followed at once by one, not by two."""
    world = World()
    world.held["a"] = asyncio.Event()
    world.outcomes["a"] = [FAILED, OK]
    world.crew.configure([Pace("a", 60, retry_s=10, fail_after=3)])
    world.clock.now_ms = began = world.crew._entries["a"].slot_ms
    await world.turn()
    world.clock.now_ms = began + 15_000
    world.held.pop("a").set()
    await world.turn()
    await world.turn()
    assert [at - began for at in world.made["a"].began] == [0, 15_000]


async def test_a_slot_soon_after_a_retry_is_left_out() -> None:
    """Fifty seconds after the first failure came the retry; the slot ten seconds later would tell the same again. It is no
    missed one."""
    world = World()
    world.outcomes["a"] = [FAILED]
    world.crew.configure([Pace("a", 60, retry_s=50, fail_after=3)])
    await world.until(world.clock.now_ms + 300_000)
    assert world.gaps_s("a")[:3] == [50, 70, 60]
    assert world.crew.stats.missed == 0


async def test_a_slot_half_a_retry_distance_after_a_retry_is_run() -> None:
    """It is time to look again; and what fails there is retried as ever."""
    world = World()
    world.outcomes["a"] = [FAILED, FAILED, OK]
    world.crew.configure([Pace("a", 60, retry_s=38, fail_after=3)])
    await world.until(world.clock.now_ms + 300_000)
    assert world.gaps_s("a")[:3] == [38, 22, 60]


async def test_a_retry_that_still_runs_in_the_next_slot_is_no_missed_one() -> None:
    world = World()
    world.outcomes["a"] = [FAILED]
    world.crew.configure([Pace("a", 60, retry_s=50, fail_after=3)])
    slot_ms = world.crew._entries["a"].slot_ms
    await world.until(slot_ms + 45_000)
    world.held["a"] = asyncio.Event()
    await world.until(slot_ms + 61_000)
    assert (len(world.made["a"].began), world.crew.stats.missed) == (2, 0)
    await world.until(slot_ms + 121_000)
    assert (len(world.made["a"].began), world.crew.stats.missed) == (2, 1)
    world.held.pop("a").set()


async def test_the_important_begin_first() -> None:
    """Of those that are due together."""
    world = World(max_in_flight=10)
    world.crew.configure([Pace(name, 10, priority=rank) for name, rank in (("low", 0), ("normal", 1), ("critical", 2))])
    world.clock.now_ms += 10_000 - 1
    for entry in world.crew._entries.values():
        entry.slot_ms = world.clock.now_ms
        world.crew._push(entry.slot_ms, entry)
    await world.turn()
    assert world.order == ["critical", "normal", "low"]


async def test_overload_leaves_out_the_least_important_first_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    """One hangs in the only place: low ones are left out after a second, normal ones later, critical ones never."""
    world = World(max_in_flight=1)
    world.held["hangs"] = asyncio.Event()
    world.crew.configure(
        [Pace("hangs", 3600), *(Pace(f"{name}-{n}", 60, priority=rank) for rank, name in enumerate("lnc") for n in range(5))]
    )
    world.crew.poll_now("hangs")
    end_ms = world.clock.now_ms + 60_000
    while world.clock.now_ms < end_ms:
        await world.turn()
        world.clock.now_ms += 100
    assert world.crew.stats.shed[CRITICAL] == 0
    assert world.crew.stats.shed[LOW] >= 4
    assert world.crew.stats.shed[NORMAL] >= 4
    assert world.crew.stats.waiting >= 5
    assert world.order == ["hangs"]
    assert [record.message for record in caplog.records if "too much to do" in record.message] == [
        record.message for record in caplog.records
    ]
    assert len(caplog.records) == 1
    assert "now l-" in caplog.records[0].message
    world.held.pop("hangs").set()
    for _ in range(8):
        await world.turn()
    assert {name for name in world.order if name.startswith("c")} == {f"c-{n}" for n in range(5)}


async def test_a_slow_start_sheds_by_priority() -> None:
    """A loop that comes round late runs the critical, leaves out the low, and what it leaves out it runs at the next slot."""
    world = World()
    world.crew.configure([Pace(name, 60, priority=rank) for name, rank in (("low", 0), ("normal", 1), ("critical", 2))])
    for entry in world.crew._entries.values():
        entry.slot_ms = world.clock.now_ms + 1_000
        world.crew._push(entry.slot_ms, entry)
    world.clock.now_ms += 1_000 + SHED_AFTER_MS[LOW] + 1
    await world.turn()
    assert world.order == ["critical", "normal"]
    assert world.crew.stats.shed == [1, 0, 0]
    await world.until(world.clock.now_ms + 60_000)
    assert world.order.count("low") == 1


async def test_a_hint_is_never_left_out() -> None:
    """Somebody waits for what it finds."""
    world = World()
    world.crew.configure([Pace("low", 3600, priority=LOW)])
    world.crew.poll_now("low")
    world.clock.now_ms += SHED_AFTER_MS[LOW] * 10
    await world.turn()
    assert world.order == ["low"]


async def test_a_new_overload_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """After a minute of calm."""
    world = World()
    world.crew.configure([Pace("low", 600, priority=LOW)])
    for _ in range(2):
        entry = world.crew._entries["low"]
        world.clock.now_ms = entry.slot_ms + SHED_AFTER_MS[LOW] + 1
        await world.turn()
        assert CALM_MS < 600_000
    assert len(caplog.records) == 2


def test_delays_are_counted_by_size() -> None:
    stats = CrewStats()
    for delay_ms in (0, 10, 11, 1_001, 99_999):
        stats.started(delay_ms)
    assert (stats.delays[0], stats.delays[1], stats.delays[-1]) == (2, 1, 1)
    assert sum(stats.delays) == stats.polls == 5
    assert (stats.late, stats.delay_max_ms, stats.delay_sum_ms) == (2, 99_999, 101_021)
    assert len(stats.delays) == len(DELAY_BOUNDS_MS) + 1


async def test_ten_thousand_probes_are_spread_over_their_intervals() -> None:
    """No waking has more than a few times its share to do."""
    world = World(max_in_flight=20_000)
    intervals = (5, 10, 15, 30, 60, 300)
    world.crew.configure([Pace(f"p{n}", intervals[n % 6]) for n in range(10_000)])
    share = sum(10_000 / 6 / interval for interval in intervals) / 20
    began = world.clock.now_ms
    most = 0
    while world.clock.now_ms < began + 10_000:
        before = len(world.order)
        world.crew.step()
        for _ in range(3):
            await asyncio.sleep(0)
        most = max(most, len(world.order) - before)
        world.clock.now_ms += 50
    assert most < 3 * share + 30
    assert world.crew.stats.late == world.crew.stats.missed == sum(world.crew.stats.shed) == 0
