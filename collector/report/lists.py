"""The report's lists on the page: incidents, windows, corrections, unknown time, restatements; long ones are cut."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from collector.core.monthly import IncidentLine, Report, UnknownLine, WindowLine
from collector.report import tables
from collector.report.grids import Cell, Grid, cut, folded
from collector.report.layout import Layout
from collector.report.show import Show

NAMED: Final = 3
"""Subjects named of those that have a stretch in common."""
CAPS: Final = 20
ELSEWHERE: Final = "XLSX, JSON"
"""Where the whole of a cut list is."""


def _longest(rows: tuple[Any, ...], limit: int, length: Callable[[Any], int]) -> tuple[Any, ...]:
    """The `limit` longest rows, in their old order; of equals the earlier ones."""
    if len(rows) <= limit:
        return rows
    kept = heapq.nsmallest(limit, range(len(rows)), key=lambda index: (-length(rows[index]), index))
    return tuple(rows[index] for index in sorted(kept))


def own_incidents(report: Report) -> tuple[IncidentLine, ...]:
    """Incidents of single targets and agents: those of sites and groups are made of them (3.15). All of them where no single
    subject is reported."""
    single = {line.id for line in report.subjects}
    return tuple([each for each in report.incidents if each.subject in single]) if single else report.incidents


def incidents(some: tuple[IncidentLine, ...], show: Show, layout: Layout) -> Grid:
    """Onset, detection, restoration, duration, cause and grade of each (R13.5)."""
    kept = _longest(some, layout.rows, lambda each: int(each.charged_ms))
    table = tables.incidents(kept)
    columns = (
        ("subject", "id", "view"),
        ("onset",),
        ("hard", "delay"),
        ("restored",),
        ("duration",),
        ("charged",),
        ("cause", "why", "grade"),
    )
    grid = folded(show, table, columns, (25, 12, 13, 12, 9, 9, 20))
    return cut(show, _marked(show, grid, kept), len(some), show.word("file", names=ELSEWHERE))


def _marked(show: Show, grid: Grid, kept: Sequence[IncidentLine]) -> Grid:
    """Incidents that began before the period or are none any more (R17.3) say so below their onset."""
    rows = []
    for row, one in zip(grid.rows, kept, strict=True):
        marks = [show.word("before")] * one.started_before
        if one.reclassified:
            marks.append(f"{show.word('reclassified')}: {one.reclassified}")
        onset = msgspec.structs.replace(row.cells[1], small=" · ".join(marks))
        rows.append(msgspec.structs.replace(row, cells=(row.cells[0], onset, *row.cells[2:])))
    return msgspec.structs.replace(grid, rows=tuple(rows))


def maintenance_caps(report: Report, show: Show, layout: Layout) -> Grid | None:
    """Maintenance used against the cap (R11.6); those beyond it and with the least left come first. None without a cap."""
    table = tables.maintenance_caps(report, layout)
    if not table.rows:
        return None
    left = [column.key for column in table.columns].index("cap_left")
    ordered = msgspec.structs.replace(table, rows=sorted(table.rows, key=lambda raw: raw[left])[: min(layout.rows, CAPS)])
    columns = (("name", "id"), ("targets_count",), ("used_most",), ("used_by",), ("cap",), ("cap_left",), ("beyond",))
    grid = folded(show, ordered, columns, (25, 10, 12, 21, 10, 11, 11))
    rows = [
        msgspec.structs.replace(row, css="over") if raw[left] < 0 else row
        for row, raw in zip(grid.rows, ordered.rows, strict=True)
    ]
    return cut(show, msgspec.structs.replace(grid, rows=tuple(rows)), len(table.rows), show.word("file", names=ELSEWHERE))


def windows(report: Report, show: Show, layout: Layout, *, retroactive: bool) -> Grid | None:
    """Windows with the people and the reason; the retroactive ones apart (R11.3). None if there is none."""
    every: tuple[WindowLine, ...] = tuple(each for each in report.windows if each.retroactive is retroactive)
    if not every:
        return None
    kept = _longest(every, layout.rows, lambda each: int(each.counted_ms))
    table = tables.windows(msgspec.structs.replace(report, windows=kept))
    columns = (("scope", "number"), ("from",), ("to",), ("counted",), ("author",), ("approver",), ("reason", "change"))
    return cut(show, folded(show, table, columns, (21, 12, 12, 9, 11, 12, 23)), len(every), show.word("file", names=ELSEWHERE))


def corrections(report: Report, show: Show, layout: Layout) -> Grid:
    """Corrections with the people and the reason."""
    kept = _longest(report.corrections, layout.rows, lambda each: int(each.to_ms - each.from_ms))
    table = tables.corrections(msgspec.structs.replace(report, corrections=kept))
    columns = (
        ("subject", "id", "number"),
        ("from",),
        ("to",),
        ("to_state",),
        ("author",),
        ("approver",),
        ("reason", "change"),
    )
    return cut(
        show,
        folded(show, table, columns, (21, 12, 12, 10, 11, 12, 22)),
        len(report.corrections),
        show.word("file", names=ELSEWHERE),
    )


def unknown(report: Report, show: Show, layout: Layout) -> Grid:
    """Stretches that nobody can speak for (R17.5); one that several subjects have in common is one row."""
    together: dict[tuple[int, int, str, str], list[UnknownLine]] = {}
    for each in report.unknown:
        together.setdefault((each.from_ms, each.to_ms, each.why, each.cause), []).append(each)
    every = tuple(together.values())
    kept = _longest(every, layout.rows, lambda some: int(some[0].to_ms - some[0].from_ms))
    table = tables.unknown([some[0] for some in kept])
    columns = (("subject", "id", "view"), ("from",), ("to",), ("duration",), ("cause",), ("why",))
    grid = folded(show, table, columns, (30, 13, 13, 11, 13, 20))
    rows = [
        msgspec.structs.replace(row, cells=(_common(show, some), *row.cells[1:])) if len(some) > 1 else row
        for row, some in zip(grid.rows, kept, strict=True)
    ]
    return cut(show, msgspec.structs.replace(grid, rows=tuple(rows)), len(every), show.word("file", names=ELSEWHERE))


def _common(show: Show, some: Sequence[UnknownLine]) -> Cell:
    ids = list(dict.fromkeys(each.subject for each in some))
    first = ", ".join(show.name(id_) for id_ in ids[:NAMED])
    more = show.word("and_others", count=show.count(len(ids) - NAMED)) if len(ids) > NAMED else ""
    return Cell(show.word("in_common", count=show.count(len(ids))), first + more)


def restatements(report: Report, show: Show, layout: Layout) -> Grid:
    """What changed since a version was issued, by which rule and evidence (R17.2)."""
    kept = _longest(report.restatements, layout.rows, lambda each: int(each.to_ms - each.from_ms))
    table = tables.restatements(msgspec.structs.replace(report, restatements=kept))
    columns = (
        ("subject", "id", "view"),
        ("version_column", "report"),
        ("from", "to"),
        ("from_state", "new_state"),
        ("rule_meaning", "rule"),
        ("received", "approver"),
        ("figure_before", "figure_after"),
        ("evidence",),
    )
    grid = folded(show, table, columns, (18, 8, 12, 12, 13, 12, 9, 16))
    return cut(show, grid, len(report.restatements), show.word("file", names=ELSEWHERE))


def parameters(report: Report, show: Show) -> Grid:
    """How targets of each class are judged (SPEC 3.20)."""
    table = tables.parameters(report)
    others = ("interval", "timeout", "ttl", "fail_after", "recover_after", "merge_gap", "silence")
    return folded(show, table, [("class", "kind"), *[(key,) for key in others]], (23, 11, 11, 11, 11, 11, 11, 11))
