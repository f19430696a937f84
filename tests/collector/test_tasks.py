"""Tasks that run as long as the collector does."""

from __future__ import annotations

import asyncio

import pytest

from collector.tasks import end, keep_running


async def test_what_ends_with_an_error_is_told_and_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    """For ever, until it is ended from outside."""
    runs = 0
    enough = asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise LookupError("nobody expected this")
        enough.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_running("looking", run, pause_s=0))
    async with asyncio.timeout(5):
        await enough.wait()
        await end(task)
    assert task.cancelled()
    assert (runs, caplog.text.count("looking ended with an error, it is begun anew")) == (3, 2)
