"""The centre's own probes, as long as the collector has none: a task in the collector's process that finds what a script says.

What it finds goes the way of all evidence, through the committer into the store and the ledger, and the observer is the
collector itself, which nobody can be from outside. Nothing else of the collector is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Protocol

import msgspec

from agent import wire
from agent.model import Kind, Lane, Outcome, Reason, Report
from collector.app import Collector
from collector.core.change import COLLECTOR
from collector.ingest.intake import Incoming

INTERVAL_MS = 15_000
MODULE = "icmp"


class Clock(Protocol):
    """Time since the machine booted."""

    def uptime_ms(self) -> int: ...


class Script:
    """The test's side: what each probed target answers at present."""

    def __init__(self, path: Path, *targets: str) -> None:
        self.path = path
        self._answers = dict.fromkeys(targets, True)
        self._write()

    def answer(self, *targets: str) -> None:
        """These answer from now on."""
        self._answers.update(dict.fromkeys(targets, True))
        self._write()

    def fall_silent(self, *targets: str) -> None:
        """Probes of these fail from now on."""
        self._answers.update(dict.fromkeys(targets, False))
        self._write()

    def _write(self) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(self._answers))
        draft.replace(self.path)


async def probe_until(stop: asyncio.Event, collector: Collector, clock: Clock, path: Path) -> None:
    """Probe every interval until `stop`."""
    boot = os.urandom(8).hex()
    seq = collector.now_ms()  # numbers of an earlier process are not used again
    while not stop.is_set():
        answers = msgspec.json.decode(path.read_bytes(), type=dict[str, bool])
        now_ms, uptime_ms = collector.now_ms(), clock.uptime_ms()
        reports = []
        for target, is_answering in answers.items():
            seq += 1
            found = (Outcome.OK, Reason.NONE) if is_answering else (Outcome.FAILED, Reason.TIMEOUT)
            reports.append(
                Report(
                    seq, target, MODULE, Kind.OBS, now_ms, uptime_ms, uptime_ms, *found, interval_ms=INTERVAL_MS
                )
            )  # fmt: skip
        groups = (wire.Group(boot, Lane.FACTS, tuple(reports)),)
        batch = wire.Batch(1, COLLECTOR, boot, uptime_ms, uptime_ms, now_ms, groups=groups)
        await collector._committer.submit(Incoming(COLLECTOR, batch, groups, now_ms))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), INTERVAL_MS / 1000)
