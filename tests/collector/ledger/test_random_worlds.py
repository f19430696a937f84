"""Live equals recomputed in whole worlds: random lives of machines, lines and collector, closed days, restarts and deaths."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from agent.model import Kind
from collector.core import sealing
from tests.collector.ledger.test_closed_days import reports_equal
from tests.collector.ledger.test_keeper import LINE, equal_everywhere, windows_equal
from tests.collector.ledger.world import DAY, HOUR, INTERVAL, MIDNIGHT, Machine, World

WORLDS = int(os.environ.get("HAIDANG_WORLDS", "12"))
NAMES = ("watch-01", "srv-01")


class Life:
    """A random life of a world."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.line_up = True
        self.cut: set[str] = set()

    async def minute(self) -> None:
        world, rng = self.world, self.rng
        world.now += INTERVAL + rng.randrange(-2_000, 2_000)
        for name in NAMES:
            machine = world.machines[name]
            if rng.random() < 0.02:
                machine.marker(world.now - 1_000, Kind.AGENT_STOP, rng.choice(("restart", "shutdown")))
                if rng.random() < 0.5:
                    machine.reboot(world.now - 500)
                machine.marker(world.now, Kind.AGENT_START)
            elif rng.random() < 0.97:
                machine.make(world.now)
        world.machines["watch-01"].probe(world.now, "line-01", self.line_up)
        if rng.random() < 0.03:
            self.line_up = not self.line_up
        for name in NAMES:
            if rng.random() < 0.04:
                self.cut ^= {name}
            if name not in self.cut:
                await world.send(name)
        if rng.random() < 0.3:
            await world.tick()
        if rng.random() < 0.1:
            self.world.ledgers.keeper.standing("srv-01", world.now)

    async def restart(self) -> None:
        world, rng = self.world, self.rng
        await (world.stop() if rng.random() < 0.5 else world.die())
        for _ in range(rng.randrange(6)):
            world.now += INTERVAL
            for name in NAMES:
                world.machines[name].make(world.now)
        await world.start()


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_live_equals_recomputed(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    world = World(tmp_path, MIDNIGHT + 22 * HOUR)
    await world.start()
    await world.enrol(*NAMES)
    await world.stop()
    world = World(tmp_path, MIDNIGHT + 22 * HOUR, LINE)
    world.machines = {name: Machine(name, MIDNIGHT - DAY) for name in NAMES}
    await world.start()
    life = Life(world, rng)
    for _ in range(3):
        for _ in range(rng.randrange(30, 80)):
            await life.minute()
        await life.restart()
    for name in NAMES:
        await world.send(name)
    await world.settle()
    await world.settle()
    await equal_everywhere(world, MIDNIGHT + 22 * HOUR)
    await windows_equal(world)
    await reports_equal(world, "2026-03-02", "2026-03")
    links = [link async for link in world.store.chain()]
    assert sealing.verify(links) is None
    assert links or world.now < MIDNIGHT + DAY
    await world.stop()
