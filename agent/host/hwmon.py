"""Kind `hwmon`: temperatures, fans, voltages and the like of every sensor chip from `/sys/class/hwmon`, as `node_hwmon_*`.

Files are looked for rarely; at each collection only what moves (inputs, averages, alarms, faults) is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from agent.host.hwmon_names import BARE, LABEL, chip_of, family_of
from agent.host.reading import File, Host, NoData, Reader, Series, gauge, guarded, read_once, text
from agent.model import Family, Readings

EVERY: Final = 60
"""Collections after which chips, sensors, limits and labels are read anew."""
KEPT_OPEN: Final = 128

_CHIP_NAMES: Final = gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names", "chip", "chip_name")
_SENSOR_LABEL: Final = gauge("node_hwmon_sensor_label", "Label for given chip and sensor", "chip", "sensor", "label")
_FILE: Final = re.compile(
    r"(vrm|beep_enable|update_interval|in|cpu|fan|pwm|temp|curr|power|energy|humidity|intrusion)([0-9]*)(?:_(.+))?\Z"
)
_MOVING: Final = re.compile(r"(input|average|(.*_)?alarm|fault)?\Z")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's sensor chips, in base units."""
    chips = _Chips(f"{host.sys}/class/hwmon")
    return guarded(chips.read, chips.folder)


class _Value(NamedTuple):
    """One sample: its labels, its value at the last look (`raw`), and the file to read if it moves."""

    labels: tuple[str, ...]
    raw: float
    divisor: float
    file: File | None


class _Metric:
    """A family and its samples; a sample whose file cannot be read now is left out this time."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.values: list[_Value] = []
        self._absent: list[int] = []
        self._series: Series = ()

    def read(self) -> tuple[Family, Series, list[float]]:
        numbers: list[float] = []
        absent: list[int] = []
        for at, value in enumerate(self.values):
            if value.file is None:
                numbers.append(value.raw / value.divisor)
                continue
            try:
                numbers.append(float(value.file.read()) / value.divisor)
            except (OSError, ValueError):
                absent.append(at)
        if absent != self._absent or not self._series:
            self._absent = absent
            self._series = tuple(value.labels for at, value in enumerate(self.values) if at not in absent)
        return self.family, self._series, numbers


class _Chips:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._metrics: dict[str, _Metric] = {}
        self._age = EVERY
        self._open = 0
        self._described: tuple[tuple[Family, Series], ...] = ()
        self._known: tuple[object, ...] = ()

    def read(self) -> Readings:
        """Every sample; sensors that came meanwhile are found at the slow pace."""
        if self._age >= EVERY:
            self._look()
            self._age = 0
        self._age += 1
        if not self._metrics:
            self._age = EVERY
            raise NoData(f"{self.folder}: no sensor")
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]
        readings = [(family, series, [1.0] * len(series)) for family, series in self._described]
        readings += [reading for metric in self._metrics.values() if (reading := metric.read())[1]]
        return readings

    def _look(self) -> None:
        metrics: dict[str, _Metric] = {}
        names: list[tuple[str, ...]] = []
        labels: list[tuple[str, ...]] = []
        self._open = 0
        for entry in sorted(os.listdir(self.folder)):
            path = f"{self.folder}/{entry}"
            if not os.path.isdir(path):
                continue
            chip, title = chip_of(path)
            if title:
                names.append((chip, title))
            for sensor, kind, elements in _sensors(path):
                if LABEL in elements:
                    labels.append((chip, sensor, text(elements.pop(LABEL)[1])))
                self._add(metrics, (chip, sensor), kind, elements)
        # The caller's layout is kept while the same series are there; only their limits may have changed.
        known = (names, labels, [(name, [value.labels for value in metric.values]) for name, metric in metrics.items()])
        if known != self._known:
            self._known = known
            tables = ((_CHIP_NAMES, tuple(names)), (_SENSOR_LABEL, tuple(labels)))
            self._described = tuple((family, series) for family, series in tables if series)
            self._metrics = metrics
        else:
            for name, metric in metrics.items():
                self._metrics[name].values = metric.values

    def _add(
        self, metrics: dict[str, _Metric], labels: tuple[str, str], kind: str, elements: dict[str, tuple[str, bytes]]
    ) -> None:
        for element, (path, raw) in elements.items():
            try:
                number = float(raw)
            except ValueError:
                continue
            family, divisor = family_of(kind, element, has_bare=BARE in elements)
            file = None
            if _MOVING.match(element):
                file = File(path, size=64, whole=False, keep=self._open < KEPT_OPEN)
                self._open += 1
            values = metrics.setdefault(family.name, _Metric(family)).values
            if all(value.labels != labels for value in values):
                values.append(_Value(labels, number, divisor, file))


def _sensors(path: str) -> Iterator[tuple[str, str, dict[str, tuple[str, bytes]]]]:
    """Each sensor of a chip: its name, kind and files by element (`temp1_max`: sensor `temp1`, element `max`)."""
    sensors: dict[tuple[str, int], dict[str, tuple[str, bytes]]] = {}
    for folder, name, match in _sensor_files(path, f"{path}/device"):
        with suppress(OSError):
            raw = read_once(f"{folder}/{name}", 4096).strip(b"\n")
            sensor = sensors.setdefault((match[1], int(match[2] or 0)), {})
            sensor[match[3] or BARE] = (f"{folder}/{name}", raw)
    for (kind, number), elements in sorted(sensors.items()):
        yield f"{kind}{number}", kind, elements


def _sensor_files(*folders: str) -> Iterator[tuple[str, str, re.Match[str]]]:
    for folder in folders:
        for name in _listed(folder):
            if match := _FILE.match(name):
                yield folder, name, match


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # most chips have no folder of their device
        return []
