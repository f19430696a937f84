"""Many agents in one thread: the real wire over TLS with real tokens, each batch repeated until a 200 answers it.

What it notes down when a 200 arrives is the independent record of what was acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import ssl
import struct
import threading
from collections import Counter

import msgspec

from agent import wire
from agent.clock import Clock, SystemClock
from agent.model import Block, Column, Family, Kind, Lane, MetricType, Report, Schema
from tests.e2e.ground import Enrolled

_SCHEMA = Schema((Column(Family("node_crowd_total", MetricType.COUNTER, "A counter.", ("cpu",)), (("0",), ("1",))),))
_ENCODED = wire.encode(_SCHEMA)
_HASH = wire.check_schema(_ENCODED, wire.Limits())[0]
INTERVAL_MS = 1_000
_TIMEOUT_S = 10.0


class Member:
    """One agent: what it made, what waits, what was acknowledged."""

    def __init__(self, name: str, token: str, chance: random.Random, clock: Clock | None = None) -> None:
        self.name = name
        self._clock = clock or SystemClock()
        self.stream = os.urandom(16).hex()
        self.boot = os.urandom(8).hex()
        self.made = dict.fromkeys(Lane, 0)
        self.acknowledged: dict[Lane, set[int]] = {lane: set() for lane in Lane}
        self.repeated = 0
        self._token = token
        self._chance = chance
        self._waiting: list[tuple[Lane, Report]] = []

    def collect(self) -> None:
        """Make new reports."""
        uptime = self._clock.uptime_ms()
        common = {"target": self.name, "kind": Kind.REPORT, "at_ms": self._clock.wall_ms()}
        for lane, module in ((Lane.FACTS, "heartbeat"), (Lane.BULK, "host")):
            for _ in range(self._chance.randint(1, 3)):
                self.made[lane] += 1
                blocks = () if lane is Lane.FACTS else (Block(_HASH, struct.pack("<2d", uptime, self.made[lane])),)
                self._waiting.append((
                    lane,
                    Report(seq=self.made[lane], module=module, uptime_ms=uptime, awake_ms=uptime, interval_ms=INTERVAL_MS,
                           blocks=blocks, **common),
                ))  # fmt: skip

    def request(self) -> bytes:
        """Everything that waits, as one POST."""
        uptime = self._clock.uptime_ms()
        groups = tuple(
            wire.Group(self.boot, lane, tuple(report for its, report in self._waiting if its is lane)) for lane in Lane
        )
        body = wire.encode(
            wire.Batch(1, self.stream, self.boot, uptime, uptime, self._clock.wall_ms(), "0.1.0", (), groups,
                       (msgspec.Raw(_ENCODED),))
        )  # fmt: skip
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: collector\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def acknowledge(self, body: bytes) -> None:
        """A 200 came: everything that was sent is on disk there."""
        answer = wire.decode_answer(body)
        assert not answer.refused, answer.refused
        for lane, report in self._waiting:
            self.acknowledged[lane].add(report.seq)
        for lane, watermark in answer.acknowledged.items():
            assert watermark <= self.made[lane], f"{self.name}: watermark {watermark} of {self.made[lane]}"
            assert watermark >= max(self.acknowledged[lane], default=0), f"{self.name}: watermark {watermark} fell behind"
        self._waiting.clear()


class Crowd:
    """Members that send as fast as they are answered, with a short pause; `run` in a `with` block."""

    def __init__(self, port: int, enrolled: dict[str, Enrolled], seed: int, clock: Clock | None = None) -> None:
        """With `clock` the members' machines go by it."""
        chance = random.Random(seed)
        self.members = [Member(name, one.token, random.Random(chance.random()), clock) for name, one in enrolled.items()]
        self.statuses: Counter[int] = Counter()
        self.cuts = 0
        self.errors: list[BaseException] = []
        self._port = port
        self._context = ssl.create_default_context(cadata=next(iter(enrolled.values())).ca_pem)
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="crowd", daemon=True)

    @property
    def acknowledged(self) -> int:
        """How many reports were acknowledged so far."""
        return sum(len(numbers) for member in self.members for numbers in member.acknowledged.values())

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Each member ends with its last batch answered, so the collector must be there; a failure inside is what is told."""
        self._stopping = True
        if kind is None:
            self.end()

    def end(self) -> None:
        """As at the end of the block."""
        self._stopping = True
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert not self.errors, self.errors[0]

    async def _main(self) -> None:
        ended = await asyncio.gather(*(self._live(member) for member in self.members), return_exceptions=True)
        self.errors = [one for one in ended if one is not None]

    async def _live(self, member: Member) -> None:
        chance = random.Random(member.name)
        while not self._stopping:
            member.collect()
            while not await self._deliver(member):
                self.cuts += 1
                member.repeated += 1
                await asyncio.sleep(chance.uniform(0.02, 0.2))
        assert not member._waiting

    async def _deliver(self, member: Member) -> bool:
        """Batches over one connection until it breaks (false) or the crowd is asked to stop (true)."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self._port, ssl=self._context, server_hostname="127.0.0.1"
                )
        except (OSError, TimeoutError):
            return False
        try:
            while True:
                async with asyncio.timeout(_TIMEOUT_S):
                    writer.write(member.request())
                    status, body = await _answer(reader)
                self.statuses[status] += 1
                if status != 200:
                    assert status in (429, 503), f"{member.name}: {status} {body!r}"
                    return False
                member.acknowledge(body)
                if self._stopping:
                    return True
                await asyncio.sleep(0.05)
                member.collect()
        except (OSError, TimeoutError, EOFError, ValueError):
            return False
        finally:
            with contextlib.suppress(OSError):
                writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().partition("content-length:")[2].split("\r\n", 1)[0])
    return int(head[9:12]), await reader.readexactly(length)
