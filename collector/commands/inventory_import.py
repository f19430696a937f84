"""`haidang-collector inventory import`: a spreadsheet saved as CSV becomes inventory for people to review, all or none."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from collector.commands.import_file import MAX_BYTES, MAX_ROWS, EncodingError, SheetText, read_sheet
from collector.commands.import_headers import Headers, find_headers, plain
from collector.commands.import_rows import Imported, Importing, Row, Wanted
from collector.commands.inventory_options import KEYS
from collector.commands.inventory_words import word
from collector.config import Config, ConfigError, Problem
from collector.files import read_plain
from collector.inventory import Inventory, load_inventory
from collector.inventory.equipment import probe_modules
from collector.output import CommandError, put

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null", "none", "nan", "inf"})
_FIELDS: Final = (
    "id", "name", "site", "class", "address", "via", "also_via", "parents", "labels", "objective", "policy", "calendar",
    "interval_s", "owner", "probes", "snmp", "priority", "uplink",
)  # fmt: skip


def run(config: Config, options: argparse.Namespace) -> int:
    """Read, then write or print; the exit code. Raises `CommandError`, `ConfigError` with every row that is wrong,
    `OutputError`."""
    language = options.lang
    if options.output is not None and options.output.exists():
        raise CommandError(word(language, "exists", file=options.output))
    inventory = load_inventory(Path(config.inventory) if config.inventory else None, None, config)
    sheet = _sheet(options)
    headers = _headers(sheet, options)
    importing = Importing(headers, inventory, Wanted(str(options.file), options.site, options.class_, options.new))
    imported = importing.read(sheet.rows)
    problems = [*importing.problems, *_broken(sheet, options), *_unknown_modules(config, inventory, imported, options)]
    if problems:
        raise ConfigError(problems)
    _report(sheet, headers, imported, options)
    text = "".join(f"{line}\n" for line in _lines(imported, sheet, options))
    if options.output is None:
        put(text)
    else:
        _write(options.output, text, language)
        put(f"{word(language, 'written', file=options.output, targets=len(imported.targets), sites=len(imported.sites))}\n")
    return 0


def _sheet(options: argparse.Namespace) -> SheetText:
    language, file = options.lang, options.file
    try:
        return read_sheet(read_plain(file, MAX_BYTES), options.encoding)
    except OSError as error:
        raise CommandError(word(language, "unreadable", file=file, why=error.strerror or error)) from error
    except LookupError as error:
        raise CommandError(word(language, "unknown_encoding", value=options.encoding)) from error
    except EncodingError as error:
        raise CommandError(word(language, "bad_encoding", file=file, encoding=error)) from error


def _headers(sheet: SheetText, options: argparse.Namespace) -> Headers:
    mapped: dict[str, str] = {}
    for given in options.map:
        header, equals, key = given.rpartition("=")
        if not equals or key.strip() not in KEYS or not plain(header):
            raise CommandError(word(options.lang, "bad_map", value=given, keys=", ".join(KEYS)))
        mapped[plain(header)] = key.strip()
    found = find_headers(sheet.rows, mapped)
    if found is None:
        expected = "a row of headers, such as Mã, Tên, Địa chỉ IP, Loại, Địa điểm"
        raise ConfigError([Problem(str(options.file), 1, "", "no headers that are known", expected)])
    texts = {plain(part) for text in (*found.texts.values(), *sheet.rows[found.row - 1]) for part in (text,)}
    for given in options.map:
        if plain(given.rpartition("=")[0]) not in texts:
            raise CommandError(word(options.lang, "map_nothing", value=given))
    return found


def _broken(sheet: SheetText, options: argparse.Namespace) -> Iterator[Problem]:
    if sheet.broken:
        yield Problem(str(options.file), sheet.broken, "", "quotes that do not end or text behind them", "quotes in pairs")
    elif len(sheet.rows) >= MAX_ROWS:
        yield Problem(str(options.file), MAX_ROWS, "", "more rows than are read", "several smaller tables")


def _unknown_modules(
    config: Config, inventory: Inventory, imported: Imported, options: argparse.Namespace
) -> Iterator[Problem]:
    """Probes and ways out that there are not."""
    named = [(row, name) for row in imported.targets for name in row.values.get("probes", ())]
    modules = probe_modules(config) if named else {}
    for row, name in named:
        if name not in modules:
            near = difflib.get_close_matches(name, modules, 1)
            expected = f"the name of a module of probes, such as {near[0]}" if near else "the name of a module of probes"
            yield Problem(str(options.file), row.number, "probes", json.dumps(name, ensure_ascii=False), expected)
    for row in imported.targets:
        for key, known, expected in (
            ("uplink", inventory.uplinks.keys(), "the id of a way out under `uplinks`"),
            ("calendar", inventory.calendars.keys(), "the id of a calendar in this inventory"),
        ):
            value = row.values.get(key)
            if value is not None and value not in known:
                yield Problem(str(options.file), row.number, key, json.dumps(value, ensure_ascii=False), expected)


def _report(sheet: SheetText, headers: Headers, imported: Imported, options: argparse.Namespace) -> None:
    language = options.lang
    separator = word(language, sheet.separator)
    said = {"file": options.file, "encoding": sheet.encoding, "separator": separator}
    sys.stderr.write(f"{word(language, 'read_as', **said, row=headers.row, count=len(imported.targets))}\n")
    if headers.unread:
        sys.stderr.write(f"{word(language, 'not_read', columns=', '.join(headers.unread))}\n")


def _write(file: Path, text: str, language: str) -> None:
    """A new file, never an old one, and never half of one."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("x", encoding="utf-8") as draft:
            draft.write(text)
        os.link(beside, file)
    except FileExistsError as error:
        raise CommandError(word(language, "exists", file=file)) from error
    except OSError as error:
        raise CommandError(word(language, "unwritable", file=file, why=error.strerror or error)) from error
    finally:
        beside.unlink(missing_ok=True)


def _lines(imported: Imported, sheet: SheetText, options: argparse.Namespace) -> Iterator[str]:
    language = options.lang
    head = word(language, "head", file=options.file.name, encoding=sheet.encoding, targets=len(imported.targets))
    yield f"# {_flat(head)}"
    if imported.sites:
        yield "sites:"
        yield from (f"  - {_flow(site)}" for site in imported.sites.values())
    yield "targets:"
    for row in imported.targets:
        yield f"  # {_flat(_about(row, language))}"
        values = {key: row.values[key] for key in _FIELDS if row.values.get(key) not in (None, "", [], {})}
        yield f"  - {_flow(values)}"
    if imported.groups:
        yield "groups:"
    for id_, name in imported.groups.items():
        entry: dict[str, Any] = {"id": id_, "name": name, "rule": "pooled", "members": [{"labels": {"group": id_}}]}
        yield f"  - {_flow(entry)}"


def _about(row: Row, language: str) -> str:
    name = row.values.get("name", "")
    text = word(language, "made_id" if row.made_id else "row", row=row.number, value=name or row.values["id"])
    return f"{text}: {row.note}" if row.note else text


def _flat(text: str) -> str:
    return "".join([each if each.isprintable() else " " for each in text])


def _flow(value: Any) -> str:
    """A value as YAML of one line. Text that could be read as anything else stands in quotes, as JSON has them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        is_plain = _PLAIN.match(value) is not None and value.lower() not in _WORDS
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
