"""What reports state beside what the store knows: versions of program and rules of local time (R17.4), and names."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Final

import agent
from collector.config import Config
from collector.files import read_plain
from collector.inventory import Inventory
from collector.ledger.reports import Setup

UNKNOWN: Final = "unknown"
_FIRST_BYTES: Final = 4 * 1024 * 1024
_MARK: Final = "# version "


def setup_of(config: Config, inventory: Callable[[], Inventory]) -> Setup:
    """What reports take from configuration; `inventory` gives it as it is when a report is made."""

    def names(subject: str) -> dict[str, str]:
        vietnamese = inventory().name_of(subject, "vi")
        english = inventory().name_of(subject, "en")
        return {"en": english, "vi": vietnamese} if (english, vietnamese) != (subject, subject) else {}

    return Setup(config, agent.__version__, tzdata_version(config.time_zone), names)


def tzdata_version(zone: str) -> str:
    """Version of the time zone database that a zone is read from: the system's, else that of the package `tzdata`."""
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / zone).is_file():
            return _of_system(folder)
    return _of_package()


def _of_system(folder: Path) -> str:
    """From `tzdata.zi`, whose first line says it, or a file `+VERSION`."""
    for name in ("tzdata.zi", "+VERSION"):
        try:
            first = read_plain(folder / name, _FIRST_BYTES).split(b"\n", 1)[0].decode("ascii", "replace").strip()
        except OSError:
            continue
        found = first.removeprefix(_MARK).strip()
        if found and len(found) < 40:
            return found
    return UNKNOWN


def _of_package() -> str:
    try:
        return metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return UNKNOWN
