"""A vector's events as the core reads evidence: stretches, blind spans, scope, given states and counted windows, as known at K.

Seconds become milliseconds here. The observer `center` of a file is the collector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agent.model import Kind
from collector.core import skew
from collector.core.change import COLLECTOR
from collector.core.intervals import Interval, cut, union
from collector.core.state import Span, State, Why
from collector.core.stretch import BlindSpan, Result, Stretch
from collector.core.subject import GapPolicy, Rules, Sign
from collector.replay.format import Event, Parameters, Target, Vector, expanded

MS: Final = 1000
FOREVER: Final = 1 << 60
"""Farther than any instant of a file; also the other way, below zero."""
_LIFE: Final = {"obs": Kind.OBS, "report": Kind.REPORT, "agent_start": Kind.AGENT_START, "agent_stop": Kind.AGENT_STOP}
_EVIDENCE: Final = {*_LIFE, "stall"}
_OF_TARGET: Final = {*_EVIDENCE, "state", "enrol", "retire"}
_FAREWELLS: Final = ("shutdown", "suspend")
_WRAP: Final = 1 << 32


class Window(msgspec.Struct, frozen=True):
    """A maintenance window that counts (R11.1)."""

    from_ms: int
    to_ms: int
    scope: frozenset[str]
    propagate: bool
    retroactive: bool


class Known(msgspec.Struct, frozen=True):
    """What is known of a vector at some K (R1.3): its events in order of their instants, each once for every repetition."""

    vector: Vector
    known_ms: int
    of_target: dict[str, list[Event]]
    others: list[Event]


def known_at(vector: Vector, as_of: int | None) -> Known:
    """The events learned until `as_of` (seconds; None: all)."""
    of_target: dict[str, list[Event]] = {name: [] for name in vector.targets}
    others: list[Event] = []
    for event in vector.events:
        if as_of is not None and event.known > as_of and (event.rx is not None or event.every is None):
            continue
        for one in expanded(event):
            if as_of is None or one.known <= as_of:
                (of_target[one.target] if one.ev in _OF_TARGET else others).append(one)
    for events in of_target.values():
        events.sort(key=_instant)
    return Known(vector, FOREVER if as_of is None else as_of * MS, of_target, sorted(others, key=_instant))


def _instant(event: Event) -> int:
    return event.t


def rules_of(target: Target, parameters: Parameters) -> Rules:
    """The rules of a target that is judged (SPEC 3.20)."""
    p = parameters
    return Rules(
        sign=Sign(target.kind),
        interval_ms=p.interval * MS,
        ttl_ms=p.ttl * MS,
        fail_after=p.fail_after,
        recover_after=p.recover_after,
        dep_slack_ms=p.dep_slack * MS,
        late_after_ms=p.late_after * MS,
        silence_is_down=p.silence_means == "down",
        gap_policy=GapPolicy(p.gap_policy),
        accept_uptime_evidence=p.accept_uptime_evidence,
        reboot_tolerance_ms=p.reboot_tolerance * MS,
        parents=tuple(tuple(group) for group in target.parents if group),
    )


def scope_of(known: Known, name: str) -> list[Interval]:
    """In-service intervals (R12.3): as the target says, else from the first enrolment and between retirements, else always."""
    given = known.vector.targets[name].scope
    if given is not None:
        return union((a * MS, b * MS) for a, b in given)
    acts = [event for event in known.of_target[name] if event.ev in ("enrol", "retire")]
    since: int | None = -FOREVER if not acts or acts[0].ev == "retire" else None
    out: list[Interval] = []
    for event in acts:
        if event.ev == "enrol" and since is None:
            since = event.t * MS
        elif event.ev == "retire" and since is not None:
            out.append((since, event.t * MS))
            since = None
    return union(out if since is None else [*out, (since, FOREVER)])


def within(scope: Sequence[Interval], t_ms: int) -> bool:
    """Is an instant in a set?"""
    return any(a <= t_ms < b for a, b in scope)


def stretches_of(known: Known, name: str, parameters: Parameters) -> list[Stretch]:
    """A target's evidence in order of its instants, clock errors of agents taken out (R2.2 to R2.4)."""
    placed = _placed([event for event in known.of_target[name] if event.ev in _EVIDENCE], parameters.late_after * MS)
    scope = scope_of(known, name)
    return [
        _stretch(event, t_ms, parameters) for t_ms, event in sorted(placed, key=lambda pair: pair[0]) if within(scope, t_ms)
    ]


def _stretch(event: Event, t_ms: int, parameters: Parameters) -> Stretch:
    kind = _LIFE.get(event.ev, Kind.STALL)
    system = event.system_ticks
    if system is None and event.sys_ticks is None and event.boot is None and event.boot_time is not None:
        # An instant of boot without a name for the boot is what a counter tells (R8.3).
        system = (event.t - event.boot_time) * 100 % _WRAP
    asleep_ms = (event.suspended or event.asleep or 0) * MS
    return Stretch(
        kind,
        COLLECTOR if event.observer == "center" else event.observer,
        event.ev,
        Result(event.result),
        t_ms,
        t_ms,
        interval_ms=parameters.interval * MS,
        live=event.known * MS - t_ms <= parameters.late_after * MS,
        boot="" if event.boot is None else str(event.boot),
        boot_ms=None if event.boot_time is None else event.boot_time * MS,
        first_asleep_ms=asleep_ms,
        last_asleep_ms=asleep_ms,
        ticks=event.sys_ticks,
        system_ticks=system,
        farewell=kind is Kind.AGENT_STOP and event.reason in _FAREWELLS,
        until_ms=(event.until or 0) * MS if kind is Kind.STALL else 0,
    )


def _placed(events: Iterable[Event], late_after_ms: int) -> list[tuple[int, Event]]:
    """Every event with its instant on the collector's timeline. Those with a `wall_offset` go the way of a real report: what
    they carry is an uptime and a wall clock, and `t` is found from these (3.2)."""
    out: list[tuple[int, Event]] = []
    skewed: list[Event] = []
    for event in events:
        if event.wall_offset is None or event.boot is None or event.boot_time is None:
            out.append((event.t * MS, event))
        else:
            skewed.append(event)
    skewed.sort(key=lambda event: (event.known, event.t))
    clocks: dict[str, skew.BootClock] = {}
    for event in skewed:
        rx_ms, t_ms = event.known * MS, event.t * MS
        if rx_ms - t_ms <= late_after_ms:
            uptime_ms, boot = t_ms - (event.boot_time or 0) * MS, str(event.boot)
            wall_ms = t_ms + (event.wall_offset or 0) * MS
            clocks[boot] = skew.observe(clocks.get(boot), rx_ms=rx_ms, uptime_ms=uptime_ms, wall_ms=wall_ms)
    estimate = skew.Estimate(0, -FOREVER, -FOREVER)
    for event in skewed:
        rx_ms, wall_ms = event.known * MS, (event.t + (event.wall_offset or 0)) * MS
        clock = clocks.get(str(event.boot))
        if clock is not None:
            t_ms, _ = skew.place((event.t - (event.boot_time or 0)) * MS, clock, rx_ms=rx_ms)
            if rx_ms - t_ms <= late_after_ms:
                estimate = skew.Estimate(wall_ms - t_ms, rx_ms, -FOREVER)
        else:
            t_ms, _ = skew.place_estimated(wall_ms, estimate, rx_ms=rx_ms)
            estimate = skew.Estimate(estimate.offset_ms, estimate.heard_ms, t_ms)
        out.append((t_ms, event))
    return out


def blinds_of(known: Known) -> list[BlindSpan]:
    """Blind records (R5.3)."""
    return [
        BlindSpan(COLLECTOR if event.observer == "center" else event.observer, event.t * MS, (event.until or 0) * MS)
        for event in known.others
        if event.ev == "blind"
    ]


def given_states(known: Known, name: str, until_ms: int) -> list[Span]:
    """Spans of a target whose states are given (kind `state`); unknown before the first."""
    spans, scope = [Span(-FOREVER, until_ms, State.UNKNOWN, Why.NEVER)], scope_of(known, name)
    for event in known.of_target[name]:
        t_ms = event.t * MS
        if event.ev != "state" or event.state is None or t_ms >= until_ms or not within(scope, t_ms):
            continue
        last = spans.pop()
        if last.from_ms < t_ms:
            spans.append(Span(last.from_ms, t_ms, last.state, last.why))
        spans.append(Span(t_ms, until_ms, State(event.state), Why.STATED))
    return spans


def windows_of(known: Known) -> list[Window]:
    """Maintenance windows that count: approved by someone other than their author and not cancelled, as known at K (R11.1)."""
    open_: dict[str, tuple[Event, int, bool, int]] = {}
    for event in known.others:
        if event.ev == "maint_create":
            open_[event.id] = (event, event.to or 0, False, event.t)
    for event in known.others:
        if event.id not in open_:
            continue
        made, to, approved, at = open_[event.id]
        if event.ev == "maint_approve" and event.by != made.by:
            open_[event.id] = (made, to, True, event.t)
        elif event.ev == "maint_end":
            open_[event.id] = (made, min(to, event.t), approved, at)
        elif event.ev == "maint_cancel":
            open_[event.id] = (made, made.from_ or 0, False, at)
    return [
        Window((made.from_ or 0) * MS, to * MS, frozenset(made.scope), made.propagate, at > (made.from_ or 0))
        for made, to, approved, at in open_.values()
        if approved
    ]


def maintenance_of(known: Known, name: str, spans: Sequence[Span]) -> list[Interval]:
    """A subject's time under counted windows: those that name it, and those that a parent hands on while it is unreachable
    (R11.4)."""
    target = known.vector.targets.get(name)
    parents = {parent for group in target.parents for parent in group} if target is not None else set()
    unreachable = union((span.from_ms, span.to_ms) for span in spans if span.state is State.UNREACHABLE)
    covered: list[Interval] = []
    for window in windows_of(known):
        if name in window.scope:
            covered.append((window.from_ms, window.to_ms))
        elif window.propagate and parents & window.scope:
            covered += cut([(window.from_ms, window.to_ms)], unreachable)
    return union(covered)
