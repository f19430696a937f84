"""The reflector towards those who have no business with it: silence, no amplification, bounded memory."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.packets.rtp import HEADER, MIN_PAYLOAD, Packet, Type, decode, encode
from agent.probes.reflector import Limits, Reflector

KEY = bytes(range(16))
STREAM = b"stream-1"


class Clock:
    """What limits go by: stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


@asynccontextmanager
async def reflector(limits: Limits | None = None, clock: Clock | None = None) -> AsyncIterator[Reflector]:
    """A reflector on loopback that knows KEY."""
    server = Reflector(("127.0.0.1", 0), KEY, limits, clock_ns=clock or Clock())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Client:
    """A socket that asks and hears."""

    def __init__(self, server: Reflector, host: str = "127.0.0.1") -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind((host, 0))
        self._sock.connect(server.address)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.send(data)

    async def hear(self) -> bytes:
        """The next datagram, within five seconds."""
        async with asyncio.timeout(5):
            return await self._loop.sock_recv(self._sock, 2048)

    async def ask(self, packet: Packet, size: int = 160) -> Packet:
        """The answer to a packet."""
        self.send(encode(packet, KEY, size))
        data = await self.hear()
        assert len(data) == HEADER + size, "an answer is as long as its question"
        answer = decode(data, KEY)
        assert answer is not None
        return answer

    async def cookie(self, stream: bytes = STREAM) -> bytes:
        """Greet, and what the welcome gave."""
        return (await self.ask(Packet(type=Type.HELLO, stream=stream))).cookie


async def settled(server: Reflector, count: int) -> None:
    """Wait until the reflector dealt with so many datagrams."""
    counters = server.counters
    async with asyncio.timeout(30):
        while counters.answered + counters.foreign + counters.limited + counters.unsent < count:
            await asyncio.sleep(0)


async def test_a_stream_is_greeted_counted_and_reported() -> None:
    """Welcome, answers that repeat what was asked and count, a report that does not count as an answer."""
    async with reflector() as server, Client(server) as client:
        cookie = await client.cookie()
        first = await client.ask(Packet(type=Type.QUESTION, stream=STREAM, cookie=cookie, number=3, sent_ns=77))
        again = await client.ask(Packet(type=Type.QUESTION, stream=STREAM, cookie=cookie, number=3, sent_ns=77))
        last = await client.ask(Packet(type=Type.QUESTION, stream=STREAM, cookie=cookie, number=1, sent_ns=78))
        report = await client.ask(Packet(type=Type.BYE, stream=STREAM, cookie=cookie))
    assert (first.type, first.number, first.sent_ns, first.answer, first.distinct) == (Type.ANSWER, 3, 77, 0, 1)
    assert (again.answer, again.distinct, again.duplicates) == (1, 1, 1)
    assert (last.answer, last.distinct, last.reordered) == (2, 2, 1)
    assert (report.type, report.answer, report.distinct, report.duplicates) == (Type.REPORT, 3, 2, 1)
    assert first.received_ns <= again.received_ns <= last.received_ns


@pytest.mark.parametrize("size", [MIN_PAYLOAD, 160, 1400])
async def test_an_answer_is_never_longer_than_its_question(size: int) -> None:
    """Whoever forges a sender gains nothing."""
    async with reflector() as server, Client(server) as client:
        await client.ask(Packet(type=Type.HELLO, stream=STREAM), size)


async def test_everything_else_is_met_with_silence() -> None:
    """Noise, another key, answers sent back to it, a cookie of somebody else or of another stream: no answer at all."""
    async with reflector() as server, Client(server) as client, Client(server, "127.0.0.2") as other:
        cookie, others = await client.cookie(), await other.cookie()
        question = Packet(type=Type.QUESTION, stream=STREAM, cookie=cookie)
        strange = (
            b"",
            b"hello",
            bytes(172),
            encode(question, bytes(16), 160),
            encode(question, KEY, 160)[:-1],
            encode(Packet(type=Type.ANSWER, stream=STREAM, cookie=cookie), KEY, 160),
            encode(Packet(type=Type.WELCOME, stream=STREAM, cookie=cookie), KEY, 160),
            encode(Packet(type=Type.QUESTION, stream=STREAM, cookie=others), KEY, 160),
            encode(Packet(type=Type.QUESTION, stream=b"stream-2", cookie=cookie), KEY, 160),
            encode(Packet(type=Type.QUESTION, stream=STREAM), KEY, 160),
        )
        for data in strange:
            client.send(data)
        await settled(server, 2 + len(strange))
        assert server.counters.foreign == len(strange)
        assert server.counters.answered == 2
        assert (await client.ask(question)).type is Type.ANSWER, "and the next right one is the next that is heard"


async def test_a_recorded_greeting_opens_nothing_for_whoever_replays_it() -> None:
    """A greeting replayed from another address gets a cookie that serves that address only, and remembers no stream."""
    async with reflector() as server, Client(server) as client, Client(server, "127.0.0.2") as thief:
        cookie = await client.cookie()
        assert await thief.cookie() != cookie
        assert server.held == 2, "two addresses, no stream"


async def test_an_address_gets_so_many_answers_a_second() -> None:
    """What is beyond is dropped and counted, another address has its own share, and a second later it goes on."""
    clock = Clock()
    async with (
        reflector(Limits(source_per_second=10), clock) as server,
        Client(server) as client,
        Client(server, "127.0.0.2") as other,
    ):
        for _ in range(25):
            client.send(encode(Packet(type=Type.HELLO, stream=STREAM), KEY, 160))
        await settled(server, 25)
        assert (server.counters.answered, server.counters.limited) == (10, 15)
        await other.cookie()
        clock.now_ns += 500_000_000
        for _ in range(25):
            client.send(encode(Packet(type=Type.HELLO, stream=STREAM), KEY, 160))
        await settled(server, 51)
        assert server.counters.answered == 10 + 1 + 5


async def test_all_together_get_so_many_answers_a_second() -> None:
    """The total holds whoever asks."""
    async with reflector(Limits(total_per_second=12)) as server:
        for last in range(1, 5):
            async with Client(server, f"127.0.0.{last}") as client:
                for _ in range(5):
                    client.send(encode(Packet(type=Type.HELLO, stream=STREAM), KEY, 160))
                await settled(server, 5 * last)
        assert (server.counters.answered, server.counters.limited) == (12, 8)


async def test_streams_and_addresses_are_bounded_and_forgotten() -> None:
    """A third stream where two are allowed gets nothing until one has been silent for long."""
    clock = Clock()
    async with reflector(Limits(streams=2), clock) as server, Client(server) as client:
        cookies = {stream: await client.cookie(stream) for stream in (b"stream-1", b"stream-2", b"stream-3")}
        questions = [Packet(type=Type.QUESTION, stream=stream, cookie=cookie) for stream, cookie in cookies.items()]
        assert (await client.ask(questions[0])).distinct == 1
        assert (await client.ask(questions[1])).distinct == 1
        client.send(encode(questions[2], KEY, 160))
        await settled(server, 6)
        assert server.counters.limited == 1
        clock.now_ns += 31_000_000_000
        assert (await client.ask(questions[2])).distinct == 1
        assert server.held == 2, "the new stream and one address"


async def test_a_flood_of_strangers_costs_no_memory() -> None:
    """100,000 hostile datagrams: noise, right headers with wrong tags, forged greetings. None is answered, nothing is kept,
    and an asker with the key is still heard afterwards."""
    chance = random.Random(7)
    right = encode(Packet(type=Type.QUESTION, stream=STREAM), KEY, 160)
    hostile = [
        *(os.urandom(chance.randrange(0, 1500)) for _ in range(50)),
        *(right[:-16] + os.urandom(16) for _ in range(25)),
        *(encode(Packet(type=Type.HELLO, stream=os.urandom(8)), os.urandom(16), 160) for _ in range(25)),
    ]
    async with reflector() as server, Client(server) as client:
        await flood(server, client, hostile, 2_000)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await flood(server, client, hostile, 100_000)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert server.counters.answered == 0
        assert server.held == 0
        assert after - before < 64 * 1024
        assert len(await client.cookie()) == 8


async def flood(server: Reflector, client: Client, hostile: list[bytes], count: int) -> None:
    """Send that many, no faster than they are taken, so that the kernel drops none."""
    start = server.counters.foreign
    for number in range(0, count, 100):
        for data in hostile:
            client.send(data)
        async with asyncio.timeout(30):
            while server.counters.foreign < start + number + 100:
                await asyncio.sleep(0)


async def test_a_taken_address_is_told_and_a_stopped_one_is_free() -> None:
    """`start` raises, and after `stop` the same address can be had again."""
    async with reflector() as server:
        address = server.address
        with pytest.raises(OSError, match="in use"):
            await Reflector(address, KEY).start()
    second = Reflector(address, KEY)
    await second.start()
    assert second.address == address
    await second.stop()
    with pytest.raises(RuntimeError):
        _ = second.address
