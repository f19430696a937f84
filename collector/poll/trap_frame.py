"""The first look at a datagram that says it is a trap: a few microseconds that decide whether the costly look is worth it.

Pure. It walks the BER of a whole message (X.690; RFC 1157, 3416, 3412, 3414) without making a value of any variable, and
never raises anything but `FrameError`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent.packets import ber

V1: Final = 0
V2C: Final = 1
V3: Final = 3
GET: Final = 0xA0
TRAP_V1: Final = 0xA4
INFORM: Final = 0xA6
TRAP_V2: Final = 0xA7

MAX_BYTES: Final = 8192
"""Longest message that is looked at. A trap that Ethernet carries in one piece has at most some 1,470."""
MAX_BINDS: Final = 128
"""Most variables of one notification."""
MIN_ENGINE_ID: Final = 5
MAX_ENGINE_ID: Final = 32
_MAX_DEPTH: Final = 4
_PDUS: Final = {V1: (TRAP_V1,), V2C: (TRAP_V2, INFORM), V3: (TRAP_V2, INFORM, GET)}
_OCTETS, _OID, _SEQUENCE, _ADDRESS, _TICKS = 0x04, 0x06, 0x30, 0x40, 0x43
_USM: Final = 3


class FrameError(ValueError):
    """The datagram is no notification; the text says where it stopped being one and holds nothing of its content."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What stands outside of the variables. `pdu` is the tag of the PDU, 0 when it is encrypted."""

    version: int
    pdu: int = 0
    community: bytes = b""
    engine_id: bytes = b""
    boots: int = 0
    time_s: int = 0
    user: bytes = b""
    level: int = 0
    """0 noAuthNoPriv, 1 authNoPriv, 2 authPriv (RFC 3412 section 6.4)."""
    digest: bytes = b""
    digest_at: int = 0
    """Where the digest begins in the datagram."""

    def __repr__(self) -> str:
        return f"Frame(version={self.version}, pdu={self.pdu:#04x}, level={self.level}, ********)"

    @property
    def is_exchange(self) -> bool:
        """Whether it only asks who we are, which a sender of informs does first (RFC 3414 section 4)."""
        return self.version == V3 and (self.pdu == GET or not self.engine_id)


def look(data: bytes) -> Frame:
    """The frame of a notification, or of the question that comes before an inform. Raises `FrameError`."""
    if len(data) > MAX_BYTES:
        raise FrameError(f"{len(data)} bytes, at most {MAX_BYTES} are read")
    try:
        return _message(data)
    except ber.BerError as error:
        raise FrameError(str(error)) from None


def _message(data: bytes) -> Frame:
    start, end = ber.element(data, 0, len(data), _SEQUENCE)
    version, at = ber.number(data, start, end)
    if version == V3:
        return _v3(data, at, end)
    if version not in _PDUS:
        raise FrameError("a version that is none of 1, 2c and 3")
    start, at = ber.element(data, at, end, _OCTETS)
    return Frame(version=version, community=data[start:at], pdu=_pdu(data, at, end, version))


def _v3(data: bytes, at: int, end: int) -> Frame:
    start, stop = ber.element(data, at, end, _SEQUENCE)
    _, at = ber.number(data, start, stop)
    _, at = ber.number(data, at, stop)
    start, at = ber.element(data, at, stop, _OCTETS)
    flags = data[start] if at - start == 1 else 2
    model, at = ber.number(data, at, stop)
    if at != stop or flags & 3 == 2 or model != _USM:
        raise FrameError("a version 3 header that is not of the user-based security model")
    start, at = ber.element(data, stop, end, _OCTETS)
    fields = _security(data, start, at)
    level = (flags & 1) + (flags >> 1 & 1)
    if level == 2:
        _, at = ber.element(data, at, end, _OCTETS)
        if at != end:
            raise FrameError("bytes behind the encrypted PDU")
        return msgspec.structs.replace(fields, level=level)
    start, stop = ber.element(data, at, end, _SEQUENCE)
    _, at = ber.element(data, start, stop, _OCTETS)
    _, at = ber.element(data, at, stop, _OCTETS)
    pdu = _pdu(data, at, stop, V3)
    return msgspec.structs.replace(fields, level=level, pdu=pdu)


def _security(data: bytes, at: int, end: int) -> Frame:
    start, end = ber.element(data, at, end, _SEQUENCE)
    first, at = ber.element(data, start, end, _OCTETS)
    engine_id = data[first:at]
    boots, at = ber.number(data, at, end)
    time_s, at = ber.number(data, at, end)
    first, at = ber.element(data, at, end, _OCTETS)
    user = data[first:at]
    first, at = ber.element(data, at, end, _OCTETS)
    digest, digest_at = data[first:at], first
    _, at = ber.element(data, at, end, _OCTETS)
    if at != end or len(user) > 32 or not (0 <= boots < 2**31 and 0 <= time_s < 2**31):
        raise FrameError("security parameters out of bounds")
    if engine_id and not MIN_ENGINE_ID <= len(engine_id) <= MAX_ENGINE_ID:
        raise FrameError(f"an engine id of {len(engine_id)} bytes, expected {MIN_ENGINE_ID} to {MAX_ENGINE_ID}")
    if engine_id and engine_id.strip(engine_id[:1]) == b"" and engine_id[0] in (0x00, 0xFF):
        raise FrameError("an engine id of zeros or ones only, which RFC 3411 forbids")
    frame = Frame(version=V3, engine_id=engine_id, boots=boots, time_s=time_s, user=user)
    return msgspec.structs.replace(frame, digest=digest, digest_at=digest_at)


def _pdu(data: bytes, at: int, end: int, version: int) -> int:
    """The tag of the PDU that fills `at` to `end`, which is whole in every length inside it."""
    tag = data[at] if at < end else -1
    if tag not in _PDUS[version]:
        raise FrameError("a PDU that is no notification")
    at, stop = ber.element(data, at, end, tag)
    if stop != end:
        raise FrameError("bytes behind the PDU")
    at = _trap_v1(data, at, stop) if tag == TRAP_V1 else _head(data, at, stop)
    at, stop = ber.element(data, at, stop, _SEQUENCE)
    if stop != end:
        raise FrameError("bytes behind the variables")
    binds = 0
    while at < stop:
        binds += 1
        start, at = ber.element(data, at, stop, _SEQUENCE)
        first, value = ber.element(data, start, at, _OID)
        if not ber.is_oid(data[first:value]) or binds > MAX_BINDS or _skip(data, value, at, 0) != at:
            raise FrameError(f"a variable that is not one name and one value, or more than {MAX_BINDS}")
    return tag


def _head(data: bytes, at: int, end: int) -> int:
    for _ in range(3):
        _, at = ber.number(data, at, end)
    return at


def _trap_v1(data: bytes, at: int, end: int) -> int:
    first, at = ber.element(data, at, end, _OID)
    if not ber.is_oid(data[first:at]):
        raise FrameError("an enterprise that is no OID")
    start, at = ber.element(data, at, end, _ADDRESS)
    if at - start != 4:
        raise FrameError("an agent-addr that is not IPv4")
    generic, at = ber.number(data, at, end)
    specific, at = ber.number(data, at, end)
    if not 0 <= generic <= 6 or not 0 <= specific < 2**31:
        raise FrameError("a generic or specific trap out of bounds")
    start, at = ber.element(data, at, end, _TICKS)
    if at - start > 5:
        raise FrameError("a time stamp of more than 32 bits")
    return at


def _skip(data: bytes, at: int, end: int, depth: int) -> int:
    """Where the element at `at` ends. Constructed ones, which no value of a variable is, are followed a few levels."""
    tag, at, stop = ber.header(data, at, end)
    if not tag & 0x20:
        return stop
    if depth >= _MAX_DEPTH:
        raise FrameError(f"values nested deeper than {_MAX_DEPTH}")
    while at < stop:
        at = _skip(data, at, stop, depth + 1)
    return stop
