"""ICMP echo against this machine's own kernel."""

from __future__ import annotations

import asyncio
import socket

import pytest

from agent.packets.icmp import REPLY_V4, Echo, encode
from agent.probes.echo import Echoes


@pytest.fixture
async def echoes() -> Echoes:
    """Skips where neither ping sockets nor raw ones are allowed."""
    asking = Echoes()
    if await asking.is_reachable("127.0.0.1", 5) is None:
        pytest.skip("this system lets us open neither a ping socket nor a raw one")
    return asking


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
    """An address that the kernel may not send to, and one from which nothing comes."""
    assert await echoes.is_reachable("255.255.255.255", 0.01) is False
    assert await echoes.is_reachable("127.0.0.1", 0) is False
    echoes.close()


async def test_a_forged_reply_is_no_answer(echoes: Echoes) -> None:
    """Whoever does not know the payload cannot answer for a device."""
    asked = asyncio.ensure_future(echoes.is_reachable("255.255.255.255", 0.05))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(encode(Echo(REPLY_V4, 1, 1, b"guess")), ("127.0.0.1", 9))
    assert await asked is False
    echoes.close()
