"""What Nagios plugins print becomes numbers in base units; whatever else is printed becomes nothing and raises nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.packets.perfdata import MAX_LABEL, MAX_VALUES, Measure, Printed, read


def _one(text: str) -> Measure:
    (measure,) = read(f"OK | {text}").measures
    return measure


def test_a_plugin_of_one_line() -> None:
    """Text and numbers stand apart; warning and critical are in the value's own unit."""
    assert read("OK - load average: 0.10 | load1=0.100;5.000;10.000;0; time=12ms;;100\n") == Printed(
        "OK - load average: 0.10",
        (Measure("load1", "", 0.1, 5.0, 10.0), Measure("time", "seconds", 0.012, None, 0.1)),
    )


def test_numbers_may_follow_on_later_lines() -> None:
    """Long text comes between; the numbers behind its bar go on to the end."""
    output = "DISK OK | /=10MB;20;30;0;40\n/ 10 MB\n/home 5 MB | /home=5MB\n/var=50%;80:;@90\n"
    assert read(output).measures == (
        Measure("/", "bytes", 10 * 1024**2, 20 * 1024**2, 30 * 1024**2),
        Measure("/home", "bytes", 5 * 1024**2),
        Measure("/var", "ratio", 0.5),
    )


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("a=1s", "seconds", 1), ("a=1500us", "seconds", 0.0015), ("a=2KB", "bytes", 2048), ("a=2KiB", "bytes", 2048),
        ("a=7c", "count", 7), ("a=-3.5", "", -3.5), ("a=+.5e2", "", 50), ("a=21C", "C", 21), ("a=-60dBm", "dBm", -60),
    ],
)  # fmt: skip
def test_units(text: str, unit: str, value: float) -> None:
    """Known units become base units, others stay as they are."""
    measure = _one(text)
    assert (measure.unit, measure.value) == (unit, pytest.approx(value))


def test_labels_may_be_quoted() -> None:
    """With blanks, equal signs and doubled quotes in them."""
    assert [each.label for each in read("OK|'C: used'=1 'it''s'=2 'a=b'=3").measures] == ["C: used", "it's", "a=b"]


@pytest.mark.parametrize("text", ["", "a=U", "a=", "=1", "a=1,5", "a=1e999", "'open=1", "a", "a=--1"])
def test_what_is_no_value_is_left_out(text: str) -> None:
    """Nothing is guessed."""
    assert read(f"OK | {text}").measures == ()


def test_one_broken_value_costs_no_other() -> None:
    """What stands beside it counts."""
    assert [each.label for each in read("OK | a=U b=1 nonsense c=2;x;3").measures] == ["b", "c"]
    assert read("OK | a=U b=1 nonsense c=2;x;3").measures[1].critical == 3


def test_a_label_counts_once_and_all_is_bounded() -> None:
    """A plugin that prints without end makes no series without end."""
    assert [each.value for each in read("OK | a=1 a=2").measures] == [1]
    many = read("OK | " + " ".join(f"{'x' * 300}{index}=1 y{index}=2" for index in range(2 * MAX_VALUES)))
    assert len(many.measures) <= MAX_VALUES
    assert max(len(each.label) for each in many.measures) <= MAX_LABEL


@given(st.text(max_size=300) | st.text(alphabet="a1='|; \n.e-%MBU:", max_size=300))
@settings(max_examples=300, deadline=None)
def test_anything_may_be_printed(output: str) -> None:
    """It never raises, and what it makes of it are finite numbers with labels."""
    printed = read(output)
    assert "\n" not in printed.text
    for measure in printed.measures:
        assert measure.label
        assert math.isfinite(measure.value)


def test_long_nonsense_is_read_in_no_time() -> None:
    """64 KiB of the worst stay harmless: one step per character."""
    for text in ("'" * 65536, "a=" * 32768, "=" * 65536, " " * 65536, "'a=1 " * 13000, "1" * 65536):
        assert read(f"OK | {text}").text == "OK"
