"""Readings of devices into blocks that the wire carries: large tables in several, and what it refuses left out, said once.

Devices that say the same share how it is packed, so that ten thousand of a few families cost little memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final
from weakref import WeakValueDictionary

from agent.blocks import packing, split
from agent.model import Block, Column, Family, Readings, Schema
from agent.results import Schemas
from agent.wire import Limits, WireError, check_schema, encode

MOST_BYTES: Final = 400_000
"""Text of a block's labels, of which its schema is little more; the wire takes a megabyte."""
_OVERHEAD: Final = 4
_LIMITS: Final = Limits()
_log = logging.getLogger("haidang.snmp")
Labels = Sequence[tuple[str, ...]]
Numbers = tuple[Sequence[float], ...]


class _Part:
    """Slices of families that make a block. `hash` is that of its schema, empty for a part that the wire refuses."""

    __slots__ = ("_columns", "_pack", "_slices", "hash", "problem")

    def __init__(self) -> None:
        self._columns: list[tuple[Family, Labels]] = []
        self._slices: list[tuple[int, int, int]] | None = []
        """Number of the family, first and last row of each column; None if the part is all there is."""
        self.hash = b""
        self.problem = ""

    def add(self, number: int, rows: tuple[int, int], family: Family, labels: Labels) -> None:
        """Another column: so many rows of a family."""
        assert self._slices is not None  # it is not closed yet
        self._columns.append((family, labels if rows == (0, len(labels)) else labels[rows[0] : rows[1]]))
        self._slices.append((number, *rows))

    def close(self, *, is_all: bool) -> None:
        """There are no more columns. `is_all`: the part has all rows of all families."""
        try:
            self.hash, _ = check_schema(self.encoded, _LIMITS)
        except (WireError, ValueError) as error:
            # Names and labels are the device's: what the wire cannot carry costs this part and nothing else.
            self.problem = str(error)
        self._pack = packing(sum([len(labels) for _, labels in self._columns])).pack
        if is_all:
            self._slices = None

    @property
    def encoded(self) -> bytes:
        """The schema as the wire carries it, made anew: it takes more room than all else, and is asked for once."""
        return encode(Schema(tuple([Column(family, tuple(labels)) for family, labels in self._columns])))

    def block(self, numbers: Numbers) -> Block:
        """The block with these values of all families."""
        if self._slices is not None:
            numbers = tuple([numbers[number][first:last] for number, first, last in self._slices])
        return Block(self.hash, self._pack(*chain.from_iterable(numbers)))


class _Plan(Mapping[bytes, bytes]):
    """How readings with these families and labels are packed; the encoded schemas by hash. Shared, never changed."""

    __slots__ = ("__weakref__", "counts", "families", "hashes", "labels", "parts")

    def __init__(self, families: tuple[Family, ...], labels: tuple[Labels, ...]) -> None:
        self.families = families
        self.labels = labels
        self.counts = tuple(map(len, labels))
        self.parts = _parts(families, labels)
        self.hashes = tuple([part.hash for part in self.parts if part.hash])

    def __getitem__(self, digest: bytes) -> bytes:
        for part in self.parts:
            if part.hash == digest:
                return part.encoded
        raise KeyError(digest)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.hashes)

    def __len__(self) -> int:
        return len(self.hashes)


_plans: WeakValueDictionary[tuple[Any, Any], _Plan] = WeakValueDictionary()


def _plan_of(families: tuple[Family, ...], labels: tuple[Labels, ...]) -> _Plan:
    key = (families, labels)
    found = _plans.get(key)
    if found is None:
        found = _plans[key] = _Plan(families, labels)
    return found


class Packer:
    """The packing of one source of readings, over time. Labels are tuples. While families and labels are those of last time
    nothing but the values is looked at, which costs least while they are the very same objects."""

    __slots__ = ("_plan", "_whose")

    def __init__(self, whose: str) -> None:
        """`whose` readings they are, for the log."""
        self._whose = whose
        self._plan: _Plan | None = None

    def pack(self, readings: Readings, blocks: list[Block], schemas: Schemas) -> None:
        """Append the blocks of these readings, and note where the encoded schema of each is to be had by its hash."""
        self.pack_columns(*split(readings), blocks, schemas)

    def pack_columns(
        self, families: tuple[Family, ...], labels: tuple[Labels, ...], numbers: Numbers, blocks: list[Block], schemas: Schemas
    ) -> None:
        """As `pack`, of readings that are split already."""
        plan = self._plan
        if plan is None or families != plan.families or labels != plan.labels:
            plan = self._plan = _plan_of(families, labels)
            for part in plan.parts:
                if part.problem:
                    _log.warning("%s: %s", self._whose, part.problem)
        if tuple(map(len, numbers)) != plan.counts:
            _log.warning("%s: more or fewer values than labels", self._whose)
            return
        found = [part.block(numbers) for part in plan.parts if part.hash]
        if found:
            blocks += found
            schemas.add(plan)


def _cut(parts: list[_Part], number: int, span: tuple[int, int], family: Family, rows: Labels) -> None:
    """Give the last part these rows of a family, if there are any."""
    if span[1] > span[0]:
        parts[-1].add(number, span, family, rows)


def _parts(families: tuple[Family, ...], labels: tuple[Labels, ...]) -> tuple[_Part, ...]:
    """The parts of all rows, in their order."""
    parts: list[_Part] = []
    size = MOST_BYTES + 1
    for number, (family, rows) in enumerate(zip(families, labels, strict=True)):
        first = 0
        for row, values in enumerate(rows):
            weight = _OVERHEAD + sum([len(value) * 2 for value in values]) if values else _OVERHEAD
            if size + weight > MOST_BYTES:
                _cut(parts, number, (first, row), family, rows)
                parts.append(_Part())
                first, size = row, 0
            size += weight
        _cut(parts, number, (first, len(rows)), family, rows)
    for part in parts:
        part.close(is_all=len(parts) == 1)
    return tuple(parts)
