"""Kind `powersupplyclass`: batteries and mains adapters from `/sys/class/power_supply`, as `node_power_supply_*`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from agent.host.reading import Host, NoData, Reader, Series, gauge, guarded, read_once, text
from agent.model import Family, Readings

_MICRO: Final = 1_000_000.0
_TENTH: Final = 10.0
_ABOUT: Final = "value of /sys/class/power_supply/<power_supply>."
_PLAIN: Final = (
    ("authentic", "authentic"), ("calibrate", "calibrate"), ("capacity", "capacity"), ("cycle_count", "cyclecount"),
    ("capacity_alert_max", "capacity_alert_max"), ("capacity_alert_min", "capacity_alert_min"), ("online", "online"),
    ("present", "present"), ("time_to_empty_now", "time_to_empty_seconds"), ("time_to_full_now", "time_to_full_seconds"),
)  # fmt: skip
_TENTHS: Final = (
    ("temp", "temp_celsius"), ("temp_alert_max", "temp_alert_max_celsius"), ("temp_alert_min", "temp_alert_min_celsius"),
    ("temp_ambient", "temp_ambient_celsius"), ("temp_max", "temp_max_celsius"), ("temp_min", "temp_min_celsius"),
)  # fmt: skip
_MICROS: Final = (
    ("charge_now", "charge_ampere"), ("current_now", "current_ampere"), ("energy_now", "energy_watthour"),
    ("power_now", "power_watt"), ("voltage_now", "voltage_volt"),
    *((name, name) for name in (
        "charge_control_limit", "charge_control_limit_max", "charge_counter", "charge_empty", "charge_empty_design",
        "charge_full", "charge_full_design", "charge_term_current", "constant_charge_current", "constant_charge_current_max",
        "constant_charge_voltage", "constant_charge_voltage_max", "current_boot", "current_max", "energy_empty",
        "energy_empty_design", "energy_full", "energy_full_design", "input_current_limit", "precharge_current",
        "voltage_boot", "voltage_max", "voltage_max_design", "voltage_min", "voltage_min_design", "voltage_ocv",
    )),
)  # fmt: skip
_NUMBERS: Final[dict[str, tuple[Family, float]]] = {
    file: (gauge(f"node_power_supply_{name}", f"{name} {_ABOUT}", "power_supply"), divisor)
    for names, divisor in ((_PLAIN, 1.0), (_TENTHS, _TENTH), (_MICROS, _MICRO))
    for file, name in names
}
_TEXTS: Final = (
    "capacity_level", "charge_type", "health", "manufacturer", "model_name", "scope", "serial_number", "status",
    "technology", "type", "usb_type",
)  # fmt: skip
_INFO: Final = gauge("node_power_supply_info", "info of /sys/class/power_supply/<power_supply>.", "power_supply", *_TEXTS)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's power supplies. Volts, amperes, watts, watt-hours, ampere-hours, degrees Celsius."""
    supplies = _Supplies(f"{host.sys}/class/power_supply")
    return guarded(supplies.read, supplies.folder)


class _Supplies:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._layouts: dict[str, Series] = {}

    def read(self) -> Readings:
        """What each supply has; a firmware that does not answer for one property leaves that one out."""
        names = sorted(os.listdir(self.folder))
        if not names:
            raise NoData(f"{self.folder}: no power supply")
        columns: dict[str, list[tuple[str, float]]] = {}
        info: list[tuple[str, ...]] = []
        for name in names:
            files = set(os.listdir(f"{self.folder}/{name}"))
            info.append((name, *(self._text(name, file) if file in files else "" for file in _TEXTS)))
            for file in _NUMBERS.keys() & files:
                with suppress(OSError, ValueError):
                    number = float(read_once(f"{self.folder}/{name}/{file}"))
                    columns.setdefault(file, []).append((name, number / _NUMBERS[file][1]))
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]
        readings = [(_INFO, self._same("", tuple(info)), [1.0] * len(info))]
        for file, (family, _) in _NUMBERS.items():
            if column := columns.get(file):
                series = self._same(file, tuple((name,) for name, _ in column))
                readings.append((family, series, [value for _, value in column]))
        return readings

    def _text(self, name: str, file: str) -> str:
        try:
            return text(read_once(f"{self.folder}/{name}/{file}").strip())
        except OSError:
            return ""

    def _same(self, key: str, series: Series) -> Series:
        """The object of last time if it is equal, so that the caller's layout holds."""
        if self._layouts.get(key) != series:
            self._layouts[key] = series
        return self._layouts[key]
