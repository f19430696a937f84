"""Newest values of a few families over the whole fleet, found by the shapes that have them: free where nobody has any."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import msgspec

from collector.core.evidence import Evidence
from collector.core.fleet import Fleet, Live
from collector.core.schemas import Entry

_double = struct.Struct("<d").unpack_from
Labels = tuple[str, ...]
"""Label values of a series, in the order of its family's labels."""


class Reading(msgspec.Struct, frozen=True):
    """One value of one module of one target, not older than it holds."""

    target: str
    module: str
    labels: Labels
    value: float
    evidence: Evidence


class Figures:
    """See the module. Positions of values are worked out once a schema."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._places: dict[tuple[bytes, str], tuple[tuple[Labels, int], ...]] = {}
        self._releases = fleet.book.releases

    def read(self, family: str, now_ms: int) -> Iterator[Reading]:
        """Every value of the family that holds now, in no order."""
        book = self._fleet.book
        if self._releases != book.releases:
            self._releases = book.releases
            self._places = {key: known for key, known in self._places.items() if book.known(key[0])}
        for shape in book.shapes():
            if family not in shape.names:
                continue
            for live, positions in shape.users.items():
                if live.expires_ms >= now_ms and live.evidence is not None:
                    yield from self._of(live, positions, family)

    def _of(self, live: Live, positions: Iterable[int], family: str) -> Iterator[Reading]:
        evidence = live.evidence
        for position in positions:
            entry, data = live.entries[position], live.values[position]
            if entry is None or evidence is None or len(data) != entry.size * 8:
                continue
            for labels, offset in self._places_of(entry, family):
                yield Reading(live.target.info.id, evidence.module, labels, _double(data, offset)[0], evidence)

    def _places_of(self, entry: Entry, family: str) -> tuple[tuple[Labels, int], ...]:
        key = (entry.digest, family)
        known = self._places.get(key)
        if known is None:
            found: list[tuple[Labels, int]] = []
            index = 0
            for column in entry.unpack().columns:
                if column.family.name == family:
                    found += [(row, (index + i) * 8) for i, row in enumerate(column.series)]
                index += len(column.series)
            known = self._places[key] = tuple(found)
        return known
