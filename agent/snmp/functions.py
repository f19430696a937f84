"""The functions of profile expressions, each as what turns a call into a closure. Pure; a closed list."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from agent.packets.ber import ARC_MAX, tail_from
from agent.snmp.answers import Plain, number_of
from agent.snmp.nodes import Builder, Cells, Node, constant, each, trouble
from agent.snmp.patterns import PatternError, compile_pattern

_WRAP: Final = 2**32
_MAX_ARC: Final = 128
_MOST_WHOLE: Final = 10**25
_OCTET: Final = 256
_LONGEST_ADDRESS: Final = 18
"""Type, length and the octets of IPv6."""


def _arguments(node: ast.Call, least: int, most: int, form: str) -> list[ast.expr]:
    if not least <= len(node.args) <= most or any(isinstance(part, ast.Starred) for part in node.args):
        raise trouble(node, form)
    return node.args


def _whole(node: ast.expr, low: int, high: int) -> int:
    value = constant(node)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high or value == 0:
        raise trouble(node, f"a whole number from {low} to {high}, not 0")
    return value


def _index(builder: Builder, node: ast.Call) -> Node:
    number = _whole(_arguments(node, 1, 1, "index(n)")[0], -_MAX_ARC, _MAX_ARC)
    return lambda frame: frame.arc(number)


def _index_text(builder: Builder, node: ast.Call) -> Node:
    number = _whole(_arguments(node, 1, 1, "index_text(n)")[0], 1, _MAX_ARC)
    return lambda frame: frame.index_text(number)


def _number(builder: Builder, node: ast.Call) -> Node:
    part = builder.build(_arguments(node, 1, 1, "number(x)")[0])

    def run(frame: Any) -> Cells:
        counts = frame.counts
        return each(lambda value: number_of(value, counts) if value.__class__ is str else value, [part])(frame)

    return run


def _match(builder: Builder, node: ast.Call) -> Node:
    first, second = _arguments(node, 2, 2, "match(x, 'pattern')")
    source = constant(second)
    if not isinstance(source, str):
        raise trouble(second, "a pattern in quotes")
    try:
        pattern = compile_pattern(source)
    except PatternError as error:
        raise trouble(second, str(error)) from None
    if pattern.groups != 1:
        raise trouble(second, "a pattern with one group")

    def found(value: Any) -> Plain:
        hit = pattern.search(value) if value.__class__ is str else None
        return hit[1] if hit is not None and hit[1] is not None else None

    return each(found, [builder.build(first)])


def _lookup(builder: Builder, node: ast.Call) -> Node:
    column, *parts = _arguments(node, 2, 16, "lookup(column, index, ...)")
    found = builder.object(column)
    if not found.is_column:
        raise trouble(column, f"a column instead of {found.name}")
    arcs = [builder.build(part) for part in parts]

    def run(frame: Any) -> Cells:
        def at(*numbers: Any) -> Plain:
            if not all(_is_arc(number) for number in numbers):
                return None
            value: Plain = frame.at(found.name, tail_from([int(number) for number in numbers]))
            return value

        return each(at, arcs)(frame)

    return run


def _is_arc(number: Any) -> bool:
    return number.__class__ in (int, float) and 0 <= number <= ARC_MAX and number == int(number)


def _find(builder: Builder, node: ast.Call) -> Node:
    """`find(column, by, value, ...)`: what `column` has in the first row where `by` has one of these values; empty text is
    passed over. For the one part among many, such as the chassis in an inventory."""
    column, by, *rest = _arguments(node, 3, 16, "find(column, by, value, ...)")
    found, judge = builder.object(column), builder.object(by)
    for part, known in ((column, found), (by, judge)):
        if not known.is_column:
            raise trouble(part, f"a column instead of {known.name}")
    wanted = frozenset(constant(part) for part in rest)

    def run(frame: Any) -> Plain:
        hits = (frame.at(found.name, index) for index in frame.rows(judge.name) if frame.at(judge.name, index) in wanted)
        return next((value for value in hits if value is not None and value != ""), None)

    return run


def _address(builder: Builder, node: ast.Call) -> Node:
    """`address(n)`: the IP address that begins at this arc of the index, as type, length and octets (RFC 4001 section 4.1)."""
    number = _whole(_arguments(node, 1, 1, "address(n)")[0], 1, _MAX_ARC)

    def run(frame: Any) -> list[Plain]:
        return list(map(_ip, zip(*[frame.arc(number + place) for place in range(_LONGEST_ADDRESS)], strict=True)))

    return run


def _ip(arcs: tuple[Any, ...]) -> str | None:
    if arcs[:2] not in ((1, 4), (2, 16)):
        return None
    octets = arcs[2 : 2 + arcs[1]]
    return str(ip_address(bytes(octets))) if all(octet is not None and octet < _OCTET for octet in octets) else None


def _unsigned(builder: Builder, node: ast.Call) -> Node:
    def add(value: Any) -> Plain:
        if value.__class__ not in (int, float):
            return None
        return value + _WRAP if -(2**31) <= value < 0 else value

    return each(add, [builder.build(_arguments(node, 1, 1, "unsigned(x)")[0])])


def _has(builder: Builder, node: ast.Call) -> Node:
    return each(lambda value: value is not None, [builder.build(_arguments(node, 1, 1, "has(x)")[0])])


def _first(builder: Builder, node: ast.Call) -> Node:
    parts = [builder.build(part) for part in _arguments(node, 2, 16, "first(a, b, ...)")]
    return each(lambda *values: next((value for value in values if value is not None), None), parts)


def _text(builder: Builder, node: ast.Call) -> Node:
    return each(to_text, [builder.build(_arguments(node, 1, 1, "text(x)")[0])])


def to_text(value: Any) -> str | None:
    """A value as a label: whole numbers without a point."""
    if value is None or value.__class__ is str:
        return value
    if not -_MOST_WHOLE < value < _MOST_WHOLE:
        return f"{value:.12g}" if value.__class__ is float and math.isfinite(value) else None
    return str(int(value)) if value == int(value) else f"{value:.12g}"


def _aggregate(form: str, action: Callable[[list[Any]], Plain]) -> Callable[[Builder, ast.Call], Node]:
    def make(builder: Builder, node: ast.Call) -> Node:
        (column,) = _arguments(node, 1, 1, form)
        found = builder.object(column)
        if not found.is_column:
            raise trouble(column, f"a column instead of {found.name}")
        return lambda frame: action([value for value in frame.all(found.name) if value is not None])

    return make


def _over_numbers(action: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Plain]:
    def run(values: list[Any]) -> Plain:
        numbers = [value for value in values if value.__class__ in (int, float)]
        return action(numbers) if numbers else None

    return run


def _count_where(builder: Builder, node: ast.Call) -> Node:
    """`count_if(column, value, ...)`: rows with one of these values; absent when the column has no row."""
    column, *rest = _arguments(node, 2, 32, "count_if(column, value, ...)")
    found = builder.object(column)
    if not found.is_column:
        raise trouble(column, f"a column instead of {found.name}")
    wanted = frozenset(constant(part) for part in rest)

    def run(frame: Any) -> Plain:
        values = [value for value in frame.all(found.name) if value is not None]
        return sum(value in wanted for value in values) if values else None

    return run


FUNCTIONS: Final[dict[str, Callable[[Builder, ast.Call], Node]]] = {
    "address": _address,
    "count": _aggregate("count(column)", len),
    "count_if": _count_where,
    "find": _find,
    "first": _first,
    "has": _has,
    "index": _index,
    "index_text": _index_text,
    "lookup": _lookup,
    "match": _match,
    "max": _aggregate("max(column)", _over_numbers(max)),
    "min": _aggregate("min(column)", _over_numbers(min)),
    "number": _number,
    "sum": _aggregate("sum(column)", _over_numbers(sum)),
    "text": _text,
    "unsigned": _unsigned,
}
