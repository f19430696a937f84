"""Groups and sites, composed of their members instant by instant (SPEC 3.15). Pure; linear but for one sort."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

import msgspec

from collector.core.intervals import Interval, Intervals, clip
from collector.core.state import GOOD_STATES, Span, State, View, Why
from collector.core.subject import Group, GroupRule


class Member(msgspec.Struct, frozen=True):
    """A member's observed spans in the group's view, in order, and its counted windows as a set (R15.1). Where it has no span,
    it is as good as unknown."""

    spans: Sequence[Span]
    windows: Intervals = ()


class Part(enum.IntEnum):
    """What a member is to its group at an instant (R15.1). In a window it is planned, unless it is good all the same."""

    GOOD = 0
    UNKNOWN = 1
    DOWN = 2
    PLANNED_UNKNOWN = 3
    PLANNED_DOWN = 4


_PLANNED = {Part.GOOD: Part.GOOD, Part.UNKNOWN: Part.PLANNED_UNKNOWN, Part.DOWN: Part.PLANNED_DOWN}


def compose(members: Sequence[Member], rule: Group, view: View, period: Interval) -> tuple[list[Span], list[Interval]]:
    """A group's observed spans over the period, and the time in which its members' planned work alone breaks it (R15.1, R15.2).

    The spans under that time say what the members show without their windows (R11.5); figures take it as `Question.composed`.
    Without members nothing is known. `ValueError` for a pooled group, which has seconds and no states (R15.3).
    """
    if rule.rule is GroupRule.POOLED:
        raise ValueError("a pooled group has seconds and no states: expected all_of, any_of or k_of_n")
    required = {GroupRule.ALL: len(members), GroupRule.ANY: 1}.get(rule.rule, rule.k)
    changes = sorted([change for i, member in enumerate(members) for change in _changes(i, member, view, period)])
    parts: list[Part] = [Part.UNKNOWN] * len(members)
    counts = [0, len(members), 0, 0, 0]
    spans: list[Span] = []
    planned: list[Interval] = []
    at = period[0]
    for t, i, part in [*changes, (period[1], -1, Part.UNKNOWN)]:
        if t > at:
            state, broken = judge(counts, required)
            _append(spans, at, t, state)
            if broken:
                start = planned.pop()[0] if planned and planned[-1][1] == at else at
                planned.append((start, t))
            at = t
        if i >= 0:
            counts[parts[i]] -= 1
            counts[part] += 1
            parts[i] = part
    return spans, planned


def judge(counts: Sequence[int], required: int) -> tuple[State, bool]:
    """The state of a group from the number of members in each `Part`, and whether planned work alone breaks it (R15.1)."""
    n, good = sum(counts), counts[Part.GOOD]
    unknown, planned_unknown = counts[Part.UNKNOWN], counts[Part.PLANNED_UNKNOWN]
    planned = planned_unknown + counts[Part.PLANNED_DOWN]
    if not n:
        return State.UNKNOWN, False
    if good >= required:
        return State.UP if good == n else State.DEGRADED, False
    if n - planned < required:
        return State.UNKNOWN if good + unknown + planned_unknown >= required else State.DOWN, True
    return State.UNKNOWN if good + unknown >= required else State.DOWN, False


def _append(spans: list[Span], from_ms: int, to_ms: int, state: State) -> None:
    if spans and spans[-1].state is state:
        from_ms = spans.pop().from_ms
    spans.append(Span(from_ms, to_ms, state, Why.MEMBERS))


def _changes(index: int, member: Member, view: View, period: Interval) -> Iterator[tuple[int, int, Part]]:
    """What the member is, from when on, within the period; `index` sorts and names it."""
    windows = clip(member.windows, *period)
    w = 0
    for a, b, part in _stretches(member.spans, view, period):
        t = a
        while t < b:
            while w < len(windows) and windows[w][1] <= t:
                w += 1
            if w < len(windows) and windows[w][0] <= t:
                yield t, index, _PLANNED[part]
                t = windows[w][1]
            else:
                yield t, index, part
                t = windows[w][0] if w < len(windows) else b


def _stretches(spans: Sequence[Span], view: View, period: Interval) -> Iterator[tuple[int, int, Part]]:
    """The whole period, with UNKNOWN where there is no span. Unreachable is down end to end and unknown else (R15.1)."""
    at, end = period
    for span in spans:
        a, b = max(span.from_ms, at), min(span.to_ms, end)
        if a >= b:
            continue
        if at < a:
            yield at, a, Part.UNKNOWN
        if span.state in GOOD_STATES:
            yield a, b, Part.GOOD
        elif span.state is State.DOWN or (span.state is State.UNREACHABLE and view is View.E2E):
            yield a, b, Part.DOWN
        else:
            yield a, b, Part.UNKNOWN
        at = b
    if at < end:
        yield at, end, Part.UNKNOWN
