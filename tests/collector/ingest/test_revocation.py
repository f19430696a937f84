"""A revoked token stops with the very next batch, although another process revoked it and the book here is seconds old."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collector.ingest.enrol import hash_secret
from collector.start import database_url
from collector.store.store import Store


async def another(running: Any) -> Store:
    """The store as the command line opens it, beside the collector."""
    return await Store.open(database_url(running.collector.config))


@pytest.mark.parametrize("way", ["short", "long"])
@pytest.mark.parametrize("reports", [0, 1])
async def test_the_next_batch_after_a_revocation_is_refused(start: Any, sender: Any, way: str, reports: int) -> None:
    """Whichever way the batch goes, and whether or not it holds anything; nothing of it is stored."""
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    headers = {"X_Long": "way"} if way == "long" else {}
    async with running.caller() as caller:
        assert (await caller.post(token, one.batch(one.report()), **headers)).status == 200
        beside = await another(running)
        await beside.revoke("srv-1", running.collector.now_ms())
        answer = await caller.post(token, one.batch(*[one.report() for _ in range(reports)]), **headers)
        await beside.close()
    assert (answer.status, answer.code) == (401, "unknown_token")
    assert (await running.collector.store.counts()).reports == 1


async def test_a_rotation_stops_the_old_token_alone(start: Any, sender: Any) -> None:
    running = await start()
    old, other = await running.agent("srv-1"), await running.agent("srv-2")
    one, two = sender("srv-1"), sender("srv-2", stream="s2")
    assert (await running.post(old, one.batch(one.report()))).status == 200
    beside = await another(running)
    await beside.rotate_token("srv-1", hash_secret("new"), running.collector.now_ms())
    await beside.close()
    answers = await asyncio.gather(running.post(old, one.batch(one.report())), running.post(other, two.batch(two.report())))
    assert [answer.status for answer in answers] == [401, 200]
    assert (await running.post("new", one.batch(one.report()))).status == 200


async def test_a_new_account_disturbs_no_batch(start: Any, sender: Any) -> None:
    """Any change of accounts makes the commit look again; who keeps its token is stored in the same breath."""
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    beside = await another(running)
    for number in range(5):
        await beside.add_agent(f"new-{number}", "dic", "server", running.collector.now_ms())
        assert (await running.post(token, one.batch(one.report()))).status == 200
    await beside.close()
    assert (await running.collector.store.counts()).reports == 5


async def test_a_body_that_follows_its_head_after_the_revocation_is_refused(start: Any, sender: Any) -> None:
    """A caller cannot keep a token good by beginning a request before it is revoked."""
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    body = one.batch(one.report())
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/vnd.haidang.batch.v1+msgpack\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        caller.writer.write(head.encode() + body[:10])
        await caller.writer.drain()
        await running.page("/metrics")  # the head has been read by the time this is answered
        beside = await another(running)
        await beside.revoke("srv-1", running.collector.now_ms())
        await beside.close()
        await running.collector._tokens.refresh()
        assert (await caller.say(body[10:])).status == 401
    assert (await running.collector.store.counts()).reports == 0
