"""Rows of a spreadsheet as sites and targets, and everything that is wrong with them: each problem with row and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from collector.commands.import_headers import Headers, plain
from collector.config import Problem, is_id, shown
from collector.config_forms import FORMS, ID, LABEL, PERCENT, TEXT
from collector.inventory import COLLECTOR, Inventory
from collector.inventory.watching import PRIORITIES

_CLASSES: Final[dict[str, str]] = {
    word: class_
    for class_, words in {
        "server": "may chu, server, may chu vat ly, may chu ao",
        "switch": "thiet bi chuyen mach, bo chuyen mach, chuyen mach, switch, switch loi, switch truy nhap",
        "router": "bo dinh tuyen, thiet bi dinh tuyen, dinh tuyen, router",
        "firewall": "tuong lua, firewall",
        "ups": "bo luu dien, luu dien, ups",
        "pdu": "thanh nguon, thanh phan phoi nguon, pdu",
        "storage": "luu tru, thiet bi luu tru, storage, san",
        "link": "duong truyen, kenh truyen, link, line",
        "room": "phong hop, phong hop truc tuyen, diem cau, diem hop, room, video room",
        "web": "trang thong tin dien tu, cong thong tin, cong thong tin dien tu, trang web, website, web",
        "service": "dich vu, service",
        "environment": "moi truong, cam bien, environment, sensor",
        "access-point": "bo phat wifi, wifi, access point, ap",
    }.items()
    for word in words.split(", ")
}
"""What people call classes -> the class."""
_PRIORITIES: Final = {
    "quan trong": "critical",
    "cao": "critical",
    "high": "critical",
    "trung binh": "normal",
    "thuong": "normal",
    "thap": "low",
}
_HOST: Final = "host name or IP address"
_LIST: Final = re.compile(r"[,;]")
_SPACE: Final = "letters or digits, from which an id can be made"


class Row(NamedTuple):
    """One target: the row from which it comes, what is written of it, and whether its id was made of its name."""

    number: int
    values: dict[str, Any]
    made_id: bool
    note: str


class Imported(NamedTuple):
    """What was read."""

    targets: list[Row]
    sites: dict[str, dict[str, Any]]
    groups: dict[str, str]


class Wanted(NamedTuple):
    """What is said beside the rows: their file, defaults for site and class, and whether new ones may be made."""

    file: str
    site: str = ""
    class_: str = ""
    new: bool = False


def slug(text: str) -> str:
    """An id of a name: `Huyện Tứ Kỳ` is `huyen-tu-ky`; "" of a name without letters and digits."""
    return plain(text).replace(" ", "-")[:128].strip("-")


def letter(column: int) -> str:
    """The name that spreadsheets give a column: 0 is A, 26 is AA."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


class Importing:
    """Reads the rows once; `problems` has everything that is wrong afterwards."""

    def __init__(self, headers: Headers, inventory: Inventory, wanted: Wanted) -> None:
        self.problems: list[Problem] = []
        self._headers = headers
        self._inventory = inventory
        self._wanted = wanted
        self._columns = {key: column for column, key in reversed(headers.keys.items())}
        self._sites = {
            plain(text): id_ for id_, site in inventory.sites.items() for text in (id_, site.name, site.name_en) if text
        }
        self._new_sites: dict[str, dict[str, Any]] = {}
        self._classes = {plain(id_): id_ for id_ in (*inventory.classes, *(each.class_ for each in inventory.entries.values()))}
        self._groups: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def read(self, rows: Sequence[Sequence[str]]) -> Imported:
        """Sites and targets of the rows below the header."""
        self._check_columns()
        taken = [(number, row) for number, row in enumerate(rows, 1) if number > self._headers.last and any(row)]
        if not taken:
            self._say(self._headers.last + 1, None, "nothing", "rows with targets")
        targets = [target for number, row in self._distinct(taken) if (target := self._target(number, row)) is not None]
        targets = self._named(targets)
        for target in targets:
            self._resolve(target)
        return Imported(targets, self._new_sites, self._groups)

    def _say(self, row: int, key: str | None, found: str, expected: str) -> None:
        column = self._columns.get(key) if key is not None else None
        where = f"{letter(column)}{row} ({self._headers.texts[column]})" if column is not None else key or ""
        self.problems.append(Problem(self._wanted.file, row, where, found, expected))

    def _check_columns(self) -> None:
        seen: dict[str, int] = {}
        for column, key in self._headers.keys.items():
            if key in seen:
                first = letter(seen[key])
                where = f"{letter(column)}{self._headers.row} ({self._headers.texts[column]})"
                expected = f"one column for {key} (first in column {first})"
                self.problems.append(
                    Problem(self._wanted.file, self._headers.row, where, f"a second column for {key}", expected)
                )
            seen.setdefault(key, column)
        if "id" not in seen and "name" not in seen:
            self._say(self._headers.row, None, "nothing", "a column for id or name")

    def _distinct(self, rows: Sequence[tuple[int, Sequence[str]]]) -> Iterator[tuple[int, Sequence[str]]]:
        seen: dict[tuple[str, ...], int] = {}
        read = sorted(self._headers.keys)
        for number, row in rows:
            cells = tuple(row[column] if column < len(row) else "" for column in read)
            first = seen.setdefault(cells, number)
            if first != number and any(cells):
                self._say(number, None, f"the same as row {first}", "each target once")
            elif any(cells):
                yield number, row

    def _target(self, number: int, row: Sequence[str]) -> Row | None:
        cells = {key: row[column].strip() for key, column in self._columns.items() if column < len(row)}
        cells = {key: value[1:] if value[:1] == "'" else value for key, value in cells.items() if value}
        values: dict[str, Any] = {}
        name = cells.get("name", "")
        given = cells.get("id", "")
        id_ = given if is_id(given) else slug(given or name)
        if not id_:
            self._say(number, "id" if given else "name", shown(given or name) if given or name else "nothing", _SPACE)
        values["id"] = id_
        self._text(number, cells, values, "name")
        values["site"] = self._site(number, cells)
        values["class"] = self._class(number, cells)
        for key, read in _READ.items():
            if key in cells:
                read(self, number, cells[key], values)
        for key in ("owner",):
            self._text(number, cells, values, key)
        note = cells.get("note", "")
        return Row(number, values, id_ != given, note)

    def _text(self, number: int, cells: Mapping[str, str], values: dict[str, Any], key: str) -> None:
        text = cells.get(key, "")
        if text and not FORMS[TEXT](text):
            self._say(number, key, shown(text), TEXT)
        elif text:
            values[key] = text

    # -- sites, classes

    def _site(self, number: int, cells: Mapping[str, str]) -> str:
        said, name = cells.get("site", ""), cells.get("site_name", "")
        text = said or name or self._wanted.site
        key = "site" if said or "site" in self._columns else "site_name"
        if not text:
            self._say(number, key, "nothing", "a site")
            return ""
        known = self._sites.get(plain(text)) or self._sites.get(plain(name))
        if known is not None:
            return known
        id_ = text if is_id(text) else slug(text)
        if not id_:
            self._say(number, key, shown(text), _SPACE)
        elif self._inventory.sites and not self._wanted.new:
            self._say(number, key, shown(text), "a site of the inventory, by id or name (--new takes others)")
        else:
            full = name or ("" if id_ == text else text)
            self._new_sites[id_] = {"id": id_} | ({"name": full} if full else {})
            if cells.get("district"):
                self._new_sites[id_]["district"] = cells["district"]
            self._sites |= {plain(each): id_ for each in (text, name, id_) if each}
        return id_

    def _class(self, number: int, cells: Mapping[str, str]) -> str:
        text = cells.get("class", "") or self._wanted.class_
        if not text:
            self._say(number, "class", "nothing", "a class")
            return ""
        bare = plain(text)
        known = self._classes.get(bare) or _CLASSES.get(bare)
        if known is not None:
            return known
        if self._wanted.new and slug(text):
            return slug(text)
        known_ones = sorted({*self._classes.values(), *_CLASSES.values()})
        self._say(number, "class", shown(text), f"a class that is known: {', '.join(known_ones[:20])} (--new takes others)")
        return ""

    # -- single cells

    def formed(self, number: int, key: str, text: str, form: str) -> str | None:
        """A text that must have a form; None and a problem if it has not."""
        if FORMS[form](text):
            return text
        self._say(number, key, shown(text), form)
        return None

    def names(self, number: int, key: str, text: str, values: dict[str, Any]) -> None:
        """A list of names, separated by commas or semicolons."""
        found = [part.strip() for part in _LIST.split(text) if part.strip()]
        values[key] = list(dict.fromkeys(found))

    def whole(self, number: int, text: str, values: dict[str, Any]) -> None:
        """Seconds."""
        match = re.fullmatch(r"([0-9]{1,5}) ?(s|giay|giây)?", text.lower())
        if match is None or not 1 <= int(match[1]) <= 86_400:
            self._say(number, "interval_s", shown(text), "a whole number >= 1 and <= 86400")
        else:
            values["interval_s"] = int(match[1])

    def percent(self, number: int, text: str, values: dict[str, Any]) -> None:
        """Per cent, as people and spreadsheets write it: `99,9 %`."""
        bare = text.replace("%", "").replace(",", ".").strip()
        if self.formed(number, "objective", bare, PERCENT) is not None:
            values["objective"] = bare

    def one_of(self, number: int, text: str, values: dict[str, Any]) -> None:
        """A priority, in either language."""
        said = _PRIORITIES.get(plain(text), plain(text))
        if said not in PRIORITIES:
            self._say(number, "priority", shown(text), f"one of: {', '.join(PRIORITIES)}")
        else:
            values["priority"] = said

    def marks(self, number: int, text: str, values: dict[str, Any]) -> None:
        """Labels as `name=value; name=value`."""
        for part in filter(None, (each.strip() for each in text.split(";"))):
            name, equals, value = part.partition("=")
            if not equals or not FORMS[LABEL](name.strip()) or not FORMS[TEXT](value.strip()):
                self._say(number, "labels", shown(part), "labels as name=value; name=value")
                return
            values.setdefault("labels", {})[name.strip()] = value.strip()

    def group(self, number: int, text: str, values: dict[str, Any]) -> None:
        """A group: a label that it picks."""
        id_ = slug(text)
        if not id_:
            self._say(number, "group", shown(text), _SPACE)
            return
        self._groups.setdefault(id_, text)
        values.setdefault("labels", {})["group"] = id_

    def snmp(self, number: int, key: str, text: str, values: dict[str, Any]) -> None:
        """Profile and credentials, by name."""
        if self.formed(number, key, text, ID) is not None:
            values.setdefault("snmp", {})[key] = text

    # -- what needs all rows

    def _named(self, targets: list[Row]) -> list[Row]:
        """Ids that are made of names that several sites have bear the site; what is still double is a problem."""
        by_id: dict[str, set[str]] = {}
        for target in targets:
            by_id.setdefault(target.values["id"], set()).add(target.values["site"])
        first: dict[str, Row] = {}
        for target in targets:
            values = target.values
            if target.made_id and len(by_id[values["id"]]) > 1 and values["site"]:
                values["id"] = f"{values['site']}-{values['id']}"[:128]
            id_ = values["id"]
            before = first.setdefault(id_, target) if id_ else target
            key = "id" if "id" in self._columns else "name"
            if before is not target:
                self._say(target.number, key, shown(id_), f"an id used once (first in row {before.number})")
            elif id_ in self._inventory.entries:
                place = self._inventory.places.get(("targets", id_), "")
                self._say(target.number, key, shown(id_), f"an id that the inventory does not have yet (at {place})")
            self._names.setdefault(plain(values.get("name", "")), id_)
        self._names |= {plain(id_): id_ for id_ in first}
        return targets

    def _resolve(self, target: Row) -> None:
        """Parents by id or by name, in the table or in the inventory."""
        written = {plain(text): id_ for id_, each in self._inventory.entries.items() for text in (id_, each.name) if text}
        found: list[str] = []
        for text in target.values.get("parents", ()):
            id_ = self._names.get(plain(text)) or written.get(plain(text))
            if id_ is None:
                self._say(target.number, "parents", shown(text), "the id or name of a target in the table or the inventory")
            elif id_ == target.values["id"]:
                self._say(target.number, "parents", shown(text), "parents that do not lead back (R7.1)")
            else:
                found.append(id_)
        if "parents" in target.values:
            target.values["parents"] = found


def _form(key: str, form: str) -> Callable[[Importing, int, str, dict[str, Any]], None]:
    def read(importing: Importing, number: int, text: str, values: dict[str, Any]) -> None:
        if importing.formed(number, key, text, form) is not None and not (key == "via" and text == COLLECTOR):
            values[key] = text

    return read


_READ: Final[dict[str, Callable[[Importing, int, str, dict[str, Any]], None]]] = {
    "address": _form("address", _HOST),
    "via": _form("via", ID),
    "also_via": lambda importing, number, text, values: importing.names(number, "also_via", text, values),
    "parents": lambda importing, number, text, values: importing.names(number, "parents", text, values),
    "probes": lambda importing, number, text, values: importing.names(number, "probes", text, values),
    "group": Importing.group,
    "profile": lambda importing, number, text, values: importing.snmp(number, "profile", text, values),
    "auth": lambda importing, number, text, values: importing.snmp(number, "auth", text, values),
    "objective": Importing.percent,
    "policy": _form("policy", ID),
    "calendar": _form("calendar", ID),
    "priority": Importing.one_of,
    "uplink": _form("uplink", ID),
    "interval_s": Importing.whole,
    "labels": Importing.marks,
}
"""How the cells of a column are read, in the order of the keys of a target."""
