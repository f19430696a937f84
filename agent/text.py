"""Readings -> Prometheus text (format 0.0.4), for `haidang-agent once`. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from agent.model import Family, Readings


def escape_label(value: str) -> str:
    """A label value as it stands between the quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def escape_help(text: str) -> str:
    """A help text as it stands on its line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def number(value: float) -> str:
    """A value as Prometheus reads it: whole numbers without a point, NaN, +Inf, -Inf."""
    if math.isfinite(value):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def series(family: Family, labels: tuple[str, ...]) -> str:
    """Name and labels of one series."""
    if not labels:
        return family.name
    pairs = ",".join(f'{name}="{escape_label(value)}"' for name, value in zip(family.labels, labels, strict=True))
    return f"{family.name}{{{pairs}}}"


def render(parts: Iterable[Readings]) -> str:
    """One page: families in the order of their names, each once with its help and type, though several parts have it.

    A family that a later part gives another type or other labels keeps the first one's type; every series is printed once.
    """
    families: dict[str, Family] = {}
    lines: dict[str, dict[str, str]] = {}
    for readings in parts:
        for family, labels, values in readings:
            families.setdefault(family.name, family)
            rows = lines.setdefault(family.name, {})
            for label, value in zip(labels, values, strict=True):
                rows.setdefault(series(family, label), number(value))
    return "".join(_lines(families, lines))


def _lines(families: dict[str, Family], lines: dict[str, dict[str, str]]) -> Iterator[str]:
    for name in sorted(families):
        if not lines[name]:
            continue
        family = families[name]
        if family.help:
            yield f"# HELP {name} {escape_help(family.help)}\n"
        yield f"# TYPE {name} {family.type.value}\n"
        for row, value in lines[name].items():
            yield f"{row} {value}\n"
