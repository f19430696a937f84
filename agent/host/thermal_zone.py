"""Kind `thermal_zone`: temperatures of thermal zones and states of cooling devices from `/sys/class/thermal`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, Series, gauge, guarded, read_once, text
from agent.model import Family, Readings

EVERY: Final = 60
"""Collections after which zones and devices are looked for anew although none of them failed."""
KEPT_OPEN: Final = 64

_TEMP: Final = gauge("node_thermal_zone_temp", "Zone temperature in Celsius", "zone", "type")
_NOW: Final = gauge("node_cooling_device_cur_state", "Current throttle state of the cooling device", "name", "type")
_MOST: Final = gauge("node_cooling_device_max_state", "Maximum throttle state of the cooling device", "name", "type")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's thermal zones, in degrees Celsius."""
    thermal = _Thermal(f"{host.sys}/class/thermal")
    return guarded(thermal.read, thermal.folder)


class _Column:
    """One value of every zone or device of a sort; what cannot be read is left out from then on."""

    def __init__(self, family: Family, divisor: float) -> None:
        self._family = family
        self._divisor = divisor
        self._files: list[File] = []
        self._series: Series = ()

    def look(self, folder: str, names: list[str], prefix: str, file: str) -> None:
        found: list[tuple[str, str]] = []
        self._files = []
        for name in names:
            if name.startswith(prefix):
                with suppress(OSError):
                    found.append((name[len(prefix) :], text(read_once(f"{folder}/{name}/type").strip())))
                    keep = len(self._files) < KEPT_OPEN
                    self._files.append(File(f"{folder}/{name}/{file}", size=64, whole=False, keep=keep))
        if tuple(found) != self._series:
            self._series = tuple(found)

    def read(self) -> Readings:
        values: list[float | None] = []
        for file in self._files:
            try:
                values.append(float(file.read()) / self._divisor)
            except (OSError, ValueError):  # a sensor that sleeps or was unplugged costs only itself
                values.append(None)
        if None in values:
            kept = [at for at, value in enumerate(values) if value is not None]
            self._files = [self._files[at] for at in kept]
            self._series = tuple(self._series[at] for at in kept)
        return [(self._family, self._series, [value for value in values if value is not None])] if self._series else []


class _Thermal:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._columns = (_Column(_TEMP, 1000.0), _Column(_NOW, 1.0), _Column(_MOST, 1.0))
        self._age = EVERY

    def read(self) -> Readings:
        """All values; zones and devices that came meanwhile are found at the slow pace."""
        if self._age >= EVERY:
            names = sorted(os.listdir(self.folder))
            for column, prefix, file in zip(
                self._columns,
                ("thermal_zone", "cooling_device", "cooling_device"),
                ("temp", "cur_state", "max_state"),
                strict=True,
            ):
                column.look(self.folder, names, prefix, file)
            self._age = 0
        self._age += 1
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = []
        for column in self._columns:
            readings += column.read()
        if not readings:
            self._age = EVERY
            raise NoData(f"{self.folder}: no thermal zone, no cooling device")
        return readings
