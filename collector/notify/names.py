"""Names of receivers to addresses, in threads of the receiver's own: a name service that hangs, as it does when the line is
down, takes no thread from the rest of the collector, and does not keep it from ending.
"""

from __future__ import annotations

import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from agent.probes.resolve import Ask, Resolver

THREADS: Final = 4
"""Of one receiver: questions for the same name share one."""


class Names(AbstractResolver):
    """The name service as aiohttp asks it. Whoever made it closes it."""

    def __init__(self, ask: Ask = socket.getaddrinfo) -> None:
        self._resolver = Resolver(ask, THREADS)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Addresses in the system's order. Raises `OSError`, `ValueError` for what is no name."""
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=place.ip, port=port, family=place.family, proto=0, flags=flags)
            for place in await self._resolver.addresses(host, family)
        ]

    async def close(self) -> None:
        """Let the threads end when they have their answers."""
        self._resolver.close()
