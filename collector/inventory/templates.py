"""Makes sites and targets of templates and lists, before anything is checked: texts are filled in, keys laid over each other.

A site is the last of a chain: the templates on which its template builds, its template, itself. What a later one says of a key
wins; targets are told apart by id. A target with `each` becomes one for every row of that list. Every key remembers where it
was written, so that a problem is named there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from collector.config import Document, Path_, Problem, is_id, shown
from collector.inventory.files import Site

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_]{0,63})\}")
_LATER: Final = ("address", "id")
"""Placeholders of the addresses of probes, which are filled in where jobs are made."""
_OWN: Final = ("site", "name", "name_en")
_ITEM: Final = "item"
"""Placeholder of a row of `each` that is a mere text."""
_STUB: Final = {"id": "made", "site": "made", "class": "made"}
"""Stands where a target was that became many."""
_APART: Final = ("id", "template", "values", "targets")
"""Keys of a site that are not simply laid over each other."""
_MOST_TARGETS: Final = 50_000
_A_TEMPLATE: Final = "the name of a template under `templates.site`"


class Made(Document):
    """An entry that was made: where each of its keys was written, and what is wrong with it."""

    def __init__(self, document: Document, path: Path_, note: str) -> None:
        self.file = document.file
        self.lines = {(): document.lines.get(path, 0)}
        self.problems = []
        self.value: dict[str, Any] = {}
        self._at = (document, path)
        self._note = note
        self.origins: dict[str, tuple[Document, Path_, bool]] = {}
        """Of each key: the file, the path in it, and whether it is that of a template."""

    def lay(self, level: _Level, path: Path_, key: str, value: Any) -> None:
        """What a later one says of a key wins."""
        self.value[key] = value
        self.origins[key] = (level.document, (*path, key), level.is_template)

    def remark(self, path: Path_, found: str, expected: str) -> Problem:
        """What can be said of a value, at the place where it was written."""
        origin = self.origins.get(str(path[0])) if path else None
        document, at = origin[:2] if origin is not None else self._at
        problem = document.remark((*at, *(path[1:] if origin is not None else path)), found, expected)
        return msgspec.structs.replace(problem, key=f"{problem.key} ({self._note})")

    def place_of(self, key: str) -> tuple[str, bool]:
        """`file:line` of a key, and whether a template says it."""
        document, path, is_template = self.origins.get(key, (*self._at, False))
        return f"{document.file}:{document.lines.get(path, 0)}", is_template


class MadeEntry(NamedTuple):
    """What takes the place of `sites[number]` of its document, or of `targets[number]` where there is no site."""

    document: Document
    number: int
    site: Made | None
    targets: tuple[Made, ...]

    @property
    def kind(self) -> str:
        """Whose place it takes."""
        return "targets" if self.site is None else "sites"

    @property
    def parts(self) -> tuple[Made, ...]:
        """All that was made."""
        return self.targets if self.site is None else (self.site, *self.targets)


class _Level(NamedTuple):
    """One of the chain."""

    document: Document
    path: Path_
    raw: dict[str, Any]
    is_template: bool


def make_entries(documents: Sequence[Document]) -> list[MadeEntry]:
    """Every site that names a template or has targets of its own, and targets with `each`. Problems stand in the documents and
    in what was made."""
    made: list[MadeEntry] = []
    room = _MOST_TARGETS
    for entry in (*_made_sites(documents), *_made_targets(documents)):
        made.append(entry)
        room -= len(entry.targets)
        if room < 0:
            place = (entry.kind, entry.number)
            entry.document.problem(place, f"over {_MOST_TARGETS} targets", "fewer targets made from templates")
            break
    return made


def _made_sites(documents: Sequence[Document]) -> Iterator[MadeEntry]:
    templates = dict(_templates(documents))
    for document, number, raw in _raw_sites(documents):
        yield _make(templates, document, number, raw)
        document.value["sites"][number] = {"id": raw["id"]} if "id" in raw else {}


def _made_targets(documents: Sequence[Document]) -> Iterator[MadeEntry]:
    for document in documents:
        for number, raw in enumerate(_list(document.value, "targets")):
            if isinstance(raw, dict) and "each" in raw:
                found: dict[str, Made] = {}
                level = _Level(document, (), {"targets": {number: raw}}, is_template=False)
                _lay_target(level, number, raw, {"site": str(raw.get("site", ""))}, found)
                document.value["targets"][number] = _STUB
                yield MadeEntry(document, number, None, tuple(found.values()))


def _raw_sites(documents: Sequence[Document]) -> Iterator[tuple[Document, int, dict[str, Any]]]:
    for document in documents:
        for number, raw in enumerate(_list(document.value, "sites")):
            if isinstance(raw, dict) and ("template" in raw or "targets" in raw):
                yield document, number, raw


def _list(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _dict(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _templates(documents: Sequence[Document]) -> Iterator[tuple[str, _Level]]:
    """All templates; one with an id that is taken, and keys that no site has, are problems."""
    fields = set(Site.__struct_fields__) - {"id"}
    first: dict[str, _Level] = {}
    for document in documents:
        for name, raw in _dict(_dict(document.value, "templates"), "site").items():
            if not isinstance(raw, dict):
                continue
            level = _Level(document, ("templates", "site", name), raw, is_template=True)
            if name in first:
                at = f"{first[name].document.file}:{first[name].document.lines.get(first[name].path, 0)}"
                document.problem(level.path, shown(name), f"an id used once (first at {at})")
                continue
            for key in raw.keys() - fields:
                document.problem((*level.path, key), "an unknown key", "one of: " + ", ".join(sorted(fields)))
            first[name] = level
            yield name, level


def _make(templates: Mapping[str, _Level], document: Document, index: int, raw: dict[str, Any]) -> MadeEntry:
    path: Path_ = ("sites", index)
    note = str(raw.get("id", ""))
    chain = [*_chain(templates, document, path, raw), _Level(document, path, raw, is_template=False)]
    site = Made(document, path, note)
    for key in _APART[:3]:
        if key in raw:
            site.lay(chain[-1], path, key, raw[key])
    values = _values(chain, site)
    for level in chain:
        for key, value in level.raw.items():
            if key not in _APART:
                site.lay(level, level.path, key, value)
    for key in ("name", "name_en"):
        values[key] = _filled(site.value.get(key, values.get("name", "")), values, site, (key,))
    for key, value in site.value.items():
        if key not in _APART:
            site.value[key] = _filled(value, values, site, (key,))
    has_id = isinstance(raw.get("id"), str) and is_id(raw["id"])
    return MadeEntry(document, index, site, tuple(_targets(chain, values)) if has_id else ())


def _chain(templates: Mapping[str, _Level], document: Document, path: Path_, raw: dict[str, Any]) -> list[_Level]:
    """The templates of a site, the most general first."""
    found: list[_Level] = []
    seen: list[str] = []
    while "template" in raw:
        name, place = raw["template"], (*path, "template")
        if not isinstance(name, str) or name not in templates:
            document.problem(place, shown(name), _A_TEMPLATE)
            break
        if name in seen:
            document.problem(place, f"a cycle {' > '.join((*seen, name))}", "templates that do not lead back")
            break
        seen.append(name)
        level = templates[name]
        found.append(level)
        document, path, raw = level.document, level.path, level.raw
    return found[::-1]


def _values(chain: Sequence[_Level], site: Made) -> dict[str, Any]:
    """What stands for the placeholders."""
    values: dict[str, Any] = {}
    for level in chain:
        values |= _taken(level.document, (*level.path, "values"), _dict(level.raw, "values"))
    return values | {"site": str(site.value.get("id", ""))}


def _taken(document: Document, path: Path_, said: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that can stand for a placeholder; the others are problems."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        if name in (*_OWN, *_LATER):
            document.problem((*path, name), shown(name), "a name other than site, name, name_en, address, id")
        elif isinstance(value, str | int | float):
            found[name] = value
        else:
            document.problem((*path, name), shown(value), "text or a number")
    return found


def _targets(chain: Sequence[_Level], values: Mapping[str, Any]) -> Iterator[Made]:
    """The targets of a site, by the order in which their ids first appear."""
    found: dict[str, Made] = {}
    for level in chain:
        for index, raw in enumerate(_list(level.raw, "targets")):
            if not isinstance(raw, dict):
                level.document.problem((*level.path, "targets", index), shown(raw), "a mapping")
                continue
            _lay_target(level, index, raw, values, found)
    for made in found.values():
        made.value["site"] = values["site"]
        yield made


def _lay_target(level: _Level, index: int, raw: Mapping[str, Any], values: Mapping[str, Any], found: dict[str, Made]) -> None:
    """Lay what is said of a target over what was said of it, once for every row of `each`."""
    path: Path_ = (*level.path, "targets", index)
    seen: set[str] = set()
    for row in _rows(level.document, (*path, "each"), raw["each"]) if "each" in raw else ({},):
        known = {**values, **row}
        id_ = _plain(str(raw.get("id", f"{path}{index}")), known)
        if id_ in seen:
            level.document.problem((*path, "id"), shown(raw.get("id")), "an id that is another one for each row of `each`")
            return
        seen.add(id_)
        made = found.setdefault(id_, Made(level.document, path, id_ if row else str(values["site"])))
        for key, value in raw.items():
            if key != "each":
                made.lay(level, path, key, value)
                made.value[key] = _filled(value, known, made, (key,))


def _rows(document: Document, path: Path_, said: Any) -> Iterator[dict[str, Any]]:
    """What stands for the placeholders in each target that is made."""
    if not isinstance(said, list) or not said:
        document.problem(path, shown(said), "a list of texts, or of mappings of names to texts")
        return
    for index, row in enumerate(said):
        if isinstance(row, dict) and row:
            yield _taken(document, (*path, index), row)
        elif isinstance(row, str):
            yield {_ITEM: row}
        else:
            document.problem((*path, index), shown(row), "a text, or a mapping of names to texts")


def _plain(text: str, values: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)


def _filled(value: Any, values: Mapping[str, Any], made: Made, path: Path_) -> Any:
    """A value with its placeholders replaced. A text that is nothing but one placeholder becomes the value as it is."""
    if isinstance(value, list):
        return [_filled(each, values, made, (*path, index)) for index, each in enumerate(value)]
    if isinstance(value, dict):
        return {key: _filled(each, values, made, (*path, key)) for key, each in value.items()}
    if not isinstance(value, str) or "{" not in value:
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole is not None and whole[1] in values:
        return values[whole[1]]
    for name in dict.fromkeys(_PLACEHOLDER.findall(value)):
        if name not in values and not (name in _LATER and path[0] == "probes"):
            made.problem(path, f"the placeholder {{{name}}} in {shown(value)}", "placeholders that have a value")
    return _plain(value, values)
