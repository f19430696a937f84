"""A SIP server of the tests on loopback, over UDP, TCP or TLS, which answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Self

from tests.agent.probes.voice_kit import serving

Play = Callable[[bytes, int], list[bytes]]
"""What is sent back for a request, and how many there were before it."""


def response(request: bytes, status: str = "200 OK", *extra: str, body: str = "") -> bytes:
    """A response to a request: what must be mirrored of it, and further header lines."""
    mirrored = [line for line in request.decode().split("\r\n")[1:] if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = next(line for line in request.decode().split("\r\n") if line.startswith("To:"))
    head = (f"SIP/2.0 {status}", *mirrored, f"{to};tag=server", *extra, f"Content-Length: {len(body.encode())}", "", body)
    return "\r\n".join(head).encode()


def ok(request: bytes, _number: int) -> list[bytes]:
    """200 with what servers tell of themselves."""
    return [response(request, "200 OK", "Server: Tong dai 1.0", "Allow: INVITE, OPTIONS", body="v=0\r\n")]


class SipServer(asyncio.DatagramProtocol):
    """`requests` is what came. A play that returns `CLOSE` closes the connection."""

    CLOSE = b""

    def __init__(self, transport: str, play: Play = ok, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._how, self._play, self._host, self._tls = transport, play, host, tls
        self._stack = AsyncExitStack()
        self.requests: list[bytes] = []
        self._endpoint: Any = None
        self.port = 0

    @property
    def address(self) -> str:
        """As a URI with its transport."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"sip:{host}:{self.port};transport={self._how}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if self._how == "udp":
            self._endpoint, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
            self.port = self._endpoint.get_extra_info("sockname")[1]
        else:
            self.port = await self._stack.enter_async_context(serving(self._serve, self._host, self._tls))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._endpoint is not None:
            self._endpoint.close()
        await self._stack.aclose()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One request over UDP."""
        for reply in self._answers(data):
            self._endpoint.sendto(reply, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                for reply in self._answers(request):
                    if reply == self.CLOSE:
                        return
                    writer.write(reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answers(self, request: bytes) -> list[bytes]:
        self.requests.append(request)
        return self._play(request, len(self.requests) - 1)
