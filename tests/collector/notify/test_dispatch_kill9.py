"""Real processes that deliver to a real receiver and are killed with SIGKILL at any moment."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

from aiohttp import web

from collector.core.notice import Changes, EventKind, Outgoing, RowState
from collector.store.store import Store
from tests.agent.probes.http_kit import serving
from tests.collector.notify.dispatch_kit import event

ROOT = Path(__file__).parents[3]
ROUNDS = 5
ORDERS = 40


def _events() -> list[Outgoing]:
    kinds = (EventKind.FIRING, EventKind.UPDATE, EventKind.RESOLVED)
    return [event(f"i{order}", seq, kind) for order in range(ORDERS) for seq, kind in enumerate(kinds, 1)]


async def _live(database: str, url: str, came: asyncio.Event, rounds: list[float | None]) -> None:
    """One life after the other; each is killed so many seconds after it delivered something, the last when all is done."""
    for wait_s in rounds:
        arguments = ("-m", "tests.collector.notify.dispatch_child", database, url)
        child = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        try:
            assert child.stdout is not None
            assert await child.stdout.readline() == b"begun\n"
            if wait_s is None:
                await _done(database)
            else:
                came.clear()
                await came.wait()
                await asyncio.sleep(wait_s)
        finally:
            child.send_signal(signal.SIGKILL)
            await child.wait()


async def _done(database: str) -> None:
    store = await Store.open(database)
    while (await store.outbox_summary()).pending:
        await asyncio.sleep(0.05)
    await store.close()


async def test_killed_at_any_moment_each_event_arrives_in_order(tmp_path: Path) -> None:
    """At least once, and again only with the same id and a higher number of the attempt."""
    database = f"sqlite:///{tmp_path / 'killed.db'}"
    store = await Store.open(database)
    await store.put_changes(Changes(outgoing=_events()))
    got: list[tuple[str, int]] = []
    came = asyncio.Event()
    chance = random.Random(6)

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        got.append((request.headers["X-Haidang-Event-Id"], int(request.headers["X-Haidang-Attempt"])))
        came.set()
        await asyncio.sleep(0.01)
        return web.Response(status=chance.choice([200, 200, 200, 503]) if len(got) < ORDERS else 200)

    async with serving(handle) as url, asyncio.timeout(120):
        await _live(database, url, came, [chance.random() * 0.1 for _ in range(ROUNDS)] + [None])
    rows = await store.outbox_rows(None, None, 1_000)
    await store.close()
    assert {row.state for row in rows} == {RowState.DELIVERED}
    assert {id_ for id_, _ in got} == {row.outgoing.event_id for row in rows}
    for row in rows:
        attempts = [attempt for id_, attempt in got if id_ == row.outgoing.event_id]
        assert attempts == sorted(set(attempts))
    for order in range(ORDERS):
        seqs = [int(id_.partition("-")[2]) for id_, _ in got if id_.startswith(f"i{order}-")]
        assert seqs == sorted(seqs)
