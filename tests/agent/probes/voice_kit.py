"""Runs of one probe in tests, as whoever runs probes does it, and their samples as a table; servers that leave nothing open."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from agent.probes.probe import Module, Run
from agent.probes.running import Done, open_module, run_once
from agent.probes.tools import Tools


class Ran(msgspec.Struct, frozen=True):
    """What a run found. `samples` are by name, or by name and label values."""

    done: Done
    lines: list[str]

    @property
    def samples(self) -> dict[str, float]:
        """`name` or `name{value,value}` -> value."""
        return {
            f"{family.name}{{{','.join(labels)}}}" if labels else family.name: float(value)
            for family, series, values in self.done.readings
            for labels, value in zip(series, values, strict=True)
        }


async def run(kind: str, address: str, timeout_s: float = 10.0, **settings: Any) -> Ran:
    """Run a probe of these settings once. Raises `ValueError` for settings that are refused."""
    probe = open_module(Module(name="test", kind=kind, settings=settings))
    tools = Tools()
    try:
        run = Run(tools, timeout_s, verbose=True)
        return Ran(await run_once(probe, address, run), [text for _, text in run.lines or ()])
    finally:
        tools.close()


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def serving(handle: Handle, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP server; its port. At the end every connection is ended, whatever it was at."""
    tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks[asyncio.ensure_future(handle(reader, writer))] = writer

    server = await asyncio.start_server(begin, host, 0, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        for writer in tasks.values():
            if tls is None:  # asyncio's TLS fails to abort what is closed already
                writer.transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [error for error in errors if error is not None and not isinstance(error, asyncio.CancelledError)] == []
