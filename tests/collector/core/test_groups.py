"""Groups by instant (3.15): the table of R15.1 walked in full, and what members' windows do."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.figures import Question, compute
from collector.core.groups import Member, Part, compose, judge
from collector.core.policy import POLICIES
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule

U, D, X, R = State.UP, State.DOWN, State.UNKNOWN, State.UNREACHABLE


def member(*pieces: tuple[int, int, State], windows: tuple[tuple[int, int], ...] = ()) -> Member:
    return Member([Span(a, b, state, Why.OBSERVED) for a, b, state in pieces], windows)


def group(rule: GroupRule, k: int = 0) -> Group:
    return Group(rule, ("m",), k)


def test_r15_1_every_combination_of_five_members() -> None:
    """The four rows of R15.1 for every number of members in each part and every k."""
    for counts in itertools.product(range(4), repeat=5):
        n = sum(counts)
        for k in range(1, n + 1):
            u, x, _, planned_x, planned_d = counts
            m = planned_x + planned_d
            state, planned = judge(counts, k)
            if u >= k:
                want = (State.UP if u == n else State.DEGRADED, False)
            elif n - m < k:
                want = (X if u + x + planned_x >= k else D, True)
            else:
                want = (X if u + x >= k else D, False)
            assert (state, planned) == want, (counts, k)


def test_r15_2_all_any_and_k() -> None:
    """One of two down: all-of is down, any-of degraded; the second unknown: 2 of 3 is unknown."""
    two = [member((0, 10, U)), member((0, 5, U), (5, 10, D))]
    whole = compose(two, group(GroupRule.ALL), View.DEVICE, (0, 10))
    assert whole == ([Span(0, 5, U, Why.MEMBERS), Span(5, 10, D, Why.MEMBERS)], [])
    either, _ = compose(two, group(GroupRule.ANY), View.DEVICE, (0, 10))
    assert [span.state for span in either] == [U, State.DEGRADED]
    three, _ = compose([*two, member((0, 7, X), (7, 10, U))], group(GroupRule.K_OF_N, 2), View.DEVICE, (0, 10))
    assert [(span.from_ms, span.state) for span in three] == [(0, State.DEGRADED), (5, X), (7, State.DEGRADED)]


def test_r15_1_unreachable_is_down_end_to_end_and_unknown_else() -> None:
    """The centre could not use it; whether the device ran is not known."""
    one = [member((0, 10, R))]
    assert compose(one, group(GroupRule.ALL), View.E2E, (0, 10))[0][0].state is D
    assert compose(one, group(GroupRule.ALL), View.DEVICE, (0, 10))[0][0].state is X


def test_r15_2_a_window_excuses_only_what_the_planned_work_breaks() -> None:
    """V38: one of two any-of members in a window, the other fails: down. All-of: maintenance, whatever else fails."""
    planned, failed = member((0, 10, D), windows=((0, 10),)), member((0, 5, U), (5, 10, D))
    spans, maintenance = compose([planned, failed], group(GroupRule.ANY), View.DEVICE, (0, 10))
    assert ([span.state for span in spans], maintenance) == ([State.DEGRADED, D], [])
    spans, maintenance = compose([planned, failed], group(GroupRule.ALL), View.DEVICE, (0, 10))
    assert ([span.state for span in spans], maintenance) == ([D], [(0, 10)])


def test_r15_1_a_member_that_works_in_its_window_is_up() -> None:
    """A window is permission to fail, not a failure."""
    spans, maintenance = compose([member((0, 10, U), windows=((2, 8),))], group(GroupRule.ALL), View.DEVICE, (0, 10))
    assert (spans, maintenance) == ([Span(0, 10, U, Why.MEMBERS)], [])


def test_r15_1_where_a_member_has_no_span_it_may_have_been_up() -> None:
    """Before enrolment a member neither breaks nor carries its group: unknown."""
    spans, _ = compose([member((4, 6, U))], group(GroupRule.ALL), View.DEVICE, (0, 10))
    assert [(span.from_ms, span.to_ms, span.state) for span in spans] == [(0, 4, X), (4, 6, U), (6, 10, X)]
    assert compose([], group(GroupRule.ANY), View.E2E, (0, 10)) == ([Span(0, 10, X, Why.MEMBERS)], [])


def test_r15_1_touching_planned_pieces_are_one() -> None:
    """Planned time is a set, though what members show under it changes."""
    held = [member((0, 4, D), (4, 10, X), windows=((0, 3), (3, 9)))]
    spans, maintenance = compose(held, group(GroupRule.ALL), View.DEVICE, (1, 10))
    assert maintenance == [(1, 9)]
    assert [(span.from_ms, span.state) for span in spans] == [(1, D), (4, X)]


def test_r15_3_a_pool_has_no_states() -> None:
    """Pools add seconds; asking for their states is a mistake of the caller."""
    with pytest.raises(ValueError, match="pooled"):
        compose([], group(GroupRule.POOLED), View.DEVICE, (0, 10))


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    def one() -> Member:
        edges = [0, *sorted(draw(st.lists(st.integers(1, 99), max_size=6, unique=True))), 100]
        states = st.sampled_from([U, State.DEGRADED, D])
        return member(*[(a, b, draw(states)) for a, b in itertools.pairwise(edges)])

    return [one() for _ in range(draw(st.integers(1, 5)))]


@settings(max_examples=200, deadline=None)
@given(members(), st.integers(1, 100))
def test_r3_18_7_all_of_is_at_most_each_member(held: list[Member], until: int) -> None:
    """When nothing is unknown or excluded, all-of is at most its worst member, and any-of at least its best."""
    asked = Question((0, until), POLICIES["device_contract"], Fraction(99, 100))
    each = [compute(one.spans, asked).availability or 0 for one in held]
    worst, _ = compose(held, group(GroupRule.ALL), View.DEVICE, (0, until))
    best, _ = compose(held, group(GroupRule.ANY), View.DEVICE, (0, until))
    assert (compute(worst, asked).availability or 0) <= min(each)
    assert (compute(best, asked).availability or 0) >= max(each)
    assert sum(span.to_ms - span.from_ms for span in worst) == until


def test_parts_are_what_judge_counts() -> None:
    """`judge` reads counts by position."""
    assert [part.value for part in Part] == list(range(5))
