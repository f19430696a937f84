"""Evidence read back for judgement, its digest, and its end: on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import text

from agent.model import Kind, Lane, Outcome, Reason
from collector.core.change import BootRow, Change
from collector.core.evidence import LONGEST_MS, Evidence, Grade, Run, TimeQuality, extend, start_run
from collector.core.sealing import Entries, seal_month
from collector.core.skew import BootClock
from collector.core.stretch import BlindSpan
from collector.core.waypoints import stretch_at
from collector.store import recall, retention
from collector.store.store import Store

T = 1_700_000_000_000
DAY = 86_400_000
FIRST = Evidence(
    "web1", "web1", "heartbeat", Kind.REPORT, T, T + 20, Outcome.OK, Reason.NONE, "", 15_000, "s1", "b1", Lane.FACTS, 7,
    60_000, 50_000, T, Grade.LIVE, TimeQuality.MEASURED,
)  # fmt: skip


def boot(agent: str = "web1", name: str = "b1") -> BootRow:
    return BootRow(agent, "s1", name, True, True, BootClock(T, T, T, 0), T, T)


def run(first_ms: int = T, last_ms: int | None = None, **fields: Any) -> Run:
    last = first_ms if last_ms is None else last_ms
    times = {"first_t_ms": first_ms, "last_t_ms": last, "first_rx_ms": first_ms + 20, "last_rx_ms": last + 20}
    count = 1 + (last - first_ms) // 15_000
    return msgspec.structs.replace(start_run(FIRST), **(times | {"count": count, "growing": False} | fields))


async def save(store: Store, *runs: Run) -> list[Run]:
    agents = {(one.observer, one.boot) for one in runs}
    ids = await store.apply(Change(boots=[boot(*pair) for pair in sorted(agents)], opened=list(runs)))
    return [msgspec.structs.replace(one, id=id_) for one, id_ in zip(runs, ids, strict=True)]


async def test_r5_6_a_period_is_read_with_the_day_on_either_side(store: Store) -> None:
    period = (T, T + DAY)
    inside = [
        run(T - LONGEST_MS, T + 5), run(T - DAY - 9, T - DAY), run(T + 9, T + 19), run(T + DAY, T + 3 * DAY),
        run(T + 2 * DAY - 1, T + 9 * DAY, module="host"),
    ]  # fmt: skip
    outside = [run(T - DAY - 9, T - DAY - 1), run(T + 2 * DAY, T + 3 * DAY), run(target="db1", observer="db1")]
    saved = await save(store, *inside, *outside)
    found = await store.runs_of(["web1", "nobody"], *period)
    assert found == {"web1": sorted(saved[:5], key=lambda one: one.first_t_ms), "nobody": []}
    assert await store.runs("db1", *period) == saved[-1:]


async def test_r6_3_a_target_that_is_silent_for_long_is_read_with_its_last_evidence(store: Store) -> None:
    before = await save(
        store,
        run(T - 300 * DAY, T - 290 * DAY), run(T - 280 * DAY, T - 260 * DAY), run(T - 270 * DAY, T - 259 * DAY, module="host"),
        run(T - 259 * DAY + 1, module="agent", kind=Kind.AGENT_STOP, detail="shutdown"), run(T - 500 * DAY, module="old"),
        run(T + 20 * DAY, T + 22 * DAY), run(T + 30 * DAY),
    )  # fmt: skip
    found = await store.runs("web1", T, T + DAY)
    assert found == [before[1], before[2], before[3], before[5]]


async def test_many_targets_come_in_one_call(store: Store) -> None:
    names = [f"t{n:04}" for n in range(1_100)]
    saved = await save(store, *[run(target=name) for name in names])
    found = await store.runs_of(names, T, T + DAY)
    assert [one for name in names for one in found[name]] == saved


async def test_r1_3_stretches_are_what_the_runs_told_at_k(store: Store) -> None:
    failing: Run | None = start_run(msgspec.structs.replace(FIRST, outcome=Outcome.FAILED, kind=Kind.OBS, module="tcp"))
    for n in range(1, 6):
        assert failing is not None
        at_ms = T + n * 15_000
        one = msgspec.structs.replace(FIRST, outcome=Outcome.FAILED, kind=Kind.OBS, module="tcp", t_ms=at_ms, seq=7 + n)
        failing = extend(failing, msgspec.structs.replace(one, rx_ms=at_ms + 20, uptime_ms=n + 60_000, awake_ms=50_000 + n))
    assert failing is not None
    await save(
        store, failing, run(T, T + 60_000), run(T + 5_000, observer="site", kind=Kind.OBS), run(T, quality=TimeQuality.CLAMPED),
        run(T, grade=Grade.LATE, first_rx_ms=T + DAY, last_rx_ms=T + DAY), run(T, outcome=Outcome.ERROR),
        run(T, module="agent", kind=Kind.STALL, from_ms=T - 90_000, until_ms=T), run(T, outcome=Outcome.DEGRADED),
        run(T, module="agent", kind=Kind.AGENT_STOP, detail="suspend"),
    )  # fmt: skip
    runs = await store.runs("web1", T, T + DAY)
    assert len(runs) == 9
    for known_ms in (T + 19, T + 20, T + 30_000, T + 60_020, T + 2 * DAY):
        expected = [told for one in runs if (told := stretch_at(one, known_ms)) is not None]
        assert (await store.stretches_of(["web1"], T, T + DAY, known_ms))["web1"] == expected
    assert len((await store.stretches_of(["web1"], T, T + DAY, T + 30_000))["web1"]) == 7


async def test_r5_3_blindness_of_all_observers(store: Store) -> None:
    await store.blind(T, T + 10, "stall")
    await store.finish(T + 50)
    told = run(T + 40, target="site", observer="site", module="agent", kind=Kind.BLIND, from_ms=T + 5, until_ms=T + 40)
    await save(store, told)
    assert await store.blind_spans(T, T + DAY, T + 99) == [
        BlindSpan("collector", T, T + 10), BlindSpan("site", T + 5, T + 40), BlindSpan("collector", T + 50, T + 99),
    ]  # fmt: skip
    assert await store.blind_spans(T, T + DAY, T + 45) == [BlindSpan("collector", T, T + 10)], "the site's was not received yet"
    assert await store.blind_spans(T + 41, T + 50, T + DAY) == []


async def test_r5_3_blindness_for_one_target_is_about_that_target(store: Store) -> None:
    await save(store, run(T + 40, target="room", observer="site", module="sight", kind=Kind.BLIND, from_ms=T, until_ms=T + 40))
    assert await store.blind_spans(T, T + DAY, T + 99) == [BlindSpan("site", T, T + 40, "room")]


async def test_r17_4_the_digest_of_a_day_survives_what_comes_later_and_nothing_else(store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(recall, "PAGE", 3)
    day, known_ms = (T, T + DAY), T + DAY + 30_000
    growing = start_run(FIRST)
    for n in range(1, DAY // 15_000 + 300):
        times = {"t_ms": T + n * 15_000, "rx_ms": T + n * 15_000 + 20, "seq": 7 + n}
        longer = extend(growing, msgspec.structs.replace(FIRST, uptime_ms=60_000, **times))
        assert longer is not None
        growing = longer
    saved = await save(store, growing, *[run(T + n, target=f"t{n}") for n in range(7)])
    await store.blind(T + 5, T + 9, "stall")
    before = await store.evidence_digest(*day, known_ms)
    grown = extend(saved[0], msgspec.structs.replace(FIRST, t_ms=saved[0].last_t_ms + 15_000, rx_ms=known_ms + DAY, seq=99_999))
    assert grown is not None
    await store.apply(Change(extended=[grown]))
    await save(store, run(T + 3, grade=Grade.LATE, first_rx_ms=known_ms + 1, last_rx_ms=known_ms + 1))
    await store.blind(T + 2 * DAY, T + 3 * DAY, "died")
    assert await store.evidence_digest(*day, known_ms) == before
    assert await store.evidence_digest(*day, known_ms + DAY) != before, "what was known later is more"
    await store._database.write(lambda c: c.execute(text("UPDATE evidence SET outcome = 'failed' WHERE target = 't5'")).close())
    assert await store.evidence_digest(*day, known_ms) != before


async def test_old_evidence_goes_in_small_steps_and_the_books_stay(store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "STEP", 4)
    old = [run(T + n, target=f"t{n}") for n in range(10)]
    late = run(T + 20, grade=Grade.LATE, first_rx_ms=T + 5 * DAY, last_rx_ms=T + 5 * DAY)
    kept = [run(T, T + 2 * DAY), run(T, growing=True), run(T + 3 * DAY)]
    await save(store, *old, *kept[:2], late, kept[2])
    await store.blind(T, T + 9, "stall")
    await store.blind(T + 3 * DAY, T + 3 * DAY + 9, "stall")
    month = seal_month("t1", "2023-11", (T, T + DAY), [], [])
    await store.enter(Entries(months=[month]))
    assert await store.pruned_before() is None
    assert await store.prune(T + DAY) == 10
    assert (await store.counts()).runs == 4, "what came late goes when its receipt is as old"
    assert await store.pruned_before() == T + DAY
    assert [blind.from_ms for blind in await store.blinds(0, 2**60)] == [T + 3 * DAY]
    assert await store.sealed_months(["2023-11"]) == [month]
    assert await store.prune(T) == 0
    assert await store.pruned_before() == T + DAY
    assert await store.prune(T + 6 * DAY) == 3
    assert [one.growing for one in await store.runs("web1", T, T + DAY)] == [True]
