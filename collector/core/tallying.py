"""Adds up the spans of one subject, piece by piece of agreed time (SPEC 3.12). Pure, one pass, integers only.

It is the inner loop of every report: a month of 10,000 targets goes through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from collector.core.intervals import Interval
from collector.core.state import Span, State, Why

_UP: Final = State.UP
_BACKFILL: Final = Why.BACKFILL
_CONTINUITY: Final = Why.CONTINUITY
_NOTHING: Final = dict.fromkeys(State, 0)


class Tally:
    """Milliseconds by state. Pieces must be given in order of time and must not overlap."""

    __slots__ = ("_at", "_incident_states", "_spans", "backfill", "charged", "inferred", "maint", "ms")

    def __init__(self, spans: Sequence[Span], incident_states: frozenset[State]) -> None:
        self._spans = spans
        self._incident_states = incident_states
        self._at = 0
        self.ms: dict[State, int] = _NOTHING.copy()
        """Agreed time of the period outside windows."""
        self.maint: dict[State, int] = _NOTHING.copy()
        """What was observed under windows (R11.5)."""
        self.charged: list[Interval] = []
        """Charged time, unclipped: sorted, disjoint, not touching (R13.1)."""
        self.backfill = 0
        self.inferred = 0

    def add(self, from_ms: int, to_ms: int) -> None:
        """A piece of the period outside windows. UP is never charged."""
        spans, ms, charges, charged = self._spans, self.ms, self._incident_states, self.charged
        end = charged[-1][1] if charged else None
        up = at = 0
        for at in range(self._at, len(spans)):
            span = spans[at]
            a, b = span.from_ms, span.to_ms
            if a < from_ms:
                a = from_ms
            if b > to_ms:
                b = to_ms
            if a >= b:
                if a >= to_ms:
                    break
                continue
            state = span.state
            if state is _UP:
                up += b - a
                why = span.why
                if why is _BACKFILL:
                    self.backfill += b - a
                elif why is _CONTINUITY:
                    self.inferred += b - a
                continue
            ms[state] += b - a
            if state in charges:
                if a == end:
                    a = charged.pop()[0]
                charged.append((a, b))
                end = b
        ms[_UP] += up
        self._at = at - 1 if at and spans[at - 1].to_ms > to_ms else at

    def charge(self, from_ms: int, to_ms: int) -> None:
        """A piece of agreed time outside the period: it is charged, so that incidents are whole, but not counted (R13.2)."""
        charged = self.charged
        for a, b, state in self._walk(from_ms, to_ms):
            if state in self._incident_states:
                start = charged.pop()[0] if charged and charged[-1][1] == a else a
                charged.append((start, b))

    def cover(self, from_ms: int, to_ms: int) -> None:
        """A piece of the period under a window (R11.5)."""
        for a, b, state in self._walk(from_ms, to_ms):
            self.maint[state] += b - a

    def _walk(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int, State]]:
        spans = self._spans
        for at in range(self._at, len(spans)):
            self._at = at
            span = spans[at]
            a, b = max(span.from_ms, from_ms), min(span.to_ms, to_ms)
            if a < b:
                yield a, b, span.state
            if span.to_ms > to_ms:
                return
