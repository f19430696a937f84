"""ICMP sockets for echoes (`agent.probes.pings`): unprivileged ping sockets where the system allows them, raw ones otherwise.

They send and receive bytes; whose answer one is decides who asks.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import sys
from typing import Any, Final, NamedTuple

from agent.packets.icmp import ERRORS_V4, ERRORS_V6, REPLY_V4, REPLY_V6, REQUEST_V4, REQUEST_V6

BUFFER: Final = 4 * 1024 * 1024
"""Bytes of answers that the kernel may hold: some thousands come at once, and each takes far more than its size."""
_ANCILLARY: Final = 160
# Numbers of Linux that the socket module does not name: <asm-generic/socket.h>, <linux/in.h>, <linux/in6.h>, <linux/icmp.h>.
_SO_RCVBUFFORCE: Final = 33
_SO_SNDBUFFORCE: Final = 32
_SO_TIMESTAMPNS: Final = 35
_SO_MEMINFO: Final = 55
_SO_ATTACH_FILTER: Final = 26
_IP_MTU_DISCOVER: Final = 10
_IP_RECVERR: Final = 11
_IP_RECVTTL: Final = 12
_IP_TTL: Final = 2
_IPV6_MTU_DISCOVER: Final = 23
_IPV6_RECVERR: Final = 25
_IPV6_RECVHOPLIMIT: Final = 51
_IPV6_HOPLIMIT: Final = 52
_IPV6_UNICAST_HOPS: Final = 16
_FRAGMENT: Final = 0
_NEVER_FRAGMENT: Final = 3
"""IP_PMTUDISC_PROBE: what is too large for the way is told by the way, not by what this machine remembers of it."""
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_TIMESPEC: Final = struct.Struct("@ll")
_COUNT: Final = struct.Struct("@I")
_ERROR: Final = struct.Struct("=IBBBBII")
"""struct sock_extended_err of <linux/errqueue.h>, behind which is the address of who complains."""
_FROM_ICMP: Final = (2, 3)
_MEMORY: Final = struct.Struct("@9I")
"""What SO_MEMINFO tells; the last number counts the datagrams for which there was no room."""


class Options(NamedTuple):
    """How echoes leave; those with equal options share a socket. `ttl` 0: the system's; `source`: an address of ours."""

    ttl: int = 0
    dont_fragment: bool = False
    source: str = ""


class Heard(NamedTuple):
    """A datagram: who sent it, when it came by the wall clock (nanoseconds; 0: unknown), and what hops it had left (-1:
    unknown)."""

    data: bytes
    sender: str
    at_ns: int
    hop_limit: int


class Refusal(NamedTuple):
    """An ICMP error that the kernel kept for a ping socket: about which message of ours, to whom, and who says what."""

    data: bytes
    destination: str
    type: int
    code: int
    said_by: str


class Wire:
    """One ICMP socket. `kernel_identifies`: the kernel sets the identifier of what is sent and filters answers by it."""

    __slots__ = ("identifier", "kernel_identifies", "reply", "request", "room", "sock", "v6", "with_ip_header")

    def __init__(self, family: socket.AddressFamily, options: Options) -> None:
        """Raises `OSError` where this system has none for us, or cannot use the options."""
        self.v6 = family == socket.AF_INET6
        self.request, self.reply = (REQUEST_V6, REPLY_V6) if self.v6 else (REQUEST_V4, REPLY_V4)
        protocol = socket.IPPROTO_ICMPV6 if self.v6 else socket.IPPROTO_ICMP
        self.identifier = int.from_bytes(os.urandom(2), "big")
        self.room = 2048
        try:
            self.sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
            self.kernel_identifies = True
        except OSError:
            self.sock = socket.socket(family, socket.SOCK_RAW, protocol)
            self.kernel_identifies = False
        self.with_ip_header = not self.v6 and not self.kernel_identifies
        try:
            self.sock.setblocking(False)
            if sys.platform == "linux":
                self._prepare()
            self._apply(options)
        except OSError:
            self.sock.close()
            raise

    def receive(self) -> Heard:
        """The next datagram. Raises `BlockingIOError` when there is none, and `OSError` for an error that waits to be told."""
        data, ancillary, _, address = self.sock.recvmsg(self.room, _ANCILLARY)
        at_ns, hop_limit = 0, data[8] if self.with_ip_header and len(data) > 8 else -1
        for level, kind, value in ancillary:
            if kind == _SO_TIMESTAMPNS and level == socket.SOL_SOCKET:
                seconds, rest = _TIMESPEC.unpack_from(value)
                at_ns = seconds * 1_000_000_000 + rest
            elif (level, kind) in ((socket.IPPROTO_IP, _IP_TTL), (socket.IPPROTO_IPV6, _IPV6_HOPLIMIT)):
                hop_limit = _COUNT.unpack_from(value)[0]
        return Heard(data, address[0], at_ns, hop_limit)

    def dropped(self) -> int:
        """Datagrams so far that the kernel had no room for, because nobody fetched those before; 0 where it does not tell."""
        if sys.platform != "linux":
            return 0
        told = self.sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size)
        return int(_MEMORY.unpack(told)[-1]) if len(told) == _MEMORY.size else 0

    def refusal(self) -> Refusal | None:
        """The next ICMP error that the kernel kept. Raises `BlockingIOError` when there is none; None for one of another
        origin."""
        data, ancillary, _, address = self.sock.recvmsg(self.room, 512, socket.MSG_ERRQUEUE)
        for _, kind, value in ancillary:
            if kind not in (_IP_RECVERR, _IPV6_RECVERR) or len(value) < _ERROR.size:
                continue
            _, origin, type_, code, *_ = _ERROR.unpack_from(value)
            if origin in _FROM_ICMP:
                return Refusal(data, address[0], type_, code, _offender(value[_ERROR.size :]))
        return None

    def _prepare(self) -> None:
        """Options of Linux that make answers cheaper and truer; without any of them it works as well."""
        sock = self.sock
        for forced, usual in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
            except OSError:
                sock.setsockopt(socket.SOL_SOCKET, usual, BUFFER)
        wanted: list[tuple[int, int, Any]] = [
            (socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1),
        ]
        if self.v6:
            wanted.append((socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, 1))
        if self.kernel_identifies:
            wanted.append((socket.IPPROTO_IPV6, _IPV6_RECVERR, 1) if self.v6 else (socket.IPPROTO_IP, _IP_RECVERR, 1))
            if not self.v6:
                wanted.append((socket.IPPROTO_IP, _IP_RECVTTL, 1))
        else:
            wanted.append(_types_filter(v6=self.v6))
        for option in wanted:
            with contextlib.suppress(OSError):
                sock.setsockopt(*option)
        if not self.kernel_identifies:
            _filter_replies(sock, self.identifier, v6=self.v6)

    def _apply(self, options: Options) -> None:
        if options.ttl:
            where = (socket.IPPROTO_IPV6, _IPV6_UNICAST_HOPS) if self.v6 else (socket.IPPROTO_IP, socket.IP_TTL)
            self.sock.setsockopt(*where, options.ttl)
        if sys.platform == "linux":
            where = (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER) if self.v6 else (socket.IPPROTO_IP, _IP_MTU_DISCOVER)
            self.sock.setsockopt(*where, _NEVER_FRAGMENT if options.dont_fragment else _FRAGMENT)
        if options.source:
            self.sock.bind((options.source, 0))


def _types_filter(*, v6: bool) -> tuple[int, int, bytes]:
    """Pass answers and errors only: a raw socket is given a copy of every ICMP message that this machine gets."""
    if not v6:
        return _SOL_RAW, _ICMP_FILTER, struct.pack("@I", 0xFFFFFFFF & ~sum(1 << kind for kind in (REPLY_V4, *ERRORS_V4)))
    words = [0xFFFFFFFF] * 8
    for kind in (REPLY_V6, *ERRORS_V6):
        words[kind >> 5] &= ~(1 << (kind & 31))
    return socket.IPPROTO_ICMPV6, _ICMP_FILTER, struct.pack("@8I", *words)


def _filter_replies(sock: socket.socket, identifier: int, *, v6: bool) -> None:
    """Pass replies of this identifier only, so that many programs that ping on one machine do not wake each other up."""
    where, reply = (0x20, REPLY_V6) if v6 else (0x40, REPLY_V4)  # of classic BPF: absolute, and behind the IP header
    program = [
        (0xB1, 0, 0, 0) if not v6 else (0x00, 0, 0, 0),  # X = length of the IP header (or A = 0, which does nothing)
        (0x10 | where, 0, 0, 0),  # A = type
        (0x15, 0, 2, reply),  # no reply: accept
        (0x08 | where, 0, 0, 4),  # A = identifier
        (0x15, 0, 1, identifier),
        (0x06, 0, 0, 0xFFFFFFFF),  # accept
        (0x06, 0, 0, 0),
    ]
    code = array.array("B", b"".join(struct.pack("@HBBI", *step) for step in program))
    # Without the filter more datagrams are looked at, and the same ones count.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), code.buffer_info()[0]))


def _offender(sockaddr: bytes) -> str:
    family = struct.unpack_from("@H", sockaddr)[0] if len(sockaddr) >= 2 else 0
    if family == socket.AF_INET and len(sockaddr) >= 8:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return ""
