"""What a device answered, by objects: texts, numbers in texts, columns and their rows, layouts that are shared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets.ber import oid_of
from agent.snmp.answers import Counts, Layouts, Sort, number_of, plain, text
from agent.snmp.rows import GAUGE32, INTEGER, IP_ADDRESS, OBJECT_IDENTIFIER, OCTET_STRING, OPAQUE, Rows
from tests.agent.snmp.reading_kit import rows

LINE = oid_of("1.3.6.1.4.1.99999.1")
OTHER = oid_of("1.3.6.1.4.1.99999.1.2")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("23.5", 23.5), (" 42 ", 42), ("-7", -7), ("+3", 3), ("1 %", 1), ("99%", 99), ("21.5 C", 21.5), ("21°C", 21),
        ("230V", 230), ("1200 rpm", 1200), ("0.01", 0.01), ("", None), ("n/a", None), ("1,5", None), ("12abc", None),
        ("1e5", None), ("0x10", None),
        ("--1", None), ("1 2", None), ("inf", None), ("nan", None), ("9" * 30, None), ("٣", None),
    ],
)  # fmt: skip
def test_number_in_a_text(found: str, expected: float | None) -> None:
    """A number with at most a unit behind it; anything else is absent and counted."""
    counts = Counts()
    assert number_of(found, counts) == expected
    assert counts.unparsable == (expected is None)


@pytest.mark.parametrize(
    ("value", "tag", "sort", "expected"),
    [
        (5, INTEGER, Sort.TEXT, 5), (5, GAUGE32, Sort.NUMBER, 5), (2.5, OPAQUE, Sort.NUMBER, 2.5),
        (None, INTEGER, Sort.NUMBER, None),
        (float("nan"), OPAQUE, Sort.NUMBER, None), (float("inf"), OPAQUE, Sort.NUMBER, None),
        (b"12 V", OCTET_STRING, Sort.NUMBER, 12.0), (b"12 V", OCTET_STRING, Sort.TEXT, "12 V"),
        (b"\x00\x1b\x21\xaa\xbb\xcc", OCTET_STRING, Sort.MAC, "00:1b:21:aa:bb:cc"),
        (b"\x01\xfe", OCTET_STRING, Sort.HEX, "0x01FE"),
        (oid_of("1.3.6.1.4.1.9"), OBJECT_IDENTIFIER, Sort.TEXT, "1.3.6.1.4.1.9"), (b"\xff", OBJECT_IDENTIFIER, Sort.TEXT, None),
        (bytes((192, 0, 2, 7)), IP_ADDRESS, Sort.NUMBER, "192.0.2.7"),
    ],
)  # fmt: skip
def test_plain(value: Any, tag: int, sort: Sort, expected: Any) -> None:
    """Numbers stay numbers; octets are read as what the object is said to be."""
    assert plain(value, tag, sort, Counts()) == expected


@given(st.binary(max_size=2_000))
def test_text_is_one_bounded_line(data: bytes) -> None:
    """Whatever the octets, text is one line without control characters, of at most 255 characters."""
    found = text(data)
    assert len(found) <= 255
    assert found == found.strip()
    assert not any(character < " " for character in found)


def test_columns_and_scalars() -> None:
    """A column's rows are those below its whole OID; a scalar is the one with index 0."""
    base = "1.3.6.1.4.1.99999"
    found = rows({f"{base}.1.0": 5, f"{base}.1.2.1": 6, f"{base}.1.2.300": 7, f"{base}.10.1": 8, f"{base}.1.2.2.4294967295": 9})
    layout = Layouts([LINE, OTHER]).of(found)
    assert layout.scalar(LINE) == 0
    assert layout.scalar(OTHER) == -1
    assert layout.column(OTHER).indexes == (b"\x01", b"\x82\x2c", b"\x02\x8f\xff\xff\xff\x7f")
    assert tuple(layout.column(OTHER).places) == (1, 2, 4)
    assert tuple(layout.column(OTHER).over((b"\x01", b"\x09"))) == (1, -1)


def test_a_row_twice_counts_once() -> None:
    """An agent that repeats a row gives one row, the last."""
    found = rows({"1.3.6.1.4.1.99999.1.2.1": 1})
    found.extend(rows({"1.3.6.1.4.1.99999.1.2.1": 2}))
    assert Layouts([OTHER]).of(found).column(OTHER).place(b"\x01") == 1


def test_equal_answers_share_a_layout_and_few_are_kept() -> None:
    """The OIDs and tags decide; old layouts are let go."""
    layouts = Layouts([OTHER], most=2)
    first = layouts.of(rows({"1.3.6.1.4.1.99999.1.2.1": 1}))
    assert layouts.of(rows({"1.3.6.1.4.1.99999.1.2.1": 9})) is first
    assert layouts.of(rows({"1.3.6.1.4.1.99999.1.2.1": "9"})) is not first
    assert first.is_of(rows({"1.3.6.1.4.1.99999.1.2.1": 3}))
    layouts.of(rows({"1.3.6.1.4.1.99999.1.2.2": 1}))
    assert layouts.of(rows({"1.3.6.1.4.1.99999.1.2.1": 9})) is not first


def test_layouts_are_bounded_by_their_rows() -> None:
    """A large table that is another with each poll pushes out the oldest; one that stays is shared."""
    layouts = Layouts([b"\x2b"], most=100, most_rows=1_000)
    kept = Rows([b"\x2b\x01"], [2], [1])
    first = layouts.of(kept)
    for number in range(50):
        large = Rows([b"\x2b\x02" + bytes([number, row]) for row in range(100)], [2] * 100, [0] * 100)
        assert layouts.of(large) is layouts.of(large)
        assert layouts.of(kept) is first
    assert layouts._rows == sum(len(oids) for oids, _ in layouts._known) <= 1_000
