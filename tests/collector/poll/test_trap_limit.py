"""How much is heard of whom: all of it bounded, told the time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.poll.trap_limit import Bucket, Buckets, Rates, Repeats, Strangers


def test_bucket_gives_a_burst_and_then_its_rate() -> None:
    """Three at once, then two a second."""
    bucket = Bucket(2, 3)
    assert [bucket.take(1_000) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(ms) for ms in (1_400, 1_500, 1_600, 2_000)] == [False, True, False, True]


@given(st.lists(st.integers(0, 5_000), max_size=200))
def test_bucket_never_gives_more(gaps: list[int]) -> None:
    """Over any time at most the burst and what has come back since."""
    bucket, now_ms, given_ = Bucket(3, 5), 0, 0
    for gap in gaps:
        now_ms += gap
        given_ += bucket.take(now_ms)
    assert given_ <= 5 + 3 * now_ms / 1000


def test_each_source_has_its_bucket_and_there_is_a_bound() -> None:
    """One sender's flood does not take another's tokens; the bucket heard longest ago is dropped."""
    buckets: Buckets[str] = Buckets(1, 1, most=2)
    assert [buckets.take(source, 0) for source in ("a", "a", "b", "b", "c")] == [True, False, True, False, True]
    assert len(buckets) == 2


def test_repeats_within_the_window() -> None:
    """The window begins with the first one; after it the next is news and says how often the last was repeated."""
    repeats = Repeats(300)
    repeats.note("ups", "event", 0)
    assert [repeats.is_repeat("ups", "event", minute * 60_000) for minute in range(1, 6)] == [True] * 4 + [False]
    assert repeats.note("ups", "event", 300_000) == 4
    assert not repeats.is_repeat("other", "event", 300_000)


def test_clear_and_raise_again_are_news() -> None:
    """A flapping link is not quiet because it flaps fast."""
    repeats = Repeats(300)
    for state in ("raise", "clear", "raise", "clear"):
        assert not repeats.is_repeat("link", state, 1_000)
        repeats.note("link", state, 1_000)
    assert repeats.is_repeat("link", "clear", 2_000)


def test_repeats_and_strangers_and_rates_are_bounded() -> None:
    """Whoever invents senders or objects pushes out the oldest."""
    repeats, strangers, rates = Repeats(300, most=10), Strangers(most=10), Rates(most=10)
    for number in range(1_000):
        repeats.note(number, "event", number)
        strangers.add(f"10.0.{number // 256}.{number % 256}", "unknown", number)
        rates.is_too_many(number, 5, 60, number)
    assert (len(repeats), len(strangers)) == (10, 10)
    assert strangers.listed()[0].source == "10.0.3.231"


def test_strangers_are_listed_with_count_and_times() -> None:
    """The last one heard stands first; one that becomes ours is forgotten."""
    strangers = Strangers()
    for now_ms, source in ((1, "a"), (2, "b"), (3, "a")):
        strangers.add(source, "unknown", now_ms)
    assert [(each.source, each.count, each.first_ms, each.last_ms) for each in strangers.listed()] == [
        ("a", 2, 1, 3),
        ("b", 1, 2, 2),
    ]
    strangers.forget("a")
    assert [each.source for each in strangers.listed()] == ["b"]


def test_too_many_is_said_once_a_window() -> None:
    """The tenth within a minute says so; the next minute counts anew."""
    rates = Rates()
    assert [rates.is_too_many("x", 3, 60, ms) for ms in (0, 1, 2, 3, 60_001, 60_002, 60_003)] == [
        False, False, True, False, False, False, True,
    ]  # fmt: skip
