"""Kind `softnet`: packets that each CPU took from the network cards, from `/proc/net/softnet_stat`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Layout, Reader, counter, guarded
from agent.model import Readings

PROCESSED: Final = counter("node_softnet_processed_total", "Number of processed packets", "cpu")
DROPPED: Final = counter("node_softnet_dropped_total", "Number of dropped packets", "cpu")
SQUEEZED: Final = counter("node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota", "cpu")
_CPU_COLUMN: Final = 12  # since Linux 5.10; a line's number is the CPU's only while none is offline


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of packet processing, one series a CPU."""
    file = File(f"{host.proc}/net/softnet_stat")
    layout = Layout()

    def read() -> Readings:
        rows = [line.split() for line in file.read().split(b"\n") if line]
        if not rows:
            raise ValueError("empty, expected a line of hexadecimal numbers for each CPU")
        series = layout.of([_cpu(row, number) for number, row in enumerate(rows)])
        return [
            (PROCESSED, series, [float(int(row[0], 16)) for row in rows]),
            (DROPPED, series, [float(int(row[1], 16)) for row in rows]),
            (SQUEEZED, series, [float(int(row[2], 16)) for row in rows]),
        ]

    return guarded(read, file.path)


def _cpu(row: list[bytes], number: int) -> bytes:
    return b"%d" % (int(row[_CPU_COLUMN], 16) if len(row) > _CPU_COLUMN else number)
