"""A collector that was started with a wrong clock, and is right at its next start."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.model import Lane
from collector.app import Collector
from tests.collector.conftest import Running, Sender, plain_config

HOUR_MS = 3_600_000


class _Wrong(SystemClock):
    """The system's clock, but for the wall clock."""

    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms

    def wall_ms(self) -> int:
        return super().wall_ms() + self._ahead_ms


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, 0])
async def test_what_was_placed_in_the_future_does_not_hide_what_comes(tmp_path: Path, ahead_ms: int) -> None:
    """Only a clock that was ahead empties the picture; and the next report is shown at once."""
    wrong = Collector(plain_config(tmp_path), clock=_Wrong(ahead_ms))
    await wrong.start()
    running, host = Running(wrong), Sender("web-1")
    token = await running.agent("web-1")
    assert (await running.post(token, host.batch(host.report(Lane.FACTS, module="heartbeat"), lane=Lane.FACTS))).status == 200
    await wrong.stop()

    right = Collector(plain_config(tmp_path))
    await right.start()
    try:
        target = right.fleet.get("web-1")
        assert target is not None
        assert (target.life is None) is (ahead_ms > 0)
        host.uptime_ms += 15_000
        report = host.report(Lane.FACTS, module="heartbeat")
        assert (await Running(right).post(token, host.batch(report, lane=Lane.FACTS))).status == 200
        assert target.life is not None
        assert target.life.last_ms <= time.time() * 1000 + 1_000
        assert target.modules["heartbeat"].evidence is not None
        assert target.modules["heartbeat"].evidence.seq == 2
    finally:
        await right.stop()
