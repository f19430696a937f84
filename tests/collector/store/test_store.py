"""The store on SQLite and PostgreSQL: one suite, the same answers."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, text

from agent.model import Block, Kind, Lane, Loss, LossReason, Outcome, Reason, Report
from agent.wire import Batch, Group
from collector.core.accounts import AccountError, AccountProblem, Standing
from collector.core.change import (
    Blind,
    BootRow,
    Change,
    Latest,
    LossRow,
    ModuleRow,
    Picture,
    SchemaRow,
    SequenceRow,
    StoreError,
)
from collector.core.evidence import Evidence, Grade, Run, TimeQuality, start_run
from collector.core.skew import BootClock
from collector.ingest.commit import Committer, Incoming
from collector.store import reading
from collector.store.engine import connect
from collector.store.store import Store

T = 1_700_000_000_000
FIRST = Evidence(
    "web1", "web1", "host", Kind.REPORT, T, T + 20, Outcome.OK, Reason.NONE, "", 15_000, "s1", "b1", Lane.BULK, 7, 60_000,
    50_000, T + 3_600_000, Grade.LIVE, TimeQuality.MEASURED,
)  # fmt: skip
ENDS = (Grade.LIVE, TimeQuality.MEASURED)
CLOCK = BootClock(T - 60_000, T - 60_000, T, -3)


def boot(name: str = "b1", *, present: bool = True, agent: str = "web1", stream: str = "s1", rx_ms: int = T) -> BootRow:
    return BootRow(agent, stream, name, True, present, CLOCK, rx_ms, rx_ms)


def run(**more: Any) -> Run:
    return msgspec.structs.replace(start_run(FIRST), **more)


async def runs(store: Store, target: str = "web1", from_ms: int = 0, until_ms: int = 2**60) -> list[Run]:
    return [found async for found in store.evidence(target, from_ms, until_ms)]


async def shown(store: Store) -> Picture:
    return [pair async for part in store.picture() for pair in part]


async def test_a_change_comes_back_as_it_was(store: Store) -> None:
    report = Report(7, "web1", "host", Kind.REPORT, T, 60_000, 50_000, interval_ms=15_000, blocks=(Block(b"h" * 16, bytes(8)),))
    latest = Latest("web1", "host", "web1", "s1", "b1", Lane.BULK, T, T + 20, Grade.LIVE, TimeQuality.MEASURED, report)
    loss = LossRow("web1", "s1", Loss(2, Lane.BULK, "b1", 1, 6, 5, T - 9, T - 1, LossReason.AGE, T, 60_000), T, T + 20)
    marker = run(kind=Kind.STALL, module="agent", detail="đứng máy", from_ms=T - 9_000, until_ms=T, delta_ms=-5, growing=False)
    change = Change(
        boots=[boot()],
        opened=[run(), marker],
        sequences=[SequenceRow("web1", "s1", Lane.BULK, "7", "1-6", T + 20)],
        losses=[loss],
        latest=[latest],
        schemas=[SchemaRow("web1", b"h" * 16, b"body")],
    )
    ids = await store.apply(change)
    assert await runs(store) == [run(id=ids[0]), msgspec.structs.replace(marker, id=ids[1])]
    assert await store.losses("web1") == [loss]
    assert await store.load_schemas() == [SchemaRow("web1", b"h" * 16, b"body")]
    [(evidence, picture)] = await shown(store)
    assert evidence == msgspec.structs.replace(FIRST, wall_ms=T)
    assert picture == report
    saved = (await store.load_agents({"web1": ["s1"]}))["web1"]
    assert saved.boots == (boot(),)
    assert saved.sequences == (SequenceRow("web1", "s1", Lane.BULK, "7", "1-6", T + 20),)
    assert saved.open_runs == (run(id=ids[0]),)
    assert saved.before_ms == 0


async def test_a_run_grows_in_place_and_stops_growing_when_closed(store: Store) -> None:
    [id_] = await store.apply(Change(boots=[boot()], opened=[run()]))
    longer = run(
        id=id_, last_t_ms=T + 9, last_rx_ms=T + 29, last_seq=8, count=2, last_uptime_ms=60_009, last_asleep_ms=3, last_wall_ms=T
    )
    assert await store.apply(Change(extended=[longer])) == []
    assert await runs(store) == [longer]
    await store.apply(Change(closed=[id_]))
    assert await runs(store) == [msgspec.structs.replace(longer, growing=False)]
    assert (await store.load_agents({"web1": ["s1"]}))["web1"].open_runs == ()


async def test_ids_of_many_new_runs_come_in_order(store: Store) -> None:
    opened = [run(first_seq=n, last_seq=n, first_t_ms=T + n, target=f"t{n % 7}") for n in range(2_500)]
    ids = await store.apply(Change(boots=[boot()], opened=opened))
    assert len(set(ids)) == 2_500
    by_id = dict(zip(ids, opened, strict=True))
    for target in range(7):
        for found in await runs(store, f"t{target}"):
            assert found == msgspec.structs.replace(by_id[found.id], id=found.id)


async def test_a_change_is_whole_or_not_at_all(store: Store) -> None:
    await store.apply(Change(boots=[boot()], opened=[run()]))
    before = await store.counts()
    with pytest.raises(StoreError) as caught:
        await store.apply(Change(boots=[boot("b2")], opened=[run(boot="b2"), run(boot="b2", first_seq=2**80)]))
    assert caught.value.poison
    assert await store.counts() == before
    await store.apply(Change(boots=[boot("b3")]))
    assert (await store.counts()).boots == 2


async def test_a_run_of_an_unknown_boot_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="1 boots that new runs belong to are gone"):
        await store.apply(Change(opened=[run()]))


async def test_sqlite_notices_a_run_that_is_gone(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    with pytest.raises(StoreError, match="1 runs were to grow and 0 are there"):
        await store.apply(Change(extended=[run(id=99)]))
    await store.close()


async def test_a_full_disk_fails_that_change_and_the_next_one_works(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")

    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1").close()

    await store._database.write(fill)
    many = Change(boots=[boot()], opened=[run(detail="x" * 900, first_seq=n) for n in range(500)])
    with pytest.raises(StoreError, match="disk is full") as caught:
        await store.apply(many)
    assert not caught.value.poison
    assert len(await store.apply(many)) == 500
    await store.close()


async def test_a_lost_connection_fails_that_change_and_the_next_one_works(postgres_url: str) -> None:
    store, other = await Store.open(postgres_url), connect(postgres_url)
    await store.apply(Change(boots=[boot()]))
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.write(lambda connection: connection.execute(others).close())
    with pytest.raises(StoreError) as caught:
        await store.apply(Change(opened=[run()]))
    assert not caught.value.poison
    assert len(await store.apply(Change(opened=[run()]))) == 1
    await store.close()
    await other.close()


async def test_older_values_never_replace_newer_ones(store: Store) -> None:
    def latest(t_ms: int) -> Latest:
        report = Report(t_ms - T, "web1", "host", Kind.REPORT, t_ms, 1, 1)
        return Latest("web1", "host", "web1", "s1", "b1", Lane.BULK, t_ms, t_ms, Grade.LIVE, TimeQuality.MEASURED, report)

    for t_ms in (T + 5, T + 9, T + 7):
        await store.apply(Change(latest=[latest(t_ms)]))
    assert [evidence.t_ms for evidence, _ in await shown(store)] == [T + 9]


async def test_a_picture_comes_in_parts_of_whole_targets(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and runs of each target are in one part, oldest first, however the pages fall."""
    monkeypatch.setattr(reading, "VALUES_PAGE", 4)
    names = [f"t{number:02}" for number in range(9)]

    def latest(target: str, number: int) -> Latest:
        report = Report(number, target, f"m{number}", Kind.REPORT, T, 1, 1)
        return Latest(target, report.module, "web1", "s1", "b1", Lane.BULK, T + number, T, *ENDS, report)

    values = [latest(target, number) for target in names for number in range(1 + int(target[1:]) % 3, 0, -1)]
    opened = [run(target=target, module="heartbeat", last_t_ms=T + 2) for target in [*names, "bare"]]
    opened.append(run(target="t01", module="m1", last_t_ms=T + 9, last_seq=77))
    await store.apply(Change(boots=[boot()], opened=opened, latest=values))
    parts = [[(e.target, e.module, e.t_ms - T) for e, _ in part] async for part in store.picture()]
    assert len(parts) > 4
    seen = [pair for part in parts for pair in part]
    expected = [(one.target, one.module, one.t_ms - T) for one in values]
    expected += [(target, "heartbeat", 2) for target in [*names, "bare"]] + [("t01", "m1", 9)]
    assert sorted(seen) == sorted(expected)
    for part in parts:
        assert [t for _, _, t in part] == sorted(t for _, _, t in part)
    for target in [*names, "bare"]:
        assert sum(any(name == target for name, _, _ in part) for part in parts) == 1


async def test_modules_that_made_room_take_their_values_along(store: Store) -> None:
    def latest(target: str, module: str, agent: str) -> Latest:
        return Latest(
            target, module, agent, "s1", "b1", Lane.BULK, T, T, *ENDS, Report(1, target, module, Kind.REPORT, T, 1, 1)
        )

    rows = [ModuleRow("web1", "web1", name, T + number) for number, name in enumerate("abc")]
    await store.apply(
        Change(modules=rows, latest=[latest("web1", name, "web1") for name in "ab"] + [latest("web1", "d", "db1")])
    )
    await store.apply(Change(modules=[ModuleRow("web1", "web1", "a", T + 7)], dropped=[("web1", "web1", "b")]))
    await store.apply(Change(dropped=[("web1", "web1", "d")]))
    saved = await store.load_agents({"web1": ["s1"], "db1": ["s1"]})
    assert set(saved["web1"].modules) == {ModuleRow("web1", "web1", "a", T + 7), rows[2]}
    assert saved["db1"].modules == ()
    assert {e.module for e, _ in await shown(store)} == {"a", "d"}, "another agent's values are not its to drop"


async def test_any_number_of_lost_reports_can_be_counted(store: Store) -> None:
    """Each record may state 2^53, of which a thousand are more than SQLite's own sum can hold."""
    most = 2**53 - 1
    losses = [
        LossRow("web1", "s1", Loss(seq, Lane.BULK, "b1", 1, most, most, T, T, LossReason.CORRUPT, T, 1), T, T)
        for seq in range(1, 2_001)
    ]
    await store.apply(Change(boots=[boot()], losses=losses))
    assert (await store.counts()).lost_reports == 2_000 * most


async def test_an_agent_is_loaded_with_its_streams_and_the_present_one(store: Store) -> None:
    await store.apply(
        Change(
            boots=[
                boot("b1", present=False, stream="old", rx_ms=T + 1),
                boot("b2", present=False, stream="s1", rx_ms=T + 2),
                boot("b3", stream="s1", rx_ms=T + 3),
                boot("b1", agent="db1", stream="s1"),
            ],
            sequences=[SequenceRow("web1", stream, lane, "1", "", T) for stream in ("old", "s1") for lane in Lane],
        )
    )
    saved = await store.load_agents({"web1": ["new"], "nobody": ["x"]})
    assert [row.boot for row in saved["web1"].boots] == ["b3"]
    assert {row.stream for row in saved["web1"].sequences} == {"s1"}
    assert saved["web1"].before_ms == T + 2
    assert saved["nobody"].boots == saved["nobody"].sequences == ()
    saved = await store.load_agents({"web1": ["old", "new"]})
    assert {(row.stream, row.boot) for row in saved["web1"].boots} >= {("old", "b1"), ("s1", "b3")}
    assert {row.stream for row in saved["web1"].sequences} == {"old", "s1"}


async def test_a_boot_keeps_its_clock_and_that_it_has_sent(store: Store) -> None:
    await store.apply(Change(boots=[boot()]))
    await store.apply(Change(boots=[BootRow("web1", "s1", "b1", False, False, None, T + 5, T + 5)]))
    [row] = (await store.load_agents({"web1": ["s1"]}))["web1"].boots
    assert row == BootRow("web1", "s1", "b1", True, False, CLOCK, T, T + 5)


async def test_evidence_is_read_by_period_and_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 7)
    opened = [run(first_t_ms=T + n // 3, last_t_ms=T + n // 3 + 10, first_seq=n) for n in range(40)]
    await store.apply(Change(boots=[boot()], opened=opened))
    assert [found.first_seq for found in await runs(store)] == list(range(40))
    part = await runs(store, from_ms=T + 15, until_ms=T + 8)
    assert [found.first_t_ms for found in part] == [T + n // 3 for n in range(15, 24)]
    assert await runs(store, "nobody") == []


async def test_committers_promise_holds_on_both(store: Store) -> None:
    committer = Committer(store, lambda fresh: None)
    committer.start()

    async def agent(name: str) -> None:
        for seq in range(1, 21):
            up = seq * 15_000
            report = Report(
                seq, name, "host", Kind.REPORT, T + up, up, up, interval_ms=15_000, blocks=(Block(b"h" * 16, bytes(80)),)
            )
            group = Group("b1", Lane.BULK, (report,))
            receipt = await committer.submit(Incoming(name, Batch(1, name, "b1", up, up, T + up), (group,), T + up))
            assert receipt.acknowledged == {Lane.BULK: seq}

    await asyncio.gather(*[agent(f"a{n}") for n in range(16)])
    await committer.drain()
    counts = await store.counts()
    assert (counts.runs, counts.reports, counts.latest, counts.boots) == (16, 320, 16, 16)


async def test_r5_3_the_first_start_of_all_was_blind_to_nothing(store: Store) -> None:
    assert await store.begin(T) is None
    assert await store.blinds(0, 2**60) == []


async def test_r5_3_a_start_after_a_crash_is_blind_since_the_last_heartbeat(store: Store) -> None:
    await store.begin(T)
    await store.heartbeat(T + 10_000)
    await store.heartbeat(T + 20_000)
    expected = Blind("collector", T + 20_000, T + 95_000, "died")
    assert await store.begin(T + 95_000) == expected
    assert await store.blinds(0, 2**60) == [expected]
    assert await store.begin(T + 99_000) == Blind("collector", T + 95_000, T + 99_000, "died"), "a start is a heartbeat too"


async def test_r5_3_a_clean_stop_writes_its_own_start_of_blindness(store: Store) -> None:
    await store.begin(T)
    await store.finish(T + 12_345)
    assert await store.blinds(0, 2**60) == [Blind("collector", T + 12_345, None, "stopped")]
    expected = Blind("collector", T + 12_345, T + 60_000, "stopped")
    assert await store.begin(T + 60_000) == expected
    assert await store.blinds(0, 2**60) == [expected]


async def test_a_clock_set_back_makes_no_negative_blindness(store: Store) -> None:
    await store.begin(T)
    assert await store.begin(T - 3_600_000) == Blind("collector", T, T, "died")


async def test_blinds_are_found_by_period_and_observer(store: Store) -> None:
    await store.blind(T, T + 10, "stall")
    await store.blind(T + 20, T + 30, "stall")
    assert [blind.from_ms for blind in await store.blinds(T + 10, T + 20)] == []
    assert [blind.from_ms for blind in await store.blinds(T + 9, T + 21)] == [T, T + 20]
    assert await store.blinds(0, 2**60, observer="other") == []


def hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def refused(work: Any) -> AccountProblem:
    with pytest.raises(AccountError) as caught:
        await work
    return caught.value.problem


async def test_an_agent_is_invited_enrolled_rotated_and_revoked(store: Store) -> None:
    versions = [await store.agents_version()]
    account = await store.add_agent("web1", "hq", "server", T)
    assert (account.standing, account.created_ms) == (Standing.INVITED, T)
    versions.append(await store.agents_version())
    await store.create_code("web1", hashed("code"), T + 1_000, T)
    versions.append(await store.agents_version())
    enrolled = await store.redeem_code(hashed("code"), hashed("token"), T + 999, agent_version="0.1\0", hostname="x" * 999)
    assert (enrolled.standing, enrolled.enrolled_ms, enrolled.agent_version) == (Standing.ACTIVE, T + 999, "0.1")
    assert await store.tokens() == {hashed("token"): "web1"}
    versions.append(await store.agents_version())
    await store.rotate_token("web1", hashed("new"), T + 2_000)
    assert await store.tokens() == {hashed("new"): "web1"}
    versions.append(await store.agents_version())
    await store.revoke("web1", T + 3_000)
    assert await store.tokens() == {}
    versions.append(await store.agents_version())
    [account] = await store.agents()
    assert (account.standing, account.revoked_ms) == (Standing.REVOKED, T + 3_000)
    assert await refused(store.rotate_token("web1", hashed("more"), T)) is AccountProblem.REVOKED
    await store.create_code("web1", hashed("again"), T + 9_000, T + 4_000)
    [account] = await store.agents()
    assert (account.standing, account.revoked_ms) == (Standing.INVITED, 0)
    await store.redeem_code(hashed("again"), hashed("back"), T + 5_000)
    assert await store.tokens() == {hashed("back"): "web1"}
    assert all(left < right for left, right in itertools.pairwise(versions))


async def test_what_does_not_fit_is_refused_with_its_reason(store: Store) -> None:
    await store.add_agent("web1", "hq", "server", T)
    version = await store.agents_version()
    assert await refused(store.add_agent("web1", "hq", "server", T)) is AccountProblem.EXISTS
    assert await refused(store.create_code("web2", hashed("c"), T + 1, T)) is AccountProblem.UNKNOWN
    assert await refused(store.rotate_token("web2", hashed("c"), T)) is AccountProblem.UNKNOWN
    assert await refused(store.revoke("web2", T)) is AccountProblem.UNKNOWN
    assert await refused(store.redeem_code(hashed("c"), hashed("t"), T)) is AccountProblem.CODE_UNKNOWN
    assert await store.agents_version() == version


async def test_a_code_is_good_once_until_its_end_and_until_the_next_one(store: Store) -> None:
    await store.add_agent("web1", "hq", "server", T)
    await store.create_code("web1", hashed("first"), T + 1_000, T)
    await store.create_code("web1", hashed("second"), T + 1_000, T)
    assert await refused(store.redeem_code(hashed("first"), hashed("t"), T)) is AccountProblem.CODE_UNKNOWN
    assert await refused(store.redeem_code(hashed("second"), hashed("t"), T + 1_000)) is AccountProblem.CODE_EXPIRED
    await store.redeem_code(hashed("second"), hashed("t"), T + 999)
    assert await refused(store.redeem_code(hashed("second"), hashed("t2"), T + 999)) is AccountProblem.CODE_USED
    assert await store.tokens() == {hashed("t"): "web1"}


async def test_of_many_who_redeem_one_code_at_once_one_wins(url: str) -> None:
    stores = [await Store.open(url) for _ in range(3)]
    await stores[0].add_agent("web1", "hq", "server", T)
    await stores[0].create_code("web1", hashed("code"), T + 1_000, T)
    tries = [stores[n % 3].redeem_code(hashed("code"), hashed(f"t{n}"), T) for n in range(9)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert [error.problem for error in errors if isinstance(error, AccountError)] == [AccountProblem.CODE_USED] * 8
    assert len(await stores[0].tokens()) == 1
    for store in stores:
        await store.close()


async def test_another_process_may_change_accounts_while_reports_are_stored(url: str) -> None:
    collector, command_line = await Store.open(url), await Store.open(url)
    ids = await collector.apply(Change(boots=[boot()], opened=[run()]))

    async def store_reports() -> None:
        for n in range(1, 60):
            await collector.apply(Change(extended=[run(id=ids[0], count=n, last_seq=n)]))

    async def change_accounts() -> None:
        for n in range(30):
            await command_line.add_agent(f"a{n}", "hq", "server", T)

    await asyncio.gather(store_reports(), change_accounts())
    assert (await collector.counts()).agents == 30
    assert (await command_line.counts()).reports == 59
    await collector.close()
    await command_line.close()


async def test_when_an_agent_was_heard_is_listed(store: Store) -> None:
    await store.add_agent("web1", "hq", "server", T)
    await store.add_agent("db1", "hq", "server", T)
    await store.apply(
        Change(sequences=[SequenceRow("web1", "s1", lane, "1", "", T + rx) for lane, rx in zip(Lane, (5, 9), strict=True)])
    )
    assert [(account.id, account.heard_ms) for account in await store.agents()] == [("db1", 0), ("web1", T + 9)]


YEAR_MS = 365 * 86_400_000
INTERVAL_MS = 15_000
INCIDENTS = 50


def year_of(agent: str) -> Change:
    """A year of one server that reports every 15 s: 35 cuts of the line with a backlog, 15 restarts of the machine."""
    change = Change()
    stream, number, stretch_ms = f"{agent}-{hashed(agent).hex()[:24]}", 1, YEAR_MS // INCIDENTS
    for incident in range(INCIDENTS):
        name = hashed(f"{agent}{incident // 4}").hex()[:36]
        if incident % 4 == 0:
            change.boots.append(boot(name, agent=agent, stream=stream))
        begin = T + incident * stretch_ms
        count = stretch_ms // INTERVAL_MS
        for module, lane in (("heartbeat", Lane.FACTS), ("host", Lane.BULK)):
            whole = run(
                target=agent, observer=agent, module=module, lane=lane, stream=stream, boot=name, first_t_ms=begin,
                last_t_ms=begin + stretch_ms, first_rx_ms=begin + 20, last_rx_ms=begin + stretch_ms + 20, first_seq=number,
                last_seq=number + count, count=count, first_uptime_ms=begin - T, last_uptime_ms=begin - T + stretch_ms,
                first_wall_ms=begin + 3, last_wall_ms=begin + stretch_ms + 3,
            )  # fmt: skip
            change.opened += [whole, msgspec.structs.replace(whole, grade=Grade.LATE, growing=False)]
        if incident % 4 == 0:
            for kind in (Kind.AGENT_STOP, Kind.AGENT_START):
                change.opened.append(
                    run(target=agent, observer=agent, module="agent", kind=kind, stream=stream, boot=name, growing=False)
                )
        number += count
    change.sequences = [SequenceRow(agent, stream, lane, f"1-{number}", "", T) for lane in Lane]
    return change


async def test_a_target_year_of_15_s_reports_with_50_incidents_fits_64_kib(tmp_path: Path) -> None:
    path, targets = tmp_path / "haidang.db", 40
    store = await Store.open(f"sqlite:///{path}")
    await store.close()
    empty = path.stat().st_size
    store = await Store.open(f"sqlite:///{path}")
    for n in range(targets):
        await store.apply(year_of(f"hdg-ubnd-{n:04d}"))
    counts = await store.counts()
    await store.close()
    assert counts.reports > targets * 2 * YEAR_MS // INTERVAL_MS
    each = (path.stat().st_size - empty) / targets
    print(f"{each / 1024:.1f} KiB a target-year, {counts.runs / targets:.0f} rows")
    assert each <= 64 * 1024
