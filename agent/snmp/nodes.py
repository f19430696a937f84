"""The parts of profile expressions as closures: names, constants, operators, choices. Pure; a closed list.

A part works on all rows of a table at once: it gives one value for all rows, or a list with one for each.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from agent.snmp.answers import MAX_TEXT, Counts, Object, Plain

_MAX_CONSTANT: Final = 2**64
_MAX_EXPONENT: Final = 64.0
_NUMBERS: Final[frozenset[Any]] = frozenset({int, float, bool})

Cells = Any
"""`Plain` for all rows alike, or a `list[Plain]` with one for each row."""


class Frame(Protocol):
    """One table of a device, while an expression looks at it."""

    counts: Counts
    indexes: tuple[bytes, ...]

    def cells(self, name: str) -> Cells:
        """An object's values over the rows."""

    def arc(self, number: int) -> list[Plain]:
        """The arc with this number (from 1, negative from the end) of each row's index."""

    def index_text(self, number: int) -> list[Plain]:
        """The text that begins at this arc of each row's index, with its length before it."""

    def at(self, name: str, index: bytes) -> Plain:
        """A column's value at another index."""

    def all(self, name: str) -> list[Plain]:
        """A column's values, whatever the rows are."""

    def rows(self, name: str) -> tuple[bytes, ...]:
        """The indexes of a column's own rows."""


Node = Callable[[Any], Cells]


class ExpressionError(ValueError):
    """An expression is refused; the text says what is expected, and where."""


Functions = Mapping[str, Callable[["Builder", ast.Call], Node]]


class Builder:
    """Turns the parts of one expression into closures and notes which objects it looks at."""

    def __init__(self, objects: Mapping[str, Object], functions: Functions) -> None:
        self.known = objects
        self._functions = functions
        self.objects: list[str] = []
        self.columns: list[str] = []

    def build(self, node: ast.expr) -> Node:
        """The closure of a part."""
        if isinstance(node, ast.Constant):
            return _constant(node)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.BoolOp):
            parts = [self.build(value) for value in node.values]
            return _each(_all_of if isinstance(node.op, ast.And) else _any_of, parts)
        if isinstance(node, ast.IfExp):
            return _each(_choose, [self.build(node.test), self.build(node.body), self.build(node.orelse)])
        if isinstance(node, ast.Call):
            return self._call(node)
        raise trouble(node, "a number, text, object, operation or call of a function")

    def object(self, node: ast.expr) -> Object:
        """The object that a part names; `ExpressionError` if it names none."""
        if not isinstance(node, ast.Name):
            raise trouble(node, "the name of an object")
        found = self.known.get(node.id)
        if found is None:
            raise trouble(node, f"an object of the profile's modules instead of {node.id}")
        self.objects.append(node.id)
        return found

    def _name(self, node: ast.Name) -> Node:
        if self.object(node).is_column:
            self.columns.append(node.id)
        name = node.id
        return lambda frame: frame.cells(name)

    def _unary(self, node: ast.UnaryOp) -> Node:
        operand = self.build(node.operand)
        if isinstance(node.op, ast.Not):
            return _each(_not, [operand])
        if isinstance(node.op, ast.USub):
            return _each(_negative, [operand])
        raise trouble(node, "no operator but - and not before a value")

    def _binary(self, node: ast.BinOp) -> Node:
        action = _BINARY.get(type(node.op))
        if action is None:
            raise trouble(node, "one of + - * / // % ** between two values")
        left, right = self.build(node.left), self.build(node.right)
        if isinstance(node.op, ast.Mult | ast.Div) and isinstance(node.right, ast.Constant) and node.right.value:
            return _scale(left, _scale_factor(node.right), isinstance(node.op, ast.Div))
        return _each(action, [left, right])

    def _compare(self, node: ast.Compare) -> Node:
        operands = [node.left, *node.comparators]
        parts = []
        for operation, left, right in zip(node.ops, operands[:-1], operands[1:], strict=True):
            if isinstance(operation, ast.In | ast.NotIn):
                parts.append(self._among(left, right, isinstance(operation, ast.NotIn)))
                continue
            action = _COMPARE.get(type(operation))
            if action is None:
                raise trouble(node, "one of == != < <= > >= in between two values")
            parts.append(_each(action, [self.build(left), self.build(right)]))
        return parts[0] if len(parts) == 1 else _each(_all_of, parts)

    def _among(self, left: ast.expr, right: ast.expr, is_not: bool) -> Node:
        if not isinstance(right, ast.Tuple | ast.List):
            raise trouble(right, "values in brackets after in")
        values = frozenset(constant(part) for part in right.elts)
        return _each(lambda value: None if value is None else (value in values) is not is_not, [self.build(left)])

    def _call(self, node: ast.Call) -> Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        function = self._functions.get(name)
        if function is None or node.keywords:
            raise trouble(node, f"one of the functions {', '.join(sorted(self._functions))}")
        return function(self, node)


def trouble(node: ast.expr, expected: str) -> ExpressionError:
    """The error about a part."""
    return ExpressionError(f"{expected} at character {getattr(node, 'col_offset', 0) + 1}")


def constant(node: ast.expr) -> Plain:
    """The number or text that stands there."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _negative(constant(node.operand))
    value: Any = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str) and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= _MAX_CONSTANT):
        return value
    raise trouble(node, "a number or a text")


def each(action: Callable[..., Plain], parts: list[Node]) -> Node:
    """A node that does `action` row by row."""
    return _each(action, parts)


def _constant(node: ast.Constant) -> Node:
    value = constant(node)
    return lambda frame: value


def _each(action: Callable[..., Plain], parts: list[Node]) -> Node:
    if len(parts) == 1:
        only = parts[0]

        def one(frame: Frame) -> Cells:
            cells = only(frame)
            return [action(value) for value in cells] if cells.__class__ is list else action(cells)

        return one

    def several(frame: Frame) -> Cells:
        found = [part(frame) for part in parts]
        if not any(cells.__class__ is list for cells in found):
            return action(*found)
        size = len(frame.indexes)
        return list(map(action, *[cells if cells.__class__ is list else [cells] * size for cells in found]))

    return several


def _scale(part: Node, factor: float, divides: bool) -> Node:
    """The usual case, a column times a constant, without a call for each row."""

    def scaled(frame: Frame) -> Cells:
        cells = part(frame)
        many: list[Any] = cells if cells.__class__ is list else [cells]
        if divides:
            result = [value / factor if value.__class__ in _NUMBERS else None for value in many]
        else:
            result = [value * factor if value.__class__ in _NUMBERS else None for value in many]
        return result if cells.__class__ is list else result[0]

    return scaled


def _scale_factor(node: ast.Constant) -> float:
    value = constant(node)
    if not isinstance(value, int | float):
        raise trouble(node, "a number")
    return value


def _negative(value: Any) -> Plain:
    return -value if value.__class__ in _NUMBERS else None


def _add(left: Any, right: Any) -> Plain:
    if left.__class__ is str and right.__class__ is str:
        return str(left + right)[:MAX_TEXT]
    return _sum(left, right)


def _arithmetic(action: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Plain]:
    def run(left: Any, right: Any) -> Plain:
        if left.__class__ not in _NUMBERS or right.__class__ not in _NUMBERS:
            return None
        try:
            result: Any = action(left, right)
            return result if result.__class__ in _NUMBERS and math.isfinite(result) else None
        except (ZeroDivisionError, OverflowError, ValueError):
            return None

    return run


_sum: Final = _arithmetic(operator.add)


def _power(left: float, right: float) -> Any:
    return float(left) ** right if abs(right) <= _MAX_EXPONENT else None


def _comparison(action: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Plain]:
    def run(left: Any, right: Any) -> Plain:
        if left.__class__ in _NUMBERS:
            return action(left, right) if right.__class__ in _NUMBERS else None
        return action(left, right) if left.__class__ is str and right.__class__ is str else None

    return run


def _not(value: Any) -> Plain:
    return None if value is None else not value


def _all_of(*values: Any) -> Plain:
    """False if one is false, whatever is absent; else absent if one is."""
    if any(value is not None and not value for value in values):
        return False
    return None if None in values else True


def _any_of(*values: Any) -> Plain:
    if any(values):
        return True
    return None if None in values else False


def _choose(condition: Any, yes: Any, no: Any) -> Any:
    return None if condition is None else yes if condition else no


_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Plain]]] = {
    ast.Add: _add,
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
    ast.Pow: _arithmetic(_power),
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Plain]]] = {
    ast.Eq: _comparison(operator.eq),
    ast.NotEq: _comparison(operator.ne),
    ast.Lt: _comparison(operator.lt),
    ast.LtE: _comparison(operator.le),
    ast.Gt: _comparison(operator.gt),
    ast.GtE: _comparison(operator.ge),
}
