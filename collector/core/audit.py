"""The audit trail as a chain: each entry's hash covers the hash before it, so that a changed or missing one is found.

Pure. Where the chain ends is written into the day's chain of evidence and reports (R17.4); that alone shows entries cut off
at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

START: Final = bytes(32)
"""What the first entry's hash follows on."""


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what. `act` is `maintenance.create`, `user.role` and the like; `details` is JSON."""

    t_ms: int
    actor: str
    role: str
    source: str
    """Address of the request, or `local` for a command at the machine itself."""
    act: str
    object: str
    details: str


class AuditRow(msgspec.Struct, frozen=True):
    """An entry in its place: the n-th (from 1), and its hash."""

    seq: int
    entry: AuditEntry
    hash: bytes


def row_after(last: AuditRow | None, entry: AuditEntry) -> AuditRow:
    """The next row of the chain; `last` is None for the first."""
    seq, before = (1, START) if last is None else (last.seq + 1, last.hash)
    return AuditRow(seq, entry, digest(before, seq, entry))


def digest(before: bytes, seq: int, entry: AuditEntry) -> bytes:
    """SHA-256 over the hash before and the entry's own bytes: a JSON array of its number and its fields in their order."""
    return hashlib.sha256(before + msgspec.json.encode([seq, *msgspec.structs.astuple(entry)])).digest()


def first_fault(rows: Iterable[AuditRow], last: AuditRow | None = None) -> int | None:
    """Number of the first row that is missing or is not what it was when written; None if there is none. `rows` are in order
    and follow on `last`."""
    seq, before = (0, START) if last is None else (last.seq, last.hash)
    for row in rows:
        seq += 1
        if row.seq != seq or row.hash != digest(before, seq, row.entry):
            return seq
        before = row.hash
    return None
