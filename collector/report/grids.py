"""Tables as a page draws them: cells of text with a second, smaller line, and long lists cut with the rest counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from collector.core.figures import Verdict
from collector.report.show import NONE, Show
from collector.report.tables import Column, Kind, Table

SIGNS: Final = {Verdict.MET: "✓", Verdict.BREACHED: "✗", Verdict.NOT_PROVEN: "≈", Verdict.NO_DATA: "○"}
"""Said by more than a colour: a page may be copied in black and white."""
RIGHT: Final = frozenset({Kind.COUNT, Kind.SAMPLES, Kind.SHORT, Kind.PERCENT, Kind.DURATION, Kind.SIGNED})


class Cell(msgspec.Struct, frozen=True):
    """What one cell shows; `small` stands below in small print."""

    text: str
    small: str = ""
    css: str = ""


class Row(msgspec.Struct, frozen=True):
    """Cells, or one cell over the whole width when `band` (the heading of a group of rows)."""

    cells: tuple[Cell, ...]
    css: str = ""
    band: bool = False


class Grid(msgspec.Struct, frozen=True):
    """A table ready to draw; `widths` are per cent of its width, `more` says what was left out."""

    heads: tuple[Cell, ...]
    rows: tuple[Row, ...]
    widths: tuple[int, ...] = ()
    more: str = ""


def value(show: Show, column: Column, raw: Any) -> str:
    """A raw value in words."""
    return _SAY[column.kind](show, column, raw)


_SAY: Final[dict[Kind, Callable[[Show, Column, Any], str]]] = {
    Kind.TEXT: lambda show, column, raw: str(raw),
    Kind.SUBJECT: lambda show, column, raw: show.name(raw),
    Kind.SCOPE: lambda show, column, raw: show.scope(raw),
    Kind.TERM: lambda show, column, raw: show.term(column.terms, raw) if raw else NONE,
    Kind.COUNT: lambda show, column, raw: show.count(raw),
    Kind.SAMPLES: lambda show, column, raw: show.word("samples", count=show.count(raw)),
    Kind.SHORT: lambda show, column, raw: show.short(raw),
    Kind.PERCENT: lambda show, column, raw: show.percent(raw),
    Kind.DURATION: lambda show, column, raw: show.duration(raw),
    Kind.SIGNED: lambda show, column, raw: show.duration(raw),
    Kind.TIME: lambda show, column, raw: show.time(raw) if raw or column.key != "restored" else show.word("lasts"),
    Kind.FLAG: lambda show, column, raw: show.flag(raw),
    Kind.VERDICT: lambda show, column, raw: verdict(show, raw),
}


def heading(show: Show, column: Column) -> str:
    """What stands above a column."""
    return show.term(column.terms, column.key) if column.terms and column.kind is not Kind.TERM else show.word(column.key)


def verdict(show: Show, raw: str) -> str:
    """A verdict with its sign."""
    return f"{SIGNS[Verdict(raw)]} {show.term('verdict', raw)}"


def plain(show: Show, table: Table, widths: Sequence[int]) -> Grid:
    """Every column a column, every row a row."""
    css = ["number" if column.kind in RIGHT else "" for column in table.columns]
    heads = _styled([Cell(heading(show, column)) for column in table.columns], css)
    rows = [
        Row(_styled([Cell(value(show, column, raw[i])) for i, column in enumerate(table.columns)], css)) for raw in table.rows
    ]
    return Grid(heads, tuple(rows), tuple(widths))


def folded(show: Show, table: Table, columns: Sequence[tuple[str, ...]], widths: Sequence[int]) -> Grid:
    """Each column carries others below it in small print: the key of what stands above, then those of what stands below; what
    is empty takes no room."""
    place = {column.key: index for index, column in enumerate(table.columns)}
    css = ["number" if table.columns[place[keys[0]]].kind in RIGHT else "" for keys in columns]

    def small(raw: tuple[Any, ...], keys: Sequence[str]) -> str:
        said = [value(show, table.columns[place[key]], raw[place[key]]) for key in keys]
        return " · ".join(each for each in said if each)

    named = {column.key: heading(show, column) for column in table.columns}
    heads = [Cell(named[key], " · ".join(named[each] for each in below)) for key, *below in columns]
    rows = [
        [Cell(value(show, table.columns[place[key]], raw[place[key]]), small(raw, below)) for key, *below in columns]
        for raw in table.rows
    ]
    return Grid(_styled(heads, css), tuple(Row(_styled(row, css)) for row in rows), tuple(widths))


def _styled(cells: Sequence[Cell], css: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(msgspec.structs.replace(cell, css=style) for cell, style in zip(cells, css, strict=True))


def banded(grid: Grid, bands: Sequence[str]) -> Grid:
    """The grid with a heading over each group of rows; `bands` has the group of every row."""
    rows: list[Row] = []
    for index, row in enumerate(grid.rows):
        if not index or bands[index] != bands[index - 1]:
            rows.append(Row((Cell(bands[index]),), band=True))
        rows.append(row)
    return msgspec.structs.replace(grid, rows=tuple(rows))


def cut(show: Show, grid: Grid, total: int, where: str) -> Grid:
    """The grid with a line about the rows that are not in it; `total` rows there are."""
    left = total - sum(1 for row in grid.rows if not row.band)
    more = show.word("more", count=show.count(left), where=where) if left > 0 else ""
    return msgspec.structs.replace(grid, more=more)
