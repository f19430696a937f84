"""Thousands of runs in their slots: starts each on time, never one twice at once, never too many together.

Polls of devices and probes alike. It decides nothing about a target. One whose last run still goes on misses its slot, which is
counted and named; the others do not wait for it. When there is too much to do the least important is left out and counted.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from agent import schedule
from agent.clock import Clock
from agent.model import Outcome
from agent.probes.crew_stats import LATE_MS, NAMES_KEPT, PRIORITIES, CrewStats

MAX_IN_FLIGHT: Final = 2_000
TICK_MS: Final = 50
"""Slots this near to each other are served by one waking: many wakings for a few runs each cost more than their work."""
CRITICAL: Final = 2
SHED_AFTER_MS: Final = (1_000, 3_000, 1 << 62)
"""A run that has waited so long is left out, by priority: the low ones first, the critical ones never."""
CALM_MS: Final = 60_000
"""After so long without a run left out, the next one is told in the log again."""
_log = logging.getLogger("haidang.probes")

T = TypeVar("T")


class Pace(NamedTuple):
    """How often something runs. `retry_s` is the distance of the runs after a failed one until `fail_after` have failed in a
    row; 0: the interval. What has a low `priority` (0 to 2) is left out first."""

    key: str
    interval_s: int
    retry_s: float = 0
    fail_after: int = 1
    priority: int = CRITICAL


class Work(Protocol):
    """What runs for one of the crew's items: `agent.probes.snmp.Poller`, `agent.probes.prober.Prober`."""

    def poll(self, deadline_s: float, *, reset: bool = False) -> Coroutine[Any, Any, Outcome | None]:
        """One run, which has so many seconds; everything it finds is delivered by itself, and it raises nothing. `reset`:
        what was counted so far is no base any more. The outcome decides when the next run comes; None: at the next slot."""


class _Entry(Generic[T]):
    __slots__ = (
        "again", "began_ms", "failures", "is_gone", "is_queued", "is_retry", "item", "pace", "period_ms", "reset", "retry_ms",
        "slot_ms", "task", "work",
    )  # fmt: skip

    def __init__(self, item: T, pace: Pace, work: Work, slot_ms: int) -> None:
        self.item = item
        self.pace = pace
        self.period_ms = pace.interval_s * 1000
        self.work = work
        self.slot_ms = slot_ms
        self.retry_ms = -1
        """When the run after a failed one is due, if that is before the next slot; else -1."""
        self.began_ms = 0
        self.failures = 0
        self.task: asyncio.Task[Outcome | None] | None = None
        self.is_queued = False
        self.is_retry = False
        """Whether the last run, or the one that waits, came sooner because the one before had failed."""
        self.is_gone = False
        self.again = False
        self.reset = False


class Crew(Generic[T]):
    """See the module. `configure` whenever items change, `run` once as a task; a cancelled `run` cancels the runs and ends with
    them."""

    def __init__(
        self,
        make: Callable[[T], Work],
        clock: Clock,
        *,
        pace: Callable[[T], Pace],
        max_in_flight: int = MAX_IN_FLIGHT,
        share: float = 0.9,
    ) -> None:
        """`make` what runs for an item, `pace` says how often; a run may take this `share` of its interval."""
        self.stats = CrewStats()
        self._make = make
        self._pace = pace
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._share = share
        self._entries: dict[str, _Entry[T]] = {}
        self._heap: list[tuple[int, int, _Entry[T]]] = []
        self._ready: tuple[deque[tuple[_Entry[T], int]], ...] = tuple(deque() for _ in PRIORITIES)
        """Entries that are to run and when that was due, by priority."""
        self._count = 0
        self._news = asyncio.Event()
        self._shed_ms = -CALM_MS

    def __len__(self) -> int:
        return len(self._entries)

    def configure(self, items: Iterable[T]) -> None:
        """These run from now on. One that is the same goes on undisturbed; a changed one begins anew."""
        wanted = {pace.key: (item, pace) for item in items for pace in (self._pace(item),)}
        for key, entry in list(self._entries.items()):
            if key not in wanted or wanted[key][0] != entry.item:
                self._drop(key, entry)
        now_ms = self._clock.uptime_ms()
        for key, (item, pace) in wanted.items():
            if key not in self._entries:
                period_ms = pace.interval_s * 1000
                slot_ms = schedule.first_slot(now_ms, period_ms, schedule.offset_ms(key, period_ms))
                entry = self._entries[key] = _Entry(item, pace, self._make(item), slot_ms)
                self._push(slot_ms, entry)
        self._news.set()

    def poll_now(self, key: str, *, reset: bool = False) -> bool:
        """Run at once, besides the slots; false for an unknown key. One that is due runs once; one that is running runs once
        more, for what has changed may not be in it. `reset`: what was counted so far is no base any more."""
        entry = self._entries.get(key)
        if entry is None:
            return False
        entry.reset = entry.reset or reset
        if entry.task is not None:
            entry.again = True
        elif not entry.is_queued:
            entry.is_queued = True
            # Somebody waits for it: it is never what is left out.
            self._ready[CRITICAL].append((entry, self._clock.uptime_ms()))
            self._news.set()
        return True

    async def run(self) -> None:
        """Run what is due, for ever."""
        try:
            while True:
                self._news.clear()
                wait_ms = self.step()
                await self._pause(wait_ms)
        finally:
            running = [entry.task for entry in self._entries.values() if entry.task is not None]
            for key, entry in list(self._entries.items()):
                self._drop(key, entry)
            if running:
                await asyncio.wait(running)

    def step(self) -> int:
        """Start what is due; milliseconds until the next slot."""
        now_ms = self._clock.uptime_ms()
        heap = self._heap
        while heap and heap[0][0] <= now_ms + TICK_MS:
            at_ms, _, entry = heapq.heappop(heap)
            if entry.is_gone:
                continue
            if at_ms == entry.slot_ms:
                self._slot(entry, now_ms)
            elif at_ms == entry.retry_ms:
                entry.is_retry = self._queue(entry, at_ms) or entry.is_retry
        self._start_ready(now_ms)
        return heap[0][0] - now_ms if heap else 3_600_000

    def _slot(self, entry: _Entry[T], now_ms: int) -> None:
        slot_ms = entry.slot_ms
        if now_ms - slot_ms >= entry.period_ms:
            # The process stood still: what passed meanwhile is not made up.
            passed = (now_ms - slot_ms) // entry.period_ms
            self.stats.missed += passed
            slot_ms += passed * entry.period_ms
        if entry.is_retry and (entry.is_queued or slot_ms - entry.began_ms < entry.pace.retry_s * 500):
            entry.is_retry = False  # It has only just been looked at: another run would say the same, at twice the cost.
        elif self._queue(entry, slot_ms):
            entry.is_retry = False
        else:
            self.stats.miss(entry.pace.key)
        entry.slot_ms = slot_ms + entry.period_ms
        self._push(entry.slot_ms, entry)

    def _queue(self, entry: _Entry[T], due_ms: int) -> bool:
        if entry.task is not None or entry.is_queued:
            return False
        entry.is_queued = True
        self._ready[entry.pace.priority].append((entry, due_ms))
        return True

    def _start_ready(self, now_ms: int) -> None:
        """Begin what may begin, the important first, and leave out what has waited too long."""
        stats = self.stats
        shed: list[_Entry[T]] = []
        waiting = 0
        for ready, bound_ms in zip(reversed(self._ready), reversed(SHED_AFTER_MS), strict=True):
            while ready:
                is_old = now_ms - ready[0][1] > bound_ms
                if not is_old and stats.in_flight >= self._max_in_flight:
                    break
                entry, due_ms = ready.popleft()
                entry.is_queued = False
                if entry.is_gone:
                    continue
                if is_old:
                    shed.append(entry)
                else:
                    self._start(entry, now_ms, due_ms)
            waiting += len(ready)
        stats.waiting = waiting
        if shed:
            self._say_shed(shed, now_ms)

    def _start(self, entry: _Entry[T], now_ms: int, due_ms: int) -> None:
        self.stats.started(max(0, now_ms - due_ms))
        reset, entry.reset = entry.reset, False
        entry.began_ms = now_ms
        entry.retry_ms = -1
        task = asyncio.get_running_loop().create_task(entry.work.poll(entry.pace.interval_s * self._share, reset=reset))
        entry.task = task
        # A callback and no `finally` of the run: one that is cancelled before its first step would never come to it.
        task.add_done_callback(functools.partial(self._ended, entry))

    def _ended(self, entry: _Entry[T], task: asyncio.Task[Outcome | None]) -> None:
        entry.task = None
        self.stats.in_flight -= 1
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                _log.error("a run of %s ended with an error", _named(entry), exc_info=error)
            else:
                self._reckon(entry, task.result())
        if entry.again and not entry.is_gone:
            entry.again = False
            self.poll_now(entry.pace.key)
        if any(self._ready):
            self._news.set()

    def _reckon(self, entry: _Entry[T], outcome: Outcome | None) -> None:
        """After a failed run the next one comes sooner, until it is confirmed or over."""
        if outcome is not Outcome.FAILED:
            if outcome is not Outcome.ERROR:  # which says nothing of the target, neither for nor against
                entry.failures = 0
            return
        entry.failures += 1
        pace = entry.pace
        if not pace.retry_s or entry.failures >= pace.fail_after or entry.is_gone:
            return
        at_ms = max(entry.began_ms + round(pace.retry_s * 1000), self._clock.uptime_ms())
        if at_ms < entry.slot_ms:
            entry.retry_ms = at_ms
            self._push(at_ms, entry)
            self._news.set()

    def _say_shed(self, shed: list[_Entry[T]], now_ms: int) -> None:
        for entry in shed:
            self.stats.shed[entry.pace.priority] += 1
        if now_ms - self._shed_ms >= CALM_MS:
            names = ", ".join([_named(entry) for entry in shed[:NAMES_KEPT]])
            more = f" and {len(shed) - NAMES_KEPT} more" if len(shed) > NAMES_KEPT else ""
            _log.warning("too much to do: runs are left out, the least important first; now %s%s", names, more)
        self._shed_ms = now_ms

    async def _pause(self, wait_ms: int) -> None:
        try:
            async with asyncio.timeout(max(wait_ms, 0) / 1000):
                await self._news.wait()
        except TimeoutError:
            return

    def _push(self, at_ms: int, entry: _Entry[T]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at_ms, self._count, entry))

    def _drop(self, key: str, entry: _Entry[T]) -> None:
        del self._entries[key]
        entry.is_gone = True
        self.stats.slow.pop(key, None)
        if entry.task is not None:
            entry.task.cancel()


def _named(entry: _Entry[T]) -> str:
    return entry.pace.key.replace("\n", " ")


__all__ = ["CRITICAL", "LATE_MS", "MAX_IN_FLIGHT", "SHED_AFTER_MS", "TICK_MS", "Crew", "CrewStats", "Pace", "Work"]
