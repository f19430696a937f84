"""Counters on disk: they go on from what was shown, whatever became known between that and the death of the process (R17.3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from collector.core.change import StoreError
from collector.core.restate import CountedRow, Restated
from collector.core.state import State, View
from collector.ledger.counters import claim
from collector.ledger.page import KEPT_MONTHS, Claim, Page, lengths
from collector.store.store import Store
from tests.collector.ledger.world import HOUR, INTERVAL, MIDNIGHT, World

NOON = MIDNIGHT + 12 * HOUR
ALWAYS = ((0, 1 << 60),)
ID = "web-01"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, NOON)


async def shown(world: World) -> dict[View, dict[State, int]]:
    """As the page of metrics does it: worked out, written, shown."""
    keeper = world.ledgers.keeper
    found = {one.view: one.totals for one in keeper.standing(ID, world.now).views}
    assert keeper.before_showing is not None
    await keeper.before_showing(world.now)
    return found


async def silent_for(world: World, ms: int) -> None:
    """The machine goes on and nothing of it arrives."""
    for t_ms in range(world.now + INTERVAL, world.now + ms + 1, INTERVAL):
        world.machines[ID].make(t_ms)
    world.now += ms
    await world.tick()


def fallen(before: dict[View, dict[State, int]], after: dict[View, dict[State, int]]) -> dict[tuple[View, State], int]:
    return {(view, s): after[view][s] - ms for view in View for s, ms in before[view].items() if after[view][s] < ms}


@pytest.mark.parametrize("is_told_before", [False, True], ids=["told after the restart", "told before the death"])
async def test_spool_between_a_scrape_and_the_next(world: World, is_told_before: bool) -> None:
    """R9.3: silence was shown as unknown; the spool lifts it, and nobody looks before the process dies and is back."""
    await world.start()
    await world.enrol(ID)
    await world.live([ID], NOON + 10 * INTERVAL)
    await silent_for(world, 20 * INTERVAL)
    before = await shown(world)
    assert before[View.DEVICE][State.UNKNOWN] >= 17 * INTERVAL
    if is_told_before:
        await world.send(ID)
    await world.die()
    world.now += 1_000
    async with world.running():
        if not is_told_before:
            await world.send(ID)
        await world.tick()
        after = await shown(world)
        assert fallen(before, after) == {}
        moved = world.ledgers.keeper.moved[ID][View.DEVICE]
        assert moved[State.UNKNOWN, State.UP] >= 17 * INTERVAL
    again = World(world.folder, world.now + 1_000)
    async with again.running():
        assert fallen(after, await shown(again)) == {}
        assert again.ledgers.keeper.moved[ID][View.DEVICE] == moved


async def test_what_goes_on_is_not_written_again(world: World) -> None:
    """A subject that stays up costs one row, however often it is shown, and one more when it does not stay so."""
    async with world.running():
        await world.enrol(ID)
        await world.live([ID], NOON + 10 * INTERVAL)
        await shown(world)
        (row,) = [one for one in (await world.store.load_counted())[1] if one.subject == ID]
        await world.live([ID], NOON + 30 * INTERVAL)
        before = await shown(world)
        shown_ms, rows = await world.store.load_counted()
        assert shown_ms == world.now
        assert [one for one in rows if one.subject == ID] == [row]
        await silent_for(world, 10 * INTERVAL)
        assert fallen(before, await shown(world)) == {}
        assert [one for one in (await world.store.load_counted())[1] if one.subject == ID] != [row]


async def test_store_that_fails_keeps_the_page_going(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters are shown, and written when the store is back."""

    async def fail(_: object, __: int, ___: Sequence[CountedRow], ____: Sequence[Restated]) -> None:
        raise StoreError("the disk is full")

    async with world.running():
        await world.enrol(ID)
        await world.live([ID], NOON + 10 * INTERVAL)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "show", fail)
            before = await shown(world)
            assert before[View.E2E][State.UP] > 0
        assert await world.store.load_counted() == (0, [])
        await shown(world)
        assert {row.subject for row in (await world.store.load_counted())[1]} == {ID}


def test_claim_goes_on_in_its_state() -> None:
    """Only time in service counts, and only in the state that lasted."""
    page = Page(ID, ID)
    up = dict.fromkeys(State, 0) | {State.UP: 100}
    page.counted[View.E2E] = up
    assert claim(page, View.E2E, State.UP, 1_000, ALWAYS)
    assert page.claims[View.E2E] == Claim(1_000, 0, [100, 0, 0, 0, 0])
    page.counted[View.E2E] = up | {State.UP: 150}
    assert not claim(page, View.E2E, State.UP, 1_050, ALWAYS)
    assert not claim(page, View.E2E, State.UP, 2_000, [(0, 1_050)])
    assert claim(page, View.E2E, State.DOWN, 1_060, ALWAYS)
    assert page.claims[View.E2E].until(7) == dict.fromkeys(State, 0) | {State.UP: 150, State.DOWN: 7}


GROUP = """
groups:
  - {id: both, name: Cả hai, rule: all, members: [{class: server}]}
"""


async def test_groups_are_counted_again_with_their_members(tmp_path: Path) -> None:
    """R15.1, R9.3: a spool mends yesterday of a member; the counters of its group follow, also after a restart."""
    world = World(tmp_path, MIDNIGHT + 22 * HOUR, GROUP)
    async with world.running():
        await world.enrol("web-01", "web-02")
        await world.live(["web-01", "web-02"], world.now + HOUR)
        for t_ms in range(world.now + INTERVAL, world.now + 2 * HOUR + 1, INTERVAL):
            world.machines["web-01"].make(t_ms)
        await world.live(["web-02"], world.now + 2 * HOUR)
        await world.settle()
        assert (await truth(world))[State.UNKNOWN] > HOUR
        for name in ("web-01", "web-02"):
            world.machines[name].make(world.now)
            await world.send(name)
        await world.settle()
        told = await truth(world)
        assert told[State.UNKNOWN] < HOUR
    async with World(tmp_path, world.now, GROUP).running() as again:
        moved = again.keeper.moved["group:both"][View.DEVICE]
        assert moved[State.UNKNOWN, State.UP] > HOUR


async def truth(world: World) -> dict[State, int]:
    """What the counters of the group say now, which is what the evidence says."""
    keeper = world.ledgers.keeper
    one = keeper.standing("group:both", world.now).views[0]
    assert keeper.before_showing is not None
    await keeper.before_showing(world.now)
    found = dict(one.totals)
    for (was, now), ms in one.moved.items():
        found[was] -= ms
        found[now] += ms
    spans = await world.recomputed("group:both", View.DEVICE, MIDNIGHT)
    assert found == dict.fromkeys(State, 0) | lengths(spans)
    return found


def test_a_month_is_set_in_place_of_what_was_counted() -> None:
    page = Page(ID, ID)
    page.add_to_month(View.E2E, "2026-03", {State.UP: 10})
    page.add_to_month(View.E2E, "2026-03", {State.UP: 10, State.DOWN: 5})
    page.add_to_month(View.E2E, "2026-04", {State.UP: 1})
    page.set_month(View.E2E, "2026-03", {State.UP: 25})
    assert page.body.totals[View.E2E] == [26, 0, 0, 0, 0]
    for number in range(KEPT_MONTHS):
        page.add_to_month(View.E2E, f"2027-{number:02}", {State.UP: 1})
    assert page.body.totals[View.E2E] == [26 + KEPT_MONTHS, 0, 0, 0, 0]
    assert min(page.body.months[View.E2E]) == "2027-00"
