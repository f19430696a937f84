"""A collector with many enrolled agents and the batches they would send: the ground of the ingest and memory benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import load
import msgspec
from processes import free_port, running

from agent import wire
from agent.model import Block, Column, Family, Kind, Lane, MetricType, Report, Schema
from collector.store.store import Store

CONNECTIONS = 64
BLOCKS, WIDTH = 20, 15
VALUES = BLOCKS * WIDTH
INTERVAL_MS = 15_000


def schemas() -> list[Schema]:
    """Twenty layouts of fifteen series, shared by all agents as equal machines share theirs."""
    widths = tuple((str(cpu), "idle") for cpu in range(WIDTH))
    return [
        Schema((Column(Family(f"node_bench_{n}_total", MetricType.COUNTER, "A counter.", ("cpu", "mode")), widths),))
        for n in range(BLOCKS)
    ]


class Fleet:
    """Agents `host-00000` ... with their tokens, and the requests they make."""

    def __init__(self, agents: int, *, heartbeats: bool = True) -> None:
        self._heartbeats = heartbeats
        self.agents = [f"host-{number:05}" for number in range(agents)]
        self.tokens = {agent: hashlib.sha256(f"token of {agent}".encode()).hexdigest() for agent in self.agents}
        encoded = [wire.encode(schema) for schema in schemas()]
        self._schemas = tuple(msgspec.Raw(data) for data in encoded)
        self._hashes = [wire.check_schema(data, wire.Limits())[0] for data in encoded]

    def seed(self, database: Path) -> None:
        """Make the database as the collector does and enrol every agent, in one transaction since ten thousand take long."""
        asyncio.run(_make(database))
        now = time.time_ns() // 1_000_000
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.executemany(
                "INSERT INTO agents (id, site, class, standing, created_ms, enrolled_ms, revoked_ms, agent_version, hostname)"
                " VALUES (?, 'dc', 'server', 'active', ?, ?, 0, '', '')",
                [(agent, now, now) for agent in self.agents],
            )
            connection.executemany(
                "INSERT INTO tokens (hash, agent, created_ms, revoked_ms) VALUES (?, ?, ?, 0)",
                [(hashlib.sha256(token.encode()).digest(), agent, now) for agent, token in self.tokens.items()],
            )

    def requests(self, host: str, rounds: range) -> Iterator[bytes]:
        """One POST per agent and round: a host report of 300 values, with its heartbeat if wanted; schemas in round 1."""
        for number in rounds:
            for index, agent in enumerate(self.agents):
                yield load.post("/v1/batches", host, self._headers(agent), self._batch(agent, index, number))

    def _headers(self, agent: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[agent]}", "Content-Type": wire.CONTENT_TYPE}

    def _batch(self, agent: str, index: int, number: int) -> bytes:
        uptime = 1_000_000 + time.monotonic_ns() // 1_000_000
        wall = time.time_ns() // 1_000_000
        base = float(index * 1000 + number)
        values = struct.pack(f"<{WIDTH}d", *(base + n * 0.25 for n in range(WIDTH)))
        common = {"target": agent, "kind": Kind.REPORT, "at_ms": wall, "uptime_ms": uptime, "awake_ms": uptime}
        heartbeat = Report(seq=number, module="heartbeat", interval_ms=INTERVAL_MS, **common)
        host = Report(
            seq=number, module="host", interval_ms=INTERVAL_MS, duration_s=0.004,
            blocks=tuple(Block(known, values) for known in self._hashes), **common,
        )  # fmt: skip
        watermarks = tuple(wire.Watermark(lane, number, number, 1, 3_000) for lane in Lane)
        groups = (wire.Group("b1", Lane.BULK, (host,)),)
        if self._heartbeats:
            groups = (wire.Group("b1", Lane.FACTS, (heartbeat,)), *groups)
        return wire.encode(
            wire.Batch(
                1, f"s-{agent}", "b1", uptime, uptime, wall, "0.1.0", watermarks, groups, self._schemas if number == 1 else ()
            )
        )


async def _make(database: Path) -> None:
    store = await Store.open(f"sqlite:///{database}")
    await store.close()


@contextlib.contextmanager
def collecting(fleet: Fleet, folder: Path) -> Iterator[tuple[int, int, int]]:
    """A running collector of this fleet, plain HTTP on loopback: its process id, the agents' port, the web port."""
    (folder / "data").mkdir(mode=0o700)
    fleet.seed(folder / "data" / "haidang.db")
    port, web_port = free_port(), free_port()
    settings = folder / "collector.yml"
    settings.write_text(
        f"data: {folder}/data\nweb: {{listen: '127.0.0.1:{web_port}'}}\n"
        f"agents: {{listen: '127.0.0.1:{port}', transport: plain}}\n"
    )
    command = [sys.executable, "-m", "collector", "run", "--config", str(settings)]
    with running(command, port, folder / "collector.log") as process:
        yield process.pid, port, web_port
