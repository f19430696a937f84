"""Results of polls on their way to the store: gathered for a moment, numbered, and handed over as batches like any agent's.

What the store has not confirmed is offered again, the same numbers with it, so that a second copy is harmless. While the store
is busy the newest result of each device is kept and the rest is counted.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from agent.clock import Clock
from agent.model import Kind, Lane, Outcome, Report
from agent.results import Result, Schemas
from agent.snmp.device import CORE, VALUES, VERDICT
from agent.wire import VERSION, Batch, Group
from collector.core.poll_tally import PollTally
from collector.core.probe_tally import ProbeTally
from collector.waiting import woken

GATHER_S: Final = 0.2
"""So long results wait for others, to be stored in one go."""
SOON_S: Final = 0.02
"""The same where one of them is news: somebody may have to be woken for it."""
NEWS: Final = 8
"""Results in a row that say the same bad thing and are news; what is known to be out for long is none."""
BATCH_RESULTS: Final = 2_000
KEPT: Final = {Lane.FACTS: 8, Lane.BULK: 1}
"""Results of one device and module that wait for a busy store."""
KEPT_REPORTS: Final = 10_000
"""The same of reports that do not repeat, of all devices together."""
RETRY_S: Final = 1.0
_POLLS: Final = frozenset({VERDICT, CORE, VALUES})


class Stored(enum.Enum):
    """What became of a batch."""

    YES = "yes"
    LATER = "later"
    """The store is busy or failed: the same again."""
    NEVER = "never"


class Sender(msgspec.Struct, frozen=True):
    """Who we are to the store: the stream is the same after a restart, the boot is new with each."""

    stream: str
    boot: str
    next_seq: Mapping[Lane, int]


Submit = Callable[[Batch, Mapping[bytes, bytes]], Awaitable[Stored]]
"""Have a batch stored, with the encoded layouts of its blocks by hash, each of which is made when it is looked at."""


class Gathering:
    """`take` results, `run` as a task; at the end cancel it and `await finish()`."""

    def __init__(
        self, submit: Submit, sender: Sender, clock: Clock, tally: PollTally, probes: ProbeTally | None = None
    ) -> None:
        """`tally` counts what becomes of polls, `probes` of everything else."""
        self._probes = probes
        self._submit = submit
        self._sender = sender
        self._clock = clock
        self._tally = tally
        self._next = {lane: sender.next_seq.get(lane, 1) for lane in Lane}
        self._waiting: dict[tuple[str, str], deque[Result]] = {}
        self._reports: deque[Report] = deque(maxlen=KEPT_REPORTS)
        self._under_way: tuple[Batch, Schemas] | None = None
        self._bad: dict[tuple[str, str], tuple[Outcome, int]] = {}
        """What was said last, and how often in a row, where that was not good."""
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()

    def take(self, result: Result) -> None:
        """Keep a result for the next batch."""
        tally = self._tally
        if result.module == VERDICT:
            tally.verdict(result.target, result.outcome, result.duration_s)
        elif result.module == VALUES:
            tally.walks_s.observe(result.duration_s)
        key = (result.target, result.module)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = deque(maxlen=KEPT[result.lane])
        elif len(waiting) == waiting.maxlen:
            self._dropped(result.module)["overtaken"] += 1
        waiting.append(result)
        self._news.set()
        if result.kind is Kind.OBS and self._is_news(key, result.outcome):
            self._hurry.set()

    def _is_news(self, key: tuple[str, str], outcome: Outcome) -> bool:
        """Whether a state may follow from it that was not known."""
        if outcome is Outcome.OK:
            return self._bad.pop(key, None) is not None
        before, count = self._bad.get(key, (outcome, 0))
        count = count + 1 if before is outcome else 1
        self._bad[key] = outcome, count
        return count <= NEWS

    def keep(self, report: Report) -> None:
        """Keep a report that does not repeat, such as a trap, for the next batch; its number is given here."""
        if len(self._reports) == KEPT_REPORTS:
            self._tally.dropped["overtaken"] += 1
        self._reports.append(report)
        self._news.set()

    def _dropped(self, module: str) -> dict[str, int]:
        """Where it is counted that results of a module are not stored."""
        return self._tally.dropped if self._probes is None or module in _POLLS else self._probes.dropped

    @property
    def _is_idle(self) -> bool:
        return not (self._waiting or self._reports or self._under_way)

    async def run(self) -> None:
        """Hand over what is gathered, for ever."""
        loop, took_s = asyncio.get_running_loop(), 0.0
        while True:
            await self._news.wait()
            if await woken(self._hurry, GATHER_S):
                await asyncio.sleep(soon_s(took_s))
            self._news.clear()
            self._hurry.clear()
            began = loop.time()
            while not self._is_idle:
                if not await self._hand_over():
                    await asyncio.sleep(RETRY_S)
            took_s = loop.time() - began

    async def finish(self) -> None:
        """Hand over what is left, once."""
        while not self._is_idle and await self._hand_over():
            continue

    async def _hand_over(self) -> bool:
        """Offer a batch; false if it has to be offered again later."""
        if self._under_way is None:
            self._under_way = self._batch()
        batch, schemas = self._under_way
        stored = await self._submit(self._now(batch), schemas)
        if stored is Stored.LATER:
            return False
        if stored is Stored.NEVER:
            for group in batch.groups:
                for report in group.reports:
                    self._dropped(report.module)["refused"] += 1
        self._under_way = None
        return True

    def _batch(self) -> tuple[Batch, Schemas]:
        """The oldest results, numbered, with the layouts of their blocks."""
        results: list[Result] = []
        while self._waiting and len(results) < BATCH_RESULTS:
            results.extend(self._waiting.pop(next(iter(self._waiting))))
        schemas = Schemas()
        found: dict[Lane, list[Report]] = {lane: [] for lane in Lane}
        for result in results:
            schemas.add(result.schemas)
            found[result.lane].append(result.report(self._number(result.lane)))
        for report in self._reports:
            found[Lane.FACTS].append(msgspec.structs.replace(report, seq=self._number(Lane.FACTS)))
        self._reports.clear()
        boot, stream = self._sender.boot, self._sender.stream
        groups = tuple([Group(boot, lane, tuple(some)) for lane, some in found.items() if some])
        return Batch(VERSION, stream, boot, 0, 0, 0, groups=groups), schemas

    def _number(self, lane: Lane) -> int:
        number = self._next[lane]
        self._next[lane] = number + 1
        return number

    def _now(self, batch: Batch) -> Batch:
        """The batch with our clocks at the moment of sending."""
        clock = self._clock
        return msgspec.structs.replace(batch, uptime_ms=clock.uptime_ms(), awake_ms=clock.awake_ms(), wall_ms=clock.wall_ms())


def soon_s(took_s: float) -> float:
    """So long news wait for others after a write that took so many seconds: in a storm the store has half of the time for
    everybody else, and the longer it needs for some, the more go together."""
    return min(GATHER_S, max(SOON_S, took_s))
