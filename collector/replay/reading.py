"""From the bytes of a timeline file to a checked `Document`: every name resolves, every event has what its kind needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from collector.core.calendar import Calendar
from collector.core.dependency import CycleError, order
from collector.core.policy import POLICIES
from collector.replay.format import (
    MAX_BYTES,
    MAX_EVENTS,
    MISSING,
    PARAMETERS,
    CalendarText,
    Document,
    Event,
    FormatError,
    GroupText,
    Parameters,
    Period,
    Question,
    Roles,
    Source,
    Target,
    Vector,
    ratio,
)

_OF_TARGET: Final = ("obs", "report", "agent_start", "agent_stop", "stall", "state", "enrol", "retire", "loss")
_OF_WINDOW: Final = ("maint_create", "maint_approve", "maint_end", "maint_cancel")
KINDS: Final = (*_OF_TARGET, "blind", "clock_step", *_OF_WINDOW)
"""Every kind of event."""
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "stall": ("until",),
    "blind": ("until",),
    "state": ("state",),
    "maint_create": ("from", "to", "scope", "by"),
    "maint_approve": ("by",),
}


def load(data: bytes) -> Document:
    """Read a file. Raises `FormatError` with every problem (the first twenty) by place, value and what was expected."""
    source = Source()
    if len(data) > MAX_BYTES:
        source.say("", f"{len(data)} bytes", f"at most {MAX_BYTES} bytes")
        raise FormatError(source.problems)
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        source.say("", str(error).removeprefix("JSON is malformed: "), "JSON")
        raise FormatError(source.problems) from error
    document = _document(source, raw)
    if source.problems or document is None:
        raise FormatError(source.problems)
    return document


def _document(source: Source, raw: Any) -> Document | None:
    if not isinstance(raw, dict):
        source.say("", raw, "a mapping with `vectors`")
        return None
    defaults = _parameters(source, _given(raw).get("defaults", {}), "defaults")
    policies = source.read(_given(raw).get("policies", {}), dict[str, Roles], "policies") or {}
    vectors = raw.get("vectors", MISSING)
    if not isinstance(vectors, list):
        source.say("vectors", vectors, "a list")
        return None
    names = {*policies, *POLICIES}
    read = [_vector(source, one, f"vectors[{index}]", defaults, names) for index, one in enumerate(vectors)]
    return Document(raw, defaults, policies, [vector for vector in read if vector is not None])


def _given(raw: Any) -> Any:
    """A mapping without the keys that are null: they say as much as keys that are not there."""
    return {key: value for key, value in raw.items() if value is not None} if isinstance(raw, dict) else raw


def _percent(value: Any) -> Any:
    """An objective, which may be written as a number: what stands in the file is decimal, and is taken as that (R16.1)."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _parameters(source: Source, raw: Any, place: str) -> dict[str, Any]:
    """The parameters among the keys of a mapping, each checked."""
    if not isinstance(raw, dict):
        source.say(place, raw, "a mapping")
        return {}
    found = {key: value for key, value in raw.items() if key in PARAMETERS and value is not None}
    if "slo" in found:
        found["slo"] = _percent(found["slo"])
    source.read(found, Parameters, place)
    if isinstance(found.get("slo"), str):
        _ratio(source, found["slo"], f"{place}.slo")
    return found


def _ratio(source: Source, text: str, place: str) -> None:
    try:
        ratio(text)
    except ValueError:
        source.say(place, text, "per cent as text, such as 99.9")


def _vector(source: Source, raw: Any, place: str, defaults: dict[str, Any], policies: set[str]) -> Vector | None:
    if not isinstance(raw, dict):
        source.say(place, raw, "a mapping")
        return None
    before = len(source.problems)
    period = _period(source, raw.get("period", MISSING), f"{place}.period")
    targets, own = _targets(source, raw.get("targets", MISSING), f"{place}.targets")
    events = _events(source, raw.get("events", MISSING), f"{place}.events", set(targets))
    raw = _given(raw)
    calendar = _calendar(source, raw["calendar"], f"{place}.calendar") if "calendar" in raw else None
    slo = source.read(_percent(raw.get("slo", "")), str, f"{place}.slo") or ""
    if slo:
        _ratio(source, slo, f"{place}.slo")
    epoch = source.read(raw.get("epoch", 0), int, f"{place}.epoch") or 0
    listed = raw.get("results", [])
    if not isinstance(listed, list):
        source.say(f"{place}.results", listed, "a list")
        listed = []
    questions = _questions(source, listed, f"{place}.results")
    if len(source.problems) > before or period is None:
        return None
    vector = Vector(str(raw.get("id", place)), period, targets, own, events, questions, slo, epoch, calendar)
    groups = {question.subject: question.group for question in reversed(questions) if question.group is not None}
    _no_cycle_of_groups(source, questions, f"{place}.results")
    for index, question in enumerate(questions):
        _question(source, vector, question, (f"{place}.results[{index}]", groups, policies))
    return vector


def _questions(source: Source, listed: list[Any], place: str) -> list[Question]:
    questions = []
    for index, one in enumerate(listed):
        question = source.read(_given(one), Question, f"{place}[{index}]")
        if question is not None:
            params = _parameters(source, question.params, f"{place}[{index}].params")
            questions.append(msgspec.structs.replace(question, params=params))
    return questions


def _no_cycle_of_groups(source: Source, questions: list[Question], place: str) -> None:
    members = {question.subject: list(question.group.members) for question in questions if question.group is not None}
    try:
        order(members)
    except CycleError as error:
        source.say(place, str(error), "groups without a cycle")


def _calendar(source: Source, raw: Any, place: str) -> Calendar | None:
    text = source.read(raw, CalendarText, place)
    try:
        return None if text is None else text.read()
    except (ValueError, ZoneInfoNotFoundError, OSError):
        source.say(place, raw, "a time zone, dates and hours as HH:MM")
        return None


def _period(source: Source, raw: Any, place: str) -> Period | None:
    if raw is MISSING:
        source.say(place, MISSING, "from and to")
        return None
    period = source.read(raw, Period, place)
    if period is not None and period.from_ >= period.to:
        source.say(place, f"from {period.from_} to {period.to}", "from before to")
    return period


def _targets(source: Source, raw: Any, place: str) -> tuple[dict[str, Target], dict[str, dict[str, Any]]]:
    if not isinstance(raw, dict):
        source.say(place, raw, "a mapping")
        return {}, {}
    targets, own = {}, {}
    for name, one in raw.items():
        target = source.read(_given(one), Target, f"{place}.{name}")
        if target is not None:
            targets[name] = target
            own[name] = _parameters(source, one, f"{place}.{name}")
    for name, target in targets.items():
        for parent in (parent for group in target.parents for parent in group if parent not in raw):
            source.say(f"{place}.{name}.parents", parent, "a target of this vector")
        for a, b in target.scope or []:
            if a >= b:
                source.say(f"{place}.{name}.scope", [a, b], "from before to")
    try:
        order({name: [parent for group in target.parents for parent in group] for name, target in targets.items()})
    except CycleError as error:
        source.say(f"{place}.{error.cycle[0]}.parents", str(error), "parents without a cycle")
    return targets, own


def _events(source: Source, raw: Any, place: str, targets: set[str]) -> list[Event]:
    if not isinstance(raw, list):
        source.say(place, raw, "a list")
        return []
    events, count, windows = (
        [],
        0,
        {str(one.get("id")) for one in raw if isinstance(one, dict) and one.get("ev") == "maint_create"},
    )
    for index, one in enumerate(map(_given, raw)):
        at = f"{place}[{index}]"
        event = source.read(one, Event, at)
        if event is None:
            continue
        events.append(event)
        for key, found, expected in _faults(event, one, targets, windows):
            source.say(f"{at}.{key}", found, expected)
        if event.every is not None and event.until is not None:
            count += max(0, event.until - event.t) // event.every + 1
    if count > MAX_EVENTS:
        source.say(place, count, f"at most {MAX_EVENTS} events")
    return events


def _faults(event: Event, raw: dict[str, Any], targets: set[str], windows: set[str]) -> Iterator[tuple[str, Any, str]]:
    if event.ev not in KINDS:
        yield "ev", event.ev, f"one of {', '.join(KINDS)}"
        return
    if event.ev in _OF_TARGET and event.target not in targets:
        yield "target", raw.get("target", MISSING), "a target of this vector"
    for key in _NEEDS.get(event.ev, ()):
        if key not in raw:
            yield key, MISSING, f"the key {key}, which {event.ev} needs"
    if event.every is not None and event.until is None:
        yield "until", MISSING, "the last instant of every"
    if event.every is not None and event.ev not in _OF_TARGET[:4]:
        yield "every", event.every, f"only with {', '.join(_OF_TARGET[:4])}"
    if event.until is not None and event.until < event.t:
        yield "until", event.until, f"not before t ({event.t})"
    if event.from_ is not None and event.to is not None and event.from_ >= event.to:
        yield "to", event.to, f"after from ({event.from_})"
    if event.ev in _OF_WINDOW and event.id not in windows:
        yield "id", raw.get("id", MISSING), "the id of a maint_create"


def _question(source: Source, vector: Vector, question: Question, where: tuple[str, dict[str, GroupText], set[str]]) -> None:
    """The checks between a result and its vector. `where`: place, groups by subject, names of policies."""
    place, groups, policies = where
    known = {*vector.targets, *groups}
    if question.subject not in known:
        source.say(f"{place}.subject", question.subject, "a target of this vector, or a `group` beside it")
    if question.policy not in policies:
        source.say(f"{place}.policy", question.policy, f"one of {', '.join(sorted(policies))}")
    if question.period is not None and question.period.from_ >= question.period.to:
        source.say(f"{place}.period", [question.period.from_, question.period.to], "from before to")
    if question.use_calendar and vector.calendar is None:
        source.say(f"{place}.use_calendar", True, "a `calendar` in the vector")
    group = question.group
    if group is None:
        return
    for member in group.members:
        if member not in known or member == question.subject:
            source.say(f"{place}.group.members", member, "a target or another group of this vector")
        elif group.rule != "pooled" and member not in vector.targets and groups[member].rule == "pooled":
            source.say(f"{place}.group.members", member, "a member that has states, which a pool has not")
    if group.rule == "k_of_n" and not 1 <= (group.k or 0) <= len(group.members):
        source.say(f"{place}.group.k", MISSING if group.k is None else group.k, f"1 to {len(group.members)}")
