"""`haidang-collector poll`: one device asked by hand. Needs no database and no running collector."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from agent.clock import SystemClock
from agent.sheets.sheet import SheetError
from agent.snmp.auth import Auth
from agent.snmp.auth_file import load_auths
from agent.snmp.device import AUTO, Device
from agent.snmp.errors import SnmpError
from agent.snmp.library import Library
from agent.snmp.tools import Tools
from agent.text import render
from collector.commands.poll_options import check_numbers
from collector.commands.poll_text import explain
from collector.commands.poll_words import told, word
from collector.config import Config, ConfigError
from collector.config_forms import FORMS
from collector.inventory.equipment import as_ours
from collector.output import CommandError, put
from collector.poll.once import NO_PROFILE, Asked, Asking

_MOST_NAMES = 20


def run(config: Config, options: argparse.Namespace) -> int:
    """Ask, print; 0 if the device answered. Raises `CommandError`, `OutputError`."""
    check_numbers(options)
    library = read_library(config, options)
    device = _device(read_auths(config, options), library, options)
    asked = asyncio.run(_ask(library, device, options))
    if options.explain:
        put(explain(asked, options.lang))
    else:
        put(render(asked.readings))
        for one in asked.modules:
            for why in one.troubles:
                sys.stderr.write(f"{word(options.lang, 'partly', module=one.name, why=told(options.lang, why))}\n")
    if asked.error is not None:
        why = told(options.lang, asked.error.detail)
        raise CommandError(word(options.lang, "silent", address=device.host, port=device.port, why=why))
    return 0


async def _ask(library: Library, device: Device, options: argparse.Namespace) -> Asked:
    async with opened(library, options.lang) as tools:
        return await Asking(tools).ask(device, options.deadline)


@asynccontextmanager
async def opened(library: Library, language: str) -> AsyncIterator[Tools]:
    """Tools for the length of a command. Raises `CommandError`, `ConfigError`."""
    tools = Tools(library, lambda result: None, SystemClock())
    try:
        await tools.open()
    except OSError as error:
        raise CommandError(str(error)) from error
    try:
        yield tools
    except SheetError as error:
        raise ConfigError([as_ours(problem) for problem in error.problems]) from error
    except SnmpError as error:
        raise CommandError(told(language, error.detail)) from error
    finally:
        await tools.close()


def read_library(config: Config, options: argparse.Namespace) -> Library:
    """The modules and profiles there are. Raises `ConfigError` with everything that is wrong with them."""
    folder = options.folder or (Path(config.snmp.folder) if config.snmp.folder else None)
    try:
        return Library.load([folder] if folder is not None else [])
    except SheetError as error:
        raise ConfigError([as_ours(problem) for problem in error.problems]) from error


def read_auths(config: Config, options: argparse.Namespace) -> Mapping[str, Auth]:
    """Credentials by name. Raises `CommandError` if no file is named, `ConfigError` for what is wrong in it, no secret."""
    file = options.auths or (Path(config.snmp.auths_file) if config.snmp.auths_file else None)
    if file is None:
        raise CommandError(word(options.lang, "no_auths"))
    options.auths = file
    try:
        return load_auths(file)
    except SheetError as error:
        raise ConfigError([as_ours(problem) for problem in error.problems]) from error


def auth_named(auths: Mapping[str, Auth], name: str, options: argparse.Namespace) -> Auth:
    """The credentials of that name, or the only ones if no name is given. Raises `CommandError`."""
    if not name and len(auths) == 1:
        return next(iter(auths.values()))
    if name not in auths:
        key = "unknown_auth" if name else "which_auth"
        raise CommandError(word(options.lang, key, value=name, file=options.auths, names=", ".join(sorted(auths))))
    return auths[name]


def _device(auths: Mapping[str, Auth], library: Library, options: argparse.Namespace) -> Device:
    language, address = options.lang, options.address.removeprefix("[").removesuffix("]")
    if not FORMS["host name or IP address"](address):
        raise CommandError(word(language, "bad_address", value=options.address))
    for module in options.module:
        _demand(module, library.module_names, language, "unknown_module")
    profile = options.profile or (NO_PROFILE if options.module else AUTO)
    if profile not in (NO_PROFILE, AUTO):
        _demand(profile, library.profile_names, language, "unknown_profile")
    auth = auth_named(auths, options.auth, options)
    return Device(
        target=address,
        host=address,
        auth=auth if options.context is None else msgspec.structs.replace(auth, context_name=options.context),
        port=options.port,
        class_=options.class_,
        profile=profile,
        modules=tuple(options.module),
        timeout_s=options.timeout or 0.0,
        retries=options.retries,
        max_repetitions=options.max_repetitions,
    )


def _demand(name: str, known: Collection[str], language: str, key: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, 3, 0.4) or (sorted(known) if len(known) <= _MOST_NAMES else [])
    hint = word(language, "hint", names=", ".join(near)) if near else ""
    raise CommandError(word(language, key, value=name, hint=hint))
