"""Go's regular expressions, templates and numbers in Python."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sheets.gopattern import compile_go, expand, parse_float


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (".*", ["", "a"], ["a\n"]),
        ("(?s).*", ["a\nb"], []),
        ("(?i)abc", ["ABC"], ["abcd"]),
        ("a$|b", ["a", "b"], ["a\n"]),
        (r"a\z", ["a"], ["az"]),
        ("[[:digit:][:space:]x]+", ["1 x"], ["a"]),
        (r"\Qa.b(\E+", ["a.b(("], ["axb("]),
        ("[$a]", ["$", "a"], ["b"]),
        ("[[a]", ["[", "a"], ["b"]),
        (r"[\]x[]+", ["]x["], ["a"]),
        ("[]$a]+", ["]$a"], ["b"]),
        ("[^]a]$", ["b"], ["]", "a"]),
        ("[a||&&~~[b]+", ["a|&~[b"], ["c"]),
        (r"\d+\s\w", ["1 a"], ["٣ a", "1 é"]),
        ("a|bc", ["a", "bc"], ["ac"]),
        ("^+OK$*", ["OK"], ["+OK"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    """What Go matches as a whole, and nothing else: `$` and `.` know no line ends, classes are ASCII."""
    compiled = compile_go(pattern, whole=True)
    assert [text for text in matching if not compiled.match(text)] == []
    assert [text for text in other if compiled.match(text)] == []


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "a++", "a{2}+", r"\pL", r"\C", "[[:foo:]]", "(", "*", "a{1001,1}"]
)
def test_refused(pattern: str) -> None:
    """What one of the two does not know is no pattern."""
    with pytest.raises(ValueError, match=r"."):
        compile_go(pattern, whole=True)


def test_search() -> None:
    """Filters look anywhere in the text."""
    assert compile_go("^up|core$", whole=False).search("my core")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$1", "12"), ("$1.5", "12.5"), ("$1x", ""), ("${1}x", "12x"), ("$n", "12"), ("${n}e$2", "12eab"), ("$$1", "$1"),
        ("$9", ""), ("a$", "a$"), ("$0", "12-ab"), ("$3", ""),
    ],
)  # fmt: skip
def test_expand(template: str, expected: str) -> None:
    """Groups by number and name; a name is as long as it can be."""
    match = re.match(r"(?P<n>[0-9]+)-(\w+)(x)?", "12-ab")
    assert match
    assert expand(template, match) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("+1.5e3", 1500), (".5", 0.5), ("5.", 5), ("1_000", 1000), ("0x1p4", 16), ("0x_a.8p0", 10.5),
        ("-Inf", float("-inf")),
        ("infinity", float("inf")), ("", None), (" 1", None), ("1 ", None), ("_1", None), ("1__0", None), ("1e999", None),
        ("0x10", None), ("0x1p99999", None), ("1,5", None), ("٣", None), ("1" * 500, None),
    ],
)  # fmt: skip
def test_parse_float(text: str, value: float | None) -> None:
    """Numbers as Go's ParseFloat takes them."""
    assert parse_float(text) == value


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    """A pattern compiles or is refused; a number is one or none."""
    try:
        compiled = compile_go(text, whole=True)
    except ValueError:
        return
    match = compiled.match("some text 1")
    assert match is None or isinstance(expand(text, match), str)
    found = parse_float(text)
    assert found is None or isinstance(found, float)
