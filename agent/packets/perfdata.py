"""What a Nagios plugin prints (Nagios Plugin Development Guidelines, plugin output and performance data) -> text and numbers
in base units. It never raises: what is no performance data is left out."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

MAX_VALUES: Final = 256
MAX_LABEL: Final = 128

_ENTRY: Final = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^\s='\"]+))=(\S*)")
_VALUE: Final = re.compile(r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?)([^0-9;]{0,16})")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")
_SIZES: Final = {
    f"{prefix}{end}": 1024.0**power for power, prefix in enumerate(("", "K", "M", "G", "T", "P")) for end in ("B", "iB")
}
_UNITS: Final[dict[str, tuple[str, float]]] = {
    "s": ("seconds", 1.0),
    "ms": ("seconds", 1e-3),
    "us": ("seconds", 1e-6),
    "ns": ("seconds", 1e-9),
    "%": ("ratio", 0.01),
    "c": ("count", 1.0),
    "": ("", 1.0),
    **{name: ("bytes", factor) for name, factor in _SIZES.items()},
}
"""The guidelines' units; K, M and the others are of 1024, as the plugins themselves count."""


class Measure(msgspec.Struct, frozen=True):
    """One value. `unit` is `seconds`, `bytes`, `ratio`, `count` (of something that only grows), another one as the plugin wrote
    it, or empty; bounds are in the same unit, and None where they are no single number (a range such as `10:20`)."""

    label: str
    unit: str
    value: float
    warning: float | None = None
    critical: float | None = None


class Printed(msgspec.Struct, frozen=True):
    """The first line without its numbers, and all numbers, each label once."""

    text: str
    measures: tuple[Measure, ...] = ()


def read(output: str) -> Printed:
    """What a plugin printed. At most `MAX_VALUES` values; one of a label that was there before is left out."""
    first, _, rest = output.lstrip("\n").partition("\n")
    text, _, numbers = first.partition("|")
    _, _, more = rest.partition("|")
    found: dict[str, Measure] = {}
    for part in (numbers, more):
        for measure in _measures(part):
            if len(found) < MAX_VALUES:
                found.setdefault(measure.label, measure)
    return Printed(" ".join(text.split()), tuple(found.values()))


def _measures(text: str) -> list[Measure]:
    """The values of one part; what stands between them and is none is passed over, word by word."""
    measures: list[Measure] = []
    place = 0
    while place < len(text) and len(measures) < MAX_VALUES:
        entry = _ENTRY.match(text, place)
        if entry is None:
            word = re.compile(r"\s*\S+|\s+").match(text, place)
            place = word.end() if word else len(text)
            continue
        place = entry.end()
        quoted = entry[1]
        label = (quoted.replace("''", "'") if quoted is not None else entry[2]).strip()[:MAX_LABEL]
        measure = _measure(label, entry[3]) if label else None
        if measure is not None:
            measures.append(measure)
    return measures


def _measure(label: str, text: str) -> Measure | None:
    given, *bounds = text.split(";")
    value = _VALUE.fullmatch(given)
    if value is None:  # `U`: the plugin could not tell
        return None
    unit, factor = _UNITS.get(value[2], (value[2], 1.0))
    number = float(value[1]) * factor
    if not math.isfinite(number) or not unit.isprintable():
        return None
    warning, critical = (_bound(bounds, place, factor) for place in (0, 1))
    return Measure(label, unit, number, warning, critical)


def _bound(bounds: list[str], place: int, factor: float) -> float | None:
    if place >= len(bounds) or not _NUMBER.fullmatch(bounds[place]):
        return None
    number = float(bounds[place]) * factor
    return number if math.isfinite(number) else None
