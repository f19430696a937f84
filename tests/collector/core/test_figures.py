"""Figures: partition, bounds, verdict, budget, pools and adjacent periods (3.12 to 3.16, the invariants of 3.18)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core import incidents
from collector.core.figures import ALWAYS, FOREVER, Figures, Question, Verdict, add, compute, in_service, listed, pool
from collector.core.intervals import Interval, clip, cut, minus, size, union
from collector.core.policy import POLICIES, Role
from collector.core.state import Span, State, Why

END = 5_000
CONTRACT = POLICIES["device_contract"]
WHYS = [Why.OBSERVED, Why.BACKFILL, Why.CONTINUITY, Why.SILENT]


@st.composite
def timelines(draw: st.DrawFn) -> list[Span]:
    """Contiguous spans from 0 to `END`; causes vary, so that neighbours of one state occur."""
    edges = [0, *sorted(draw(st.lists(st.integers(1, END - 1), max_size=20, unique=True))), END]
    return [Span(a, b, draw(st.sampled_from(State)), draw(st.sampled_from(WHYS))) for a, b in pairwise(edges)]


def sets(most: int = 4) -> st.SearchStrategy[list[Interval]]:
    pair = st.tuples(st.integers(-200, END + 200), st.integers(1, 1500))
    return st.lists(pair, max_size=most).map(lambda pairs: union((a, a + length) for a, length in pairs))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    a = draw(st.integers(0, END - 1))
    return Question(
        period=(a, draw(st.integers(a + 1, END))),
        policy=POLICIES[draw(st.sampled_from(sorted(POLICIES)))],
        slo=draw(st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(999, 1000), Fraction(1)])),
        known_ms=draw(st.none() | st.integers(0, END)),
        scope=draw(st.just(ALWAYS) | sets()),
        hours=draw(st.none() | sets()),
        windows=draw(sets()),
        composed=draw(st.just(()) | sets(1)),
        merge_gap_ms=draw(st.sampled_from([0, 1, 50, 700])),
    )


def question(period: Interval = (0, END), slo: Fraction = Fraction(99, 100), **more: object) -> Question:
    return msgspec.structs.replace(Question(period, CONTRACT, slo), **more)


@settings(max_examples=400, deadline=None)
@given(timelines(), questions())
def test_r3_18_1_classes_partition_the_agreed_time(spans: list[Span], asked: Question) -> None:
    """Every agreed millisecond is in exactly one class (decision 2, 3.12), whatever is asked."""
    got = compute(spans, asked)
    hours = ALWAYS if asked.hours is None or asked.policy.ignores_hours else asked.hours
    agreed = cut(asked.scope, hours)
    assert got.ast == size(clip(agreed, asked.period[0], asked.until_ms))
    assert got.ast + got.future_ast == size(clip(agreed, *asked.period))
    assert got.ast == got.maintenance + got.up + got.degraded + got.down + got.unreachable + got.unknown
    assert 0 <= got.up_backfill + got.up_inferred <= got.up
    assert got.maint_up + got.maint_down <= got.maintenance


@settings(max_examples=400, deadline=None)
@given(timelines(), questions())
def test_r3_18_5_bounds_enclose_and_verdict_follows(spans: list[Span], asked: Question) -> None:
    """low <= availability <= high; MET leaves a budget of a closed period; the verdict is about the bounds (R12.1)."""
    got = compute(spans, asked)
    if got.availability is None:
        assert got.verdict is Verdict.NO_DATA
        assert got.budget_left is None
        return
    assert got.low is not None
    assert got.high is not None
    assert got.budget_left is not None
    assert 0 <= got.low <= got.availability <= got.high <= 1
    assert (got.verdict is Verdict.MET) == (got.low >= got.slo)
    assert (got.verdict is Verdict.BREACHED) == (got.high < got.slo)
    if not got.future_ast:
        assert (got.budget_left >= 0) == (got.availability >= got.slo)
    assert got.availability * got.denom == got.good  # 3.18.9
    if got.incidents and got.charged == got.bad:
        assert got.availability == got.mtbf / got.mtbsi  # type: ignore[operator]  # R13.3


@settings(max_examples=400, deadline=None)
@given(timelines(), questions(), st.data())
def test_r3_18_2_adjacent_periods_add_up(spans: list[Span], asked: Question, data: st.DataObject) -> None:
    """Figures of P1 and P2 together are those of the union, incidents over the boundary counted once (3.18.2, R13.2)."""
    a, b = asked.period
    middle = data.draw(st.integers(a, b))
    parts = [compute(spans, msgspec.structs.replace(asked, period=period)) for period in ((a, middle), (middle, b))]
    whole = compute(spans, asked)
    assert add(*parts) == whole
    assert (parts[0].incidents_started or 0) + (parts[1].incidents_started or 0) == whole.incidents_started


@settings(max_examples=200, deadline=None)
@given(timelines(), questions(), st.integers(-(10**14), 10**14))
def test_r3_18_8_shifting_all_times_changes_nothing(spans: list[Span], asked: Question, by: int) -> None:
    """Only differences of times matter."""

    def shift(x: object) -> object:
        return x if x is ALWAYS else [(a + by, b + by) for a, b in x]  # type: ignore[attr-defined]

    moved = [Span(span.from_ms + by, span.to_ms + by, span.state, span.why) for span in spans]
    again = msgspec.structs.replace(
        asked,
        period=(asked.period[0] + by, asked.period[1] + by),
        known_ms=None if asked.known_ms is None else asked.known_ms + by,
        scope=shift(asked.scope),
        hours=None if asked.hours is None else shift(asked.hours),
        windows=shift(asked.windows),
        composed=shift(asked.composed),
    )
    assert compute(moved, again) == compute(spans, asked)


@settings(max_examples=200, deadline=None)
@given(timelines(), questions(), sets(2))
def test_r3_18_4_a_window_never_adds_bad_time(spans: list[Span], asked: Question, more: list[Interval]) -> None:
    """A further counted window lowers bad time or leaves it (3.18.4); overlapping ones count once (R11.1)."""
    wider = msgspec.structs.replace(asked, windows=union([*asked.windows, *more]))
    before, after = compute(spans, asked), compute(spans, wider)
    assert after.bad <= before.bad
    assert after.ast == before.ast
    assert (after.maintenance >= before.maintenance) or asked.policy.ignores_maintenance


@settings(max_examples=200, deadline=None)
@given(timelines(), questions())
def test_listed_incidents_are_the_counted_ones(spans: list[Span], asked: Question) -> None:
    """The list (R13.5) has as many incidents as are counted (R13.2), with the charged time that MTTR is made of (R13.3)."""
    got, held = compute(spans, asked), listed(spans, asked)
    a, b = asked.period[0], asked.until_ms
    assert len(held) == got.incidents
    assert sum(one.charged_within(a, b) for one in held) == got.charged
    assert sum(one.onset_ms >= a for one in held) == got.incidents_started
    closed = [one for one in held if a < one.last_ms <= b and one.last_ms < spans[-1].to_ms]
    assert (len(closed), sum(one.charged_ms for one in closed)) == (got.closed_count, got.closed_ms)
    assert [one.onset_ms for one in held] == sorted(one.onset_ms for one in held)


def test_r5_6_agreed_time_without_a_span_is_unknown() -> None:
    """Before the first evidence nothing is known: neither up nor down."""
    got = compute([Span(400, 1000, State.UP, Why.OBSERVED)], question((0, 1000)))
    assert (got.up, got.unknown, got.doubt) == (600, 400, 400)
    nothing = compute([], question((0, 1000)))
    assert (nothing.unknown, nothing.verdict, nothing.availability) == (1000, Verdict.NO_DATA, None)
    assert (nothing.low, nothing.high) == (0, 1)


def test_overlapping_spans_are_refused() -> None:
    """A millisecond that is there twice would make a figure above 100 %."""
    spans = [Span(0, 1000, State.UP, Why.OBSERVED), Span(500, 1000, State.DOWN, Why.OBSERVED)]
    with pytest.raises(ValueError, match="overlap"):
        compute(spans, question((0, 1000)))


def test_r12_1_an_open_period_is_provisional() -> None:
    """Until K reaches the period's end its verdict may change; what is to come belongs to the budget (R14.1)."""
    spans = [Span(0, 400, State.UP, Why.OBSERVED)]
    got = compute(spans, question((0, 1000), Fraction(9, 10), known_ms=400))
    assert (got.provisional, got.ast, got.future_ast, got.verdict) == (True, 400, 600, Verdict.MET)
    assert (got.budget_total, got.budget_left) == (100, 100)
    assert not compute(spans, question((0, 400), known_ms=400)).provisional
    early = compute(spans, question((0, 1000), known_ms=-5))
    assert (early.ast, early.future_ast, early.verdict) == (0, 1000, Verdict.NO_DATA)


def test_r9_7_lifted_time_and_r11_5_covered_time_are_kept() -> None:
    """What rests on late reports or boot continuity is stated, outside windows; and so is what was seen under them."""
    spans = [
        Span(0, 100, State.UP, Why.BACKFILL),
        Span(100, 250, State.UP, Why.CONTINUITY),
        Span(250, 300, State.UP, Why.REPORTING),
        Span(300, 400, State.DOWN, Why.OBSERVED),
        Span(400, 500, State.DEGRADED, Why.OBSERVED),
    ]
    got = compute(spans, question((0, 500), windows=[(50, 80), (350, 450)], kept_soft_ms=7))
    assert (got.up_backfill, got.up_inferred, got.up) == (70, 150, 270)
    assert (got.maintenance, got.maint_up, got.maint_down, got.soft_fail) == (130, 80, 50, 7)


def test_r15_1_composed_maintenance_is_never_ignored() -> None:
    """Some policies ignore windows and count what was seen under them; planned work that broke a group stays apart."""
    spans = [Span(0, 100, State.DOWN, Why.MEMBERS)]
    raw = msgspec.structs.replace(question((0, 100)), policy=POLICIES["calendar"], windows=[(0, 60)])
    assert compute(spans, raw).down == 100
    assert compute(spans, msgspec.structs.replace(raw, composed=[(0, 60)])).down == 40


def test_r12_5_coverage_is_known_time_of_agreed_time_outside_windows() -> None:
    """Below 99 % a report says so; at 99 % it does not."""
    spans = [Span(0, 990, State.UP, Why.OBSERVED), Span(990, 1100, State.UNKNOWN, Why.BLIND)]
    just = compute(spans, question((0, 1100), windows=[(1000, 1100)]))
    assert (just.coverage, just.is_covered) == (Fraction(99, 100), True)
    assert not compute(spans, question((0, 1100), windows=[(1001, 1100)])).is_covered
    assert compute(spans, question((0, 1100), windows=[(0, 1100)])).coverage is None


def test_r16_4_equality_is_met() -> None:
    """Objectives are compared as integers: 99.9 % to the millisecond is met, one millisecond less is not."""
    spans = [Span(0, 999, State.UP, Why.OBSERVED), Span(999, 1000, State.DOWN, Why.OBSERVED)]
    assert compute(spans, question((0, 1000), Fraction(999, 1000))).verdict is Verdict.MET
    assert compute(spans, question((0, 1000), Fraction(999_001, 1_000_000))).verdict is Verdict.BREACHED


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), timelines()), min_size=1, max_size=5))
def test_r15_3_pools_add_seconds(members: list[tuple[int, list[Span]]]) -> None:
    """A pool's seconds are weighted sums; only an unweighted one counts incidents."""
    parts = [(weight, compute(spans, question())) for weight, spans in members]
    got = pool(parts)
    assert got.good == sum(weight * one.good for weight, one in parts)
    assert got.ast == got.maintenance + got.up + got.degraded + got.down + got.unreachable + got.unknown
    flat = all(weight == 1 for weight, _ in parts)
    assert (got.incidents is None) == (not flat)
    assert (got.mttr is None) == (not flat or got.incidents == 0)
    if len(parts) == 1 and flat:
        assert got == parts[0][1]


def test_r15_3_a_pool_is_not_a_mean_of_percentages() -> None:
    """A target in service for an hour does not weigh as much as one in service for a day."""
    day = compute([Span(0, 24, State.UP, Why.OBSERVED)], question((0, 24)))
    hour = compute([Span(0, 1, State.DOWN, Why.OBSERVED)], question((0, 24), scope=[(0, 1)]))
    assert pool([(1, day), (1, hour)]).availability == Fraction(24, 25)
    aim = Fraction(1, 2)
    assert pool([(1, day)], aim).slo == aim
    assert pool([], aim).verdict is Verdict.NO_DATA
    with pytest.raises(ValueError, match="objective"):
        pool([])


def test_pools_add_up_without_a_count_and_objectives_must_agree() -> None:
    """What has no incident count has none afterwards; different objectives are no one figure."""
    one = compute([Span(0, 24, State.UP, Why.OBSERVED)], question((0, 24)))
    heavy = pool([(2, one)])
    assert add(heavy, heavy).incidents is None
    assert add(heavy, heavy).good == 96
    with pytest.raises(ValueError, match="objective"):
        add(one, pool([(1, one)], Fraction(1, 3)))


def test_r13_2_an_incident_over_a_silent_month_is_counted_once() -> None:
    """Down, a month of which nothing is known, still down: one incident of the three months together."""
    spans = [
        Span(0, 100, State.DOWN, Why.OBSERVED),
        Span(100, 200, State.UNKNOWN, Why.BLIND),
        Span(200, 300, State.DOWN, Why.OBSERVED),
    ]
    first, second, third = (compute(spans, question((a, a + 100))) for a in (0, 100, 200))
    assert [one.incidents for one in (first, second, third)] == [1, 0, 1]
    assert add(second, third).incidents == compute(spans, question((100, 300))).incidents == 1
    assert add(add(first, second), third).incidents == add(first, add(second, third)).incidents == 1


def test_r13_2_no_charged_time_in_an_empty_period_is_no_incident() -> None:
    """A period of which nothing has passed has no incidents, even within an outage."""
    got = compute([Span(0, 100, State.DOWN, Why.OBSERVED)], question((50, 100), known_ms=50))
    assert (got.incidents, got.mttr) == (0, None)


@given(timelines(), questions())
def test_good_and_bad_follow_the_roles(spans: list[Span], asked: Question) -> None:
    """Good and bad are the sums of the classes that the policy puts there (3.12)."""
    got = compute(spans, asked)
    classes = {state: getattr(got, state.value) for state in State}
    policy = asked.policy
    covered = got.maintenance if policy.maintenance is Role.GOOD else 0
    assert got.good == covered + sum(ms for state, ms in classes.items() if policy.role(state) is Role.GOOD)
    assert got.bad == sum(ms for state, ms in classes.items() if policy.role(state) is Role.BAD)
    assert got.doubt == (got.unknown if policy.role(State.UNKNOWN) is Role.EXCLUDED else 0)


def test_r12_3_scope_without_an_end() -> None:
    """None is still in service; intervals may come in any order."""
    assert in_service([(500, None), (0, 100), (50, 200)]) == [(0, 200), (500, FOREVER)]


def test_figures_are_small_values() -> None:
    """They are made by the ten thousand: not watched by the collector of garbage, and frozen."""
    got = compute([], question())
    with pytest.raises(AttributeError):
        got.ast = 1  # type: ignore[misc]
    assert Figures.__struct_config__.gc is False


@settings(max_examples=200, deadline=None)
@given(timelines(), sets(), st.sampled_from([0, 50, 700]))
def test_chains_hold_all_charged_time_once(spans: list[Span], windows: list[Interval], gap: int) -> None:
    """Chains partition the charged time; between two of them there is observed good time (R13.1)."""
    down = union((span.from_ms, span.to_ms) for span in spans if span.state is State.DOWN)
    charged = minus(down, windows)
    held = incidents.chains(spans, charged, gap)
    assert [piece for one in held for piece in one.pieces] == charged
    good = incidents.good_runs(spans, gap)
    for before, after in pairwise(held):
        assert cut(good, [(before.last_ms, after.onset_ms)])
        assert before.restored_ms is not None
        assert before.last_ms <= before.restored_ms < after.onset_ms
    for one in held:
        for (_, a), (b, _) in pairwise(one.pieces):
            assert not cut(good, [(a, b)])
