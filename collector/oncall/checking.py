"""What every check of the on-call file has at hand: the file, where its values stand, the inventory, what exists by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec

from collector.config import Config, Document, Path_, Problem, shown
from collector.config_forms import notify_of
from collector.inventory import Inventory
from collector.oncall.files import HoursEntry, OnCallEntry

NAMES: Final[dict[str, str]] = {
    "receiver": "the name of a receiver under `receivers`",
    "person": "the name of a person under `people`",
    "rota": "the name of a rota under `rotas`",
    "escalation": "the name of an escalation under `escalations`",
    "site": "the id of a site in this inventory",
    "group": "the id of a group in this inventory",
    "calendar": "the id of a calendar in this inventory",
}
"""What a name should have been; `, such as X` follows where something like it exists."""


class Checking:
    """One on-call file while it is checked. `template_problem` says what is wrong with a template, if it is given."""

    def __init__(
        self,
        document: Document,
        entry: OnCallEntry,
        inventory: Inventory | None,
        config: Config,
        template_problem: Callable[[Path], str] | None = None,
    ) -> None:
        self.document = document
        self.entry = entry
        self.inventory = inventory
        self.zone = config.time_zone
        self.folder = Path(document.file).parent
        self.template_problem = template_problem
        self.warnings: list[Problem] = []
        self.used: set[tuple[str, str]] = set()
        """What is named somewhere, by (`receivers`, name) and so on."""

    def problem(self, path: Path_, found: str, expected: str) -> None:
        """Refuse the file for a value."""
        self.document.problem(path, found, expected)

    def remark(self, path: Path_, found: str, expected: str) -> None:
        """Say something of a value."""
        self.warnings.append(self.document.remark(path, found, expected))

    def name(self, path: Path_, what: str, name: str) -> None:
        """A name must be one that exists in this file."""
        section = "people" if what == "person" else f"{what}s"
        known: dict[str, object] = getattr(self.entry, section)
        if name in known:
            self.used.add((section, name))
        else:
            self._unknown(path, what, name, known)

    def names(self, path: Path_, what: str, names: Iterable[str]) -> None:
        """Each of a list must exist, and stand there once."""
        seen: set[str] = set()
        for index, name in enumerate(names):
            self.name((*path, index), what, name)
            if name in seen:
                self.problem((*path, index), shown(name), "each name once")
            seen.add(name)

    def notify(self, path: Path_, names: tuple[str, ...]) -> None:
        """Whom a step or a digest goes to."""
        if not names:
            self.problem(path, "an empty list", "rota:NAME, person:NAME or receiver:NAME")
        for index, text in enumerate(names):
            what, name = notify_of(text)
            self.name((*path, index), what, name)
            if text in names[:index]:
                self.problem((*path, index), shown(text), "each name once")

    def of_inventory(self, path: Path_, what: str, name: str, known: Collection[str]) -> None:
        """A name must be one that exists in the inventory, if that is at hand."""
        if self.inventory is not None and name not in known:
            self._unknown(path, what, name, known)

    def _unknown(self, path: Path_, what: str, name: str, known: Collection[str]) -> None:
        near = difflib.get_close_matches(name, known, 1)
        self.problem(path, shown(name), NAMES[what] + "".join(f", such as {each}" for each in near))

    def hours(self, path: Path_, entry: HoursEntry) -> None:
        """Calendars exist, and lists are not empty."""
        known = self.inventory.calendars if self.inventory is not None else {}
        for key in ("calendar", "outside"):
            name = getattr(entry, key)
            if name is not None:
                self.of_inventory((*path, key), "calendar", name, known)
        for key in ("hours", "days"):
            if getattr(entry, key) == ():
                self.problem((*path, key), "an empty list", "hours that come")


def field_count(entry: msgspec.Struct, *names: str) -> int:
    """How many of these fields of a struct say something."""
    return sum(1 for name in names if getattr(entry, name))
