"""Puts a period's report together from a court: headline, subjects, lost time by cause, and the lists of R17.5.

Pure: the same court, question and facts give the same report. Nothing is rounded or put into words here (R16.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from collector.core import assembly_lists as lists
from collector.core.blame import CAUSES, Blame, Sums, links_of, power_by_site
from collector.core.counting import Counting, Key, is_part, primary_view, resolution
from collector.core.court import Court, coverage_ppm
from collector.core.figures import Figures, pool
from collector.core.intervals import Interval, Intervals, clip
from collector.core.monthly import Line, LostTime, Provenance, Report, RestatementLine
from collector.core.policy import DEFAULTS
from collector.core.roll import Roll
from collector.core.state import View
from collector.core.subject import Subject, SubjectKind

Progress = Callable[[int, int], None]
"""Called with how many subjects are counted, of how many."""
ALL: Final = "*"
"""Id of the pool of all targets; no subject can be called so."""
FLEET: Final = {"en": "All targets", "vi": "Mọi đối tượng"}
FLEET_OF: Final = {"en": "All of class {}", "vi": "Mọi đối tượng loại {}"}
_BOTH: Final = (View.DEVICE, View.E2E)
_KINDS: Final = {kind: kind.value for kind in SubjectKind}
_NAMES: Final = tuple([cause.value for cause in CAUSES])
_NO_LOSS: Final = (0,) * len(CAUSES)
_NAMELESS: Final[dict[str, str]] = {}
_TARGET: Final = SubjectKind.TARGET.value
_STEP: Final = 256


class Ask(msgspec.Struct, frozen=True):
    """What a report is asked for. The court's horizon reaches beyond the interval as far as its first and last incidents do."""

    period: str
    """As people wrote it, for `monthly.Report.period`."""
    interval: Interval
    zone: str
    limit: str = ""
    """Subject id of the site or group that the report is limited to; empty: everything."""
    names: Mapping[str, dict[str, str]] = {}
    """By subject id, the name in each language; a subject that is not here is called by its id."""
    language: str = "vi"
    """Whose name `Line.name` is; `Line.names` has every one."""
    objective: Fraction = Fraction(99, 100)
    """Of fleets whose members have not all the same one."""
    timeout_ms: int = 5_000
    """Part of the resolution of a figure (R4.2), of targets that are not in `timeouts`."""
    timeouts: Mapping[str, int] = {}
    most_incidents: int = 5_000
    """Longest list of incidents; all of them are in the figures."""
    most_unknown: int = 2_000


class Facts(msgspec.Struct, frozen=True):
    """What a report states beside what a court knows."""

    provenance: Provenance
    status: str
    version: int = 0
    blinds: Intervals = ()
    """When the collector itself saw nothing (R12.5)."""
    confirmed: Mapping[Key, Intervals] = {}
    """By subject and view, onset and hard instant of each confirmed outage, sorted (`Judge.confirmed`, R4.1)."""
    soft: Mapping[Key, Intervals] = {}
    """By subject and view, failures that were never confirmed (`Judge.soft_runs`, R4.3)."""
    power: Mapping[str, Intervals] = {}
    """By site, power trouble that somebody else knows of (a UPS); boot records are looked at here."""
    restatements: Sequence[RestatementLine] = ()


def assemble(court: Court, ask: Ask, facts: Facts, progress: Progress | None = None) -> Report:
    """The report. `ValueError` for a limit that is no site or group, or a period that is none."""
    if ask.interval[0] >= ask.interval[1]:
        raise ValueError(f"period {ask.period!r} is empty: expected an end after its beginning")
    making = _Making(court, ask, facts)
    single = making.singles(progress)
    headline = [*making.sites_and_groups(), *making.fleets()]
    keys = [(line.id, line.view) for line in headline if line.decides and making.has_states(line)]
    keys += [(line.id, line.view) for line in single if line.decides]
    incidents, more_incidents = lists.incidents(making.counting, making.blame, keys, facts.confirmed, ask.most_incidents)
    unknown, more_unknown = lists.unknown(making.counting, making.blame, keys, ask.most_unknown)
    named = frozenset(making.subjects) | {line.id for line in headline}
    until_ms = ask.interval[1] if court.known_ms is None else max(ask.interval[0], min(court.known_ms, ask.interval[1]))
    return Report(
        ask.limit, ask.period, *ask.interval, ask.zone, facts.status, facts.version, tuple(headline), tuple(single),
        tuple(making.lost(headline, single)), incidents,
        tuple(lists.windows(court, named, ask.interval, whole=not ask.limit)), unknown,
        lists.corrections(making.counting, named), tuple([r for r in facts.restatements if r.subject in named]),
        coverage_ppm((ask.interval[0], until_ms), facts.blinds), facts.provenance, more_incidents, more_unknown,
        lists.parameters(court.roll, making.subjects, (ask.timeout_ms, ask.timeouts)),
    )  # fmt: skip


class _Making:
    """A report on its way."""

    def __init__(self, court: Court, ask: Ask, facts: Facts) -> None:
        self.court, self.roll, self.ask = court, court.roll, ask
        links = links_of(self.roll)
        self.counting = Counting(court, ask.interval, links, facts.soft)
        self.blame = Blame(court, power_by_site(court, facts.power, links), links)
        self.subjects = [id_ for id_ in _within(self.roll, ask.limit) if clip(court.scope(id_), *ask.interval)]
        """Targets and agents that were in service."""
        self._lost: dict[View, dict[str, Sums]] = {View.DEVICE: {}, View.E2E: {}}

    # --- lines

    def singles(self, progress: Progress | None) -> list[Line]:
        """Both views of every target and agent."""
        out: list[Line] = []
        for done, id_ in enumerate(self.subjects):
            out += self._lines(self.roll.subject(id_), _BOTH)
            if progress is not None and done % _STEP == 0:
                progress(done, len(self.subjects))
        return out

    def sites_and_groups(self) -> list[Line]:
        """Each site in both views, side by side (R15.4, V21), then each group in the view that decides."""
        roll = self.roll
        some = [roll.subject(id_) for id_ in _groups_within(roll, self.ask.limit)]
        here = [subject for subject in some if clip(self.court.scope(subject.id), *self.ask.interval)]
        out: list[Line] = []
        for subject in here:
            if subject.kind is SubjectKind.SITE:
                out += self._lines(subject, (View.DEVICE,) if roll.is_pool(subject.id) else _BOTH)
        for subject in here:
            if subject.kind is SubjectKind.GROUP and not is_part(roll, subject):
                out += self._lines(subject, (primary_view(roll, subject),))
        return out

    def _lines(self, subject: Subject, views: Sequence[View]) -> list[Line]:
        id_, objective, counting = subject.id, subject.objective, self.counting
        names = self.ask.names.get(id_, _NAMELESS)
        name = names.get(self.ask.language, id_)
        coarse = resolution(self.roll, subject, (self.ask.timeout_ms, self.ask.timeouts))
        primary = primary_view(self.roll, subject)
        kind, gap = _KINDS[subject.kind], objective.merge_gap_ms
        out = []
        for view in views:
            is_sum = subject.group is not None and counting.parts(id_, view) is not None
            edge, between = (0, 0) if is_sum else (coarse, gap)
            figures, policy = counting.of(id_, view), objective.policy or DEFAULTS[view]
            out.append(
                Line(
                    id_, name, kind, subject.site, subject.class_, view, policy, figures, edge, between, names, view is primary,
                )
            )  # fmt: skip
        return out

    def fleets(self) -> list[Line]:
        """A pool of every class, then one of all targets, in both views (R15.3)."""
        classes: dict[str, list[str]] = {}
        targets = [subject for subject in map(self.roll.subject, self.subjects) if subject.kind is SubjectKind.TARGET]
        for subject in targets:
            classes.setdefault(subject.class_, []).append(subject.id)
        slos = {class_: self._common(members) for class_, members in classes.items()}
        found = {view: self._pools(classes, slos, view) for view in _BOTH}
        limit = self.ask.limit
        site = self.roll.subject(limit).site if limit else ""
        out: list[Line] = []
        for class_ in sorted(classes):
            names = {language: text.format(class_ or "–") for language, text in FLEET_OF.items()}
            out += [_fleet(f"{ALL}:{class_}", names, (site, class_), view, found[view][class_]) for view in _BOTH]
        slo = self._common([subject.id for subject in targets])
        for view in _BOTH:
            out.append(_fleet(ALL, FLEET, (site, ""), view, pool([(1, f) for f in found[view].values()], slo)))
        return [msgspec.structs.replace(line, name=line.names.get(self.ask.language, line.name)) for line in out]

    def _pools(self, classes: Mapping[str, list[str]], slos: Mapping[str, Fraction], view: View) -> dict[str, Figures]:
        """The pool of each class in a view."""
        counting = self.counting
        if self.ask.limit:
            return {class_: counting.pooled([(1, id_) for id_ in some], view, slos[class_]) for class_, some in classes.items()}
        parts: dict[str, list[tuple[int, Figures]]] = {}
        for site in counting.sites():
            for (class_, _), figures in counting.cells(site, view).items():
                parts.setdefault(class_, []).append((1, figures))
        return {class_: pool(parts[class_], slos[class_]) for class_ in classes}

    def _common(self, members: Sequence[str]) -> Fraction:
        """The objective of a fleet: its members', if they agree."""
        slos = {self.roll.subject(id_).objective.slo_ppm for id_ in members}
        return Fraction(slos.pop(), 1_000_000) if len(slos) == 1 else self.ask.objective

    def has_states(self, line: Line) -> bool:
        """Whether there are spans behind a line, and not only sums."""
        return line.kind != "fleet" and self.counting.parts(line.id, line.view) is None

    # --- lost time

    def lost(self, headline: Sequence[Line], single: Sequence[Line]) -> list[LostTime]:
        """Lost time by cause of every line that lost any; each adds up to `ast - up - degraded` of its figures exactly."""
        self._sum_fleets(single)
        out = []
        last, shown = _NO_LOSS, dict.fromkeys(_NAMES, 0)
        for line in [*headline, *single]:
            figures = line.figures
            total = figures.ast - figures.up - figures.degraded
            if total:
                found = self._lost_of(line.id, line.view)
                if found is not last:  # the two views of a subject mostly have one
                    last, shown = found, dict(zip(_NAMES, found, strict=True))
                out.append(LostTime(line.id, line.view, total, shown))
        return out

    def _sum_fleets(self, single: Sequence[Line]) -> None:
        rows: dict[View, dict[str, list[Sums]]] = {View.DEVICE: {}, View.E2E: {}}
        for line in single:
            if line.kind == _TARGET:
                rows[line.view].setdefault(line.class_, []).append(self._lost_of(line.id, line.view))
        for view, classes in rows.items():
            sums = {f"{ALL}:{class_}": _added(some) for class_, some in classes.items()}
            self._lost[view].update(sums)
            self._lost[view][ALL] = _added(list(sums.values()))

    def _lost_of(self, id_: str, view: View) -> Sums:
        lost = self._lost[view]
        known = lost.get(id_)
        if known is None:
            counting = self.counting
            if view is View.E2E and counting.is_alike(id_):
                known = self._lost_of(id_, View.DEVICE)
            elif (parts := counting.parts(id_, view)) is not None:
                rows = [(weight, self._lost_of(name, view)) for weight, name in parts]
                known = _added([found if weight == 1 else tuple([weight * ms for ms in found]) for weight, found in rows])
            else:
                known = self.blame.lost(id_, view, counting.of(id_, view), counting.question(id_, view))
            lost[id_] = known
        return known


def _fleet(id_: str, names: Mapping[str, str], place: tuple[str, str], view: View, figures: Figures) -> Line:
    decides = view is View.DEVICE
    return Line(id_, names["en"], "fleet", *place, view, DEFAULTS[view], figures, names=dict(names), decides=decides)


def _added(rows: Sequence[Sums]) -> Sums:
    return tuple([sum(column) for column in zip(*rows, strict=True)]) if rows else _NO_LOSS


def _within(roll: Roll, limit: str) -> list[str]:
    """Targets and agents of the whole, of a site or of a group, in order of id."""
    single = [id_ for id_ in roll.ids if roll.subject(id_).group is None]
    if not limit:
        return single
    if limit not in roll or roll.subject(limit).group is None:
        raise ValueError(f"report limited to {limit!r}: expected the id of a site or a group, such as site:ID or group:ID")
    inside = _members(roll, limit)
    site = roll.subject(limit).site if roll.subject(limit).kind is SubjectKind.SITE else ""
    return [id_ for id_ in single if id_ in inside or (site and roll.subject(id_).site == site)]


def _groups_within(roll: Roll, limit: str) -> list[str]:
    """Sites and groups of the whole; or the limit itself and the ones inside it."""
    some = [id_ for id_ in roll.ids if roll.subject(id_).group is not None]
    inside = _members(roll, limit) | {limit} if limit else set(some)
    return [id_ for id_ in some if id_ in inside]


def _members(roll: Roll, id_: str) -> set[str]:
    out: set[str] = set()
    stack = [id_]
    while stack:
        found = roll.members(stack.pop()) - out
        out |= found
        stack += found
    return out
