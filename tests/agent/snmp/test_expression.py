"""Expressions of profiles: what the language says, what it refuses, and that nothing of it can hang, grow or raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from agent.snmp.answers import Sort
from agent.snmp.expression import compile_expression
from agent.snmp.nodes import ExpressionError
from agent.snmp.patterns import PatternError, compile_pattern
from tests.agent.snmp.reading_kit import column, frame, scalar

OBJECTS = {
    found.name: found
    for found in (
        scalar("one", 1), scalar("gone", 2), scalar("words", 3, Sort.TEXT), column("volts", 4), column("amps", 5),
        column("title", 6, Sort.TEXT), column("deep", 7), column("mac", 8, Sort.MAC), column("raw", 9, Sort.HEX),
    )
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "1.0": 7, "3.0": "fw 1.22.3 ok", "4.1": 230, "4.2": 0, "4.3": -5, "5.1": 12, "5.3": "3.5", "6.1": "L1", "6.2": "L2 ",
    "6.3": b"\xff\x00x", "7.1.10": 1, "7.2.20": 2, "8.1": b"\x00\x1b\x21\xaa\xbb\xcc", "9.1": b"\x01\xfe",
}  # fmt: skip


def value(source: str | float, over: str = "volts") -> list[Any]:
    """The value of an expression over three rows."""
    return compile_expression(source, OBJECTS).run(frame(OBJECTS, ANSWERS, over))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one", [7, 7, 7]),
        (3, [3, 3, 3]),
        ("volts", [230, 0, -5]),
        ("volts / 10", [23.0, 0.0, -0.5]),
        ("volts * 2 + one", [467, 7, -3]),
        ("-volts", [-230, 0, 5]),
        ("volts // 100", [2, 0, -1]),
        ("volts % 100", [30, 0, 95]),
        ("10 ** 2", [100.0, 100.0, 100.0]),
        ("amps", [12, None, 3.5]),
        ("volts * amps", [2760, None, -17.5]),
        ("one / volts", [7 / 230, None, -1.4]),
        ("gone + 1", [None, None, None]),
        ("words + 1", [None, None, None]),
        ("words * 1000000", [None, None, None]),
        ("title + ' ' + text(index(1))", ["L1 1", "L2 2", "ÿx 3"]),
        ("index(1)", [1, 2, 3]),
        ("index(-1)", [1, 2, 3]),
        ("index(2)", [None, None, None]),
        ("volts > 0", [True, False, False]),
        ("0 <= volts < 100", [False, True, False]),
        ("volts == 230 or volts == 0", [True, True, False]),
        ("volts != 0 and amps > 1", [True, False, True]),
        ("not volts", [False, True, False]),
        ("volts in (0, -5)", [False, True, True]),
        ("volts not in (0, -5)", [True, False, False]),
        ("title == 'L1'", [True, False, False]),
        ("title == 1", [None, None, None]),
        ("gone > 1 or volts != 0", [True, None, True]),
        ("gone > 1 and volts != 0", [None, False, None]),
        ("1 if volts > 0 else 2", [1, 2, 2]),
        ("1 if gone > 0 else 2", [None, None, None]),
        ("1 if has(amps) else 2", [1, 2, 1]),
        ("first(amps, gone, 0)", [12, 0, 3.5]),
        ("unsigned(volts)", [230, 0, 4294967291]),
        ("number('23.5 C') + number('1 %')", [24.5, 24.5, 24.5]),
        ("number('1,5')", [None, None, None]),
        ("match(words, 'fw ([0-9.]+)')", ["1.22.3"] * 3),
        ("match(words, 'no (x)')", [None] * 3),
        ("match(one, '(7)')", [None] * 3),
        ("lookup(amps, index(1))", [12, None, 3.5]),
        ("lookup(deep, index(1), index(1) * 10)", [1, 2, None]),
        ("lookup(deep, -1)", [None] * 3),
        ("text(amps)", ["12", None, "3.5"]),
        ("count(volts)", [3, 3, 3]),
        ("count_if(volts, 0, -5)", [2, 2, 2]),
        ("count_if(volts, 9)", [0, 0, 0]),
        ("sum(volts)", [225, 225, 225]),
        ("max(volts) - min(volts)", [235, 235, 235]),
        ("mac", ["00:1b:21:aa:bb:cc", None, None]),
        ("raw", ["0x01FE", None, None]),
        ("10 ** 400", [None] * 3),
        ("text((10.0 ** 60) ** 5 * (10.0 ** 60) ** 5)", [None] * 3),
        ("text((10.0 ** 60) ** 5 * 1000000000.0)", [None] * 3),
        ("0 ** -1", [None] * 3),
        ("(-8) ** 0.5", [None] * 3),
    ],
)
def test_value(source: str | float, expected: list[Any]) -> None:
    """Each form gives this for three rows; what is absent or of the wrong type is absent, never 0."""
    assert value(source) == expected


def test_columns_of_an_expression_are_those_it_runs_over() -> None:
    """A column that is only looked up at, or counted, does not bring rows of its own."""
    expression = compile_expression("volts + lookup(deep, 1, 10) + count(amps)", OBJECTS)
    assert expression.columns == ("volts",)
    assert expression.objects == {"volts", "deep", "amps"}


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("volt", "an object of the profile's modules instead of volt at character 1"),
        ("1 + volt", "instead of volt at character 5"),
        ("volts +", "at character"),
        ("", "an expression (invalid syntax) at character"),
        ("volts.real", "a number, text, object, operation or call of a function at character 1"),
        ("volts[0]", "or call of a function"),
        ("lambda: 1", "or call of a function"),
        ("(volts for volts in volts)", "or call of a function"),
        ("__import__('os')", "one of the functions address, "),
        ("volts.__class__()", "one of the functions"),
        ("f'{one}'", "or call of a function"),
        ("one << 3", "one of + - * / // % ** between two values"),
        ("~one", "no operator but - and not before a value"),
        ("one is one", "one of == != < <= > >= in between two values"),
        ("one in words", "values in brackets after in"),
        ("index()", "index(n)"),
        ("index(0)", "a whole number from -128 to 128, not 0"),
        ("index(one)", "a number or a text"),
        ("match(words, '(a+)+')", "without a choice or a repetition inside a repetition"),
        ("match(words, 'a')", "a pattern with one group"),
        ("match(words, title)", "a number or a text"),
        ("lookup(one, 1)", "a column instead of one"),
        ("count(one)", "a column instead of one"),
        ("number(one, two)", "number(x)"),
        ("has(x=1)", "one of the functions"),
        ("first(*volts)", "first(a, b, ...)"),
        ("1" * 400, "a number or a text"),
        ("b'x'", "a number or a text"),
        ("'" + "x" * 300 + "'", "a number or a text"),
        ("(" * 300 + "1" + ")" * 300, "an expression"),
        ("1" + "+1" * 300, "at most 250 parts"),
        ("1 + " * 1000 + "1", "at most 2000 characters"),
        ("\0", "an expression"),
    ],
)
def test_refused(source: str, place: str) -> None:
    """What is not in the language, or names what is not there, is refused with the place and what is expected."""
    with pytest.raises(ExpressionError) as error:
        compile_expression(source, OBJECTS)
    assert place in str(error.value)


ATOMS = st.sampled_from(["one", "gone", "words", "volts", "amps", "title", "1", "2.5", "'x'", "index(1)", "has(amps)"])


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "<", "and", "or"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"(not {part})"),
        inner.map(lambda part: f"text({part})"),
        inner.map(lambda part: f"unsigned({part})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"first({parts[0]}, {parts[1]})"),
        inner.map(lambda part: f"lookup(deep, {part}, 10)"),
    )


@given(
    source=st.recursive(ATOMS, _joined, max_leaves=12), numbers=st.lists(st.integers(-(2**63), 2**64), min_size=3, max_size=3)
)
@settings(max_examples=300, deadline=None)
def test_never_raises_and_never_grows(source: str, numbers: list[int]) -> None:
    """Whatever the device answers, an expression gives a plain value of bounded size for each row, or none."""
    answers = {**ANSWERS, "4.1": numbers[0], "4.2": numbers[1], "5.1": numbers[2]}
    try:
        compiled = compile_expression(source, OBJECTS)
    except ExpressionError:
        reject()  # a column times a text is refused when it is loaded
    for found in compiled.run(frame(OBJECTS, answers, "volts")):
        assert found is None or isinstance(found, bool | int | float | str)
        assert len(str(found)) < 600


@pytest.mark.parametrize(
    "source", [r"(?i)smart-ups", r"MN:(\S+)", r"(foo|bar)?(\.\d{1,3}){3}", r"^Linux \S+ (\S{1,40}) ", r"a(?=b)"]
)
def test_pattern_accepted(source: str) -> None:
    """Patterns whose work is bounded are taken."""
    assert compile_pattern(source).pattern == source


@pytest.mark.parametrize("source", [r"(a+)+b", r"(a|a)*b", r"((a{1,250}){250}){250}", r"a*b*c*d*", "[", r"(a)\1", "x" * 301])
def test_pattern_refused(source: str) -> None:
    """A pattern that some text could keep busy is refused."""
    with pytest.raises(PatternError):
        compile_pattern(source)
