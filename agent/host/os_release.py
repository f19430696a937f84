"""Kind `os`: the distribution's name and version from `os-release`, as `node_os_info` and `node_os_version`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import Host, NoData, Reader, Series, gauge, guarded, read_once, text
from agent.model import Readings

_LABELS: Final = (
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
)
INFO: Final = gauge(
    "node_os_info",
    "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, "
    "variant, variant_id, version, version_codename, version_id.",
    *_LABELS,
)
_VERSION_LABELS: Final = ("id", "id_like", "name")
VERSION: Final = gauge("node_os_version", "Metric containing the major.minor part of the OS version.", *_VERSION_LABELS)
_PATHS: Final = ("/etc/os-release", "/usr/lib/os-release")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the distribution. The file is parsed again only when it was changed."""
    reader = _Release([host.in_root(path) for path in _PATHS])
    return guarded(reader.read, _PATHS[0])


class _Release:
    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._stamp: tuple[str, int, int] | None = None
        self._readings: Readings = ()

    def read(self) -> Readings:
        stamp = self._find()
        if stamp != self._stamp:
            self._readings = _readings(parse(text(read_once(stamp[0], 65_536))))
            self._stamp = stamp
        return self._readings

    def _find(self) -> tuple[str, int, int]:
        for path in self._paths:
            try:
                found = os.stat(path)
            except OSError:
                continue
            return path, found.st_mtime_ns, found.st_ino
        raise NoData(f"{' and '.join(self._paths)}: no such file")


def _readings(values: dict[str, str]) -> Readings:
    if not values:
        raise ValueError("no line NAME=value")
    info: Series = (tuple(values.get(label.upper(), "") for label in _LABELS),)
    version = _major_minor(values.get("VERSION_ID", ""))
    if version is None:
        return [(INFO, info, (1.0,))]
    labels: Series = (tuple(values.get(label.upper(), "") for label in _VERSION_LABELS),)
    return [(INFO, info, (1.0,)), (VERSION, labels, (version,))]


def _major_minor(version_id: str) -> float | None:
    """12 for `12`, 22.04 for `22.04`, 9.3 for `9.3.1`; none for what does not start with a number."""
    digits = version_id.split(".")
    if not (digits[0].isascii() and digits[0].isdigit()):
        return None
    minor = digits[1] if len(digits) > 1 and digits[1].isascii() and digits[1].isdigit() else "0"
    return float(f"{digits[0]}.{minor}")


def parse(content: str) -> dict[str, str]:
    """Assignments of an os-release file (os-release(5)): shell quoting, no expansion; other lines are skipped."""
    values: dict[str, str] = {}
    for line in content.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            values[name] = _unquoted(value)
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    characters = iter(value)
    return "".join(next(characters, "") if character == "\\" else character for character in characters)
