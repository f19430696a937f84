"""The report as CSV: one row for each headline line and each subject, for programs. UTF-8, RFC 4180, always a decimal point.

Texts come from configuration; one that a spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from collector.core.monthly import Line, Report
from collector.report.layout import Layout
from collector.report.percent import coverage, high, is_insufficient, low, objective, reached
from collector.report.progress import Progress, counted
from collector.report.rfc3339 import instant

HEAD: Final = (
    "period", "status", "version", "known_at", "part", "kind", "id", "name", "site", "class", "view", "policy",
    "objective_percent", "availability_percent", "low_percent", "high_percent", "verdict", "provisional", "coverage_percent",
    "insufficient", "ast_ms", "maintenance_ms", "up_ms", "degraded_ms", "down_ms", "unreachable_ms", "unknown_ms", "good_ms",
    "bad_ms", "doubt_ms", "future_ast_ms", "incidents", "incidents_started", "charged_ms", "closed_count", "closed_ms",
    "maint_up_ms", "maint_down_ms", "up_backfill_ms", "up_inferred_ms", "soft_fail_ms", "resolution_ms",
)  # fmt: skip
"""Columns in their order; new ones are added at the end."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BOM: Final = "\ufeff"


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def render(report: Report, layout: Layout, progress: Progress | None = None, *, bom: bool = False) -> bytes:
    """The file. `bom` puts a byte order mark in front, by which old spreadsheets know UTF-8; programs rather want none."""
    out = io.StringIO()
    out.write(BOM if bom else "")
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(HEAD)
    total = len(report.headline) + len(report.subjects)
    write.writerows(counted(_rows(report, layout), total, progress))
    return out.getvalue().encode()


def _rows(report: Report, layout: Layout) -> Iterator[Sequence[Any]]:
    for part, lines in (("headline", report.headline), ("subject", report.subjects)):
        first = (
            safe(report.period), report.status, report.version, instant(report.provenance.known_ms), part,
        )  # fmt: skip
        for line in lines:
            yield first + _row(line, layout)


def _row(line: Line, layout: Layout) -> tuple[Any, ...]:
    f, digits = line.figures, layout.digits
    figure = reached(f, digits)
    # Without unknown time the bounds are the figure (3.12): most lines need one printing, not three.
    least, most = (low(f, digits), high(f, digits)) if f.doubt else (figure, figure)
    return (
        line.kind, safe(line.id), safe(line.name), safe(line.site), safe(line.class_), line.view, line.policy,
        objective(f.slo), figure, least, most, f.verdict,
        "true" if f.provisional else "false", coverage(f), "true" if is_insufficient(f, layout.min_coverage) else "false",
        f.ast, f.maintenance, f.up, f.degraded, f.down, f.unreachable, f.unknown, f.good, f.bad, f.doubt, f.future_ast,
        f.incidents, f.incidents_started, f.charged, f.closed_count, f.closed_ms, f.maint_up, f.maint_down, f.up_backfill,
        f.up_inferred, f.soft_fail, line.resolution_ms,
    )  # fmt: skip
