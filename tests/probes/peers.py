"""Servers for tests of probes, good and hostile, and a run of a probe as the runner does it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple

from agent.model import Outcome, Reason
from agent.probes.probe import Probe, Run
from agent.probes.running import run_once
from agent.probes.tools import Tools

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BOTH = ("127.0.0.1", "::1")
"""The loopback addresses of both families."""


class Ran(NamedTuple):
    """What a run found: outcome, reason and detail; samples by name and label values; the log."""

    outcome: Outcome
    reason: Reason
    detail: str
    samples: dict[tuple[str, ...], float]
    lines: list[str]
    took_s: float

    def value(self, name: str, *labels: str) -> float:
        """The one sample of that name and those label values."""
        return self.samples[name, *labels]


async def ran(probe: Probe, address: str, timeout_s: float = 10.0, tools: Tools | None = None) -> Ran:
    """One run, as the runner does it. A sample that is given twice fails the test."""
    own = tools or Tools()
    try:
        run = Run(own, timeout_s, verbose=True)
        done = await run_once(probe, address, run)
    finally:
        if tools is None:
            own.close()
    samples: dict[tuple[str, ...], float] = {}
    for family, rows, values in done.readings:
        for labels, value in zip(rows, values, strict=True):
            assert len(labels) == len(family.labels)
            assert (family.name, *labels) not in samples, f"{family.name}{labels} is there twice"
            samples[family.name, *labels] = value
    lines = [text for _, text in run.lines or ()]
    return Ran(done.finding.outcome, done.finding.reason, done.finding.detail, samples, lines, done.duration_s)


@contextlib.asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a port of its own, which is given; what a client does to it never fails the test."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, ssl.SSLError, EOFError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[int]:
    """A server of TLS that tells its clients why it refuses them, which asyncio's does not; its port is given."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    sock, _ = server.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), sock:
                    sock.settimeout(10)
                    with context.wrap_socket(sock, server_side=True) as wrapped:
                        wrapped.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def at(host: str, port: int) -> str:
    """An address as probes take it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Says nothing and listens until the client goes."""
    while await reader.read(65536):
        continue


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends letters without a newline for as long as anybody takes them."""
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends a letter every hundredth of a second, and never a newline."""
    while not reader.at_eof():
        writer.write(b"x")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await reader.read(1)


def saying(*lines: bytes) -> Handler:
    """Says something at once, then listens until the client goes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(lines))
        await writer.drain()
        await silent(reader, writer)

    return handler


def closed_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])
