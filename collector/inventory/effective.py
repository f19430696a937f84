"""What holds in the end: every target with all that its defaults say, as plain values, and what two inventories differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from collector.inventory.chosen import KEYS, Chosen, Layers
from collector.inventory.files import TargetEntry
from collector.inventory.taken import Taken
from collector.settings import Config

OWN: Final = ("id", "name", "name_en", "site", "class", "via", "address", "parents", "in_service", "labels")
"""Keys that only a target itself has."""
_NOT_TOLD: Final = ("template", "values", "targets")
Entries = dict[str, dict[str, Any]]


class Change(NamedTuple):
    """One entry that was added (`old` is None), removed (`new` is None), or has other values under some keys."""

    kind: str
    id: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None

    @property
    def keys(self) -> list[str]:
        """Keys whose values differ."""
        old, new = self.old or {}, self.new or {}
        return [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]


def effective(taken: Taken, settings: Config) -> dict[str, Entries]:
    """All entries by kind and id; of targets what holds for them, whoever says it."""
    layers = Layers(taken.classes, taken.site_defaults, taken.kind_defaults, taken.sites)
    ways = {id_: uplink.via for id_, uplink in taken.uplinks.items()}
    return {
        "sites": {id_: _plain(site, _NOT_TOLD) for id_, site in taken.sites.items()},
        "targets": {id_: _values(Chosen(entry, layers.of(entry), settings), ways) for id_, entry in taken.entries.items()},
        "groups": {id_: _plain(group) for id_, group in taken.groups.items()},
        "uplinks": {id_: _plain(uplink) for id_, uplink in taken.uplinks.items()},
        "maintenance": {id_: _plain(entry) for id_, entry in taken.maintenance.items()},
        "calendars": {id_: _plain(calendar) for id_, calendar in taken.calendars.items()},
        "holidays": {id_: {"days": [day.isoformat() for day in days]} for id_, days in taken.holidays.items()},
    }


def _values(chosen: Chosen, ways: Mapping[str, str]) -> dict[str, Any]:
    """What a target and its defaults say, key by key as in the files. A way out of its site that none of its observers takes
    does not hold for it. `ways`: whose each is."""
    own = _plain(chosen.entry)
    found: dict[str, Any] = {key: own[key] for key in OWN if key in own}
    for key in KEYS:
        value = chosen.said(key, None)
        if value is not None and (key != "uplink" or ways.get(value) in chosen.observers):
            found[key] = msgspec.to_builtins(value)
    snmp = chosen.snmp
    if snmp is not None:
        found["snmp"] = _plain(snmp)
    return found


def _plain(entry: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(entry)
    return {key: value for key, value in values.items() if value not in (None, "", [], {}, ()) and key not in without}


def changes(old: Mapping[str, Entries], new: Mapping[str, Entries]) -> Iterator[Change]:
    """What was added, removed and changed, kind by kind and by id."""
    for kind in new:
        before, after = old.get(kind, {}), new[kind]
        for id_ in sorted({*before, *after}):
            change = Change(kind, id_, before.get(id_), after.get(id_))
            if change.keys:
                yield change


__all__ = ["OWN", "Change", "Entries", "TargetEntry", "changes", "effective"]
