"""Every run of a reader ends in an outcome, and a reader costs nobody but itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agent.crew import Crew, Job, ReaderOutcome, Run, perform
from agent.host.reading import NoData, Noted, ReaderError
from agent.model import Family, MetricType, Readings, Reason
from tests.agent.jumping import JumpingClock

UP = Family("node_up", MetricType.GAUGE)
GOOD: Readings = [(UP, ((),), [1.0])]
PATIENCE_S = 10
TIMEOUT_MS = 5_000


class Hanging:
    """A reader that hangs until it is released; it counts its runs."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.runs = 0

    def __call__(self) -> Readings:
        self.runs += 1
        self.entered.set()
        assert self.release.wait(PATIENCE_S)
        return GOOD


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """Released at the end, so that no thread outlives its test."""
    reader = Hanging()
    yield reader
    reader.release.set()


def raising(error: Exception) -> Callable[[], Readings]:
    def read() -> Readings:
        raise error

    return read


def crew_of(clock: JumpingClock, *readers: Callable[[], Readings]) -> tuple[Crew, threading.Event]:
    wake = threading.Event()
    jobs = [Job(f"r{index}", reader) for index, reader in enumerate(readers)]
    return Crew(jobs, clock, time.perf_counter, TIMEOUT_MS, wake), wake


def collect(crew: Crew, wake: threading.Event) -> list[Run]:
    """One whole collection of readers that return."""
    crew.begin()
    assert wake.wait(PATIENCE_S)
    wake.clear()
    assert not crew.is_running
    return crew.runs()


@pytest.mark.parametrize(
    ("error", "outcome", "reason", "detail"),
    [
        (NoData("/proc/x: no such file"), ReaderOutcome.NO_DATA, Reason.NO_DATA, "/proc/x: no such file"),
        (ReaderError(Reason.MISMATCH, "bad line"), ReaderOutcome.FAILED, Reason.MISMATCH, "bad line"),
        (ZeroDivisionError("division by zero"), ReaderOutcome.FAILED, Reason.INTERNAL, "ZeroDivisionError: division by zero"),
        (OSError(5, "Input/output error"), ReaderOutcome.FAILED, Reason.INTERNAL, "OSError: [Errno 5] Input/output error"),
        (MemoryError(), ReaderOutcome.FAILED, Reason.INTERNAL, "MemoryError: "),
    ],
)
def test_every_exception_is_an_outcome(error: Exception, outcome: ReaderOutcome, reason: Reason, detail: str) -> None:
    """Errors of readers, of Python and of the system, each with its reason and detail."""
    run = perform(Job("x", raising(error)), time.perf_counter)
    assert (run.kind, run.outcome, run.reason, run.detail, run.block) == ("x", outcome, reason, detail, None)


def test_what_the_wire_refuses_is_a_failed_run() -> None:
    """A reader whose names cannot travel fails by itself and is named."""
    run = perform(Job("x", lambda: [(UP, ((),), [1.0]), (UP, ((),), [1.0])]), time.perf_counter)
    assert (run.outcome, run.reason) == (ReaderOutcome.FAILED, Reason.MISMATCH)
    assert "node_up appears twice" in run.detail


def test_details_are_short() -> None:
    """An error text of a megabyte does not become a megabyte in every status file."""
    assert len(perform(Job("x", raising(ValueError("x" * 10**6))), time.perf_counter).detail) == 200


@pytest.mark.parametrize(
    ("notes", "detail"),
    [
        ([], ""),
        (["a.prom: broken"], "a.prom: broken"),
        (["a", "b", "c"], "a; b; c"),
        (["a", "b", "c", "d", "e"], "a; b; c; and 2 more"),
        (["x" * 10**6], "x" * 200),
    ],
)
def test_notes_of_a_good_run_are_its_detail(notes: list[str], detail: str) -> None:
    """What a reader has to say though it read: the first of it, shortened, and how much more there is."""
    run = perform(Job("x", lambda: Noted(GOOD, notes)), time.perf_counter)
    assert (run.outcome, run.reason, run.detail) == (ReaderOutcome.OK, Reason.NONE, detail)
    assert run.block == perform(Job("x", lambda: GOOD), time.perf_counter).block


def test_duration_is_the_readers_own() -> None:
    """The stopwatch is read before and after."""
    ticks = iter([10.0, 10.25])
    assert perform(Job("x", lambda: GOOD), lambda: next(ticks)).duration_s == 0.25


def test_collection_has_one_run_a_reader_in_order() -> None:
    """Good and bad ones side by side."""
    crew, wake = crew_of(JumpingClock(), lambda: GOOD, raising(ValueError("no")), lambda: GOOD)
    for _ in range(3):
        runs = collect(crew, wake)
        assert [(run.kind, run.outcome.value) for run in runs] == [("r0", "ok"), ("r1", "failed"), ("r2", "ok")]
        assert runs[0].block is not None
    crew.close()


def test_no_readers_is_a_complete_collection() -> None:
    """A crew of none is done at once."""
    crew, wake = crew_of(JumpingClock())
    assert collect(crew, wake) == []


def test_a_hanging_reader_is_left_and_the_others_go_on(hanging: Hanging) -> None:
    """Its outcome is `timeout`; those before and after it are served in the same collection."""
    clock = JumpingClock()
    crew, wake = crew_of(clock, lambda: GOOD, hanging, lambda: GOOD)
    crew.begin()
    assert hanging.entered.wait(PATIENCE_S)
    assert crew.check() == TIMEOUT_MS
    clock.jump(TIMEOUT_MS - 1)
    assert crew.check() == 1
    clock.jump(1)
    assert crew.check() == TIMEOUT_MS or not crew.is_running
    assert wake.wait(PATIENCE_S)
    runs = crew.runs()
    assert [run.outcome.value for run in runs] == ["ok", "timeout", "ok"]
    assert (runs[1].reason, runs[1].detail, runs[1].duration_s) == (Reason.TIMEOUT, "no answer within 5 s", 5.0)
    crew.close()


def test_a_stuck_reader_is_not_started_again_until_it_returns(hanging: Hanging) -> None:
    """It sits out with `timeout`, its late result counts for nothing, then it takes part again."""
    clock = JumpingClock()
    crew, wake = crew_of(clock, hanging, lambda: GOOD)
    crew.begin()
    assert hanging.entered.wait(PATIENCE_S)
    clock.jump(TIMEOUT_MS)
    crew.check()
    assert wake.wait(PATIENCE_S)
    wake.clear()
    clock.jump(10_000)
    runs = collect(crew, wake)
    assert [run.outcome.value for run in runs] == ["timeout", "ok"]
    assert runs[0].detail == "a run begun 15 s ago has not returned"
    assert hanging.runs == 1
    stuck = [thread for thread in threading.enumerate() if thread.name == "readers"]
    hanging.release.set()
    ended = next(thread for thread in stuck if _ends(thread))
    assert not ended.is_alive()
    assert [run.outcome.value for run in collect(crew, wake)] == ["ok", "ok"]
    assert hanging.runs == 2
    crew.close()


def _ends(thread: threading.Thread) -> bool:
    thread.join(0.5)
    return not thread.is_alive()


def test_all_readers_stuck_is_a_complete_collection(hanging: Hanging) -> None:
    """Nothing to wait for: the next collection is there at once, all `timeout`."""
    clock = JumpingClock()
    crew, wake = crew_of(clock, hanging)
    crew.begin()
    assert hanging.entered.wait(PATIENCE_S)
    clock.jump(TIMEOUT_MS)
    assert crew.check() is None
    assert not crew.is_running
    wake.clear()
    assert [run.outcome.value for run in collect(crew, wake)] == ["timeout"]


def test_several_stuck_readers_cost_one_timeout_each() -> None:
    """Each has its own thread to hang in, and the rest of the collection is whole."""
    clock = JumpingClock()
    first, second = Hanging(), Hanging()
    try:
        crew, wake = crew_of(clock, first, second, lambda: GOOD)
        crew.begin()
        for reader in (first, second):
            assert reader.entered.wait(PATIENCE_S)
            clock.jump(TIMEOUT_MS)
            crew.check()
        assert wake.wait(PATIENCE_S)
        assert [run.outcome.value for run in crew.runs()] == ["timeout", "timeout", "ok"]
        crew.close()
    finally:
        first.release.set()
        second.release.set()


def test_closing_ends_the_thread() -> None:
    """An idle crew leaves no thread behind."""
    crew, wake = crew_of(JumpingClock(), lambda: GOOD)
    before = set(threading.enumerate())
    collect(crew, wake)
    (thread,) = set(threading.enumerate()) - before
    crew.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
