"""What changed in sealed spans, and by which rule (R17.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.restate import (
    MAINTENANCE,
    OUTSIDE,
    RULES,
    WINDOW,
    WITHDRAWN,
    Changed,
    Restated,
    compare,
    compare_windows,
    regraded,
    totals,
)
from collector.core.state import Span, State, View, Why

UP = (State.UP, Why.REPORTING)
SILENT = (State.DOWN, Why.SILENT)
BLIND = (State.UNKNOWN, Why.BLIND)


def test_every_reason_names_the_rule_that_brings_it() -> None:
    assert set(RULES) == set(Why)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (SILENT, (State.UP, Why.BACKFILL), "R9.3"),
        (BLIND, (State.UP, Why.CONTINUITY), "R9.3"),
        (UP, (State.DOWN, Why.REBOOT), "R9.5"),
        (UP, (State.DOWN, Why.STALL), "R9.5"),
        (BLIND, (State.UP, Why.OBSERVED), "R9.8"),
        (UP, (State.DOWN, Why.OBSERVED), "R9.8"),
        (SILENT, (State.UP, Why.CORRECTED), "R9.4"),
        ((State.UP, Why.CORRECTED), SILENT, WITHDRAWN),
    ],
)
def test_r17_2_a_change_names_the_rule(old: tuple[State, Why], new: tuple[State, Why], rule: str) -> None:
    before = [Span(0, 10, *UP), Span(10, 20, *old), Span(20, 30, *UP)]
    after = [Span(0, 10, *UP), Span(10, 20, *new), Span(20, 30, *UP)]
    assert compare(before, after, 0, 30) == [Changed(10, 20, old[0].value, new[0].value, rule)]
    assert compare(before, after, 12, 15) == [Changed(12, 15, old[0].value, new[0].value, rule)]
    assert compare(before, after, 20, 30) == []


def test_r17_2_a_scope_that_ended_earlier_is_a_change() -> None:
    assert compare([Span(0, 10, *UP)], [Span(0, 7, *UP)], 0, 20) == [Changed(7, 10, "up", OUTSIDE, "R12.3")]
    assert compare([Span(5, 10, *UP)], [Span(0, 10, *UP)], 0, 20) == [Changed(0, 5, OUTSIDE, "up", "R9.1")]


def test_r9_7_the_grade_alone_moves_no_state() -> None:
    before, after = [Span(0, 10, *UP)], [Span(0, 4, *UP), Span(4, 10, State.UP, Why.BACKFILL)]
    assert compare(before, after, 0, 10) == []
    assert regraded(before, after, 0, 10) == [Changed(4, 10, "up:reporting", "up:late_reports", "R9.7")]


def test_r11_3_a_retroactive_window_moves_what_was_observed_under_it() -> None:
    spans = [Span(0, 10, *UP), Span(10, 20, *SILENT)]
    assert compare_windows([], [(5, 15)], spans, (0, 30)) == [
        Changed(5, 10, "up", MAINTENANCE, WINDOW),
        Changed(10, 15, "down", MAINTENANCE, WINDOW),
    ]
    assert compare_windows([(5, 15)], [(5, 12)], spans, (0, 30)) == [Changed(12, 15, MAINTENANCE, "down", WINDOW)]


def test_r17_2_counters_move_by_the_totals_of_each_pair() -> None:
    changes = [Changed(0, 5, "down", "up", "R9.3"), Changed(9, 11, "down", "up", "R9.3"), Changed(5, 9, "up", "down", "R9.5")]
    assert totals("web1", View.DEVICE, changes) == [
        Restated("web1", View.DEVICE, "down", "up", 7),
        Restated("web1", View.DEVICE, "up", "down", 4),
    ]


@st.composite
def timelines(draw: st.DrawFn) -> list[Span]:
    at_ms, out = 0, []
    for _ in range(draw(st.integers(0, 12))):
        at_ms += draw(st.sampled_from([0, 0, 3]))
        end_ms = at_ms + draw(st.integers(1, 9))
        out.append(Span(at_ms, end_ms, draw(st.sampled_from(list(State))), draw(st.sampled_from(list(Why)))))
        at_ms = end_ms
    return out


def at(spans: list[Span], t_ms: int) -> str:
    return next((span.state.value for span in spans if span.from_ms <= t_ms < span.to_ms), OUTSIDE)


@given(timelines(), timelines(), st.integers(0, 40), st.integers(0, 80))
def test_r17_2_exactly_the_instants_that_differ_are_changed(
    before: list[Span], after: list[Span], from_ms: int, until_ms: int
) -> None:
    changes = compare(before, after, from_ms, until_ms)
    found = {t: (change.from_state, change.to_state) for change in changes for t in range(change.from_ms, change.to_ms)}
    expected = {t: (at(before, t), at(after, t)) for t in range(from_ms, until_ms) if at(before, t) != at(after, t)}
    assert found == expected
    assert sum(change.to_ms - change.from_ms for change in changes) == len(found)
