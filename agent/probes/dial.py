"""Connections of all probes: a TCP connect that costs next to nothing, and a stream with bounds, with or without TLS.

Nothing here waits past the deadline of whoever runs the probe, keeps more than it was asked to read, or waits to close.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import ssl
import struct
import sys
from contextlib import suppress
from typing import Final

from agent.model import Outcome, Reason
from agent.probes.probe import ProbeError, Run
from agent.probes.resolve import Place, socket_address
from agent.probes.tls_failures import explain
from agent.probes.tls_settings import TlsSettings, make_context

MAX_LINE: Final = 64 * 1024
"""Bytes of the longest line, and of one read."""
_STREAM: Final = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)
_RESET: Final = struct.pack("ii" if sys.platform != "win32" else "hh", 1, 0)
_BIND_ADDRESS_NO_PORT: Final = 24
"""IP_BIND_ADDRESS_NO_PORT of Linux: a port is chosen at the connect, so that they do not run out per source."""
_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EINTR)
_SAID: Final = (errno.ENETUNREACH, errno.EACCES)
"""What our own machine says at once, but a router that was asked says later: then it is no want of ours. An IPv6 router that
prohibits is EACCES."""
_IN_A_ROW: Final = 4
"""Reads that found data waiting before others get their turn: a server that never stops sending must not stop the rest."""


async def connect(run: Run, place: Place, port: int, *, source_ip: str = "") -> socket.socket:
    """A connected socket that does not block; phase `connect`. Raises `OSError` as the system says it."""
    with run.during("connect"):
        address = socket_address(place, port)
        sock = socket.socket(place.family, _STREAM)
        try:
            if not _STREAM & ~socket.SOCK_STREAM:
                sock.setblocking(False)
            if source_ip:
                _bind(sock, place, source_ip)
            await _connected(run, sock, address)
        except BaseException:
            sock.close()
            raise
        if run.is_verbose:
            run.say(f"connected to {place.ip} port {port}")
        return sock


def drop(sock: socket.socket) -> None:
    """Close a connection that said nothing, by a reset: no state stays behind on this side, where thousands of probes a minute
    would otherwise keep tens of thousands of ports in TIME_WAIT."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def _bind(sock: socket.socket, place: Place, source_ip: str) -> None:
    family = socket.AF_INET6 if ":" in source_ip else socket.AF_INET
    if family != place.family:
        raise ProbeError(
            Reason.INTERNAL, f"{source_ip} cannot be the source for {place.ip}: not the same family", Outcome.ERROR
        )
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    sock.bind(socket_address(Place(family, source_ip), 0))


async def _connected(run: Run, sock: socket.socket, address: tuple[object, ...]) -> None:
    if sys.platform != "linux":
        await asyncio.get_running_loop().sock_connect(sock, address)
        return
    code = sock.connect_ex(address)
    if code in _UNDER_WAY:
        await run.tools.part("connects", Connects).writable(sock.fileno())
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code in _SAID:
            raise ProbeError(Reason.UNREACHABLE, f"a router on the way says: {os.strerror(code).lower()}")
    if code:
        raise OSError(code, os.strerror(code))


class Connects:
    """The part of the tools that waits for connections under way, on Linux: one epoll of its own that the loop looks at, so
    that a connect costs one system call more instead of the loop's three and their books."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._loop.add_reader(self._epoll.fileno(), self._wake)

    async def writable(self, descriptor: int) -> None:
        """Wait until a connect has ended, well or not. The socket must be closed, or not be waited for again here, afterwards:
        closing is what takes it off."""
        waiter = self._waiting[descriptor] = self._loop.create_future()
        self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)
        try:
            await waiter
        except BaseException:
            # At once, lest a late word about it be taken for one about the next socket with this number.
            with suppress(ValueError):  # closed with the tools
                self._epoll.unregister(descriptor)
            raise
        finally:
            self._waiting.pop(descriptor, None)

    def close(self) -> None:
        """Nobody waits any more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _wake(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            waiter = self._waiting.get(descriptor)
            if waiter is not None and not waiter.done():
                waiter.set_result(None)


class Stream:
    """A connection that reads in bounds. Every method may raise `OSError`; those that read also `ProbeError` for what is too
    long or ends too early. `close` when done."""

    __slots__ = ("_buffer", "_in", "_is_ended", "_loop", "_out", "_row", "_sock", "tls")

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._buffer = bytearray()
        self._is_ended = False
        self._row = 0
        self.tls: ssl.SSLObject | None = None
        """What is known of the TLS connection, once there is one."""
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()

    @property
    def local_ip(self) -> str:
        """Our own address of this connection, without its zone."""
        return str(self._sock.getsockname()[0]).partition("%")[0]

    async def start_tls(self, run: Run, tls: TlsSettings, server_name: str) -> None:
        """Speak TLS from here on; phase `tls`. `tls.server_name` goes before `server_name`. Raises `ProbeError` with reason
        `tls` for every way in which that can fail; what the server showed is known all the same (`certificates.chain_of`)."""
        name = (tls.server_name or server_name).partition("%")[0].removesuffix(".")
        with run.during("tls"):
            if self._buffer:
                # Whoever sits between could have put them there, to be taken for what the server says under TLS.
                raise ProbeError(Reason.TLS, "the server sent more in clear after it agreed to begin TLS")
            try:
                self.tls = make_context(tls).wrap_bio(self._in, self._out, server_hostname=name or None)
            except ValueError as error:
                raise ProbeError(Reason.TLS, f"{name!r} cannot be the name of a server: {error}") from error
            try:
                await self._shake_hands(self.tls)
            except ssl.SSLCertVerificationError as error:
                from agent.probes.certificates import blame, chain_of  # needs a package that probes without TLS do not

                raise ProbeError(Reason.TLS, blame(error, chain_of(self.tls), name)) from error
            except ssl.SSLError as error:
                raise ProbeError(Reason.TLS, explain(error, tls)) from error
            except ConnectionError as error:
                raise ProbeError(Reason.TLS, "the server reset the connection during the TLS handshake") from error
            if run.is_verbose and (cipher := self.tls.cipher()) is not None:
                run.say(f"TLS with {name}: {self.tls.version()}, {cipher[0]}")

    async def read(self, limit: int = MAX_LINE) -> bytes:
        """What is there, at least one byte and at most `limit` (never more than 64 KiB); empty at the end."""
        if not self._buffer and not self._is_ended:
            await self._fill()
        found = bytes(self._buffer[: min(limit, MAX_LINE)])
        del self._buffer[: len(found)]
        return found

    async def readuntil(self, separator: bytes = b"\n", limit: int = MAX_LINE) -> bytes:
        """Everything up to and with the separator. Raises `ProbeError`: `mismatch` if that is longer than `limit`, `no_data` if
        the connection ends before."""
        found = await self._upto(separator, limit)
        if not found.endswith(separator):
            raise ProbeError(Reason.NO_DATA, f"the server closed the connection after {len(found)} bytes of an answer")
        return found

    async def readline(self, limit: int = MAX_LINE) -> bytes:
        """A line with its newline; the last one may have none, and the end is empty. Raises as `readuntil` for a long one."""
        return await self._upto(b"\n", limit)

    async def readexactly(self, count: int) -> bytes:
        """So many bytes. Raises `ProbeError` with `no_data` if the connection ends before."""
        while len(self._buffer) < count:
            if self._is_ended:
                raise ProbeError(
                    Reason.NO_DATA, f"the server closed the connection after {len(self._buffer)} bytes of an answer"
                )
            await self._fill()
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    async def write(self, data: bytes) -> None:
        """Hand everything to the system, however slowly the other side takes it."""
        if self.tls is None:
            await self._loop.sock_sendall(self._sock, data)
            return
        view = memoryview(data)
        while view:
            try:
                view = view[self.tls.write(view) :]
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
        await self._flush()

    def close(self) -> None:
        """Close at once; a goodbye of TLS is sent if that does not take waiting."""
        if self.tls is not None and self._sock.fileno() >= 0:
            with suppress(OSError, ValueError):  # it waits for the other side's goodbye, which we do not
                self.tls.unwrap()
            with suppress(OSError):  # the other side is gone, which is what we want
                self._sock.send(self._out.read())
        self._sock.close()

    async def _upto(self, separator: bytes, limit: int) -> bytes:
        start = 0
        while (end := self._buffer.find(separator, start)) < 0:
            if len(self._buffer) > limit:
                break
            if self._is_ended:
                found = bytes(self._buffer)
                self._buffer.clear()
                return found
            start = max(0, len(self._buffer) - len(separator) + 1)
            await self._fill()
        size = end + len(separator) if end >= 0 else len(self._buffer)
        if size > limit:
            raise ProbeError(Reason.MISMATCH, f"the server sent more than {limit} bytes where a line or a head was expected")
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    async def _shake_hands(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            except ssl.SSLError:
                with suppress(OSError):  # it is gone; the reason stays the one that we know
                    await self._flush()  # the alert, which tells the server why
                raise
        await self._flush()

    async def _fill(self) -> None:
        """More bytes into the buffer, or the end."""
        if self.tls is None:
            data = await self._some()
            self._buffer += data
            self._is_ended = not data
            return
        while True:
            try:
                data = self.tls.read(MAX_LINE)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
                continue
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                data = b""  # many servers close without a goodbye; what must be complete says how long it is
            self._buffer += data
            self._is_ended = not data
            return

    async def _receive(self) -> None:
        """Bytes for TLS, or their end."""
        data = await self._some()
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()

    async def _flush(self) -> None:
        if self._out.pending:
            await self._loop.sock_sendall(self._sock, self._out.read())

    async def _some(self) -> bytes:
        if self._row >= _IN_A_ROW:
            self._row = 0
            await asyncio.sleep(0)
        self._row += 1
        return await self._loop.sock_recv(self._sock, MAX_LINE)


async def open_stream(run: Run, sock: socket.socket, *, tls: TlsSettings | None = None, server_name: str = "") -> Stream:
    """A stream on a connected socket, which it owns from here on. With `tls` the handshake is done; see `Stream.start_tls` for
    what that raises."""
    stream = Stream(sock)
    if tls is not None:
        try:
            await stream.start_tls(run, tls, server_name)
        except BaseException:
            stream.close()
            raise
    return stream
