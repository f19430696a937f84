"""Kind `netdev`: traffic counters of every network device from `/proc/net/dev`, as `node_network_*_total`.

The kernel's count of packets without a handler is not in that file; it is read from each device's folder in `/sys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.exclusion import Exclusion, compiled
from agent.host.reading import File, Host, Reader, Series, counter, guarded, malformed, text
from agent.model import Family, Readings

EXCLUDE: Final = "^lo$"
KEPT_OPEN: Final = 64
"""Devices whose `rx_nohandler` is read at each collection; a host with more of them (containers) takes turns."""
TURNS: Final = 10
"""A device beyond `KEPT_OPEN` has its turn every tenth collection."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which network devices are left out."""

    exclude: Annotated[str, Meta(description="Regular expression of device names to leave out.")] = EXCLUDE

    def __post_init__(self) -> None:
        compiled("exclude", self.exclude)


FAMILIES: Final = tuple(
    counter(f"node_network_{name}_total", f"Network device statistic {name}.", "device")
    for name in (
        *(f"receive_{name}" for name in ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")),
        *(f"transmit_{name}" for name in ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")),
    )
)
"""In the order of the columns of `/proc/net/dev`."""
NOHANDLER: Final = counter("node_network_receive_nohandler_total", "Network device statistic receive_nohandler.", "device")


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's network counters."""
    excluded = Exclusion("exclude", settings.exclude)
    if host.platform != "linux":
        from agent.host import psutil_io

        return psutil_io.open_netdev(excluded)
    devices = _Devices(excluded, host)
    return guarded(devices.read, devices.file.path)


class _Devices:
    def __init__(self, excluded: Exclusion, host: Host) -> None:
        self.file = File(f"{host.proc}/net/dev")
        self._net = f"{host.sys}/class/net"
        self._excluded = excluded
        self._names: list[bytes] = []
        self._wanted: list[bool] = []
        self._series: Series = ()
        self._unhandled = _Unhandled(self._net, ())

    def read(self) -> Readings:
        """One value a device and column; a device that vanishes meanwhile keeps its last count of nohandler."""
        names: list[bytes] = []
        rows: list[list[bytes]] = []
        for line in self.file.read().splitlines()[2:]:
            name, colon, counts = line.partition(b":")
            row = counts.split()
            if not colon or len(row) < len(FAMILIES):
                raise malformed(self.file.path, line, f"device: {len(FAMILIES)} numbers")
            names.append(name)
            rows.append(row)
        if names != self._names:
            self._lay_out(names)
        values = zip(*[map(float, row) for row, wanted in zip(rows, self._wanted, strict=True) if wanted], strict=False)
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]
        readings = [(family, self._series, column) for family, column in zip(FAMILIES, values, strict=False)]
        readings += self._unhandled.read()
        return readings

    def _lay_out(self, names: list[bytes]) -> None:
        devices = [text(name.strip()) for name in names]
        self._wanted = [not self._excluded.covers(device) for device in devices]
        self._series = tuple((device,) for device, wanted in zip(devices, self._wanted, strict=True) if wanted)
        self._unhandled = _Unhandled(self._net, self._series)
        self._names = names


class _Unhandled:
    """`rx_nohandler` of the devices that have it."""

    def __init__(self, net: str, devices: Series) -> None:
        self._files: list[File] = []
        self._values: list[float] = []
        self._turn = 0
        having: list[tuple[str, ...]] = []
        for labels in devices:
            keep = len(self._files) < KEPT_OPEN
            file = File(f"{net}/{labels[0]}/statistics/rx_nohandler", size=64, whole=False, keep=keep)
            try:
                value = float(file.read())
            except (OSError, ValueError):
                continue
            self._files.append(file)
            self._values.append(value)
            having.append(labels)
        self._series = tuple(having)

    def read(self) -> Readings:
        """The family with a count for each device; nothing where the kernel does not tell it."""
        if not self._files:
            return []
        self._turn = (self._turn + 1) % TURNS
        values = self._values
        for at in chain(range(min(len(values), KEPT_OPEN)), range(KEPT_OPEN + self._turn, len(values), TURNS)):
            with suppress(OSError, ValueError):  # the device just went: `/proc/net/dev` says so next time
                values[at] = float(self._files[at].read())
        return [(NOHANDLER, self._series, values.copy())]
