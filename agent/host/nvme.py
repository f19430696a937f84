"""Kind `nvme`: model, firmware and state of NVMe controllers from `/sys/class/nvme`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, Series, gauge, guarded, read_once, text
from agent.model import Readings

_INFO: Final = gauge(
    "node_nvme_info",
    "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
    "device", "firmware_revision", "model", "serial", "state",
)  # fmt: skip
_FILES: Final = ("firmware_rev", "model", "serial")
EVERY: Final = 60
"""Collections after which firmware, model and serial are read anew although the controllers are the same."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's NVMe controllers; their state is read at each collection."""
    controllers = _Controllers(f"{host.sys}/class/nvme")
    return guarded(controllers.read, controllers.folder)


class _Controllers:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._names: list[str] = []
        self._fixed: list[tuple[str, ...]] = []
        self._states: list[File] = []
        self._series: Series = ()
        self._age = 0

    def read(self) -> Readings:
        """One series a controller."""
        names = os.listdir(self.folder)
        if not names:
            raise NoData(f"{self.folder}: no controller")
        self._age += 1
        if names != self._names or self._age >= EVERY:
            self._fixed = [(name, *(self._property(name, file) for file in _FILES)) for name in sorted(names)]
            self._states = [File(f"{self.folder}/{name}/state", size=64, whole=False) for name in sorted(names)]
            self._names, self._age = names, 0
        states = [text(file.read().strip()) for file in self._states]
        series = tuple((*fixed, state) for fixed, state in zip(self._fixed, states, strict=True))
        if series != self._series:
            self._series = series
        return [(_INFO, self._series, [1.0] * len(series))]

    def _property(self, name: str, file: str) -> str:
        return text(read_once(f"{self.folder}/{name}/{file}").strip())
