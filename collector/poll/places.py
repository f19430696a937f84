"""Addresses of names, as they were last known. Serves hearing, which has to know from an address whose it is.

A name service that does not answer takes nothing away, and holds nobody up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

LOOK_UP_S: Final = 20.0
"""Longest wait for one name."""
_AT_ONCE: Final = 4
"""The names of devices that are polled need the same few threads."""


class Places:
    """`of` a name at once, `look_up` now and then."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, host: str) -> tuple[str, ...] | None:
        """The addresses of a name, none if it had none so far; None if it was never looked up. An address is its own."""
        return (host,) if _is_address(host) else self._known.get(host)

    async def look_up(self, hosts: Iterable[str]) -> None:
        """Look the names among these up anew, and forget all others. One that has no address now keeps those it had."""
        names = [host for host in dict.fromkeys(hosts) if not _is_address(host)]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def found(name: str) -> tuple[str, ...]:
            async with gate:
                return await _found(name) or self._known.get(name, ())

        self._known = dict(zip(names, await asyncio.gather(*map(found, names)), strict=True))


async def _found(name: str) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(LOOK_UP_S):
            places = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return ()
    return tuple(dict.fromkeys([str(place[4][0]) for place in places]))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
