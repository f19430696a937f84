"""Files of modules in the format of snmp_exporter's `snmp.yml` -> `Module` values.

What contradicts itself is refused, all at once, with file, line, key and what was expected; what is only odd, and works in
snmp_exporter too, is a remark.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.config import Problem, show
from agent.packets.ber import oid_of
from agent.sheets.gopattern import compile_go
from agent.sheets.sheet import Key, Sheet, SheetError
from agent.snmp.module import ENUMS, METRIC_PATTERN, NUMBERS, PARSED, Metric, Module
from agent.snmp.patterns import PatternError, compile_pattern
from agent.snmp.values import python_pattern

_TOP: Final = ("auths", "modules", "version")
_OLD: Final = frozenset({"auth", "version"})
_FACTOR: Final = 64 * 255
"""What a module's expression may cost beyond a profile's: it is anchored, and begins and ends with `.*` more often than not."""
_REGEX: Final = "a regular expression of RE2 that Python's re knows too"


class ModuleFiles(msgspec.Struct, frozen=True):
    """What files of modules hold. `auths` are as written, for `agent.snmp.auth_file`; `remarks` are oddities."""

    modules: dict[str, Module]
    auths: dict[str, Any]
    remarks: tuple[Problem, ...] = ()


def load(*paths: Path | str) -> ModuleFiles:
    """The modules in all the files. Raises `SheetError` with every problem in every file."""
    modules: dict[str, Module] = {}
    auths: dict[str, Any] = {}
    homes: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    remarks: list[Problem] = []
    for path in paths:
        sheet = Sheet(path)
        if _is_current(sheet):
            _note_twice(sheet, homes)
            modules |= modules_of(sheet, remarks)
            auths |= sheet.value.get("auths") or {}
        problems += sheet.problems
    if problems:
        raise SheetError(problems)
    return ModuleFiles(modules, auths, tuple(remarks))


def modules_of(sheet: Sheet, remarks: list[Problem]) -> dict[str, Module]:
    """The modules of one file in the current format; problems are noted in the sheet, oddities added to `remarks`."""
    modules = {}
    for name, raw in (sheet.value.get("modules") or {}).items():
        key: Key = ("modules", name)
        if isinstance(raw, dict) and not _is_other_format(sheet, raw, key):
            module = sheet.convert(Module, key)
            if module is not None:
                _check(sheet, module, key, remarks)
                modules[name] = _overridden(sheet, module, key, remarks)
        elif not isinstance(raw, dict):
            sheet.say(key, "no module", "walk:, get: and metrics: below it")
    return modules


def _is_current(sheet: Sheet) -> bool:
    """Whether it is a mapping with `auths` and `modules`; else says which format it is and what to do."""
    value = sheet.value
    if not isinstance(value, dict):
        if not sheet.problems:
            sheet.say((), "an empty file" if value is None else "no mapping", "modules:, with a mapping below it")
        return False
    before = len(sheet.problems)
    for name in value:
        if name in _TOP:
            continue
        if isinstance(value[name], dict) and value[name].keys() & {"walk", "get", "metrics"}:
            found = "a module at the top level, the format of snmp_exporter before 0.23"
            sheet.say((name,), found, "it below modules:, without auth: and version:, which become an entry of auths:")
        else:
            sheet.say((name,), "an unknown key", f"one of {', '.join(_TOP)}")
    for name in ("auths", "modules"):
        if name in value and not isinstance(value[name], dict | None):
            sheet.say((name,), "no mapping", "names, each with its settings below it")
    return len(sheet.problems) == before


def _is_other_format(sheet: Sheet, raw: dict[str, Any], key: Key) -> bool:
    """Says so if a module has keys of the old format, or is the input of the generator instead of what it writes."""
    if "lookups" in raw or ("metrics" not in raw and "overrides" in raw):
        sheet.say(key, "a module of generator.yml", "the file that snmp_exporter's generator makes of it")
        return True
    old = [name for name in _OLD if name in raw]
    for name in old:
        found = "a key of the format of snmp_exporter before 0.23"
        sheet.say((*key, name), found, "an entry of auths: at the top level, named by whoever polls")
    return bool(old)


def _note_twice(sheet: Sheet, homes: dict[tuple[str, str], str]) -> None:
    for kind in ("auths", "modules"):
        for name in sheet.value.get(kind) or {}:
            first = homes.setdefault((kind, name), sheet.file)
            if first != sheet.file:
                sheet.say((kind, name), f"a name that {first} has too", "another name")


def _overridden(sheet: Sheet, module: Module, key: Key, remarks: list[Problem]) -> Module:
    """The module with its `overrides` worked in."""
    if not module.overrides:
        return module
    names = {metric.name for metric in module.metrics}
    for name in module.overrides:
        if name not in names:
            sheet.say((*key, "overrides", name), "a name of no metric", "the name of a metric of this module")
    metrics = []
    for metric in module.metrics:
        override = module.overrides.get(metric.name)
        if override is None:
            metrics.append(metric)
        elif not override.ignore:
            said = msgspec.structs.asdict(override)
            changes = {field: value for field, value in said.items() if value is not None and field != "ignore"}
            metrics.append(msgspec.structs.replace(metric, **changes))
            _check_value(sheet, metrics[-1], (*key, "overrides", metric.name), remarks)
    return msgspec.structs.replace(module, metrics=tuple(metrics), overrides={})


def _check(sheet: Sheet, module: Module, key: Key, remarks: list[Problem]) -> None:
    """Note what the module's parts say against each other."""
    asked = [oid_of(oid) for oid in (*module.walk, *module.get)]
    found: dict[bytes, tuple[int, Metric]] = {}
    for place, metric in enumerate(module.metrics):
        at: Key = (*key, "metrics", place)
        oid = oid_of(metric.oid)
        first = found.setdefault(oid, (place, metric))
        if first[0] != place:
            _note_same_oid(sheet, first, metric, at)
        if not any(oid.startswith(root) or root.startswith(oid) for root in asked):
            remarks.append(sheet.remark((*at, "oid"), metric.oid, "an OID that walk: or get: asks for"))
        _check_metric(sheet, metric, at, remarks)
    for place, filtered in enumerate(module.filters):
        for index, text in enumerate(filtered.values):
            _check_regex(sheet, text, (*key, "filters", place, "values", index), remarks)
    _note_hidden(sheet, found, key, remarks)


def _note_same_oid(sheet: Sheet, first: tuple[int, Metric], metric: Metric, at: Key) -> None:
    other = first[1]
    if (other.name, other.type) != (metric.name, metric.type):
        line = sheet.line((*at[:-1], first[0]))
        said = f"{metric.oid} a second time, as {metric.name} of type {metric.type}"
        sheet.say((*at, "oid"), said, f"it once (line {line}: {other.name} of type {other.type})")


def _note_hidden(sheet: Sheet, found: dict[bytes, tuple[int, Metric]], key: Key, remarks: list[Problem]) -> None:
    """A metric below another one gets no rows: the upper one takes them all, in snmp_exporter too."""
    last: bytes | None = None
    for oid in sorted(found):
        if last is not None and oid.startswith(last):
            place, metric = found[oid]
            upper = found[last][1].name
            remarks.append(
                sheet.remark((*key, "metrics", place, "oid"), metric.oid, f"an OID that is not below that of {upper}")
            )
        else:
            last = oid


def _check_metric(sheet: Sheet, metric: Metric, at: Key, remarks: list[Problem]) -> None:
    labels = set()
    for place, index in enumerate(metric.indexes):
        if index.type in (ENUMS - {"EnumAsInfo"}) | PARSED | {"Float", "Double"}:
            remarks.append(sheet.remark((*at, "indexes", place, "type"), str(index.type), "a type that an index can show"))
        if index.implied and index is not metric.indexes[-1]:
            remarks.append(sheet.remark((*at, "indexes", place, "implied"), "true", "it only at the last index"))
        labels.add(index.labelname)
    for place, lookup in enumerate(metric.lookups):
        where: Key = (*at, "lookups", place)
        for number, label in enumerate(lookup.labels or ()):
            if label not in labels:
                expected = f"one of {', '.join(sorted(labels))}" if labels else "no labels: the metric has no indexes"
                sheet.say((*where, "labels", number), show(label), expected)
        if lookup.labels and (lookup.oid is None or lookup.type is None):
            sheet.say(where, "no oid or no type", "oid: and type: of the object to look up")
        labels.add(lookup.labelname)
    _check_value(sheet, metric, at, remarks)
    if metric.type in NUMBERS and metric.regex_extracts:
        remarks.append(sheet.remark((*at, "regex_extracts"), "a number", "them only for a type of text: they do nothing here"))


def _check_value(sheet: Sheet, metric: Metric, at: Key, remarks: list[Problem]) -> None:
    """What a metric and an override of one have in common."""
    if metric.type == "ParseDateAndTime":
        found = "" if metric.datetime_pattern else "nothing"
        try:
            python_pattern(metric.datetime_pattern)
        except ValueError as error:
            found = str(error)
        if found:
            sheet.say((*at, "datetime_pattern"), found, "a pattern of strptime, such as %Y-%m-%d %H:%M:%S")
    for suffix, listed in metric.regex_extracts.items():
        where: Key = (*at, "regex_extracts", suffix)
        if not re.match(METRIC_PATTERN, metric.name + suffix):
            sheet.say(where, show(suffix), f"what makes a metric name when put behind {metric.name}")
        for place, extract in enumerate(listed):
            _check_regex(sheet, extract.regex, (*where, place, "regex"), remarks)


def _check_regex(sheet: Sheet, text: str, at: Key, remarks: list[Problem]) -> None:
    try:
        compile_pattern(compile_go(text, whole=True).pattern, _FACTOR)
    except PatternError as error:
        remarks.append(sheet.remark(at, show(text), f"{error}: some texts could keep this one busy"))
    except ValueError as error:
        sheet.say(at, f"{error}, in {show(text)}", _REGEX)
