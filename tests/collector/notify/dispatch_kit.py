"""For tests of the dispatcher: a time that moves when all wait, a store and channels that die at a chosen step, receivers that
remember what they got, and events of incidents.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collector.core.alert import AlertKey, AlertKind, Severity
from collector.core.incident import IncidentState
from collector.core.notice import Changes, EventKind, IncidentFacts, Notice, Outgoing, RowState, event_id_of
from collector.notify.channel import Channel, ChannelError, Delivery, Failure
from collector.notify.dispatch import Dispatcher
from collector.notify.opening import Outlet, open_channels
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.notify.tools import Tools
from collector.store.store import Store

BEGIN = 1_800_000_000_000
CAUSE = AlertKey("router-q1", AlertKind.DOWN)
_READS = ("outbox_receivers", "outbox_heads", "outbox_unasked", "outbox_before", "outbox_summary")
_TURNS = 40
"""Turns of the loop without a call under way after which everything waits."""


class Time:
    """The collector's time: it stands while anything goes on and is moved by `Play`."""

    def __init__(self) -> None:
        self.now_ms = BEGIN
        self._sleepers: dict[asyncio.Future[None], int] = {}

    def read(self) -> int:
        """Milliseconds."""
        return self.now_ms

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """As `collector.waiting.woken`, in this time."""
        alarm = asyncio.get_running_loop().create_future()
        self._sleepers[alarm] = self.now_ms + max(round(seconds * 1_000), 1)
        waiter = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait({alarm, waiter}, return_when=asyncio.FIRST_COMPLETED)
            return event.is_set()
        finally:
            del self._sleepers[alarm]
            waiter.cancel()
            alarm.cancel()

    @property
    def next_ms(self) -> int:
        """When somebody wants to be woken."""
        return min(self._sleepers.values())

    def move(self, to_ms: int) -> None:
        """Let it become so late, and wake whoever waited for it."""
        self.now_ms = max(self.now_ms, to_ms)
        for alarm, at_ms in self._sleepers.items():
            if at_ms <= self.now_ms and not alarm.done():
                alarm.set_result(None)


class Meter:
    """Counts the steps of one life of the dispatcher: each call of the store or a channel that has an effect has one before and
    one after it; with `counts_reads` those that only read as well, though to die there is to die at the step before. At step
    `kill_at` the process is dead: what was called never returns, and nothing that is called later begins."""

    def __init__(self, kill_at: int | None = None, *, counts_reads: bool = False, only_after: bool = False) -> None:
        """`only_after`: steps before calls are not counted; what is on disk there is what was after the effect before it."""
        self.kill_at = kill_at
        self._counts_reads = counts_reads
        self._only_after = only_after
        self.steps = 0
        self.busy = 0
        self.dead = asyncio.Event()
        self.idle = asyncio.Event()

    async def through(self, call: Callable[[], Awaitable[Any]], *, is_read: bool = False) -> Any:
        """One call."""
        counts = self._counts_reads or not is_read
        self.busy += 1
        self.idle.clear()
        try:
            await self._step(counts and not self._only_after)
            try:
                result = await call()
            except Exception:
                await self._step(counts)
                raise
            await self._step(counts)
            return result
        finally:
            self.busy -= 1
            if not self.busy:
                self.idle.set()

    async def _step(self, counts: bool) -> None:
        self.steps += counts
        if self.dead.is_set() or (self.kill_at is not None and self.steps >= self.kill_at):
            self.dead.set()
            await asyncio.Event().wait()

    async def quiet(self) -> None:
        """Returns when everything waits, or is dead."""
        turns = 0
        while turns < _TURNS and not self.dead.is_set():
            if self.busy:
                turns = 0
                ends = [asyncio.ensure_future(self.idle.wait()), asyncio.ensure_future(self.dead.wait())]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
            await asyncio.sleep(0)
            turns += 1


class WatchedStore:
    """The store, each call metered."""

    def __init__(self, store: Store, meter: Meter) -> None:
        self._store, self._meter = store, meter

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._meter.through(lambda: method(*arguments, **named), is_read=name in _READS)

        return call


class WatchedChannel:
    """A channel, each sending metered."""

    def __init__(self, channel: Channel, meter: Meter) -> None:
        self._channel, self._meter = channel, meter

    async def send(self, delivery: Delivery) -> str:
        return str(await self._meter.through(lambda: self._channel.send(delivery)))

    async def close(self) -> None:
        await self._channel.close()


_FAILURES = {
    "lost": ChannelError(Failure.CLOSED, "answered, and died on the way"),
    "hang": ChannelError(Failure.TIMEOUT, "no whole answer"),
    "down": ChannelError(Failure.REFUSED, "connection refused"),
    "error": ChannelError(Failure.SERVER, "status 500"),
    "busy": ChannelError(Failure.RATE_LIMIT, "status 429", retry_after_s=30.0),
    "token": ChannelError(Failure.AUTH, "status 401"),
    "gone": ChannelError(Failure.REJECTED, "status 410", permanent=True),
}
BEHAVIOURS = ("ok", *_FAILURES)


class Scripted:
    """A receiver and its channel in one: each delivery meets the next behaviour, and `ok` when there is none left. `lost` and
    `hang` take the event and do not say so."""

    def __init__(self, behaviours: Iterable[str] = ()) -> None:
        self._behaviours = list(behaviours)
        self.got: list[Delivery] = []

    async def send(self, delivery: Delivery) -> str:
        behaviour = self._behaviours.pop(0) if self._behaviours else "ok"
        if behaviour in ("ok", "lost", "hang"):
            self.got.append(delivery)
        if behaviour != "ok":
            raise _FAILURES[behaviour]
        return ""

    async def close(self) -> None:
        pass


class Play:
    """A store, a time, receivers, and one dispatcher after the other."""

    def __init__(self, store: Store, receivers: Mapping[str, ReceiverEntry], channels: Mapping[str, Channel]) -> None:
        self.store = store
        self.time = Time()
        self.receivers = dict(receivers)
        self.channels = dict(channels)
        self.meter = Meter()
        self.dispatcher: Dispatcher | None = None
        self._task: asyncio.Task[None] | None = None
        self._known: dict[int, dict[int, Channel]] = {}
        self.only_after = False
        """Which steps the meter counts."""
        self.script: list[tuple[int, list[Outgoing]]] = []
        """What is written when, in milliseconds after the beginning."""

    def begin(self, kill_at: int | None = None) -> Dispatcher:
        """Start a dispatcher, which dies at a step."""
        self._known.clear()
        self.meter = Meter(kill_at, only_after=self.only_after)
        store = WatchedStore(self.store, self.meter)
        self.dispatcher = Dispatcher(store, self.time.read, chance=lambda: 0.5, wait=self.time.wait)  # type: ignore[arg-type]
        self.adopt()
        self._task = asyncio.create_task(self.dispatcher.run())
        return self.dispatcher

    def adopt(self) -> None:
        """Tell the dispatcher which receivers there are."""
        assert self.dispatcher is not None
        outlets = {
            name: Outlet(name, entry, self._watched(self.channels[name]), "vi") for name, entry in self.receivers.items()
        }
        self.dispatcher.adopt(outlets, lambda outgoing: (f"https://ca.example.vn/{outgoing.order}", ""), "Asia/Ho_Chi_Minh")

    def _watched(self, channel: Channel) -> Channel:
        """The same for the same channel in one life."""
        known = self._known.setdefault(id(self.meter), {})
        return known.setdefault(id(channel), WatchedChannel(channel, self.meter))

    @property
    def is_running(self) -> bool:
        """Whether the dispatcher goes on."""
        return self._task is not None and not self._task.done()

    async def end(self) -> None:
        """End the dispatcher, if there is one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def write(self, rows: Sequence[Outgoing]) -> None:
        """Write rows as the desk does, and say so."""
        await self.store.put_changes(Changes(outgoing=list(rows)))
        if self.dispatcher is not None:
            self.dispatcher.wake({row.receiver for row in rows})

    async def run(self, until_s: float | None = None) -> bool:
        """Let it go on until so many seconds after the beginning, or until all was written and nothing is pending. False: the
        dispatcher was killed."""
        async with asyncio.timeout(60):
            return await self._run(until_s)

    async def _run(self, until_s: float | None) -> bool:
        end_ms = BEGIN + round((until_s or 1e7) * 1_000)
        while True:
            await self.meter.quiet()
            if self.meter.dead.is_set():
                await self.end()
                self.time.move(self.time.now_ms + 1_000)
                return False
            if self.script and self.time.now_ms >= BEGIN + self.script[0][0]:
                await self.write(self.script.pop(0)[1])
                continue
            if until_s is None and not self.script and not (await self.store.outbox_summary()).pending:
                return True
            next_ms = min([self.time.next_ms, *(BEGIN + at_ms for at_ms, _ in self.script[:1])])
            if next_ms > end_ms:
                self.time.move(end_ms)
                await self.meter.quiet()
                return True
            self.time.move(next_ms)

    async def states(self) -> dict[tuple[str, str], RowState]:
        """State of each row by receiver and event id."""
        rows = await self.store.outbox_rows(None, None, 1_000)
        return {(row.outgoing.receiver, row.outgoing.event_id): row.state for row in rows}


def event(order: str, seq: int, kind: EventKind, receiver: str = "first", at_ms: int = 0) -> Outgoing:
    """An event of an incident."""
    is_over = kind is EventKind.RESOLVED
    facts = IncidentFacts(
        order, 12, IncidentState.RESOLVED if is_over else IncidentState.OPEN, Severity.CRITICAL, "q1", "Quận 1", "District 1",
        BEGIN - 60_000, BEGIN, BEGIN + at_ms if is_over else None,
    )  # fmt: skip
    notice = Notice(kind, BEGIN + at_ms, facts)
    return Outgoing(event_id_of(order, seq), receiver, order, seq, kind, notice, Severity.CRITICAL, BEGIN + at_ms)


def entry(**more: Any) -> ReceiverEntry:
    """A receiver whose attempts may take a second."""
    return ReceiverEntry(**{"webhook": WebhookEntry(url="http://127.0.0.1:1/"), "timeout_s": 1.0} | more)


@contextlib.asynccontextmanager
async def real(
    store: Store, folder: Path, urls: Mapping[str, str], webhook: Mapping[str, Any] | None = None, **more: Any
) -> AsyncIterator[Play]:
    """A play of real webhooks; `webhook` and `more` are further settings of all."""
    receivers = {name: entry(webhook=WebhookEntry(url=url, **webhook or {}), **more) for name, url in urls.items()}
    outlets = await open_channels(receivers, Tools(folder, "collector.example.vn", "1.0"), "vi")
    play = Play(store, receivers, {name: outlet.channel for name, outlet in outlets.items()})
    play.begin()
    try:
        yield play
    finally:
        await play.end()
        assert play.dispatcher is not None
        await play.dispatcher.close()
