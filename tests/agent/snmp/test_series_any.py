"""Rows that no device should send: the series of every type, index and lookup, poll after poll."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.blocks import Layout
from agent.model import Readings
from agent.packets.ber import oid_of
from agent.snmp.module import Index, Lookup, Metric, Module, RegexExtract
from agent.snmp.rows import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE,
    TIME_TICKS,
    Rows,
    Value,
)
from agent.snmp.series import SeriesCache, compile_module

KINDS = [
    "gauge", "counter", "Float", "OctetString", "DisplayString", "PhysAddress48", "InetAddressIPv4", "InetAddressIPv6",
    "InetAddress", "InetAddressMissingSize", "LldpPortId", "EnumAsInfo", "EnumAsStateSet", "Bits", "DateAndTime",
    "NTPTimeStamp", "ParseFloatString",
]  # fmt: skip
INDEX_KINDS = [kind for kind in KINDS if kind not in ("Float", "DateAndTime", "Bits", "NTPTimeStamp", "ParseFloatString")]
MODULE = Module(metrics=tuple(
    Metric(
        f"m{number}", f"1.3.6.1.{number}", kind, "", (Index("a", index), Index("b", "OctetString", 0, True)),
        (Lookup("c", ("a",), f"1.3.6.1.{number}", kind, display_hint="1d*1x:"), Lookup("d", ("c",), "1.3.6.1.1", "LldpPortId")),
        enum_values={0: "x", 5: "y"}, scale=number / 2,
        regex_extracts={"": (RegexExtract("0x(.*)"), RegexExtract("(.*)"))} if number % 2 else {},
    )
    for number, (kind, index) in enumerate(zip(KINDS * 2, (INDEX_KINDS * 3)[: len(KINDS) * 2], strict=True), 1)
))  # fmt: skip
EVERYTHING = compile_module("everything", MODULE)

TAGGED = st.one_of(
    st.tuples(st.sampled_from([INTEGER, COUNTER32, GAUGE32, TIME_TICKS]), st.integers(-(2**31), 2**32)),
    st.tuples(st.just(COUNTER64), st.integers(0, 2**64 - 1)),
    st.tuples(st.sampled_from([OCTET_STRING, OPAQUE, IP_ADDRESS, OBJECT_IDENTIFIER]), st.binary(max_size=20)),
    st.tuples(st.just(OPAQUE), st.floats()),
    st.tuples(st.just(NULL), st.none()),
)
OIDS = st.tuples(st.integers(1, 40), st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 8), max_size=8)).map(
    lambda made: oid_of(".".join(map(str, (1, 3, 6, 1, made[0], *made[1]))))
)


def _listed(readings: Readings) -> list[object]:
    return [(family, list(series), [float(value) for value in values]) for family, series, values in readings]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(OIDS, TAGGED), max_size=12), min_size=1, max_size=3), st.binary(max_size=12))
def test_any_rows(polls: list[list[tuple[bytes, tuple[int, Value]]]], raw: bytes) -> None:
    """Whatever a device sends, poll after poll: no exception, a block that the wire takes, and the answer of a fresh start."""
    cache, layout = SeriesCache(), Layout()
    for bindings in [*polls, *polls[-1:]]:
        rows = Rows()
        for oid, (tag, value) in bindings:
            rows.add(oid, tag, value)
        rows.add(oid_of("1.3.6.1.4") + raw, INTEGER, 1)
        readings = EVERYTHING.series(rows, cache)
        layout.block(readings)
        copy = Rows(list(rows.oids), list(rows.tags), list(rows.values))
        fresh = compile_module("everything", MODULE).series(copy, SeriesCache())
        assert repr(_listed(readings)) == repr(_listed(fresh))
