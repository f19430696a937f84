"""Results on their way to the store: nothing doubled, nothing lost that there is room for, the newest kept while it is busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.model import Block, Kind, Lane, Outcome, Reason, Report
from agent.results import Result
from agent.snmp.device import CORE, VALUES, VERDICT
from agent.wire import Batch
from collector.core.poll_tally import PollTally
from collector.poll import gathering
from collector.poll.gathering import BATCH_RESULTS, KEPT, NEWS, SOON_S, Gathering, Sender, Stored, soon_s

OK, FAILED, DEGRADED = Outcome.OK, Outcome.FAILED, Outcome.DEGRADED
LANES = {VERDICT: Lane.FACTS, CORE: Lane.BULK, VALUES: Lane.BULK}


def result(target: str, module: str = VERDICT, at: int = 1, schema: bytes = b"", **more: Any) -> Result:
    fields: dict[str, Any] = {
        "target": target, "module": module, "kind": Kind.OBS if module == VERDICT else Kind.REPORT, "lane": LANES[module],
        "outcome": Outcome.OK, "reason": Reason.NONE, "detail": "", "at_ms": at, "uptime_ms": at, "awake_ms": at,
        "duration_s": 0.5, "interval_ms": 60_000, "blocks": (Block(schema, b""),) if schema else (),
        "schemas": {schema: b"encoded " + schema} if schema else {},
    }  # fmt: skip
    return Result(**fields | more)


class Store:
    """What the store takes, and how it answers."""

    def __init__(self) -> None:
        self.batches: list[tuple[Batch, dict[bytes, bytes]]] = []
        self.answers: list[Stored] = []
        self.more = asyncio.Event()

    async def submit(self, batch: Batch, schemas: Mapping[bytes, bytes]) -> Stored:
        self.batches.append((batch, dict(schemas)))
        self.more.set()
        return self.answers.pop(0) if self.answers else Stored.YES

    def reports(self, lane: Lane = Lane.FACTS) -> list[list[tuple[str, int, int]]]:
        """Target, number and instant of the reports of each batch."""
        return [
            [(r.target, r.seq, r.at_ms) for group in batch.groups if group.lane is lane for r in group.reports]
            for batch, _ in self.batches
        ]

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.batches) < count:
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def running(store: Store, **following: int) -> AsyncIterator[Gathering]:
    sender = Sender("stream", "boot", {Lane(lane): seq for lane, seq in following.items()})
    made = Gathering(store.submit, sender, SystemClock(), PollTally())
    task = asyncio.get_running_loop().create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        await made.finish()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_S", 0.001)
    monkeypatch.setattr(gathering, "RETRY_S", 0.001)


async def test_results_are_numbered_where_the_last_run_ended_each_lane_by_itself() -> None:
    store = Store()
    async with running(store, facts=8) as made:
        made.take(result("a"))
        made.take(result("b"))
        made.take(result("a", VALUES, schema=b"s1"))
        await store.wait(1)
        made.take(result("a", at=2))
        await store.wait(2)
    assert store.reports() == [[("a", 8, 1), ("b", 9, 1)], [("a", 10, 2)]]
    assert store.reports(Lane.BULK) == [[("a", 1, 1)], []]
    batch, schemas = store.batches[0]
    assert (batch.stream, batch.boot, {group.boot for group in batch.groups}) == ("stream", "boot", {"boot"})
    assert batch.uptime_ms > 0
    assert schemas == {b"s1": b"encoded s1"}


async def test_a_batch_that_was_not_confirmed_is_offered_again_with_the_same_numbers() -> None:
    """The second copy is harmless; what came meanwhile follows in the next."""
    store = Store()
    store.answers = [Stored.LATER, Stored.LATER, Stored.YES]
    async with running(store) as made:
        made.take(result("a"))
        await store.wait(1)
        made.take(result("a", at=2))
        await store.wait(4)
    assert store.reports() == [[("a", 1, 1)]] * 3 + [[("a", 2, 2)]]
    first, second = store.batches[0][0], store.batches[1][0]
    assert second.uptime_ms >= first.uptime_ms


async def test_while_the_store_is_busy_the_newest_are_kept_and_the_rest_is_counted() -> None:
    store = Store()
    store.answers = [Stored.LATER] * 1000
    made = Gathering(store.submit, Sender("stream", "boot", {}), SystemClock(), tally := PollTally())
    for at in range(1, 21):
        made.take(result("a", at=at))
        made.take(result("a", VALUES, at=at))
        made.take(result("b", at=at))
    kept = KEPT[Lane.FACTS]
    assert tally.dropped == {"overtaken": 2 * (20 - kept) + 19, "refused": 0}
    store.answers = []
    await made.finish()
    assert [at for target, _, at in store.reports()[0] if target == "a"] == list(range(21 - kept, 21))
    assert store.reports(Lane.BULK) == [[("a", 1, 20)]]


async def test_what_the_store_will_never_have_is_counted_and_in_nobodys_way() -> None:
    store = Store()
    store.answers = [Stored.NEVER]
    async with running(store) as made:
        made.take(result("a"))
        made.take(result("b"))
        await store.wait(1)
        made.take(result("c"))
        await store.wait(2)
        assert made._tally.dropped["refused"] == 2
    assert store.reports()[1] == [("c", 3, 1)]


async def test_batches_are_bounded() -> None:
    store = Store()
    made = Gathering(store.submit, Sender("stream", "boot", {}), SystemClock(), PollTally())
    for number in range(BATCH_RESULTS + 10):
        made.take(result(f"t{number}"))
    await made.finish()
    assert [len(reports) for reports in store.reports()] == [BATCH_RESULTS, 10]


async def test_a_trap_is_kept_as_it_is() -> None:
    """It does not repeat, so that no later one takes its place."""
    store = Store()
    made = Gathering(store.submit, Sender("stream", "boot", {}), SystemClock(), PollTally())
    for at in (1, 2, 3):
        made.keep(Report(0, "ups-1", "trap", Kind.REPORT, at, at, at))
    await made.finish()
    assert store.reports() == [[("ups-1", 1, 1), ("ups-1", 2, 2), ("ups-1", 3, 3)]]


async def test_verdicts_and_walks_are_counted() -> None:
    tally = PollTally(devices=2)
    made = Gathering(Store().submit, Sender("stream", "boot", {}), SystemClock(), tally)
    made.take(result("a", outcome=Outcome.FAILED))
    made.take(result("a", VALUES))
    made.take(result("a", CORE))
    assert (tally.polls[Outcome.FAILED], tally.last) == (1, {"a": Outcome.FAILED})
    assert (tally.polls_s.sum, tally.walks_s.sum) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("before", "news"),
    [((), FAILED), ((FAILED, FAILED), FAILED), ((FAILED,) * 50, OK), ((DEGRADED,) * 50, FAILED)],
)
async def test_news_do_not_wait_for_company(
    monkeypatch: pytest.MonkeyPatch, before: tuple[Outcome, ...], news: Outcome
) -> None:
    """The first failures of a target, and its recovery, go at once."""
    monkeypatch.setattr(gathering, "GATHER_S", 3600.0)
    store = Store()
    made = Gathering(store.submit, Sender("stream", "boot", {}), SystemClock(), PollTally())
    for outcome in before:
        made.take(result("a", outcome=outcome))
    await made.finish()
    made._hurry.clear()
    task = asyncio.get_running_loop().create_task(made.run())
    made.take(result("b"))
    made.take(result("a", outcome=news))
    await store.wait(2 if before else 1)
    assert [target for target, _, _ in store.reports()[-1]] == ["b", "a"]
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(("outcome", "before"), [(OK, 0), (FAILED, NEWS), (DEGRADED, NEWS)])
async def test_what_is_known_waits_for_company(outcome: Outcome, before: int) -> None:
    """What works, and what has been out for long: ten thousand of them cost no more writes than one."""
    made = Gathering(Store().submit, Sender("stream", "boot", {}), SystemClock(), PollTally())
    for _ in range(before):
        made.take(result("a", outcome=outcome))
    made._hurry.clear()
    made.take(result("a", outcome=outcome))
    assert not made._hurry.is_set()


def test_the_longer_a_write_takes_the_more_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storm of news leaves the store half of the time, and nothing waits longer than without news."""
    monkeypatch.setattr(gathering, "GATHER_S", 0.2)
    assert [soon_s(took_s) for took_s in (0.0, 0.1, 9.0)] == [SOON_S, 0.1, 0.2]
