"""Commits wait for company when batches come thick, and only then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from collector.ingest.commit import CommitLimits, Committer
from collector.store.store import Store
from tests.collector.ingest.test_commit import bulk, incoming, report


async def test_a_batch_alone_is_not_kept_waiting_and_a_thick_one_finds_company(tmp_path: Path) -> None:
    """The pause is an hour here: a commit that waits without need would never come."""
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    groups: list[int] = []
    committer = Committer(
        store,
        lambda _: None,
        limits=CommitLimits(gather_s=3_600),
        on_commit=lambda _, batches: groups.append(batches),
    )
    committer.start()
    async with asyncio.timeout(30):
        await committer.submit(incoming(15_000, bulk(report(1, 15_000))))
    assert groups == [1]
    second = asyncio.ensure_future(committer.submit(incoming(30_000, bulk(report(2, 30_000)))))
    await asyncio.sleep(0)
    third = asyncio.ensure_future(committer.submit(incoming(45_000, bulk(report(3, 45_000)))))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not second.done()
    async with asyncio.timeout(30):
        await committer.drain()  # nothing more can come: whoever waits is committed now
        assert [(await one).stored for one in (second, third)] == [1, 1]
    assert groups == [1, 2]
    await store.close()
