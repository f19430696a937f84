"""What lies behind a cut line, observed from the centre and by an agent that the cut keeps from telling (R7.2, R9.8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model import Kind, Outcome, Reason
from collector.core.state import View
from tests.collector.ledger.world import DAY, MIDNIGHT, Machine, World

SECOND = 1_000
INVENTORY = """\
sites:
  - id: dic
targets:
  - {id: line, site: dic, class: link, via: collector, interval_s: 10, dep_slack_s: 15}
  - {id: router, site: dic, class: router, via: box-1, also_via: [collector], interval_s: 10, dep_slack_s: 15, parents: [line]}
  - {id: switch, site: dic, class: x, via: box-1, also_via: [collector], interval_s: 10, dep_slack_s: 15, parents: [router]}
  - {id: box-1, site: dic, class: box, via: box-1, judged_by: probe+push, interval_s: 10, dep_slack_s: 15, parents: [switch]}
"""
CUT = MIDNIGHT + 60 * SECOND
FIRST_MISSED = {"switch": 1, "box-1": 2, "router": 8, "line": 9}
"""Seconds after the cut at which the centre first misses each: the farthest is missed first."""
BEHIND = ("router", "switch", "box-1")


async def _until_cut(world: World) -> None:
    for at in range(1, 60):
        world.now = MIDNIGHT + at * SECOND
        for name, first in FIRST_MISSED.items():
            if at % 10 == first:
                await _observe(world, "collector", name, ok=True)
        if at % 10 == 9:
            for name in ("router", "switch"):
                await _observe(world, "box-1", name, ok=True)
            world.machines["box-1"].make(world.now, interval_ms=10 * SECOND)
            await world.send("box-1")
        await world.tick()


async def _observe(world: World, observer: str, target: str, *, ok: bool, send: bool = True) -> None:
    machine = world.machines[observer]
    found = (Outcome.OK, Reason.NONE) if ok else (Outcome.FAILED, Reason.TIMEOUT)
    fields = {"module": "icmp", "kind": Kind.OBS, "outcome": found[0], "reason": found[1], "interval_ms": 10 * SECOND}
    machine.make(world.now, target, **fields)
    if send:
        await world.send(observer)


def _is_missed(after_s: int, first_s: int) -> bool:
    """First missed, then twice more at the retry of 3 s, then each interval."""
    return after_s in (first_s, first_s + 3, first_s + 6) or (after_s > first_s + 6 and (after_s - first_s) % 10 == 0)


@pytest.mark.parametrize("slack", [9, 1], ids=["the farthest first", "the line first"])
async def test_nothing_behind_a_cut_line_is_down_though_an_agent_there_saw_it_just_before(tmp_path: Path, slack: int) -> None:
    """The agent's last samples hold beyond the slack, and prove no way from the centre: what it misses there is unreachable."""
    world = World(tmp_path)
    await world.start()
    await world.enrol("box-1")
    await world.stop()
    world = World(tmp_path, MIDNIGHT, INVENTORY)
    world.machines["box-1"] = Machine("box-1", MIDNIGHT - DAY)
    world.machines["collector"] = Machine("collector", MIDNIGHT - DAY)
    first = FIRST_MISSED if slack == 9 else {name: 10 - at for name, at in FIRST_MISSED.items()}
    async with world.running() as ledgers:
        await _until_cut(world)
        ever = set()
        for after in range(1, 90):
            world.now = CUT + after * SECOND
            for name, at in first.items():
                if _is_missed(after, at):
                    await _observe(world, "collector", name, ok=False)
            await world.tick()
            if after > 40:
                ever |= {ledgers.keeper.state(name, View.DEVICE, world.now).state.value for name in BEHIND}
        assert ledgers.keeper.state("line", View.DEVICE, world.now).state.value == "down"
        assert ever == {"unreachable"}
        for name in (*BEHIND, "line"):
            for view in View:
                kept = world.kept(name, view, CUT)
                assert kept == [s for s in await world.recomputed(name, view, CUT) if s.to_ms > CUT], name
