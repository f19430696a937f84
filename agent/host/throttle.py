"""Thermal throttling of physical CPUs from `/sys/devices/system/cpu`: the bare-metal part of kind `cpu`."""

from __future__ import annotations

import os
from typing import Final

from agent.host.reading import File, Host, Series, counter, read_once, text
from agent.model import Readings

CORE: Final = counter("node_cpu_core_throttles_total", "Number of times this CPU core has been throttled.", "core", "package")
PACKAGE: Final = counter("node_cpu_package_throttles_total", "Number of times this CPU package has been throttled.", "package")
KEPT_OPEN: Final = 64
"""Machines with more CPUs than this open each file anew: descriptors are dearer than microseconds."""


def cpu_folders(host: Host) -> list[str]:
    """Paths of the `cpuN` folders in order of N; empty where sysfs has none."""
    base = f"{host.sys}/devices/system/cpu"
    try:
        names = os.listdir(base)
    except OSError:
        return []
    numbers = sorted(int(name[3:]) for name in names if name.startswith("cpu") and name[3:].isdigit())
    return [f"{base}/cpu{number}" for number in numbers]


class Throttles:
    """Throttle counters; which CPUs there are is looked up again only when told so."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._cores: list[File] = []
        self._packages: list[File] = []
        self._core_series: Series = ()
        self._package_series: Series = ()

    def look_again(self) -> None:
        """CPUs came or went: find the counters anew. One file a core and one a package; threads share them."""
        cores: dict[tuple[str, str], str] = {}
        packages: dict[tuple[str], str] = {}
        folders = cpu_folders(self._host)
        for folder in folders:
            try:
                package = text(read_once(f"{folder}/topology/physical_package_id").strip())
                core = text(read_once(f"{folder}/topology/core_id").strip())
            except OSError:
                continue
            if os.path.exists(f"{folder}/thermal_throttle/core_throttle_count"):
                cores.setdefault((core, package), f"{folder}/thermal_throttle/core_throttle_count")
            if os.path.exists(f"{folder}/thermal_throttle/package_throttle_count"):
                packages.setdefault((package,), f"{folder}/thermal_throttle/package_throttle_count")
        keep = len(folders) <= KEPT_OPEN
        self._cores = [File(path, whole=False, keep=keep) for path in cores.values()]
        self._packages = [File(path, whole=False, keep=keep) for path in packages.values()]
        self._core_series = tuple(cores)
        self._package_series = tuple(packages)

    def read(self) -> Readings:
        """Present counters; nothing on a machine (or virtual machine) that has none."""
        if not self._cores and not self._packages:
            return ()
        return [
            (CORE, self._core_series, [float(file.read()) for file in self._cores]),
            (PACKAGE, self._package_series, [float(file.read()) for file in self._packages]),
        ]
