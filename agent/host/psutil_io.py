"""Disks, mounts, network and processes where there is no `/proc` (Windows and others), by psutil under the same names.

Serves the kinds `diskstats`, `filesystem`, `netdev`, `netclass` and `processes`; on Linux nothing imports this module.
What the system cannot say is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import psutil

from agent.host.exclusion import Exclusion, compiled
from agent.host.filesystem import Mount, Settings, Spaces
from agent.host.mounts import Space
from agent.host.reading import SINGLE, NoData, Reader, ReaderError, Series, counter, gauge, translated
from agent.model import Family, Readings, Reason

_DISK: Final = tuple(
    (field, scale, counter(f"node_disk_{name}_total", about, "device"))
    for field, scale, name, about in (
        ("read_count", 1.0, "reads_completed", "The total number of reads completed successfully."),
        ("read_bytes", 1.0, "read_bytes", "The total number of bytes read successfully."),
        ("read_time", 0.001, "read_time_seconds", "The total number of seconds spent by all reads."),
        ("write_count", 1.0, "writes_completed", "The total number of writes completed successfully."),
        ("write_bytes", 1.0, "written_bytes", "The total number of bytes written successfully."),
        ("write_time", 0.001, "write_time_seconds", "This is the total number of seconds spent by all writes."),
        ("busy_time", 0.001, "io_time_seconds", "Total seconds spent doing I/Os."),
    )
)
_NET: Final = tuple(
    (field, counter(f"node_network_{name}_total", f"Network device statistic {name}.", "device"))
    for field, name in (
        ("bytes_recv", "receive_bytes"),
        ("packets_recv", "receive_packets"),
        ("errin", "receive_errs"),
        ("dropin", "receive_drop"),
        ("bytes_sent", "transmit_bytes"),
        ("packets_sent", "transmit_packets"),
        ("errout", "transmit_errs"),
        ("dropout", "transmit_drop"),
    )
)
_UP: Final = gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "device")
_MTU: Final = gauge("node_network_mtu_bytes", "Network device property: mtu_bytes", "device")
_SPEED: Final = gauge("node_network_speed_bytes", "Network device property: speed_bytes", "device")
_MBIT: Final = 125_000.0
_PIDS: Final = gauge("node_processes_pids", "Number of PIDs")
_NAN: Final = float("nan")


class _Names:
    """Label tuples of names; the same object while the names are unchanged."""

    def __init__(self) -> None:
        self._series: Series = ()

    def of(self, names: Iterable[str]) -> Series:
        series = tuple((name,) for name in names)
        if series != self._series:
            self._series = series
        return self._series


def _reader(read: Reader, place: str) -> Reader:
    """`read` with psutil's errors and the system's translated."""

    def run() -> Readings:
        try:
            return read()
        except psutil.AccessDenied as error:
            raise ReaderError(Reason.AUTH, f"{place}: {error}") from error
        except OSError as error:
            raise translated(error, place) from error
        except (psutil.Error, NotImplementedError, RuntimeError) as error:  # how psutil says: not on this system
            raise NoData(f"{place}: {error}") from error

    return run


def open_diskstats(excluded: Exclusion) -> Reader:
    """A reader of each physical disk's counters. Bytes and seconds."""
    names = _Names()

    def read() -> Readings:
        disks = psutil.disk_io_counters(perdisk=True, nowrap=False)
        wanted = {name: disk for name, disk in disks.items() if not excluded.covers(name)}
        if not wanted:
            raise NoData("psutil.disk_io_counters: no disk")  # Windows: `diskperf -y` switches the counters on
        return _columns(names.of(wanted), wanted, _DISK)

    return _reader(read, "psutil.disk_io_counters")


def open_netdev(excluded: Exclusion) -> Reader:
    """A reader of each network device's counters."""
    names = _Names()
    fields = tuple((field, 1.0, family) for field, family in _NET)

    def read() -> Readings:
        devices = psutil.net_io_counters(pernic=True, nowrap=False)
        wanted = {name: device for name, device in devices.items() if not excluded.covers(name)}
        if not wanted:
            raise NoData("psutil.net_io_counters: no network device")
        return _columns(names.of(wanted), wanted, fields)

    return _reader(read, "psutil.net_io_counters")


def _columns(series: Series, rows: Mapping[str, object], fields: Sequence[tuple[str, float, Family]]) -> Readings:
    """One family for each field that this system's counters have."""
    first = next(iter(rows.values()))
    return [
        (family, series, [float(getattr(row, field)) * scale for row in rows.values()])
        for field, scale, family in fields
        if hasattr(first, field)
    ]


def open_netclass(excluded: Exclusion) -> Reader:
    """A reader of each network device's state, MTU and speed; a speed of 0 means unknown and is not served."""
    names, fast_names = _Names(), _Names()

    def read() -> Readings:
        devices = {name: stats for name, stats in psutil.net_if_stats().items() if not excluded.covers(name)}
        if not devices:
            raise NoData("psutil.net_if_stats: no network device")
        series = names.of(devices)
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = [
            (_UP, series, [float(stats.isup) for stats in devices.values()]),
            (_MTU, series, [float(stats.mtu) for stats in devices.values()]),
        ]
        speeds = {name: stats.speed * _MBIT for name, stats in devices.items() if stats.speed}
        if speeds:
            readings.append((_SPEED, fast_names.of(speeds), list(speeds.values())))
        return readings

    return _reader(read, "psutil.net_if_stats")


def open_filesystem(settings: Settings) -> Reader:
    """A reader of each mounted volume. Bytes; file nodes are not known here. Drives without a medium are left out."""
    points = compiled("exclude_mount_points", settings.exclude_mount_points or r"(?!)")
    types = compiled("exclude_types", settings.exclude_types or r"(?!)")
    spaces = Spaces(_usage, settings.timeout_s, has_files=False)
    known: list[Mount] = []

    def read() -> Readings:
        nonlocal known
        mounts = [
            Mount((part.device, part.mountpoint, part.fstype), part.mountpoint, "ro" in part.opts.split(","))
            for part in psutil.disk_partitions(all=False)
            if part.fstype and not points.search(part.mountpoint) and not types.search(part.fstype)
        ]
        if not mounts:
            raise NoData("psutil.disk_partitions: no volume that is not excluded")
        if mounts != known:
            known = mounts
        return spaces.of(known)

    return _reader(read, "psutil.disk_partitions")


def _usage(path: str) -> Space:
    usage = psutil.disk_usage(path)
    return float(usage.total), float(usage.total - usage.used), float(usage.free), _NAN, _NAN


def open_processes() -> Reader:
    """A reader of the number of processes; their states and threads cannot be had cheaply here."""

    def read() -> Readings:
        return [(_PIDS, SINGLE, [float(len(psutil.pids()))])]

    return _reader(read, "psutil.pids")
