"""Kind `time`: the wall clock, its zone and the kernel's clock sources, as `node_time_*`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

import msgspec

from agent.host.reading import SINGLE, File, Host, Reader, Series, gauge, guarded, text
from agent.model import Readings

NOW: Final = gauge("node_time_seconds", "System time in seconds since epoch (1970).")
ZONE: Final = gauge("node_time_zone_offset_seconds", "System time zone offset in seconds.", "time_zone")
_SOURCE_HELP: Final = "clocksource%s read from '/sys/devices/system/clocksource'."
AVAILABLE: Final = gauge("node_time_clocksource_available_info", "Available " + _SOURCE_HELP % "s", "device", "clocksource")
CURRENT: Final = gauge("node_time_clocksource_current_info", "Current " + _SOURCE_HELP % "", "device", "clocksource")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host, now: Callable[[], float] = time.time) -> Reader:
    """A reader of the machine's clock. The sample says what the clock shows, right or wrong."""
    reader = _Time(host, now)
    return guarded(reader.read, f"{host.sys}/devices/system/clocksource")


class _Time:
    def __init__(self, host: Host, now: Callable[[], float]) -> None:
        self._now = now
        self._files = _source_files(host) if host.platform == "linux" else []
        self._contents: list[bytes] = []
        self._available: Series = ()
        self._current: Series = ()
        self._zone: Series = ()

    def read(self) -> Readings:
        now = self._now()
        local = time.localtime(now)
        if not self._zone or self._zone[0][0] != local.tm_zone:
            self._zone = ((local.tm_zone,),)
        contents = [file.read() for _, available, current in self._files for file in (available, current)]
        if contents != self._contents:
            self._lay_out(contents)
        return [
            (NOW, SINGLE, (now,)),
            (ZONE, self._zone, (float(local.tm_gmtoff),)),
            (AVAILABLE, self._available, (1.0,) * len(self._available)),
            (CURRENT, self._current, (1.0,) * len(self._current)),
        ]

    def _lay_out(self, contents: list[bytes]) -> None:
        devices = [device for device, _, _ in self._files]
        self._available = tuple(
            (device, text(source)) for device, names in zip(devices, contents[::2], strict=True) for source in names.split()
        )
        self._current = tuple(
            (device, text(source)) for device, names in zip(devices, contents[1::2], strict=True) for source in names.split()
        )
        self._contents = contents


def _source_files(host: Host) -> list[tuple[str, File, File]]:
    base = f"{host.sys}/devices/system/clocksource"
    try:
        names = sorted(name for name in os.listdir(base) if name.startswith("clocksource"))
    except OSError:
        return []
    return [
        (
            name.removeprefix("clocksource"),
            File(f"{base}/{name}/available_clocksource", size=4096, whole=False),
            File(f"{base}/{name}/current_clocksource", size=256, whole=False),
        )
        for name in names
    ]
