"""The E-model: figures of the recommendation, and what must hold for any path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets.emodel import BASE, CODECS, burst_ratio, mos, r_factor

G711 = CODECS["g711"]


@pytest.mark.parametrize(("r", "expected"), [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)])
def test_mos_is_that_of_the_recommendation(r: float, expected: float) -> None:
    """Table B.1 of G.107 gives these pairs, to a hundredth."""
    assert mos(r) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("r", "expected"), [(-3.0, 1.0), (0.0, 1.0), (100.0, 4.5), (130.0, 4.5)])
def test_mos_ends_where_the_recommendation_says(r: float, expected: float) -> None:
    """Beyond both ends of the scale it stays at its ends."""
    assert mos(r) == expected


@pytest.mark.parametrize(
    ("codec", "one_way_s", "loss", "expected"),
    [
        ("g711", 0.0, 0.0, 93.2),
        ("g711", 0.1, 0.0, 93.2 - 2.4),
        ("g711", 0.2, 0.0, 93.2 - 4.8 - 0.11 * 22.7),
        ("g711", 0.0, 0.01, 93.2 - 95.0 / 26.1),
        ("g711_no_plc", 0.0, 0.01, 93.2 - 95.0 / 5.3),
        ("g729a", 0.0, 0.0, 82.2),
        ("g729a", 0.15, 0.02, 82.2 - 3.6 - 84.0 * 2.0 / 21.0),
    ],
)
def test_r_falls_with_delay_and_loss(codec: str, one_way_s: float, loss: float, expected: float) -> None:
    """Worked by hand from the formulas: 0.024 d + 0.11 (d - 177.3), and Ie + (95 - Ie) Ppl / (Ppl + Bpl)."""
    assert r_factor(one_way_s, loss, CODECS[codec]) == pytest.approx(expected)


def test_losses_in_a_row_are_worse_than_scattered_ones() -> None:
    """The same loss in bursts gives a lower R."""
    assert r_factor(0.05, 0.05, G711, burst=2.0) < r_factor(0.05, 0.05, G711)


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        ("", 1.0),
        ("1111", 1.0),
        ("0000", 1.0),
        ("1110111011", 1.0),  # single losses: less in a row than chance makes them
        ("1110000111", 4 * 0.6),
        ("0011001100", 2 * 0.4),
    ],
)
def test_burst_ratio_is_length_over_chance(arrived: str, expected: float) -> None:
    """Mean burst times the share that arrived; never below 1."""
    assert burst_ratio([each == "1" for each in arrived]) == pytest.approx(max(1.0, expected))


@given(st.floats(0, 10), st.floats(0, 1), st.sampled_from(sorted(CODECS)), st.floats(1, 10))
def test_any_path_has_a_factor_on_the_scale(one_way_s: float, loss: float, codec: str, burst: float) -> None:
    """R is between 0 and its base, MOS between 1 and 4.5, and more loss never helps."""
    r = r_factor(one_way_s, loss, CODECS[codec], burst)
    assert 0.0 <= r <= BASE
    assert 1.0 <= mos(r) <= 4.5
    assert r_factor(one_way_s, min(1.0, loss + 0.1), CODECS[codec], burst) <= r
