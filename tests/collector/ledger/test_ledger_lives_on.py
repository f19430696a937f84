"""The ledger goes on: what fails is done later, and whoever restarts it finds the same figures and counters that never fall."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.acts import ActKind, Body, Rulebook
from collector.core.change import StoreError
from collector.core.issued import SealError, SealProblem
from collector.core.people import Actor, Role
from collector.core.periods import PERIODS
from collector.core.repeats import Repeat, Weekday
from collector.core.sealing import Entries
from collector.core.standing import WINDOWS
from collector.core.state import State, View
from collector.core.windows import Once, Selector, WindowPlan
from collector.inventory import load_inventory
from collector.ledger.page import clipped, lengths
from tests.collector.ledger.test_keeper import equal_everywhere
from tests.collector.ledger.world import DAY, HOUR, INTERVAL, MIDNIGHT, World, states

NOON = MIDNIGHT + 12 * HOUR
OPERATOR = Actor("u1", Role.OPERATOR, "192.0.2.6")
HERE = Actor("os:root", Role.ADMIN, "local")
APPROVER = Actor("u2", Role.APPROVER, "192.0.2.7")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, NOON)


def totals(world: World, id_: str, view: View) -> dict[State, int]:
    standing = world.ledgers.keeper.standing(id_, world.now)
    return next(one.totals for one in standing.views if one.view is view)


async def show(world: World) -> None:
    """What the page of metrics does before it shows counters that were worked out."""
    assert world.ledgers.keeper.before_showing is not None
    await world.ledgers.keeper.before_showing(world.now)


async def test_r5_3_counters_do_not_fall_by_the_seconds_since_the_last_heartbeat(world: World) -> None:
    """Shown after the last heartbeat, then killed: what nobody can vouch for any more is moved, not taken away."""
    await world.start()
    await world.enrol("web-01")
    await world.live(["web-01"], NOON + 10 * INTERVAL)
    world.now += 10_000
    await world.store.heartbeat(world.now)
    world.now += 9_000
    shown = totals(world, "web-01", View.E2E)
    await show(world)
    await world.committer.drain()
    await world.store.close()
    world.now += 10 * INTERVAL
    async with world.running():
        again = totals(world, "web-01", View.E2E)
        assert {state: again[state] - ms for state, ms in shown.items() if again[state] < ms} == {}


async def test_counters_never_fall_however_often_they_are_shown(world: World) -> None:
    """Silence is known of late (R6.2): what was shown as up meanwhile is moved."""
    async with world.running():
        await world.enrol("web-01")
        await world.live(["web-01"], NOON + 10 * INTERVAL)
        before = {view: totals(world, "web-01", view) for view in View}
        for step in range(300):
            world.now += 1_000
            if step % 60 == 50 and not 60 < step < 240:
                world.machines["web-01"].make(world.now)
                await world.send("web-01")
            for view in View:
                shown = totals(world, "web-01", view)
                assert {s: shown[s] - ms for s, ms in before[view].items() if shown[s] < ms} == {}, (step, view)
                before[view] = shown


INVENTORY = """
sites: [{{id: dic}}]
calendars: [{{id: office, hours: {{{days}: ['00:00-24:00']}}}}]
targets:
  - {{id: web-01, site: dic, class: server, via: web-01, objective: '{slo}', calendar: office}}
"""
WEEK = "mon: ['00:00-24:00'], tue: ['00:00-24:00'], wed: ['00:00-24:00'], thu: ['00:00-24:00'], fri"


def say(world: World, text: str) -> None:
    """What the inventory says from the next reading on."""
    folder = world.folder / "inventory"
    folder.mkdir(exist_ok=True)
    (folder / "all.yml").write_text(text)
    world.config = msgspec.structs.replace(world.config, inventory=str(folder))


async def reload(world: World) -> None:
    accounts = await world.store.agents()
    inventory = load_inventory(Path(world.config.inventory), [account.id for account in accounts], world.config)
    world.ledgers.configure(inventory, accounts)
    await world.ledgers._configure()


def fail_once(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The database cannot be used for one call."""
    real = getattr(world.store, name)

    async def failing(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(world.store, name, real)
        raise StoreError("disk full")

    monkeypatch.setattr(world.store, name, failing)


async def two_days(world: World, inventory: str = "") -> None:
    """Monday with twenty minutes of silence, closed; it is Tuesday morning."""
    await world.enrol("web-01")
    if inventory:
        say(world, inventory)
        await reload(world)
    await world.live(["web-01"], NOON + 10 * INTERVAL)
    world.now += 20 * INTERVAL
    await world.live(["web-01"], NOON + HOUR)
    await world.live(["web-01"], MIDNIGHT + DAY + HOUR, step=10 * INTERVAL)
    assert world.ledgers.keeper.pages["web-01"].closed_ms == MIDNIGHT + DAY


async def windows_right(world: World) -> None:
    """Figures to date are those that evidence alone gives, with what is still to come by calendars."""
    keeper = world.ledgers.keeper
    year_ms, end_ms = PERIODS["year"](keeper.zone, world.now)
    court, _ = await world.ledgers.inquiry.court(None, (year_ms, end_ms), world.now)
    for id_ in keeper.pages:
        for view in View:
            for name in WINDOWS:
                shown = keeper.window(id_, view, name, world.now)
                assert shown == court.figures(id_, view, PERIODS[name](keeper.zone, world.now)), (id_, view, name)


async def people(world: World) -> Rulebook:
    for actor in (OPERATOR, APPROVER):
        await world.store.add_person(actor.name, actor.role, actor.name.encode(), HERE, now_ms=world.now)
    return world.ledgers.rules()


@pytest.mark.parametrize("period", ["9999-12-30", "9999-11", "2100-01", "0001-01-02", "1969", "2026-02-30"])
async def test_a_period_that_is_not_of_this_world_is_refused(world: World, period: str) -> None:
    async with world.running() as ledgers:
        await ledgers.issuing.tick(world.now)
        asked = asyncio.ensure_future(ledgers.issuing.seal(period, APPROVER))
        await asyncio.sleep(0)
        await ledgers.issuing.tick(world.now)
        with pytest.raises(SealError) as caught:
            await asked
        assert caught.value.problem is SealProblem.BAD_PERIOD


async def test_the_ledger_goes_on_after_a_mistake_and_tells_who_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with one report, or in the program, figures must not stand still until a restart."""
    async with world.running() as ledgers:
        await world.enrol("web-01")
        ledgers = world.ledgers

        async def wrong(*_: object) -> None:
            monkeypatch.undo()
            raise KeyError("something new")

        monkeypatch.setattr(ledgers.issuing, "_seal", wrong)
        keeping = asyncio.ensure_future(ledgers.issue())
        with pytest.raises(StoreError):
            await ledgers.issuing.seal("2026-02", APPROVER)
        with pytest.raises(SealError):
            await ledgers.issuing.seal("2026-13", APPROVER)
        assert not keeping.done()
        keeping.cancel()
        await asyncio.wait([keeping])


@pytest.mark.parametrize("name", ["load_subjects", "stretches_of", "load_standing", "load_settings", "sealed_months", "enter"])
async def test_r1_2_configuration_is_taken_though_the_database_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with world.running() as ledgers:
        await two_days(world, INVENTORY.format(days=WEEK, slo="99"))
        say(world, INVENTORY.format(days="tue", slo="99.9"))
        fail_once(world, monkeypatch, name)
        with pytest.raises(StoreError):
            await reload(world)
        await ledgers._configure()
        await world.tick()
        assert ledgers.keeper.roll.subject("web-01").objective.slo_ppm == 999_000
        await equal_everywhere(world, NOON)
        await windows_right(world)


async def test_r1_2_what_was_configured_while_the_collector_was_away_counts_in_closed_days(world: World) -> None:
    async with world.running():
        await two_days(world, INVENTORY.format(days=WEEK, slo="99"))
        await windows_right(world)
    say(world, INVENTORY.format(days="tue", slo="99.9"))
    async with world.running():
        await world.tick()
        await windows_right(world)


@pytest.mark.parametrize("good", [1, 2])
async def test_r17_2_sums_follow_though_the_process_died_between_mending_and_adding_up(
    world: World, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    await world.start()
    await two_days(world)
    machine = world.machines["web-01"]
    for minute in range(11, 30):
        machine.make(NOON + minute * INTERVAL)
    await world.send("web-01")
    real, left = world.store.enter, good

    async def some(entries: Entries) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StoreError("disk full")
        await real(entries)

    monkeypatch.setattr(world.store, "enter", some)
    world.now += 10_000
    with pytest.raises(StoreError):
        await world.tick()
    assert world.ledgers.keeper.mended_days
    await world.die()
    async with world.running():
        await world.tick()
        await windows_right(world)


async def test_r11_3_an_act_counts_in_closed_days_though_the_process_died_after_it(world: World) -> None:
    await world.start()
    await two_days(world)
    rules = await people(world)
    plan = WindowPlan(Once(NOON + 5 * INTERVAL, NOON + 40 * INTERVAL), (Selector(subjects=("web-01",)),))
    made = await world.store.create_window(Body(plan=plan, reason="disk", change="CR-8"), OPERATOR, world.now, rules)
    await world.store.act_on_window(made.id, ActKind.APPROVE, Body(), (APPROVER, world.now, rules))
    await world.die()
    world.now += HOUR
    async with world.running() as ledgers:
        await world.tick()
        assert ledgers.keeper.window("web-01", View.DEVICE, "week", world.now).maintenance == 35 * INTERVAL
        await windows_right(world)


async def test_r11_1_occurrences_of_a_series_count_however_long_nobody_acts(world: World) -> None:
    async with world.running() as ledgers:
        await world.enrol("web-01")
        rules = await people(world)
        series = Repeat("10:00", HOUR, rules.zone, date(2026, 3, 3), date(2026, 12, 31), (Weekday.MON,))
        plan = WindowPlan(series, (Selector(subjects=("web-01",)),))
        made = await world.store.create_window(Body(plan=plan), OPERATOR, world.now, rules)
        await world.store.act_on_window(made.id, ActKind.APPROVE, Body(), (APPROVER, world.now, rules))
        await world.live(["web-01"], MIDNIGHT + 7 * DAY + 11 * HOUR, step=HOUR)
        assert ledgers.keeper.window("web-01", View.DEVICE, "day", world.now).maintenance == HOUR


@pytest.mark.parametrize("name", ["stretches_of", "sealed_months"])
async def test_what_arrives_while_the_clerk_works_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is later than the beginning of the tick, and was seen before its judge is made anew (R1.3)."""
    async with world.running() as ledgers:
        await two_days(world)
        machine = world.machines["web-01"]
        began = world.now
        real, found = getattr(world.store, name), False

        async def interrupted(*arguments: Any, **named: Any) -> Any:
            nonlocal found
            if not found:
                found = True
                world.now += 3_000
                machine.make(NOON + 12 * INTERVAL)
                machine.make(NOON + 13 * INTERVAL)
                await world.send("web-01")
            return await real(*arguments, **named)

        machine.make(NOON + 25 * INTERVAL)
        await world.send("web-01")
        world.now = began + 1_000
        monkeypatch.setattr(world.store, name, interrupted)
        await world.ledgers.clerk.tick(world.now)
        assert found
        await world.settle()
        (row,) = await world.store.sealed_months(["2026-03"], ["web-01"])
        again = await world.recomputed("web-01", View.DEVICE, NOON)
        assert states(clipped(row.spans(View.DEVICE), NOON, MIDNIGHT + DAY)) == states(clipped(again, NOON, MIDNIGHT + DAY))
        await windows_right(world)
        assert ledgers.clerk.mended


async def test_r5_3_blindness_that_is_known_of_after_the_day_was_closed_mends_it(world: World) -> None:
    """The process stood still over midnight, and the day was closed before anybody noticed."""
    world.now = MIDNIGHT + DAY - HOUR
    async with world.running() as ledgers:
        await world.enrol("web-01")
        await world.live(["web-01"], MIDNIGHT + DAY - 30 * INTERVAL)
        stood = world.now + 60_000
        world.now = MIDNIGHT + DAY + HOUR
        await world.tick()
        assert ledgers.keeper.pages["web-01"].closed_ms == MIDNIGHT + DAY
        ledgers.blind(stood, world.now)
        await world.store.blind(stood, world.now, "stall")
        await world.settle()
        (row,) = await world.store.sealed_months(["2026-03"], ["web-01"])
        again = await world.recomputed("web-01", View.E2E, MIDNIGHT)
        assert lengths(row.spans(View.E2E)) == lengths(clipped(again, MIDNIGHT, MIDNIGHT + DAY))
        assert row.spans(View.E2E)[-1].from_ms == stood
        await windows_right(world)


async def test_r12_3_a_target_that_was_taken_out_comes_back_to_its_own_page(world: World) -> None:
    both = "targets: [{id: sw-1, site: dic, class: switch, via: web-01}, {id: sw-2, site: dic, class: switch, via: web-01}]\n"
    without = both.replace("{id: sw-1, site: dic, class: switch, via: web-01}, ", "")
    async with world.running() as ledgers:
        await two_days(world, f"sites: [{{id: dic}}]\n{both}")
        say(world, f"sites: [{{id: dic}}]\n{without}")
        await reload(world)
        await world.live(["web-01"], MIDNIGHT + 4 * DAY, step=HOUR)
        await windows_right(world)
        before = await world.store.sealed_months(["2026-03"], ["sw-1"])
        say(world, f"sites: [{{id: dic}}]\n{both}")
        await reload(world)
        assert ledgers.keeper.pages["sw-1"].closed_ms == before[0].upto_ms
        await world.live(["web-01"], MIDNIGHT + 5 * DAY, step=HOUR)
        await windows_right(world)
