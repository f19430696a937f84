"""An H.323 terminal of the tests, written from Q.931 and RFC 1006 with none of our own code: answers a SETUP as it is told,
and keeps the state of its call.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import AsyncExitStack
from typing import Self

from tests.agent.probes.voice_kit import serving

SETUP, RELEASE_COMPLETE, STATUS_ENQUIRY = 0x05, 0x5A, 0x75
CALL_PROCEEDING, ALERTING, CONNECT, FACILITY, STATUS = 0x02, 0x01, 0x07, 0x62, 0x7D
CLOSE = b""
"""Of a play: close the connection here."""


def message(kind: int, reference: int, elements: bytes = b"", *, flag: int = 0x8000) -> bytes:
    """A message of the called side in its TPKT."""
    body = struct.pack("!BBHB", 8, 2, reference | flag, kind) + elements
    return struct.pack("!BBH", 3, 0, 4 + len(body)) + body


def cause(number: int) -> bytes:
    """The element of a cause, from the user."""
    return bytes((0x08, 2, 0x80, 0x80 | number))


class Terminal:
    """`plays`: message type that came -> what is sent, each a message type or bytes as they are; answers to our call only.

    `received` are the types that came, `is_ringing` whether a call is up, `ended` is set when the connection is over.
    """

    def __init__(self, plays: dict[int, list[int | bytes]], *, host: str = "127.0.0.1") -> None:
        self._plays, self._host = plays, host
        self._stack = AsyncExitStack()
        self._port = 0
        self.received: list[int] = []
        self.is_ringing = False
        self.was_reset = False
        self.ended = asyncio.Event()

    @property
    def address(self) -> str:
        """For a probe."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        self._port = await self._stack.enter_async_context(serving(self._serve, self._host))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                version, _, length = struct.unpack("!BBH", await reader.readexactly(4))
                assert version == 3
                body = await reader.readexactly(length - 4)
                discriminator, width, reference, kind = struct.unpack("!BBHB", body[:5])
                assert (discriminator, width, reference >> 15) == (8, 2, 0)
                self.received.append(kind)
                self.is_ringing = kind == SETUP or (self.is_ringing and kind != RELEASE_COMPLETE)
                for each in self._plays.get(kind, []):
                    if each == CLOSE:
                        return
                    writer.write(message(each, reference) if isinstance(each, int) else each)
                    await writer.drain()
                    self.is_ringing = self.is_ringing and each != RELEASE_COMPLETE
        except asyncio.IncompleteReadError:
            return
        except ConnectionError:
            self.was_reset = True
        finally:
            writer.close()
            self.ended.set()
