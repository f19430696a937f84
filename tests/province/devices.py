"""The SNMP devices of the simulated province: snmpsim plays what is recorded, and those that the script breaks play here.

Devices are addresses on one port. Which recording an address plays is decided between the poller and snmpsim, by putting the
recording's name in place of the community; so one endpoint of snmpsim is enough for all of them, and a line can be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import Final

from tests.province.town import Datagrams, Town
from tests.snmp import tinyber
from tests.snmp.fault_agent import FaultAgent
from tests.snmp.tinyber import Arcs, Value

MOST_WAYS: Final = 4_000


class Scripted(FaultAgent):
    """A device whose values may change; answers are given back."""

    def answers(self, data: bytes) -> list[bytes]:
        """The answer to a datagram, if it has one."""
        self._sent: list[bytes] = []
        self.asked.clear()
        self.datagram_received(data, ("", 0))
        return self._sent

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        self._sent.append(data)


class Devices(Datagrams):
    """All devices, at one port. `names`: address -> recording; `scripted`: address -> device that plays here."""

    def __init__(self, port: int, town: Town, player: int, names: Mapping[str, str], scripted: Mapping[str, Scripted]) -> None:
        """`player` is the port of snmpsim. Raises `OSError`."""
        super().__init__(port)
        self._town, self._player, self._names, self._scripted = town, player, names, scripted
        self._ways: dict[tuple[str, tuple[str, int]], socket.socket] = {}

    def take(self, data: bytes, client: tuple[str, int], to: str) -> None:
        """One request: answered, handed on, or lost on a line that is cut."""
        if to in self._town.cut:
            return
        if (device := self._scripted.get(to)) is not None:
            for answer in device.answers(data):
                self.send(answer, client, to)
        elif (name := self._names.get(to)) is not None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                self._way(to, client).send(renamed(data, name.encode())[0])

    def close(self) -> None:
        """Close the ways to snmpsim too."""
        for way in self._ways.values():
            asyncio.get_running_loop().remove_reader(way)
            way.close()
        super().close()

    def _way(self, to: str, client: tuple[str, int]) -> socket.socket:
        found = self._ways.get((to, client))
        if found is None:
            if len(self._ways) >= MOST_WAYS:
                _, oldest = self._ways.popitem()
                asyncio.get_running_loop().remove_reader(oldest)
                oldest.close()
            found = self._ways[to, client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            found.setblocking(False)
            found.connect(("127.0.0.1", self._player))
            asyncio.get_running_loop().add_reader(found, self._back, found, client, to)
        return found

    def _back(self, way: socket.socket, client: tuple[str, int], to: str) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            self.send(renamed(way.recv(65_535), b"simulated")[0], client, to)


def renamed(data: bytes, community: bytes) -> tuple[bytes, bytes]:
    """A message of v1 or v2c with another community, and the one that it had. Raises `IndexError`, `ValueError` for others."""
    _, content, _ = tinyber.read(data)
    _, version, at = tinyber.read(content)
    _, old, rest = tinyber.read(content, at)
    head = tinyber.tlv(tinyber.INTEGER, version) + tinyber.tlv(4, community)
    return tinyber.tlv(tinyber.SEQUENCE, head + content[rest:]), old


def scripted(values: Mapping[Arcs, Value]) -> Scripted:
    """A device with these values."""
    return Scripted(values, community=b"simulated")
