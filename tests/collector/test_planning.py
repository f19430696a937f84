"""Maintenance that the inventory plans, in a running collector: asked for, approved, changed, removed, over restarts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.app import Collector
from collector.commands.acts_text import Teller
from collector.core.acts import ActKind, ActRefusedError, Body, fold
from collector.core.people import Actor, Role
from collector.core.windows import WindowRecord, WindowStatus, status
from collector.expose.acts_views import window_view
from tests.collector.conftest import Running
from tests.collector.poll_kit import config_of, until

TARGET = "  - {id: portal, site: dic, class: web, via: collector}\n"
LOCAL = Actor("os:root", Role.ADMIN, "local")
APPROVER = Actor("u2", Role.APPROVER, "192.0.2.1")


def moment(**ahead: int) -> str:
    """A time from now, as written."""
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat(timespec="seconds")


def entry(id_: str = "patch", begin: str = "", more: str = "", scope: str = "portal") -> str:
    return f"  - {{id: {id_}, title: Vá lỗi, scope: [{scope}], from: {begin or moment(hours=1)}, for: 2h{more}}}\n"


def plan(folder: Path, *entries: str) -> None:
    """The file of planned maintenance beside the others."""
    (folder / "inventory" / "maintenance.yml").write_text(
        "maintenance:\n" + "".join(entries) if entries else "", encoding="utf-8"
    )


async def windows(collector: Collector) -> dict[str, WindowRecord]:
    return fold(await collector.store.window_acts(), 1 << 62)


async def taken(collector: Collector) -> dict[str, WindowRecord]:
    """The windows once the collector has done what its inventory asks for."""
    await until(lambda: collector.ledgers.keeper.is_loaded and collector.ledgers._wanted is None)
    await until(lambda: collector.ledgers._planning._wanted is None)
    return await windows(collector)


def standing(collector: Collector, records: dict[str, WindowRecord]) -> dict[str, WindowStatus]:
    return {id_: status(record, collector.now_ms()) for id_, record in records.items()}


async def approve(collector: Collector, id_: str, **texts: str) -> None:
    if "u2" not in {person.name for person in await collector.store.people()}:
        await collector.store.add_person("u2", Role.APPROVER, b"u2", LOCAL, now_ms=collector.now_ms())
    request = (APPROVER, collector.now_ms(), collector.ledgers.rules())
    await collector.store.act_on_window(id_, ActKind.APPROVE, Body(**texts), request)
    collector.ledgers.acted()


@pytest.fixture
def config(tmp_path: Path) -> Any:
    return config_of(tmp_path, TARGET)


async def test_an_entry_waits_for_a_person_and_then_counts(tmp_path: Path, config: Any, start: Any) -> None:
    """What runs already is asked for from now on; the list tells from which file; every step is in the audit trail."""
    plan(tmp_path, entry(begin=moment(hours=-1), more=", change: CR-1"))
    running: Running = await start(config)
    collector = running.collector
    record = (await taken(collector))["M1"]
    assert (record.author, record.approver, record.reason) == ("inventory", "", "Vá lỗi")
    assert standing(collector, {"M1": record}) == {"M1": WindowStatus.PENDING}
    view = msgspec.to_builtins(window_view(record, collector.now_ms()))
    told = Teller("vi", collector.ledgers.keeper.zone)
    assert "inventory (maintenance.yml: patch)" in told.windows({"maintenance": [view], "next": ""})
    assert "maintenance.yml, mục patch" in told.window(view)
    assert not collector.ledgers.keeper.terms.windows
    await approve(collector, "M1")
    await until(lambda: [w.id for w in collector.ledgers.keeper.terms.windows] == ["M1"])
    window = collector.ledgers.keeper.terms.windows[0]
    assert window.from_ms == record.created_ms, "never for the past"
    rows = {(row.entry.actor, row.entry.source, row.entry.act) for row in await collector.store.audit_rows(None, 100)}
    assert ("inventory", "configuration", "maintenance.create") in rows
    assert await collector.store.verify_acts() is None


async def test_a_change_asks_anew_and_a_removal_takes_back(tmp_path: Path, config: Any, start: Any) -> None:
    """A reload without changes does nothing; a refused inventory changes nothing."""
    begin = moment(hours=1)
    plan(tmp_path, entry(begin=begin))
    collector = (await start(config)).collector
    await taken(collector)
    await approve(collector, "M1")
    before = await collector.store.acts_version()
    assert await collector.reload()
    await taken(collector)
    assert await collector.store.acts_version() == before
    plan(tmp_path, entry(begin=begin), entry(id_="wrong", scope="nobody"))
    assert not await collector.reload()
    await taken(collector)
    assert await collector.store.acts_version() == before
    plan(tmp_path, entry(begin=begin, more=", propagate: true"))
    assert await collector.reload()
    assert standing(collector, await taken(collector)) == {"M1": WindowStatus.CANCELLED, "M2": WindowStatus.PENDING}
    plan(tmp_path)
    assert await collector.reload()
    assert standing(collector, await taken(collector)) == {"M1": WindowStatus.CANCELLED, "M2": WindowStatus.CANCELLED}
    rows = [row.entry for row in await collector.store.audit_rows(None, 100)]
    assert [(one.actor, one.object) for one in rows if one.act == "maintenance.cancel"] == [
        ("inventory", "M2"),
        ("inventory", "M1"),
    ]


async def test_what_runs_is_over_when_its_entry_is_gone(tmp_path: Path, config: Any, start: Any) -> None:
    """What counted of it goes on counting."""
    plan(tmp_path, entry(begin=moment(hours=-1)))
    collector = (await start(config)).collector
    await taken(collector)
    await approve(collector, "M1", reason="late", change="CR-1")
    await until(
        lambda: (
            collector.now_ms() > collector.ledgers.keeper.terms.windows[0].from_ms
            if collector.ledgers.keeper.terms.windows
            else False
        )
    )
    plan(tmp_path)
    assert await collector.reload()
    record = (await taken(collector))["M1"]
    assert (status(record, collector.now_ms()), len(record.ends), record.cancels) == (WindowStatus.ENDED, 1, ())
    await until(lambda: collector.ledgers.keeper.terms.windows[0].to_ms <= collector.now_ms())


async def test_a_restart_asks_for_nothing_twice(tmp_path: Path, config: Any, run_once: Callable[[Any], Any]) -> None:
    """What changed while the collector was away is done when it comes back."""
    begin = moment(hours=-1)
    plan(tmp_path, entry(begin=begin), entry(id_="later", begin=moment(hours=9)))
    async with run_once(config) as running:
        assert set(await taken(running.collector)) == {"M1", "M2"}
    async with run_once(config) as running:
        assert set(await taken(running.collector)) == {"M1", "M2"}
        assert len(await running.collector.store.window_acts()) == 2
    plan(tmp_path, entry(begin=begin))
    async with run_once(config) as running:
        records = await taken(running.collector)
        assert standing(running.collector, records) == {"M1": WindowStatus.PENDING, "M2": WindowStatus.CANCELLED}


async def test_all_of_an_inventory_is_asked_for_or_nothing(
    tmp_path: Path, config: Any, run_once: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the process between two acts: what it did not finish is not there, and is done after the restart."""
    begin = moment(hours=1)
    plan(tmp_path, entry(begin=begin))
    async with run_once(config) as running:
        await taken(running.collector)
    plan(tmp_path, entry(begin=begin, more=", change: CR-2"), entry(id_="second", begin=moment(hours=9)))
    from collector.store import acts as module

    made, count = module._made, []

    def dies(*given: Any) -> Any:
        count.append(1)
        if len(count) % 2 == 0:
            raise RuntimeError("as if the process ended here")
        return made(*given)

    monkeypatch.setattr(module, "_made", dies)
    async with run_once(config) as running:
        await until(lambda: len(count) >= 2)
        assert standing(running.collector, await windows(running.collector)) == {"M1": WindowStatus.PENDING}
    monkeypatch.undo()
    async with run_once(config) as running:
        records = await taken(running.collector)
        assert list(standing(running.collector, records).values()) == [
            WindowStatus.CANCELLED, WindowStatus.PENDING, WindowStatus.PENDING,
        ]  # fmt: skip
        assert await running.collector.store.verify_acts() is None
        assert await running.collector.store.verify_audit() is None


async def test_what_the_rules_refuse_is_told_with_its_place(
    tmp_path: Path, config: Any, start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; and the entry is asked for when nothing is in its way any more."""
    caplog.set_level(logging.WARNING)
    begin = moment(hours=1)
    first = entry(id_="first", begin=begin)
    plan(tmp_path, first, entry(id_="second", begin=begin))
    collector = (await start(config)).collector
    assert set(await taken(collector)) == {"M1"}
    assert await collector.reload()
    await taken(collector)
    refused = [one.getMessage() for one in caplog.records if one.name == "haidang.planning"]
    assert len(refused) == 1
    assert "maintenance.yml:3: maintenance second: found a window that is refused: M1:" in refused[0]
    unread = [
        one.getMessage() for one in caplog.records if "the same scope and some of the same time as first" in one.getMessage()
    ]
    assert len(unread) == 2, "each time it is read"
    plan(tmp_path, entry(id_="second", begin=begin))
    assert await collector.reload()
    assert standing(collector, await taken(collector)) == {"M1": WindowStatus.CANCELLED, "M2": WindowStatus.PENDING}


async def test_nobody_can_approve_as_the_inventory(tmp_path: Path, config: Any, start: Any) -> None:
    """Its name is nobody's; and nothing counts that it asked for alone (R11.1)."""
    plan(tmp_path, entry())
    collector = (await start(config)).collector
    await taken(collector)
    request = (Actor("inventory", Role.ADMIN, "192.0.2.1"), collector.now_ms(), collector.ledgers.rules())
    with pytest.raises(ActRefusedError):
        await collector.store.act_on_window("M1", ActKind.APPROVE, Body(), request)
