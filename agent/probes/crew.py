"""Thousands of devices in their slots: starts each poll on time, never twice at once, never too many together.

It decides nothing about a device. A device whose last poll still runs misses its slot, which is counted and named; the others
do not wait for it.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Final, Protocol

from agent import schedule
from agent.clock import Clock
from agent.snmp.device import Device

MAX_IN_FLIGHT: Final = 2_000
TICK_MS: Final = 50
"""Slots this near to each other are served by one waking: many wakings for a few polls each cost more than their work."""
LATE_MS: Final = 1_000
"""A poll that starts later than so long after its slot is counted as late."""
NAMES_KEPT: Final = 20
_log = logging.getLogger("haidang.snmp")


class Polls(Protocol):
    """What polls one device; `agent.probes.snmp.Poller`."""

    def poll(self, deadline_s: float, *, reset: bool = False) -> Coroutine[None, None, None]:
        """One poll, which has so many seconds; everything it finds is delivered by itself, and it raises nothing. `reset`:
        what was counted so far is no base any more."""


class CrewStats:
    """What the crew did since it was made; gauges are of this moment."""

    __slots__ = ("delay_max_ms", "delay_sum_ms", "in_flight", "late", "missed", "polls", "slow", "waiting")

    def __init__(self) -> None:
        self.polls = 0
        """Polls that were started."""
        self.late = 0
        """Of these, started more than `LATE_MS` after their slot."""
        self.missed = 0
        """Slots without a poll: the one before still ran, or the process stood still."""
        self.in_flight = 0
        self.waiting = 0
        """Polls that are due and wait for others to end."""
        self.delay_sum_ms = 0
        self.delay_max_ms = 0
        self.slow: dict[str, int] = {}
        """Devices that missed slots because their last poll still ran, and how many; the latest `NAMES_KEPT`."""


class _Entry:
    __slots__ = ("again", "device", "is_gone", "is_queued", "poller", "reset", "slot_ms", "task")

    def __init__(self, device: Device, poller: Polls, slot_ms: int) -> None:
        self.device = device
        self.poller = poller
        self.slot_ms = slot_ms
        self.task: asyncio.Task[None] | None = None
        self.is_queued = False
        self.is_gone = False
        self.again = False
        self.reset = False


class Crew:
    """See the module. `configure` whenever devices change, `run` once as a task; a cancelled `run` cancels the polls and ends
    with them."""

    def __init__(
        self,
        make: Callable[[Device], Polls],
        clock: Clock,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        share: float = 0.9,
    ) -> None:
        """A poll may take this `share` of its interval."""
        self.stats = CrewStats()
        self._make = make
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._share = share
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[int, int, _Entry]] = []
        self._ready: deque[tuple[_Entry, int]] = deque()
        """Entries to be polled, and when that was due."""
        self._count = 0
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def configure(self, devices: Iterable[Device]) -> None:
        """These are polled from now on. One that is the same goes on undisturbed; a changed one begins anew."""
        wanted = {device.target: device for device in devices}
        for target, entry in list(self._entries.items()):
            if wanted.get(target) != entry.device:
                self._drop(target, entry)
        now_ms = self._clock.uptime_ms()
        for target, device in wanted.items():
            if target not in self._entries:
                period_ms = device.interval_s * 1000
                slot_ms = schedule.first_slot(now_ms, period_ms, schedule.offset_ms(target, period_ms))
                entry = self._entries[target] = _Entry(device, self._make(device), slot_ms)
                self._push(entry)
        self._news.set()

    def poll_now(self, target: str, *, reset: bool = False) -> bool:
        """Poll a device at once, besides its slots; false for an unknown one. One that is due is polled once; one that is being
        polled is polled once more, for what has changed may not be in it. `reset`: what was counted so far is no base any
        more."""
        entry = self._entries.get(target)
        if entry is None:
            return False
        entry.reset = entry.reset or reset
        if entry.task is not None:
            entry.again = True
        elif not entry.is_queued:
            entry.is_queued = True
            self._ready.append((entry, self._clock.uptime_ms()))
            self._news.set()
        return True

    async def run(self) -> None:
        """Poll what is due, for ever."""
        try:
            while True:
                self._news.clear()
                wait_ms = self.step()
                await self._pause(wait_ms)
        finally:
            running = [entry.task for entry in self._entries.values() if entry.task is not None]
            for target, entry in list(self._entries.items()):
                self._drop(target, entry)
            if running:
                await asyncio.wait(running)

    def step(self) -> int:
        """Start what is due; milliseconds until the next slot."""
        now_ms = self._clock.uptime_ms()
        heap = self._heap
        while heap and heap[0][0] <= now_ms + TICK_MS:
            slot_ms, _, entry = heapq.heappop(heap)
            if entry.is_gone:
                continue
            self._due(entry, slot_ms)
            following = schedule.next_slot(slot_ms, max(now_ms, slot_ms) + 1, entry.device.interval_s * 1000)
            self.stats.missed += following.missed
            entry.slot_ms = following.slot_ms
            self._push(entry)
        self._start_ready(now_ms)
        return heap[0][0] - now_ms if heap else 3_600_000

    def _due(self, entry: _Entry, slot_ms: int) -> None:
        if entry.task is None and not entry.is_queued:
            entry.is_queued = True
            self._ready.append((entry, slot_ms))
            return
        self.stats.missed += 1
        target = entry.device.target
        slow = self.stats.slow
        slow[target] = slow.pop(target, 0) + 1
        if len(slow) > NAMES_KEPT:
            del slow[next(iter(slow))]

    def _start_ready(self, now_ms: int) -> None:
        stats, ready = self.stats, self._ready
        loop = asyncio.get_running_loop()
        while ready and stats.in_flight < self._max_in_flight:
            entry, due_ms = ready.popleft()
            entry.is_queued = False
            if entry.is_gone:
                continue
            delay_ms = max(0, now_ms - due_ms)
            stats.polls += 1
            stats.late += delay_ms > LATE_MS
            stats.delay_sum_ms += delay_ms
            stats.delay_max_ms = max(stats.delay_max_ms, delay_ms)
            stats.in_flight += 1
            reset, entry.reset = entry.reset, False
            poll = entry.poller.poll(entry.device.interval_s * self._share, reset=reset)
            entry.task = loop.create_task(poll)
            # A callback and no `finally` of the poll: one that is cancelled before its first step would never come to it.
            entry.task.add_done_callback(functools.partial(self._ended, entry))
        stats.waiting = len(ready)

    def _ended(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a poll of %s ended with an error", entry.device.target, exc_info=error)
        entry.task = None
        self.stats.in_flight -= 1
        if entry.again and not entry.is_gone:
            entry.again = False
            self.poll_now(entry.device.target)
        if self._ready:
            self._news.set()

    async def _pause(self, wait_ms: int) -> None:
        try:
            async with asyncio.timeout(max(wait_ms, 0) / 1000):
                await self._news.wait()
        except TimeoutError:
            return

    def _push(self, entry: _Entry) -> None:
        self._count += 1
        heapq.heappush(self._heap, (entry.slot_ms, self._count, entry))

    def _drop(self, target: str, entry: _Entry) -> None:
        del self._entries[target]
        entry.is_gone = True
        self.stats.slow.pop(target, None)
        if entry.task is not None:
            entry.task.cancel()
