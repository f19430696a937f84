"""The desk over the real ledger while one answer of a hundred is lost on the way: nobody is woken for that, and once for a
death.
"""

from __future__ import annotations

import random
from pathlib import Path

from agent.model import Kind, Outcome, Reason
from collector.core.change import COLLECTOR
from collector.core.notice import EventKind
from tests.collector.alerting.town import SECOND, Device, Town

LOSS = 0.01
FAIL_AFTER = 3
RETRY_MS = 200
TARGETS = 30
HOUR_S = 3_600


class Lossy(Town):
    """Probes every 5 s, after a failure twice more in steps of 0.2 s until one answers; each may be lost by itself."""

    def __init__(self, folder: Path, seed: int) -> None:
        devices = [Device("router", interval_s=5)]
        devices += [Device(f"host-{n:02}", ("router",) * (n % 2), interval_s=5, phase_s=n % 2) for n in range(TARGETS)]
        super().__init__(folder, devices)
        self.samples = 0
        self.in_a_row: list[int] = []
        """Of every run of failures its length, where the target was alive."""
        self._pick = random.Random(seed)
        self._newest: dict[str, int] = {}

    def _probe(self, name: str, at_s: int) -> None:
        """One run and its retries, within the second that ends now."""
        failures = self._failures(name)
        for number in range(FAIL_AFTER):
            at_ms = max(self.world.now - SECOND + 1 + number * RETRY_MS, self._newest.get(name, 0) + 1)
            self._newest[name] = at_ms
            is_good = self.is_reachable(name) and self._pick.random() >= LOSS
            self._tell(name, at_ms, is_good=is_good)
            if is_good and failures and self.is_reachable(name):
                self.in_a_row.append(failures)
            failures = 0 if is_good else failures + 1
            if is_good or failures >= FAIL_AFTER:
                break
        self._failed[name] = failures

    def _tell(self, name: str, at_ms: int, *, is_good: bool) -> None:
        self.samples += 1
        outcome, reason = (Outcome.OK, Reason.NONE) if is_good else (Outcome.FAILED, Reason.TIMEOUT)
        self.world.machines[COLLECTOR].make(
            at_ms, name, module="icmp", kind=Kind.OBS, outcome=outcome, reason=reason, interval_ms=5 * SECOND
        )


async def test_an_hour_of_one_percent_loss_pages_nobody(tmp_path: Path) -> None:
    """Some two hundred answers are lost, some of them two in a row."""
    async with Lossy(tmp_path, seed=1).running() as town:
        await town.run(HOUR_S)
        assert town.samples >= (TARGETS + 1) * HOUR_S // 5
        assert len(town.in_a_row) > 150
        assert max(town.in_a_row) == FAIL_AFTER - 1
        assert await town.told() == []
        assert town.why() == {}


async def test_a_death_amid_loss_pages_once_and_its_end_once(tmp_path: Path) -> None:
    """Of one that stands alone and of one behind a router, whose fresh look may be lost as well."""
    async with Lossy(tmp_path, seed=7).running() as town:
        await town.run(60)
        for name in ("host-02", "host-07"):
            town.dead.add(name)
            await town.run(90)
            town.dead.clear()
            await town.run(400)
        told = [one for one in await town.told() if one[0] is not EventKind.UPDATE]
        assert told == [(event, name) for name in ("host-02", "host-07") for event in (EventKind.FIRING, EventKind.RESOLVED)]
