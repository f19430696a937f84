"""The files of an inventory joined into one: every entry under its id, with the place where it stands."""

from __future__ import annotations

from typing import Final, NamedTuple

from collector.config import Config, Document, Path_, Problem, shown
from collector.inventory.chosen import Chosen
from collector.inventory.files import (
    CalendarEntry,
    ClassDefaults,
    GroupEntry,
    HolidaysEntry,
    InventoryFile,
    Site,
    TargetEntry,
)

PREFIXES: Final = ("site:", "group:", "agent:")
"""How ids of subjects begin that are not targets."""
A_TARGET: Final = "the id of a target: one written here or the host of an agent"


class Place(NamedTuple):
    """Where an entry stands."""

    document: Document
    path: Path_

    def problem(self, below: Path_, found: str, expected: str) -> None:
        """Note a problem at a key below this place."""
        self.document.problem((*self.path, *below), found, expected)

    def remark(self, below: Path_, found: str, expected: str) -> Problem:
        """What is worth saying about a key below this place, and not wrong."""
        return self.document.remark((*self.path, *below), found, expected)

    def __str__(self) -> str:
        return f"{self.document.file}:{self.document.lines.get(self.path, 0)}"


class Joined:
    """All entries of all files by id; the first of two with the same id stays. `agents`: ids of agents, None if not known."""

    def __init__(self, agents: frozenset[str] | None, settings: Config) -> None:
        self.agents = agents
        self.settings = settings
        self.sites: dict[str, Site] = {}
        self.targets: dict[str, TargetEntry] = {}
        self.groups: dict[str, GroupEntry] = {}
        self.calendars: dict[str, CalendarEntry] = {}
        self.holidays: dict[str, HolidaysEntry] = {}
        self.classes: dict[str, ClassDefaults] = {}
        self.places: dict[tuple[str, str], Place] = {}
        self.warnings: list[Problem] = []

    def add(self, document: Document, part: InventoryFile) -> None:
        """Take what one file says; an id that is already taken is a problem of that file."""
        for kind in ("sites", "targets", "groups", "calendars", "holidays"):
            kept = getattr(self, kind)
            for index, entry in enumerate(getattr(part, kind)):
                if self._is_first(kind, entry.id, Place(document, (kind, index)), ("id",)):
                    kept[entry.id] = entry
        for name, entry in part.defaults.class_.items():
            if self._is_first("classes", name, Place(document, ("defaults", "class", name)), ()):
                self.classes[name] = entry

    def _is_first(self, kind: str, id_: str, place: Place, key: Path_) -> bool:
        first = self.places.setdefault((kind, id_), place)
        if first is not place:
            at = first.document.lines.get((*first.path, *key), 0)
            place.problem(key, shown(id_), f"an id used once (first at {first.document.file}:{at})")
        return first is place

    def chosen(self, entry: TargetEntry) -> Chosen:
        """What holds for a target."""
        return Chosen(entry, self.classes.get(entry.class_), self.settings)

    def check_target(self, place: Place, below: Path_, id_: str, expected: str = A_TARGET) -> None:
        """`id_` is a written target or the host of an agent. While agents are not known, it is only said that it is not
        written."""
        if id_ in self.targets:
            return
        if self.agents is None:
            self.warnings.append(place.remark(below, shown(id_), expected))
        elif id_ not in self.agents:
            place.problem(below, shown(id_), expected)
