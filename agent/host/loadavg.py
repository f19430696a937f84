"""Kind `loadavg`: the load averages of `/proc/loadavg` as `node_load1`, `node_load5`, `node_load15`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, alone, gauge, guarded
from agent.model import Readings

LOADS: Final = tuple(gauge(f"node_load{minutes}", f"{minutes}m load average.") for minutes in (1, 5, 15))


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the load averages over 1, 5 and 15 minutes."""
    if host.platform != "linux":
        from agent.host import psutil_base

        return psutil_base.open_loadavg()
    file = File(f"{host.proc}/loadavg", size=256, whole=False)

    def read() -> Readings:
        words = file.read().split()
        if len(words) < len(LOADS):
            raise ValueError(f"found {words!r}, expected three load averages")
        return alone(LOADS, map(float, words[: len(LOADS)]))

    return guarded(read, file.path)
