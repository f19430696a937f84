"""What a field of a settings struct may hold, read once from its type: the loader's plan, and what was expected in words."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from collector.config_forms import FORMS

_KIND_WORDS: Final[dict[Any, str]] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


class Shape(msgspec.Struct, frozen=True):
    """One type: a struct, a list of `element`, a mapping of `keys` to `element`, or a scalar that `kind` and `check` judge."""

    kind: Any
    expected: str
    struct: type[msgspec.Struct] | None = None
    element: Shape | None = None
    keys: Shape | None = None
    check: Callable[[str], bool] | None = None
    choices: tuple[Shape, ...] = ()
    """Of a union, None left out: a file says a value or does not have the key."""

    @property
    def is_list(self) -> bool:
        """Whether a list is wanted."""
        return self.element is not None and self.keys is None

    def of(self, value: object) -> Shape:
        """Of a union the part that a value can be meant for."""
        for choice in self.choices:
            wanted = list if choice.is_list else dict if choice.struct or choice.keys else None
            if wanted is not None and isinstance(value, wanted):
                return choice
        return self


class Field(msgspec.Struct, frozen=True):
    """A key of a mapping: its name in the struct, whether it must be there, and its shape."""

    name: str
    required: bool
    shape: Shape


@cache
def fields_of(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The keys that a struct has in a file."""
    return {
        field.encode_name: Field(field.name, field.required, shape_of(field.type)) for field in msgspec.structs.fields(struct)
    }


def shape_of(kind: Any) -> Shape:
    """The shape of an annotated type."""
    inner, _ = _bare(kind)
    expected = expected_text(kind)
    arguments = typing.get_args(inner)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return Shape(inner, expected, struct=inner)
    if typing.get_origin(inner) is tuple:
        return Shape(inner, expected, element=shape_of(arguments[0]))
    if typing.get_origin(inner) is dict:
        return Shape(inner, expected, keys=shape_of(arguments[0]), element=shape_of(arguments[1]))
    form = _form(kind)
    choices = _choices(inner)
    if not choices:
        return Shape(kind, expected, check=FORMS[form] if form else None)
    shapes = tuple(shape_of(choice) for choice in choices)
    scalar = next((shape for shape in shapes if not (shape.struct or shape.element)), None)
    if len(shapes) == 1:
        return shapes[0]
    return Shape(scalar.kind if scalar else Literal[""], expected, check=scalar.check if scalar else None, choices=shapes)


def _choices(inner: Any) -> tuple[Any, ...]:
    if typing.get_origin(inner) not in (typing.Union, types.UnionType):
        return ()
    return tuple(each for each in typing.get_args(inner) if each is not types.NoneType)


def _bare(kind: Any) -> tuple[Any, tuple[Meta, ...]]:
    metas: tuple[Meta, ...] = ()
    while typing.get_origin(kind) is Annotated:
        inner, *extra = typing.get_args(kind)
        metas += tuple(meta for meta in extra if isinstance(meta, Meta))
        kind = inner
    return kind, metas


def _form(kind: Any) -> str | None:
    for meta in _bare(kind)[1]:
        if meta.extra and "form" in meta.extra:
            return str(meta.extra["form"])
    return None


def expected_text(kind: Any) -> str:
    """What a value of this type must be, in words, from its type and bounds."""
    form = _form(kind)
    if form is not None:
        return form
    inner, metas = _bare(kind)
    choices = _choices(inner)
    if choices:
        return " or ".join(expected_text(choice) for choice in choices)
    origin = typing.get_origin(inner)
    if origin is Literal:
        return "one of: " + ", ".join(typing.get_args(inner))
    words = _KIND_WORDS.get(inner) or ("a list" if origin is tuple else "a mapping")
    for meta in metas:
        bounds = ((">=", meta.ge), (">", meta.gt), ("<=", meta.le))
        limits = [f"{sign} {bound}" for sign, bound in bounds if bound is not None]
        words += " " + " and ".join(limits) if limits else ""
        words = "text that is not empty" if meta.min_length else words
    return words
