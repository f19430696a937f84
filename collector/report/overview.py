"""The report's figures on the page: verdicts counted, lines against their objectives, where time went and was lost."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from collector.core.monthly import Line, LostTime, Report
from collector.report import tables
from collector.report.grids import SIGNS, Cell, Grid, Row, banded, cut, folded, plain
from collector.report.layout import Layout
from collector.report.names import ALL, Pair, paired
from collector.report.percent import coverage, high, is_insufficient, low, objective, reached
from collector.report.shares import Piece, bar, hundredths, shares
from collector.report.show import Show
from collector.report.summary import KINDS, WORST_FIRST, headlined

MACHINE: Final = "CSV, XLSX, JSON"
"""Where all lines are."""


class Shares(msgspec.Struct, frozen=True):
    """Lost time of one view, divided: a bar and its legend."""

    view: str
    total: str
    bar: tuple[Piece, ...]
    legend: tuple[tuple[str, str, str, str], ...]
    """Cause, its word, its time and its share."""


def against_objective(show: Show, layout: Layout, pairs: Iterable[Pair], *, banded: bool) -> Grid:
    """Each deciding figure beside its objective and resolution, bounds, verdict, coverage and time counted bad (R12.2, R4.2),
    with the other view of the same subject last, as information (R15.4)."""
    heads = (
        Cell(show.word("name"), f"{show.word('id')} · {show.word('view')} · {show.word('policy')}"),
        Cell(show.word("slo"), show.word("resolution"), "number"),
        Cell(show.word("availability"), css="number"),
        Cell(show.word("bounds"), css="number"),
        Cell(show.word("verdict")),
        Cell(show.word("coverage"), css="number"),
        Cell(show.word("bad"), show.word("incident_count"), "number"),
        Cell(show.word("other_view"), css="number"),
    )
    rows: list[Row] = []
    kind = ""
    for pair in pairs:
        if banded and pair.line.kind != kind:
            kind = pair.line.kind
            rows.append(Row((Cell(show.term("kinds", kind)),), band=True))
        rows.append(_line(show, layout, pair))
    return Grid(heads, tuple(rows), (25, 10, 11, 16, 13, 8, 8, 9))


def _line(show: Show, layout: Layout, pair: Pair) -> Row:
    line, digits = pair.line, layout.digits
    f = line.figures
    bounds = f"{show.percent(low(f, digits))} – {show.percent(high(f, digits))}" if f.denom else show.percent(None)
    poor = is_insufficient(f, layout.min_coverage)
    marks = [show.word("insufficient")] * poor + [show.word("provisional")] * f.provisional
    verdict = f.verdict
    resolution = f"± {show.duration(line.resolution_ms)}" if line.resolution_ms else ""
    count = "" if f.incidents is None else show.word("so_many", count=show.count(f.incidents))
    other = Cell("", css="number")
    if pair.other is not None:
        figure = show.percent(reached(pair.other.figures, digits))
        other = Cell(figure, show.term("view", pair.other.view.value), "number")
    view, policy = show.term("view", line.view.value), show.term("policy", line.policy)
    cells = (
        Cell(show.name(line.id), " · ".join(dict.fromkeys((line.id, view, policy)))),
        Cell(show.percent(objective(f.slo)), resolution, "number"),
        Cell(show.percent(reached(f, digits)), "", "number figure"),
        Cell(bounds, "", "number"),
        Cell(f"{SIGNS[verdict]} {show.term('verdict', verdict.value)}", ", ".join(marks), verdict.value),
        Cell(show.percent(coverage(f)), "", "number poor" if poor else "number"),
        Cell(show.duration(f.bad), count, "number"),
        other,
    )
    return Row(cells, "poor" if poor else "")


def targets(report: Report, show: Show, layout: Layout) -> Grid:
    """Single subjects, those that miss their objective first and of equals those with the most time lost."""
    ordered = sorted(
        paired(report.subjects),
        key=lambda pair: (WORST_FIRST[pair.line.figures.verdict], -pair.line.figures.bad, pair.line.id, pair.line.view.value),
    )
    grid = against_objective(show, layout, ordered[: layout.rows], banded=False)
    return cut(show, grid, len(ordered), show.word("file", names=MACHINE))


SECONDS: Final = ("name", "ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown_s")
FIRMNESS: Final = (
    ("name", "id"),
    ("incident_count", "uncertainty"),
    ("mttr", "mttr_closed"),
    ("mtbf", "mtbsi"),
    ("budget_left", "budget_total"),
    ("up_backfill", "up_inferred"),
    ("soft_fail",),
    ("maint_down", "maint_up"),
)
"""Incidents and budget (3.13, 3.14), and how much of the figure rests on late or missing evidence (R9.7, R4.3, R11.5)."""
LOSERS: Final = 20
"""Single targets on the page that lost most."""
SEVEN: Final = (23, 11, 11, 11, 11, 11, 11, 11)


def seconds(report: Report, show: Show, layout: Layout) -> Grid:
    """How each headline line's agreed time is divided (3.12)."""
    lines = [pair.line for pair in headlined(report, layout)]
    table = tables.lines("headline", lines, layout).only(*SECONDS)
    return cut(
        show,
        banded(plain(show, table, SEVEN), _bands(show, lines)),
        len(paired(report.headline)),
        show.word("file", names=MACHINE),
    )


def firmness(report: Report, show: Show, layout: Layout) -> Grid:
    """Incidents, budget and what the headline lines rest on."""
    lines = [pair.line for pair in paired(report.headline)]
    table = tables.lines("headline", lines[: layout.headline_rows], layout)
    return cut(
        show, banded(folded(show, table, FIRMNESS, SEVEN), _bands(show, lines)), len(lines), show.word("file", names=MACHINE)
    )


def _bands(show: Show, lines: Sequence[Line]) -> list[str]:
    return [show.term("kinds", line.kind) for line in lines]


def lost_shares(report: Report, show: Show) -> tuple[Shares, ...]:
    """Lost time of all targets by cause, a bar for each view; the shares add up to 100 % exactly. The pool of all targets says
    it; without one the single subjects are added up."""
    own = [each for each in report.lost if each.subject == ALL and each.total_ms]
    if not own:
        single = {line.id for line in report.subjects}
        own = [each for each in report.lost if each.subject in single and each.total_ms]
    views = dict.fromkeys(each.view for each in own)
    return tuple(_divided([each for each in own if each.view is view], show) for view in views)


def _divided(lost: list[LostTime], show: Show) -> Shares:
    sums = {cause: sum(each.by_cause.get(cause, 0) for each in lost) for cause in tables.CAUSES}
    parts = shares(sums)
    legend = tuple(
        (cause, show.term("cause", cause), show.duration(ms), show.percent(hundredths(parts[cause])))
        for cause, ms in sums.items()
    )
    return Shares(show.term("view", lost[0].view.value), show.duration(sum(sums.values())), bar(sums), legend)


def lost_lines(report: Report, show: Show, layout: Layout) -> Grid:
    """Lost time, in the view that decides, of the headline's subjects and of the single ones that lost most."""
    shown = {(pair.line.id, pair.line.view): pair.line for pair in headlined(report, layout)}
    decided = {(line.id, line.view): line.kind for line in (*report.headline, *report.subjects) if line.decides}
    some = [each for each in report.lost if each.total_ms and (each.subject, each.view) in decided]
    upper = [each for each in some if (each.subject, each.view) in shown]
    upper.sort(key=lambda each: KINDS.index(decided[each.subject, each.view]))
    single = {line.id for line in report.subjects}
    lower = heapq.nsmallest(
        LOSERS, [each for each in some if each.subject in single], key=lambda each: (-each.total_ms, each.subject)
    )
    table = tables.causes(msgspec.structs.replace(report, lost=(*upper, *lower)))
    bands = [show.term("kinds", decided[each.subject, each.view]) for each in upper] + [show.word("losers")] * len(lower)
    columns = [("name", "id", "view"), *[(cause,) for cause in tables.CAUSES], ("total",)]
    grid = folded(show, table, columns, (30, *(10,) * 7))
    return cut(show, banded(grid, bands), len(some), show.word("file", names="XLSX, JSON"))
