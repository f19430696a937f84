"""Readings of a device into blocks that the wire carries: large tables in several, and what it refuses left out, said once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from agent.blocks import Layout
from agent.model import Block, Family, Readings
from agent.wire import WireError

MOST_BYTES: Final = 400_000
"""Text of a block's labels, of which its schema is little more; the wire takes a megabyte."""
_OVERHEAD: Final = 4
_log = logging.getLogger("haidang.snmp")
Labels = Sequence[tuple[str, ...]]


class _Part:
    """Slices of families that make a block."""

    __slots__ = ("is_refused", "layout", "slices")

    def __init__(self) -> None:
        self.layout = Layout()
        self.slices: list[tuple[int, int, int, Family, Labels]] = []
        """Number of the family, first and last row, and family and labels of the slice."""
        self.is_refused = False


class Packer:
    """The packing of one source of readings, over time. While families and labels are the very same objects as last time the
    slices are those of last time, and nothing but the values is looked at."""

    __slots__ = ("_labels", "_parts", "_whose")

    def __init__(self, whose: str) -> None:
        """`whose` readings they are, for the log."""
        self._whose = whose
        self._labels: list[tuple[Family, Labels]] = []
        self._parts: list[_Part] = []

    def pack(self, readings: Readings, blocks: list[Block], schemas: dict[bytes, bytes]) -> None:
        """Append the blocks of these readings, and note the encoded schema of each by its hash."""
        if not self._is_same(readings):
            self._learn(readings)
        for part in self._parts:
            if part.is_refused:
                continue
            try:
                block = part.layout.block(_sliced(part, readings))
            except (WireError, ValueError) as error:
                # Names and labels are the device's: what the wire cannot carry costs this part and nothing else.
                part.is_refused = True
                _log.warning("%s: %s", self._whose, error)
                continue
            if block.values:
                blocks.append(block)
                schemas[part.layout.hash] = part.layout.encoded

    def _is_same(self, readings: Readings) -> bool:
        known = self._labels
        return len(readings) == len(known) and all(
            family is before and labels is old for (family, labels, _), (before, old) in zip(readings, known, strict=True)
        )

    def _learn(self, readings: Readings) -> None:
        before, self._parts = self._parts, []
        size = MOST_BYTES + 1
        for number, (family, labels, _) in enumerate(readings):
            first = 0
            for row, values in enumerate(labels):
                weight = _OVERHEAD + sum([len(value) * 2 for value in values]) if values else _OVERHEAD
                if size + weight > MOST_BYTES:
                    self._cut(number, first, row, family, labels)
                    self._parts.append(before[len(self._parts)] if len(self._parts) < len(before) else _Part())
                    self._parts[-1].slices, self._parts[-1].is_refused = [], False
                    first, size = row, 0
                size += weight
            self._cut(number, first, len(labels), family, labels)
        self._labels = [(family, labels) for family, labels, _ in readings]

    def _cut(self, number: int, first: int, last: int, family: Family, labels: Labels) -> None:
        if last > first:
            whole = first == 0 and last == len(labels)
            self._parts[-1].slices.append((number, first, last, family, labels if whole else labels[first:last]))


def _sliced(part: _Part, readings: Readings) -> list[tuple[Family, Labels, Sequence[float]]]:
    made: list[tuple[Family, Labels, Any]] = []
    for number, first, last, family, labels in part.slices:
        numbers = readings[number][2]
        made.append((family, labels, numbers if last - first == len(numbers) else numbers[first:last]))
    return made
