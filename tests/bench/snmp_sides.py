"""The sides of the SNMP benchmark that are Python, each as a process that prints its figures:

    python tests/bench/snmp_sides.py ours|poller|pysnmp walk|get ROUNDS HOST:PORT...

`ours` goes all the way: UDP socket, series by the module, report, SQLite, the picture that is scraped. `poller` does so as the
running collector does: three reports, of which one is judged by readings, ports and health rules. `pysnmp` only reads.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from agent import wire
from agent.clock import SystemClock
from agent.model import Block, Kind, Lane, Outcome, Reason, Report
from agent.packing import Packer
from agent.probes.snmp import Poller, Tools
from agent.results import Result, Schemas
from agent.settings import Secret
from agent.snmp import device as devices
from agent.snmp import module_file
from agent.snmp.auth import Auth
from agent.snmp.client import Client
from agent.snmp.device import VALUES
from agent.snmp.library import Library
from agent.snmp.module import Module
from agent.snmp.peer import Peer
from agent.snmp.series import Compiled, SeriesCache
from agent.snmp.walk import Habits, Plan, fetch
from agent.wire import Batch
from collector.core.change import COLLECTOR
from collector.core.evidence import Evidence, Grade, TargetInfo
from collector.core.fleet import Fleet
from collector.core.poll_tally import PollTally
from collector.core.schemas import SchemaBook, pack
from collector.core.tally import Tally
from collector.garbage import Sweeper
from collector.ingest.commit import Committer
from collector.ingest.intake import Incoming
from collector.poll.gathering import Gathering, Sender, Stored
from collector.store.store import Store
from tests.snmp.crowd import SNMP_GROUP

ROOT = Path(__file__).parents[2]
COMMUNITY = "public"
GETS = tuple(f"1.3.6.1.2.1.11.{column}.0" for column in SNMP_GROUP)
IF_TABLES = ("1.3.6.1.2.1.2", "1.3.6.1.2.1.31.1.1")
DEADLINE_S = 60.0
INTERVAL_MS = 15_000
IN_FLIGHT = 100
"""More requests at once are lost in the receive buffer of a single snmpd."""
PROFILES = {"walk": "base: [device, ports]\n", "get": "base: [device]\nmodules: [get20]\n"}
APART_S = 1.05
"""Rates of ports are reckoned over at least a second."""
LEARNING = 3
"""Polls until a poller knows all of a device: what it is, what it answers at once, and rates."""
REPORTS = 3
"""Of one poll: the verdict, core readings, all other values."""


def module_of(kind: str) -> Module:
    """The module that both ours and snmp_exporter poll by: our `if_mib`, or 20 scalars by GET."""
    if kind == "walk":
        return module_file.load(ROOT / "config" / "snmp" / "modules" / "if_mib.yml").modules["if_mib"]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(get_module())
        file.flush()
        return module_file.load(file.name).modules["get20"]


def get_module() -> str:
    """A module file of 20 scalars by GET."""
    lines = ["modules:", "  get20:", f"    get: [{', '.join(GETS)}]", "    metrics:"]
    for oid in GETS:
        column = oid.split(".")[-2]
        lines += [
            f"    - name: snmpCounter{column}",
            f"      oid: {oid.removesuffix('.0')}",
            "      type: counter",
            "      help: Of.",
        ]
    return "\n".join(lines) + "\n"


class Storing:
    """The collector from the gathering of results on: everything that a stored report costs."""

    def __init__(self, store: Store, targets: list[str]) -> None:
        self.book = SchemaBook()
        self.fleet = Fleet(self.book, Tally())
        self.fleet.set_targets(TargetInfo(name, "dc", "switch", name) for name in targets)
        self.reports = self.samples = 0
        self._clock = SystemClock()
        self.committer = Committer(store, self._show)
        self.gathering = Gathering(self._submit, Sender("stream", "boot", {}), self._clock, PollTally())

    def helpers(self) -> list[asyncio.Task[None]]:
        """What the running collector has beside: the gathering of results, and the looking for garbage."""
        return [asyncio.create_task(each) for each in (self.gathering.run(), Sweeper(time.monotonic()).sweep())]

    def _show(self, news: list[tuple[Evidence, Report]]) -> None:
        for evidence, report in news:
            assert evidence.grade is Grade.LIVE
            self.fleet.apply(evidence, report)
            self.reports += 1
            self.samples += sum([len(block.values) for block in report.blocks]) >> 3

    async def _submit(self, batch: Batch, schemas: Mapping[bytes, bytes]) -> Stored:
        new = [(digest, schemas[digest]) for digest in schemas if not self.book.known(digest)]
        for digest, encoded in new:
            self.book.add(COLLECTOR, digest, pack(wire.check_schema(encoded, wire.Limits())[1]))
        receipt = await self.committer.submit(Incoming(COLLECTOR, batch, batch.groups, self._clock.wall_ms(), tuple(new), ()))
        assert not receipt.refused
        return Stored.YES


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel them."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Device:
    """One device with what is remembered of it between polls."""

    def __init__(self, client: Client, target: str, module: Compiled, plan: Plan) -> None:
        host, _, port = target.rpartition(":")
        auth = Auth(name="bench", community=Secret(COMMUNITY))
        self.session = client.session(Peer(host=host, port=int(port), auth=auth, timeout_s=5.0))
        self.target = host
        self.module, self.plan = module, plan
        self.habits: Habits | None = None
        self.cache, self.packer = SeriesCache(), Packer(host)
        self.client = client
        self.rows = 0

    async def poll(self, clock: SystemClock) -> Result:
        """One poll as a result; raises if the device did not give everything."""
        at_ms, uptime_ms, awake_ms = clock.wall_ms(), clock.uptime_ms(), clock.awake_ms()
        harvest = await fetch(self.session, self.plan, self.client.clock() + DEADLINE_S, self.habits)
        if harvest.failed or harvest.truncated or harvest.missing:
            raise RuntimeError(f"{self.target}: {harvest.failed} {harvest.truncated} {harvest.missing}")
        self.habits = harvest.habits
        self.rows += len(harvest.rows)
        blocks: list[Block] = []
        schemas = Schemas()
        self.packer.pack(self.module.series(harvest.rows, self.cache), blocks, schemas)
        return Result(
            self.target, VALUES, Kind.REPORT, Lane.BULK, Outcome.OK, Reason.NONE, "", at_ms, uptime_ms, awake_ms, 0.01,
            INTERVAL_MS, tuple(blocks), schemas,
        )  # fmt: skip


async def ours(kind: str, rounds: int, targets: list[str], folder: str) -> dict[str, float]:
    """CPU seconds, bindings, stored reports and samples of so many rounds, without the first one, which learns."""
    module = Compiled(kind, module_of(kind))
    plan = Plan(gets=module.plan.gets, walks=module.plan.walks)
    client, clock = Client(), SystemClock()
    await client.open()
    store = await Store.open(f"sqlite:///{folder}/haidang.db")
    devices = [Device(client, target, module, plan) for target in targets]
    storing = Storing(store, [device.target for device in devices])
    storing.committer.start()
    helpers = storing.helpers()
    cpu = stored = 0.0

    async def poll(device: Device) -> None:
        storing.gathering.take(await device.poll(clock))

    for number in range(rounds + 1):
        if number == 1:
            cpu, stored = time.process_time(), storing.samples
            for device in devices:
                device.rows = 0
        await a_round(devices, poll)
        while storing.reports < len(devices) * (number + 1):
            await asyncio.sleep(0.01)
    cpu = time.process_time() - cpu
    await end(helpers)
    await storing.committer.drain()
    await store.close()
    await client.close()
    return {"cpu": cpu, "bindings": sum(device.rows for device in devices), "samples": storing.samples - stored,
            "sent": client.stats.sent, "timeouts": client.stats.timeouts}  # fmt: skip


async def a_round(devices: Iterable[Any], poll: Callable[[Any], Awaitable[None]]) -> None:
    """Each device once, so many at a time."""
    waiting = iter(devices)

    async def work() -> None:
        for device in waiting:
            await poll(device)

    await asyncio.gather(*[work() for _ in range(IN_FLIGHT)])


async def poller(kind: str, rounds: int, targets: list[str], folder: str) -> dict[str, float]:
    """CPU seconds, polls, requests and samples of so many rounds of whole pollers, without those that learn."""
    for name, text in (("modules/get20", get_module()), ("profiles/bench", f"profile: bench\ntitle: Bench\n{PROFILES[kind]}")):
        file = Path(folder, name).with_suffix(".yml")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    store = await Store.open(f"sqlite:///{folder}/haidang.db")
    places = [target.rpartition(":") for target in targets]
    storing = Storing(store, [host for host, _, _ in places])
    storing.committer.start()
    tools = Tools(Library.load((Path(folder),)), storing.gathering.take, SystemClock())
    await tools.open()
    helpers = storing.helpers()
    auth = Auth(name="bench", community=Secret(COMMUNITY))
    pollers = [
        Poller(
            devices.Device(target=host, host=host, port=int(port), auth=auth, profile="bench", timeout_s=5.0, ping=False), tools
        )
        for host, _, port in places
    ]

    async def poll(one: Poller) -> None:
        await one.poll(DEADLINE_S)

    cpu = 0.0
    for number in range(LEARNING + rounds):
        await asyncio.sleep(APART_S)
        if number == LEARNING:
            sent, samples = tools.client.stats.sent, storing.samples
        before = time.process_time()
        await a_round(pollers, poll)
        while storing.reports < len(pollers) * REPORTS * (number + 1):
            await asyncio.sleep(0.01)
        cpu += time.process_time() - before if number >= LEARNING else 0.0
    await end(helpers)
    stats = tools.client.stats
    figures = {"cpu": cpu, "polls": rounds * len(pollers), "sent": stats.sent - sent, "samples": storing.samples - samples,
               "timeouts": stats.timeouts}  # fmt: skip
    await storing.committer.drain()
    await store.close()
    await tools.close()
    return figures


async def plain_pysnmp(kind: str, rounds: int, targets: list[str]) -> dict[str, float]:
    """CPU seconds and bindings, nothing done with them."""
    from pysnmp.hlapi.v3arch import asyncio as snmp

    engine, bindings = snmp.SnmpEngine(), 0
    places = []
    for target in targets:
        host, _, port = target.rpartition(":")
        places.append(await snmp.UdpTransportTarget.create((host, int(port)), timeout=10))
    community = snmp.CommunityData(COMMUNITY)
    start = time.process_time()
    for _ in range(rounds):
        for place in places:
            if kind == "get":
                wanted = [snmp.ObjectType(snmp.ObjectIdentity(oid)) for oid in GETS]
                error, _, _, found = await snmp.get_cmd(engine, community, place, snmp.ContextData(), *wanted, lookupMib=False)
                assert error is None, error
                bindings += len(found)
                continue
            for root in IF_TABLES:
                begin = snmp.ObjectType(snmp.ObjectIdentity(root))
                how = {"lookupMib": False, "lexicographicMode": False}
                walk = snmp.bulk_walk_cmd(engine, community, place, snmp.ContextData(), 0, 25, begin, **how)
                async for error, _, _, found in walk:
                    assert error is None, error
                    bindings += len(found)
    cpu = time.process_time() - start
    engine.close_dispatcher()
    return {"cpu": cpu, "bindings": bindings}


def main() -> None:
    side, kind, rounds, *targets = sys.argv[1:]
    if side == "pysnmp":
        figures = asyncio.run(plain_pysnmp(kind, int(rounds), targets))
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures = asyncio.run((ours if side == "ours" else poller)(kind, int(rounds), targets, folder))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
