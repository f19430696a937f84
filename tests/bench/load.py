"""A load generator for HTTP/1.1: a fixed number of keep-alive connections, each with one request in flight.

Its own processor time is not part of any figure, but it must not be the bottleneck: bytes in, bytes out, no library.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, requests: Iterator[bytes], statuses: Counter[int], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._statuses = statuses
        self._done = done
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self._statuses[int(head[9:12])] += 1
        self._buffer = rest[length:]
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed a connection before the end"))

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


async def send(host: str, port: int, requests: Iterator[bytes], connections: int) -> Counter[int]:
    """Send every request over `connections` connections; how many answers had which status."""
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    ends: list[asyncio.Future[None]] = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        ends.append(done)

        def make(done: asyncio.Future[None] = done) -> _Connection:
            return _Connection(requests, statuses, done)

        await loop.create_connection(make, host, port)
    await asyncio.gather(*ends)
    return statuses


def post(path: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    """Bytes of one POST request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def run(host: str, port: int, requests: Iterator[bytes], connections: int, expect: Callable[[int], bool]) -> Counter[int]:
    """`send` in an event loop of its own; raises if any answer's status is not as expected."""
    statuses = asyncio.run(send(host, port, requests, connections))
    wrong = {status: count for status, count in statuses.items() if not expect(status)}
    if wrong:
        raise RuntimeError(f"unexpected answers: {wrong} of {sum(statuses.values())}")
    return statuses
