"""The agent's own view of itself in a file, written at each collection and read by `haidang-agent status`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import msgspec

from agent.spool import SpoolStatus
from agent.uplink import UplinkStatus

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock

    _flock: Callable[[int, int], None] | None = flock
    _SHARED, _EXCLUSIVE, _UNLOCK = LOCK_SH, LOCK_EX | LOCK_NB, LOCK_UN
except ImportError:  # Windows: a reader may see a status half written, and asks again.
    _flock = None
    _SHARED = _EXCLUSIVE = _UNLOCK = 0

_MAX_BYTES: Final = 1024 * 1024


class ReaderStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a reader's last run ended."""

    kind: str
    outcome: str
    duration_s: float
    detail: str = ""


class WayStatus(msgspec.Struct, frozen=True):
    """A way out of the agent: whether any reference of it answers, and all seconds without."""

    id: str
    is_seeing: bool
    lost_s: float


class ObservingStatus(msgspec.Struct, frozen=True):
    """What the agent observes beside its own host. Counts are since it began to."""

    probes: int
    devices: int
    in_flight: int
    late: int
    missed: int
    shed: int
    uplinks: tuple[WayStatus, ...] = ()


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
    observing: ObservingStatus | None = None


_encoder: Final = msgspec.json.Encoder()
_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class StatusFile:
    """The file, kept open and written over in place: to replace it by renaming makes a journaling file system write
    through, half a millisecond of processor time at each collection. Not synced: it is worth nothing after a crash."""

    __slots__ = ("_fd", "_length", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._length = 0

    def write(self, status: Status) -> None:
        """Put the status into the file, made anew if it is gone. Raises `OSError`."""
        if self._fd >= 0 and os.fstat(self._fd).st_nlink == 0:
            self.close()
        if self._fd < 0:
            self._fd = os.open(self._path, _FLAGS, 0o644)
            os.ftruncate(self._fd, 0)
            self._length = 0
        data = _encoder.encode(status)
        # Blanks cover what is left of a longer one before: the file is one JSON value at any time but during a write.
        padded = data.ljust(self._length)
        self._length = len(padded)
        if _flock is not None:
            try:
                _flock(self._fd, _EXCLUSIVE)
            except BlockingIOError:
                return  # Somebody reads; nobody is waited for, the next collection writes again.
        try:
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, padded)
        finally:
            if _flock is not None:
                _flock(self._fd, _UNLOCK)

    def close(self) -> None:
        """Give the descriptor back."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def read(file: str) -> Status:
    """The status in the file. Raises `OSError`, and `ValueError` if it holds something else."""
    with open(file, "rb") as handle:
        if _flock is not None:
            _flock(handle.fileno(), _SHARED)
        data = handle.read(_MAX_BYTES)
    return msgspec.json.decode(data, type=Status)
