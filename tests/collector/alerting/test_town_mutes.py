"""Maintenance and silences that begin and end at every phase of an outage, of a parent and of what lies behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.core.notice import EventKind
from tests.collector.alerting.town import Device, Town

FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED


def _behind() -> list[Device]:
    return [Device("router", phase_s=1), Device("web", ("router",), phase_s=5)]


@pytest.mark.parametrize("begins", [-20, 10, 25, 60])
async def test_a_window_that_ends_with_the_target_still_down_is_followed_by_one_page(tmp_path: Path, begins: int) -> None:
    """Begun before the death, before the confirmation, or after the page: one page in all, one resolved."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(60)
        for second in range(-30, 300):
            if second == begins:
                await town.maintain("web", seconds=120)
            if second == 0:
                town.dead.add("web")
            await town.step()
            if begins < 0 and 40 < second < 95:
                assert town.why() == {"web": "maintenance"}
        assert await town.said(FIRING) == [("firing", "web", "noc")]
        town.dead.clear()
        await town.run(60)
        assert await town.said(FIRING, RESOLVED) == [("firing", "web", "noc"), ("resolved", "web", "noc")]


async def test_an_outage_within_a_window_is_told_to_nobody(tmp_path: Path) -> None:
    """A window of the router with all that cannot be reached for it; what is dead by itself is not meant, and pages."""
    async with Town(tmp_path, [*_behind(), Device("box", ("router",))]).running() as town:
        await town.run(60)
        await town.maintain("router", seconds=300, propagate=True)
        await town.run(5)
        town.dead.add("router")
        await town.run(120)
        assert await town.said() == []
        town.dead = {"web"}
        await town.run(60)
        assert await town.said() == [("firing", "web", "noc")]
        await town.run(300)
        town.dead.clear()
        await town.run(60)
        assert await town.said() == [("firing", "web", "noc"), ("resolved", "web", "noc")]


async def test_a_window_of_the_router_alone_explains_what_lies_behind_it(tmp_path: Path) -> None:
    """The router is out within its window; nobody is told of that, nor of what cannot be reached for it."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(60)
        await town.maintain("router", seconds=300)
        await town.run(5)
        town.dead.add("router")
        await town.run(200)
        assert await town.said() == []
        assert set(town.why()) == {"router", "web"}
        town.dead = {"web"}
        await town.run(200)
        assert await town.said() == [("firing", "web", "noc")]


async def test_a_silence_of_the_router_keeps_what_lies_behind_it_explained(tmp_path: Path) -> None:
    """What is dead by itself when the router is back pages."""
    async with Town(tmp_path, [*_behind(), Device("box", ("router",), phase_s=3)]).running() as town:
        await town.run(60)
        await town.silence("router", 400)
        town.dead.add("router")
        await town.run(200)
        assert await town.said() == []
        assert town.why() == {"router": "silence", "web": "parent_down", "box": "parent_down"}
        town.dead = {"web"}
        await town.run(120)
        assert await town.said() == [("firing", "web", "noc")]
        town.dead.clear()
        await town.run(120)
        assert await town.said() == [("firing", "web", "noc"), ("resolved", "web", "noc")]


async def test_a_silence_that_hides_an_outage_is_told_of_and_at_its_end_the_outage_is(tmp_path: Path) -> None:
    """To its keeper when it hides one for ten minutes, to everybody when it ends."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(60)
        await town.silence("web", 1_200)
        town.dead.add("web")
        await town.run(1_100, 5)
        assert [(what, to) for what, _, to in await town.said()] == [("notice", "keeper")]
        await town.restart(kill=True)
        await town.run(300, 5)
        said = [(what, to) for what, _, to in await town.said()]
        assert sorted(said) == [("firing", "noc"), ("notice", "keeper"), ("notice", "keeper")]
        town.dead.clear()
        await town.run(60)
        assert (await town.said())[-1] == ("resolved", "web", "noc")


async def test_a_silence_after_the_page_lets_the_end_pass(tmp_path: Path) -> None:
    """Who was told that it began is told that it is over."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(60)
        town.dead.add("web")
        await town.run(60)
        await town.silence("web", 4_000)
        await town.run(60)
        town.dead.clear()
        await town.run(60)
        assert await town.said(FIRING, RESOLVED) == [("firing", "web", "noc"), ("resolved", "web", "noc")]
