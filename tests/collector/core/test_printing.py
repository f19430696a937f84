"""Printing (3.16): floored, never rounded up; in English and Vietnamese."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core import printing

COUNTS = st.integers(0, 10**12)


@given(COUNTS, st.integers(1, 10**12), st.integers(1, 6))
def test_r16_2_percentages_are_floored(good: int, bad: int, digits: int) -> None:
    """The printed number is at most the true one, and less than one last digit below it."""
    text = printing.percent(good, good + bad, digits)
    assert text is not None
    true = Fraction(100 * good, good + bad)
    assert 0 <= true - Fraction(text) < Fraction(1, 10**digits)
    assert Decimal(text) == Decimal(text).quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR)


@given(COUNTS, COUNTS, st.integers(1, 6), st.sampled_from(["en", "vi"]))
def test_r16_2_100_is_printed_only_when_nothing_was_bad(good: int, bad: int, digits: int, lang: str) -> None:
    """And "0.00" only when nothing was good."""
    text = printing.display(good, bad, digits, lang)
    if good + bad:
        assert (text == "100") == (bad == 0)
        assert (text.replace(",", ".").strip("0.") == "") == (good == 0)
    else:
        assert text == {"en": "n/a", "vi": "không có"}[lang]


@given(COUNTS, st.integers(1, 10**12), st.integers(1, 6))
def test_r16_3_unavailability_is_100_less_the_printed_availability(good: int, bad: int, digits: int) -> None:
    """The two printed numbers add up to 100."""
    shown, lost = printing.display(good, bad, digits), printing.unavailability(good, bad, digits)
    if shown.startswith("<"):
        assert Decimal(shown[1:]) + Decimal(lost[1:]) == 100
        assert lost.startswith(">")
    else:
        assert Decimal(shown) + Decimal(lost) == 100


def test_r16_2_edges() -> None:
    """A miss never prints as a hit (V39)."""
    assert printing.display(2_591_999, 1, 2) == "99.99"
    assert printing.display(1, 2_591_999, 2) == "<0.01"
    assert printing.display(0, 5, 2) == "0.00"
    assert printing.unavailability(1, 2_591_999, 2) == ">99.99"
    assert printing.unavailability(5, 0, 2) == "0"
    assert printing.unavailability(0, 0, 2) == "n/a"
    assert printing.percent(0, 0) is None


def test_vietnamese_has_a_decimal_comma() -> None:
    """Numbers as they are written in Vietnam."""
    assert printing.display(9_995, 5, 3, "vi") == "99,950"
    assert printing.display(1, 2_591_999, 2, "vi") == "<0,01"
    assert printing.percent(1, 3, 2, "vi") == "33,33"
    assert printing.ratio(Fraction(999, 1000), "vi") == "99,9"


@pytest.mark.parametrize(
    ("ratio", "text"), [("0.999", "99.9"), ("1", "100"), ("0.9", "90"), ("0.999999", "99.9999"), ("0", "0")]
)
def test_objectives_have_no_needless_zeros(ratio: str, text: str) -> None:
    """An objective is printed as it was written."""
    assert printing.ratio(Fraction(ratio)) == text


@given(st.integers(0, 10**12))
def test_r16_3_downtime_is_rounded_up_to_the_second(ms: int) -> None:
    """Never less than it was."""
    assert 0 <= printing.seconds_up(ms) * 1000 - ms < 1000


@pytest.mark.parametrize(
    ("x", "cut", "floor"),
    [("0", "0.000", "0.000"), ("1.2345", "1.234", "1.234"), ("-1.2345", "-1.234", "-1.235"), ("-0.0001", "-0.000", "-0.001")],
)
def test_numbers_are_cut_off_towards_zero_or_floored(x: str, cut: str, floor: str) -> None:
    """Means and budgets are cut off, percentages and rates floored; what is negative never looks positive."""
    assert printing.truncated(Fraction(x), 3) == cut
    assert printing.floored(Fraction(x), 3) == floor


def test_what_is_undefined_stays_undefined() -> None:
    """None is not 0."""
    assert printing.truncated(None, 3) is None
    assert printing.floored(None, 3) is None
    assert printing.seconds(None) is None


def test_seconds_of_milliseconds() -> None:
    """Exact fractions of milliseconds as seconds."""
    assert printing.seconds(1_234_567) == "1234.567"
    assert printing.seconds(Fraction(2000, 3)) == "0.666"
    assert printing.seconds(Fraction(1, 2), 0) == "0"


@pytest.mark.parametrize(
    ("ms", "en", "vi"),
    [
        (0, "0 s", "0 giây"),
        (1, "1 s", "1 giây"),
        (59_001, "1 min", "1 phút"),
        (93_784_000, "1 d 2 h 3 min 4 s", "1 ngày 2 giờ 3 phút 4 giây"),
        (86_400_000, "1 d", "1 ngày"),
        (-61_000, "-1 min 1 s", "-1 phút 1 giây"),
    ],
)
def test_durations_in_words(ms: int, en: str, vi: str) -> None:
    """Rounded up, without empty units."""
    assert (printing.duration(ms), printing.duration(ms, "vi")) == (en, vi)
