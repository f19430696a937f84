"""The court: for every subject its corrected spans, its maintenance and its figures, from what was observed of targets.

Pure. It does not know where observed spans come from (closed days, live judges, or judges made anew as of some moment), so that
one function feeds every view. Everything is answered within one horizon and as of one moment K, and worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import msgspec

from collector.core import corrections as corrections_
from collector.core import groups, overlay
from collector.core.calendar import Calendar, expand
from collector.core.corrections import Correction
from collector.core.dependency import FOREVER, KnownPath, Path, PathLine
from collector.core.figures import Figures, Question, compute, listed, pool
from collector.core.incidents import Incident
from collector.core.intervals import Interval, Intervals, clip, size, union
from collector.core.letting_go import drain
from collector.core.policy import Policy, policy_for
from collector.core.roll import Roll
from collector.core.state import Span, View
from collector.core.subject import Subject, SubjectKind, Timetable
from collector.core.windows import Window, WindowBook, cover_history, in_scope

Observed = Callable[[str, View], Sequence[Span]]
"""Spans of a target over the whole horizon, as observed."""
Soft = Callable[[str, View], Intervals]
"""Failures of a target that were never confirmed (R4.3), over the whole horizon."""


class Terms(msgspec.Struct, frozen=True):
    """What people agreed on, as of K: windows and corrections that count (R11.1, 3.17), and calendars by name (R12.4)."""

    windows: Sequence[Window] = ()
    corrections: Sequence[Correction] = ()
    calendars: Mapping[str, Calendar] = {}


class Court:
    """See the module. `known_ms` is K; None: everything is known (R1.3). Without `soft` no figure has unconfirmed failures."""

    def __init__(
        self,
        roll: Roll,
        observed: Observed,
        terms: Terms,
        horizon: Interval,
        known_ms: int | None = None,
        *,
        soft: Soft | None = None,
    ) -> None:
        self.roll = roll
        self._soft = soft
        self.horizon = horizon
        self.known_ms = known_ms
        self.terms = terms
        self._observed = observed
        self._book = WindowBook(terms.windows)
        self._corrected: dict[str, list[Correction]] = {}
        for one in terms.corrections:
            self._corrected.setdefault(one.subject, []).append(one)
        self._spans: dict[tuple[str, View], Sequence[Span]] = {}
        self._composed: dict[tuple[str, View], Intervals] = {}
        self._covers: dict[tuple[str, View], Intervals] = {}
        self._handed: dict[str, Intervals] = {}
        self._scopes: dict[str, list[Interval]] = {}
        self._hours: dict[str, list[Interval]] = {}
        self._figures: dict[tuple[str, View, Interval, str], Figures] = {}

    # --- what was

    def raw(self, id_: str, view: View) -> Sequence[Span]:
        """Observed spans, without corrections: what stands beside the corrected ones. Groups are composed of these."""
        if self.roll.subject(id_).group is not None:
            return self._compose(id_, view)[0]
        return self._observed(id_, view)

    def spans(self, id_: str, view: View) -> Sequence[Span]:
        """The states of a subject, corrections applied. A pool has none (R15.3)."""
        key = (id_, view)
        known = self._spans.get(key)
        if known is None:
            if self.roll.subject(id_).group is not None:
                known, self._composed[key] = self._compose(id_, view)
            else:
                known = self._observed(id_, view)
            told = self._corrected.get(id_)
            if told:
                known = corrections_.apply(known, corrections_.concerning(told, id_, view))
            self._spans[key] = known
        return known

    def _compose(self, id_: str, view: View) -> tuple[list[Span], list[Interval]]:
        """A group by its definition at each instant (R1.2, 3.15)."""
        history = self.roll.history(id_)
        spans: list[Span] = []
        planned: list[Interval] = []
        for value, (a, b) in _pieces(history, self.horizon):
            if value.group is None or self.roll.is_pool(id_):
                continue
            members = [self._member(name, view) for name in value.group.members]
            for part in clip(self.scope(id_), a, b):
                found, broken = groups.compose(members, value.group, view, part)
                spans += found
                planned += broken
        return overlay.merge(spans), union(planned)

    def _member(self, name: str, view: View) -> groups.Member:
        if name not in self.roll:
            return groups.Member(())
        windows = self.maintenance(name, view)
        composed = self._composed.get((name, view))
        return groups.Member(self.spans(name, view), union([*windows, *composed]) if composed else windows)

    # --- what was agreed

    def scope(self, id_: str) -> list[Interval]:
        """When the subject was in service (R12.3); a group, since it was configured."""
        known = self._scopes.get(id_)
        if known is None:
            known = self._scopes[id_] = self.roll.scope(id_)
        return known

    def maintenance(self, id_: str, view: View) -> Intervals:
        """Counted windows of the subject, as a union (R11.1), with what its parents hand on (R11.4)."""
        key = (id_, view)
        known = self._covers.get(key)
        if known is None:
            windows = self._book.of(self.roll.subject(id_))
            if not windows and not self._book.propagates:
                known = ()
            else:
                parents = {name: self._handed_on(name) for name in self.roll.parents(id_)}
                handed = any(parents.values())
                spans = self.spans(id_, view) if handed else ()
                known = cover_history(self.roll.history(id_), windows, spans, parents) if windows or handed else ()
            self._covers[key] = known
        return known

    def windows_of(self, id_: str) -> Sequence[Window]:
        """The windows whose scope names the subject, whether or not they count at an instant."""
        return self._book.of(self.roll.subject(id_))

    def _handed_on(self, id_: str) -> Intervals:
        """What a subject hands on to its direct children (R11.4)."""
        if not self._book.propagates:
            return ()
        known = self._handed.get(id_)
        if known is None:
            subject = self.roll.subject(id_)
            known = self._handed[id_] = in_scope(subject, self._book.of(subject), propagating=True)
        return known

    def hours(self, id_: str) -> Intervals | None:
        """Service hours of the subject over the horizon; None for 24/7 (R12.4)."""
        name = self.roll.subject(id_).objective.calendar
        if not name or name not in self.terms.calendars:
            return None
        known = self._hours.get(name)
        if known is None:
            known = self._hours[name] = expand(self.terms.calendars[name], *self.horizon)
        return known

    def hours_within(self, id_: str, period: Interval) -> Intervals | None:
        """Service hours of the subject in a period outside the horizon; None for 24/7."""
        name = self.roll.subject(id_).objective.calendar
        if not name or name not in self.terms.calendars or period[0] >= period[1]:
            return None
        return expand(self.terms.calendars[name], *period)

    # --- figures

    def question(self, id_: str, view: View, period: Interval, policy: Policy | None = None) -> Question:
        """What is asked of a subject's spans, by its own objective unless another policy is named."""
        objective = self.roll.subject(id_).objective
        return Question(
            period,
            policy or policy_for(objective, view),
            objective.slo,
            self.known_ms,
            self.scope(id_),
            self.hours(id_),
            self.maintenance(id_, view),
            self._composed.get((id_, view), ()),
            objective.merge_gap_ms,
            self._kept_soft(id_, view, period),
        )

    def soft(self, id_: str, view: View) -> Intervals:
        """Failures of a subject that were never confirmed (R4.3); none of a group, or where nobody tells."""
        return self._soft(id_, view) if self._soft is not None and self.roll.subject(id_).group is None else ()

    def _kept_soft(self, id_: str, view: View, period: Interval) -> int:
        runs = self.soft(id_, view)
        until_ms = period[1] if self.known_ms is None else min(period[1], self.known_ms)
        return size(clip(runs, period[0], until_ms)) if runs else 0

    def figures(self, id_: str, view: View, period: Interval, policy: Policy | None = None) -> Figures:
        """The figures of a subject (3.12 to 3.14). A pool, and a site in the device view, add up seconds (R15.3, R15.4)."""
        key = (id_, view, period, policy.name if policy is not None else "")
        known = self._figures.get(key)
        if known is None:
            known = self._figures[key] = self._compute(id_, view, period, policy)
        return known

    def _compute(self, id_: str, view: View, period: Interval, policy: Policy | None) -> Figures:
        parts = self.parts(id_, view)
        if parts is not None:
            found = [(weight, self.figures(name, view, period, policy)) for weight, name in parts]
            pooled = pool(found, self.roll.subject(id_).objective.slo)
            is_open = self.known_ms is not None and self.known_ms < period[1]
            return pooled if pooled.provisional == is_open else msgspec.structs.replace(pooled, provisional=is_open)
        spans = self.spans(id_, view)
        return compute(spans, self.question(id_, view, period, policy))

    def parts(self, id_: str, view: View) -> list[tuple[int, str]] | None:
        """Whose seconds make its figures, each with its weight (R15.3); a site's devices in the device view (R15.4). None for
        what has states of its own."""
        subject = self.roll.subject(id_)
        if subject.kind is SubjectKind.SITE and view is View.DEVICE and not self.roll.is_pool(id_):
            return [(1, name) for name in self.roll.pooled(id_)]
        if subject.group is None or not self.roll.is_pool(id_):
            return None
        weights = subject.group.weights or (1,) * len(subject.group.members)
        return [(w, name) for w, name in zip(weights, subject.group.members, strict=True) if name in self.roll]

    def incidents(self, id_: str, view: View, period: Interval, policy: Policy | None = None) -> list[Incident]:
        """The incidents of the period, in full length (R13.2); none of a pool."""
        if self.roll.is_pool(id_):
            return []
        spans = self.spans(id_, view)
        return listed(spans, self.question(id_, view, period, policy))

    def let_go(self) -> None:
        """Forget what was worked out, a little at a time; then it may be worked out again."""
        drain(self._spans, self._composed, self._covers, self._handed, self._scopes, self._hours, self._figures)

    def raw_figures(self, id_: str, view: View, period: Interval) -> Figures:
        """The figures without corrections, to stand beside the corrected ones."""
        spans = self.raw(id_, view)
        return compute(spans, self.question(id_, view, period))


def _pieces(history: Timetable[Subject], horizon: Interval) -> list[tuple[Subject, Interval]]:
    edges = [horizon[0], *[edge for edge in history.changes if horizon[0] < edge < horizon[1]], horizon[1]]
    return [(history.at(a), (a, b)) for a, b in pairwise(edges)]


class ChangingPath:
    """The path of a target whose parents changed (R1.2)."""

    def __init__(self, lines: Timetable[PathLine]) -> None:
        self._lines = lines

    def at(self, t_ms: int) -> tuple[Path, int]:
        """See `PathLine`."""
        state, until_ms = self._lines.at(t_ms).at(t_ms)
        change = next((edge for edge in self._lines.changes if edge > t_ms), FOREVER)
        return state, min(until_ms, change)


def path_of(roll: Roll, id_: str, parent_spans: Callable[[str], Sequence[Span]], without: frozenset[str]) -> PathLine | None:
    """The path to a target through its parents at each instant (3.7), None when it never had any. Parents in `without` are
    not between the observer and the target (R9.8)."""
    history = roll.history(id_)
    lines: list[PathLine] = []
    for value in history.values:
        named = [[name for name in group if name not in without] for group in value.rules.parents]
        chosen = [group for group, whole in zip(named, value.rules.parents, strict=True) if len(group) == len(whole)]
        spans = [[parent_spans(name) if name in roll else () for name in group] for group in chosen]
        lines.append(KnownPath(spans, value.rules.dep_slack_ms))
    if not any(value.rules.parents for value in history.values):
        return None
    if len(lines) == 1:
        return lines[0]
    return ChangingPath(history.same(lines))


def coverage_ppm(period: Interval, blinds: Sequence[Interval]) -> int:
    """Share of a period in which an observer watched, in millionths, floored (R12.5)."""
    length = period[1] - period[0]
    return (length - size(clip(union(blinds), *period))) * 1_000_000 // length if length > 0 else 0
