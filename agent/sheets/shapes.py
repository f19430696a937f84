"""Plain values -> frozen structs by the types of their fields, for `agent.sheets.sheet`: every wrong part is named."""

from __future__ import annotations

import difflib
import enum
import math
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Protocol

import msgspec

from agent.config import show

BAD: Final[Any] = object()
"""What a reader returns for a value that does not fit; the sheet knows why."""

Key = tuple[str | int, ...]


class Notes(Protocol):
    """What a reader needs of the sheet."""

    def say(self, key: Key, found: str, expected: str) -> None:
        """Note a problem."""

    def written(self, key: Key) -> str:
        """The text of a scalar as it stands in the file."""


Reader = Callable[[Any, Any, Key], Any]
"""(sheet, value, key) -> the value of the hinted type, or BAD after `say`."""

_WORDS: Final[dict[Any, str]] = {
    int: "a whole number", float: "a number", str: "text", bool: "true or false", types.NoneType: "nothing",
}  # fmt: skip


@cache
def reader_of(hint: Any) -> Reader:
    """The reader of a type: scalars, enumerations, literals, unions, lists, tuples, mappings and structs of them."""
    if typing.get_origin(hint) is typing.Annotated:
        return _bounded(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return lambda notes, value, key: value
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct(hint)
    if origin in (tuple, list, frozenset, set):
        return _sequence(origin, args[0])
    if origin is dict:
        return _mapping(args[0], args[1])
    if origin in (typing.Union, types.UnionType):
        return _union(hint, args)
    return _scalar(hint)


def expectation(hint: Any) -> str:
    """What the message about a wrong value says was expected; `msgspec.Meta(extra={"expected": ...})` says it better."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        for meta in hint.__metadata__:
            if isinstance(meta, msgspec.Meta) and meta.extra and "expected" in meta.extra:
                return str(meta.extra["expected"])
        parts = "characters" if hint.__origin__ is str else "parts"
        return expectation(hint.__origin__) + "".join(_bounds(meta, parts) for meta in hint.__metadata__)
    if origin is typing.Literal:
        return str(args[0]) if len(args) == 1 else f"one of {', '.join(str(arg) for arg in args)}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return f"one of {', '.join(str(member.value) or 'nothing' for member in hint)}"
    if origin in (tuple, list, frozenset, set):
        return "a list"
    if origin is dict or (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        return "settings below it"
    if origin in (typing.Union, types.UnionType):
        wanted = [arg for arg in args if arg is not int or float not in args]
        return " or ".join(expectation(arg) for arg in wanted)
    return _WORDS.get(hint, "another value")


def _bounds(meta: Any, what: str) -> str:
    names = (("gt", "above"), ("ge", "from"), ("lt", "below"), ("le", "to"), ("pattern", "like"))
    parts = [f"{words} {_plain(bound)}" for name, words in names if (bound := getattr(meta, name, None)) is not None]
    low, high = getattr(meta, "min_length", None), getattr(meta, "max_length", None)
    if low or high:
        parts.append(f"of {high} {what}" if low == high else f"of {low or 0} to {high or 'any number of'} {what}")
    return f" ({', '.join(parts)})" if parts else ""


def _plain(bound: Any) -> str:
    return str(int(bound)) if isinstance(bound, float) and bound.is_integer() else str(bound)


def _scalar(hint: Any) -> Reader:
    expected = expectation(hint)

    def read(notes: Notes, value: Any, key: Key) -> Any:
        if hint is str and type(value) in (int, float, bool):
            return notes.written(key)
        if type(value) is hint:
            return value
        try:
            result = msgspec.convert(value, hint)
        except msgspec.ValidationError:
            notes.say(key, show(value), expected)
            return BAD
        if isinstance(result, float) and not math.isfinite(result):
            notes.say(key, show(value), expected)
            return BAD
        return result

    return read


def _bounded(hint: Any) -> Reader:
    inner, expected, bare = reader_of(hint.__origin__), expectation(hint), hint.__origin__
    is_leaf = typing.get_origin(bare) is None and not (isinstance(bare, type) and issubclass(bare, msgspec.Struct))
    low = max((meta.min_length or 0 for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta)), default=0)
    high = min((meta.max_length or 2**62 for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta)), default=2**62)
    if not is_leaf and not low and high == 2**62:
        return inner

    def read(notes: Notes, value: Any, key: Key) -> Any:
        result = inner(notes, value, key)
        if result is BAD:
            return BAD
        if not is_leaf:
            if low <= len(result) <= high:
                return result
            notes.say(key, f"a list of {len(result)}" if isinstance(value, list) else show(value), expected)
            return BAD
        try:
            return msgspec.convert(result, hint)
        except msgspec.ValidationError:
            notes.say(key, show(value), expected)
            return BAD

    return read


def _sequence(kind: Any, item: Any) -> Reader:
    inner = reader_of(item)

    def read(notes: Notes, value: Any, key: Key) -> Any:
        if not isinstance(value, list):
            notes.say(key, show(value), "a list")
            return BAD
        parts = [inner(notes, part, (*key, index)) for index, part in enumerate(value)]
        return BAD if BAD in parts else kind(parts)

    return read


def _mapping(name_hint: Any, item: Any) -> Reader:
    inner = reader_of(item)
    expected = f"a key that is {expectation(name_hint)}"

    def name_of(notes: Notes, name: str, key: Key) -> Any:
        try:
            return name if name_hint is str else msgspec.convert(name, name_hint, strict=False)
        except msgspec.ValidationError:
            notes.say(key, show(name), expected)
            return BAD

    def read(notes: Notes, value: Any, key: Key) -> Any:
        if not isinstance(value, dict):
            notes.say(key, show(value), "a mapping")
            return BAD
        result = {}
        for name, part in value.items():
            place = (*key, name)
            result[name_of(notes, name, place)] = inner(notes, part, place)
        return BAD if BAD in result or any(part is BAD for part in result.values()) else result

    return read


def _union(hint: Any, args: tuple[Any, ...]) -> Reader:
    """The first alternative of the value's own sort decides, so that its message is about what was meant."""
    readers = [(arg, reader_of(arg)) for arg in args]
    expected = expectation(hint)

    def read(notes: Notes, value: Any, key: Key) -> Any:
        for arg, inner in readers:
            if _is_sort(value, arg):
                return inner(notes, value, key)
        if str in args and type(value) in (int, float, bool):
            return notes.written(key)
        notes.say(key, show(value), expected)
        return BAD

    return read


def _is_sort(value: Any, hint: Any) -> bool:
    bare = hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint
    origin = typing.get_origin(bare)
    if origin is typing.Literal:
        return value in typing.get_args(bare)
    if isinstance(value, dict):
        return origin is dict or (isinstance(bare, type) and issubclass(bare, msgspec.Struct))
    if isinstance(value, list):
        return origin in (tuple, list, frozenset, set)
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return value in [member.value for member in bare]
    return type(value) is bare or (type(value) is int and bare is float)


def _struct(kind: type[msgspec.Struct]) -> Reader:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    readers: dict[str, Reader] = {}

    def read(notes: Notes, value: Any, key: Key) -> Any:
        if not isinstance(value, dict):
            notes.say(key, show(value), "settings below it" if key else "settings")
            return BAD
        if not readers:  # at the first use, since a struct may hold others of its own kind
            readers.update({name: reader_of(hints[field.name]) for name, field in fields.items()})
        known, is_good = {}, True
        for name, part in value.items():
            reader = readers.get(name)
            if reader is None:
                close = difflib.get_close_matches(name, fields, 1)
                notes.say((*key, name), "an unknown key", f"{close[0]}?" if close else f"one of {', '.join(fields)}")
                is_good = False
            elif (result := reader(notes, part, (*key, name))) is BAD:
                is_good = False
            else:
                known[fields[name].name] = result
        for name, field in fields.items():
            if field.required and name not in value:
                notes.say((*key, name), "nothing", expectation(hints[field.name]))
                is_good = False
        return _made(notes, kind, known, key) if is_good else BAD

    return read


def _made(notes: Notes, kind: type[msgspec.Struct], known: dict[str, Any], key: Key) -> Any:
    try:
        return kind(**known)
    except ValueError as error:  # the struct's own rule between its fields; the text says what was expected
        notes.say(key, "settings that do not fit together", str(error))
        return BAD
