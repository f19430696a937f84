"""Rows -> series: every type and index by literal rows, and a layout that stays costs no new objects."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from agent.blocks import Layout
from agent.model import Readings
from agent.packets.ber import oid_of
from agent.snmp.module import Filter, Index, Lookup, Metric, Module, Override, RegexExtract
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
)  # fmt: skip
from agent.snmp.series import MOST_SERIES, Compiled, SeriesCache, compile_module, scrape_readings

COLUMN = "1.3.6.1.4.1.99999.1"
ROW = (Index("row", "gauge"),)
STATES = {1: "up", 2: "down", 3: "down"}


def _rows(*bindings: tuple[str, int, Value]) -> Rows:
    rows = Rows()
    for oid, tag, value in bindings:
        rows.add(oid_of(oid), tag, value)
    return rows


def _metric(kind: str, **more: Any) -> Metric:
    return Metric("m", COLUMN, kind, "Help.", **more)


def _compiled(*metrics: Metric, **more: Any) -> Compiled:
    return compile_module("test", Module(metrics=metrics, **more))


def _flat(readings: Readings) -> dict[str, float]:
    """Series as text -> value."""
    found = {}
    for family, series, values in readings:
        for labels, value in zip(series, values, strict=True):
            pairs = ",".join(f"{name}={label}" for name, label in zip(family.labels, labels, strict=True))
            found[f"{family.name}{{{pairs}}}"] = float(value)
    return found


def _one(metric: Metric, tag: int, value: Value) -> dict[str, float]:
    """The series of one scalar."""
    readings = _compiled(metric).series(_rows((f"{COLUMN}.0", tag, value)), SeriesCache())
    Layout().block(readings)
    return _flat(readings)


@pytest.mark.parametrize(
    ("kind", "tag", "value", "expected"),
    [
        ("gauge", INTEGER, -5, {"m{}": -5}),
        ("counter", COUNTER32, 2**32 - 1, {"m{}": 2**32 - 1}),
        ("counter", COUNTER64, 2**53 - 1, {"m{}": 2**53 - 1}),
        ("counter", COUNTER64, 2**53 + 1, {"m{}": 1}),
        ("counter", COUNTER64, 2**64 - 1, {"m{}": 2**53 - 1}),
        ("gauge", TIME_TICKS, 7, {"m{}": 7}),
        ("Float", OPAQUE, 20.5, {"m{}": 20.5}),
        ("Double", INTEGER, 3, {"m{}": 3}),
        ("gauge", OCTET_STRING, b"5", {}),
        ("gauge", NULL, None, {}),
        ("gauge", IP_ADDRESS, b"\xc0\0\2\1", {}),
        ("OctetString", OCTET_STRING, b"\0\x1f\xff", {"m{m=0x001FFF}": 1}),
        ("OctetString", OCTET_STRING, b"", {"m{m=}": 1}),
        ("OctetString", INTEGER, -3, {"m{m=-3}": 1}),
        ("OctetString", OPAQUE, 0.10000000149011612, {"m{m=0.1}": 1}),
        ("OctetString", OPAQUE, 1e-7, {"m{m=0.0000001}": 1}),
        ("OctetString", OPAQUE, b"\1\2", {"m{m=0x0102}": 1}),
        ("DisplayString", OBJECT_IDENTIFIER, oid_of("1.3.6.4294967295"), {"m{m=1.3.6.4294967295}": 1}),
        ("DisplayString", IP_ADDRESS, b"\xc0\0\2\1", {"m{m=192.0.2.1}": 1}),
        ("DisplayString", NULL, None, {}),
        ("DisplayString", OCTET_STRING, "Hải Đăng".encode(), {"m{m=Hải Đăng}": 1}),
        ("DisplayString", OCTET_STRING, "Hải Đăng".encode("cp1258", "ignore"), {"m{m=Hi Đăng}": 1}),
        ("DisplayString", OCTET_STRING, b"a\x9d\xe9", {"m{m=a\x9dé}": 1}),
        ("DisplayString", OCTET_STRING, b"a\0\r\n\tb\x07\x7f", {"m{m=a\r\n\tb}": 1}),
        ("DisplayString", OCTET_STRING, b"x" * 300, {f"m{{m={'x' * 255}}}": 1}),
        ("PhysAddress48", OCTET_STRING, bytes.fromhex("001a2b3c4d5e"), {"m{m=00:1A:2B:3C:4D:5E}": 1}),
        ("PhysAddress48", OCTET_STRING, b"", {"m{m=00:00:00:00:00:00}": 1}),
        ("IpAddr", OCTET_STRING, b"\xc0\0\2\1", {"m{m=192.0.2.1}": 1}),
        ("InetAddressIPv4", OCTET_STRING, b"\xc0\0\2\1", {"m{m=192.0.2.1}": 1}),
        ("InetAddressIPv6", OCTET_STRING, bytes(15) + b"\1", {"m{m=0000:0000:0000:0000:0000:0000:0000:0001}": 1}),
        ("InetAddress", OCTET_STRING, b"\xc0\0\2\1", {"m{m=0xC0000201}": 1}),
        ("DateAndTime", OCTET_STRING, bytes((7, 230, 12, 31, 23, 59, 58, 9)), {"m{}": 1672531198}),
        ("DateAndTime", OCTET_STRING, bytes((7, 230, 12, 31, 23, 59, 58, 9)) + b"+\7\0", {"m{}": 1672505998}),
        ("DateAndTime", OCTET_STRING, bytes((7, 230, 12, 31, 23, 59, 58, 9)) + b"x\7\0", {}),
        ("DateAndTime", OCTET_STRING, bytes(8), {"m{}": -62169984000}),
        ("DateAndTime", OCTET_STRING, b"now", {}),
        ("NTPTimeStamp", OCTET_STRING, bytes.fromhex("83aa7e8080000000"), {"m{}": 0}),
        ("NTPTimeStamp", OCTET_STRING, b"\0", {}),
        ("ParseFloatString", OCTET_STRING, b" 23.5 ", {"m{}": 23.5}),
        ("ParseFloatString", OCTET_STRING, b"23.5 C", {}),
        ("ParseFloatString", INTEGER, 5, {"m{}": 5}),
    ],
)  # fmt: skip
def test_types(kind: str, tag: int, value: Value, expected: dict[str, float]) -> None:
    """The series of one value by the column's type; a value that is none of that type gives none."""
    assert _one(_metric(kind), tag, value) == expected


@pytest.mark.parametrize(
    ("metric", "tag", "value", "expected"),
    [
        (_metric("gauge", scale=0.1, offset=-5.0), INTEGER, 300, {"m{}": 25}),
        (_metric("DisplayString", scale=2.0, offset=1.0), OCTET_STRING, b"a", {"m{m=a}": 3}),
        (_metric("EnumAsInfo", enum_values=STATES), INTEGER, 1, {"m_info{m=up}": 1}),
        (_metric("EnumAsInfo", enum_values=STATES), INTEGER, 9, {"m_info{m=9}": 1}),
        (_metric("EnumAsInfo", enum_values=STATES), OCTET_STRING, b"1", {}),
        (_metric("EnumAsStateSet", enum_values=STATES), GAUGE32, 2, {"m{m=up}": 0, "m{m=down}": 1}),
        (_metric("EnumAsStateSet", enum_values=STATES), INTEGER, 9, {"m{m=up}": 0, "m{m=down}": 0, "m{m=9}": 1}),
        (_metric("EnumAsStateSet", enum_values=STATES), OPAQUE, math.nan, {}),
        (_metric("Bits", enum_values={0: "a", 7: "b", 8: "c", 99: "d"}), OCTET_STRING, b"\x81\x7f",
         {"m{m=a}": 1, "m{m=b}": 1, "m{m=c}": 0, "m{m=d}": 0}),
        (_metric("Bits", enum_values={0: "a"}), INTEGER, 1, {}),
        (_metric("OctetString", display_hint="1d.1d.1d.1d%4d"), OCTET_STRING, b"\xc0\0\2\1\0\0\0\7", {"m{m=192.0.2.1%7}": 1}),
        (_metric("OctetString", display_hint="1x:"), OCTET_STRING, b"\0\x1a\xff", {"m{m=00:1A:FF}": 1}),
        (_metric("OctetString", display_hint="*1d./1x-"), OCTET_STRING, b"\2\1\2\xaa\xbb", {"m{m=1.2/AA-BB}": 1}),
        (_metric("OctetString", display_hint="broken"), OCTET_STRING, b"\1", {"m{m=0x01}": 1}),
        (_metric("ParseDateAndTime", datetime_pattern="%F %T"), OCTET_STRING, b"2024-02-29 12:00:01", {"m{}": 1709208001}),
        (_metric("ParseDateAndTime", datetime_pattern="%d/%m/%Y %z"), OCTET_STRING, b"01/01/1970 +0700", {"m{}": -25200}),
        (_metric("ParseDateAndTime", datetime_pattern="%F"), OCTET_STRING, b"yesterday", {}),
        (_metric("DisplayString", regex_extracts={"": (RegexExtract("(.*)"),)}), OCTET_STRING, b"23.5", {"m{}": 23.5}),
        (_metric("DisplayString", regex_extracts={"": (RegexExtract("(.*)"),)}), OCTET_STRING, b"23.5 C", {}),
        (_metric("DisplayString", scale=0.5, regex_extracts={
            "C": (RegexExtract("x"), RegexExtract("([0-9]+) (?P<unit>C)", "${1}e1")), "Ok": (RegexExtract(".*", "1"),)}),
         OCTET_STRING, b"3 C", {"mC{}": 15, "mOk{}": 0.5}),
    ],
)  # fmt: skip
def test_settings_of_a_metric(metric: Metric, tag: int, value: Value, expected: dict[str, float]) -> None:
    """Scale, offset, enumerations, hints, patterns and extracts."""
    assert _one(metric, tag, value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("indexes", "arcs", "labels"),
    [
        ((Index("a", "gauge"), Index("b", "Integer32")), "7.4294967295", "a=7,b=4294967295"),
        ((Index("a", "gauge"), Index("b", "gauge")), "7", "a=7,b=0"),
        ((Index("a", "DisplayString"), Index("b", "gauge")), "3.97.98.99.7", "a=abc,b=7"),
        ((Index("a", "DisplayString", 2), Index("b", "gauge")), "97.98.7", "a=ab,b=7"),
        ((Index("a", "DisplayString", 0, True),), "97.98.99", "a=abc"),
        ((Index("a", "DisplayString"), Index("b", "gauge")), "4294967295.97.98", "a=ab,b=0"),
        ((Index("a", "OctetString"), Index("b", "gauge")), "3.1.255.4.7", "a=0x01FF04,b=7"),
        ((Index("a", "OctetString", display_hint="1d."),), "4.192.0.2.1", "a=192.0.2.1"),
        ((Index("a", "PhysAddress48"), Index("b", "gauge")), "0.26.43.60.77.94.7", "a=00:1A:2B:3C:4D:5E,b=7"),
        ((Index("a", "InetAddressIPv4"), Index("b", "gauge")), "192.0.2.1.7", "a=192.0.2.1,b=7"),
        ((Index("a", "InetAddress"), Index("b", "gauge")), "1.4.192.0.2.1.7", "a=192.0.2.1,b=7"),
        ((Index("a", "InetAddress"), Index("b", "gauge")), "16.3.97.98.99.7", "a=0x1003616263,b=7"),
        ((Index("a", "InetAddressMissingSize"), Index("b", "gauge")), "1.192.0.2.1.7", "a=192.0.2.1,b=7"),
        ((Index("a", "LldpPortId"),), "5.0.3.97.98.99", "a=abc"),
        ((Index("a", "EnumAsInfo", enum_values={5: "five"}), Index("b", "EnumAsInfo")), "5.6", "a=five,b=6"),
        ((Index("instance", "gauge"), Index("class", "gauge")), "1.2", "exported_instance=1,exported_class=2"),
    ],
)  # fmt: skip
def test_indexes(indexes: tuple[Index, ...], arcs: str, labels: str) -> None:
    """Parts of an index become labels one after the other; what is missing is zeros, and no length is believed blindly."""
    readings = _compiled(_metric("gauge", indexes=indexes)).series(_rows((f"{COLUMN}.{arcs}", INTEGER, 1)), SeriesCache())
    Layout().block(readings)
    assert list(_flat(readings)) == [f"m{{{labels}}}"]


def test_types_that_other_objects_say() -> None:
    """InetAddress and LldpPortId: the object before says what they are, for values and for lookups."""
    address = Metric("address", "1.3.6.1.2", "InetAddress", "", ROW)
    port = Metric(
        "port", "1.3.6.1.4", "gauge", "", ROW, (Lookup("address", ("row",), "1.3.6.1.2", "InetAddress"), Lookup("row", ()))
    )
    rows = _rows(
        ("1.3.6.1.1.1", INTEGER, 1), ("1.3.6.1.1.2", INTEGER, 16),
        ("1.3.6.1.2.1", OCTET_STRING, b"\xc0\0\2\1"), ("1.3.6.1.2.2", OCTET_STRING, b"ab"),
        ("1.3.6.1.4.1", GAUGE32, 5),
    )  # fmt: skip
    assert _flat(_compiled(address, port).series(rows, SeriesCache())) == {
        "address{row=1,address=192.0.2.1}": 1, "address{row=2,address=0x6162}": 1, "port{address=192.0.2.1}": 5,
    }  # fmt: skip


def test_lookups() -> None:
    """By one label and by two, chained, through an enumeration, missing, and taken away."""
    lookups = (
        Lookup("name", ("a",), "1.3.6.9.1", "DisplayString"),
        Lookup("both", ("a", "b"), "1.3.6.9.2", "OctetString", display_hint="1d-"),
        Lookup("other", ("a",), "1.3.6.9.3", "gauge"),
        Lookup("chained", ("other",), "1.3.6.9.1", "DisplayString"),
        Lookup("state", ("a",), "1.3.6.9.3", "EnumAsInfo", enum_values={2: "two"}),
        Lookup("missing", ("b",), "1.3.6.9.7", "DisplayString"),
        Lookup("a", ("a",), "1.3.6.9.1", "DisplayString"),
        Lookup("b"),
    )
    compiled = _compiled(_metric("gauge", indexes=(Index("a", "gauge"), Index("b", "gauge")), lookups=lookups))
    rows = _rows(
        ("1.3.6.9.1.1", OCTET_STRING, b"one"), ("1.3.6.9.1.2", OCTET_STRING, b"two"), ("1.3.6.9.2.1.5", OCTET_STRING, b"\1\2"),
        ("1.3.6.9.3.1", INTEGER, 2), ("1.3.6.9.3.2", INTEGER, -1),
        (f"{COLUMN}.1.5", INTEGER, 1), (f"{COLUMN}.2.5", INTEGER, 2), (f"{COLUMN}.3.5", INTEGER, 3),
    )  # fmt: skip
    assert _flat(compiled.series(rows, SeriesCache())) == {
        "m{a=one,name=one,both=1-2,other=2,chained=two,state=two,missing=}": 1,
        "m{a=two,name=two,both=,other=-1,chained=,state=-1,missing=}": 2,
        "m{a=,name=,both=,other=,chained=,state=,missing=}": 3,
    }


def test_a_name_that_is_a_label_already() -> None:
    """A text whose name is an index keeps the index's label; an enumeration whose name is an index has no series of its own."""
    rows = _rows((f"{COLUMN}.1", OCTET_STRING, b"x"))
    assert _flat(_compiled(_metric("DisplayString", indexes=(Index("m", "gauge"),))).series(rows, SeriesCache())) == {
        "m{m=1}": 1
    }
    cache = SeriesCache()
    assert _compiled(_metric("EnumAsInfo", indexes=(Index("m", "gauge"),))).series(rows, cache) == []
    assert cache.unread == 0


def test_metrics_of_one_name_share_a_family() -> None:
    """Labels that one of them does not have are empty, which is the same as absent."""
    first = Metric("m", "1.3.6.1.1", "gauge", "First.", (Index("a", "gauge"),))
    second = Metric("m", "1.3.6.1.2", "counter", "Second.", (Index("b", "gauge"),))
    readings = _compiled(first, second).series(_rows(("1.3.6.1.1.1", INTEGER, 1), ("1.3.6.1.2.1", INTEGER, 2)), SeriesCache())
    Layout().block(readings)
    assert _flat(readings) == {"m{a=1,b=}": 1, "m{a=,b=1}": 2}
    assert readings[0][0].help == "First."


def test_the_topmost_metric_takes_the_rows() -> None:
    """A metric below another one gets none; rows that no metric is above give nothing; of a row twice the last counts."""
    compiled = _compiled(Metric("below", "1.3.6.1.1.1", "gauge"), Metric("above", "1.3.6.1.1", "gauge"))
    rows = _rows(("1.3.6.1.1.1.0", INTEGER, 1), ("1.3.6.1.2.0", INTEGER, 5), ("1.3.6.1.1.1.0", INTEGER, 2))
    assert _flat(compiled.series(rows, SeriesCache())) == {"above{}": 2}


def test_rows_with_the_same_labels() -> None:
    """Two rows that give the same labels do not lose the poll: the first stays, the others are counted."""
    lookups = (Lookup("name", ("row",), "1.3.6.9", "DisplayString"), Lookup("row"))
    compiled = _compiled(_metric("gauge", indexes=ROW, lookups=lookups))
    rows = _rows(
        ("1.3.6.9.1", OCTET_STRING, b"eth"), ("1.3.6.9.2", OCTET_STRING, b"eth"),
        (f"{COLUMN}.1", INTEGER, 1), (f"{COLUMN}.2", INTEGER, 2), (f"{COLUMN}.3", OCTET_STRING, b"no number"),
    )  # fmt: skip
    cache = SeriesCache()
    readings = compiled.series(rows, cache)
    Layout().block(readings)
    assert _flat(readings) == {"m{name=eth}": 1}
    assert (cache.duplicates, cache.unread) == (1, 1)


def test_no_more_series_than_a_report_carries() -> None:
    """A table without end costs its surplus rows, not the poll."""
    rows = Rows()
    for number in range(MOST_SERIES + 5):
        rows.add(oid_of(f"{COLUMN}.{number}"), INTEGER, number)
    cache = SeriesCache()
    [(_, series, values)] = _compiled(_metric("gauge", indexes=ROW)).series(rows, cache)
    assert len(series) == len(values) == MOST_SERIES
    assert cache.duplicates == 5


TABLE = (
    _metric("gauge", indexes=ROW, lookups=(Lookup("name", ("row",), f"{COLUMN[:-1]}2", "DisplayString"),)),
    Metric("c", f"{COLUMN[:-1]}3", "counter", "", ROW, (Lookup("name", ("row",), f"{COLUMN[:-1]}2", "DisplayString"),)),
    Metric("when", f"{COLUMN[:-1]}4", "DateAndTime", "", ROW),
    Metric("state", f"{COLUMN[:-1]}5", "EnumAsStateSet", "", ROW, enum_values=STATES),
    Metric("float", f"{COLUMN[:-1]}6", "Float", "", ROW),
)


def _table(gauge: int = 1, name: bytes = b"eth0", day: int = 1, state: int = 1, real: Value = 0.5) -> Rows:
    return _rows(
        (f"{COLUMN}.1", INTEGER, gauge), (f"{COLUMN}.2", INTEGER, gauge + 1),
        (f"{COLUMN[:-1]}2.1", OCTET_STRING, name), (f"{COLUMN[:-1]}3.1", COUNTER64, 2**53 - 2 + gauge),
        (f"{COLUMN[:-1]}3.2", COUNTER64, gauge),
        (f"{COLUMN[:-1]}4.1", OCTET_STRING, bytes((7, 230, 1, day, 0, 0, 0, 0))[: day * 8]),
        (f"{COLUMN[:-1]}5.1", INTEGER, state), (f"{COLUMN[:-1]}6.1", OPAQUE, real),
    )  # fmt: skip


def _objects(readings: Readings) -> list[tuple[int, int]]:
    return [(id(family), id(series)) for family, series, _ in readings]


def test_a_layout_that_stays_keeps_its_objects() -> None:
    """Other numbers and dates: the same families and labels by identity, the new values; also while a counter wraps."""
    compiled, cache = _compiled(*TABLE), SeriesCache()
    first = compiled.series(_table(), cache)
    before = _flat(first)
    second = compiled.series(_table(gauge=3, day=2, real=1.5), cache)
    assert _objects(first) == _objects(second)
    assert _flat(first) == before
    assert _flat(second) == {
        "m{row=1,name=eth0}": 3, "m{row=2,name=}": 4, "c{row=1,name=eth0}": 1, "c{row=2,name=}": 3, "when{row=1}": 1641081600,
        "state{row=1,state=up}": 1, "state{row=1,state=down}": 0, "float{row=1}": 1.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": b"eth1"}, {"m{row=1,name=eth1}": 1, "c{row=1,name=eth1}": 2**53 - 1}),
        ({"day": 0}, {"when{row=1}": None}),
        ({"state": 2}, {"state{row=1,state=up}": 0, "state{row=1,state=down}": 1}),
        ({"state": 9}, {"state{row=1,state=9}": 1}),
        ({"real": b"no float"}, {"float{row=1}": None}),
    ],
)
def test_a_layout_that_changes_is_learnt(changed: dict[str, Any], expected: dict[str, float | None]) -> None:
    """A label, a state, or a text that stops being a date: the next answer is right, and so is the one after the way back."""
    compiled, cache, fresh = _compiled(*TABLE), SeriesCache(), _compiled(*TABLE)
    first = compiled.series(_table(), cache)
    found = _flat(compiled.series(_table(**changed), cache))
    assert {key: found.get(key) for key in expected} == expected
    assert found == _flat(fresh.series(_table(**changed), SeriesCache()))
    again = compiled.series(_table(), cache)
    assert _objects(first) == _objects(again)
    assert _flat(again) == _flat(first)


def test_devices_share_labels() -> None:
    """Equal labels of two devices, and of two columns, are one object."""
    compiled = _compiled(*TABLE)
    first, second = compiled.series(_table(), SeriesCache()), compiled.series(_table(gauge=7), SeriesCache())
    assert _objects(first) == _objects(second)
    assert first[0][1] is first[1][1]


def test_modules_see_rows_of_each_other_once() -> None:
    """Rows whose layout one module knows have its lists afterwards, so that the next module need not compare them."""
    one, other = _compiled(TABLE[0]), _compiled(TABLE[1])
    caches = SeriesCache(), SeriesCache()
    rows = _table()
    one.series(rows, caches[0])
    other.series(rows, caches[1])
    again = _table()
    one.series(again, caches[0])
    assert again.oids is rows.oids
    assert caches[1].layout is not None
    assert again.oids is caches[1].layout.oids


def test_devices_that_answer_alike_share_their_layout() -> None:
    """What a second device of a family costs is its values, and another name of a port is its own."""
    compiled = _compiled(*[metric for metric in TABLE if metric.type in ("gauge", "counter", "DisplayString")])
    one, same, other = SeriesCache(), SeriesCache(), SeriesCache()
    readings = compiled.series(_table(), one)
    assert _flat(compiled.series(_table(gauge=7), same)) != _flat(readings)
    assert same.layout is one.layout
    compiled.series(_table(name=b"another"), other)
    assert other.layout is not one.layout


def _last(*oids: str) -> tuple[bytes, ...]:
    return tuple(oid_of(oid) for oid in oids)


def test_plan_and_filters() -> None:
    """Targets of a filter are asked by GET for the rows that match, in all their filters; a failed one is no filter."""
    filters = (
        Filter("1.3.6.1.2.1.2.2.1.7", ("1.3.6.1.2.1.2.2.1.4", "1.3.6.1.2.1.2.2.1.5"), ("1",)),
        Filter("1.3.6.1.2.1.31.1.1.1.18", ("1.3.6.1.2.1.2.2.1.4",), ("(?i)^uplink", "core")),
    )
    compiled = _compiled(
        walk=("1.3.6.1.2.1.2.2.1.4", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.5"),
        get=("1.3.6.1.2.1.2.2.1.4.9", "1.3.6.1.2.1.1.3.0"), filters=filters,
    )  # fmt: skip
    assert compiled.plan.filters == _last("1.3.6.1.2.1.2.2.1.7", "1.3.6.1.2.1.31.1.1.1.18")
    rows = _rows(
        ("1.3.6.1.2.1.2.2.1.7.1", INTEGER, 1), ("1.3.6.1.2.1.2.2.1.7.2", INTEGER, 2), ("1.3.6.1.2.1.2.2.1.7.300", INTEGER, 1),
        ("1.3.6.1.2.1.31.1.1.1.18.1", OCTET_STRING, b"UPLINK"), ("1.3.6.1.2.1.31.1.1.1.18.300", OCTET_STRING, b"desk"),
    )  # fmt: skip
    plan = compiled.plan_with_filters(rows)
    assert plan.walks == _last("1.3.6.1.2.1.2.2.1.2")
    assert plan.gets == _last("1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.2.2.1.4.1", "1.3.6.1.2.1.2.2.1.5.1", "1.3.6.1.2.1.2.2.1.5.300")
    assert compiled.plan_with_filters(Rows(), compiled.plan.filters) == msgspec.structs.replace(compiled.plan, filters=())


def test_scrape_families() -> None:
    """What snmp_exporter says of a poll itself."""
    readings = scrape_readings("if_mib", (0.5, 3, 1, 70, 0.6))
    Layout().block(readings)
    assert _flat(readings) == {
        "snmp_scrape_walk_duration_seconds{module=if_mib}": 0.5, "snmp_scrape_packets_sent{module=if_mib}": 3,
        "snmp_scrape_packets_retried{module=if_mib}": 1, "snmp_scrape_pdus_returned{module=if_mib}": 70,
        "snmp_scrape_duration_seconds{module=if_mib}": 0.6,
    }  # fmt: skip


def test_override_is_a_setting_of_files_only() -> None:
    """Whoever compiles a module by hand has worked its overrides in."""
    assert _compiled(_metric("gauge"), overrides={"m": Override(ignore=True)}).families.keys() == {"m"}
