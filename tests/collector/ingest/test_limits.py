"""Token buckets, byte budget and credit: bounded by arithmetic on the time that is passed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest.limits import Bucket, Buckets, Budget, credit


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait() -> None:
    bucket = Bucket(rate=2.0, burst=3.0, now=100.0)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(100.0) == pytest.approx(0.5)
    assert bucket.take(100.5) == 0.0
    assert bucket.take(100.5) == pytest.approx(0.5)


def test_more_than_the_burst_passes_when_the_bucket_is_full_and_is_paid_for_after() -> None:
    bucket = Bucket(rate=1.0, burst=10.0, now=0.0)
    assert bucket.take(0.0, 30.0) == 0.0
    assert bucket.take(20.0, 1.0) == pytest.approx(1.0)
    assert bucket.take(21.0, 1.0) == 0.0


@given(
    rate=st.floats(0.1, 100),
    burst=st.floats(1, 100),
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), max_size=50),
)
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(
    rate: float, burst: float, steps: list[tuple[float, float]]
) -> None:
    bucket = Bucket(rate=rate, burst=burst, now=0.0)
    now = given_away = largest = 0.0
    for wait, amount in steps:
        now += wait
        if bucket.take(now, amount) == 0.0:
            given_away += amount
            largest = max(largest, amount)
    assert given_away <= burst + rate * now + largest + 1e-6


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_a_clock_that_jumps_back_gives_nothing_away(moves: list[float]) -> None:
    bucket = Bucket(rate=1.0, burst=1.0, now=0.0)
    now = furthest = 0.0
    taken = 0
    for move in moves:
        now += move
        furthest = max(furthest, now)
        taken += bucket.take(now) == 0.0
    assert taken <= 1 + furthest


def test_keys_do_not_share_and_the_longest_unused_is_forgotten() -> None:
    buckets = Buckets(rate=0.001, burst=1.0, keys=2)
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0
    assert buckets.take("c", 0.0) == 0.0
    assert len(buckets) == 2
    assert buckets.take("a", 0.0) > 0
    assert buckets.take("b", 0.0) == 0.0


def test_the_budget_refuses_what_does_not_fit_but_never_the_first() -> None:
    budget = Budget(100)
    assert budget.reserve(150)
    assert not budget.reserve(1)
    budget.release(150)
    assert budget.reserve(60)
    assert budget.reserve(40)
    assert not budget.reserve(1)
    budget.release(40)
    assert budget.held == 60


@pytest.mark.parametrize(("waiting", "expected"), [(0, 1000), (25, 500), (50, 0), (100, 0), (1000, 0)])
def test_credit_falls_to_nothing_when_the_queue_is_half_full(waiting: int, expected: int) -> None:
    assert credit(waiting, 100, 1000) == expected


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(1, 5_000))
def test_credit_stays_in_its_bounds(waiting: int, capacity: int, most: int) -> None:
    assert 0 <= credit(waiting, capacity, most) <= most
