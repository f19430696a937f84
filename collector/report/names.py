"""What subjects, fleets and scopes of windows are called in a report, in one language; the id where there is no name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from collector.core.monthly import Line, Report
from collector.report.terms import term
from collector.report.words import word

ALL: Final = "*"
"""Id of the fleet of all targets; `*:CLASS` is that of a class (R15.3)."""
AGENT: Final = "agent:"
_ID: Final = r"[^\s,;]+"
_SELECTOR: Final = re.compile(rf"(?P<key>\bsite=|\bclass=|\blabel )(?P<value>{_ID})|(?P<id>{_ID})")
"""Parts of a scope as the core writes it: `a, b; site=hue class=switch; label rack=7`."""


def names_of(report: Report, language: str) -> dict[str, str]:
    """The name of every line, by id."""
    return {line.id: name_of(line, language) for line in (*report.headline, *report.subjects)}


def name_of(line: Line, language: str) -> str:
    """The name of a line."""
    if line.id == ALL:
        return word(language, "fleet_all")
    if line.kind == "fleet" and line.id.startswith(f"{ALL}:"):
        return word(
            language, "fleet_of", name=term(language, "class", line.class_) if line.class_ else word(language, "classless")
        )
    return line.names.get(language) or line.name


def called(names: Mapping[str, str], language: str, id_: str) -> str:
    """The name of an id; an agent without one is called by its machine."""
    found = names.get(id_, id_)
    host = id_.removeprefix(AGENT)
    if found == id_ and host != id_:
        return word(language, "agent_of", name=names.get(host, host))
    return found


def scope(names: Mapping[str, str], language: str, text: str) -> str:
    """A window's scope in words; what is not understood stays as it is."""

    def say(found: re.Match[str]) -> str:
        key, value = found["key"], found["value"]
        if key is None:
            return called(names, language, found["id"])
        if key == "site=":
            return word(language, "scope_site", name=names.get(f"site:{value}", value))
        if key == "class=":
            return word(language, "scope_class", name=term(language, "class", value))
        return word(language, "scope_label", name=value)

    return _SELECTOR.sub(say, text)


class Pair(msgspec.Struct, frozen=True):
    """A line that decides, and the other view of the same subject, which stands beside it (R15.4, V21)."""

    line: Line
    other: Line | None = None


def paired(lines: Iterable[Line]) -> list[Pair]:
    """The deciding lines in their order, each with its other view."""
    lines = list(lines)
    others = {line.id: line for line in lines if not line.decides}
    return [Pair(line, others.get(line.id)) for line in lines if line.decides]
