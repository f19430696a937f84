"""SNMP messages for the counterparts of tests, written on their own so that they do not share a mistake with the program.

It is small and trusts what it reads: the requests come from the program under test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

GET, GETNEXT, RESPONSE, GETBULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA5, 0xA8
INTEGER, STRING, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP, COUNTER32, GAUGE32, TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW = 0x80, 0x81, 0x82

Arcs = tuple[int, ...]
Value = tuple[int, bytes]
"""Tag and content octets."""
Binding = tuple[Arcs, Value]


def tlv(tag: int, content: bytes) -> bytes:
    """Tag, shortest definite length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def number(value: int) -> bytes:
    """Content of an INTEGER."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def integer(value: int, tag: int = INTEGER) -> Value:
    """A number with a tag of choice."""
    return tag, number(value)


def text(value: str | bytes) -> Value:
    """An OCTET STRING."""
    return STRING, value.encode() if isinstance(value, str) else value


def opaque_float(value: float) -> Value:
    """net-snmp's float inside an Opaque."""
    return OPAQUE, b"\x9f\x78\x04" + struct.pack(">f", value)


def arcs(name: str) -> Arcs:
    """`1.3.6` as numbers."""
    return tuple(int(arc) for arc in name.strip(".").split("."))


def oid(name: Arcs) -> bytes:
    """Content of an OBJECT IDENTIFIER."""
    out = bytearray()
    for arc in (name[0] * 40 + name[1], *name[2:]):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        out += bytes(reversed(septets))
    return bytes(out)


def arcs_of(content: bytes) -> Arcs:
    """The numbers of an encoded OBJECT IDENTIFIER."""
    found, arc = [], 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            found.append(arc)
            arc = 0
    first = min(found[0] // 40, 2)
    return (first, found[0] - 40 * first, *found[1:])


def read(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """Tag, content and the place behind it."""
    tag, size, at = data[at], data[at + 1], at + 2
    if size & 0x80:
        octets = size & 0x7F
        size, at = int.from_bytes(data[at : at + octets], "big"), at + octets
    return tag, data[at : at + size], at + size


def parts(content: bytes) -> list[Value]:
    """The elements of a constructed value."""
    found, at = [], 0
    while at < len(content):
        tag, inner, at = read(content, at)
        found.append((tag, inner))
    return found


def signed(content: bytes) -> int:
    """Value of an INTEGER's content."""
    return int.from_bytes(content, "big", signed=True)


class Pdu(NamedTuple):
    """A PDU; `status` and `index` are non-repeaters and max-repetitions in a GETBULK."""

    kind: int
    request_id: int
    status: int
    index: int
    bindings: tuple[Binding, ...]


def pdu_of(content: Value) -> Pdu:
    """The PDU of an element."""
    kind, body = content
    request_id, status, index, listed = parts(body)
    bindings = []
    for _, one in parts(listed[1]):
        name, value = parts(one)
        bindings.append((arcs_of(name[1]), value))
    return Pdu(kind, signed(request_id[1]), signed(status[1]), signed(index[1]), tuple(bindings))


def bindings_bytes(bindings: Iterable[Binding]) -> bytes:
    """A variable-bindings list."""
    return tlv(SEQUENCE, b"".join(tlv(SEQUENCE, tlv(OID, oid(name)) + tlv(*value)) for name, value in bindings))


def pdu_bytes(pdu: Pdu) -> bytes:
    """An encoded PDU."""
    head = b"".join(tlv(INTEGER, number(field)) for field in (pdu.request_id, pdu.status, pdu.index))
    return tlv(pdu.kind, head + bindings_bytes(pdu.bindings))


def message(version: int, community: bytes, pdu: Pdu) -> bytes:
    """A v1 (0) or v2c (1) message."""
    return tlv(SEQUENCE, tlv(INTEGER, number(version)) + tlv(STRING, community) + pdu_bytes(pdu))


def message_of(data: bytes) -> tuple[int, bytes, Pdu]:
    """Version, community and PDU of a v1 or v2c message."""
    version, community, pdu = parts(read(data)[1])
    return signed(version[1]), community[1], pdu_of(pdu)
