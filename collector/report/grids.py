"""Tables as a page draws them: cells of text with a second, smaller line, and long lists cut with the rest counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from collector.core.figures import Verdict
from collector.report.show import Show
from collector.report.tables import Column, Kind, Table

SIGNS: Final = {Verdict.MET: "✓", Verdict.BREACHED: "✗", Verdict.NOT_PROVEN: "≈", Verdict.NO_DATA: "○"}
"""Said by more than a colour: a page may be copied in black and white."""
RIGHT: Final = frozenset({Kind.COUNT, Kind.PERCENT, Kind.DURATION, Kind.SIGNED})


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
    Kind.TERM: lambda show, column, raw: show.term(column.terms, raw),
    Kind.COUNT: lambda show, column, raw: show.count(raw),
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


def plain(show: Show, table: Table, widths: Sequence[int], bands: Callable[[int], str] | None = None) -> Grid:
    """Every column a column, every row a row; `bands` names the group of a row, which is told where it changes."""
    css = tuple("number" if column.kind in RIGHT else "" for column in table.columns)
    heads = tuple(Cell(heading(show, column), css=css[i]) for i, column in enumerate(table.columns))
    rows: list[Row] = []
    for index, raw in enumerate(table.rows):
        if bands is not None and (not index or bands(index) != bands(index - 1)):
            rows.append(Row((Cell(bands(index)),), band=True))
        rows.append(
            Row(tuple(Cell(value(show, column, raw[i]), css=css[i]) for i, column in enumerate(table.columns)))
        )  # fmt: skip
    return Grid(heads, tuple(rows), tuple(widths))


def folded(show: Show, table: Table, columns: Sequence[tuple[str, str]], widths: Sequence[int]) -> Grid:
    """Each column carries another one below it in small print: pairs of keys, the second empty for none."""
    place = {column.key: index for index, column in enumerate(table.columns)}
    heads = []
    for key, below in columns:
        kind = table.columns[place[key]].kind
        small = show.word(below) if below else ""
        heads.append(Cell(show.word(key), small, "number" if kind in RIGHT else ""))

    def cell(raw: tuple[Any, ...], key: str, below: str) -> Cell:
        column = table.columns[place[key]]
        under = value(show, table.columns[place[below]], raw[place[below]]) if below else ""
        return Cell(value(show, column, raw[place[key]]), under, "number" if column.kind in RIGHT else "")

    rows = tuple(Row(tuple(cell(raw, key, below) for key, below in columns)) for raw in table.rows)
    return Grid(tuple(heads), rows, tuple(widths))


def cut(show: Show, grid: Grid, total: int, where: str) -> Grid:
    """The grid with a line about the rows that are not in it; `total` rows there are."""
    left = total - sum(1 for row in grid.rows if not row.band)
    more = show.word("more", count=show.count(left), where=where) if left > 0 else ""
    return msgspec.structs.replace(grid, more=more)
