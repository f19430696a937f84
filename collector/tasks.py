"""Tasks that run as long as the collector does: their end is told, and they are ended in order."""

from __future__ import annotations

import asyncio
import logging

_log = logging.getLogger("haidang.collector")


def report_end(task: asyncio.Task[None]) -> None:
    """A callback for a task that should not end by itself."""
    if not task.cancelled() and task.exception() is not None:
        _log.critical("a task of the collector ended: restart it", exc_info=task.exception())


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is over."""
    task.cancel()
    await asyncio.wait([task])
