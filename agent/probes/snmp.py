"""One device polled by SNMP, in tiers: whether it answers and its core objects on time, its tables when they are done.

Serves crews (`agent.probes.crew`). Each poll ends in reports, whatever the device does; nothing that was read is thrown away
because the rest did not come, and the verdict of a slow device does not wait for its walk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from agent.model import Block, Kind, Lane, Outcome, Readings, Reason
from agent.packing import Packer
from agent.probes.crew import Pace
from agent.probes.held import TOO_BUSY
from agent.results import Result, Schemas
from agent.sheets.sheet import SheetError
from agent.snmp import own, verdict
from agent.snmp.asking import (
    SYSTEM,
    Part,
    System,
    ask,
    identify,
    is_another,
    modules_of,
    parts_of,
    peer_of,
    system_of,
    together,
)
from agent.snmp.device import CORE, VALUES, VERDICT, Device
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.harvest import Habits, Harvest, Plan
from agent.snmp.match import Identity
from agent.snmp.profile import Profile
from agent.snmp.rows import Rows
from agent.snmp.series import Compiled, SeriesCache
from agent.snmp.tools import Tools
from agent.snmp.verdict import Verdict
from agent.snmp.walk import fetch

GRACE_S: Final = 5.0
GRACE_SHARE: Final = 0.25
"""A verdict waits for the full walk so long, and at most this share of the interval."""
FRESH: Final = 2.5
"""A verdict holds for so many intervals."""
ECHO_S: Final = 1.0
MANY_ROWS: Final = 1_000
"""Of more, what is not known yet is learnt in steps, so that a large new switch does not hold up the others."""
_TIME: Final = (Fault.TIMEOUT, Fault.DEADLINE)
"""Faults that a loop which was held up would explain."""
_log = logging.getLogger("haidang.snmp")


def pace_of(device: Device) -> Pace:
    """How often a device is polled."""
    return Pace(device.target, device.interval_s)


class _NoSuchError(Exception):
    """Settings name a profile or module that there is not."""


class _Run:
    """One poll under way: when it began by all clocks, and what it may take."""

    __slots__ = ("at_ms", "awake_ms", "is_answered", "is_told", "requests", "started_s", "until_s", "uptime_ms")

    def __init__(self, tools: Tools, deadline_s: float) -> None:
        clock = tools.clock
        self.at_ms, self.uptime_ms, self.awake_ms = clock.wall_ms(), clock.uptime_ms(), clock.awake_ms()
        self.started_s = asyncio.get_running_loop().time()
        self.until_s = self.started_s + deadline_s
        self.requests = 0
        self.is_answered = False
        self.is_told = False
        """Whether the verdict was given while the walk still runs."""


class _Known(msgspec.Struct):
    """What a device was found to be."""

    identity: Identity
    system: System
    profile: Profile
    modules: list[Compiled]
    parts: list[Part]
    caches: dict[str, SeriesCache]
    packers: dict[str, Packer]
    together: tuple[bytes, ...]
    """Core objects and those of the modules, if they fit into one request."""
    is_together: bool | None = None
    """Whether the device has answered them in one; None: not tried yet."""


class Poller:
    """See the module; one for the life of a device's settings. `poll` is never called while it runs."""

    def __init__(self, device: Device, tools: Tools) -> None:
        self.device = device
        self._tools = tools
        self._session = tools.client.session(peer_of(device, None))
        self._known: _Known | None = None
        self._memory = Memory()
        self._habits: Habits | None = None
        self._own = Packer(device.target)
        self._core = Packer(device.target)
        self._readings = Packer(device.target)
        self._silent = 0
        """Polls in a row without an answer."""
        self._last: tuple[Verdict, int] | None = None
        """The verdict of the last answer, and when that was (uptime)."""
        self._full_ms = -1
        """When the last full walk began (uptime)."""
        self._truncated = 0

    async def poll(self, deadline_s: float, *, reset: bool = False) -> None:
        """One poll, which has so many seconds; everything it finds is delivered by itself, and it raises nothing. `reset`:
        what was counted so far is no base any more."""
        run = _Run(self._tools, deadline_s)
        try:
            if reset:
                self._memory.reset()
            await self._poll(run)
        except SheetError as error:
            detail = f"its profile is broken: {error.problems[0]}"
            self._tell(run, Verdict(Outcome.ERROR, Reason.INTERNAL, detail[: verdict.MAX_DETAIL]), up=True)
        except _NoSuchError as error:
            detail = f"its settings name {error.args[0]!r}, which is no profile and no module"
            self._tell(run, Verdict(Outcome.ERROR, Reason.INTERNAL, detail[: verdict.MAX_DETAIL]), up=True)
        except Exception as error:  # noqa: BLE001  what one device makes of our code must not end the polling of all
            _log.exception("polling %s failed", self.device.target)
            detail = f"the poller failed: {type(error).__name__}: {error}"  # not its repr, which may hold more than was meant
            self._tell(run, Verdict(Outcome.ERROR, Reason.INTERNAL, detail[: verdict.MAX_DETAIL]), up=run.is_answered)

    # -- asking

    async def _poll(self, run: _Run) -> None:
        known = self._known
        full_ms = self.device.full_interval_s * 1000
        last_ms = run.uptime_ms - self._full_ms
        is_full = self._full_ms < 0 or not full_ms or last_ms >= full_ms - self.device.interval_s * 500
        is_together = known is not None and bool(known.is_together) and is_full
        oids = (known.together if is_together else known.profile.core_oids) if known is not None else SYSTEM
        core = await self._fetch(run, oids or SYSTEM)
        if not core.answered:
            await self._unanswered(run, core)
            return
        run.is_answered = True
        if self._silent >= verdict.SILENT_POLLS:
            self._speak(known.profile if known is not None else None)
        self._silent = 0
        if known is None:
            known = await self._recognise(run, system_of(core.rows))
        self._habits = core.habits
        if is_full:
            await self._walk(run, known, core, is_together=is_together)
        else:
            self._judge(run, known, core.rows, full=False)

    async def _fetch(self, run: _Run, oids: tuple[bytes, ...]) -> Harvest:
        harvest = await fetch(self._session, Plan(gets=oids), run.until_s, self._habits)
        run.requests += harvest.requests
        return harvest

    async def _recognise(self, run: _Run, system: System) -> _Known:
        identity, is_sure = await identify(self._session, self.device, self._tools, system, run.until_s)
        try:
            profile = self._tools.library.profile(identity.profile)
            modules = modules_of(self.device, profile, self._tools)
        except KeyError as error:
            raise _NoSuchError(error.args[0]) from None
        self._speak(profile)
        parts = parts_of(modules, self.device, profile.settings)
        known = _Known(identity, system, profile, modules, parts, {}, {}, together(profile.core_oids, parts))
        self._memory = Memory()
        self._known = known if is_sure else None
        return known

    def _speak(self, profile: Profile | None, retries: int | None = None) -> None:
        """Begin a session with the profile's settings; a dead device is asked once a poll, not with retries."""
        peer = peer_of(self.device, None if profile is None else profile.settings)
        if retries is not None:
            peer = msgspec.structs.replace(peer, retries=retries)
        if peer != self._session.peer:
            self._session = self._tools.client.session(peer)

    async def _walk(self, run: _Run, known: _Known, core: Harvest, *, is_together: bool) -> None:
        """`is_together`: the objects of the modules were asked for with the core objects."""
        interval_s = self.device.interval_s
        timer = asyncio.get_running_loop().call_later(
            min(GRACE_S, interval_s * GRACE_SHARE), self._judge_early, run, known, core.rows
        )
        rows = Rows()
        truncated: list[str] = []
        try:
            for part in known.parts:
                if is_together and not part.plan.walks:
                    continue
                harvest = await ask(self._session, part, run.until_s, gets=not is_together)
                run.requests += harvest.requests
                rows.extend(harvest.rows)
                truncated += [why for _, why in harvest.truncated]
                truncated += [error.detail for _, error in harvest.failed]
        finally:
            timer.cancel()
        self._full_ms = run.uptime_ms
        self._truncated = len(truncated)
        rows.extend(core.rows)
        for compiled in known.modules:
            cache = known.caches.setdefault(compiled.name, SeriesCache())
            for _ in compiled.learning(rows, cache) if len(rows) > MANY_ROWS else ():
                await asyncio.sleep(0)
        found = self._judge(run, known, rows, full=True, notes=truncated)
        self._deliver_values(run, known, rows, found)
        if is_another(known.system, core.rows, rows):
            self._known = None  # Another device has taken its place, or its firmware was changed: look anew with the next poll.
        elif is_together:
            known.is_together = core.requests == 1 and not (core.failed or core.missing)
        elif known.is_together is None and known.together and not truncated:
            await self._try_together(run, known)

    async def _try_together(self, run: _Run, known: _Known) -> None:
        """See whether the device answers all objects in one request, before its verdict depends on it: one fewer a poll."""
        tried = await self._fetch(run, known.together)
        known.is_together = tried.requests == 1 and tried.answered and not (tried.failed or tried.missing)

    # -- judging

    def _judge_early(self, run: _Run, known: _Known, core: Rows) -> None:
        """The walk is not done in time: say what is known."""
        try:
            self._judge(run, known, core, full=False)
        except Exception:  # noqa: BLE001  the walk goes on, and its end gives a verdict in any case
            _log.exception("judging %s before the end of its walk failed", self.device.target)
        else:
            run.is_told = True

    def _judge(self, run: _Run, known: _Known, rows: Rows, *, full: bool, notes: Iterable[str] = ()) -> Evaluation:
        device = self.device
        fresh_s = FRESH * max(device.interval_s, device.full_interval_s)
        found = evaluate(known.profile, rows, self._memory, run.uptime_ms / 1000, full=full, fresh_s=fresh_s, wan=device.wan)
        remarks = (found.reason, *[note for note, _ in found.notes], *notes)
        said = verdict.answered(found.health, "; ".join(dict.fromkeys([part for part in remarks if part])))
        before = self._last[0] if self._last is not None else None
        self._last = (said, run.uptime_ms)
        if not (run.is_told and full and before == said):
            self._tell(run, said, up=True)
        self._deliver_data(run, CORE, [(self._core, found.core)])
        return found

    async def _unanswered(self, run: _Run, core: Harvest) -> None:
        error = core.dead or (core.failed[0][1] if core.failed else SnmpError(Fault.TIMEOUT, "no answer"))
        now_s = asyncio.get_running_loop().time()
        if error.fault in _TIME and self._tools.client.timers.held.is_over(run.started_s, min(run.until_s, now_s), now_s):
            self._tell(
                run, Verdict(Outcome.ERROR, Reason.INTERNAL, f"{TOO_BUSY}: {error.detail}"[: verdict.MAX_DETAIL]), up=False
            )
            return
        self._silent += 1
        echo = None
        address = self._session.address
        if self.device.ping and error.fault in verdict.SILENCE and address is not None:
            left_s = run.until_s - asyncio.get_running_loop().time()
            echo = await self._tools.echoes.is_reachable(address, max(0.1, min(ECHO_S, left_s)))
        last = self._last
        fresh = last is not None and run.uptime_ms - last[1] <= FRESH * 1000 * self.device.interval_s
        self._tell(run, verdict.unanswered(error, self._silent, echo, last[0] if fresh and last else None), up=False)
        if self._silent == verdict.SILENT_POLLS:
            self._speak(self._known.profile if self._known is not None else None, retries=0)

    # -- telling

    def _tell(self, run: _Run, said: Verdict, *, up: bool) -> None:
        duration_s = asyncio.get_running_loop().time() - run.started_s
        numbers = (float(up), duration_s, run.requests, self._truncated)
        blocks: list[Block] = []
        schemas = Schemas()
        self._own.pack(own.readings(numbers), blocks, schemas)
        self._deliver(run, VERDICT, said, Kind.OBS, blocks=tuple(blocks), schemas=schemas, duration_s=duration_s)

    def _deliver_values(self, run: _Run, known: _Known, rows: Rows, found: Evaluation) -> None:
        parts = [(self._readings, found.rest)]
        for compiled in known.modules:
            packer = known.packers.get(compiled.name) or known.packers.setdefault(compiled.name, Packer(self.device.target))
            parts.append((packer, compiled.series(rows, known.caches[compiled.name])))
        self._deliver_data(run, VALUES, parts, max(self.device.interval_s, self.device.full_interval_s))

    def _deliver_data(self, run: _Run, module: str, parts: Iterable[tuple[Packer, Readings]], interval_s: int = 0) -> None:
        blocks: list[Block] = []
        schemas = Schemas()
        for packer, readings in parts:
            packer.pack(readings, blocks, schemas)
        if blocks:
            taken_s = asyncio.get_running_loop().time() - run.started_s
            self._deliver(
                run,
                module,
                _DATA,
                Kind.REPORT,
                blocks=tuple(blocks),
                schemas=schemas,
                duration_s=taken_s,
                interval_s=interval_s,
            )

    def _deliver(
        self,
        run: _Run,
        module: str,
        said: Verdict,
        kind: Kind,
        *,
        blocks: tuple[Block, ...],
        schemas: Schemas,
        duration_s: float = 0.0,
        interval_s: int = 0,
    ) -> None:
        lane = Lane.FACTS if module == VERDICT else Lane.BULK
        result = Result(
            self.device.target, module, kind, lane, said.outcome, said.reason, said.detail, run.at_ms, run.uptime_ms,
            run.awake_ms, duration_s, 1000 * (interval_s or self.device.interval_s), blocks, schemas,
        )  # fmt: skip
        self._tools.deliver(result)


_DATA: Final = Verdict(Outcome.OK, Reason.NONE, "")
"""What is told with values that nobody judges."""

__all__ = ["Poller", "Tools", "pace_of"]
