"""The agent's disk queue: two lanes, bounded by bytes and age, crash-safe; what is gone is stated as data.

A report that `append` took is on disk when it returns (or, while the disk takes nothing, in a small bounded memory) and
stays until the collector has it or a `Loss` says that it is gone. One process at a time; safe for several threads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from agent.clock import Clock
from agent.model import Lane, Loss, LossReason, Report
from agent.wire import Watermark


class SpoolError(Exception):
    """The folder cannot be used: in use by another process, not writable, or not a spool. Says what and what to do."""


class SpoolLimits(msgspec.Struct, frozen=True):
    """How much the spool may hold. Facts have their own share; bulk never pushes them out."""

    max_bytes: int = 64 * 1024 * 1024
    facts_bytes: int = 8 * 1024 * 1024
    max_age_s: int = 7 * 86_400
    segment_bytes: int = 1024 * 1024
    held_reports: int = 64


class Entry(msgspec.Struct, frozen=True):
    """One stored record: `payload` is the wire encoding of the `Report` (or `Loss`), `seq` included."""

    lane: Lane
    seq: int
    boot: str
    at_ms: int
    is_loss: bool
    payload: bytes
    schemas: tuple[bytes, ...]
    """Hashes of the schemas that the report's blocks use, in the order of the blocks."""


class Appended(msgspec.Struct, frozen=True):
    """The numbers that one `append_collection` gave."""

    facts: range
    bulk: range


class SpoolStatus(msgspec.Struct, frozen=True):
    """What `haidang-agent status` and the agent's own series say of the spool."""

    stream: str
    bytes: int
    watermarks: tuple[Watermark, ...]
    disk_error: str
    """Empty, or why the disk takes nothing at present (`no space left on device`, ...)."""
    held_reports: int
    """Reports in memory because the disk takes nothing."""
    lost: dict[LossReason, int]
    """Reports lost since this process opened the spool."""


class Spool:
    """See the module. `boot` is the boot the appended reports are made in."""

    stream: str

    @classmethod
    def open(cls, folder: str | os.PathLike[str], limits: SpoolLimits, clock: Clock, boot: str) -> Spool:
        """Open or make the folder, cut a torn tail, state what is missing. Raises `SpoolError`."""
        raise NotImplementedError

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> Appended:
        """Store the reports of one collection; their `seq` is given here (pass 0). `schemas` maps the hash of each schema that
        the blocks use to its wire encoding. On return everything is on disk, or held in memory while the disk is full."""
        raise NotImplementedError

    def append(self, lane: Lane, reports: Sequence[Report], schemas: Mapping[bytes, bytes] | None = None) -> range:
        """`append_collection` for one lane."""
        raise NotImplementedError

    def fresh(self, max_reports: int, max_bytes: int) -> list[Entry]:
        """The newest unsent entries of both lanes, facts first, oldest first within a lane."""
        raise NotImplementedError

    def backlog(self, max_reports: int, max_bytes: int) -> list[Entry]:
        """The oldest unsent entries that are not fresh, facts first."""
        raise NotImplementedError

    def schemas(self, entries: Sequence[Entry], hashes: set[bytes]) -> dict[bytes, bytes]:
        """Wire encoding of those of `hashes` that `entries` use."""
        raise NotImplementedError

    def accept(self, entries: Sequence[Entry]) -> None:
        """The collector has these entries on disk: they are never sent again and are freed once nothing older is left."""
        raise NotImplementedError

    def acknowledge(self, lane: Lane, watermark: int) -> None:
        """The collector has everything of the lane up to `watermark`."""
        raise NotImplementedError

    def state_loss(self, entries: Sequence[Entry], reason: LossReason) -> list[Loss]:
        """Give these entries up and state their loss in the facts lane."""
        raise NotImplementedError

    def watermarks(self) -> tuple[Watermark, ...]:
        """State of both lanes for the batch header."""
        raise NotImplementedError

    def status(self) -> SpoolStatus:
        """Figures for people and for the agent's own series."""
        raise NotImplementedError

    def close(self) -> None:
        """Write the position, free the lock. Idempotent."""
        raise NotImplementedError
