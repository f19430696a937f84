"""Fresh looks: subjects that the pager wants looked at now, asked through the probes that look at them anyway.

Each look is a run like every other: what it finds is evidence, goes the way of all evidence, and is judged by the ledger. A
look never waits longer than its timeout, and no more than `most` are under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from collector.core.paging import Look
from collector.tasks import report_end

KEPT_MS: Final = 300_000
"""How long what was found is told."""
MOST: Final = 200
Ask = Callable[[str, float], Awaitable[bool | None]]
"""Look at a target within so many seconds: whether it is good; None: nobody could look."""


class Looks:
    """One for the life of the desk. `on_answer` is called whenever a look has ended."""

    def __init__(self, ask: Ask, now_ms: Callable[[], int], on_answer: Callable[[], None], *, most: int = MOST) -> None:
        self._ask = ask
        self._now_ms = now_ms
        self._on_answer = on_answer
        self._most = most
        self._found: dict[str, Look] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def found(self) -> Mapping[str, Look]:
        """The newest look at each subject."""
        return self._found

    def want(self, subjects: Iterable[str], timeout_s: float) -> None:
        """Look at these now; one under way goes on, those beyond the bound wait to be asked again."""
        for id_ in sorted(subjects):
            if id_ in self._running or len(self._running) >= self._most:
                continue
            self._found[id_] = Look(self._now_ms())
            task = asyncio.get_running_loop().create_task(self._look(id_, timeout_s))
            task.add_done_callback(report_end)
            self._running[id_] = task

    async def _look(self, id_: str, timeout_s: float) -> None:
        asked_ms = self._found[id_].asked_ms
        is_good: bool | None = None
        try:
            async with asyncio.timeout(timeout_s + 1):
                is_good = await self._ask(id_, timeout_s)
        except TimeoutError:
            pass
        finally:
            self._running.pop(id_, None)
            self._found[id_] = Look(asked_ms, self._now_ms(), is_good)
        self._on_answer()

    def forget(self, now_ms: int) -> None:
        """Drop what was found long ago."""
        self._found = {
            id_: look for id_, look in self._found.items() if id_ in self._running or look.asked_ms > now_ms - KEPT_MS
        }

    async def close(self) -> None:
        """End what is under way."""
        running = [*self._running.values()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
