"""The expressions of profiles: a closed, side-effect free language over the objects of a device. Pure; nothing is evaluated as
Python, nothing can hang or grow, and a value that is absent or of the wrong type makes its row absent.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

import msgspec

from agent.snmp.answers import Object, Plain
from agent.snmp.functions import FUNCTIONS
from agent.snmp.nodes import Builder, ExpressionError, Frame, Node

MAX_SOURCE: Final = 2_000
_MAX_NODES: Final = 250


class Expression(msgspec.Struct, frozen=True):
    """A compiled expression. `objects` are all that it looks at, `columns` those whose rows it runs over."""

    source: str
    objects: frozenset[str]
    columns: tuple[str, ...]
    node: Node

    def run(self, frame: Frame) -> list[Plain]:
        """Its value for each row of the frame."""
        cells = self.node(frame)
        return cells if cells.__class__ is list else [cells] * len(frame.indexes)


def compile_expression(source: str | float, objects: Mapping[str, Object]) -> Expression:
    """The expression; `ExpressionError` for what is not in the language or names an object that is not in `objects`."""
    text = source if isinstance(source, str) else repr(source)
    if len(text) > MAX_SOURCE:
        raise ExpressionError(f"at most {MAX_SOURCE} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        said = error.msg.partition(" (detected")[0]
        raise ExpressionError(f"an expression ({said}) at character {error.offset or len(text)}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("an expression that is nested less and has no NUL in it") from None
    if sum(1 for _ in ast.walk(tree)) > _MAX_NODES:
        raise ExpressionError(f"an expression with at most {_MAX_NODES} parts")
    builder = Builder(objects, FUNCTIONS)
    node = builder.build(tree.body)
    columns = tuple(dict.fromkeys(builder.columns))
    return Expression(text, frozenset(builder.objects), columns, node)
