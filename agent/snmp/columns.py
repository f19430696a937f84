"""A module's metrics made ready: encoded OIDs, compiled expressions and, for each metric, how a row becomes labels and values.

Names, labels and values are those of snmp_exporter. Nothing here remembers a device; one of these serves all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from agent.model import MetricType
from agent.packets.ber import BerError, oid_of, tail_from, tail_of
from agent.sheets.gopattern import compile_go, expand, parse_float
from agent.snmp.index import COMBINED, Arcs, Part, of_octets
from agent.snmp.module import PARSED, TEXTS, Index, Lookup, Metric, RegexExtract
from agent.snmp.rows import Rows, Value
from agent.snmp.values import clean, date_and_time, float_text, ntp_timestamp, number, parse_date, plain_text, python_pattern
from agent.wire import RESERVED_LABELS

_HELP_CHARS: Final = 1_024
_PLAIN: Final = {"IpAddr": "InetAddressIPv4"}
Number = Callable[[int, Value], float | None]
"""(tag, value) -> the number; None for none."""


class Output(msgspec.Struct, frozen=True):
    """One family that a metric contributes to, and how."""

    name: str
    help: str
    type: MetricType
    labels: tuple[str, ...]
    compute: Number | None = None
    """How the value comes from the row, where that is not just its number."""


class Found:
    """What is known of the rows while labels are made: where each OID is, and which rows labels were read from."""

    __slots__ = ("at", "read", "rows")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.at = {oid: place for place, oid in enumerate(rows.oids)}
        self.read: set[int] = set()

    def value(self, oid: bytes) -> tuple[int, Value] | None:
        """Tag and value of a row that labels depend on."""
        place = self.at.get(oid)
        if place is None:
            return None
        self.read.add(place)
        return self.rows.tags[place], self.rows.values[place]


class Finder:
    """A lookup, ready: the value at an index that other labels make."""

    __slots__ = ("before", "enum_values", "hint", "kind", "label", "labels", "oid")

    def __init__(self, lookup: Lookup) -> None:
        self.label = lookup.labelname
        self.labels = lookup.labels or ()
        self.oid = oid_of(lookup.oid) if lookup.oid else b""
        self.before = _before(lookup.oid) if lookup.oid else b""
        self.kind = _kind(str(lookup.type or ""))
        self.hint = lookup.display_hint
        self.enum_values = lookup.enum_values

    def find(self, texts: dict[str, str], arcs: dict[str, Arcs], found: Found) -> None:
        """Put the label's text in `texts` and its arcs in `arcs`, for lookups that follow."""
        if not self.labels:
            texts.pop(self.label, None)
            return
        try:
            index = tail_from([arc for label in self.labels for arc in arcs.get(label, ())])
        except ValueError:  # a negative number of a chained lookup is no arc, so no such row
            texts[self.label] = ""
            return
        row = found.value(self.oid + index)
        if row is None:
            texts[self.label] = ""
            return
        tag, value = row
        kind = self.kind
        if kind in COMBINED:
            kind = _real(kind, found.value(self.before + index)) or kind
        whole = value if isinstance(value, int) else 0
        arcs[self.label] = (whole,)
        if kind == "EnumAsInfo" and self.enum_values:
            texts[self.label] = self.enum_values.get(whole, str(whole))
        else:
            texts[self.label] = text_of_value(tag, value, kind, self.hint)


class Column:
    """A metric, ready: which rows are its own (`oid` and what is below), their labels, and its families."""

    __slots__ = ("_before", "_finders", "_parts", "enum_values", "hint", "kind", "metric", "oid", "outputs", "own", "plain")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.oid = oid_of(metric.oid)
        self.kind = _kind(metric.type)
        self.hint = metric.display_hint
        self.enum_values = dict(metric.enum_values)
        self._before = _before(metric.oid)
        self._parts = [(index.labelname, _part(index)) for index in metric.indexes]
        self._finders = [Finder(lookup) for lookup in metric.lookups]
        self.plain = self._plain_labels()
        self.own = metric.name not in self.plain
        """Whether the value, as text or state, is a label of the metric's own name."""
        self.outputs = tuple(self._outputs())

    def _plain_labels(self) -> tuple[str, ...]:
        names = dict.fromkeys(label for label, _ in self._parts)
        for finder in self._finders:
            if finder.labels:
                names[finder.label] = None
            else:
                names.pop(finder.label, None)
        return tuple(names)

    def labels_of(self, index: bytes, found: Found) -> tuple[str, ...]:
        """The label values that index and lookups give, in the order of `plain`."""
        texts: dict[str, str] = {}
        arcs_of: dict[str, Arcs] = {}
        arcs = _tail(index)
        for label, part in self._parts:
            texts[label], arcs_of[label], arcs = part.read(arcs)
        for finder in self._finders:
            finder.find(texts, arcs_of, found)
        return tuple([texts[label] for label in self.plain])

    def text(self, index: bytes, tag: int, value: Value, found: Found) -> str:
        """The value as the text that the column's type means."""
        kind = self.kind
        if kind in COMBINED:
            kind = _real(kind, found.value(self._before + index)) or "OctetString"
        return text_of_value(tag, value, kind, self.hint)

    def scaled(self, value: float) -> float:
        """The value by `scale` and `offset`."""
        metric = self.metric
        return value * (metric.scale or 1.0) + metric.offset if metric.scale or metric.offset else value

    def _outputs(self) -> list[Output]:
        metric, kind = self.metric, self.kind
        text = _help(metric.help or "")
        if kind in ("EnumAsInfo", "EnumAsStateSet", "Bits"):
            if not self.own:  # the label is there already: snmp_exporter leaves an info out, and fails over the others
                return []
            name = f"{metric.name}_info" if kind == "EnumAsInfo" else metric.name
            return [self._output(name, _help(f"{text} ({kind})"), own=True)]
        if kind in TEXTS:
            if not metric.regex_extracts:
                return [self._output(metric.name, text, own=self.own)]
            told = _help(f"{text} (regex extracted)")
            return [
                self._output(metric.name + suffix, told, compute=_extractor(self, extracts))
                for suffix, extracts in metric.regex_extracts.items()
            ]
        if kind in PARSED:
            return [self._output(metric.name, text, compute=_parser(self))]
        compute = _scaler(self) if metric.scale or metric.offset else None
        return [self._output(metric.name, text, is_counter=kind == "counter", compute=compute)]

    def _output(
        self, name: str, text: str, *, own: bool = False, is_counter: bool = False, compute: Number | None = None
    ) -> Output:
        # A metric's name may hold colons, a label's may not.
        labels = (*self.plain, self.metric.name.replace(":", "_")) if own else self.plain
        exported = tuple(f"exported_{label}" if label in RESERVED_LABELS else label for label in labels)
        return Output(name, text, MetricType.COUNTER if is_counter else MetricType.GAUGE, exported, compute)


def text_of_value(tag: int, value: Value, kind: str, hint: str) -> str:
    """Any value as text: octet strings by the column's type, everything else by its own."""
    text = plain_text(tag, value)
    if text is None and isinstance(value, bytes):
        return of_octets(value, kind, hint)
    return text or ""


def _kind(name: str) -> str:
    return _PLAIN.get(name, name)


def _part(index: Index) -> Part:
    return Part(_kind(index.type), index.fixed_size, index.implied, index.enum_values, display_hint=index.display_hint)


def _help(text: str) -> str:
    return text if len(text) <= _HELP_CHARS else f"{text[: _HELP_CHARS - 1]}…"


def _tail(index: bytes) -> Arcs:
    try:
        return tail_of(index) if index else ()
    except BerError:
        return ()


def _before(oid: str) -> bytes:
    """The object before this one, where the type of a combined type stands; empty if there is none."""
    head, _, last = oid.rpartition(".")
    return oid_of(f"{head}.{int(last) - 1}") if int(last) else b""


def _real(kind: str, row: tuple[int, Value] | None) -> str | None:
    """The type that a combined type has in this row."""
    if row is None:
        return None
    value = number(*row)
    return COMBINED[kind].get(int(value)) if value is not None and value == value and abs(value) < 2**53 else None


def _scaler(column: Column) -> Number:
    def compute(tag: int, value: Value) -> float | None:
        found = number(tag, value)
        return None if found is None else column.scaled(found)

    return compute


def _parser(column: Column) -> Number:
    kind = column.kind
    pattern = python_pattern(column.metric.datetime_pattern) if kind == "ParseDateAndTime" else ""

    def compute(tag: int, value: Value) -> float | None:
        if kind == "DateAndTime":
            found = date_and_time(value)
        elif kind == "NTPTimeStamp":
            found = ntp_timestamp(value)
        elif kind == "ParseFloatString":
            found = float_text(tag, value)
        else:
            found = parse_date(text_of_value(tag, value, "DisplayString", ""), pattern)
        return None if found is None else column.scaled(found)

    return compute


def _extractor(column: Column, extracts: tuple[RegexExtract, ...]) -> Number:
    ready = [(compile_go(extract.regex, whole=True), extract.value) for extract in extracts]
    kind = "OctetString" if column.kind in COMBINED else column.kind

    def compute(tag: int, value: Value) -> float | None:
        text = plain_text(tag, value)
        if text is None and isinstance(value, bytes):
            text = clean(value) if kind == "DisplayString" else of_octets(value, kind, column.hint)[:255]
        for pattern, template in ready:
            match = pattern.match(text or "")
            found = None if match is None else parse_float(expand(template, match))
            if found is not None:
                return column.scaled(found)
        return None

    return compute


def states_of(enum_values: Mapping[int, str]) -> dict[str, int]:
    """The texts of an enumeration, each once, with the first number that has it."""
    found: dict[str, int] = {}
    for code, text in enum_values.items():
        found.setdefault(text, code)
    return found
