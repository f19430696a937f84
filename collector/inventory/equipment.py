"""What polling and probing need beside the inventory: credentials by name, and the modules and profiles that there are.

Read together with the inventory, so that both are taken or neither. Secrets never leave it but into a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.probes.probe import Module
from agent.snmp.auth import Auth
from collector.config import ConfigError, Problem, shown
from collector.inventory.check_snmp import Names, expected_auth
from collector.settings import Config


class Equipment(msgspec.Struct, frozen=True):
    """Credentials by name, the library of modules and profiles (`agent.snmp.library.Library`) and, where traps are heard, the
    table of notifications (`collector.poll.trap_table.Table`)."""

    auths: Mapping[str, Auth]
    library: Any
    notifications: Any = None
    fingerprint: tuple[tuple[str, int, int], ...] = ()
    modules: Mapping[str, Module] = {}
    """Modules of probes by name; empty where nothing is probed."""


def names_of(equipment: Equipment | None) -> Names:
    """What the inventory may name."""
    if equipment is None:
        return Names()
    library = equipment.library
    return Names(
        auths=equipment.auths.keys(),
        profiles=library.profile_names,
        modules=library.module_names,
        probes=equipment.modules,
    )


def equip(settings: Config, before: Equipment | None = None) -> Equipment:
    """Read credentials, modules and profiles. The library of `before` is kept if none of its files changed, so that nothing has
    to begin anew. Raises `ConfigError` with everything that is wrong."""
    from agent.sheets.sheet import SheetError
    from agent.snmp.auth_file import load_auths
    from agent.snmp.library import Library, shipped

    own = Path(settings.snmp.folder) if settings.snmp.folder else None
    problems: list[Problem] = []
    auths: Mapping[str, Auth] | None = {}
    library = notifications = None
    fingerprint = _fingerprint(shipped(), own)
    try:
        auths = load_auths(settings.snmp.auths_file) if settings.snmp.auths_file else {}
    except SheetError as error:
        problems += map(as_ours, error.problems)
        auths = None
    try:
        is_same = before is not None and before.fingerprint == fingerprint
        library = before.library if before is not None and is_same else Library.load([own] if own is not None else [])
    except SheetError as error:
        problems += map(as_ours, error.problems)
    if settings.traps.listen:
        problems += _unknown_auths(settings, auths) if auths is not None else []
        notifications = _notifications([folder for folder in (shipped(), own) if folder is not None], problems)
    if problems or auths is None:
        raise ConfigError(problems)
    return Equipment(auths, library, notifications, fingerprint)


def probe_modules(settings: Config) -> dict[str, Module]:
    """The modules of probes that there are: shipped ones, and those of the site's files. Raises `ConfigError`."""
    from agent.probes.module_file import load_modules
    from agent.sheets.sheet import SheetError

    try:
        return load_modules(settings.probes.module_files)
    except SheetError as error:
        raise ConfigError([as_ours(problem) for problem in error.problems]) from error


def _notifications(folders: list[Path], problems: list[Problem]) -> Any:
    from agent.sheets.sheet import SheetError
    from collector.poll.trap_file import FILE, load_table

    try:
        return load_table([file for folder in folders if (file := folder / FILE).exists()])
    except SheetError as error:
        problems += map(as_ours, error.problems)
        return None


def _unknown_auths(settings: Config, auths: Mapping[str, Auth]) -> list[Problem]:
    named = [(f"traps.auths[{index}]", name) for index, name in enumerate(settings.traps.auths)]
    named += [(f"traps.engines[{index}].auth", engine.auth) for index, engine in enumerate(settings.traps.engines)]
    return [
        Problem("collector.yml", 0, key, shown(name), expected_auth(name, auths)) for key, name in named if name not in auths
    ]


def _fingerprint(*folders: Path | None) -> tuple[tuple[str, int, int], ...]:
    """What tells whether any file of modules and profiles changed."""
    files = [file for folder in folders if folder is not None for file in sorted(folder.rglob("*.yml"))]
    return tuple([(str(file), found.st_mtime_ns, found.st_size) for file in files if (found := file.stat())])


def as_ours(problem: Any) -> Problem:
    """A problem of a file that agent and collector have in common."""
    return Problem(problem.file, problem.line, problem.key, problem.found, problem.expected)
