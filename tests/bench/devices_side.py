"""The process that `bench_devices` measures: a crew of pollers, and the way of their results into the store and the picture.

    python tests/bench/devices_side.py SNMP_PORT DEVICES INTERVAL_S BAD,BAD...

Prints a line of JSON when it has begun and after each interval: what happened in it. `BAD` are numbers of devices whose poll
times are left out.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from snmp_sides import Storing

from agent.clock import SystemClock
from agent.probes.crew import Crew
from agent.probes.snmp import Poller, Tools, pace_of
from agent.results import Result
from agent.settings import Secret
from agent.snmp.auth import Auth
from agent.snmp.device import VALUES, VERDICT, Device
from agent.snmp.library import Library
from collector.garbage import YOUNG_S, Sweeper
from collector.store.store import Store
from tests.snmp import crowd

PROFILE = """\
profile: bench-switch
title: A switch of two ports
class: switch
base: [device, ports]
"""
BEAT_S = 0.01


def name(number: int) -> str:
    """Id of a device."""
    return f"sw-{number:05}"


def library(folder: Path) -> Library:
    """The shipped files and a profile with ports and clocks."""
    (folder / "profiles").mkdir()
    (folder / "profiles" / "bench-switch.yml").write_text(PROFILE)
    return Library.load((folder,))


class Watch:
    """Everything that is counted of an interval."""

    def __init__(self, bad: set[str]) -> None:
        self.bad = bad
        self.held_s = 0.0
        self.begin()

    def begin(self) -> None:
        """A new interval."""
        self.times: list[float] = []
        self.of_bad: dict[str, list[float]] = {}
        self.outcomes: dict[str, int] = {}
        self.samples = 0
        self.held_s = 0.0
        self.cpu = time.process_time()
        self.at = time.monotonic()

    def take(self, result: Result) -> None:
        """Note a result."""
        if result.module == VALUES:
            self.samples += sum([len(block.values) for block in result.blocks]) >> 3
        if result.module != VERDICT:
            return
        self.outcomes[result.outcome.value] = self.outcomes.get(result.outcome.value, 0) + 1
        if result.target in self.bad:
            self.of_bad.setdefault(result.target, []).append(result.duration_s)
        else:
            self.times.append(result.duration_s)

    async def beat(self) -> None:
        """Notice how long the loop is held up."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(BEAT_S)
            self.held_s = max(self.held_s, time.monotonic() - before - BEAT_S)


async def sweep() -> None:
    """Look for garbage as the running collector does."""
    sweeper = Sweeper(time.monotonic())
    while True:
        await asyncio.sleep(YOUNG_S)
        sweeper.turn(time.monotonic())


async def main() -> None:
    snmp_port, devices, interval_s = (int(text) for text in sys.argv[1:4])
    watch, clock = Watch({name(int(text)) for text in sys.argv[4].split(",") if text}), SystemClock()
    auth = Auth(name="bench", community=Secret("public"))
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(f"sqlite:///{folder}/haidang.db")
        storing = Storing(store, [name(number) for number in range(devices)])
        storing.committer.start()

        def deliver(result: Result) -> None:
            watch.take(result)
            storing.gathering.take(result)

        tools = Tools(library(Path(folder)), deliver, clock)
        await tools.open()
        crew = Crew(lambda device: Poller(device, tools), clock, pace=pace_of)
        crew.configure(
            Device(
                target=name(number), host=crowd.address(number), port=snmp_port, auth=auth, profile="bench-switch",
                interval_s=interval_s, ping=False,
            )
            for number in range(devices)
        )  # fmt: skip
        tasks = [asyncio.create_task(each) for each in (crew.run(), storing.gathering.run(), watch.beat(), sweep())]
        print(json.dumps({"begun": True}), flush=True)
        while True:
            late, missed, sent, stored = crew.stats.late, crew.stats.missed, tools.client.stats.sent, storing.reports
            watch.begin()
            await asyncio.sleep(interval_s)
            said = {
                "cpu": time.process_time() - watch.cpu, "elapsed": time.monotonic() - watch.at, "times": sorted(watch.times),
                "bad": watch.of_bad, "outcomes": watch.outcomes, "samples": watch.samples, "held_s": watch.held_s,
                "late": crew.stats.late - late, "missed": crew.stats.missed - missed, "slow": crew.stats.slow,
                "requests": tools.client.stats.sent - sent, "stored": storing.reports - stored,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }  # fmt: skip
            print(json.dumps(said), flush=True)
            assert not any(task.done() for task in tasks)


if __name__ == "__main__":
    asyncio.run(main())
