"""Runs of one probe in tests, as whoever runs probes does it, and their samples as a table."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.probes.probe import Module, Run
from agent.probes.running import Done, open_module, run_once
from agent.probes.tools import Tools


class Ran(msgspec.Struct, frozen=True):
    """What a run found. `samples` are by name, or by name and label values."""

    done: Done
    lines: list[str]

    @property
    def samples(self) -> dict[str, float]:
        """`name` or `name{value,value}` -> value."""
        return {
            f"{family.name}{{{','.join(labels)}}}" if labels else family.name: float(value)
            for family, series, values in self.done.readings
            for labels, value in zip(series, values, strict=True)
        }


async def run(kind: str, address: str, timeout_s: float = 10.0, **settings: Any) -> Ran:
    """Run a probe of these settings once. Raises `ValueError` for settings that are refused."""
    probe = open_module(Module(name="test", kind=kind, settings=settings))
    tools = Tools()
    try:
        run = Run(tools, timeout_s, verbose=True)
        return Ran(await run_once(probe, address, run), [text for _, text in run.lines or ()])
    finally:
        tools.close()
