"""What a module file writes -> plain values that the `Settings` of a kind take: durations in seconds, sizes in bytes, files and
variables of the environment read in. Every part that is wrong is noted at its place and left out.
"""

from __future__ import annotations

import os
import stat
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.config import show
from agent.disk import read_plain
from agent.probes.shapes import bytes_of, form_of, seconds
from agent.settings import WINDOWS
from agent.sheets.gopattern import compile_go
from agent.sheets.shapes import BAD, expectation
from agent.sheets.sheet import Key, Sheet

MAX_FILE_BYTES: Final = 1024 * 1024
SECRETS: Final = frozenset({"password", "credentials", "key", "bearer_token", "client_secret"})
"""Names of settings that are secrets wherever they stand; others are marked by their type (`agent.probes.shapes.Secret`)."""
_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"})
_HIDDEN: Final = "<secret>"
_BOOLS: Final = {
    **dict.fromkeys(("y", "yes", "on", "true"), True),
    **dict.fromkeys(("n", "no", "off", "false"), False),
}
"""What Go's YAML takes for a boolean where one is wanted, in any of the usual spellings."""
_PLACES: Final = ("_file", "_env")


class Preparer:
    """Prepares the values of one file. Relative paths are meant from its folder. `takes_plain`: base units are taken as well,
    as they stand in settings that were prepared before."""

    def __init__(self, sheet: Sheet, environ: Mapping[str, str], *, takes_plain: bool = False) -> None:
        self._takes_plain = takes_plain
        self._sheet = sheet
        self._folder = Path(sheet.file).parent
        self._environ = environ

    def prepared(self, value: Any, hint: Any, key: Key) -> Any:
        """The value in base units, or BAD once its problem is noted. What does not fit `hint` at all stays as it is: the sheet
        says so when it converts it."""
        form, bare = form_of(hint), _meant(_bare(hint), value)
        form = form or form_of(bare)
        bare = _bare(bare)
        if form in ("duration", "size"):
            return self._measure(value, hint, key, form)
        if form == "regex" and isinstance(value, str):
            return self._expression(value, hint, key)
        if bare is bool and isinstance(value, str):
            return _BOOLS.get(value.lower(), value)
        if isinstance(value, dict):
            return self._mapping(value, bare, key)
        if isinstance(value, list) and typing.get_origin(bare) in (list, tuple, set, frozenset):
            item = typing.get_args(bare)[0]
            parts = [self.prepared(part, item, (*key, place)) for place, part in enumerate(value)]
            return [part for part in parts if part is not BAD]
        return value

    def _mapping(self, value: dict[str, Any], bare: Any, key: Key) -> dict[str, Any]:
        if typing.get_origin(bare) is dict:
            item = typing.get_args(bare)[1]
            parts = {name: self.prepared(part, item, (*key, name)) for name, part in value.items()}
            return {name: part for name, part in parts.items() if part is not BAD}
        if not (isinstance(bare, type) and issubclass(bare, msgspec.Struct)):
            return value
        hints = hints_of(bare)
        result: dict[str, Any] = {}
        for name, part in value.items():
            if part is None:
                continue  # Nothing behind a key is the default, as Go has it.
            target, read = name, BAD
            if name not in hints and (found := _named(name, hints)):
                target = found
                if found in value or found in result:
                    self._sheet.say((*key, name), f"{found} in several places", f"one of {found}, {found}_file, {found}_env")
                else:
                    read = self._fetched(name, part, hints[found], (*key, name))
            elif name in hints:
                read = self.prepared(part, hints[name], (*key, name))
            else:
                read = part
            if read is not BAD:
                result[target] = read
        return result

    def _measure(self, value: Any, hint: Any, key: Key, form: str) -> Any:
        if value == 0 and not isinstance(value, bool):
            return value
        try:
            if isinstance(value, str):
                return seconds(value) if form == "duration" else bytes_of(value)
        except ValueError:
            pass
        if (form == "size" and type(value) is int) or (self._takes_plain and type(value) in (int, float)):
            return value
        self._sheet.say(key, show(value), expectation(hint))
        return BAD

    def _expression(self, value: str, hint: Any, key: Key) -> Any:
        try:
            compile_go(value, whole=False)
        except ValueError as error:
            self._sheet.say(key, f"{error}, in {show(value)}", expectation(hint))
            return BAD
        return value

    def _fetched(self, name: str, given: Any, hint: Any, key: Key) -> Any:
        """The text that `X_file` or `X_env` names."""
        setting = name.rpartition("_")[0]
        is_secret = setting in SECRETS or form_of(hint) == "secret"
        if not isinstance(given, str) or not given:
            self._sheet.say(key, show(given), "a path" if name.endswith("_file") else "the name of a variable")
            return BAD
        read = (
            self._variable(given, key) if name.endswith("_env") else self._read(self._folder / given, key, is_secret=is_secret)
        )
        if read is None:
            return BAD
        return self.prepared(read.strip() if is_secret else read, hint, key)

    def _variable(self, name: str, key: Key) -> str | None:
        text = self._environ.get(name, "")
        if not text:
            self._sheet.say(key, f"{show(name)}, which is not set", "a variable of the environment that is set")
        return text or None

    def _read(self, path: Path, key: Key, *, is_secret: bool) -> str | None:
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
            data = read_plain(str(path), MAX_FILE_BYTES)
            text = data.decode("utf-8-sig")
        except OSError as error:
            self._sheet.say(key, f"{(error.strerror or 'no readable file').lower()} ({path})", "a readable file")
            return None
        except UnicodeDecodeError:
            self._sheet.say(key, f"bytes that are no text ({path})", "text in UTF-8")
            return None
        except ValueError:
            self._sheet.say(key, "no path", "a path")
            return None
        if is_secret and not WINDOWS and mode & 0o077:
            self._sheet.say(key, f"mode {mode:04o} ({path})", f"mode 0600 (chmod 0600 {path})")
            return None
        if is_secret and not text.strip():
            self._sheet.say(key, f"an empty file ({path})", "a secret in it")
            return None
        return text


def hints_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of a struct's fields by the names that a file uses."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}


def kept(full: Any, given: Any) -> Any:
    """Of the plain values of settings only what was given; the rest are defaults, which whoever gets them knows as well."""
    if isinstance(full, dict) and isinstance(given, dict):
        return {name: kept(part, given[name]) for name, part in full.items() if name in given}
    if isinstance(full, list) and isinstance(given, list) and len(full) == len(given):
        return [kept(part, other) for part, other in zip(full, given, strict=True)]
    return full


def masked(value: Any, hint: Any = None) -> Any:
    """Plain settings for a person to see, with `<secret>` in place of every secret."""
    bare = _bare(_meant(_bare(hint), value))
    if isinstance(value, dict):
        is_struct = isinstance(bare, type) and issubclass(bare, msgspec.Struct)
        hints = hints_of(bare) if is_struct else {}
        return {name: _masked_part(name, part, hints.get(name)) for name, part in value.items()}
    if isinstance(value, list | tuple):
        item = (typing.get_args(bare) or (None,))[0]
        return [masked(part, item) for part in value]
    return _HIDDEN if form_of(hint) == "secret" and value else value


def _masked_part(name: str, part: Any, hint: Any) -> Any:
    if part and (name in SECRETS or name.lower() in _SECRET_HEADERS or form_of(hint) == "secret"):
        return _HIDDEN
    return masked(part, hint)


def _named(name: str, hints: Mapping[str, Any]) -> str:
    """The setting that `X_file` or `X_env` stands for; "" if there is none that is text."""
    setting = next((name.removesuffix(place) for place in _PLACES if name.endswith(place)), "")
    hint = hints.get(setting)
    return setting if hint is not None and str in (_bare(hint), *map(_bare, typing.get_args(_bare(hint)))) else ""


def _bare(hint: Any) -> Any:
    return hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint


def _meant(hint: Any, value: Any) -> Any:
    """Of a union the alternative that a value of this sort means; any other type as it is."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    others = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
    for arg in others:
        bare = _bare(arg)
        origin = typing.get_origin(bare)
        if isinstance(value, dict) and (origin is dict or (isinstance(bare, type) and issubclass(bare, msgspec.Struct))):
            return arg
        if isinstance(value, list) and origin in (list, tuple, set, frozenset):
            return arg
    return others[0]
