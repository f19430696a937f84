"""One ICMP echo to a device that does not answer otherwise: tells a dead program from a dead device.

Unprivileged ping sockets where the system allows them, raw ones for root; where neither is to be had nothing is claimed.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Final

from agent.probes.pings import Pings, Request

_NO_WAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ECONNREFUSED})
_ONE: Final = Request()


class Echoes:
    """Echo requests of one event loop. `close` when done; `is_reachable` may be awaited by thousands at once."""

    def __init__(self) -> None:
        self._pings: Pings | None = None

    async def is_reachable(self, host: str, timeout_s: float) -> bool | None:
        """Whether the address (not a name) answered in time; None where this system does not let us ask or has no room for it
        now."""
        if self._pings is None:
            self._pings = Pings()
        try:
            answers = await self._pings.ask(host, _ONE, asyncio.get_running_loop().time() + timeout_s)
        except OSError as error:
            return False if error.errno in _NO_WAY else None
        return None if answers.overflowed else bool(answers.round_trips)

    def close(self) -> None:
        """Close the sockets; whoever waits gets no answer."""
        if self._pings is not None:
            self._pings.close()
            self._pings = None
