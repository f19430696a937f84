"""What a result of a timeline file says, computed by the core: segments, figures, display, burn, alerts, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import msgspec

from collector.core import budget, figures, printing
from collector.core.calendar import Calendar, expand
from collector.core.figures import Figures
from collector.core.flap import FlapRule, flapping
from collector.core.intervals import Interval, Intervals, clip, cut, size, union
from collector.core.policy import POLICIES, Policy, Role
from collector.core.state import State, View, Why
from collector.replay.evidence import FOREVER, MS, scope_of, windows_of
from collector.replay.format import Document, Event, Question, Roles, Vector, ratio
from collector.replay.timeline import Case, Line, Shelf, runs_of, spans_between

_COUNTS: Final = ("ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "denom")


class Answer(msgspec.Struct, frozen=True):
    """The computed part of one result, in the format of the file."""

    segments: list[list[Any]] | None
    figures: dict[str, Any]
    display: dict[str, str]
    burn: list[dict[str, Any]]
    alerts: dict[str, bool]
    annotations: dict[str, Any]


def answer(document: Document, vector: Vector, question: Question, shelf: Shelf | None = None) -> Answer:
    """Judge one result's subject and count its figures. `shelf`: shared by the results of this vector."""
    case = Case(document, vector, question, shelf)
    policy = policy_of(document, question.policy)
    group = case.group(question.subject)
    found, lines = _counted(case, policy, question.subject)
    if group is not None and group.rule == "pooled":
        return Answer(None, _printed(found), _display(question, found), *_pooled_burn(case, lines), {})
    line, asked = lines[0][1], lines[0][2]
    text = _printed(found)
    text["mttr_closed"] = printing.seconds(found.mttr_closed)
    if group is None:
        text["maint_down"] = _seconds(found.maint_down)
        text["up_backfill"], text["up_inferred"] = _seconds(found.up_backfill), _seconds(found.up_inferred)
    text["future_ast"] = _seconds(found.future_ast)
    rates = [budget.burn(line.spans, asked, one.from_ * MS, one.to * MS) for one in question.burn]
    burn = [
        {"from": one.from_, "to": one.to, "burn": printing.floored(rate.rate, 4)}
        for one, rate in zip(question.burn, rates, strict=True)
    ]
    alerts = budget.firing(budget.burns(line.spans, asked, case.end_ms))
    told = beside(case, line) if group is None else {}
    return Answer(_segments(line), text, _display(question, found), burn, {k: bool(v) for k, v in alerts.items()}, told)


_Counted = list[tuple[int, Line, figures.Question]]


def _counted(case: Case, policy: Policy, name: str) -> tuple[Figures, _Counted]:
    """Figures of a subject with the lines they rest on, each with its weight: one line, or those of a pool (R15.3)."""
    group = case.group(name)
    if group is None or group.rule != "pooled":
        line = case.line(name, View(case.question.view))
        asked = _asked(case, policy, name, line)
        return figures.compute(line.spans, asked), [(1, line, asked)]
    parts, lines = [], _Counted()
    for member in group.members:
        weight = group.weights.get(member, 1)
        found, under = _counted(case, policy, member)
        parts.append((weight, found))
        lines += [(weight * inner, line, asked) for inner, line, asked in under]
    return figures.pool(parts, _slo(case)), lines


def _asked(case: Case, policy: Policy, name: str, line: Line) -> figures.Question:
    calendar, known_ms = case.vector.calendar, case.known.known_ms
    scope: Intervals = scope_of(case.known, name) if name in case.vector.targets else [(-FOREVER, FOREVER)]
    within = calendar is not None and case.question.use_calendar
    own = case.parameters.get(name)
    merge_gap = (own or case.of_result).merge_gap
    return figures.Question(
        period=case.period,
        policy=policy,
        slo=_slo(case),
        known_ms=None if known_ms == FOREVER else known_ms,
        scope=scope,
        hours=service_hours(calendar, case.vector.epoch, case.period) if calendar is not None and within else None,
        windows=line.windows,
        composed=line.composed,
        merge_gap_ms=merge_gap * MS,
    )


def _slo(case: Case) -> Fraction:
    return ratio(case.vector.slo or case.of_result.slo)


def policy_of(document: Document, name: str) -> Policy:
    """A policy as the file defines it, else the built-in one of that name (3.12)."""
    written: Roles | None = document.policies.get(name)
    if written is None:
        return POLICIES[name]
    roles = {State(key): Role(role) for key, role in written.roles.items() if key != "maintenance"}
    return Policy(
        name,
        good=frozenset(state for state, role in roles.items() if role is Role.GOOD),
        bad=frozenset(state for state, role in roles.items() if role is Role.BAD),
        incident_states=frozenset(State(state) for state in written.incident_states),
        text=POLICIES[name].text if name in POLICIES else {"en": name, "vi": name},
        maintenance=Role(written.roles.get("maintenance", "excluded")),
        ignores_maintenance=written.ignore_maintenance,
        ignores_hours=written.ignore_hours,
    )


def service_hours(calendar: Calendar, epoch: int, period: Interval) -> list[Interval]:
    """The service hours within a period (R12.4); `epoch` is added to get Unix time."""
    shift = epoch * MS
    return [(a - shift, b - shift) for a, b in expand(calendar, period[0] + shift, period[1] + shift)]


# --- in the words of the format


def _seconds(ms: int) -> int | float:
    return ms / MS if ms % MS else ms // MS


def _printed(found: Figures) -> dict[str, Any]:
    text: dict[str, Any] = {name: _seconds(getattr(found, name)) for name in _COUNTS}
    good, denom, doubt = found.good, found.denom, found.doubt
    text["availability"] = printing.percent(good, denom)
    text["low"] = printing.percent(good, denom + doubt)
    text["high"] = printing.percent(good + doubt, denom + doubt)
    text["verdict"] = str(found.verdict)
    text["incidents"], text["incidents_started"] = found.incidents, found.incidents_started
    for name in ("mttr", "mtbf", "mtbsi", "budget_total", "budget_left"):
        text[name] = printing.seconds(getattr(found, name))
    return text


def _display(question: Question, found: Figures) -> dict[str, str]:
    digits = [key for key in question.display if key.isdecimal() and 1 <= int(key) <= 12]
    return {key: printing.display(found.good, found.bad, int(key)) for key in digits}


def _segments(line: Line) -> list[list[Any]]:
    """Observed states; where planned work of members breaks a group, `maintenance` (R15.1). They are without holes: between two
    times of service nothing is known, and nothing counts (R12.3)."""
    out: list[list[Any]] = []
    at = line.spans[0].from_ms if line.spans else 0
    for a, b, state in runs_of(line.spans):
        _append(out, at, a, str(State.UNKNOWN))
        covered = clip(line.composed, a, b)
        edges = sorted({a, b, *(edge for interval in covered for edge in interval)})
        for start, end in pairwise(edges):
            inside = any(x <= start < y for x, y in covered)
            _append(out, start, end, "maintenance" if inside else str(state))
        at = b
    return out


def _append(segments: list[list[Any]], from_ms: int, to_ms: int, word: str) -> None:
    if from_ms >= to_ms:
        return
    if segments and segments[-1][2] == word:
        segments[-1][1] = _seconds(to_ms)
    else:
        segments.append([_seconds(from_ms), _seconds(to_ms), word])


def _pooled_burn(case: Case, lines: _Counted) -> tuple[list[dict[str, Any]], dict[str, bool]]:
    """Burn rates of a pool (R14.4)."""
    slo = _slo(case)

    def rate(from_ms: int, to_ms: int) -> budget.Burn:
        parts = [(weight, budget.burn(line.spans, asked, from_ms, to_ms)) for weight, line, asked in lines]
        return budget.pooled(parts, slo)

    burn = [
        {"from": one.from_, "to": one.to, "burn": printing.floored(rate(one.from_ * MS, one.to * MS).rate, 4)}
        for one in case.question.burn
    ]
    alerts = budget.firing({length: rate(case.end_ms - length, case.end_ms) for length in budget.WINDOWS})
    return burn, {name: bool(fires) for name, fires in alerts.items()}


# --- annotations


def beside(case: Case, line: Line) -> dict[str, Any]:
    """What stands beside a target's figures: soft runs, reboots, flapping and the like."""
    name, asked = case.question.subject, case.question.annotations
    told: dict[str, Any] = {}
    retro = union((w.from_ms, w.to_ms) for w in windows_of(case.known) if w.retroactive and name in w.scope)
    counted = size(clip(cut(retro, line.windows), case.period[0], case.end_ms))
    if counted:
        told["retro_maintenance"] = _seconds(counted)
    window, high, low = (asked.get(f"flap_{key}", default) for key, default in (("window", 3_600), ("high", 6), ("low", 2)))
    if all(isinstance(value, int) for value in (window, high, low)):
        flaps = flapping(line.spans, FlapRule(window * MS, high, low))
        if flaps or "flapping" in asked:
            told |= {"flapping": _pairs(flaps), "flap_window": window, "flap_high": high, "flap_low": low}
    steps = _clock_steps(case, name)
    if steps:
        told["agent_clock_steps"] = steps
    if case.vector.targets[name].kind != "state":
        told |= _of_judge(case, line)
        told |= _restated(case)
    return told


def _restated(case: Case) -> dict[str, Any]:
    """How the states differ from what an earlier result said of the same subject as of an earlier K (R17.2)."""
    question, name, view = case.question, case.question.subject, View(case.question.view)
    earlier = [
        one
        for one in case.vector.questions
        if (one.subject, one.view, one.params) == (name, question.view, question.params)
        and one.as_of is not None
        and (question.as_of is None or one.as_of < question.as_of)
    ]
    if not earlier:
        return {}
    before = Case(case.document, case.vector, max(earlier, key=lambda one: one.as_of or 0), case.shelf)
    until_ms = min(case.end_ms, before.end_ms)
    old, new = (runs_of(spans_between(one.spans(name, view), case.period[0], until_ms)) for one in (before, case))
    changes = [(max(a, c), min(b, d), x, y) for a, b, x in old for c, d, y in new if x is not y and max(a, c) < min(b, d)]
    if not changes:
        return {}
    from_ms, to_ms = changes[0][0], changes[-1][1]
    came = [
        event
        for event in case.known.of_target[name]
        if event.known * MS > before.known.known_ms and from_ms <= event.t * MS < to_ms
    ]
    whys = {span.why for span in spans_between(case.spans(name, view), from_ms, to_ms)}
    told = {"from": str(changes[0][2]), "to": str(changes[0][3]), "interval": _pairs([(from_ms, to_ms)])[0]}
    evidence = "backfill" if Why.BACKFILL in whys else "continuity" if Why.CONTINUITY in whys else "observed"
    received = max((event.known for event in came), default=None)
    return {"restatement": {**told, "evidence": evidence, "reports": len(came), "received": received}}


def _of_judge(case: Case, line: Line) -> dict[str, Any]:
    name, view = case.question.subject, View(case.question.view)
    judge = case.judge(name)
    told: dict[str, Any] = {}
    if any(tells_of_boot(event) for event in case.known.of_target[name]):
        told |= {"reboots": len(judge.boots.reboots()), "agent_restarts": _agent_restarts(case, name)}
    soft = [(a, b) for a, b in judge.soft_runs(view) if case.period[0] <= a < case.end_ms]
    if soft:
        told["soft_runs"] = _pairs(soft)
    if view is View.DEVICE:
        down = union((span.from_ms, span.to_ms) for span in line.spans if span.state is State.DOWN and span.why is Why.OBSERVED)
        alive = cut(down, judge.boots.late_cover(case.period[0], case.end_ms))
        if alive:
            told["host_alive_but_not_serving"] = _pairs(alive)
    return told


def tells_of_boot(event: Event) -> bool:
    """Does it say which boot of the machine it is about (R8.2, R8.3)?"""
    return any(value is not None for value in (event.boot, event.boot_time, event.sys_ticks, event.system_ticks))


def _agent_restarts(case: Case, name: str) -> int:
    """Starts of the agent on a machine that had been running (R8.1)."""
    booted = [event for event in case.known.of_target[name] if event.boot is not None]
    return sum(after.ev == "agent_start" and before.boot == after.boot for before, after in pairwise(booted))


def _clock_steps(case: Case, name: str) -> list[list[int]]:
    """Where the agent's wall clock was set, by how much (R2.4)."""
    offsets = [(event.t, event.wall_offset) for event in case.known.of_target[name] if event.wall_offset is not None]
    return [[t, after - before] for (_, before), (t, after) in pairwise(offsets) if before != after]


def _pairs(intervals: Sequence[Interval]) -> list[list[int | float]]:
    return [[_seconds(a), _seconds(b)] for a, b in intervals]
