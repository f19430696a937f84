"""ICMP echoes of all probes of a loop: thousands under way on one socket a family, each answer known by what only we know.

It tells what came back and who complained; whether that is good is for the probe to say.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import os
import socket
import sys
import time
from typing import Final, NamedTuple

from agent.packets.icmp import ERRORS_V4, ERRORS_V6, Echo, decode, decode_complaint_v4, decode_complaint_v6, encode, meaning
from agent.probes.ping_wire import Heard, Options, Wire

PAYLOAD: Final = 28
"""Bytes of an echo whose size nobody named, as many as blackbox_exporter sends."""
MAX_PAYLOAD: Final = 65_000
_SECRET: Final = 16
"""Bytes of a payload that nobody can guess; the rest is zeros."""
_POOL: Final = 256 * _SECRET
_AT_ONCE: Final = 256
"""Datagrams read at one wake-up, so that a flood leaves the loop its breath."""
_UNREAD: Final = 64
"""Echoes sent before answers are looked at, so that a burst does not overflow what the kernel holds for us."""
_IN_FLIGHT: Final = 60_000
"""Of one socket; a sequence number has 16 bits."""
_RETRY_S: Final = 0.005
_GRAIN_S: Final = 0.01
"""Ends this near to each other are served by one waking."""
_LATER: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})


class Request(NamedTuple):
    """What to send: so many `echoes`, `spacing_s` apart (less if time is short). `wait_s`: how long after the last; 0: to the
    end."""

    echoes: int = 1
    spacing_s: float = 0.0
    payload_size: int = PAYLOAD
    wait_s: float = 0.0
    options: Options = Options()


class Complaint(NamedTuple):
    """An ICMP error about one of our echoes: who says what."""

    said_by: str
    text: str


class Answers:
    """What became of the echoes of one request."""

    __slots__ = (
        "address",
        "complaints",
        "count",
        "duplicates",
        "hop_limit",
        "open",
        "overflowed",
        "round_trips",
        "sent",
        "waiter",
    )

    def __init__(self, address: str, count: int) -> None:
        self.address = address
        """Who must answer."""
        self.count = count
        """Echoes that were asked for."""
        self.sent = 0
        self.round_trips: list[float] = []
        """Seconds, in the order in which they came."""
        self.duplicates = 0
        """Further answers to an echo that was answered, as far as they came while others were awaited."""
        self.hop_limit = -1
        """Hops that the last answer had left (TTL in IPv4); -1: unknown."""
        self.complaints: list[Complaint] = []
        self.open = 0
        """Echoes about which nothing was heard."""
        self.overflowed = False
        """This machine threw answers away meanwhile, perhaps ours."""
        self.waiter: asyncio.Future[None] | None = None

    def settle(self) -> None:
        """One echo less is open."""
        self.open -= 1
        waiter = self.waiter
        if self.open <= 0 and waiter is not None and not waiter.done():
            waiter.set_result(None)


class PingStats:
    """Of all echoes since the start. `strange` answers are those from an address, or with a payload, that was not asked."""

    __slots__ = ("complaints", "duplicates", "late", "replies", "sent", "strange")

    def __init__(self) -> None:
        self.sent = self.replies = self.duplicates = self.late = self.strange = self.complaints = 0


class _Sent:
    __slots__ = ("answers", "at_ns", "at_s", "is_settled", "payload")

    def __init__(self, answers: Answers, payload: bytes, at_s: float, at_ns: int) -> None:
        self.answers = answers
        self.payload = payload
        self.at_s = at_s
        self.at_ns = at_ns
        self.is_settled = False


class _Line:
    """A socket and what is under way on it."""

    __slots__ = ("dropped", "sequence", "unread", "waiting", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sequence = int.from_bytes(os.urandom(2), "big")
        self.waiting: dict[int, _Sent] = {}
        self.unread = 0
        self.dropped = 0
        """Answers lost on this machine, as far as it was asked: it is when one is missing."""


class _Order(NamedTuple):
    """A request under way; `sequences` are those of the echoes that were sent for it."""

    line: _Line
    address: tuple[str, int]
    answers: Answers
    size: int
    sequences: list[int]


class Pings:
    """A part of the tools; `close` it at the end. Made in the loop that uses it."""

    def __init__(self) -> None:
        self.stats = PingStats()
        self._loop = asyncio.get_running_loop()
        self._lines: dict[tuple[bool, Options], _Line] = {}
        self._pool = b""
        self._taken = 0
        self._ends: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0

    async def ask(self, host: str, request: Request, end_s: float) -> Answers:
        """Send echoes to an address (never a name), and wait for answers until `end_s` by the loop's clock. Raises `OSError`
        when nothing can be sent: the system lets us open no such socket, has no way there, or no room."""
        line = self._line(":" in host, request.options)
        answers = Answers(_canonical(host), request.echoes)
        wire, dropped = line.wire, line.dropped
        wire.room = max(wire.room, request.payload_size + 256)
        order = _Order(line, (host, 0), answers, request.payload_size, [])
        try:
            if not self._send(order):
                await self._send_later(order, end_s)
            if request.echoes > 1:
                await self._send_others(order, request, end_s)
            if request.wait_s:
                end_s = min(end_s, self._loop.time() + request.wait_s)
            if answers.open > 0 and self._loop.time() < end_s:
                waiter = answers.waiter = self._loop.create_future()
                self._end(waiter, end_s)
                await waiter
        finally:
            for sequence in order.sequences:
                line.waiting.pop(sequence, None)
        if answers.open > 0:
            line.dropped = wire.dropped()
            answers.overflowed = line.dropped != dropped
        return answers

    def close(self) -> None:
        """Close the sockets; whoever waits hears nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _, _, waiter in self._ends:
            if not waiter.done():
                waiter.set_result(None)
        self._ends.clear()
        for line in self._lines.values():
            self._loop.remove_reader(line.wire.sock)
            line.wire.sock.close()
        self._lines.clear()

    async def _send_others(self, order: _Order, request: Request, end_s: float) -> None:
        """The echoes behind the first one."""
        spacing_s = min(request.spacing_s, (end_s - self._loop.time()) / 2 / request.echoes)
        for _ in range(request.echoes - 1):
            await asyncio.sleep(spacing_s)
            if not self._send(order):
                await self._send_later(order, end_s)

    async def _send_later(self, order: _Order, end_s: float) -> None:
        """Send an echo as soon as the system has room for it. Raises `OSError` when it has none in time."""
        while True:
            if self._loop.time() + _RETRY_S >= end_s:
                raise OSError(errno.ENOBUFS, "no room to send an echo")
            await asyncio.sleep(_RETRY_S)
            if self._send(order):
                return

    def _send(self, order: _Order) -> bool:
        """One echo; false if the system has no room for it now."""
        line, address, answers, size, sequences = order
        sequence = self._sequence(line)
        payload = self._payload(size)
        packet = encode(Echo(line.wire.request, line.wire.identifier, sequence, payload))
        line.waiting[sequence] = _Sent(answers, payload, self._loop.time(), time.time_ns())
        try:
            self._transmit(line, packet, address)
        except OSError as error:
            del line.waiting[sequence]
            if error.errno in _LATER:
                return False
            raise
        sequences.append(sequence)
        answers.open += 1
        answers.sent += 1
        self.stats.sent += 1
        line.unread += 1
        if line.unread >= _UNREAD:
            self._read(line)
        return True

    def _transmit(self, line: _Line, packet: bytes, address: tuple[str, int]) -> None:
        try:
            line.wire.sock.sendto(packet, address)
        except OSError as error:
            if not line.wire.kernel_identifies or error.errno in _LATER:
                raise
            # A ping socket tells an error of an earlier echo to whoever comes next: look at that one, and send again.
            self._hear_refusals(line)
            line.wire.sock.sendto(packet, address)

    def _sequence(self, line: _Line) -> int:
        waiting = line.waiting
        if len(waiting) >= _IN_FLIGHT:
            raise OSError(errno.ENOBUFS, "too many echoes under way")
        sequence = (line.sequence + 1) & 0xFFFF
        while sequence in waiting:
            sequence = (sequence + 1) & 0xFFFF
        line.sequence = sequence
        return sequence

    def _payload(self, size: int) -> bytes:
        if self._taken + _SECRET > len(self._pool):
            self._pool, self._taken = os.urandom(_POOL), 0
        first, self._taken = self._taken, self._taken + _SECRET
        return self._pool[first : first + min(size, _SECRET)].ljust(size, b"\0")

    def _line(self, v6: bool, options: Options) -> _Line:
        line = self._lines.get((v6, options))
        if line is None:
            if sys.platform == "win32":  # its event loop does not watch raw sockets, and there are no ping sockets
                raise OSError(errno.EPERM, "no ICMP sockets on this system")
            line = _Line(Wire(socket.AF_INET6 if v6 else socket.AF_INET, options))
            self._lines[v6, options] = line
            self._loop.add_reader(line.wire.sock, self._read, line)
        return line

    def _read(self, line: _Line) -> None:
        line.unread = 0
        wire = line.wire
        for _ in range(_AT_ONCE):
            try:
                heard = wire.receive()
            except BlockingIOError:
                break
            except OSError:
                continue  # an error of some echo, which is among the refusals
            echo = decode(heard.data, with_ip_header=wire.with_ip_header, checked=False)
            if echo is None:
                self._hear_complaint(line, heard)
            elif echo.type == wire.reply and (wire.kernel_identifies or echo.identifier == wire.identifier):
                self._hear(line, heard, echo)
        if wire.kernel_identifies:
            self._hear_refusals(line)

    def _hear(self, line: _Line, heard: Heard, echo: Echo) -> None:
        """A reply that has our identifier. The whole payload is compared: addresses may be forged."""
        sent, stats = line.waiting.get(echo.sequence), self.stats
        if sent is None:
            stats.late += 1
            return
        answers = sent.answers
        if echo.payload != sent.payload or (heard.sender != answers.address and _canonical(heard.sender) != answers.address):
            stats.strange += 1
            return
        if sent.is_settled:
            stats.duplicates += 1
            answers.duplicates += 1
            return
        sent.is_settled = True
        stats.replies += 1
        took_s = self._loop.time() - sent.at_s
        if heard.at_ns:
            # When the kernel had it, not when a busy loop came to look; unless the wall clock was set meanwhile.
            stamped_s = (heard.at_ns - sent.at_ns) / 1e9
            took_s = stamped_s if 0 <= stamped_s <= took_s else took_s
        answers.round_trips.append(took_s)
        answers.hop_limit = heard.hop_limit
        answers.settle()

    def _hear_complaint(self, line: _Line, heard: Heard) -> None:
        """An ICMP error on a raw socket; it must be about an echo of ours to the address that was asked."""
        v6 = line.wire.v6
        complaint = decode_complaint_v6(heard.data) if v6 else decode_complaint_v4(heard.data)
        if complaint is not None and complaint.identifier == line.wire.identifier:
            text = meaning(complaint.type, complaint.code, v6=v6)
            self._complained(line, complaint.sequence, complaint.destination, Complaint(heard.sender, text))

    def _hear_refusals(self, line: _Line) -> None:
        for _ in range(_AT_ONCE):
            try:
                refusal = line.wire.refusal()
            except OSError:
                return
            if refusal is None or len(refusal.data) < 8 or refusal.type not in (ERRORS_V6 if line.wire.v6 else ERRORS_V4):
                continue
            text = meaning(refusal.type, refusal.code, v6=line.wire.v6)
            sequence = int.from_bytes(refusal.data[6:8], "big")
            self._complained(line, sequence, refusal.destination, Complaint(refusal.said_by, text))

    def _complained(self, line: _Line, sequence: int, destination: str, complaint: Complaint) -> None:
        sent = line.waiting.get(sequence)
        if sent is None or sent.is_settled or _canonical(destination) != sent.answers.address:
            return
        sent.is_settled = True
        self.stats.complaints += 1
        sent.answers.complaints.append(complaint)
        sent.answers.settle()

    def _end(self, waiter: asyncio.Future[None], end_s: float) -> None:
        """Let a waiter go on at `end_s`. One timer serves all: nearly every echo is answered long before."""
        self._count += 1
        heapq.heappush(self._ends, (end_s, self._count, waiter))
        if self._timer is None or end_s < self._timer_s - _GRAIN_S:
            self._arm(end_s)

    def _arm(self, end_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = end_s
        self._timer = self._loop.call_at(end_s, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        ends, now_s = self._ends, self._loop.time() + _GRAIN_S
        while ends and (ends[0][0] <= now_s or ends[0][2].done()):
            waiter = heapq.heappop(ends)[2]
            if not waiter.done():
                waiter.set_result(None)
        if ends:
            self._arm(ends[0][0])


def _canonical(host: str) -> str:
    """An address as sockets give it, without its zone."""
    if ":" not in host:
        return host
    host = host.partition("%")[0]
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host))
