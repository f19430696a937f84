"""Sequences against a model that is a plain set."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.sequence import Added, Ranges, Sequence, TooManyHolesError

NUMBERS = st.integers(1, 60)
STEPS = st.lists(
    st.one_of(NUMBERS.map(lambda n: (n, n)), st.tuples(NUMBERS, st.integers(0, 9)).map(lambda p: (p[0], p[0] + p[1])))
)


@given(STEPS)
def test_ranges_hold_what_a_set_would_hold(steps: list[tuple[int, int]]) -> None:
    ranges, model = Ranges(), set[int]()
    for first, last in steps:
        touching = any(number in model for number in range(first - 1, last + 2))
        assert ranges.touches(first, last) == touching
        ranges.add(first, last)
        model |= set(range(first, last + 1))
        assert {number for number in range(80) if number in ranges} == model
        assert ranges.size == len(model)
        pairs = list(ranges)
        assert all(a <= b for a, b in pairs)
        assert all(left[1] + 1 < right[0] for left, right in itertools.pairwise(pairs))
        assert list(Ranges.parse(ranges.text())) == pairs


@given(st.lists(st.tuples(st.booleans(), NUMBERS, st.integers(0, 5))))
def test_a_sequence_tells_new_from_duplicate_and_knows_its_watermark(steps: list[tuple[bool, int, int]]) -> None:
    sequence, received, lost = Sequence(), set[int](), set[int]()
    for is_loss, number, more in steps:
        if is_loss:
            sequence.lose(number, number + more)
            lost |= set(range(number, number + more + 1))
        else:
            assert sequence.add(number) is (Added.DUPLICATE if number in received else Added.NEW)
            received.add(number)
        explained = received | lost
        assert sequence.watermark == next(n for n in range(100) if n + 1 not in explained)
        top = max(received, default=0)
        assert {n for a, b in sequence.holes() for n in range(a, b + 1)} == set(range(1, top + 1)) - explained
    again = Sequence(sequence.received.text(), sequence.lost.text())
    assert again.watermark == sequence.watermark
    assert again.holes() == sequence.holes()


def test_text_is_compact() -> None:
    ranges = Ranges()
    for first, last in ((105, 105), (1, 50), (51, 100), (110, 112)):
        ranges.add(first, last)
    assert ranges.text() == "1-100 105 110-112"
    assert Ranges().text() == ""


@pytest.mark.parametrize("text", ["5-3", "1-3 4", "7 5", "0", "x", "1-", "1-2-3", "-4"])
def test_text_that_was_not_written_by_us_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Ranges.parse(text)


def test_holes_are_bounded_and_a_refused_number_changes_nothing() -> None:
    sequence = Sequence(limit=3)
    for number in (1, 3, 5):
        sequence.add(number)
    with pytest.raises(TooManyHolesError, match="more than 3 ranges"):
        sequence.add(7)
    assert sequence.received.text() == "1 3 5"
    assert sequence.add(6) is Added.NEW, "growing a range needs no new one"
    assert sequence.add(2) is Added.NEW
    assert sequence.add(9) is Added.NEW
    assert sequence.received.text() == "1-3 5-6 9"


def test_lost_ranges_are_bounded_too() -> None:
    sequence = Sequence(limit=1)
    sequence.lose(2, 3)
    assert sequence.may_lose(4, 9)
    assert not sequence.may_lose(6, 9)
    with pytest.raises(TooManyHolesError, match="more than 1 ranges"):
        sequence.lose(6, 9)


def test_a_report_that_was_stated_as_lost_and_arrives_is_new() -> None:
    sequence = Sequence("1-4")
    sequence.lose(5, 9)
    assert sequence.watermark == 9
    assert sequence.add(7) is Added.NEW
    assert sequence.add(7) is Added.DUPLICATE
    assert sequence.watermark == 9
