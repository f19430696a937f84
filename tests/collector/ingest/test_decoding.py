"""From a body to a batch: what a decoded batch costs is bounded whatever is in it."""

from __future__ import annotations

import tracemalloc
import zlib

import msgspec

from agent import wire
from agent.model import Schema, schema_hash
from collector.ingest.decoding import decode
from tests.collector.fleet_kit import gauge, schema

MIB = 1024 * 1024


def wide(number: int, series: int) -> Schema:
    return schema((gauge(f"m{number}", "a"), [(f"{n:x}",) for n in range(series)]))


def body(*schemas: Schema) -> bytes:
    raws = tuple(msgspec.Raw(wire.encode(one)) for one in schemas)
    return wire.encode(wire.Batch(1, "s", "b", 1, 1, 1, schemas=raws))


def test_schemas_are_kept_packed_with_the_hash_of_what_they_are() -> None:
    made = [wide(number, 1 + 400 * number) for number in range(3)]
    found = decode(body(*made), wire.Limits(), deflated=False).schemas
    assert [digest for digest, _ in found] == [schema_hash(one) for one in made]
    assert [packed.body for _, packed in found] == [wire.encode(one) for one in made]
    assert [packed.size for _, packed in found] == [1, 401, 801]


def test_a_batch_full_of_schemas_takes_little_more_memory_than_its_bytes() -> None:
    """All of them decoded would take thirty times as much; they are looked at one by one."""
    plain = body(*[wide(number, 2_500) for number in range(85)])
    assert 0.95 * MIB < len(plain) < MIB
    packed = zlib.compress(plain)
    decode(packed, wire.Limits(), deflated=True)
    tracemalloc.start()
    try:
        assert len(decode(packed, wire.Limits(), deflated=True).schemas) == 85
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB
