"""Incidents (3.13): what joins two outages, what cuts them, and what is kept of each."""

from __future__ import annotations

from collector.core.incidents import Counts, chains, count, good_runs, starts
from collector.core.intervals import Interval, union
from collector.core.state import Span, State, Why

U, D, X, G, R = State.UP, State.DOWN, State.UNKNOWN, State.DEGRADED, State.UNREACHABLE


def spans_of(*pairs: tuple[State, int], why: Why = Why.OBSERVED) -> list[Span]:
    """Spans one after another from 0, by length."""
    out: list[Span] = []
    at = 0
    for state, length in pairs:
        out.append(Span(at, at + length, state, why))
        at += length
    return out


def down(spans: list[Span]) -> list[Interval]:
    return union((span.from_ms, span.to_ms) for span in spans if span.state is D)


def test_r13_1_unknown_and_unreachable_time_does_not_cut() -> None:
    """Down, blind, down is one incident; an instant seen up makes two."""
    spans = spans_of((D, 10), (X, 50), (R, 5), (D, 10), (U, 1), (D, 10))
    held = chains(spans, down(spans), 0)
    assert [one.pieces for one in held] == [((0, 10), (65, 75)), ((76, 86),)]
    assert [one.charged_ms for one in held] == [20, 10]
    assert held[0].charged_within(5, 70) == 10


def test_r10_3_short_good_time_does_not_cut() -> None:
    """With a merge gap of 300, 299 of good time join and 300 cut; up and degraded side by side are one good time."""
    spans = spans_of((D, 10), (U, 299), (D, 10), (U, 300), (D, 10), (U, 150), (G, 150), (D, 10))
    assert starts(spans, down(spans), 300) == [0, 2, 3]
    assert starts(spans, down(spans), 0) == [0, 1, 2, 3]
    assert good_runs(spans, 300) == [(319, 619), (629, 929)]


def test_r13_1_good_time_seen_in_a_window_cuts() -> None:
    """A window hides charged time, not what was seen: up under it ends the incident, down under it does not."""
    spans = spans_of((D, 10), (U, 10), (D, 10), (D, 10), (D, 10))
    assert len(chains(spans, [(0, 10), (40, 50)], 0)) == 2
    assert len(chains(spans, [(20, 30), (40, 50)], 0)) == 1


def test_r13_2_counts_of_a_period() -> None:
    """An incident counts where it has charged time, starts where its first charged instant is, ends once (R13.4)."""
    spans = spans_of((U, 50), (D, 100), (U, 50), (D, 100), (U, 10))
    charged = down(spans)
    assert count(spans, charged, 0, (0, 100)) == Counts(1, 1, 0, 0)
    assert count(spans, charged, 0, (100, 200)) == Counts(1, 0, 1, 100)
    assert count(spans, charged, 0, (200, 310)) == Counts(1, 1, 1, 100)
    assert count(spans, charged, 0, (0, 310)) == Counts(2, 2, 2, 200)
    assert count(spans, charged, 0, (150, 200)) == Counts()
    assert count(spans, [], 0, (0, 310)) == Counts()


def test_r13_4_an_incident_at_the_end_of_what_is_known_is_open() -> None:
    """Nobody has seen it end; one that ends at the period's end with good time after it has ended there."""
    spans = spans_of((U, 50), (D, 50))
    assert count(spans, down(spans), 0, (0, 100)) == Counts(1, 1, 0, 0)
    longer = spans_of((U, 50), (D, 50), (U, 10))
    assert count(longer, down(longer), 0, (0, 100)) == Counts(1, 1, 1, 50)


def test_r13_2_a_chain_over_a_period_without_charged_time_is_none_of_it() -> None:
    """Down before, unknown during, down after: no incident of the period between."""
    spans = spans_of((D, 50), (X, 50), (D, 50))
    assert count(spans, down(spans), 0, (50, 100)) == Counts()


def test_r13_5_restoration_and_grade() -> None:
    """Restored is when it was first seen good again, which may be later than its last charged instant, or never yet."""
    spans = [
        Span(0, 10, D, Why.SILENT),
        Span(10, 30, D, Why.OBSERVED),
        Span(30, 50, X, Why.BLIND),
        Span(50, 60, U, Why.BACKFILL),
        Span(60, 70, D, Why.BACKFILL),
        Span(70, 80, X, Why.BLIND),
    ]
    first, second = chains(spans, down(spans), 0)
    assert (first.onset_ms, first.last_ms, first.restored_ms, first.why, first.grade) == (0, 30, 50, Why.SILENT, "E1")
    assert (second.onset_ms, second.last_ms, second.restored_ms, second.grade) == (60, 70, None, "E2")
    assert chains(spans, [], 0) == []


def test_r13_5_the_cause_is_the_first_charged_spans() -> None:
    """Where a window hides the beginning, the first charged span speaks."""
    spans = [Span(0, 10, D, Why.REBOOT), Span(10, 30, D, Why.OBSERVED), Span(30, 40, U, Why.OBSERVED)]
    (one,) = chains(spans, [(15, 30)], 0)
    assert (one.onset_ms, one.why, one.restored_ms) == (15, Why.OBSERVED, 30)


def test_r13_5_restored_under_a_window_begins_after_the_last_charged_instant() -> None:
    """Good time that began before the charged time ended is not possible for one subject, but its run may outlast a piece."""
    spans = spans_of((G, 100),)  # fmt: skip
    (one,) = chains(spans, [(20, 40)], 0)
    assert one.restored_ms == 40
