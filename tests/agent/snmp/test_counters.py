"""Rates: never negative, never faster than the line, and healed after a reset."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.counters import ErrorRatio, increase, rate

GIGABIT = 125_000_000.0


@pytest.mark.parametrize(
    ("old", "new", "elapsed_s", "bits", "speed", "is_reset", "expected"),
    [
        (100, 700, 60, 64, GIGABIT, False, 10.0),
        (700, 100, 60, 64, GIGABIT, False, None),  # 64 bits do not wrap: a reset
        (100, 700, 60, 64, GIGABIT, True, None),  # restarted: the old value is of another life
        (2**32 - 100, 200, 60, 32, 12_500_000.0, False, 5.0),  # a wrap that the line can carry
        (2**32 - 100, 200, 60, 32, 12_500_000.0, True, None),  # the same, but the device restarted
        (4_000_000_000, 200, 60, 32, 1_000.0, False, None),  # what would be a wrap is too fast for the line
        (2**32 - 100, 200, 60, 32, None, False, None),  # unknown speed: no wrap is believed
        (100, 200, 60, 32, GIGABIT, False, None),  # 2^32 bytes pass in 34 s: it may have wrapped unseen
        (100, 200, 10, 32, GIGABIT, False, 10.0),
        (100, 200, 60, 32, None, False, 100 / 60),
        (0, 10**18, 60, 64, GIGABIT, False, None),  # impossible for the line
        (0, 10, 0, 64, GIGABIT, False, None),
        (0, 10, -5, 64, GIGABIT, False, None),
    ],
)
def test_rate(
    old: float, new: float, elapsed_s: float, bits: int, speed: float | None, is_reset: bool, expected: float | None
) -> None:  # fmt: skip
    """Wrap and reset are told apart by width, restart and what the line can carry."""
    assert rate(old, new, elapsed_s, bits, speed, is_reset=is_reset) == expected


@given(
    old=st.integers(0, 2**64 - 1), new=st.integers(0, 2**64 - 1), elapsed_s=st.floats(1, 86_400),
    bits=st.sampled_from([32, 64]), speed=st.one_of(st.none(), st.floats(1, 1e11)), is_reset=st.booleans(),
)  # fmt: skip
def test_never_negative_never_impossible(
    old: int, new: int, elapsed_s: float, bits: int, speed: float | None, is_reset: bool
) -> None:  # fmt: skip
    """Whatever two values a device gives, a rate is at least 0 and at most what the line carries."""
    if bits == 32:
        old, new = old % 2**32, new % 2**32
    found = rate(old, new, elapsed_s, bits, speed, is_reset=is_reset)
    if found is not None:
        assert found >= 0
        assert speed is None or found <= speed * 1.06


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=20), st.integers(1, 19))
def test_heals_after_a_reset(steps: list[int], at: int) -> None:
    """After a reset one rate is missing and the next are right again."""
    values, total = [], 0
    for place, step in enumerate(steps):
        total = 0 if place == at else total + step
        values.append(total)
    found = [rate(old, new, 60, 64, None) for old, new in itertools.pairwise(values)]
    for place, each in enumerate(found, 1):
        if place != at:
            assert each == steps[place] / 60


def test_error_ratio_needs_five_minutes_and_a_thousand_packets() -> None:
    """Errors count as a share of enough packets over long enough, and a gap begins a new span."""
    ratio = ErrorRatio()
    for at in range(60, 300, 60):
        ratio.add(1, 1_000, at - 60, at)
        assert ratio.value is None
    ratio.add(1, 1_000, 240, 300)
    assert ratio.value == pytest.approx(5 / 5_005)
    ratio.add(None, None, 300, 360)
    assert ratio.value is None
    ratio.add(9, 90, 360, 660)
    assert ratio.value is None, "99 packets are too few"


def test_increase_without_limit() -> None:
    """Without a limit a 64-bit counter may rise by anything."""
    assert increase(0, 2.0**63, 64, None) == 2.0**63
