"""An observer that lost its way out says so of each target behind it: nobody is down, and the time is blind (R5.2, R5.3)."""

from __future__ import annotations

from pathlib import Path

from agent.model import Kind, Outcome, Reason
from collector.core.state import View
from tests.collector.ledger.world import DAY, INTERVAL, MIDNIGHT, Machine, World, states

INVENTORY = """\
sites:
  - id: dic
targets:
  - {id: room, site: dic, class: room, via: box-1, interval_s: 60}
  - {id: switch, site: dic, class: switch, via: box-1, interval_s: 60}
"""
BLIND = [(1, 3, "up", "observed"), (3, 8, "unknown", "collector_blind"), (8, 10, "up", "observed")]
SEEN = [(1, 10, "up", "observed")]


async def _probe(world: World, box: Machine, room: Outcome) -> None:
    """A minute passes, in which the box finds this of the room and the switch answers."""
    world.now += INTERVAL
    reason = Reason.NONE if room is Outcome.OK else Reason.TIMEOUT
    box.make(world.now, "room", module="icmp", kind=Kind.OBS, outcome=room, reason=reason)
    box.probe(world.now, "switch", ok=True)
    box.make(world.now)
    await world.send("box-1")


async def test_blindness_for_one_target_is_nobody_elses(tmp_path: Path) -> None:
    """What could not be tested while the way was lost is unknown for its target alone, also after a restart, and the live
    ledger and the recomputed one agree."""
    world = World(tmp_path)
    await world.start()
    await world.enrol("box-1")
    await world.stop()
    world = World(tmp_path, world.now, INVENTORY)
    box = world.machines["box-1"] = Machine("box-1", MIDNIGHT - DAY)
    async with world.running():
        for minute in range(1, 8):
            await _probe(world, box, Outcome.OK if minute <= 3 else Outcome.ERROR)
            if minute == 4:
                lost_ms = world.now - INTERVAL - box.born_ms + 1
                box.make(
                    world.now,
                    "room",
                    module="sight",
                    kind=Kind.BLIND,
                    interval_ms=0,
                    from_ms=lost_ms,
                    until_ms=lost_ms + INTERVAL,
                )
                await world.send("box-1")
        await world.tick()
        assert states(world.kept("room", View.DEVICE, MIDNIGHT + INTERVAL))[-1] == (3, 7, "unknown", "collector_blind")
    async with world.running():
        for _ in range(3):
            await _probe(world, box, Outcome.OK)
        await world.tick()
        for target, wanted in (("room", BLIND), ("switch", SEEN)):
            kept = states(world.kept(target, View.DEVICE, MIDNIGHT + INTERVAL))
            assert kept == wanted
            assert kept == states(await world.recomputed(target, View.DEVICE, MIDNIGHT + INTERVAL))
