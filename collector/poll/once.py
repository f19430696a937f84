"""One device asked once, for a person in front: everything it said, what was made of it, and each request.

Asks like the poller, but a module after the other, so that each can be told by itself.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from agent.model import Readings
from agent.packets.ber import text_of
from agent.snmp.asking import SYSTEM, Part, System, ask, identify, modules_of, parts_of, peer_of, system_of
from agent.snmp.device import Device
from agent.snmp.errors import SnmpError
from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.harvest import Harvest, Plan
from agent.snmp.match import Identity
from agent.snmp.peer import RequestLog
from agent.snmp.profile import Profile
from agent.snmp.rows import Rows
from agent.snmp.series import Compiled, SeriesCache, scrape_readings
from agent.snmp.session import Session
from agent.snmp.tools import Tools
from agent.snmp.walk import fetch

NO_PROFILE: Final = ""
"""Profile of a device of which modules alone are wanted."""


class ModuleRun(msgspec.Struct, frozen=True):
    """What a module gave. `readings` are its series, `scrape` those that snmp_exporter tells of its own work."""

    name: str
    readings: Readings
    scrape: Readings
    rows: int
    duration_s: float
    troubles: tuple[str, ...]
    """What could not be read, or not to its end."""


class Asked(msgspec.Struct, frozen=True):
    """All of one poll. `error` is why there is nothing, `answered_from` the address if it is not the one that was asked."""

    device: Device
    system: System
    modules: tuple[ModuleRun, ...]
    requests: tuple[RequestLog, ...]
    error: SnmpError | None = None
    identity: Identity | None = None
    profile: Profile | None = None
    found: Evaluation | None = None
    answered_from: str = ""
    notes: tuple[str, ...] = ()

    @property
    def readings(self) -> list[Readings]:
        """Everything that the device's page would show."""
        own = [self.found.readings] if self.found is not None else []
        return [part for run in self.modules for part in (run.readings, run.scrape)] + own


class Asking:
    """Asks devices with shared tools, as many at a time as there are callers."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, device: Device, deadline_s: float) -> Asked:
        """Ask a device everything: what it is and, unless its profile is `NO_PROFILE`, its profile's objects; its modules.
        Raises `KeyError` for a name that there is not and `SheetError` for a broken file; never for what a device does."""
        until = asyncio.get_running_loop().time() + deadline_s
        session, log = self._session(device, None), list[RequestLog]()
        session.log = log
        core = await fetch(session, Plan(gets=SYSTEM), until)
        system = system_of(core.rows)
        if not core.answered:
            return Asked(device, system, (), tuple(log), error=_error(core))
        if device.profile == NO_PROFILE:
            compiled = [self._tools.compiled(name) for name in dict.fromkeys(device.modules)]
            runs, _ = await self._modules(session, _parts(compiled, device, None), until)
            return Asked(
                device, system, runs, tuple(log), answered_from=session.answered_from or "", notes=tuple(session.notes)
            )
        identity, _ = await identify(session, device, self._tools, system, until)
        profile = self._tools.library.profile(identity.profile)
        spoken = self._session(device, profile)
        spoken.log = log
        rows = (await fetch(spoken, Plan(gets=profile.core_oids), until)).rows
        parts = _parts(modules_of(device, profile, self._tools), device, profile)
        runs, found_rows = await self._modules(spoken, parts, until)
        found_rows.extend(rows)
        found_rows.extend(core.rows)
        found = evaluate(profile, found_rows, Memory(), until, full=True, wan=device.wan)
        return Asked(
            device,
            system,
            runs,
            tuple(log),
            identity=identity,
            profile=profile,
            found=found,
            answered_from=session.answered_from or "",
            notes=tuple(dict.fromkeys([*session.notes, *spoken.notes])),
        )

    async def look(self, device: Device, deadline_s: float) -> tuple[System, Identity | None, SnmpError | None, Session]:
        """Ask only what the device is; the session can be asked further."""
        until = asyncio.get_running_loop().time() + deadline_s
        session = self._session(device, None)
        core = await fetch(session, Plan(gets=SYSTEM), until)
        if not core.answered:
            return System(), None, _error(core), session
        system = system_of(core.rows)
        identity, _ = await identify(session, device, self._tools, system, until)
        return system, identity, None, session

    def _session(self, device: Device, profile: Profile | None) -> Session:
        return self._tools.client.session(peer_of(device, None if profile is None else profile.settings))

    async def _modules(self, session: Session, parts: list[Part], until: float) -> tuple[tuple[ModuleRun, ...], Rows]:
        runs, rows = [], Rows()
        for part in parts:
            run, found = await self._module(session, part, until)
            runs.append(run)
            rows.extend(found)
        return tuple(runs), rows

    async def _module(self, session: Session, part: Part, until: float) -> tuple[ModuleRun, Rows]:
        loop = asyncio.get_running_loop()
        (compiled,) = part.modules
        assert session.log is not None
        before, begun = len(session.log), loop.time()
        harvest = await ask(session, part, until)
        walked_s = loop.time() - begun
        readings = compiled.series(harvest.rows, SeriesCache())
        requests = session.log[before:]
        sent = sum([each.tries for each in requests])
        numbers = (walked_s, float(sent), float(sent - len(requests)), float(len(harvest.rows)), loop.time() - begun)
        troubles = [f"{text_of(root)}: {why}" for root, why in harvest.truncated] + [
            error.detail for _, error in harvest.failed
        ]
        scrape = scrape_readings(compiled.name, numbers)
        run = ModuleRun(compiled.name, readings, scrape, len(harvest.rows), walked_s, tuple(dict.fromkeys(troubles)))
        return run, harvest.rows


def _parts(modules: list[Compiled], device: Device, profile: Profile | None) -> list[Part]:
    settings = None if profile is None else profile.settings
    return [part for compiled in modules for part in parts_of([compiled], device, settings)]


def _error(harvest: Harvest) -> SnmpError:
    error = harvest.dead or (harvest.failed[0][1] if harvest.failed else None)
    assert error is not None
    return error
