"""Time limits of thousands of runs, nearly all of which end before: one timer that comes round in place of one for each run.

Serves `agent.probes.running`. A limit ends the task that began it as `asyncio.timeout_at` does, a little late and never early.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from agent.probes.held import Held

TICK_S: Final = 0.02
"""Limits come up to this much late."""


class Limit:
    """`with limits.until(deadline_s) as limit:` in a task. When the time is over the task is cancelled once; a cancellation
    that leaves the block by that alone becomes `TimeoutError`, one that somebody else asked for goes on as it is."""

    __slots__ = ("_cancelling", "_limits", "_task", "is_expired")

    def __init__(self, limits: Limits, task: asyncio.Task[object]) -> None:
        self._limits = limits
        self._task: asyncio.Task[object] | None = task
        self._cancelling = task.cancelling()
        self.is_expired = False

    def __enter__(self) -> Limit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        task, self._task = self._task, None
        self._limits.active -= 1
        if not self.is_expired or task is None:
            return
        # Our own request is taken back in any case: left behind, it would be taken for somebody else's by the next block.
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """The time is over; nothing happens when the block has been left."""
        if self._task is not None:
            self.is_expired = True
            self._task.cancel()


class Limits:
    """Those of one event loop; the timer comes round only while there is one. `held` knows when the loop was held up."""

    __slots__ = ("_handle", "_passed", "_slots", "active", "held")

    def __init__(self) -> None:
        self.held = Held()
        self.active = 0
        """Limits that were not left yet."""
        self._slots: dict[int, list[Limit]] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._passed = 0

    def until(self, deadline_s: float) -> Limit:
        """A limit for the task that runs, by the loop's clock. Enter it at once."""
        task = asyncio.current_task()
        assert task is not None
        limit = Limit(self, task)
        slot = int(deadline_s / TICK_S) + 1
        self.active += 1
        if self._handle is None:
            self._begin(task.get_loop())
        slot = max(slot, self._passed + 1)
        known = self._slots.get(slot)
        if known is None:
            self._slots[slot] = [limit]
        else:
            known.append(limit)
        return limit

    def close(self) -> None:
        """Come round no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._slots.clear()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        self._passed = int(now_s / TICK_S)
        self.held.begin(now_s)
        self._handle = loop.call_later(TICK_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        self.held.look(now_s)
        now = int(now_s / TICK_S)
        slots = self._slots
        for slot in range(self._passed + 1, now + 1) if now - self._passed <= len(slots) else sorted(slots):
            if slot > now:
                break
            for limit in slots.pop(slot, ()):
                limit.expire()
        self._passed = now
        if self.active:
            self._handle = loop.call_later(TICK_S, self._tick, loop)
        else:
            self._handle = None
            slots.clear()


__all__ = ["TICK_S", "Limit", "Limits"]
