"""The agents of the simulated province as light tasks: enrolled by code, reporting over the real wire, obeying real orders.

Their hosts are made up; what the centre orders them to probe and poll they really probe and poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import ssl
import struct
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agent import __version__, wire
from agent.clock import SystemClock
from agent.enrolment import Identity
from agent.model import Block, Column, Family, Kind, Lane, MetricType, Outcome, Report, Schema
from agent.orders import Orders, OrdersError, decode
from agent.orders_carry import wanted_of_orders
from agent.orders_check import check_orders
from agent.orders_copy import NO_ORDERS
from agent.probes.active import Active
from agent.probes.probe import Job, Module
from agent.probes.wanted import Wanted
from agent.results import Result
from agent.settings import CollectorSettings, Settings
from tests.province.derive import ECHO
from tests.province.town import Town

BEAT_S: Final = 15.0
SOON_S: Final = 1.0
"""What was observed waits so long for company."""
ANSWER_S: Final = 10.0
MOST_REPORTS: Final = 500
_GAUGES: Final = (
    ("node_load1", "1m load average."),
    ("node_memory_MemTotal_bytes", "Memory information field MemTotal_bytes."),
    ("node_memory_MemAvailable_bytes", "Memory information field MemAvailable_bytes."),
    ("node_boot_time_seconds", "Unix time of last boot, including microseconds."),
)
_SCHEMA: Final = wire.encode(Schema(tuple(Column(Family(name, MetricType.GAUGE, help_), ((),)) for name, help_ in _GAUGES)))
_HASH: Final = wire.check_schema(_SCHEMA, wire.Limits())[0]


class Spool(msgspec.Struct, frozen=True):
    """What a spool is called, and the last number of each lane that the collector has: two machines must not go by one name."""

    stream: str
    facts: int = 0
    bulk: int = 0


class Agent:
    """One agent; `run` until cancelled."""

    def __init__(
        self, identity: Identity, context: ssl.SSLContext, port: int, place: tuple[Town, str], library: Any, spool: Spool | None
    ) -> None:
        """`place`: the town, and its host's address there ("" for none). `library` has the profiles of devices. `spool`: what
        it had when it ended the last time."""
        self.name = identity.agent
        self.orders = wire.OrdersState(tag=NO_ORDERS)
        self.trouble = ""
        """Why it has no say at present."""
        self._identity, self._context, self._port = identity, context, port
        self._town, self._address = place
        self._clock = SystemClock()
        self._chance = random.Random(self.name)
        self._boot = os.urandom(8).hex()
        self._spool = spool if spool is not None else Spool(os.urandom(16).hex())
        self._booted_s = self._clock.wall_ms() / 1000 - 86_400 * self._chance.uniform(1, 90)
        self._numbers = {Lane.FACTS: self._spool.facts, Lane.BULK: self._spool.bulk}
        self._waiting: list[tuple[Lane, Report]] = []
        self._schemas: dict[bytes, bytes] = {}
        self._known: set[bytes] = set()
        self._news = asyncio.Event()
        self._active: Active | None = None
        self._before: tuple[Orders, Wanted] = (Orders(version=1), Wanted(library=library))
        self._settings = Settings(id=self.name, collector=CollectorSettings(urls=(f"https://127.0.0.1:{port}",)))

    async def run(self) -> None:
        """Report, and obey."""
        await asyncio.sleep(self._chance.uniform(0, 5))
        try:
            while True:
                with contextlib.suppress(OSError, TimeoutError, EOFError, ValueError):
                    await self._connected()
                await asyncio.sleep(self._chance.uniform(1, 3))
        finally:
            if self._active is not None:
                await self._active.close()

    @property
    def spool(self) -> Spool:
        """What it has delivered so far."""
        return self._spool

    @property
    def _is_cut(self) -> bool:
        return self._address in self._town.cut

    async def _connected(self) -> None:
        """Batches over one connection, until it breaks."""
        if self._is_cut:
            self._collect()
            await asyncio.sleep(BEAT_S)
            return
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._context, server_hostname="127.0.0.1"
            )
        try:
            due = 0.0
            while not self._is_cut:
                if (now := asyncio.get_running_loop().time()) >= due:
                    self._collect()
                    due = now + BEAT_S
                await self._deliver(reader, writer)
                await self._pause(due)
        finally:
            writer.transport.abort()

    async def _pause(self, due: float) -> None:
        """Until the next heartbeat, or a moment after something was observed."""
        self._news.clear()
        if not self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            await asyncio.sleep(SOON_S * self._chance.uniform(0.5, 1.0))

    def _collect(self) -> None:
        """A heartbeat, and what the host says of itself."""
        uptime = self._clock.uptime_ms()
        total = 16 * 2.0**30
        figures = (self._chance.uniform(0.1, 2.0), total, total * self._chance.uniform(0.3, 0.6), self._booted_s)
        for lane, module, blocks in (
            (Lane.FACTS, "heartbeat", ()),
            (Lane.BULK, "host", (Block(_HASH, struct.pack("<4d", *figures)),)),
        ):
            report = Report(0, self.name, module, Kind.REPORT, self._clock.wall_ms(), uptime, uptime,
                            interval_ms=int(BEAT_S * 1000), blocks=blocks)  # fmt: skip
            self._keep(lane, report)
        self._schemas[_HASH] = _SCHEMA

    def _take(self, result: Result) -> None:
        """Something was observed. Behind a line that is cut an agent sees its own site as it is; here nothing but echoes comes
        through to it, so what fails meanwhile says nothing."""
        if self._is_cut and result.outcome is Outcome.FAILED:
            return
        for block in result.blocks:
            if block.schema not in self._schemas:
                self._schemas[block.schema] = result.schemas[block.schema]
        self._keep(result.lane, result.report())
        self._news.set()

    def _keep(self, lane: Lane, report: Report) -> None:
        self._numbers[lane] += 1
        self._waiting.append((lane, msgspec.structs.replace(report, seq=self._numbers[lane])))

    async def _deliver(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = self._waiting[:MOST_REPORTS]
        uptime = self._clock.uptime_ms()
        groups = tuple(wire.Group(self._boot, lane, tuple(one for its, one in sent if its is lane)) for lane in Lane)
        needed = {block.schema for _, one in sent for block in one.blocks} - self._known
        schemas = tuple(msgspec.Raw(self._schemas[each]) for each in needed)
        times = uptime, self._clock.awake_ms(), self._clock.wall_ms()
        batch = wire.Batch(1, self._spool.stream, self._boot, *times, __version__, (), groups, schemas, self.orders)
        status, body = await self._ask(reader, writer, "POST /v1/batches", wire.encode(batch))
        if status != 200:
            self.trouble = f"{status} {body[:200]!r}"
            raise ValueError(self.trouble)
        answer = wire.decode_answer(body)
        self.trouble = ""
        self._known = (self._known | needed) - set(answer.wanted)
        del self._waiting[: len(sent)]
        last = {lane: max([one.seq for its, one in sent if its is lane], default=0) for lane in Lane}
        spool = self._spool
        facts, bulk = max(spool.facts, last[Lane.FACTS]), max(spool.bulk, last[Lane.BULK])
        self._spool = Spool(spool.stream, facts, bulk)
        if answer.config_tag not in ("", self.orders.tag, self.orders.refused):
            await self._fetch(reader, writer, answer.config_tag)

    async def _fetch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: str) -> None:
        """Take the orders as they are now."""
        if tag == NO_ORDERS:
            orders = Orders(version=1, tag=NO_ORDERS)
        else:
            status, body = await self._ask(reader, writer, "GET /v1/orders", b"")
            if status != 200:
                raise ValueError(f"orders: {status}")
            try:
                orders = decode(body)
            except OrdersError as error:
                self.orders = wire.OrdersState(self.orders.tag, tag, str(error)[:500])
                return
        problems = await asyncio.to_thread(check_orders, orders, self._settings)
        if problems:
            self.orders = wire.OrdersState(self.orders.tag, orders.tag, "; ".join(problems)[:500])
            return
        await self._obey(orders)

    async def _obey(self, orders: Orders) -> None:
        wanted = wanted_of_orders(orders, self._settings, self._before)
        wanted = msgspec.structs.replace(wanted, jobs=tuple(map(_from_inside, wanted.jobs)))
        if wanted.reflecting is not None and self._address:
            # All agents live in one machine here: each answers at the address of its own host.
            host = msgspec.structs.replace(wanted.reflecting, host=self._address)
            wanted = msgspec.structs.replace(wanted, reflecting=host)
        if self._active is None and not wanted.is_nothing:
            self._active = Active(self._take, self._clock, self._say, scripts={}, max_in_flight=200)
        if self._active is not None:
            await self._active.apply(wanted)
        self.orders = wire.OrdersState(orders.tag)

    def _say(self, about: str, text: str, good: bool) -> None:
        self.trouble = "" if good else f"{about}: {text}"

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str, body: bytes
    ) -> tuple[int, bytes]:
        head = (
            f"{what} HTTP/1.1\r\nHost: collector\r\nAuthorization: Bearer {self._identity.token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(ANSWER_S):
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(answer.lower().partition("content-length:")[2].split("\r\n", 1)[0])
            return int(answer[9:12]), await reader.readexactly(length)


def _from_inside(job: Job) -> Job:
    """An agent's job: no line lies between it and its site, so it sends real echoes where the centre has to pretend."""
    if job.module.name != ECHO:
        return job
    module = Module(name="icmp", kind="icmp", timeout_s=5.0, settings={})
    return msgspec.structs.replace(job, module=module, address=job.address.partition(":")[0])


def states(agents: Mapping[str, Agent]) -> list[str]:
    """What is wrong with agents, a line each."""
    found = []
    for name, agent in agents.items():
        wrong = agent.orders.detail or agent.trouble
        if wrong:
            found.append(f"{name}: {wrong}")
    return found
