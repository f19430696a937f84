"""The collector's look at itself: disk, database, outbox, sight, clock, and whether judging and paging go on. Reads only; what
it reads must not need what is in trouble, so each source is asked by itself and may fail.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from collector.alerting.gathered import Severe
from collector.core.alert import COLLECTOR_SUBJECT, Alert, Condition, Trouble
from collector.core.own_trouble import Disk, Facts, Known, Loop, condition_of, follow, known_of
from collector.core.poll_view import WayOut

LOOK_S: Final = 5.0
DISK_S: Final = 4.0
"""How long the file system may take to tell its room."""
STEP_MS: Final = 2_000
_UNSYNCHRONISED: Final = 0x40
"""STA_UNSYNC of adjtimex(2)."""


class Sources(msgspec.Struct, frozen=True):
    """Where the facts come from. Times are the collector's timeline, milliseconds."""

    folder: Path
    """The data folder."""
    unwritten: Callable[[], tuple[int | None, str]] = lambda: (None, "")
    """Since when writes fail or what came waits to be written, and why."""
    outbox: Callable[[], tuple[int | None, int]] = lambda: (None, 0)
    """When the oldest unsent row was written, as known last, and the number of dead letters."""
    ways: Callable[[], tuple[WayOut, ...]] = tuple
    dark_ms: Callable[[], int | None] = lambda: None
    """Since when the collector sees nothing."""
    ahead_ms: Callable[[], int] = lambda: 0
    """How far the wall clock is ahead of the timeline."""
    loops: Callable[[], tuple[Loop, ...]] = tuple
    room: Callable[[Path], Disk] | None = None
    """None: `room_of`."""
    unsynchronised: Callable[[], bool | None] | None = None
    """Whether the kernel's clock follows no other; None where that cannot be told. Not given: the kernel is asked."""


class Watch:
    """One for the life of the collector: `recall` first, `run` as a task; `conditions` answers from memory at any moment."""

    def __init__(self, sources: Sources, now_ms: Callable[[], int], severe: Severe) -> None:
        self._sources = sources
        self._now_ms = now_ms
        self.severe = severe
        self._known: dict[Trouble, Known] = {}
        self._ahead_ms = sources.ahead_ms()
        self._stepped_ms: int | None = None
        self._step_s = 0.0
        self._unsynchronised_ms: int | None = None
        self._asking: asyncio.Future[Disk] | None = None
        self.on_look: Callable[[], None] | None = None
        """Called after each look."""

    def recall(self, conditions: Iterable[Condition]) -> None:
        """What was known before a restart: it goes on under the same name, or ends."""
        for condition in conditions:
            try:
                trouble, known = known_of(condition)
            except ValueError:  # a word of another version
                continue
            before = self._known.get(trouble)
            if before is None or known.known_ms < before.known_ms:
                self._known[trouble] = known

    def conditions(self) -> tuple[Condition, ...]:
        """The collector's own trouble, as of the last look."""
        found = [condition_of(trouble, known) for trouble, known in self._known.items()]
        return tuple([msgspec.structs.replace(one, severity=self.severe(one.key, one.severity)) for one in found])

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once."""
        disk, error = await self._room()
        self._known = follow(self._facts(disk, error), self._known)
        if self.on_look is not None:
            self.on_look()

    def _facts(self, disk: Disk | None, error: str) -> Facts:
        sources, now_ms = self._sources, self._now_ms()
        self._watch_clock(now_ms)
        unwritten_ms, why = sources.unwritten()
        oldest_ms, dead = sources.outbox()
        return Facts(
            now_ms, disk, error, unwritten_ms, why, oldest_ms, dead, sources.ways(), sources.dark_ms(), self._stepped_ms,
            self._step_s, self._unsynchronised_ms, sources.loops(),
        )  # fmt: skip

    def _watch_clock(self, now_ms: int) -> None:
        ahead_ms = self._sources.ahead_ms()
        if abs(ahead_ms - self._ahead_ms) > STEP_MS:
            self._stepped_ms, self._step_s = now_ms, (ahead_ms - self._ahead_ms) / 1000
        self._ahead_ms = ahead_ms
        if (self._sources.unsynchronised or is_unsynchronised)():
            self._unsynchronised_ms = self._unsynchronised_ms or now_ms
        else:
            self._unsynchronised_ms = None

    async def _room(self) -> tuple[Disk | None, str]:
        """The room of the file system, asked in a thread: one that does not answer is a finding, and is not asked again."""
        if self._asking is None:
            room = self._sources.room or room_of
            self._asking = asyncio.ensure_future(asyncio.to_thread(room, self._sources.folder))
        done, _ = await asyncio.wait([self._asking], timeout=DISK_S)
        if not done:
            return None, "the file system of the data folder does not answer"
        asking, self._asking = self._asking, None
        try:
            return asking.result(), ""
        except OSError as error:
            return None, f"the data folder cannot be looked at: {error.strerror or type(error).__name__}"


def own_conditions(alerts: Iterable[Alert]) -> list[Condition]:
    """Of open alerts those of the collector itself, for `Watch.recall`."""
    return [
        Condition(one.key, one.severity, one.since_ms, one.known_ms, one.state, one.reason, one.detail, one.value)
        for one in alerts
        if one.is_open and one.key.subject == COLLECTOR_SUBJECT
    ]


def room_of(folder: Path) -> Disk:
    """The room of the file system that holds a folder, for those who are not its administrator. Raises `OSError`."""
    if sys.platform == "win32":
        import shutil

        usage = shutil.disk_usage(folder)
        return Disk(usage.free, usage.total)
    found = os.statvfs(folder)
    return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, found.f_favail, found.f_files)


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`, with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def is_unsynchronised() -> bool | None:
    """Whether the kernel says that its clock follows no other; None where it cannot be asked. Changes nothing (modes 0)."""
    if not sys.platform.startswith("linux"):
        return None
    timex = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return bool(timex.status & _UNSYNCHRONISED) if answer >= 0 else None
