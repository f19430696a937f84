"""Explains a subject's figures: every span of a period with its reason, cause, grade, what it counts as, and its evidence.

Pure. It says nothing that judgement did not use; what it shows of evidence is as of K (R1.3).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from collector.core.assembly_lists import hard_of
from collector.core.blame import Blame, Piece, links_of, within
from collector.core.corrections import Correction
from collector.core.counting import Counting, primary_view, resolution
from collector.core.court import Court
from collector.core.evidence import Run
from collector.core.figures import Figures, Question, listed
from collector.core.flap import FlapRule, flapping
from collector.core.intervals import Interval, Intervals, clip, minus, union
from collector.core.judge import CENTRE
from collector.core.policy import policy_for
from collector.core.state import GOOD_STATES, Span, State, View, Why, grade_of
from collector.core.stretch import BlindSpan
from collector.core.windows import WindowBook, in_scope
from collector.core.witness import Named, Witnesses

MAINTENANCE: Final = "maintenance"
OUT_OF_HOURS: Final = "out_of_hours"
MOST_OTHERS: Final = 12
"""Outages of parents or members shown with one span."""
_STEADY: Final = frozenset({Why.OBSERVED, Why.REPORTING, Why.BACKFILL})
"""Good spans of these may have begun long before the period: what they rest on within it is shown."""
_RULES: Final = {
    Why.REPORTING: "R5.1", Why.NEVER: "R5.6", Why.SILENT: "R6.3", Why.STALE: "R5.2", Why.BLIND: "R5.2", Why.PENDING: "R4.4",
    Why.PATH: "R7.2", Why.PATH_UNCLEAR: "R7.2", Why.REBOOT: "R8.2", Why.SHUTDOWN: "R8.5", Why.STALL: "R8.1",
    Why.BACKFILL: "R9.3", Why.CONTINUITY: "R9.3", Why.BRIDGED: "R5.5", Why.CORRECTED: "R9.4", Why.MEMBERS: "R15.1",
    Why.STATED: "R1.1",
}  # fmt: skip
_BY_PATH: Final = frozenset({Why.PATH, Why.PATH_UNCLEAR})


class Other(msgspec.Struct, frozen=True):
    """A span of a parent or a member that bears on a span of the subject."""

    subject: str
    from_ms: int
    to_ms: int
    state: State
    why: Why


class Told(msgspec.Struct, frozen=True):
    """A part of one span that counts in one way. Milliseconds UTC, clipped to the period."""

    from_ms: int
    to_ms: int
    state: State
    why: Why
    since_ms: int
    """When the whole span began, which may be before the period or before a window."""
    cause: str
    """A `causes.Cause`; "" for time that is not lost."""
    grade: str
    counts: str
    """A `policy.Role` (`good`, `bad`, `excluded`), or the overlay it lies under: `maintenance`, `out_of_hours`."""
    windows: tuple[str, ...] = ()
    """Ids of the windows it lies under, also where the policy does not look at them; empty when inherited (R11.4)."""
    correction: str = ""
    """Id of the correction that says so (R9.4)."""
    observed: State | None = None
    """What was observed under the correction."""
    evidence: Named = Named()
    blinds: tuple[BlindSpan, ...] = ()
    """Blindness of observers that bears on it (R5.2)."""
    others: tuple[Other, ...] = ()
    """Outages of its parents (3.7), or what its members were (3.15)."""
    others_left_out: int = 0
    rule: str = ""
    """Number of the rule that made it so."""


class Episode(msgspec.Struct, frozen=True):
    """An incident of the period (R13.5); 0 where there is no instant, as in `monthly.IncidentLine`."""

    onset_ms: int
    hard_ms: int
    restored_ms: int
    charged_ms: int
    cause: str


class ViewTold(msgspec.Struct, frozen=True):
    """One view of the subject over the period."""

    view: View
    policy: str
    policy_text: dict[str, str]
    decides: bool
    figures: Figures
    uncertainty_ms: int | None
    """Incidents x (interval + timeout) (R4.2); None for a pool."""
    spans: tuple[Told, ...]
    incidents: tuple[Episode, ...]
    soft: tuple[Interval, ...]
    """Failures that were never confirmed (R4.3)."""
    flapping: tuple[Interval, ...]
    """R10.2; it never changed a second."""


class Reboot(msgspec.Struct, frozen=True):
    """A change of boot: last evidence of the old one, first of the new one (R8.2)."""

    last_ms: int
    first_ms: int
    pinned: bool
    """Both ends are markers of the agent: down between them, however long."""


class Explanation(msgspec.Struct, frozen=True):
    """Everything about one subject over a period."""

    subject: str
    kind: str
    site: str
    class_: str
    name: dict[str, str]
    period: str
    from_ms: int
    to_ms: int
    known_ms: int
    views: tuple[ViewTold, ...]
    reboots: tuple[Reboot, ...]
    interval_ms: int
    objective_ppm: int


class Wanted(msgspec.Struct, frozen=True):
    """What is to be explained. `interval` is the period; `period` as people wrote it."""

    subject: str
    period: str
    interval: Interval
    views: tuple[View, ...] = (View.DEVICE, View.E2E)
    names: Mapping[str, str] = {}
    """Its names by language."""
    timeout_ms: int = 5_000
    """Part of the resolution (R4.2)."""


class Sources(msgspec.Struct, frozen=True):
    """What is known beside the court. `known_ms` is K, which bounds everything here."""

    known_ms: int
    runs: Sequence[Run] = ()
    """Stored evidence of the target, from before the period on (R5.6)."""
    blinds: Sequence[BlindSpan] = ()
    confirmed: Mapping[View, Intervals] = {}
    """`Judge.confirmed` (R4.1)."""
    soft: Mapping[View, Intervals] = {}
    """`Judge.soft_runs` (R4.3)."""
    reboots: Sequence[tuple[int, int, bool]] = ()
    """`Boots.reboots`."""
    power: Mapping[str, Intervals] = {}
    """Power trouble by site (`blame.power_by_site`)."""
    flap: FlapRule = FlapRule()


def explain(court: Court, wanted: Wanted, sources: Sources) -> Explanation:
    """The explanation. `KeyError` for a subject that the roll does not have, `ValueError` for a period that is none."""
    if wanted.interval[0] >= wanted.interval[1]:
        raise ValueError(f"period {wanted.period!r} is empty: expected an end after its beginning")
    subject = court.roll.subject(wanted.subject)
    telling = _Telling(court, wanted, sources)
    reboots = [
        Reboot(*found)
        for found in sources.reboots
        if found[0] < wanted.interval[1] and found[1] > wanted.interval[0] and found[1] <= sources.known_ms
    ]
    return Explanation(
        subject.id, subject.kind.value, subject.site, subject.class_, dict(wanted.names), wanted.period, *wanted.interval,
        sources.known_ms, tuple([telling.view(view) for view in wanted.views]), tuple(reboots), subject.rules.interval_ms,
        subject.objective.slo_ppm,
    )  # fmt: skip


class _Telling:
    """An explanation on its way."""

    def __init__(self, court: Court, wanted: Wanted, sources: Sources) -> None:
        self.court, self.wanted, self.sources = court, wanted, sources
        self.id = wanted.subject
        self.subject = court.roll.subject(self.id)
        self.links = links_of(court.roll)
        self.blame = Blame(court, sources.power, self.links)
        soft = {(self.id, view): found for view, found in sources.soft.items()}
        self.counting = Counting(court, wanted.interval, self.links, soft)
        self.witnesses = Witnesses(sources.runs, sources.known_ms)
        self.observers = {CENTRE, *(run.observer for run in sources.runs)}
        self.about = next((run.target for run in sources.runs), self.id)
        """Whose evidence it is judged by."""
        history, book = court.roll.history(self.id), WindowBook(court.terms.windows)
        self.windows = [one for one in book.of(self.subject) if any(in_scope(value, [one]) for value in history.values)]

    def view(self, view: View) -> ViewTold:
        """One view of it."""
        policy = policy_for(self.subject.objective, view)
        figures = self.counting.of(self.id, view)
        decides = primary_view(self.court.roll, self.subject) is view
        common = (view, policy.name, dict(policy.text), decides, figures)
        if self.counting.parts(self.id, view) is not None:
            return ViewTold(*common, None, (), (), (), ())
        spans, question = self.court.spans(self.id, view), self.counting.question(self.id, view)
        coarse = resolution(self.court.roll, self.subject, (self.wanted.timeout_ms, {}))
        period = (self.wanted.interval[0], question.until_ms)
        told, incidents = tuple(self._told(view, question)), tuple(self._episodes(view, question))
        return ViewTold(
            *common, (figures.incidents or 0) * coarse, told, incidents,
            tuple(clip(self.sources.soft.get(view, ()), *period)), tuple(clip(flapping(spans, self.sources.flap), *period)),
        )  # fmt: skip

    def _episodes(self, view: View, question: Question) -> Iterator[Episode]:
        spans, confirmed = self.court.spans(self.id, view), self.sources.confirmed.get(view, ())
        from_ms, until_ms = question.period[0], question.until_ms
        for one in listed(spans, question):
            charged, cause = one.charged_within(from_ms, until_ms), self.blame.main_cause(self.id, view, one.pieces)
            yield Episode(one.onset_ms, hard_of(one, spans, confirmed), one.restored_ms or 0, charged, cause.value)

    # --- spans

    def _told(self, view: View, question: Question) -> Iterator[Told]:
        sets = _Sets(question)
        pieces = self.blame.pieces(self.id, view)
        raw = self.court.raw(self.id, view)
        from_ms, until_ms = question.period[0], question.until_ms
        for span in _whole(self.court.spans(self.id, view), clip(question.scope, from_ms, until_ms)):
            start, end = max(span.from_ms, from_ms), min(span.to_ms, until_ms)
            causes = within(pieces, start, end)
            beneath = _touching(raw, start, end) if span.why is Why.CORRECTED else []
            edges = {start, end, *sets.edges(start, end)}
            edges.update([edge for one in causes for edge in (one.from_ms, one.to_ms)])
            edges.update([edge for one in beneath for edge in (one.from_ms, one.to_ms)])
            inside = sorted(edge for edge in edges if start <= edge <= end)
            yield from self._joined(view, span, [self._part(span, pair, sets, causes, beneath) for pair in pairwise(inside)])

    def _part(self, span: Span, part: Interval, sets: _Sets, causes: Sequence[Piece], beneath: Sequence[Span]) -> Told:
        a, b = part
        cause = next((piece.cause for piece in causes if piece.from_ms <= a < piece.to_ms), None)
        observed = next((one for one in beneath if one.from_ms <= a < one.to_ms), None)
        by = next((one.id for one in self._corrections(a) if one.to_state is span.state), "") if observed is not None else ""
        names = tuple([one.id for one in self.windows if one.from_ms < b and one.to_ms > a])
        return Told(
            a, b, span.state, span.why, span.from_ms, cause.value if cause else "", grade_of(span.why),
            sets.counts(a, span.state), names, by, observed.state if observed is not None else None, rule=_rule(span),
        )  # fmt: skip

    def _corrections(self, t_ms: int) -> list[Correction]:
        """Corrections that hold at an instant, the one that prevails first."""
        found = [one for one in self.court.terms.corrections if one.subject == self.id and one.from_ms <= t_ms < one.to_ms]
        return found[::-1]

    def _joined(self, view: View, span: Span, parts: Sequence[Told]) -> Iterator[Told]:
        """Neighbours that differ in nothing made one, each with what bears on it."""
        out: list[Told] = []
        for part in parts:
            last = out[-1] if out else None
            if last is not None and msgspec.structs.replace(last, from_ms=0, to_ms=0) == msgspec.structs.replace(
                part, from_ms=0, to_ms=0
            ):
                out[-1] = msgspec.structs.replace(last, to_ms=part.to_ms)
            else:
                out.append(part)
        for part in out:
            yield self._proved(view, span, part)

    # --- what bears on a span

    def _proved(self, view: View, span: Span, part: Told) -> Told:
        if part.observed is not None:
            [span] = [one for one in self.court.raw(self.id, view) if one.from_ms <= part.from_ms < one.to_ms]
        if self.subject.group is not None:
            others = self._members(view, part)
            return msgspec.structs.replace(part, others=others[:MOST_OTHERS], others_left_out=max(0, len(others) - MOST_OTHERS))
        looked_at = span
        if span.why in _STEADY and span.state in GOOD_STATES:
            from_ms, to_ms = self.wanted.interval
            looked_at = Span(max(span.from_ms, from_ms), min(span.to_ms, to_ms), span.state, span.why)
        others = self._parents(view, span) if span.why in _BY_PATH or span.state is State.UNREACHABLE else ()
        blinds = [
            one
            for one in self.sources.blinds
            if span.state is State.UNKNOWN
            and one.observer in self.observers
            and one.target in ("", self.about)
            and one.from_ms < span.to_ms
            and one.until_ms >= span.from_ms
        ]
        return msgspec.structs.replace(
            part, evidence=self.witnesses.of(looked_at, view), blinds=tuple(blinds), others=others[:MOST_OTHERS],
            others_left_out=max(0, len(others) - MOST_OTHERS),
        )  # fmt: skip

    def _parents(self, view: View, span: Span) -> tuple[Other, ...]:
        """What parents were, as far as the slack lets it bear on the span (R7.3). A machine that is known to have run may have
        been no way through all the same: that shows end to end only."""
        value = self.court.roll.history(self.id).at(span.from_ms)
        names = sorted({name for group in value.rules.parents for name in group if name in self.court.roll})
        reach = (span.from_ms, span.to_ms + value.rules.dep_slack_ms)
        for seen in (view, View.E2E):
            found = tuple([other for name in names for other in self._lost_spans(name, seen, reach)])
            if found:
                return found
        return ()

    def _members(self, view: View, part: Told) -> tuple[Other, ...]:
        group = self.court.roll.history(self.id).at(part.from_ms).group
        names = [name for name in group.members if name in self.court.roll] if group and part.state is not State.UP else []
        return tuple([other for name in names for other in self._lost_spans(name, view, (part.from_ms, part.to_ms))])

    def _lost_spans(self, id_: str, view: View, reach: Interval) -> list[Other]:
        return [
            Other(id_, one.from_ms, one.to_ms, one.state, one.why)
            for one in _touching(self.court.spans(id_, view), *reach)
            if one.state not in GOOD_STATES
        ]


def _rule(span: Span) -> str:
    """The rule by which judgement says so. What was observed holds (R5.1), an outage from its first failure on (R4.1)."""
    return _RULES.get(span.why) or ("R4.1" if span.state is State.DOWN else "R5.1")


class _Sets:
    """What lies over a view's spans."""

    def __init__(self, question: Question) -> None:
        policy = self._policy = question.policy
        self._hours = question.hours if question.hours is not None and not policy.ignores_hours else None
        self._planned = union([*question.composed, *(() if policy.ignores_maintenance else question.windows)])

    def edges(self, from_ms: int, to_ms: int) -> set[int]:
        """Where something begins or ends to lie over them."""
        return {edge for one in (self._planned, self._hours or ()) for pair in clip(one, from_ms, to_ms) for edge in pair}

    def counts(self, t_ms: int, state: State) -> str:
        """What an instant counts as (3.3): the overlay that lies over it, or the state's role in the policy (3.12)."""
        if self._hours is not None and not _holds(self._hours, t_ms):
            return OUT_OF_HOURS
        return MAINTENANCE if _holds(self._planned, t_ms) else self._policy.role(state).value


def _holds(intervals: Intervals, t_ms: int) -> bool:
    index = bisect_right(intervals, t_ms, key=lambda pair: pair[0]) - 1
    return index >= 0 and t_ms < intervals[index][1]


def _touching(spans: Sequence[Span], from_ms: int, to_ms: int) -> list[Span]:
    return [span for span in spans if span.from_ms < to_ms and span.to_ms > from_ms]


def _whole(spans: Sequence[Span], agreed: Intervals) -> list[Span]:
    """Spans that touch the agreed time, and unknown ones where nothing speaks for it (R5.6)."""
    found = [span for a, b in agreed for span in _touching(spans, a, b)]
    silent = [Span(a, b, State.UNKNOWN, Why.NEVER) for a, b in minus(agreed, union((s.from_ms, s.to_ms) for s in spans))]
    return sorted({(span.from_ms, span.to_ms): span for span in [*found, *silent]}.values(), key=lambda span: span.from_ms)
