"""Datagram sockets that tell when the kernel received a datagram and to which of our addresses it was sent; for measuring
paths, where the delay of a busy event loop must not be taken for that of the network. Linux; elsewhere the moment of reading.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import Any, Final, NamedTuple

_SO_TIMESTAMPNS: Final = 35
_IP_PKTINFO: Final = 8
_IP_RECVTOS: Final = 13
"""Numbers of Linux that Python 3.11 has no names for."""
_TIMESPEC: Final = struct.Struct("@ll")
_PKTINFO: Final = struct.Struct("@I4s4s")
_PKTINFO6: Final = struct.Struct("@16sI")
_INT: Final = struct.Struct("@i")
_MARKS: Final = ((socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, getattr(socket, "IPV6_TCLASS", -1)))
_SPACE: Final = 256
_MAX_AGE_NS: Final = 5_000_000_000
"""A stamp older than this is that of a clock which was set meanwhile."""
_RECEIVE_BUFFER: Final = 1 << 20


class Datagram(NamedTuple):
    """What came. `received_ns` is by `time.monotonic_ns`; `way` is what `answer` needs to answer from the same address."""

    data: bytes
    sender: Any
    received_ns: int
    way: tuple[tuple[int, int, bytes], ...] = ()


def prepare(sock: socket.socket) -> None:
    """Make a datagram socket non-blocking, give it room for bursts, and have it tell what `receive` reads."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    if sys.platform != "linux":
        return
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)


def mark(sock: socket.socket, dscp: int) -> None:
    """Have everything that the socket sends marked for a class of service (RFC 2474)."""
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)


def receive(sock: socket.socket, size: int) -> Datagram:
    """The next datagram; one longer than `size` is cut. Raises `OSError`, `BlockingIOError` when there is none."""
    if sys.platform != "linux":
        data, sender = sock.recvfrom(size)
        return Datagram(data, sender, time.monotonic_ns())
    data, extras, _, sender = sock.recvmsg(size, _SPACE)
    now_ns, age_ns = time.monotonic_ns(), 0
    way: list[tuple[int, int, bytes]] = []
    for level, kind, value in extras:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) == _TIMESPEC.size:
            whole_s, rest_ns = _TIMESPEC.unpack(value)
            age_ns = time.time_ns() - (whole_s * 1_000_000_000 + rest_ns)
        elif level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(value) == _PKTINFO.size:
            way.append((level, kind, _PKTINFO.pack(0, _PKTINFO.unpack(value)[2], bytes(4))))
        elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO and len(value) == _PKTINFO6.size:
            address, interface = _PKTINFO6.unpack(value)
            is_local = address[0] == 0xFE and address[1] & 0xC0 == 0x80
            way.append((level, kind, _PKTINFO6.pack(address, interface if is_local else 0)))
        elif (level, kind) in _MARKS and value:
            # Answers go in the class of the question, so that both ways are those of voice. ECN is the sender's own matter.
            way.append((level, kind, _INT.pack(int.from_bytes(value, sys.byteorder) & 0xFC)))
    return Datagram(data, sender, now_ns - age_ns if 0 <= age_ns <= _MAX_AGE_NS else now_ns, tuple(way))


def answer(sock: socket.socket, data: bytes, to: Datagram) -> None:
    """Send to whom a datagram came from, from the address that it was sent to. Raises `OSError`."""
    if sys.platform != "linux":
        sock.sendto(data, to.sender)
        return
    sock.sendmsg([data], to.way, 0, to.sender)
