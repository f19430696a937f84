"""The report as JSON for programs: exact integers of milliseconds with the printed figures beside them; times in UTC.

Same report, same bytes: members stand in a fixed order and nothing depends on when or where it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from collector.core.figures import Figures
from collector.core.monthly import IncidentLine, Line, LostTime, Report
from collector.core.policy import POLICIES
from collector.report.caps import caps
from collector.report.layout import Layout
from collector.report.percent import coverage, high, is_insufficient, low, objective, reached, unreached
from collector.report.progress import Progress, counted
from collector.report.rfc3339 import instant
from collector.report.tables import uncertainty, whole

FORMAT: Final = "haidang-report-1"
"""Says what the document is; the number grows when a member changes its meaning."""

_STATES: Final = ("ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "doubt")
_MORE: Final = ("future_ast", "charged", "closed_ms", "maint_up", "maint_down", "up_backfill", "up_inferred", "soft_fail")


def render(report: Report, language: str, layout: Layout, progress: Progress | None = None) -> bytes:
    """The document in one line; `language` chooses the words of the policies only."""
    headline, subjects = report.headline, report.subjects
    total = len(headline) + len(subjects)
    written = [_line(line, layout) for line in counted((*headline, *subjects), total, progress)]
    document = {
        "format": FORMAT,
        "scope": report.title_site,
        "period": report.period,
        "from": instant(report.from_ms),
        "to": instant(report.to_ms),
        "zone": report.zone,
        "status": report.status,
        "version": report.version,
        "provenance": _provenance(report),
        "policies": _policies(report, language),
        "parameters": [_plain(each) for each in report.parameters],
        "headline": written[: len(headline)],
        "subjects": written[len(headline) :],
        "lost": [_lost(each) for each in report.lost],
        "incidents": [_incident(each) for each in report.incidents],
        "windows": [_plain(each) for each in report.windows],
        "maintenance_caps": [_plain(each) for each in caps(report, layout)],
        "corrections": [_plain(each) for each in report.corrections],
        "incidents_left_out": report.incidents_left_out,
        "unknown": [_plain(each) for each in report.unknown],
        "unknown_left_out": report.unknown_left_out,
        "restatements": [_plain(each) for each in report.restatements],
    }
    return msgspec.json.encode(document) + b"\n"


def _provenance(report: Report) -> dict[str, Any]:
    p = report.provenance
    return {
        "known_at": instant(p.known_ms),
        "chain_head": p.chain_head,
        "code_version": p.code_version,
        "tzdata_version": p.tzdata_version,
        "config_version": p.config_version,
        "collector_coverage_ppm": report.collector_coverage_ppm,
    }


def _policies(report: Report, language: str) -> dict[str, str]:
    """Every policy that a figure was counted by, in words (R12.2)."""
    used = sorted({line.policy for line in (*report.headline, *report.subjects)})
    return {name: POLICIES[name].text[language] if name in POLICIES else "" for name in used}


def _line(line: Line, layout: Layout) -> dict[str, Any]:
    f = line.figures
    return {
        "id": line.id,
        "name": line.name,
        "names": dict(sorted(line.names.items())),
        "kind": line.kind,
        "site": line.site,
        "class": line.class_,
        "view": line.view.value,
        "decides": line.decides,
        "policy": line.policy,
        "verdict": f.verdict.value,
        "provisional": f.provisional,
        "insufficient": is_insufficient(f, layout.min_coverage),
        "printed": _printed(f, layout.digits),
        "objective_ppm": whole(f.slo * 1_000_000),
        **{f"{name}_ms" if not name.endswith("_ms") else name: getattr(f, name) for name in (*_STATES, *_MORE)},
        "incidents": f.incidents,
        "incidents_started": f.incidents_started,
        "closed_count": f.closed_count,
        "mttr_ms": whole(f.mttr),
        "mtbf_ms": whole(f.mtbf),
        "mtbsi_ms": whole(f.mtbsi),
        "mttr_closed_ms": whole(f.mttr_closed),
        "budget_total_ms": whole(f.budget_total),
        "budget_left_ms": whole(f.budget_left),
        "resolution_ms": line.resolution_ms,
        "merge_gap_ms": line.merge_gap_ms,
        "uncertainty_ms": uncertainty(line),
    }


def _printed(f: Figures, digits: int) -> dict[str, str | None]:
    return {
        "objective": objective(f.slo),
        "availability": reached(f, digits),
        "unavailability": unreached(f, digits),
        "low": low(f, digits),
        "high": high(f, digits),
        "coverage": coverage(f),
    }


def _lost(each: LostTime) -> dict[str, Any]:
    return {"subject": each.subject, "view": each.view.value, "total_ms": each.total_ms, "by_cause_ms": dict(each.by_cause)}


def _incident(each: IncidentLine) -> dict[str, Any]:
    out = _plain(each)
    out["detection_delay_ms"] = each.hard_ms - each.onset_ms if each.hard_ms else None
    out["duration_ms"] = each.restored_ms - each.onset_ms if each.restored_ms else None
    return out


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    """A line of a list as it is, but for instants, which are written out (`onset_ms` becomes `onset`)."""
    return dict(_members(struct))


def _members(struct: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if name in _INSTANTS:
            yield name.removesuffix("_ms"), instant(value) if value else None
        else:
            yield name, value.value if hasattr(value, "value") else value


_INSTANTS: Final = frozenset({"onset_ms", "hard_ms", "restored_ms", "from_ms", "to_ms", "received_ms"})
