"""Small makers for tests of the live picture and its exposition."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from agent.model import Block, Column, Family, Kind, Lane, MetricType, Outcome, Reason, Report, Schema, schema_hash
from collector.core.evidence import Evidence, Grade, TargetInfo, TimeQuality
from collector.core.fleet import Fleet
from collector.core.schemas import BookLimits, SchemaBook, pack
from collector.core.tally import Tally

NOW = 1_790_000_000_000
"""2026-09-21T14:13:20Z."""
INTERVAL = 15_000
TTL = 37_500


def info(name: str, site: str = "dc", class_: str = "server", via: str = "", silence: str = "unknown") -> TargetInfo:
    return TargetInfo(name, site, class_, via or name, silence)


def make_fleet(*names: str, limits: BookLimits | None = None) -> Fleet:
    fleet = Fleet(SchemaBook(limits), Tally())
    fleet.set_targets([info(name) for name in names])
    return fleet


def evidence(target: str, module: str = "host", t: int = NOW, **change: object) -> Evidence:
    fields: dict[str, object] = {
        "target": target, "observer": target, "module": module, "kind": Kind.REPORT, "t_ms": t, "rx_ms": t + 100,
        "outcome": Outcome.OK, "reason": Reason.NONE, "detail": "", "interval_ms": INTERVAL, "stream": "s1", "boot": "b1",
        "lane": Lane.BULK, "seq": 1, "uptime_ms": 3_600_000, "awake_ms": 3_600_000, "wall_ms": t, "grade": Grade.LIVE,
        "quality": TimeQuality.MEASURED,
    }  # fmt: skip
    return Evidence(**{**fields, **change})  # type: ignore[arg-type]


def gauge(name: str, *labels: str, about: str = "") -> Family:
    return Family(name, MetricType.GAUGE, about, labels)


def counter(name: str, *labels: str, about: str = "") -> Family:
    return Family(name, MetricType.COUNTER, about, labels)


def schema(*columns: tuple[Family, Sequence[tuple[str, ...]]]) -> Schema:
    return Schema(tuple(Column(family, tuple(series)) for family, series in columns))


def values(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def show(fleet: Fleet, target: str, *blocks: tuple[Schema, bytes], module: str = "host", t: int = NOW) -> None:
    """The target reports these blocks; its agent sent the schemas before."""
    found = fleet.get(target)
    assert found is not None
    for one, _ in blocks:
        fleet.book.add(found.info.via, schema_hash(one), pack(one))
    apply(fleet, target, *[Block(schema_hash(one), data) for one, data in blocks], module=module, t=t)


def apply(fleet: Fleet, target: str, *blocks: Block, module: str = "host", t: int = NOW) -> None:
    report = Report(1, target, module, Kind.REPORT, t, 1, 1, blocks=blocks, interval_ms=INTERVAL)
    fleet.apply(evidence(target, module, t), report)
