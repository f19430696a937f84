"""The format of the spool's segment files: a header, then records of length, checksum and body. Bytes only, no files.

A segment is self-contained: a schema is written into it the first time one of its reports uses it. Layout, little-endian:

    header  magic "HDSP", version u8, lane u8, zero u16, first seq u64, covers to u64, CRC-32 of the 24 bytes before
    record  length of body u32, CRC-32 of body u32, body = kind u8, length of boot u8, seq u64, at_ms i64, boot, payload
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from agent import wire
from agent.model import Kind, Lane

REPORT: Final = 1
LOSS: Final = 2
SCHEMA: Final = 3
MARKER: Final = 4
"""A report that is never dropped while room can be made otherwise: start, stop, stall, clock step, blind (SPEC R9.7)."""

HASH_BYTES: Final = 16
"""A schema record's payload starts with the hash of the schema."""
MAX_RECORD_BYTES: Final = 2 * 1024 * 1024
_MAGIC: Final = b"HDSP"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sBBHQQ")
HEADER_BYTES: Final = _HEADER.size + 4
_FRAME: Final = struct.Struct("<II")
_BODY: Final = struct.Struct("<BBQq")
_PREFIX: Final = struct.Struct("<IIBBQq")
_LANES: Final = (Lane.FACTS, Lane.BULK)
_UNPROTECTED: Final = frozenset({Kind.REPORT, Kind.OBS})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One stored record: `payload` is the wire encoding of the `Report` (or `Loss`), `seq` included.

    `kind` is REPORT, LOSS or MARKER; `schemas` are the hashes of the schemas that the report's blocks use.
    """

    lane: Lane
    seq: int
    boot: str
    at_ms: int
    kind: int
    payload: bytes
    schemas: tuple[bytes, ...] = ()

    @property
    def is_loss(self) -> bool:
        """Whether `payload` is a `Loss`."""
        return self.kind == LOSS

    @property
    def is_protected(self) -> bool:
        """Whether overflow spares it."""
        return self.kind != REPORT


class Header(NamedTuple):
    """`first_seq` is the lowest number the segment may hold; a segment that replaced others says up to where it `covers`."""

    lane: Lane
    first_seq: int
    covers: int


class Record(NamedTuple):
    """A record found in a segment's bytes: `data[start:end]` is the payload, the next record starts at `end`."""

    kind: int
    seq: int
    at_ms: int
    boot: bytes
    start: int
    end: int


class _Reference(msgspec.Struct, array_like=True):
    schema: bytes


class _Needs(msgspec.Struct):
    blocks: tuple[_Reference, ...] = ()


class _Uptime(msgspec.Struct):
    uptime_ms: int


_uptime_decoder: Final = msgspec.msgpack.Decoder(_Uptime)
_needs_decoder: Final = msgspec.msgpack.Decoder(_Needs)


def record_kind(kind: Kind) -> int:
    """How a report of this kind is stored."""
    return REPORT if kind in _UNPROTECTED else MARKER


def encode_header(lane: Lane, first_seq: int, covers: int = 0) -> bytes:
    """The bytes at the start of a segment."""
    head = _HEADER.pack(_MAGIC, _VERSION, _LANES.index(lane), 0, first_seq, covers)
    return head + zlib.crc32(head).to_bytes(4, "little")


def decode_header(data: bytes) -> Header | None:
    """The header, or `None` if these bytes are none."""
    head = data[: _HEADER.size]
    if len(data) < HEADER_BYTES or zlib.crc32(head) != int.from_bytes(data[_HEADER.size : HEADER_BYTES], "little"):
        return None
    magic, version, lane, _, first_seq, covers = _HEADER.unpack(head)
    if magic != _MAGIC or version != _VERSION or lane >= len(_LANES):
        return None
    return Header(_LANES[lane], first_seq, covers)


def encode_record(kind: int, seq: int, at_ms: int, boot: bytes, payload: bytes) -> bytes:
    """One record, ready to be appended."""
    body = _BODY.pack(kind, len(boot), seq, at_ms) + boot
    crc = zlib.crc32(payload, zlib.crc32(body))
    return _FRAME.pack(len(body) + len(payload), crc) + body + payload


def records(data: bytes, offset: int = HEADER_BYTES) -> Iterator[Record]:
    """The records from `offset` on, up to the first that is cut short or damaged. The last one's `end` says where that is."""
    size, view = len(data), memoryview(data)
    while offset + _PREFIX.size <= size:
        length, crc, kind, boot_length, seq, at_ms = _PREFIX.unpack_from(data, offset)
        body = offset + _FRAME.size
        end = body + length
        start = body + _BODY.size + boot_length
        if end > size or start > end or zlib.crc32(view[body:end]) != crc:
            return
        yield Record(kind, seq, at_ms, data[body + _BODY.size : start], start, end)
        offset = end


def is_cut_short(data: bytes, offset: int) -> bool:
    """Whether the record at `offset` goes on past the end of `data` (as opposed to being damaged)."""
    if offset + _FRAME.size > len(data):
        return True
    length = int.from_bytes(data[offset : offset + 4], "little")
    return length <= 2 * MAX_RECORD_BYTES and offset + _FRAME.size + length > len(data)


def entry_of(lane: Lane, data: bytes, record: Record) -> Entry:
    """The entry in `record`. What a report needs is read from its payload, so the format says it once."""
    payload = data[record.start : record.end]
    needs: tuple[bytes, ...] = ()
    if record.kind == REPORT:
        needs = tuple(block.schema for block in _needs_decoder.decode(payload).blocks)
    return Entry(lane, record.seq, record.boot.decode(), record.at_ms, record.kind, payload, needs)


def renumbered(entry: Entry, seq: int) -> Entry:
    """The same report or loss under another number. Raises `WireError`."""
    value = wire.decode_loss(entry.payload) if entry.is_loss else wire.decode_report(entry.payload)
    return msgspec.structs.replace(entry, seq=seq, payload=wire.encode(msgspec.structs.replace(value, seq=seq)))


def uptime_ms(data: bytes, record: Record) -> int:
    """When the report or loss in `record` was made, by the uptime of its boot."""
    return _uptime_decoder.decode(data[record.start : record.end]).uptime_ms
