"""Whose lost time it is, for targets and for groups of them: each lost stretch has one cause, and the parts add up exactly.

Pure. A group's loss is that of a member which explains it, so that a site's outage is charged to its line or to its devices.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from collector.core.causes import UNKNOWN_CAUSES, Cause, attributed, power_trouble, reboots_of
from collector.core.court import Court
from collector.core.figures import Figures, Question
from collector.core.intervals import Interval, Intervals, clip, cut, minus, size, union
from collector.core.roll import Roll
from collector.core.state import GOOD_STATES, Span, State, View, Why
from collector.core.subject import SubjectKind


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a subject's states with the cause of its loss; None for time that is not lost."""

    from_ms: int
    to_ms: int
    state: State
    cause: Cause | None


_RANK: Final = {Cause.LINK: 0, Cause.POWER: 1, Cause.HOST: 2, Cause.COLLECTOR: 3, Cause.AGENT: 4, Cause.MAINTENANCE: 5}
"""Of several members that explain a loss the first is charged: without a line nothing behind it can work."""
_FAILED: Final = (State.DOWN, State.UNREACHABLE)
_UNKNOWN: Final = State.UNKNOWN
_REBOOT: Final = Why.REBOOT
CAUSES: Final = tuple(Cause)
_HOST, _LINK, _POWER, _AGENT, _COLLECTOR, _MAINTENANCE = range(len(CAUSES))
_PLACE: Final = {cause: place for place, cause in enumerate(CAUSES)}
Sums = tuple[int, ...]
"""Milliseconds by cause, in the order of `CAUSES`."""


def links_of(roll: Roll) -> frozenset[str]:
    """Targets that are the line of a site (R15.4): members of the site itself, beside its critical devices."""
    found = set()
    for id_ in roll:
        subject = roll.subject(id_)
        if subject.kind is SubjectKind.SITE and subject.group is not None and not roll.is_pool(id_):
            found |= {name for name in subject.group.members if name in roll and _is_target(roll, name)}
    return frozenset(found)


def _is_target(roll: Roll, id_: str) -> bool:
    return roll.subject(id_).kind is SubjectKind.TARGET


def power_by_site(court: Court, known: Mapping[str, Intervals], links: frozenset[str]) -> dict[str, Intervals]:
    """When each site's power was in trouble: as somebody knows (a UPS), and as unannounced reboots of its targets show."""
    roll = court.roll
    reboots: dict[str, dict[str, Intervals]] = {}
    for id_ in roll:
        subject = roll.subject(id_)
        if subject.kind is SubjectKind.TARGET:
            spans = court.spans(id_, View.DEVICE)
            if _has_reboot(spans):
                reboots.setdefault(subject.site, {})[id_] = reboots_of(spans, *court.horizon)
    out: dict[str, Intervals] = {site: union(intervals) for site, intervals in known.items()}
    for site, rebooted in reboots.items():
        parents = {name for id_ in rebooted for name in roll.parents(id_)} | {
            name for name in links if roll.subject(name).site == site
        }
        outages = [_out(court.spans(name, View.DEVICE)) for name in sorted(parents - rebooted.keys())]
        out[site] = union([*out.get(site, ()), *power_trouble(rebooted, outages)])
    return out


def _has_reboot(spans: Sequence[Span]) -> bool:
    for span in spans:  # noqa: SIM110 - ten thousand times a report, and a generator is slower
        if span.why is _REBOOT:
            return True
    return False


def _out(spans: Sequence[Span]) -> list[Interval]:
    return union((span.from_ms, span.to_ms) for span in spans if span.state in _FAILED)


class Blame:
    """Causes of every subject of a court. `power`: power trouble by site (`power_by_site`)."""

    def __init__(self, court: Court, power: Mapping[str, Intervals], links: frozenset[str]) -> None:
        self._court = court
        self._power = power
        self.links = links
        self._pieces: dict[tuple[str, View], list[Piece]] = {}
        self._starts: dict[tuple[str, View], list[int]] = {}

    def pieces(self, id_: str, view: View) -> list[Piece]:
        """The subject's spans, or parts of them, with their causes, in order; none of a pool."""
        key = (id_, view)
        known = self._pieces.get(key)
        if known is None:
            spans = self._court.spans(id_, view)
            if self._court.roll.subject(id_).group is None:
                known = self._of_target(id_, spans)
            else:
                known = [piece for span in spans for piece in self._of_group(id_, view, span)]
            self._pieces[key] = known
        return known

    def _of_target(self, id_: str, spans: Sequence[Span]) -> list[Piece]:
        causes = attributed(spans, is_link=id_ in self.links, power=self._power_at(id_))
        return [Piece(a, b, span.state, cause) for span, (a, b, cause) in zip(spans, causes, strict=True)]

    def _power_at(self, id_: str) -> Intervals:
        return self._power.get(self._court.roll.subject(id_).site, ()) if self._power else ()

    def _of_group(self, id_: str, view: View, span: Span) -> list[Piece]:
        """A group's span by the members that explain it, piece by piece."""
        if span.state in GOOD_STATES:
            return [Piece(span.from_ms, span.to_ms, span.state, None)]
        roll = self._court.roll
        group = roll.history(id_).at(span.from_ms).group
        names = [name for name in group.members if name in roll] if group else []
        found = [within(self.pieces(name, view), span.from_ms, span.to_ms) for name in names]
        edges = {span.from_ms, span.to_ms}
        for pieces in found:
            edges |= {edge for p in pieces for edge in (p.from_ms, p.to_ms) if span.from_ms < edge < span.to_ms}
        ordered = sorted(edges)
        out: list[Piece] = []
        places = [0] * len(found)
        for a, b in pairwise(ordered):
            here: list[Piece] = []
            for index, pieces in enumerate(found):
                while places[index] < len(pieces) and pieces[places[index]].to_ms <= a:
                    places[index] += 1
                if places[index] < len(pieces) and pieces[places[index]].from_ms <= a:
                    here.append(pieces[places[index]])
            cause = _charge(here, span.state)
            if out and out[-1].cause is cause:
                a = out.pop().from_ms
            out.append(Piece(a, b, span.state, cause))
        return out

    def main_cause(self, id_: str, view: View, charged: Intervals) -> Cause:
        """The cause of most of an incident's charged time (R13.5); of equal ones the first of `Cause`."""
        pieces = self.pieces(id_, view)
        key = (id_, view)
        starts = self._starts.get(key)
        if starts is None:
            starts = self._starts[key] = [piece.from_ms for piece in pieces]
        at, end = bisect_right(starts, charged[0][0]) - 1, bisect_left(starts, charged[-1][1])
        if end == at + 1:
            return pieces[at].cause or Cause.HOST
        shares = sums(pieces[at:end], charged, ())
        return CAUSES[shares.index(max(shares))]

    def lost(self, id_: str, view: View, figures: Figures, question: Question) -> Sums:
        """Lost milliseconds of a subject by cause; they add up to `ast - up - degraded` of its figures exactly."""
        court = self._court
        if court.roll.subject(id_).group is None:
            quick = self._quick(id_, court.spans(id_, view), figures, question)
            if quick is not None:
                return quick
        return sums(self.pieces(id_, view), *_sets(question))

    def _quick(self, id_: str, spans: Sequence[Span], f: Figures, question: Question) -> Sums | None:
        """Without power trouble the figures say it all but whose the unknown time is."""
        if self._power and self._power_at(id_):
            return None
        of = [0] * len(CAUSES)
        left = f.unknown
        if left:
            agreed, planned = _sets(question)
            if planned or len(agreed) != 1:
                return None
            from_ms, to_ms = agreed[0]
            for span in [span for span in spans if span.state is _UNKNOWN]:
                length = min(span.to_ms, to_ms) - max(span.from_ms, from_ms)
                if length > 0:
                    of[_PLACE[UNKNOWN_CAUSES.get(span.why, Cause.AGENT)]] += length
                    left -= length
        of[_AGENT] += left
        of[_MAINTENANCE] = f.maintenance
        of[_LINK] += f.unreachable
        of[_LINK if id_ in self.links else _HOST] += f.down
        return tuple(of)


def _charge(here: Sequence[Piece], state: State) -> Cause:
    """The cause of a group's loss, from what its members were at that time."""
    is_unknown = state is State.UNKNOWN
    alike = [p.cause for p in here if p.cause is not None and (p.state not in _FAILED) is is_unknown]
    causes = alike or [p.cause for p in here if p.cause is not None]
    return min(causes, key=_RANK.__getitem__) if causes else Cause.AGENT if is_unknown else Cause.HOST


def within(pieces: Sequence[Piece], from_ms: int, to_ms: int) -> list[Piece]:
    """Pieces that have a part in the interval, as they are."""
    return [piece for piece in pieces if piece.from_ms < to_ms and piece.to_ms > from_ms]


def _sets(question: Question) -> tuple[Intervals, Intervals]:
    """Agreed time of the period, and planned time, as the question's policy sees them (3.12)."""
    agreed = question.scope
    if question.hours is not None and not question.policy.ignores_hours:
        agreed = cut(agreed, question.hours)
    planned: Intervals = question.composed
    if question.windows and not question.policy.ignores_maintenance:
        planned = union([*planned, *question.windows])
    return clip(agreed, question.period[0], question.until_ms), planned


def sums(pieces: Sequence[Piece], agreed: Intervals, planned: Intervals) -> Sums:
    """Lost milliseconds of agreed time by cause: planned time, and every lost piece outside it. Agreed time that no piece
    speaks for is unknown because of silence."""
    of = [0] * len(CAUSES)
    of[_MAINTENANCE] = size(cut(agreed, planned))
    counted = minus(agreed, planned)
    left, at = size(counted), 0
    for piece in pieces:
        while at < len(counted) and counted[at][1] <= piece.from_ms:
            at += 1
        i = at
        while i < len(counted) and counted[i][0] < piece.to_ms:
            length = min(piece.to_ms, counted[i][1]) - max(piece.from_ms, counted[i][0])
            left -= length
            if piece.cause is not None:
                of[_PLACE[piece.cause]] += length
            i += 1
    of[_AGENT] += left
    return tuple(of)
