"""Readings -> Block: the layout of a reader is found once and kept while the reader hands out the same objects."""

from __future__ import annotations

import sys
from array import array
from typing import Final

from agent.model import Block, Column, Family, Readings, Schema
from agent.wire import Limits, check_schema, encode

_SWAP: Final = sys.byteorder == "big"


class Layout:
    """Layout of one source of readings, over time.

    `block` packs readings; while families and series are the very same objects as last time nothing but the values is
    looked at. `hash` and `encoded` are the present schema's, `changes` how often it changed.
    """

    __slots__ = ("_counts", "_families", "_limits", "_series", "changes", "encoded", "hash")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._families: list[Family] = []
        self._series: list[object] = []
        self._counts: list[int] = []
        self.hash = b""
        self.encoded = b""
        self.changes = 0

    def block(self, readings: Readings) -> Block:
        """The block of these readings. Raises `WireError` (names, labels or sizes the wire refuses) and `ValueError` (a
        family with more or fewer values than series); the layout is then as before."""
        if not self._is_same(readings):
            self._learn(readings)
        values = array("d")
        for _, _, numbers in readings:
            values.extend(numbers)
        if _SWAP:
            values.byteswap()
        return Block(self.hash, values.tobytes())

    def _is_same(self, readings: Readings) -> bool:
        families, series, counts = self._families, self._series, self._counts
        if len(readings) != len(families) or not self.hash:
            return False
        for index, (family, labels, numbers) in enumerate(readings):
            # A list may have been changed in place since; its length is checked, and readers promise not to.
            if family is not families[index] or labels is not series[index] or len(numbers) != counts[index]:
                return False
        return True

    def _learn(self, readings: Readings) -> None:
        columns = []
        for family, labels, numbers in readings:
            if len(labels) != len(numbers):
                raise ValueError(f"{family.name}: {len(numbers)} values for {len(labels)} series")
            if labels:
                columns.append(Column(family, tuple(labels)))
        encoded = encode(Schema(tuple(columns)))
        digest, _ = check_schema(encoded, self._limits)
        self._families = [family for family, _, _ in readings]
        self._series = [labels for _, labels, _ in readings]
        self._counts = [len(numbers) for _, _, numbers in readings]
        if digest != self.hash:
            self.hash = digest
            self.encoded = encoded
            self.changes += 1
