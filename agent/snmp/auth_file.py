"""Credentials from the `auths` of a file in the format of `snmp.yml` (a whole `snmp.yml` is taken, and only `auths` is read).

Each secret may stand there, or be named: `password_env: NAME` reads the environment, `password_file: path` a file of its own.
Nothing here prints a secret, whatever is wrong.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from agent.config import Problem
from agent.disk import read_plain
from agent.settings import WINDOWS, Secret
from agent.sheets.sheet import Key, Sheet, SheetError
from agent.snmp.auth import NO_SECRET, Auth, AuthProtocol, PrivProtocol, Version

_LEVELS: Final = ("noAuthNoPriv", "authNoPriv", "authPriv")
_MOST_BYTES: Final = 4_096
_LEAST_CHARS: Final = 8  # RFC 3414 section 11.2
_PUBLIC: Final = "public"
_NO_PATH: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*\Z")

Level = Literal["noAuthNoPriv", "authNoPriv", "authPriv"]


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One of `auths` as it is written. The protocols' defaults are snmp_exporter's, which its generator writes out always."""

    version: Annotated[int, Meta(ge=1, le=3, extra={"expected": "1, 2 or 3"})] = 2
    community: str | None = None
    community_env: str | None = None
    community_file: str | None = None
    security_level: Level | None = None
    username: str | None = None
    password: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    auth_protocol: Literal["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"] = "MD5"
    priv_protocol: Literal["DES", "AES", "AES192", "AES192C", "AES256", "AES256C"] = "DES"
    priv_password: str | None = None
    priv_password_env: str | None = None
    priv_password_file: str | None = None
    context_name: str | None = None


def load_auths(path: Path | str, environ: Mapping[str, str] | None = None) -> dict[str, Auth]:
    """The credentials in a file, by name. Raises `SheetError` with every problem: wrong settings, secrets that are missing or
    cannot be read, files that others than their owner can read (not checked on Windows)."""
    sheet = Sheet(path)
    found = sheet.value.get("auths") if isinstance(sheet.value, dict) else None
    if not sheet.problems and not isinstance(found, dict):
        place, is_none = (("auths",), found is None) if isinstance(sheet.value, dict) else ((), sheet.value is None)
        sheet.say(place, "nothing" if is_none else "no mapping", "auths:, with names and settings below it")
    auths: dict[str, Auth] = {}
    reader = _Reader(sheet, os.environ if environ is None else environ)
    for name, raw in found.items() if isinstance(found, dict) else ():
        if not isinstance(raw, dict):  # it may well be a secret, which the usual message would show
            sheet.say(("auths", name), "no mapping", "settings below it")
            continue
        entry = sheet.convert(_Entry, ("auths", name))
        if entry is not None:
            auths[name] = reader.auth(name, entry)
    if reader.has_secrets:
        _check_mode(sheet, (), sheet.file)
    if sheet.problems:
        raise SheetError([_discreet(problem) for problem in sheet.problems])
    return auths


def _discreet(problem: Problem) -> Problem:
    """The problem without the part of the file that a YAML parser may quote."""
    return msgspec.structs.replace(problem, found=problem.found.split(" (")[0]) if "broken syntax" in problem.found else problem


class _Reader:
    """Makes entries of one file into credentials; what is wrong goes to the sheet. `has_secrets`: some stand in the file."""

    def __init__(self, sheet: Sheet, environ: Mapping[str, str]) -> None:
        self._sheet = sheet
        self._environ = environ
        self.has_secrets = False

    def auth(self, name: str, entry: _Entry) -> Auth:
        """The credentials of one entry, which are of use only if the sheet has no problems in the end."""
        key: Key = ("auths", name)
        if entry.version < 3:
            return self._community(name, entry, key)
        level = entry.security_level or _LEVELS[0]
        password = self._password(entry, "password", level != "noAuthNoPriv", key)
        priv_password = self._password(entry, "priv_password", level == "authPriv", key)
        if not entry.username:
            self._sheet.say((*key, "username"), "nothing", "the name of a user, which version 3 needs")
        return Auth(
            name=name,
            version=Version.V3,
            username=entry.username or "",
            auth_protocol=AuthProtocol.NONE if password is NO_SECRET else AuthProtocol(entry.auth_protocol),
            password=password,
            priv_protocol=PrivProtocol.NONE if priv_password is NO_SECRET else PrivProtocol(entry.priv_protocol),
            priv_password=priv_password,
            context_name=entry.context_name or "",
        )

    def _community(self, name: str, entry: _Entry, key: Key) -> Auth:
        for field in ("username", "password", "priv_password"):
            for setting in (field, f"{field}_env", f"{field}_file"):
                if getattr(entry, setting, None):
                    self._sheet.say((*key, setting), "a setting of version 3", "version: 3, or no such setting")
        if entry.security_level not in (None, _LEVELS[0]):
            self._sheet.say((*key, "security_level"), str(entry.security_level), "version: 3, or no such setting")
        secret = self._secret(entry, "community", key)
        community = Secret(_PUBLIC) if secret is NO_SECRET else secret  # snmp_exporter's default
        return Auth(name=name, version=Version(entry.version), community=community, context_name=entry.context_name or "")

    def _password(self, entry: _Entry, field: str, is_needed: bool, key: Key) -> Secret:
        secret = self._secret(entry, field, key)
        length = len(secret.reveal())
        if is_needed and secret is NO_SECRET:
            self._sheet.say(
                (*key, field), "nothing", f"{field}, {field}_env or {field}_file, which {entry.security_level} needs"
            )
        elif not is_needed and secret is not NO_SECRET:
            found = f"{field} at the level {entry.security_level or _LEVELS[0]}"
            expected = "authNoPriv or authPriv" if field == "password" else "authPriv"
            self._sheet.say((*key, "security_level"), found, expected)
        elif is_needed and 0 < length < _LEAST_CHARS:
            self._sheet.say((*key, field), f"too few characters ({length})", f"at least {_LEAST_CHARS} characters (RFC 3414)")
        return secret

    def _secret(self, entry: _Entry, field: str, key: Key) -> Secret:
        """The secret in the one of its three places that is set; `NO_SECRET` for none."""
        places = {place: value for place in ("", "_env", "_file") if (value := getattr(entry, field + place)) is not None}
        if len(places) > 1:
            self._sheet.say((*key, field), "the secret in several places", f"one of {field}, {field}_env, {field}_file")
        if "" in places:
            self.has_secrets = self.has_secrets or places[""] != _PUBLIC
            return Secret(places[""]) if places[""] else NO_SECRET
        if "_env" in places:
            return self._from_environment(places["_env"], (*key, f"{field}_env"))
        return self._from_file(places["_file"], (*key, f"{field}_file")) if "_file" in places else NO_SECRET

    def _from_environment(self, variable: str, key: Key) -> Secret:
        value = self._environ.get(variable, "") if variable else ""
        if not value:
            # What does not look like a variable may be the secret itself, put in the wrong place.
            found = f"{variable}, which is not set or empty" if _VARIABLE.match(variable) else "no variable that is set"
            self._sheet.say(key, found, "a variable of the environment with the secret")
            return Secret("?" * _LEAST_CHARS)
        try:
            value.encode()
        except UnicodeEncodeError:  # octets of another encoding, which nothing could send
            self._sheet.say(key, f"no text ({variable})", "a variable of the environment with the secret")
        return Secret(value)

    def _from_file(self, path: str, key: Key) -> Secret:
        """The text of a file without the end of its line; a relative path starts at the folder of the file of credentials."""
        whole = os.path.join(os.path.dirname(os.path.abspath(self._sheet.file)), path)
        try:
            text = read_plain(whole, _MOST_BYTES).decode("utf-8").rstrip("\r\n")
        except OSError as error:
            found, folder = (error.strerror or "no access").lower(), os.path.dirname(os.path.abspath(self._sheet.file))
            if error.errno in _NO_PATH:  # what is no path of anything may be the secret itself, put in the wrong place
                self._sheet.say(key, found, f"a readable file with the secret, relative to {folder}")
            else:
                self._sheet.say(key, f"{found} ({whole})", "a readable file with the secret")
            return Secret("?" * _LEAST_CHARS)
        except (UnicodeDecodeError, ValueError):
            self._sheet.say(key, f"no text ({whole})", "a readable file with the secret")
            return Secret("?" * _LEAST_CHARS)
        _check_mode(self._sheet, key, whole)
        if not text or "\n" in text:
            self._sheet.say(key, f"{'several lines' if text else 'nothing'} ({whole})", "one line with the secret")
        return Secret(text)


def _check_mode(sheet: Sheet, key: Key, path: str) -> None:
    if WINDOWS:
        return
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return  # reading it has said so
    if mode & 0o077:
        sheet.say(key, f"mode {mode:04o} ({path})", f"mode 0600 (chmod 0600 {path})")
