"""The HTTP side of the agents' door: lean answers, bounded reading, and a listener that outlasts bad callers.

Built on aiohttp's low-level server without routing or middlewares: in one run with Debian's Python 3.11, 49 µs of CPU for a
3.3 kB POST against 56 µs with an application.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from collector.ingest.answers import Answer, RefusedError, too_slow
from collector.ingest.fast import Connection, Front, Times
from collector.ingest.fast import Door as FastDoor

_MAX_UNREAD_BYTES: Final = 256 * 1024
"""Answers that a caller does not read; beyond it the connection is cut."""
_KEEPALIVE_S: Final = 150.0
"""Longer than an agent's longest usual interval (60 s), so that one connection lasts."""
_LINGER_S: Final = 2.0
_SWEEP_S: Final = 1.0
# What aiohttp itself says of malformed requests: news at debug level only, the internet sends them all day.
_quiet = logging.getLogger("haidang.http")
_quiet.setLevel(logging.CRITICAL)


class Reply(web.StreamResponse):
    """An answer written in one piece; skips the header machinery that a machine-to-machine answer does not need."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(status=answer.status)
        self._answer = answer
        self._stays = not answer.close

    @property
    def keep_alive(self) -> bool | None:
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the caller is gone")
        self._stays = self._stays and request.keep_alive
        if not self._stays:
            data = self._answer.render("close")
        else:
            data = self._answer.render("keep-alive" if request.version < (1, 1) else "")
        transport.write(data[: -len(self._answer.body)] if request.method == "HEAD" and self._answer.body else data)
        if transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            transport.abort()

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


async def read_body(request: web.BaseRequest, limit: int, timeout_s: float) -> bytes:
    """The body of a request, at most `limit` bytes, all of it within `timeout_s`. Raises `RefusedError` (413, 408, 400)."""
    length = request.content_length
    if length is not None and length > limit:
        raise RefusedError(413, "too_large", f"body of {length} bytes, at most {limit}", close=True)
    content = request.content
    if content.is_eof():
        body = content.read_nowait(-1)
        if len(body) > limit:
            raise RefusedError(413, "too_large", f"body over {limit} bytes", close=True)
        return body
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(timeout_s):
            return await _read_parts(content, limit)
    except TimeoutError:
        raise too_slow(timeout_s) from None
    except web.RequestPayloadError as error:
        raise RefusedError(400, "bad_body", f"body is broken: {error}", close=True) from error


async def _read_parts(content: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        part = await content.readany()
        if not part:
            return b"".join(parts)
        size += len(part)
        if size > limit:
            raise RefusedError(413, "too_large", f"body over {limit} bytes", close=True)
        parts.append(part)


Handler = Callable[[web.BaseRequest], Awaitable[Reply]]


class _GuardedServer(web.Server):
    """Cuts connections that do not bring a first request in time (slow loris); aiohttp's own keep-alive limit covers the
    time between requests."""

    def __init__(self, handler: Handler, header_timeout_s: float) -> None:
        super().__init__(
            self._handle,
            access_log=None,
            logger=_quiet,
            auto_decompress=False,
            keepalive_timeout=_KEEPALIVE_S,
            lingering_time=_LINGER_S,
            max_line_size=4_096,
            max_field_size=8_190,
            max_headers=64,
        )
        self._next = handler
        self._header_timeout_s = header_timeout_s
        self._silent: dict[Any, float] = {}

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._silent[handler] = self._loop.time()

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        self._silent.pop(handler, None)
        super().connection_lost(handler, exc)

    def sweep(self) -> None:
        """Cut connections whose first request is overdue."""
        oldest = self._loop.time() - self._header_timeout_s
        for handler, since in list(self._silent.items()):
            if since > oldest:
                return
            del self._silent[handler]
            transport = handler.transport
            if transport is not None:
                transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._silent.pop(request.protocol, None)
        return await self._next(request)


class Listener:
    """A TCP listener with the guards above; `start` once, `stop` once. Connections begin on the short way (`fast`)."""

    def __init__(
        self, handler: Handler, door: FastDoor, *, connections: int, header_timeout_s: float, body_timeout_s: float
    ) -> None:
        self._guard = _GuardedServer(handler, header_timeout_s)
        self._front = Front(door, self._guard, lambda: self.connections >= connections)
        self._times = Times(header_timeout_s, body_timeout_s, _KEEPALIVE_S)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def configure(self, body_timeout_s: float) -> None:
        """Take a new setting; the others are fixed."""
        self._times = msgspec.structs.replace(self._times, body_s=body_timeout_s)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._guard.connections) + len(self._front.connections)

    @property
    def port(self) -> int:
        """The port that is listened on (the real one if 0 was asked for)."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Serve on a bound and listening socket, which is closed by `stop`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._front),
            sock=sock,
            ssl=context,
            backlog=1_024,
            ssl_handshake_timeout=10.0 if context else None,
            ssl_shutdown_timeout=5.0 if context else None,
        )
        self._sweeper = loop.create_task(self._sweep())

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more, let running requests finish for `grace_s`, close every connection."""
        if self._server is None:
            return
        self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._guard.pre_shutdown()
        deadline = asyncio.get_running_loop().time() + grace_s
        await self._front.shut(grace_s)
        await self._guard.shutdown(max(0.0, deadline - asyncio.get_running_loop().time()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._guard.sweep()
            self._front.sweep(self._times)
