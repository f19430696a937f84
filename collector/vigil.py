"""The collector's own watch: its durable heartbeat (R5.3), when it could not see, and steps of its wall clock (R2.1).

Serves whoever judges. Silence that nobody could have heard confirms nothing (R6.2), so what the collector missed must be
known before the first judgement after it: `look` is the judges' clock and books the gap before it answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from collector.core.change import COLLECTOR, Blind, StoreError
from collector.core.tally import Tally
from collector.waiting import woken

BEAT_S: Final = 10
"""R5.3."""
TICK_S: Final = 0.5
GAP_MS: Final = 3_000
"""Nobody looked for so long: the process was stopped, suspended or too busy. Also how long reports may wait for the database
before it counts as unable to take them."""
STEP_MS: Final = 2_000
_BLINDS_BACK_MS: Final = 40 * 86_400_000
_log = logging.getLogger("haidang.collector")


class Records(Protocol):
    """The part of the store that remembers the watch; raises `change.StoreError`."""

    async def begin(self, now_ms: int) -> Blind | None: ...
    async def blinds(self, from_ms: int, until_ms: int, *, observer: str | None = None) -> list[Blind]: ...
    async def heartbeat(self, now_ms: int) -> None: ...
    async def blind(self, from_ms: int, until_ms: int, cause: str) -> None: ...
    async def clock_step(self, at_ms: int, delta_ms: int) -> None: ...
    async def finish(self, now_ms: int) -> None: ...


class Picture(Protocol):
    """Whoever judges and must know when nobody looked."""

    def blind(self, from_ms: int, until_ms: int) -> None:
        """Nothing was seen in `[from_ms, until_ms)`. Told again with a later end, it still lasts."""


class Times(msgspec.Struct, frozen=True):
    """Where the time comes from: the timeline (R2.1), and how far the wall clock is ahead of it; milliseconds."""

    now_ms: Callable[[], int]
    step_ms: Callable[[], int]


class Vigil:
    """One for the life of the process; `begin` first, `finish` last, `watch` and `beats` as tasks in between.

    Not seeing has two causes: `stall`, nobody looked for `GAP_MS`; and `store`, what came could not be stored for as long.
    """

    def __init__(self, store: Records, fleet: Picture, tally: Tally, times: Times, waiting: Callable[[], int]) -> None:
        """`waiting` tells how many batches wait to be stored."""
        self._store = store
        self._fleet = fleet
        self._tally = tally
        self._times = times
        self._waiting = waiting
        self._looked_ms = 0
        self._saw_ms = 0
        """Until when everything that came was stored."""
        self._is_failing = False
        self._is_dark = False
        """Whether the picture was told that we cannot see since `_saw_ms`."""
        self._unwritten: list[tuple[int, int, str]] = []
        self._step_ms = 0
        self._stepped_ms = 0
        """When a step that is not on disk yet was noticed; 0 for none."""
        self._news = asyncio.Event()
        self._writing = asyncio.Lock()

    async def begin(self) -> None:
        """Record how long nobody watched, and tell the picture of it and of earlier blindness."""
        now_ms = self._times.now_ms()
        gap = await self._store.begin(now_ms)
        self._looked_ms = self._saw_ms = self._tally.started_ms = now_ms
        if gap is not None:
            _log.warning("nobody watched for %.0f s (%s)", ((gap.until_ms or now_ms) - gap.from_ms) / 1000, gap.cause)
        for blind in await self._store.blinds(0, now_ms, observer=COLLECTOR):
            until_ms = now_ms if blind.until_ms is None else blind.until_ms
            self._tally.blind_ms += until_ms - blind.from_ms
            if until_ms > now_ms - _BLINDS_BACK_MS:
                self._fleet.blind(blind.from_ms, until_ms)

    def look(self) -> int:
        """The timeline's time, after the picture was told what was missed until now."""
        now_ms = self._times.now_ms()
        if not self._looked_ms:
            return now_ms
        if now_ms - self._looked_ms > GAP_MS and not self._is_dark:
            self._book(self._looked_ms, now_ms, "stall")
            self._saw_ms = now_ms
        self._looked_ms = max(now_ms, self._looked_ms)
        if not (self._is_failing or self._waiting()):
            self._saw_ms = max(now_ms, self._saw_ms)
        elif self._is_dark or now_ms - self._saw_ms > GAP_MS:
            self._is_dark = True
            self._fleet.blind(self._saw_ms, now_ms)
        return now_ms

    def stored(self) -> None:
        """The store has taken something."""
        now_ms = self._times.now_ms()
        if self._is_dark:
            self._book(self._saw_ms, now_ms, "store")
            self._looked_ms = max(now_ms, self._looked_ms)
        self._saw_ms = max(now_ms, self._saw_ms)
        self._is_failing = self._is_dark = False

    def failed(self) -> None:
        """The store could not take something, and not because of what it was."""
        self._is_failing = True

    def _book(self, from_ms: int, until_ms: int, cause: str) -> None:
        self._fleet.blind(from_ms, until_ms)
        self._tally.blind_ms += until_ms - from_ms
        self._unwritten.append((from_ms, until_ms, cause))
        self._news.set()
        _log.warning("the collector itself saw nothing for %.0f s (%s)", (until_ms - from_ms) / 1000, cause)

    @property
    def dark_ms(self) -> int | None:
        """Since when what comes cannot be stored, so that nothing is seen; None: we see."""
        return self._saw_ms if self._is_dark else None

    @property
    def unwritten_ms(self) -> int | None:
        """Since when writes fail or what came waits to be written; None: nothing does."""
        return self._saw_ms if self._is_failing or self._waiting() else None

    def watch_clock(self) -> None:
        """Notice a step of the wall clock; the timeline keeps its pace."""
        delta_ms = self._times.step_ms() - self._step_ms
        if abs(delta_ms) > STEP_MS and not self._stepped_ms:
            self._stepped_ms = self._times.now_ms()
            self._news.set()
            _log.warning("the wall clock has stepped by %+.1f s; the collector's timeline keeps its pace", delta_ms / 1000)

    async def beat(self) -> None:
        """Write what is to be remembered, then the heartbeat. What cannot be written now is written with a later one."""
        async with self._writing:
            try:
                await self._write_all()
            except StoreError as error:
                self.failed()
                _log.error("the heartbeat could not be written: %s", error)
            else:
                self.stored()

    async def _write_all(self) -> None:
        if self._is_dark:
            # Is the store back? Until the record of its absence is there, the heartbeat must not pass over it.
            await self._store.heartbeat(self._saw_ms)
            self.stored()
        await self._write()
        await self._store.heartbeat(self._times.now_ms())

    async def _write(self) -> None:
        while self._unwritten:
            await self._store.blind(*self._unwritten[0])
            del self._unwritten[0]
        if self._stepped_ms:
            step_ms = self._times.step_ms()
            await self._store.clock_step(self._stepped_ms, step_ms - self._step_ms)
            self._step_ms, self._stepped_ms = step_ms, 0

    async def finish(self) -> None:
        """Write the start of our blindness at a clean stop."""
        try:
            async with self._writing:
                await self._write()
                await self._store.finish(self._times.now_ms())
        except StoreError:
            _log.exception("the start of our blindness could not be written; the last heartbeat stands for it")

    async def watch(self) -> None:
        """Look once a tick, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            self.look()
            self.watch_clock()

    async def beats(self) -> None:
        """A heartbeat every `BEAT_S`, and one at once when there is something to remember, for ever."""
        while True:
            await woken(self._news, BEAT_S)
            self._news.clear()
            # Shielded, so that at a stop `finish` comes after it and does not write the same records again.
            beating = asyncio.ensure_future(self.beat())
            await asyncio.shield(beating)
