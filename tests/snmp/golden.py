"""What a device should be understood as, as a file: profile, health, reason, readings. The same for recordings read from disk
and for devices served over SNMP. `HAIDANG_GOLDEN=write` refreshes the files; the difference is to be reviewed like code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from agent.packets.ber import oid_of, text_of
from agent.snmp.answers import text
from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.library import Library
from agent.snmp.match import Facts, Identity
from agent.snmp.profile import Profile
from agent.snmp.readings import Table
from agent.snmp.rows import OBJECT_IDENTIFIER, Rows

FOLDER = Path(__file__).parents[1] / "data/snmp/golden"
WRITES = os.environ.get("HAIDANG_GOLDEN") == "write"
POLLS = 31
"""A poll a minute: half an hour, which all hold times of the rules are shorter than."""
_LEFT_OUT = frozenset(
    {"snmp_implausible_total", "snmp_unparsable_total", "health_state", "health_finding", "device_reboots_total"}
)


def facts(library: Library, rows: Rows, class_: str = "") -> Facts:
    """What is known of a device that gives these answers."""
    found = {oid: (tag, value) for oid, tag, value in zip(rows.oids, rows.tags, rows.values, strict=True)}
    _, description = found.get(oid_of("1.3.6.1.2.1.1.1.0"), (0, None))
    tag, identifier = found.get(oid_of("1.3.6.1.2.1.1.2.0"), (0, None))
    return Facts(
        sysobjectid=text_of(identifier) if tag == OBJECT_IDENTIFIER and isinstance(identifier, bytes) else "",
        sysdescr=text(description) if isinstance(description, bytes) else "",
        class_=class_,
        answered=frozenset(oid for oid in library.probe_oids if found.get(oid_of(oid), (0, None))[1] is not None),
    )


def polled(library: Library, profile: Profile, rows: Rows) -> Rows:
    """Of a device's answers those that a poll with this profile asks for."""
    modules = [library.module(name) for name in profile.modules]
    subtrees = tuple(oid_of(oid) for module in modules for oid in module.walk)
    single = {oid_of(oid) for module in modules for oid in module.get}.union(profile.core_oids)
    result = Rows()
    for oid, tag, value in zip(rows.oids, rows.tags, rows.values, strict=True):
        if value is not None and (oid in single or oid.startswith(subtrees)):
            result.add(oid, tag, value)
    return result


def understood(profile: Profile, rows: Rows) -> tuple[Evaluation, Evaluation]:
    """The first poll, and the last of half an hour of the same answers."""
    memory = Memory()
    first = last = evaluate(profile, rows, memory, 0.0, full=True)
    for minute in range(1, POLLS):
        last = evaluate(profile, rows, memory, minute * 60.0, full=True)
    return first, last


def document(identity: Identity, first: Evaluation, last: Evaluation) -> str:
    """The file."""
    lines = [
        f"profile: {identity.profile}",
        f"why: {_quoted(identity.why)}",
        f"health: {first.health}",
        f"reason: {_quoted(first.reason)}",
    ]
    lines.append(f"reason_vi: {_quoted(first.reason_vi)}")
    if (last.health, last.reason) != (first.health, first.reason):
        lines += [f"lasting_health: {last.health}", f"lasting_reason: {_quoted(last.reason)}"]
    lines += [f"note: {_quoted(note)}" for note, _ in first.notes]
    lines.append("readings:")
    for name, table in sorted(first.tables.items()):
        if name not in _LEFT_OUT:
            lines += _reading(name, table)
    return "\n".join(lines) + "\n"


def _reading(name: str, table: Table) -> Iterator[str]:
    rows = list(zip(table.labels, table.values, strict=True))
    if len(rows) == 1 and not any(rows[0][0]):
        yield f"  {name}: {_value(rows[0][1])}"
        return
    yield f"  {name}:"
    for labels, value in sorted(rows):
        yield f"    {_quoted(' | '.join(labels))}: {_value(value)}"


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _quoted(found: str) -> str:
    return json.dumps(found, ensure_ascii=False)


def check(name: str, found: str) -> None:
    """Compare with the golden file, or write it."""
    path = FOLDER / f"{name}.yml"
    if WRITES:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
        return
    assert path.exists(), f"no golden file {path.name}; run with HAIDANG_GOLDEN=write and review it"
    assert found.splitlines() == path.read_text(encoding="utf-8").splitlines()
