"""Connects paging to the running collector: the desk that decides, the outbox that delivers, what people ask, the on-call file.

Decisions are `collector.core.pager`'s, words and channels `collector.notify`'s; here they only meet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.probes.patterns import Pattern
from collector.alerting.conditions import Conditions
from collector.alerting.desk import Calling, Desk, Parts
from collector.alerting.front import Front, Others
from collector.alerting.views import Views
from collector.core.alert import AlertKey, AlertKind, Condition, Severity
from collector.core.evidence import TargetInfo
from collector.core.fleet import Fleet
from collector.core.incident_facts import Telling, notice_of
from collector.core.notice import Changes, EventKind, Notice, event_id_of
from collector.core.page_tally import PageTally, PageView, view_of
from collector.core.paging_answers import LinkClaim
from collector.core.roll import Roll
from collector.core.routing import OnCall
from collector.core.tally import Tally
from collector.inventory import Inventory
from collector.ledgers import Ledgers
from collector.notify.channel import ChannelError
from collector.notify.dispatch import Dispatcher
from collector.notify.links import load_keys
from collector.oncall import NO_FILE, OnCallFile
from collector.pages_care import Care, Charges, VigilPort
from collector.pages_outlets import Outlets
from collector.pages_world import World
from collector.polling import Polling
from collector.store.store import Store

_log = logging.getLogger("haidang.pages")
_PATTERNS: Final = 1_000


class House(msgspec.Struct, frozen=True):
    """The parts of the collector that paging needs."""

    store: Store
    ledgers: Ledgers
    polling: Polling
    fleet: Fleet
    data: Path
    zone: str
    tally: Tally
    now_ms: Callable[[], int]
    """The collector's timeline."""
    wall_ms: Callable[[], int]
    ready: Callable[[], str]
    """Empty when the collector is ready, else why not."""


class Pages:
    """One for the life of the collector: `begin` once, `configure` and `take` at changes, `run` for the tasks, `stop`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._file = NO_FILE
        self._is_told = False
        self._inventory = Inventory(sites={}, targets={})
        self._targets: Mapping[str, TargetInfo] = {}
        self._priorities: dict[str, str] = {}
        keeper = house.ledgers.keeper
        self.care: Care | None = None
        self.tally = PageTally(view=self._view)
        self.world = World(lambda: self._inventory, lambda: self._targets, self._roll, house.polling)
        self.conditions = Conditions(keeper, house.fleet, self._severity)
        self.dispatcher = Dispatcher(house.store, house.now_ms, wall_ms=house.wall_ms)
        self.outlets = Outlets(self.dispatcher, house.data, house.zone, house.wall_ms)
        parts = Parts(
            ledger=keeper,
            records=house.store,
            conditions=self.conditions,
            own=self._own,
            views=Views(keeper, self.world),
            now_ms=house.now_ms,
            full_match=full_match,
            on_written=self._written,
            amend=self._amend,
            tally=self.tally,
        )
        self.desk = Desk(parts, self._calling(), self.world.look)
        self.front = Front(self.desk, self._others())
        house.ledgers.on_seen = self.desk.see
        house.tally.pages, house.tally.notify = self.tally, self.dispatcher.tally

    def _others(self) -> Others:
        return Others(
            now_ms=self._house.now_ms,
            on_call=lambda: self._file.policy,
            name_of=self.world.find,
            full_match=full_match,
            pattern_trouble=pattern_trouble,
            receivers=self.outlets.standings,
            test=self.outlets.test,
            subjects=self.world.subjects,
            longest_silence_ms=lambda: self._file.longest_silence_ms,
        )

    def watch_over(self, vigil: VigilPort) -> None:
        """Care for the collector itself as well; call before `begin`."""
        house = self._house
        charges = Charges(
            data=house.data,
            desk=self.desk,
            ledgers=house.ledgers,
            vigil=vigil,
            ways=lambda: house.polling.look().uplinks,
            notify=self.dispatcher.tally,
            send=self.outlets.send,
            severe=self._severity,
            ready=house.ready,
            now_ms=house.now_ms,
            wall_ms=house.wall_ms,
        )
        self.care = Care(charges, self.tally)

    # --- following the collector

    async def begin(self, file: OnCallFile) -> None:
        """Take up what was open, and open the receivers. Raises `StoreError`, `OSError`, `ValueError`."""
        await self.take(file)
        await self.desk.load()
        if self.care is not None:
            self.care.recall(self.desk.book.open_alerts())

    async def take(self, file: OnCallFile) -> None:
        """The on-call file was read. Raises `OSError` or `ValueError` for a secret that cannot be used; nothing has changed."""
        try:
            await asyncio.to_thread(load_keys, self._house.data)
        except ChannelError as error:
            raise ValueError(str(error)) from error
        if self.care is not None:
            try:
                await self.care.follow(file)
            except ChannelError as error:
                raise ValueError(f"heartbeat: {error}") from error
        await self.outlets.follow(file)
        self._tell(file)
        self._file = file
        self.desk.configure(self._calling())

    def _tell(self, file: OnCallFile) -> None:
        """Say once what holds from now on: that nobody will be told must not be found out in the first outage."""
        if file is self._file and self._is_told:
            return
        self._is_told = True
        if file is NO_FILE:
            _log.warning("no on-call file (`oncall` in the configuration): alerts are recorded and shown, nobody is told")
        else:
            routes, people = len(file.policy.plan.routes), len(file.policy.plan.people)
            _log.info("on-call file: %d receivers, %d people, %d routes", len(file.receivers), people, routes)

    def configure(self, inventory: Inventory, targets: Mapping[str, TargetInfo]) -> None:
        """The inventory or the agents changed."""
        self._inventory, self._targets = inventory, targets
        self._priorities = {}

    def run(self) -> Iterable[Coroutine[Any, Any, None]]:
        """The tasks, each for ever."""
        own = self.care.run() if self.care is not None else ()
        return (self.desk.run(), self.dispatcher.run(), self.outlets.keep_told(self.current), *own)

    async def stop(self) -> None:
        """Let go of what is under way; call when the tasks have ended."""
        if self.care is not None:
            await self.care.stop()
        await self.desk.close()
        await self.dispatcher.close()

    def read(self, token: str, now_ms: int) -> LinkClaim | None:
        """What an acknowledge link says."""
        return self.outlets.links.read(token, now_ms) if self.outlets.links is not None else None

    def read_view(self, token: str, now_ms: int) -> LinkClaim | None:
        """What a link to the page of an incident says."""
        return self.outlets.links.read_view(token, now_ms) if self.outlets.links is not None else None

    def view_of(self, claim: LinkClaim) -> str:
        """The token of the page of an incident for who may acknowledge it."""
        return self.outlets.links.view_of(claim) if self.outlets.links is not None else ""

    # --- between the parts

    def _roll(self) -> Roll:
        return self._house.ledgers.keeper.roll

    def _calling(self) -> Calling:
        policy: OnCall = self._file.policy
        return Calling(policy, policy.wants, self._file.silence_receivers, policy.digest_due)

    def _severity(self, key: AlertKey, found: Severity) -> Severity:
        priority = self._priorities.get(key.subject)
        if priority is None:
            entry = self._inventory.entries.get(key.subject)
            said = self._inventory.chosen(entry).said("priority", "normal") if entry is not None else "normal"
            priority = self._priorities[key.subject] = str(said)
        return self._file.policy.severity_of(key.kind, priority, found)

    def _own(self, _now_ms: int) -> Sequence[Condition]:
        return self.care.conditions() if self.care is not None else ()

    def _view(self) -> PageView:
        book, own = self.desk.book, self._own(0)
        return view_of(book.open_alerts(), book.incidents.values(), self.desk.silences.values(), own, self._house.now_ms())

    def _amend(self, changes: Changes) -> None:
        """Whoever was told of the collector's own trouble directly is not paged again, and gets its end."""
        if self.care is None:
            return
        for index, incident in enumerate(changes.incidents):
            told = self.care.told(incident.cause) if incident.cause.kind is AlertKind.COLLECTOR else ()
            if told and incident.resolved_ms is None:
                every = tuple(dict.fromkeys((*incident.told, *told)))
                changes.incidents[index] = msgspec.structs.replace(incident, told=every)
                changes.outgoing = [
                    one
                    for one in changes.outgoing
                    if not (one.order == incident.uid and one.event is EventKind.FIRING and one.receiver in told)
                ]

    def _written(self, changes: Changes) -> None:
        for incident in changes.incidents:
            if self.care is not None and incident.cause.kind is AlertKind.COLLECTOR:
                self.care.hand_over(incident.cause, incident.told)
        if changes.outgoing:
            self.dispatcher.wake({one.receiver for one in changes.outgoing})

    def current(self, receiver: str) -> list[tuple[str, Notice]]:
        """An event of each open incident that a receiver was told of, with the facts of now."""
        book, now_ms = self.desk.book, self._house.now_ms()
        found = []
        for uid, incident in book.incidents.items():
            if incident.resolved_ms is None and receiver in incident.told:
                alerts = [alert for part in book.parts.get(uid, ()) if (alert := book.alerts[part]).is_open]
                notice = notice_of(incident, alerts, Telling(EventKind.FIRING, now_ms), self.front.name_of)
                found.append((event_id_of(uid, max(0, incident.events - 1)), notice))
        return found


@lru_cache(maxsize=_PATTERNS)
def _pattern(text: str) -> Pattern:
    return Pattern(rf"\A(?:{text})\z")


def full_match(pattern: str, text: str) -> bool:
    """Whether a pattern matches the whole of a text; one that is none matches nothing."""
    try:
        return _pattern(pattern).finds(text.encode())
    except ValueError:
        return False


def pattern_trouble(text: str) -> str:
    """Why a text is no pattern; empty: it is one."""
    try:
        Pattern(text)
        Pattern(rf"\A(?:{text})\z")
    except ValueError as error:
        return str(error)
    return ""
