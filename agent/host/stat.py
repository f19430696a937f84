"""Kind `stat`: boot time, context switches, forks, interrupts and runnable or blocked processes, from `/proc/stat`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, alone, counter, gauge, guarded
from agent.model import Readings

BOOT_TIME: Final = gauge("node_boot_time_seconds", "Node boot time, in unixtime.")
CONTEXT_SWITCHES: Final = counter("node_context_switches_total", "Total number of context switches.")
INTERRUPTS: Final = counter("node_intr_total", "Total number of interrupts serviced.")
_FAMILIES: Final = {
    b"btime": BOOT_TIME,
    b"ctxt": CONTEXT_SWITCHES,
    b"processes": counter("node_forks_total", "Total number of forks."),
    b"intr": INTERRUPTS,
    b"procs_blocked": gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
    b"procs_running": gauge("node_procs_running", "Number of processes in runnable state."),
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the kernel's activity since boot."""
    if host.platform != "linux":
        from agent.host import psutil_base

        return psutil_base.open_stat()
    file = File(f"{host.proc}/stat", size=65_536)

    def read() -> Readings:
        data = file.read()
        return alone(tuple(_FAMILIES.values()), [_value(data, name) for name in _FAMILIES])

    return guarded(read, file.path)


def _value(data: bytes, name: bytes) -> float:
    """First number of the line `name`. The line of interrupts is long, so lines are found, not split."""
    start = data.find(b"\n" + name + b" ") + len(name) + 2
    end = data.find(b"\n", start)
    words = data[start : end if end >= 0 else None].split(None, 1)
    if start <= len(name) + 1 or not words:
        raise ValueError(f"found no {name.decode()!r}, expected a line with its number")
    return float(words[0])
