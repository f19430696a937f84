"""Plain counts that the other rooms hand to the exposition: ints to increment, nothing that formats or asks the time.

Ingest, committer and fleet write here; `collector.expose.own` reads. One `Tally` a process, used from the event loop only.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agent.model import Lane
from collector.core.histogram import Histogram
from collector.core.notify_tally import NotifyTally
from collector.core.page_tally import PageTally
from collector.core.poll_tally import PollTally, TrapCounts
from collector.core.poll_view import WayOut
from collector.core.probe_tally import ProbeTally

COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class LaneTally(msgspec.Struct):
    """One lane of one agent's spool as last stated: numbers produced and accepted, and what is still held there."""

    produced: int = 0
    acknowledged: int = 0
    held_reports: int = 0
    held_bytes: int = 0
    caught_up_ms: int = 0
    """When the collector last had everything that the lane had produced; 0 if not since the collector started."""


class AgentTally(msgspec.Struct):
    """What the collector counted about one agent."""

    first_ms: int = 0
    heard_ms: int = 0
    version: str = ""
    clock_offset_ms: int | None = None
    """Agent's wall clock minus the collector's (SPEC R2.4); None while not estimated."""
    conflicts: int = 0
    """Batches refused because another sender uses this identity."""
    lost: dict[str, int] = {}
    """Lost reports by reason, as loss records state them."""
    lanes: dict[Lane, LaneTally] = {}
    orders: str = ""
    """Tag of the orders that it runs, as it said last; "" from one that takes none."""
    orders_offered: str = ""
    """Tag of those it was last told of."""
    orders_refused: str = ""
    """Tag of those it refused, and why."""
    orders_detail: str = ""

    @property
    def orders_state(self) -> str:
        """`none`, `current`, `waiting` or `refused`."""
        if not self.orders or not self.orders_offered:
            return "none"
        if self.orders == self.orders_offered:
            return "current"
        return "refused" if self.orders_refused == self.orders_offered else "waiting"

    def hear(self, now_ms: int, version: str) -> None:
        """An admitted batch of this agent arrived."""
        self.first_ms = self.first_ms or now_ms
        self.heard_ms = now_ms
        self.version = version

    def lose(self, reason: str, count: int) -> None:
        """A loss record was stored."""
        self.lost[reason] = self.lost.get(reason, 0) + count

    def mark(self, lane: Lane, produced: int, acknowledged: int, now_ms: int) -> LaneTally:
        """Note the watermarks after a stored batch: last number the lane produced, last accepted without a gap."""
        entry = self.lanes.get(lane)
        if entry is None:
            entry = self.lanes[lane] = LaneTally()
        entry.produced = produced
        entry.acknowledged = acknowledged
        if acknowledged >= produced:
            entry.caught_up_ms = now_ms
        return entry


class Tally(msgspec.Struct):
    """Everything counted since this process started."""

    started_ms: int = 0
    requests: dict[int, int] = {}
    """Answers of the agents' listener by HTTP status code; use `request`."""
    received_bytes: int = 0
    """Bodies as received, before decompression."""
    batches: int = 0
    """Batches stored."""
    reports: int = 0
    """New reports stored."""
    samples: int = 0
    """Values carried by new reports."""
    duplicates: int = 0
    """Reports received again, harmless."""
    late: int = 0
    """New reports of grade `late` (SPEC R9.1)."""
    refused: dict[str, int] = {}
    """Reports refused for good, by `refusal.RefusalCode`; use `refuse`."""
    schemas_refused: int = 0
    """Schemas that broke a limit or met a full share."""
    commits: Histogram = msgspec.field(default_factory=lambda: Histogram.of(COMMIT_BOUNDS_S))
    """Seconds of each group commit."""
    commit_failures: int = 0
    queue_depth: int = 0
    """Batches waiting for the committer."""
    queue_limit: int = 0
    blind_ms: int = 0
    """Time in which the collector itself saw nothing (SPEC R5.3); start with the store's sum."""
    reloads: int = 0
    reload_failures: int = 0
    orphan_reports: int = 0
    """Stored reports of a target that inventory no longer has."""
    older_reports: int = 0
    """Reports that came after newer ones of the same module: evidence, but not shown."""
    dropped_blocks: dict[str, int] = {}
    """Blocks not shown, by reason (`size`: other number of values than the schema says; `modules`, `series`: too many of
    them)."""
    scrapes: dict[tuple[str, int], int] = {}
    """Answers of the web listener's metric pages by page and status code."""
    agents: dict[str, AgentTally] = {}
    snmp: PollTally | None = None
    """None while nothing is polled here."""
    probes: ProbeTally | None = None
    """None while nothing is probed here."""
    sight: Callable[[], tuple[WayOut, ...]] | None = None
    """Answers what is known of the ways out; None while the collector observes nothing itself."""
    traps: TrapCounts | None = None
    """None while no traps are heard."""
    pages: PageTally | None = None
    """None while nobody is paged."""
    notify: NotifyTally | None = None
    """None while nothing is notified."""

    def request(self, code: int) -> None:
        """Count one answer of the agents' listener."""
        self.requests[code] = self.requests.get(code, 0) + 1

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count reports that were refused for good; `reason` is from a closed list."""
        self.refused[reason] = self.refused.get(reason, 0) + count

    def drop(self, reason: str, count: int = 1) -> None:
        """Count blocks whose values are not shown."""
        self.dropped_blocks[reason] = self.dropped_blocks.get(reason, 0) + count

    def scrape(self, page: str, code: int) -> None:
        """Count one answer of a metric page."""
        key = (page, code)
        self.scrapes[key] = self.scrapes.get(key, 0) + 1

    def agent(self, name: str) -> AgentTally:
        """The counts of one agent, made when first asked for; ask only for agents that have shown a valid token."""
        entry = self.agents.get(name)
        if entry is None:
            entry = self.agents[name] = AgentTally()
        return entry
