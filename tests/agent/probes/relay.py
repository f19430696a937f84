"""A path between a probe and a reflector in tests: a UDP relay that loses, doubles, delays and reorders as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

from agent.packets.rtp import HEADER, Type

Plan = Callable[[int], list[float]]
"""What becomes of packet n of a direction: the delays in seconds of each copy; none: lost."""
_TYPE_AT = HEADER + 4


def whole(_number: int) -> list[float]:
    """Nothing happens to a packet."""
    return [0.0]


class Relay(asyncio.DatagramProtocol):
    """Listens on a loopback address; counts the questions and answers only, greetings and reports pass as they are."""

    def __init__(self, target: tuple[str, int], forward: Plan = whole, backward: Plan = whole) -> None:
        self._target, self._plans = target, {Type.QUESTION: forward, Type.ANSWER: backward}
        self._passed = {Type.QUESTION: 0, Type.ANSWER: 0}
        self._client: Any = None
        self._transport: Any = None

    @property
    def address(self) -> str:
        """For a probe."""
        name = self._transport.get_extra_info("sockname")
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    async def __aenter__(self) -> Self:
        host = "::1" if ":" in self._target[0] else "127.0.0.7"
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Pass it on as its direction's plan says."""
        if addr[:2] == self._target:
            to = self._client
        else:
            self._client, to = addr, self._target
        kind = Type(data[_TYPE_AT])
        number = self._passed.get(kind)
        if number is None:
            self._transport.sendto(data, to)
            return
        self._passed[kind] += 1
        loop = asyncio.get_running_loop()
        for delay_s in self._plans[kind](number):
            if delay_s:
                loop.call_later(delay_s, self._transport.sendto, data, to)
            else:
                self._transport.sendto(data, to)
