"""Files of timelines for `replay` (the format of the golden vectors): read strictly, with the place of whatever is wrong.

Times in a file are whole seconds. Keys that are not known are left alone: they are people's notes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from collector.core.calendar import WEEKDAYS, Calendar, hours

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_EVENTS: Final = 5_000_000
"""After repetition, in one vector."""
_MAX_PROBLEMS: Final = 20
_SHOWN: Final = 60

Second = Annotated[int, Meta(ge=-(10**11), le=10**11)]
Length = Annotated[int, Meta(ge=0, le=10**11)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Counter = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
StateName = Literal["up", "degraded", "down", "unreachable", "unknown"]


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong: where, what stands there, what should."""

    place: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.place}: found {self.found}, expected {self.expected}"


class FormatError(ValueError):
    """The file cannot be replayed; nothing of it was."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems[:_MAX_PROBLEMS])
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a vector's `events`, with the fields of every kind."""

    ev: Name
    t: Second
    rx: Second | None = None
    every: Annotated[int, Meta(ge=1)] | None = None
    until: Second | None = None
    target: str = ""
    observer: Name = "center"
    result: Literal["ok", "degraded", "fail"] = "ok"
    boot: str | int | None = None
    boot_time: Second | None = None
    wall_offset: Second | None = None
    sys_ticks: Counter | None = msgspec.field(default=None, name="sysUpTime")
    system_ticks: Counter | None = msgspec.field(default=None, name="hrSystemUptime")
    suspended: Length | None = None
    asleep: Length | None = None
    reason: str = ""
    state: StateName | None = None
    id: str = ""
    from_: Second | None = msgspec.field(default=None, name="from")
    to: Second | None = None
    scope: list[Name] = []
    by: str = ""
    propagate: bool = False
    delta: Second = 0

    @property
    def known(self) -> int:
        """When it was learned."""
        return self.t if self.rx is None else self.rx


class Parameters(msgspec.Struct, frozen=True):
    """Parameters of judgement (SPEC 3.20), seconds."""

    interval: Annotated[int, Meta(ge=1)] = 60
    ttl: Annotated[int, Meta(ge=1)] = 150
    fail_after: Count = 3
    recover_after: Count = 1
    dep_slack: Length = 60
    merge_gap: Length = 0
    gap_policy: Literal["unknown", "bridge_down"] = "unknown"
    silence_means: Literal["unknown", "down"] = "unknown"
    accept_uptime_evidence: bool = True
    reboot_tolerance: Length = 10
    late_after: Length = 30
    slo: str = "99.0"


class Target(msgspec.Struct, frozen=True):
    """A target; its own parameters stand beside these keys in the file."""

    kind: Literal["probe", "push", "probe+push", "state"]
    parents: list[list[Name]] = []
    scope: list[tuple[Second, Second]] | None = None


class Period(msgspec.Struct, frozen=True):
    """Half-open."""

    from_: Second = msgspec.field(name="from")
    to: Second


class CalendarText(msgspec.Struct, frozen=True):
    """Service hours as written (R12.4)."""

    tz: Name
    weekly: dict[str, list[tuple[str, str]]]
    holidays: list[str] = []
    special: dict[str, list[tuple[str, str]]] = {}

    def read(self) -> Calendar:
        """The calendar that is meant. Raises `ValueError` for a zone, a date or hours that are none."""
        ZoneInfo(self.tz)
        if not set(self.weekly) <= set(WEEKDAYS):
            raise ValueError("weekly")
        weekly = [tuple(hours(*pair) for pair in pairs) for pairs in (self.weekly.get(day, []) for day in WEEKDAYS)]
        return Calendar(
            self.tz,
            weekly=(weekly[0], weekly[1], weekly[2], weekly[3], weekly[4], weekly[5], weekly[6]),
            holidays=frozenset(dt.date.fromisoformat(day) for day in self.holidays),
            special={dt.date.fromisoformat(day): tuple(hours(*pair) for pair in pairs) for day, pairs in self.special.items()},
        )


class GroupText(msgspec.Struct, frozen=True):
    """A group's members (3.15)."""

    rule: Literal["all_of", "any_of", "k_of_n", "pooled"]
    members: Annotated[list[Name], Meta(min_length=1)]
    k: Annotated[int, Meta(ge=1)] | None = None
    weights: dict[str, Annotated[int, Meta(ge=0)]] = {}


class Burn(msgspec.Struct, frozen=True):
    """A window whose burn rate is asked for (R14.2)."""

    from_: Second = msgspec.field(name="from")
    to: Second


class Question(msgspec.Struct, frozen=True):
    """One line of a vector's `results`, without the expected answers."""

    subject: Name
    view: Literal["device", "e2e"]
    policy: Name
    as_of: Second | None = None
    period: Period | None = None
    params: dict[str, Any] = {}
    group: GroupText | None = None
    use_calendar: bool = False
    burn: list[Burn] = []
    display: dict[str, Any] = {}
    annotations: dict[str, Any] = {}


class Roles(msgspec.Struct, frozen=True):
    """A policy as a file writes it (3.12)."""

    roles: dict[Literal["up", "degraded", "down", "unreachable", "unknown", "maintenance"], Literal["good", "bad", "excluded"]]
    incident_states: list[StateName]
    ignore_maintenance: bool = False
    ignore_hours: bool = False


class Vector(msgspec.Struct, frozen=True):
    """One timeline and what is asked of it."""

    id: str
    period: Period
    targets: dict[str, Target]
    own: dict[str, dict[str, Any]]
    """Parameters of each target, as written."""
    events: list[Event]
    questions: list[Question]
    slo: str
    epoch: int
    calendar: Calendar | None


class Document(msgspec.Struct, frozen=True):
    """A file: what it says, and `raw`, as it was written."""

    raw: dict[str, Any]
    defaults: dict[str, Any]
    policies: dict[str, Roles]
    vectors: list[Vector]

    def parameters(self, question: Question, own: Mapping[str, Any]) -> Parameters:
        """The file's defaults, then the result's, then the target's own."""
        merged = {**self.defaults, **question.params, **own}
        return msgspec.convert({key: merged[key] for key in PARAMETERS if key in merged}, Parameters)


PARAMETERS: Final = frozenset(Parameters.__struct_fields__)
T = TypeVar("T")
_AT: Final = re.compile(r" - at (?:`key` in )?`\$?(.*)`\Z", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class Source:
    """Collects what is wrong while a file is read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def say(self, place: str, value: Any, expected: str) -> None:
        """Note that `value`, found at `place`, is not what was expected."""
        self.problems.append(Problem(place or "file", shown(value), expected))
        if len(self.problems) >= _MAX_PROBLEMS:
            raise FormatError(self.problems)

    def read(self, value: Any, type_: type[T], place: str) -> T | None:
        """`value` as that type; None, and a problem, if it is not."""
        try:
            return msgspec.convert(value, type_)
        except msgspec.ValidationError as error:
            text = str(error)
            at = _AT.search(text)
            steps = at[1] if at else ""
            text = text[: at.start()] if at else text
            found = _walk(value, steps)
            self.say(f"{place}{steps}".lstrip("."), found, _expected(text))
        return None


def shown(value: Any) -> str:
    """A value as a message shows it: as JSON, cut to 60 characters; `nothing` for what is not there."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


MISSING: Final = object()


def _walk(value: Any, steps: str) -> Any:
    for name, index in _STEP.findall(steps):
        if index == "...":
            return value  # a key or value of a mapping or list, which msgspec does not name
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return MISSING
    return value


def _expected(text: str) -> str:
    """msgspec's words turned round: what was expected, without what was got."""
    required = re.fullmatch(r"Object missing required field `(.*)`", text)
    if required:
        return f"the key {required[1]}"
    wanted = re.fullmatch(r"Expected `(.*?)`(, got .*)?( .*)?", text, re.DOTALL)
    if wanted:
        return _TYPES.get(wanted[1], wanted[1]) + (wanted[3] or "")
    return "one of the values of the format" if text.startswith("Invalid enum value") else text


_TYPES: Final = {
    "int": "a whole number",
    "int | null": "a whole number",
    "str": "text",
    "object": "a mapping",
    "array": "a list",
    "bool": "true or false",
}


def ratio(text: str) -> Fraction:
    """An objective in per cent (`99.9`) as a ratio. Raises `ValueError`."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,30})?", text) or Fraction(text) > 100:
        raise ValueError(text)
    return Fraction(text) / 100


def expanded(event: Event) -> Iterator[Event]:
    """The event at each of its instants; nothing is known before it happened, so that `t` is at most `rx` (R2.4)."""
    if event.every is None:
        yield event if event.t <= event.known else msgspec.structs.replace(event, t=event.known)
        return
    last = event.t if event.until is None else event.until
    for t in range(event.t, last + 1, event.every):
        rx = event.rx
        yield msgspec.structs.replace(event, t=t if rx is None else min(t, rx), every=None, until=None)
