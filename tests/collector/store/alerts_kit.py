"""Alerts, incidents and outgoing events as tests of the store write them."""

from __future__ import annotations

import enum
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from collector.core.alert import Alert, AlertKey, AlertKind, Severity, uid_of
from collector.core.incident import Entry, EntryKind, Incident, IncidentState
from collector.core.notice import EventKind, Notice, Outgoing, event_id_of
from collector.core.silencing import Matcher, Operator, Silence

T = 1_700_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def alert(subject: str = "web1", known_ms: int = T, **fields: Any) -> Alert:
    key = AlertKey(subject, AlertKind.DOWN)
    made = Alert(uid_of(*msgspec.structs.astuple(key), known_ms), key, Severity.CRITICAL, known_ms - 5_000, known_ms)
    return msgspec.structs.replace(made, **fields)


def incident(number: int = 1, **fields: Any) -> Incident:
    key = AlertKey(f"web{number}", AlertKind.DOWN)
    made = Incident(f"i{number}", number, IncidentState.OPEN, key, Severity.CRITICAL, "dic", T - 5_000, T)
    return msgspec.structs.replace(made, **fields)


def resolved(number: int, resolved_ms: int) -> Incident:
    return incident(number, state=IncidentState.RESOLVED, resolved_ms=resolved_ms)


def entry(incident: str = "i1", at_ms: int = T, kind: EntryKind = EntryKind.OPENED, **fields: Any) -> Entry:
    return Entry(incident, at_ms, kind, **fields)


def outgoing(
    order: str = "i1", seq: int = 1, receiver: str = "truc_ca", event: EventKind = EventKind.FIRING, **fields: Any
) -> Outgoing:
    made = Outgoing(event_id_of(order, seq), receiver, order, seq, event, Notice(event, T), Severity.CRITICAL, T + seq)
    return msgspec.structs.replace(made, **fields)


def silence(number: int = 1, from_ms: int = T, to_ms: int = T + HOUR, **fields: Any) -> Silence:
    matchers = (Matcher("instance", Operator.EQUAL, f"web{number}"),)
    return msgspec.structs.replace(Silence(f"S{number}", matchers, "an", "mạng bảo trì", T, from_ms, to_ms), **fields)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that a field has: whole numbers of 64 bits, text in every language."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: values_of(hints[name]) for name in kind.__struct_fields__})
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(list(kind))
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return st.lists(values_of(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=2)
    if origin is not None:
        return st.one_of(*map(values_of, inner))
    return _PLAIN[kind]


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(1 << 62), 1 << 62),
    float: st.floats(allow_nan=False),
    str: _TEXT,
    bool: st.booleans(),
    type(None): st.none(),
}
