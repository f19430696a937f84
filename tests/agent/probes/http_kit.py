"""For tests of the probe `http`: runs of it, servers of aiohttp, and servers that send the bytes that they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from agent.probes.http import Settings, open_probe
from agent.probes.probe import Probe, Run
from agent.probes.running import Done, run_once
from agent.probes.tls_settings import TlsSettings
from agent.probes.tools import Tools
from tests.probes.certs import Shown, certs

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TRUSTED = TlsSettings(ca=certs().ca_pem)


async def probed(address: str, *, timeout_s: float = 5.0, verbose: list[str] | None = None, **settings: Any) -> Done:
    """One run with these settings; what it says goes to `verbose`."""
    return await again(open_probe(Settings(**settings)), address, timeout_s, verbose)


async def again(probe: Probe, address: str, timeout_s: float = 5.0, verbose: list[str] | None = None) -> Done:
    """One run of a probe that is open already."""
    tools = Tools()
    try:
        run = Run(tools, timeout_s, verbose=verbose is not None)
        done = await run_once(probe, address, run)
        if verbose is not None:
            verbose.extend(text for _, text in run.lines or ())
        return done
    finally:
        tools.close()


def values(done: Done) -> dict[str, float]:
    """Samples by name, and `name{labels}` where there are labels."""
    found = {}
    for family, labels, numbers in done.readings:
        for label, number in zip(labels, numbers, strict=True):
            found[f"{family.name}{{{','.join(label)}}}" if label else family.name] = number
    return found


@contextlib.asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], *, shown: Shown | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """The URL, without a path, of a server of aiohttp that answers everything with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    context: ssl.SSLContext | None = shown.context() if shown else None
    await web.TCPSite(runner, host, 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if shown else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw(script: Script, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The `host:port` of a server that does what `script` does with each connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await script(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def saying(*pieces: bytes, then: Script | None = None) -> Script:
    """Reads a request's head, sends the pieces, and closes or goes on with `then`."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then is not None:
            await then(reader, writer)
        else:
            writer.close()
            await writer.wait_closed()

    return script


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Says nothing, and keeps the connection."""
    await asyncio.Event().wait()


def forever(piece: bytes) -> Script:
    """Sends the same for as long as anybody takes it."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(piece)
            await writer.drain()

    return script


def slowly(piece: bytes, seconds: float = 0.05) -> Script:
    """Sends one byte after the other with so much time between them, again and again."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tick = asyncio.Event()
        while True:
            for byte in piece:
                writer.write(bytes([byte]))
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await tick.wait()

    return script
