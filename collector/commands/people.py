"""`haidang-collector user`: principals, made on the store itself, for the first admin has nobody to be made by.

Whoever may write the data folder is admin there; the audit trail names the login. A token is printed once.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from collector.commands.acts_words import person_problem, word
from collector.commands.agents import CommandError
from collector.config import Config
from collector.core.people import Actor, Person, PersonError, Role
from collector.ingest.enrol import make_token
from collector.opening import opened_store
from collector.store.store import Store

_SOURCE: Final = "local"


async def run(config: Config, options: argparse.Namespace) -> str:
    """The text to print. Raises `CommandError`, `StartError`."""
    language = options.lang
    async with opened_store(config, create=True) as store:
        try:
            if options.verb == "list":
                return _table(await store.people(), ZoneInfo(config.time_zone), language)
            return await _change(store, options)
        except PersonError as error:
            raise CommandError(person_problem(language, error.problem.value, error.value)) from error


async def _change(store: Store, options: argparse.Namespace) -> str:
    actor, now_ms, language = local_actor(), time.time_ns() // 1_000_000, options.lang
    if options.verb == "add":
        token, token_hash = make_token()
        person = await store.add_person(options.name, Role(options.role), token_hash, actor, now_ms=now_ms)
        return word(language, "user_added", name=person.name, role=word(language, f"role_{person.role}"), token=token)
    if options.verb == "rotate":
        token, token_hash = make_token()
        person = await store.rotate_person(options.name, token_hash, actor, now_ms)
        return word(language, "user_rotated", name=person.name, token=token)
    if options.verb == "revoke":
        person = await store.revoke_person(options.name, actor, now_ms)
        return word(language, "user_revoked", name=person.name)
    person = await store.set_person_role(options.name, Role(options.role), actor, now_ms)
    return word(language, "user_role_set", name=person.name, role=word(language, f"role_{person.role}"))


def local_actor() -> Actor:
    """Who sits at this machine, as the audit trail names them: by the account of the process, not by what it says."""
    return Actor(f"os:{_login()}"[:255], Role.ADMIN, _SOURCE)


if sys.platform == "win32":

    def _login() -> str:
        return getpass.getuser()
else:
    import pwd

    def _login() -> str:
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return str(os.getuid())


def _table(people: list[Person], zone: ZoneInfo, language: str) -> str:
    if not people:
        return word(language, "no_users")
    rows = [word(language, "user_columns").split("\t")] + [
        [
            person.name,
            word(language, f"role_{person.role}"),
            _date(person.created_ms, zone),
            _date(person.revoked_ms, zone) if person.revoked_ms else "-",
        ]
        for person in people
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _date(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d %H:%M %Z")
