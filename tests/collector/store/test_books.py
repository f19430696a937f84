"""The ledger's books on SQLite and PostgreSQL: closed days, standing, chain, reports, restatements, configuration history."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from collector.core.change import StoreError
from collector.core.monthly import RestatementLine
from collector.core.restate import Restated
from collector.core.sealing import Entries, IssuedReport, Link, StandingRow, link, seal_month, verify
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule, Objective, Rules, Subject, SubjectKind, Timetable, Version
from collector.store.store import Store

T = 1_700_000_000_000
DAY = 86_400_000
UP = [Span(T, T + DAY, State.UP, Why.REPORTING)]
DOWN = [Span(T, T + 9, State.DOWN, Why.SILENT), Span(T + 9, T + DAY, State.UP, Why.BACKFILL)]


async def test_closed_days_come_back_and_are_replaced_by_month(store: Store) -> None:
    first = seal_month("web1", "2023-11", (T, T + DAY), UP, UP)
    other = seal_month("db1", "2023-11", (T, T + DAY), DOWN, UP)
    later = seal_month("web1", "2023-12", (T + DAY, T + DAY), [], [])
    await store.enter(Entries(months=[first, other, later]))
    assert await store.sealed_months(["2023-11"]) == [other, first]
    assert await store.sealed_months(["2023-12", "2023-11"], ["web1"]) == [first, later]
    again = seal_month("web1", "2023-11", (T, T + DAY), DOWN, UP)
    await store.enter(Entries(months=[again]))
    [found] = await store.sealed_months(["2023-11"], ["web1"])
    assert (found.spans(View.DEVICE), found.spans(View.E2E)) == (DOWN, UP)
    many = [f"t{n}" for n in range(1_200)]
    await store.enter(Entries(months=[seal_month(name, "2024-01", (T, T), UP, UP) for name in many]))
    assert [one.subject for one in await store.sealed_months(["2024-01"], many)] == sorted(many)


async def test_standing_is_what_was_entered_last(store: Store) -> None:
    await store.enter(Entries(standing=[StandingRow("web1", T, b"a"), StandingRow("db1", T, b"b")]))
    await store.enter(Entries(standing=[StandingRow("web1", T + 1, b"\0c")], forgotten=["db1"]))
    assert await store.load_standing() == [StandingRow("web1", T + 1, b"\0c")]


async def test_restated_time_adds_up(store: Store) -> None:
    for ms in (5, 7):
        await store.enter(
            Entries(restated=[Restated("web1", View.DEVICE, "down", "up", ms), Restated("web1", View.E2E, "down", "up", 1)])
        )
    assert await store.load_restated() == [
        Restated("web1", View.DEVICE, "down", "up", 12),
        Restated("web1", View.E2E, "down", "up", 2),
    ]


def grow(last: Link | None, name: str) -> Link:
    return link(last, "day", name, (T, T + DAY, T + 2 * DAY), (b"s" * 32, b"e" * 32))


async def test_r17_4_the_chain_only_grows_at_its_end(store: Store) -> None:
    assert await store.chain_head() is None
    links = [grow(None, "2023-11-15")]
    for day in range(16, 20):
        links.append(grow(links[-1], f"2023-11-{day}"))
    await store.enter(Entries(links=links[:2]))
    await store.enter(Entries(links=links[2:]))
    assert await store.chain_head() == links[-1]
    assert [one async for one in store.chain()] == links
    assert verify([one async for one in store.chain()]) is None
    for wrong in (links[2], grow(links[1], "2023-12-01"), grow(None, "2023-12-01")):
        with pytest.raises(StoreError, match=r"chain: found link \d, expected link 6 after the newest one"):
            await store.enter(Entries(links=[wrong]))
    assert await store.chain_head() == links[-1]


async def test_r17_4_a_row_that_was_altered_in_the_database_is_found(store: Store) -> None:
    links = [grow(None, "2023-11-15")]
    links.append(grow(links[-1], "2023-11-16"))
    await store.enter(Entries(links=links))
    await store._database.write(lambda c: c.execute(text("UPDATE chain SET known_ms = 7 WHERE number = 1")).close())
    assert verify([one async for one in store.chain()]) == 1


async def test_entries_are_written_whole_or_not_at_all(store: Store) -> None:
    """A figure never stands beside half of its reasons."""
    wrong = Entries(
        months=[seal_month("web1", "2023-11", (T, T + DAY), UP, UP)],
        standing=[StandingRow("web1", T, b"a")],
        restated=[Restated("web1", View.DEVICE, "down", "up", 5)],
        links=[grow(grow(None, "2023-11-15"), "2023-11-16")],
    )
    with pytest.raises(StoreError):
        await store.enter(wrong)
    assert await store.sealed_months(["2023-11"]) == await store.load_standing() == await store.load_restated() == []


def report(**fields: Any) -> IssuedReport:
    body = msgspec.json.encode({"báo cáo": ["độ sẵn sàng"] * 500})
    issued = IssuedReport("2023-11", "", 0, T, T + DAY, T + 2 * DAY, T + 3 * DAY, "u1", b"h" * 32, body)
    return msgspec.structs.replace(issued, **fields)


async def test_r17_1_issued_reports_are_numbered_and_kept(store: Store) -> None:
    first = await store.issue_report(report())
    second = await store.issue_report(report(body=b"{}", known_ms=T + 9 * DAY))
    site = await store.issue_report(report(scope="site:dic"))
    assert (first.version, second.version, site.version) == (1, 2, 1)
    assert await store.issued_reports() == [first, second, site]
    assert await store.issued_reports("2023-11", "") == [first, second]
    assert await store.issued_reports("2023-12") == []


async def test_r17_2_restatements_come_back_by_report_and_by_period(store: Store) -> None:
    line = RestatementLine(
        "2023-11", 2, "web1", View.DEVICE, T, T + 9, "down", "up", "R9.3", (7, 8), T + DAY, "", "99.1", "99.2"
    )
    other = msgspec.structs.replace(line, report="2023-12", from_ms=T + DAY, to_ms=T + DAY + 1, evidence=(), approver="u2")
    await store.enter(Entries(restatements=[line, other]))
    assert await store.restatements() == [line, other]
    assert await store.restatements("2023-12") == [other]
    assert await store.restatements(period=(T, T + DAY)) == [line]
    assert await store.restatements(period=(T + 9, T + DAY)) == []


def subject(id_: str = "web1", **fields: Any) -> Subject:
    return msgspec.structs.replace(Subject(id_, site="dic", class_="server", labels={"b": "2", "a": "1"}), **fields)


async def test_r1_2_only_what_changed_of_the_configuration_is_written(store: Store) -> None:
    group = Subject("all", SubjectKind.GROUP, group=Group(GroupRule.K_OF_N, ("web1", "db1"), 1))
    wanted = {"web1": subject(), "all": group}
    assert await store.put_subjects(wanted, "inventory", T) == ["all", "web1"]
    same = {"all": group, "web1": subject(labels={"a": "1", "b": "2"})}
    assert await store.put_subjects(same, "inventory", T + 1) == [], "labels have no order"
    stricter = subject(objective=Objective(slo_ppm=999_000), rules=Rules(fail_after=2, parents=(("r1", "r2"),)))
    assert await store.put_subjects(wanted | {"web1": stricter}, "u1", T + 2) == ["web1"]
    versions = await store.load_subjects()
    assert versions["web1"] == [Version(T, T, "inventory", subject()), Version(T + 2, T + 2, "u1", stricter)]
    assert versions["all"] == [Version(T, T, "inventory", group)]
    assert (await store.load_subjects(T + 1))["web1"] == versions["web1"][:1]
    assert await store.load_subjects(T - 1) == {}


async def test_r12_3_a_subject_that_is_taken_out_is_out_of_scope_until_it_comes_back(store: Store) -> None:
    await store.put_subjects({"web1": subject(scope=((T - 9, T - 5), (T, None)))}, "inventory", T)
    assert await store.put_subjects({}, "inventory", T + 100) == ["web1"]
    assert await store.put_subjects({}, "inventory", T + 200) == []
    assert await store.put_subjects({"web1": subject(scope=((T, None),))}, "inventory", T + 300) == ["web1"]
    history = Timetable((await store.load_subjects())["web1"])
    assert history.at(T + 150).scope == ((T - 9, T - 5), (T, T + 100))
    assert history.at(T + 300).scope == ((T, None),)


async def test_r1_2_settings_have_a_history_too(store: Store) -> None:
    assert await store.put_settings({"calendar:office": b"1", "holidays": b"2"}, "inventory", T) == [
        "calendar:office",
        "holidays",
    ]
    assert await store.put_settings({"calendar:office": b"3"}, "u1", T + 5) == ["calendar:office", "holidays"]
    assert await store.put_settings({"calendar:office": b"3"}, "u1", T + 6) == []
    found = await store.load_settings()
    assert found["calendar:office"] == [Version(T, T, "inventory", b"1"), Version(T + 5, T + 5, "u1", b"3")]
    assert found["holidays"][-1].value == b""
    assert (await store.load_settings(T))["holidays"][-1].value == b"2"
