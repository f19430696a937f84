"""The dead man's switch, over real HTTP: it beats while all is well, is silent otherwise, and says why once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.alerting.heartbeat import Beat, Calls, Heartbeats, Switch
from collector.core.page_tally import Beating, PageTally
from collector.notify.channel import ChannelError
from collector.notify.http import check, open_client
from collector.notify.settings import TlsEntry
from collector.notify.tools import Tools

T = 1_790_000_000_000
SECRET = "f00d"


class World:
    """A server outside, and switches that beat at it."""

    def __init__(self, port: int) -> None:
        self.reasons: tuple[str, ...] = ()
        self.status = 200
        self.taken: list[tuple[str, bytes]] = []
        self.news = asyncio.Event()
        self.hangs = False
        self.url = f"http://127.0.0.1:{port}/beat/{SECRET}"
        self.tally = PageTally()
        self.client = open_client(TlsEntry(), Tools(Path("."), "c1", "1.0"))
        calls = Calls(lambda: self.reasons, self.send, lambda: T, lambda: {"subjects": 12.0})
        self.beats = Heartbeats(calls, self.tally, version="1.0", hostname="c1")

    async def send(self, switch: Switch, body: bytes) -> str:
        try:
            check(await self.client.request(switch.method, switch.url, body, {}, switch.timeout_s))
        except ChannelError as error:
            return str(error)
        return ""

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append((request.method, await request.read()))
        self.news.set()
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status)

    def switch(self, **change: object) -> Switch:
        return msgspec.structs.replace(Switch("1", self.url), **change)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    taken: list[World] = []

    async def take(request: web.Request) -> web.Response:
        return await taken[0].take(request)

    app = web.Application()
    app.router.add_route("*", "/beat/{key}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world = World(runner.addresses[0][1])
    taken.append(world)
    yield world
    await world.beats.stop()
    await world.client.close()
    await runner.cleanup()


async def test_it_says_who_beats_and_figures(world: World) -> None:
    """With POST a body, with GET none; beats are numbered from the start on."""
    for _ in range(2):
        assert await world.beats.beat(world.switch()) is Beating.SENT
    assert await world.beats.beat(world.switch(name="2", method="GET")) is Beating.SENT
    (first, second, third) = world.taken
    assert msgspec.json.decode(first[1], type=Beat) == Beat("1.0", "c1", T, 1, {"subjects": 12.0})
    assert msgspec.json.decode(second[1], type=Beat).sequence == 2
    assert third == ("GET", b"")
    assert world.tally.heartbeats[Beating.SENT] == 3


async def test_it_is_silent_while_something_is_not_well_and_says_so_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent, the reason is logged when it changes, and that it goes on."""
    caplog.set_level(logging.INFO, "haidang.pages")
    world.reasons = ("judging stands still",)
    for _ in range(3):
        assert await world.beats.beat(world.switch()) is Beating.WITHHELD
    world.reasons = ("nothing can be written",)
    await world.beats.beat(world.switch())
    assert world.taken == []
    world.reasons = ()
    for _ in range(2):
        await world.beats.beat(world.switch())
    assert [record.getMessage() for record in caplog.records if record.name == "haidang.pages"] == [
        "heartbeat 1 is withheld: judging stands still",
        "heartbeat 1 is withheld: nothing can be written",
        "heartbeat 1 goes on",
    ]
    assert world.tally.heartbeats == {Beating.SENT: 2, Beating.FAILED: 0, Beating.WITHHELD: 4}


async def test_a_server_that_fails_or_hangs_is_told_without_its_address(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever knows the URL can beat in our place: no log has it, and no beat waits longer than its timeout."""
    world.status = 500
    assert await world.beats.beat(world.switch()) is Beating.FAILED
    world.hangs = True
    async with asyncio.timeout(5):
        assert await world.beats.beat(world.switch(timeout_s=0.05)) is Beating.FAILED
    assert world.tally.heartbeats[Beating.FAILED] == 2
    assert "could not be sent" in caplog.text
    assert SECRET not in caplog.text


async def test_switches_come_and_go_with_the_file(world: World) -> None:
    """Each beats at once and by itself; one that is gone beats no more."""
    one, two = world.switch(every_s=0.01), world.switch(name="2", every_s=3600.0)
    await world.beats.configure([one, two])
    async with asyncio.timeout(5):
        while len(world.taken) < 4:
            world.news.clear()
            await world.news.wait()
    await world.beats.configure([two])
    count = len(world.taken)
    await asyncio.sleep(0)
    assert len(world.taken) == count
    await world.beats.stop()
    assert world.beats._tasks == {}
