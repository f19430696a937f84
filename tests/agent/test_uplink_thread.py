"""The uplink as a thread: it wakes for what is appended, flushes when stopped, and takes large spools apart; all over TLS."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.model import Lane
from agent.spool import Spool, SpoolLimits
from agent.transport import HttpTransport, Response, TransportSettings
from agent.uplink import Uplink, UplinkSettings, UplinkState
from tests.agent import collector_kit as server
from tests.agent import spool_kit as kit
from tests.agent.authority import Authority


class World:
    """A spool, a collector behind TLS that counts what it stores, and the thread between them."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder, ["127.0.0.1"])
        ca_file = folder / "ca.pem"
        ca_file.write_text(authority.ca_pem)
        self.stored: list[tuple[Lane, int]] = []
        self.arrived = threading.Condition()
        self.collector = server.ScriptedCollector(self._store)
        self.collector.use_tls(authority.server_file)
        self.clock = kit.JumpClock()
        self.spool = Spool.open(folder / "spool", SpoolLimits(), self.clock, kit.BOOT)
        self.transport = HttpTransport(TransportSettings(token="t", ca_file=str(ca_file), answer_timeout_s=2.0))
        settings = UplinkSettings(urls=(self.collector.url,), compress="on", batch_bytes=8_000, batch_reports=5)
        self.uplink = Uplink(
            self.spool, self.transport, SystemClock(), settings, boot=kit.BOOT, agent_version="1", random=lambda: 0.0
        )

    def _store(self, request: server.Request) -> server.Reply:
        with self.arrived:
            self.stored += [(g.lane, item.seq) for g in request.batch.groups for item in (*g.reports, *g.losses)]
            self.arrived.notify_all()
        return server.ok(credit=1000)

    def append(self, count: int = 1, detail: str = "") -> None:
        for _ in range(count):
            self.spool.append_collection(facts=[kit.heartbeat(self.clock)], bulk=[kit.host(self.clock, detail=detail)])
        self.uplink.wake()

    def wait_for(self, count: int) -> bool:
        with self.arrived:
            return self.arrived.wait_for(lambda: len(self.stored) >= count, 10)

    def close(self) -> None:
        self.uplink.stop(0)
        self.spool.close()
        self.collector.stop()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_what_is_appended_is_sent_at_once(world: World) -> None:
    world.collector.start()
    world.uplink.start()
    for count in (2, 4, 6):
        world.append()
        assert world.wait_for(count)
    assert world.uplink.stop(2.0)
    assert len({request.connection for request in world.collector.requests}) == 1, "one TLS connection, kept"
    assert kit.unsent(world.spool) == []


def test_a_large_spool_goes_in_bounded_batches_without_another_wake(world: World) -> None:
    world.collector.start()
    world.append(60, detail="z" * 900)
    world.uplink.start()
    assert world.wait_for(120)
    assert world.uplink.stop(2.0)
    assert sorted(world.stored) == [(lane, n) for lane in (Lane.BULK, Lane.FACTS) for n in range(1, 61)]
    sizes = [sum(len(group.reports) for group in batch.groups) for batch in world.collector.batches()]
    assert max(sizes) == 5


def test_stop_flushes_what_came_last_even_if_a_wait_was_asked_for(world: World) -> None:
    refused = threading.Event()

    def busy(request: server.Request) -> server.Reply:
        refused.set()
        return server.error(503, Retry_After="600")

    world.collector.script = busy
    world.collector.start()
    world.append()
    world.uplink.start()
    assert refused.wait(10)
    world.collector.script = world._store
    world.append()
    assert world.uplink.stop(5.0)
    assert sorted(world.stored) == [(lane, n) for lane in (Lane.BULK, Lane.FACTS) for n in (1, 2)]


def test_stop_gives_up_on_a_collector_that_does_not_answer_and_keeps_the_reports(world: World) -> None:
    world.append()
    world.uplink.start()
    assert not world.uplink.stop(0.1), "nobody accepts connections here"
    assert len(kit.unsent(world.spool)) == 2
    world.collector.start()


class _Failing(HttpTransport):
    """The real one, but for an error at the first post that no door translates."""

    failures = 1

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        if self.failures:
            self.failures -= 1
            raise MemoryError("no room")
        return super().post(url, body, deflated)


class _Hasty(SystemClock):
    """Jumps over a wait for another try; what has nothing to try waits for its event as ever."""

    ahead_ms = 0

    def uptime_ms(self) -> int:
        return super().uptime_ms() + self.ahead_ms

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if 0 < seconds < 3_600:
            self.ahead_ms += int(seconds * 1000) + 1
            return False
        return super().wait(event, seconds)


def test_an_unforeseen_error_is_said_and_the_thread_goes_on(world: World) -> None:
    """An agent that collects for days and sends nothing is the worst that can happen to it."""
    world.collector.start()
    transport = _Failing(world.transport._settings)
    settings = UplinkSettings(urls=(world.collector.url,))
    clock = _Hasty()
    uplink = Uplink(world.spool, transport, clock, settings, boot=kit.BOOT, agent_version="1", random=lambda: 0.0)
    world.append()
    uplink.start()
    assert world.wait_for(2)
    assert uplink.stop(2.0)
    assert (uplink.status().state, uplink.status().failures) == (UplinkState.OK, 1)
    assert clock.ahead_ms >= 15_000, "not tried again at once"
