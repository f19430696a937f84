"""Golden pages in `tests/data/expose/`. `HAIDANG_REFRESH=1 pytest` writes them anew; the difference is reviewed like code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.model import Family, Lane, MetricType
from collector.core.fleet import Fleet
from collector.expose.own import OwnPage
from collector.expose.text import Renderer
from tests.collector.fleet_kit import NOW, apply, counter, gauge, info, make_fleet, schema, show, values

FOLDER = Path(__file__).parents[2] / "data" / "expose"


def small_fleet() -> Fleet:
    """Three hosts: two kinds of everything that a page can hold, and one that is silent."""
    fleet = make_fleet()
    fleet.set_targets([info("srv-01"), info("srv-02", site="Tứ Kỳ"), info("room-01", class_="vc", silence="down")])
    cpu = counter("node_cpu_seconds_total", "cpu", "mode", about="Seconds the CPUs spent in each mode.")
    disk = gauge("node_filesystem_avail_bytes", "mountpoint", about='Space for users; "free" is more.\nSee df.')
    odd = Family("node_netstat_Tcp_InErrs", MetricType.UNTYPED, "Statistic TcpInErrs.")
    bare = counter("node_bare_count", about="A counter without the suffix.")
    one = schema((cpu, [("0", "idle"), ("0", "user")]), (odd, [()]))
    show(fleet, "srv-01", (one, values(1234.56, 7.0, 3.0)), (schema((disk, [("/",), ('C:\\"Dữ liệu"\n',)])), values(1e18, 0.1)))
    show(fleet, "srv-02", (one, values(float("inf"), float("nan"), -1.0)), (schema((bare, [()])), values(5.0)))
    show(fleet, "room-01", (one, values(1.0, 2.0, 3.0)), t=NOW - 600_000)
    for name, age in (("srv-01", 1_000), ("srv-02", 2_500), ("room-01", 600_000)):
        apply(fleet, name, module="heartbeat", t=NOW - age)
    agent = fleet.tally.agent("srv-01")
    agent.hear(NOW - 1_000, "0.1.0")
    agent.clock_offset_ms = 250
    agent.mark(Lane.FACTS, 12, 12, NOW - 1_000)
    agent.lose("age", 3)
    fleet.tally.request(200)
    fleet.tally.commits.observe(0.003)
    return fleet


@pytest.mark.parametrize(("ending", "openmetrics"), [("prom", False), ("om", True)])
@pytest.mark.parametrize("name", ["targets", "metrics"])
def test_pages_are_as_they_were(name: str, ending: str, openmetrics: bool) -> None:
    fleet = small_fleet()
    if name == "targets":
        page = b"".join(Renderer(fleet).page(NOW, openmetrics=openmetrics))
    else:
        own = OwnPage(fleet, "0.1.0", lambda: "", lambda: 0)
        page = b"".join(own.page(NOW, openmetrics=openmetrics))
        page = page[: page.rindex(b"\n", 0, page.index(b" process_")) + 1]  # what follows is this process's own
    golden = FOLDER / f"{name}.{ending}"
    if os.environ.get("HAIDANG_REFRESH"):
        golden.write_bytes(page)
    assert page.decode() == golden.read_text(encoding="utf-8")
