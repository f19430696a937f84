"""Targets as JSON, a host's figures, words and service discovery."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Family, MetricType
from collector.core.fleet import Fleet
from collector.expose.api import Api, QueryError, is_address, parse_query, time_text
from collector.expose.figures import Figures
from collector.expose.words import span
from tests.collector.fleet_kit import NOW, TTL, apply, counter, gauge, info, make_fleet, schema, show, values

CPU = schema((counter("node_cpu_seconds_total", "cpu", "mode"), [("0", "idle"), ("0", "iowait"), ("0", "user")]))
MEMORY = schema((gauge("node_memory_MemTotal_bytes"), [()]), (gauge("node_memory_MemAvailable_bytes"), [()]))
LOAD = schema((gauge("node_load1"), [()]))
UNAME = schema((Family("node_uname_info", MetricType.GAUGE, "", ("sysname", "release")), [("Linux", "6.1.0")]))
DISKS = [("/", "ext4"), ("/srv", "xfs"), ("/cd", "iso9660")]
FILES = schema(
    (gauge("node_filesystem_avail_bytes", "mountpoint", "fstype"), DISKS),
    (gauge("node_filesystem_size_bytes", "mountpoint", "fstype"), DISKS),
)


def host(fleet: Fleet, t: int, idle: float, user: float) -> None:
    show(
        fleet, "h1", (CPU, values(idle, 0.0, user)), (MEMORY, values(8e9, 2e9)), (LOAD, values(0.5)), (UNAME, values(1)),
        (FILES, values(60.0, 10.0, 0.0, 100.0, 100.0, 50.0)), t=t,
    )  # fmt: skip


def figures(fleet: Fleet, now: int) -> Figures:
    target = fleet.get("h1")
    assert target is not None
    return Api(fleet).view(target, now).figures


def test_the_figures_of_a_host() -> None:
    fleet = make_fleet("h1")
    host(fleet, NOW - 15_000, 100.0, 10.0)
    assert figures(fleet, NOW - 15_000).cpu_busy_ratio is None, "one report tells no rate"
    host(fleet, NOW, 112.0, 13.0)
    assert figures(fleet, NOW + 2_000) == Figures(
        cpu_busy_ratio=0.2, load1=0.5, memory_used_ratio=0.75, memory_total_bytes=8_000_000_000, filesystem_used_ratio=0.9,
        filesystem_mountpoint="/srv", uptime_s=3602, system="Linux 6.1.0",
    )  # fmt: skip


def test_figures_of_a_silent_host_are_left_out() -> None:
    fleet = make_fleet("h1")
    host(fleet, NOW, 1.0, 1.0)
    assert figures(fleet, NOW + TTL + 1) == Figures()


def test_counters_that_start_again_tell_no_ratio() -> None:
    fleet = make_fleet("h1")
    host(fleet, NOW - 15_000, 100.0, 10.0)
    host(fleet, NOW, 1.0, 0.5)
    assert figures(fleet, NOW).cpu_busy_ratio is None


@given(st.lists(st.floats(), min_size=11, max_size=11), st.lists(st.floats(), min_size=11, max_size=11))
def test_no_values_break_the_figures(first: list[float], second: list[float]) -> None:
    fleet = make_fleet("h1")
    for t, numbers in ((NOW - 1, first), (NOW, second)):
        show(
            fleet, "h1", (CPU, values(*numbers[:3])), (MEMORY, values(*numbers[3:5])), (FILES, values(*numbers[5:])), t=t
        )  # fmt: skip
    told = figures(fleet, NOW)
    json.loads(msgspec.json.encode(told))
    for ratio in (told.cpu_busy_ratio, told.memory_used_ratio, told.filesystem_used_ratio):
        assert ratio is None or (math.isfinite(ratio) and 0 <= ratio <= 1)


def test_a_target_as_json() -> None:
    fleet = make_fleet()
    fleet.set_targets([info("h1", site="tứ kỳ", via="a1")])
    show(fleet, "h1", (LOAD, values(1)), t=NOW - 65_000)
    apply(fleet, "h1", module="heartbeat", t=NOW - 65_000)
    target = fleet.get("h1")
    assert target is not None
    told = json.loads(msgspec.json.encode(Api(fleet).view(target, NOW, modules=True)))
    modules = told.pop("modules")
    assert told == {
        "id": "h1",
        "site": "tứ kỳ",
        "class": "server",
        "via": "a1",
        "state": "unknown",
        "since": "2026-09-21T14:12:30.000Z",
        "why": "silent",
        "reason": {
            "en": "silent for 1 min 5 s; a report was due every 15 s",
            "vi": "im lặng 1 phút 5 giây; lẽ ra có báo cáo mỗi 15 giây",
        },
        "last_report": "2026-09-21T14:12:15.000Z",
        "series": 0,
        "maintenance": False,
        "figures": {},
    }
    assert [module["module"] for module in modules] == ["host", "heartbeat"]
    assert modules[0]["received"] == "2026-09-21T14:12:15.100Z"


def test_queries() -> None:
    fleet = make_fleet()
    fleet.set_targets([info(f"h{n}", site=f"s{n % 2}") for n in (3, 1, 2)])
    api = Api(fleet)
    ids = lambda *pairs: [target.info.id for target in api.find(parse_query(pairs))]  # noqa: E731
    assert ids() == ["h1", "h2", "h3"]
    assert ids(("after", "h1")) == ["h2", "h3"]
    assert ids(("site", "s1")) == ["h1", "h3"]
    assert ids(("class", "router")) == []
    assert parse_query([("limit", "5")]).limit == 5


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("limit", "0"), "limit 0: expected 1 to 10000"),
        (("limit", "x"), "Expected `int`, got `str` - at `$.limit`"),
        (("state", "broken"), "Invalid enum value 'broken' - at `$.state`"),
        (("colour", "red"), "Object contains unknown field `colour`"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(pair: tuple[str, str], message: str) -> None:
    with pytest.raises(QueryError) as problem:
        parse_query([pair])
    assert str(problem.value) == message


def test_discovery_has_one_entry_a_target() -> None:
    fleet = make_fleet()
    fleet.set_targets([info("phòng họp/1", site='a"b'), info("h2")])
    told = json.loads(Api(fleet).discovery("10.0.0.1:8600"))
    assert told[0] == {
        "targets": ["10.0.0.1:8600"],
        "labels": {
            "__metrics_path__": "/metrics/targets/ph%C3%B2ng%20h%E1%BB%8Dp%2F1",
            "instance": "phòng họp/1",
            "site": 'a"b',
            "class": "server",
        },
    }
    assert len(told) == 2


@pytest.mark.parametrize("text", ["10.0.0.1:8600", "collector.example.vn", "localhost:1", "[::1]:8600"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "x:123456", "x:y", '"', "a\n", "[::1", "user@host"])
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_times_and_spans_in_words() -> None:
    assert time_text(0) == "1970-01-01T00:00:00.000Z"
    assert time_text(10**18) == ""
    assert [span(ms, "en") for ms in (0, 59_999, 60_000, 3_660_000, 90_000_000)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert span(90_000_000, "vi") == "1 ngày 1 giờ"
