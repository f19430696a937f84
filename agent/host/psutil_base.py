"""CPU, memory, load and system readings through psutil, for Windows and other systems without `/proc`.

Same names and units as on Linux, so that boards and rules need not know the system. What the system cannot say is left
out. Disks, file systems, network and processes are in `psutil_io`.
"""

from __future__ import annotations

import os
import platform
from typing import Final

import psutil

from agent.host import cpu as cpu_kind
from agent.host import loadavg as loadavg_kind
from agent.host import stat as stat_kind
from agent.host import uname as uname_kind
from agent.host.reading import NoData, Reader, ReaderError, Series, alone, gauge, guarded
from agent.model import Family, Readings, Reason

_CPU_MODES: Final = (
    ("user", "user"),
    ("nice", "nice"),
    ("system", "system"),
    ("idle", "idle"),
    ("iowait", "iowait"),
    ("irq", "irq"),
    ("interrupt", "irq"),  # Windows
    ("softirq", "softirq"),
    ("dpc", "softirq"),  # Windows: deferred procedure calls do what soft interrupts do
    ("steal", "steal"),
)
_MEMORY_FIELDS: Final = (
    ("total", "MemTotal_bytes"),
    ("free", "MemFree_bytes"),
    ("available", "MemAvailable_bytes"),
    ("buffers", "Buffers_bytes"),
    ("cached", "Cached_bytes"),
    ("active", "Active_bytes"),
    ("inactive", "Inactive_bytes"),
)


def _memory_family(name: str) -> Family:
    return gauge(f"node_memory_{name}", f"Memory information field {name}.")


_MEMORY: Final = tuple((field, _memory_family(name)) for field, name in _MEMORY_FIELDS)
_SWAP: Final = (("total", _memory_family("SwapTotal_bytes")), ("free", _memory_family("SwapFree_bytes")))


def open_cpu() -> Reader:
    """A reader of each CPU's seconds in the modes that this system knows."""
    series: Series = ()

    def read() -> Readings:
        nonlocal series
        cpus = psutil.cpu_times(percpu=True)
        modes = [(field, mode) for field, mode in _CPU_MODES if cpus and hasattr(cpus[0], field)]
        if not modes:
            raise NoData("this system tells no CPU times")
        if len(series) != len(cpus) * len(modes):
            series = tuple((str(number), mode) for number in range(len(cpus)) for _, mode in modes)
        return [(cpu_kind.SECONDS, series, [float(getattr(times, field)) for times in cpus for field, _ in modes])]

    return _translated(read, "psutil.cpu_times")


def open_meminfo() -> Reader:
    """A reader of physical memory and swap (page file) in bytes."""

    def read() -> Readings:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        known = [(family, getattr(memory, field)) for field, family in _MEMORY if hasattr(memory, field)]
        known += [(family, getattr(swap, field)) for field, family in _SWAP]
        return alone([family for family, _ in known], [float(value) for _, value in known])

    return _translated(read, "psutil.virtual_memory")


def open_loadavg() -> Reader:
    """A reader of load averages; on Windows psutil makes them from the processor queue, beginning at the first call."""
    return _translated(lambda: alone(loadavg_kind.LOADS, map(float, psutil.getloadavg())), "psutil.getloadavg")


def open_stat() -> Reader:
    """A reader of boot time, context switches and interrupts."""
    families = (stat_kind.BOOT_TIME, stat_kind.CONTEXT_SWITCHES, stat_kind.INTERRUPTS)

    def read() -> Readings:
        counts = psutil.cpu_stats()
        return alone(families, (float(psutil.boot_time()), float(counts.ctx_switches), float(counts.interrupts)))

    return _translated(read, "psutil.cpu_stats")


def open_uname() -> Reader:
    """A reader of the system's name and version, the machine's architecture and its names; asked once, without DNS."""
    kept: Readings = ()

    def read() -> Readings:
        nonlocal kept
        if not kept:
            found = platform.uname()
            domain = os.environ.get("USERDNSDOMAIN", "(none)")
            labels = (found.system, found.release, found.version, found.machine, found.node, domain)
            kept = [(uname_kind.INFO, (labels,), (1.0,))]
        return kept

    return _translated(read, "platform.uname")


def _translated(read: Reader, place: str) -> Reader:
    """`read` with psutil's own errors translated, and those of the operating system as everywhere."""

    def run() -> Readings:
        try:
            return read()
        except psutil.AccessDenied as error:
            raise ReaderError(Reason.AUTH, f"{place}: {error}") from error
        except psutil.Error as error:
            raise ReaderError(Reason.INTERNAL, f"{place}: {error}") from error

    return guarded(run, place)
