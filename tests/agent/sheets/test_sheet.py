"""Strict YAML: what is written is what is read, and everything wrong is named at once."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sheets.sheet import Sheet, key_text


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct, frozen=True):
    name: str
    weight: float = 1.0


class Tree(msgspec.Struct, frozen=True, rename={"sort": "class"}):
    sort: str = ""
    leaves: tuple[Leaf, ...] = ()
    states: dict[int, str] = {}
    colour: Colour = Colour.RED
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    some: str | tuple[str, ...] = ""
    rule: Leaf | Literal["off"] | None = None
    old: int = 0

    def __post_init__(self) -> None:
        if self.old and self.sort:
            raise ValueError("either class or old")


def _sheet(text: str) -> Sheet:
    return Sheet("x.yml", text)


def _problems(text: str) -> list[str]:
    sheet = _sheet(text)
    assert sheet.convert(Tree) is None
    return [str(problem) for problem in sheet.problems]


def test_values_are_what_is_written() -> None:
    """YAML 1.1's surprises stay text; numbers, booleans and nothing are themselves."""
    sheet = _sheet("[no, 010, 12:30, 2024-01-01, 0x10, 1_000, 1, -2.5, 1e3, true, null, ~, '1', !!str 1, .nan, 1e999]")
    assert sheet.problems == []
    assert sheet.value == [
        "no", "010", "12:30", "2024-01-01", "0x10", "1_000", 1, -2.5, 1000.0, True, None, None, "1", "1", ".nan", "1e999",
    ]  # fmt: skip


def test_anchors_aliases_and_merges() -> None:
    """A merged mapping gives what the mapping itself does not say."""
    sheet = _sheet("a: &base {x: 1, y: 2}\nb:\n  <<: *base\n  y: 3\nc: *base\n")
    assert sheet.problems == []
    assert sheet.value == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}
    assert sheet.line(("b", "x")) == 1


def test_structs() -> None:
    """Every sort of field: renamed, nested, integer keys, enumerations, unions; bare numbers as text are as written."""
    text = "class: 010\nleaves: [{name: a}, {name: 1.50, weight: 2}]\nstates: {1: true, 2: up}\n"
    text += "colour: blue\nsome: [a, 1]\nrule: off\n"
    sheet = _sheet(text)
    tree = sheet.convert(Tree)
    assert sheet.problems == []
    assert tree is not None
    assert tree == Tree("010", (Leaf("a"), Leaf("1.50", 2)), {1: "true", 2: "up"}, Colour.BLUE, some=("a", "1"), rule="off")
    assert type(tree.leaves[1].weight) is float


def test_every_problem_at_once() -> None:
    """Line, key, found, expected; one wrong value hides no other."""
    assert _problems(
        "class: [a]\nleaves:\n- weight: heavy\n- {name: x, wieght: 1}\nstates: {up: 1}\ncolour: green\nratio: 2\nrule: maybe\n"
    ) == [
        "x.yml:1: class: found a list, expected text",
        'x.yml:3: leaves[0].weight: found "heavy", expected a number',
        "x.yml:3: leaves[0].name: found nothing, expected text",
        "x.yml:4: leaves[1].wieght: found an unknown key, expected weight?",
        'x.yml:5: states.up: found "up", expected a key that is a whole number',
        'x.yml:6: colour: found "green", expected one of red, blue',
        "x.yml:7: ratio: found 2, expected a number (from 0, to 1)",
        'x.yml:8: rule: found "maybe", expected settings below it or off or nothing',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "x.yml: found an empty file, expected settings"),
        ("a: [1", "x.yml:2: found broken syntax (did not find expected ',' or ']'), expected one YAML document"),
        ("a: 1\n--- \nb: 1\n", "x.yml:2: found broken syntax (but found another document), expected one YAML document"),
        ("class: a\nclass: b\n", "x.yml:2: class: found the key a second time (first in line 1), expected it once"),
        ("? [1]\n: 2\n", "x.yml:1: found a key that is not plain text, expected a plain key"),
        ("class: !!binary aGk=\n", "x.yml:1: class: found a tagged value, expected a plain value"),
        ("class: !hunter2\n", "x.yml:1: class: found a tagged value, expected a plain value"),
        ('class: "a\\0"\n', "x.yml:1: class: found a NUL or half a character, expected text"),
        ("<<: 1\n", "x.yml:1: <<: found 1, expected a mapping to merge"),
        ("class: a\nold: 1\n", "x.yml:1: found settings that do not fit together, expected either class or old"),
        ("7\n", "x.yml:1: found 7, expected settings"),
    ],
)  # fmt: skip
def test_refused(text: str, problem: str) -> None:
    """Each way of being broken, with its exact message."""
    assert problem in _problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)),
        "[" * 100 + "]" * 100,
        "[" * 100_000,
        "- " * 100_000 + "a",
        "{a: " * 5_000,
    ],
    ids=["cycle", "aliases", "nested", "deep", "deep list", "deep mapping"],
)
def test_bombs(text: str) -> None:
    """What would expand without end, or nest deeper than a stack, is refused and costs little."""
    sheet = _sheet(text)
    assert sheet.value is None
    assert len(sheet.problems) == 1


def test_files(tmp_path: Path) -> None:
    """A file that cannot be read, is a folder or holds no UTF-8 is named with what is wrong."""
    (tmp_path / "latin.yml").write_bytes(b"a: 1\nb: \xe9\n")
    (tmp_path / "bom.yml").write_bytes("\ufeffa: Hải Đăng\n".encode())
    absent = tmp_path / "absent.yml"
    assert str(Sheet(absent).problems[0]) == f"{absent}: found no such file or directory, expected a readable file"
    assert str(Sheet(tmp_path).problems[0]) == f"{tmp_path}: found a folder, expected a readable file"
    assert str(Sheet(tmp_path / "latin.yml").problems[0]) == f"{tmp_path}/latin.yml:2: found byte 0xe9, expected text in UTF-8"
    assert Sheet(tmp_path / "bom.yml").value == {"a": "Hải Đăng"}


def test_part_of_a_sheet() -> None:
    """One entry converts by itself, and a remark names a place without refusing the file."""
    sheet = _sheet("x:\n  y:\n  - name: a\n")
    assert sheet.convert(Leaf, ("x", "y", 0)) == Leaf("a")
    assert str(sheet.remark(("x", "y", 0, "name"), "a", "b")) == "x.yml:3: x.y[0].name: found a, expected b"
    assert str(sheet.remark(("x", "z", 7), "a", "b")) == "x.yml:1: x.z[7]: found a, expected b"
    assert sheet.problems == []
    assert key_text(("a", 1, "b")) == "a[1].b"


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """No text makes it raise; either there is a value or a problem."""
    sheet = _sheet(text)
    result: Any = sheet.convert(Tree)
    assert (result is None) == bool(sheet.problems)
