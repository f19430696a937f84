"""Group commit: admitted batches of many agents become one transaction, and only then answers.

Serves the agents' door. It must never acknowledge what the store has not confirmed, nor advance its picture of an agent
before that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from agent.model import Lane, Loss, Report
from agent.wire import Batch, Group, Refused
from collector.core.change import Change, Saved
from collector.core.evidence import Evidence


class Incoming(msgspec.Struct, frozen=True):
    """One decoded batch of a known agent. `groups` is the admitted part of `batch.groups`; `rx_ms` is when it came, on the
    collector's timeline (`skew.Timeline`). `schemas` are checked (hash, `wire.encode`d bytes) pairs to be stored
    with it, `forgotten` hashes that this agent's share of the schema book dropped."""

    agent: str
    batch: Batch
    groups: tuple[Group, ...]
    rx_ms: int
    schemas: tuple[tuple[bytes, bytes], ...] = ()
    forgotten: tuple[bytes, ...] = ()


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch: it is on disk. `acknowledged` is `Answer.acknowledged`; `refused` adds to `Answer.refused`
    (too many holes); `losses` are the new ones, for counting. `offset_ms` is the agent's wall clock minus ours."""

    acknowledged: dict[Lane, int]
    stored: int
    duplicates: int
    refused: tuple[Refused, ...] = ()
    losses: tuple[Loss, ...] = ()
    offset_ms: int = 0


class BusyError(Exception):
    """The queue is full: answer 503 with Retry-After `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("commit queue is full")
        self.retry_after_s = retry_after_s


class IdentityConflictError(Exception):
    """Another (stream, boot) holds this identity: answer 409. The text says which and since when."""


class CommitLimits(msgspec.Struct, frozen=True):
    """How much may wait."""

    batches: int = 1_024
    reports: int = 100_000
    commit_reports: int = 10_000
    """Most reports in one transaction."""
    ranges: int = 10_000
    """Most ranges of received numbers in one lane of an agent."""


class Ledger(Protocol):
    """The part of the store that the committer needs; raises `change.StoreError`."""

    async def load_agents(self, agents: Sequence[str]) -> dict[str, Saved]: ...

    async def apply(self, change: Change) -> Sequence[int]: ...


Committed = Callable[[list[tuple[Evidence, Report]]], None]


class Committer:
    """Takes batches from any number of tasks; one task of its own commits them in groups.

    `on_committed` is called once a commit, after it and before the answers, with what is new; it must not raise.
    """

    def __init__(
        self,
        ledger: Ledger,
        on_committed: Committed,
        *,
        limits: CommitLimits | None = None,
        late_after_ms: int = 30_000,
        on_commit: Callable[[float, int], None] | None = None,
    ) -> None:
        """`on_commit(seconds, batches)` is told how long each transaction took (for the histogram)."""
        raise NotImplementedError

    @property
    def depth(self) -> int:
        """Batches waiting or being written."""
        raise NotImplementedError

    @property
    def fill(self) -> float:
        """How full the queue is, 0 to 1: what the credit is derived from."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the committing task on the running loop."""

    async def submit(self, incoming: Incoming) -> Receipt:
        """Have a batch stored. Raises `BusyError`, `IdentityConflictError`, `change.StoreError` (answer 503).

        A caller that is cancelled gives up the answer, not the commit.
        """
        raise NotImplementedError

    async def drain(self) -> None:
        """Refuse new batches (`BusyError`), commit what waits, stop the task. May be called twice."""

    def forget(self, agent: str) -> None:
        """Drop what is remembered of an agent (revoked, rotated); it is loaded again when the agent comes back."""
