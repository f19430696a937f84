"""What a device answered, seen by the names of objects: for expressions, ports and clocks. Pure.

Where which object stands is found once for each layout (the OIDs of the answer) and shared by all devices that answer alike;
a poll then only picks values by position.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from agent.packets.ber import BerError, text_of
from agent.snmp.rows import IP_ADDRESS, OBJECT_IDENTIFIER, Rows, Value
from agent.snmp.values import TEXT_CHARS, clean

MAX_TEXT: Final = TEXT_CHARS
SCALAR: Final = b"\x00"
"""Index of a scalar object (RFC 2578 section 7.7)."""
ONE: Final = (b"",)
"""Indexes of what has one row only."""
_NUMBER: Final = re.compile(r"\s*([-+]?[0-9]{1,20}(?:\.[0-9]{1,20})?)(?:\s*%|\s+[A-Za-z°/]{1,8}|°?[CFVAW]|m[VAW]|Hz|dBm)?\s*\Z")

Plain = int | float | str | bool | None
"""What expressions reckon with; None is absent."""


class Sort(enum.Enum):
    """How an object's octets are to be read. Numbers stay numbers whatever is expected."""

    NUMBER = "number"
    """Text is parsed strictly ("23.5", "1 %"); what is no number is absent and counted."""
    TEXT = "text"
    HEX = "hex"
    MAC = "mac"


class Object(msgspec.Struct, frozen=True):
    """An object that a module reads: its OID's octets (of a column without index, of a scalar without `.0`)."""

    name: str
    oid: bytes
    is_column: bool
    sort: Sort = Sort.NUMBER


class Counts:
    """What could not be used in one evaluation."""

    __slots__ = ("implausible", "unparsable")

    def __init__(self) -> None:
        self.implausible = 0
        self.unparsable = 0

    def add(self, other: Counts) -> None:
        """Count what `other` counted."""
        self.implausible += other.implausible
        self.unparsable += other.unparsable


class Layout:
    """Where the objects stand in answers with these OIDs and tags. Do not change what the methods return."""

    __slots__ = ("_columns", "_interned", "_ordinals", "_places", "bindings", "oids", "tags")

    def __init__(self, oids: list[bytes], tags: list[int], prefixes: Prefixes) -> None:
        self.oids = oids
        self.tags = tags
        self._places = prefixes.sort(oids)
        self._columns: dict[bytes, Column] = {}
        self._interned: dict[tuple[bytes, ...], tuple[bytes, ...]] = {ONE: ONE}
        self._ordinals: dict[tuple[bytes, ...], dict[bytes, int]] = {}
        """Where each index stands, once for all columns of a table."""
        self.bindings: dict[object, Any] = {}
        """What others found out about this layout, by whatever they like as key."""

    def is_of(self, rows: Rows) -> bool:
        """Whether these rows have this layout."""
        return rows.oids == self.oids and rows.tags == self.tags

    def column(self, oid: bytes) -> Column:
        """The rows below an OID, in the order of the answer, each index once (the last one counts). No row, no place."""
        found = self._columns.get(oid)
        if found is None:
            size = len(oid)
            by_index = {self.oids[place][size:]: place for place in self._places.pop(oid, ())}
            indexes = tuple(by_index)
            indexes = self._interned.setdefault(indexes, indexes)
            ordinals = self._ordinals.get(indexes)
            if ordinals is None:
                ordinals = self._ordinals[indexes] = {index: place for place, index in enumerate(indexes)}
            found = self._columns[oid] = Column(indexes, compact(tuple(by_index.values())), ordinals)
        return found

    def scalar(self, oid: bytes) -> int:
        """The place of a scalar, -1 if it was not answered."""
        return self.column(oid).place(SCALAR)

    def union(self, oids: Sequence[bytes]) -> tuple[bytes, ...]:
        """All indexes of these columns, in the order of the first."""
        if len(oids) == 1:
            return self.column(oids[0]).indexes
        indexes = tuple(dict.fromkeys(index for oid in oids for index in self.column(oid).indexes))
        return self._interned.setdefault(indexes, indexes)


class Column:
    """Indexes and places of a column's rows."""

    __slots__ = ("_ordinals", "_over", "indexes", "places")

    def __init__(self, indexes: tuple[bytes, ...], places: Sequence[int], ordinals: dict[bytes, int]) -> None:
        self.indexes = indexes
        self.places = places
        self._ordinals = ordinals
        self._over: dict[tuple[bytes, ...], Sequence[int]] = {}

    def place(self, index: bytes) -> int:
        """The place of the row with this index, -1 if there is none."""
        ordinal = self._ordinals.get(index)
        return -1 if ordinal is None else self.places[ordinal]

    def over(self, indexes: tuple[bytes, ...]) -> Sequence[int]:
        """The places of the rows with these indexes, -1 where there is none. `indexes` are a layout's own."""
        if indexes is self.indexes:
            return self.places
        found = self._over.get(indexes)
        if found is None:
            found = self._over[indexes] = self.among(indexes)
        return found

    def among(self, indexes: Sequence[bytes]) -> Sequence[int]:
        """The same for any indexes."""
        return compact(tuple([self.place(index) for index in indexes]))


def compact(places: tuple[int, ...]) -> Sequence[int]:
    """Places as a range where they follow each other, as those of a walked column do."""
    first = places[0] if places else 0
    span = range(first, first + len(places))
    return span if places == tuple(span) else places


class Prefixes:
    """OIDs to be told apart in answers."""

    __slots__ = ("_lengths", "_oids", "key")

    def __init__(self, oids: Sequence[bytes]) -> None:
        self._oids = frozenset(oids)
        self._lengths = sorted({len(oid) for oid in self._oids})
        self.key = self._oids

    def sort(self, oids: list[bytes]) -> dict[bytes, list[int]]:
        """The places of what stands below each of the OIDs. An octet below 128 ends an arc, so octets compare as arcs do."""
        found: dict[bytes, list[int]] = {oid: [] for oid in self._oids}
        lengths, known = self._lengths, self._oids
        for place, oid in enumerate(oids):
            for length in lengths:
                if (prefix := oid[:length]) in known:
                    found[prefix].append(place)
        return found


class Layouts:
    """Layouts that were seen lately; devices of one family share them. At most so many, and so many rows together: a large
    table that is another with each poll must not fill the memory."""

    def __init__(self, oids: Sequence[bytes], most: int = 512, most_rows: int = 300_000) -> None:
        self.prefixes = Prefixes(oids)
        self._most = most
        self._most_rows = most_rows
        self._rows = 0
        self._known: dict[tuple[tuple[bytes, ...], bytes], Layout] = {}

    def of(self, rows: Rows) -> Layout:
        """The layout of these rows, an earlier one if it is equal."""
        key = (tuple(rows.oids), bytes(rows.tags))
        layout = self._known.pop(key, None)
        if layout is None:
            layout = Layout(list(rows.oids), list(rows.tags), self.prefixes)
            self._rows += len(rows.oids)
            while self._known and (len(self._known) >= self._most or self._rows > self._most_rows):
                oldest = next(iter(self._known))
                self._rows -= len(oldest[0])
                del self._known[oldest]
        self._known[key] = layout
        return layout


def plain(value: Value, tag: int, sort: Sort, counts: Counts) -> Plain:
    """A value as expressions see it; octets by their tag and by what the object is said to be."""
    if value is None:
        return None
    if isinstance(value, int | float):
        return value if value.__class__ is int or math.isfinite(value) else None
    data = bytes(value)
    if tag == OBJECT_IDENTIFIER:
        return _dotted(data)
    if tag == IP_ADDRESS:
        return ".".join(map(str, data))
    if sort is Sort.NUMBER:
        return number_of(text(data), counts)
    if sort is Sort.MAC:
        return ":".join(f"{octet:02x}" for octet in data[:20])
    return "0x" + data[: MAX_TEXT // 2].hex().upper() if sort is Sort.HEX else text(data)


def _dotted(oid: bytes) -> str | None:
    try:
        return text_of(oid)
    except BerError:
        return None


def text(data: bytes) -> str:
    """Octets as one line for people: decoded as modules decode them, blanks and line ends as one blank, edges trimmed."""
    return " ".join(clean(data).split())


def number_of(found: str, counts: Counts) -> float | None:
    """A number sent as text, with at most a unit behind it; anything else is absent and counted."""
    match = _NUMBER.match(found)
    if match is None:
        counts.unparsable += 1
        return None
    return float(match[1])
