"""Every message about a configuration can be said in Vietnamese: what the sources find and expect is in the tables."""

from __future__ import annotations

import ast
import importlib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import agent.config
import agent.config_words
import agent.settings
import collector.config_shapes
import collector.config_words
import collector.inventory
import collector.settings
from agent.kinds import READERS
from tests.project.source import tree

SAME = {"YAML", "byte 0x7", "7", "7 (7)", "7?", '"plain"'}
"""Texts that are the same in both languages, or that are nothing but values."""

AGENT = (Path("agent/config.py"), Path("agent/credentials.py"))
COLLECTOR = (
    Path("collector/config.py"),
    Path("collector/inventory/__init__.py"),
    Path("collector/inventory/check.py"),
    Path("collector/inventory/check_snmp.py"),
    Path("collector/inventory/groups.py"),
    Path("collector/inventory/joined.py"),
)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may give, 7 in the place of each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _texts(value)


def _named(path: Path) -> dict[str, list[ast.expr]]:
    """What the names of a file stand for: each value that one is given anywhere in it."""
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree(path)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                named.setdefault(target.id, []).append(node.value)
    return named


def _said(path: Path) -> Iterator[str]:
    """What a file says was found and expected: the last two arguments of `say`, `problem`, `remark` and `Problem`, pairs it
    yields; a name stands for what it is given."""
    named = _named(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("say", "problem", "remark", "Problem"):
                for argument in node.args[-2:]:
                    meant = named.get(argument.id, []) if isinstance(argument, ast.Name) else [argument]
                    for each in meant:
                        yield from _texts(each)
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            for part in node.value.elts:
                yield from _texts(part)


def _kinds(struct: type[msgspec.Struct]) -> Iterator[Any]:
    """The types of a settings class' fields, of what is in them, and of the classes below."""
    for hint in typing.get_type_hints(struct, include_extras=True).values():
        yield from _below(hint)


def _below(hint: Any) -> Iterator[Any]:
    yield hint
    bare = hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        yield from _kinds(bare)
    elif typing.get_origin(bare) in (tuple, dict, typing.Union, types.UnionType):
        for part in typing.get_args(bare):
            if part not in (Ellipsis, Any, types.NoneType):
                yield from _below(part)


def _readers() -> list[type[msgspec.Struct]]:
    return [importlib.import_module(entry.where.partition(":")[0]).Settings for entry in READERS.values()]


@pytest.mark.parametrize("path", AGENT, ids=str)
def test_what_the_agent_finds_and_expects_has_words(path: Path) -> None:
    """Every text of the loader is in the agent's table."""
    said = set(_said(path)) - SAME
    assert len(said) >= 3
    assert {text for text in said if agent.config_words.vietnamese(text) == text} == set()


@pytest.mark.parametrize("path", COLLECTOR, ids=str)
def test_what_the_collector_finds_and_expects_has_words(path: Path) -> None:
    """Every text of the loader and of the inventory is in the collector's table."""
    said = set(_said(path)) - SAME
    assert said
    assert {text for text in said if collector.config_words.vietnamese(text) == text} == set()


def test_every_setting_of_the_agent_is_expected_in_vietnamese() -> None:
    """Also those of every reader."""
    expected = {agent.config._expectation(hint) for struct in (agent.settings.Settings, *_readers()) for hint in _kinds(struct)}
    assert len(expected) > 20
    assert {text for text in expected if agent.config_words.vietnamese(text) == text} == set()


def test_every_setting_of_the_collector_is_expected_in_vietnamese() -> None:
    """Also those of the inventory, and what may stand behind each."""
    structs = (collector.settings.Config, collector.inventory.InventoryFile)
    expected = {collector.config_shapes.expected_text(hint) for struct in structs for hint in _kinds(struct)}
    assert len(expected) > 12
    for text in expected:
        assert collector.config_words.vietnamese(text) != text
        assert collector.config_words.vietnamese(f"{text}, in quotes").endswith(", trong dấu nháy")


def test_rules_of_readers_have_words() -> None:
    """What a reader's settings class itself refuses."""
    found = set()
    for struct in _readers():
        path = Path(*struct.__module__.split(".")).with_suffix(".py")
        made = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef) and node.name == "__post_init__"]
        for call in (node for method in made for node in ast.walk(method) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", "") == "ValueError":
                found |= set(_texts(call.args[0]))
    assert len(found) >= 3
    assert {text for text in found if agent.config_words.vietnamese(text) == text} == set()
