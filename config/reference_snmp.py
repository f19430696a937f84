"""The part of the reference that tells of SNMP: profiles, readings, rules of health and modules, from the files themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent.snmp import own
from agent.snmp.library import Library
from agent.snmp.vocabulary import PREFIX

Table = Callable[[tuple[str, ...], Sequence[tuple[str, ...]]], str]


def sections(table: Table) -> Iterator[str]:
    """The section, in parts."""
    library = Library.load()
    yield (
        "Profiles say what is asked of a device and how its answers become readings in base units; rules of health read\n"
        "nothing but readings. Modules are in the format of snmp_exporter's `snmp.yml`. A folder of your own (`snmp.folder`)\n"
        "with `modules/`, `profiles/`, `readings.yml` and `health.yml` adds to them, or replaces what has the same name.\n"
    )
    yield f"\n### Profiles\n\n{table(('Profile', 'Class', 'Vendor', 'For'), _profiles(library))}"
    yield f"\n### Readings\n\nOn `/metrics/targets`.\n\n{table(('Series', 'Kind', 'Labels', 'Meaning'), _readings(library))}"
    yield f"\n### Rules of health\n\n{table(('Rule', 'Reads', 'Gives', 'What is said'), _rules(library))}"
    names = " ".join(f"`{name}`" for name in sorted(library.module_names))
    yield f"\n### Modules\n\n{names}\n"
    polls = [(f"`{one.name}`", one.type.value, one.help) for one in own.FAMILIES]
    yield f"\n### The poll itself\n\n{table(('Name', 'Type', 'Meaning'), polls)}"


def _profiles(library: Library) -> list[tuple[str, ...]]:
    found = (library.profile(name) for name in sorted(library.profile_names))
    return [(f"`{one.name}`", one.class_, one.vendor, one.title) for one in found if one.class_]


def _readings(library: Library) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, reading in library.vocabulary.items():
        states = f" ({', '.join(reading.states)})" if reading.states else ""
        rows.append(
            (
                f"`{PREFIX}{name}`",
                f"{reading.kind.value}{states}",
                " ".join(f"`{each}`" for each in reading.labels),
                reading.family.help,
            )
        )
    return rows


def _rules(library: Library) -> list[tuple[str, ...]]:
    return [(f"`{name}`", f"`{rule.on}`", rule.health, rule.words.en) for name, rule in library.rules.items()]
