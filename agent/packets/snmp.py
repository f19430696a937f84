"""SNMP messages of v1 and v2c, and the PDU that v3 has inside (RFC 1157, RFC 1901, RFC 3416): requests out, responses in.

For the client in `agent/snmp`. Pure; what cannot be decoded is `BerError` and nothing else. `bindings` is the hottest loop of
a collector that polls thousands of devices: its shape follows measurements.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agent.packets import ber
from agent.packets.ber import BerError
from agent.snmp.rows import COUNTER64, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, OPAQUE, Rows, Value

GET: Final = 0xA0
GET_NEXT: Final = 0xA1
RESPONSE: Final = 0xA2
GET_BULK: Final = 0xA5
REPORT: Final = 0xA8

REQUEST_ID_MIN: Final = 0x01000000
REQUEST_ID_MAX: Final = 0x7FFFFFFF
"""Ids that we give: RFC 3416 has all 32-bit integers, and these have four octets."""


class Status(enum.IntEnum):
    """error-status of a response (RFC 3416 section 3); the first six are also v1's."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    BAD_VALUE = 3
    READ_ONLY = 4
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    RESOURCE_UNAVAILABLE = 13
    COMMIT_FAILED = 14
    UNDO_FAILED = 15
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18


class Pdu(msgspec.Struct, gc=False):
    """Head of a received PDU; its bindings are the octets `at` to `end` of the message, for `bindings`."""

    kind: int
    request_id: int
    status: int
    index: int
    at: int
    end: int


_INTEGERS: Final = frozenset((INTEGER, 0x41, 0x42, 0x43, COUNTER64, 0x47))
_UNSIGNED_64: Final = 0xFFFFFFFFFFFFFFFF
_UNSIGNED_32: Final = 0xFFFFFFFF
_FLOATS: Final = {(b"\x9f\x78\x04", 7): ">f", (b"\x9f\x79\x08", 11): ">d"}


def name_list(oids: Iterable[bytes]) -> bytes:
    """Bindings of a request: each OID with NULL, without the enclosing sequence."""
    return b"".join([_name(oid) for oid in oids])


def _name(oid: bytes) -> bytes:
    size = len(oid)
    if size > 0x7B:
        return ber.tlv(ber.SEQUENCE, ber.tlv(OBJECT_IDENTIFIER, oid) + b"\x05\x00")
    return bytes((ber.SEQUENCE, size + 4, OBJECT_IDENTIFIER, size)) + oid + b"\x05\x00"


def encode_pdu(kind: int, request_id: int, first: int, second: int, names: bytes) -> bytes:
    """A request. `first` and `second` are non-repeaters and max-repetitions of a GETBULK, else 0; `names` is `name_list`."""
    head = ber.integer(request_id) + ber.integer(first) + ber.integer(second)
    return ber.tlv(kind, head + ber.tlv(ber.SEQUENCE, names))


def encode_message(version: int, community: bytes, pdu: bytes) -> bytes:
    """A message of v1 (`version` 0 on the wire) or v2c (1) around `pdu`."""
    return ber.tlv(ber.SEQUENCE, ber.integer(version) + ber.tlv(OCTET_STRING, community) + pdu)


def request_around_id(version: int, community: bytes, kind: int, extra: tuple[int, int], names: bytes) -> tuple[bytes, bytes]:
    """What comes before and after the four octets of the request-id in a v1 or v2c request: a poller asks the same again and
    again, with ids from `REQUEST_ID_MIN` to `REQUEST_ID_MAX`."""
    whole = encode_message(version, community, encode_pdu(kind, REQUEST_ID_MIN, *extra, names))
    tail = ber.integer(extra[0]) + ber.integer(extra[1]) + ber.tlv(ber.SEQUENCE, names)
    return whole[: -4 - len(tail)], tail


def decode_usual(data: bytes) -> tuple[int, bytes, Pdu] | None:
    """Version, community and PDU of a v1 or v2c response as nearly all agents write it; None for any other bytes, which the
    slower functions below then read or refuse."""
    try:
        at, end = _usual_content(data, 0, ber.SEQUENCE)
        pdu_at = at + 5 + data[at + 4]
        if data[at : at + 2] != b"\x02\x01" or data[at + 2] > 1 or data[at + 3] != 4 or end > len(data):
            return None
        head, pdu_end = _usual_content(data, pdu_at, RESPONSE)
        id_end = head + 2 + data[head + 1]
        if data[head] != 2 or not 0 < data[head + 1] < 5 or data[id_end : id_end + 2] != b"\x02\x01" or data[id_end + 2] > 127:
            return None
        if data[id_end + 3 : id_end + 5] != b"\x02\x01" or data[id_end + 5] > 127:
            return None
        start, stop = _usual_content(data, id_end + 6, ber.SEQUENCE)
    except IndexError:
        return None
    if not stop == pdu_end == end or data[at + 4] > 127:
        return None
    request_id = int.from_bytes(data[head + 2 : id_end], "big", signed=True)
    pdu = Pdu(RESPONSE, request_id, data[id_end + 2], data[id_end + 5], start, stop)
    return data[at + 2], data[at + 5 : pdu_at], pdu


def _usual_content(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content begins and ends of an element with this tag and a length of up to three octets; `IndexError` if not."""
    size = data[at + 1]
    if data[at] != tag or size > 0x82 or size == 0x80:
        raise IndexError
    if size < 0x80:
        return at + 2, at + 2 + size
    if size == 0x81:
        return at + 3, at + 3 + data[at + 2]
    return at + 4, at + 4 + (data[at + 2] << 8 | data[at + 3])


def envelope(data: bytes) -> tuple[int, int, int]:
    """Version number on the wire (0 v1, 1 v2c, 3 v3), and where its rest begins and ends. What follows a whole message is left
    alone: some agents pad."""
    start, end = ber.element(data, 0, len(data), ber.SEQUENCE)
    version, at = ber.number(data, start, end)
    return version, at, end


def decode_community(data: bytes, at: int, end: int) -> tuple[bytes, Pdu]:
    """Community and PDU of the rest of a v1 or v2c message."""
    community, at = ber.octets(data, at, end)
    return community, decode_pdu(data, at, end)


def decode_pdu(data: bytes, at: int, end: int) -> Pdu:
    """Head of the PDU at `at`; its bindings are looked at by `bindings`."""
    kind, at, end = ber.header(data, at, end)
    if not 0xA0 <= kind <= 0xA8 or kind == 0xA4:  # a v1 trap has another shape
        raise BerError(f"PDU of type {kind:#04x}")
    request_id, at = ber.number(data, at, end)
    status, at = ber.number(data, at, end)
    index, at = ber.number(data, at, end)
    at, end = ber.element(data, at, end, ber.SEQUENCE)
    return Pdu(kind, request_id, status, index, at, end)


def bindings(data: bytes, at: int, end: int) -> Rows:
    """The variable bindings in octets `at` to `end`, in their order."""
    rows = Rows()
    try:
        at = _bindings(rows, data, at, end)
    except IndexError:
        raise BerError("the bindings reach over the end of the message") from None
    if at != end:
        raise BerError(f"the last binding reaches {at - end} octets over the end of the list")
    if not ber.are_oids(rows.oids):
        raise BerError("a name in the bindings is no OID")
    return rows


def _bindings(rows: Rows, data: bytes, at: int, end: int) -> int:
    """The loop of `bindings`; where it stopped."""
    name, kind, value = rows.oids.append, rows.tags.append, rows.values.append
    from_bytes, integers = int.from_bytes, _INTEGERS
    while at < end:
        # One-octet lengths everywhere are what agents send; all else takes the slow way, which also says what is wrong.
        size = data[at + 1]
        middle = at + 4 + data[at + 3]
        octets = data[middle + 1]
        start = middle + 2
        stop = start + octets
        if stop - size != at + 2 or size > 127 or data[at] != 48 or data[at + 2] != 6:
            at = _binding(rows, data, at, end)
            continue
        tag = data[middle]
        name(data[at + 4 : middle])
        kind(tag)
        if tag in integers:
            if octets == 1 and (lead := data[start]) < 128:
                value(lead)
            elif 1 < octets < 10 and data[start] < 128:
                value(from_bytes(data[start:stop], "big"))
            else:
                value(odd_integer(tag, data[start:stop]))
        elif tag == 4:
            value(data[start:stop])
        else:
            value(_other(tag, data[start:stop]))
        at = stop
    return at


def _binding(rows: Rows, data: bytes, at: int, end: int) -> int:
    """One binding of any legal form; where the next begins."""
    start, stop = ber.element(data, at, end, ber.SEQUENCE)
    begin, middle = ber.element(data, start, stop, OBJECT_IDENTIFIER)
    tag, first, last = ber.header(data, middle, stop)
    if last != stop:
        raise BerError(f"octet {last}: {stop - last} octets after the value of a binding")
    content = data[first:last]
    rows.add(data[begin:middle], tag, odd_integer(tag, content) if tag in _INTEGERS else _other(tag, content))
    return stop


def odd_integer(tag: int, content: bytes) -> int | None:
    """A number whose encoding is not the usual one. Unsigned types without their leading zero octet are read modulo their
    range, as net-snmp does; no octet at all is no value."""
    if len(content) > ber.INTEGER_OCTETS:
        raise BerError(f"an integer of {len(content)} octets")
    if not content:
        return None
    number = int.from_bytes(content, "big", signed=True)
    if number >= 0 or tag == INTEGER:
        return number
    return number & (_UNSIGNED_64 if tag == COUNTER64 else _UNSIGNED_32)


def _other(tag: int, content: bytes) -> Value:
    """A value that is neither an integer nor, in the usual case, an OCTET STRING."""
    if tag == OBJECT_IDENTIFIER:
        if content and not ber.is_oid(content):
            raise BerError(f"the value {content.hex()} is no OID")
        return content
    if tag == OPAQUE:
        return _opaque(content)
    if tag == 0x05 or 0x80 <= tag <= 0x82:
        return None
    if tag & 0x1F == 0x1F:
        raise BerError(f"a value with tag {tag:#04x}")
    return content


def _opaque(content: bytes) -> Value:
    """The number that net-snmp wraps in an Opaque (its NET-SNMP-TC: float, double, 64-bit integers), else the octets."""
    if form := _FLOATS.get((content[:3], len(content))):
        found: float = struct.unpack(form, content[3:])[0]
        return found
    if len(content) < 4 or content[0] != 0x9F or content[1] not in (0x76, 0x7A, 0x7B):
        return content
    size = len(content) - 3
    if content[2] != size or size > ber.INTEGER_OCTETS:
        return content
    number = int.from_bytes(content[3:], "big", signed=True)
    return number if content[1] == 0x7A else number & _UNSIGNED_64


def encode_bindings(rows: Sequence[tuple[bytes, int, bytes]]) -> bytes:
    """Bindings with values: (OID, tag, content octets) of each, without the enclosing sequence."""
    return b"".join([ber.tlv(ber.SEQUENCE, ber.tlv(OBJECT_IDENTIFIER, oid) + ber.tlv(tag, value)) for oid, tag, value in rows])
