"""Waiting that a cancellation always ends."""

from __future__ import annotations

import asyncio

import pytest

from collector.waiting import woken


async def test_a_set_event_ends_the_wait() -> None:
    """What is set already, and what is set meanwhile, is seen."""
    event = asyncio.Event()
    waiting = asyncio.ensure_future(woken(event, 60))
    await asyncio.sleep(0)
    event.set()
    assert await waiting
    assert await woken(event, 60)


async def test_time_ends_the_wait() -> None:
    """Nothing came."""
    assert not await woken(asyncio.Event(), 0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_is_never_lost(turns: int) -> None:
    """However near the event and the cancellation are to each other, a loop of waits ends."""
    event = asyncio.Event()

    async def loop() -> None:
        while True:
            event.clear()
            await woken(event, 60)

    task = asyncio.ensure_future(loop())
    await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done
    assert task.cancelled()
