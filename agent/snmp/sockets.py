"""The UDP sockets of the SNMP client: a few for thousands of devices, unconnected, read in bounded bites.

Never blocks, and never fails because of what arrives: an ICMP error of one device is no business of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from agent.snmp import icmp

Address = tuple[Any, ...]
"""What the socket module takes: (host, port), for IPv6 also flow and scope."""
Receiver = Callable[[bytes, Address], None]
ErrorReceiver = Callable[[int, Address], None]

BATCH = 64
"""Datagrams read before the event loop gets its turn."""
LARGEST = 65535
_SO_RCVBUFFORCE = 33
"""Linux: a receive buffer above the system's limit, for a process that may."""


class Sockets:
    """A pool of sockets of one address family. `open` binds them; `receive` is called with each datagram, `refuse` with errno
    and address of each ICMP error, and neither may raise."""

    def __init__(
        self, family: socket.AddressFamily, receive: Receiver, refuse: ErrorReceiver, *, count: int, buffer_bytes: int
    ) -> None:
        self.family = family
        self._receive = receive
        self._refuse = refuse
        self._count = count
        self._buffer_bytes = buffer_bytes
        self._sockets: list[socket.socket] = []
        self._transports: list[asyncio.DatagramTransport] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = 0

    async def open(self) -> None:
        """Bind all sockets or none; `OSError` when the system has no such family or no more sockets."""
        loop = self._loop = asyncio.get_running_loop()
        made: list[socket.socket] = []
        try:
            while len(made) < self._count:
                made.append(self._made())
        except OSError:
            for each in made:
                each.close()
            raise
        self._sockets = made
        for each in made:
            try:
                loop.add_reader(each, self._read, each)
            except NotImplementedError:  # Windows' proactor loop has datagram endpoints instead
                transport, _ = await loop.create_datagram_endpoint(lambda: _Endpoint(self._receive), sock=each)
                self._transports.append(transport)

    def _made(self) -> socket.socket:
        made = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            if self.family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF, _SO_RCVBUFFORCE):
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, option, self._buffer_bytes)
            icmp.listen(made)
            made.bind(("", 0))
        except BaseException:
            made.close()
            raise
        return made

    @property
    def is_open(self) -> bool:
        """Whether there is something to send from."""
        return bool(self._sockets)

    def close(self) -> None:
        """Close all; nothing is received any more."""
        for transport in self._transports:
            transport.close()
        for each in self._sockets:
            if self._loop is not None and not self._transports:
                self._loop.remove_reader(each)
            each.close()
        self._sockets, self._transports = [], []

    def turn(self) -> int:
        """The number of the socket whose turn it is: a session keeps to it, so that its device sees one port."""
        self._turn += 1
        return self._turn % self._count

    def send(self, number: int, data: bytes, address: Address) -> bool:
        """Send one datagram; False when the system's buffer is full. `OSError` says why it cannot be sent at all."""
        if self._transports:
            self._transports[number].sendto(data, address)
            return True
        sender = self._sockets[number]
        try:
            sender.sendto(data, address)
        except BlockingIOError:
            return False
        except OSError:
            # It may be an ICMP error of another device that the socket still holds: it is handed out now, and the second try is
            # about this datagram only.
            self._note_errors(sender)
            sender.sendto(data, address)
        return True

    def _note_errors(self, source: socket.socket) -> None:
        for number, address in icmp.errors(source):
            self._refuse(number, address)

    def _read(self, source: socket.socket) -> None:
        receive, recvfrom = self._receive, source.recvfrom
        for _ in range(BATCH):
            try:
                data, address = recvfrom(LARGEST)
            except BlockingIOError:
                self._note_errors(source)  # else the socket stays readable for their sake
                return
            except OSError:  # an ICMP error; whose it is, only the kernel's queue says
                self._note_errors(source)
                continue
            receive(data, address)


class _Endpoint(asyncio.DatagramProtocol):
    """The same for an event loop that cannot watch a socket."""

    def __init__(self, receive: Receiver) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)
