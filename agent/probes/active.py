"""What observes other targets in one event loop: a crew of probes, one of devices, sight over the ways out, a reflector.

Follows what is wanted without disturbing what stays. It stores nothing: whoever made it gets every result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from agent.clock import Clock
from agent.model import Readings
from agent.probes import figures
from agent.probes.crew import Crew
from agent.probes.crew_stats import CrewStats
from agent.probes.prober import Prober, Shared, pace_of
from agent.probes.references import References
from agent.probes.sight import Sight
from agent.probes.tools import Tools
from agent.probes.wanted import Reflecting, Wanted
from agent.results import Result
from agent.status import ObservingStatus

if TYPE_CHECKING:
    from agent.probes.probe import Job
    from agent.probes.reflector import Reflector
    from agent.snmp.device import Device
    from agent.snmp.tools import Tools as SnmpTools

Say = Callable[[str, str, bool], None]


class Active:
    """`apply` what is wanted, as often as it changes; `close` at the end. A task in `tasks` that ends has met a mistake."""

    def __init__(
        self,
        deliver: Callable[[Result], None],
        clock: Clock,
        say: Say,
        *,
        scripts: Mapping[str, tuple[str, ...]],
        max_in_flight: int,
    ) -> None:
        """`say(about, text, good)` is told what cannot be done."""
        self.tasks: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._say = say
        self._max_in_flight = max_in_flight
        self._references = References()
        self._sight = Sight(deliver, self._references.ask, clock)
        self._watching: asyncio.Task[None] | None = None
        self._tools = Tools(scripts=scripts)
        self._figures = figures.Figures()
        self._shared = Shared(self._tools, self._sight.take, clock, self._figures.found)
        self._probing: tuple[Crew[Job], asyncio.Task[None]] | None = None
        self._polling: tuple[Crew[Device], asyncio.Task[None], SnmpTools] | None = None
        self._reflector: tuple[Reflecting, Reflector] | None = None

    async def apply(self, wanted: Wanted) -> None:
        """Observe this from now on. Raises `OSError` where the system has no sockets for us."""
        self._sight.configure(wanted.uplinks, wanted.uplink_of)
        if wanted.uplinks and self._watching is None:
            self._watching = self._spawn(self._sight.run())
        await self._probe(wanted)
        await self._poll(wanted)
        await self._reflect(wanted.reflecting)

    def readings(self) -> Readings:
        """The series of all this. May be called from any thread."""
        found: list[Any] = []
        probing, polling = self._probing, self._polling
        if probing is not None:
            found += self._figures.of_probes(len(probing[0]), probing[0].stats)
        if polling is not None:
            found += self._figures.of_polls(len(polling[0]), polling[0].stats, polling[2].client.stats)
        return [*found, *figures.of_sight(self._sight.views())]

    def status(self) -> ObservingStatus:
        """The same for people. May be called from any thread."""
        crews: dict[str, tuple[int, CrewStats]] = {}
        probing, polling = self._probing, self._polling
        if probing is not None:
            crews["probes"] = len(probing[0]), probing[0].stats
        if polling is not None:
            crews["devices"] = len(polling[0]), polling[0].stats
        return figures.status_of(crews, self._sight.views())

    async def close(self) -> None:
        """End everything; what runs is cancelled, what was found is delivered."""
        await self._reflect(None)
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)
        if self._polling is not None:
            await self._polling[2].close()
        await self._sight.close()
        self._references.close()
        self._tools.close()

    async def _probe(self, wanted: Wanted) -> None:
        if self._probing is None and wanted.jobs:
            crew: Crew[Job] = Crew(
                lambda job: Prober(job, self._shared), self._clock, pace=pace_of, max_in_flight=self._max_in_flight
            )
            self._probing = crew, self._spawn(crew.run())
        if self._probing is not None:
            self._probing[0].configure(wanted.jobs)

    async def _poll(self, wanted: Wanted) -> None:
        if self._polling is not None and wanted.library is not self._polling[2].library:
            # Profiles are another: every device is looked at anew.
            _, task, tools = self._polling
            self._polling = None
            await self._end(task)
            await tools.close()
        if self._polling is None and wanted.devices:
            self._polling = await self._open_polling(wanted)
        if self._polling is not None:
            self._polling[0].configure(wanted.devices)
            self._figures.keep({device.target for device in wanted.devices})

    async def _open_polling(self, wanted: Wanted) -> tuple[Crew[Device], asyncio.Task[None], SnmpTools]:
        # Loaded here only: an agent that merely probes needs none of it.
        from agent.probes import snmp
        from agent.snmp.device import VERDICT

        def deliver(result: Result) -> None:
            if result.module == VERDICT:
                self._figures.judged(result)
            self._sight.take(result)

        tools = snmp.Tools(wanted.library, deliver, self._clock)
        await tools.open()
        crew: Crew[Device] = Crew(lambda device: snmp.Poller(device, tools), self._clock, pace=snmp.pace_of)
        return crew, self._spawn(crew.run()), tools

    async def _reflect(self, wanted: Reflecting | None) -> None:
        if self._reflector is not None:
            if self._reflector[0] == wanted:
                return
            await self._reflector[1].stop()
            self._reflector = None
        if wanted is None:
            return
        from agent.probes.reflector import Reflector

        reflector = Reflector((wanted.host, wanted.port), wanted.key)
        try:
            await reflector.start()
        except OSError as error:
            self._say("reflector", f"it cannot listen at port {wanted.port}: {error.strerror or error}", False)
            return
        self._reflector = wanted, reflector
        self._say("reflector", "ok", True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        return task

    async def _end(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        task.cancel()
        await asyncio.wait([task])
