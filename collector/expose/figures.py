"""A few figures of a host for people: busy ratio, load, memory, the fullest file system, uptime.

Read from the newest values by the names that Prometheus users know; a figure that cannot be told is left out.
"""

from __future__ import annotations

import struct

import msgspec

from agent.model import Schema
from collector.core.fleet import RATE_FAMILY, Live, Target
from collector.core.schemas import SchemaBook

_SINGLE = {
    "node_load1": "load1",
    "node_memory_MemTotal_bytes": "memory_total",
    "node_memory_MemAvailable_bytes": "memory_available",
}
_SIZE, _AVAILABLE, _UNAME = "node_filesystem_size_bytes", "node_filesystem_avail_bytes", "node_uname_info"
_NAMES = frozenset({*_SINGLE, RATE_FAMILY, _SIZE, _AVAILABLE, _UNAME})
_ALWAYS_FULL = frozenset({"iso9660", "squashfs", "udf", "cramfs", "erofs"})
_PLANS_KEPT = 20_000


class Figures(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is told of a host; ratios are 0 to 1."""

    cpu_busy_ratio: float | None = None
    """Share of CPU time not idle between the last two reports."""
    load1: float | None = None
    memory_used_ratio: float | None = None
    memory_total_bytes: int | None = None
    filesystem_used_ratio: float | None = None
    """Of the fullest file system, by the space that users can still take."""
    filesystem_mountpoint: str | None = None
    uptime_s: int | None = None
    system: str | None = None
    """Operating system and release."""


class _Plan(msgspec.Struct):
    """Where the values stand in a block of one schema."""

    singles: list[tuple[str, int]] = []
    idle: list[int] = []
    busy: list[int] = []
    sizes: dict[str, int] = {}
    available: dict[str, int] = {}
    system: str = ""


class FigureReader:
    """Reads figures; remembers per schema where they stand."""

    def __init__(self, book: SchemaBook) -> None:
        self._book = book
        self._plans: dict[bytes, _Plan] = {}

    def read(self, target: Target, now_ms: int) -> Figures:
        """The figures of the target's values that still hold."""
        found: dict[str, float] = {}
        words: dict[str, str] = {}
        for live in target.modules.values():
            evidence = live.evidence
            if evidence is None or live.expires_ms < now_ms:
                continue
            if evidence.uptime_ms and live.digests:
                found["uptime"] = max(found.get("uptime", 0.0), (evidence.uptime_ms + max(0, now_ms - evidence.t_ms)) / 1000)
            for position, entry in enumerate(live.entries):
                if entry is not None and not entry.shape.names.isdisjoint(_NAMES):
                    self._read_block(live, position, entry.size, found, words)
        return _figures(found, words)

    def _read_block(self, live: Live, position: int, size: int, found: dict[str, float], words: dict[str, str]) -> None:
        plan = self._plan(live.digests[position])
        data = live.values[position]
        if plan is None or len(data) != 8 * size:
            return
        values = struct.unpack(f"<{size}d", data)
        for key, index in plan.singles:
            found[key] = values[index]
        if plan.system:
            words["system"] = plan.system
        if plan.busy and position == live.rate_at and len(live.before) == len(data):
            before = struct.unpack(f"<{size}d", live.before)
            steps = [now - then for now, then in zip(values, before, strict=True)]
            idle, busy = sum(steps[i] for i in plan.idle), sum(steps[i] for i in plan.busy)
            if idle >= 0 and busy >= 0 and idle + busy > 0:
                found["cpu"] = busy / (idle + busy)
        for mountpoint, index in plan.sizes.items():
            total, available = values[index], values[plan.available.get(mountpoint, index)]
            ratio = 1 - available / total if total > 0 else 0.0
            if found.get("filesystem", -1.0) < ratio <= 1.0:
                found["filesystem"] = ratio
                words["mountpoint"] = mountpoint

    def _plan(self, digest: bytes) -> _Plan | None:
        plan = self._plans.get(digest)
        if plan is not None:
            return plan
        schema = self._book.resolve(digest)
        if schema is None:
            return None
        if len(self._plans) >= _PLANS_KEPT:
            self._plans.clear()
        plan = self._plans[digest] = _make_plan(schema)
        return plan


def _make_plan(schema: Schema) -> _Plan:
    plan = _Plan()
    index = 0
    for column in schema.columns:
        name, keys = column.family.name, column.family.labels
        for row in column.series:
            labels = dict(zip(keys, row, strict=True))
            _place(plan, name, labels, index)
            index += 1
    return plan


def _place(plan: _Plan, name: str, labels: dict[str, str], index: int) -> None:
    if name in _SINGLE and not labels:
        plan.singles.append((_SINGLE[name], index))
    elif name == RATE_FAMILY:
        (plan.idle if labels.get("mode") in ("idle", "iowait") else plan.busy).append(index)
    elif name in (_SIZE, _AVAILABLE) and labels.get("fstype") not in _ALWAYS_FULL:
        places = plan.sizes if name == _SIZE else plan.available
        places[labels.get("mountpoint", "")] = index
    elif name == _UNAME:
        plan.system = f"{labels.get('sysname', '')} {labels.get('release', '')}".strip()


def _figures(found: dict[str, float], words: dict[str, str]) -> Figures:
    total, available = found.get("memory_total", 0.0), found.get("memory_available")
    known = total > 0 and available is not None
    return Figures(
        cpu_busy_ratio=_ratio(found.get("cpu")),
        load1=found.get("load1"),
        memory_used_ratio=_ratio(1 - (available or 0.0) / total) if known else None,
        memory_total_bytes=int(total) if 0 < total < 2**63 else None,
        filesystem_used_ratio=_ratio(found.get("filesystem")),
        filesystem_mountpoint=words.get("mountpoint"),
        uptime_s=int(found["uptime"]) if "uptime" in found else None,
        system=words.get("system"),
    )


def _ratio(value: float | None) -> float | None:
    return None if value is None or not 0.0 <= value <= 1.0 else round(value, 4)
