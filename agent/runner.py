"""The only loop: at each slot a heartbeat, then the readers, then one host report; markers for what happened to the loop.

It decides nothing about the host and never waits for a slow reader: the heartbeat goes first, alone if it must.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from agent import schedule
from agent.blocks import Layout
from agent.clock import Clock
from agent.crew import Crew, Job, ReaderOutcome, Run
from agent.model import AGENT, HEARTBEAT, HOST, Block, Kind, Outcome, Readings, Reason, Report
from agent.own import ReaderSeries, Tally

TTL_FACTOR: Final = 2.5
"""A report holds this many intervals (SPEC R5.1); a loop that slept longer has stalled."""
STEP_MS: Final = 2_000
"""A step of the wall clock larger than this is stated."""
TOGETHER_MS: Final = 200
"""So long a heartbeat waits for its host report, to be stored and sent in one go."""


class Sink(Protocol):
    """Where reports go: the spool."""

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> object:
        """Store; the reports' `seq` is given there."""


class RunnerSettings(msgspec.Struct, frozen=True):
    """Who reports, how often, and how long a reader may take."""

    target: str
    interval_ms: int
    timeout_ms: int = 5_000
    pulse_ms: int = 0
    """At the latest after so long `pulse` is called by the loop; 0 if nobody listens."""


class Collection(msgspec.Struct):
    """The latest collection: its clocks and, once it is complete, its runs."""

    at_ms: int
    uptime_ms: int
    awake_ms: int
    runs: tuple[Run, ...] = ()


class Runner:
    """See the module. `own` gives the agent's own series, `stored` is called after every append, `pulse` by a live loop.

    `run` may be left by `ask` from another thread or from a signal handler, and entered again.
    """

    def __init__(
        self,
        settings: RunnerSettings,
        jobs: Sequence[Job],
        sink: Sink,
        clock: Clock,
        *,
        stopwatch: Callable[[], float],
        own: Callable[[Tally], Readings],
        stored: Callable[[], None],
        pulse: Callable[[], None] = lambda: None,
        wake: threading.Event | None = None,
    ) -> None:
        self.tally = Tally()
        self.latest: Collection | None = None
        self._settings = settings
        self._sink = sink
        self._clock = clock
        self._own = own
        self._stored = stored
        self._pulse = pulse
        self._wake = Wake() if wake is None else wake
        self._crew = Crew(jobs, clock, stopwatch, settings.timeout_ms, self._wake)
        self._readers = ReaderSeries()
        self._layouts = {"readers": Layout(), "agent": Layout()}
        self._requests: list[str] = []
        self._slot_ms = -1
        self._collected_ms = 0
        self._pulsed_ms = 0
        self._skew_ms = 0
        self._current: Collection | None = None
        self._pending: list[Report] = []
        """Facts that wait for the host report of their collection."""

    def ask(self, request: str) -> None:
        """Make `run` return `request` soon. Safe in a signal handler."""
        self._requests.append(request)
        self._wake.set()

    def run(self) -> str:
        """The loop; returns what was asked."""
        while not self._requests:
            wait_ms = self.step()
            if not self._requests:
                self._clock.wait(self._wake, wait_ms / 1000)
            self._wake.clear()
        return self._requests.pop(0)

    def step(self) -> int:
        """Do what is due. Milliseconds until the next thing is."""
        now_ms = self._clock.uptime_ms()
        if self._slot_ms < 0:
            self._first(now_ms)
        elif now_ms >= self._slot_ms:
            self._due(now_ms)
        waits = [self._advance()]
        if self._settings.pulse_ms:
            if now_ms - self._pulsed_ms >= self._settings.pulse_ms or not self._pulsed_ms:
                self._pulsed_ms = now_ms
                self._pulse()
            waits.append(self._pulsed_ms + self._settings.pulse_ms - now_ms)
        return max(0, min(waits))

    def stop(self, reason: str) -> None:
        """State the stop (`shutdown`, `suspend`, `restart`), with what was still waiting. The collection under way is left."""
        facts = [*self._pending, self._marker(Kind.AGENT_STOP, detail=reason)]
        self._pending = []
        self._current = None
        self._crew.close()
        self._append(facts, [], {})

    def _first(self, now_ms: int) -> None:
        """The first collection runs at once, not at its slot: a started agent is seen within a second."""
        period = self._settings.interval_ms
        self._skew_ms = self._clock.wall_ms() - now_ms
        self._slot_ms = schedule.first_slot(now_ms + 1, period, schedule.offset_ms(self._settings.target, period))
        self._collect([self._marker(Kind.AGENT_START)])

    def _due(self, now_ms: int) -> None:
        period = self._settings.interval_ms
        # A later slot that is due at this very moment is served by this run as well: two at once would be a burst.
        due = schedule.next_slot(self._slot_ms, now_ms + 1, period)
        self._slot_ms = due.slot_ms
        self.tally.missed_slots += due.missed
        facts = []
        span = schedule.stall(self._collected_ms, now_ms, int(period * TTL_FACTOR))
        if span is not None:
            self.tally.stalls += 1
            facts.append(self._marker(Kind.STALL, from_ms=span.from_ms, until_ms=span.until_ms))
        skew_ms = self._clock.wall_ms() - self._clock.uptime_ms()
        delta_ms = skew_ms - self._skew_ms
        self._skew_ms = skew_ms
        if abs(delta_ms) > STEP_MS:
            self.tally.clock_steps += 1
            before = self.latest.uptime_ms if self.latest else now_ms
            facts.append(self._marker(Kind.CLOCK_STEP, from_ms=before, until_ms=now_ms, delta_ms=delta_ms))
        self._collect(facts)

    def _collect(self, facts: list[Report]) -> None:
        clock = self._clock
        moment = Collection(clock.wall_ms(), clock.uptime_ms(), clock.awake_ms())
        self._collected_ms = moment.uptime_ms
        facts.append(self._report(HEARTBEAT, Kind.REPORT, moment, interval_ms=self._settings.interval_ms))
        if self._current is not None:
            # The last collection still runs: its readers are slow, the host is not dead. Say the latter on time.
            self.tally.missed_slots += 1
            self._append([*self._pending, *facts], [], {})
            self._pending = []
            return
        self._current = moment
        self._pending = facts
        self._crew.begin()

    def _advance(self) -> int:
        """Bring the collection forward; milliseconds until the next look."""
        now_ms = self._clock.uptime_ms()
        left_ms = self._slot_ms - now_ms
        current = self._current
        if current is None:
            return left_ms
        check_ms = self._crew.check()
        if not self._crew.is_running:
            self._complete(current)
            return left_ms
        if self._pending:
            hold_ms = current.uptime_ms + TOGETHER_MS - now_ms
            if hold_ms > 0:
                left_ms = min(left_ms, hold_ms)
            else:
                self._append(self._pending, [], {})
                self._pending = []
        return left_ms if check_ms is None else min(left_ms, check_ms)

    def _complete(self, current: Collection) -> None:
        runs = self._crew.runs()
        current.runs = tuple(runs)
        self.latest = current
        self._current = None
        self.tally.collections += 1
        schemas: dict[bytes, bytes] = {}
        blocks: list[Block] = []
        for job, run in zip(self._crew.jobs, runs, strict=True):
            if run.block is not None and run.block.values:
                blocks.append(run.block)
                schemas[run.block.schema] = job.layout.encoded
        for name, readings in (("readers", self._readers.readings(runs)), ("agent", self._own(self.tally))):
            layout = self._layouts[name]
            blocks.append(layout.block(readings))
            schemas[layout.hash] = layout.encoded
        host = self._report(
            HOST, Kind.REPORT, current, interval_ms=self._settings.interval_ms, blocks=tuple(blocks), duration_s=_total(runs)
        )
        facts, self._pending = self._pending, []
        self._append(facts, [host], schemas)

    def _append(self, facts: list[Report], bulk: list[Report], schemas: dict[bytes, bytes]) -> None:
        self._sink.append_collection(facts=facts, bulk=bulk, schemas=schemas)
        self._stored()

    def _marker(self, kind: Kind, *, detail: str = "", from_ms: int = 0, until_ms: int = 0, delta_ms: int = 0) -> Report:
        clock = self._clock
        return Report(
            seq=0,
            target=self._settings.target,
            module=AGENT,
            kind=kind,
            at_ms=clock.wall_ms(),
            uptime_ms=clock.uptime_ms(),
            awake_ms=clock.awake_ms(),
            detail=detail,
            from_ms=from_ms,
            until_ms=until_ms,
            delta_ms=delta_ms,
        )

    def _report(
        self,
        module: str,
        kind: Kind,
        moment: Collection,
        *,
        interval_ms: int,
        blocks: tuple[Block, ...] = (),
        duration_s: float = 0.0,
    ) -> Report:
        return Report(
            seq=0,
            target=self._settings.target,
            module=module,
            kind=kind,
            at_ms=moment.at_ms,
            uptime_ms=moment.uptime_ms,
            awake_ms=moment.awake_ms,
            outcome=Outcome.OK,
            reason=Reason.NONE,
            duration_s=duration_s,
            interval_ms=interval_ms,
            blocks=blocks,
        )


def _total(runs: Sequence[Run]) -> float:
    return sum(run.duration_s for run in runs if run.outcome is not ReaderOutcome.TIMEOUT)


class Wake(threading.Event):
    """An event for one waiter that a signal handler may set: `threading.Event` holds a lock in `wait` that a handler, which
    runs in the waiting thread, would wait for in `set` for ever."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.Lock()
        self._gate.acquire()
        self._is_on = False

    def is_set(self) -> bool:
        return self._is_on

    def set(self) -> None:
        self._is_on = True
        try:
            self._gate.release()
        except RuntimeError:
            return  # It is open already; asking first would be a race with the other setter.

    def clear(self) -> None:
        self._is_on = False
        self._gate.acquire(blocking=False)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_on:
            self._gate.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX))
        return self._is_on
