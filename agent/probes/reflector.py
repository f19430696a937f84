"""Answers the `rtp` probes of other agents, so that a path is measured in both directions.

It answers only who knows the key, never with more than was asked, and keeps silent about everything else: whoever sends to it
without the key cannot tell that it is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import msgspec

from agent.packets.rtp import COOKIE, HEADER, MAX_PAYLOAD, Arrivals, Packet, Type, decode, encode
from agent.probes import datagrams

PORT: Final = 8603
_BATCH: Final = 64
"""Datagrams read at one wake-up, so that a flood leaves the loop its breath."""
_IDLE_NS: Final = 30_000_000_000
"""After this silence a stream is forgotten."""
_SECOND_NS: Final = 1_000_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a reflector lets itself be asked for. What is beyond is not answered, which its asker sees as loss."""

    source_per_second: int = 500
    """Answers to one address; a stream of a probe has 50 a second if nothing else is set."""
    total_per_second: int = 5_000
    streams: int = 1_000
    sources: int = 1_000


class Counters(msgspec.Struct):
    """What happened since the start."""

    answered: int = 0
    foreign: int = 0
    """Datagrams without the right key or cookie, or that are no packets of ours."""
    limited: int = 0
    """Right ones that were beyond the limits."""
    unsent: int = 0
    """Answers that the system did not take."""


class _Bucket:
    """So many a second, at most one second's worth at once."""

    __slots__ = ("at_ns", "level", "rate")

    def __init__(self, rate: int, now_ns: int) -> None:
        self.rate, self.level, self.at_ns = rate, float(rate), now_ns

    def takes(self, now_ns: int) -> bool:
        self.level = min(float(self.rate), self.level + (now_ns - self.at_ns) / _SECOND_NS * self.rate)
        self.at_ns = now_ns
        if self.level < 1.0:
            return False
        self.level -= 1.0
        return True


class _Stream:
    """What came of one stream; `at_ns` is when last."""

    __slots__ = ("answers", "arrivals", "at_ns")

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.answers = 0
        self.at_ns = 0


class Reflector:
    """A datagram server of the running loop. `start`, then `stop`; it may be started again."""

    def __init__(
        self,
        listen: tuple[str, int],
        key: bytes,
        limits: Limits | None = None,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`listen`: address and port; `::` takes IPv4 too; port 0: any. `clock_ns` is what limits go by."""
        self.listen, self.counters = listen, Counters()
        self._key, self._limits, self._clock_ns = key, limits or Limits(), clock_ns
        self._secret = os.urandom(32)
        self._sock: socket.socket | None = None
        self._streams: OrderedDict[tuple[Any, bytes], _Stream] = OrderedDict()
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()
        self._total = _Bucket(self._limits.total_per_second, clock_ns())

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens. Raises `RuntimeError` while it does not."""
        if self._sock is None:
            raise RuntimeError("not started")
        name = self._sock.getsockname()
        return str(name[0]), int(name[1])

    @property
    def held(self) -> int:
        """Streams and sources that are remembered; bounded by the limits."""
        return len(self._streams) + len(self._sources)

    async def start(self) -> None:
        """Listen. Raises `OSError` for an address that is taken or not ours."""
        family = socket.AF_INET6 if ":" in self.listen[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            datagrams.prepare(sock)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(self.listen)
            asyncio.get_running_loop().add_reader(sock, self._read, sock)
        except BaseException:
            sock.close()
            raise
        self._sock = sock

    async def stop(self) -> None:
        """Stop listening and forget all streams."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None
        self._streams.clear()
        self._sources.clear()

    def _read(self, sock: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                question = datagrams.receive(sock, HEADER + MAX_PAYLOAD + 1)
            except OSError:
                return
            reply = self._reply(question)
            if reply is None:
                continue
            try:
                datagrams.answer(sock, reply, question)
                self.counters.answered += 1
            except OSError:
                self.counters.unsent += 1

    def _reply(self, question: datagrams.Datagram) -> bytes | None:
        packet = decode(question.data, self._key)
        if packet is None or not packet.type & 1:
            self.counters.foreign += 1
            return None
        cookie = self._cookie(question.sender, packet.stream)
        is_hello = packet.type is Type.HELLO
        if not is_hello and not hmac.compare_digest(cookie, packet.cookie):
            self.counters.foreign += 1
            return None
        now_ns = self._clock_ns()
        stream = None if is_hello else self._stream((question.sender, packet.stream), now_ns)
        if (stream is None and not is_hello) or not self._may(question.sender[0], now_ns):
            self.counters.limited += 1
            return None
        reply = self._answer(packet, stream, question.received_ns)
        size = len(question.data) - HEADER
        return encode(msgspec.structs.replace(reply, cookie=cookie), self._key, size, payload_type=question.data[1] & 0x7F)

    def _answer(self, packet: Packet, stream: _Stream | None, received_ns: int) -> Packet:
        kind = Type(packet.type + 1)
        if stream is None:
            return Packet(type=kind, stream=packet.stream, number=packet.number, sent_ns=packet.sent_ns)
        if packet.type is Type.QUESTION:
            stream.arrivals.add(packet.number, packet.sent_ns, received_ns)
            stream.answers += 1
        seen = stream.arrivals
        return Packet(
            type=kind,
            stream=packet.stream,
            number=packet.number,
            sent_ns=packet.sent_ns,
            received_ns=received_ns,
            held_ns=max(0, time.monotonic_ns() - received_ns),
            answer=stream.answers - 1 if kind is Type.ANSWER else stream.answers,
            distinct=seen.distinct,
            duplicates=seen.duplicates,
            reordered=seen.reordered,
            jitter_ns=int(seen.jitter_ns),
        )

    def _stream(self, key: tuple[Any, bytes], now_ns: int) -> _Stream | None:
        """The stream, made where it is new; None where there is no room."""
        while self._streams and now_ns - next(iter(self._streams.values())).at_ns > _IDLE_NS:
            self._streams.popitem(last=False)
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= self._limits.streams:
                return None
            stream = self._streams[key] = _Stream()
        stream.at_ns = now_ns
        self._streams.move_to_end(key)
        return stream

    def _may(self, source: str, now_ns: int) -> bool:
        """Whether one more answer to that address is within the limits."""
        bucket = self._sources.get(source)
        if bucket is None:
            while len(self._sources) >= self._limits.sources:
                if now_ns - next(iter(self._sources.values())).at_ns < _SECOND_NS:
                    return False
                self._sources.popitem(last=False)
            bucket = self._sources[source] = _Bucket(self._limits.source_per_second, now_ns)
        self._sources.move_to_end(source)
        return bucket.takes(now_ns) and self._total.takes(now_ns)

    def _cookie(self, sender: Any, stream: bytes) -> bytes:
        """Proof that a sender at that address hears our answers: only then it may open a stream."""
        named = f"{sender[0]}\n{sender[1]}\n".encode() + stream
        return hmac.digest(self._secret, named, hashlib.sha256)[:COOKIE]
