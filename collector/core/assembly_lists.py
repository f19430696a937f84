"""The lists of a report: incidents, unknown time, windows and corrections (R13.5, R17.5), each bounded or short by nature.

Pure. What a list leaves out is still in the figures, and how much it is stands beside it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from collector.core.blame import Blame, Piece
from collector.core.causes import Cause
from collector.core.counting import Counting, Key
from collector.core.court import Court
from collector.core.figures import listed
from collector.core.incidents import Incident
from collector.core.intervals import Interval, Intervals, clip, cut, minus, size, union
from collector.core.monthly import CorrectionLine, IncidentLine, ParameterLine, UnknownLine, WindowLine
from collector.core.roll import Roll
from collector.core.state import Span, State, View
from collector.core.windows import Selector, Window, WindowBook, selects


def incidents(
    counting: Counting, blame: Blame, keys: Sequence[Key], confirmed: Mapping[Key, Intervals], limit: int
) -> tuple[tuple[IncidentLine, ...], int]:
    """Incidents of the keyed subjects and views by onset, and how many are left out. Beyond `limit` those subjects go first
    that have the most charged time, each with all of its incidents; `keys` that come earlier break ties."""
    figures = [counting.of(*key) for key in keys]
    charged = [f.charged for f in figures]
    total = sum([f.incidents or 0 for f in figures])
    out: list[IncidentLine] = []
    for place in sorted(range(len(keys)), key=charged.__getitem__, reverse=True):  # stable
        count = figures[place].incidents or 0
        if out and len(out) + count > limit:
            break
        if count:
            out += _incidents_of(counting, blame, keys[place], confirmed.get(keys[place], ()))
    return tuple(sorted(out, key=lambda each: (each.onset_ms, each.subject, each.view.value))), total - len(out)


def _incidents_of(counting: Counting, blame: Blame, key: Key, confirmed: Intervals) -> Iterator[IncidentLine]:
    id_, view = key
    question = counting.question(id_, view)
    spans = counting.court.spans(id_, view)
    from_ms, until_ms = question.period[0], question.until_ms
    for one in listed(spans, question):
        charged, cause = one.charged_within(from_ms, until_ms), blame.main_cause(id_, view, one.pieces)
        yield IncidentLine(
            id_, view, one.onset_ms, hard_of(one, spans, confirmed), one.restored_ms or 0, charged, cause.value, one.why.value,
            one.grade, one.onset_ms < from_ms,
        )  # fmt: skip


def hard_of(incident: Incident, spans: Sequence[Span], confirmed: Intervals) -> int:
    """When an incident was confirmed (R4.1), by onsets and hard instants of outages; 0: it had not to be, or it is not known.

    One that is charged only from the end of a window on was confirmed before; then it is its own onset.
    """
    onset = incident.onset_ms
    index = bisect_right(confirmed, onset, key=lambda pair: pair[0]) - 1
    if index >= 0:
        begun, hard = confirmed[index]
        if begun == onset or begun >= _outage_start(spans, onset):
            return max(hard, onset)
    if index + 1 < len(confirmed) and confirmed[index + 1][0] < incident.last_ms:
        return confirmed[index + 1][1]
    return 0


def _outage_start(spans: Sequence[Span], t_ms: int) -> int:
    """Since when it was down without a break at an instant; the instant itself if it was not."""
    index = bisect_right(spans, t_ms, key=lambda span: span.from_ms) - 1
    start = t_ms
    while index >= 0 and spans[index].state is State.DOWN and spans[index].to_ms >= start:
        start = min(start, spans[index].from_ms)
        index -= 1
    return start


def unknown(counting: Counting, blame: Blame, keys: Iterable[Key], limit: int) -> tuple[tuple[UnknownLine, ...], int]:
    """Unknown stretches of agreed time outside windows, by beginning, and how many are left out: the longest are kept."""
    found: list[tuple[int, int, str, View, str, Cause]] = []
    for id_, view in keys:
        if counting.of(id_, view).unknown:
            for a, b, span, cause in _unknown_of(counting, blame, id_, view):
                found.append((a, b, id_, view, span.why.value, cause))
    kept = heapq.nsmallest(limit, found, key=lambda row: (row[0] - row[1], row[0], row[2])) if len(found) > limit else found
    lines = [UnknownLine(id_, view, a, b, why, cause.value) for a, b, id_, view, why, cause in kept]
    return tuple(sorted(lines, key=lambda each: (each.from_ms, each.subject, each.view.value))), len(found) - len(kept)


def _unknown_of(counting: Counting, blame: Blame, id_: str, view: View) -> Iterator[tuple[int, int, Span, Cause]]:
    question = counting.question(id_, view)
    agreed = clip(question.scope, question.period[0], question.until_ms)
    if question.hours is not None and not question.policy.ignores_hours:
        agreed = cut(agreed, question.hours)
    planned = union([*question.composed, *(() if question.policy.ignores_maintenance else question.windows)])
    counted = minus(agreed, planned)
    pieces = [piece for piece in blame.pieces(id_, view) if piece.state is State.UNKNOWN]
    at = 0
    for span in counting.court.spans(id_, view):
        if span.state is State.UNKNOWN:
            while at + 1 < len(pieces) and pieces[at].to_ms <= span.from_ms:
                at += 1
            for a, b in cut(clip([(span.from_ms, span.to_ms)], *question.period), counted):
                yield a, b, span, _cause_at(pieces, at, a)


def _cause_at(pieces: Sequence[Piece], at: int, t_ms: int) -> Cause:
    while at + 1 < len(pieces) and pieces[at].to_ms <= t_ms:
        at += 1
    return (pieces[at].cause if at < len(pieces) else None) or Cause.AGENT


def windows(court: Court, subjects: Collection[str], period: Interval, *, whole: bool) -> list[WindowLine]:
    """Windows that touch the period and name one of the subjects (not all need be in the roll); `whole`: all that touch it.

    `counted_ms` is how long a window covered some subject that no earlier window of the list covered (R11.1): over the windows
    of one subject it adds up to their union. What children inherit (R11.4) and service hours are in the figures alone.
    """
    ordered = sorted(
        [one for one in court.terms.windows if one.from_ms < period[1] and one.to_ms > period[0]],
        key=lambda one: (one.from_ms, one.to_ms, one.id),
    )
    counted = _counted(ordered, court.roll, subjects, period)
    return [
        WindowLine(
            one.id, one.from_ms, one.to_ms, scope_text(one.scope), one.author, one.approver, one.reason, one.change,
            one.retroactive, size(counted.get(number, ())),
        )
        for number, one in enumerate(ordered)
        if whole or number in counted
    ]  # fmt: skip


def _counted(ordered: Sequence[Window], roll: Roll, subjects: Collection[str], period: Interval) -> dict[int, list[Interval]]:
    """By place in the list, the time in which a window covered someone first."""
    place = {(one.id, one.from_ms): number for number, one in enumerate(ordered)}
    book = WindowBook(ordered)
    seen: dict[tuple[int, ...], dict[int, list[Interval]]] = {}
    out: dict[int, list[Interval]] = {}
    for id_ in [id_ for id_ in subjects if id_ in roll] if ordered else ():
        subject = roll.subject(id_)
        named = [one for one in book.of(subject) if any(selects(selector, subject) for selector in one.scope)]
        numbers = tuple([place[one.id, one.from_ms] for one in named])
        if numbers and numbers not in seen:
            seen[numbers] = _firsts(ordered, numbers, period)
            for number, intervals in seen[numbers].items():
                out[number] = union([*out.get(number, ()), *intervals])
    return out


def _firsts(ordered: Sequence[Window], numbers: Sequence[int], period: Interval) -> dict[int, list[Interval]]:
    out: dict[int, list[Interval]] = {}
    covered: list[Interval] = []
    for number in numbers:
        own = clip([(ordered[number].from_ms, ordered[number].to_ms)], *period)
        out[number] = minus(own, covered)
        covered = union([*covered, *own])
    return out


def scope_text(scope: Sequence[Selector]) -> str:
    """Whom a window names, as it is written: `a, b; site=hue class=switch; label rack=7`."""
    return "; ".join(_selector_text(one) for one in scope)


def _selector_text(one: Selector) -> str:
    parts = [", ".join(one.subjects)] if one.subjects else []
    parts += [f"site={one.site}"] if one.site else []
    parts += [f"class={one.class_}"] if one.class_ else []
    parts += [f"label {name}={value}" for name, value in sorted(one.labels.items())]
    return " ".join(parts)


def corrections(counting: Counting, subjects: frozenset[str]) -> tuple[CorrectionLine, ...]:
    """Corrections that count and touch the period, by beginning."""
    from_ms, to_ms = counting.period
    found = [
        CorrectionLine(
            one.id, one.subject, one.from_ms, one.to_ms, one.to_state.value, one.author, one.approver, one.reason, one.change
        )
        for one in counting.court.terms.corrections
        if one.subject in subjects and one.from_ms < to_ms and one.to_ms > from_ms
    ]
    return tuple(sorted(found, key=lambda each: (each.from_ms, each.subject, each.id)))


def parameters(roll: Roll, subjects: Iterable[str], timeouts_ms: tuple[int, Mapping[str, int]]) -> tuple[ParameterLine, ...]:
    """How the subjects are judged, each way of judging once (SPEC 3.20). `timeouts_ms`: of most targets, and of those that have
    another."""
    most, others = timeouts_ms
    found = set()
    for id_ in subjects:
        one = roll.subject(id_)
        rules = one.rules
        found.add((
            one.kind.value, one.class_, rules.interval_ms, others.get(id_, most), rules.ttl_of(0), rules.fail_after,
            rules.recover_after, one.objective.merge_gap_ms, rules.silence_is_down,
        ))  # fmt: skip
    return tuple([ParameterLine(*values) for values in sorted(found)])
