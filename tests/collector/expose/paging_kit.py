"""A small desk in memory: the real pure acts over a real book, written to a real store, as the API asks of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import msgspec

from collector.core.alert import Alert, AlertKey, AlertKind, Hold, HoldReason, Severity
from collector.core.book import Book
from collector.core.incident import ActRefusal, Entry, EntryKind, Incident, IncidentState, RefusedError
from collector.core.incident_acts import Around, carry_out
from collector.core.notice import Changes, EventKind, Named, Notice, Outgoing
from collector.core.paging_answers import (
    Duty,
    IncidentAct,
    ReceiverStanding,
    RouteAsk,
    RouteExplained,
    RouteStep,
    SilencePlan,
    Tested,
)
from collector.core.people import Actor, Role
from collector.core.silence_acts import SilenceRules, expire, make, no_receiver
from collector.core.silencing import Silence
from collector.core.state import State
from collector.store.store import Store

NOW = 1_795_500_000_000
LOCAL = Actor("os:root", Role.ADMIN, "local")
PEOPLE = {"v1": Role.VIEWER, "u1": Role.OPERATOR}
ROUTER, SWITCH, WEB = (AlertKey(name, AlertKind.DOWN) for name in ("router", "switch", "web"))
UID = "a1b2c3d4e5f60718"
INCIDENT = Incident(
    UID, 7, IncidentState.OPEN, ROUTER, Severity.CRITICAL, "dic", NOW - 90_000, NOW - 60_000, route="night", escalation="noc",
    next_ms=NOW + 240_000, told=("chat",), events=1,
)  # fmt: skip
ALERTS = [
    Alert("a1", ROUTER, Severity.CRITICAL, NOW - 90_000, NOW - 60_000, incident=UID, paged_ms=NOW - 60_000, reason="timeout"),
    Alert(
        "a2", SWITCH, Severity.CRITICAL, NOW - 90_000, NOW - 50_000, state=State.UNREACHABLE, incident=UID,
        hold=Hold(HoldReason.PARENT_DOWN, "router", NOW - 50_000),
    ),
    Alert(
        "a3", WEB, Severity.WARNING, NOW - 20_000, NOW - 10_000,
        hold=Hold(HoldReason.SETTLING, since_ms=NOW - 10_000, until_ms=NOW + 50_000),
    ),
]  # fmt: skip


def full_match(pattern: str, text: str) -> bool:
    """As the collector's own, for patterns of tests."""
    return re.fullmatch(pattern, text) is not None


def _trouble(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return ""


RULES = SilenceRules(_trouble, full_match, ("chat", "sms"))


class MemoryDesk:
    """Implements `PagingDesk`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_ms = NOW
        self.loaded = True
        self.book = Book()
        self.kept: dict[str, Silence] = {}
        self.tests: list[str] = []
        self.writing = asyncio.Lock()

    async def begin(self) -> None:
        """One incident with a cause and a child, and a young alert; a row of the outbox, which died."""
        notice = Notice(EventKind.FIRING, NOW - 60_000)
        row = Outgoing(f"{UID}-0", "chat", UID, 0, EventKind.FIRING, notice, Severity.CRITICAL, NOW - 60_000)
        entries = [Entry(UID, NOW - 60_000, EntryKind.OPENED, alert=ROUTER), Entry(UID, NOW - 60_000, EntryKind.PAGED, "chat")]
        await self._write(Changes(list(ALERTS), [INCIDENT], entries, [row]))
        [written] = await self.store.outbox_rows(None, None, 5)
        await self.store.outbox_begin(written.id, NOW - 59_000)
        await self.store.outbox_dead(written.id, NOW - 58_000, "rejected: 404")

    async def _write(self, changes: Changes, **more: Sequence[object]) -> None:
        await self.store.put_changes(changes, **more)  # type: ignore[arg-type]
        self.book.adopt(changes)

    def is_loaded(self) -> bool:
        return self.loaded

    def alerts(self) -> list[Alert]:
        return list(self.book.open_alerts())

    def alerts_of(self, subject: str) -> list[Alert]:
        return [one for one in self.alerts() if one.key.subject == subject]

    def incidents(self) -> list[Incident]:
        return list(self.book.incidents.values())

    def incident(self, number: int) -> Incident | None:
        return next((one for one in self.incidents() if one.number == number), None)

    def incident_of(self, uid: str) -> Incident | None:
        return self.book.incidents.get(uid)

    def silences(self) -> list[Silence]:
        return list(self.kept.values())

    def name_of(self, subject: str) -> Named:
        return Named(subject, f"Máy <{subject}>", f"Host <{subject}>", "dic", "Đích", "Dich", "server", {"rack": "7"})

    async def act(self, number: int, act: IncidentAct, actor: Actor) -> Incident:
        async with self.writing:
            return await self._act(number, act, actor)

    async def _act(self, number: int, act: IncidentAct, actor: Actor) -> Incident:
        found = self.incident(number)
        if found is None:
            raise RefusedError(ActRefusal.UNKNOWN_OBJECT, str(number), "nothing has this number")
        parts = [self.book.alerts[uid] for uid in self.book.parts.get(found.uid, ())]
        done = carry_out(found, act, actor, self.now_ms, Around(parts, self.name_of))
        await self._write(done.changes, audit=[done.audit])
        return done.incident

    async def add_silence(self, plan: SilencePlan, actor: Actor) -> Silence:
        made, audit = make(plan, len(self.kept) + 1, actor, self.now_ms, RULES, others=self.kept.values())
        await self._keep(made, audit)
        return made

    async def fits(self, silence: Silence) -> bool:
        return all(one.label != "rak" for one in silence.matchers)

    async def expire_silence(self, id_: str, comment: str, actor: Actor) -> Silence:
        if id_ not in self.kept:
            raise RefusedError(ActRefusal.UNKNOWN_OBJECT, id_, "nothing has this id")
        ended, audit = expire(self.kept[id_], comment, actor, self.now_ms)
        await self._keep(ended, audit)
        return ended

    async def _keep(self, silence: Silence, audit: object) -> None:
        await self._write(Changes(), silences=[silence], audit=[audit])
        self.kept[silence.id] = silence

    def explain_route(self, ask: RouteAsk) -> RouteExplained:
        if ask.target == "nobody":
            raise RefusedError(ActRefusal.UNKNOWN_OBJECT, ask.target, "no target has this id")
        steps = (RouteStep(0, 0, 0, ("chat",)), RouteStep(1, 0, 300_000, ("sms",)))
        return RouteExplained({"instance": ask.target, "severity": ask.severity.value}, "night", "noc", steps=steps)

    def duties(self, from_ms: int, to_ms: int) -> list[Duty]:
        return [Duty("noc", "an", from_ms, to_ms, ("sms",), "swap")]

    def receivers(self) -> list[ReceiverStanding]:
        return [ReceiverStanding("chat", "webhook", "vi", "sms", last_failure_ms=NOW - 1, last_error="rejected: 404")]

    async def test_receiver(self, name: str, actor: Actor) -> Tested:
        if name == "nobody":
            raise no_receiver(name, ["chat"])
        self.tests.append(f"{name} by {actor.name}")
        return Tested(name, "t-1", name == "chat", 1_250, error="" if name == "chat" else "timeout: 10 s")


def resolved(incident: Incident) -> Incident:
    """The incident, over."""
    return msgspec.structs.replace(incident, state=IncidentState.RESOLVED, resolved_ms=NOW, resolved_by="an")
