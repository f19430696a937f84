"""Waiting for an event or for a time, whichever comes first, in a way that a cancellation always ends.

`asyncio.wait_for` does not do: in Python 3.11 a cancellation that comes just when the event does is lost, and whoever waits for
the end of a loop that uses it waits for ever.
"""

from __future__ import annotations

import asyncio


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
