"""Runs one job again and again for a crew (`agent.probes.crew`): each run becomes one result, whatever its target does.

What a run finds is delivered as it is; whether its target is up is for others to say.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from agent.blocks import split
from agent.clock import Clock
from agent.model import Block, Family, Kind, Lane, Outcome, Readings, Reason
from agent.packing import Packer
from agent.probes.crew import Pace
from agent.probes.probe import MAX_DETAIL, Finding, Job, Run
from agent.probes.running import Done, Openings, run_once, timeout_of
from agent.probes.tools import Tools
from agent.results import Result, Schemas

LABEL: Final = "module"
"""First label of every series of a probe, the name of its job: so several probes of a target never collide."""
OWN: Final = 2
"""Readings of a run that are not its kind's: success and duration, in front."""


def pace_of(job: Job) -> Pace:
    """How often a job runs."""
    return Pace(job.key, job.interval_s, job.retry_s, job.fail_after, min(max(job.priority, 0), 2))


class Shared:
    """What the probers of one event loop have in common. `deliver` gets every result at once, in the loop; it must neither
    raise nor wait."""

    def __init__(
        self, tools: Tools, deliver: Callable[[Result], None], clock: Clock, count: Callable[[Job, Finding], None] | None = None
    ) -> None:
        """`count` is told of every finding."""
        self.tools = tools
        self.deliver = deliver
        self.clock = clock
        self.count = count
        self.openings = Openings()
        self.layouts = _Layouts()


Series = tuple[Sequence[tuple[str, ...]], ...]


class _Layout:
    """Families and labels as runs give them, and the same with our label in front. Never changed."""

    __slots__ = ("__weakref__", "families", "given", "series")

    def __init__(self, module: str, families: tuple[Family, ...], series: Series) -> None:
        self.given = (families, series)
        self.families = tuple([Family(family.name, family.type, family.help, (LABEL, *family.labels)) for family in families])
        self.series: Series = tuple([tuple([(module, *labels) for labels in rows]) for rows in series])


class _Layouts:
    """Jobs whose runs give the same share what is made of it: ten thousand of a few modules cost little memory."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[str, tuple[Family, ...], Series], _Layout] = WeakValueDictionary()

    def of(self, module: str, families: tuple[Family, ...], series: Series) -> _Layout:
        """What these families and labels become."""
        key = (module, families, series)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _Layout(module, families, series)
        return found


class Prober:
    """See the module; one for the life of a job. `poll` is never called while it runs."""

    __slots__ = ("_job", "_layout", "_packer", "_probe", "_shared", "_timeout_s", "_waiters")

    def __init__(self, job: Job, shared: Shared) -> None:
        self._job = job
        self._shared = shared
        self._probe = shared.openings.probe(job.module)
        self._timeout_s = timeout_of(job.module, job.interval_s)
        self._layout: _Layout | None = None
        self._packer = Packer(f"{job.target} {job.name}")
        self._waiters: list[asyncio.Future[Finding]] = []

    async def poll(self, deadline_s: float, *, reset: bool = False) -> Outcome:
        """One run, of at most so many seconds. Nothing of a probe depends on what was before, so `reset` changes nothing."""
        shared, job, clock = self._shared, self._job, self._shared.clock
        waiters, self._waiters = self._waiters, []
        times = clock.wall_ms(), clock.uptime_ms(), clock.awake_ms()
        finding = None
        try:
            run = Run(shared.tools, min(self._timeout_s, deadline_s))
            done = await run_once(self._probe, job.address, run, degraded_after_s=job.module.degraded_after_s)
            finding = self._deliver(done, times)
        finally:
            for waiter in waiters:
                _answer(waiter, finding)
        return finding.outcome

    def next_finding(self) -> asyncio.Future[Finding]:
        """What the next run to begin will find; cancelled if that does not end."""
        waiter: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def _deliver(self, done: Done, times: tuple[int, int, int]) -> Finding:
        job, finding = self._job, done.finding
        blocks: list[Block] = []
        schemas = Schemas()
        try:
            self._pack(done.readings, blocks, schemas)
        except (TypeError, ValueError, struct.error) as error:
            blocks.clear()
            detail = f"the values of the probe cannot be told: {type(error).__name__}: {error}"[:MAX_DETAIL]
            finding = Finding(Outcome.ERROR, Reason.INTERNAL, detail)
        kind, lane = (Kind.OBS, Lane.FACTS) if job.judged else (Kind.REPORT, Lane.BULK)
        self._shared.deliver(
            Result(
                job.target, job.name, kind, lane, finding.outcome, finding.reason, finding.detail, *times, done.duration_s,
                job.interval_s * 1000, tuple(blocks), schemas,
            )
        )  # fmt: skip
        if self._shared.count is not None:
            self._shared.count(job, finding)
        return finding

    def _pack(self, readings: Readings, blocks: list[Block], schemas: Schemas) -> None:
        families, series, numbers = split(readings)
        layout = self._layout
        if layout is None or layout.given != (families, series):
            layout = self._layout = self._shared.layouts.of(self._job.name, families, series)
        self._packer.pack_columns(layout.families, layout.series, numbers, blocks, schemas)
        if not blocks and len(readings) > OWN:
            # The wire refuses what the kind gave, which the packer has said; whether it worked is told all the same.
            self._pack(readings[:OWN], blocks, schemas)


def _answer(waiter: asyncio.Future[Finding], finding: Finding | None) -> None:
    if waiter.done():
        return
    if finding is None:
        waiter.cancel()
    else:
        waiter.set_result(finding)
