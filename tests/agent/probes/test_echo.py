"""ICMP echo against this machine's own kernel."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator

import pytest

from agent.packets.icmp import encode
from agent.probes.echo import Echoes


@pytest.fixture
async def echoes() -> AsyncIterator[Echoes]:
    """Skips where neither ping sockets nor raw ones are allowed."""
    asking = Echoes()
    if await asking.is_reachable("127.0.0.1", 5) is None:
        pytest.skip("this system lets us open neither a ping socket nor a raw one")
    yield asking
    asking.close()


async def test_the_own_kernel_answers(echoes: Echoes) -> None:
    """IPv4, many at once."""
    answers = await asyncio.gather(*(echoes.is_reachable(f"127.0.0.{n}", 5) for n in range(1, 100)))
    assert answers == [True] * 99
    echoes.close()


async def test_ipv6_answers_where_it_is(echoes: Echoes) -> None:
    """The loopback address of IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    assert await echoes.is_reachable("::1", 5) is True
    echoes.close()


async def test_silence_is_no_answer(echoes: Echoes) -> None:
    """One from which nothing comes; of an address that the kernel may not send to nothing is claimed."""
    assert await echoes.is_reachable("255.255.255.255", 0.01) is None
    assert await echoes.is_reachable("127.0.0.1", 0) is False


async def test_a_forged_reply_is_no_answer(echoes: Echoes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not know the payload cannot answer for a device."""
    monkeypatch.setattr("agent.probes.pings.encode", lambda echo: encode(echo._replace(payload=b"guess")))
    assert await echoes.is_reachable("127.0.0.1", 0.05) is False


@pytest.mark.parametrize(
    ("number", "found"), [(errno.EAGAIN, None), (errno.ENOBUFS, None), (errno.EPERM, None), (errno.ENETUNREACH, False)]
)
async def test_what_could_not_be_sent_says_nothing_of_the_device(
    echoes: Echoes, monkeypatch: pytest.MonkeyPatch, number: int, found: bool | None
) -> None:
    """Unless there is no way to it."""

    def refuse(echo: object) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("agent.probes.pings.encode", refuse)
    assert await echoes.is_reachable("127.0.0.1", 5.0) is found


async def test_closing_claims_nothing(echoes: Echoes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits goes on at once, and knows no more than before."""
    monkeypatch.setattr("agent.probes.pings.encode", lambda echo: encode(echo._replace(payload=b"guess")))
    waiting = asyncio.create_task(echoes.is_reachable("127.0.0.1", 60))
    await asyncio.sleep(0)
    echoes.close()
    assert await waiting is None
