"""Kind `arp`: neighbours known on each device, counted from `/proc/net/arp`, as `node_arp_entries`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Layout, Reader, gauge, guarded
from agent.model import Readings

ENTRIES: Final = gauge("node_arp_entries", "ARP entries by device", "device")
_COLUMNS: Final = 6


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the number of ARP entries, one series a device that has any."""
    file = File(f"{host.proc}/net/arp", size=65_536)
    layout = Layout()

    def read() -> Readings:
        counts: dict[bytes, int] = {}
        for line in file.read().split(b"\n")[1:]:
            if line:
                words = line.split()
                if len(words) < _COLUMNS:
                    raise ValueError(f"found {line[:80]!r}, expected {_COLUMNS} columns")
                counts[words[-1]] = counts.get(words[-1], 0) + 1
        return [(ENTRIES, layout.of(list(counts)), list(map(float, counts.values())))]

    return guarded(read, file.path)
