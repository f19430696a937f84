"""Plans of fixed places: kept while the names hold, made anew when they change."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.host.fields import Field, Fields, Plan
from agent.host.reading import gauge


def pairs(words: Sequence[bytes]) -> Plan:
    fields = [Field(gauge(words[at].decode(), ""), at + 1, 2.0) for at in range(0, len(words), 2)]
    return Plan(tuple(fields), b"\0\1" * (len(words) // 2))


def values(fields: Fields, line: bytes) -> dict[str, float]:
    return {family.name: numbers[0] for family, _, numbers in fields.of(line.split())}


def test_a_plan_is_made_once_while_names_hold() -> None:
    made: list[int] = []

    def lay_out(words: Sequence[bytes]) -> Plan:
        made.append(len(words))
        return pairs(words)

    fields = Fields(lay_out)
    assert values(fields, b"a 1 b 2") == {"a": 2.0, "b": 4.0}
    assert values(fields, b"a 3 b 4") == {"a": 6.0, "b": 8.0}
    assert made == [4]


@pytest.mark.parametrize("line", [b"a 1 c 2", b"c 1 b 2", b"a 1", b"a 1 b 2 c 3"])
def test_other_names_or_another_count_make_another_plan(line: bytes) -> None:
    fields = Fields(pairs)
    fields.of(b"a 1 b 2".split())
    words = line.split()
    assert values(fields, line) == {
        name.decode(): 2 * float(value) for name, value in zip(words[::2], words[1::2], strict=True)
    }


def test_swapped_names_do_not_swap_values() -> None:
    fields = Fields(pairs)
    assert values(fields, b"a 1 b 2") == {"a": 2.0, "b": 4.0}
    assert values(fields, b"b 1 a 2") == {"b": 2.0, "a": 4.0}


def test_a_failed_plan_leaves_nothing_behind() -> None:
    def lay_out(words: Sequence[bytes]) -> Plan:
        if words[0] == b"bad":
            raise ValueError("bad")
        return pairs(words)

    fields = Fields(lay_out)
    fields.of(b"a 1 b 2".split())
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            fields.of(b"bad 1 b 2".split())
    assert values(fields, b"a 5 b 6") == {"a": 10.0, "b": 12.0}


def test_no_field_and_one_field_work_as_many_do() -> None:
    assert list(Fields(lambda words: Plan((), b"\1" * len(words))).of([b"1", b"2"])) == []
    assert values(Fields(pairs), b"a 1") == {"a": 2.0}


def test_a_value_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        Fields(pairs).of([b"a", b"x"])


def test_a_plan_must_speak_of_every_word() -> None:
    with pytest.raises(ValueError, match="3 words, 2 planned"):
        Fields(lambda words: Plan((), b"\0\0")).of([b"a", b"1", b"b"])
