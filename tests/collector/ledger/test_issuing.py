"""Sealed reports: versions that never change, restatements with rule and evidence, and nothing lost between (3.17)."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.core import sealing
from collector.core.acts import ActKind, Body
from collector.core.change import StoreError
from collector.core.corrections import CorrectionPlan
from collector.core.issued import SealError, SealProblem, decode, encode, figures_of
from collector.core.monthly import Report
from collector.core.people import Actor, Role
from collector.core.sealing import Entries, IssuedReport
from collector.core.state import State, View
from collector.core.windows import Once, Selector, WindowPlan
from collector.ledger.issuing import LONGEST_MS, QUIET_MS
from collector.ledger.reports import Wanted, settle_ms
from tests.collector.ledger.world import DAY, HOUR, INTERVAL, World

MARCH = 1_772_298_000_000
"""2026-03-01 00:00 in Asia/Ho_Chi_Minh."""
APRIL = MARCH + 31 * DAY
SETTLED = APRIL + 3 * DAY
OPERATOR = Actor("u1", Role.OPERATOR, "192.0.2.6")
APPROVER = Actor("u2", Role.APPROVER, "192.0.2.7")
BOSS = Actor("u3", Role.ADMIN, "192.0.2.8")
MINUTE = 60_000
SILENT = (APRIL - 5 * HOUR, APRIL - 5 * HOUR + 30 * MINUTE)
"""When web-02 reports nothing that arrives before the month is sealed."""
INVENTORY = "sites: [{id: dic}]\ntargets: [{id: sw-1, site: dic, class: switch, via: web-01}]\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, APRIL - 6 * HOUR)


async def turn(world: World, times: int = 1) -> None:
    for _ in range(times):
        await world.ledgers.clerk.tick(world.now)
        await world.ledgers.issuing.tick(world.now)


async def march(world: World) -> None:
    """Two machines to the end of March: what one of them made in half an hour stays in its spool."""
    await world.enrol("web-01", "web-02")
    await world.live(["web-01", "web-02"], SILENT[0])
    while world.now < SILENT[1]:
        world.now += INTERVAL
        world.machines["web-02"].make(world.now)
        world.machines["web-01"].make(world.now)
        await world.send("web-01")
    kept, world.machines["web-02"].spool = world.machines["web-02"].spool, []
    await world.live(["web-01", "web-02"], SILENT[1] + HOUR)
    world.machines["web-02"].spool = kept


async def over(world: World, until_ms: int = SETTLED + 5 * MINUTE) -> None:
    """Days pass in which no report comes, and are closed."""
    while world.now < until_ms:
        world.now = min(until_ms, world.now + DAY)
        await turn(world)
    await turn(world, 3)


async def late(world: World) -> None:
    """What web-02 held back arrives and mends the closed day."""
    await world.send("web-02")
    for _ in range(3):
        world.now += 6_000
        await turn(world)


async def restated(world: World) -> None:
    """Nothing changes for as long as a restatement waits."""
    world.now += QUIET_MS
    await turn(world, 2)


async def version(world: World, number: int | None = None) -> IssuedReport:
    issued = await world.store.issued_report("2026-03", "", number)
    assert issued is not None
    return issued


async def report(world: World, number: int | None = None) -> Report:
    return decode((await version(world, number)).body)


async def refused(world: World, period: str) -> SealError:
    with pytest.raises(SealError) as caught:
        await ask(world, period)
    return caught.value


async def ask(world: World, period: str) -> IssuedReport:
    asked = asyncio.ensure_future(world.ledgers.issuing.seal(period, APPROVER))
    await asyncio.sleep(0)
    await turn(world)
    return await asked


async def test_r17_1_a_month_is_open_settling_and_sealed_by_itself(world: World) -> None:
    async with world.running() as ledgers:
        await march(world)
        error = await refused(world, "2026-03")
        assert (error.problem, error.at_ms) == (SealProblem.OPEN, SETTLED)
        await over(world, APRIL + DAY)
        error = await refused(world, "2026-03")
        assert (error.problem, error.at_ms) == (SealProblem.SETTLING, SETTLED)
        assert await world.store.issued_reports() == []
        await over(world)
        (issued,) = await world.store.issued_reports()
        assert (issued.period, issued.version, issued.issued_by) == ("2026-03", 1, "collector")
        sealed = decode(issued.body)
        assert (sealed.status, sealed.version, sealed.provenance.known_ms) == ("sealed", 1, issued.known_ms)
        assert {line.id for line in sealed.subjects} == {"web-01", "web-02", "agent:web-01", "agent:web-02"}
        error = await refused(world, "2026-03")
        assert (error.problem, error.version) == (SealProblem.IS_SEALED, 1)
        # R1.3: the same K gives the same figures from evidence alone.
        again = Wanted("2026-03", (MARCH, APRIL), known_ms=issued.known_ms)
        assert figures_of(await ledgers.reporter.report(again, world.now)) == figures_of(sealed)


async def test_r17_4_a_report_is_a_link_of_the_chain(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        links = [link async for link in world.store.chain()]
        assert sealing.verify(links) is None
        (link,) = [link for link in links if link.kind == "report"]
        issued = await version(world)
        assert (link.name, link.from_ms, link.until_ms, link.known_ms) == ("2026-03 v1", MARCH, APRIL, issued.known_ms)
        assert link.spans == hashlib.sha256(issued.body).digest()
        assert link.previous == issued.head == bytes.fromhex(decode(issued.body).provenance.chain_head)
        assert encode(decode(issued.body)) == issued.body


async def test_r17_1_a_quarter_is_sealed_when_a_person_asks_and_audited(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        issued = await ask(world, "2026-Q1")
        assert (issued.version, issued.issued_by) == (1, "u2")
        head = await world.store.audit_head()
        assert head is not None
        assert (head.entry.act, head.entry.object, head.entry.actor, head.entry.source) == (
            "report.seal", "2026-Q1", "u2", "192.0.2.7",
        )  # fmt: skip
        assert await world.store.verify_audit() is None
        quarter, month = figures_of(decode(issued.body)), figures_of(await report(world))
        assert quarter["web-01", View.DEVICE] == month["web-01", View.DEVICE]
        for bad in ("2026-13", "x", "2026-03-01/2026-03-05", "2026-Q1/", "1e9"):
            assert (await refused(world, bad)).problem is SealProblem.BAD_PERIOD
        assert (await refused(world, "2025-12")).problem is SealProblem.NO_DATA


async def test_r17_2_late_evidence_makes_version_2_and_version_1_stays(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        first = await version(world)
        await late(world)
        assert (await version(world)).version == 1, "it waits for quiet"
        await restated(world)
        assert await version(world, 1) == first
        second = await report(world)
        assert (second.version, second.status) == (2, "sealed")
        lines = await world.store.restatements("2026-03")
        assert tuple(lines) == second.restatements
        told = {(one.subject, one.view): one for one in lines}
        gained = told["agent:web-02", View.DEVICE]
        assert (gained.from_ms, gained.to_ms) == (SILENT[0] + INTERVAL, SILENT[1] + INTERVAL)
        assert (gained.from_state, gained.to_state, gained.rule) == ("unknown", "up", "R9.3")
        runs = {run.id: run for run in await world.store.runs("web-02", *SILENT)}
        assert [runs[id_].last_rx_ms for id_ in gained.evidence] == [gained.received_ms]
        assert (gained.received_ms > SETTLED, gained.approver) == (True, "")
        regraded = told["web-02", View.DEVICE]
        assert (regraded.from_state, regraded.to_state, regraded.rule) == ("up:boot_continuity", "up:late_reports", "R9.7")
        assert told["site:dic", View.DEVICE].rule == told["*", View.DEVICE].rule == "R15.3"
        assert not any(one.view is View.E2E for one in lines), "R9.6"
        links = [link async for link in world.store.chain()]
        assert sealing.verify(links) is None
        assert [link.name for link in links if link.kind == "report"] == ["2026-03 v1", "2026-03 v2"]
        world.now += QUIET_MS
        await turn(world, 3)
        assert (await version(world)).version == 2, "nothing is restated twice"


async def test_r17_2_changes_that_do_not_end_are_restated_after_ten_minutes(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        spool, first_ms = world.machines["web-02"].spool, 0
        while spool and (await version(world)).version == 1:
            world.machines["web-02"].spool = spool[:1]
            spool = spool[1:]
            await world.send("web-02")
            first_ms = first_ms or world.now
            world.now += QUIET_MS - 10_000
            await turn(world, 2)
        assert LONGEST_MS <= world.now - first_ms <= LONGEST_MS + 2 * QUIET_MS
        assert spool, "it did not wait for the end"


async def test_what_was_not_restated_when_the_process_died_is_found_again(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        first = await version(world)
        await late(world)
        assert (await version(world)).version == 1
    async with world.running():
        await turn(world, 2)
        await restated(world)
        second = await report(world)
        assert second.version == 2
        told = {(one.subject, one.view): one for one in second.restatements}
        assert told["agent:web-02", View.DEVICE].rule == "R9.3"
        assert await version(world, 1) == first
    async with world.running():
        await turn(world, 3)
        await restated(world)
        assert (await version(world)).version == 2, "a start alone restates nothing"


async def people(world: World) -> None:
    """The ones who act, made at the machine itself."""
    here = Actor("os:root", Role.ADMIN, "local")
    for actor in (OPERATOR, APPROVER, BOSS):
        await world.store.add_person(actor.name, actor.role, actor.name.encode(), here, now_ms=world.now)


async def correct(world: World, to_state: State, interval: tuple[int, int], subject: str = "agent:web-02") -> str:
    rules = world.ledgers.rules()
    body = Body(plan=CorrectionPlan(subject, *interval, to_state), reason="seen on site", change="CR-7")
    made = await world.store.create_correction(body, OPERATOR, world.now, rules)
    await world.store.act_on_correction(made.id, ActKind.APPROVE, Body(), (APPROVER, world.now, rules))
    return made.id


async def test_r9_4_a_correction_restates_with_its_approver_and_so_does_its_withdrawal(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        await people(world)
        part = (SILENT[0] + 10 * MINUTE, SILENT[0] + 15 * MINUTE)
        id_ = await correct(world, State.DOWN, part)
        await turn(world, 2)
        await restated(world)
        second = await report(world)
        (line,) = [one for one in second.restatements if (one.subject, one.view) == ("agent:web-02", View.E2E)]
        assert (line.from_ms, line.to_ms, line.from_state, line.to_state) == (*part, "unknown", "down")
        assert (line.rule, line.approver, line.evidence, line.version) == ("R9.4", "u2", (), 2)
        assert (line.before, line.after) == ("100", "96.0000")
        assert [one.id for one in second.corrections] == [id_]
        withdrawn = Body[CorrectionPlan](reason="wrong machine")
        asked = (BOSS, world.now, world.ledgers.rules())
        await world.store.act_on_correction(id_, ActKind.CANCEL, withdrawn, asked)
        await turn(world, 2)
        await restated(world)
        third = await report(world)
        assert (third.version, third.corrections) == (3, ())
        (line,) = [
            one for one in third.restatements if one.version == 3 and one.view is View.E2E and one.subject == "agent:web-02"
        ]
        assert (line.from_state, line.to_state, line.rule, line.approver) == ("down", "unknown", "R17.2", "u3")
        assert (line.before, line.after) == ("96.0000", "100")
        assert {one.version for one in third.restatements} == {2, 3}


async def test_r11_3_a_retroactive_window_restates_with_its_approver(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        await people(world)
        rules = world.ledgers.rules()
        hour = (SILENT[1], SILENT[1] + 30 * MINUTE)
        plan = WindowPlan(Once(*hour), (Selector(subjects=("web-01",)),))
        made = await world.store.create_window(Body(plan=plan, reason="disk", change="CR-8"), OPERATOR, world.now, rules)
        await turn(world)
        await restated(world)
        assert (await version(world)).version == 1, "it does not count before it is approved (R11.1)"
        approved_ms = world.now
        await world.store.act_on_window(made.id, ActKind.APPROVE, Body(), (APPROVER, world.now, rules))
        await turn(world, 2)
        await restated(world)
        second = await report(world)
        (line,) = [one for one in second.restatements if (one.subject, one.view) == ("web-01", View.DEVICE)]
        assert (line.from_ms, line.to_ms, line.from_state, line.to_state) == (*hour, "up", "maintenance")
        assert (line.rule, line.approver, line.received_ms) == ("R11.3", "u2", approved_ms)
        assert [(one.id, one.retroactive) for one in second.windows] == [(made.id, True)]


async def test_r11_3_an_act_is_not_lost_to_a_database_that_fails_or_to_a_restatement_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.running():
        await march(world)
        await over(world)
        await people(world)
        rules = world.ledgers.rules()
        made = [
            await world.store.create_window(
                Body(plan=WindowPlan(Once(SILENT[1] + at, SILENT[1] + at + MINUTE), (Selector(subjects=("web-01",)),)),
                     reason="disk", change="CR-8"), OPERATOR, world.now, rules,
            )
            for at in (0, HOUR)
        ]  # fmt: skip
        await turn(world)
        await world.store.act_on_window(made[0].id, ActKind.APPROVE, Body(), (APPROVER, world.now, rules))
        real = world.store.window_acts

        async def failing(*_: object) -> Any:
            monkeypatch.setattr(world.store, "window_acts", real)
            raise StoreError("disk full")

        monkeypatch.setattr(world.store, "window_acts", failing)
        with pytest.raises(StoreError):
            await world.ledgers.issuing.tick(world.now)
        await turn(world)
        # Something changes all the time, so that it waits as long as it may; the last change is later than its K.
        world.now += LONGEST_MS
        await world.store.act_on_window(made[1].id, ActKind.APPROVE, Body(), (APPROVER, world.now, rules))
        await turn(world, 2)
        assert [one.id for one in (await report(world)).windows if one.approver] == [made[0].id]
        await restated(world)
        assert [one.id for one in (await report(world)).windows if one.approver] == [one.id for one in made]


async def test_r17_3_an_incident_is_reclassified_and_never_deleted(tmp_path: Path) -> None:
    world = World(tmp_path, APRIL - 6 * HOUR, INVENTORY)
    (tmp_path / "inventory" / "all.yml").write_text("")
    async with world.running():
        await world.enrol("web-01")
        (tmp_path / "inventory" / "all.yml").write_text(INVENTORY)
        await world.configure()
        outages = [(20, 30), (60, 70)]
        for minute in range(120):
            world.now += INTERVAL
            ok = not any(a <= minute < b for a, b in outages)
            world.machines["web-01"].make(world.now)
            world.machines["web-01"].probe(world.now, "sw-1", ok)
            await world.send("web-01")
        await over(world)
        await people(world)
        first = await report(world)
        one, two = [line for line in first.incidents if line.subject == "sw-1"]
        assert (one.reclassified, two.reclassified) == ("", "")
        assert one.hard_ms - one.onset_ms == 2 * INTERVAL, "R4.1: confirmed by the third failure"
        await correct(world, State.UP, (one.onset_ms, one.restored_ms), "sw-1")
        await correct(world, State.UP, (two.onset_ms + 5 * INTERVAL, two.restored_ms), "sw-1")
        await turn(world, 2)
        await restated(world)
        second = await report(world)
        gone, shorter = [line for line in second.incidents if line.subject == "sw-1"]
        assert gone == msgspec.structs.replace(one, charged_ms=0, reclassified="2026-03 v2")
        assert (shorter.reclassified, shorter.charged_ms) == ("2026-03 v2", 5 * INTERVAL)
        figures = figures_of(second)["sw-1", View.DEVICE]
        assert (figures.incidents, figures.down) == (1, 5 * INTERVAL)


async def test_r17_1_a_version_is_written_whole_or_not_at_all(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        issued = await version(world)
        links = [link async for link in world.store.chain()]
        digests = (hashlib.sha256(issued.body).digest(), bytes(32))
        link = sealing.link(links[-1], "report", "2026-03 v3", (MARCH, APRIL, world.now), digests)
        skipped = msgspec.structs.replace(issued, version=3)
        with pytest.raises(StoreError, match="does not follow"):
            await world.store.enter(Entries(issued=[skipped], links=[link]))
        astray = sealing.link(None, "report", "2026-03 v2", (MARCH, APRIL, world.now), digests)
        with pytest.raises(StoreError, match="chain"):
            await world.store.enter(Entries(issued=[msgspec.structs.replace(issued, version=2)], links=[astray]))
        assert [link async for link in world.store.chain()] == links
        assert [one.version for one in await world.store.issued_reports()] == [1]


async def test_a_period_whose_evidence_is_pruned_is_not_restated(world: World) -> None:
    async with world.running():
        await march(world)
        await over(world)
        await people(world)
        await world.store.prune(APRIL)
        await correct(world, State.DOWN, SILENT)
        await turn(world, 2)
        await restated(world)
        assert (await version(world)).version == 1


def test_settling_counts_local_days() -> None:
    """R17.1, R2.5: three local days after the end, also where one of them has 23 hours."""
    assert settle_ms(ZoneInfo("Asia/Ho_Chi_Minh"), APRIL, 3) == SETTLED
    berlin = ZoneInfo("Europe/Berlin")
    before_change = 1_774_652_400_000  # 2026-03-28 00:00; the clocks go forward on the 29th
    assert settle_ms(berlin, before_change, 3) == before_change + 3 * DAY - HOUR


async def test_r1_2_configuration_of_later_times_changes_no_sealed_figure(tmp_path: Path) -> None:
    world = World(tmp_path, APRIL - 6 * HOUR, INVENTORY)
    (tmp_path / "inventory" / "all.yml").write_text("")
    async with world.running() as ledgers:
        await march(world)
        await over(world)
        first = await report(world)
        other = "{id: web-01, site: hue, class: server, via: web-01, objective: '99.99'}"
        (tmp_path / "inventory" / "all.yml").write_text(f"sites: [{{id: dic}}, {{id: hue}}]\ntargets: [{other}]\n")
        await world.configure()
        await turn(world, 2)
        await restated(world)
        assert (await version(world)).version == 1
        now = await ledgers.reporter.report(Wanted("2026-03", (MARCH, APRIL)), world.now)
        assert figures_of(now) == figures_of(first)
