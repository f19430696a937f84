"""Tasks that run as long as the collector does: their end is told, and they are ended in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

AGAIN_S = 5.0
_log = logging.getLogger("haidang.collector")


def report_end(task: asyncio.Task[None]) -> None:
    """A callback for a task that should not end by itself."""
    if not task.cancelled() and task.exception() is not None:
        _log.critical("a task of the collector ended: restart it", exc_info=task.exception())


async def keep_running(name: str, run: Callable[[], Awaitable[None]], pause_s: float | None = None) -> None:
    """Run, for ever: what ends with an error is told and begun anew after a pause, `AGAIN_S` if not said."""
    while True:
        try:
            await run()
        except Exception:  # noqa: BLE001  a mistake must not end it until the collector is started again
            _log.exception("%s ended with an error, it is begun anew", name)
        await asyncio.sleep(AGAIN_S if pause_s is None else pause_s)


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is over."""
    task.cancel()
    await asyncio.wait([task])
