"""Flapping (R10.2) is an annotation of the hard state."""

from __future__ import annotations

from collector.core.flap import FlapRule, flapping, transitions
from collector.core.state import Span, State, Why

U, D, X = State.UP, State.DOWN, State.UNKNOWN


def alternating(count: int, every: int, first: State = U, second: State = D) -> list[Span]:
    return [Span(i * every, (i + 1) * every, first if i % 2 == 0 else second, Why.OBSERVED) for i in range(count)]


def test_r10_2_only_down_and_not_down_count() -> None:
    """Up to unknown is no transition, nor is a change of cause alone."""
    spans = [
        Span(0, 1, U, Why.OBSERVED),
        Span(1, 2, X, Why.BLIND),
        Span(2, 3, D, Why.SILENT),
        Span(3, 4, D, Why.OBSERVED),
        Span(4, 5, X, Why.BLIND),
    ]
    assert transitions(spans) == [2, 4]


def test_r10_2_on_at_six_within_the_hour_off_at_two() -> None:
    """Six transitions 10 minutes apart are on at the sixth; off when only two lie in the last hour."""
    minute = 60_000
    spans = alternating(7, 10 * minute - 1)
    at = transitions(spans)
    assert len(at) == 6
    assert flapping(spans) == [(at[5], at[3] + 60 * minute)]
    assert flapping(alternating(6, 10 * minute)) == []
    assert flapping(alternating(30, 13 * minute)) == []


def test_r10_2_the_window_is_open_at_its_beginning() -> None:
    """A transition exactly one window ago does not count."""
    rule = FlapRule(window_ms=100, high=3, low=0)
    assert flapping(alternating(4, 50), rule) == []
    assert flapping(alternating(4, 49), rule) == [(147, 247)]


def test_no_transition_no_flapping() -> None:
    """Steady subjects and empty ledgers are calm."""
    assert flapping([]) == []
    assert flapping(alternating(5, 10, U, X), FlapRule(1000, 1, 0)) == []
