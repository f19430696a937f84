"""A job run again and again: each run is one result, with its label in front, whatever the kind makes of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from agent.clock import SystemClock
from agent.model import Family, Kind, Lane, MetricType, Outcome, Reason
from agent.probes.probe import OK, Finding, Job, Module, Probe, ProbeError, Run
from agent.probes.prober import Prober, Shared, pace_of
from agent.probes.tools import Tools
from agent.results import Result
from agent.wire import Limits, check_schema

VALUE = Family("probe_test_value", MetricType.GAUGE, "A value.", ("which",))
MODULE = Module(name="m", kind="tcp", timeout_s=1.0)


class World:
    """What probes deliver, with one function for every kind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, probe: Probe) -> None:
        monkeypatch.setattr("agent.probes.running.open_module", lambda module: probe)
        self.results: list[Result] = []
        self.counted: list[tuple[str, Outcome]] = []
        self.shared = Shared(
            Tools(), self.results.append, SystemClock(), lambda job, found: self.counted.append((job.name, found.outcome))
        )

    def prober(self, name: str = "https", **more: object) -> Prober:
        job = Job(target="portal", name=name, module=MODULE, address="192.0.2.1:1", interval_s=30, retry_s=5)
        return Prober(Job(**{field: getattr(job, field) for field in job.__struct_fields__} | more), self.shared)


def series(result: Result) -> dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Of each family the names and values of the labels of its series."""
    found: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for block in result.blocks:
        _, schema = check_schema(result.schemas[block.schema], Limits())
        for column in schema.columns:
            found.setdefault(column.family.name, []).extend([(column.family.labels, labels) for labels in column.series])
    return found


async def good(_address: str, run: Run) -> Finding:
    run.give(VALUE, 1.0, "a")
    run.give(VALUE, 2.0, "b")
    return OK


async def test_every_series_carries_the_name_of_its_job_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """So several probes of one target never collide."""
    world = World(monkeypatch, good)
    await world.prober("https").poll(27.0)
    await world.prober("other").poll(27.0)
    first, second = world.results
    assert series(first) == {
        "probe_success": [(("module",), ("https",))],
        "probe_duration_seconds": [(("module",), ("https",))],
        "probe_test_value": [(("module", "which"), ("https", "a")), (("module", "which"), ("https", "b"))],
    }
    assert {labels for rows in series(second).values() for _, labels in rows} == {("other",), ("other", "a"), ("other", "b")}
    assert (first.target, first.module, first.interval_ms) == ("portal", "https", 30_000), "also for a run that is a retry"


async def test_the_same_again_is_packed_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """And jobs that say the same share it; other labels are another layout."""
    labels = ["a"]

    async def changing(_address: str, run: Run) -> Finding:
        run.give(VALUE, 1.0, labels[0])
        return OK

    world = World(monkeypatch, changing)
    one, other = world.prober(), world.prober(target="mail")
    await one.poll(27.0)
    await one.poll(27.0)
    await other.poll(27.0)
    assert len({result.blocks[0].schema for result in world.results}) == 1
    assert one._layout is other._layout
    labels[0] = "b"
    await one.poll(27.0)
    assert world.results[-1].blocks[0].schema != world.results[0].blocks[0].schema


@pytest.mark.parametrize(("judged", "kind", "lane"), [(True, Kind.OBS, Lane.FACTS), (False, Kind.REPORT, Lane.BULK)])
async def test_only_a_judged_job_observes(monkeypatch: pytest.MonkeyPatch, judged: bool, kind: Kind, lane: Lane) -> None:
    world = World(monkeypatch, good)
    assert await world.prober(judged=judged).poll(27.0) is Outcome.OK
    assert [(result.kind, result.lane) for result in world.results] == [(kind, lane)]
    assert world.counted == [("https", Outcome.OK)]


async def test_a_failure_is_told_with_what_was_measured_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    async def half(_address: str, run: Run) -> Finding:
        run.give(VALUE, 1.0, "a")
        raise ProbeError(Reason.MISMATCH, "not what was expected")

    world = World(monkeypatch, half)
    assert await world.prober().poll(27.0) is Outcome.FAILED
    (result,) = world.results
    assert (result.outcome, result.reason, result.detail) == (Outcome.FAILED, Reason.MISMATCH, "not what was expected")
    assert series(result).keys() == {"probe_success", "probe_duration_seconds", "probe_test_value"}


async def test_what_the_wire_refuses_costs_the_values_and_not_the_verdict(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A series given twice is a mistake of the kind: it is logged, and the outcome is told all the same."""

    async def twice(_address: str, run: Run) -> Finding:
        run.give(VALUE, 1.0, "a")
        run.give(VALUE, 1.0, "a")
        return OK

    world = World(monkeypatch, twice)
    with caplog.at_level(logging.WARNING):
        await world.prober().poll(27.0)
    (result,) = world.results
    assert result.outcome is Outcome.OK
    assert series(result).keys() == {"probe_success", "probe_duration_seconds"}
    assert "portal https" in caplog.text


async def test_values_that_are_no_numbers_are_our_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wrong(_address: str, run: Run) -> Finding:
        run.give(VALUE, "seven", "a")  # type: ignore[arg-type]
        return OK

    world = World(monkeypatch, wrong)
    assert await world.prober().poll(27.0) is Outcome.ERROR
    assert (world.results[0].reason, world.results[0].blocks) == (Reason.INTERNAL, ())


async def test_whoever_waits_gets_what_a_run_finds_that_began_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what the run under way finds, which may have looked before."""
    findings = [Finding(Outcome.FAILED, Reason.REFUSED, "old"), Finding(Outcome.OK, Reason.NONE, "new")]
    go = asyncio.Event()

    async def held(_address: str, _run: Run) -> Finding:
        finding = findings.pop(0)
        await go.wait()
        return finding

    prober = World(monkeypatch, held).prober()
    running = asyncio.ensure_future(prober.poll(27.0))
    await asyncio.sleep(0)
    waiting = prober.next_finding()
    go.set()
    await running
    assert not waiting.done()
    await prober.poll(27.0)
    assert (await waiting).detail == "new"


async def test_nobody_waits_for_a_run_that_was_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(_address: str, _run: Run) -> Finding:
        await asyncio.Event().wait()
        return OK

    world = World(monkeypatch, hangs)
    prober = world.prober()
    waiting = prober.next_finding()
    running = asyncio.ensure_future(prober.poll(27.0))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert waiting.cancelled()
    assert world.results == []


async def test_a_run_ends_with_the_time_of_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or with what its interval leaves, if that is less."""
    seen: list[float] = []

    async def look(_address: str, run: Run) -> Finding:
        seen.append(round(run.deadline_s - run.started_s, 3))
        return OK

    prober = World(monkeypatch, look).prober()
    await prober.poll(27.0)
    await prober.poll(0.5)
    assert seen == [1.0, 0.5]


@pytest.mark.parametrize(("priority", "expected"), [(-1, 0), (0, 0), (2, 2), (9, 2)])
def test_the_pace_of_a_job_is_what_it_says(priority: int, expected: int) -> None:
    job = Job(target="t", name="n", module=MODULE, address="a", interval_s=7, retry_s=2, fail_after=4, priority=priority)
    assert pace_of(job) == ("t\nn", 7, 2, 4, expected)
