"""Paths through parents (SPEC 3.7): AND of OR-groups, slack, unclear, order and cycles."""

from __future__ import annotations

from itertools import product

import pytest

from collector.core.dependency import FOREVER, CycleError, KnownPath, OpenPath, Path, order
from collector.core.state import GOOD_STATES, State, View
from tests.collector.core.judging import MS, PUSH_DOWN, every, judged, line, reports, rules, through, told

UP, DOWN, UNKNOWN, UNREACHABLE = "up", "down", "unknown", "unreachable"


def _expected(groups: list[list[State]]) -> Path:
    """R7.2, typed again."""
    if any(all(state in (State.DOWN, State.UNREACHABLE) for state in group) for group in groups):
        return Path.BROKEN
    if any(not any(state in GOOD_STATES for state in group) for group in groups):
        return Path.UNCLEAR
    return Path.OK


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (2, 1)])
def test_r7_1_r7_2_every_combination_of_parents_states(shape: tuple[int, ...]) -> None:
    """AND of OR-groups: every state of every parent."""
    for states in product(State, repeat=sum(shape)):
        rest = list(states)
        groups = [[rest.pop(0) for _ in range(size)] for size in shape]
        path = KnownPath([[line((0, 100, state)) for state in group] for group in groups], 0)
        assert path.at(50_000)[0] is _expected(groups), groups


def test_r7_1_without_parents_and_with_an_empty_group_the_path_is_there() -> None:
    assert OpenPath().at(5) == (Path.OK, FOREVER)
    assert KnownPath([], 0).at(5) == (Path.OK, FOREVER)
    assert KnownPath([[], [line((0, 100, State.UP))]], 0).at(5_000)[0] is Path.OK


def test_r5_6_a_parent_without_a_timeline_makes_the_path_unclear() -> None:
    assert KnownPath([[[]]], 0).at(5)[0] is Path.UNCLEAR
    assert KnownPath([[line((10, 20, State.UP))]], 0).at(5_000)[0] is Path.UNCLEAR


def test_r7_3_an_outage_is_widened_to_the_left_only() -> None:
    path = KnownPath([[line((0, 100, State.UP), (100, 200, State.DOWN), (200, 300, State.UP))]], 30_000)
    assert [path.at(t * MS)[0] for t in (69, 70, 199, 200)] == [Path.OK, Path.BROKEN, Path.BROKEN, Path.OK]
    assert path.at(0) == (Path.OK, 70 * MS)
    assert path.at(70 * MS) == (Path.BROKEN, 200 * MS)


def test_r7_3_down_and_unreachable_are_one_outage() -> None:
    """The slack before the unreachable part that follows a down one changes nothing; unknown time is not widened."""
    states = line((0, 100, State.UP), (100, 150, State.DOWN), (150, 200, State.UNREACHABLE), (200, 300, State.UNKNOWN))
    path = KnownPath([[states]], 30_000)
    assert [path.at(t * MS)[0] for t in (69, 70, 150, 199, 200)] == [Path.OK, *[Path.BROKEN] * 3, Path.UNCLEAR]


def test_r7_3_slack_moves_the_blame_to_a_slowly_polled_parent() -> None:
    parent = line((0, 320, State.UP), (320, 800, State.DOWN), (800, 2000, State.UP))
    samples = [*every(0, 240), *every(300, 780, "fail"), *every(840, 960)]
    slow = judged(samples, paths=through([parent], slack=60))
    assert told(slow, 960) == [(0, 300, UP), (300, 840, UNREACHABLE), (840, 960, UP)]
    blamed = judged(samples, rules(fail_after=1), paths=through([parent]))
    assert told(blamed, 960) == [(0, 300, UP), (300, 840, DOWN), (840, 960, UP)]


def test_r7_4_v16_a_failure_after_the_parent_is_back_is_ordinary() -> None:
    parent = line((0, 300, State.UP), (300, 600, State.DOWN), (600, 2000, State.UP))
    judge = judged([*every(0, 240), *every(300, 900, "fail"), *every(960, 1200)], paths=through([parent], slack=60))
    assert told(judge, 1200) == [(0, 300, UP), (300, 600, UNREACHABLE), (600, 960, DOWN), (960, 1200, UP)]


def test_r7_2_failures_over_an_unclear_path_are_unknown_with_the_run_before() -> None:
    parent = line((0, 350, State.UP), (350, 500, State.UNKNOWN), (500, 2000, State.UP))
    judge = judged([*every(0, 240), *every(300, 480, "fail"), *every(540, 900)], paths=through([parent]))
    assert told(judge, 900) == [(0, 300, UP), (300, 540, UNKNOWN), (540, 900, UP)]


def test_r7_2_a_run_before_the_path_broke_becomes_unreachable() -> None:
    parent = line((0, 350, State.UP), (350, 500, State.DOWN), (500, 2000, State.UP))
    judge = judged([*every(0, 240), *every(300, 480, "fail"), *every(540, 900)], paths=through([parent]))
    assert told(judge, 900) == [(0, 300, UP), (300, 540, UNREACHABLE), (540, 900, UP)]


def test_r7_1_one_of_two_redundant_parents_excuses_nobody() -> None:
    gone, there = line((0, 300, State.UP), (300, 2000, State.DOWN)), line((0, 2000, State.UP))
    samples = [*every(0, 240), *every(300, 600, "fail")]
    redundant, serial = through([gone, there]), through([gone], [there])
    assert told(judged(samples, paths=redundant), 600)[-1] == (300, 600, DOWN)
    assert told(judged(samples, paths=serial), 600)[-1] == (300, 600, UNREACHABLE)


def test_r7_3_a_child_sees_no_path_where_late_evidence_lifted_its_parent() -> None:
    """The machine ran, but nobody could go through it: `for_path` keeps unreachable time, and lifts the unknown."""
    parent_path = through([line((0, 300, State.UP), (300, 900, State.DOWN), (900, 2000, State.UP))])
    middle = judged([*reports(0, 240), *reports(300, 840, live=False), *reports(900, 1200)], PUSH_DOWN, paths=parent_path)
    assert told(middle, 1200) == [(0, 1200, UP)]
    assert told(middle, 1200, for_path=True) == [(0, 300, UP), (300, 900, UNREACHABLE), (900, 1200, UP)]
    assert told(middle, 1200, View.E2E) == [(0, 300, UP), (300, 900, UNREACHABLE), (900, 1200, UP)]


def test_r7_3_parents_come_first() -> None:
    names = order({"c": ["b", "a"], "b": ["a"], "a": ["elsewhere"], "d": []})
    assert sorted(names) == ["a", "b", "c", "d"]
    assert names.index("a") < names.index("b") < names.index("c")
    chain = {f"n{k}": [f"n{k + 1}"] for k in range(5000)}
    assert order(chain)[0] == "n4999"


@pytest.mark.parametrize(
    ("parents", "named"),
    [
        ({"a": ["a"]}, ("a", "a")),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, ("a", "b", "c", "a")),
    ],
)
def test_r7_1_a_cycle_is_named(parents: dict[str, list[str]], named: tuple[str, ...]) -> None:
    with pytest.raises(CycleError) as caught:
        order(parents)
    assert caught.value.cycle == named
    assert str(caught.value) == " -> ".join(named)
