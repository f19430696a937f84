"""The crew: slots, one poll at a time, a bound on all together, and what is done when somebody cannot keep up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

import pytest

from agent.probes.crew import Crew
from agent.probes.snmp import pace_of
from agent.snmp.auth import Auth
from agent.snmp.device import Device

AUTH = Auth(name="public")


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def uptime_ms(self) -> int:
        return self.now_ms

    def awake_ms(self) -> int:
        return self.now_ms

    def wait(self, event: threading.Event, seconds: float) -> bool:
        raise AssertionError("nobody waits here")


class Polled:
    """A poller that ends when told; it remembers when it was asked."""

    def __init__(self, world: World, device: Device) -> None:
        self.world = world
        self.device = device
        self.polls: list[tuple[int, bool]] = []
        self.running = 0
        self.most = 0
        self.go = asyncio.Event()

    async def poll(self, deadline_s: float, *, reset: bool = False) -> None:
        assert deadline_s < self.device.interval_s
        self.polls.append((self.world.clock.now_ms, reset))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.device.target in self.world.broken:
                raise LookupError("nobody expected this")
            if self.device.target in self.world.held:
                await self.go.wait()
        finally:
            self.running -= 1


class World:
    """A crew, its clock and its pollers. Devices in `held` do not end their polls by themselves."""

    def __init__(self, max_in_flight: int = 100) -> None:
        self.clock = Hands()
        self.held: set[str] = set()
        self.broken: set[str] = set()
        self.pollers: dict[str, Polled] = {}
        self.crew = Crew(self._make, self.clock, pace=pace_of, max_in_flight=max_in_flight)

    def _make(self, device: Device) -> Polled:
        made = self.pollers[device.target] = Polled(self, device)
        return made

    async def turn(self) -> int:
        wait_ms = self.crew.step()
        for _ in range(5):
            await asyncio.sleep(0)
        return wait_ms

    async def until(self, end_ms: int) -> None:
        """Time goes on to `end_ms`, from one slot to the next."""
        while True:
            wait_ms = await self.turn()
            if self.clock.now_ms + wait_ms > end_ms:
                self.clock.now_ms = end_ms
                return
            self.clock.now_ms += max(wait_ms, 1)


def devices(names: Iterable[str], interval_s: int = 60) -> list[Device]:
    return [Device(target=name, host="127.0.0.1", auth=AUTH, interval_s=interval_s) for name in names]


async def test_every_device_is_polled_once_an_interval() -> None:
    """At its own slot, the same in each interval, and the slots are spread."""
    world = World()
    world.crew.configure(devices(f"d{n}" for n in range(200)))
    await world.until(world.clock.now_ms + 600_000)
    for poller in world.pollers.values():
        assert len(poller.polls) == 10
        assert len({at // 20 for at, _ in [(at % 60_000, reset) for at, reset in poller.polls]}) <= 2
    firsts = sorted(poller.polls[0][0] for poller in world.pollers.values())
    assert firsts[-1] - firsts[0] > 50_000
    assert world.crew.stats.late == world.crew.stats.missed == 0


async def test_a_device_whose_poll_still_runs_misses_its_slot_and_is_named() -> None:
    """And nobody else does."""
    world = World()
    world.held = {"slow"}
    world.crew.configure(devices(["slow", "quick"]))
    await world.until(world.clock.now_ms + 300_000)
    assert len(world.pollers["slow"].polls) == 1
    assert len(world.pollers["quick"].polls) == 5
    assert world.crew.stats.slow == {"slow": world.crew.stats.missed}
    assert world.crew.stats.missed >= 3
    world.pollers["slow"].go.set()
    world.held.clear()
    await world.until(world.clock.now_ms + 120_000)
    assert len(world.pollers["slow"].polls) == 3
    assert world.pollers["slow"].most == 1


async def test_no_more_than_the_bound_run_together() -> None:
    """What is due waits its turn and is counted as late."""
    world = World(max_in_flight=2)
    world.held = {"a", "b", "c"}
    world.crew.configure(devices("abc", interval_s=10))
    for name in "abc":
        world.crew.poll_now(name)
    await world.turn()
    assert (world.crew.stats.in_flight, world.crew.stats.waiting) == (2, 1)
    world.clock.now_ms += 1_500
    for poller in world.pollers.values():
        poller.go.set()
    await world.turn()
    await world.turn()
    assert sum(len(poller.polls) for poller in world.pollers.values()) == 3
    assert world.crew.stats.late >= 1
    assert world.crew.stats.delay_max_ms == 1_500


async def test_a_hint_polls_at_once_and_is_not_lost() -> None:
    """Many hints are one poll; one that comes while the device is polled gives one more, with its reset."""
    world = World()
    world.held = {"ups"}
    world.crew.configure(devices(["ups"], interval_s=3600))
    for _ in range(50):
        assert world.crew.poll_now("ups")
    await world.turn()
    assert len(world.pollers["ups"].polls) == 1
    world.crew.poll_now("ups", reset=True)
    await world.turn()
    assert len(world.pollers["ups"].polls) == 1
    world.pollers["ups"].go.set()
    await world.turn()
    await world.turn()
    assert [reset for _, reset in world.pollers["ups"].polls] == [False, True]
    assert not world.crew.poll_now("nobody")


async def test_configuring_anew_disturbs_only_what_changed() -> None:
    """The same device goes on, a changed one begins anew, one that is gone is cancelled."""
    world = World()
    world.held = {"same", "changed", "gone"}
    world.crew.configure(devices(["same", "changed", "gone"]))
    for name in world.held:
        world.crew.poll_now(name)
    await world.turn()
    before = dict(world.pollers)
    world.crew.configure([*devices(["same"]), *devices(["changed"], 30), *devices(["new"])])
    await world.turn()
    assert world.pollers["same"] is before["same"]
    assert before["same"].running == 1
    assert world.pollers["changed"] is not before["changed"]
    assert (before["gone"].running, before["changed"].running) == (0, 0)
    assert len(world.crew) == 3
    assert not world.crew.poll_now("gone")


async def test_a_sleep_of_the_machine_is_missed_slots_and_no_burst() -> None:
    """Slots that passed are counted and not made up."""
    world = World()
    world.crew.configure(devices(["d"]))
    await world.until(world.clock.now_ms + 60_000)
    polls = len(world.pollers["d"].polls)
    world.clock.now_ms += 600_000
    await world.turn()
    await world.turn()
    assert len(world.pollers["d"].polls) == polls + 1
    assert world.crew.stats.missed == 9


async def test_run_ends_its_polls_when_it_is_cancelled() -> None:
    """Nothing is left behind."""
    world = World()
    world.held = {"d"}
    world.crew.configure(devices(["d"]))
    world.crew.poll_now("d")
    running = asyncio.ensure_future(world.crew.run())
    while not world.pollers["d"].running:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    for _ in range(3):
        await asyncio.sleep(0)
    assert world.pollers["d"].running == 0


async def test_a_poll_that_ends_before_it_began_gives_its_place_back() -> None:
    """Devices that are taken away in the very turn in which their polls are due do not use up the places of the others."""
    world = World(max_in_flight=2)
    world.crew.configure(devices("ab"))
    for name in "ab":
        world.crew.poll_now(name)
    world.crew.step()
    world.crew.configure(devices("c"))
    world.crew.poll_now("c")
    await world.turn()
    assert world.crew.stats.in_flight == 0
    await world.turn()
    assert len(world.pollers["c"].polls) == 1


async def test_a_poll_that_fails_ends_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is told, its place is free, and the device is polled again."""
    world = World(max_in_flight=1)
    world.broken = {"bad"}
    world.crew.configure(devices(["bad", "good"]))
    await world.until(world.clock.now_ms + 180_000)
    assert [len(world.pollers[name].polls) for name in ("bad", "good")] == [3, 3]
    assert "a run of bad ended with an error" in caplog.text
    assert world.crew.stats.in_flight == 0
