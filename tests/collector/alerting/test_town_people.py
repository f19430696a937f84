"""Severities, quiet hours and their digest, steps of an escalation and who is on call, over restarts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from collector.core.alert import Severity
from collector.core.calling import DigestRule, Escalation, Notify, NotifyKind, Person, Quiet, Route, Step
from collector.core.hours import Hours, weekly
from collector.core.incident import IncidentState
from collector.core.incident_acts import Around, carry_out
from collector.core.notice import EventKind, Named
from collector.core.paging_answers import IncidentAct, IncidentActKind
from collector.core.people import Actor, Role
from collector.core.rota import Rota
from tests.collector.alerting.town import Device, Town, plan

FIRING, RESOLVED, REMINDER, DIGEST = EventKind.FIRING, EventKind.RESOLVED, EventKind.REMINDER, EventKind.DIGEST
ZONE = "Asia/Ho_Chi_Minh"
NOC, LEAD = Notify(NotifyKind.RECEIVER, "noc"), Notify(NotifyKind.RECEIVER, "lead")
MINUTE = 60_000


async def test_what_quiet_hours_held_back_is_paged_at_their_end_or_stands_in_one_digest(tmp_path: Path) -> None:
    """The digest is written once, however often the collector starts after it."""
    night = Hours(within=(weekly([(0, 30)], range(7), ZONE),))
    said = plan(
        zone=ZONE,
        routes=(Route("default", "noc", quiet=Quiet(frozenset({Severity.WARNING}), night)),),
        digests=(DigestRule((40,), (LEAD,)),),
    )
    devices = [Device(name, priority="low", phase_s=n) for n, name in enumerate(("gate", "lamp"))]
    devices += [Device("door", priority="low", site="xa"), Device("web", phase_s=4)]
    sites = "sites:\n  - id: dic\n  - id: xa\n"
    async with Town(tmp_path, devices, said, sites=sites).running() as town:
        await town.run(60)
        town.dead |= {"gate", "lamp", "door"}
        await town.run(120)
        assert set(town.why().values()) == {"quiet_hours"}
        town.dead = {"lamp", "web"}
        await town.run(120)
        assert await town.said() == [("firing", "web", "noc")]
        town.dead = {"lamp"}
        await town.run(2_460 - 300, 5)
        shown = await town.said(FIRING, DIGEST)
        assert shown == [("firing", "web", "noc"), ("firing", "lamp", "noc"), ("digest", "door", "lead")]
        for kill in (True, False):
            await town.restart(kill=kill)
            await town.run(120)
        town.dead.clear()
        await town.run(60)
        assert await town.said(FIRING, DIGEST) == shown
        assert sorted(await town.said(RESOLVED)) == [("resolved", "lamp", "noc"), ("resolved", "web", "noc")]


@pytest.mark.parametrize("is_acknowledged", [False, True])
async def test_steps_are_gone_through_over_restarts_until_somebody_acknowledges(tmp_path: Path, is_acknowledged: bool) -> None:
    """Each step once and in its time, and whoever was told is told of the end."""
    steps = (Step(0, (NOC,)), Step(10 * MINUTE, (LEAD,)), Step(20 * MINUTE, (NOC, LEAD)))
    said = plan(escalations={"noc": Escalation(steps)})
    async with Town(tmp_path, [Device("web"), Device("other", phase_s=3)], said).running() as town:
        await town.run(60)
        town.dead.add("web")
        for minute in range(24):
            await town.run(60, 10)
            await town.restart(kill=bool(minute % 2))
            if is_acknowledged and minute == 13:
                await _acknowledge(town)
        late = [] if is_acknowledged else [("reminder", "web", "noc"), ("reminder", "web", "lead")]
        wanted = [("firing", "web", "noc"), ("firing", "web", "lead"), *late]
        assert await town.said(FIRING, REMINDER) == wanted
        times = [row.outgoing.created_ms for row in await town.rows() if row.outgoing.event in (FIRING, REMINDER)]
        assert abs(times[1] - times[0] - 10 * MINUTE) <= 10_000
        town.dead.clear()
        await town.run(60)
        assert await town.said(FIRING, REMINDER) == wanted
        assert sorted(await town.said(RESOLVED)) == [("resolved", "web", "lead"), ("resolved", "web", "noc")]


async def _acknowledge(town: Town) -> None:
    desk = town.desk
    incident = next(one for one in desk.book.incidents.values() if one.state is IncidentState.OPEN)
    parts = [desk.book.alerts[uid] for uid in desk.book.parts[incident.uid]]
    act, actor = IncidentAct(IncidentActKind.ACKNOWLEDGE), Actor("an", Role.OPERATOR, "test")
    done = carry_out(incident, act, actor, town.world.now, Around(parts, Named))
    async with desk.writing:
        await desk.write(done.changes, audit=[done.audit])


async def test_a_hand_over_in_the_middle_of_an_escalation_calls_who_has_the_turn(tmp_path: Path) -> None:
    """And both are told of the end; nobody is paged for the hand-over itself."""
    rota = Rota(ZONE, ("an", "binh"), (20,), 1, dt.date(2026, 3, 1))
    duty = Notify(NotifyKind.ROTA, "duty")
    said = plan(
        zone=ZONE,
        people={name: Person(name, (f"{name}-phone",)) for name in ("an", "binh")},
        rotas={"duty": rota},
        escalations={"noc": Escalation((Step(0, (duty,)), Step(15 * MINUTE, (duty,))))},
    )
    async with Town(tmp_path, [Device("web"), Device("other", phase_s=3)], said).running() as town:
        await town.run(600, 5)
        town.dead.add("web")
        await town.run(1_800, 5)
        assert await town.said() == [("firing", "web", "an-phone"), ("firing", "web", "binh-phone")]
        town.dead.clear()
        await town.run(60)
        assert sorted(await town.said(RESOLVED)) == [("resolved", "web", "an-phone"), ("resolved", "web", "binh-phone")]
