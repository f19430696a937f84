"""Loads tables of notifications (`notifications.yml`): the one that comes with the program, then a site's own.

Strict: an unknown key, a word that is missing or an OID with two meanings is refused, with file, line and key.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from agent.sheets.sheet import Key, Sheet, SheetError
from collector.config import shown
from collector.poll.trap_table import Notification, Table

FILE = "notifications.yml"


class _File(msgspec.Struct, frozen=True):
    notifications: tuple[Notification, ...]


def load_table(files: Sequence[Path]) -> Table:
    """The table of all `files`. An entry of a later file replaces the entry of the same name, and takes the OIDs that it
    names from every other. Raises `SheetError` with all problems of all files."""
    sheets = [Sheet(file) for file in files]
    loaded = [(sheet, sheet.convert(_File)) for sheet in sheets]
    entries: dict[str, Notification] = {}
    for sheet, content in loaded:
        if content is None:
            continue
        _check(sheet, content.notifications)
        taken = {oid for each in content.notifications for oid in (*each.oids, *each.under)}
        entries = {name: _without(each, taken) for name, each in entries.items()}
        entries |= {each.name: each for each in content.notifications}
    problems = [problem for sheet in sheets for problem in sheet.problems]
    if problems:
        raise SheetError(problems)
    return Table([each for each in entries.values() if each.oids or each.under])


def _without(entry: Notification, taken: set[str]) -> Notification:
    if taken.isdisjoint((*entry.oids, *entry.under)):
        return entry
    oids, under = ([oid for oid in some if oid not in taken] for some in (entry.oids, entry.under))
    return msgspec.structs.replace(entry, oids=tuple(oids), under=tuple(under))


def _check(sheet: Sheet, entries: Sequence[Notification]) -> None:
    names: dict[str, int] = {}
    oids: dict[str, str] = {}
    raised = {each.raises for each in entries if each.raises}
    for index, each in enumerate(entries):
        at: Key = ("notifications", index)
        if names.setdefault(each.name, index) != index:
            sheet.say((*at, "name"), f"{shown(each.name)} a second time", "each name once")
        places = [("oids", place, oid) for place, oid in enumerate(each.oids)]
        for key, place, oid in (*places, *[("under", place, oid) for place, oid in enumerate(each.under)]):
            if f"{key} {oid}" in oids:
                sheet.say((*at, key, place), f"{oid}, which {oids[f'{key} {oid}']} has too", "each OID once")
            oids.setdefault(f"{key} {oid}", each.name)
        _check_entry(sheet, at, each, raised)


def _check_entry(sheet: Sheet, at: Key, entry: Notification, raised: set[str]) -> None:
    if not entry.oids and not entry.under:
        sheet.say(at, f"{entry.name} without an OID", "`oids` or `under`")
    roles = [name for name in ("raises", "clears", "severity") if getattr(entry, name)]
    if len(roles) > 1:
        sheet.say((*at, roles[1]), f"{roles[1]} beside {roles[0]}", "one of raises, clears, severity")
    if entry.clears and entry.clears not in raised:
        sheet.say((*at, "clears"), shown(entry.clears), "an alarm that another entry of the file raises")
