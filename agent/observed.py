"""When this agent last observed others, on its disk: what it missed while it did not run, it states as its own blindness.

Serves `agent.app`. A dead agent must make what only it watches unknown, and never down.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final

from agent.clock import Clock
from agent.disk import read_plain
from agent.model import AGENT, Kind, Report

EVERY_MS: Final = 10_000
"""So often the file is written while something is observed."""
LEAST_MS: Final = 2_000
"""A shorter pause is no blindness: a restart in between two runs of every probe."""
NAME: Final = "observed"
_FORM: Final = re.compile(rb"haidang-observed 1 ([0-9]{1,16}) ([0-9]{1,16}) ([0-9a-zA-Z._:-]{1,128})\n\Z")


class LastSign:
    """The file beside the spool. `touch` is cheap but once in ten seconds, when it syncs; used by one thread at a time."""

    def __init__(self, spool_folder: str, clock: Clock, boot: str) -> None:
        self._path = os.path.join(os.path.dirname(spool_folder), NAME)
        self._clock = clock
        self._boot = boot
        self._written_ms = -EVERY_MS

    def touch(self, *, at_once: bool = False) -> None:
        """Something was observed just now. What the disk refuses is tried again the next time."""
        now_ms = self._clock.uptime_ms()
        if not at_once and now_ms - self._written_ms < EVERY_MS:
            return
        temporary = f"{self._path}.new"
        with contextlib.suppress(OSError), open(temporary, "wb") as file:
            file.write(f"haidang-observed 1 {self._clock.wall_ms()} {now_ms} {self._boot}\n".encode())
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, self._path)
            self._written_ms = now_ms

    def forget(self) -> None:
        """Nothing is observed any more: not running is no blindness from now on."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    def blindness(self, target: str) -> Report | None:
        """The time since the last sign as a report of the agent's own host; None if there was none, or it is too short to
        tell. After a boot it begins by the wall clock, before it by the uptime, which no one sets."""
        with contextlib.suppress(OSError):
            match = _FORM.match(read_plain(self._path, 256))
            if match is not None:
                return self._blindness(target, int(match[1]), int(match[2]), match[3].decode())
        return None

    def _blindness(self, target: str, wall_ms: int, uptime_ms: int, boot: str) -> Report | None:
        clock = self._clock
        now_ms = clock.uptime_ms()
        from_ms = uptime_ms if boot == self._boot else now_ms - (clock.wall_ms() - wall_ms)
        if now_ms - from_ms < LEAST_MS:
            return None
        return Report(
            seq=0,
            target=target,
            module=AGENT,
            kind=Kind.BLIND,
            at_ms=clock.wall_ms(),
            uptime_ms=now_ms,
            awake_ms=clock.awake_ms(),
            detail="the agent did not run",
            from_ms=from_ms,
            until_ms=now_ms,
        )
