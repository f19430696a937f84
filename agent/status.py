"""The agent's own view of itself in a file, written atomically at each collection and read by `haidang-agent status`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.spool import SpoolStatus
from agent.uplink import UplinkStatus

_MAX_BYTES: Final = 1024 * 1024


class ReaderStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a reader's last run ended."""

    kind: str
    outcome: str
    duration_s: float
    detail: str = ""


class Status(msgspec.Struct, frozen=True):
    """The agent at `at_ms` (wall clock). `collected_at_ms` is 0 before the first collection; `stopped` after a clean stop."""

    id: str
    version: str
    pid: int
    boot: str
    started_at_ms: int
    at_ms: int
    collected_at_ms: int
    interval_s: int
    collections: int
    missed_slots: int
    readers: tuple[ReaderStatus, ...]
    spool: SpoolStatus
    uplink: UplinkStatus
    stopped: str = ""


_encoder: Final = msgspec.json.Encoder()


def write(file: str, status: Status) -> None:
    """Replace the file in one step. Not synced: it is worth nothing after a crash. Raises `OSError`."""
    temporary = f"{file}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, _encoder.encode(status))
    finally:
        os.close(fd)
    os.replace(temporary, file)


def read(file: str) -> Status:
    """The status in the file. Raises `OSError`, and `ValueError` if it holds something else."""
    with open(file, "rb") as handle:
        data = handle.read(_MAX_BYTES)
    return msgspec.json.decode(data, type=Status)
