"""The SNMP client of one event loop: all its sessions share a few sockets and one table of outstanding requests.

For sessions (`agent.snmp.session`) and whoever makes them. Datagrams that nobody waits for cost only themselves: they are
counted and dropped, and never disturb a session.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from collections.abc import Callable

from agent.packets import snmp
from agent.packets.ber import BerError
from agent.packets.usm import decode_v3
from agent.snmp.engines import Engines
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.peer import Peer, Stats
from agent.snmp.security import Templates
from agent.snmp.session import Session
from agent.snmp.sockets import Address, Sockets
from agent.snmp.timers import Timers

REMEMBERED = 16_384
"""Ids of finished requests that are kept, to tell a late answer from a stray one."""
_V3 = 3


class Client:
    """`await open()`, then `session(peer)` for each device, at last `await close()`. `clock` is what deadlines are given in."""

    def __init__(
        self,
        *,
        sockets: int = 2,
        buffer_bytes: int = 4 << 20,
        clock: Callable[[], float] | None = None,
        seed: int | None = None,
    ) -> None:
        self.stats = Stats()
        self.engines = Engines()
        self.timers = Timers()
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311 - a seed is for tests
        self.templates: Templates = {}
        self._id = self._random.randint(snmp.REQUEST_ID_MIN, snmp.REQUEST_ID_MAX)
        self._given_clock = clock
        self._expected: dict[int, Session] = {}
        self._finished: dict[int, bool] = {}
        self._at_address: dict[Address, Session] = {}
        """Who asked last at an address, as long as that request is under way."""
        self._pools = {
            family: Sockets(family, self._received, self._refused, count=sockets, buffer_bytes=buffer_bytes)
            for family in (socket.AF_INET, socket.AF_INET6)
        }
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Bind the IPv4 sockets; those of IPv6 follow when the first session needs them."""
        self.clock = self._given_clock or asyncio.get_running_loop().time
        await self._pools[socket.AF_INET].open()

    async def close(self) -> None:
        """Close the sockets; requests still under way end with `Fault.UNREACHABLE`."""
        self.timers.close()
        for pool in self._pools.values():
            pool.close()
        for session in set(self._expected.values()):
            session.fail(SnmpError(Fault.UNREACHABLE, "the SNMP client was closed"))

    def session(self, peer: Peer) -> Session:
        """A session with one device; what SNMPv3 learnt of it is shared with other sessions of the same address and user."""
        return Session(self, peer)

    def duplicate_engines(self) -> list[tuple[str, tuple[str, ...]]]:
        """Engine ids (hexadecimal) that more than one address answers with, and these addresses: clones of one machine, or one
        machine under several addresses. Each works here; other programs lose all but one of them."""
        return self.engines.duplicates()

    # For sessions only.

    async def pool(self, family: int) -> Sockets:
        """The sockets of a family, opened if they are not yet; `OSError` where the system has none."""
        pool = self._pools[socket.AddressFamily(family)]
        async with self._opening:
            if not pool.is_open:
                await pool.open()
        return pool

    def expect(self, session: Session) -> int:
        """A new id whose answer goes to `session`, until `release`."""
        while True:
            self._id = self._id + 1 if self._id < snmp.REQUEST_ID_MAX else snmp.REQUEST_ID_MIN
            if self._id not in self._expected:
                self._expected[self._id] = session
                return self._id

    def release(self, session: Session, ids: list[int], *, answered: bool) -> None:
        """These ids are done; what still comes for them is counted as duplicate or late."""
        finished = self._finished
        if self._at_address.get(session.key) is session:
            del self._at_address[session.key]
        for each in ids:
            self._expected.pop(each, None)
            finished[each] = answered
        while len(finished) > REMEMBERED:
            del finished[next(iter(finished))]

    def first_salt(self) -> int:
        """Where a session's salts begin (RFC 3826 section 3.1.2.1)."""
        return self._random.getrandbits(64)

    def note_address(self, session: Session) -> None:
        """ICMP errors and answers from its address that cannot be read are told to this session, until `release`."""
        self._at_address[session.key] = session

    def _received(self, data: bytes, address: Address) -> None:
        stats = self.stats
        stats.received += 1
        stats.received_bytes += len(data)
        if usual := snmp.decode_usual(data):
            version, community, pdu = usual
            if session := self._expected.get(pdu.request_id):
                session.take(data, version, community, pdu, address=address)
            else:
                self._stray(pdu.request_id)
            return
        try:
            version, at, end = snmp.envelope(data)
            if version == _V3:
                message = decode_v3(data, at, end)
                if session := self._expected.get(message.message_id):
                    session.take_v3(data, message, address)
                else:
                    self._stray(message.message_id)
                return
            community, pdu = snmp.decode_community(data, at, end)
            if session := self._expected.get(pdu.request_id):
                session.take(data, version, community, pdu, address=address)
            else:
                self._stray(pdu.request_id)
        except BerError as error:
            stats.malformed += 1
            if session := self._at_address.get(address[:2]):
                session.malformed(str(error))

    def _refused(self, number: int, address: Address) -> None:
        """An ICMP error says that nothing at this address will answer."""
        self.stats.icmp_errors += 1
        if session := self._at_address.get(address[:2]):
            session.unreachable(Fault.REFUSED if number == errno.ECONNREFUSED else Fault.NO_HOST, os.strerror(number))

    def _stray(self, identifier: int) -> None:
        answered = self._finished.get(identifier)
        if answered is None:
            self.stats.unmatched += 1
        elif answered:
            self.stats.duplicate += 1
        else:
            self.stats.late += 1
