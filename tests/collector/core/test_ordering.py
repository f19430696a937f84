"""Parts of stretches, and evidence in the order in which a judge reads it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.model import Kind
from collector.core.ordering import in_order
from collector.core.stretch import Result, Stretch
from tests.collector.core.judging import obs


def run(result: str, first: int, count: int, step: int) -> Stretch:
    """`count` samples, `step` milliseconds apart."""
    times = tuple(first + k * step for k in range(count))
    named = times if result == "fail" and count > 1 else ()
    return Stretch(Kind.OBS, "collector", "ping", Result(result), times[0], times[-1], count, named)


def instants(s: Stretch) -> list[int]:
    """Of an evenly spaced stretch."""
    if s.times or s.count == 1:
        return list(s.times or (s.first_ms,))
    return [s.first_ms + k * (s.last_ms - s.first_ms) // (s.count - 1) for k in range(s.count)]


RUNS = st.builds(run, st.sampled_from(["ok", "degraded", "fail"]), st.integers(0, 40), st.integers(1, 8), st.integers(1, 9))


@given(RUNS, st.integers(-5, 120), st.integers(-5, 120))
def test_a_part_has_the_samples_inside(s: Stretch, from_ms: int, until_ms: int) -> None:
    part = s.part(from_ms, until_ms)
    inside = [t for t in instants(s) if from_ms <= t < until_ms]
    assert (instants(part) if part is not None else []) == inside
    assert part is None or (part.count, part.first_ms, part.last_ms) == (len(inside), inside[0], inside[-1])


@given(RUNS, st.integers(-5, 120))
def test_the_first_sample_after_an_instant(s: Stretch, t_ms: int) -> None:
    assert s.first_after(t_ms) == next((t for t in instants(s) if t > t_ms), None)


@given(st.lists(RUNS, max_size=4), st.randoms())
def test_3_18_3_every_order_of_telling_is_the_same(given_: list[Stretch], dice: object) -> None:
    mixed = [*given_, *given_]
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert in_order(mixed) == in_order(given_)


@given(st.lists(RUNS, max_size=4))
def test_stretches_that_say_different_things_do_not_overlap(given_: list[Stretch]) -> None:
    """And no failure is lost, unless a better sample lies at its instant."""
    ordered = in_order(given_)
    for one, other in pairwise(sorted(ordered, key=lambda s: (s.first_ms, s.last_ms))):
        assert one.last_ms < other.first_ms or one.result is other.result or one.last_ms == other.first_ms
    good = {t for s in given_ if s.result is not Result.FAIL for t in (s.first_ms, s.last_ms)}
    failed = {t for s in given_ if s.result is Result.FAIL for t in instants(s)}
    kept = {t for s in ordered if s.result is Result.FAIL for t in instants(s)}
    assert failed - good <= kept <= failed


def test_a_run_is_cut_where_another_one_says_something_else() -> None:
    failed = obs(0.010, "fail")
    told = in_order([run("ok", 0, 5, 5), failed])
    assert [(s.first_ms, s.last_ms, s.count, str(s.result)) for s in told] == [
        (0, 5, 2, "ok"),
        (10, 10, 1, "fail"),
        (15, 20, 2, "ok"),
    ]
