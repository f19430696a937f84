"""The ports of one device over its polls: IF-MIB -> network_port_*. Pure; times are given.

Names are read in the same answer as counters; a port that gets another index keeps its past, one whose counters may have begun
anew loses its baseline and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from agent.snmp import objects as ifs
from agent.snmp.answers import Layout
from agent.snmp.counters import ErrorRatio, increase, rate
from agent.snmp.ports import DISABLED, UNKNOWN, index_text, names_of, speed_of, state_of, words
from agent.snmp.profile import Ports
from agent.snmp.readings import Labels, Table, shared
from agent.snmp.rows import Value
from agent.snmp.vocabulary import Kind, Reading

_ROWS: Final = (ifs.IF_DESCR, ifs.IF_TYPE, ifs.IF_ADMIN_STATUS, ifs.IF_OPER_STATUS, ifs.IF_NAME)
"""Columns that make a row a port."""
MOST_PORTS: Final = 4_096
"""Most ports of one device: a table without end is no list of ports, and reading it at once would hold up all other devices."""
_IDENTITY: Final = (ifs.IF_NAME, ifs.IF_DESCR, ifs.IF_PHYS_ADDRESS, ifs.IF_OPER_STATUS, ifs.IF_ALIAS, ifs.IF_TYPE)
_FLAPS_KEPT: Final = 10
_SHORTEST_S: Final = 1.0
"""A shorter time between two polls says nothing about a rate."""
_CASTS: Final = ("unicast", "multicast", "broadcast")
_IN: Final = (
    (ifs.IF_HC_IN_UCAST, ifs.IF_IN_UCAST),
    (ifs.IF_HC_IN_MULTICAST, ifs.IF_IN_MULTICAST),
    (ifs.IF_HC_IN_BROADCAST, ifs.IF_IN_BROADCAST),
)
_OUT: Final = (
    (ifs.IF_HC_OUT_UCAST, ifs.IF_OUT_UCAST),
    (ifs.IF_HC_OUT_MULTICAST, ifs.IF_OUT_MULTICAST),
    (ifs.IF_HC_OUT_BROADCAST, ifs.IF_OUT_BROADCAST),
)
_SIMPLE: Final = {
    "network_port_receive_errors_total": ifs.IF_IN_ERRORS,
    "network_port_transmit_errors_total": ifs.IF_OUT_ERRORS,
    "network_port_receive_discards_total": ifs.IF_IN_DISCARDS,
    "network_port_transmit_discards_total": ifs.IF_OUT_DISCARDS,
    "network_port_fcs_errors_total": ifs.DOT3_FCS_ERRORS,
}
_DUPLEX: Final = {2: "half", 3: "full"}

Column = list[Any]
"""A value for each port, None where there is none."""
Pick = Callable[[list[Value]], Sequence[Value]]
_NUMERIC: Final = frozenset((int, float))


class _Past:
    """What is remembered of one port."""

    __slots__ = (
        "bits",
        "changed",
        "errors",
        "flaps",
        "history",
        "packets",
        "ratio",
        "received",
        "since",
        "state",
        "transmitted",
    )

    def __init__(self) -> None:
        self.received: float | None = None
        self.transmitted: float | None = None
        self.bits = 0
        self.errors: float | None = None
        self.packets: float | None = None
        self.since: Value = None
        """ifCounterDiscontinuityTime."""
        self.changed: Value = None
        """ifLastChange."""
        self.state = ""
        self.flaps = 0
        self.history = 0
        self.ratio = ErrorRatio()


class _Now(NamedTuple):
    """Columns of this poll that are compared with the last one."""

    states: list[str]
    changed: Column
    speeds: Column
    received: Column
    transmitted: Column


class PortTable:
    """See the module. One for each device."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._identity: Sequence[Value] = ()
        self._settings: tuple[Ports, bool] | None = None
        self._labels: Labels = ()
        self._info: Labels = ()
        self._picks: dict[bytes, Pick] = {}
        """Of each column that was answered; shared by all devices that answer alike."""
        self._watched: list[float | None] = []
        self._past: dict[str, _Past] = {}
        self._tables: dict[str, Table] = {}
        self._at_s: float | None = None
        self._bits: list[int] = []
        self._shown: tuple[object, object] = ((), [])
        self._none: list[Value] = []
        """A column that was not answered."""
        self._taken: dict[bytes, tuple[Column, list[int]]] = {}
        """Columns of 64 bits or 32 that were looked at while this answer is read."""

    def forget_baselines(self) -> None:
        """Counters may have begun anew: the next poll gives no rates."""
        self._at_s = None

    def read(
        self, layout: Layout, values: list[Value], settings: Ports, *, wan: bool, now_s: float, is_break: bool,
        vocabulary: Mapping[str, Reading],
    ) -> list[Table]:  # fmt: skip
        """The readings of all ports in one answer. `is_break`: the device restarted, so that counters begin anew."""
        if is_break:
            self.forget_baselines()
        self._identify(layout, values, settings, wan)
        if not self._labels:
            return []
        self._taken = {}
        tables: dict[str, Table] = {}
        for name, column in self._columns(values, now_s, wan):
            reading = vocabulary.get(name)
            if reading is not None and (table := self._table(reading, column)) is not None:
                tables[name] = table
        for name, casts in (("network_port_receive_packets_total", _IN), ("network_port_transmit_packets_total", _OUT)):
            if (table := self._packets(vocabulary.get(name), values, casts)) is not None:
                tables[name] = table
        info = vocabulary.get("network_port_info")
        if info is not None:
            tables[info.name] = self._identities(info)
        self._tables, self._taken = tables, {}
        self._at_s = now_s
        return list(tables.values())

    def _identities(self, info: Reading) -> Table:
        last = self._tables.get(info.name)
        if last is not None and self._shown == (self._info, self._bits):
            return last
        self._shown = (self._info, self._bits)
        labels = tuple([(*row, str(bits) if bits else "") for row, bits in zip(self._info, self._bits, strict=True)])
        return Table(info, labels, [1.0] * len(labels), last)

    def note(self, layout: Layout, number: Value) -> tuple[str, str] | None:
        """What is missing of the table though ifNumber says that there are ports, or is too much of it, in English and
        Vietnamese."""
        if (count := len(layout.union(_ROWS))) > MOST_PORTS:
            return (f"{count} ports, of which only {MOST_PORTS} are read", f"{count} cổng, chỉ đọc {MOST_PORTS} cổng")
        if not isinstance(number, int) or number <= 0:
            return None
        rows = {
            name: len(layout.column(oid).places)
            for name, oid in (("ifDescr", ifs.IF_DESCR), ("ifOperStatus", ifs.IF_OPER_STATUS))
        }
        missing = [name for name, count in rows.items() if count == 0]
        if not missing:
            return None
        return (
            f"ifNumber says {number} ports, but {', '.join(missing)} gave no row",
            f"ifNumber báo {number} cổng nhưng {', '.join(missing)} không có dòng nào",
        )

    def _identify(self, layout: Layout, values: list[Value], settings: Ports, wan: bool) -> None:
        known = layout.bindings.get(_Rows)
        if known is None:
            known = layout.bindings[_Rows] = _Rows(layout)
        identity = known.pick(values)
        if layout is self._layout and identity == self._identity and self._settings == (settings, wan):
            return
        indexes = known.indexes
        columns = [_pick(layout.column(oid).over(indexes), values) for oid in _IDENTITY]
        names, descriptions, addresses, states, aliases, types = columns
        titles = names_of(indexes, names, descriptions, addresses, states)
        called = [words(alias) for alias in aliases]
        kept = [
            place
            for place, title in enumerate(titles)
            if title and not _is_skipped(title, called[place], types[place], settings)
        ]
        self._layout, self._identity, self._settings = layout, identity, (settings, wan)
        self._labels = shared(tuple([(titles[place], called[place]) for place in kept]))
        more = [(index_text(indexes[place]), words(descriptions[place]), words(types[place])) for place in kept]
        self._info = shared(tuple([(*row, *rest) for row, rest in zip(self._labels, more, strict=True)]))
        chosen = tuple([indexes[place] for place in kept])
        # Devices of one family with the same ports share where their columns stand.
        picks = known.picks.get(chosen)
        if picks is None:
            picks = known.picks[chosen] = _picks(layout, chosen)
        self._picks = picks
        self._none = [None] * len(kept)
        watch = settings.watch
        self._watched = [1.0 if watch is not None and any(map(watch.search, row)) else None for row in self._labels]
        self._past = {row[0]: self._past.get(row[0]) or _Past() for row in self._labels}

    def _columns(self, values: list[Value], now_s: float, wan: bool) -> Iterator[tuple[str, Column]]:
        admin, oper = self._numbers(values, ifs.IF_ADMIN_STATUS), self._numbers(values, ifs.IF_OPER_STATUS)
        states = [state_of(*pair) for pair in zip(admin, oper, strict=True)]
        changed = self._numbers(values, ifs.IF_LAST_CHANGE)
        speeds = list(map(speed_of, self._numbers(values, ifs.IF_HIGH_SPEED), self._numbers(values, ifs.IF_SPEED)))
        received, self._bits = self._wide(values, ifs.IF_HC_IN_OCTETS, ifs.IF_IN_OCTETS)
        transmitted, _ = self._wide(values, ifs.IF_HC_OUT_OCTETS, ifs.IF_OUT_OCTETS)
        yield "network_port_admin_up", [None if value is None else float(value == 1) for value in admin]
        yield "network_port_state", states
        yield "network_port_last_change_seconds", [None if value is None else value / 100 for value in changed]
        yield "network_port_speed_bytes", speeds
        yield "network_port_receive_bytes_total", received
        yield "network_port_transmit_bytes_total", transmitted
        for name, oid in _SIMPLE.items():
            yield name, self._numbers(values, oid)
        if ifs.DOT3_DUPLEX in self._picks:
            duplex = self._numbers(values, ifs.DOT3_DUPLEX)
            yield "network_port_duplex", [None if value is None else _DUPLEX.get(value, UNKNOWN) for value in duplex]
        yield "network_port_watched", self._watched
        if wan:
            is_chosen = any(self._watched)
            yield "network_port_wan", self._watched if is_chosen else [1.0 if state != DISABLED else None for state in states]
        yield from self._over_time(values, _Now(states, changed, speeds, received, transmitted), now_s)

    def _over_time(self, values: list[Value], now: _Now, now_s: float) -> Iterator[tuple[str, Column]]:
        elapsed_s = 0.0 if self._at_s is None else now_s - self._at_s
        since = self._numbers(values, ifs.IF_DISCONTINUITY)
        errors = self._sum([self._numbers(values, oid) for oid in (ifs.IF_IN_ERRORS, ifs.IF_OUT_ERRORS)])
        packets = self._sum([self._wide(values, wide, narrow)[0] for wide, narrow in (*_IN, *_OUT)])
        result: list[tuple[Any, ...]] = []
        for place, past in enumerate(self._past.values()):
            bits = self._bits[place]
            is_known = past.bits == bits and (past.since is None or past.since == since[place]) and elapsed_s >= _SHORTEST_S
            limit = (elapsed_s if is_known else 0.0, bits, now.speeds[place])
            loads = (
                _load(past.received, now.received[place], *limit),
                _load(past.transmitted, now.transmitted[place], *limit),
            )
            _note_errors(past, errors[place], packets[place], elapsed_s, now_s)
            _note_flap(past, now.states[place], now.changed[place], elapsed_s > 0)
            past.received, past.transmitted = now.received[place], now.transmitted[place]
            past.bits, past.since = bits, since[place]
            flap_ratio = past.history.bit_count() / _FLAPS_KEPT if past.flaps else None
            result.append((*loads, past.ratio.value, float(past.flaps), flap_ratio))
        names = ("receive_utilization_ratio", "transmit_utilization_ratio", "error_ratio", "flaps_total", "flap_ratio")
        for number, name in enumerate(names):
            yield f"network_port_{name}", [row[number] for row in result]

    def _packets(self, reading: Reading | None, values: list[Value], casts: Sequence[tuple[bytes, bytes]]) -> Table | None:
        if reading is None:
            return None
        columns = [self._wide(values, wide, narrow)[0] for wide, narrow in casts]
        if all(column is self._none for column in columns):
            return None
        labels = [
            (*row, cast)
            for place, row in enumerate(self._labels)
            for cast, column in zip(_CASTS, columns, strict=True)
            if column[place] is not None
        ]
        numbers = [column[place] for place in range(len(self._labels)) for column in columns if column[place] is not None]
        return Table(reading, tuple(labels), numbers, self._tables.get(reading.name)) if numbers else None

    def _table(self, reading: Reading, column: Column) -> Table | None:
        if column is self._none:
            return None
        last = self._tables.get(reading.name)
        if last is not None and last.values == column and last.labels is self._labels:
            return last
        if reading.kind is not Kind.STATE:
            column = [value if value is not None and reading.low <= value <= reading.high else None for value in column]
        if None not in column:
            return Table(reading, self._labels, column, last) if column else None
        kept = [place for place, value in enumerate(column) if value is not None]
        if not kept:
            return None
        return Table(reading, tuple([self._labels[place] for place in kept]), [column[place] for place in kept], last)

    def _numbers(self, values: list[Value], oid: bytes) -> Column:
        pick = self._picks.get(oid)
        if pick is None:
            return self._none
        raw = pick(values)
        if _NUMERIC.issuperset(map(type, raw)):
            return list(raw)
        return [value if value.__class__ in _NUMERIC else None for value in raw]

    def _wide(self, values: list[Value], wide: bytes, narrow: bytes) -> tuple[Column, list[int]]:
        """The 64-bit column, and the 32-bit one where a row lacks it; with the bits of each (0: neither)."""
        found = self._taken.get(wide)
        if found is None:
            found = self._taken[wide] = self._wider(self._numbers(values, wide), self._numbers(values, narrow))
        return found

    def _wider(self, first: Column, second: Column) -> tuple[Column, list[int]]:
        if None not in first:
            return first, [64] * len(first)
        if first is second:
            return first, [0] * len(first)
        both = [
            (new, 64) if new is not None else (old, 32 if old is not None else 0)
            for new, old in zip(first, second, strict=True)
        ]
        return [value for value, _ in both], [bits for _, bits in both]

    def _sum(self, columns: list[Column]) -> Column:
        """The sums of what is there; None where nothing is."""
        there = [column for column in columns if column is not self._none]
        if not there:
            return self._none
        return [
            sum(known) if (known := [value for value in row if value is not None]) else None for row in zip(*there, strict=True)
        ]


class _Rows:
    """Which rows are ports in answers of one layout, what tells that they are the same ports, and where columns stand."""

    __slots__ = ("indexes", "pick", "picks")

    def __init__(self, layout: Layout) -> None:
        self.indexes = layout.union(_ROWS)[:MOST_PORTS]
        places = [place for oid in _IDENTITY for place in layout.column(oid).over(self.indexes) if place >= 0]
        self.pick = _picking(places)
        self.picks: dict[tuple[bytes, ...], dict[bytes, Pick]] = {}


def _picks(layout: Layout, indexes: tuple[bytes, ...]) -> dict[bytes, Pick]:
    """For each column that was answered for any of these rows what picks its values."""
    found = {oid: layout.column(oid).among(indexes) for oid in ifs.PORT_COLUMNS if layout.column(oid).indexes}
    return {oid: _picking(places) for oid, places in found.items() if any(place >= 0 for place in places)}


def _picking(places: Sequence[int]) -> Pick:
    if not places or min(places) < 0:
        return lambda values: _pick(places, values)
    first, count = places[0], len(places)
    if count == 1 or list(places) == list(range(first, first + count)):
        return itemgetter(slice(first, first + count))
    return itemgetter(*places)


def _pick(places: Sequence[int], values: list[Value]) -> list[Value]:
    return [values[place] if place >= 0 else None for place in places]


def _is_skipped(name: str, alias: str, kind: Value, settings: Ports) -> bool:
    if kind in settings.skip_types:
        return True
    if settings.skip_names is not None and settings.skip_names.search(name) is not None:
        return True
    return settings.skip_aliases is not None and settings.skip_aliases.search(alias) is not None


def _load(old: float | None, new: float | None, elapsed_s: float, bits: int, speed: float | None) -> float | None:
    """The load of a line as share of its speed; no time between the samples means that they cannot be compared."""
    if old is None or new is None or not speed:
        return None
    found = rate(old, new, elapsed_s, bits, speed)
    return None if found is None else found / speed


def _note_errors(past: _Past, errors: float | None, packets: float | None, elapsed_s: float, now_s: float) -> None:
    risen = [
        None if old is None or new is None or elapsed_s <= 0 else increase(old, new, 64, None)
        for old, new in ((past.errors, errors), (past.packets, packets))
    ]
    past.ratio.add(risen[0], risen[1], now_s - elapsed_s, now_s)
    past.errors, past.packets = errors, packets


def _note_flap(past: _Past, state: str, changed: Value, is_next: bool) -> None:
    """ifLastChange moved and the state is what it was: the port went away and came back in between."""
    has_flapped = (
        is_next and past.state == state and past.changed is not None and changed is not None and changed != past.changed
    )
    past.flaps += has_flapped
    past.history = (past.history << 1 | has_flapped) & ((1 << _FLAPS_KEPT) - 1)
    past.state, past.changed = state, changed
