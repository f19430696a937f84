"""For the tests of mail probes: servers on loopback that follow a script line by line, and what a run found."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from agent.model import Outcome, Reason
from agent.probes.probe import Finding, Probe, Run
from agent.probes.running import run_once
from agent.probes.tls_settings import TlsSettings
from agent.probes.tools import Tools
from tests.probes.certs import certs

TRUSTED = TlsSettings(ca=certs().ca_pem)
"""Trusts the authority of the tests."""


class Seen(NamedTuple):
    """What a run found, gave and said."""

    finding: Finding
    samples: dict[str, dict[tuple[str, ...], float]]
    said: str

    @property
    def outcome(self) -> Outcome:
        """Of the finding."""
        return self.finding.outcome

    @property
    def reason(self) -> Reason:
        """Of the finding."""
        return self.finding.reason


async def seen(probe: Probe, address: str, timeout_s: float = 10.0) -> Seen:
    """One run with everything about it."""
    tools = Tools()
    try:
        run = Run(tools, timeout_s, verbose=True)
        done = await run_once(probe, address, run)
    finally:
        tools.close()
    samples = {family.name: dict(zip(labels, values, strict=True)) for family, labels, values in done.readings}
    assert all(len(labels) == len(set(labels)) for _, labels, _ in done.readings), "a series was given twice"
    return Seen(done.finding, samples, "\n".join(text for _, text in run.lines or ()))


async def abort(transports: Sequence[Any]) -> None:
    """Close connections of a server without waiting for the other side, and have them gone."""
    for transport in transports:
        with contextlib.suppress(AttributeError):  # of one that is closed already, or was never there
            transport.abort()
    for _ in range(4):
        await asyncio.sleep(0)


Step = bytes | str | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def tls(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A step: begin TLS with a good certificate."""
    await writer.start_tls(certs().good().context())


async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A step: say nothing more until the other side leaves."""
    while await reader.read(65536):
        pass


@contextlib.asynccontextmanager
async def serving(
    steps: Sequence[Step], *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that sends each `bytes`, and for each text waits for a line that contains it; gives its `host:port` and the
    lines that it heard. At the end of its script it closes."""
    heard: list[str] = []
    tasks: set[asyncio.Task[None] | None] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        writers.append(writer)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for step in steps:
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                elif isinstance(step, str):
                    line = (await reader.readline()).decode()
                    heard.append(line.rstrip("\r\n"))
                    if step not in line:
                        break
                else:
                    await step(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield (f"[{host}]:{port}" if ":" in host else f"{host}:{port}"), heard
    finally:
        server.close()
        await server.wait_closed()
        for task in tasks:
            if task is not None and not task.done():
                task.cancel()
        await asyncio.gather(*[task for task in tasks if task is not None], return_exceptions=True)
        await abort([writer.transport for writer in writers])
