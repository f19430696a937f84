"""Health rules as `health.yml` has them, and what a profile changes of them. Values and checks; `agent.snmp.health` judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from agent.config import show
from agent.snmp.vocabulary import Class, Kind, Name, Reading

NO_STATES: Final = "no state: the reading is a number"
DAY_S: Final = 86_400.0
Seconds = Annotated[float, Meta(ge=0, le=30 * DAY_S)]
Threshold = float | Name


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What must be true of one row: exactly one of the tests, or, beside others, that there is no row."""

    on: Name | None = None
    """The reading; None for that of the rule."""
    state: tuple[Name, ...] = ()
    above: Threshold | None = None
    below: Threshold | None = None
    equals: float | None = None
    missing: bool = False

    def __post_init__(self) -> None:
        if _tests(self) + self.missing != 1:
            raise ValueError("one of state, above, below, equals, missing")


class Was(msgspec.Struct, frozen=True, kw_only=True):
    """What must have been true of the same row lately."""

    state: tuple[Name, ...] = ()
    above: Threshold | None = None
    below: Threshold | None = None
    equals: float | None = None
    within_s: Annotated[float, Meta(gt=0, le=30 * DAY_S)] = DAY_S

    def __post_init__(self) -> None:
        if _tests(self) != 1:
            raise ValueError("one of state, above, below, equals")


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """By its growth the reading reaches `to` within so many seconds."""

    to: Name
    within_s: Annotated[float, Meta(gt=0, le=365 * DAY_S)]


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for people; `{value}` and `{label}` are put in."""

    en: Annotated[str, Meta(min_length=1, max_length=200)]
    vi: Annotated[str, Meta(min_length=1, max_length=200)]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; see the top of `health.yml` for what the keys mean."""

    on: Name
    health: Literal["degraded", "down"]
    words: Words
    state: tuple[Name, ...] = ()
    above: Threshold | None = None
    below: Threshold | None = None
    equals: float | None = None
    trend: Trend | None = None
    and_: Condition | tuple[Condition, ...] = msgspec.field(default=(), name="and")
    was: Was | None = None
    rows: Literal["any", "all", "mean"] = "any"
    ignore: tuple[Name, ...] = ()
    for_s: Seconds = 0.0
    clear: float | None = None
    clear_for_s: Seconds = 0.0
    classes: tuple[Class, ...] = ()
    name: str = ""
    """Given by the key."""

    def __post_init__(self) -> None:
        if _tests(self) + (self.trend is not None) != 1:
            raise ValueError("one of state, above, below, equals, trend")
        if self.clear is not None and self.above is None and self.below is None:
            raise ValueError("clear beside above or below only")
        for threshold, sign in ((self.above, 1), (self.below, -1)):
            if self.clear is not None and isinstance(threshold, int | float) and sign * (threshold - self.clear) < 0:
                raise ValueError("clear on the good side of the threshold")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must be true besides."""
        return (self.and_,) if isinstance(self.and_, Condition) else self.and_

    @property
    def readings(self) -> Iterator[str]:
        """Names of all readings that it looks at, its own first."""
        yield self.on
        thresholds = [(self.above, self.below), *((condition.above, condition.below) for condition in self.conditions)]
        yield from (name for pair in thresholds for name in pair if isinstance(name, str))
        yield from (condition.on for condition in self.conditions if condition.on is not None)
        if self.trend is not None:
            yield self.trend.to


class RulesFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `health.yml`."""

    rules: dict[Name, Rule]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile says of a rule: other thresholds."""

    state: tuple[Name, ...] | None = None
    above: Threshold | None = None
    below: Threshold | None = None
    equals: float | None = None
    clear: float | None = None
    for_s: Seconds | None = None
    clear_for_s: Seconds | None = None
    health: Literal["degraded", "down"] | None = None


def changed(rule: Rule, change: Change) -> Rule:
    """The rule with other thresholds. A new `above` or `below` without a `clear` ends where it began. Raises `ValueError`."""
    new = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not None}
    if ("above" in new or "below" in new) and "clear" not in new:
        new["clear"] = None
    return msgspec.structs.replace(rule, **new)


def troubles(rule: Rule, vocabulary: Mapping[str, Reading]) -> Iterator[tuple[str, str]]:
    """What is wrong between a rule and the vocabulary: found, expected."""
    for name in rule.readings:
        if name not in vocabulary:
            yield show(name), "a reading of readings.yml"
            return
    yield from _test_troubles(rule, vocabulary[rule.on])
    for condition in rule.conditions:
        yield from _test_troubles(condition, vocabulary[condition.on or rule.on])
    if rule.was is not None:
        yield from _test_troubles(rule.was, vocabulary[rule.on])
    for state in rule.ignore:
        if state not in vocabulary[rule.on].states:
            yield show(state), one_of(vocabulary[rule.on].states, NO_STATES)
    for text in (rule.words.en, rule.words.vi):
        try:
            text.format(value="", label="")
        except (KeyError, IndexError, ValueError):
            yield show(text), "a sentence with nothing but {value} and {label} to put in"


def one_of(names: tuple[str, ...], otherwise: str) -> str:
    """What is expected where some names fit, or none."""
    return f"one of {', '.join(names)}" if names else otherwise


def _test_troubles(part: Rule | Condition | Was, reading: Reading) -> Iterator[tuple[str, str]]:
    for state in part.state:
        if state not in reading.states:
            yield show(state), one_of(reading.states, NO_STATES)
    is_number = part.above is not None or part.below is not None or part.equals is not None
    if is_number and reading.kind is Kind.STATE:
        yield f"a threshold for {reading.name}", "state: with some of its states"


def _tests(part: Rule | Condition | Was) -> int:
    return bool(part.state) + (part.above is not None) + (part.below is not None) + (part.equals is not None)
