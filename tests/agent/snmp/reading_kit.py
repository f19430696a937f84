"""Answers and profiles written in a few lines, for tests of readings, ports and health."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.packets.ber import oid_of
from agent.snmp.answers import Layout, Object, Prefixes, Sort
from agent.snmp.library import Library
from agent.snmp.profile import Profile
from agent.snmp.readings import Frame
from agent.snmp.rows import COUNTER32, COUNTER64, GAUGE32, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, TIME_TICKS, Rows

TAGS = {"i": INTEGER, "c32": COUNTER32, "c64": COUNTER64, "g": GAUGE32, "t": TIME_TICKS}
OID = "1.3.6.1.4.1.99999"
"""Where objects of tests live."""


def rows(answers: Mapping[str, Any]) -> Rows:
    """Rows of {OID: value}; text is an OCTET STRING, `("oid", "1.3")` an OID, `("c64", 5)` a number with its tag."""
    found = Rows()
    for oid, value in answers.items():
        found.add(oid_of(oid), *_binding(value))
    return found


def _binding(value: Any) -> tuple[int, Any]:
    if value is None:
        return NULL, None
    if isinstance(value, tuple):
        kind, inner = value
        return (OBJECT_IDENTIFIER, oid_of(inner)) if kind == "oid" else (TAGS[kind], inner)
    if isinstance(value, str):
        return OCTET_STRING, value.encode()
    return (OCTET_STRING, value) if isinstance(value, bytes) else (INTEGER, value)


def scalar(name: str, arc: int, sort: Sort = Sort.NUMBER) -> Object:
    """A scalar object of tests."""
    return Object(name, oid_of(f"{OID}.{arc}"), False, sort)


def column(name: str, arc: int, sort: Sort = Sort.NUMBER) -> Object:
    """A column of tests."""
    return Object(name, oid_of(f"{OID}.{arc}"), True, sort)


def frame(objects: Mapping[str, Object], answers: Mapping[str, Any], over: str = "") -> Frame:
    """A frame over the rows of column `over`; the keys of `answers` are relative to `OID`."""
    found = rows({f"{OID}.{key}": value for key, value in answers.items()})
    layout = Layout(found.oids, found.tags, Prefixes([each.oid for each in objects.values()]))
    result = Frame(layout, found.values, objects)
    if over:
        result.turn_to(layout.column(objects[over].oid).indexes)
    return result


MODULE = """
modules:
  test:
    walk: [1.3.6.1.4.1.99999]
    metrics:
      - {name: aScalar, oid: 1.3.6.1.4.1.99999.1, type: gauge}
      - {name: aText, oid: 1.3.6.1.4.1.99999.2, type: DisplayString}
      - {name: aColumn, oid: 1.3.6.1.4.1.99999.3, type: gauge, indexes: [{labelname: i, type: gauge}]}
      - {name: aName, oid: 1.3.6.1.4.1.99999.4, type: DisplayString, indexes: [{labelname: i, type: gauge}]}
      - {name: aState, oid: 1.3.6.1.4.1.99999.5, type: gauge, indexes: [{labelname: i, type: gauge}]}
      - {name: otherScalar, oid: 1.3.6.1.4.1.99999.6, type: gauge}
"""


def site(folder: Path, profile: str, **files: str) -> Path:
    """A site's folder with module `test` and one profile, whose text begins after its title."""
    (folder / "modules").mkdir(parents=True, exist_ok=True)
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "modules" / "test.yml").write_text(MODULE, encoding="utf-8")
    head = "profile: tested\ntitle: A device of tests\nmodules: [test]\n"
    (folder / "profiles" / "tested.yml").write_text(head + profile, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def profile_of(folder: Path, text: str) -> Profile:
    """The profile with this text, put together with the shipped vocabulary and rules."""
    return Library.load([site(folder, text)]).profile("tested")
