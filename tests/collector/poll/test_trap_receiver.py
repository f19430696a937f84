"""The receiver: sockets, queue and polls, floods, and addresses that are not to be had."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from agent.clock import SystemClock
from agent.snmp.auth import AuthProtocol
from collector.poll.trap_desk import Fate, Heard
from collector.poll.trap_file import load_table
from collector.poll.trap_frame import GET, TRAP_V2, look
from collector.poll.trap_limit import MAX_STRANGERS
from collector.poll.trap_receiver import Receiver, own_engine_id
from collector.poll.trap_settings import TrapSettings
from tests.agent.jumping import JumpingClock
from tests.collector.poll.trap_kit import AUTH, OPEN, inform, pdu_v2, v1, v2c, v3

TABLE = load_table([Path(__file__).parents[3] / "config" / "snmp" / "notifications.yml"])
LOCAL = ("127.0.0.1:0",)
AUTHS = {"open": OPEN, "mon": AUTH}
BARE = msgspec.structs.replace(AUTH, auth_protocol=AuthProtocol.NONE)
REPORT = b"\xa8"
WHOLE = (v2c(), inform(), v1(), v3(), v2c(community=b"let-me-in"), v3(user="mallory"))
COLD_START, LINK_UP = "1.3.6.1.6.3.1.1.5.1", "1.3.6.1.6.3.1.1.5.4"


class Ground:
    """A receiver with what it said; datagrams are handed to it, or sent to its socket."""

    def __init__(self, settings: TrapSettings, clock: SystemClock | JumpingClock | None = None) -> None:
        self.polls: list[tuple[str, bool]] = []
        self.heard: list[Heard] = []
        self.receiver = Receiver(
            settings,
            AUTHS,
            TABLE,
            clock or SystemClock(),
            poll_now=lambda target, reset: self.polls.append((target, reset)),
            record=self.heard.append,
        )
        self.receiver.know({"127.0.0.1": ("router-01",)})

    @property
    def fates(self) -> dict[Fate, int]:
        return {fate: count for fate, count in self.receiver.tally.fates.items() if count}

    async def settle(self, received: int) -> None:
        """Wait until everything that was sent has its fate."""
        tally = self.receiver.tally
        async with asyncio.timeout(60):
            while tally.received < received or sum(tally.fates.values()) < received:
                await asyncio.sleep(0)


Listen = Callable[..., Awaitable[Ground]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(settings: TrapSettings, clock: JumpingClock | None = None) -> Ground:
            ground = Ground(settings, clock)
            await ground.receiver.start()
            stack.push_async_callback(ground.receiver.stop)
            return ground

        yield start


@contextlib.contextmanager
def sender(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.setblocking(False)
        yield sock


async def test_polls_of_one_target_keep_their_distance(listen: Listen) -> None:
    """The first trap polls at once; what comes within the gap waits for its end, is one poll, and loses no `reset`."""
    clock = JumpingClock()
    ground = await listen(TrapSettings(listen=LOCAL, same_s=0, poll_gap_s=0.05), clock)
    with sender() as sock:
        for data in (v2c(), v2c(COLD_START), v2c(LINK_UP)):
            sock.sendto(data, ground.receiver.addresses[0])
        await ground.settle(3)
    assert ground.polls == [("router-01", False)]
    async with asyncio.timeout(20):
        while len(ground.polls) < 2:
            await asyncio.sleep(0.01)
    assert ground.polls == [("router-01", False), ("router-01", True)]
    assert ground.receiver.tally.polls == 2
    assert [heard.notification for heard in ground.heard] == ["linkDown", "coldStart", "linkUp"]
    assert ground.receiver.tally.notifications == {"linkDown": 1, "coldStart": 1, "linkUp": 1}


async def test_one_sender_is_limited_and_others_are_heard(listen: Listen) -> None:
    """A device that sends without end uses up its own share; what it is over is counted and costs nothing more."""
    ground = await listen(TrapSettings(listen=LOCAL, same_s=0, burst_per_source=5, rate_per_source=0.001))
    ground.receiver.know({"127.0.0.1": ("router-01",), "127.0.0.2": ("router-02",)})
    with sender() as loud, sender("127.0.0.2") as quiet:
        for _ in range(20):
            loud.sendto(v2c(), ground.receiver.addresses[0])
        quiet.sendto(v2c(), ground.receiver.addresses[0])
        await ground.settle(21)
    assert ground.fates == {Fate.ACCEPTED: 6, Fate.LIMITED: 15}
    assert [heard.target for heard in ground.heard] == ["router-01"] * 5 + ["router-02"]


async def test_full_queue_drops_and_counts(listen: Listen) -> None:
    """What has no room is counted; what waits when it is stopped is too, so that the counts add up."""
    ground = await listen(TrapSettings(listen=LOCAL, queue=3))
    with sender() as sock:
        for _ in range(5):
            ground.receiver.take(v2c(), sock.getsockname(), None)  # type: ignore[arg-type]  # traps are not answered
    assert ground.receiver.waiting == 3
    await ground.receiver.stop()
    assert ground.fates == {Fate.DROPPED: 5}


async def test_started_anew_it_has_a_higher_boot(listen: Listen) -> None:
    """A sender of informs that knew the collector before its restart believes it afterwards (RFC 3414 section 3.2, 7b)."""
    boots = []
    for restart in (0, 60_000):
        clock = JumpingClock(wall_ms=1_800_000_000_000 + restart)
        ground = await listen(TrapSettings(listen=LOCAL, engine_id="0x8000000001aabbcc"), clock)
        with sender() as sock:
            sock.sendto(v3(BARE, engine_id=b"", pdu=pdu_v2(tag=GET)), ground.receiver.addresses[0])
            await ground.settle(1)
            async with asyncio.timeout(20):
                answer = await asyncio.get_running_loop().sock_recv(sock, 1500)
        assert ground.fates == {Fate.EXCHANGE: 1}
        frame = look(answer.replace(REPORT, bytes([TRAP_V2]), 1))
        assert frame.engine_id == bytes.fromhex("8000000001aabbcc")
        boots.append(frame.boots)
        await ground.receiver.stop()
    assert boots[1] > boots[0]


async def test_a_password_without_an_engine_does_not_get_in(listen: Listen) -> None:
    """An empty engine id belongs to the question who we are, and one of zeros to nobody; both are refused and hearing goes
    on."""
    ground = await listen(TrapSettings(listen=LOCAL))
    with sender() as sock:
        for data in (v3(engine_id=b""), v3(engine_id=bytes(5)), v3()):
            sock.sendto(data, ground.receiver.addresses[0])
        await ground.settle(3)
    assert ground.fates == {Fate.BAD_USER: 1, Fate.MALFORMED: 1, Fate.ACCEPTED: 1}


async def test_an_address_that_is_taken_is_named(listen: Listen) -> None:
    """The error says where traps cannot be heard; what was open by then is closed again."""
    with sender() as sock:
        place = f"127.0.0.1:{sock.getsockname()[1]}"
        with pytest.raises(OSError, match=f"traps cannot be heard at {place}"):
            await listen(TrapSettings(listen=(*LOCAL, place)))


async def test_more_engines_than_are_remembered(listen: Listen) -> None:
    """Engines that were forgotten are learnt anew when they are heard again; the number is bounded all the time."""
    ground = await listen(TrapSettings(listen=LOCAL, same_s=0, learnt_engines=2))
    with sender() as sock:
        for number in (1, 2, 3, 1, 2, 3):
            sock.sendto(v3(engine_id=b"engine" + bytes([number])), ground.receiver.addresses[0])
        await ground.settle(6)
    assert ground.fates == {Fate.ACCEPTED: 6}
    assert ground.receiver.learnt_engines == 2


async def test_a_proxy_may_be_a_name(listen: Listen) -> None:
    """It is believed at the addresses that it has; one that has none is listed, and keeps nobody from being heard."""
    ground = await listen(TrapSettings(listen=LOCAL))
    ground.receiver.trust({"relay.example.vn": ("127.0.0.1",), "gone.example.vn": ()})
    assert [each.source for each in ground.receiver.strangers] == ["gone.example.vn"]
    ground.receiver.know({"192.0.2.7": ("ups-07",)})
    with sender() as sock:
        sock.sendto(v1(address=b"\xc0\x00\x02\x07"), ground.receiver.addresses[0])
        await ground.settle(1)
    assert [heard.target for heard in ground.heard] == ["ups-07"]


async def test_a_message_over_which_our_code_fails_ends_the_hearing_of_no_other(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, it has its fate, and the next is heard; the fates add up to what was received."""
    ground = await listen(TrapSettings(listen=LOCAL))
    real, ground.receiver._record = ground.receiver._record, lambda heard: {}["nobody expected this"]
    with sender() as sock:
        sock.sendto(v2c(), ground.receiver.addresses[0])
        await ground.settle(1)
        ground.receiver._desk.judge, judge = lambda *told: {}["nor this"], ground.receiver._desk.judge  # type: ignore[method-assign]
        sock.sendto(v2c(COLD_START), ground.receiver.addresses[0])
        await ground.settle(2)
        ground.receiver._record, ground.receiver._desk.judge = real, judge  # type: ignore[method-assign]
        sock.sendto(v2c(LINK_UP), ground.receiver.addresses[0])
        await ground.settle(3)
    assert len(ground.heard) == 1
    assert ground.fates == {Fate.ACCEPTED: 2, Fate.MALFORMED: 1}
    assert caplog.text.count("a notification from 127.0.0.1 could not be read") == 2


def test_engine_id_stays_the_same() -> None:
    """It is made from the machine's name unless it is given, and is one that SNMP allows."""
    assert own_engine_id(TrapSettings()) == own_engine_id(TrapSettings())
    assert 5 <= len(own_engine_id(TrapSettings())) <= 32
    assert own_engine_id(TrapSettings(engine_id="0x8000000001aabbcc")) == bytes.fromhex("8000000001aabbcc")


def junk(chance: random.Random) -> bytes:
    """One datagram of a flood: noise, broken, refused or fine."""
    whole = chance.choice(WHOLE)
    match chance.randrange(4):
        case 0:
            return chance.randbytes(chance.randrange(300))
        case 1:
            return whole[: chance.randrange(len(whole))]
        case 2:
            broken = bytearray(whole)
            broken[chance.randrange(len(broken))] = chance.randrange(256)
            return bytes(broken)
        case _:
            return whole


class Turns:
    """Watches the loop: how many datagrams came and were read between two of its turns, and how long the longest took."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.most_received = self.most_read = 0
        self.longest_s = 0.0

    async def watch(self) -> None:
        tally, last = self._ground.receiver.tally, (0, 0, time.perf_counter())
        while True:
            await asyncio.sleep(0)
            read = tally.fates[Fate.ACCEPTED] + tally.fates[Fate.DUPLICATE]
            now = (tally.received, read, time.perf_counter())
            self.most_received = max(self.most_received, now[0] - last[0])
            self.most_read = max(self.most_read, now[1] - last[1])
            self.longest_s = max(self.longest_s, now[2] - last[2])
            last = now


async def flood(ground: Ground, datagrams: list[bytes], sockets: list[socket.socket]) -> None:
    """Send them from all sockets in turn, never more at once than the system keeps for the receiver."""
    done = ground.receiver.tally.received
    for start in range(0, len(datagrams), 100):
        some = datagrams[start : start + 100]
        for index, data in enumerate(some):
            sockets[(start + index) % len(sockets)].sendto(data, ground.receiver.addresses[0])
        done += len(some)
        await ground.settle(done)


async def test_flood(listen: Listen) -> None:
    """20,000 datagrams of everything, most from strangers: all are counted once, memory stays flat, and the loop never takes
    more than one of them, nor reads more than one in full, before it turns to others."""
    ground = await listen(TrapSettings(listen=LOCAL, queue=100))
    chance = random.Random(4)
    turns = Turns(ground)
    watching = asyncio.create_task(turns.watch())
    with contextlib.ExitStack() as stack:
        known = [stack.enter_context(sender()) for _ in range(100)]
        strange = [stack.enter_context(sender(f"127.0.{n // 250 + 1}.{n % 250 + 1}")) for n in range(300)]
        await flood(ground, [junk(chance) for _ in range(2_000)], known + strange)
        tracemalloc.start()
        try:
            sizes = []
            for _ in range(2):
                await flood(ground, [junk(chance) for _ in range(9_000)], known + strange)
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
            watching.cancel()
    print(f"longest hold {1000 * turns.longest_s:.1f} ms, grown {sizes[1] - sizes[0]} bytes, {ground.fates}")
    assert ground.receiver.tally.received == sum(ground.fates.values()) == 20_000
    assert {Fate.UNKNOWN_SOURCE, Fate.MALFORMED, Fate.BAD_COMMUNITY, Fate.BAD_USER, Fate.LIMITED} <= set(ground.fates)
    assert len(ground.receiver.strangers) <= MAX_STRANGERS
    assert (turns.most_received, turns.most_read) == (1, 1)
    assert sizes[1] - sizes[0] < 128 * 1024
