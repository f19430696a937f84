"""Causes of lost time add up exactly, and each goes where it belongs."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.causes import Cause, attributed, lost, main_cause, power_trouble, reboots_of
from collector.core.intervals import Interval, clip, minus, size, union
from collector.core.state import GOOD_STATES, Span, State, Why

U, D, X, R = State.UP, State.DOWN, State.UNKNOWN, State.UNREACHABLE
ALL = [(0, 1000)]
NOTHING = {cause.value: 0 for cause in Cause}


def sets() -> st.SearchStrategy[list[Interval]]:
    pair = st.tuples(st.integers(-50, 1000), st.integers(1, 400))
    return st.lists(pair, max_size=4).map(lambda pairs: union((a, a + length) for a, length in pairs))


@st.composite
def timelines(draw: st.DrawFn) -> list[Span]:
    edges = sorted(draw(st.lists(st.integers(0, 1000), min_size=2, max_size=20, unique=True)))
    return [Span(a, b, draw(st.sampled_from(State)), draw(st.sampled_from(Why))) for a, b in pairwise(edges)]


@settings(max_examples=400, deadline=None)
@given(timelines(), sets(), sets(), sets(), st.booleans())
def test_causes_add_up_exactly(
    spans: list[Span], agreed: list[Interval], planned: list[Interval], power: list[Interval], is_link: bool
) -> None:
    """All causes together are the agreed time less what was good outside windows: 100 % of it, to the millisecond."""
    got = lost(spans, agreed, planned, is_link=is_link, power=power)
    good = union((span.from_ms, span.to_ms) for span in spans if span.state in GOOD_STATES)
    assert sum(got.values()) == size(minus(agreed, minus(good, planned)))
    assert set(got) == set(NOTHING)
    assert min(got.values()) >= 0


def test_every_state_has_its_cause() -> None:
    """Down is the host's, unreachable the link's, unknown whoever's silence it was, planned time maintenance's."""
    spans = [
        Span(0, 100, D, Why.OBSERVED),
        Span(100, 130, R, Why.PATH),
        Span(130, 150, X, Why.BLIND),
        Span(150, 160, X, Why.SILENT),
        Span(160, 163, X, Why.PATH_UNCLEAR),
        Span(163, 500, U, Why.OBSERVED),
        Span(500, 600, State.DEGRADED, Why.OBSERVED),
        Span(600, 900, D, Why.OBSERVED),
    ]
    got = lost(spans, ALL, [(700, 950)])
    assert got == NOTHING | {"host": 200, "link": 33, "collector": 20, "agent": 10 + 50, "maintenance": 250}
    assert lost(spans, ALL, [(700, 950)], is_link=True) == got | {"host": 0, "link": 233}


def test_power_is_an_unannounced_reboot_in_trouble() -> None:
    """The whole outage with the reboot in it is power's; an announced shutdown, or a reboot alone, is the host's."""
    spans = [
        Span(0, 100, U, Why.OBSERVED),
        Span(100, 150, D, Why.OBSERVED),
        Span(150, 200, D, Why.REBOOT),
        Span(200, 300, U, Why.OBSERVED),
        Span(300, 350, D, Why.SHUTDOWN),
        Span(350, 400, U, Why.OBSERVED),
        Span(400, 410, D, Why.REBOOT),
        Span(410, 1000, U, Why.OBSERVED),
    ]
    power = [(190, 320)]
    assert lost(spans, ALL, power=power) == NOTHING | {"power": 100, "host": 60}
    assert lost(spans, ALL, power=power, is_link=True) == NOTHING | {"power": 100, "link": 60}
    assert lost(spans, ALL) == NOTHING | {"host": 160}
    assert reboots_of(spans, 160, 405) == [(160, 200), (400, 405)]
    assert [cause for _, _, cause in attributed(spans, power=power)][1:3] == [Cause.POWER, Cause.POWER]


def test_power_trouble_needs_two_targets_or_a_parent() -> None:
    """One machine that reboots is its own matter; two at once, or one while a parent is out, are the site's."""
    assert power_trouble({"a": [(10, 30)]}) == []
    assert power_trouble({"a": [(10, 30)], "b": [(20, 50)]}) == [(20, 30)]
    assert power_trouble({"a": [(10, 30)], "b": [(30, 50)]}) == []
    assert power_trouble({"a": [(10, 30), (40, 45)]}, [[(25, 42)], [(44, 60)]]) == [(25, 30), (40, 42), (44, 45)]
    assert power_trouble({"a": [(0, 9)], "b": [(0, 9)], "c": [(5, 20)]}, [[(8, 12)]]) == [(0, 12)]
    assert power_trouble({}, [[(0, 5)]]) == []


def test_one_targets_overlapping_reboots_are_not_two_targets() -> None:
    """The same machine twice is one machine."""
    assert power_trouble({"a": [(0, 10), (5, 20)]}) == []


def test_the_main_cause_of_an_incident() -> None:
    """Most of its charged time decides; without any lost time the host is named."""
    spans = [Span(0, 10, D, Why.OBSERVED), Span(10, 40, R, Why.PATH), Span(40, 50, State.DEGRADED, Why.OBSERVED)]
    assert main_cause(spans, [(0, 40)]) is Cause.LINK
    assert main_cause(spans, clip([(0, 40)], 0, 15)) is Cause.HOST
    assert main_cause(spans, [(40, 50)]) is Cause.HOST
