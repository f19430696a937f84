"""Budget alerts of sites and groups beside the outages that use the budget up."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.core.alert import AlertKind
from collector.core.notice import EventKind
from tests.collector.alerting.town import Device, Town

FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED
SITES = """sites:
  - {id: dic, link: line, critical: {of: [core-1, core-2], require: 1}, objective: "99.9"}
"""
GROUPS = """groups:
  - {id: pair, rule: all, members: [core-1, core-2], objective: "99.9"}
"""
DEVICES = (Device("line"), Device("core-1", ("line",), phase_s=3), Device("core-2", ("line",), phase_s=6))


async def test_the_budget_that_an_outage_uses_up_pages_nobody_and_keeps_nothing_open(tmp_path: Path) -> None:
    """Neither while it lasts nor in the hour after it."""
    async with Town(tmp_path, DEVICES, sites=SITES, groups=GROUPS).running() as town:
        await town.run(300, 2)
        town.dead.add("line")
        await town.run(600, 2)
        burning = [one for one in town.desk.book.open_alerts() if one.key.kind is AlertKind.BURN]
        assert {one.key.subject for one in burning} == {"site:dic", "group:pair"}
        assert {one.hold.reason.value for one in burning if one.hold is not None} == {"grouped"}
        town.dead.clear()
        await town.run(60, 2)
        assert await town.said(FIRING, RESOLVED) == [("firing", "line", "noc"), ("resolved", "line", "noc")]
        assert any(one.key.kind is AlertKind.BURN for one in town.desk.book.open_alerts())
        await town.restart(kill=True)
        await town.run(5_400, 10)
        assert await town.said(FIRING, RESOLVED) == [("firing", "line", "noc"), ("resolved", "line", "noc")]


@pytest.mark.parametrize("is_planned", [True, False])
async def test_what_was_kept_from_people_is_not_paged_as_budget_when_it_is_over(tmp_path: Path, is_planned: bool) -> None:
    """An outage within a window, or under a silence."""
    async with Town(tmp_path, DEVICES, sites=SITES, groups=GROUPS).running() as town:
        await town.run(300, 2)
        await (town.maintain("line", seconds=900, propagate=True) if is_planned else town.silence("line", 900))
        await town.run(4, 2)
        town.dead.add("line")
        await town.run(500, 2)
        town.dead.clear()
        await town.run(200, 5)
        await town.restart()
        await town.run(4_800, 10)
        assert await town.said(FIRING) == []
