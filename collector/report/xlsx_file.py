"""The report as a workbook: real numbers, times and durations that a spreadsheet can go on computing with.

Percentages are the printed ones, floored (R16.2), never the exact ones, which a cell format would round up. Texts stay texts:
none becomes a formula or a link.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]

from collector.core.figures import Verdict
from collector.core.monthly import Report
from collector.core.printing import seconds_up
from collector.report import tables
from collector.report.grids import heading, value, verdict
from collector.report.layout import Layout
from collector.report.page import Page, Section, build
from collector.report.progress import Progress
from collector.report.show import Show
from collector.report.tables import Column, Kind, Table

MOST_ROWS: Final = 1_048_576
"""A worksheet ends there."""
NUMBER: Final = re.compile(r"\d+(\.\d+)?")
STEP: Final = 256
FIRST: Final = (
    "name", "id", "kind", "view", "decides", "slo", "availability", "low", "high", "verdict", "coverage", "bad",
    "incident_count",
)  # fmt: skip
"""Columns of the first sheet, which is to be read on paper; a sheet of its own has all."""
INK: Final = {
    Verdict.MET: ("#135c2f", "#e3f2e8"),
    Verdict.BREACHED: ("#a31515", "#fbe4e4"),
    Verdict.NOT_PROVEN: ("#8a4b00", "#fdf0d9"),
    Verdict.NO_DATA: ("#5b6470", "#eef0f3"),
}


class _Told:
    """Counts rows of all sheets for `progress`."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def __call__(self, finished: bool = False) -> None:
        self._done += 0 if finished else 1
        if self._progress is not None and (finished or self._done % STEP == 0):
            self._progress(self._total if finished else min(self._done, self._total), self._total)


def render(report: Report, language: str, layout: Layout, progress: Progress | None = None) -> bytes:
    """The workbook, as bytes; rows beyond the end of a worksheet are counted in its last one."""
    out = io.BytesIO()
    # Rows leave memory as they are written: a month of ten thousand targets has millions of cells.
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    show = Show.of(report, language)
    page = build(report, language, layout)
    made = show.local(report.provenance.known_ms).replace(tzinfo=None, microsecond=0)
    book.set_properties({"title": page.running, "company": layout.organisation, "created": made})
    headline = tables.lines("headline_sheet", report.headline, layout)
    listed = (
        headline,
        tables.lines("targets", report.subjects, layout),
        tables.incidents(report.incidents),
        tables.causes(report),
        tables.windows(report),
        *([tables.maintenance_caps(report, layout)] if layout.maintenance_cap_ms else []),
        tables.corrections(report),
        tables.unknown(report.unknown),
        tables.restatements(report),
        tables.parameters(report),
    )
    told = _Told(sum(len(table.rows) for table in (headline, *listed)), progress)
    writer = _Writer(book, show, layout, page.running)
    writer.summary(page, headline.only(*FIRST), told)
    for table in listed:
        sheet = writer.sheet(show.word(table.key))
        writer.table(sheet, table, 0, told)
        sheet.freeze_panes(1, 1)
    writer.method([section for section in page.sections if section.key in ("method", "provenance")])
    book.close()
    told(finished=True)
    return out.getvalue()


class _Writer:
    """Puts values into cells, each kind with its format."""

    def __init__(self, book: Any, show: Show, layout: Layout, running: str) -> None:
        self._book, self._show, self._running = book, show, running
        day = "dd/mm/yyyy" if show.language == "vi" else "yyyy-mm-dd"
        self._percents = {
            "slo": self._format("0.0#####%"),
            "coverage": self._format("0.00%"),
            "": self._format(f"0.{'0' * layout.digits}%"),
        }
        self._count = self._format("#,##0")
        self._signed = self._format("#,##0;[Red]-#,##0")
        self._duration = self._format("[h]:mm:ss")
        self._time = self._format(f"{day} hh:mm:ss", align="left")
        self._text = self._format("@", align="left")
        self._right = self._format("@", align="right")
        self._head = self._format(
            "@", bold=True, bg_color="#e6eaef", top=1, bottom=1, text_wrap=True, valign="bottom", align="center"
        )
        self._title = self._format("@", bold=True, font_size=15)
        self._strong = self._format("@", bold=True)
        self._wrapped = self._format("@", text_wrap=True)
        self._verdicts = {each: self._format("@", font_color=ink, bg_color=paper) for each, (ink, paper) in INK.items()}

    def _format(self, number: str, **more: Any) -> Any:
        return self._book.add_format({"num_format": number, "font_name": "Arial", "font_size": 9, "valign": "top", **more})

    def sheet(self, name: str) -> Any:
        """A worksheet ready for printing: A4 landscape, as wide as one page, with page numbers."""
        sheet = self._book.add_worksheet(name[:31])
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        running = self._running.replace("&", "&&")[:180]
        sheet.set_footer(f"&L&8{running}&R&8{self._show.word('page')} &P/&N")
        return sheet

    def summary(self, page: Page, headline: Table, told: _Told) -> None:
        """Title, facts and warnings, then the headline's lines against their objectives."""
        sheet = self.sheet(self._show.word("summary"))
        row = 0
        texts = [
            (page.organisation, self._strong),
            (f"{page.title} – {page.period}", self._title),
            (page.status_text, self._strong),
        ]
        if page.hero is not None:
            verdict_form = self._verdicts[Verdict(page.hero.verdict)]
            texts.append((f"{page.hero.name}: {page.hero.figure} {page.hero.said}", verdict_form))
        texts += [(fact, self._text) for fact in (*page.facts, *(page.hero.facts if page.hero is not None else ()))]
        texts += [(each.text, self._text) for each in (*page.sections[0].before, *page.sections[0].after)]
        for text, form in texts:
            if text:
                sheet.write_string(row, 0, text, form)
                row += 1
        row = self.table(sheet, headline, row + 1, told)
        for note in page.sections[1].after:
            row += 1
            sheet.write_string(row, 0, note.text, self._text)

    def table(self, sheet: Any, table: Table, top: int, told: _Told) -> int:
        """Headings and rows from row `top` on; the row after the last one."""
        for index, column in enumerate(table.columns):
            sheet.set_column(index, index, column.width)
            name = heading(self._show, column) + (" (s)" if column.kind is Kind.SIGNED else "")
            sheet.write_string(top, index, name, self._head)
        sheet.set_row(top, 26)
        sheet.repeat_rows(top)
        room = MOST_ROWS - top - 2
        row = top
        for raw in table.rows[:room]:
            row += 1
            for index, column in enumerate(table.columns):
                self._write(sheet, row, index, column, raw[index])
            told()
        if len(table.rows) > room:
            row += 1
            more = self._show.word(
                "more", count=self._show.count(len(table.rows) - room), where=self._show.word("file", names="JSON")
            )
            sheet.write_string(row, 0, more, self._text)
        elif table.rows:
            sheet.autofilter(top, 0, row, len(table.columns) - 1)
        else:
            row += 1
            sheet.write_string(row, 0, self._show.word("nothing"), self._text)
        return row + 1

    def _write(self, sheet: Any, row: int, place: int, column: Column, raw: Any) -> None:
        kind = column.kind
        if raw is None or raw is False or raw == "":
            return
        if kind is Kind.DURATION:
            sheet.write_datetime(row, place, timedelta(seconds=seconds_up(raw)), self._duration)
        elif kind is Kind.TIME and raw:
            sheet.write_datetime(row, place, self._show.local(raw).replace(tzinfo=None, microsecond=0), self._time)
        elif kind is Kind.PERCENT:
            self._percent(sheet, row, place, column, raw)
        elif kind is Kind.COUNT:
            sheet.write_number(row, place, raw, self._count)
        elif kind is Kind.SIGNED:
            sheet.write_number(row, place, raw // 1000, self._signed)
        elif kind is Kind.VERDICT:
            sheet.write_string(row, place, verdict(self._show, raw), self._verdicts[Verdict(raw)])
        else:
            sheet.write_string(row, place, value(self._show, column, raw), self._text)

    def _percent(self, sheet: Any, row: int, place: int, column: Column, printed: str) -> None:
        """The printed number as a ratio; what is no number ("<0.01") stays a text."""
        if NUMBER.fullmatch(printed):
            form = self._percents.get(column.key, self._percents[""])
            sheet.write_number(row, place, float(Decimal(printed) / 100), form)
        else:
            sheet.write_string(row, place, self._show.percent(printed), self._right)

    def method(self, sections: Sequence[Section]) -> None:
        """How the figures are made and what they rest on, as text."""
        sheet = self.sheet(self._show.word("method_sheet"))
        sheet.set_column(0, 0, 30, self._wrapped)
        sheet.set_column(1, 1, 110, self._wrapped)
        row = 0
        for section in sections:
            sheet.write_string(row, 0, section.heading, self._strong)
            row += 1
            for name, text in (*section.terms, *((f"{index}.", text) for index, text in enumerate(section.points, 1))):
                sheet.write_string(row, 0, name, self._wrapped)
                sheet.write_string(row, 1, text, self._wrapped)
                row += 1
            row += 1
