"""The report's figures on the page: verdicts counted, lines against their objectives, where time went and was lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from collector.core.figures import Verdict
from collector.core.monthly import Line, LostTime, Report
from collector.report import tables
from collector.report.grids import SIGNS, Cell, Grid, Row, cut, folded, plain
from collector.report.layout import Layout
from collector.report.percent import coverage, high, is_insufficient, low, objective, reached
from collector.report.shares import Piece, bar, hundredths, shares
from collector.report.show import Show

MACHINE: Final = "CSV, XLSX, JSON"
"""Where all lines are."""
WORST_FIRST: Final = {Verdict.BREACHED: 0, Verdict.NOT_PROVEN: 1, Verdict.NO_DATA: 2, Verdict.MET: 3}


class Shares(msgspec.Struct, frozen=True):
    """Lost time of one view, divided: a bar and its legend."""

    view: str
    total: str
    bar: tuple[Piece, ...]
    legend: tuple[tuple[str, str, str, str], ...]
    """Cause, its word, its time and its share."""


def verdicts(report: Report, show: Show, layout: Layout) -> Grid:
    """How many figures met, breached and so on, and how many rest on too little."""
    heads = [Cell("")] + [
        Cell(f"{SIGNS[verdict]} {show.term('verdict', verdict.value)}", css="number") for verdict in WORST_FIRST
    ]
    heads += [Cell(show.word("insufficient"), css="number"), Cell(show.word("total"), css="number")]
    rows = []
    for key, lines in (("of_headline", report.headline), ("of_targets", report.subjects)):
        count = dict.fromkeys(WORST_FIRST, 0)
        for line in lines:
            count[line.figures.verdict] += 1
        poor = sum(is_insufficient(line.figures, layout.min_coverage) for line in lines)
        cells = [Cell(show.word(key))]
        cells += [
            Cell(show.count(number), css=f"number {verdict.value if number else ''}") for verdict, number in count.items()
        ]
        cells += [Cell(show.count(poor), css=f"number {'poor' if poor else ''}"), Cell(show.count(len(lines)), css="number")]
        rows.append(Row(tuple(cells)))
    return Grid(tuple(heads), tuple(rows), (26, 12, 14, 16, 12, 12, 8))


def against_objective(show: Show, layout: Layout, lines: Iterable[Line], *, banded: bool) -> Grid:
    """Each line's figure beside its objective and resolution, bounds, verdict, coverage and time counted bad (R12.2, R4.2)."""
    heads = (
        Cell(show.word("name"), f"{show.word('id')} · {show.word('view')} · {show.word('policy')}"),
        Cell(show.word("slo"), show.word("resolution"), "number"),
        Cell(show.word("availability"), css="number"),
        Cell(show.word("bounds"), css="number"),
        Cell(show.word("verdict")),
        Cell(show.word("coverage"), css="number"),
        Cell(show.word("bad"), show.word("incident_count"), "number"),
    )
    rows: list[Row] = []
    kind = ""
    for line in lines:
        if banded and line.kind != kind:
            kind = line.kind
            rows.append(Row((Cell(show.term("kind", kind)),), band=True))
        rows.append(_line(show, layout, line))
    return Grid(heads, tuple(rows), (26, 11, 12, 17, 15, 9, 10))


def _line(show: Show, layout: Layout, line: Line) -> Row:
    f, digits = line.figures, layout.digits
    bounds = f"{show.percent(low(f, digits))} – {show.percent(high(f, digits))}" if f.denom else show.percent(None)
    poor = is_insufficient(f, layout.min_coverage)
    marks = [show.word("insufficient")] * poor + [show.word("provisional")] * f.provisional
    verdict = f.verdict
    resolution = f"± {show.duration(line.resolution_ms)}" if line.resolution_ms else ""
    count = "" if f.incidents is None else show.word("so_many", count=show.count(f.incidents))
    cells = (
        Cell(line.name, f"{line.id} · {show.term('view', line.view.value)} · {line.policy}"),
        Cell(show.percent(objective(f.slo)), resolution, "number"),
        Cell(show.percent(reached(f, digits)), "", "number figure"),
        Cell(bounds, "", "number"),
        Cell(f"{SIGNS[verdict]} {show.term('verdict', verdict.value)}", ", ".join(marks), verdict.value),
        Cell(show.percent(coverage(f)), "", "number poor" if poor else "number"),
        Cell(show.duration(f.bad), count, "number"),
    )
    return Row(cells, "poor" if poor else "")


def targets(report: Report, show: Show, layout: Layout) -> Grid:
    """Single subjects, those that miss their objective first and of equals those with the most time lost."""
    ordered = sorted(
        report.subjects, key=lambda line: (WORST_FIRST[line.figures.verdict], -line.figures.bad, line.id, line.view.value)
    )
    grid = against_objective(show, layout, ordered[: layout.rows], banded=False)
    return cut(show, grid, len(ordered), MACHINE)


SECONDS: Final = ("name", "ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown_s")
FIRMNESS: Final = (
    ("name", ""),
    ("incident_count", "uncertainty"),
    ("mttr", "mttr_closed"),
    ("mtbf", "mtbsi"),
    ("budget_left", "budget_total"),
    ("up_backfill", "up_inferred"),
    ("soft_fail", ""),
    ("maint_down", "maint_up"),
)
"""Incidents and budget (3.13, 3.14), and how much of the figure rests on late or missing evidence (R9.7, R4.3, R11.5)."""
LOSERS: Final = 20
"""Single targets on the page that lost most."""
SEVEN: Final = (23, 11, 11, 11, 11, 11, 11, 11)


def seconds(report: Report, show: Show, layout: Layout) -> Grid:
    """How each headline line's agreed time is divided (3.12)."""
    table = tables.lines("headline", _named(report, show)[: layout.headline_rows], layout).only(*SECONDS)
    return cut(show, plain(show, table, SEVEN), len(report.headline), MACHINE)


def firmness(report: Report, show: Show, layout: Layout) -> Grid:
    """Incidents, budget and what the headline lines rest on."""
    table = tables.lines("headline", _named(report, show)[: layout.headline_rows], layout)
    return cut(show, folded(show, table, FIRMNESS, SEVEN), len(report.headline), MACHINE)


def _named(report: Report, show: Show) -> list[Line]:
    ids = [line.id for line in report.headline]
    twice = {each for each in ids if ids.count(each) > 1} if len(ids) < 1_000 else set(ids)
    return [
        msgspec.structs.replace(line, name=f"{line.name} ({show.term('view', line.view.value)})") if line.id in twice else line
        for line in report.headline
    ]


def lost_shares(report: Report, show: Show) -> tuple[Shares, ...]:
    """Lost time of all single subjects by cause, a bar for each view; the shares add up to 100 % exactly."""
    single = {line.id for line in report.subjects}
    own = [each for each in report.lost if each.subject in single and each.total_ms]
    return tuple(
        _divided([each for each in own if each.view is view], show) for view in dict.fromkeys(each.view for each in own)
    )


def _divided(lost: list[LostTime], show: Show) -> Shares:
    sums = {cause: sum(each.by_cause.get(cause, 0) for each in lost) for cause in tables.CAUSES}
    parts = shares(sums)
    legend = tuple(
        (cause, show.term("cause", cause), show.duration(ms), show.percent(hundredths(parts[cause])))
        for cause, ms in sums.items()
    )
    return Shares(show.term("view", lost[0].view.value), show.duration(sum(sums.values())), bar(sums), legend)


def lost_lines(report: Report, show: Show, layout: Layout) -> Grid:
    """Lost time of the headline's subjects and of the single ones that lost most."""
    headline = {line.id for line in report.headline}
    some = [each for each in report.lost if each.total_ms]
    ordered = sorted(some, key=lambda each: (each.subject not in headline, *_most(each, each.subject in headline)))
    groups = sum(each.subject in headline for each in some)
    kept = tuple(ordered[: min(groups, layout.headline_rows)] + ordered[groups : groups + LOSERS])
    table = tables.causes(msgspec.structs.replace(report, lost=kept)).only("name", "view", *tables.CAUSES, "total")
    bands = (show.word("headline_band"), show.word("targets"))
    grid = plain(show, table, (23, 9, 9, 10, 10, 9, 10, 10, 10), lambda index: bands[kept[index].subject not in headline])
    return cut(show, grid, len(some), "XLSX, JSON")


def _most(each: LostTime, in_order: bool) -> tuple[int, str]:
    """Sorts single subjects by what they lost; the headline's keep their order."""
    return (0, "") if in_order else (-each.total_ms, each.subject)
