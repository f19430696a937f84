"""The desk as people see it: what is open, what they do to it, where an alert would go. Acts are written before they return."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec

from collector.alerting.desk import Desk
from collector.core import incident_acts, silence_acts
from collector.core.alert import Alert, AlertKey, AlertKind, Severity, labels_of
from collector.core.audit import AuditEntry
from collector.core.incident import ActRefusal, Incident, RefusedError
from collector.core.incident_acts import Around
from collector.core.notice import Changes, Named
from collector.core.paging_answers import (
    Duty,
    IncidentAct,
    ReceiverStanding,
    RouteAsk,
    RouteExplained,
    SilencePlan,
    Tested,
)
from collector.core.people import Actor, Right, may
from collector.core.routing import OnCall
from collector.core.silence_acts import LONGEST_MS, OF_ALERTS, SilenceRules, no_receiver
from collector.core.silencing import FullMatch, Silence

_AT_ONCE: Final = 200
"""Subjects that are matched without letting others go on."""


class Others(msgspec.Struct, frozen=True):
    """What the front asks of the rest of the house."""

    now_ms: Callable[[], int]
    on_call: Callable[[], OnCall]
    name_of: Callable[[str], Named | None]
    """None for what nothing knows."""
    full_match: FullMatch
    pattern_trouble: Callable[[str], str]
    receivers: Callable[[], Sequence[ReceiverStanding]]
    test: Callable[[str, str], Awaitable[Tested]]
    """Send a test to a receiver in somebody's name."""
    subjects: Callable[[], Iterable[str]] = tuple
    """All that alerts can be about."""
    longest_silence_ms: Callable[[], int] = lambda: LONGEST_MS


class Front:
    """See the module; raises `RefusedError` (nothing was recorded) and `change.StoreError` (nobody knows)."""

    def __init__(self, desk: Desk, others: Others) -> None:
        self._desk = desk
        self._others = others

    # --- what is open

    def is_loaded(self) -> bool:
        """Whether open alerts and incidents are taken up after a start."""
        return self._desk.is_loaded

    def alerts(self) -> Sequence[Alert]:
        """The open ones."""
        return list(self._desk.book.open_alerts())

    def alerts_of(self, subject: str) -> Sequence[Alert]:
        """The open ones of a subject."""
        return self._desk.open_of(subject)

    def incidents(self) -> Sequence[Incident]:
        """Those that are not resolved, and those resolved lately."""
        return list(self._desk.book.incidents.values())

    def incident(self, number: int) -> Incident | None:
        """One of these by its number."""
        return next((one for one in self._desk.book.incidents.values() if one.number == number), None)

    def incident_of(self, uid: str) -> Incident | None:
        """One of these by its uid."""
        return self._desk.book.incidents.get(uid)

    def silences(self) -> Sequence[Silence]:
        """Those not ended, and those ended lately."""
        return list(self._desk.silences.values())

    def name_of(self, subject: str) -> Named:
        """A subject as messages show it."""
        return self._others.name_of(subject) or Named(subject)

    # --- what people do

    async def act(self, number: int, act: IncidentAct, actor: Actor) -> Incident:
        """Carry out an act on an incident."""
        desk = self._desk
        async with desk.writing:
            incident = self.incident(number)
            if incident is None:
                raise RefusedError(ActRefusal.UNKNOWN_OBJECT, str(number), "no incident of the last day has this number")
            parts = [desk.book.alerts[uid] for uid in desk.book.parts.get(incident.uid, ())]
            done = incident_acts.carry_out(incident, act, actor, self._others.now_ms(), Around(parts, self.name_of))
            await desk.write(done.changes, audit=[done.audit])
        desk.wake()
        return done.incident

    async def add_silence(self, plan: SilencePlan, actor: Actor) -> Silence:
        """Make a silence."""
        desk, others = self._desk, self._others
        rules = SilenceRules(others.pattern_trouble, others.full_match, self._names(), others.longest_silence_ms())
        async with desk.writing:
            made, audit = silence_acts.make(
                plan, desk.next_silence, actor, others.now_ms(), rules, others=desk.silences.values()
            )
            await desk.write(Changes(), silences=[made], audit=[audit])
            desk.next_silence += 1
        desk.wake()
        return made

    async def expire_silence(self, id_: str, comment: str, actor: Actor) -> Silence:
        """End a silence before its time."""
        desk = self._desk
        async with desk.writing:
            silence = desk.silences.get(id_)
            if silence is None:
                raise RefusedError(ActRefusal.UNKNOWN_OBJECT, id_[:100], "no silence has this id")
            ended, audit = silence_acts.expire(silence, comment, actor, self._others.now_ms())
            await desk.write(Changes(), silences=[ended], audit=[audit])
        desk.wake()
        return ended

    async def fits(self, silence: Silence) -> bool:
        """Whether a target, agent, group or site that is known at present can have an alert that it mutes. What it says of the
        alert alone is taken as met."""
        matchers = [one for one in silence.matchers if one.label not in OF_ALERTS]
        for count, subject in enumerate(self._others.subjects()):
            named = self.name_of(subject)
            labels = labels_of(AlertKey(subject, AlertKind.DOWN), Severity.CRITICAL, (named.site, named.class_, named.labels))
            if all(one.holds(labels, self._others.full_match) for one in matchers):
                return True
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return False

    def _names(self) -> list[str]:
        return [one.name for one in self._others.receivers()]

    # --- where it would go

    def explain_route(self, ask: RouteAsk) -> RouteExplained:
        """Where an alert of a target would go. Raises `RefusedError` for a target that nothing knows."""
        named = self._others.name_of(ask.target)
        if named is None:
            raise RefusedError(ActRefusal.UNKNOWN_OBJECT, ask.target[:100], "no target, agent, group or site has this id")
        on_call = self._others.on_call()
        labels = labels_of(AlertKey(ask.target, ask.kind), ask.severity, (named.site, named.class_, named.labels))
        rule = on_call.alert_rule(ask.kind)
        routed = on_call.route(labels, ask.severity, ask.at_ms)
        muting = tuple(one.id for one in self._desk.silences.values() if one.mutes(labels, ask.at_ms, self._others.full_match))
        if routed is None:
            return RouteExplained(labels, pages=rule.pages, after_ms=rule.after_ms, silences=muting)
        steps = on_call.steps(routed.escalation, ask.at_ms + rule.after_ms)
        return RouteExplained(
            labels, routed.route, routed.escalation, routed.quiet_until_ms, rule.pages, rule.after_ms, steps, muting
        )

    def duties(self, from_ms: int, to_ms: int) -> Sequence[Duty]:
        """Who is on duty, by rota and time."""
        return self._others.on_call().duties(from_ms, to_ms)

    def receivers(self) -> Sequence[ReceiverStanding]:
        """Every receiver of the on-call file, by name."""
        return self._others.receivers()

    async def test_receiver(self, name: str, actor: Actor) -> Tested:
        """Send a test at once, past the outbox, and wait for the outcome."""
        if not may(actor.role, Right.CREATE):
            raise RefusedError(ActRefusal.FORBIDDEN, actor.role.value, f"{actor.name} is {actor.role.value}, which may not act")
        if name not in [one.name for one in self._others.receivers()]:
            raise no_receiver(name, self._names())
        tested = await self._others.test(name, actor.name)
        now_ms = self._others.now_ms()
        shown = msgspec.json.encode({"delivered": tested.is_delivered, "error": tested.error}).decode()
        audit = AuditEntry(now_ms, actor.name, actor.role.value, actor.source, "receiver.test", name, shown)
        async with self._desk.writing:
            await self._desk.write(Changes(), audit=[audit])
        return tested
