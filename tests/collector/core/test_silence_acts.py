"""Silences as people type them: matchers, bounds, and what would mute everything."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.incident import ActRefusal, RefusedError
from collector.core.paging_answers import SilencePlan
from collector.core.people import Actor, Role
from collector.core.silence_acts import (
    DAY_MS,
    LONGEST_MS,
    SilenceRules,
    expire,
    make,
    parse_matcher,
    parse_matchers,
)
from collector.core.silencing import Matcher, Operator, Silence

NOW = 1_764_000_000_000
AN = Actor("an", Role.OPERATOR, "10.0.0.7")


def trouble(text: str) -> str:
    """Why a text is no pattern."""
    try:
        re.compile(text)
    except re.error as error:
        return str(error)
    return ""


RULES = SilenceRules(trouble, lambda pattern, text: re.fullmatch(pattern, text) is not None, {"chat"})


def made(*typed: str, comment: str = "planned", from_ms: int = NOW, to_ms: int = NOW + DAY_MS, **more: object) -> Silence:
    """A silence of this moment."""
    plan = SilencePlan(parse_matchers(typed), comment, from_ms, to_ms, **more)  # type: ignore[arg-type]
    return make(plan, 3, AN, NOW, RULES)[0]


def refused(*typed: str, **more: object) -> ActRefusal:
    """Why it is refused."""
    with pytest.raises(RefusedError) as caught:
        made(*typed, **more)  # type: ignore[arg-type]
    return caught.value.problem


@pytest.mark.parametrize(
    ("typed", "label", "operator", "value"),
    [
        ("site=dic", "site", "=", "dic"),
        (' instance =~ "web.*" ', "instance", "=~", "web.*"),
        ("instance!~web-[0-9]+", "instance", "!~", "web-[0-9]+"),
        ("a!=b", "a", "!=", "b"),
        ("a==b", "a", "=", "=b"),
        ("a=~", "a", "=~", ""),
        (r'a="say \"x\" \\ \d"', "a", "=", r'say "x" \ \d'),
        (r"a=~\d{1,3}", "a", "=~", r"\d{1,3}"),
        ('a="b,c"', "a", "=", "b,c"),
        ("name=Tòa nhà 1", "name", "=", "Tòa nhà 1"),
    ],
)
def test_a_matcher_reads_as_amtool_reads_it(typed: str, label: str, operator: str, value: str) -> None:
    assert parse_matcher(typed) == Matcher(label, Operator(operator), value)


def test_a_list_in_braces_is_parted_at_commas_outside_quotes() -> None:
    found = parse_matchers(['{a="b,c", d=~"e{1,2}",}', "f!=g"])
    assert [str(one) for one in found] == ['a="b,c"', 'd=~"e{1,2}"', 'f!="g"']


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "{}",
        "site",
        "=x",
        "1a=b",
        'a="b',
        'a="',
        'a=b"c',
        'a="b\\"',
        "a=\x1b",
        r'a="b\nc"',
        "a b=c",
        "{a=b,,c=d}",
        "a=" + "x" * 201,
    ],
)
def test_what_is_no_matcher_is_refused(typed: str) -> None:
    assert refused(typed) is ActRefusal.BAD_MATCHERS


@given(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_:]{0,20}", fullmatch=True),
    st.sampled_from(Operator),
    st.text(max_size=40).filter(str.isprintable),
)
def test_a_matcher_as_it_is_written_is_read_as_it_is(label: str, operator: Operator, value: str) -> None:
    """Alone and in a list: what is shown can be typed."""
    matcher = Matcher(label, operator, value)
    assert parse_matcher(str(matcher)) == matcher
    assert parse_matchers([f"{{{matcher}, {matcher}}}"]) == (matcher, matcher)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_whatever_is_typed_is_read_or_refused(typed: list[str]) -> None:
    found: tuple[Matcher, ...] | RefusedError
    try:
        found = parse_matchers(typed)
    except RefusedError as error:
        found = error
    if isinstance(found, RefusedError):
        assert (found.problem, found.value.isprintable()) == (ActRefusal.BAD_MATCHERS, True)
    else:
        assert parse_matchers([str(one) for one in found]) == found


@pytest.mark.parametrize("typed", ["a=~.*", "a=~.+", "a!=b", "a!~b", "a=", "a=~|x", 'a=~"(?s).{1,}"'])
def test_what_would_mute_everything_is_refused_but_may_stand_beside_what_does_not(typed: str) -> None:
    assert refused(typed) is ActRefusal.BAD_MATCHERS
    assert refused(typed, typed) is ActRefusal.BAD_MATCHERS
    assert made(typed, "site=dic").id == "S3"


def test_a_pattern_that_is_none_and_too_many_matchers_are_refused() -> None:
    assert refused("a=~(") is ActRefusal.BAD_MATCHERS
    assert refused(*["a=b"] * 21) is ActRefusal.BAD_MATCHERS
    assert refused() is ActRefusal.BAD_MATCHERS


def test_a_silence_has_an_author_a_comment_an_end_and_begins_now_at_the_earliest() -> None:
    silence = made("site=dic", from_ms=NOW - 5, notify=("chat", "chat"))
    assert (silence.author, silence.comment, silence.from_ms, silence.to_ms, silence.notify) == (
        "an", "planned", NOW, NOW + DAY_MS, ("chat",),
    )  # fmt: skip
    assert refused("site=dic", comment=" ") is ActRefusal.BAD_TEXT
    assert refused("site=dic", to_ms=NOW) is ActRefusal.BAD_TIMES
    assert refused("site=dic", to_ms=NOW + LONGEST_MS + 1) is ActRefusal.BAD_TIMES
    assert refused("site=dic", from_ms=NOW + 400 * DAY_MS, to_ms=NOW + 401 * DAY_MS) is ActRefusal.BAD_TIMES
    assert refused("site=dic", notify=("nobody",)) is ActRefusal.UNKNOWN_OBJECT


def test_the_same_request_twice_makes_one_silence() -> None:
    first = made("site=dic")
    plan = SilencePlan(first.matchers, "again", NOW, first.to_ms)
    with pytest.raises(RefusedError) as caught:
        make(plan, 4, AN, NOW, RULES, others=[first])
    assert (caught.value.problem, caught.value.value) == (ActRefusal.ALREADY, "S3")
    ended = msgspec.structs.replace(first, expired_ms=NOW)
    assert make(plan, 4, AN, NOW, RULES, others=[ended])[0].id == "S4"


def test_an_ended_silence_mutes_nothing_and_is_not_ended_again() -> None:
    silence = made("site=dic")
    ended, audit = expire(silence, "done", AN, NOW + 5)
    assert (ended.end_ms, ended.expired_by, audit.act, audit.object) == (NOW + 5, "an", "silence.expire", "S3")
    assert silence.mutes({"site": "dic"}, NOW + 5, RULES.full_match)
    assert not ended.mutes({"site": "dic"}, NOW + 5, RULES.full_match)
    with pytest.raises(RefusedError) as caught:
        expire(ended, "", AN, NOW + 6)
    assert caught.value.problem is ActRefusal.EXPIRED
    with pytest.raises(RefusedError) as caught:
        expire(silence, "", Actor("v", Role.VIEWER, ""), NOW)
    assert caught.value.problem is ActRefusal.FORBIDDEN
