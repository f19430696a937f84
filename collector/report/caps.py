"""Maintenance used against the contract's cap (R11.6): by site and class, as the most that one of their targets had."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from collector.core.monthly import Line, Report
from collector.report.layout import Layout
from collector.report.names import ALL


class Cap(msgspec.Struct, frozen=True):
    """One site or class. Milliseconds; `used_ms` is measured on the union of the windows of one target (R11.1)."""

    id: str
    kind: str
    targets: int
    used_ms: int
    most: str
    """The target that used it."""
    cap_ms: int
    beyond: int
    """Targets that used more than the cap."""


def caps(report: Report, layout: Layout) -> list[Cap]:
    """Every site and class with maintenance, in the order of the headline; empty without a cap. A period of several months has
    as many caps."""
    if not layout.maintenance_cap_ms:
        return []
    cap_ms = layout.maintenance_cap_ms * months(report)
    by_site: dict[str, dict[str, int]] = {}
    by_class: dict[str, dict[str, int]] = {}
    for line in report.subjects:
        if line.kind == "target":
            _most(by_site.setdefault(line.site, {}), line)
            _most(by_class.setdefault(line.class_, {}), line)
    out = []
    for line in _once(report.headline):
        targets = by_site.get(line.site, {}) if line.kind == "site" else by_class.get(line.class_, {})
        used = dict(targets)
        if line.kind == "site":
            _most(used, line)  # a window may name the site itself (R15.2)
        if any(used.values()):
            most = max(used, key=lambda id_: (used[id_], id_))
            beyond = sum(ms > cap_ms for ms in targets.values())
            out.append(Cap(line.id, line.kind, len(targets), used[most], most, cap_ms, beyond))
    return out


def months(report: Report) -> int:
    """Calendar months of the report's zone that the period touches."""
    zone = ZoneInfo(report.zone)
    first, last = (datetime.fromtimestamp(ms // 1000, UTC).astimezone(zone) for ms in (report.from_ms, report.to_ms - 1))
    return (last.year - first.year) * 12 + last.month - first.month + 1


def _most(used: dict[str, int], line: Line) -> None:
    used[line.id] = max(used.get(line.id, 0), line.figures.maintenance)


def _once(headline: Iterable[Line]) -> list[Line]:
    """Sites and classes, one line of each."""
    return list({line.id: line for line in headline if line.kind == "site" or line.id.startswith(f"{ALL}:")}.values())
