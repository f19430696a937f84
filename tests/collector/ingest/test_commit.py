"""The committer on SQLite and PostgreSQL: what is acknowledged is stored, once, and nobody is hurt by another's bad batch."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.model import Block, Kind, Lane, Loss, LossReason, Outcome, Report
from agent.wire import Batch, Group
from collector.core import skew
from collector.core.change import Change, Saved, StoreError
from collector.core.evidence import Evidence, Grade, Run, TimeQuality
from collector.core.identity import Verdict
from collector.core.refusal import RefusalCode
from collector.ingest import intake
from collector.ingest.commit import (
    BusyError,
    CommitLimits,
    Committer,
    IdentityConflictError,
    Incoming,
    Receipt,
    Rules,
    UnusableBatchError,
)
from collector.store.store import Store
from tests.collector.conftest import NewUrl

BORN = 1_700_000_000_000
"""Instant of the boot of every agent here; uptime is milliseconds since."""


def report(seq: int, uptime_ms: int, **more: Any) -> Report:
    """A host report with one value."""
    fields = {"target": "web1", "module": "host", "kind": Kind.REPORT, "interval_ms": 15_000} | more
    fields = {"at_ms": BORN + uptime_ms, "awake_ms": uptime_ms, "blocks": (Block(b"h" * 16, bytes(8)),)} | fields
    return Report(seq=seq, uptime_ms=uptime_ms, **fields)


def loss(seq: int, first: int, last: int, lane: Lane = Lane.BULK, **more: Any) -> Loss:
    fields = {"count": last - first + 1, "from_ms": BORN, "until_ms": BORN, "at_ms": BORN, "uptime_ms": 1_000} | more
    return Loss(seq=seq, lane=lane, boot="b1", first_seq=first, last_seq=last, reason=LossReason.BYTES, **fields)


def incoming(
    uptime_ms: int, *groups: Group, agent: str = "web1", stream: str = "s1", boot: str = "b1", **more: Any
) -> Incoming:
    """A batch that was sent at this uptime and arrived at once."""
    clocks = {"uptime_ms": uptime_ms, "awake_ms": uptime_ms, "wall_ms": BORN + uptime_ms}
    rx_ms = more.pop("rx_ms", BORN + uptime_ms)
    schemas, forgotten = more.pop("schemas", ()), more.pop("forgotten", ())
    batch = Batch(version=1, stream=stream, boot=boot, groups=groups, **(clocks | more))
    return Incoming(agent, batch, groups, rx_ms, schemas, forgotten)


def bulk(*reports: Report, boot: str = "b1") -> Group:
    return Group(boot, Lane.BULK, reports)


def facts(*items: Report | Loss, boot: str = "b1") -> Group:
    reports = tuple(item for item in items if isinstance(item, Report))
    return Group(boot, Lane.FACTS, reports, tuple(item for item in items if isinstance(item, Loss)))


class Gate:
    """A ledger in front of the real store that can be held, and told to fail before or after the store has committed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()
        self.fail: list[tuple[str, StoreError]] = []
        self.commits = 0

    async def load_agents(self, wanted: Mapping[str, Collection[str]]) -> dict[str, Saved]:
        return await self.store.load_agents(wanted)

    async def apply(self, change: Change) -> Sequence[int]:
        self.entered.set()
        await self.open.wait()
        when, error = self.fail.pop(0) if self.fail else ("never", StoreError(""))
        if when == "before":
            raise error
        ids = await self.store.apply(change)
        self.commits += 1
        if when == "after":
            raise error
        return ids


class Room:
    """A committer with its store, and what it told the live picture."""

    def __init__(self, store: Store, **options: Any) -> None:
        self.store = store
        self.gate = Gate(store)
        self.told: list[tuple[Evidence, Report]] = []
        self.committer = Committer(self.gate, self.told.extend, **options)
        self.committer.start()

    async def submit(self, *batches: Incoming) -> list[Receipt]:
        return list(await asyncio.gather(*[self.committer.submit(batch) for batch in batches]))

    async def runs(self, target: str = "web1") -> list[Run]:
        return [run async for run in self.store.evidence(target, 0, 2**60)]

    async def reopen(self) -> Room:
        """As after a restart: a new committer that remembers nothing."""
        await self.committer.drain()
        return Room(self.store)


@pytest.fixture
async def room(store: Store) -> AsyncIterator[Room]:
    made = Room(store)
    yield made
    await made.committer.drain()


async def test_a_batch_is_stored_told_and_acknowledged(room: Room) -> None:
    [receipt] = await room.submit(incoming(15_000, facts(report(1, 14_900, module="heartbeat")), bulk(report(1, 14_950))))
    assert receipt.acknowledged == {Lane.FACTS: 1, Lane.BULK: 1}
    assert (receipt.stored, receipt.duplicates, receipt.refused, receipt.offset_ms) == (2, 0, (), 0)
    assert [(evidence.module, evidence.t_ms) for evidence, _ in room.told] == [
        ("heartbeat", BORN + 14_900),
        ("host", BORN + 14_950),
    ]
    assert [(run.module, run.count) for run in await room.runs()] == [("heartbeat", 1), ("host", 1)]


async def test_duplicates_and_disorder_are_harmless(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(3, 45_000))))
    [receipt] = await room.submit(
        incoming(60_000, bulk(report(1, 15_000), report(3, 45_000), report(2, 30_000), report(2, 30_000)))
    )
    assert receipt.acknowledged == {Lane.BULK: 3}
    assert (receipt.stored, receipt.duplicates) == (2, 2)
    assert sum(run.count for run in await room.runs()) == 3
    assert len(room.told) == 3


async def test_reports_in_a_row_are_one_run_across_commits_and_restarts(room: Room) -> None:
    for number in range(1, 6):
        await room.submit(incoming(number * 15_000, bulk(report(number, number * 15_000))))
    again = await room.reopen()
    for number in range(6, 11):
        [receipt] = await again.submit(incoming(number * 15_000, bulk(report(number, number * 15_000))))
    assert receipt.acknowledged == {Lane.BULK: 10}
    [run] = await again.runs()
    assert (run.count, run.first_seq, run.last_seq) == (10, 1, 10)
    assert (run.first_t_ms, run.last_t_ms) == (BORN + 15_000, BORN + 150_000)
    [receipt] = await again.submit(incoming(160_000, bulk(report(4, 60_000))))
    assert receipt.duplicates == 1
    await again.committer.drain()


async def test_a_group_commit_folds_many_batches_into_one_transaction(room: Room) -> None:
    room.gate.open.clear()
    first = asyncio.ensure_future(room.submit(incoming(15_000, bulk(report(1, 15_000)))))
    await room.gate.entered.wait()
    rest = [incoming(n * 15_000, bulk(report(n, n * 15_000))) for n in range(2, 40)]
    others = [
        incoming(n * 15_000, bulk(report(1, n * 15_000, target=f"t{n}")), agent=f"t{n}", stream=f"s{n}") for n in range(1, 40)
    ]
    waiting = asyncio.ensure_future(room.submit(*rest, *others))
    while room.committer.depth < 1 + len(rest) + len(others):
        await asyncio.sleep(0)
    room.gate.open.set()
    await first
    receipts = await waiting
    assert room.gate.commits == 2
    assert receipts[37].acknowledged == {Lane.BULK: 39}
    assert [run.count for run in await room.runs()] == [39]
    assert (await room.store.counts()).reports == 39 + 39


async def test_a_loss_closes_its_hole_and_is_kept(room: Room) -> None:
    [receipt] = await room.submit(incoming(60_000, bulk(report(1, 15_000), report(6, 60_000))))
    assert receipt.acknowledged == {Lane.BULK: 1}
    [receipt] = await room.submit(incoming(60_000, facts(loss(1, 2, 5))))
    assert receipt.acknowledged == {Lane.BULK: 6, Lane.FACTS: 1}
    assert [stated.count for stated in receipt.losses] == [4]
    [receipt] = await room.submit(incoming(60_000, facts(loss(1, 2, 5))))
    assert (receipt.losses, receipt.duplicates) == ((), 1)
    again = await room.reopen()
    [receipt] = await again.submit(incoming(75_000, bulk(report(7, 75_000))))
    assert receipt.acknowledged == {Lane.BULK: 7, Lane.FACTS: 1}
    assert [(row.loss.first_seq, row.loss.last_seq) for row in await again.store.losses("web1")] == [(2, 5)]
    await again.committer.drain()


async def test_holes_without_limit_are_refused_report_by_report(store: Store) -> None:
    room = Room(store, rules=Rules(ranges=3))
    [receipt] = await room.submit(incoming(60_000, bulk(*[report(seq, 50_000) for seq in (2, 4, 6, 8, 10, 1)])))
    assert [refused.seq for refused in receipt.refused] == [8, 10]
    assert receipt.refused[0].code is RefusalCode.TOO_MANY_HOLES
    assert "more than 3 ranges" in receipt.refused[0].detail
    assert receipt.acknowledged == {Lane.BULK: 2}
    [receipt] = await room.submit(incoming(60_000, facts(loss(1, 3, 9), loss(2, 20, 20), loss(3, 30, 30), loss(4, 40, 40))))
    assert [(refused.lane, refused.seq) for refused in receipt.refused] == [(Lane.FACTS, 4)]
    assert receipt.acknowledged == {Lane.BULK: 9, Lane.FACTS: 3}
    await room.committer.drain()


async def test_r2_2_a_wrong_wall_clock_and_a_step_do_not_break_the_run(room: Room) -> None:
    for number, error in enumerate((3_600_000, 3_600_000, -7_200_000, 0), 1):
        up = number * 15_000
        [receipt] = await room.submit(
            incoming(up, bulk(report(number, up, at_ms=BORN + up + error)), wall_ms=BORN + up + error)
        )
        assert receipt.offset_ms == error
    [run] = await room.runs()
    assert (run.count, run.quality, run.first_t_ms, run.last_t_ms) == (4, TimeQuality.MEASURED, BORN + 15_000, BORN + 60_000)


async def test_r2_4_reports_from_the_far_future_and_past_stay_where_they_can_be(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(1, 2**52), report(2, 0, at_ms=-(2**52)))))
    qualities = {run.first_seq: (run.first_t_ms, run.quality) for run in await room.runs()}
    assert qualities == {1: (BORN + 60_000, TimeQuality.CLAMPED), 2: (BORN, TimeQuality.MEASURED)}


@pytest.mark.parametrize(
    ("errors", "level"),
    [
        ((0, 4_000), skew.OffsetLevel.FINE),
        ((5_001, 0), skew.OffsetLevel.WARNING),
        ((0, -60_001), skew.OffsetLevel.EVENT),
        ((3_600_000, 0), skew.OffsetLevel.EVENT),
    ],
)
async def test_r2_4_a_wrong_clock_is_read_from_the_evidence(
    room: Room, errors: tuple[int, int], level: skew.OffsetLevel
) -> None:
    """The event is on the report itself: it is there after a restart, for every report, live or from the spool."""
    for number, error in enumerate(errors, 1):
        up = number * 15_000
        late = bulk(report(number, up, at_ms=BORN + up + error))
        await room.submit(incoming(up, late, wall_ms=BORN + up + error, rx_ms=BORN + up))
    again = await room.reopen()
    [run] = await again.runs()
    assert skew.offsets_of(run) == errors
    assert skew.level_of(run) is level
    await again.committer.drain()


async def test_r2_4_the_clock_of_a_spooled_report_is_the_one_it_was_made_by(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(2, 60_000))))
    await room.submit(incoming(61_000, bulk(report(1, 15_000, at_ms=BORN + 15_000 - 90_000))))
    levels = {run.first_seq: skew.level_of(run) for run in await room.runs()}
    assert levels == {1: skew.OffsetLevel.EVENT, 2: skew.OffsetLevel.FINE}


async def test_r2_3_reports_of_a_boot_that_was_never_heard_live_are_estimated_between_what_was_heard(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(1, 60_000)), wall_ms=BORN + 60_000 + 9_000))
    unheard = bulk(
        report(2, 5_000, at_ms=BORN),
        report(3, 20_000, at_ms=BORN + 109_000),
        report(4, 30_000, at_ms=BORN + 9_000_000),
        boot="b2",
    )
    await room.submit(incoming(10_000, unheard, boot="b3", rx_ms=BORN + 200_000, wall_ms=BORN + 209_000))
    seen = {evidence.seq: (evidence.t_ms, evidence.quality) for evidence, _ in room.told}
    assert seen[2] == (BORN + 60_001, TimeQuality.ESTIMATED)
    assert seen[3] == (BORN + 100_000, TimeQuality.ESTIMATED)
    assert seen[4] == (BORN + 200_000, TimeQuality.ESTIMATED)


async def test_spooled_reports_of_an_earlier_boot_that_was_heard_keep_their_instant(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(1, 60_000))))
    again = await room.reopen()
    await again.submit(incoming(5_000, bulk(report(2, 75_000)), boot="b2", rx_ms=BORN + 500_000))
    [(evidence, _)] = again.told
    assert (evidence.t_ms, evidence.quality, evidence.grade) == (BORN + 75_000, TimeQuality.MEASURED, Grade.LATE)
    await again.committer.drain()


async def test_backlog_becomes_a_late_run_and_the_live_run_goes_on(room: Room) -> None:
    await room.submit(incoming(15_000, bulk(report(1, 15_000))))
    for number in range(20):
        live = 300_000 + number * 15_000
        await room.submit(
            incoming(live, bulk(report(21 + number, live))),
            incoming(live, bulk(report(2 + number, 30_000 + number * 12_000))) if number < 19 else incoming(live),
        )
    found = [(run.grade, run.first_seq, run.count) for run in await room.runs()]
    assert found == [(Grade.LIVE, 1, 1), (Grade.LATE, 2, 19), (Grade.LIVE, 21, 20)]


async def test_identity_a_reboot_is_accepted_and_the_old_boot_refused(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(1, 60_000))))
    await room.submit(incoming(5_000, bulk(report(2, 5_000), boot="b2"), boot="b2", rx_ms=BORN + 61_000))
    again = await room.reopen()
    with pytest.raises(IdentityConflictError, match="replaced by spool s1, boot b2") as caught:
        await again.submit(incoming(62_000, bulk(report(3, 62_000))))
    assert caught.value.verdict is Verdict.SUPERSEDED
    assert [run.last_seq for run in await again.runs()] == [1, 2]
    await again.committer.drain()


async def test_identity_a_copy_is_refused_while_the_first_lives_and_takes_over_when_it_is_silent(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(1, 60_000))))
    copy = {"stream": "s2", "boot": "b9"}
    again = await room.reopen()
    with pytest.raises(IdentityConflictError, match="another machine reports as this agent"):
        await again.submit(incoming(60_000, bulk(report(1, 120_000), boot="b9"), rx_ms=BORN + 120_000, **copy))
    [receipt] = await again.submit(incoming(60_000, bulk(report(1, 60_000), boot="b9"), rx_ms=BORN + 120_001, **copy))
    assert receipt.stored == 1, "a new spool counts from one again"
    with pytest.raises(IdentityConflictError):
        await again.submit(incoming(300_000, bulk(report(2, 300_000))))
    await again.submit(incoming(1_000, bulk(report(2, 1_000), boot="b3"), boot="b3", rx_ms=BORN + 400_000))
    [receipt] = await again.submit(incoming(2_000, bulk(report(1, 60_000)), boot="b3", rx_ms=BORN + 401_000))
    assert receipt.duplicates == 1, "the first spool is back with its numbers"
    await again.committer.drain()


async def test_identity_a_refused_copy_does_not_make_a_superseded_boot_forgotten(room: Room) -> None:
    """A batch of another stream makes the committer ask the store anew; it must then still know every boot of the first."""
    await room.submit(incoming(20_000, bulk(report(1, 15_000))))
    await room.submit(incoming(5_000, bulk(report(2, 4_000), boot="b2"), boot="b2", rx_ms=BORN + 30_000))
    for stream, boot, verdict in (("s2", "c", Verdict.ALIVE), ("s1", "b1", Verdict.SUPERSEDED)):
        with pytest.raises(IdentityConflictError) as refused:
            await room.submit(incoming(35_000, bulk(report(3, 34_000)), stream=stream, boot=boot))
        assert refused.value.verdict is verdict
    await room.submit(incoming(40_000, bulk(report(9, 16_000)), boot="b2", rx_ms=BORN + 65_000))
    (run,) = [run for run in await room.runs() if run.last_seq == 9]
    assert (run.boot, run.quality) == ("b1", TimeQuality.MEASURED)


async def test_empty_groups_leave_nothing_behind(room: Room) -> None:
    await room.submit(incoming(20_000, *[bulk(boot=f"made-up-{number}") for number in range(50)]))
    assert (await room.store.counts()).boots == 1


async def test_a_run_does_not_go_on_across_a_failure_that_was_retried_soon(room: Room) -> None:
    """R4.3: good at 15, failed at 30, good at 33 are three runs, although 33 is near enough to 15 to continue it."""
    found = (Outcome.OK, Outcome.FAILED, Outcome.OK)
    for seq, (uptime_s, outcome) in enumerate(zip((15, 30, 33), found, strict=True), 1):
        probe = report(seq, uptime_s * 1000, kind=Kind.OBS, module="icmp", outcome=outcome, blocks=())
        await room.submit(incoming(uptime_s * 1000, Group("b1", Lane.BULK, (probe,))))
    assert [(run.outcome, run.count) for run in await room.runs()] == [(outcome, 1) for outcome in found]


async def test_what_grows_in_memory_is_bounded_by_agent(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_KEYS", 10)
    reports = [
        report(number, 15_000, target=f"t{number // 50}", module=f"m{number}", interval_ms=15_000 * (number % 2))
        for number in range(1, 101)
    ]
    await room.submit(incoming(20_000, bulk(*reports[:50])))
    await room.submit(incoming(20_000, bulk(*reports[50:])))
    assert len(room.committer._books["web1"]._runs) == 10
    runs = [run for target in ("t0", "t1", "t2") for run in await room.runs(target)]
    assert sum(run.count for run in runs) == 100
    assert sum(run.growing for run in runs) == 5


def modules(uptime_ms: int, first_seq: int, *names: str) -> Group:
    """A report of each of these modules."""
    return bulk(*[report(seq, uptime_ms, module=name) for seq, name in enumerate(names, first_seq)])


DAY_MS = 86_400_000


async def test_a_target_has_at_most_64_modules_and_a_silent_one_makes_room_after_a_day(room: Room) -> None:
    """Rows of the newest values, and what a start reads, would grow with every name an agent thinks of."""
    names = [f"m{number}" for number in range(62)]
    beat = facts(report(1, 15_000, module="heartbeat", blocks=()), report(2, 15_000, module="agent", interval_ms=0, blocks=()))
    [receipt] = await room.submit(incoming(15_000, beat, modules(15_000, 1, *names, "one-more", "two-more")))
    assert [(one.seq, one.code) for one in receipt.refused] == [(seq, RefusalCode.TOO_MANY_MODULES) for seq in (63, 64)]
    assert "module one-more: the target has 64 others" in receipt.refused[0].detail
    again = await room.reopen()
    [receipt] = await again.submit(incoming(30_000, modules(30_000, 65, "one-more", *names[1:])))
    assert [one.seq for one in receipt.refused] == [65], "after a restart too"
    [receipt] = await again.submit(incoming(30_000, modules(30_000, 200, "other"), agent="db1", stream="s2"))
    assert receipt.refused == (), "another agent's targets have their own"

    again = await again.reopen()
    later = DAY_MS + 15_000
    [receipt] = await again.submit(incoming(later, modules(later, 300, "one-more", "two-more"), modules(later, 1, names[0])))
    assert [one.seq for one in receipt.refused] == [301], "only m0 was silent for a day"
    assert receipt.duplicates == 1, "what is stored already is no news, whatever its module"
    assert (await again.store.counts()).latest == 62 + 1
    shown = {e.module async for part in again.store.picture() for e, _ in part if e.observer == "web1"}
    assert shown == {*names[1:], "one-more", "heartbeat"}
    assert {run.module for run in await again.runs()} >= {*names, "one-more"}, "evidence stays"
    assert [run.growing for run in await again.runs() if run.module == "m0"] == [False]
    await again.committer.drain()


async def test_a_sign_of_life_is_taken_however_many_modules_there_are(room: Room) -> None:
    await room.submit(incoming(15_000, modules(15_000, 1, *[f"m{number}" for number in range(99)])))
    [receipt] = await room.submit(incoming(16_000, facts(report(1, 16_000, module="heartbeat"))))
    assert (receipt.stored, receipt.refused) == (1, ())


async def test_one_agents_conflict_in_a_group_leaves_the_others_alone(room: Room) -> None:
    await room.submit(incoming(60_000, bulk(report(1, 60_000))))
    results = await asyncio.gather(
        room.committer.submit(incoming(61_000, bulk(report(2, 61_000)), stream="s2")),
        room.committer.submit(incoming(61_000, bulk(report(1, 61_000, target="db1")), agent="db1")),
        room.committer.submit(incoming(2**54, bulk(report(2, 61_000)))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [IdentityConflictError, Receipt, UnusableBatchError]


async def test_values_that_no_database_takes_are_refused_one_by_one(room: Room) -> None:
    bad = [
        report(1, 1_000, detail="a\0b"),
        report(2, 1_000, module="m\0"),
        report(3, 1_000, kind=Kind.STALL, from_ms=-(2**60), until_ms=1),
        report(4, 1_000, delta_ms=2**53),
        report(6, 1_000, blocks=(Block(b"h" * 16, bytes(400_000)), Block(b"i" * 16, bytes(8)))),
    ]
    [receipt] = await room.submit(incoming(60_000, bulk(*bad, report(5, 1_000)), facts(loss(1, 9, 9, from_ms=2**63))))
    assert [(refused.lane, refused.seq) for refused in receipt.refused] == [
        (Lane.BULK, 1), (Lane.BULK, 2), (Lane.BULK, 3), (Lane.BULK, 4), (Lane.BULK, 6),
        (Lane.FACTS, 1),
    ]  # fmt: skip
    codes = [refused.code for refused in receipt.refused]
    assert codes == [RefusalCode.UNSTORABLE] * 4 + [RefusalCode.TOO_MANY_VALUES, RefusalCode.UNSTORABLE]
    assert receipt.stored == 1


async def test_a_failed_commit_acknowledges_nothing_and_is_made_good_by_sending_again(store: Store) -> None:
    failures: list[Exception] = []
    room = Room(store, on_failure=failures.append)
    await room.submit(incoming(15_000, bulk(report(1, 15_000))))
    room.gate.fail = [("before", StoreError("disk is full"))]
    batch = incoming(30_000, bulk(report(2, 30_000)))
    with pytest.raises(StoreError, match="disk is full"):
        await room.submit(batch)
    assert len(room.told) == 1
    [receipt] = await room.submit(batch)
    assert (receipt.stored, receipt.acknowledged) == (1, {Lane.BULK: 2})
    assert [run.count for run in await room.runs()] == [2]
    assert [str(error) for error in failures] == ["disk is full"]
    await room.committer.drain()


async def test_a_commit_whose_answer_was_lost_is_not_stored_twice(room: Room) -> None:
    room.gate.fail = [("after", StoreError("connection lost"))]
    batch = incoming(15_000, bulk(report(1, 15_000)))
    with pytest.raises(StoreError, match="connection lost"):
        await room.submit(batch)
    [receipt] = await room.submit(batch)
    assert (receipt.stored, receipt.duplicates) == (0, 1)
    assert [run.count for run in await room.runs()] == [1]


async def test_a_batch_that_spoils_its_group_is_found_by_itself(room: Room) -> None:
    """The text of a report's target never gets this far unchecked; the store refuses it and nobody else's commit with it."""
    room.gate.open.clear()
    first = asyncio.ensure_future(room.submit(incoming(15_000, bulk(report(1, 15_000)))))
    await room.gate.entered.wait()
    spoilt = incoming(15_000, bulk(report(1, 15_000, module="\ud800")), agent="bad", stream="s2")
    waiting = asyncio.ensure_future(
        asyncio.gather(
            room.committer.submit(incoming(30_000, bulk(report(2, 30_000)))),
            room.committer.submit(spoilt),
            room.committer.submit(incoming(15_000, bulk(report(1, 15_000, target="db1")), agent="db1", stream="s3")),
            return_exceptions=True,
        )
    )
    while room.committer.depth < 4:
        await asyncio.sleep(0)
    room.gate.open.set()
    await first
    good, bad, other = await waiting
    assert isinstance(bad, StoreError)
    assert bad.poison
    assert isinstance(good, Receipt)
    assert isinstance(other, Receipt)
    assert (good.acknowledged, other.stored) == ({Lane.BULK: 2}, 1)
    assert (await room.store.counts()).reports == 3


async def test_a_picture_that_fails_does_not_take_back_an_acknowledgement(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_fresh: list[tuple[Evidence, Report]]) -> None:
        raise RuntimeError("picture")

    committer = Committer(store, fail)
    committer.start()
    assert (await committer.submit(incoming(15_000, bulk(report(1, 15_000))))).stored == 1
    assert "the live picture failed on 1 reports" in caplog.text
    await committer.drain()


async def test_a_full_queue_says_so_and_what_waits_is_still_stored(store: Store) -> None:
    room = Room(store, limits=CommitLimits(batches=3, reports=10, one_agent=1.0))
    room.gate.open.clear()
    waiting = [asyncio.ensure_future(room.submit(incoming(15_000, bulk(report(n, 15_000))))) for n in (1, 2)]
    await room.gate.entered.wait()
    assert room.committer.depth == 2
    with pytest.raises(BusyError) as caught:
        await room.submit(incoming(15_000, bulk(*[report(n, 15_000) for n in range(3, 12)])))
    assert caught.value.retry_after_s == 1
    waiting.append(asyncio.ensure_future(room.submit(incoming(15_000, bulk(report(3, 15_000))))))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="3 batches wait"):
        await room.submit(incoming(15_000, bulk(report(4, 15_000))))
    room.gate.open.set()
    await asyncio.gather(*waiting)
    assert room.committer.depth == 0
    await room.committer.drain()


async def test_one_agent_cannot_fill_the_queue(store: Store) -> None:
    room = Room(store, limits=CommitLimits(reports=20))
    room.gate.open.clear()
    batch = [bulk(*[report(number, 15_000) for number in range(1, 4)])]
    waiting = [asyncio.create_task(room.committer.submit(incoming(20_000, *batch, agent="greedy")))]
    await room.gate.entered.wait()
    with pytest.raises(BusyError, match="1 batches of this agent"):
        await room.committer.submit(incoming(20_000, *batch, agent="greedy"))
    waiting.append(asyncio.create_task(room.committer.submit(incoming(20_000, *batch, agent="web1"))))
    await asyncio.sleep(0)
    room.gate.open.set()
    assert [(await one).stored for one in waiting] == [3, 3]
    assert room.committer._of_agent == {}
    assert (await room.committer.submit(incoming(21_000, *batch, agent="greedy"))).duplicates == 3
    await room.committer.drain()


async def test_draining_commits_what_waits_and_refuses_what_comes(room: Room) -> None:
    room.gate.open.clear()
    waiting = [asyncio.ensure_future(room.submit(incoming(15_000, bulk(report(n, 15_000))))) for n in range(1, 5)]
    await room.gate.entered.wait()
    draining = asyncio.ensure_future(room.committer.drain())
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="stopping"):
        await room.submit(incoming(15_000, bulk(report(9, 15_000))))
    room.gate.open.set()
    await draining
    assert [receipts[0].stored for receipts in await asyncio.gather(*waiting)] == [1] * 4
    await room.committer.drain()


async def test_a_caller_that_gives_up_does_not_undo_its_commit(room: Room) -> None:
    room.gate.open.clear()
    caller = asyncio.ensure_future(room.submit(incoming(15_000, bulk(report(1, 15_000)))))
    await room.gate.entered.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    room.gate.open.set()
    [receipt] = await room.submit(incoming(15_000, bulk(report(1, 15_000))))
    assert receipt.duplicates == 1
    assert (await room.store.counts()).reports == 1


async def test_markers_stand_alone_and_their_bounds_are_on_the_timeline(room: Room) -> None:
    stall = report(1, 60_000, module="agent", kind=Kind.STALL, from_ms=10_000, until_ms=59_000, blocks=())
    again = msgspec.structs.replace(stall, seq=2)
    await room.submit(incoming(60_000, facts(stall, again)))
    runs = await room.runs()
    assert [(run.from_ms, run.until_ms, run.count) for run in runs] == [(BORN + 10_000, BORN + 59_000, 1)] * 2


async def test_the_picture_of_a_restart_is_the_newest_of_each_module(room: Room) -> None:
    for n in (1, 2, 3):
        values = (Block(b"h" * 16, bytes([n]) * 8),)
        up = n * 15_000
        await room.submit(
            incoming(
                up, facts(report(n, up, module="heartbeat", blocks=())), bulk(report(n, up, blocks=values, outcome=Outcome.OK))
            )
        )
    await room.submit(incoming(60_000, bulk(report(5, 20_000))))
    picture = [pair async for part in room.store.picture() for pair in part]
    assert {(e.module, e.seq, r.seq, len(r.blocks)) for e, r in picture} == {("heartbeat", 3, 3, 0), ("host", 3, 3, 1)}
    told = {(e.module, e.seq): e for e, _ in room.told}
    assert all(e == told[e.module, e.seq] for e, _ in picture)
    assert next(r for e, r in picture if e.module == "host").blocks == (Block(b"h" * 16, bytes([3]) * 8),)


async def test_a_picture_holds_values_and_a_newer_report_without_them(room: Room) -> None:
    await room.submit(incoming(15_000, bulk(report(1, 15_000))))
    await room.submit(incoming(30_000, bulk(report(2, 30_000, blocks=(), outcome=Outcome.FAILED))))
    assert [(e.seq, len(r.blocks)) async for part in room.store.picture() for e, r in part] == [(1, 1), (2, 0)]


async def test_schemas_are_stored_with_the_batch_and_forgotten_when_nobody_uses_them(room: Room) -> None:
    one, two = (b"1" * 16, b"one"), (b"2" * 16, b"two")
    await room.submit(incoming(1_000, schemas=(one, two)), incoming(1_000, agent="db1", stream="s2", schemas=(one,)))
    assert {(row.agent, row.body) for row in await room.store.load_schemas()} == {
        ("web1", b"one"), ("web1", b"two"), ("db1", b"one"),
    }  # fmt: skip
    await room.submit(incoming(2_000, forgotten=(one[0], two[0])))
    assert [(row.agent, row.hash) for row in await room.store.load_schemas()] == [("db1", one[0])]
    assert (await room.store.counts()).schemas == 1


async def test_a_revoked_agent_is_forgotten_and_loaded_again(room: Room) -> None:
    await room.submit(incoming(15_000, bulk(report(1, 15_000))))
    room.committer.forget("web1")
    [receipt] = await room.submit(incoming(30_000, bulk(report(1, 15_000), report(2, 30_000))))
    assert (receipt.stored, receipt.duplicates) == (1, 1)


SENDS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sends=SENDS, failures=st.lists(st.sampled_from(["never", "before", "after"]), max_size=12), restart=st.integers(0, 12))
async def test_whatever_fails_every_acknowledged_report_is_there_exactly_once(
    new_url: NewUrl, sends: list[list[int]], failures: list[str], restart: int
) -> None:
    store = await Store.open(await new_url())
    room = Room(store)
    room.gate.fail = [(when, StoreError("injected")) for when in failures]
    acknowledged: set[int] = set()
    sent: set[int] = set()
    for step, seqs in enumerate(sends):
        sent |= set(seqs)
        try:
            await room.submit(incoming(1_000_000 + step, bulk(*[report(seq, seq * 15_000) for seq in seqs])))
            acknowledged |= set(seqs)
        except StoreError:
            pass
        if step == restart:
            room = await room.reopen()
    await room.committer.drain()
    counts = await store.counts()
    runs = await room.runs()
    saved = (await store.load_agents({"web1": ["s1"]}))["web1"]
    received = {n for row in saved.sequences for a, b in _ranges(row.received) for n in range(a, b + 1)}
    await store.close()
    assert acknowledged <= received <= sent
    assert counts.reports == sum(run.count for run in runs) == len(received)


def _ranges(text: str) -> list[tuple[int, int]]:
    parts = [part.split("-") for part in text.split()]
    return [(int(part[0]), int(part[-1])) for part in parts]


WRITER = """
    import asyncio, sys
    from agent.model import Kind, Lane, Report
    from agent.wire import Batch, Group
    from collector.ingest.commit import Committer, Incoming
    from collector.store.store import Store

    BORN = 1_700_000_000_000

    async def agent(committer, name):
        for seq in range(1, 1_000_000):
            up = seq * 15_000
            report = Report(seq, name, "host", Kind.REPORT, BORN + up, up, up, interval_ms=15_000)
            group = Group("b1", Lane.BULK, (report,))
            receipt = await committer.submit(Incoming(name, Batch(1, name, "b1", up, up, BORN + up), (group,), BORN + up))
            print(name, seq, receipt.acknowledged[Lane.BULK], flush=True)

    async def main():
        store = await Store.open(sys.argv[1])
        committer = Committer(store, lambda fresh: None)
        committer.start()
        await asyncio.gather(*[agent(committer, f"a{n}") for n in range(8)])

    asyncio.run(main())
"""


@pytest.mark.parametrize("after", [30, 333])
async def test_kill_9_of_a_writing_process_loses_nothing_that_was_acknowledged(url: str, after: int) -> None:
    acknowledged: dict[str, int] = {}
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), url], stdout=subprocess.PIPE, text=True, cwd=root, env=os.environ
    ) as process:
        assert process.stdout is not None
        for count, line in enumerate(process.stdout):
            name, seq, mark = line.split()
            assert seq == mark
            acknowledged[name] = int(seq)
            if count == after:
                process.send_signal(signal.SIGKILL)
    store = await Store.open(url)
    for name, last in acknowledged.items():
        runs = [run async for run in store.evidence(name, 0, 2**60)]
        assert [run.first_seq for run in runs] == [1]
        assert runs[0].count == runs[0].last_seq
        assert last <= runs[0].last_seq <= last + 1, "at most the batch that was in flight is ahead of its acknowledgement"
        saved = (await store.load_agents({name: [name]}))[name]
        assert [row.received for row in saved.sequences] == ([f"1-{runs[0].last_seq}"] if runs[0].last_seq > 1 else ["1"])
    await store.close()
