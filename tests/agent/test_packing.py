"""Readings into blocks: everything arrives once, large tables in parts, and one bad part costs itself only."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Block, Family, MetricType, Readings
from agent.packing import MOST_BYTES, Packer
from agent.results import Schemas
from agent.wire import Limits, decode_schema


def unpacked(blocks: list[Block], schemas: dict[bytes, bytes]) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every series of the blocks with its value; a series twice is an error."""
    found: dict[tuple[str, tuple[str, ...]], float] = {}
    for block in blocks:
        numbers = iter(memoryview(block.values).cast("d"))
        for column in decode_schema(schemas[block.schema]).columns:
            for labels in column.series:
                assert (column.family.name, labels) not in found
                found[column.family.name, labels] = next(numbers)
        assert next(numbers, None) is None
    return found


def packed(packer: Packer, readings: Readings) -> tuple[list[Block], dict[bytes, bytes]]:
    blocks: list[Block] = []
    schemas = Schemas()
    packer.pack(readings, blocks, schemas)
    return blocks, dict(schemas)


def family(name: str, width: int = 1) -> Family:
    return Family(name, MetricType.GAUGE, "", tuple(f"l{number}" for number in range(width)))


def test_a_usual_device_is_one_block_and_stays_it() -> None:
    """The same layout gives the same schema; another value another block."""
    packer, one = Packer("d"), family("a")
    labels = (("x",), ("y",))
    first, schemas = packed(packer, [(one, labels, [1.0, 2.0])])
    second, _ = packed(packer, [(one, labels, [3.0, 4.0])])
    assert len(first) == len(second) == 1
    assert first[0].schema == second[0].schema
    assert unpacked(second, schemas) == {("a", ("x",)): 3.0, ("a", ("y",)): 4.0}


def test_a_table_of_ten_thousand_ports_travels_in_parts() -> None:
    """Each within what the wire takes, and in the same parts at the next poll."""
    packer = Packer("d")
    labels = tuple((str(number), f"GigabitEthernet{number}", "x" * 60) for number in range(10_000))
    readings = [(family(f"m{number}", 3), labels, [float(number)] * 10_000) for number in range(3)]
    blocks, schemas = packed(packer, readings)
    assert len(blocks) > 3
    assert all(len(schema) <= Limits().schema_bytes for schema in schemas.values())
    assert len(unpacked(blocks, schemas)) == 30_000
    again, _ = packed(packer, readings)
    assert [block.schema for block in again] == [block.schema for block in blocks]


def test_what_the_wire_refuses_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Two series with the same labels cost their part, at every poll, without a new look."""
    packer = Packer("sw-1")
    wrong = [(family("a"), (("x",), ("x",)), [1.0, 2.0])]
    with caplog.at_level(logging.WARNING):
        assert packed(packer, wrong) == ([], {})
        assert packed(packer, wrong) == ([], {})
    assert len(caplog.records) == 1
    right = [(family("a"), (("x",), ("y",)), [1.0, 2.0])]
    assert len(packed(packer, right)[0]) == 1


@given(st.lists(st.lists(st.integers(0, 60_000), min_size=1, max_size=12), max_size=5))
def test_every_series_arrives_once(tables: list[list[int]]) -> None:
    """However long labels are and however they fall into parts."""
    packer = Packer("d")
    readings: list[tuple[Family, tuple[tuple[str, ...], ...], list[float]]] = []
    for number, sizes in enumerate(tables):
        rows = tuple((f"{row}-" + "y" * min(size, 2_000),) for row, size in enumerate(sizes))
        readings.append((family(f"m{number}"), rows, [float(row) for row in range(len(rows))]))
    for _ in range(2):
        blocks, schemas = packed(packer, readings)
        expected = {(one.name, row): value for one, rows, numbers in readings for row, value in zip(rows, numbers, strict=True)}
        assert unpacked(blocks, schemas) == expected
    assert Limits().schema_bytes > MOST_BYTES
