"""Recorded machines and golden answers for the tests of host readers; `UPDATE_GOLDEN=1` writes the answers anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agent.host.reading import Host, Reader
from agent.model import Readings

DATA = Path(__file__).parents[2] / "data" / "host"

Samples = dict[str, float]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _sample(name: str, labels: Sequence[str], values: Sequence[str]) -> str:
    if not labels:
        return name
    pairs = (f'{label}="{_escaped(value)}"' for label, value in sorted(zip(labels, values, strict=True)))
    return f"{name}{{{','.join(pairs)}}}"


def samples_of(readings: Readings) -> Samples:
    """Every sample of `readings` as `name{label="value"} -> value`; a sample that appears twice fails the test."""
    found: Samples = {}
    for family, series, values in readings:
        assert len(series) == len(values), f"{family.name}: {len(series)} series, {len(values)} values"
        for labels, value in zip(series, values, strict=True):
            key = _sample(family.name, family.labels, labels)
            assert key not in found, f"{key} appears twice"
            assert isinstance(value, float), f"{key}: {value!r} is no float"
            found[key] = value
    return found


def render(readings: Readings) -> str:
    """`readings` in the Prometheus text format, families and series sorted by name."""
    lines: list[str] = []
    for family, series, values in sorted(readings, key=lambda reading: reading[0].name):
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.type}"]
        rows = zip(series, values, strict=True)
        lines += sorted(f"{_sample(family.name, family.labels, labels)} {value!r}" for labels, value in rows)
    return "\n".join(lines) + "\n"


@pytest.fixture
def recorded() -> Callable[[str], Host]:
    """`recorded("vm")` is the machine recorded in `tests/data/host/vm/`."""

    def host(name: str) -> Host:
        folder = DATA / name
        assert folder.is_dir(), f"no recorded machine {folder}"
        return Host(str(folder / "proc"), str(folder / "sys"), str(folder / "root"), "linux")

    return host


@pytest.fixture
def golden() -> Callable[[str, str, Readings], None]:
    """`golden("vm", "cpu", readings)` compares with `tests/data/host/vm/expected/cpu.prom` and names the difference."""

    def compare(name: str, kind: str, readings: Readings) -> None:
        samples_of(readings)
        path = DATA / name / "expected" / f"{kind}.prom"
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(readings), encoding="utf-8")
        assert render(readings) == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], tuple[Host, Path]]:
    """`copied("vm")` is a copy of a recorded machine that the test may change, and its folder."""

    def copy(name: str) -> tuple[Host, Path]:
        folder = tmp_path / name
        shutil.copytree(DATA / name, folder)
        return Host(str(folder / "proc"), str(folder / "sys"), str(folder / "root"), "linux"), folder

    return copy


@pytest.fixture
def same_layout() -> Callable[[Reader], None]:
    """Two runs of a reader return the very same families and label tuples, as the caller's cache of layouts needs."""

    def check(read: Reader) -> None:
        first, second = read(), read()
        assert len(first) == len(second) > 0
        for one, two in zip(first, second, strict=True):
            assert one[0] is two[0], f"{one[0].name}: another family object"
            assert one[1] is two[1], f"{one[0].name}: other label tuples"

    return check


@pytest.fixture
def samples() -> Callable[[Readings], Samples]:
    """`samples_of` for tests that look at single samples."""
    return samples_of
