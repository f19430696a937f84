"""The figures of every subject of a court over one period, each worked out once: what a report adds up and shows.

Pure. A month of ten thousand targets goes through here, so the end-to-end view is not counted again where it cannot differ, and
pools are added up from cells (targets of one site and class) that several of them share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from collector.core.court import Court
from collector.core.figures import Figures, Question, compute, pool
from collector.core.intervals import Interval, Intervals, clip, size
from collector.core.plain_figures import plain
from collector.core.policy import DEFAULTS
from collector.core.roll import Roll
from collector.core.state import State, View
from collector.core.subject import Subject, SubjectKind

Key = tuple[str, View]
Cells = dict[tuple[str, bool], Figures]
"""Pools of a site's targets by class, links apart."""
SERVICE: Final = "service"
"""Class of what is used over the network and not a device (SPEC 5, decision 1)."""
_UNREACHABLE: Final = State.UNREACHABLE


class Counting:
    """See the module. `links`: the lines of sites; `soft`: failures never confirmed, by subject and view (R4.3)."""

    def __init__(self, court: Court, period: Interval, links: frozenset[str], soft: Mapping[Key, Intervals]) -> None:
        self.court = court
        self.period = period
        self.links = links
        self._soft = soft
        self._soft_apart = {id_ for id_, _ in soft if soft.get((id_, View.DEVICE)) != soft.get((id_, View.E2E))}
        self._figures: dict[View, dict[str, Figures]] = {View.DEVICE: {}, View.E2E: {}}
        self._questions: dict[View, dict[str, Question]] = {View.DEVICE: {}, View.E2E: {}}
        self._alike: set[str] = set()
        self._sites: dict[str, list[str]] | None = None
        self._cells: dict[Key, Cells] = {}

    def of(self, id_: str, view: View) -> Figures:
        """The figures of a subject, by its own objective and policy."""
        figures = self._figures[view]
        known = figures.get(id_)
        if known is None:
            known = figures[id_] = self._count(id_, view)
        return known

    def question(self, id_: str, view: View) -> Question:
        """What was asked of a subject with states of its own."""
        questions = self._questions[view]
        known = questions.get(id_)
        if known is None:
            self.court.spans(id_, view)  # a group's planned time comes with its states
            known = questions[id_] = self.court.question(id_, view, self.period)
        return known

    def is_alike(self, id_: str) -> bool:
        """Whether a target's end-to-end figures were found equal to the device view's; known once they are counted."""
        return id_ in self._alike

    # --- sums

    def parts(self, id_: str, view: View) -> list[tuple[int, str]] | None:
        """Weights and ids of what a figure adds up (R15.3, R15.4); None for a subject with states of its own in the view."""
        roll = self.court.roll
        subject = roll.subject(id_)
        group = subject.group
        if group is None:
            return None
        if subject.kind is SubjectKind.SITE and view is View.DEVICE:
            return [(1, name) for name in self.at_site(subject.site) if name not in self.links]
        if not roll.is_pool(id_):
            return None
        weights = group.weights or (1,) * len(group.members)
        return [(weight, name) for weight, name in zip(weights, group.members, strict=True) if name in roll]

    def at_site(self, site: str) -> Sequence[str]:
        """Every target of a site, its line included, in order of id."""
        if self._sites is None:
            self._sites = {}
            roll = self.court.roll
            for id_ in roll.ids:
                subject = roll.subject(id_)
                if subject.kind is SubjectKind.TARGET:
                    self._sites.setdefault(subject.site, []).append(id_)
        return self._sites.get(site, ())

    def sites(self) -> list[str]:
        """Every site that has targets; "" for those without one."""
        self.at_site("")
        return list(self._sites or ())

    def cells(self, site: str, view: View) -> Cells:
        """Pools of a site's targets by class; the links' are apart."""
        known = self._cells.get((site, view))
        if known is None:
            found: dict[tuple[str, bool], list[tuple[int, Figures]]] = {}
            for id_ in self.at_site(site):
                key = (self.court.roll.subject(id_).class_, id_ in self.links)
                found.setdefault(key, []).append((1, self.of(id_, view)))
            here = self.at_site(site)
            if view is View.E2E and self._soft_apart.isdisjoint(here) and self._alike.issuperset(here):
                known = self.cells(site, View.DEVICE)
            else:
                known = {key: pool(parts) for key, parts in found.items()}
            self._cells[site, view] = known
        return known

    def pooled(self, parts: Sequence[tuple[int, str]], view: View, slo: Fraction) -> Figures:
        """Seconds of several subjects added up against one objective (R15.3)."""
        return pool([(weight, self.of(name, view)) for weight, name in parts], slo)

    # --- counting

    def _count(self, id_: str, view: View) -> Figures:
        subject = self.court.roll.subject(id_)
        if subject.group is None:
            return self._count_single(id_, view)
        if subject.kind is SubjectKind.SITE and view is View.DEVICE:
            cells = self.cells(subject.site, view)
            return pool([(1, figures) for (_, is_link), figures in cells.items() if not is_link], subject.objective.slo)
        parts = self.parts(id_, view)
        if parts is not None:
            return self.pooled(parts, view, subject.objective.slo)
        return compute(self.court.spans(id_, view), self.question(id_, view))

    def _count_single(self, id_: str, view: View) -> Figures:
        if view is View.E2E and self._are_equal(id_):
            self._alike.add(id_)
            known = self.of(id_, View.DEVICE)
        else:
            spans, question = self.court.spans(id_, view), self.question(id_, view)
            known = plain(spans, question) or compute(spans, question)
        return self._with_soft(id_, view, known) if self._soft else known

    def _are_equal(self, id_: str) -> bool:
        """Whether both views of a target say the same: equal states, none of them unreachable. The policies of the two views
        differ in that state alone, and windows are inherited only in it (R11.4)."""
        device, e2e = self.court.spans(id_, View.DEVICE), self.court.spans(id_, View.E2E)
        if device is not e2e and device != e2e:
            return False
        for span in device:  # noqa: SIM110 - ten thousand times a report, and a generator is slower
            if span.state is _UNREACHABLE:
                return False
        return True

    def _with_soft(self, id_: str, view: View, figures: Figures) -> Figures:
        soft = self._soft.get((id_, view))
        length = size(clip(soft, self.period[0], self.question(id_, view).until_ms)) if soft else 0
        return figures if figures.soft_fail == length else msgspec.structs.replace(figures, soft_fail=length)


def primary_view(roll: Roll, subject: Subject) -> View:
    """The view whose figure decides (SPEC 5, decision 1): end to end for sites and services, and for groups of them; the
    device's for everything else."""
    if subject.objective.policy == DEFAULTS[View.E2E] or subject.class_ == SERVICE:
        return View.E2E
    if subject.group is None:
        return View.DEVICE
    if subject.kind is SubjectKind.SITE:
        return View.DEVICE if roll.is_pool(subject.id) else View.E2E
    if not subject.objective.policy:
        members = [roll.subject(name) for name in subject.group.members if name in roll]
        return View.E2E if any(primary_view(roll, member) is View.E2E for member in members) else View.DEVICE
    return View.DEVICE


def resolution(roll: Roll, subject: Subject, timeouts_ms: tuple[int, Mapping[str, int]]) -> int:
    """Uncertainty of one edge (R4.2): interval and timeout of a target; of a group the coarsest of its members, 0 for a pool.

    `timeouts_ms`: of most targets, and of those that have another.
    """
    if subject.group is None:
        return subject.rules.interval_ms + timeouts_ms[1].get(subject.id, timeouts_ms[0])
    if roll.is_pool(subject.id):
        return 0
    members = [roll.subject(name) for name in subject.group.members if name in roll]
    return max((resolution(roll, member, timeouts_ms) for member in members), default=0)


def is_part(roll: Roll, subject: Subject) -> bool:
    """Whether a group is only a part of a site (`site:ID:...`), which is shown as one."""
    site = f"site:{subject.site}"
    return subject.kind is SubjectKind.GROUP and subject.id.startswith(f"{site}:") and site in roll
