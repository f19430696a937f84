"""The figures of one subject over one period (SPEC 3.12 to 3.14): seconds by class, exact, and what follows from them.

Pure. One pass over the spans; fractions appear only in what is asked of the result, floats nowhere (R16.1).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Final

import msgspec

from collector.core import incidents
from collector.core.incidents import Incident
from collector.core.intervals import Interval, Intervals, clip, cut, minus, size, union
from collector.core.policy import Policy, Role
from collector.core.state import Span, State
from collector.core.tallying import Tally

FOREVER: Final = 1 << 62
"""Farther than any instant."""
ALWAYS: Final = ((-FOREVER, FOREVER),)
MIN_COVERAGE: Final = Fraction(99, 100)
"""R12.5."""


class Verdict(enum.StrEnum):
    """R12.1."""

    MET = "MET"
    BREACHED = "BREACHED"
    NO_DATA = "NO_DATA"
    NOT_PROVEN = "NOT_PROVEN"


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Milliseconds and counts; `ast == maintenance + up + degraded + down + unreachable + unknown` holds exactly (3.12).

    Weighted pools have no incident count (R15.3): None. `doubt` is X of 3.12: unknown if the policy excludes it, else 0.
    """

    ast: int
    maintenance: int
    up: int
    degraded: int
    down: int
    unreachable: int
    unknown: int
    good: int
    bad: int
    doubt: int
    future_ast: int
    """Agreed time still to come while the period is open (R14.1)."""
    slo: Fraction
    incidents: int | None = 0
    incidents_started: int | None = 0
    charged: int = 0
    """Charged time of the incidents, clipped to the period (R13.3)."""
    closed_count: int = 0
    closed_ms: int = 0
    """Incidents that ended in the period and their full lengths (R13.4)."""
    maint_up: int = 0
    maint_down: int = 0
    up_backfill: int = 0
    """Part of `up` that rests on late reports (R9.7)."""
    up_inferred: int = 0
    """Part of `up` that rests on boot continuity alone (R9.7)."""
    soft_fail: int = 0
    """Failures that were never confirmed (R4.3)."""
    provisional: bool = False
    """The period is not over as far as is known: the verdict may change (R12.1)."""

    @property
    def denom(self) -> int:
        """Seconds that count (3.12)."""
        return self.good + self.bad

    @property
    def availability(self) -> Fraction | None:
        """`good / denom`; None without a denominator (3.12)."""
        return _ratio(self.good, self.good + self.bad)

    @property
    def low(self) -> Fraction | None:
        """Unknown time counted all bad (3.12); None if there is not even unknown time."""
        return _ratio(self.good, self.denom + self.doubt)

    @property
    def high(self) -> Fraction | None:
        """Unknown time counted all good (3.12); None if there is not even unknown time."""
        return _ratio(self.good + self.doubt, self.denom + self.doubt)

    @property
    def verdict(self) -> Verdict:
        """R12.1, by comparing integers (R16.4): equality is met."""
        aim, of = self.slo.numerator, self.slo.denominator
        if not self.denom:
            return Verdict.NO_DATA
        all_ = (self.denom + self.doubt) * aim
        if self.good * of >= all_:
            return Verdict.MET
        return Verdict.BREACHED if (self.good + self.doubt) * of < all_ else Verdict.NOT_PROVEN

    @property
    def coverage(self) -> Fraction | None:
        """Share of the agreed time outside windows of which something is known (R12.5); None if there is none."""
        agreed = self.ast - self.maintenance
        return _ratio(agreed - self.unknown, agreed)

    @property
    def is_covered(self) -> bool:
        """Enough is known for a headline; if not, the report says "insufficient measurement" (R12.5)."""
        coverage = self.coverage
        return coverage is None or coverage >= MIN_COVERAGE

    @property
    def budget_total(self) -> Fraction | None:
        """Bad milliseconds that the objective allows in the whole period (R14.1); None without a denominator."""
        return (1 - self.slo) * (self.denom + self.future_ast) if self.denom else None

    @property
    def budget_left(self) -> Fraction | None:
        """What is left of it; negative when it is overspent (R14.1)."""
        total = self.budget_total
        return None if total is None else total - self.bad

    @property
    def mttr(self) -> Fraction | None:
        """Charged milliseconds per incident, clipped to the period (R13.3); None without incidents."""
        return _ratio(self.charged, self.incidents or 0)

    @property
    def mtbf(self) -> Fraction | None:
        """Good milliseconds per incident (R13.3); None without incidents."""
        return _ratio(self.good, self.incidents or 0)

    @property
    def mtbsi(self) -> Fraction | None:
        """`mttr + mtbf` (R13.3); None without incidents."""
        return _ratio(self.charged + self.good, self.incidents or 0)

    @property
    def mttr_closed(self) -> Fraction | None:
        """Mean full length of the incidents that ended in the period (R13.4); None if none did."""
        return _ratio(self.closed_ms, self.closed_count)


class Question(msgspec.Struct, frozen=True):
    """What figures are asked for. Milliseconds; sets are sorted, disjoint and do not touch."""

    period: Interval
    policy: Policy
    slo: Fraction
    known_ms: int | None = None
    """K (R1.3): the period counts until then, the rest is still to come; None: all of it is known."""
    scope: Intervals = ALWAYS
    """In-service intervals (R12.3)."""
    hours: Intervals | None = None
    """Service hours (R12.4); None: 24/7. They reach as far as the spans do, else outages before the period are not seen as
    earlier parts of its incidents."""
    windows: Intervals = ()
    """Counted maintenance windows of the subject, as a union (R11.1)."""
    composed: Intervals = ()
    """Time in which members' planned work alone broke a group (R15.1): a class of its own, which no policy ignores."""
    merge_gap_ms: int = 0
    """R10.3."""
    kept_soft_ms: int = 0
    """Length of failures that were never confirmed (R4.3), handed through to the figures."""

    @property
    def until_ms(self) -> int:
        """End of what counts."""
        return self.period[1] if self.known_ms is None else max(self.period[0], min(self.period[1], self.known_ms))


def in_service(scope: Sequence[tuple[int, int | None]]) -> list[Interval]:
    """A subject's scope as a set (R12.3): None is no end."""
    return union((a, FOREVER if b is None else b) for a, b in scope)


def compute(spans: Sequence[Span], question: Question) -> Figures:
    """The figures of 3.12 and 3.13 from one subject's spans in one view.

    `spans` are in order and do not overlap; they may reach beyond the period, and should, as far as its first and last
    incidents do. Agreed time that no span speaks for is unknown (R5.6). `ValueError` for spans that overlap.
    """
    tally, agreed, planned = _tally(spans, question)
    from_ms, until_ms = question.period[0], question.until_ms
    policy, ms = question.policy, tally.ms
    ast, maintenance = _size(agreed, from_ms, until_ms), 0
    if planned:
        maintenance = size(cut(clip(agreed, from_ms, until_ms), planned))
    unknown = ms[_UNKNOWN] + _unspoken(ast - maintenance, ms, question)
    ms[_UNKNOWN] = unknown
    good = maintenance if policy.maintenance is Role.GOOD else 0
    for state in policy.good:
        good += ms[state]
    bad = charged = 0
    for state in policy.bad:
        bad += ms[state]
    for state in policy.incident_states:
        charged += ms[state]
    held = incidents.count(spans, tally.charged, question.merge_gap_ms, (from_ms, until_ms))
    maint = tally.maint
    return Figures(
        ast, maintenance, ms[_UP], ms[_DEGRADED], ms[_DOWN], ms[_UNREACHABLE], unknown, good, bad,
        unknown if policy.excludes_unknown else 0, _size(agreed, until_ms, question.period[1]), question.slo, held.incidents,
        held.started, charged, held.closed, held.closed_ms, maint[_UP] + maint[_DEGRADED], maint[_DOWN], tally.backfill,
        tally.inferred, question.kept_soft_ms, until_ms < question.period[1],
    )  # fmt: skip


def listed(spans: Sequence[Span], question: Question) -> list[Incident]:
    """The incidents of the period, those with charged time in it, in order of onset and unclipped (R13.2, R13.5)."""
    tally, _, _ = _tally(spans, question)
    every = incidents.chains(spans, tally.charged, question.merge_gap_ms)
    return [one for one in every if one.charged_within(question.period[0], question.until_ms)]


def pool(parts: Sequence[tuple[int, Figures]], slo: Fraction | None = None) -> Figures:
    """Pooled seconds of `(weight, figures)` (R15.3): never a mean of percentages. Incidents are counted if all weights are 1.

    `slo` is the pool's own objective; None: that of the first part. `ValueError` for no parts and no objective.
    """
    if slo is None:
        if not parts:
            raise ValueError("a pool of nothing has no objective: give one")
        slo = parts[0][1].slo
    rows = [_read(part) if weight == 1 else [weight * value for value in _read(part)] for weight, part in parts]
    sums = [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * len(_SUMMED)
    counts: tuple[int | None, int | None] = (None, None)
    if all(weight == 1 and part.incidents is not None for weight, part in parts):
        counts = (
            sum([part.incidents or 0 for _, part in parts]),
            sum([part.incidents_started or 0 for _, part in parts]),
        )
    return _made(sums, slo, counts, any(part.provisional for _, part in parts))


def add(first: Figures, second: Figures) -> Figures:
    """The figures of two adjacent periods of one subject, `first` being the earlier, as one period (3.18.2).

    Both must come from the same spans, question and K. Everything adds up but `incidents`: one that reaches over the boundary
    is counted once (R13.2), which is `second`'s that began earlier, if `first` saw any. Pools: add each part, then pool.
    `ValueError` for different objectives.
    """
    if first.slo != second.slo:
        raise ValueError(f"figures for an objective of {first.slo} and of {second.slo} do not add up: expected the same")
    sums = [a + b for a, b in zip(_read(first), _read(second), strict=True)]
    counts: tuple[int | None, int | None] = (None, None)
    if first.incidents is not None and second.incidents is not None:
        started = second.incidents_started or 0
        earlier = 0 if first.incidents else second.incidents - started
        counts = (first.incidents + started + earlier, (first.incidents_started or 0) + started)
    return _made(sums, first.slo, counts, first.provisional or second.provisional)


_UP: Final = State.UP
_DEGRADED: Final = State.DEGRADED
_DOWN: Final = State.DOWN
_UNREACHABLE: Final = State.UNREACHABLE
_UNKNOWN: Final = State.UNKNOWN

_SUMMED: Final = tuple(
    name for name in Figures.__struct_fields__ if name not in ("slo", "incidents", "incidents_started", "provisional")
)
"""What pools and adjacent periods add up."""
_read: Final[Callable[[Figures], tuple[int, ...]]] = attrgetter(*_SUMMED)


def _made(sums: Sequence[int], slo: Fraction, counts: tuple[int | None, int | None], provisional: bool) -> Figures:
    """Figures of the values of `_SUMMED` and what does not add up."""
    ast, maintenance, up, degraded, down, unreachable, unknown, good, bad, doubt, future, *rest = sums
    charged, closed_count, closed_ms, maint_up, maint_down, backfill, inferred, soft_fail = rest
    return Figures(
        ast, maintenance, up, degraded, down, unreachable, unknown, good, bad, doubt, future, slo, *counts, charged,
        closed_count, closed_ms, maint_up, maint_down, backfill, inferred, soft_fail, provisional,
    )  # fmt: skip


def _ratio(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def _size(x: Intervals, from_ms: int, to_ms: int) -> int:
    total = 0
    for a, b in x:
        if a < to_ms and b > from_ms:
            total += min(b, to_ms) - max(a, from_ms)
    return total


def _unspoken(counted: int, ms: dict[State, int], question: Question) -> int:
    """Agreed time outside windows that no span covers."""
    left = counted - sum(ms.values())
    if left < 0:
        raise ValueError(f"spans overlap in {question.period}: {-left} ms are there twice")
    return left


def _tally(spans: Sequence[Span], question: Question) -> tuple[Tally, Intervals, Intervals]:
    """The spans added up, the agreed time and the planned time, both unclipped."""
    policy = question.policy
    tally = Tally(spans, policy.incident_states)
    agreed = question.scope
    if question.hours is not None and not policy.ignores_hours:
        agreed = cut(agreed, question.hours)
    planned = question.composed
    if question.windows and not policy.ignores_maintenance:
        planned = union([*planned, *question.windows]) if planned else question.windows
    if not spans:
        return tally, agreed, planned
    from_ms, until_ms = question.period[0], question.until_ms
    _charge(tally, (agreed, planned), spans[0].from_ms, from_ms)
    if planned:
        inside = clip(agreed, from_ms, until_ms)
        pieces = [(a, b, False) for a, b in minus(inside, planned)] + [(a, b, True) for a, b in cut(inside, planned)]
        for a, b, covered in sorted(pieces):
            (tally.cover if covered else tally.add)(a, b)
    else:
        for a, b in clip(agreed, from_ms, until_ms):
            tally.add(a, b)
    _charge(tally, (agreed, planned), until_ms, spans[-1].to_ms)
    return tally, agreed, planned


def _charge(tally: Tally, sets: tuple[Intervals, Intervals], from_ms: int, to_ms: int) -> None:
    if from_ms < to_ms:
        for a, b in minus(clip(sets[0], from_ms, to_ms), sets[1]):
            tally.charge(a, b)
