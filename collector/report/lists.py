"""The report's lists on the page: incidents, windows, corrections, unknown time, restatements; long ones are cut."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

import msgspec

from collector.core.monthly import Report, WindowLine
from collector.report import tables
from collector.report.grids import Grid, cut, folded
from collector.report.layout import Layout
from collector.report.show import Show

ELSEWHERE: Final = "XLSX, JSON"
"""Where the whole of a cut list is."""


def _longest(rows: tuple[Any, ...], limit: int, length: Callable[[Any], int]) -> tuple[Any, ...]:
    """The `limit` longest rows, in their old order; of equals the earlier ones."""
    if len(rows) <= limit:
        return rows
    kept = heapq.nsmallest(limit, range(len(rows)), key=lambda index: (-length(rows[index]), index))
    return tuple(rows[index] for index in sorted(kept))


def incidents(report: Report, show: Show, layout: Layout) -> Grid:
    """Onset, detection, restoration, duration, cause and grade of each (R13.5)."""
    kept = _longest(report.incidents, layout.rows, lambda each: int(each.charged_ms))
    table = tables.incidents(msgspec.structs.replace(report, incidents=kept))
    columns = (
        ("subject", "view"),
        ("onset", "before"),
        ("hard", ""),
        ("restored", ""),
        ("duration", "delay"),
        ("charged", ""),
        ("cause", "why"),
        ("grade", ""),
    )
    grid = folded(show, table, columns, (20, 12, 12, 12, 12, 10, 17, 5))
    return cut(show, grid, len(report.incidents), ELSEWHERE)


def windows(report: Report, show: Show, layout: Layout, *, retroactive: bool) -> Grid | None:
    """Windows with the people and the reason; the retroactive ones apart (R11.3). None if there is none."""
    every: tuple[WindowLine, ...] = tuple(each for each in report.windows if each.retroactive is retroactive)
    if not every:
        return None
    kept = _longest(every, layout.rows, lambda each: int(each.counted_ms))
    table = tables.windows(msgspec.structs.replace(report, windows=kept))
    columns = (
        ("scope", "id"),
        ("from", ""),
        ("to", ""),
        ("counted", ""),
        ("author", ""),
        ("approver", ""),
        ("reason", "change"),
    )
    return cut(show, folded(show, table, columns, (17, 12, 12, 10, 13, 13, 23)), len(every), ELSEWHERE)


def corrections(report: Report, show: Show, layout: Layout) -> Grid:
    """Corrections with the people and the reason."""
    kept = _longest(report.corrections, layout.rows, lambda each: int(each.to_ms - each.from_ms))
    table = tables.corrections(msgspec.structs.replace(report, corrections=kept))
    columns = (
        ("subject", "id"),
        ("from", ""),
        ("to", ""),
        ("to_state", ""),
        ("author", ""),
        ("approver", ""),
        ("reason", "change"),
    )
    return cut(show, folded(show, table, columns, (17, 12, 12, 11, 13, 13, 22)), len(report.corrections), ELSEWHERE)


def unknown(report: Report, show: Show, layout: Layout) -> Grid:
    """Stretches that nobody can speak for (R17.5)."""
    kept = _longest(report.unknown, layout.rows, lambda each: int(each.to_ms - each.from_ms))
    table = tables.unknown(msgspec.structs.replace(report, unknown=kept))
    columns = (("subject", ""), ("view", ""), ("from", ""), ("to", ""), ("duration", ""), ("cause", ""), ("why", ""))
    return cut(show, folded(show, table, columns, (22, 10, 12, 12, 11, 13, 20)), len(report.unknown), ELSEWHERE)


def restatements(report: Report, show: Show, layout: Layout) -> Grid:
    """What changed since a version was issued, by which rule and evidence (R17.2)."""
    kept = _longest(report.restatements, layout.rows, lambda each: int(each.to_ms - each.from_ms))
    table = tables.restatements(msgspec.structs.replace(report, restatements=kept))
    columns = (
        ("subject", "view"),
        ("report", "version_column"),
        ("from", "to"),
        ("from_state", "new_state"),
        ("rule", ""),
        ("received", "approver"),
        ("figure_before", "figure_after"),
        ("evidence", ""),
    )
    grid = folded(show, table, columns, (18, 9, 12, 13, 7, 14, 9, 18))
    return cut(show, grid, len(report.restatements), ELSEWHERE)
