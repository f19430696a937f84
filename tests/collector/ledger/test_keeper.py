"""The ledger as the collector keeps it: fed live, closed by days, mended by late evidence, restarted at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.model import Kind
from collector.core import sealing
from collector.core.figures import Figures
from collector.core.periods import PERIODS
from collector.core.standing import WINDOWS
from collector.core.state import State, View, Why
from tests.collector.ledger.world import DAY, HOUR, INTERVAL, MIDNIGHT, Machine, World, states

NOON = MIDNIGHT + 12 * HOUR


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, NOON)


async def equal_everywhere(world: World, from_ms: int) -> None:
    """Live equals recomputed, for every subject with states, in both views."""
    keeper = world.ledgers.keeper
    for id_ in keeper.pages:
        if keeper.roll.is_pool(id_):
            continue
        for view in View:
            assert states(world.kept(id_, view, from_ms)) == states(await world.recomputed(id_, view, from_ms)), (id_, view)


async def windows_equal(world: World) -> None:
    """Figures to date are those that evidence alone gives."""
    keeper = world.ledgers.keeper
    year_ms = PERIODS["year"](keeper.zone, world.now)[0]
    court, _ = await world.ledgers.inquiry.court(None, (year_ms, world.now), world.now)
    for id_ in keeper.pages:
        for view in View:
            for name in WINDOWS:
                start_ms, end_ms = PERIODS[name](keeper.zone, world.now)
                shown = keeper.window(id_, view, name, world.now)
                assert shown == court.figures(id_, view, (start_ms, end_ms)), (id_, view, name)


async def test_a_live_agent_is_up_from_its_first_report(world: World) -> None:
    async with world.running() as ledgers:
        await world.enrol("web-01")
        await world.live(["web-01"], NOON + 30 * INTERVAL)
        span = ledgers.keeper.state("web-01", View.DEVICE, world.now)
        assert (span.state, span.from_ms) == (State.UP, NOON + INTERVAL)
        assert states(world.kept("web-01", View.E2E, NOON), NOON) == [
            (0, 1, "unknown", "never_reported"), (1, 30, "up", "reporting")
        ]  # fmt: skip
        await equal_everywhere(world, NOON)
        await windows_equal(world)


async def test_what_is_shown_of_a_steady_subject_is_what_would_be_worked_out_anew(world: World) -> None:
    """Seconds of up are added without asking anybody; the sum is the same."""
    async with world.running() as ledgers:
        await world.enrol("web-01")
        await world.live(["web-01"], NOON + 4 * DAY, step=HOUR)
        keeper, page = ledgers.keeper, ledgers.keeper.pages["web-01"]
        for _ in range(6):
            shown = keeper.standing("web-01", world.now)
            for _ in range(4):
                await world.live(["web-01"], world.now + HOUR, step=HOUR)
                shown = keeper.standing("web-01", world.now)
            assert all(state >= 0 for one in shown.views for state in one.totals.values())
            page.cache = None
            assert keeper.standing("web-01", world.now) == shown
        assert not any(view.moved for view in shown.views if view.view is View.E2E)
        await windows_equal(world)


async def test_r9_3_a_spool_turns_silence_into_up_and_moves_the_counters(world: World) -> None:
    async with world.running() as ledgers:
        await world.enrol("web-01")
        await world.live(["web-01"], NOON + 10 * INTERVAL)
        for _ in range(30):
            world.now += INTERVAL
            world.machines["web-01"].make(world.now)
        silent = ledgers.keeper.standing("web-01", world.now).views[0]
        assert silent.totals[State.UNKNOWN] == 29 * INTERVAL
        world.now += INTERVAL
        world.machines["web-01"].make(world.now)
        await world.send("web-01")
        await world.tick()
        after = ledgers.keeper.standing("web-01", world.now).views[0]
        assert all(after.totals[state] >= silent.totals[state] for state in State)
        assert after.moved[State.UNKNOWN, State.UP] == 29 * INTERVAL
        assert after.windows["day"].up_backfill == 30 * INTERVAL
        await equal_everywhere(world, NOON)
        await world.settle()
    async with world.running() as ledgers:
        again = ledgers.keeper.standing("web-01", world.now).views[0]
        assert all(again.totals[state] >= after.totals[state] for state in State)
        assert again.moved == after.moved


async def test_days_are_closed_linked_and_mended(world: World) -> None:
    """A spool of yesterday mends the closed day; the chain keeps both links and holds."""
    world.now = MIDNIGHT + 23 * HOUR
    async with world.running() as ledgers:
        await world.enrol("web-01", "web-02")
        await world.live(["web-01", "web-02"], MIDNIGHT + 23 * HOUR + 30 * INTERVAL)
        for _ in range(40):
            world.now += INTERVAL
            world.machines["web-01"].make(world.now)
            world.machines["web-02"].make(world.now)
            await world.send("web-02")
        await world.settle()
        page = ledgers.keeper.pages["web-01"]
        assert page.closed_ms == MIDNIGHT + DAY
        links = [link async for link in world.store.chain()]
        assert [link.name for link in links] == ["2026-03-02"]
        (row,) = await world.store.sealed_months(["2026-03"], ["web-01"])
        assert [span.why for span in row.spans(View.DEVICE)] == [Why.CONTINUITY, Why.REPORTING, Why.SILENT]
        before = ledgers.keeper.window("web-01", View.DEVICE, "week", world.now)
        world.machines["web-01"].make(world.now)
        await world.send("web-01")
        await world.settle()
        await world.settle()
        (row,) = await world.store.sealed_months(["2026-03"], ["web-01"])
        assert [span.why for span in row.spans(View.DEVICE)] == [Why.CONTINUITY, Why.REPORTING, Why.BACKFILL]
        assert [span.state for span in row.spans(View.E2E)] == [State.UNKNOWN, State.UP, State.UNKNOWN]
        links = [link async for link in world.store.chain()]
        assert [link.name for link in links] == ["2026-03-02", "2026-03-02"]
        assert sealing.verify(links) is None
        week = ledgers.keeper.window("web-01", View.DEVICE, "week", world.now)
        assert week.unknown < before.unknown
        assert [one.subject for one in ledgers.clerk.mended] == ["agent:web-01", "web-01"]
        await windows_equal(world)


async def test_figures_are_the_same_again_as_of_then(world: World) -> None:
    """R1.3: late evidence changes the figure of today, not the one as of then."""
    async with world.running() as ledgers:
        await world.enrol("web-01")
        await world.live(["web-01"], NOON + 20 * INTERVAL)
        for _ in range(20):
            world.now += INTERVAL
            world.machines["web-01"].make(world.now)
        then = world.now
        period = PERIODS["day"](ledgers.keeper.zone, then)

        async def figures(known_ms: int) -> Figures:
            court, _ = await ledgers.inquiry.court(["web-01"], period, known_ms)
            return court.figures("web-01", View.DEVICE, period)

        first = await figures(then)
        world.now += INTERVAL
        await world.send("web-01")
        assert await figures(then) == first
        assert (await figures(world.now)).unknown < first.unknown


async def test_a_reboot_found_in_the_spool_is_down(world: World) -> None:
    """R9.5: late evidence turns time down, too."""
    async with world.running():
        await world.enrol("web-01")
        machine = world.machines["web-01"]
        await world.live(["web-01"], NOON + 10 * INTERVAL)
        for _ in range(5):
            world.now += INTERVAL
            machine.make(world.now)
        world.now += 20_000
        machine.marker(world.now, Kind.AGENT_STOP, "shutdown")
        world.now += 100_000
        machine.reboot(world.now - 40_000)
        machine.marker(world.now, Kind.AGENT_START)
        for _ in range(5):
            world.now += INTERVAL
            machine.make(world.now)
        await world.send("web-01")
        await world.tick()
        down = [span for span in world.kept("web-01", View.DEVICE, NOON) if span.state is State.DOWN]
        assert [(span.to_ms - span.from_ms) for span in down] == [100_000]
        await equal_everywhere(world, NOON)


async def test_a_dead_collector_was_blind_and_accuses_nobody(world: World) -> None:
    async with world.running():
        await world.enrol("web-01")
    await world.start()
    await world.live(["web-01"], NOON + 10 * INTERVAL)
    await world.die()
    for _ in range(20):
        world.now += INTERVAL
        world.machines["web-01"].make(world.now)
    async with world.running():
        found = states(world.kept("web-01", View.E2E, NOON), NOON)
        assert found[-1][2:] == ("unknown", "collector_blind")
        assert {state for _, _, state, _ in found} == {"unknown", "up"}
        world.now += INTERVAL
        world.machines["web-01"].make(world.now)
        await world.send("web-01")
        await world.tick()
        device = states(world.kept("web-01", View.DEVICE, NOON), NOON)
        assert device[-1][2] == "up"
        assert "late_reports" in {why for *_, why in device}
        await equal_everywhere(world, NOON)
        await windows_equal(world)


async def test_a_restart_at_midnight_catches_up_with_the_days(world: World) -> None:
    world.now = MIDNIGHT + 22 * HOUR
    async with world.running():
        await world.enrol("web-01")
        await world.live(["web-01"], MIDNIGHT + 23 * HOUR)
    world.now = MIDNIGHT + 3 * DAY + HOUR
    async with world.running() as ledgers:
        await world.settle()
        assert ledgers.keeper.pages["web-01"].closed_ms == MIDNIGHT + 3 * DAY
        links = [link async for link in world.store.chain()]
        assert [link.name for link in links] == ["2026-03-02", "2026-03-03", "2026-03-04"]
        await windows_equal(world)
        await equal_everywhere(world, MIDNIGHT)


LINE = """
sites:
  - id: xa-01
    name: Xã 01
    link: line-01
    critical: {of: [srv-01]}
targets:
  - {id: line-01, site: xa-01, class: wan, via: watch-01, judged_by: probe, fail_after: 2}
  - {id: srv-01, site: xa-01, class: server, via: srv-01, parents: [line-01], silence_means: down}
"""


async def test_v21_a_line_cut_is_charged_once_for_each_question(tmp_path: Path) -> None:
    """Link down, host up in the device view, site down end to end: the observer of the line is an agent at the centre."""
    world = World(tmp_path, NOON)
    await world.start()
    await world.enrol("watch-01", "srv-01")
    await world.stop()
    world = World(tmp_path, NOON, LINE)
    await world.start()
    for name in ("watch-01", "srv-01"):
        world.machines[name] = Machine(name, NOON - DAY)
    watch, server = world.machines["watch-01"], world.machines["srv-01"]

    async def minute(up: bool) -> None:
        world.now += INTERVAL
        watch.make(world.now)
        watch.probe(world.now, "line-01", up)
        server.make(world.now)
        await world.send("watch-01")
        if up:
            await world.send("srv-01")
        await world.tick()

    for up in [True] * 10 + [False] * 10 + [True] * 5:
        await minute(up)
    kept = {id_: states(world.kept(id_, View.DEVICE, NOON), NOON) for id_ in ("line-01", "srv-01")}
    assert [state for _, _, state, _ in kept["line-01"]] == ["unknown", "up", "down", "up"]
    assert [state for _, _, state, _ in kept["srv-01"]][1:] == ["up", "up", "up"]
    await equal_everywhere(world, NOON)
    await world.stop()


async def test_nothing_is_said_of_a_page_before_its_judge_knows_what_is_on_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent is heard before the ledger has a page for it: its state goes from none to up, never through unknown."""
    async with world.running() as ledgers:
        await world.enrol("web-01")
        page = ledgers.keeper.pages["web-01"]
        await world.live(["web-01"], NOON + 4 * INTERVAL)
        roll = ledgers.keeper.roll
        del ledgers.keeper.pages["web-01"]
        read, said = world.store.stretches_of, []

        async def spied(*asked: Any) -> Any:
            assert ledgers.keeper.pages["web-01"] is not page
            said.append(ledgers._fleet.state_of("web-01", world.now))
            return await read(*asked)

        monkeypatch.setattr(world.store, "stretches_of", spied)
        assert ledgers._fleet.state_of("web-01", world.now) is None
        await ledgers.clerk.take_roll(world.now)
        assert ledgers.keeper.roll is not roll
        assert said == [None]
        judgement = ledgers._fleet.state_of("web-01", world.now)
        assert judgement is not None
        assert (judgement.state, judgement.since_ms) == (State.UP, NOON + INTERVAL)
