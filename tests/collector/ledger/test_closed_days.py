"""Reports from closed days are those that evidence gives: with unconfirmed failures (R4.3) and hard instants (R4.1), whatever
happened over the end of a day, after late evidence and after restarts.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agent.model import Kind
from collector.core.details import Details
from collector.core.monthly import Line, Report
from collector.core.periods import PERIODS, parse
from collector.core.state import View
from collector.ledger.closing import CLOSE_AFTER_MS
from collector.ledger.reports import Wanted
from tests.collector.ledger.test_keeper import equal_everywhere, windows_equal
from tests.collector.ledger.world import DAY, HOUR, INTERVAL, MIDNIGHT, Machine, World

MINUTE = 60_000
EVE = MIDNIGHT + DAY
"""The midnight at which 2026-03-02 ends."""
CLOSED = EVE + CLOSE_AFTER_MS
NAMES = ("watch-01", "srv-01")
INVENTORY = """
sites:
  - id: xa-01
    name: Xã 01
    link: line-01
    critical: {of: [srv-01]}
targets:
  - {id: line-01, site: xa-01, class: wan, via: watch-01, judged_by: probe, fail_after: 3}
  - {id: sw-01, site: xa-01, class: switch, via: watch-01, judged_by: probe, fail_after: 3}
  - {id: srv-01, site: xa-01, class: server, via: srv-01, parents: [line-01], silence_means: down}
"""


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """Two agents; one of them probes a line and a switch. It is 20:00."""
    first = World(tmp_path, EVE - 4 * HOUR)
    async with first.running():
        await first.enrol(*NAMES)
    return restarted(first)


def restarted(old: World) -> World:
    """The same store and machines, in a process to be started."""
    world = World(old.folder, old.now, INVENTORY)
    world.machines = {name: old.machines.get(name) or Machine(name, old.now - DAY) for name in NAMES}
    return world


async def closed_report(world: World, period: str) -> Report:
    wanted = Wanted(period, parse(period, world.ledgers.keeper.zone))
    return await world.ledgers.reporter.report(wanted, world.now)


async def reports_equal(world: World, *periods: str) -> None:
    """From closed days as from evidence alone: every figure, incident and list."""
    for period in periods:
        ours = await closed_report(world, period)
        wanted = Wanted(period, (ours.from_ms, ours.to_ms), known_ms=world.now)
        theirs = await world.ledgers.reporter.report(wanted, world.now)
        for one, other in zip((*ours.headline, *ours.subjects), (*theirs.headline, *theirs.subjects), strict=True):
            assert one == other, (period, one.id, one.view)
        assert ours.incidents == theirs.incidents, period
        assert msgspec.structs.asdict(ours) == msgspec.structs.asdict(theirs), period


async def all_equal(world: World) -> None:
    day = PERIODS["day"](world.ledgers.keeper.zone, world.now)[0]
    assert all(page.closed_ms == day and page.behind_ms is None for page in world.ledgers.keeper.pages.values())
    await equal_everywhere(world, world.now - 3 * DAY)
    await windows_equal(world)
    await reports_equal(world, "2026-03-02", "2026-03-03", "2026-03")


def line_of(report: Report, id_: str, view: View = View.DEVICE) -> Line:
    return next(line for line in (*report.headline, *report.subjects) if (line.id, line.view) == (id_, view))


async def details(world: World, id_: str, view: View = View.DEVICE) -> Details:
    (row,) = await world.store.sealed_months(["2026-03"], [id_])
    return row.details(view)


class Hours:
    """Minute by minute: what fails when, who is cut off and who is off."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failing: dict[str, set[int]] = {"line-01": set(), "sw-01": set()}
        self.cut: dict[str, tuple[int, int]] = {}
        self.off: dict[str, tuple[int, int]] = {}

    async def until(self, until_ms: int) -> None:
        world = self.world
        while world.now < until_ms:
            world.now += INTERVAL
            for name in NAMES:
                if self._is_in(self.off, name):
                    continue
                world.machines[name].make(world.now)
                if name == "watch-01":
                    for target, instants in self.failing.items():
                        world.machines[name].probe(world.now, target, world.now not in instants)
                if not self._is_in(self.cut, name):
                    await world.send(name)
            if world.now % (5 * MINUTE) == 0 or world.now >= until_ms:
                await world.tick()

    def _is_in(self, what: dict[str, tuple[int, int]], name: str) -> bool:
        a, b = what.get(name, (0, 0))
        return a <= self.world.now < b


def minutes(at_ms: int, count: int) -> set[int]:
    """So many instants, a minute apart."""
    return {at_ms + n * MINUTE for n in range(count)}


async def test_r4_3_failures_and_outages_around_the_end_of_a_day(world: World) -> None:
    """One failure across midnight that is no outage, one within the day, an outage across midnight, and a server silent."""
    async with world.running():
        hours = Hours(world)
        hours.failing["line-01"] = minutes(EVE - 90 * MINUTE, 2) | minutes(EVE - MINUTE, 2)
        hours.failing["sw-01"] = minutes(EVE - 40 * MINUTE, 5) | minutes(EVE - 30_000 - 30_000, 20)
        hours.off["srv-01"] = (EVE - 20 * MINUTE, EVE + 30 * MINUTE)
        await hours.until(CLOSED + 6 * MINUTE)
        assert (await details(world, "line-01")).soft == (
            (EVE - 90 * MINUTE, EVE - 88 * MINUTE), (EVE - MINUTE, EVE),
        )  # fmt: skip
        assert (await details(world, "sw-01")).confirmed == (
            (EVE - 40 * MINUTE, EVE - 38 * MINUTE), (EVE - MINUTE, EVE + MINUTE),
        )  # fmt: skip
        assert (await details(world, "srv-01", View.E2E)).confirmed == ((EVE - 20 * MINUTE, EVE - 20 * MINUTE + 90_000),)
        yesterday, today = await closed_report(world, "2026-03-02"), await closed_report(world, "2026-03-03")
        assert line_of(yesterday, "line-01").figures.soft_fail == 3 * MINUTE
        assert line_of(today, "line-01").figures.soft_fail == MINUTE
        assert line_of(yesterday, "*:wan").figures.soft_fail == 3 * MINUTE, "R15.3"
        hard = {(one.subject, one.onset_ms): one.hard_ms for one in yesterday.incidents if one.view is View.DEVICE}
        assert hard["sw-01", EVE - 40 * MINUTE] == EVE - 38 * MINUTE
        assert hard["sw-01", EVE - MINUTE] == EVE + MINUTE, "R13.5: confirmed in the next day"
        await all_equal(world)
        await hours.until(EVE + 2 * HOUR)
        await world.settle()
        await all_equal(world)
    world = restarted(world)
    async with world.running():
        await world.settle()
        await all_equal(world)
        hours = Hours(world)
        hours.failing["sw-01"] = minutes(EVE + DAY - 10 * MINUTE, 1)
        await hours.until(EVE + 3 * HOUR)
        world.now = EVE + DAY - 12 * MINUTE
        await hours.until(EVE + DAY + 8 * MINUTE)
        await world.settle()
        await all_equal(world)
        assert line_of(await closed_report(world, "2026-03"), "sw-01").figures.soft_fail == MINUTE


async def test_r4_3_a_spool_brings_failures_into_a_closed_day(world: World) -> None:
    """R9.8: no state is another, and still the figure is; sums to date follow, and what is sealed will be restated."""
    async with world.running() as ledgers:
        hours = Hours(world)
        hours.failing["line-01"] = minutes(EVE - 45 * MINUTE, 1) | minutes(EVE - 30 * MINUTE, 2)
        hours.failing["sw-01"] = minutes(EVE - 30 * MINUTE, 6)
        hours.cut["watch-01"] = (EVE - HOUR, CLOSED + 10 * MINUTE)
        await hours.until(CLOSED + 9 * MINUTE)
        assert await details(world, "line-01") == Details()
        await all_equal(world)
        before = ledgers.keeper.window("line-01", View.DEVICE, "week", world.now)
        ledgers.clerk.mended.clear()
        await hours.until(CLOSED + 20 * MINUTE)
        await world.settle()
        assert [b - a for a, b in (await details(world, "line-01")).soft] == [MINUTE, 2 * MINUTE]
        assert (await details(world, "sw-01")).confirmed == ((EVE - 30 * MINUTE, EVE - 28 * MINUTE),)
        week = ledgers.keeper.window("line-01", View.DEVICE, "week", world.now)
        assert (before.soft_fail, week.soft_fail) == (0, 3 * MINUTE)
        assert {one.subject for one in ledgers.clerk.mended} >= {"line-01", "sw-01"}
        await all_equal(world)
    async with restarted(world).running():
        pass


async def test_r4_3_a_failure_that_comes_alone_changes_no_state_and_still_the_day(world: World) -> None:
    """One probe of a minute in which nothing else was told comes from the spool hours later."""
    async with world.running() as ledgers:
        hours = Hours(world)
        hours.off["watch-01"] = (EVE - HOUR, EVE - HOUR + MINUTE)
        await hours.until(EVE - HOUR - MINUTE)
        watch = world.machines["watch-01"]
        watch.probe(EVE - HOUR, "line-01", False)
        held, watch.spool = watch.spool, []
        await hours.until(CLOSED + 6 * MINUTE)
        assert await details(world, "line-01") == Details()
        ledgers.clerk.mended.clear()
        watch.spool = held
        await world.send("watch-01")
        await world.settle()
        changed = {(one.rule, one.from_state) for each in ledgers.clerk.mended for one in each.changes}
        assert changed == {("R4.3", "")}
        assert line_of(await closed_report(world, "2026-03-02"), "line-01").figures.soft_fail == MINUTE
        await all_equal(world)


async def test_r9_2_hours_without_a_report_are_proved_by_the_boot_that_goes_on(world: World) -> None:
    """The day was closed with silence, and nothing about it comes late: the next report proves that the machine ran."""
    async with world.running():
        hours = Hours(world)
        hours.off["srv-01"] = (EVE - 2 * HOUR, EVE + 3 * HOUR)
        await hours.until(CLOSED + 6 * MINUTE)
        silent = await closed_report(world, "2026-03-02")
        assert line_of(silent, "srv-01").figures.down == 2 * HOUR
        await all_equal(world)
        await hours.until(EVE + 3 * HOUR + 10 * MINUTE)
        await world.settle()
        proved = await closed_report(world, "2026-03-02")
        assert line_of(proved, "srv-01").figures.down == 0
        assert line_of(proved, "srv-01", View.E2E).figures.down == 2 * HOUR, "R9.6"
        await all_equal(world)


async def test_r8_2_a_boot_from_before_midnight_is_heard_of_after_the_close(world: World) -> None:
    """After a restart of the collector, too, which has forgotten what it waited for."""
    async with world.running():
        hours = Hours(world)
        hours.off["srv-01"] = (EVE - 2 * HOUR, EVE + 3 * HOUR)
        await hours.until(CLOSED + 6 * MINUTE)
    world = restarted(world)
    async with world.running():
        await world.settle()
        hours = Hours(world)
        hours.off["srv-01"] = (EVE - 2 * HOUR, EVE + 3 * HOUR)
        await hours.until(EVE + HOUR)
        world.machines["srv-01"].reboot(EVE - 30 * MINUTE)
        await hours.until(EVE + 3 * HOUR + 10 * MINUTE)
        await world.settle()
        figures = line_of(await closed_report(world, "2026-03-02"), "srv-01").figures
        assert figures.down == 90 * MINUTE
        await all_equal(world)


async def test_r6_3_a_slow_device_is_found_silent_after_the_day_was_closed(world: World) -> None:
    """Reports every ten minutes: that the one before midnight is missing is known twenty minutes later."""
    async with world.running():
        server = world.machines["srv-01"]
        while world.now < EVE - 15 * MINUTE:
            world.now += 10 * MINUTE
            server.make(world.now, interval_ms=10 * MINUTE)
            await world.send("srv-01")
        last_ms = world.now
        for _ in range(5):
            world.now += 7 * MINUTE
            await world.tick()
        assert line_of(await closed_report(world, "2026-03-02"), "srv-01").figures.down == 0
        world.now = last_ms + 3 * HOUR
        server.make(world.now, interval_ms=10 * MINUTE)
        server.marker(world.now - 1, Kind.AGENT_START)
        await world.send("srv-01")
        await world.settle()
        late = line_of(await closed_report(world, "2026-03-02"), "srv-01", View.E2E).figures
        assert late.down == EVE - last_ms - 10 * MINUTE
        await all_equal(world)
