"""Kind `netclass`: properties of every network device from `/sys/class/net`, as `node_network_*`.

Twenty small files a device would cost more than all else together, so at each collection only those are read that tell
of a change (state, flags, count of carrier changes). The rest is read again when they differ, and at a slow pace.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.exclusion import Exclusion, compiled
from agent.host.reading import File, Host, NoData, Reader, counter, gauge, guarded, read_once, text
from agent.model import Family, Readings

KEPT_OPEN: Final = 64
"""Devices looked at in each collection; a host with more of them (containers) takes turns with the rest."""
EVERY: Final = 40
"""Collections after which all properties of a device are read even though nothing told of a change."""
_TELLING: Final = ("operstate", "carrier_changes", "flags")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which network devices are left out."""

    exclude: Annotated[str, Meta(description="Regular expression of device names to leave out; empty for none.")] = ""

    def __post_init__(self) -> None:
        compiled("exclude", self.exclude)


_UP: Final = gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "device")
_INFO: Final = gauge(
    "node_network_info",
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
    "device", "address", "broadcast", "duplex", "operstate", "ifalias",
)  # fmt: skip
_INFO_FILES: Final = ("address", "broadcast", "duplex", "operstate", "ifalias")
_SPEED: Final = "speed"
_NUMBERS: Final = tuple(
    (file, make(f"node_network_{name}", f"Network device property: {name}", "device"))
    for make, file, name in (
        (gauge, "addr_assign_type", "address_assign_type"),
        (gauge, "carrier", "carrier"),
        (counter, "carrier_changes", "carrier_changes_total"),
        (counter, "carrier_up_count", "carrier_up_changes_total"),
        (counter, "carrier_down_count", "carrier_down_changes_total"),
        (gauge, "dev_id", "device_id"),
        (gauge, "dormant", "dormant"),
        (gauge, "flags", "flags"),
        (gauge, "ifindex", "iface_id"),
        (gauge, "iflink", "iface_link"),
        (gauge, "link_mode", "iface_link_mode"),
        (gauge, "mtu", "mtu_bytes"),
        (gauge, "name_assign_type", "name_assign_type"),
        (gauge, "netdev_group", "net_dev_group"),
        (gauge, _SPEED, "speed_bytes"),
        (gauge, "tx_queue_len", "transmit_queue_length"),
        (gauge, "type", "protocol_type"),
    )
)
_MBIT: Final = 125_000
"""Bytes a second in the kernel's unit of speed, one million bits a second; an unknown speed is -1 there and stays negative."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the properties of the machine's network devices."""
    excluded = Exclusion("exclude", settings.exclude)
    if host.platform != "linux":
        from agent.host import psutil_io

        return psutil_io.open_netclass(excluded)
    net = f"{host.sys}/class/net"
    return guarded(_Class(net, excluded).read, net)


class _Device:
    """One device as it was read last."""

    __slots__ = ("_age", "_files", "_folder", "_told", "info", "name", "numbers")

    def __init__(self, folder: str, name: str, at: int) -> None:
        keep = at < KEPT_OPEN
        self.name = name
        self._folder = folder
        self._files = [File(f"{folder}/{file}", size=256, whole=False, keep=keep) for file in _TELLING]
        self._told: list[bytes] = []
        self._age = 0
        self.numbers: list[float | None] = []
        self.info: tuple[str, ...] = ()
        self.look()
        self._age = at % EVERY  # devices are read in full at different collections

    def look(self) -> bool:
        """Read what is due; whether anything differs from before. A device that went keeps its last values."""
        told = [_attribute(file) for file in self._files]
        if not any(told):
            return False
        self._age += 1
        if told == self._told and self._age < EVERY:
            return False
        numbers = [_number(self._property(file), file) for file, _ in _NUMBERS]
        info = (self.name, *(text(self._property(file)) for file in _INFO_FILES))
        differs = numbers != self.numbers or info != self.info
        self._told, self._age, self.numbers, self.info = told, 0, numbers, info
        return differs

    def _property(self, file: str) -> bytes:
        try:
            return read_once(f"{self._folder}/{file}", 4096).rstrip(b"\n")
        except OSError:  # the driver has no such property, or has none while the device is down
            return b""


class _Class:
    def __init__(self, net: str, excluded: Exclusion) -> None:
        self._net = net
        self._excluded = excluded
        self._names: list[str] = []
        self._devices: list[_Device] = []
        self._turn = 0
        self._readings: Readings = []
        self._layout: dict[str, tuple[tuple[str, ...], ...]] = {}

    def read(self) -> Readings:
        """The readings; the very same list while nothing differs."""
        names = os.listdir(self._net)
        differs = names != self._names
        if differs:
            self._names = names
            wanted = sorted(filter(self._is_wanted, names))
            opened = [_Device(f"{self._net}/{name}", name, at) for at, name in enumerate(wanted)]
            self._devices = [device for device in opened if device.info]
        else:
            self._turn = (self._turn + 1) % EVERY
            for at, device in enumerate(self._devices):
                if at < KEPT_OPEN or at % EVERY == self._turn:
                    differs |= device.look()
        if not self._devices:
            raise NoData(f"{self._net}: no network device")
        if differs:
            self._readings = self._assemble()
        return self._readings

    def _is_wanted(self, name: str) -> bool:
        """`bonding_masters` is a file among the devices' folders."""
        return not self._excluded.covers(name) and os.path.isdir(f"{self._net}/{name}")

    def _assemble(self) -> Readings:
        devices = self._devices
        everyone = self._same("", tuple((device.name,) for device in devices))
        info = self._same("info", tuple(device.info for device in devices))
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = [
            (_UP, everyone, [float(device.info[4] == "up") for device in devices]),
            (_INFO, info, [1.0] * len(devices)),
        ]
        for at, (file, family) in enumerate(_NUMBERS):
            pairs = [(device.name, value) for device in devices if (value := device.numbers[at]) is not None]
            if pairs:
                series = self._same(file, tuple((name,) for name, _ in pairs))
                readings.append((family, series, [value for _, value in pairs]))
        return readings

    def _same(self, key: str, series: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        """The object of last time if it is equal, so that the caller's layout holds when only a value changed."""
        known = self._layout.get(key)
        if known == series:
            return known
        self._layout[key] = series
        return series


def _attribute(file: File) -> bytes:
    try:
        return file.read()
    except OSError:
        return b""


def _number(raw: bytes, file: str) -> float | None:
    """Decimal, or hexadecimal with `0x` (flags and device id); what is no number is not served, as in node_exporter."""
    try:
        value = int(raw, 0)
    except ValueError:
        return None
    return float(value * _MBIT if file == _SPEED else value)
