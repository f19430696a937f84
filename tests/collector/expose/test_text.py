"""The targets' pages: what comes out is exactly what went in, whatever the agents said."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.model import Column, Family, MetricType, Schema
from collector.core.fleet import Fleet
from collector.expose.names import RESERVED
from collector.expose.text import Renderer
from tests.collector.fleet_kit import NOW, TTL, counter, gauge, info, make_fleet, schema, show, values

LOAD = schema((gauge("node_load1", about="1m load average."), [()]))
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def page(fleet: Fleet, *, openmetrics: bool = False, now: int = NOW, **options: int) -> str:
    return b"".join(Renderer(fleet, **options).page(now, openmetrics=openmetrics)).decode()  # type: ignore[arg-type]


def read(text: str, openmetrics: bool) -> Series:
    """Every series of a page by name and labels; a repeated one or a repeated family fails."""
    found: Series = {}
    families = list((parse_openmetrics if openmetrics else parse_text)(text))
    types = [line.split(" ")[2] for line in text.split("\n") if line.startswith("# TYPE ")]
    assert len(set(types)) == len(types) == len(families)
    for sample in (sample for family in families for sample in family.samples):
        key = (sample.name, frozenset(sample.labels.items()))
        assert key not in found, key
        found[key] = sample.value
    return found


def expected(fleet_values: Iterable[tuple[str, Schema, tuple[float, ...]]], fleet: Fleet) -> Series:
    found: Series = {}
    for target, one, numbers in fleet_values:
        inventory = fleet.get(target).info  # type: ignore[union-attr]
        own = {"instance": inventory.id, "site": inventory.site, "class": inventory.class_}
        rest = iter(numbers)
        for column in one.columns:
            for row in column.series:
                labels = {**dict(zip(column.family.labels, row, strict=True)), **own}
                found[column.family.name, frozenset(labels.items())] = next(rest)
    return found


def same(one: Series, other: Series) -> bool:
    return one.keys() == other.keys() and all(
        value == other[key] or (math.isnan(value) and math.isnan(other[key])) for key, value in one.items()
    )


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_family_stands_once_whatever_schemas_it_comes_from(openmetrics: bool) -> None:
    fleet = make_fleet("h1", "h2", "h3")
    net = counter("node_network_receive_bytes_total", "device", about="Bytes.")
    shown = [
        ("h1", schema((net, [("eth0",), ("eth1",)])), (1.0, 2.0)),
        ("h2", schema((net, [("eth0",)]), (gauge("node_load1"), [()])), (3.0, 0.5)),
        ("h3", schema((gauge("node_load1"), [()]), (net, [("wlan0",)])), (0.25, 4.0)),
    ]
    for target, one, numbers in shown:
        show(fleet, target, (one, values(*numbers)))
    text = page(fleet, openmetrics=openmetrics)
    assert text.count("# TYPE") == text.count("# HELP") == 2
    assert same(read(text, openmetrics), expected(shown, fleet))


def test_series_disappear_when_their_ttl_is_over() -> None:
    fleet = make_fleet("h1", "h2")
    show(fleet, "h1", (LOAD, values(1)))
    show(fleet, "h2", (LOAD, values(2)), t=NOW + 1)
    assert "h1" in page(fleet, now=NOW + TTL)
    late = page(fleet, now=NOW + TTL + 1)
    assert "h1" not in late
    assert "h2" in late
    assert page(fleet, now=NOW + TTL + 2) == ""
    assert page(fleet, now=NOW + TTL + 2, openmetrics=True) == "# EOF\n"


HOSTILE = [
    '"} 1\nup{instance="h2',
    'x",instance="h2',
    "\\",
    '\\"',
    "\\n",
    "\n",
    "\n# EOF",
    "\r\n",
    "\x00\x01",
    "%s %d %% %(x)s",
    "{}{0}",
    "\xff\xfe",
    "ngắt kết nối ở Hải Dương",
    "🗼\u2028\u0085",
    " ",
    "a" * 2048,
]


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize("value", HOSTILE)
def test_label_values_cannot_forge_a_line_or_another_target(value: str, openmetrics: bool) -> None:
    fleet = make_fleet("h1", "h2")
    one = schema((gauge("evil", "a", "b", about="h"), [(value, "x"), ("x", value)]), (gauge("good"), [()]))
    show(fleet, "h1", (one, values(1, 2, 3)))
    show(fleet, "h2", (LOAD, values(4)))
    text = page(fleet, openmetrics=openmetrics)
    found = read(text, openmetrics)
    assert same(found, expected([("h1", one, (1.0, 2.0, 3.0)), ("h2", LOAD, (4.0,))], fleet))
    assert sum(dict(labels)["instance"] == "h2" for _, labels in found) == 1


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize("value", HOSTILE)
def test_help_and_inventory_cannot_break_the_page_either(value: str, openmetrics: bool) -> None:
    fleet = make_fleet()
    fleet.set_targets([info("h1", site=value, class_=value)])
    one = schema((gauge("node_load1", about=value), [()]))
    show(fleet, "h1", (one, values(1)))
    text = page(fleet, openmetrics=openmetrics)
    assert same(read(text, openmetrics), expected([("h1", one, (1.0,))], fleet))


def test_values_are_spelled_as_the_formats_want() -> None:
    fleet = make_fleet("h1")
    numbers = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e16, 123456789012345678.0)
    one = schema((gauge("g", "n"), [(str(n),) for n in range(len(numbers))]))
    show(fleet, "h1", (one, values(*numbers)))
    text = page(fleet)
    assert [line.rsplit(" ", 1)[1] for line in text.splitlines()[2:5]] == ["NaN", "+Inf", "-Inf"]
    for openmetrics in (False, True):
        assert same(read(page(fleet, openmetrics=openmetrics), openmetrics), expected([("h1", one, numbers)], fleet))


@given(st.lists(st.floats(), min_size=1, max_size=30))
def test_every_float_is_read_back_as_it_was(numbers: list[float]) -> None:
    fleet = make_fleet("h1")
    one = schema((gauge("g", "n"), [(str(n),) for n in range(len(numbers))]))
    show(fleet, "h1", (one, values(*numbers)))
    assert same(read(page(fleet), False), expected([("h1", one, tuple(numbers))], fleet))


# --- OpenMetrics' own rules


def test_openmetrics_has_only_counters_that_are_not_negative_and_numbers() -> None:
    fleet = make_fleet("h1", "h2")
    one = schema((counter("a_total", "n"), [("0",), ("1",), ("2",)]), (gauge("g"), [()]))
    show(fleet, "h1", (one, values(-1.0, math.nan, 2.0, -3.0)))
    show(fleet, "h2", (one, values(1e-7, 1.0, 2.0, -3.0)))
    assert len(read(page(fleet), False)) == 8
    assert sorted(read(page(fleet, openmetrics=True), True).values()) == [-3.0, -3.0, 1e-7, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("families", "types"),
    [
        ([counter("a_total")], {"a": "counter"}),
        ([counter("plain")], {"plain": "unknown"}),
        ([counter("_total")], {"_total": "unknown"}),
        ([counter("a_total"), gauge("a")], {"a_total": "unknown", "a": "gauge"}),
        ([counter("a_total"), gauge("a_created")], {"a_total": "unknown", "a_created": "gauge"}),
        ([Family("u", MetricType.UNTYPED)], {"u": "unknown"}),
    ],
)
def test_openmetrics_types(families: list[Family], types: dict[str, str]) -> None:
    fleet = make_fleet("h1")
    show(fleet, "h1", (Schema(tuple(Column(family) for family in families)), values(*range(len(families)))))
    text = page(fleet, openmetrics=True)
    assert {family.name: family.type for family in parse_openmetrics(text)} == types
    assert len(read(text, True)) == len(families)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_name_with_two_types_is_untyped_and_nobody_loses_series(openmetrics: bool) -> None:
    fleet = make_fleet("h1", "h2")
    show(fleet, "h1", (schema((gauge("node_x"), [()])), values(1)))
    show(fleet, "h2", (schema((counter("node_x"), [()])), values(2)))
    renderer = Renderer(fleet)
    text = b"".join(renderer.page(NOW, openmetrics=openmetrics)).decode()
    assert f"# TYPE node_x {'unknown' if openmetrics else 'untyped'}\n" in text
    assert len(read(text, openmetrics)) == 2
    assert renderer.conflicts == 1


def test_names_of_the_collector_are_not_taken_from_agents() -> None:
    fleet = make_fleet("h1")
    one = schema((gauge("first"), [()]), (gauge("haidang_target_state"), [()]), (gauge("last"), [()]))
    show(fleet, "h1", (one, values(1, 2, 3)))
    text = b"".join(Renderer(fleet, ["haidang_target_state"]).page(NOW, openmetrics=False)).decode()
    assert {name: value for (name, _), value in read(text, False).items()} == {"first": 1, "last": 3}


@pytest.mark.parametrize("part", ["_bucket", "_count", "_sum"])
def test_parts_of_the_collectors_histograms_are_its_own_too(part: str) -> None:
    fleet = make_fleet("h1")
    forged = f"haidang_ingest_commit_duration_seconds{part}"
    show(fleet, "h1", (schema((gauge(forged, "le"), [("+Inf",)]), (gauge("other"), [()])), values(1, 2)))
    text = b"".join(Renderer(fleet, RESERVED).page(NOW, openmetrics=False)).decode()
    assert {name for name, _ in read(text, False)} == {"other"}


def test_hidden_columns_are_not_written() -> None:
    fleet = make_fleet("h1")
    again = schema((gauge("a"), [()]), (gauge("node_load1"), [()]), (gauge("z"), [()]))
    show(fleet, "h1", (LOAD, values(1)), (again, values(2, 3, 4)))
    for pass_series in (1, 100):
        found = read(page(fleet, pass_series=pass_series), False)
        assert {name: value for (name, _), value in found.items()} == {"a": 2, "node_load1": 1, "z": 4}


# --- any fleet, however the passes fall

_names = st.sampled_from(["a", "a_total", "b_total", "c", "d_ratio"])
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_types = {"a": MetricType.GAUGE, "a_total": MetricType.COUNTER, "b_total": MetricType.COUNTER, "c": MetricType.UNTYPED}


@st.composite
def _schemas(draw: st.DrawFn) -> Schema:
    columns = []
    for name in draw(st.lists(_names, unique=True, max_size=4)):
        labels = draw(st.lists(st.sampled_from(["x", "y"]), unique=True, max_size=2))
        rows = draw(st.lists(st.tuples(*[_text] * len(labels)), unique=True, max_size=3))
        columns.append(Column(Family(name, _types.get(name, MetricType.GAUGE), draw(_text), tuple(labels)), tuple(rows)))
    return Schema(tuple(columns))


@settings(max_examples=100, deadline=None)
@given(st.data(), st.booleans(), st.integers(1, 40), st.sampled_from([0, 1 << 20]))
def test_any_fleet_is_shown_whole(data: st.DataObject, openmetrics: bool, pass_series: int, cache_bytes: int) -> None:
    names = ["h1", "h2", "h3"]
    fleet = make_fleet(*names)
    shown = []
    for name in names:
        one = data.draw(_schemas())
        numbers = tuple(data.draw(st.floats(0, allow_infinity=True)) for _ in range(one.size))
        show(fleet, name, (one, values(*numbers)))
        shown.append((name, one, numbers))
    text = page(fleet, openmetrics=openmetrics, pass_series=pass_series, cache_bytes=cache_bytes)
    assert same(read(text, openmetrics), expected(shown, fleet))
    for name, one, numbers in shown:
        target = fleet.get(name)
        assert target is not None
        alone = Renderer(fleet).target_page(target, NOW, openmetrics=openmetrics).decode()
        assert same(read(alone, openmetrics), expected([(name, one, numbers)], fleet))


def test_a_target_that_changes_its_layout_during_a_page_does_not_mix_up_columns() -> None:
    names = [f"h{n:04}" for n in range(1200)]
    fleet = make_fleet(*names)
    one = schema(*[(gauge(f"m{n}"), [()]) for n in range(10)])
    other = schema(*[(gauge(f"m{n}"), [()]) for n in reversed(range(10))])
    for name in names:
        show(fleet, name, (one, values(*range(10))))
    chunks = Renderer(fleet).page(NOW, openmetrics=False)
    first = next(chunks)
    assert first == b"", "a breath comes before the page is complete"
    for name in names[::2]:
        show(fleet, name, (other, values(*reversed(range(10)))), t=NOW + 1)
    found = read(b"".join([first, *chunks]).decode(), False)
    assert all(value == float(name[1:]) for (name, _), value in found.items())
    assert len(found) >= 10 * len(names) // 2


def test_memory_of_a_page_is_bounded_by_the_pass() -> None:
    names = [f"h{n:04}" for n in range(400)]
    fleet = make_fleet(*names)
    one = schema(*[(gauge(f"metric_number_{n}"), [()]) for n in range(50)])
    data = struct.pack("<50d", *[n * 1.5 for n in range(50)])
    for name in names:
        show(fleet, name, (one, data))
    sizes = [len(chunk) for chunk in Renderer(fleet, pass_series=1_000).page(NOW, openmetrics=False)]
    assert sum(sizes) > 1_000_000
    assert max(sizes) < 100_000
