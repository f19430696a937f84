"""Timelines over each other: observers by OR (3.3), late evidence (R9.3, R9.4), bridged gaps (R5.5)."""

from __future__ import annotations

from itertools import pairwise, permutations, product

from hypothesis import given
from hypothesis import strategies as st

from collector.core.overlay import best, bridge, cut_out, either, is_liftable, lay, lift, merge, together
from collector.core.state import Span, State, Why

STATES = st.sampled_from(State)
WHYS = {State.UP: Why.OBSERVED, State.DEGRADED: Why.OBSERVED, State.DOWN: Why.SILENT, State.UNREACHABLE: Why.PATH}


@st.composite
def lines(draw: st.DrawFn, end: int = 40) -> list[Span]:
    """A timeline of `[0, end)`."""
    edges = sorted({0, end, *draw(st.lists(st.integers(1, end - 1), max_size=6))})
    states = [draw(STATES) for _ in edges[1:]]
    whys = [draw(st.sampled_from((Why.SILENT, Why.OBSERVED))) if s is State.DOWN else WHYS.get(s, Why.STALE) for s in states]
    return [Span(a, b, s, w) for a, b, s, w in zip(edges, edges[1:], states, whys, strict=False)]


def at(spans: list[Span], t: int) -> Span:
    return next(span for span in spans if span.from_ms <= t < span.to_ms)


def is_whole(spans: list[Span], end: int = 40) -> bool:
    """Nothing is missing, nothing is told twice (3.18, 1)."""
    edges = [0, *[span.to_ms for span in spans]]
    return [span.from_ms for span in spans] == edges[:-1] and edges[-1] == end


RANK = (State.UP, State.DEGRADED, State.DOWN, State.UNREACHABLE, State.UNKNOWN)


@given(st.lists(lines(), min_size=1, max_size=3))
def test_3_3_several_observers_combine_by_or_at_every_instant(given_: list[list[Span]]) -> None:
    """Any that says it lives is right; of failures the explicit one counts before the unreachable one."""
    told = either(given_)
    assert is_whole(told)
    for t in range(40):
        assert at(told, t).state is min((at(line, t).state for line in given_), key=RANK.index)


GRAVITY = (State.DEGRADED, State.UP, State.DOWN, State.UNREACHABLE, State.UNKNOWN)


@given(st.lists(lines(), min_size=1, max_size=3))
def test_3_3_several_things_live_while_one_does_and_are_degraded_while_one_is(given_: list[list[Span]]) -> None:
    """A ping that is answered does not undo that a threshold is violated."""
    told = together(given_)
    assert is_whole(told)
    for t in range(40):
        assert at(told, t).state is min((at(line, t).state for line in given_), key=GRAVITY.index)


def test_3_3_the_order_of_observers_does_not_matter() -> None:
    for one, other in product(State, repeat=2):
        spans = [Span(0, 9, one, Why.OBSERVED), Span(3, 9, other, Why.OBSERVED)]
        assert {best(some).state for some in permutations(spans)} == {min(one, other, key=RANK.index)}


INTERVALS = st.lists(st.integers(0, 40), unique=True, max_size=6).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(lines(), INTERVALS, INTERVALS)
def test_r9_3_late_evidence_lifts_what_is_unknown_unreachable_or_absent(
    spans: list[Span], late: list[tuple[int, int]], ran: list[tuple[int, int]]
) -> None:
    """Under E2, then E3; R9.4: an explicit failure stays."""
    told = lift(spans, late, ran)
    assert is_whole(told)
    for t in range(40):
        was, is_now = at(spans, t), at(told, t)
        by_late, by_boot = (any(a <= t < b for a, b in some) for some in (late, ran))
        if not is_liftable(was) or not (by_late or by_boot):
            assert (is_now.state, is_now.why) == (was.state, was.why)
        else:
            assert (is_now.state, is_now.why) == (State.UP, Why.BACKFILL if by_late else Why.CONTINUITY)


def test_r9_3_r9_4_what_may_be_lifted() -> None:
    liftable = {(state, why) for state in State for why in Why if is_liftable(Span(0, 1, state, why))}
    absent = {(State.DOWN, Why.SILENT)}
    assert liftable == absent | {(state, why) for state in (State.UNKNOWN, State.UNREACHABLE) for why in Why}


@given(lines(), INTERVALS)
def test_lay_sets_the_intervals_and_nothing_else(spans: list[Span], over: list[tuple[int, int]]) -> None:
    told = lay(spans, over, State.DOWN, Why.REBOOT)
    assert is_whole(told)
    for t in range(40):
        expected = Why.REBOOT if any(a <= t < b for a, b in over) else at(spans, t).why
        assert at(told, t).why is expected


@given(lines(), st.integers(0, 40), st.integers(0, 40))
def test_cut_out_keeps_what_is_inside(spans: list[Span], one: int, other: int) -> None:
    a, b = sorted((one, other))
    told = cut_out(spans, a, b)
    assert sum(span.to_ms - span.from_ms for span in told) == b - a
    assert all(at(spans, t) is not None and at(told, t).state is at(spans, t).state for t in range(a, b))


@given(lines())
def test_r5_5_bridge_changes_unknown_time_between_outages_only(spans: list[Span]) -> None:
    told = bridge(spans)
    assert is_whole(told)
    for t in range(40):
        was = at(spans, t)
        before = next((s.state for s in reversed(spans) if s.to_ms <= was.from_ms and s.state is not State.UNKNOWN), None)
        after = next((s.state for s in spans if s.from_ms >= was.to_ms and s.state is not State.UNKNOWN), None)
        is_bridged = was.state is State.UNKNOWN and before is after is State.DOWN
        assert at(told, t).state is (State.DOWN if is_bridged else was.state)
        assert (at(told, t).why is Why.BRIDGED) is is_bridged


@given(lines())
def test_merge_joins_equal_neighbours(spans: list[Span]) -> None:
    pieces = [Span(t, t + 1, at(spans, t).state, at(spans, t).why) for t in range(40)]
    told = merge(pieces)
    assert told == merge(spans)
    assert is_whole(told)
    assert all((a.state, a.why) != (b.state, b.why) for a, b in pairwise(told))
