"""Timeouts of thousands of requests, nearly all of which never run out: a list for each fiftieth of a second in place of a
timer of the event loop for each request. For the SNMP client and its sessions."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agent.probes.held import Held

TICK_S = 0.02
"""Timeouts come up to this much late, never early."""


class Waiting(Protocol):
    """Who waits."""

    def expire(self, number: int) -> None:
        """The time of its try `number` is over; nothing happens when it has moved on."""


class Timers:
    """Runs while something waits."""

    def __init__(self) -> None:
        self.held = Held()
        """When the loop was held up, as far as something waited."""
        self._slots: dict[int, list[tuple[Waiting, int]]] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._passed = 0

    def add(self, who: Waiting, number: int, seconds: float) -> None:
        """Call `who.expire(number)` after `seconds`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        slot = int((now + seconds) / TICK_S) + 1
        if (waiting := self._slots.get(slot)) is None:
            waiting = self._slots[slot] = []
        waiting.append((who, number))
        if self._handle is None:
            self._passed = int(now / TICK_S)
            self.held.begin(now)
            self._handle = loop.call_later(TICK_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        self.held.look(now_s)
        now = int(now_s / TICK_S)
        for slot in range(self._passed + 1, now + 1) if now - self._passed <= len(self._slots) else sorted(self._slots):
            if slot > now:
                break
            for who, number in self._slots.pop(slot, ()):
                who.expire(number)
        self._passed = now
        self._handle = loop.call_later(TICK_S, self._tick, loop) if self._slots else None

    def close(self) -> None:
        """Forget all."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._slots.clear()
