"""What deciding costs: the desk over the real ledger and store with 10,000 targets in one site of which nothing is wrong, and
in a storm, when 5,000 targets behind one router die with it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from collector.garbage import Sweeper
from tests.collector.alerting.town import Device, Town

TARGETS = 10_000
CHILDREN = 5_000
TICKS = 150
CALM_SHARE = 0.03
HELD_MS = 50
BEAT_S = 0.002


class Cost(NamedTuple):
    """Of one tick of the desk, milliseconds: CPU of the loop's thread, longest time for which it held the loop, time in the
    database."""

    cpu_ms: float
    held_ms: float
    written_ms: float


class Meter:
    """Measures ticks of a town's desk."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._written_s = 0.0
        put = town.world.store.put_changes

        async def put_changes(*arguments: Any, **named: Any) -> None:
            began = time.perf_counter()
            await put(*arguments, **named)
            self._written_s += time.perf_counter() - began

        town.world.store.put_changes = put_changes  # type: ignore[method-assign]

    async def tick(self) -> Cost:
        """One tick."""
        self._written_s, held_s = 0.0, 0.0
        is_over = False

        async def beat() -> None:
            nonlocal held_s
            last = time.perf_counter()
            while not is_over:
                await asyncio.sleep(BEAT_S)
                now = time.perf_counter()
                held_s, last = max(held_s, now - last - BEAT_S), now

        beating = asyncio.create_task(beat())
        await asyncio.sleep(0.01)
        held_s, began = 0.0, time.thread_time()
        await self._town.desk.tick()
        cpu_s = time.thread_time() - began
        await asyncio.sleep(2 * BEAT_S)
        is_over = True
        await beating
        return Cost(1000 * cpu_s, 1000 * held_s, 1000 * self._written_s)


async def ended(sweeping: asyncio.Task[None]) -> None:
    """The collector's own way with garbage, which is measured as well, ends."""
    sweeping.cancel()
    await asyncio.wait([sweeping])


async def calm(folder: Path) -> list[Cost]:
    """Ticks with nothing to tell."""
    devices = [Device(f"t-{number:05}", interval_s=60, phase_s=1) for number in range(TARGETS)]
    async with Town(folder, devices).running() as town:
        await town.run(61)
        sweeping = asyncio.create_task(Sweeper(time.monotonic()).sweep())
        meter = Meter(town)
        costs = []
        for _ in range(TICKS):
            town.world.now += 1_000
            costs.append(await meter.tick())
        await ended(sweeping)
        return costs


async def storm(folder: Path) -> list[Cost]:
    """Every tick from the death of the router until all is explained, and from its return until all is over."""
    devices = [Device("router", interval_s=5, retry_s=1)]
    devices += [
        Device(f"t-{number:05}", ("router",), interval_s=5, phase_s=number % 5, retry_s=1) for number in range(CHILDREN)
    ]
    async with Town(folder, devices).running() as town:
        await town.run(12)
        sweeping = asyncio.create_task(Sweeper(time.monotonic()).sweep())
        meter, costs = Meter(town), []
        desk_tick = town.desk.tick

        async def measured() -> None:
            town.desk.tick = desk_tick  # type: ignore[method-assign]
            costs.append(await meter.tick())
            town.desk.tick = measured  # type: ignore[method-assign]

        town.desk.tick = measured  # type: ignore[method-assign]
        town.dead.add("router")
        await town.run(25)
        town.dead.clear()
        await town.run(15)
        await ended(sweeping)
        told = [event.value for event, _ in await town.told() if event.value != "update"]
        if told != ["firing", "resolved"]:
            raise RuntimeError(f"{told}: expected one page and its end")
        return costs


def shown(name: str, costs: Sequence[Cost]) -> str:
    """A line for people."""
    cpu = [cost.cpu_ms for cost in costs]
    return (
        f"{name}: {len(costs)} ticks, CPU median {statistics.median(cpu):.1f} ms, longest {max(cpu):.0f} ms; loop held at most"
        f" {max(cost.held_ms for cost in costs):.0f} ms; longest write {max(cost.written_ms for cost in costs):.0f} ms"
    )


def main() -> None:
    """Print what was measured and the closing line."""
    with tempfile.TemporaryDirectory() as name:
        still = asyncio.run(calm(Path(name)))
    print(shown(f"{TARGETS:,} targets, nothing wrong", still), flush=True)
    with tempfile.TemporaryDirectory() as name:
        rough = asyncio.run(storm(Path(name)))
    print(shown(f"{CHILDREN:,} targets behind a router that dies and returns", rough))
    share = statistics.mean(cost.cpu_ms for cost in still) / 1000
    held = max(cost.held_ms for cost in rough)
    print(f"BENCH latency-cost calm={share:.1%} of a core budget={CALM_SHARE:.0%} storm-held={held:.0f}ms budget={HELD_MS}ms")


if __name__ == "__main__":
    main()
