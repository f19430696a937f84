"""The report as a page: its sections in order, each with a heading, sentences and tables, ready for the template to draw."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import msgspec

from collector.core.monthly import Report
from collector.core.policy import POLICIES
from collector.core.printing import percent, ratio
from collector.report import lists, overview
from collector.report.caps import months
from collector.report.grids import Grid, cut
from collector.report.layout import Layout
from collector.report.names import paired
from collector.report.percent import is_insufficient
from collector.report.rfc3339 import instant
from collector.report.show import NONE, Show
from collector.report.summary import Hero, chosen, headlined, hero, identity, misses, verdicts
from collector.report.terms import METHOD


class Sentence(msgspec.Struct, frozen=True):
    """A paragraph; `css` is a class of the style sheet."""

    text: str
    css: str = ""


class Part(msgspec.Struct, frozen=True):
    """A table with a heading of its own, or none."""

    grid: Grid
    heading: str = ""


class Section(msgspec.Struct, frozen=True):
    """One numbered section."""

    key: str
    heading: str
    before: tuple[Sentence, ...] = ()
    parts: tuple[Part, ...] = ()
    after: tuple[Sentence, ...] = ()
    shares: tuple[overview.Shares, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    points: tuple[str, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """Everything that the template needs."""

    language: str
    title: str
    period: str
    running: str
    made: str
    """When its evidence was cut off, which is the only date a reproducible file can bear (R17.4)."""
    organisation: str
    superior: str
    national_header: bool
    facts: tuple[str, ...]
    status: str
    status_text: str
    place_date: str
    words: dict[str, str]
    hero: Hero | None
    sections: tuple[Section, ...]


PLAIN: Final = ("page", "of_pages", "motto_state", "motto", "prepared", "approved", "sign_here", "fleet_all")


def build(report: Report, language: str, layout: Layout) -> Page:
    """The page of a report. `zoneinfo.ZoneInfoNotFoundError` if its zone is unknown here."""
    show = Show.of(report, language)
    title, period = show.word("title"), show.period(report.period, report.from_ms, report.to_ms)
    version = show.word("version", version=report.version) if report.version else show.term("status", report.status)
    words = {key: show.word(key) for key in PLAIN}
    if layout.national_header:  # The state's name and motto are Vietnamese in whatever language the rest is.
        words |= {key: Show("vi", report.zone, report.from_ms).word(key) for key in ("motto_state", "motto")}
    sections = (_summary, _headline, _composition, _causes, _targets, _incidents, _windows, _corrections, _unknown)
    return Page(
        language=language,
        title=title,
        period=period,
        running=" · ".join((title, period, show.name(report.title_site) or show.word("everything"), version)),
        made=instant(report.provenance.known_ms),
        organisation=layout.organisation,
        superior=layout.superior,
        national_header=layout.national_header,
        facts=_facts(report, show),
        status=report.status,
        status_text=_status(report, show),
        place_date=show.word("place_date", place=layout.place or show.word("no_place"), year=show.local(report.to_ms).year),
        words=words,
        hero=hero(report, show, layout),
        sections=tuple(make(report, show, layout) for make in (*sections, _restatements, _method, _provenance)),
    )


def _facts(report: Report, show: Show) -> tuple[str, ...]:
    extent = show.word(
        "extent",
        start=show.time(report.from_ms),
        end=show.time(report.to_ms),
        zone=report.zone,
        offset=show.offset(report.from_ms),
    )
    scope = show.word("for_site", site=show.name(report.title_site)) if report.title_site else show.word("for_all")
    return (scope, extent, show.word("known", known=show.time(report.provenance.known_ms)))


def _status(report: Report, show: Show) -> str:
    status = show.term("status", report.status)
    return f"{status} – {show.word('version', version=report.version)}" if report.version else status


def _summary(report: Report, show: Show, layout: Layout) -> Section:
    lines = [line for line in (*report.headline, *report.subjects) if line.decides]
    poor = sum(is_insufficient(line.figures, layout.min_coverage) for line in lines)
    before = []
    if not report.subjects:
        before.append(Sentence(show.word("no_lines"), "warning"))
    if poor:
        limit = show.percent(ratio(layout.min_coverage))
        text = show.word("insufficient_lines", count=show.count(poor), total=show.count(len(lines)), limit=limit)
        before.append(Sentence(text, "warning"))
    if report.status in ("open", "settling"):
        before.append(Sentence(show.word("provisional_note" if report.status == "open" else "settling_note"), "warning"))
    share = percent(report.collector_coverage_ppm, 1_000_000, 2)
    after = [Sentence(show.word("watched", coverage=show.percent(share)))]
    parts = [Part(verdicts(report, show, layout), show.word("counts"))] if lines else []
    missed = misses(report, show, layout)
    if missed is not None:
        parts.append(Part(missed, show.word("misses")))
    elif any(line.figures.denom for line in lines):
        after.insert(0, Sentence(show.word("no_misses")))
    return Section("summary", show.word("summary"), tuple(before), tuple(parts), tuple(after))


def _headline(report: Report, show: Show, layout: Layout) -> Section:
    heading = show.word("headline")
    if not report.headline:
        return _empty("headline", heading, show)
    grid = overview.against_objective(show, layout, headlined(report, layout), banded=True)
    grid = cut(show, grid, len(paired(report.headline)), show.word("file", names=overview.MACHINE))
    return Section("headline", heading, parts=(Part(grid),), after=_policy_notes(report, show))


def _policy_notes(report: Report, show: Show) -> tuple[Sentence, ...]:
    """The text of each policy that a figure of the page is counted by (R12.2)."""
    used = dict.fromkeys(line.policy for line in (*report.headline, *report.subjects))
    return tuple(Sentence(f"{show.term('policy', name)}: {_policy_text(name, show.language)}", "note") for name in used)


def _policy_text(name: str, language: str) -> str:
    return POLICIES[name].text[language] if name in POLICIES else NONE


def _composition(report: Report, show: Show, layout: Layout) -> Section:
    if not report.headline:
        return _empty("composition", show.word("composition"), show)
    parts = (
        Part(overview.seconds(report, show, layout)),
        Part(overview.firmness(report, show, layout), show.word("reliability")),
    )
    pair = chosen(report)
    sums = identity(show, [pair.line] if pair is not None else [])
    texts = (show.word("adds_up"), *sums, show.word("times_are", zone=report.zone))
    before = tuple(Sentence(text, "note") for text in texts)
    return Section("composition", show.word("composition"), before, parts)


def _causes(report: Report, show: Show, layout: Layout) -> Section:
    if not any(each.total_ms for each in report.lost):
        return _empty("causes", show.word("causes"), show)
    grid = overview.lost_lines(report, show, layout)
    shares = overview.lost_shares(report, show)
    note = Sentence(show.word("losses_add_up"), "note")
    return Section("causes", show.word("causes"), (note,), (Part(grid),), shares=shares)


def _targets(report: Report, show: Show, layout: Layout) -> Section:
    if not report.subjects:
        return _empty("targets", show.word("targets"), show)
    before = (Sentence(show.word("worst_first"), "note"),)
    return Section("targets", show.word("targets"), before, (Part(overview.targets(report, show, layout)),))


def _listed(key: str, show: Show, grid: Grid, left_out: Sequence[str] = ()) -> Section:
    if not grid.rows and not any(left_out):
        return _empty(key, show.word(key), show)
    before = (Sentence(show.word("longest"), "note"),) if grid.more else ()
    after = tuple(Sentence(text, "more") for text in left_out if text)
    return Section(key, show.word(key), before, (Part(grid),) if grid.rows else (), after)


def _left_out(show: Show, key: str, count: int) -> str:
    """What a list of the report itself leaves out, which no other file has either."""
    return show.word(key, count=show.count(count)) if count else ""


def _empty(key: str, heading: str, show: Show) -> Section:
    """A section with nothing in it says so: it was not forgotten."""
    return Section(key, heading, (Sentence(show.word("nothing")),))


def _incidents(report: Report, show: Show, layout: Layout) -> Section:
    single = lists.own_incidents(report)
    texts = (
        _left_out(show, "composed_incidents", len(report.incidents) - len(single)),
        _left_out(show, "left_out_incidents", report.incidents_left_out),
    )
    return _listed("incidents", show, lists.incidents(single, show, layout), texts)


def _windows(report: Report, show: Show, layout: Layout) -> Section:
    parts = []
    for retroactive in (False, True):
        grid = lists.windows(report, show, layout, retroactive=retroactive)
        if grid is not None:
            parts.append(Part(grid, show.word("retroactive_windows") if retroactive else ""))
    before = []
    if layout.maintenance_cap_ms:
        cap = show.duration(layout.maintenance_cap_ms * months(report))
        before.append(Sentence(show.word("cap_note", cap=cap), "note"))
        used = lists.maintenance_caps(report, show, layout)
        parts += [Part(used, show.word("caps"))] if used is not None else []
    if not parts:
        before.append(Sentence(show.word("nothing")))
    return Section("windows", show.word("windows"), tuple(before), tuple(parts))


def _corrections(report: Report, show: Show, layout: Layout) -> Section:
    return _listed("corrections", show, lists.corrections(report, show, layout))


def _unknown(report: Report, show: Show, layout: Layout) -> Section:
    texts = (_left_out(show, "left_out_unknown", report.unknown_left_out),)
    return _listed("unknown", show, lists.unknown(report, show, layout), texts)


def _restatements(report: Report, show: Show, layout: Layout) -> Section:
    return _listed("restatements", show, lists.restatements(report, show, layout))


def _method(report: Report, show: Show, layout: Layout) -> Section:
    limit = show.percent(ratio(Fraction(layout.min_coverage)))
    points = [(vietnamese if show.language == "vi" else english).format(limit=limit) for english, vietnamese in METHOD]
    gaps = sorted({line.merge_gap_ms for line in (*report.headline, *report.subjects) if line.merge_gap_ms})
    if gaps:
        points.append(show.word("merge_gaps", gaps=", ".join(show.duration(gap) for gap in gaps)))
    used = dict.fromkeys(line.policy for line in (*report.headline, *report.subjects))
    terms = tuple(
        (show.word("policy_code", name=show.term("policy", name), code=name), _policy_text(name, show.language))
        for name in used
    )
    parts = (Part(lists.parameters(report, show), show.word("judged")),) if report.parameters else ()
    return Section("method", show.word("method"), parts=parts, terms=terms, points=tuple(points))


def _provenance(report: Report, show: Show, layout: Layout) -> Section:
    p = report.provenance
    share = show.percent(percent(report.collector_coverage_ppm, 1_000_000, 2))
    terms = (
        (show.word("period"), f"{report.period} ({instant(report.from_ms)} – {instant(report.to_ms)})"),
        (show.word("status"), _status(report, show)),
        (show.word("known_label"), f"{show.time(p.known_ms)} ({instant(p.known_ms)})"),
        (show.word("chain_head"), p.chain_head or show.word("no_chain")),
        (show.word("config_version"), p.config_version),
        (show.word("code_version"), p.code_version),
        (show.word("tzdata_version"), p.tzdata_version),
        (show.word("collector_coverage"), f"{share} %"),
    )
    return Section("provenance", show.word("provenance"), terms=terms)
