"""What the agent's settings name and must exist: credentials, profiles, modules. Loaded only where devices are configured."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection
from pathlib import Path

from agent.config import Problem, show
from agent.settings import SnmpSettings
from agent.sheets.sheet import SheetError
from agent.snmp.auth_file import load_auths
from agent.snmp.device import AUTO
from agent.snmp.library import Library

Say = Callable[[str, str, str], None]


def check(snmp: SnmpSettings, folder: str, say: Say) -> list[Problem]:
    """Says of each key what it names and what there is; gives the problems of the files that are named. Relative paths start in
    `folder`."""
    found: list[Problem] = []
    auths: Collection[str] | None = None
    library: Library | None = None
    try:
        auths = load_auths(os.path.join(folder, snmp.auths_file)).keys()
    except SheetError as error:
        found += error.problems
    try:
        library = Library.load([Path(folder, snmp.folder)] if snmp.folder else [])
    except SheetError as error:
        found += error.problems
    for index, device in enumerate(snmp.devices):
        key = f"snmp.devices[{index}]"
        if auths is not None and device.auth not in auths:
            say(f"{key}.auth", show(device.auth), _one_of("credentials of auths_file", device.auth, auths))
        if library is None:
            continue
        if device.profile not in (AUTO, *library.profile_names):
            say(f"{key}.profile", show(device.profile), _one_of("a profile", device.profile, library.profile_names))
        for place, module in enumerate(device.modules):
            if module not in library.module_names:
                say(f"{key}.modules[{place}]", show(module), _one_of("a module", module, library.module_names))
    return found


def _one_of(what: str, name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"{what}, perhaps {near[0]}"
    return f"{what} that there are" if what.startswith("credentials") else f"{what} that there is"
