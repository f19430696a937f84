"""A small town for the desk: the real store, committer, ledger, conditions and pager over a network that a test kills.

Probes run by a simulated clock of one second; a look at what is dead answers after its timeout, like the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import msgspec

from agent.model import Kind, Outcome, Reason
from collector.alerting.conditions import Conditions
from collector.alerting.desk import Calling, Desk, Parts
from collector.alerting.views import Views
from collector.core.acts import ActKind, Body
from collector.core.alert import AlertKey, AlertKind, Severity
from collector.core.calling import Escalation, Notify, NotifyKind, Plan, Route, Step
from collector.core.change import COLLECTOR
from collector.core.notice import Changes, EventKind, Named, OutboxRow
from collector.core.people import Actor, Role
from collector.core.routing import OnCall
from collector.core.silencing import Matcher, Operator, Silence
from collector.core.windows import Once, Selector, WindowPlan
from tests.collector.ledger.world import DAY, MIDNIGHT, Machine, World

SECOND = 1_000
TIMEOUT_S = 3
_ASKS, _APPROVES = Actor("an", Role.OPERATOR, "test"), Actor("binh", Role.APPROVER, "test")
_OWNER = Actor("os:root", Role.ADMIN, "local")
SITES = "sites:\n  - id: dic\n"


class Device(msgspec.Struct, frozen=True):
    """A target that the collector probes."""

    name: str
    parents: tuple[str, ...] = ()
    interval_s: int = 10
    phase_s: int = 0
    retry_s: int = 3
    class_: str = "device"
    site: str = "dic"
    via: str = ""
    """Agent that probes it; empty: the collector. Its own name: an agent runs on it, and the collector probes it."""
    priority: str = "normal"

    @property
    def by(self) -> str:
        """Agent that probes it; empty: the collector."""
        return self.via if self.via != self.name else ""


def plan(**changes: object) -> Plan:
    """One route, one receiver, no further step."""
    steps = (Step(0, (Notify(NotifyKind.RECEIVER, "noc"),)),)
    made = Plan(escalations={"noc": Escalation(steps)}, routes=(Route("default", "noc"),))
    return msgspec.structs.replace(made, **changes)


class Town:
    """Devices, who of them is dead, and the collector's part that pages."""

    def __init__(
        self, folder: Path, devices: Iterable[Device], said: Plan | None = None, *, sites: str = SITES, groups: str = ""
    ) -> None:
        """`sites` and `groups`: these parts of the inventory as they are written."""
        self.devices = {device.name: device for device in devices}
        self.dead: set[str] = set()
        self.blind = False
        self.agents: dict[str, int] = {}
        """Agents and the interval of their heartbeats in seconds; who is in `dead` makes none."""
        self.cut: set[str] = set()
        """Agents whose reports do not arrive."""
        self.parts = (sites, groups)
        self.world = World(folder, MIDNIGHT, self._inventory())
        self.policy = OnCall(said or plan())
        self.events: list[OutboxRow] = []
        self._retries: dict[str, int] = {}
        self._looks: list[tuple[int, str, asyncio.Future[bool | None]]] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Town]:
        """From a start to a clean stop."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    def _inventory(self) -> str:
        sites, groups = self.parts
        return _written(sites, self.devices, groups)

    async def configure(self) -> None:
        """The devices are others now: the inventory is read again."""
        (self.world.folder / "inventory" / "all.yml").write_text(self._inventory())
        await self.world.configure()

    async def enrol(self, agent: str, interval_s: int, *devices: Device) -> None:
        """An agent, the seconds between its heartbeats, and devices that it observes or is itself."""
        await self.world.enrol(agent)
        self.agents[agent] = interval_s
        self.devices |= {device.name: device for device in devices}
        await self.configure()

    async def restart(self, *, kill: bool = False) -> None:
        """A clean stop, or kill -9, and a start in the same second."""
        await (self.die() if kill else self.stop())
        await self.start()

    async def start(self) -> None:
        """The collector starts; what was open is taken up."""
        await self.world.start()
        ledgers, store = self.world.ledgers, self.world.store
        self.world.machines.setdefault(COLLECTOR, Machine(COLLECTOR, MIDNIGHT - DAY))
        parts = Parts(
            ledger=ledgers.keeper,
            records=store,
            conditions=Conditions(ledgers.keeper, ledgers._fleet, self._severe),
            own=lambda _now_ms: (),
            views=Views(ledgers.keeper, self),
            now_ms=lambda: self.world.now,
            full_match=lambda pattern, text: pattern == text,
            on_written=self._written,
        )
        self.desk = Desk(parts, Calling(self.policy, lambda _receiver, _event: True, (), self.policy.digest_due), self.look)
        ledgers.on_seen = self.desk.see
        await self.desk.load()

    async def stop(self) -> None:
        """A clean stop."""
        await self._close()
        await self.world.stop()

    async def die(self) -> None:
        """As after kill -9."""
        await self._close()
        await self.world.die()

    async def _close(self) -> None:
        await self.desk.close()
        self._looks = []

    def _severe(self, key: AlertKey, found: Severity) -> Severity:
        device = self.devices.get(key.subject)
        return self.policy.severity_of(key.kind, device.priority if device is not None else "normal", found)

    def _written(self, _changes: Changes) -> None:
        """The outbox is read where it is asked for."""

    # --- what people do

    async def maintain(self, *names: str, seconds: int, propagate: bool = False) -> None:
        """A window that begins now."""
        world, rules = self.world, self.world.ledgers.rules()
        if not await world.store.people():
            for actor in (_ASKS, _APPROVES):
                await world.store.add_person(actor.name, actor.role, actor.name.encode(), _OWNER, now_ms=world.now)
        when = Once(world.now, world.now + seconds * SECOND)
        body = Body(plan=WindowPlan(when, (Selector(subjects=names),), propagate), reason="works", change="CR-1")
        made = await world.store.create_window(body, _ASKS, world.now, rules)
        await world.store.act_on_window(made.id, ActKind.APPROVE, Body(), (_APPROVES, world.now, rules))

    async def silence(self, name: str, seconds: int) -> None:
        """A silence of a subject that begins now."""
        now, number = self.world.now, self.desk.next_silence
        matchers = (Matcher("instance", Operator.EQUAL, name),)
        made = Silence(f"S{number}", matchers, "an", "works", now, now, now + seconds * SECOND, notify=("keeper",))
        self.desk.next_silence += 1
        async with self.desk.writing:
            await self.desk.write(Changes(), silences=[made])

    # --- the network

    def is_reachable(self, name: str) -> bool:
        """Whether the centre gets an answer."""
        device = self.devices[name]
        is_there = all(any(self.is_reachable(one) for one in group.split("|")) for group in device.parents)
        return name not in self.dead and is_there

    async def run(self, seconds: int, stride: int = 1) -> None:
        """So many seconds pass, `stride` at once: what is due meanwhile is done at the last of them."""
        for _ in range(seconds // stride):
            await self.step(stride)

    async def step(self, stride: int = 1) -> None:
        """One second passes, or a few."""
        self.world.now += stride * SECOND
        at_s = (self.world.now - MIDNIGHT) // SECOND
        due = {name for name, one in self.devices.items() if _is_due(one.interval_s, at_s - one.phase_s, stride)}
        due |= {name for name, when_s in self._retries.items() if when_s <= at_s}
        for name in sorted(due & self.devices.keys()):
            self._probe(name, at_s)
        for name, interval_s in self.agents.items():
            if _is_due(interval_s, at_s, stride) and name not in self.dead:
                self.world.machines[name].make(self.world.now, interval_ms=interval_s * SECOND)
        answered = [one for one in self._looks if one[0] <= at_s or self.is_reachable(one[1])]
        self._looks = [one for one in self._looks if one not in answered]
        for _, name, future in answered:
            self._probe(name, at_s)
            if not future.done():
                future.set_result(self.is_reachable(name))
        for name in (COLLECTOR, *self.agents):
            if self.world.machines[name].spool and name not in self.dead | self.cut:
                await self.world.send(name)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.world.tick()
        await self.desk.tick()

    def _probe(self, name: str, at_s: int) -> None:
        device, is_good = self.devices[name], self.is_reachable(name)
        if self.blind if not device.by else device.by in self.dead:
            return
        self._retries.pop(name, None)
        if not is_good and self._failures(name) < 3:
            self._retries[name] = at_s + device.retry_s
        self._failed[name] = 0 if is_good else self._failures(name) + 1
        found = (Outcome.OK, Reason.NONE) if is_good else (Outcome.FAILED, Reason.TIMEOUT)
        self.world.machines[device.by or COLLECTOR].make(
            self.world.now, name, module="icmp", kind=Kind.OBS, outcome=found[0], reason=found[1],
            interval_ms=device.interval_s * SECOND,
        )  # fmt: skip

    def _failures(self, name: str) -> int:
        return self._failed.get(name, 0)

    @property
    def _failed(self) -> dict[str, int]:
        return self.__dict__.setdefault("failed", {})  # type: ignore[no-any-return]

    async def look(self, name: str, timeout_s: float) -> bool | None:
        """A fresh look: at once where there is an answer, else after the timeout."""
        future: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        at_s = (self.world.now - MIDNIGHT) // SECOND
        self._looks.append((at_s + min(TIMEOUT_S, round(timeout_s)), name, future))
        return await future

    # --- what the views ask

    def named(self, id_: str) -> Named:
        """A subject as messages show it."""
        device = self.devices.get(id_)
        if device is not None:
            return Named(id_, id_, id_, device.site, class_=device.class_)
        return Named(id_, id_, id_, id_.split(":")[1] if id_.startswith("site:") else "")

    def observers(self, id_: str) -> tuple[str, ...]:
        """Who observes a device in the collector's place."""
        device = self.devices.get(id_)
        return (device.by,) if device is not None and device.by else ()

    def can_look(self, id_: str) -> bool:
        """It can look at every device of its own."""
        return id_ in self.devices and not self.devices[id_].by

    def is_blind(self, _id: str) -> bool:
        """Whether the collector sees."""
        return self.blind

    def timeout_ms(self, _id: str) -> int:
        """How long a look may take."""
        return TIMEOUT_S * SECOND

    # --- what came of it

    async def rows(self) -> list[OutboxRow]:
        """Every outbox row, oldest first."""
        return sorted(await self.world.store.outbox_rows(None, None, 1_000), key=lambda row: row.id)

    async def told(self) -> list[tuple[EventKind, str]]:
        """Every event with the cause of its incident, in order."""
        out = []
        for row in await self.rows():
            alerts = row.outgoing.notice.alerts
            cause = next((one.key.subject for one in alerts if one.is_cause), alerts[0].key.subject if alerts else "")
            out.append((row.outgoing.event, cause))
        return out

    async def said(self, *events: EventKind) -> list[tuple[str, str, str]]:
        """Every event, or those of these kinds: what, of which subject and kind, to whom."""
        out = []
        for row in await self.rows():
            alerts = row.outgoing.notice.alerts
            cause = next((one.key for one in alerts if one.is_cause), alerts[0].key if alerts else None)
            if not events or row.outgoing.event in events:
                shown = (
                    "" if cause is None else cause.subject if cause.kind is AlertKind.DOWN else f"{cause.subject} {cause.kind}"
                )
                out.append((row.outgoing.event.value, shown, row.outgoing.receiver))
        return out

    def open(self) -> list[str]:
        """Subjects of which something is wrong, beside their budget."""
        return [alert.key.subject for alert in self.desk.book.open_alerts() if alert.key.kind is not AlertKind.BURN]

    def why(self) -> Mapping[str, str]:
        """Of every open alert that nobody was told of, why."""
        return {
            alert.key.subject: alert.hold.reason.value if alert.hold is not None else "-"
            for alert in self.desk.book.open_alerts()
            if alert.paged_ms is None
        }


def _is_due(interval_s: int, at_s: int, stride: int) -> bool:
    return at_s % interval_s < stride


def _written(sites: str, devices: Mapping[str, Device], groups: str) -> str:
    lines = [sites, "targets:"]
    for one in devices.values():
        # Names of several lines, of which one is enough, are joined by `|`.
        parents = [f"[{', '.join(group.split('|'))}]" if "|" in group else group for group in one.parents]
        said = f", parents: [{', '.join(parents)}]" if parents else ""
        said += ", judged_by: probe+push, also_via: [collector]" if one.via == one.name else ""
        lines.append(
            f"  - {{id: {one.name}, site: {one.site}, class: {one.class_}, via: {one.via or 'collector'}, "
            f"interval_s: {one.interval_s}, priority: {one.priority}{said}}}"
        )
    return "\n".join([*lines, groups]) + "\n"
