"""Rows of a device -> series, by a module: the same names, types, labels and values as snmp_exporter gives.

A `Compiled` module is shared by all devices; what is remembered of one device is its `SeriesCache`. While the rows have the
same OIDs, and those that make labels the same values, families and labels are the very objects of the last poll and the values
are picked by position: that is nearly every poll, and it costs a few hundredths of a microsecond a row.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple
from weakref import ref

import msgspec

from agent.model import Family, MetricType, Readings
from agent.packets.ber import oid_of
from agent.sheets.gopattern import compile_go
from agent.snmp.columns import Column, Found, Output, states_of, text_of_value
from agent.snmp.module import ENUMS as STATES
from agent.snmp.module import TEXTS, Module
from agent.snmp.picks import Computed, Pick, Source, pick_of
from agent.snmp.rows import COUNTER64, OPAQUE, Rows, Value
from agent.snmp.values import number

_POOL: Final = 20_000
"""Most tuples of labels that a module keeps to share them between devices and families."""

_STEP: Final = 500
"""Rows that are learnt in one step."""
_RECENT: Final = 64
"""Layouts that other devices are compared with before theirs is learnt, as long as a device has them."""
MOST_SERIES: Final = 20_000
"""Most series of one module: no schema may have more."""

Labels = tuple[str, ...]


class ModulePlan(msgspec.Struct, frozen=True):
    """What a module asks of a device, as encoded OIDs."""

    gets: tuple[bytes, ...] = ()
    walks: tuple[bytes, ...] = ()
    filters: tuple[bytes, ...] = ()
    """Subtrees to walk first, for `Compiled.plan_with_filters`; their rows make no series unless they are asked for anyway."""


class _Layout:
    """What the rows of a module look like, and what becomes of them: shared by the devices that answer alike. `duplicates` and
    `unread` are counts of `SeriesCache`."""

    __slots__ = ("__weakref__", "columns", "duplicates", "label_values", "oids", "pick_labels", "tags", "unread")

    def __init__(self, rows: Rows, columns: list[tuple[Family, Sequence[Labels], Pick]], pick_labels: Any) -> None:
        self.oids, self.tags = rows.oids, rows.tags
        self.columns = columns
        self.pick_labels = pick_labels
        self.label_values = pick_labels(rows.values) if pick_labels else None
        self.duplicates = 0
        self.unread = 0

    def fits(self, rows: Rows) -> bool:
        """Whether the layout is that of these rows. The lists of a layout that fits become the rows' own, so that the caches of
        other modules see at once that they are the same."""
        if rows.oids is not self.oids:
            if rows.oids != self.oids:
                return False
            rows.oids = self.oids
        if rows.tags is not self.tags:
            if rows.tags != self.tags:
                return False
            rows.tags = self.tags
        return self.pick_labels is None or bool(self.pick_labels(rows.values) == self.label_values)


class SeriesCache:
    """What is remembered of one device's rows for one module. It keeps the lists of the rows that it was given: they must not
    be changed afterwards. `duplicates` and `unread` are of the present layout: series that would repeat another's labels (or
    would be too many), and rows whose value is not what the module's type needs."""

    __slots__ = ("computed", "layout")

    def __init__(self) -> None:
        self.layout: _Layout | None = None
        self.computed: list[Computed] = []

    @property
    def duplicates(self) -> int:
        """See the class."""
        return self.layout.duplicates if self.layout is not None else 0

    @property
    def unread(self) -> int:
        """See the class."""
        return self.layout.unread if self.layout is not None else 0

    def fits(self, rows: Rows) -> bool:
        """Whether the layout is that of these rows, and what is computed of them is there as it was."""
        values = rows.values
        return self.layout is not None and self.layout.fits(rows) and all(each.update(values) for each in self.computed)


class Compiled:
    """A module, ready for the rows of any device."""

    def __init__(self, name: str, module: Module) -> None:
        self.name = name
        self.module = module
        self.plan = ModulePlan(
            tuple(oid_of(oid) for oid in module.get),
            tuple(oid_of(oid) for oid in module.walk),
            tuple(oid_of(each.oid) for each in module.filters),
        )
        self.columns = _topmost([Column(metric) for metric in module.metrics])
        self._lengths = sorted({len(oid) for oid in self.columns})
        self.families = _families(self.columns.values())
        self._slots = {
            (column.oid, output.name): _slots(output, self.families[output.name])
            for column in self.columns.values()
            for output in column.outputs
        }
        self._filters = [(each, [compile_go(text, whole=False) for text in each.values]) for each in module.filters]
        self._pool: dict[Any, Any] = {}
        self._recent: deque[ref[_Layout]] = deque(maxlen=_RECENT)

    def series(self, rows: Rows, cache: SeriesCache) -> Readings:
        """The series of these rows; families without any are left out. Never raises, whatever the rows are."""
        for _ in self.learning(rows, cache):
            pass
        values = rows.values
        return [(family, labels, pick(values)) for family, labels, pick in cache.layout.columns] if cache.layout else []

    def learning(self, rows: Rows, cache: SeriesCache) -> Iterator[None]:
        """What `series` has to find out of rows that it does not know, in steps of a few milliseconds: for whoever lets others
        have their turn in between. Nothing to do is no step."""
        if cache.fits(rows):
            return
        layout, computed = self._known(rows), list[Computed]()
        if layout is None:
            layout, computed = yield from self._learn(rows)
        cache.layout, cache.computed = layout, computed

    def column_of(self, oid: bytes) -> Column | None:
        """The metric that a row belongs to: the topmost whose OID the row's begins with."""
        for length in self._lengths:
            column = self.columns.get(oid[:length])
            if column is not None:
                return column
        return None

    def plan_with_filters(self, rows: Rows, failed: Iterable[bytes] = ()) -> ModulePlan:
        """The plan after the walks of `plan.filters` gave `rows`: of the targets of a filter only the rows whose last arc is
        that of a value that matches; a target of several filters must match in all. A filter in `failed` does not filter."""
        plan, allowed = self.plan, dict[bytes, list[bytes]]()
        gone = set(failed)
        for (each, patterns), root in zip(self._filters, plan.filters, strict=True):
            if root in gone:
                continue
            matching = [
                _last_arc(oid)
                for oid, tag, value in zip(rows.oids, rows.tags, rows.values, strict=True)
                if oid.startswith(root)
                and oid != root
                and any(pattern.search(text_of_value(tag, value, "DisplayString", "")) for pattern in patterns)
            ]
            for target in map(oid_of, each.targets):
                before = allowed.get(target, matching)
                allowed[target] = [arc for arc in dict.fromkeys(before) if arc in set(matching)]
        gets = [oid for oid in plan.gets if not any(oid.startswith(target) for target in allowed)]
        gets += [target + arc for target, arcs in allowed.items() for arc in arcs]
        return ModulePlan(tuple(gets), tuple(walk for walk in plan.walks if walk not in allowed))

    def _known(self, rows: Rows) -> _Layout | None:
        """The layout of another device that answered the same lately."""
        for each in self._recent:
            layout = each()
            if layout is not None and layout.fits(rows):
                return layout
        return None

    def _learn(self, rows: Rows) -> Generator[None, None, tuple[_Layout, list[Computed]]]:
        found, learnt = Found(rows), _Learnt(self.families)
        for count, (oid, place) in enumerate(found.at.items(), 1):
            if not count % _STEP:
                yield
            column = self.column_of(oid)
            if column is not None:
                self._add(column, place, found, learnt)
        columns: list[tuple[Family, Sequence[Labels], Pick]] = []
        for name, series in learnt.families.items():
            if len(series) >= _STEP // 4:
                yield
            labels = self._shared(tuple([self._shared(each) for each in series]))
            columns.append((self.families[name], labels, self._pick(tuple(series.values()), rows)))
        places = tuple(sorted(found.read))
        layout = _Layout(rows, columns, self._getter(places) if places else None)
        layout.duplicates, layout.unread = learnt.duplicates, learnt.unread
        if not learnt.computed:
            self._recent.appendleft(ref(layout))
        return layout, learnt.computed

    def _pick(self, sources: tuple[Source, ...], rows: Rows) -> Pick:
        """How the values of a family are picked; devices of one make do it alike."""
        kinds = set(map(type, sources))
        if len(kinds) > 1 or Computed in kinds:
            return pick_of(sources, rows)
        wraps = tuple([rows.tags[place] == COUNTER64 for place in sources]) if int in kinds else ()  # type: ignore[index]
        key = (pick_of, *kinds, sources, wraps)
        pick: Pick = self._pool.get(key) or pick_of(sources, rows)
        if len(self._pool) < _POOL:
            self._pool[key] = pick
        return pick

    def _add(self, column: Column, place: int, found: Found, learnt: _Learnt) -> None:
        """Add the series of one row."""
        rows = found.rows
        oid, tag, value = rows.oids[place], rows.tags[place], rows.values[place]
        index = oid[len(column.oid) :]
        made, is_read = _row(column, index, Row(place, tag, value), found)
        learnt.unread += not is_read
        labels = column.labels_of(index, found) if made else ()
        for output, own, source in made:
            if isinstance(source, Computed):
                learnt.computed.append(source)
                if source.value is None:
                    continue
            slots = self._slots[column.oid, output.name]
            full = (*labels, *own)
            learnt.add(output.name, full if slots is None else tuple([full[at] if at >= 0 else "" for at in slots]), source)

    def _getter(self, places: tuple[int, ...]) -> itemgetter[Any]:
        """What picks these positions; devices of one make have the same."""
        getter: itemgetter[Any] = self._pool.get((itemgetter, places)) or itemgetter(*places)
        if len(self._pool) < _POOL:
            self._pool[itemgetter, places] = getter
        return getter

    def _shared(self, value: Any) -> Any:
        """An equal tuple that is kept already, so that devices and families share it; tuples of labels, and of those."""
        pool = self._pool
        return pool.setdefault(value, value) if len(pool) < _POOL else pool.get(value, value)


class Row(NamedTuple):
    """One binding and its position."""

    place: int
    tag: int
    value: Value


class _Learnt:
    """Families while a layout is learnt: for each its series and where their values come from."""

    def __init__(self, order: Iterable[str]) -> None:
        self._all: dict[str, dict[Labels, Source]] = {name: {} for name in order}
        self.computed: list[Computed] = []
        self.duplicates = 0
        self.unread = 0
        self._left = MOST_SERIES

    @property
    def families(self) -> dict[str, dict[Labels, Source]]:
        """Those that have series, in the module's order."""
        return {name: series for name, series in self._all.items() if series}

    def add(self, name: str, labels: Labels, source: Source) -> None:
        """A series; the first one with its labels stays, and no more than a report may carry."""
        series = self._all[name]
        if labels in series or not self._left:
            self.duplicates += 1
        else:
            series[labels] = source
            self._left -= 1


Made = list[tuple[Output, Labels, Source]]


def _row(column: Column, index: bytes, row: Row, found: Found) -> tuple[Made, bool]:
    """The families that a row is in, each with the label of the metric's own name (or none) and the source of its value; and
    whether its value is of the column's type."""
    outputs, kind = column.outputs, column.kind
    if not outputs:
        return [], True
    if kind in STATES:
        return _states(column, row, found)
    if outputs[0].compute is not None:
        if row.value is None:
            return [], False
        sources = [(each, Computed(row.place, row.tag, row.value, each.compute)) for each in outputs if each.compute]
        return [(each, (), source) for each, source in sources], any(source.value is not None for _, source in sources)
    if kind in TEXTS:
        found.read.add(row.place)
        if row.value is None:
            return [], False
        own = (column.text(index, row.tag, row.value, found),) if column.own else ()
        return [(outputs[0], own, float(column.scaled(1.0)))], True
    if row.tag == OPAQUE:  # the only tag that may bring a number now and octets the next time, or the other way round
        source = Computed(row.place, row.tag, row.value, number)
        return [(outputs[0], (), source)], source.value is not None
    if number(row.tag, row.value) is None:
        return [], False
    return [(outputs[0], (), row.place)], True


def _states(column: Column, row: Row, found: Found) -> tuple[Made, bool]:
    """The series of an enumeration or of bits; the value is in the labels or decides over 1 and 0."""
    found.read.add(row.place)
    output, states = column.outputs[0], states_of(column.enum_values)
    if column.kind == "Bits":
        if not isinstance(row.value, bytes):
            return [], False
        octets = row.value
        bits = [(output, (text,), float(_bit(octets, code))) for text, code in states.items()]
        return list(bits), True
    value = number(row.tag, row.value)
    if value is None or not math.isfinite(value):
        return [], False
    state = column.enum_values.get(int(value), str(int(value)))
    if column.kind == "EnumAsInfo":
        return [(output, (state,), 1.0)], True
    return [(output, (text,), float(text == state)) for text in dict.fromkeys((*states, state))], True


def _bit(octets: bytes, code: int) -> bool:
    """Bit `code` of a BITS value (RFC 2578 section 7.1.4): the first is the highest of the first octet."""
    return 0 <= code < len(octets) * 8 and bool(octets[code // 8] & 128 >> code % 8)


def _topmost(columns: Iterable[Column]) -> dict[bytes, Column]:
    """The metrics by OID, without those below another one, which takes their rows. Of two with one OID the last."""
    found = {column.oid: column for column in columns}
    last: bytes | None = None
    for oid in sorted(found):
        if last is not None and oid.startswith(last):
            del found[oid]
        else:
            last = oid
    return found


def _families(columns: Iterable[Column]) -> dict[str, Family]:
    """The families by name. Metrics of one name share a family, whose labels are those of all of them."""
    found: dict[str, Family] = {}
    for output in (output for column in columns for output in column.outputs):
        first = found.get(output.name)
        labels = tuple(dict.fromkeys((*(first.labels if first else ()), *output.labels)))
        kept = first or Family(output.name, output.type, output.help)
        found[output.name] = Family(kept.name, kept.type, kept.help, labels)
    return found


def _slots(output: Output, family: Family) -> tuple[int, ...] | None:
    """For each label of the family the position in the output's own labels, -1 for none; None if they are the same."""
    if output.labels == family.labels:
        return None
    return tuple(output.labels.index(label) if label in output.labels else -1 for label in family.labels)


def _last_arc(oid: bytes) -> bytes:
    """The octets of the last arc."""
    start = len(oid) - 1
    while start and oid[start - 1] & 0x80:
        start -= 1
    return oid[start:]


def compile_module(name: str, module: Module) -> Compiled:
    """A module made ready; once for all devices."""
    return Compiled(name, module)


_SCRAPE: Final = tuple(
    Family(f"snmp_scrape_{name}", MetricType.GAUGE, help_text, ("module",))
    for name, help_text in (
        ("walk_duration_seconds", "Time that the requests took."),
        ("packets_sent", "Requests sent, those sent again included."),
        ("packets_retried", "Requests sent again."),
        ("pdus_returned", "Variable bindings received."),
        ("duration_seconds", "Time of requests and processing together."),
    )
)


def scrape_readings(name: str, numbers: tuple[float, float, float, float, float]) -> Readings:
    """snmp_exporter's families about a poll: seconds of requests, requests sent, those again, bindings, seconds of all."""
    labels = _scrape_labels(name)
    return [(family, labels, (value,)) for family, value in zip(_SCRAPE, numbers, strict=True)]


@cache
def _scrape_labels(name: str) -> tuple[Labels, ...]:
    return ((name,),)
