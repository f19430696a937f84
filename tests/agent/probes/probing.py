"""Runs a probe once for a test, and shows what it gave."""

from __future__ import annotations

from typing import NamedTuple

from agent.probes.probe import Finding, Probe, Run
from agent.probes.running import run_once
from agent.probes.tools import Tools


class Told(NamedTuple):
    """What a run told: its finding, its samples by name and labels, and its lines for people."""

    finding: Finding
    samples: dict[tuple[str, ...], float]
    lines: list[str]

    def value(self, name: str, *labels: str) -> float:
        """The value of one sample. Raises `KeyError`."""
        return self.samples[name, *labels]


async def probed(probe: Probe, address: str, *, timeout_s: float = 5.0, tools: Tools | None = None) -> Told:
    """One run of a probe. `tools`: those of other runs."""
    own = tools or Tools()
    run = Run(own, timeout_s, verbose=True)
    try:
        done = await run_once(probe, address, run)
    finally:
        if tools is None:
            own.close()
    samples = {
        (family.name, *labels): value
        for family, rows, values in done.readings
        for labels, value in zip(rows, values, strict=True)
    }
    return Told(done.finding, samples, [text for _, text in run.lines or []])
