"""`haidang-collector inventory`: checks, shows, compares and exports what people wrote, and takes over spreadsheets."""

from __future__ import annotations

import argparse
import csv
import difflib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.probes.running import timeout_of
from collector.commands.inventory_words import word
from collector.config import Config
from collector.config_words import told_all
from collector.core.calendar import WEEKDAYS, Calendar
from collector.inventory import COLLECTOR, Inventory, load_inventory
from collector.inventory.chosen import Chosen
from collector.inventory.effective import OWN, Change, changes, effective
from collector.inventory.equipment import equip
from collector.inventory.probes import jobs_of
from collector.inventory.snmp import SNMP_KEYS
from collector.inventory.taken import Taken, load_taken, taken_of
from collector.output import CommandError, put

COLUMNS: Final = (
    "id", "name", "site", "class", "address", "via", "also_via", "parents", "probes", "profile", "auth", "objective", "policy",
    "calendar", "owner", "priority", "uplink", "interval_s", "labels",
)  # fmt: skip
"""Of a table of targets, as `import` reads it too."""
_LONGEST: Final = 100


def run(config: Config, options: argparse.Namespace) -> int:
    """Carry out one verb; the exit code. Raises `CommandError`, `ConfigError`, `OutputError`."""
    if options.verb == "import":
        from collector.commands.inventory_import import run as take

        return take(config, options)
    if not config.inventory:
        raise CommandError(word(options.lang, "no_inventory"))
    inventory = load_inventory(Path(config.inventory), None, config, equip, keep=options.verb == "show")
    if options.verb == "check":
        return _check(inventory, options.lang)
    if options.verb == "show":
        put("".join(f"{line}\n" for line in _shown(inventory, options)))
    elif options.verb == "diff":
        put("".join(f"{line}\n" for line in _diff(inventory, options)))
    else:
        put(_table_of(inventory) if options.format == "csv" else _yaml_of(inventory))
    return 0


def _check(inventory: Inventory, language: str) -> int:
    if inventory.warnings:
        sys.stderr.write(f"{told_all(inventory.warnings, language)}\n")
    observers = {observer for info in inventory.targets.values() for observer in info.observers}
    counts = {
        "targets": len(inventory.targets),
        "sites": len(inventory.sites),
        "groups": len(inventory.groups),
        "jobs": sum(len(jobs_of(inventory, observer)) for observer in observers),
        "polls": sum(len(inventory.polled(observer)) for observer in observers),
    }
    later = f"{word(language, 'via_later')}\n" if observers - {COLLECTOR} else ""
    put(f"{word(language, 'ok', **counts)}\n{later}")
    return 0


# -- show


def _shown(inventory: Inventory, options: argparse.Namespace) -> Iterator[str]:
    language, id_ = options.lang, options.target
    entry = inventory.entries.get(id_)
    if entry is None:
        near = difflib.get_close_matches(id_, inventory.entries, 3, 0.5)
        hint = word(language, "hint", names=", ".join(near)) if near else ""
        raise CommandError(word(language, "unknown", value=id_, hint=hint))
    chosen = inventory.chosen(entry)
    yield f"{id_}  {inventory.name_of(id_, language) if entry.name else ''}".rstrip()
    yield ""
    yield from _aligned([word(language, "columns").split("\t"), *_settings(inventory, chosen, language)])
    yield ""
    rows = [row for observer in chosen.observers for row in _probes(inventory, chosen, observer, language)]
    if rows:
        yield from _aligned([word(language, "probe_columns").split("\t"), *rows])
    else:
        yield word(language, "no_probes")


def _settings(inventory: Inventory, chosen: Chosen, language: str) -> Iterator[list[str]]:
    """Key, value, who says it, where: what only a target has, then what defaults may say, then SNMP."""
    entry = chosen.entry
    own = msgspec.to_builtins(entry)
    for key in OWN[2:]:
        if own.get(key) not in (None, [], {}, ()):
            who, where = _own(inventory, chosen, key)
            yield [key, _value(own[key]), word(language, who), where]
    for each in inventory.told(entry.id):
        yield [each.key, _value(_said(msgspec.to_builtins(each.value))), word(language, each.origin.value), each.place]
    yield from _snmp(inventory, chosen, language)


def _own(inventory: Inventory, chosen: Chosen, key: str) -> tuple[str, str]:
    """Who says what only a target has, and where: its observer may come from its site."""
    joined, entry = inventory.joined, chosen.entry
    if joined is None:
        return "target", ""
    if key == "via" and not joined.says_via(entry.id):
        site = joined.places.get(("sites", entry.site))
        return ("site", site.of_key("agent")[0]) if site is not None and entry.via != COLLECTOR else ("built-in", "")
    where, is_template = joined.places["targets", entry.id].of_key(key)
    return "template" if is_template else "target", where


def _snmp(inventory: Inventory, chosen: Chosen, language: str) -> Iterator[list[str]]:
    joined, said = inventory.joined, chosen.entry.snmp
    for key in SNMP_KEYS if chosen.snmp is not None else ():
        value = getattr(said, key) if said is not None else None
        if value is not None and joined is not None:
            where, is_template = joined.places["targets", chosen.entry.id].of_key("snmp")
            yield [f"snmp.{key}", _value(value), word(language, "template" if is_template else "target"), where]
            continue
        for layer in chosen.layers:
            value = getattr(layer.said.snmp, key) if layer.said.snmp is not None else None
            if value is not None:
                where = joined.place_of(layer.origin, layer.name, "snmp") if joined is not None else ""
                yield [f"snmp.{key}", _value(value), word(language, layer.origin.value), where]
                break


def _probes(inventory: Inventory, chosen: Chosen, observer: str, language: str) -> Iterator[list[str]]:
    for job in jobs_of(inventory, observer):
        if job.target == chosen.entry.id:
            timeout = f"{timeout_of(job.module, job.interval_s):g} s"
            judged = word(language, "yes" if job.judged else "no")
            times = [f"{job.interval_s} s", f"{job.retry_s:g} s", timeout]
            kind = job.module.kind if job.name == job.module.name else f"{job.module.kind} ({job.module.name})"
            yield [job.name, kind, job.address, *times, judged, observer]


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value or "-"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# -- diff


def _diff(inventory: Inventory, options: argparse.Namespace) -> Iterator[str]:
    language, settings = options.lang, inventory.settings
    old = _old(inventory, options)
    found = list(changes(effective(old, settings), effective(taken_of(inventory), settings)))
    for change in found:
        yield from _change(change, language)
    if not found:
        yield word(language, "no_change")
        return
    yield ""
    yield word(
        language,
        "counts",
        added=sum(change.old is None for change in found),
        removed=sum(change.new is None for change in found),
        changed=sum(change.old is not None and change.new is not None for change in found),
    )


def _old(inventory: Inventory, options: argparse.Namespace) -> Taken:
    settings = inventory.settings
    if options.old is not None:
        return taken_of(load_inventory(options.old, None, settings))
    taken = load_taken(Path(settings.data))
    if taken is None:
        raise CommandError(word(options.lang, "no_taken", data=settings.data))
    return taken


def _change(change: Change, language: str) -> Iterator[str]:
    kind = word(language, change.kind)
    if change.old is None or change.new is None:
        values = change.new or change.old or {}
        sign = "+" if change.old is None else "-"
        about = ", ".join(str(values[key]) for key in ("name", "site", "class", "address") if key in values)
        yield f"{sign} {kind} {change.id}" + (f" ({about})" if about else "")
        return
    yield f"~ {kind} {change.id}"
    for key in change.keys:
        before, after = change.old.get(key), change.new.get(key)
        yield f"    {key}: {_value('' if before is None else before)} -> {_value('' if after is None else after)}"


# -- export


def _table_of(inventory: Inventory) -> str:
    """All targets with what holds for them; Excel needs the mark at the beginning to know that it is UTF-8."""
    stream = io.StringIO()
    stream.write("\ufeff")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for values in effective(taken_of(inventory), inventory.settings)["targets"].values():
        snmp = values.get("snmp", {})
        row = values | {"profile": snmp.get("profile"), "auth": snmp.get("auth"), "via": values.get("via", COLLECTOR)}
        writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return stream.getvalue()


def _cell(value: Any) -> str:
    """A value as a cell. One that a spreadsheet would take for a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, dict):
        text = "; ".join(f"{key}={each}" for key, each in value.items())
    elif isinstance(value, list | tuple):
        text = "; ".join(_part(each) for each in value)
    else:
        text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _part(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " | ".join(map(str, value))
    return str(value.get("module", "")) if isinstance(value, dict) else str(value)


def _yaml_of(inventory: Inventory) -> str:
    """Everything, one entry a line, with what holds in the end: a file that the collector can read, without defaults and
    templates."""
    lines: list[str] = []
    found = effective(taken_of(inventory), inventory.settings)
    found["calendars"] = {id_: _hours(calendar) for id_, calendar in inventory.calendars.items()}
    for kind, entries in found.items():
        if entries:
            lines.append(f"{kind}:")
            lines += [f"  - {json.dumps({'id': id_} | _said(values), ensure_ascii=False)}" for id_, values in entries.items()]
    return "".join(f"{line}\n" for line in lines)


def _said(value: Any) -> Any:
    """Without what is not said, however deep."""
    if isinstance(value, dict):
        return {key: _said(each) for key, each in value.items() if each is not None}
    return [_said(each) for each in value] if isinstance(value, list | tuple) else value


def _hours(calendar: Calendar) -> dict[str, Any]:
    """A calendar as people write it."""
    days = {day: _times(spans) for day, spans in zip(WEEKDAYS, calendar.weekly, strict=True) if spans}
    special = {day.isoformat(): _times(spans) for day, spans in calendar.special.items()}
    holidays = sorted(day.isoformat() for day in calendar.holidays)
    return {"time_zone": calendar.zone, "hours": days} | {
        key: value for key, value in (("holidays", holidays), ("special_days", special)) if value
    }


def _times(spans: Iterable[tuple[int, int]]) -> list[str]:
    return [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans]


__all__ = ["COLUMNS", "run"]
