"""Kind `rapl`: energy that CPU packages, cores and memory have used, from `/sys/class/powercap` (Intel and AMD).

Kernels since 5.10 let only root read it; an agent that may not has no data here.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, Series, counter, guarded, read_once, text
from agent.model import Family, Readings

_JOULE: Final = 1_000_000.0
_LABELS: Final = ("index", "path")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's energy counters, in joules."""
    zones = _Zones(f"{host.sys}/class/powercap")
    return guarded(zones.read, zones.folder)


class _Zones:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._names: list[str] = []
        self._metrics: list[tuple[Family, Series, list[File]]] = []

    def read(self) -> Readings:
        """One family for each sort of zone."""
        names = os.listdir(self.folder)
        if names != self._names:
            self._metrics = self._look(sorted(names))
            self._names = names
        if not self._metrics:
            raise NoData(f"{self.folder}: no energy counter")
        try:
            return [
                (family, series, [float(file.read()) / _JOULE for file in files]) for family, series, files in self._metrics
            ]
        except PermissionError as error:
            raise NoData(f"{error.filename}: only root may read it") from error

    def _look(self, names: list[str]) -> list[tuple[Family, Series, list[File]]]:
        found: dict[str, list[tuple[tuple[str, str], File]]] = {}
        for name in names:
            path = f"{self.folder}/{name}"
            try:
                title = text(read_once(f"{path}/name").strip())
            except OSError:  # a control type, not a zone
                continue
            if not os.path.exists(f"{path}/energy_uj"):
                continue
            sort, dash, number = title.partition("-")
            if not dash or not number.isdecimal():  # "dram": numbered in the order of the folders
                sort, number = title, str(len(found.get(title, ())))
            found.setdefault(sort, []).append(((number, path), File(f"{path}/energy_uj", size=64, whole=False)))
        return [
            (_family(sort), tuple(labels for labels, _ in zones), [file for _, file in zones]) for sort, zones in found.items()
        ]


def _family(sort: str) -> Family:
    clean = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in sort)
    return counter(f"node_rapl_{clean}_joules_total", f"Current RAPL {sort} value in joules", *_LABELS)
