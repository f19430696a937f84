"""A clock that jumps when it is told to: for tests of what waits."""

from __future__ import annotations

import threading


class JumpingClock:
    """Wall clock and two uptimes that stand until `jump`, `suspend` or `step_wall`; a wait jumps to its end at once."""

    def __init__(self, wall_ms: int = 1_700_000_000_000, uptime_ms: int = 1_000_000) -> None:
        self._wall_ms = wall_ms
        self._uptime_ms = uptime_ms
        self._awake_ms = uptime_ms
        self.waits: list[float] = []

    def wall_ms(self) -> int:
        return self._wall_ms

    def uptime_ms(self) -> int:
        return self._uptime_ms

    def awake_ms(self) -> int:
        return self._awake_ms

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        if not event.is_set():
            self.jump(round(seconds * 1000))
        return event.is_set()

    def jump(self, ms: int) -> None:
        """Time passes."""
        self._wall_ms += ms
        self._uptime_ms += ms
        self._awake_ms += ms

    def suspend(self, ms: int) -> None:
        """Time passes while the machine sleeps."""
        self._wall_ms += ms
        self._uptime_ms += ms

    def step_wall(self, ms: int) -> None:
        """Somebody sets the wall clock."""
        self._wall_ms += ms
