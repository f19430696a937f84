"""The short way of a batch: exact about what it takes, and everything else reaches the long way unharmed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import wire
from agent.model import Lane
from collector.config import Agents, Config
from collector.ingest.fast import Callers, Head, parse_head

USUAL = {
    "Host": "collector.example.vn:8601",
    "Accept-Encoding": "identity",
    "Authorization": "Bearer abc",
    "Content-Type": wire.CONTENT_TYPE,
    "Content-Length": "12",
}


def _head(changes: dict[str, str] | None = None, *, extra: str = "", start: str = "POST /v1/batches HTTP/1.1") -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in (USUAL | (changes or {})).items() if value != "absent")]
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode("latin-1")


def test_the_head_of_an_agent_is_read() -> None:
    data = _head()
    expected = Head(
        size=len(data), length=12, prefix=data[:-6], authorization="Bearer abc", content_type=wire.CONTENT_TYPE, deflated=False
    )
    assert parse_head(data + b"body follows") == expected
    assert parse_head(_head({"Content-Encoding": "deflate"})) is not None
    assert parse_head(_head({"content-length": "absent", "Content-Length": "absent"})) is None


@pytest.mark.parametrize(
    "data",
    [
        _head(start="GET /v1/batches HTTP/1.1"),
        _head(start="POST /v1/batches HTTP/1.0"),
        _head(start="POST /v1/batches?x=1 HTTP/1.1"),
        _head(start="POST  /v1/batches HTTP/1.1"),
        _head({"Transfer-Encoding": "chunked"}),
        _head({"Content-Length": "+12"}),
        _head({"Content-Length": "1 2"}),
        _head({"Content-Length": "99999999"}),
        _head({"Content-Length": "0x12"}),
        _head(extra="Content-Length: 12\r\n"),
        _head(extra="content-length: 13\r\n"),
        _head({"Content-Encoding": "gzip"}),
        _head({"Connection": "close"}),
        _head({"Expect": "100-continue"}),
        _head({"Host": "absent"}),
        _head({"X-Other": "1"}),
        _head(extra=" folded: 1\r\n"),
        _head(extra="Accept\r\n"),
        _head({"Accept": "a\nContent-Length: 5"}),
        _head({"User-Agent": "x" * 5_000}),
        _head()[:-2],
    ],
)
def test_any_other_form_is_left_to_the_long_way(data: bytes) -> None:
    assert parse_head(data) is None


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    assert parse_head(b"POST /v1/batches HTTP/1.1\r\n" + data) is None or b"\r\n\r\n" in data


@given(st.integers(0, 9_999_999), st.sampled_from(["12", "7 ", "+5", "12\r\nX: 1", "99999999", "", "1 2", "a"]))
def test_a_head_recognised_is_the_head_parsed(length: int, odd: str) -> None:
    """The short cut for a caller's next request may only ever say what the parser would say."""
    callers = Callers(10)
    known = parse_head(_head())
    assert known is not None
    assert callers.recognise(_head(), 1) is None
    callers.remember(known, "web-01", 1)
    for value in (str(length), odd):
        data = known.prefix + value.encode() + b"\r\n\r\n" + b"body"
        again = callers.recognise(data, 1)
        assert again is None or again == (parse_head(data), "web-01")
    data = known.prefix + str(length).encode() + b"\r\n\r\n"
    assert callers.recognise(data, 1) == (parse_head(data), "web-01")
    assert callers.recognise(data, 2) is None
    assert callers.recognise(data.replace(b"Bearer abc", b"Bearer abd"), 1) is None


def test_what_is_remembered_of_callers_is_bounded() -> None:
    callers = Callers(10)
    for number in range(100):
        head = parse_head(_head({"Host": str(number)}))
        assert head is not None
        callers.remember(head, "web-01", 1)
    assert 0 < len(callers._known) <= 10


def test_long_heads_are_not_remembered() -> None:
    callers = Callers(10)
    for size in (100, 1_000):
        head = parse_head(_head({"Host": "x" * size}))
        assert head is not None
        callers.remember(head, "web-01", 1)
    assert [len(prefix) < 1_000 for prefix in callers._known] == [True]


def _request(token: str, body: bytes, **changes: str) -> bytes:
    return _head({"Authorization": f"Bearer {token}", "Content-Length": str(len(body))} | changes) + body


async def test_a_batch_in_any_pieces_is_one_batch(start: Any, sender: Any) -> None:
    running = await start()
    one = sender("srv-1")
    token = await running.agent("srv-1")
    async with running.caller() as caller:
        for piece in (1, 7, 200, 10_000):
            data = _request(token, one.batch(one.report()))
            for at in range(0, len(data) - piece, piece):
                caller.writer.write(data[at : at + piece])
                await caller.writer.drain()
                await asyncio.sleep(0)
            rest = len(data) % piece or piece
            answer = (await caller.say(data[-rest:])).answer
            assert answer.acknowledged[Lane.BULK] == (1, 7, 200, 10_000).index(piece) + 1


async def test_requests_sent_ahead_are_answered_in_order(start: Any, sender: Any) -> None:
    running = await start()
    one = sender("srv-1")
    token = await running.agent("srv-1")
    async with running.caller() as caller:
        first = await caller.say(b"".join(_request(token, one.batch(one.report())) for _ in range(30)))
        marks = [first.answer.acknowledged[Lane.BULK]]
        marks += [(await caller.say(b"")).answer.acknowledged[Lane.BULK] for _ in range(29)]
    assert marks == list(range(1, 31))


async def test_one_connection_may_change_to_the_long_way_and_stays_good(start: Any, sender: Any) -> None:
    """A refused, an unusual and a large request: each is answered, and a batch after it is stored."""
    running = await start()
    one = sender("srv-1")
    token = await running.agent("srv-1")
    async with running.caller() as caller:
        assert (await caller.say(_request(token, b"garbage"))).status == 400
        assert (await caller.say(_request(token, one.batch(one.report())))).status == 200
        assert (await caller.say(_request(token, b"x" * 300_000))).status == 400
        assert (await caller.say(_request(token, one.batch(one.report())))).status == 200
    async with running.caller() as caller:
        assert (await caller.say(_request(token, one.batch(one.report()), **{"X-Other": "1"}))).status == 200
        assert (await caller.say(_request(token, one.batch(one.report())))).status == 200
    async with running.caller() as caller:
        assert (await caller.say(_request("wrong", one.batch(one.report())))).status == 401
    assert (await running.collector.store.counts()).reports == 4
    assert running.collector.tally.requests == {400: 2, 200: 4, 401: 1}


async def test_a_caller_that_goes_away_frees_its_room(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    budget = running.collector._door._budget
    async with running.caller() as caller:
        caller.writer.write(_request(token, b"x" * 5_000)[:-100])
        await caller.writer.drain()
        while not budget.held:
            await asyncio.sleep(0)
        assert budget.held == 5_000
    while budget.held:
        await asyncio.sleep(0)
    assert running.collector._listener.connections <= 1


async def test_a_connection_may_be_closed_twice_and_then_cut(start: Any, make_config: Callable[..., Config]) -> None:
    """A stop closes what rests each time a request ends, and cuts what is left: also over TLS, where the caller lingers."""
    running = await start(make_config(agents=Agents(listen="127.0.0.1:0", transport="tls")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    front = running.collector._listener._front
    async with running.caller(context):
        while not front.connections:
            await asyncio.sleep(0)
        for connection in list(front.connections):
            connection.close()
            connection.close()
            connection.abort()
        while front.connections:
            await asyncio.sleep(0)
