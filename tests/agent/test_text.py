"""The text of `once` is what a Prometheus parser reads, whatever stands in the labels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agent.model import Family, MetricType, Readings
from agent.text import number, render

DISK = Family("node_disk_bytes", MetricType.GAUGE, 'A "help" with \\ and\nline end.', ("device", "model"))
TOTAL = Family("node_a_total", MetricType.COUNTER, "Counts.")
PLAIN = Family("node_vmstat_pgin", MetricType.UNTYPED, "")


def test_page() -> None:
    """Families by name, each once with help and type, labels and help escaped."""
    first: Readings = [(DISK, (("sda", 'a"b\\c\nd'), ("sdb", "")), [1.0, 0.5]), (PLAIN, ((),), [3.0])]
    second: Readings = [(TOTAL, ((),), [12345678901.0]), (DISK, (("sdc", "x"),), [2.0])]
    assert render([first, second]) == (
        "# HELP node_a_total Counts.\n"
        "# TYPE node_a_total counter\n"
        "node_a_total 12345678901\n"
        '# HELP node_disk_bytes A "help" with \\\\ and\\nline end.\n'
        "# TYPE node_disk_bytes gauge\n"
        'node_disk_bytes{device="sda",model="a\\"b\\\\c\\nd"} 1\n'
        'node_disk_bytes{device="sdb",model=""} 0.5\n'
        'node_disk_bytes{device="sdc",model="x"} 2\n'
        "# TYPE node_vmstat_pgin untyped\n"
        "node_vmstat_pgin 3\n"
    )


def test_a_series_is_printed_once() -> None:
    """Two readers with the same series: the first one's value, not a page that Prometheus refuses."""
    assert render([[(TOTAL, ((),), [1.0])], [(TOTAL, ((),), [2.0])]]).count("\nnode_a_total ") == 1


def test_empty_families_are_left_out() -> None:
    """A help line without a series says nothing."""
    assert render([[(DISK, (), [])]]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-1.0, "-1"),
        (1.5, "1.5"),
        (1e20, "1e+20"),
        (2**53 - 1, "9007199254740991.0"),
        (1e-9, "1e-09"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_number(value: float, text: str) -> None:
    """Whole numbers without a point up to 10^15, the three that are none by their names."""
    assert number(value) == text


@given(st.floats(allow_nan=False))
def test_numbers_read_back(value: float) -> None:
    """No digit is lost."""
    assert float(number(value)) == value


_labels = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))


@given(st.lists(st.tuples(_labels, _labels), unique=True, max_size=8))
def test_labels_read_back(labels: list[tuple[str, str]]) -> None:
    """Quotes, backslashes and line ends in a label forge nothing."""
    page = render([[(DISK, tuple(labels), [float(index) for index in range(len(labels))])]])
    found = [
        (sample.labels["device"], sample.labels["model"], sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]
    assert found == [(device, model, float(index)) for index, (device, model) in enumerate(labels)]
