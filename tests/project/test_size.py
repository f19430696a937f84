"""Size limits, measured from the models that the style follows. Exceptions are named, each with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.source import PACKAGES, ROOT, python_files, tree

FILE_LINES = 400
FUNCTION_LINES = 40
POSITIONAL = 5
NESTING = 3
DEPTH = 2

EXCEPTIONS: dict[str, str] = {
    "collector/store/migrations": "Alembic's own layout, inside the package so that the wheel carries it",
    "collector/store/migrations/versions": "Alembic's own layout",
}
"""`file` or `file:function` -> why it may be larger. One no longer needed fails `test_exceptions_are_needed`."""

FILES = python_files(*PACKAGES, "config", "dashboards")
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def _functions(path: Path) -> Iterator[tuple[str, _Function]]:
    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Function | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if isinstance(child, _Function):
                    yield name, child
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(tree(path), "")


def _lines(function: _Function) -> int:
    """Lines of a function without its docstring and without the functions defined inside it, which count for themselves."""
    body = function.body
    inner = sum(_span(node) for node in ast.walk(function) if isinstance(node, _Function) and node is not function)
    documented = (
        isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
    )
    return _span(function) - inner - (_span(body[0]) if documented else 0)


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _positional(function: _Function) -> int:
    arguments = [*function.args.posonlyargs, *function.args.args]
    return len(arguments) - (bool(arguments) and arguments[0].arg in ("self", "cls"))


def _nesting(nodes: list[ast.stmt], level: int = 0) -> int:
    deepest = level
    for node in nodes:
        if isinstance(node, _Function | ast.ClassDef):
            continue
        inner = level + isinstance(node, _NESTS)
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            for child in getattr(node, name, []):
                # `elif` is an If alone in `orelse`: a longer ladder, not a deeper one.
                flat = name == "orelse" and isinstance(node, ast.If) and isinstance(child, ast.If) and len(node.orelse) == 1
                children = child.body if isinstance(child, ast.ExceptHandler | ast.match_case) else [child]
                deepest = max(deepest, _nesting(children, level if flat else inner))
        deepest = max(deepest, inner if isinstance(node, _NESTS) else level)
    return deepest


def _findings(path: Path) -> dict[str, str]:
    """Everything in a file that is past a limit: place -> what it is."""
    found: dict[str, str] = {}
    count = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    if count > FILE_LINES:
        found[str(path)] = f"{count} lines, limit {FILE_LINES}"
    if len(path.parts) - 1 > DEPTH:
        found[str(path.parent)] = f"folder depth {len(path.parts) - 1}, limit {DEPTH}"
    for name, function in _functions(path):
        measured = {
            f"lines, limit {FUNCTION_LINES}": (_lines(function), FUNCTION_LINES),
            f"positional parameters, limit {POSITIONAL}": (_positional(function), POSITIONAL),
            f"levels of nesting, limit {NESTING}": (_nesting(function.body), NESTING),
        }
        for what, (size, limit) in measured.items():
            if size > limit:
                found[f"{path}:{name}"] = f"{size} {what}"
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_sizes_stay_within_the_limits(path: Path) -> None:
    """Files, functions, parameters and nesting keep to the limits, but for the named exceptions."""
    past = {place: what for place, what in _findings(path).items() if place not in EXCEPTIONS}
    assert past == {}


def test_exceptions_are_needed() -> None:
    """An exception goes when what it excused has become small again."""
    needed = {place for path in FILES for place in _findings(path)}
    assert set(EXCEPTIONS) - needed == set()


def test_the_measure_measures() -> None:
    """The counting above finds what it is meant to find."""
    body = ["'Doc.'", "if a:", " pass", "elif b:", " for x in c:", "  while d:", "   with e:", "    pass"]
    source = "\n ".join(["def f(a, b, c, d, e, g):", *body])
    [function] = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert (_lines(function), _positional(function), _nesting(function.body)) == (8, 6, 4)
