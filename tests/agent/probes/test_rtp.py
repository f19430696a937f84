"""The probe of path quality against a reflector, with what happens between them injected and known exactly."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from agent.model import Outcome, Reason
from agent.probes.reflector import Limits, Reflector
from tests.agent.probes.relay import Relay
from tests.agent.probes.voice_kit import Ran, run

KEY = "00112233445566778899aabbccddeeff"
OTHER = "ffeeddccbbaa99887766554433221100"
STREAM = {"key": KEY, "rate": 100.0, "duration": 0.5}
"""Fifty packets."""


@asynccontextmanager
async def reflector(host: str = "127.0.0.1", limits: Limits | None = None) -> AsyncIterator[Reflector]:
    """A reflector that knows KEY."""
    server = Reflector((host, 0), bytes.fromhex(KEY), limits)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def through(forward: Callable[[int], list[float]], backward: Callable[[int], list[float]], **settings: object) -> Ran:
    """A run over a path on which that happens each way."""
    async with reflector() as server, Relay(server.address, forward, backward) as relay:
        return await run("rtp", relay.address, **{**STREAM, **settings})


@pytest.mark.parametrize(
    ("host", "there"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", "127.0.0.9"), ("::", "127.0.0.9")]
)
async def test_a_good_path_is_perfect(host: str, there: str) -> None:
    """Nothing is lost over loopback, IPv4 and IPv6, and a reflector on all addresses answers from the one that was asked."""
    async with reflector(host) as server:
        ran = await run("rtp", f"{there}:{server.address[1]}", **STREAM)
    assert ran.done.finding.outcome is Outcome.OK, ran.done.finding
    samples = ran.samples
    assert samples["probe_rtp_packets_sent"] == samples["probe_rtp_packets_received"] == 50
    for way in ("forward", "backward", "round_trip"):
        assert samples[f"probe_rtp_loss_ratio{{{way}}}"] == 0.0
    assert (
        0.0
        < samples["probe_rtp_rtt_min_seconds"]
        <= samples["probe_rtp_rtt_avg_seconds"]
        <= samples["probe_rtp_rtt_max_seconds"]
    )
    assert samples["probe_rtp_r_factor"] > 90.0
    assert samples["probe_rtp_mos"] > 4.3
    assert samples["probe_rtp_duration_seconds{transfer}"] >= 0.49
    assert server.counters.answered == 52, "a welcome, the answers, a report"


async def test_loss_is_told_by_direction() -> None:
    """Every fifth lost on the way there and every tenth answer on the way back are two figures, exactly."""
    ran = await through(lambda n: [] if n % 5 == 4 else [0.0], lambda n: [] if n % 10 == 9 else [0.0])
    samples = ran.samples
    assert samples["probe_rtp_loss_ratio{forward}"] == pytest.approx(10 / 50)
    assert samples["probe_rtp_loss_ratio{backward}"] == pytest.approx(4 / 40)
    assert samples["probe_rtp_loss_ratio{round_trip}"] == pytest.approx(14 / 50)
    assert samples["probe_rtp_packets_received"] == 36
    # At best 93.2, less what a fifth costs under G.711 with concealment.
    assert samples["probe_rtp_r_factor"] < 93.2 - 95.0 * 20.0 / (20.0 + 25.1)


async def test_loss_at_the_end_is_loss_too() -> None:
    """The last ten of each way: what no later answer can tell, the final report does."""
    ran = await through(lambda n: [] if n >= 40 else [0.0], lambda n: [] if n >= 30 else [0.0])
    assert ran.samples["probe_rtp_loss_ratio{forward}"] == pytest.approx(10 / 50)
    assert ran.samples["probe_rtp_loss_ratio{backward}"] == pytest.approx(10 / 40)


async def test_doubled_and_reordered_packets_are_not_lost() -> None:
    """Every tenth comes twice there, every tenth answer comes after the next one back; nothing is counted as lost."""
    ran = await through(lambda n: [0.0, 0.0] if n % 10 == 0 else [0.0], lambda n: [0.025] if n % 10 == 5 else [0.0])
    samples = ran.samples
    assert samples["probe_rtp_loss_ratio{round_trip}"] == samples["probe_rtp_loss_ratio{forward}"] == 0.0
    assert samples["probe_rtp_loss_ratio{backward}"] == 0.0
    assert samples["probe_rtp_duplicate_ratio{forward}"] == pytest.approx(5 / 50)
    assert samples["probe_rtp_duplicate_ratio{backward}"] == 0.0, "each copy has its own answer"
    assert samples["probe_rtp_reordered_ratio{forward}"] == 0.0
    assert samples["probe_rtp_reordered_ratio{backward}"] >= 5 / 55


async def test_delay_is_the_round_trip_and_costs_quality() -> None:
    """100 ms there and 150 ms back are a round trip of 250 ms, even, so no jitter to speak of; and R as the E-model has it."""
    ran = await through(lambda _: [0.1], lambda _: [0.15])
    samples = ran.samples
    assert samples["probe_rtp_rtt_min_seconds"] == pytest.approx(0.25, abs=0.02)
    assert samples["probe_rtp_rtt_avg_seconds"] == pytest.approx(0.25, abs=0.04)
    delay_ms = 1000 * (samples["probe_rtp_rtt_avg_seconds"] / 2 + 0.01)
    jitter_ms = 1000 * max(samples["probe_rtp_jitter_seconds{forward}"], samples["probe_rtp_jitter_seconds{backward}"])
    assert samples["probe_rtp_r_factor"] == pytest.approx(93.2 - 0.024 * (delay_ms + 2 * jitter_ms), abs=0.5)


async def test_jitter_is_told_by_direction() -> None:
    """Delays that change by 8 ms from packet to packet are a jitter of about 8 ms on that way, and little on the other."""
    ran = await through(lambda n: [0.001 if n % 2 else 0.009], lambda _: [0.0], rate=50.0, duration=1.5)
    forward, backward = (ran.samples[f"probe_rtp_jitter_seconds{{{way}}}"] for way in ("forward", "backward"))
    assert forward == pytest.approx(0.008, rel=0.35)
    assert backward < forward / 2


async def test_quality_below_what_is_wanted_is_degraded() -> None:
    """Success with a warning, which says the figure."""
    ran = await through(lambda n: [] if n % 5 == 4 else [0.0], lambda _: [0.0], degraded_r_factor=70.0)
    assert (ran.done.finding.outcome, ran.done.finding.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
    assert "expected 70 or more" in ran.done.finding.detail
    ran = await through(lambda n: [] if n % 5 == 4 else [0.0], lambda _: [0.0], degraded_loss_ratio=0.05)
    assert ran.done.finding.detail == "20.0% of the packets are lost in a direction"


async def test_a_path_that_passes_greetings_only_is_a_timeout() -> None:
    """All packets are lost behind a welcome: failed, with the loss as a figure."""
    ran = await through(lambda _: [], lambda _: [0.0])
    assert (ran.done.finding.outcome, ran.done.finding.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert ran.samples["probe_rtp_loss_ratio{forward}"] == ran.samples["probe_rtp_loss_ratio{round_trip}"] == 1.0


async def test_a_wrong_key_gets_no_answer() -> None:
    """The reflector keeps silent, so the run ends by its time, in `connect`, and nothing was streamed."""
    async with reflector() as server:
        ran = await run("rtp", f"127.0.0.1:{server.address[1]}", 0.6, **{**STREAM, "key": OTHER})
        assert server.counters.answered == 0
        assert 1 <= server.counters.foreign <= 4
    assert (ran.done.finding.outcome, ran.done.finding.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert "`connect`" in ran.done.finding.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_closed_port_is_refused_at_once(host: str) -> None:
    """Nobody listens: the system's message ends the run, not its deadline."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        port = sock.getsockname()[1]
    ran = await run("rtp", f"[{host}]:{port}" if ":" in host else f"{host}:{port}", **STREAM)
    assert (ran.done.finding.outcome, ran.done.finding.reason) == (Outcome.FAILED, Reason.REFUSED)
    assert ran.done.duration_s < 5.0


async def test_the_stream_fits_into_the_run() -> None:
    """A stream longer than the run is shortened, not cut off by the deadline."""
    async with reflector() as server:
        ran = await run("rtp", f"127.0.0.1:{server.address[1]}", 1.5, key=KEY, rate=50.0, duration=20.0)
    assert ran.done.finding.outcome is Outcome.OK, ran.done.finding
    assert 5 <= ran.samples["probe_rtp_packets_sent"] <= 50


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": "abc"}, "key: "),
        ({"key": KEY, "rate": 101.0}, "rate"),
        ({"key": KEY, "duration": 31.0}, "duration"),
        ({"key": KEY, "payload_bytes": 1401}, "payload_bytes"),
        ({"key": KEY, "codec": "opus"}, "codec"),
        ({}, "key"),
    ],
)
async def test_wrong_settings_are_refused_by_name(settings: dict[str, object], said: str) -> None:
    """Nothing is repaired, and no key is told."""
    with pytest.raises(ValueError, match=said) as refusal:
        await run("rtp", "127.0.0.1", **settings)
    assert KEY not in str(refusal.value)


SERVE = """
import asyncio, sys
from agent.probes.reflector import Reflector
async def main():
    server = Reflector(("127.0.0.3", 0), bytes.fromhex(sys.argv[1]))
    await server.start()
    print(server.address[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()
asyncio.run(main())
"""


@asynccontextmanager
async def far_reflector() -> AsyncIterator[int]:
    """A reflector in a process of its own on 127.0.0.3; its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, KEY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        assert await process.wait() == 0


async def test_a_busy_agent_is_not_taken_for_a_slow_path() -> None:
    """While our own loop is at something else for 25 ms again and again, answers wait in the kernel, which says when they came:
    round trips stay those of the path."""
    blocked, loop = 0, asyncio.get_running_loop()

    def block() -> None:
        nonlocal blocked, handle
        blocked += 1
        time.sleep(0.025)
        handle = loop.call_soon(block)

    handle: asyncio.Handle = loop.call_later(0.1, block)
    async with far_reflector() as port:
        ran = await run("rtp", f"127.0.0.3:{port}", key=KEY, rate=50.0, duration=1.0)
        handle.cancel()
    assert blocked >= 20
    assert ran.samples["probe_rtp_rtt_avg_seconds"] < 0.005
    assert ran.samples["probe_rtp_jitter_seconds{backward}"] < 0.005


async def test_two_processes_measure_the_path_between_them() -> None:
    """The reflector is a process of its own, with its own clock: loss, delay and order come out as they were injected."""
    delays = [0.02, 0.02, 0.045, 0.02]  # the third of four is passed by the fourth
    async with (
        far_reflector() as port,
        Relay(("127.0.0.3", port), lambda n: [delays[n % 4]], lambda n: [] if n % 25 == 24 else [0.02]) as relay,
    ):
        ran = await run("rtp", relay.address, key=KEY, rate=50.0, duration=2.0)
    samples = ran.samples
    assert samples["probe_rtp_packets_sent"] == 100
    assert samples["probe_rtp_loss_ratio{forward}"] == 0.0
    assert samples["probe_rtp_loss_ratio{backward}"] == pytest.approx(4 / 100)
    assert samples["probe_rtp_reordered_ratio{forward}"] == pytest.approx(25 / 100, abs=0.02)
    assert samples["probe_rtp_rtt_min_seconds"] == pytest.approx(0.04, abs=0.01)
    expected = jitter_of([delays[n % 4] for n in range(100)])
    assert samples["probe_rtp_jitter_seconds{forward}"] == pytest.approx(expected, rel=0.4)


def jitter_of(delays: list[float]) -> float:
    """Interarrival jitter of packets sent evenly at 50 a second with these delays, in the order of their arrival."""
    arrived = sorted(range(len(delays)), key=lambda n: n * 0.02 + delays[n])
    jitter = 0.0
    for before, after in pairwise(arrived):
        jitter += (abs(delays[after] - delays[before]) - jitter) / 16.0
    return jitter
