"""Two causes at once, two lines of which one is enough, links that flap, and agents that observe in the collector's place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from collector.core.notice import EventKind
from tests.collector.alerting.town import Device, Town

FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED


async def test_a_router_and_a_server_that_has_nothing_to_do_with_it_are_both_told(tmp_path: Path) -> None:
    """At two sites: two pages, two resolved."""
    sites = "sites:\n  - id: dic\n  - id: xa\n"
    devices = [Device("router", site="xa"), Device("box", ("router",), phase_s=2, site="xa"), Device("server", phase_s=4)]
    async with Town(tmp_path, devices, sites=sites).running() as town:
        await town.run(30)
        town.dead |= {"router", "server"}
        await town.run(90)
        assert sorted(await town.said(FIRING)) == [("firing", "router", "noc"), ("firing", "server", "noc")]
        town.dead.discard("server")
        await town.run(30)
        assert await town.said(RESOLVED) == [("resolved", "server", "noc")]
        town.dead.clear()
        await town.run(90)
        assert sorted(await town.said(RESOLVED)) == [("resolved", "router", "noc"), ("resolved", "server", "noc")]


async def test_of_two_lines_each_is_told_and_what_lies_behind_both_is_explained(tmp_path: Path) -> None:
    """One dies, then the other, then one returns: nothing behind them is ever paged."""
    behind = [Device(f"box-{n}", ("line-1|line-2",), phase_s=n) for n in range(4)]
    devices = [Device("line-1"), Device("line-2", phase_s=5), *behind]
    async with Town(tmp_path, devices).running() as town:
        await town.run(30)
        town.dead.add("line-1")
        await town.run(120)
        assert await town.said(FIRING) == [("firing", "line-1", "noc")]
        town.dead.add("line-2")
        await town.run(120)
        assert await town.said(FIRING) == [("firing", "line-1", "noc"), ("firing", "line-2", "noc")]
        assert set(town.why().values()) == {"parent_down"}
        town.dead.discard("line-1")
        await town.run(120)
        assert await town.said(RESOLVED) == [("resolved", "line-1", "noc")]
        assert town.why() == {}
        town.dead.clear()
        await town.run(120)
        assert Counter(what for what, _, _ in await town.said(FIRING, RESOLVED)) == {"firing": 2, "resolved": 2}


async def test_both_lines_of_a_site_die_at_once(tmp_path: Path) -> None:
    """One page or two, by when each is known; nothing behind them, and as many resolved."""
    behind = [Device(f"box-{n}", ("line-1|line-2",), phase_s=n) for n in range(4)]
    async with Town(tmp_path, [Device("line-1"), Device("line-2", phase_s=5), *behind]).running() as town:
        await town.run(30)
        town.dead |= {"line-1", "line-2"}
        await town.run(150)
        fired = await town.said(FIRING)
        assert {subject for _, subject, _ in fired} <= {"line-1", "line-2"}
        assert len(fired) in (1, 2)
        town.dead.clear()
        await town.run(150)
        assert len(await town.said(RESOLVED)) == len(fired)
        assert town.open() == []


async def test_a_link_that_flaps_for_an_hour_pages_a_few_times_and_is_resolved(tmp_path: Path) -> None:
    """With what lies behind it."""
    async with Town(tmp_path, [Device("link"), Device("box", ("link",), phase_s=4)]).running() as town:
        await town.run(60)
        for _ in range(30):
            town.dead.add("link")
            await town.run(60)
            town.dead.clear()
            await town.run(60)
        said = Counter(await town.said(FIRING, RESOLVED))
        assert {subject for _, subject, _ in said} == {"link"}
        assert said["firing", "link", "noc"] <= 6
        await town.run(3_600, 5)
        said = Counter(await town.said(FIRING, RESOLVED))
        assert said["resolved", "link", "noc"] == said["firing", "link", "noc"]
        assert town.open() == []


async def test_what_only_a_gone_agent_observes_is_held_and_the_agent_is_told_once(tmp_path: Path) -> None:
    """The agent of a site is cut off, stays so for an hour, and is back with all that it saw."""
    boxes = [Device("box-1", via="site-agent"), Device("box-2", via="site-agent", phase_s=5)]
    async with Town(tmp_path, [Device("web")]).running() as town:
        await town.enrol("site-agent", 15, *boxes)
        await town.run(120)
        town.cut.add("site-agent")
        await town.run(3_600, 5)
        why = town.why()
        assert {why["box-1"], why["box-2"]} == {"observer_gone"}
        fired = await town.said(FIRING)
        assert len(fired) == 1
        assert "site-agent" in fired[0][1]
        town.cut.clear()
        await town.run(300)
        assert len(await town.said(FIRING)) == len(await town.said(RESOLVED)) == 1
        assert town.open() == []


async def test_a_host_with_an_agent_that_dies_is_one_page(tmp_path: Path) -> None:
    """Of the host, by the probe; its agent is silent because of that."""
    async with Town(tmp_path, [Device("other", phase_s=3)]).running() as town:
        await town.enrol("web", 15, Device("web", class_="server", via="web"))
        await town.run(120)
        town.dead.add("web")
        await town.run(2_400, 5)
        assert await town.said(FIRING) == [("firing", "web", "noc")]
        town.dead.clear()
        await town.run(300)
        assert await town.said(FIRING, RESOLVED) == [("firing", "web", "noc"), ("resolved", "web", "noc")]
        assert town.open() == []


async def test_an_agent_that_dies_alone_is_one_page_after_its_time(tmp_path: Path) -> None:
    """Its host answers still."""
    async with Town(tmp_path, [Device("other", phase_s=3)]).running() as town:
        await town.enrol("web", 15, Device("web", class_="server", via="web"))
        await town.run(120)
        town.agents.clear()
        await town.run(600, 5)
        assert await town.said(FIRING) == []
        await town.run(600, 5)
        fired = await town.said(FIRING)
        assert [subject.split()[0] for _, subject, _ in fired] == ["agent:web"]
        town.agents["web"] = 15
        await town.run(120)
        assert len(await town.said(RESOLVED)) == 1


async def test_a_line_that_takes_a_site_with_its_agent_away_is_one_page(tmp_path: Path) -> None:
    """Of the router: its agent's host cannot be reached, its agent is silent, and nobody observes what that one observes. A
    device that is dead already has its own page, and its own end."""
    boxes = [Device("host", ("router",), via="host", phase_s=2), Device("box-1", via="host"), Device("box-2", via="host")]
    async with Town(tmp_path, [Device("router"), Device("web", phase_s=4)]).running() as town:
        await town.enrol("host", 15, *boxes)
        await town.run(120)
        town.dead.add("box-2")
        await town.run(60)
        assert await town.said(FIRING) == [("firing", "box-2", "noc")]
        town.dead = {"router"}
        town.cut.add("host")
        await town.run(2_700, 5)
        assert await town.said(FIRING) == [("firing", "box-2", "noc"), ("firing", "router", "noc")]
        assert set(town.why().values()) <= {"parent_down", "observer_gone", "inhibited", "grouped"}
        town.dead.clear()
        town.cut.clear()
        await town.run(400)
        assert len(await town.said(FIRING)) == 2
        assert sorted(await town.said(RESOLVED)) == [("resolved", "box-2", "noc"), ("resolved", "router", "noc")]
        assert town.open() == []
