"""Kind `pressure`: time that work waited for CPU, memory and I/O, from `/proc/pressure`, as `node_pressure_*`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, alone, counter, guarded
from agent.model import Readings

_CPU: Final = (
    counter("node_pressure_cpu_waiting_seconds_total", "Total time in seconds that processes have waited for CPU time"),
)
_IO: Final = (
    counter(
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion",
    ),
    counter(
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion",
    ),
)
_MEMORY: Final = (
    counter(
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory",
    ),
    counter(
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion",
    ),
)
_FAMILIES: Final = (*_CPU, *_IO, *_MEMORY)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of pressure stall times. A kernel without them has no data."""
    folder = f"{host.proc}/pressure"
    files = [(File(f"{folder}/{name}", size=512, whole=False), n) for name, n in (("cpu", 1), ("io", 2), ("memory", 2))]

    def read() -> Readings:
        values: list[float] = []
        for file, lines in files:
            values += _totals(file.read(), lines)
        return alone(_FAMILIES, values)

    return guarded(read, folder)


def _totals(data: bytes, lines: int) -> list[float]:
    """Seconds of the first `lines` lines, `some ... total=<microseconds>` and `full ...`."""
    parts = data.split(b"total=")
    if len(parts) <= lines or not parts[0].startswith(b"some "):
        raise ValueError(f"found {data[:80]!r}, expected 'some ... total=' and 'full ... total='")
    return [float(part.split(None, 1)[0]) / 1000.0 / 1000.0 for part in parts[1 : lines + 1]]
