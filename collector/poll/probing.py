"""The collector's own probes: runs the jobs that the inventory gives to `collector`, in this process and loop.

It judges nothing and stores nothing itself: what a probe finds goes the way of every agent's reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from agent.clock import Clock
from agent.probes.crew import Crew
from agent.probes.crew_stats import DELAY_BOUNDS_MS, PRIORITIES
from agent.probes.probe import Finding, Job
from agent.probes.prober import Prober, Shared, pace_of
from agent.probes.tools import Tools
from agent.results import Result
from collector.core.histogram import Histogram
from collector.core.probe_tally import ProbeTally
from collector.settings import Probes
from collector.tasks import report_end

COUNT_S: Final = 1.0
_BOUNDS_S: Final = tuple([bound / 1000 for bound in DELAY_BOUNDS_MS])


class Probing:
    """Probes until it is cancelled. Made anew when its settings change; jobs may change meanwhile."""

    def __init__(self, settings: Probes, deliver: Callable[[Result], None], clock: Clock, tally: ProbeTally) -> None:
        self._settings = settings
        self._tally = tally
        self._wanted: list[Job] = []
        self._tools = Tools(scripts=settings.scripts)
        self._shared = Shared(self._tools, deliver, clock, lambda job, found: tally.found(job.module.kind, found.outcome))
        self._probers: dict[str, Prober] = {}
        self._judged: dict[str, list[Job]] = {}
        """Of each target the jobs that say whether it is up."""
        self._crew = Crew(self._make, clock, pace=pace_of, max_in_flight=settings.max_in_flight)

    def is_of(self, settings: Probes) -> bool:
        """Whether this is what these would be probed with. Modules are the jobs' own."""
        return (settings.max_in_flight, settings.scripts) == (self._settings.max_in_flight, self._settings.scripts)

    def configure(self, jobs: Iterable[Job]) -> None:
        """These are run from now on; one that stays the same goes on undisturbed."""
        wanted = self._wanted = list(jobs)
        self._crew.configure(wanted)
        keys = {job.key for job in wanted}
        self._probers = {key: prober for key, prober in self._probers.items() if key in keys}
        self._judged = {}
        for job in wanted:
            if job.judged:
                self._judged.setdefault(job.target, []).append(job)
        self._tally.jobs = len(wanted)

    def looks_at(self, target: str) -> bool:
        """Whether any judged probe looks at a target."""
        return target in self._judged

    async def probe_now(self, target: str, timeout_s: float) -> Mapping[str, Finding]:
        """Probe a target at once and wait so long for what is found, by the name of the probe: its judged probes, in runs that
        begin after this call. What does not end in time is not in it; it goes on."""
        asked: dict[str, asyncio.Future[Finding]] = {}
        for job in self._judged.get(target, ()):
            asked[job.name] = self._probers[job.key].next_finding()
            self._crew.poll_now(job.key)
        if asked:
            await asyncio.wait(asked.values(), timeout=timeout_s)
        return {name: one.result() for name, one in asked.items() if one.done() and not one.cancelled()}

    async def run(self) -> None:
        """Probe, for ever. May be run again after it ended."""
        counting = asyncio.get_running_loop().create_task(self._count_always())
        counting.add_done_callback(report_end)
        try:
            self.configure(self._wanted)
            await self._crew.run()
        finally:
            counting.cancel()
            self._count()
            self._tools.close()

    def _make(self, job: Job) -> Prober:
        made = self._probers[job.key] = Prober(job, self._shared)
        return made

    async def _count_always(self) -> None:
        while True:
            self._count()
            await asyncio.sleep(COUNT_S)

    def _count(self) -> None:
        tally, crew = self._tally, self._crew.stats
        tally.late, tally.missed, tally.in_flight, tally.waiting = crew.late, crew.missed, crew.in_flight, crew.waiting
        tally.shed = dict(zip(PRIORITIES, crew.shed, strict=True))
        named = ((key.partition("\n"), count) for key, count in crew.slow.items())
        tally.slow = {(target, name): count for (target, _, name), count in named}
        tally.delays_s = Histogram(_BOUNDS_S, list(crew.delays), crew.delay_sum_ms / 1000)
