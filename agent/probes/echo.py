"""One ICMP echo to a device that does not answer otherwise: tells a dead program from a dead device.

Unprivileged ping sockets where the system allows them, raw ones for root; where neither is to be had nothing is claimed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from typing import Final

from agent.packets.icmp import REPLY_V4, REPLY_V6, REQUEST_V4, REQUEST_V6, Echo, decode, encode

_PAYLOAD: Final = 16
_NO_WAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ECONNREFUSED})
_BATCH: Final = 64
"""Datagrams read at one wake-up, so that a flood leaves the loop its breath."""


class _Wire:
    """One ICMP socket of one family; `kernel_identifies`: the kernel sets and filters the identifier itself."""

    def __init__(self, family: socket.AddressFamily) -> None:
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        try:
            self.sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
            self.kernel_identifies = True
        except OSError:
            self.sock = socket.socket(family, socket.SOCK_RAW, protocol)
            self.kernel_identifies = False
        self.sock.setblocking(False)
        self.with_ip_header = family == socket.AF_INET and not self.kernel_identifies
        self.request, self.reply = (REQUEST_V4, REPLY_V4) if family == socket.AF_INET else (REQUEST_V6, REPLY_V6)


class Echoes:
    """Echo requests of one event loop. `close` when done; `is_reachable` may be awaited by thousands at once."""

    def __init__(self) -> None:
        self._wires: dict[int, _Wire | None] = {}
        self._waiting: dict[tuple[str, bytes], asyncio.Future[None]] = {}
        self._sequence = 0
        self._identifier = os.getpid() & 0xFFFF

    async def is_reachable(self, host: str, timeout_s: float) -> bool | None:
        """Whether the address (not a name) answered in time; None where this system does not let us ask or has no room for it
        now."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        wire = self._wire(family)
        if wire is None:
            return None
        self._sequence = (self._sequence + 1) & 0xFFFF
        # The payload makes an answer ours: identifiers are the kernel's, and addresses may be forged.
        payload = os.urandom(_PAYLOAD)
        key = (host.partition("%")[0], payload)
        answered = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            wire.sock.sendto(encode(Echo(wire.request, self._identifier, self._sequence, payload)), (host, 0))
            async with asyncio.timeout(timeout_s):
                await answered
        except TimeoutError:
            return False
        except OSError as error:
            return False if error.errno in _NO_WAY else None
        finally:
            del self._waiting[key]
        return True

    def close(self) -> None:
        """Close the sockets; whoever waits gets no answer."""
        for wire in self._wires.values():
            if wire is not None:
                asyncio.get_running_loop().remove_reader(wire.sock)
                wire.sock.close()
        self._wires.clear()

    def _wire(self, family: socket.AddressFamily) -> _Wire | None:
        if family not in self._wires:
            self._wires[family] = self._open(family)
        return self._wires[family]

    def _open(self, family: socket.AddressFamily) -> _Wire | None:
        if sys.platform == "win32":
            return None  # Its event loop does not watch raw sockets, and there are no ping sockets.
        try:
            wire = _Wire(family)
        except OSError:
            return None
        asyncio.get_running_loop().add_reader(wire.sock, self._read, wire)
        return wire

    def _read(self, wire: _Wire) -> None:
        for _ in range(_BATCH):
            try:
                data, address = wire.sock.recvfrom(2048)
            except OSError:
                return
            echo = decode(data, with_ip_header=wire.with_ip_header)
            if echo is None or echo.type != wire.reply:
                continue
            waiting = self._waiting.get((str(address[0]).partition("%")[0], echo.payload))
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
