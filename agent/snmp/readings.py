"""Answers -> vendor-neutral readings in base units, as a profile derives them. Pure; a value that was not read, is a sentinel
or is implausible gives no row, never 0.

What has not changed since the last poll is not computed again, and labels are the same objects while they are equal, so that
`agent.blocks` knows the layout without looking at it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.model import Family
from agent.packets.ber import BerError, tail_of
from agent.snmp.answers import MAX_TEXT, ONE, Counts, Layout, Object, Plain, Sort, plain
from agent.snmp.expression import Expression
from agent.snmp.functions import to_text
from agent.snmp.nodes import Cells
from agent.snmp.rows import Value
from agent.snmp.vocabulary import UNKNOWN, Kind, Reading

Labels = tuple[tuple[str, ...], ...]
_NUMERIC: Final[frozenset[Any]] = frozenset({int, float})
_MOST: Final = 10**100
_MOST_SHARED: Final = 50_000
_shared: dict[Labels, Labels] = {}
"""Label sets of all devices: thousands of one family have equal ones."""


class Source(msgspec.Struct, frozen=True):
    """One way to get rows of a reading. `labels` has an expression or None for each label of the reading."""

    value: Expression
    where: Expression | None
    labels: tuple[Expression | None, ...]
    unless: frozenset[Plain]
    states: Mapping[Plain, str]
    low: float
    high: float
    rescale: float
    is_core: bool
    """Whether the objects asked with every poll are all that it needs."""


class Derivation(msgspec.Struct, frozen=True):
    """A reading of a profile: the rows of all `entries`, of each entry by the first of its sources that gives any."""

    reading: Reading
    entries: tuple[tuple[Source, ...], ...]
    number: int
    """Its place in the profile."""

    @property
    def is_core(self) -> bool:
        """Whether each entry has a source that the objects asked with every poll are enough for."""
        return all(any(source.is_core for source in entry) for entry in self.entries)


class Table:
    """The rows of one reading: for each its labels and its value, a number or the name of a state. Do not change."""

    __slots__ = ("is_core", "labels", "numbers", "quiet", "read_s", "reading", "series", "values")

    def __init__(self, reading: Reading, labels: Labels, values: list[Any], last: Table | None = None) -> None:
        self.reading = reading
        self.values = values
        self.is_core = False
        self.read_s = 0.0
        """When it was read last."""
        self.quiet = 0
        """For whoever judges: a bit for each rule that none of these rows can break."""
        is_same = last is not None and last.labels == labels
        self.labels: Labels = last.labels if last is not None and is_same else shared(labels)
        self.series: Labels = self.labels
        if last is not None and is_same:
            self.series = last.series
        elif reading.kind is Kind.STATE:
            self.series = shared(tuple([(*row, state) for row in labels for state in reading.states]))
        self.numbers: list[float] = values if reading.kind is not Kind.STATE else _state_set(reading, values)

    @property
    def family(self) -> Family:
        """The family of its series."""
        return self.reading.family


def shared(labels: Labels) -> Labels:
    """The same labels as an object that all devices with equal ones share."""
    if len(_shared) > _MOST_SHARED:
        _shared.clear()
    return _shared.setdefault(labels, labels)


def _state_set(reading: Reading, values: list[Any]) -> list[float]:
    states = reading.states
    return [1.0 if value == state else 0.0 for value in values for state in states]


Pick = Callable[[list[Value]], Any]


def _picker(places: Sequence[int]) -> Pick:
    """Picks the values at these places, to be compared with those of the next poll."""
    if not places:
        return lambda values: None
    return operator.itemgetter(*places)


class Binding:
    """Where a derivation's objects stand in one layout."""

    __slots__ = ("indexes", "is_empty", "pick", "pick_labels")

    def __init__(self, derivation: Derivation, layout: Layout, objects: Mapping[str, Object]) -> None:
        places: dict[int, None] = {}
        label_places: dict[int, None] = {}
        self.indexes: dict[int, tuple[bytes, ...]] = {}
        """Indexes of a source's rows, by the identity of the source."""
        for source in (source for entry in derivation.entries for source in entry):
            columns = [objects[name].oid for name in source.value.columns]
            self.indexes[id(source)] = layout.union(columns) if columns else ONE
            for expression in (source.value, source.where):
                _note_places(places, expression, layout, objects)
            for expression in source.labels:
                _note_places(label_places, expression, layout, objects)
        self.pick = _picker(tuple(places))
        self.pick_labels = _picker(tuple(label_places))
        sources = (source for entry in derivation.entries for source in entry)
        self.is_empty = not places and all(source.value.objects for source in sources)
        """None of the values that it needs is there."""


def _note_places(places: dict[int, None], expression: Expression | None, layout: Layout, objects: Mapping[str, Object]) -> None:
    for name in expression.objects if expression is not None else ():
        found = objects[name]
        if found.is_column:
            places.update(dict.fromkeys(layout.column(found.oid).places))
        elif (place := layout.scalar(found.oid)) >= 0:
            places[place] = None


Bound = tuple[Derivation, Binding]


def bind(derivations: Sequence[Derivation], layout: Layout, objects: Mapping[str, Object]) -> list[Bound]:
    """Those derivations that have something in this layout; found once for each."""
    found: list[Bound] | None = layout.bindings.get(bind)
    if found is None:
        every = [(derivation, Binding(derivation, layout, objects)) for derivation in derivations]
        found = layout.bindings[bind] = [each for each in every if not each[1].is_empty]
    return found


class Keeper:
    """One derivation over one device's polls: what it found last, and from what."""

    __slots__ = ("_binding", "_label_raw", "_label_rows", "_raw", "counts", "table")

    def __init__(self) -> None:
        self._binding: Binding | None = None
        self._raw: Any = None
        self._label_raw: Any = None
        self._label_rows: list[tuple[int, list[tuple[str, ...]]]] = []
        """Labels of the rows of sources that counted, by the identity of the source."""
        self.table: Table | None = None
        self.counts: Counts | None = None
        """What could not be used of the last answer, if anything."""

    def derive(
        self, bound: Bound, layout: Layout, values: list[Value], objects: Mapping[str, Object], *, core: bool
    ) -> Table | None:
        """The rows; None when there is none. `core`: only the objects asked with every poll are in the answer."""
        derivation, binding = bound
        raw, label_raw = binding.pick(values), binding.pick_labels(values)
        if binding is self._binding and raw == self._raw and label_raw == self._label_raw:
            return self.table
        if binding is not self._binding or label_raw != self._label_raw:
            self._label_rows = []
        self._binding, self._raw, self._label_raw = binding, raw, label_raw
        self.table = self._compute(derivation, Frame(layout, values, objects), core)
        return self.table

    def _compute(self, derivation: Derivation, frame: Frame, core: bool) -> Table | None:
        labels: list[tuple[str, ...]] = []
        found: list[Any] = []
        is_core = True
        for source in self._sources(derivation, frame, core):
            is_core = is_core and source.is_core
            rows = next((rows for known, rows in self._label_rows if known == id(source)), None)
            if rows is None:
                rows = label_rows(derivation.reading, source, frame)
                if derivation.reading.labels:
                    self._label_rows.append((id(source), rows))
            for row, value in zip(rows, frame.result, strict=True):
                if value is not None:
                    labels.append(row)
                    found.append(value)
        self.counts = frame.counts if frame.counts.implausible or frame.counts.unparsable else None
        if not found:
            return None
        keep = _told_apart(labels)
        if len(keep) < len(found):
            labels, found = [labels[place] for place in keep], [found[place] for place in keep]
        table = Table(derivation.reading, tuple(labels), found, self.table)
        table.is_core = is_core
        return table

    def _sources(self, derivation: Derivation, frame: Frame, core: bool) -> Any:
        """The sources that count, with their values as the frame's `result`."""
        for entry in derivation.entries:
            for source in entry:
                if core and not source.is_core:
                    continue
                frame.turn_to(self._binding.indexes[id(source)] if self._binding else ONE)
                frame.result = values_of(derivation.reading, source, frame)
                if any(value is not None for value in frame.result):
                    yield source
                    break


def _told_apart(labels: list[tuple[str, ...]]) -> list[int]:
    """The first place of each label set."""
    return list({row: place for place, row in reversed(list(enumerate(labels)))}.values())[::-1]


class Frame:
    """One table of a device while expressions look at it (`agent.snmp.expression.Frame`)."""

    __slots__ = ("_arcs", "_layout", "_objects", "_values", "counts", "indexes", "result", "unless")

    def __init__(self, layout: Layout, values: list[Value], objects: Mapping[str, Object]) -> None:
        self._layout = layout
        self._values = values
        self._objects = objects
        self._arcs: list[tuple[int, ...]] | None = None
        self.counts = Counts()
        self.indexes: tuple[bytes, ...] = ONE
        self.unless: frozenset[Plain] = frozenset()
        self.result: list[Any] = []

    def turn_to(self, indexes: tuple[bytes, ...]) -> None:
        """Look at the rows with these indexes from now on."""
        self.indexes = indexes
        self._arcs = None

    def cells(self, name: str) -> Cells:
        """An object's values over the rows; a sentinel is absent."""
        found = self._objects[name]
        if not found.is_column:
            return self._plain(self._layout.scalar(found.oid), found)
        places = self._layout.column(found.oid).over(self.indexes)
        values, unless = self._values, self.unless
        raw = [values[place] if place >= 0 else None for place in places]
        if all(value.__class__ in _NUMERIC for value in raw):
            return [None if value in unless else value for value in raw] if unless else raw
        return [self._plain(place, found) for place in places]

    def arc(self, number: int) -> list[Plain]:
        """One arc of each row's index."""
        place = number - 1 if number > 0 else number
        arcs = self._all_arcs()
        return [row[place] if -len(row) <= place < len(row) else None for row in arcs]

    def index_text(self, number: int) -> list[Plain]:
        """The text that begins at this arc of each row's index, with its length before it (RFC 2578 section 7.7)."""
        found: list[Plain] = []
        for row in self._all_arcs():
            size = row[number - 1] if number <= len(row) else -1
            octets = row[number : number + size]
            is_text = size >= 0 and len(octets) == size and all(octet < 256 for octet in octets)
            found.append(plain(bytes(octets), 0, _TEXT.sort, self.counts) if is_text else None)
        return found

    def at(self, name: str, index: bytes) -> Plain:
        """A column's value at another index."""
        found = self._objects[name]
        return self._plain(self._layout.column(found.oid).place(index), found)

    def all(self, name: str) -> list[Plain]:
        """All values of a column."""
        found = self._objects[name]
        return [self._plain(place, found) for place in self._layout.column(found.oid).places]

    def rows(self, name: str) -> tuple[bytes, ...]:
        """The indexes of a column's own rows."""
        return self._layout.column(self._objects[name].oid).indexes

    def index_labels(self) -> list[str]:
        """Each row's index as text."""
        return [".".join(map(str, row)) for row in self._all_arcs()]

    def _all_arcs(self) -> list[tuple[int, ...]]:
        if self._arcs is None:
            self._arcs = [_arcs(index) for index in self.indexes]
        return self._arcs

    def _plain(self, place: int, found: Object) -> Plain:
        if place < 0:
            return None
        raw = self._values[place]
        if self.unless and raw in self.unless:
            return None
        value = plain(raw, self._layout.tags[place], found.sort, self.counts)
        return None if self.unless and value in self.unless else value


_TEXT: Final = Object("", b"", False, Sort.TEXT)


def _arcs(index: bytes) -> tuple[int, ...]:
    try:
        return tail_of(index)
    except BerError:
        return ()


def values_of(reading: Reading, source: Source, frame: Frame) -> list[Any]:
    """The reading's value for each row, None for a row that does not count."""
    frame.unless = source.unless
    cells = source.value.run(frame)
    frame.unless = frozenset()
    if source.where is not None and any(cell is not None for cell in cells):
        counts = source.where.run(frame)
        cells = [cell if is_counted else None for cell, is_counted in zip(cells, counts, strict=True)]
    if reading.kind is Kind.STATE:
        return [_state(cell, reading, source) for cell in cells]
    if reading.kind is Kind.INFO:
        return [None if cell is None else 1.0 for cell in cells]
    return [None if cell is None else _number(cell, source, frame.counts) for cell in cells]


def _state(cell: Plain, reading: Reading, source: Source) -> str | None:
    if cell is None:
        return None
    if cell.__class__ is bool and not source.states:
        return UNKNOWN
    known = source.states.get(cell)
    return known if known is not None else cell if cell in reading.states else UNKNOWN


def _number(cell: Plain, source: Source, counts: Counts) -> float | None:
    if cell.__class__ is str:
        counts.unparsable += 1
        return None
    value = float(cell) if -_MOST < cell < _MOST else math.inf  # type: ignore[operator,arg-type]  # it is no text
    if source.low <= value <= source.high and math.isfinite(value):
        return value
    scaled = value * source.rescale
    if source.rescale and source.low <= scaled <= source.high:
        return scaled
    counts.implausible += 1
    return None


def label_rows(reading: Reading, source: Source, frame: Frame) -> list[tuple[str, ...]]:
    """The labels of each row. The first label without an expression, or without a text, is the row's index; rows that are not
    told apart get their index behind the first label."""
    if not reading.labels:
        return [()] * len(frame.indexes)
    columns: list[list[str]] = []
    is_indexed = False
    for expression in source.labels:
        if expression is not None:
            columns.append([(to_text(cell) or "")[:MAX_TEXT] for cell in expression.run(frame)])
        elif not is_indexed:
            is_indexed = True
            columns.append(frame.index_labels())
        else:
            columns.append([""] * len(frame.indexes))
    if not all(columns[0]):
        columns[0] = [text or index for text, index in zip(columns[0], frame.index_labels(), strict=True)]
    rows = list(zip(*columns, strict=True))
    if len(set(rows)) < len(rows):
        rows = _with_index(rows, frame)
    return rows


def _with_index(rows: list[tuple[str, ...]], frame: Frame) -> list[tuple[str, ...]]:
    counts: dict[tuple[str, ...], int] = {}
    for row in rows:
        counts[row] = counts.get(row, 0) + 1
    indexes = frame.index_labels()
    return [(f"{row[0]} #{index}", *row[1:]) if counts[row] > 1 else row for row, index in zip(rows, indexes, strict=True)]
