"""Timeouts in lists: none early, each once, nothing runs while nobody waits."""

from __future__ import annotations

import asyncio

from agent.snmp.timers import TICK_S, Timers


class Sleeper:
    """Notes when its times are over; done after `count` of them."""

    def __init__(self, count: int) -> None:
        self.seen: list[tuple[int, float]] = []
        self.left = count
        self.done = asyncio.Event()

    def expire(self, number: int) -> None:
        self.seen.append((number, asyncio.get_running_loop().time()))
        self.left -= 1
        if not self.left:
            self.done.set()


async def test_times_come_in_their_order_and_none_early() -> None:
    """A dozen of different lengths, added in any order."""
    timers, sleeper, start = Timers(), Sleeper(12), asyncio.get_running_loop().time()
    for number in (7, 3, 0, 11, 5, 1, 9, 2, 10, 4, 8, 6):
        timers.add(sleeper, number, number * 0.015)
    await asyncio.wait_for(sleeper.done.wait(), 10)
    assert [each // 2 for each, _ in sleeper.seen] == sorted(each // 2 for each, _ in sleeper.seen)
    assert sorted(each for each, _ in sleeper.seen) == list(range(12))
    assert all(at - start >= number * 0.015 for number, at in sleeper.seen)
    assert timers._handle is None or not timers._slots


async def test_nothing_runs_while_nobody_waits_and_it_starts_again() -> None:
    """After the last time it stops, and the next `add` wakes it."""
    timers = Timers()
    for _ in range(2):
        sleeper = Sleeper(1)
        timers.add(sleeper, 1, TICK_S / 2)
        await asyncio.wait_for(sleeper.done.wait(), 10)
        await asyncio.sleep(0)
        assert timers._handle is None


async def test_a_loop_that_was_held_up_catches_up() -> None:
    """Everything that ran out meanwhile comes at the next tick."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, [0.0]
    loop.time = lambda: real() + ahead[0]  # type: ignore[method-assign]
    timers, sleeper = Timers(), Sleeper(3)
    for number, seconds in ((1, 0.5), (2, 40.0), (3, 100.0)):
        timers.add(sleeper, number, seconds)
    ahead[0] = 1000.0
    await asyncio.wait_for(sleeper.done.wait(), 2000)
    assert [number for number, _ in sleeper.seen] == [1, 2, 3]
    timers.close()


async def test_closed_timers_are_silent() -> None:
    """Nobody is called any more."""
    timers, sleeper, other = Timers(), Sleeper(1), Sleeper(1)
    timers.add(sleeper, 1, TICK_S)
    timers.close()
    timers.add(other, 1, TICK_S * 3)
    await asyncio.wait_for(other.done.wait(), 10)
    assert sleeper.seen == []
    timers.close()
