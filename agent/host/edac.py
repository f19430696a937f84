"""Kind `edac`: memory errors that the controllers corrected or could not correct, from `/sys/devices/system/edac/mc`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, Series, counter, guarded
from agent.model import Family, Readings

_METRICS: Final = (
    ("ce_count", counter("node_edac_correctable_errors_total", "Total correctable memory errors.", "controller")),
    ("ue_count", counter("node_edac_uncorrectable_errors_total", "Total uncorrectable memory errors.", "controller")),
)
_CSROW: Final = ("controller", "csrow")
_CSROW_METRICS: Final = (
    (
        "ce",
        counter("node_edac_csrow_correctable_errors_total", "Total correctable memory errors for this csrow.", *_CSROW),
    ),
    (
        "ue",
        counter("node_edac_csrow_uncorrectable_errors_total", "Total uncorrectable memory errors for this csrow.", *_CSROW),
    ),
)
UNKNOWN: Final = "unknown"
"""Row of errors whose place the controller could not tell."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's memory error counters."""
    folder = f"{host.sys}/devices/system/edac/mc"
    known: list[str] = []
    metrics: list[tuple[Family, Series, list[File]]] = []

    def read() -> Readings:
        nonlocal known, metrics
        names = os.listdir(folder)
        if names != known:
            metrics = _look(folder, names)
            known = names
        if not metrics:
            raise NoData(f"{folder}: no memory controller")
        return [(family, series, [float(file.read()) for file in files]) for family, series, files in metrics]

    return guarded(read, folder)


def _look(folder: str, names: list[str]) -> list[tuple[Family, Series, list[File]]]:
    controllers = sorted((name for name in names if name.startswith("mc") and name[2:].isdecimal()), key=lambda mc: int(mc[2:]))
    metrics: list[tuple[Family, Series, list[File]]] = []
    for file, family in _METRICS:
        paths = {(mc[2:],): f"{folder}/{mc}/{file}" for mc in controllers}
        metrics.append((family, tuple(paths), _files(paths.values())))
    for sort, family in _CSROW_METRICS:
        rows: dict[tuple[str, ...], str] = {}
        for mc in controllers:
            rows |= _rows(f"{folder}/{mc}", mc[2:], sort)
        metrics.append((family, tuple(rows), _files(rows.values())))
    return [metric for metric in metrics if metric[1]]


def _rows(path: str, controller: str, sort: str) -> dict[tuple[str, ...], str]:
    """Labels and counter file of each row of a controller, and of the errors without a row."""
    rows: dict[tuple[str, ...], str] = {(controller, UNKNOWN): f"{path}/{sort}_noinfo_count"}
    for name in sorted(os.listdir(path)):
        if name.startswith("csrow") and name[5:].isdecimal():
            rows[controller, name[5:]] = f"{path}/{name}/{sort}_count"
    return rows


def _files(paths: Iterable[str]) -> list[File]:
    return [File(path, size=64, whole=False) for path in paths]
