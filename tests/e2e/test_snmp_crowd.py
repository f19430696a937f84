"""A few hundred devices, four of them bad: the others are polled in their slots, the bad ones are named with what they do."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.model import Outcome
from agent.probes.crew import Crew
from agent.probes.snmp import Poller, Tools, pace_of
from agent.results import Result
from agent.settings import Secret
from agent.snmp.auth import Auth
from agent.snmp.device import VERDICT, Device
from agent.snmp.library import Library
from agent.snmp.tables import NOT_INCREASING
from tests.snmp import crowd

pytestmark = pytest.mark.e2e

DEVICES = 300
INTERVAL_S = 3
POLLS = 3
DEAD, SLOW, LOOP, ENDLESS = range(10, 14)
BAD = {"dead": [crowd.address(DEAD)], "slow": [crowd.address(SLOW)], "loop": [crowd.address(LOOP)],
       "endless": [crowd.address(ENDLESS)]}  # fmt: skip
PROFILE = "profile: crowd-switch\ntitle: A switch of two ports\nclass: switch\nbase: [device, ports]\n"


class Verdicts:
    """Verdicts by target, and an event for when everybody has had his."""

    def __init__(self) -> None:
        self.of: dict[str, list[Result]] = {str(number): [] for number in range(DEVICES)}
        self.enough = asyncio.Event()

    def take(self, result: Result) -> None:
        """Keep a verdict."""
        if result.module == VERDICT:
            self.of[result.target].append(result)
            if len(self.of[result.target]) == POLLS and all(len(found) >= POLLS for found in self.of.values()):
                self.enough.set()

    def details(self, number: int) -> str:
        """What was said of a device."""
        return " | ".join(result.detail for result in self.of[str(number)])

    def truncated(self, number: int) -> float:
        """`haidang_snmp_walk_truncated` of the last verdict. The words of a walk that ends long after its verdict are not told
        again as long as the outcome is the same."""
        [block] = self.of[str(number)][-1].blocks
        return memoryview(block.values).cast("d")[-1]


async def test_bad_devices_do_not_hold_up_the_others(tmp_path: Path) -> None:
    """Every good device has an OK for each of its slots; the silent one is failed by timeout, the slow one takes long, the one
    that goes in circles and the one without end say so."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "crowd-switch.yml").write_text(PROFILE)
    verdicts = Verdicts()
    tools = Tools(Library.load((tmp_path,)), verdicts.take, SystemClock())
    auth = Auth(name="crowd", community=Secret("public"))
    with crowd.running(**BAD) as (port, _):  # type: ignore[arg-type]
        await tools.open()
        crew = Crew(lambda device: Poller(device, tools), SystemClock(), pace=pace_of)
        crew.configure(
            Device(
                target=str(number), host=crowd.address(number), port=port, auth=auth, profile="crowd-switch",
                interval_s=INTERVAL_S, ping=False,
            )
            for number in range(DEVICES)
        )  # fmt: skip
        running = asyncio.create_task(crew.run())
        try:
            async with asyncio.timeout(20 * INTERVAL_S):
                await verdicts.enough.wait()
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await tools.close()
    good = [found for number, found in verdicts.of.items() if int(number) not in (DEAD, SLOW, LOOP, ENDLESS)]
    assert {result.outcome for found in good for result in found} == {Outcome.OK}
    assert {result.outcome for result in verdicts.of[str(DEAD)]} == {Outcome.FAILED}
    assert "no answer" in verdicts.details(DEAD)
    assert max(result.duration_s for result in verdicts.of[str(SLOW)]) > INTERVAL_S / 4
    assert NOT_INCREASING in verdicts.details(LOOP)
    assert verdicts.truncated(ENDLESS) > 0
    assert verdicts.truncated(0) == 0
    typical = sorted(result.duration_s for found in good for result in found)
    assert typical[len(typical) // 2] < 0.5, "half of the good polls take this long: they wait for the bad ones"
