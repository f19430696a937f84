"""The inventory that the collector last took, kept in its data folder, so that a person can see what another would change.

It holds what people wrote and no secret: credentials are named in an inventory, never written.
"""

from __future__ import annotations

import contextlib
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from collector.core.calendar import Calendar
from collector.inventory.files import ClassDefaults, GroupEntry, Site, TargetEntry
from collector.inventory.maintenance import MaintenanceEntry
from collector.inventory.watching import UplinkEntry

if TYPE_CHECKING:
    from collector.inventory import Inventory

FILE: Final = "inventory-taken.json"


class Taken(msgspec.Struct, frozen=True):
    """What was taken."""

    sites: dict[str, Site] = {}
    entries: dict[str, TargetEntry] = {}
    groups: dict[str, GroupEntry] = {}
    uplinks: dict[str, UplinkEntry] = {}
    maintenance: dict[str, MaintenanceEntry] = {}
    classes: dict[str, ClassDefaults] = {}
    site_defaults: dict[str, ClassDefaults] = {}
    kind_defaults: dict[str, ClassDefaults] = {}
    calendars: dict[str, Calendar] = {}
    holidays: dict[str, tuple[date, ...]] = {}


def taken_of(inventory: Inventory) -> Taken:
    """What of an inventory is kept."""
    return Taken(**{name: getattr(inventory, name) for name in Taken.__struct_fields__})


def keep_taken(data: Path, inventory: Inventory) -> None:
    """Keep it. That it cannot be written is no reason to stop: it is for people who compare."""
    file = data / FILE
    body = msgspec.json.encode(taken_of(inventory))
    with contextlib.suppress(OSError):
        handle = os.open(file.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as stream:
            stream.write(body)
        os.replace(file.with_suffix(".new"), file)


def load_taken(data: Path) -> Taken | None:
    """What was kept; None if nothing was, or it is of no use."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Taken)
    except (OSError, msgspec.MsgspecError):
        return None
