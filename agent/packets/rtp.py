"""Packets that measure a path between an agent and a reflector: RTP (RFC 3550) around a stamp of ours and a tag.

Only who knows the key can make one or change one. A question and its answer are equally long, so nothing is amplified.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from enum import IntEnum
from typing import Final

import msgspec

HEADER: Final = 12
_STAMP: Final = struct.Struct("!4sB3x8s8sQQIIIIIII")
_RTP: Final = struct.Struct("!BBHII")
TAG: Final = 16
MIN_PAYLOAD: Final = _STAMP.size + TAG
MAX_PAYLOAD: Final = 1_400
MAX_PACKETS: Final = 10_000
"""Packets of one stream; higher numbers are nobody's."""
MIN_KEY: Final = 16
"""Bytes of a key."""
COOKIE: Final = 8
STREAM: Final = 8
_MAGIC: Final = b"HDr1"
_VERSION: Final = 0x80
_MAX_32: Final = 0xFFFF_FFFF


class Type(IntEnum):
    """What a packet says. Even ones are the reflector's, and each answers the one before it."""

    HELLO = 1
    WELCOME = 2
    QUESTION = 3
    ANSWER = 4
    BYE = 5
    REPORT = 6


class Packet(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One packet. Times are nanoseconds of the clock of whom the name says, of any beginning; fields below `cookie` are the
    reflector's, 0 in a question."""

    type: Type
    stream: bytes
    number: int = 0
    """Of a question, which its answer repeats."""
    sent_ns: int = 0
    """Asker's, which the answer repeats."""
    cookie: bytes = bytes(COOKIE)
    """What the reflector's welcome gave for this stream and this sender, which proves that the sender hears answers."""
    received_ns: int = 0
    held_ns: int = 0
    """Between receiving a question and sending its answer."""
    answer: int = 0
    """Answer's own number, from 0; in a report how many answers there were."""
    distinct: int = 0
    """Questions of the stream that came so far, each counted once."""
    duplicates: int = 0
    reordered: int = 0
    jitter_ns: int = 0


def key_of(text: str) -> bytes:
    """A key from hexadecimal digits, else from base64. Raises `ValueError`, without the text."""
    packed = "".join(text.split())
    try:
        key = bytes.fromhex(packed)
    except ValueError:
        try:
            key = base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("neither hexadecimal digits nor base64") from None
    if len(key) < MIN_KEY:
        raise ValueError(f"shorter than {MIN_KEY} bytes")
    return key


def encode(packet: Packet, key: bytes, size: int, *, timestamp: int = 0, payload_type: int = 0) -> bytes:
    """The datagram, its RTP payload `size` bytes long. `timestamp` is RTP's, in samples."""
    if not MIN_PAYLOAD <= size <= MAX_PAYLOAD:
        raise ValueError(f"payload of {size} bytes")
    sequence = packet.answer if packet.type is Type.ANSWER else packet.number
    ssrc = int.from_bytes(packet.stream[:4], "big")
    head = _RTP.pack(_VERSION, payload_type & 0x7F, sequence & 0xFFFF, timestamp & _MAX_32, ssrc)
    stamp = _STAMP.pack(
        _MAGIC, packet.type, packet.stream, packet.cookie, packet.sent_ns, packet.received_ns, packet.number, packet.answer,
        packet.distinct, packet.duplicates, packet.reordered, min(packet.held_ns, _MAX_32), min(packet.jitter_ns, _MAX_32),
    )  # fmt: skip
    body = head + stamp + bytes(size - MIN_PAYLOAD)
    return body + _tag(body, key)


def decode(data: bytes, key: bytes) -> Packet | None:
    """The packet in a datagram, None for anything else: foreign, damaged, or made without the key."""
    if (
        not HEADER + MIN_PAYLOAD <= len(data) <= HEADER + MAX_PAYLOAD
        or data[0] != _VERSION
        or data[HEADER : HEADER + 4] != _MAGIC
    ):
        return None
    if not hmac.compare_digest(data[-TAG:], _tag(data[:-TAG], key)):
        return None
    (
        _, kind, stream, cookie, sent_ns, received_ns, number, answer, distinct, duplicates, reordered, held_ns, jitter_ns,
    ) = _STAMP.unpack_from(data, HEADER)  # fmt: skip
    if not Type.HELLO <= kind <= Type.REPORT or number >= MAX_PACKETS:
        return None
    return Packet(
        type=Type(kind), stream=stream, cookie=cookie, sent_ns=sent_ns, received_ns=received_ns, number=number, answer=answer,
        distinct=distinct, duplicates=duplicates, reordered=reordered, held_ns=held_ns, jitter_ns=jitter_ns,
    )  # fmt: skip


def _tag(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:TAG]


class Arrivals:
    """Packets of one direction as they come in: how many, which twice, which late, and their jitter (RFC 3550 A.8)."""

    __slots__ = ("_highest", "_seen", "_transit_ns", "distinct", "duplicates", "jitter_ns", "reordered")

    def __init__(self) -> None:
        self._seen = 0
        self._highest = -1
        self._transit_ns: int | None = None
        self.distinct = 0
        self.duplicates = 0
        self.reordered = 0
        """Packets that came after one with a higher number (RFC 4737 3.3)."""
        self.jitter_ns = 0.0

    def add(self, number: int, sent_ns: int, received_ns: int) -> bool:
        """Count a packet; whether it is the first of its number. The clocks may differ, but not their speeds."""
        bit = 1 << number
        if self._seen & bit:
            self.duplicates += 1
            return False
        self._seen |= bit
        self.distinct += 1
        self.reordered += number < self._highest
        self._highest = max(self._highest, number)
        transit_ns = received_ns - sent_ns
        if self._transit_ns is not None:
            self.jitter_ns += (abs(transit_ns - self._transit_ns) - self.jitter_ns) / 16.0
        self._transit_ns = transit_ns
        return True

    def has(self, number: int) -> bool:
        """Whether a packet of that number came."""
        return bool(self._seen >> number & 1)
