"""The inventory: sites, targets, groups and calendars as people write them, in a folder of `*.yml` files.

Hosts of enrolled agents are targets without being written down (id = agent id). An inventory is taken whole or refused
whole, with every problem named by file, line and key.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from collector.config import ConfigError, Problem
from collector.config_forms import day_of, minutes_of
from collector.core.accounts import Account, Standing
from collector.core.calendar import WEEKDAYS, Calendar
from collector.core.configuration import config_version
from collector.core.evidence import TargetInfo
from collector.core.planned import Planned
from collector.core.subject import Subject
from collector.inventory.check import check_calendars, check_defaults, check_holidays, check_targets, is_day
from collector.inventory.check_maintenance import check_maintenance
from collector.inventory.check_probes import check_probes, check_uplinks, is_any_probed
from collector.inventory.check_snmp import Names, check_snmp, is_any_polled
from collector.inventory.chosen import KEYS, Chosen, Layers, Origin, Told
from collector.inventory.equipment import Equipment, names_of, probe_modules
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
from collector.inventory.groups import check_groups, check_sites
from collector.inventory.joined import Joined
from collector.inventory.maintenance import MaintenanceEntry, planned_of
from collector.inventory.reading import read_documents
from collector.inventory.snmp import SnmpEntry
from collector.inventory.subjects import Making, critical_of, devices_of, host_entry
from collector.inventory.templates import make_entries
from collector.inventory.watching import ProbeEntry, ReadersEntry, ReflectorEntry, UplinkEntry
from collector.settings import Config

_DEFAULT: Final = Config()
_CHECKS: Final = (
    check_sites, check_targets, check_groups, check_calendars, check_holidays, check_defaults, check_uplinks, check_maintenance,
)  # fmt: skip
_PLACES: Final = {Origin.CLASS: "classes", Origin.SITE: "site_defaults", Origin.SITE_KIND: "kind_defaults"}


class Inventory(msgspec.Struct, frozen=True):
    """What is written; `targets` and `subjects` are complete only with the agents' hosts (`with_agents`, `subjects`)."""

    sites: dict[str, Site]
    targets: dict[str, TargetInfo]
    entries: dict[str, TargetEntry] = {}
    groups: dict[str, GroupEntry] = {}
    classes: dict[str, ClassDefaults] = {}
    """Defaults by class."""
    site_defaults: dict[str, ClassDefaults] = {}
    kind_defaults: dict[str, ClassDefaults] = {}
    layers: Layers = Layers({})
    """Defaults by class, site and kind of site."""
    uplinks: dict[str, UplinkEntry] = {}
    """Ways out of observers."""
    maintenance: dict[str, MaintenanceEntry] = {}
    """Windows that it asks for."""
    calendars: dict[str, Calendar] = {}
    holidays: dict[str, tuple[date, ...]] = {}
    settings: Config = _DEFAULT
    """What the collector's own file says; built-in values come from there."""
    warnings: tuple[Problem, ...] = ()
    """What is worth saying and no reason to refuse."""
    places: dict[tuple[str, str], str] = {}
    """`file:line` of each entry, by (`targets`, id), (`classes`, name) and so on."""
    joined: Joined | None = None
    """Where every key was written; kept only for who asks for it (`keep`), since it is large."""
    equipment: Equipment | None = None
    """What polling and traps need, where the inventory was loaded for that and there is any."""

    def polled(self, via: str = COLLECTOR) -> list[Chosen]:
        """The targets that `via` is to poll by SNMP, and what holds for each."""
        found = (self.chosen(entry) for entry in self.entries.values() if entry.via == via)
        return [chosen for chosen in found if chosen.snmp is not None]

    def chosen(self, entry: TargetEntry) -> Chosen:
        """What holds for a target."""
        return Chosen(entry, self.layers.of(entry), self.settings)

    def with_agents(self, accounts: Iterable[Account]) -> dict[str, TargetInfo]:
        """Every target: the hosts of enrolled agents, then what inventory says, which wins."""
        hosts = {account.id: self._info(host_entry(account)) for account in accounts if account.standing is Standing.ACTIVE}
        return hosts | self.targets

    def subjects(self, accounts: Iterable[Account]) -> dict[str, Subject]:
        """Everything that has a ledger, by subject id: targets and hosts of enrolled agents under their own id, `agent:ID`,
        `group:ID`, `site:ID` with its parts (see `collector.inventory.subjects`)."""
        making = Making(self, accounts)
        made = (*making.targets(), *making.agents(), *making.groups(self.groups.values()), *making.sites(self.sites))
        return {subject.id: subject for subject in made}

    def version(self, subjects: dict[str, Subject]) -> str:
        """The version of this configuration (R17.4), of which `subjects` are the subjects."""
        return config_version(subjects, self.calendars, self.settings.ledger, self.settings.time_zone)

    def name_of(self, subject: str, language: str = "vi") -> str:
        """The name that people read; the subject's id where none is written. Parts of a site bear the name of the site."""
        prefix, colon, id_ = subject.partition(":")
        if colon and prefix == "site":
            return _named(self.sites.get(id_.partition(":")[0]), language) or subject
        if colon and prefix == "group":
            return _named(self.groups.get(id_), language) or subject
        return _named(self.entries.get(subject), language) or subject

    def free_days(self) -> frozenset[str]:
        """Every holiday of every list as ISO dates: no working days (R11.3)."""
        return frozenset(day.isoformat() for days in self.holidays.values() for day in days)

    def planned(self) -> list[Planned]:
        """The windows that it asks for, as they are written (R11.1)."""
        return planned_of(self.maintenance, self.places, self.settings.inventory, self.settings.time_zone)

    def told(self, target: str, accounts: Iterable[Account] = ()) -> tuple[Told, ...]:
        """Every value that holds for a target, and who said it. Raises `KeyError` for what is no target."""
        hosts = {account.id: host_entry(account) for account in accounts if account.standing is Standing.ACTIVE}
        entry = self.entries[target] if target in self.entries else hosts[target]
        chosen = self.chosen(entry)
        built_in = Making(msgspec.structs.replace(self, entries=self.entries | {target: entry}), ()).built_in(chosen)
        return tuple([self._told(chosen, key, built_in[key]) for key in KEYS])

    def _told(self, chosen: Chosen, key: str, built_in: object) -> Told:
        origin, place = chosen.origin(key), ""
        if origin is Origin.TARGET and self.joined is not None and ("targets", chosen.entry.id) in self.joined.places:
            place, is_template = self.joined.places["targets", chosen.entry.id].of_key(key)
            origin = Origin.TEMPLATE if is_template else origin
        elif origin is Origin.TARGET:
            place = self.places.get(("targets", chosen.entry.id), "")
        elif (layer := chosen.source(key)) is not None and self.joined is not None:
            place = self.joined.place_of(layer.origin, layer.name, key)
        elif layer is not None:
            place = self.places.get((_PLACES[layer.origin], layer.name), "")
        return Told(key, chosen.said(key, built_in), origin, place)

    def _info(self, entry: TargetEntry) -> TargetInfo:
        return _info(self.chosen(entry))


EMPTY: Final = Inventory(sites={}, targets={})


Equip = Callable[[Config], Equipment]


def load_inventory(
    folder: Path | None,
    agents: Iterable[str] | None,
    settings: Config = _DEFAULT,
    equip: Equip | None = None,
    *,
    keep: bool = False,
) -> Inventory:
    """The inventory of `folder` (None: empty). `agents` are the ids that `via` may name; None skips that rule, for a check
    without a database. `settings` give the zone of dates and what holds where nothing is written. `equip` (see
    `collector.inventory.equipment`) is called if anything is polled or traps are heard; without it the names of credentials,
    profiles and modules are not looked up. `keep`: where every key was written is kept for `told`. Raises `ConfigError`."""
    if folder is None:
        equipment = equip(settings) if equip is not None and settings.traps.listen else None
        plain = Inventory(sites={}, targets={}, settings=settings, equipment=equipment)
        return EMPTY if settings == _DEFAULT else plain
    if not folder.is_dir():
        raise ConfigError([Problem(str(folder), 0, "inventory", "no folder", "a folder of *.yml files")])
    with _without_collection():
        inventory, joined = _load(folder, agents, settings, equip)
    return msgspec.structs.replace(inventory, joined=joined) if keep else inventory


@contextmanager
def _without_collection() -> Iterator[None]:
    """Millions of small values come into being and none of them in a ring: looking for rings takes half of a large load."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _load(folder: Path, agents: Iterable[str] | None, settings: Config, equip: Equip | None) -> tuple[Inventory, Joined]:
    documents = read_documents(folder)
    made = make_entries(documents)
    joined = Joined(None if agents is None else frozenset(agents), settings)
    joined.take(documents, made)
    if joined.is_whole:
        for check in _CHECKS:
            check(joined)
    equipment, missing = _equipped(joined, equip)
    if joined.is_whole:
        names = names_of(equipment)
        check_snmp(joined, names)
        check_probes(joined, names)
    every = [*documents, *(part for entry in made for part in entry.parts)]
    problems = list(_distinct(problem for document in every for problem in document.problems))
    if problems or missing:
        raise ConfigError([*problems, *missing])
    return msgspec.structs.replace(_taken(joined), equipment=equipment), joined


def _distinct(problems: Iterable[Problem]) -> Iterator[Problem]:
    """A mistake in a template once, not once for every site that is made from it."""
    seen: set[tuple[str, int, str, str, str]] = set()
    for problem in problems:
        hint = "" if problem.found == "an unknown key" else problem.expected
        known = (problem.file, problem.line, problem.key.partition(" (")[0], problem.found, hint)
        if known not in seen:
            seen.add(known)
            yield problem


def _equipped(joined: Joined, equip: Equip | None) -> tuple[Equipment | None, tuple[Problem, ...]]:
    """What polling needs, if there is any, and what is wrong with it."""
    if equip is None or not (joined.settings.traps.listen or is_any_polled(joined) or is_any_probed(joined)):
        return None, ()
    problems: list[Problem] = []
    equipment: Equipment | None = None
    try:
        equipment = equip(joined.settings)
    except ConfigError as error:
        problems += error.problems
    try:
        modules = probe_modules(joined.settings) if is_any_probed(joined) else {}
    except ConfigError as error:
        problems += error.problems
    if problems or equipment is None:
        return None, tuple(problems)
    return msgspec.structs.replace(equipment, modules=modules) if modules else equipment, ()


def _taken(joined: Joined) -> Inventory:
    holidays = {id_: tuple([day_of(day) for day in entry.days]) for id_, entry in joined.holidays.items()}
    return Inventory(
        sites=joined.sites,
        targets={id_: _info(joined.chosen(entry)) for id_, entry in joined.targets.items()},
        entries=joined.targets,
        groups=joined.groups,
        classes=joined.classes,
        site_defaults=joined.site_defaults,
        kind_defaults=joined.kind_defaults,
        layers=joined.layers,
        uplinks=joined.uplinks,
        maintenance=joined.maintenance,
        calendars={id_: _calendar(entry, holidays, joined.settings) for id_, entry in joined.calendars.items()},
        holidays=holidays,
        settings=joined.settings,
        warnings=tuple(joined.warnings),
        places={key: str(place) for key, place in joined.places.items()},
    )


def _info(chosen: Chosen) -> TargetInfo:
    entry = chosen.entry
    return TargetInfo(
        id=entry.id,
        site=entry.site,
        class_=entry.class_,
        via=entry.via,
        silence_means=chosen.silence_means,
        observers=chosen.observers,
    )


def _calendar(entry: CalendarEntry, holidays: dict[str, tuple[date, ...]], settings: Config) -> Calendar:
    names = (entry.holidays,) if isinstance(entry.holidays, str) else entry.holidays
    free = frozenset(day for name in names for day in (holidays[name] if name in holidays else (day_of(name),)))
    mon, tue, wed, thu, fri, sat, sun = (_minutes(getattr(entry.hours, day)) for day in WEEKDAYS)
    return Calendar(
        zone=entry.time_zone or settings.time_zone,
        weekly=(mon, tue, wed, thu, fri, sat, sun),
        holidays=free,
        special={day_of(day): _minutes(hours) for day, hours in entry.special_days.items()},
    )


def _minutes(hours: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(minutes_of(text) for text in hours))


def _named(entry: Site | GroupEntry | TargetEntry | None, language: str) -> str:
    if entry is None:
        return ""
    return entry.name_en or entry.name if language == "en" else entry.name


__all__ = [
    "COLLECTOR", "EMPTY", "CalendarEntry", "ClassDefaults", "Equipment", "GroupEntry", "HolidaysEntry", "Inventory",
    "InventoryFile", "MaintenanceEntry", "Names", "Origin", "ProbeEntry", "ReadersEntry", "ReflectorEntry", "Site", "SnmpEntry",
    "TargetEntry", "Told", "UplinkEntry", "critical_of", "devices_of", "is_day",
    "load_inventory",
]  # fmt: skip
