"""Profile files -> profiles: with their bases, the modules and the vocabulary. Pure; every contradiction between them is said,
none repaired.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from agent.config import show
from agent.packets.ber import oid_of
from agent.snmp.answers import SCALAR, Layouts, Object, Plain, Sort
from agent.snmp.expression import Expression, compile_expression
from agent.snmp.module import TEXTS, Module
from agent.snmp.nodes import ExpressionError
from agent.snmp.objects import KNOWN, PORT_COLUMNS
from agent.snmp.patterns import PatternError, compile_pattern
from agent.snmp.profile import Ports, Profile
from agent.snmp.profile_file import PortsSettings, ProfileFile, ReadingFile, Scalar, Settings
from agent.snmp.readings import Derivation, Source
from agent.snmp.rules import NO_STATES, Change, Rule, changed, one_of, troubles
from agent.snmp.vocabulary import Kind, Reading

Key = tuple[str | int, ...]
Say = Callable[[Key, str, str], None]
"""Notes a problem of the profile's own file: place, found, expected."""
INFO: Final = "device_info"
PORT: Final = "network_port_"
"""What the names of readings begin with that the engine makes of the port table."""
SYSTEM_INFO: Final = "snmp_device_info"
_SYSTEM: Final = {"sysname": "sysName", "sysdescr": "sysDescr", "sysobjectid": "sysObjectID", "location": "sysLocation"}


class Material(msgspec.Struct, frozen=True):
    """What a profile is made of besides its own file. `chain` are the files of its bases, each once, then its own."""

    chain: tuple[ProfileFile, ...]
    modules: Mapping[str, Module]
    vocabulary: Mapping[str, Reading]
    rules: Mapping[str, Rule]


def objects_of(module: Module) -> dict[str, Object]:
    """What expressions may name of a module: its metrics, and what it looks up for labels."""
    found: dict[str, Object] = {}
    for metric in module.metrics:
        for lookup in metric.lookups:
            if lookup.oid is not None:
                sort = _sort(str(lookup.type or "DisplayString"))
                found[lookup.labelname] = Object(lookup.labelname, oid_of(lookup.oid), True, sort)
    for metric in module.metrics:
        oid = oid_of(metric.oid)
        is_column = bool(metric.indexes)
        if not is_column and oid.endswith(b"\x00"):
            oid = oid[:-1]
        found[metric.name] = Object(metric.name, oid, is_column, _sort(str(metric.type)))
    return found


def _sort(kind: str) -> Sort:
    if kind == "PhysAddress48":
        return Sort.MAC
    if kind == "OctetString":
        return Sort.HEX
    return Sort.TEXT if kind in TEXTS or kind == "ParseDateAndTime" else Sort.NUMBER


def build(material: Material, say: Say) -> Profile:
    """The profile. What is wrong is said; the profile is then not to be used."""
    chain = material.chain
    modules = tuple(dict.fromkeys(name for part in chain for name in part.modules))
    objects = _objects(modules, material, say)
    core = _core(material, objects, say)
    derivations = Maker(objects, frozenset(core), material.vocabulary, say).derivations(chain)
    derived = {derivation.reading.name for derivation in derivations}
    ports = next((part.ports for part in reversed(chain) if part.ports is not None), None)
    required = tuple(dict.fromkeys(name for part in chain for name in part.required))
    for name in required:
        if name not in derived and not (ports is not None and name.startswith(PORT)):
            say(("required",), show(name), "a reading that the profile derives")
    return Profile(
        name=chain[-1].profile,
        title=chain[-1].title,
        class_=_last(material, lambda part: part.class_) or "device",
        vendor=_last(material, lambda part: part.vendor),
        modules=modules,
        core=core,
        core_oids=tuple(objects[name].oid + SCALAR for name in core),
        settings=_settings(material),
        ports=_ports(ports, say) if ports is not None else None,
        objects=objects,
        derivations=derivations,
        required=required,
        rules=tuple(
            rule for rule in _rules(material, say) if rule.on in derived or (ports is not None and rule.on.startswith(PORT))
        ),
        vocabulary=material.vocabulary,
        layouts=Layouts(_looked_at(objects, derivations, ports is not None)),
    )


def _core(material: Material, objects: Mapping[str, Object], say: Say) -> tuple[str, ...]:
    core = []
    for part in material.chain:
        for place, name in enumerate(part.core):
            if name in objects and not objects[name].is_column:
                core.append(name)
            else:
                say(
                    ("core", place) if part is material.chain[-1] else ("base",),
                    show(name),
                    "a scalar object of the profile's modules",
                )
    return tuple(dict.fromkeys(core))


def _looked_at(objects: Mapping[str, Object], derivations: tuple[Derivation, ...], has_ports: bool) -> list[bytes]:
    oids = [known.oid for known in KNOWN.values()] + list(PORT_COLUMNS if has_ports else ())
    for source in (source for derivation in derivations for entry in derivation.entries for source in entry):
        for expression in (source.value, source.where, *source.labels):
            oids += [objects[name].oid for name in expression.objects] if expression is not None else ()
    return oids


def _last(material: Material, pick: Callable[[ProfileFile], str | None]) -> str:
    return next((found for part in reversed(material.chain) if (found := pick(part))), "")


def _settings(material: Material) -> Settings:
    chosen: dict[str, Any] = {}
    for part in material.chain:
        given = {name: getattr(part.settings, name) for name in Settings.__struct_fields__}
        chosen.update({name: value for name, value in given.items() if value is not None})
    return Settings(**chosen)


def _objects(modules: tuple[str, ...], material: Material, say: Say) -> dict[str, Object]:
    objects = dict(KNOWN)
    homes = dict.fromkeys(KNOWN, "the engine")
    for name in modules:
        module = material.modules.get(name)
        if module is None:
            say(("modules",), show(name), "the name of a module")
            continue
        for found in objects_of(module).values():
            first = objects.setdefault(found.name, found)
            home = homes.setdefault(found.name, name)
            if first.oid != found.oid:
                say(("modules",), f"{found.name} with one OID in {home} and another in {name}", "one of these modules")
    return objects


def _ports(given: PortsSettings, say: Say) -> Ports:
    patterns: list[re.Pattern[str] | None] = []
    for name, source in (("skip_names", given.skip_names), ("watch", given.watch), ("skip_aliases", given.skip_aliases)):
        try:
            patterns.append(compile_pattern(source) if source is not None else None)
        except PatternError as error:
            say(("ports", name), show(source), str(error))
            patterns.append(None)
    return Ports(frozenset(given.skip_types), patterns[0], patterns[1], given.wan, patterns[2])


def _rules(material: Material, say: Say) -> tuple[Rule, ...]:
    rules = dict(material.rules)
    class_ = _last(material, lambda part: part.class_)
    for part in material.chain:
        for name, given in part.health.items():
            rule = rules.get(name)
            place: Key = ("health", name) if part is material.chain[-1] else ("base",)
            if name not in material.rules:
                say(place, show(name), "a rule of health.yml")
            elif not isinstance(given, Change):
                rules.pop(name, None)
            elif rule is not None:
                rules[name] = _changed(rule, given, material, partial(say, place))
    return tuple(rule for rule in rules.values() if not rule.classes or class_ in rule.classes)


def _changed(rule: Rule, given: Change, material: Material, note: Callable[[str, str], None]) -> Rule:
    try:
        result = changed(rule, given)
    except ValueError as error:
        note("settings that do not fit together", str(error))
        return rule
    for found, expected in troubles(result, material.vocabulary):
        note(found, expected)
    return result


class Maker:
    """Makes derivations of the readings of a chain of files."""

    def __init__(
        self, objects: Mapping[str, Object], core: frozenset[str], vocabulary: Mapping[str, Reading], say: Say
    ) -> None:
        self._objects = objects
        self._core = core
        self._vocabulary = vocabulary
        self._say = say

    def derivations(self, chain: tuple[ProfileFile, ...]) -> tuple[Derivation, ...]:
        """Those of all files; a file's readings replace its bases' of the same name."""
        own = chain[-1]
        entries: dict[str, list[tuple[Source, ...]]] = {}
        for part in chain:
            fresh: dict[str, list[tuple[Source, ...]]] = {}
            for place, given in enumerate(part.readings):
                key: Key = ("readings", place) if part is own else ("base",)
                fresh.setdefault(given.reading, []).append(self._entry(given, key))
            entries.update(fresh)
        identity: dict[str, Scalar] = {}
        for part in chain:
            identity.update({"vendor": repr(part.vendor)} if part.vendor else {})
            identity.update(part.identity)
        entries[INFO] = [self._entry(ReadingFile(reading=INFO, value=1, labels=identity), ("identity",))]
        system: dict[str, Scalar] = {label: name for label, name in _SYSTEM.items() if name in self._objects}
        system["profile"] = repr(own.profile)
        entries[SYSTEM_INFO] = [self._entry(ReadingFile(reading=SYSTEM_INFO, value=1, labels=system), ("profile",))]
        return tuple(
            Derivation(self._vocabulary[name], tuple(found), number)
            for number, (name, found) in enumerate(entries.items())
            if name in self._vocabulary
        )

    def _entry(self, given: ReadingFile, key: Key) -> tuple[Source, ...]:
        reading = self._vocabulary.get(given.reading)
        if reading is None:
            self._say((*key, "reading"), show(given.reading), "a reading of readings.yml")
            return ()
        for name in given.labels:
            if name not in reading.labels:
                self._say((*key, "labels", name), show(name), one_of(reading.labels, "no label: the reading has none"))
        for raw, state in given.states.items():
            if state not in reading.states:
                self._say((*key, "states", raw), show(state), one_of(reading.states, NO_STATES))
        values = given.value if isinstance(given.value, tuple) else (given.value,)
        places: list[Key] = [
            (*key, "value", place) if isinstance(given.value, tuple) else (*key, "value") for place in range(len(values))
        ]
        where = self._compiled(given.where, (*key, "where"))
        labels = tuple(self._compiled(given.labels.get(name), (*key, "labels", name)) for name in reading.labels)
        sources = []
        for place, value in zip(places, values, strict=True):
            expression = self._compiled(value, place)
            if expression is not None:
                sources.append(self._source(given, reading, expression, where, labels))
        return tuple(sources)

    def _source(
        self,
        given: ReadingFile,
        reading: Reading,
        value: Expression,
        where: Expression | None,
        labels: tuple[Expression | None, ...],
    ) -> Source:
        used = [part.objects for part in (value, where, *labels) if part is not None]
        low, high = given.range or (reading.low, reading.high)
        states = {_number(raw): state for raw, state in given.states.items()} if reading.kind is Kind.STATE else {}
        return Source(
            value, where, labels, frozenset(given.unless), states, max(low, reading.low), min(high, reading.high),
            given.rescale or 0.0, frozenset().union(*used) <= self._core,
        )  # fmt: skip

    def _compiled(self, source: Scalar | None, key: Key) -> Expression | None:
        if source is None:
            return None
        try:
            return compile_expression(source, self._objects)
        except ExpressionError as error:
            self._say(key, show(source), str(error))
            return None


def _number(text: str) -> Plain:
    """The key of a state as a raw value: a number if it looks like one."""
    try:
        return int(text)
    except ValueError:
        return text
