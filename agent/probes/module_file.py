"""Files of modules as blackbox_exporter has them (`blackbox.yml`), with our kinds and thresholds beside them.

A kind's `Settings` mark what a file writes in its own way by the types of `agent.probes.shapes`: `Duration` (seconds in the
settings, `5s` in the file), `ByteSize`, `GoRegex`, `Secret`. Of any text field X, `X_file: PATH` and `X_env: NAME` are read
here, so that the settings know only X.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from agent.config import Problem, show
from agent.kinds import PROBES
from agent.probes.module_values import Preparer, kept
from agent.probes.probe import Module, ProbeSettings
from agent.probes.shapes import Duration
from agent.sheets.sheet import Key, Sheet, SheetError

NOT_OURS: Final = ("grpc", "unix")
"""Probers of blackbox_exporter that are left out."""
_HEAD: Final = ("prober", "timeout", "degraded_after")
_REFUSED: Final = re.compile(r"([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+|\[[0-9]{1,4}\])*): (?=.)", re.DOTALL)
"""The place that a kind says what it refuses of: `query_response[0].expect: ...`."""
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_FIRST: Final = re.compile(r"[a-z][a-z0-9_]*(?=[, ])")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What every module may say, beside the settings of its kind, which stand in a section of that name."""

    prober: Annotated[str, Meta(description="The kind, whose settings stand in a section of its name.")]
    timeout: Annotated[
        Duration, Meta(description="Longest run; 0: `10s`. Never longer than the distance of two runs lets it.")
    ] = 0.0
    degraded_after: Annotated[Duration, Meta(description="`degraded` when a success took longer; 0: never.")] = 0.0


class ModuleFiles(msgspec.Struct, frozen=True):
    """What files of modules hold. `notes` are what does no harm and may surprise, such as a module that is left out."""

    modules: dict[str, Module]
    notes: tuple[Problem, ...] = ()


def shipped() -> Path:
    """The modules that come with the program: inside the installed package, or those of a checkout."""
    here = Path(__file__).parent
    packed = here / "files" / "modules.yml"
    return packed if packed.is_file() else here.parents[1] / "config" / "probes" / "modules.yml"


def load_modules(files: Sequence[Path | str]) -> dict[str, Module]:
    """The shipped modules and those of the site's files, which go before shipped ones of the same name. Raises `SheetError`
    with every problem in every file."""
    return load(files).modules


def load(
    files: Sequence[Path | str], *, names: Collection[str] | None = None, environ: Mapping[str, str] | None = None
) -> ModuleFiles:
    """As `load_modules`, with notes. `names`: of the shipped modules only these, so that no more kinds are loaded than needed.
    Secrets are taken from `environ`, or the environment."""
    variables = os.environ if environ is None else environ
    ours = _File(Sheet(shipped()), variables, names, is_shipped=True)
    modules, notes, problems = dict(ours.modules), list(ours.notes), list(ours.sheet.problems)
    homes: dict[str, str] = {}
    for path in dict.fromkeys(map(Path, files)):
        file = _File(Sheet(path), variables)
        for name in file.modules:
            first = homes.setdefault(name, str(path))
            if first != str(path):
                file.sheet.say(("modules", name), f"a name that {first} has too", "another name")
        modules.update(file.modules)
        notes += file.notes
        problems += file.sheet.problems
    if problems:
        raise SheetError(problems)
    return ModuleFiles(modules, tuple(notes))


def changed(module: Module, given: Mapping[str, Any]) -> Module:
    """The module with other settings, as a person gives them by hand: in the form of a file, or in base units. Raises
    `SheetError`, whose problems name the keys alone."""
    raw = {"prober": module.kind, module.kind: _merged(module.settings, given)}
    sheet = Sheet("", msgspec.json.encode({"modules": {module.name: raw}}).decode())
    found = _File(sheet, os.environ, takes_plain=True)
    if sheet.problems:
        above = f"modules.{module.name}.{module.kind}."
        raise SheetError(
            [msgspec.structs.replace(each, file="--set", line=0, key=each.key.removeprefix(above)) for each in sheet.problems]
        )
    return msgspec.structs.replace(module, settings=found.modules[module.name].settings)


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, Mapping)):
        return new
    return {**old, **{name: _merged(old.get(name), part) for name, part in new.items()}}


class _File:
    """The modules of one sheet; what is wrong is noted there."""

    def __init__(
        self,
        sheet: Sheet,
        environ: Mapping[str, str],
        names: Collection[str] | None = None,
        *,
        is_shipped: bool = False,
        takes_plain: bool = False,
    ) -> None:
        self.sheet = sheet
        self.modules: dict[str, Module] = {}
        self.notes: list[Problem] = []
        self._is_shipped = is_shipped
        self._preparer = Preparer(sheet, environ, takes_plain=takes_plain)
        for name, raw in self._entries().items():
            if names is not None and name not in names:
                continue
            module = self._module(name, raw) if self._is_module(name, raw) else None
            if module is not None:
                self.modules[name] = module

    def _entries(self) -> dict[str, Any]:
        value = self.sheet.value
        if not isinstance(value, dict):
            if not self.sheet.problems:
                found = "an empty file" if value is None else "no mapping"
                self.sheet.say((), found, "modules:, with names and their settings below it")
            return {}
        for name in value:
            if name != "modules":
                self.sheet.say((name,), "an unknown key", "modules")
        modules = value.get("modules")
        if modules is None or isinstance(modules, dict):
            return modules or {}
        self.sheet.say(("modules",), show(modules), "names, each with its settings below it")
        return {}

    def _is_module(self, name: str, raw: Any) -> bool:
        """Whether it is a module of ours; one of blackbox_exporter that we do not have is left out with a note."""
        key: Key = ("modules", name)
        if not isinstance(raw, dict):
            self.sheet.say(key, show(raw), "settings below it, at least prober:")
            return False
        prober = raw.get("prober")
        if prober in NOT_OURS:
            self.notes.append(
                self.sheet.remark((*key, "prober"), f"{prober}, which is left out", f"one of {', '.join(PROBES)}")
            )
            return False
        if not isinstance(prober, str) or prober not in PROBES:
            near = difflib.get_close_matches(str(prober), PROBES, 1)
            self.sheet.say((*key, "prober"), show(prober), f"{near[0]}?" if near else f"one of {', '.join(PROBES)}")
            return False
        return True

    def _module(self, name: str, raw: dict[str, Any]) -> Module | None:
        key: Key = ("modules", name)
        before = len(self.sheet.problems)
        kind = raw["prober"]
        for part in raw:
            if part in PROBES or part in NOT_OURS:
                if part != kind:
                    self.notes.append(self.sheet.remark((*key, part), f"settings of {part}", f"those of {kind}, its prober"))
            elif part not in _HEAD:
                near = difflib.get_close_matches(part, (*_HEAD, kind), 1)
                self.sheet.say((*key, part), "an unknown key", f"{near[0]}?" if near else f"one of {', '.join((*_HEAD, kind))}")
        head = self._head(raw, key)
        settings = self._settings(kind, raw, key)
        if settings is None or len(self.sheet.problems) > before:
            return None
        return Module(
            name=name,
            kind=kind,
            timeout_s=head.get("timeout", 0.0),
            degraded_after_s=head.get("degraded_after", 0.0),
            settings=settings,
        )

    def _head(self, raw: dict[str, Any], key: Key) -> dict[str, Any]:
        head: dict[str, Any] = self._preparer.prepared({part: raw[part] for part in _HEAD if part in raw}, Head, key)
        return head

    def _settings(self, kind: str, raw: dict[str, Any], key: Key) -> dict[str, Any] | None:
        """The section of its kind as plain values that the kind takes; None if there are problems, or it cannot run here."""
        at: Key = (*key, kind)
        try:
            door = importlib.import_module(PROBES[kind].partition(":")[0])
        except ImportError as error:  # a package that this machine does without
            self._say_absent(kind, (*key, "prober"), str(error))
            return None
        given = raw.get(kind)
        prepared = raw[kind] = self._preparer.prepared({} if given is None else given, door.Settings, at)
        before = len(self.sheet.problems)
        settings = self.sheet.convert(door.Settings, at)
        if settings is None or len(self.sheet.problems) > before:
            return None
        try:
            door.open_probe(settings)
        except ValueError as error:
            self._say_refused(at, prepared, str(error))
            return None
        plain: dict[str, Any] = kept(msgspec.json.decode(msgspec.json.encode(settings)), prepared)
        return plain

    def _say_absent(self, kind: str, key: Key, why: str) -> None:
        found, expected = f"{kind}, which cannot run here ({why})", "a kind whose packages are installed"
        if self._is_shipped:
            self.notes.append(self.sheet.remark(key, found, expected))
        else:
            self.sheet.say(key, found, expected)

    def _say_refused(self, at: Key, given: Any, why: str) -> None:
        """What a kind refuses, at the key that it names, as far as the file has it."""
        while place := _REFUSED.match(why):
            parts = [int(part) if part.isdecimal() else part for part in _PART.findall(place[1])]
            if parts[0] not in (given if isinstance(given, dict) else ()):
                break
            for part in parts:
                is_there = part in given if isinstance(given, dict) else isinstance(given, list) and part in range(len(given))
                if not is_there:
                    break
                at, given = (*at, part), given[part]
            why = why[place.end() :]
        first = _FIRST.match(why)
        if first and isinstance(given, dict) and first[0] in given:
            at = (*at, first[0])
        self.sheet.say(at, "settings that do not fit together", why.removeprefix("expected "))


def settings_of(module: Module) -> ProbeSettings:
    """The settings of a module as its kind has them. Raises `msgspec.ValidationError` if they were not checked here."""
    door = importlib.import_module(PROBES[module.kind].partition(":")[0])
    settings: ProbeSettings = msgspec.convert(module.settings, door.Settings)
    return settings
