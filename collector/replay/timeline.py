"""The real core over one vector: judges for its targets, parents before children, and the spans that a result shows."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any, Final

import msgspec

from collector.core.dependency import KnownPath, PathLine, order
from collector.core.groups import Member, compose
from collector.core.intervals import Interval, Intervals, clip, union
from collector.core.judge import Judge, judge_all
from collector.core.policy import POLICIES
from collector.core.state import GOOD_STATES, Span, State, View
from collector.core.subject import Group, GroupRule, Timetable
from collector.replay.evidence import (
    FOREVER,
    MS,
    Known,
    blinds_of,
    given_states,
    known_at,
    maintenance_of,
    rules_of,
    scope_of,
    stretches_of,
)
from collector.replay.format import Document, GroupText, Parameters, Question, Vector

_LONG_AGO: Final = -FOREVER


class Line(msgspec.Struct, frozen=True):
    """A subject's spans in one view, the time in which planned work of members alone breaks it, and its counted windows."""

    spans: list[Span]
    windows: Intervals = ()
    composed: Intervals = ()

    @property
    def planned(self) -> Intervals:
        """All of its time under windows."""
        return union([*self.windows, *self.composed])


class Shelf:
    """What the last results of one vector were answered from: most results share their K and parameters, and with them all of
    the judging."""

    def __init__(self) -> None:
        self._known: dict[int | None, Known] = {}
        self._judged: dict[str, Judged] = {}

    def known(self, vector: Vector, as_of: int | None) -> Known:
        """See `known_at`."""
        if as_of not in self._known:
            _make_room(self._known)
            self._known[as_of] = known_at(vector, as_of)
        return self._known[as_of]

    def judged(self, question: Question, period: Interval) -> Judged:
        """Judges and parents' timelines of the same K, parameters and period; empty ones at first."""
        key = json.dumps([question.as_of, question.params, period], sort_keys=True)
        if key not in self._judged:
            _make_room(self._judged)
            self._judged[key] = ({}, {})
        return self._judged[key]


Judged = tuple[dict[str, Judge], dict[tuple[str, View], list[Span]]]
_KEPT: Final = 2
"""A result and the one before it, which it may restate (R17.2)."""


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]


class Case:
    """One vector as known at one K, judged with one result's parameters. `shelf`: shared by the results of this vector."""

    def __init__(self, document: Document, vector: Vector, question: Question, shelf: Shelf | None = None) -> None:
        self.document = document
        self.vector = vector
        self.question = question
        self.shelf = shelf or Shelf()
        self.known: Known = self.shelf.known(vector, question.as_of)
        self.parameters: dict[str, Parameters] = {name: document.parameters(question, own) for name, own in vector.own.items()}
        self.of_result: Parameters = document.parameters(question, {})
        """Parameters of a group, which has none of its own."""
        self.judges, self._path_spans = self.shelf.judged(question, self.period)
        self._blinds = blinds_of(self.known)

    @property
    def period(self) -> Interval:
        """What the result is about, in milliseconds."""
        period = self.question.period or self.vector.period
        return period.from_ * MS, period.to * MS

    @property
    def end_ms(self) -> int:
        """End of the result's period, as far as it is known (R1.3)."""
        return max(self.period[0], min(self.period[1], self.known.known_ms))

    # --- targets

    def judge(self, name: str) -> Judge:
        """The judge of a target that is not of kind `state`. Its ancestors are judged first (R7.3)."""
        if name not in self.judges:
            parents = {one: [p for group in target.parents for p in group] for one, target in self.vector.targets.items()}
            needed, todo = set[str](), [name]
            while todo:
                one = todo.pop()
                if one not in needed:
                    needed.add(one)
                    todo += parents[one]
            for one in order({one: parents[one] for one in parents if one in needed}):
                if self.vector.targets[one].kind != "state" and one not in self.judges:
                    self.judges[one] = self._judge(one)
        return self.judges[name]

    def _judge(self, name: str) -> Judge:
        target, parameters = self.vector.targets[name], self.parameters[name]
        rules = rules_of(target, parameters)
        paths: dict[str, PathLine] = {}
        if rules.parents:
            for view in View:
                groups = [[self._for_path(parent, view) for parent in group] for group in rules.parents]
                paths[view] = KnownPath(groups, rules.dep_slack_ms)
        return judge_all(
            stretches_of(self.known, name, parameters),
            self._blinds,
            Timetable.always(rules),
            scope=scope_of(self.known, name),
            paths=paths or None,
        )

    def _for_path(self, name: str, view: View) -> list[Span]:
        key = (name, view)
        if key not in self._path_spans:
            if self.vector.targets[name].kind == "state":
                self._path_spans[key] = given_states(self.known, name, FOREVER)
            else:
                self._path_spans[key] = self._as_path(name, view)
        return self._path_spans[key]

    def _as_path(self, name: str, view: View) -> list[Span]:
        """A parent as its children's path sees it: as far as its samples hold, and at K itself, for what is received at K is
        known (R1.3)."""
        k, held = self.known.known_ms, self._held_until(name, _LONG_AGO)
        if k == FOREVER:
            return self._judged(name, view, (_LONG_AGO, max([self.reach_ms(name), *held])), for_path=True)
        spans = self._judged(name, view, (_LONG_AGO, k), for_path=True)
        # Where the last hold ends at K, nothing is said of K: a silence is judged until K, not beyond it (R6.2).
        return spans if k in held else spans + self.judge(name).spans(view, k, k + 1, for_path=True)

    def _judged(self, name: str, view: View, extent: Interval, *, for_path: bool = False) -> list[Span]:
        """What the judge says, silence counted until K; where everything is known, until the end of what is asked (R6.2)."""
        known_ms = None if self.known.known_ms == FOREVER else self.known.known_ms
        return self.judge(name).spans(view, *extent, for_path=for_path, known_ms=known_ms)

    def reach_ms(self, name: str) -> int:
        """How far a target's timeline is told: to the end of the period, or as far as its samples reach beyond it."""
        whole = max(self.vector.period.to * MS, self.period[1])
        return min(self.known.known_ms, max([whole, *self._held_until(name, whole)]))

    def _held_until(self, name: str, after_ms: int) -> list[int]:
        kind, own = self.vector.targets[name].kind, self.parameters[name]
        sample = {"push": "report", "state": "state"}.get(kind, "obs")
        beyond = [event for event in self.known.of_target[name] if event.ev == sample and event.t * MS >= after_ms]
        if kind == "push":
            beyond = [event for event in beyond if event.known - event.t <= own.late_after]
        return [(event.t + (1 if kind == "state" else own.ttl)) * MS for event in beyond[-1:]]

    def spans(self, name: str, view: View) -> list[Span]:
        """A target's spans within its scope, as far as a result shows them: over the vector's period up to K; from the first
        evidence on if what holds at its beginning has an earlier part of an outage in it; and to the end of an outage that
        is running when the period ends."""
        reach = self.reach_ms(name)
        events = self.known.of_target[name]
        from_ms = min(self.vector.period.from_ * MS, self.period[0])
        until_ms = min(max(self.vector.period.to * MS, self.period[1]), reach)
        first = min([event.t * MS for event in events[:1]] + [from_ms])
        if self.vector.targets[name].kind == "state":
            spans = [s for s in given_states(self.known, name, reach) if s.to_ms > first]
            spans = _within(spans, scope_of(self.known, name), (first, reach))
        else:
            spans = self._judged(name, view, (first, reach))
        merge_gap_ms = self.parameters[name].merge_gap * MS
        extent = _extent(runs_of(spans), (from_ms, until_ms), (first, reach), self._charged(), merge_gap_ms)
        return spans_between(spans, *extent)

    def _charged(self) -> Set[State]:
        """The states in which an outage goes on, and an incident by the policy (R13.1)."""
        written = self.document.policies.get(self.question.policy)
        states = POLICIES[self.question.policy].incident_states if written is None else map(State, written.incident_states)
        return {State.DOWN, State.UNREACHABLE, *states}

    # --- any subject

    def line(self, name: str, view: View) -> Line:
        """Spans and planned time of a target or of a group that some result describes."""
        group = self._group(name)
        if group is None:
            spans = self.spans(name, view)
            return Line(spans, maintenance_of(self.known, name, spans))
        members = [self.line(member, view) for member in group.members]
        rule = Group(GroupRule(group.rule), tuple(group.members), group.k or 0)
        parts = [Member(line.spans, line.planned) for line in members]
        spans, composed = compose(parts, rule, view, (self.period[0], self.end_ms))
        return Line(spans, maintenance_of(self.known, name, spans), composed)

    def group(self, name: str) -> GroupText | None:
        """How a group is made; None for a target."""
        return self._group(name)

    def _group(self, name: str) -> GroupText | None:
        if name == self.question.subject and self.question.group is not None:
            return self.question.group
        if name in self.vector.targets:
            return None
        return next(one.group for one in self.vector.questions if one.subject == name and one.group is not None)


def spans_between(spans: list[Span], from_ms: int, to_ms: int) -> list[Span]:
    """The part of a timeline in `[from_ms, to_ms)`."""
    return [
        Span(max(s.from_ms, from_ms), min(s.to_ms, to_ms), s.state, s.why)
        for s in spans
        if s.from_ms < to_ms and s.to_ms > from_ms
    ]


def _within(spans: list[Span], scope: Intervals, extent: Interval) -> list[Span]:
    return [piece for a, b in clip(scope, *extent) for piece in spans_between(spans, a, b)]


Run = tuple[int, int, State]


def runs_of(spans: list[Span]) -> list[Run]:
    """Spans joined by state alone."""
    out: list[Run] = []
    for span in spans:
        if out and out[-1][1] == span.from_ms and out[-1][2] is span.state:
            out[-1] = (out[-1][0], span.to_ms, span.state)
        else:
            out.append((span.from_ms, span.to_ms, span.state))
    return out


def _extent(runs: list[Run], period: Interval, whole: Interval, charged: Set[State], merge_gap_ms: int) -> Interval:
    """The period, and as much before and behind it as the chains of charged time need that reach over its edges
    (R13.1)."""

    def ends(run: Run) -> bool:
        return run[2] in GOOD_STATES and run[2] not in charged and run[1] - run[0] >= merge_gap_ms

    from_ms, until_ms = period
    for run in reversed([run for run in runs if run[0] <= period[0]]):
        if ends(run):
            break
        if run[0] < period[0] and run[2] in charged:
            from_ms = whole[0]
            break
    running = False
    for run in runs:
        inside = run[0] < period[1]
        if not inside and not running:
            break
        if ends(run):
            running = False
        elif run[2] in charged:
            running = True
            # What is still going on at the end of all that is known has not ended, however much of it is shown.
            until_ms = max(until_ms, run[1]) if run[1] < whole[1] or not inside else until_ms
    return from_ms, until_ms
