"""Kind `cpufreq`: frequency of each CPU and its bounds from `/sys/devices/system/cpu`, in hertz."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, Series, gauge, guarded
from agent.host.throttle import KEPT_OPEN, cpu_folders
from agent.model import Family, Readings

_FAMILIES: Final = {
    "cpuinfo_cur_freq": gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.", "cpu"),
    "cpuinfo_min_freq": gauge("node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.", "cpu"),
    "cpuinfo_max_freq": gauge("node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.", "cpu"),
    "scaling_cur_freq": gauge("node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz.", "cpu"),
    "scaling_min_freq": gauge("node_cpu_scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz.", "cpu"),
    "scaling_max_freq": gauge("node_cpu_scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz.", "cpu"),
}
_FIXED: Final = frozenset({"cpuinfo_min_freq", "cpuinfo_max_freq"})
"""What the hardware can do does not change: read when the CPUs are looked up."""
_LOOK_AGAIN_RUNS: Final = 40
_HERTZ: Final = 1000.0  # the files are in kHz


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of CPU frequencies. CPUs that came or went are found within 40 runs; virtual machines have no data."""
    reader = _Frequencies(host)
    return guarded(reader.read, f"{host.sys}/devices/system/cpu")


class _Column:
    """One family: the files of the CPUs that have it, or the values that cannot change."""

    def __init__(self, family: Family, rows: list[tuple[str, File, float]], *, fixed: bool) -> None:
        self.family = family
        self.series: Series = tuple((cpu,) for cpu, _, _ in rows)
        self._files = [file for _, file, _ in rows]
        self._fixed = [value for _, _, value in rows] if fixed else None

    def values(self) -> list[float]:
        if self._fixed is not None:
            return self._fixed
        return [float(file.read()) * _HERTZ for file in self._files]


class _Frequencies:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._columns: list[_Column] = []
        self._runs = 0

    def read(self) -> Readings:
        if self._runs == 0:
            self._look()
        self._runs = (self._runs + 1) % _LOOK_AGAIN_RUNS
        if not self._columns:
            raise NoData(f"{self._host.sys}/devices/system/cpu: no CPU has a folder cpufreq")
        try:
            return [(column.family, column.series, column.values()) for column in self._columns]
        except (OSError, ValueError):
            self._runs = 0  # a CPU went away or its frequency is unknown now: look again at the next run
            raise

    def _look(self) -> None:
        folders = [folder for folder in cpu_folders(self._host) if os.path.isdir(f"{folder}/cpufreq")]
        keep = len(folders) <= KEPT_OPEN
        columns: list[_Column] = []
        for name, family in _FAMILIES.items():
            rows: list[tuple[str, File, float]] = []
            for folder in folders:
                file = File(f"{folder}/cpufreq/{name}", size=64, whole=False, keep=keep and name not in _FIXED)
                try:
                    rows.append((folder.rpartition("/cpu")[2], file, float(file.read()) * _HERTZ))
                except (OSError, ValueError):
                    continue  # not for this user, or "<unknown>"
            if rows:
                columns.append(_Column(family, rows, fixed=name in _FIXED))
        if [(c.family, c.series) for c in columns] != [(c.family, c.series) for c in self._columns]:
            self._columns = columns
