"""The figures of a subject that nothing lies over: in service and agreed all the time, no window, never degraded.

Pure. It gives what `figures.compute` gives in half the time, or None where it does not apply: most of ten thousand targets have
such a month. A test holds the two equal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from collector.core.figures import Figures, Question
from collector.core.incidents import Counts
from collector.core.intervals import Interval, Intervals
from collector.core.state import Span, State, Why

_UP: Final = State.UP
_DEGRADED: Final = State.DEGRADED
_DOWN: Final = State.DOWN
_UNREACHABLE: Final = State.UNREACHABLE
_UNKNOWN: Final = State.UNKNOWN
_BACKFILL: Final = Why.BACKFILL
_CONTINUITY: Final = Why.CONTINUITY
_ZERO: Final = dict.fromkeys(State, 0)
_NONE: Final = Counts()
_begin: Final = itemgetter(0)
_end: Final = itemgetter(1)


def applies(spans: Sequence[Span], question: Question) -> bool:
    """Whether nothing lies over the spans, and they cover the whole period without a hole, within one stretch of service."""
    policy, scope = question.policy, question.scope
    if not spans or question.windows or question.composed or question.hours is not None or len(scope) != 1:
        return False
    a, b, (from_ms, to_ms), until_ms = spans[0].from_ms, spans[-1].to_ms, question.period, question.until_ms
    if not (scope[0][0] <= a <= from_ms < until_ms <= b <= scope[0][1] and to_ms <= scope[0][1]):
        return False
    if _UP in policy.incident_states or _DEGRADED in policy.incident_states:
        return False
    return sum([span.to_ms - span.from_ms for span in spans]) == b - a


def plain(spans: Sequence[Span], question: Question) -> Figures | None:
    """The figures of 3.12 and 3.13 where `applies` and nothing is degraded; else None."""
    if not applies(spans, question):
        return None
    from_ms, until_ms = question.period[0], question.until_ms
    charges, gap_ms = question.policy.incident_states, question.merge_gap_ms
    ms = _ZERO.copy()
    charged: list[Interval] = []
    begins: list[int] = []
    lost = good = 0
    at_ms = spans[0].from_ms
    for span in [span for span in spans if span.state is not _UP]:
        a, b, state = span.from_ms, span.to_ms, span.state
        if state is _DEGRADED:
            return None
        if a - at_ms > good:
            good = a - at_ms
        at_ms = b
        if state in charges:
            # Only good time that was seen, long enough and unbroken, parts two incidents (R13.1, R10.3).
            if not charged or (good and good >= gap_ms):
                begins.append(len(charged))
            charged.append((a, b))
            good = 0
        if a < from_ms:
            a = from_ms
        if b > until_ms:
            b = until_ms
        if a < b:
            ms[state] += b - a
            lost += b - a
    ms[_UP] = until_ms - from_ms - lost
    return _made(question, ms, parted(charged, begins, (from_ms, until_ms), spans[-1].to_ms), spans)


def _made(question: Question, ms: dict[State, int], held: Counts, spans: Sequence[Span]) -> Figures:
    policy, from_ms, until_ms = question.policy, question.period[0], question.until_ms
    late = {_BACKFILL: 0, _CONTINUITY: 0}
    for span in [span for span in spans if (span.why is _BACKFILL or span.why is _CONTINUITY) and span.state is _UP]:
        late[span.why] += max(0, min(span.to_ms, until_ms) - max(span.from_ms, from_ms))
    unknown = ms[_UNKNOWN]
    good = sum([ms[state] for state in policy.good])
    bad = sum([ms[state] for state in policy.bad])
    charged = sum([ms[state] for state in policy.incident_states])
    to_come = question.period[1] - until_ms
    return Figures(
        until_ms - from_ms, 0, ms[_UP], 0, ms[_DOWN], ms[_UNREACHABLE], unknown, good, bad,
        unknown if policy.excludes_unknown else 0, to_come, question.slo, held.incidents, held.started, charged, held.closed,
        held.closed_ms, 0, 0, late[_BACKFILL], late[_CONTINUITY], question.kept_soft_ms, to_come > 0,
    )  # fmt: skip


def parted(charged: Intervals, begins: Sequence[int], period: Interval, known_ms: int) -> Counts:
    """Incidents of a period (R13.2, R13.4) from charged time, unclipped, and the places in it at which a chain begins. One
    whose charged time reaches the end of what is known has not ended."""
    from_ms, to_ms = period
    i = bisect_right(charged, from_ms, key=_end)
    j = bisect_left(charged, to_ms, key=_begin) - 1
    if i > j:
        return _NONE
    first, last = bisect_right(begins, i) - 1, bisect_right(begins, j) - 1
    onset, after = begins[first], begins[last + 1] if last + 1 < len(begins) else len(charged)
    incidents, until = last - first + 1, charged[after - 1][1]
    has_ended = until <= to_ms and until < known_ms
    closed_ms = sum([b - a for a, b in charged[onset : after if has_ended else begins[last]]])
    return Counts(incidents, incidents - (charged[onset][0] < from_ms), incidents - (not has_ended), closed_ms)
