"""The quick way to a subject's figures is the long way's equal wherever it applies."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import event, given, settings
from hypothesis import strategies as st

from collector.core.figures import Question, compute
from collector.core.plain_figures import applies, plain
from collector.core.policy import POLICIES, Policy
from collector.core.state import Span, State, Why

WHYS = {
    State.UP: (Why.OBSERVED, Why.BACKFILL, Why.CONTINUITY),
    State.DEGRADED: (Why.OBSERVED,),
    State.DOWN: (Why.OBSERVED, Why.REBOOT),
    State.UNREACHABLE: (Why.PATH,),
    State.UNKNOWN: (Why.BLIND, Why.STALE),
}


@st.composite
def lines(draw: st.DrawFn) -> list[Span]:
    """From 0 to 100, sometimes with holes or with time degraded."""
    edges = sorted({0, 100, *draw(st.lists(st.integers(1, 99), max_size=16))})
    is_plain = draw(st.integers(0, 4)) > 0
    states = st.sampled_from([state for state in State if not is_plain or state is not State.DEGRADED])
    out: list[Span] = []
    for a, b in pairwise(edges):
        state = draw(states)
        if not out or b == 100 or is_plain or draw(st.booleans()):
            out.append(Span(a, b, state, draw(st.sampled_from(WHYS[state]))))
    return out


@settings(max_examples=1500, deadline=None)
@given(
    lines(), st.integers(0, 60), st.integers(1, 100), st.integers(0, 30), st.sampled_from(list(POLICIES.values())),
    st.sampled_from([None, 10, 50, 90, 200]),
)  # fmt: skip
def test_both_ways_agree(spans: list[Span], start: int, length: int, gap: int, policy: Policy, known: int | None) -> None:
    """3.12 and 3.13, whatever the policy, the period and K; outages before and after the period are parts of its incidents."""
    period = (start, min(100, start + length))
    question = Question(period, policy, Fraction(99, 100), known, ((0, 100),), merge_gap_ms=gap, kept_soft_ms=7)
    found = plain(spans, question)
    event("applies" if found is not None else "does not apply")
    if found is not None:
        assert found == compute(spans, question)


UP = [Span(0, 100, State.UP, Why.OBSERVED)]
QUESTION = Question((10, 90), POLICIES["e2e"], Fraction(99, 100), scope=((0, 100),))


def changed(**changes: object) -> Question:
    fields = {name: getattr(QUESTION, name) for name in Question.__struct_fields__} | changes
    return Question(**fields)


def test_it_applies_where_nothing_lies_over_the_spans_and_nowhere_else() -> None:
    """Windows, hours, planned work of members, a scope in pieces or shorter than the period, holes, degraded time."""
    assert applies(UP, QUESTION)
    for change in (
        {"windows": ((1, 2),)}, {"hours": ((0, 50),)}, {"composed": ((1, 2),)}, {"scope": ((0, 40), (50, 100))},
        {"scope": ((0, 80),)}, {"scope": ((20, 100),)}, {"scope": ()}, {"policy": POLICIES["degraded_bad"]},
        {"period": (50, 120)}, {"known_ms": 5},
    ):  # fmt: skip
        assert not applies(UP, changed(**change)), change
    assert not applies([], QUESTION)
    assert not applies([Span(0, 40, State.UP, Why.OBSERVED), Span(50, 100, State.UP, Why.OBSERVED)], QUESTION)
    assert plain([Span(0, 100, State.DEGRADED, Why.OBSERVED)], QUESTION) is None
