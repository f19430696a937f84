"""Delivers the outbox, at least once: a lane for each receiver, so that one that is broken never delays the others. It finds
no words, judges no target and forgets nothing that was not confirmed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from collector.core.change import StoreError
from collector.core.delivery import OutboxPort, Terms, copy_for_fallback, entries_of
from collector.core.incident import EntryKind
from collector.core.notice import Outgoing
from collector.core.notify_tally import NotifyTally
from collector.notify.channel import Channel
from collector.notify.lane import Context, Lane, terms_of
from collector.notify.opening import Outlet
from collector.traces import trace_of
from collector.waiting import woken

LOOK_S: Final = 5.0
"""Seconds between two looks at the whole: the oldest unsent row, rows of receivers that are gone."""
GONE: Final = "settings: the on-call file has no receiver of this name"
_GONE_AT_ONCE: Final = 200
_STOP_S: Final = 3.0
"""What is on its way at a stop gets so long to end, so that it is not sent again after the start."""
_log = logging.getLogger("haidang.notify")


class Dispatcher:
    """Give it receivers with `adopt`, then `run` it in a task; `wake` it when rows were written."""

    def __init__(
        self,
        store: OutboxPort,
        now_ms: Callable[[], int],
        *,
        wall_ms: Callable[[], int] | None = None,
        chance: Callable[[], float] = random.random,
        wait: Callable[[asyncio.Event, float], Awaitable[bool]] = woken,
    ) -> None:
        self.tally = NotifyTally()
        self._context = Context(
            store, now_ms, wall_ms or now_ms, chance, wait, lambda _: ("", ""), "Asia/Ho_Chi_Minh", self.tally
        )
        self._context.wake = self._wake_one
        self._outlets: dict[str, Outlet] | None = None
        self._lanes: dict[str, Lane] = {}
        self._tasks: dict[asyncio.Task[None], Lane] = {}
        self._retired: list[Channel] = []
        """Channels of receivers that changed or are gone, until nothing uses them."""
        self._event = asyncio.Event()

    @property
    def outlets(self) -> Mapping[str, Outlet]:
        """The receivers as they are now; what `open_channels` takes as `old`."""
        return self._outlets or {}

    def adopt(self, outlets: Mapping[str, Outlet], links: Callable[[Outgoing], tuple[str, str]], zone: str) -> None:
        """Deliver to these receivers from now on, by these links and in this time zone. Channels that are not among them any
        more are closed once nothing is on its way through them; rows of receivers that are gone become dead letters."""
        kept = {id(outlet.channel) for outlet in outlets.values()}
        self._retired += [outlet.channel for outlet in self.outlets.values() if id(outlet.channel) not in kept]
        self._outlets = dict(outlets)
        self._context.links, self._context.zone = links, zone
        for name in self._lanes.keys() - outlets.keys():
            self._lanes.pop(name).retire()
        for name, lane in self._lanes.items():
            lane.outlet = outlets[name]
            lane.terms = terms_of(lane.outlet, self._outlets)
        self.wake()

    def wake(self, receivers: Collection[str] | None = None) -> None:
        """Rows of these receivers were written or revived; None: of any."""
        for name in self._lanes if receivers is None else receivers:
            self._wake_one(name)
        self._event.set()

    def _wake_one(self, receiver: str) -> None:
        if (lane := self._lanes.get(receiver)) is not None:
            lane.wake()

    async def run(self) -> None:
        """Deliver for ever. When cancelled, what is on its way gets a moment to end; channels are left open for `close`."""
        try:
            while True:
                self._event.clear()
                if self._outlets is not None:
                    self._start_lanes(self._outlets)
                    await self._close_retired()
                    await self._look(self._outlets)
                await self._context.wait(self._event, LOOK_S)
        finally:
            await self._stop()

    async def close(self) -> None:
        """Close every channel; after `run` has ended."""
        channels = [outlet.channel for outlet in self.outlets.values()] + self._retired
        self._outlets, self._retired = None, []
        for channel in channels:
            await _close(channel)

    def _start_lanes(self, outlets: dict[str, Outlet]) -> None:
        for task in [task for task in self._tasks if task.done()]:
            lane = self._tasks.pop(task)
            if not task.cancelled() and task.exception() is not None:
                _log.critical("the lane of receiver %s ended, it is begun anew", lane.outlet.name, exc_info=task.exception())
                self._lanes.pop(lane.outlet.name, None)
        running = {lane.outlet.name for lane in self._tasks.values()}
        for name, outlet in outlets.items():
            if name not in self._lanes and name not in running:  # one that is retired ends first: no order goes two ways
                self._lanes[name] = lane = Lane(self._context, outlet, terms_of(outlet, outlets))
                self._tasks[asyncio.create_task(lane.run())] = lane

    async def _close_retired(self) -> None:
        using = self._context.using
        for channel in [one for one in self._retired if not using.get(id(one))]:
            self._retired.remove(channel)
            using.pop(id(channel), None)
            await _close(channel)

    async def _look(self, outlets: Mapping[str, Outlet]) -> None:
        try:
            for receiver in await self._context.store.outbox_receivers():
                if receiver not in outlets:
                    await self._give_up(receiver)
            summary = await self._context.store.outbox_summary()
        except StoreError as error:
            self.tally.store_errors += 1
            _log.warning("the outbox cannot be looked at: %s", error)
            return
        except Exception:  # noqa: BLE001  what is wrong with the figures must not end the lanes
            _log.exception("the outbox cannot be looked at")
            return
        self.tally.pending, self.tally.oldest_ms, self.tally.dead_rows = summary.pending, summary.oldest_ms, summary.dead

    async def _give_up(self, receiver: str) -> None:
        now_ms, store = self._context.now_ms(), self._context.store
        for row in await store.outbox_heads(receiver, _GONE_AT_ONCE):
            entries = entries_of(row, EntryKind.UNDELIVERABLE, now_ms, receiver, f": {GONE}")
            # A second channel that was asked in its place while it was there hears the end all the same.
            copy = copy_for_fallback(row, Terms(receiver), now_ms)
            await store.outbox_dead(row.id, now_ms, GONE, entries, copy)
            self.tally.dead += 1

    async def _stop(self) -> None:
        for lane in self._tasks.values():
            lane.retire()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._lanes = {}, {}


async def _close(channel: Channel) -> None:
    try:
        await channel.close()
    except Exception as error:  # noqa: BLE001  whatever one channel does at its end, the others deliver
        _log.error("a channel could not be closed: %s", trace_of(error))
