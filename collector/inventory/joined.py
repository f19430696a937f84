"""The files of an inventory joined into one: every entry under its id, with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from collector.config import Config, Document, Path_, Problem, load_part, load_struct, shown
from collector.inventory.chosen import Chosen, Layers, Origin
from collector.inventory.files import (
    COLLECTOR,
    CalendarEntry,
    ClassDefaults,
    GroupEntry,
    HolidaysEntry,
    InventoryFile,
    Site,
    TargetEntry,
)
from collector.inventory.maintenance import MaintenanceEntry
from collector.inventory.templates import Made, MadeEntry
from collector.inventory.watching import UplinkEntry

PREFIXES: Final = ("site:", "group:", "agent:")
"""How ids of subjects begin that are not targets."""
_KINDS: Final = ("sites", "targets", "groups", "calendars", "holidays", "uplinks", "maintenance")
_DEFAULTS: Final = (
    ("classes", "class_", "class"),
    ("site_defaults", "site", "site"),
    ("kind_defaults", "site_kind", "site_kind"),
)
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

    def at(self, below: Path_) -> Place:
        """The place of something below this one."""
        return Place(self.document, (*self.path, *below))

    def __str__(self) -> str:
        return f"{self.document.file}:{self.document.lines.get(self.path, 0)}"

    def of_key(self, key: str) -> tuple[str, bool]:
        """`file:line` of one key of the entry, and whether a template says it."""
        if isinstance(self.document, Made):
            return self.document.place_of(key)
        lines = self.document.lines
        return f"{self.document.file}:{lines.get((*self.path, key), lines.get(self.path, 0))}", False


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
        self.uplinks: dict[str, UplinkEntry] = {}
        self.maintenance: dict[str, MaintenanceEntry] = {}
        self.classes: dict[str, ClassDefaults] = {}
        self.site_defaults: dict[str, ClassDefaults] = {}
        self.kind_defaults: dict[str, ClassDefaults] = {}
        self.layers = Layers(self.classes, self.site_defaults, self.kind_defaults, self.sites)
        self.places: dict[tuple[str, str], Place] = {}
        self.warnings: list[Problem] = []
        self.is_whole = True
        """Whether every file could be taken; with one missing, names that it defines would be called unknown."""

    def take(self, documents: Sequence[Document], made: Sequence[MadeEntry]) -> None:
        """Take what all files say, and what templates made of it."""
        for document in documents:
            part = load_struct(document, InventoryFile)
            own = {(each.kind, each.number): each for each in made if each.document is document}
            if part is not None:
                self._add(document, part, own)
                continue
            self.is_whole = False
            for each in own.values():
                self._make(each)
        for id_, entry in self.targets.items():
            if not entry.via:
                site = self.sites.get(entry.site)
                agent = site.agent if site is not None else None
                self.targets[id_] = msgspec.structs.replace(entry, via=agent or COLLECTOR)

    def _add(self, document: Document, part: InventoryFile, made: Mapping[tuple[str, int], MadeEntry]) -> None:
        """Take what one file says; an id that is already taken is a problem of that file."""
        for kind in _KINDS:
            for index, entry in enumerate(getattr(part, kind)):
                if (kind, index) in made:
                    self._make(made[kind, index])
                else:
                    self._keep(kind, entry, Place(document, (kind, index)))
        for kind, field, key in _DEFAULTS:
            for name, entry in getattr(part.defaults, field).items():
                if self._is_first(kind, name, Place(document, ("defaults", key, name)), ()):
                    getattr(self, kind)[name] = entry

    def _make(self, made: MadeEntry) -> None:
        site = () if made.site is None else (made.site,)
        for kind, struct, documents in (("sites", Site, site), ("targets", TargetEntry, made.targets)):
            for document in documents:
                entry = load_part(document, struct, document.value, ())
                if entry is None:
                    self.is_whole = False
                else:
                    self._keep(kind, entry, Place(document, ()))

    def _keep(self, kind: str, entry: Any, place: Place) -> None:
        if self._is_first(kind, entry.id, place, ("id",)):
            getattr(self, kind)[entry.id] = entry

    def _is_first(self, kind: str, id_: str, place: Place, key: Path_) -> bool:
        first = self.places.setdefault((kind, id_), place)
        if first is not place:
            at = first.of_key(str(key[0]))[0] if key else str(first)
            place.problem(key, shown(id_), f"an id used once (first at {at})")
        return first is place

    def chosen(self, entry: TargetEntry) -> Chosen:
        """What holds for a target."""
        return Chosen(entry, self.layers.of(entry), self.settings)

    def defaults(self) -> Iterator[tuple[Place, Origin, ClassDefaults]]:
        """All defaults, each with its place."""
        for kind, origin in (("classes", Origin.CLASS), ("site_defaults", Origin.SITE), ("kind_defaults", Origin.SITE_KIND)):
            for name, entry in getattr(self, kind).items():
                yield self.places[kind, name], origin, entry

    def says_via(self, id_: str) -> bool:
        """Whether a target, or its template, itself says who observes it."""
        place = self.places["targets", id_]
        if isinstance(place.document, Made):
            return "via" in place.document.origins
        return (*place.path, "via") in place.document.lines

    def place_of(self, origin: Origin, name: str, key: str) -> str:
        """`file:line` where defaults say a key."""
        kind = {Origin.CLASS: "classes", Origin.SITE: "site_defaults", Origin.SITE_KIND: "kind_defaults"}[origin]
        place = self.places.get((kind, name))
        if origin is Origin.SITE and (place is None or getattr(self.site_defaults[name], key) is None):
            place = self.places.get(("sites", name))
        return place.of_key(key)[0] if place is not None else ""

    def check_target(self, place: Place, below: Path_, id_: str, expected: str = A_TARGET) -> None:
        """`id_` is a written target or the host of an agent. While agents are not known, it is only said that it is not
        written."""
        if id_ in self.targets:
            return
        if self.agents is None:
            self.warnings.append(place.remark(below, shown(id_), expected))
        elif id_ not in self.agents:
            place.problem(below, shown(id_), expected)
