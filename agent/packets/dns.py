"""DNS messages (RFC 1035): a query out, a response in, its records as text in the form in which rules match on them.

Bytes in, values out. The text is that of zone files, tabs between name, TTL, class, type and data, as blackbox_exporter has it.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from agent.packets.dns_text import CLASSES, RCODES, TYPES, record_text

CLASS_NUMBERS: Final = {name: number for number, name in CLASSES.items()}
RCODE_NUMBERS: Final = {name: number for number, name in RCODES.items()}
TYPE_NUMBERS: Final = {name: number for number, name in TYPES.items()}
TYPE_SOA: Final = 6
MAX_MESSAGE: Final = 65_535
_HEAD: Final = Struct("!HHHHHH")
_FIXED: Final = Struct("!HHIH")
_QUESTION: Final = Struct("!HH")
_RESPONSE: Final = 0x8000
_TRUNCATED: Final = 0x0200
_RECURSION: Final = 0x0100
_MAX_QUESTIONS: Final = 16
_MAX_TEXT: Final = 384 * 1024
"""Characters of all records of a message as text, which no 64 KiB have without names that are folded into each other again and
again; those cost half a second to unfold."""
_MAX_LABEL: Final = 63
_MAX_NAME: Final = 255


class DnsError(ValueError):
    """These bytes are no DNS message."""


class Question(NamedTuple):
    """What is asked. `name` is on the wire: labels with their lengths."""

    name: bytes
    type: int
    klass: int


class Record(NamedTuple):
    """A resource record. `text` is the whole of it."""

    type: int
    klass: int
    ttl: int
    text: str
    data: bytes
    serial: int
    """Of an SOA; else 0."""


class Response(NamedTuple):
    """A response. `rcode` is without the bits of EDNS."""

    identifier: int
    rcode: int
    is_truncated: bool
    questions: tuple[Question, ...]
    answers: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]

    @property
    def rcode_name(self) -> str:
        """The name of the response code, or its number."""
        return RCODES.get(self.rcode, f"RCODE{self.rcode}")


def wire_name(text: str) -> bytes:
    """A domain name on the wire, absolute with or without the last dot; other letters than ASCII as IDNA. Raises
    `ValueError`."""
    name = text.removesuffix(".")
    if not name:
        return b"\0"
    found = bytearray()
    for label in name.split("."):
        try:
            raw = label.encode("ascii") if label.isascii() else label.encode("idna")
        except UnicodeError:
            raise ValueError(f"{label!r} is no label of a domain name") from None
        if not raw or len(raw) > _MAX_LABEL:
            raise ValueError(f"{text!r} is no domain name: labels have 1 to {_MAX_LABEL} bytes")
        found += bytes((len(raw),)) + raw
    if len(found) + 1 > _MAX_NAME:
        raise ValueError(f"{text!r} is no domain name: it has more than {_MAX_NAME} bytes")
    return bytes(found) + b"\0"


def encode_query(identifier: int, question: Question, *, recursion: bool) -> bytes:
    """The bytes of a query."""
    head = _HEAD.pack(identifier, _RECURSION if recursion else 0, 1, 0, 0, 0)
    return head + question.name + _QUESTION.pack(question.type, question.klass)


def decode_response(data: bytes) -> Response:
    """The response in a message. A truncated one has the records that are whole. Raises `DnsError` for anything else."""
    if len(data) < _HEAD.size:
        raise DnsError("shorter than a DNS header")
    identifier, flags, *counts = _HEAD.unpack_from(data)
    if not flags & _RESPONSE:
        raise DnsError("a query where a response was expected")
    is_truncated = bool(flags & _TRUNCATED)
    questions, place = _questions(data, counts[0])
    reading = _Reading(data, place)
    sections: list[tuple[Record, ...]] = []
    for count in counts[1:]:
        records: list[Record] = []
        try:
            reading.read(count, records)
        except DnsError:
            if not is_truncated:
                raise
            reading.place = len(data)
        sections.append(tuple(records))
    return Response(identifier, flags & 15, is_truncated, tuple(questions), *sections)


class _Reading:
    """Where the reading of a message's records stands, and how much text they may still unfold to."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data = data
        self.place = place
        self.room = _MAX_TEXT

    def read(self, count: int, records: list[Record]) -> None:
        """Append so many records, as far as they are whole. Raises `DnsError`."""
        for _ in range(count):
            record, self.place = _record(self.data, self.place)
            records.append(record)
            self.room -= len(record.text)
            if self.room < 0:
                raise DnsError("names that unfold to more than any server means to say")


def _left(room: int, record: Record) -> int:
    left = room - len(record.text)
    if left < 0:
        raise DnsError("names that unfold to more than any server means to say")
    return left


def answers(data: bytes, identifier: int, question: Question) -> bool:
    """Whether a message claims to be the response to a query, by its number and the question that it repeats; one that refuses
    may leave that out. Cheap, for whoever floods us shall not have us read it all; what cannot be read claims it too."""
    if len(data) < _HEAD.size:
        return len(data) > 2 and data[2] >= 0x80 and int.from_bytes(data[:2], "big") == identifier
    number, flags, count, *_ = _HEAD.unpack_from(data)
    if number != identifier or not flags & _RESPONSE:
        return False
    try:
        questions, _ = _questions(data, count)
    except DnsError:
        return True
    return all(same_question(each, question) for each in questions) and (bool(questions) or flags & 15 != 0)


def _questions(data: bytes, count: int) -> tuple[list[Question], int]:
    """The questions of a message, and where they end."""
    if count > _MAX_QUESTIONS:
        raise DnsError("more questions than anybody asks")
    place = _HEAD.size
    questions = []
    for _ in range(count):
        name, place = read_name(data, place)
        questions.append(Question(name, *_take(_QUESTION, data, place)))
        place += _QUESTION.size
    return questions, place


def same_question(left: Question, right: Question) -> bool:
    """Whether two are equal; letters in names may differ in case."""
    return left[1:] == right[1:] and left.name.lower() == right.name.lower()


def read_name(data: bytes, place: int) -> tuple[bytes, int]:
    """The uncompressed name at a place, and where it ends there. A pointer must lead back, so that none leads in a circle.
    Raises `DnsError`."""
    found = bytearray()
    end, lowest = -1, place
    for _ in range(_MAX_NAME):
        if place >= len(data):
            raise DnsError("a name that does not end")
        length = data[place]
        if length >= 0xC0:
            if place + 1 >= len(data):
                raise DnsError("a name that does not end")
            end = place + 2 if end < 0 else end
            place = (length & 0x3F) << 8 | data[place + 1]
            if place >= lowest:
                raise DnsError("a pointer in a name that does not lead back")
            lowest = place
            continue
        if length > _MAX_LABEL:
            raise DnsError("a label of an unknown kind")
        if length == 0:
            return bytes(found) + b"\0", place + 1 if end < 0 else end
        if place + 1 + length > len(data) or len(found) + length + 2 > _MAX_NAME:
            raise DnsError("a name that is too long")
        found += data[place : place + 1 + length]
        place += 1 + length
    raise DnsError("a name that is too long")


def _take(layout: Struct, data: bytes, place: int) -> tuple[int, ...]:
    if place + layout.size > len(data):
        raise DnsError("the message ends too early")
    return layout.unpack_from(data, place)


def _record(data: bytes, place: int) -> tuple[Record, int]:
    owner, place = read_name(data, place)
    kind, klass, ttl, length = _take(_FIXED, data, place)
    place += _FIXED.size
    end = place + length
    if end > len(data):
        raise DnsError("the message ends within a record")
    raw = data[place:end]
    plain, serial = _expanded(kind, data, place, end)
    return Record(kind, klass, ttl, record_text((owner, kind, klass, ttl), plain), raw, serial), end


_NAMES: Final = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 33: (6, 1), 39: (0, 1)}
"""Types with compressible names in their data: how many bytes stand before them, and how many names there are."""


def _expanded(kind: int, data: bytes, place: int, end: int) -> tuple[bytes, int]:
    """The data of a record with its names in full, and the serial number of an SOA."""
    if kind not in _NAMES:
        return data[place:end], 0
    before, count = _NAMES[kind]
    parts = [data[place : place + before]]
    place += before
    for _ in range(count):
        name, place = read_name(data[:end], place)
        parts.append(name)
    rest = data[place:end]
    if place > end or len(rest) != (20 if kind == TYPE_SOA else 0):
        raise DnsError("a record whose length does not fit its type")
    return b"".join(parts) + rest, int.from_bytes(rest[:4], "big") if kind == TYPE_SOA else 0
