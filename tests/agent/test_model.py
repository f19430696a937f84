"""The shared values: a schema's identity and size."""

from __future__ import annotations

from agent.model import SCHEMA_HASH_BYTES, Column, Family, MetricType, Schema, schema_hash

LOAD = Family("node_load1", MetricType.GAUGE, "1m load average.")
CPU = Family("node_cpu_seconds_total", MetricType.COUNTER, "Seconds the CPUs spent in each mode.", ("cpu", "mode"))


def test_size_counts_every_series_of_every_column() -> None:
    assert Schema((Column(LOAD), Column(CPU, (("0", "idle"), ("0", "user"))))).size == 3


def test_equal_layouts_have_equal_hashes_and_any_difference_shows() -> None:
    base = Schema((Column(LOAD), Column(CPU, (("0", "idle"),))))
    assert schema_hash(base) == schema_hash(Schema((Column(LOAD), Column(CPU, (("0", "idle"),)))))
    assert len(schema_hash(base)) == SCHEMA_HASH_BYTES
    others = [
        Schema((Column(CPU, (("0", "idle"),)), Column(LOAD))),
        Schema((Column(LOAD), Column(CPU, (("1", "idle"),)))),
        Schema((Column(Family("node_load1", MetricType.COUNTER, LOAD.help)), Column(CPU, (("0", "idle"),)))),
    ]
    assert len({schema_hash(base), *map(schema_hash, others)}) == 4
