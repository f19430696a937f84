"""What polling needs beside the inventory: credentials by name, and the modules and profiles that there are.

Read together with the inventory, so that both are taken or neither. Secrets never leave it but into a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.snmp.auth import Auth
from collector.config import ConfigError, Problem
from collector.inventory.check_snmp import Names
from collector.settings import Config


class Equipment(msgspec.Struct, frozen=True):
    """Credentials by name, and the library of modules and profiles (`agent.snmp.library.Library`)."""

    auths: Mapping[str, Auth]
    library: Any


def names_of(equipment: Equipment | None) -> Names:
    """What the inventory may name."""
    if equipment is None:
        return Names()
    library = equipment.library
    return Names(auths=equipment.auths.keys(), profiles=library.profile_names, modules=library.module_names)


def equip(settings: Config) -> Equipment:
    """Read credentials, modules and profiles. Raises `ConfigError` with everything that is wrong with them."""
    from agent.snmp.auth_file import load_auths
    from agent.snmp.library import Library

    from agent.snmp.sheet import SheetError

    problems: list[Problem] = []
    auths: dict[str, Auth] = {}
    library = None
    if settings.snmp.auths_file:
        try:
            auths = load_auths(Path(settings.snmp.auths_file))
        except SheetError as error:
            problems += map(_as_ours, error.problems)
    try:
        library = Library.load([Path(settings.snmp.folder)] if settings.snmp.folder else [])
    except SheetError as error:
        problems += map(_as_ours, error.problems)
    if problems:
        raise ConfigError(problems)
    return Equipment(auths, library)


def _as_ours(problem: Any) -> Problem:
    return Problem(problem.file, problem.line, problem.key, problem.found, problem.expected)
