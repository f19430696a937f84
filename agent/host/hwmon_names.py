"""Names of `agent.host.hwmon`: how a chip is called, and which metric and unit a sensor's file has (as node_exporter's)."""

from __future__ import annotations

import os
import re
from typing import Final

from agent.host.reading import counter, gauge, read_once, text
from agent.model import Family

BARE: Final = ""
"""The element of a file that is called like its sensor (`pwm1`)."""
LABEL: Final = "label"
_LABELS: Final = ("chip", "sensor")
_UNCLEAN: Final = re.compile(r"[^a-z0-9:_]")

_MILLI: Final = 1000.0
_MICRO: Final = 1_000_000.0

_WHOLE: Final[dict[str, tuple[Family, float]]] = {
    "beep_enable": (gauge("node_hwmon_beep_enabled", "Hardware beep enabled", *_LABELS), 1.0),
    "vrm": (gauge("node_hwmon_voltage_regulator_version", "Hardware voltage regulator", *_LABELS), 1.0),
    "update_interval": (
        gauge("node_hwmon_update_interval_seconds", "Hardware monitor update interval", *_LABELS),
        _MILLI,
    ),
}
_INTERVALS: Final = frozenset({"average_interval", "average_interval_min", "average_interval_max"})
_SPEEDS: Final = frozenset({"input", "min", "max", "target"})


def clean(name: str) -> str:
    """A name that may stand in metric names and labels."""
    return _UNCLEAN.sub("_", name.lower()).strip("_")


def chip_of(path: str) -> tuple[str, str]:
    """Label of the chip in folder `path`, from its device because that stays the same over boots; and the driver's name."""
    try:
        title = clean(text(read_once(f"{path}/name")).strip())
    except OSError:
        title = ""
    if os.path.exists(f"{path}/device"):
        device = os.path.realpath(f"{path}/device")
        parts = (clean(os.path.basename(os.path.dirname(device))), clean(os.path.basename(device)))
        if chip := "_".join(filter(None, parts)):
            return chip, title
    return title or clean(os.path.basename(os.path.realpath(path))), title


def family_of(kind: str, element: str, *, has_bare: bool) -> tuple[Family, float]:
    """Family of one file of a sensor, and what its number is divided by."""
    if kind in _WHOLE:
        return _WHOLE[kind]
    name = f"node_hwmon_{kind}"
    if element == "input":
        name += "_input" if has_bare else ""
    elif element != BARE:
        name += f"_{clean(element)}"
    if element in ("fault", "alarm"):
        return gauge(name, f"Hardware sensor {element} status ({kind})", *_LABELS), 1.0
    if element == "beep":
        return gauge(f"{name}_enabled", "Hardware monitor sensor has beeping enabled", *_LABELS), 1.0
    if kind == "power":
        return _power(name, element)
    return _measured(name, kind, element)


def _measured(name: str, kind: str, element: str) -> tuple[Family, float]:
    if kind in ("in", "cpu"):
        return gauge(f"{name}_volts", f"Hardware monitor for voltage ({element})", *_LABELS), _MILLI
    if kind == "temp" and element != "type":
        return gauge(f"{name}_celsius", f"Hardware monitor for temperature ({element})", *_LABELS), _MILLI
    if kind == "curr":
        return gauge(f"{name}_amps", f"Hardware monitor for current ({element})", *_LABELS), _MILLI
    if kind == "energy":
        return counter(f"{name}_joule_total", f"Hardware monitor for joules used so far ({element})", *_LABELS), _MICRO
    if kind == "humidity":
        about = "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage)"
        return gauge(name, f"{about} ({element})", *_LABELS), _MICRO
    if kind == "fan" and element in _SPEEDS:
        return gauge(f"{name}_rpm", f"Hardware monitor for fan revolutions per minute ({element})", *_LABELS), 1.0
    return gauge(name, f"Hardware monitor {kind} element {element}", *_LABELS), 1.0


def _power(name: str, element: str) -> tuple[Family, float]:
    if element == "accuracy":
        return gauge(name, "Hardware monitor power meter accuracy, as a ratio", *_LABELS), _MICRO
    if element in _INTERVALS:
        return gauge(f"{name}_seconds", f"Hardware monitor power usage update interval ({element})", *_LABELS), _MILLI
    return gauge(f"{name}_watt", f"Hardware monitor for power usage in watts ({element})", *_LABELS), _MICRO
