"""The first page of a report: the one number that matters with its verdict, how many met their objective, and who did not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from collector.core.figures import Verdict
from collector.core.monthly import Line, Report
from collector.report.grids import SIGNS, Cell, Grid, Row, cut
from collector.report.layout import Layout
from collector.report.names import ALL, Pair, paired
from collector.report.percent import coverage, high, is_insufficient, low, objective, reached
from collector.report.show import NONE, Show
from collector.report.tables import whole

WORST_FIRST: Final = {Verdict.BREACHED: 0, Verdict.NOT_PROVEN: 1, Verdict.NO_DATA: 2, Verdict.MET: 3}
KINDS: Final = ("fleet", "group", "site", "target", "agent")
MISSES: Final = 8
"""Rows of the first page's list; the sections that follow have all."""


class Hero(msgspec.Struct, frozen=True):
    """The figure that stands large on the first page."""

    name: str
    figure: str
    verdict: str
    """A `Verdict`, for its colour."""
    said: str
    facts: tuple[str, ...]


def chosen(report: Report) -> Pair | None:
    """The line that speaks for the report: the site or group that it is limited to, else the pool of all targets."""
    wanted = report.title_site or ALL
    found = [pair for pair in paired(report.headline) if pair.line.id == wanted]
    return found[0] if found else None


def headlined(report: Report, layout: Layout) -> list[Pair]:
    """The deciding lines of the headline that fit on the page: pools, groups, sites; of too many those that missed their
    objective and lost most stay."""
    pairs = sorted(paired(report.headline), key=lambda pair: _rank(pair.line))

    def weight(index: int) -> tuple[int, int, int, int]:
        f = pairs[index].line.figures
        return (pairs[index].line.kind == "site", WORST_FIRST[f.verdict], -f.bad, index)

    kept = sorted(range(len(pairs)), key=weight)[: layout.headline_rows]
    return [pairs[index] for index in sorted(kept)]


def _rank(line: Line) -> int:
    return KINDS.index(line.kind) if line.kind in KINDS else len(KINDS)


def hero(report: Report, show: Show, layout: Layout) -> Hero | None:
    """The one number and its verdict against the objective (R12.1), with what it is counted by (R12.2) and how firm it is."""
    pair = chosen(report)
    if pair is None:
        return None
    line, f, digits = pair.line, pair.line.figures, layout.digits
    facts = [show.word("hero_counted", view=show.term("view", line.view.value), policy=show.term("policy", line.policy))]
    if f.denom:
        facts.append(show.word("hero_bounds", low=show.percent(low(f, digits)), high=show.percent(high(f, digits))))
        allowed = show.duration(whole(f.budget_total))
        facts.append(show.word("hero_bad", bad=show.duration(f.bad), allowed=allowed))
    covered = coverage(f)
    if covered is not None:
        facts.append(show.word("hero_coverage", coverage=show.percent(covered)))
    if pair.other is not None and pair.other.figures.denom:
        other = show.percent(reached(pair.other.figures, digits))
        facts.append(show.word("hero_other", view=show.term("view", pair.other.view.value), figure=other))
    marks = [show.word("insufficient")] * is_insufficient(f, layout.min_coverage) + [show.word("provisional")] * f.provisional
    said = f"{SIGNS[f.verdict]} {show.word(f'said_{f.verdict.value}', slo=show.percent(objective(f.slo)))}"
    figure = reached(f, digits)
    return Hero(
        show.word("availability_of", name=show.name(line.id)),
        f"{show.percent(figure)} %" if figure is not None else NONE,
        f.verdict.value,
        f"{said} ({', '.join(marks)})" if marks else said,
        tuple(facts),
    )


def verdicts(report: Report, show: Show, layout: Layout) -> Grid:
    """How many of each kind met, breached and so on, and how many rest on too little; by the figures that decide."""
    heads = [Cell("")] + [
        Cell(f"{SIGNS[verdict]} {show.term('verdict', verdict.value)}", css="number") for verdict in WORST_FIRST
    ]
    heads += [Cell(show.word("insufficient"), css="number"), Cell(show.word("total"), css="number")]
    lines = [line for line in (*report.headline, *report.subjects) if line.decides]
    rows = [
        _counts(show, layout, kind, own) for kind in KINDS if (own := [line for line in lines if line.kind == kind])
    ]  # fmt: skip
    return Grid(tuple(heads), tuple(rows), (20, 13, 16, 17, 14, 12, 8))


def _counts(show: Show, layout: Layout, kind: str, lines: list[Line]) -> Row:
    count = dict.fromkeys(WORST_FIRST, 0)
    for line in lines:
        count[line.figures.verdict] += 1
    poor = sum(is_insufficient(line.figures, layout.min_coverage) for line in lines)
    cells = [Cell(show.term("kinds", kind))]
    cells += [Cell(show.count(number), css=f"number {verdict.value if number else ''}") for verdict, number in count.items()]
    cells += [Cell(show.count(poor), css=f"number {'poor' if poor else ''}"), Cell(show.count(len(lines)), css="number")]
    return Row(tuple(cells))


def misses(report: Report, show: Show, layout: Layout) -> Grid | None:
    """Groups, sites and targets whose objective was missed or is not proven, the worst first; None if there is none."""
    lines = [line for line in (*report.headline, *report.subjects) if line.decides]
    bad = [line for line in lines if line.figures.verdict in (Verdict.BREACHED, Verdict.NOT_PROVEN) and line.kind != "fleet"]
    if not bad:
        return None
    causes = {(each.subject, each.view): each.by_cause for each in report.lost}
    bad.sort(key=lambda line: (WORST_FIRST[line.figures.verdict], _rank(line), _distance(line), line.id))
    heads = (
        Cell(show.word("name"), f"{show.word('kind')} · {show.word('id')}"),
        Cell(show.word("slo"), css="number"),
        Cell(show.word("availability"), css="number"),
        Cell(show.word("verdict")),
        Cell(show.word("bad"), css="number"),
        Cell(show.word("main_cause")),
    )
    rows = [_miss(show, layout, line, causes.get((line.id, line.view), {})) for line in bad[:MISSES]]
    return cut(show, Grid(heads, tuple(rows), (34, 10, 13, 17, 13, 13)), len(bad), show.word("below"))


def _distance(line: Line) -> float:
    """Sorts those of one kind: the farther from its objective, the earlier. An order only, no figure."""
    f = line.figures
    return float((f.availability or 0) - f.slo)


def _miss(show: Show, layout: Layout, line: Line, causes: dict[str, int]) -> Row:
    f = line.figures
    blamed = {cause: ms for cause, ms in causes.items() if cause != "maintenance" and ms}
    cause = show.term("cause", max(blamed, key=lambda each: blamed[each])) if blamed else NONE
    cells = (
        Cell(show.name(line.id), f"{show.term('kind', line.kind)} · {line.id}"),
        Cell(show.percent(objective(f.slo)), "", "number"),
        Cell(show.percent(reached(f, layout.digits)), "", "number figure"),
        Cell(f"{SIGNS[f.verdict]} {show.term('verdict', f.verdict.value)}", "", f.verdict.value),
        Cell(show.duration(f.bad), "", "number"),
        Cell(cause),
    )
    return Row(cells)


def identity(show: Show, lines: Iterable[Line]) -> tuple[str, ...]:
    """The sum of 3.12 with its numbers, exact to the millisecond."""
    names = ("ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown")
    return tuple(
        show.word("identity", name=show.name(line.id), **{each: show.exact(getattr(line.figures, each)) for each in names})
        for line in lines
    )
