"""The report as CSV: one row for each headline line and each subject, for programs. UTF-8, RFC 4180, always a decimal point.

Texts come from configuration; one that a spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final

from collector.core.figures import Figures
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
    "maint_up_ms", "maint_down_ms", "up_backfill_ms", "up_inferred_ms", "soft_fail_ms", "resolution_ms", "decides",
    "merge_gap_ms",
)  # fmt: skip
"""Columns in their order; new ones are added at the end."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
QUOTED: Final = (",", '"', "\r", "\n")
BOM: Final = "\ufeff"


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def field(text: str) -> str:
    """A text as a field of a row: safe, and in quotation marks where it has to be."""
    text = safe(text)
    if any(mark in text for mark in QUOTED):
        return '"' + text.replace('"', '""') + '"'
    return text


def render(report: Report, layout: Layout, progress: Progress | None = None, *, bom: bool = False) -> bytes:
    """The file. `bom` puts a byte order mark in front, by which old spreadsheets know UTF-8; programs rather want none."""
    total = len(report.headline) + len(report.subjects)
    rows = counted(_rows(report, layout), total, progress)
    return ((BOM if bom else "") + ",".join(HEAD) + "\r\n" + "".join(rows)).encode()


def _rows(report: Report, layout: Layout) -> Iterator[str]:
    known = instant(report.provenance.known_ms)
    writer = _Writer(layout)
    for part, lines in (("headline", report.headline), ("subject", report.subjects)):
        first = f"{field(report.period)},{report.status},{report.version},{known},{part},"
        for line in lines:
            yield first + writer.row(line)


class _Writer:
    """Writes rows of ten thousand targets in a tenth of a second: what two lines have in common is written out once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fields = _Fields()
        self._figures: Figures | None = None
        self._written = ""
        """Figures of the line before: both views of a subject mostly have the same."""
        self._known: dict[tuple[Any, ...], str] = {}
        """Figures as they are written: targets that never failed have them in common."""

    def row(self, line: Line) -> str:
        """A row, from its kind on."""
        if line.figures is not self._figures:
            self._figures = line.figures
            self._written = self._figured(line.figures)
        fields = self._fields
        return (
            f"{line.kind},{fields[line.id]},{fields[line.name]},{fields[line.site]},{fields[line.class_]},{line.view},"
            f"{line.policy},{self._written},{line.resolution_ms},{'true' if line.decides else 'false'},{line.merge_gap_ms}\r\n"
        )

    def _figured(self, f: Figures) -> str:
        values = _read(f)
        slo = f.slo
        key = (values, slo.numerator, slo.denominator, f.provisional)
        known = self._known.get(key)
        if known is None:
            sums = str(values)[1:-1].replace(", ", ",").replace("None", "")
            known = self._known[key] = f"{self._percentages(f)},{sums}"
        return known

    def _percentages(self, f: Figures) -> str:
        digits = self._layout.digits
        figure = reached(f, digits) or ""
        # Without unknown time the bounds are the figure (3.12) and all is covered: most lines need one printing, not four.
        least, most, covered = figure, figure, "100.00"
        if f.doubt:
            least, most = low(f, digits) or "", high(f, digits) or ""
        if f.unknown or f.ast == f.maintenance:
            covered = coverage(f) or ""
        poor = "true" if f.unknown and is_insufficient(f, self._layout.min_coverage) else "false"
        over = "true" if f.provisional else "false"
        return f"{objective(f.slo)},{figure},{least},{most},{f.verdict},{over},{covered},{poor}"


class _Fields(dict[str, str]):
    """Texts as fields; most stand in several rows."""

    def __missing__(self, text: str) -> str:
        found = self[text] = field(text)
        return found


_read: Final[Callable[[Figures], tuple[Any, ...]]] = attrgetter(
    "ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "doubt", "future_ast", "incidents",
    "incidents_started", "charged", "closed_count", "closed_ms", "maint_up", "maint_down", "up_backfill", "up_inferred",
    "soft_fail",
)  # fmt: skip
"""In the order of the columns."""
