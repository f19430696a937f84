"""The agent's disk queue: two lanes, bounded by bytes and age, crash-safe; what is gone is stated as data.

A report that `append` took is on disk when it returns (or, while the disk takes nothing, in a small bounded memory) and
stays until the collector has it or a `Loss` says that it is gone. One process at a time; safe for several threads.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence

import msgspec

from agent import spool_limits
from agent.clock import Clock
from agent.lane import Damage
from agent.model import Lane, LossReason, Report
from agent.segment import Entry
from agent.spool_folder import SpoolError, SpoolFolder
from agent.spool_repair import repair
from agent.spool_store import SpoolLimits, Store
from agent.wire import Watermark, WireError


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
    """Empty, or why the disk takes nothing at present (`No space left on device`, ...)."""
    held_reports: int
    """Reports in memory because the disk takes nothing."""
    lost: dict[LossReason, int]
    """Reports lost since this process opened the spool, by reason."""
    repairs: int = 0
    """How often the folder, or a part of it, was removed from outside and made anew."""


class Spool:
    """See the module. Made by `open`; `stream` names the spool for ever."""

    def __init__(self, store: Store) -> None:
        self.stream = store.folder.stream
        self._store = store
        self._lock = threading.Lock()
        self._is_closed = False
        last = store.folder.position.last
        self._is_unsure = last is not None and not last.clean

    @classmethod
    def open(cls, folder: str | os.PathLike[str], limits: SpoolLimits, clock: Clock, boot: str) -> Spool:
        """Open or make the folder, cut a torn tail, state what is missing. `boot` is the boot that appended reports are made
        in. Raises `SpoolError`."""
        place = SpoolFolder(os.fspath(folder))
        try:
            store = Store(place, limits, clock, boot)
            store.recover()
            spool_limits.enforce(store)
        except OSError as error:
            place.close()
            raise SpoolError(f"spool folder {place.path}: {error.strerror or error}") from error
        return cls(store)

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> Appended:
        """Store the reports of one collection; their `seq` is given here (whatever they carry). `schemas` maps the hash of each
        schema that the blocks use to its wire encoding. On return everything is on disk, or held in memory while the disk
        takes nothing; a report over 2 MiB is not stored but stated as lost."""
        with self._lock:
            store = self._store
            repair(store)
            numbers = Appended(store.stage(store.facts, facts, schemas), store.stage(store.bulk, bulk, schemas))
            store.flush()
            if not store.folder.trouble:
                spool_limits.enforce(store)
            return numbers

    def append(self, lane: Lane, reports: Sequence[Report], schemas: Mapping[bytes, bytes] | None = None) -> range:
        """`append_collection` for one lane."""
        if lane is Lane.FACTS:
            return self.append_collection(facts=reports, schemas=schemas).facts
        return self.append_collection(bulk=reports, schemas=schemas).bulk

    def fresh(self, max_reports: int, max_bytes: int) -> list[Entry]:
        """The newest unsent entries of both lanes, facts first, oldest first within a lane. At least one if there is one."""
        found: list[Entry] = []
        with self._lock:
            for entry in (*self._store.facts.recent, *self._store.bulk.recent):
                max_bytes -= len(entry.payload)
                if len(found) >= max_reports or (found and max_bytes < 0):
                    break
                found.append(entry)
        return found

    def backlog(self, max_reports: int, max_bytes: int) -> list[Entry]:
        """The oldest unsent entries that are not fresh, facts first. What turns out unreadable is stated as lost."""
        found: list[Entry] = []
        with self._lock:
            for lane in (self._store.facts, self._store.bulk):
                found += self._store.unsent(lane, max_reports - len(found), max_bytes - sum(len(e.payload) for e in found))
        return found

    def sending(self, entries: Sequence[Entry]) -> None:
        """An exchange with these begins or, with none, is over: meanwhile what is in memory only is not stated as lost, for it
        may arrive. (What is dropped from disk for its age or for room may still be both: the collector prefers evidence.)"""
        with self._lock:
            self._store.sending = frozenset((entry.lane, entry.seq) for entry in entries)

    def has_pending(self) -> bool:
        """Whether anything waits for the collector."""
        with self._lock:
            return any(lane.pending for lane in self._store.lanes.values())

    def schemas(self, entries: Sequence[Entry], hashes: set[bytes]) -> dict[bytes, bytes]:
        """Wire encoding of those of `hashes` that `entries` use; one that cannot be read any more is left out."""
        user = {needed: entry for entry in reversed(entries) for needed in entry.schemas if needed in hashes}
        with self._lock:
            read = {needed: self._store.schema(entry, needed) for needed, entry in user.items()}
        return {needed: data for needed, data in read.items() if data is not None}

    def accept(self, entries: Sequence[Entry]) -> None:
        """The collector has these entries on disk: they are never sent again and are freed once nothing older is left."""
        with self._lock:
            for entry in entries:
                self._store.lanes[entry.lane].settle(entry.seq, entry.seq)
            self._store.forget()

    @property
    def is_unsure(self) -> bool:
        """Whether the process before this one died and may have given numbers that nobody could note (the disk took nothing).
        Until `compare` nothing should be sent: under a number used before it would be taken for a duplicate."""
        return self._is_unsure

    def compare(self, acknowledged: Mapping[Lane, int]) -> None:
        """What the collector had of each lane before it got anything from this process. Where that reaches into the numbers
        given since the start, the reports get new ones."""
        with self._lock, contextlib.suppress(Damage, OSError, WireError):
            self._is_unsure = False
            for lane, watermark in acknowledged.items():
                files = self._store.lanes[lane]
                if files.first_given <= watermark < 2**53:
                    self._store.renumber(files, watermark)

    def acknowledge(self, lane: Lane, watermark: int) -> None:
        """The collector has everything of the lane up to `watermark`. If that is more than was ever numbered here (the folder
        was put back from a copy), numbering goes on above it, for the collector would take lower numbers for duplicates."""
        if not 0 < watermark < 2**53:
            return
        with self._lock:
            files = self._store.lanes[lane]
            if watermark >= files.next_seq:
                files.next_seq = watermark + 1
            elif watermark <= files.settled.done:
                return
            files.settle(1, watermark)
            self._store.forget()

    def state_loss(self, entries: Sequence[Entry], reason: LossReason) -> None:
        """Give these entries up and state their loss in the facts lane. A loss record given up is only settled: stating the
        loss of a loss that the collector refused would never end."""
        with self._lock:
            self._store.give_up([entry for entry in entries if not entry.is_loss], reason)
            for entry in entries:
                self._store.lanes[entry.lane].settle(entry.seq, entry.seq)
            self._store.flush()
            self._store.forget()

    def watermarks(self) -> tuple[Watermark, ...]:
        """State of both lanes for the batch header."""
        with self._lock:
            return self._watermarks()

    def _watermarks(self) -> tuple[Watermark, ...]:
        return tuple([
            Watermark(lane, files.next_seq - 1, files.settled.done + 1, files.pending, files.size)
            for lane, files in self._store.lanes.items()
        ])  # fmt: skip

    def status(self) -> SpoolStatus:
        """Figures for people and for the agent's own series."""
        with self._lock:
            held = len(self._store.facts.held) + len(self._store.bulk.held)
            size = self._store.facts.size + self._store.bulk.size
            return SpoolStatus(
                self.stream,
                size,
                self._watermarks(),
                self._store.disk_error,
                held,
                dict(self._store.lost),
                self._store.folder.repairs,
            )

    @property
    def is_replaced(self) -> bool:
        """Whether another folder stands where this spool's was: only a new start can use it."""
        return bool(self._store.folder.trouble) and self._store.folder.is_replaced()

    def close(self) -> None:
        """Write the position, free the lock. Idempotent."""
        with self._lock:
            for lane in self._store.lanes.values():
                lane.seal()
            if not self._is_closed:
                self._store.save(clean=not self._is_unsure)
            self._is_closed = True
            self._store.folder.close()


__all__ = ["Appended", "Entry", "Spool", "SpoolError", "SpoolLimits", "SpoolStatus"]
