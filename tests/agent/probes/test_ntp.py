"""The probe `ntp` against servers that lie, refuse, or are wrong."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.packets import ntp as packets
from agent.probes import ntp
from tests.agent.probes.probing import Told, probed

Answer = Callable[[packets.Message], list[bytes]]


def truth(asked: packets.Message, **changes: Any) -> bytes:
    """What a good server of stratum 2 says now."""
    now = packets.from_unix_ns(time.time_ns())
    message = packets.Message(0, 4, 4, 2, 0, -20, 0.01, 0.02, bytes([192, 0, 2, 1]), now, asked.transmit, now, now)
    return packets.encode(message._replace(**changes))


def ahead(asked: packets.Message, seconds: float) -> bytes:
    """A server whose clock is so many seconds ahead."""
    there = packets.from_unix_ns(time.time_ns() + int(seconds * 1e9))
    return truth(asked, receive=there, transmit=there)


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for each in self._answer(packets.decode(data)):
            self._transport.sendto(each, addr)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """A time server that answers so; its address."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(answer), local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def told_by(answer: Answer, *, timeout_s: float = 5.0, **settings: Any) -> Told:
    """What the probe found of a server that answers so."""
    async with serving(answer) as address:
        probe = ntp.open_probe(msgspec.convert(settings, ntp.Settings))
        return await probed(probe, address, timeout_s=timeout_s)


async def test_a_forged_answer_is_ignored() -> None:
    """Whoever has not read the question cannot set what we measure; nor does a client's message, or a short one."""
    lies = [
        lambda asked: ahead(asked._replace(transmit=asked.transmit ^ 1), 1000),
        lambda asked: truth(asked, mode=packets.CLIENT),
        lambda asked: truth(asked)[:47],
    ]
    told = await told_by(lambda asked: [*[lie(asked) for lie in lies], truth(asked)], max_offset=1.0)
    assert told.finding.outcome is Outcome.OK, told
    assert abs(told.value("probe_ntp_offset_seconds")) < 1
    assert sum("ignored" in line for line in told.lines) == 3


async def test_only_lies_are_no_answer() -> None:
    """It waits to the end, which says where it was."""
    told = await told_by(lambda asked: [ahead(asked._replace(transmit=0), 1000)], timeout_s=0.2)
    assert told.finding.reason is Reason.TIMEOUT
    assert "request" in told.finding.detail
    assert ("probe_ntp_offset_seconds",) not in told.samples


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(0.0, Outcome.OK), (3.0, Outcome.DEGRADED), (-3.0, Outcome.DEGRADED), (60.0, Outcome.FAILED), (-60.0, Outcome.FAILED)],
)
async def test_an_offset_is_held_against_two_limits(seconds: float, outcome: Outcome) -> None:
    """Ahead and behind alike."""
    told = await told_by(lambda asked: [ahead(asked, seconds)], max_offset=30.0, degraded_offset=1.0)
    assert told.finding.outcome is outcome
    assert told.value("probe_ntp_offset_seconds") == pytest.approx(seconds, abs=0.5)


async def test_a_kiss_of_death_is_told() -> None:
    """With its code; a server that has just started is no such one, but has no time."""
    told = await told_by(lambda asked: [truth(asked, leap=3, stratum=0, reference_id=b"RATE")])
    assert told.finding.reason is Reason.BAD_STATUS
    assert "RATE" in told.finding.detail
    told = await told_by(lambda asked: [truth(asked, leap=3, stratum=0, reference_id=b"INIT")])
    assert told.finding.detail == "the server does not know the time (leap 3, stratum 0, INIT)"


@pytest.mark.parametrize("changes", [{"stratum": 16}, {"stratum": 0, "reference_id": bytes(4)}, {"transmit": 0}])
async def test_a_server_without_time_has_failed(changes: dict[str, Any]) -> None:
    """However it says so."""
    told = await told_by(lambda asked: [truth(asked, **changes)])
    assert (told.finding.outcome, told.finding.reason) == (Outcome.FAILED, Reason.MISMATCH)


async def test_a_closed_port_is_refused() -> None:
    """At once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    told = await probed(ntp.open_probe(ntp.Settings()), address)
    assert told.finding.reason is Reason.REFUSED


async def test_settings_that_contradict_each_other_are_refused() -> None:
    """When the probe is opened."""
    with pytest.raises(ValueError, match="degraded_offset"):
        ntp.open_probe(ntp.Settings(max_offset=1.0, degraded_offset=1.0))
    with pytest.raises(ValueError, match="source_ip_address"):
        ntp.open_probe(ntp.Settings(source_ip_address="here"))
    assert ntp.address_problem("time.example.vn") == ntp.address_problem("[::1]:1123") == ""
    assert "host" in ntp.address_problem("time.example.vn:x")
