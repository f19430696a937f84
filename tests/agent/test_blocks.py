"""Readings become blocks; the layout is looked at only when a reader hands out other objects."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.blocks import Layout
from agent.model import Family, MetricType, Readings
from agent.wire import Limits, WireError, check_schema, decode_schema

BYTES = Family("node_x_bytes", MetricType.GAUGE, "Bytes.", ("device",))
TOTAL = Family("node_y_total", MetricType.COUNTER)
PAIR = (("sda",), ("sdb",))
ONE = ((),)


def test_block_holds_values_in_the_schemas_order() -> None:
    """Little-endian float64, family after family; the hash is that of the encoded schema."""
    layout = Layout()
    block = layout.block([(BYTES, PAIR, [1.0, 2.5]), (TOTAL, ONE, [7])])
    assert struct.unpack("<3d", block.values) == (1.0, 2.5, 7.0)
    digest, schema = check_schema(layout.encoded, Limits())
    assert digest == block.schema == layout.hash
    assert [(column.family, column.series) for column in schema.columns] == [(BYTES, PAIR), (TOTAL, ONE)]


def test_same_objects_keep_the_layout() -> None:
    """While families and series are the same objects nothing is computed anew."""
    layout = Layout()
    first = layout.block([(BYTES, PAIR, [1.0, 2.0])])
    encoded = layout.encoded
    second = layout.block([(BYTES, PAIR, [3.0, 4.0])])
    assert second.schema is first.schema
    assert layout.encoded is encoded
    assert layout.changes == 1


def test_equal_objects_give_the_same_hash() -> None:
    """A reader that makes its objects anew costs time, not a new schema."""
    layout = Layout()
    names = ["sda", "sdb"]
    first = layout.block([(BYTES, tuple((name,) for name in names), [1.0, 2.0])])
    second = layout.block([(BYTES, tuple((name,) for name in names), [1.0, 2.0])])
    assert second.schema == first.schema
    assert layout.changes == 1


def test_other_series_change_the_schema() -> None:
    """A device that comes is a new layout, and one that goes too."""
    layout = Layout()
    small = layout.block([(BYTES, (("sda",),), [1.0])])
    large = layout.block([(BYTES, PAIR, [1.0, 2.0])])
    assert small.schema != large.schema
    assert layout.changes == 2
    assert layout.block([(BYTES, (("sda",),), [1.0])]).schema == small.schema


def test_families_without_series_are_left_out() -> None:
    """An empty family is no column, and stays none while the reader repeats it."""
    layout = Layout()
    none: tuple[tuple[str, ...], ...] = ()
    readings: Readings = [(BYTES, none, []), (TOTAL, ONE, [1.0])]
    assert layout.block(readings).values == struct.pack("<d", 1.0)
    assert layout.block(readings).values == struct.pack("<d", 1.0)
    assert [column.family for column in decode_schema(layout.encoded).columns] == [TOTAL]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0]])
def test_values_must_match_series(values: list[float]) -> None:
    """More or fewer values than series is the reader's mistake and is named; the layout stays good."""
    layout = Layout()
    good = layout.block([(BYTES, PAIR, [1.0, 2.0])])
    with pytest.raises(ValueError, match=rf"node_x_bytes: {len(values)} values for 2 series"):
        layout.block([(BYTES, PAIR, values)])
    assert layout.block([(BYTES, PAIR, [1.0, 2.0])]) == good


@pytest.mark.parametrize(
    "readings",
    [
        [(TOTAL, ONE, [1.0]), (TOTAL, ONE, [1.0])],
        [(Family("bad name", MetricType.GAUGE), ONE, [1.0])],
        [(Family("node_x", MetricType.GAUGE, "", ("instance",)), (("a",),), [1.0])],
        [(BYTES, (("sda",), ("sda",)), [1.0, 2.0])],
        [(BYTES, (("x" * 3_000,),), [1.0])],
    ],
)
def test_what_the_wire_refuses_never_leaves_the_agent(readings: Readings) -> None:
    """Names, labels and duplicates the collector would refuse are refused here, where they cost one reader."""
    with pytest.raises(WireError):
        Layout().block(readings)


@given(st.lists(st.floats(), max_size=40))
def test_values_survive(values: list[float]) -> None:
    """Every float arrives bit by bit, NaN and infinities too."""
    series = tuple((str(index),) for index in range(len(values)))
    block = Layout().block([(BYTES, series, values)])
    assert block.values == struct.pack(f"<{len(values)}d", *values)
