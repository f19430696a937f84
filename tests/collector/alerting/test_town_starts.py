"""The collector stops, is killed, does not see, or reads its inventory again while something is out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from collector.core.notice import EventKind
from tests.collector.alerting.town import Device, Town

FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED
WEB = [("firing", "web", "noc"), ("resolved", "web", "noc")]


def _behind() -> list[Device]:
    return [Device("router", phase_s=1), Device("web", ("router",), phase_s=5)]


@pytest.mark.parametrize(("phase", "kill"), [(0, True), (1, False)])
async def test_a_restart_in_every_second_of_an_outage_pages_and_resolves_once(tmp_path: Path, phase: int, kill: bool) -> None:
    """Between death and page, and between return and resolved: each other second."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(30)
        town.dead.add("web")
        for second in range(50):
            await town.step()
            if second % 2 == phase:
                await town.restart(kill=kill)
        assert await town.said(FIRING, RESOLVED) == WEB[:1]
        town.dead.clear()
        for second in range(30):
            await town.step()
            if second % 2 == phase:
                await town.restart(kill=kill)
        await town.run(60)
        assert await town.said(FIRING, RESOLVED) == WEB


@pytest.mark.parametrize("at", range(0, 50, 7))
async def test_a_single_restart_at_any_time_changes_nothing(tmp_path: Path, at: int) -> None:
    """The router dies with what is behind it."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(30)
        town.dead.add("router")
        await town.run(at)
        await town.restart(kill=bool(at % 2))
        await town.run(90 - at)
        town.dead.clear()
        await town.run(at)
        await town.restart(kill=not at % 2)
        await town.run(200)
        assert await town.said(FIRING, RESOLVED) == [("firing", "router", "noc"), ("resolved", "router", "noc")]
        assert town.why() == {}


@pytest.mark.parametrize("begins", [-10, 5, 20, 60])
async def test_a_blind_collector_pages_nothing_false_and_loses_nothing(tmp_path: Path, begins: int) -> None:
    """It sees nothing for a while: over the death, over the confirmation, over the return."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(30)
        for second in range(-10, 250):
            if second == 0:
                town.dead.add("web")
            if second == 90:
                town.dead.clear()
            was, town.blind = town.blind, begins <= second < begins + 40
            if was and not town.blind:
                town.world.ledgers.blind(town.world.now - 40_000, town.world.now)
            await town.step()
        assert await town.said(FIRING, RESOLVED) == WEB


async def test_what_is_taken_out_of_service_while_it_is_paged_is_resolved(tmp_path: Path) -> None:
    """And what is renamed begins anew under its new name."""
    async with Town(tmp_path, _behind()).running() as town:
        await town.run(30)
        town.dead |= {"web", "shop"}
        await town.run(60)
        town.devices["shop"] = msgspec.structs.replace(town.devices.pop("web"), name="shop")
        await town.configure()
        await town.run(60)
        assert await town.said(FIRING, RESOLVED) == [*WEB, ("firing", "shop", "noc")]
        town.dead.clear()
        await town.run(60)
        assert (await town.said(FIRING, RESOLVED))[3:] == [("resolved", "shop", "noc")]


async def test_what_turns_out_to_lie_behind_a_dead_router_is_not_paged_again(tmp_path: Path) -> None:
    """The inventory learns of a parent while both are out."""
    devices = [Device("router", phase_s=1), Device("web", phase_s=5)]
    async with Town(tmp_path, devices).running() as town:
        await town.run(30)
        town.dead |= {"router", "web"}
        await town.run(60)
        before = await town.said(FIRING, RESOLVED)
        town.devices["web"] = Device("web", ("router",), phase_s=5)
        await town.configure()
        await town.run(120)
        assert await town.said(FIRING, RESOLVED) == before
        town.dead.clear()
        await town.run(200)
        said = await town.said(FIRING, RESOLVED)
        assert sorted(what for what, _, _ in said) == ["firing"] * len(before) + ["resolved"] * len(before)
        assert town.open() == []


async def test_nothing_ends_and_nothing_pages_while_the_ledger_is_taken_up(tmp_path: Path) -> None:
    """What the ledger does not say then may be true all the same; it is decided once everything is there."""
    async with Town(tmp_path, [Device("web"), Device("db")]).running() as town:
        await town.run(60)
        town.dead.add("web")
        await town.run(40)
        before = await town.told()
        assert [event.value for event, _ in before] == ["firing"]
        town.dead = {"db"}
        town.world.ledgers.keeper.is_loaded = False
        await town.run(40)
        assert await town.told() == before
        town.world.ledgers.keeper.is_loaded = True
        town.world.ledgers.keeper.see(town.world.ledgers._early)
        town.world.ledgers._early = []
        await town.run(40)
        assert [event.value for event, _ in await town.told()] == ["firing", "resolved", "firing"]
