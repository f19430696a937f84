"""Kind `schedstat`: time each CPU ran and time that tasks waited for it, from `/proc/schedstat`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Layout, Reader, counter, guarded
from agent.model import Readings

RUNNING: Final = counter("node_schedstat_running_seconds_total", "Number of seconds CPU spent running a process.", "cpu")
WAITING: Final = counter(
    "node_schedstat_waiting_seconds_total", "Number of seconds spent by processing waiting for this CPU.", "cpu"
)
TIMESLICES: Final = counter("node_schedstat_timeslices_total", "Number of timeslices executed by CPU.", "cpu")
_NANOSECONDS: Final = 1e9


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the scheduler's times. Kernels built without them have no data."""
    file = File(f"{host.proc}/schedstat", size=65_536)
    layout = Layout()

    def read() -> Readings:
        rows = [line.split() for line in file.read().split(b"\n") if line.startswith(b"cpu")]
        if not rows or min(map(len, rows)) < 10:
            raise ValueError("expected lines 'cpuN' with nine numbers")
        series = layout.of([row[0][3:] for row in rows])
        return [
            (RUNNING, series, [float(row[7]) / _NANOSECONDS for row in rows]),
            (WAITING, series, [float(row[8]) / _NANOSECONDS for row in rows]),
            (TIMESLICES, series, [float(row[9]) for row in rows]),
        ]

    return guarded(read, file.path)
