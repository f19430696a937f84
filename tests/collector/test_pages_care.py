"""The collector's care for itself as it is put together: its trouble, the direct way, the switch outside over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.core.alert import Alert, Severity
from collector.core.notice import EventKind, Notice
from collector.core.notify_tally import NotifyTally
from collector.core.page_tally import Beating, PageTally
from collector.notify.channel import ChannelError, Failure
from collector.oncall import OnCallFile
from collector.oncall.files import HeartbeatEntry
from collector.pages_care import Care, Charges

T = 1_790_000_000_000


class Desk:
    is_loaded = True
    decided_ms = T
    failing_ms: int | None = None


class Loops:
    turned_ms = T
    failures = 0
    issue_failures = 0


class Vigil:
    dark_ms: int | None = None
    unwritten_ms: int | None = None


class World:
    """Parts as a test sets them, receivers that answer as it says."""

    def __init__(self, folder: Path) -> None:
        self.now = T
        self.desk, self.loops, self.vigil = Desk(), Loops(), Vigil()
        self.sent: list[tuple[str, EventKind, str]] = []
        self.error: Exception | None = None
        self.tally = PageTally()
        charges = Charges(
            folder, self.desk, self.loops, self.vigil, tuple, NotifyTally(), self.send, lambda _key, found: found,
            lambda: "", lambda: self.now, lambda: self.now,
        )  # fmt: skip
        self.care = Care(charges, self.tally)

    async def send(self, receiver: str, notice: Notice, event_id: str) -> str:
        if self.error is not None:
            raise self.error
        self.sent.append((receiver, notice.event, event_id))
        return ""

    async def step(self, seconds: float, *, works: bool = True) -> dict[str, str]:
        self.now += round(seconds * 1000)
        if works:
            self.desk.decided_ms = self.loops.turned_ms = self.now
        await self.care.watch.look()
        self.care.direct.turn()
        await asyncio.gather(*self.care.direct._busy.values())
        # Whether the kernel's clock follows another is the machine's business.
        return {one.key.name: one.reason for one in self.care.conditions() if one.key.name not in ("clock", "disk")}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.care.follow(OnCallFile(emergency=("noc",)))
    yield world
    await world.care.stop()


async def test_a_dead_database_is_one_trouble_and_is_told_directly(world: World) -> None:
    """What fails because of it is not told beside it, also not in the minute after it."""
    assert await world.step(5) == {}
    world.vigil.unwritten_ms = world.desk.failing_ms = world.now
    world.loops.failures = 4
    assert await world.step(20, works=False) == {}
    assert await world.step(11, works=False) == {"database": "unwritten"}
    assert await world.step(60, works=False) == {"database": "unwritten"}
    assert [event for _, event, _ in world.sent] == [EventKind.FIRING]
    world.vigil.unwritten_ms = None
    assert await world.step(5) == {"database": "unwritten"}, "calm must last"
    world.loops.failures = 0
    assert await world.step(31) == {}
    await world.step(1)
    assert [event for _, event, _ in world.sent] == [EventKind.FIRING, EventKind.RESOLVED]
    assert await world.step(600) == {}, "an old failure of the desk's is none when it has decided since"
    assert world.tally.direct == {"sent": 2}


async def test_a_desk_that_stands_still_is_told_directly(world: World) -> None:
    """Though the database is well."""
    await world.step(5)
    assert await world.step(50, works=False) == {}
    assert await world.step(15, works=False) == {"ledger": "failing"}
    assert [receiver for receiver, _, _ in world.sent] == ["noc"]


async def test_reports_that_cannot_be_issued_wake_nobody(world: World) -> None:
    """A warning, which the desk tells."""
    world.loops.issue_failures = 3
    assert await world.step(120) == {"ledger": "failing"}
    assert await world.step(120, works=False) == {"ledger": "failing"}
    assert {one.severity for one in world.care.conditions() if one.key.name == "ledger"} == {Severity.CRITICAL}, (
        "now it is the desk"
    )


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ChannelError(Failure.TIMEOUT, "late"), "again"),
        (ChannelError(Failure.REJECTED, "no", permanent=True), "never"),
        (KeyError("noc"), "never"),
    ],
)
async def test_failures_of_receivers_are_told_apart(world: World, error: Exception, verdict: str) -> None:
    """As for the outbox."""
    world.error = error
    await world.step(5)
    await world.step(65, works=False)
    assert world.tally.direct == {verdict: 1}


async def test_open_alerts_of_before_a_restart_are_recalled(world: World) -> None:
    """Under the same name; they end by themselves."""
    world.vigil.unwritten_ms = world.now - 60_000
    await world.step(1)
    (one,) = [one for one in world.care.conditions() if one.key.name == "database"]
    alert = Alert("u", one.key, one.severity, one.since_ms, one.known_ms - 5_000, reason=one.reason)
    world.care.recall([alert])
    assert [found.known_ms for found in world.care.conditions() if found.key == one.key] == [one.known_ms - 5_000]


async def test_the_switch_outside_beats_while_all_is_well(world: World, tmp_path: Path) -> None:
    """By its file: the URL is a secret, the method and length are kept; it stops when the desk does."""
    taken: asyncio.Queue[str] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await taken.put(f"{request.method} {request.headers['Content-Type']}")
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/beat", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    secret = tmp_path / "url"
    secret.write_text(f"http://127.0.0.1:{runner.addresses[0][1]}/beat\n")
    secret.chmod(0o600)
    entry = HeartbeatEntry(url_file="url", every="1h")
    assert world.care.unwell() == ()
    await world.care.follow(OnCallFile(folder=tmp_path, heartbeats=(entry,), emergency=("noc",)))
    async with asyncio.timeout(5):
        assert await taken.get() == "POST application/json"
    (switch,) = world.care.heartbeats._tasks
    assert (switch.every_s, switch.method) == (3600.0, "POST")
    world.now += 31_000
    assert world.care.unwell() == ("judging stands still", "paging stands still")
    assert await world.care.heartbeats.beat(msgspec.structs.replace(switch, name="2")) is Beating.WITHHELD
    await world.care.heartbeats.stop()
    await runner.cleanup()
    secret.chmod(0o644)
    with pytest.raises(ChannelError, match="0600"):
        await world.care.follow(OnCallFile(folder=tmp_path, heartbeats=(entry,)))
