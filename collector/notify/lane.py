"""Delivers the outbox rows of one receiver: several orders side by side, one after the other within an order, one at a time
while the receiver fails. What happened is written before the next step, so that after a crash the same row is sent again with
the same event id; the second channel is asked in the transaction that says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from collector.config_forms import length_of
from collector.core.change import StoreError
from collector.core.delivery import (
    FOLLOWING,
    LEADING,
    MOST_PAUSE_MS,
    Failed,
    OutboxPort,
    Terms,
    backoff_ms,
    copy_for_fallback,
    entries_of,
    hand_over_ms,
    is_owed,
    judge_failure,
)
from collector.core.incident import Entry, EntryKind
from collector.core.notice import EventKind, OutboxRow, Outgoing
from collector.core.notify_tally import Last, NotifyTally
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.opening import Outlet
from collector.traces import trace_of

SLOTS: Final = 4
"""Deliveries at a time to one receiver that answers."""
_BUSY: Final = 100
"""Orders at a time, those included whose confirmation could not be written yet."""
IDLE_MS: Final = 30_000
"""The outbox is looked at that often though nobody said that rows were written."""
AGAIN_MS: Final = 2_000
"""Until the store is asked again after an error of it."""
_BEGIN_TRIES: Final = 3
"""Attempts to write that an attempt begins; then it begins unwritten, for a page is worth more than its number."""
_HANDED: Final = 100
_LONG: Final = 5
"""Failures in a row after which a success means that a receiver is back, not that one event is harder than another."""
_GRACE_S: Final = 10.0
"""A channel ends by itself within its receiver's timeout and the time that a template may take; it is cut off so much later."""
_log = logging.getLogger("haidang.notify")


class Context(msgspec.Struct):
    """What the lanes share."""

    store: OutboxPort
    now_ms: Callable[[], int]
    """The collector's timeline."""
    wall_ms: Callable[[], int]
    chance: Callable[[], float]
    wait: Callable[[asyncio.Event, float], Awaitable[bool]]
    links: Callable[[Outgoing], tuple[str, str]]
    zone: str
    tally: NotifyTally
    using: dict[int, int] = {}
    """Deliveries under way by identity of their channel, which must not be closed meanwhile."""
    wake: Callable[[str], None] = lambda _: None
    """Wakes the lane of a receiver for which a row was written."""


def terms_of(outlet: Outlet, outlets: dict[str, Outlet]) -> Terms:
    """What the settings of a receiver and of its fallback say of delivery."""
    entry, second = outlet.entry, outlets.get(outlet.entry.fallback)
    return Terms(
        receiver=outlet.name,
        give_up_ms=round(length_of(entry.give_up_after).total_seconds() * 1_000),
        fallback="" if second is None else second.name,
        confirm_ms=round(length_of(entry.confirm_within).total_seconds() * 1_000),
        wanted=frozenset() if second is None else frozenset(map(EventKind, second.entry.events)),
    )


class Lane:
    """One receiver's. `run` it in a task; `retire` lets what is on its way end and begins nothing more."""

    def __init__(self, context: Context, outlet: Outlet, terms: Terms) -> None:
        self.outlet = outlet
        self.terms = terms
        self._context = context
        self._event = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        """Orders whose head is on its way, or sent and not yet noted."""
        self._sending = 0
        self._failures = 0
        """Failures in a row of the receiver, whatever the rows."""
        self._pause_ms = 0
        """Nothing is begun before."""
        self._is_eager = False
        """The receiver is back after a while: what waits for another try does not wait any longer."""
        self._is_retired = False

    def wake(self) -> None:
        """Rows may have been written."""
        self._event.set()

    def retire(self) -> None:
        """Begin nothing more; `run` returns when all that is on its way has ended."""
        self._is_retired = True
        self._event.set()

    async def run(self) -> None:
        """Deliver until retired; when cancelled, what is on its way is cut off."""
        try:
            while not self._is_retired or self._busy:
                self._event.clear()
                wait_ms = IDLE_MS if self._is_retired else await self._look()
                await self._context.wait(self._event, max(wait_ms, 1) / 1_000)
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> int:
        """One look at the outbox; milliseconds until the next."""
        try:
            return min(await self._hand_over(), await self._begin())
        except StoreError as error:
            self._context.tally.store_errors += 1
            _log.warning("receiver %s: the outbox cannot be read: %s", self.outlet.name, error)
            return AGAIN_MS

    async def _begin(self) -> int:
        """Begin what is due and has room."""
        now_ms = self._context.now_ms()
        free = (1 if self._failures else SLOTS) - self._sending
        if free <= 0 or len(self._busy) >= _BUSY:
            return IDLE_MS
        if now_ms < self._pause_ms:
            return self._pause_ms - now_ms
        rows = await self._context.store.outbox_heads(self.outlet.name, free + 1, tuple(self._busy))
        for row in rows[:free]:
            if row.next_ms > now_ms and not self._is_eager:
                break
            self._sending += 1
            self._busy[row.outgoing.order] = asyncio.create_task(self._attempt(row))
        self._is_eager = self._is_eager and bool(rows)
        later = [row.next_ms - now_ms for row in rows if row.next_ms > now_ms]
        return min([IDLE_MS, *later])

    async def _hand_over(self) -> int:
        """Ask the second channel with what was not confirmed in time; milliseconds until the next may be due."""
        if not self.terms.fallback:
            return IDLE_MS
        events = (LEADING | FOLLOWING) & self.terms.wanted
        rows = await self._context.store.outbox_unasked(self.outlet.name, events, _HANDED)
        now_ms, wait_ms = self._context.now_ms(), IDLE_MS
        for row in rows:
            due_ms = hand_over_ms(row, self.terms)
            if due_ms <= now_ms:
                await self._hand(row)
            else:
                wait_ms = min(wait_ms, due_ms - now_ms)
        return wait_ms if len(rows) < _HANDED else min(wait_ms, AGAIN_MS)

    async def _hand(self, row: OutboxRow) -> None:
        now_ms = self._context.now_ms()
        copy = copy_for_fallback(row, self.terms, now_ms)
        if copy is None:
            return
        entries = self._fallback_entries(row, now_ms, row.error or "not confirmed in time")
        if await self._context.store.outbox_fallback(row.id, now_ms, copy, entries):
            self._context.tally.handed += 1
            self._context.wake(copy.receiver)

    async def _attempt(self, row: OutboxRow) -> None:
        """One attempt at one row, whole; a mistake in it pauses the receiver and ends nothing."""
        self._context.tally.in_flight += 1
        sending = _Once(self._sent)
        try:
            await self._deliver(row, sending)
        except StoreError as error:
            self._context.tally.store_errors += 1
            self._pause(AGAIN_MS)
            _log.warning("receiver %s: the outbox cannot be written: %s", self.outlet.name, error)
        except Exception as error:  # noqa: BLE001  a mistake about one row must not end its receiver's lane
            _log.error("receiver %s: event %s: %s", self.outlet.name, row.outgoing.event_id, trace_of(error))
            self._pause(MOST_PAUSE_MS)
        finally:
            sending()
            del self._busy[row.outgoing.order]
            self._event.set()

    def _sent(self) -> None:
        self._context.tally.in_flight -= 1
        self._sending -= 1
        self._event.set()

    def _pause(self, pause_ms: int) -> None:
        self._pause_ms = max(self._pause_ms, self._context.now_ms() + pause_ms)

    async def _deliver(self, row: OutboxRow, sending: _Once) -> None:
        store = self._context.store
        if row.outgoing.event in FOLLOWING:
            before = await store.outbox_before(row.id)
            if before.is_handed and row.fallback_ms is None:
                await self._hand(row)
            if not is_owed(row.outgoing.event, before):
                await store.outbox_dropped(row.id, self._context.now_ms(), "dropped: its firing never arrived")
                return
        attempt = await self._begun(row)
        if attempt is None:
            return
        row = msgspec.structs.replace(row, attempts=attempt)
        failures, began_ms = self._failures, self._context.now_ms()
        outcome = await self._send(row)
        sending()
        took_s = (self._context.now_ms() - began_ms) / 1_000
        last = self._context.tally.last.setdefault(self.outlet.name, Last())
        if isinstance(outcome, Failed):
            last.failure_ms, last.error = self._context.now_ms(), outcome.error
            self._judge_receiver(outcome, failures)
            await self._failed(row, outcome, took_s)
        else:
            self._failures, last.success_ms = 0, self._context.now_ms()
            await self._delivered(row, outcome, took_s)

    async def _begun(self, row: OutboxRow) -> int | None:
        """The number of the attempt, written before anything is sent. A store that cannot be written does not keep a page."""
        for _ in range(_BEGIN_TRIES):
            try:
                return await self._context.store.outbox_begin(row.id, self._context.now_ms())
            except StoreError as error:
                self._context.tally.store_errors += 1
                _log.warning("receiver %s: an attempt begins unwritten: %s", self.outlet.name, error)
            await self._context.wait(asyncio.Event(), 1.0)
        return row.attempts + 1

    async def _send(self, row: OutboxRow) -> str | Failed:
        outlet, using = self.outlet, self._context.using
        key = id(outlet.channel)
        using[key] = using.get(key, 0) + 1
        try:
            async with asyncio.timeout(outlet.entry.timeout_s + _GRACE_S):
                return _plain(await outlet.channel.send(self._delivery(row, outlet)))
        except ChannelError as error:
            return Failed(error.failure.value, _plain(str(error)), error.permanent, error.retry_after_s)
        except TimeoutError:
            return Failed(Failure.TIMEOUT.value, f"{Failure.TIMEOUT.value}: the channel did not end")
        except Exception as error:  # noqa: BLE001  a mistake in a channel must not end its receiver's lane
            _log.error("receiver %s: event %s cannot be sent: %s", outlet.name, row.outgoing.event_id, trace_of(error))
            return Failed(Failure.INTERNAL.value, f"{Failure.INTERNAL.value}: {type(error).__name__}")
        finally:
            using[key] -= 1

    def _delivery(self, row: OutboxRow, outlet: Outlet) -> Delivery:
        outgoing = row.outgoing
        url, acknowledge_url = self._context.links(outgoing)
        return Delivery(
            event_id=outgoing.event_id,
            attempt=row.attempts,
            receiver=outlet.name,
            notice=msgspec.structs.replace(outgoing.notice, url=url),
            language=outlet.language,
            zone=self._context.zone,
            sent_ms=self._context.wall_ms(),
            url=url,
            acknowledge_url=acknowledge_url,
        )

    def _judge_receiver(self, failed: Failed, failures: int) -> None:
        """Whoever refuses one event for good is well; whoever fails is asked less often, and with one row at a time. Failures
        of attempts that ran side by side are one."""
        if failed.permanent:
            return
        self._failures = max(self._failures, failures + 1)
        self._is_eager = False
        self._pause(backoff_ms(self._failures, self._context.chance(), MOST_PAUSE_MS))
        self._pause(round((failed.retry_after_s or 0.0) * 1_000))

    async def _delivered(self, row: OutboxRow, remark: str, took_s: float) -> None:
        now_ms, tally = self._context.now_ms(), self._context.tally
        tally.count_sent(self.outlet.entry.kind, took_s, (now_ms - row.outgoing.created_ms) / 1_000)
        tally.remarks += bool(remark)
        text = f", attempt {row.attempts}" if row.attempts > 1 else ""
        entries = entries_of(row, EntryKind.DELIVERED, now_ms, self.outlet.name, text + (f"; {remark}" if remark else ""))
        await self._surely(lambda: self._context.store.outbox_delivered(row.id, now_ms, entries))

    async def _failed(self, row: OutboxRow, failed: Failed, took_s: float) -> None:
        now_ms, context = self._context.now_ms(), self._context
        context.tally.count_failed(self.outlet.entry.kind, failed.failure, took_s)
        verdict = judge_failure(row, failed, self.terms, now_ms, context.chance())
        copy = verdict.fallback
        told = () if copy is None else self._fallback_entries(row, now_ms, failed.error)
        if verdict.is_dead:
            context.tally.dead += 1
            dead = entries_of(row, EntryKind.UNDELIVERABLE, now_ms, self.outlet.name, f": {failed.error}")
            await self._surely(lambda: context.store.outbox_dead(row.id, now_ms, failed.error, (*dead, *told), copy))
        else:
            await self._surely(lambda: context.store.outbox_failed(row.id, verdict.next_ms, failed.error))
            if copy is not None:
                await context.store.outbox_fallback(row.id, now_ms, copy, told)
        if copy is not None:
            context.tally.handed += 1
            context.wake(copy.receiver)

    def _fallback_entries(self, row: OutboxRow, now_ms: int, why: str) -> tuple[Entry, ...]:
        """Told once an order's beginning goes another way; what follows it does without."""
        if row.outgoing.event not in LEADING:
            return ()
        return entries_of(row, EntryKind.FALLBACK, now_ms, self.terms.fallback, f", in place of {self.outlet.name}: {why}")

    async def _surely(self, write: Callable[[], Awaitable[None]]) -> None:
        """Note what has happened, as often as it takes: not noted, it would happen again."""
        wait_ms = AGAIN_MS
        while True:
            try:
                return await write()
            except StoreError as error:
                self._context.tally.store_errors += 1
                _log.warning("receiver %s: what became of an event cannot be written: %s", self.outlet.name, error)
            await self._context.wait(asyncio.Event(), wait_ms / 1_000)
            wait_ms = min(2 * wait_ms, IDLE_MS)


def _plain(text: str) -> str:
    """A text of others as it may be stored and shown: no control characters, not long."""
    return "".join(char if char.isprintable() else " " for char in text[:300])


class _Once:
    """Calls a function at the first call, and not again."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def __call__(self) -> None:
        if self._function is not None:
            function, self._function = self._function, None
            function()
