"""Answers what the pager asks of the on-call file: routes, recipients, next steps, inhibition, digests. Pure, told the time.

One incident has one route: the first that matches. A step never reaches nobody silently: where people and rotas come to nothing
the emergency receivers get it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from collector.core.alert import AlertKind, Severity
from collector.core.alert_rules import KINDS, KindRule
from collector.core.calling import DigestDue, DigestRule, Escalation, Miss, Notify, NotifyKind, Plan, holds
from collector.core.hours import Timetable, clock
from collector.core.paging import AlertRule, Routed
from collector.core.paging_answers import Duty, RouteStep
from collector.core.periods import local_date
from collector.core.rota import Why, on_call, turns

_LONGEST_DIGEST_MS: Final = 2 * 86_400_000
_PRIORITIES: Final = ("critical", "normal", "low")


class OnCall:
    """Answers the pager's questions (`paging.Policy`) and those of people, out of a `Plan`. Without a plan: nobody is told."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.rules = self.plan.rules
        zone = self.plan.zone
        self._zone = ZoneInfo(zone)
        self._hours = [Timetable(route.match.hours, zone) for route in self.plan.routes]
        self._quiet = [
            Timetable(route.quiet.hours, zone, route.quiet.until) if route.quiet is not None else None
            for route in self.plan.routes
        ]

    # --- what the pager asks

    def alert_rule(self, kind: AlertKind) -> AlertRule:
        """How alerts of a kind are treated."""
        rule = self.kind_rule(kind)
        return AlertRule(rule.after_ms, rule.pages)

    def kind_rule(self, kind: AlertKind) -> KindRule:
        """The same with its severities."""
        return self.plan.kinds.get(kind, KINDS[kind])

    def severity_of(self, kind: AlertKind, priority: str, found: Severity) -> Severity:
        """How grave an alert is, by its kind and the `priority` of its target in the inventory (`critical`, `normal`, `low`;
        anything else counts as normal); `found` where its own rule decides and the file says nothing."""
        severities = self.kind_rule(kind).severities
        if severities is None:
            return found
        return severities[_PRIORITIES.index(priority) if priority in _PRIORITIES else 1]

    def route(self, labels: Mapping[str, str], severity: Severity, now_ms: int) -> Routed | None:
        """The first route that matches now; None: none does."""
        index = next((i for i, miss in self.tried(labels, severity, now_ms) if miss is None), None)
        if index is None:
            return None
        route = self.plan.routes[index]
        return Routed(route.name, route.escalation, self._quiet_until(index, severity, now_ms))

    def tried(self, labels: Mapping[str, str], severity: Severity, now_ms: int) -> Iterator[tuple[int, Miss | None]]:
        """The routes by their places in order, each with why it does not match; ends with the first that does."""
        for index, route in enumerate(self.plan.routes):
            miss = route.match.miss(labels, severity)
            if miss is None and not self._hours[index].holds(now_ms):
                miss = Miss.HOURS
            yield index, miss
            if miss is None:
                return

    def _quiet_until(self, index: int, severity: Severity, now_ms: int) -> int | None:
        quiet, table = self.plan.routes[index].quiet, self._quiet[index]
        if quiet is None or table is None or severity not in quiet.severities:
            return None
        span = table.span_at(now_ms)
        return span[1] if span is not None else None

    def recipients(self, escalation: str, level: int, now_ms: int) -> tuple[str, ...]:
        """Receivers of a step (from 0), people and rotas resolved at `now_ms`, without repetitions. A step that would reach
        nobody reaches the emergency receivers; a step that there is not, nobody."""
        plan = self._plan(escalation)
        if plan is None or not 0 <= level < len(plan.steps):
            return ()
        return self.resolve(plan.steps[level].notify, now_ms) or self.plan.emergency

    def next_step(self, escalation: str, level: int, round_: int) -> tuple[int, int, int] | None:
        """What follows step `level` (-1: nothing was done yet) of round `round_`: the step, its round, and milliseconds after
        the one before; None: nothing more."""
        plan = self._plan(escalation)
        if plan is None or not plan.steps:
            return None
        if level < 0:
            return 0, round_, plan.steps[0].after_ms if round_ == 0 else 0
        if level + 1 < len(plan.steps):
            return level + 1, round_, plan.steps[level + 1].after_ms - plan.steps[level].after_ms
        return (0, round_ + 1, plan.repeat_after_ms) if round_ < plan.repeat else None

    def inhibits(self, source: Mapping[str, str], target: Mapping[str, str]) -> str:
        """Name of the rule by which an alert mutes another; empty: none. No alert mutes itself."""
        for rule in self.plan.inhibit:
            if holds(rule.source, source) and holds(rule.target, target) and _is_equal(rule.equal, source, target):
                return "" if source == target else rule.name
        return ""

    def _plan(self, escalation: str) -> Escalation | None:
        """An escalation; one that the file no longer has is gone on with by that of the last route: an open incident is not
        dropped because somebody renamed something."""
        found = self.plan.escalations.get(escalation)
        if found is None and escalation and self.plan.routes:
            found = self.plan.escalations.get(self.plan.routes[-1].escalation)
        return found

    # --- who is meant

    def resolve(self, notify: tuple[Notify, ...], now_ms: int) -> tuple[str, ...]:
        """Receivers of what a step names at an instant, in its order, without repetitions."""
        return tuple(dict.fromkeys(receiver for each in notify for receiver in self.reached(each, now_ms)))

    def reached(self, notify: Notify, now_ms: int) -> tuple[str, ...]:
        """Receivers of one of them; none in a gap of a rota."""
        if notify.kind is NotifyKind.RECEIVER:
            return (notify.name,)
        person = notify.name if notify.kind is NotifyKind.PERSON else self.person_of(notify.name, now_ms)
        return self.plan.people[person].receivers if person in self.plan.people else ()

    def person_of(self, rota: str, now_ms: int) -> str:
        """Who is on call in a rota; empty: nobody, or there is no such rota."""
        found = self.plan.rotas.get(rota)
        return on_call(found, now_ms).person if found is not None else ""

    def duties(self, from_ms: int, to_ms: int) -> list[Duty]:
        """The turns of every rota that touch a stretch of time, whole, by rota and time."""
        out = []
        for name, rota in self.plan.rotas.items():
            for turn in turns(rota, from_ms, to_ms):
                person = self.plan.people.get(turn.person)
                receivers = person.receivers if person is not None else ()
                note = "" if turn.why in (Why.ROTATION, Why.GAP) else turn.why.value
                out.append(Duty(name, turn.person, turn.from_ms, turn.to_ms, receivers, note))
        return out

    def steps(self, escalation: str, at_ms: int) -> tuple[RouteStep, ...]:
        """Everything that an escalation would do from `at_ms` on if nobody ever acknowledged, resolved at those instants."""
        out: list[RouteStep] = []
        after, last = 0, (-1, 0)
        while (following := self.next_step(escalation, *last)) is not None:
            after += following[2]
            last = following[:2]
            out.append(RouteStep(*last, after, self.recipients(escalation, last[0], at_ms + after)))
        return tuple(out)

    # --- the rest

    def digest_due(self, after_ms: int, now_ms: int) -> list[DigestDue]:
        """Digests whose time is in `(after_ms, now_ms]`, in order, receivers resolved at their time; what is older than two
        days is left out."""
        low = max(after_ms, now_ms - _LONGEST_DIGEST_MS)
        out: list[DigestDue] = []
        for rule in self.plan.digests:
            times = (at_ms for at_ms in _times(rule, self._zone, low, now_ms) if low < at_ms <= now_ms)
            out += [DigestDue(at_ms, self.resolve(rule.notify, at_ms)) for at_ms in times]
        return sorted(out, key=lambda due: (due.at_ms, due.receivers))

    def language_of(self, receiver: str) -> str:
        """`vi` or `en`: as the receiver says, else as the first person says who has it, else as the file."""
        said = self.plan.languages.get(receiver, "")
        theirs = (person.language for person in self.plan.people.values() if receiver in person.receivers and person.language)
        return said or next(theirs, "") or self.plan.language

    def wants(self, receiver: str, event: str) -> bool:
        """Whether a receiver gets events of this kind (`notice.EventKind`); a test always comes."""
        return event == "test" or receiver not in self.plan.events or event in self.plan.events[receiver]


def _is_equal(names: tuple[str, ...], source: Mapping[str, str], target: Mapping[str, str]) -> bool:
    return all(source.get(name, "") == target.get(name, "") for name in names)


def _times(rule: DigestRule, zone: ZoneInfo, from_ms: int, to_ms: int) -> Iterator[int]:
    day, last = local_date(zone, from_ms), local_date(zone, to_ms)
    while day <= last:
        if day.weekday() in rule.weekdays:
            yield from (clock(zone, day, minute) for minute in rule.minutes)
        day += dt.timedelta(days=1)


NOBODY: Final = OnCall()
"""Without an on-call file: everything is recorded and held with the reason `no_route`."""
