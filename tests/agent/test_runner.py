"""The loop: heartbeats on time whatever the readers do, one host report a collection, markers for what happened to it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from agent.crew import Job
from agent.model import AGENT, HEARTBEAT, HOST, Family, Kind, MetricType, Outcome, Readings, Report
from agent.own import OwnSeries, Tally
from agent.runner import TOGETHER_MS, Runner, RunnerSettings, Wake
from agent.schedule import offset_ms
from agent.wire import decode_schema
from tests.agent.jumping import JumpingClock
from tests.agent.test_crew import GOOD, PATIENCE_S, TIMEOUT_MS, Hanging, hanging, raising

__all__ = ["hanging"]
PERIOD_MS = 15_000
UP = Family("node_up", MetricType.GAUGE)


class Store:
    """A sink that remembers each append."""

    def __init__(self) -> None:
        self.appends: list[tuple[list[Report], list[Report]]] = []
        self.schemas: dict[bytes, bytes] = {}

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> None:
        self.appends.append((list(facts), list(bulk)))
        self.schemas.update(schemas or {})

    @property
    def facts(self) -> list[Report]:
        return [report for facts, _ in self.appends for report in facts]

    @property
    def bulk(self) -> list[Report]:
        return [report for _, bulk in self.appends for report in bulk]

    def kinds(self) -> list[str]:
        """Kinds of facts, a heartbeat as its module."""
        return [HEARTBEAT if report.module == HEARTBEAT else report.kind.value for report in self.facts]


class Bench:
    """A runner with its surroundings, moved step by step."""

    def __init__(self, *readers: Callable[[], Readings], pulse_ms: int = 0, timeout_ms: int = TIMEOUT_MS) -> None:
        self.clock = JumpingClock()
        self.store = Store()
        self.wake = threading.Event()
        self.stored = 0
        self.pulses = 0
        own = OwnSeries()
        self.runner = Runner(
            RunnerSettings("web-1", PERIOD_MS, timeout_ms, pulse_ms),
            [Job(f"r{index}", reader) for index, reader in enumerate(readers)],
            self.store,
            self.clock,
            stopwatch=time.perf_counter,
            own=lambda tally: own.readings(tally, None, None),
            stored=self._stored,
            pulse=self._pulse,
            wake=self.wake,
        )

    def _stored(self) -> None:
        self.stored += 1

    def _pulse(self) -> None:
        self.pulses += 1

    def collect(self) -> int:
        """One slot with readers that return; milliseconds until the next thing is due."""
        self.runner.step()
        assert self.wake.wait(PATIENCE_S)
        self.wake.clear()
        return self.runner.step()


def test_first_collection_is_at_once() -> None:
    """AGENT_START first, then heartbeat and host report, stored together: one sync, one request."""
    bench = Bench(lambda: GOOD)
    bench.collect()
    ((facts, bulk),) = bench.store.appends
    assert [(report.module, report.kind) for report in facts] == [(AGENT, Kind.AGENT_START), (HEARTBEAT, Kind.REPORT)]
    assert [(report.module, report.kind, report.interval_ms) for report in bulk] == [(HOST, Kind.REPORT, PERIOD_MS)]
    assert {report.target for report in facts + bulk} == {"web-1"}
    assert {report.seq for report in facts + bulk} == {0}
    assert bench.stored == 1


def test_slots_follow_the_agents_offset() -> None:
    """After the first, collections are at the agent's own slots, whatever their duration."""
    bench = Bench(lambda: GOOD)
    left_ms = bench.collect()
    for _ in range(4):
        bench.clock.jump(left_ms)
        assert bench.clock.uptime_ms() % PERIOD_MS == offset_ms("web-1", PERIOD_MS)
        left_ms = bench.collect()
        assert left_ms == PERIOD_MS
    assert bench.store.kinds() == ["agent_start"] + [HEARTBEAT] * 5
    assert len(bench.store.bulk) == 5
    assert bench.runner.tally == Tally(collections=5)


def test_reports_carry_the_clocks_of_their_slot() -> None:
    """Wall clock, uptime and awake time of when the collection began."""
    bench = Bench(lambda: GOOD)
    bench.clock.suspend(70_000)
    bench.collect()
    report = bench.store.bulk[0]
    clock = bench.clock
    assert (report.at_ms, report.uptime_ms, report.awake_ms) == (clock.wall_ms(), clock.uptime_ms(), clock.awake_ms())
    assert report.uptime_ms - report.awake_ms == 70_000


def test_host_report_has_one_block_a_reader_and_two_of_the_agents() -> None:
    """Blocks of readers with data, then success and duration, then the agent's own series; each schema is handed over."""
    bench = Bench(lambda: GOOD, raising(ValueError("broken")), lambda: [(UP, (), [])])
    bench.collect()
    blocks = bench.store.bulk[0].blocks
    schemas = [decode_schema(bench.store.schemas[block.schema]) for block in blocks]
    names = [[column.family.name for column in schema.columns] for schema in schemas]
    assert names[0] == ["node_up"]
    assert names[1] == ["node_scrape_collector_duration_seconds", "node_scrape_collector_success", "haidang_reader_outcome"]
    assert "haidang_agent_missed_slots_total" in names[2]
    assert len(names) == 3
    outcomes = schemas[1].columns[2].series
    assert outcomes == (("r0", "ok"), ("r1", "failed"), ("r2", "ok"))
    assert [len(block.values) // 8 for block in blocks] == [schema.size for schema in schemas]


def test_failing_readers_do_not_accuse_the_host() -> None:
    """The reports' outcome stays ok: that a reader fails is said in its series."""
    bench = Bench(raising(ValueError("broken")))
    bench.collect()
    assert {report.outcome for report in bench.store.facts + bench.store.bulk} == {Outcome.OK}


def test_heartbeat_does_not_wait_for_slow_readers(hanging: Hanging) -> None:
    """After 200 ms it goes alone; the host report follows when the readers are done."""
    bench = Bench(hanging)
    bench.runner.step()
    assert hanging.entered.wait(PATIENCE_S)
    assert bench.store.appends == []
    assert bench.runner.step() <= TOGETHER_MS
    bench.clock.jump(TOGETHER_MS)
    bench.runner.step()
    assert bench.store.kinds() == ["agent_start", HEARTBEAT]
    assert bench.store.bulk == []
    hanging.release.set()
    assert bench.wake.wait(PATIENCE_S)
    bench.runner.step()
    assert len(bench.store.bulk) == 1
    assert len(bench.store.appends) == 2
    assert bench.store.bulk[0].uptime_ms == bench.store.facts[1].uptime_ms


def test_heartbeats_go_on_while_a_collection_is_stuck() -> None:
    """Readers that take longer than the interval, one after another: every slot has its heartbeat, the host's is counted."""
    slow = [Hanging() for _ in range(4)]
    bench = Bench(*slow)
    try:
        left_ms = bench.runner.step()
        for reader in slow:
            assert reader.entered.wait(PATIENCE_S)
            deadline = bench.clock.uptime_ms() + TIMEOUT_MS
            while (now_ms := bench.clock.uptime_ms()) < deadline:
                bench.clock.jump(min(left_ms, deadline - now_ms))
                left_ms = bench.runner.step()
    finally:
        for reader in slow:
            reader.release.set()
    beats = [report.uptime_ms for report in bench.store.facts if report.module == HEARTBEAT]
    assert len(beats) >= 2
    assert beats[1] % PERIOD_MS == offset_ms("web-1", PERIOD_MS)
    assert bench.runner.tally.missed_slots == len(beats) - 1
    assert len(bench.store.bulk) == 1


def test_timeouts_of_readers_bound_the_collection(hanging: Hanging) -> None:
    """A hanging reader ends as `timeout` after its limit and the host report goes without it."""
    bench = Bench(hanging, lambda: GOOD)
    bench.runner.step()
    assert hanging.entered.wait(PATIENCE_S)
    bench.clock.jump(TIMEOUT_MS)
    bench.runner.step()
    assert bench.wake.wait(PATIENCE_S)
    bench.runner.step()
    assert bench.runner.latest is not None
    assert [run.outcome.value for run in bench.runner.latest.runs] == ["timeout", "ok"]
    assert len(bench.store.bulk) == 1


def test_missed_slots_are_counted_and_not_made_up() -> None:
    """Two slots slept through: one collection now, two counted, no burst (and by R8.1 a stall)."""
    bench = Bench(lambda: GOOD)
    left_ms = bench.collect()
    bench.clock.jump(left_ms + 2 * PERIOD_MS)
    assert bench.collect() == PERIOD_MS
    assert bench.runner.tally.missed_slots == 2
    assert bench.store.kinds() == ["agent_start", HEARTBEAT, "stall", HEARTBEAT]


def test_stall_longer_than_the_ttl_is_stated() -> None:
    """R8.1: a loop that slept more than 2.5 intervals says from when to when."""
    bench = Bench(lambda: GOOD)
    left_ms = bench.collect()
    before_ms = bench.clock.uptime_ms()
    bench.clock.suspend(left_ms + 10 * PERIOD_MS)
    bench.collect()
    assert bench.store.kinds() == ["agent_start", HEARTBEAT, "stall", HEARTBEAT]
    stall = bench.store.facts[2]
    assert (stall.from_ms, stall.until_ms) == (before_ms, bench.clock.uptime_ms())
    assert bench.clock.uptime_ms() == before_ms + left_ms + 10 * PERIOD_MS
    assert bench.runner.tally.stalls == 1


@pytest.mark.parametrize(("silence_ms", "stalls"), [(37_500, 0), (37_501, 1), (45_000, 1), (52_500, 1)])
def test_stall_begins_beyond_the_ttl(silence_ms: int, stalls: int) -> None:
    """Exactly 2.5 intervals after the collection before is late, not a stall: so long what it said holds."""
    bench = Bench(lambda: GOOD)
    bench.clock.jump(bench.collect())
    bench.collect()
    bench.clock.jump(silence_ms)
    bench.collect()
    assert bench.runner.tally.stalls == stalls
    assert bench.store.kinds().count("stall") == stalls


def test_heartbeats_beside_a_stuck_collection_are_no_stall(hanging: Hanging) -> None:
    """The loop turns at each slot, only a reader hangs: that is not the loop's sleep."""
    bench = Bench(hanging, timeout_ms=10 * PERIOD_MS)
    bench.runner.step()
    assert hanging.entered.wait(PATIENCE_S)
    deadline = bench.clock.uptime_ms() + 5 * PERIOD_MS
    while bench.clock.uptime_ms() < deadline:
        bench.clock.jump(max(1, bench.runner.step()))
    assert bench.store.kinds().count(HEARTBEAT) >= 4
    assert "stall" not in bench.store.kinds()


@pytest.mark.parametrize("delta_ms", [3_600_000, -3_600_000, 2_001, -2_001])
def test_step_of_the_wall_clock_is_stated(delta_ms: int) -> None:
    """By how much, and between which two moments of uptime; no slot moves."""
    bench = Bench(lambda: GOOD)
    left_ms = bench.collect()
    before_ms = bench.clock.uptime_ms()
    bench.clock.jump(left_ms)
    bench.clock.step_wall(delta_ms)
    assert bench.collect() == PERIOD_MS
    assert bench.store.kinds() == ["agent_start", HEARTBEAT, "clock_step", HEARTBEAT]
    step = bench.store.facts[2]
    assert (step.delta_ms, step.from_ms, step.until_ms) == (delta_ms, before_ms, bench.clock.uptime_ms())
    bench.clock.jump(PERIOD_MS)
    bench.collect()
    assert bench.store.kinds().count("clock_step") == 1


def test_slewing_is_no_step() -> None:
    """Two seconds between collections is what time daemons slew; it is not stated."""
    bench = Bench(lambda: GOOD)
    for _ in range(3):
        bench.clock.step_wall(2_000)
        bench.clock.jump(bench.collect())
    assert "clock_step" not in bench.store.kinds()


def test_stop_is_stated_with_what_was_waiting(hanging: Hanging) -> None:
    """The heartbeat that waited for its host report is not lost; the last fact is AGENT_STOP with its reason."""
    bench = Bench(hanging)
    bench.runner.step()
    assert hanging.entered.wait(PATIENCE_S)
    bench.runner.stop("shutdown")
    assert bench.store.kinds() == ["agent_start", HEARTBEAT, "agent_stop"]
    assert bench.store.facts[-1].detail == "shutdown"
    assert bench.store.bulk == []


def test_run_returns_what_was_asked() -> None:
    """`ask` ends the wait; the loop can be entered again and states no second start."""
    bench = Bench(lambda: GOOD)
    clock = bench.clock
    asked = iter(["reload", "stop"])

    def ask(event: threading.Event, seconds: float) -> bool:
        if bench.store.bulk:
            bench.runner.ask(next(asked))
            return True
        return event.wait(PATIENCE_S)

    clock.wait = ask  # type: ignore[method-assign]
    assert bench.runner.run() == "reload"
    assert bench.runner.run() == "stop"
    assert bench.store.kinds() == ["agent_start", HEARTBEAT]


def test_pulse_proves_that_the_loop_turns() -> None:
    """The loop wakes for the watchdog's sake between slots, and calls it no more often than asked."""
    bench = Bench(lambda: GOOD, pulse_ms=4_000)
    wait_ms = bench.collect()
    assert bench.pulses == 1
    assert wait_ms <= 4_000
    for _ in range(3):
        bench.clock.jump(4_000)
        bench.runner.step()
    assert bench.pulses == 4


def test_wake_is_set_and_cleared() -> None:
    """Set before the wait, set during it, set twice, cleared."""
    wake = Wake()
    assert wake.wait(0) is False
    wake.set()
    wake.set()
    assert wake.wait(0) is True
    assert wake.is_set()
    wake.clear()
    assert wake.wait(0) is False
    thread = threading.Thread(target=wake.set)
    thread.start()
    assert wake.wait(PATIENCE_S) is True
    thread.join()
    wake.clear()
    assert wake.wait(0.001) is False


@pytest.mark.skipif(sys.platform == "win32", reason="signals to oneself are POSIX")
def test_a_signal_handler_may_set_wake_while_its_thread_waits() -> None:
    """The handler runs in the waiting thread, where `threading.Event.set` could wait for itself for ever."""
    wake = Wake()
    previous = signal.signal(signal.SIGUSR1, lambda _number, _frame: wake.set())
    try:
        for _ in range(200):
            timer = threading.Thread(target=lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1))
            timer.start()
            assert wake.wait(PATIENCE_S)
            timer.join()
            wake.clear()
    finally:
        signal.signal(signal.SIGUSR1, previous)
