"""A polled device is judged by what the poll found and by nothing else: the values beside it never make it up."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model import Kind, Outcome, Reason
from collector.core.state import State, View
from tests.collector.ledger.world import DAY, INTERVAL, MIDNIGHT, Machine, World, states

INVENTORY = """\
sites:
  - id: dic
targets:
  - {id: ups-1, site: dic, class: ups, via: box-1, interval_s: 60, fail_after: 3}
"""


@pytest.mark.parametrize("verdict", [None, False, True], ids=["values alone", "verdict failed", "verdict ok"])
async def test_values_alone_never_make_a_polled_target_up(tmp_path: Path, verdict: bool | None) -> None:
    """Live and recomputed: a report of values is no sample, whatever its outcome."""
    world = World(tmp_path)
    await world.start()
    await world.enrol("box-1")
    await world.stop()
    world = World(tmp_path, world.now, INVENTORY)
    async with world.running() as ledgers:
        box = world.machines["box-1"] = Machine("box-1", MIDNIGHT - DAY)
        for _ in range(10):
            world.now += INTERVAL
            box.make(world.now)
            if verdict is not None:
                outcome = (Outcome.OK, Reason.NONE) if verdict else (Outcome.FAILED, Reason.TIMEOUT)
                box.make(world.now, "ups-1", module="snmp", kind=Kind.OBS, outcome=outcome[0], reason=outcome[1])
            box.make(world.now, "ups-1", module="snmp_values", kind=Kind.REPORT)
            await world.send("box-1")
        await world.tick()
        wanted = {None: State.UNKNOWN, False: State.DOWN, True: State.UP}[verdict]
        assert ledgers.keeper.state("ups-1", View.DEVICE, world.now).state is wanted
        kept = states(world.kept("ups-1", View.DEVICE, MIDNIGHT))
        assert kept == states(await world.recomputed("ups-1", View.DEVICE, MIDNIGHT))
        assert {state for _, _, state, _ in kept} <= {"unknown", wanted}
