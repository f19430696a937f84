"""Runs the readers one after another in a worker thread, under a time limit each; every exception becomes an outcome.

A reader over its limit is left alone with its thread, the others go on in a new one, and it is not started again until
its old run has returned. One thread (the runner's) calls `begin`, `check` and `runs`.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from agent.blocks import Layout
from agent.clock import Clock
from agent.host.reading import NoData, Noted, Reader, ReaderError
from agent.model import Block, Readings, Reason
from agent.wire import WireError

_DETAIL: Final = 200
_NOTES: Final = 3


class ReaderOutcome(enum.StrEnum):
    """How one run of a reader ended; `no_data` is no fault, this machine has nothing for it."""

    OK = "ok"
    NO_DATA = "no_data"
    FAILED = "failed"
    TIMEOUT = "timeout"


class Run(msgspec.Struct, frozen=True):
    """What one run of a reader found. `readings` and `block` are empty unless the outcome is `ok`; an `ok` run has a `detail`
    if something in it is worth a look."""

    kind: str
    outcome: ReaderOutcome
    duration_s: float
    readings: Readings = ()
    block: Block | None = None
    reason: Reason = Reason.NONE
    detail: str = ""


class Job:
    """A reader that takes part in every collection."""

    __slots__ = ("busy_since_ms", "kind", "layout", "read")

    def __init__(self, kind: str, read: Reader) -> None:
        self.kind = kind
        self.read = read
        self.layout = Layout()
        self.busy_since_ms = -1
        """When the run that has not returned was started, -1 if there is none."""


def perform(job: Job, stopwatch: Callable[[], float]) -> Run:
    """One run of a reader. Never raises an `Exception`."""
    start = stopwatch()
    try:
        readings = job.read()
        block = job.layout.block(readings)
    except NoData as error:
        return Run(job.kind, ReaderOutcome.NO_DATA, stopwatch() - start, (), None, error.reason, error.detail[:_DETAIL])
    except ReaderError as error:
        return Run(job.kind, ReaderOutcome.FAILED, stopwatch() - start, (), None, error.reason, error.detail[:_DETAIL])
    except WireError as error:
        return Run(job.kind, ReaderOutcome.FAILED, stopwatch() - start, (), None, Reason.MISMATCH, str(error)[:_DETAIL])
    except Exception as error:  # noqa: BLE001 - one reader's mistake costs only itself
        detail = f"{type(error).__name__}: {error}"[:_DETAIL]
        return Run(job.kind, ReaderOutcome.FAILED, stopwatch() - start, (), None, Reason.INTERNAL, detail)
    duration_s = stopwatch() - start
    return Run(job.kind, ReaderOutcome.OK, duration_s, readings, block, Reason.NONE, _noted(readings))


def _noted(readings: Readings) -> str:
    """The first notes of readings in a line, and how many more there are."""
    if not isinstance(readings, Noted):
        return ""
    shown = [note[:_DETAIL] for note in readings.notes[:_NOTES]]
    more = len(readings.notes) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


class _Worker:
    """A thread and what it is at; all fields but `inbox` are guarded by the crew's lock."""

    __slots__ = ("abandoned", "inbox", "position", "since_ms")

    def __init__(self) -> None:
        from _queue import SimpleQueue

        self.inbox: SimpleQueue[list[tuple[int, Job]] | None] = SimpleQueue()
        self.position = 0
        self.since_ms = 0
        self.abandoned = False


class Crew:
    """See the module. `wake` is set when a collection is complete."""

    def __init__(
        self, jobs: Sequence[Job], clock: Clock, stopwatch: Callable[[], float], timeout_ms: int, wake: threading.Event
    ) -> None:
        self.jobs = tuple(jobs)
        self._clock = clock
        self._stopwatch = stopwatch
        self._timeout_ms = timeout_ms
        self._wake = wake
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._work: list[tuple[int, Job]] = []
        self._runs: list[Run | None] = []
        self._running = False

    @property
    def is_running(self) -> bool:
        """Whether a collection has begun and is not complete."""
        return self._running

    def begin(self) -> None:
        """Start a collection. Readers whose last run has not returned sit it out with outcome `timeout`."""
        now_ms = self._clock.awake_ms()
        with self._lock:
            self._runs = [_sits_out(job, now_ms) if job.busy_since_ms >= 0 else None for job in self.jobs]
            self._hand_out([(index, job) for index, job in enumerate(self.jobs) if job.busy_since_ms < 0], now_ms)

    def check(self) -> int | None:
        """Leave a reader that is over its limit. Milliseconds until the next look is needed, `None` if nothing runs."""
        with self._lock:
            worker = self._worker
            if not self._running or worker is None:
                return None
            now_ms = self._clock.awake_ms()
            left = worker.since_ms + self._timeout_ms - now_ms
            if left > 0:
                return left
            worker.abandoned = True
            self._worker = None
            index, job = self._work[worker.position]
            detail = f"no answer within {self._timeout_ms / 1000:g} s"
            self._runs[index] = Run(
                job.kind, ReaderOutcome.TIMEOUT, self._timeout_ms / 1000, reason=Reason.TIMEOUT, detail=detail
            )
            self._hand_out(self._work[worker.position + 1 :], now_ms)
            return self._timeout_ms if self._running else None

    def runs(self) -> list[Run]:
        """The runs of the completed collection, in the order of the jobs."""
        return [run for run in self._runs if run is not None]

    def close(self) -> None:
        """Let the worker end when it is idle; threads of stuck readers end with the process."""
        with self._lock:
            if self._worker is not None:
                self._worker.inbox.put(None)
                self._worker = None

    def _hand_out(self, work: list[tuple[int, Job]], now_ms: int) -> None:
        self._work = work
        self._running = bool(work)
        if not work:
            self._wake.set()
            return
        if self._worker is None:
            self._worker = _Worker()
            threading.Thread(target=self._main, args=(self._worker,), name="readers", daemon=True).start()
        worker = self._worker
        worker.position = 0
        worker.since_ms = work[0][1].busy_since_ms = now_ms
        worker.inbox.put(work)

    def _main(self, worker: _Worker) -> None:
        while (work := worker.inbox.get()) is not None:
            for position, (index, job) in enumerate(work):
                run = perform(job, self._stopwatch)
                following = work[position + 1][1] if position + 1 < len(work) else None
                if not self._note(worker, index, job, run, following):
                    return

    def _note(self, worker: _Worker, index: int, job: Job, run: Run, following: Job | None) -> bool:
        """Keep a run and begin the next; false if the worker was left meanwhile, whose result then counts no more."""
        with self._lock:
            job.busy_since_ms = -1
            if worker.abandoned:
                return False
            self._runs[index] = run
            if following is None:
                self._running = False
                self._wake.set()
            else:
                worker.position += 1
                worker.since_ms = following.busy_since_ms = self._clock.awake_ms()
            return True


def _sits_out(job: Job, now_ms: int) -> Run:
    since_s = (now_ms - job.busy_since_ms) / 1000
    detail = f"a run begun {since_s:.0f} s ago has not returned"
    return Run(job.kind, ReaderOutcome.TIMEOUT, since_s, reason=Reason.TIMEOUT, detail=detail)
