"""A line between agent and collector that a test can spoil: cut, silent, one-way, or torn in the middle of a request."""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class Mode(enum.Enum):
    """What the line does with bytes."""

    OPEN = "open"
    CUT = "cut"
    """Connections are reset, old and new."""
    HOLE = "hole"
    """Connections stand, nothing arrives in either direction."""
    MUTE = "mute"
    """Requests arrive, answers do not."""
    TEAR = "tear"
    """A connection is reset after some bytes of a request."""


class Line:
    """A TCP relay on a port of its own, with a thread; `port` is where agents connect."""

    def __init__(self, target_port: int, tear_after: Callable[[], int] = lambda: 1_000) -> None:
        self.mode = Mode.OPEN
        self.connections = 0
        """How many were accepted."""
        self.swallowed = 0
        """Bytes of answers that were thrown away."""
        self.torn = 0
        self._target = target_port
        self._tear_after = tear_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="line")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def become(self, mode: Mode) -> None:
        """Change what happens to bytes; connections do not survive the change, as after any real fault."""
        done = threading.Event()

        def change() -> None:
            self.mode = mode
            if mode is not Mode.HOLE:
                self._reset_all()
            done.set()

        self._loop.call_soon_threadsafe(change)
        assert done.wait(10)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._relay, sock=self._listener)
        await self._end.wait()
        server.close()
        self._reset_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in list(self._pairs):
            _reset(writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.mode is Mode.CUT:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        self._pairs |= {writer, far_writer}
        left = self._tear_after() if self.mode is Mode.TEAR else -1
        up = asyncio.ensure_future(self._pump(reader, far_writer, left, is_answer=False))
        down = asyncio.ensure_future(self._pump(far_reader, writer, -1, is_answer=True))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._pairs -= {writer, far_writer}
            _reset(writer)
            _reset(far_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int, *, is_answer: bool) -> None:
        while data := await reader.read(65_536):
            if self.mode is Mode.HOLE:
                await self._loop.create_future()  # until the connection is reset
            if self.mode is Mode.MUTE and is_answer and self._is_data(data):
                self.swallowed += len(data)
                continue
            if 0 <= left < len(data):
                writer.write(data[:left])
                await writer.drain()
                self.torn += 1
                return
            left = left - len(data) if left >= 0 else left
            writer.write(data)
            await writer.drain()

    @staticmethod
    def _is_data(data: bytes) -> bool:
        """Whether this is TLS application data: the handshake of a mute line still works, only answers are missing."""
        return data[:1] == b"\x17"


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
