"""Sends a page in chunks: breaths for the event loop, gzip in a thread, one deadline, a bounded number at a time."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import web

WRITE_BYTES = 128 * 1024
Chunk = bytes | Awaitable[None]
"""Bytes of a page, or something to wait for before it goes on."""


class BusyError(Exception):
    """More pages are wanted than may wait."""


class Gate:
    """Lets `at_once` through and `waiting` wait; the next is turned away."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._room = at_once + waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn. Raises `BusyError` at once if too many wait already."""
        if self._room <= 0:
            raise BusyError
        self._room -= 1
        try:
            async with self._free:
                yield
        finally:
            self._room += 1


async def send(
    response: web.StreamResponse, chunks: Iterator[Chunk], pool: ThreadPoolExecutor | None, written: int = WRITE_BYTES
) -> None:
    """Write the chunks to a prepared response; gzip at level 1 if there is a pool to do it in. Empty chunks are breaths."""
    loop = asyncio.get_running_loop()
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if pool is not None else None
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        if not isinstance(chunk, bytes):
            await chunk
            continue
        held.append(chunk)
        size += len(chunk)
        if size >= written:
            data = b"".join(held)
            held, size = [], 0
            if packer is not None:
                data = await loop.run_in_executor(pool, packer.compress, data)
            if data:
                await response.write(data)
        await asyncio.sleep(0)
    data = b"".join(held)
    if packer is not None:
        data = await loop.run_in_executor(pool, lambda: packer.compress(data) + packer.flush())
    if data:
        await response.write(data)
    await response.write_eof()
