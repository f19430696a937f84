"""Readings -> Block: the layout of a reader is found once and kept while the reader hands out the same objects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from struct import Struct
from typing import Any

from agent.model import Block, Column, Family, Readings, Schema
from agent.wire import Limits, check_schema, encode


class Layout:
    """Layout of one source of readings, over time.

    `block` packs readings; while families and series are the same as last time nothing but the values is looked at, and that
    costs least while they are the very same objects. `hash` and `encoded` are the present schema's, `changes` how often it
    changed.
    """

    __slots__ = ("_counts", "_families", "_limits", "_pack", "_series", "changes", "encoded", "hash")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._families: tuple[Family, ...] = ()
        self._series: tuple[object, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._pack = Struct("")
        self.hash = b""
        self.encoded = b""
        self.changes = 0

    def block(self, readings: Readings) -> Block:
        """The block of these readings. Raises `WireError` (names, labels or sizes the wire refuses) and `ValueError` (a
        family with more or fewer values than series); the layout is then as before."""
        families, series, numbers = split(readings)
        counts = tuple(map(len, numbers))
        # A list may have been changed in place since; its length is checked, and readers promise not to.
        if not self.hash or counts != self._counts or families != self._families or series != self._series:
            self._learn(readings)
        return Block(self.hash, self._pack.pack(*chain.from_iterable(numbers)))

    def _learn(self, readings: Readings) -> None:
        columns = []
        for family, labels, numbers in readings:
            if len(labels) != len(numbers):
                raise ValueError(f"{family.name}: {len(numbers)} values for {len(labels)} series")
            if labels:
                columns.append(Column(family, tuple(labels)))
        encoded = encode(Schema(tuple(columns)))
        digest, _ = check_schema(encoded, self._limits)
        self._families, self._series, values = split(readings)
        self._counts = tuple(map(len, values))
        self._pack = packing(sum(self._counts))
        if digest != self.hash:
            self.hash = digest
            self.encoded = encoded
            self.changes += 1


def split(readings: Readings) -> tuple[tuple[Family, ...], tuple[Any, ...], tuple[Sequence[float], ...]]:
    """Families, labels and values by themselves."""
    if not readings:
        return (), (), ()
    families, series, numbers = zip(*readings, strict=True)
    return families, series, numbers


def packing(count: int) -> Struct:
    """What makes the values of a block out of so many numbers."""
    return Struct(f"<{count}d")
