"""One device's conversation: at most one request under way, its tries, and for SNMPv3 the engine behind it.

For walks and probes. Every failure is `SnmpError`; what arrives wrong is dropped and remembered for the failure's words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent.packets import snmp, usm
from agent.packets.ber import BerError
from agent.packets.usm import Report
from agent.snmp.auth import Version
from agent.snmp.engines import Engine
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.peer import Peer, RequestLog
from agent.snmp.resolve import Place, literal, look_up
from agent.snmp.rows import Rows
from agent.snmp.security import FAULTS, Community, UnauthenticError, User
from agent.snmp.sockets import Address, Sockets

if TYPE_CHECKING:
    from agent.snmp.client import Client

Answer = tuple[snmp.Pdu, Rows] | Report
KINDS = {snmp.GET: "get", snmp.GET_NEXT: "get-next", snmp.GET_BULK: "get-bulk"}
_RESYNC = (Report.NOT_IN_TIME_WINDOW, Report.UNKNOWN_ENGINE)
"""Reports after which asking once more, with what they say, helps."""


class Session:
    """Made by `Client.session`. `until` is the poll's deadline on the client's clock, which no request outlives."""

    def __init__(self, client: Client, peer: Peer) -> None:
        self.peer = peer
        self.notes: list[str] = []
        """What a person should know of this device, each thing once."""
        self.answered_from: str | None = None
        """The address that answered, where it is not the one that was asked."""
        self.log: list[RequestLog] | None = None
        """Set to a list to have every request noted in it."""
        self._client = client
        self._community = Community(peer.auth) if peer.auth.version != Version.V3 else None
        self._user: User | None = None
        self._place: Place | None = None
        self.key: Address = ()
        """Address and port that are asked."""
        self._is_literal = True
        self._failures = 0
        self._pool: Sockets | None = None
        self._socket = 0
        self._busy = False
        self._ids: list[int] = []
        self._waiter: asyncio.Future[Answer | None] | None = None
        self._wrong: tuple[Fault, str] | None = None
        self._tries = self._sent = self._number = 0
        self.received_bytes = 0
        """Octets of all answers to this session."""

    # Asking

    async def get(self, oids: Sequence[bytes], until: float) -> Rows:
        """The values of these objects."""
        return await self._exchange(snmp.GET, oids, (0, 0), until)

    async def get_next(self, oids: Sequence[bytes], until: float) -> Rows:
        """The object after each of these."""
        self._demand_walks("get-next")
        return await self._exchange(snmp.GET_NEXT, oids, (0, 0), until)

    async def get_bulk(self, oids: Sequence[bytes], non_repeaters: int, max_repetitions: int, until: float) -> Rows:
        """Up to `max_repetitions` objects after each of these, row by row; the first `non_repeaters` of them only once."""
        self._demand_walks("get-bulk")
        if self.peer.auth.version == Version.V1:
            raise SnmpError(Fault.NOT_SUPPORTED, f"{self.peer.host}: SNMP v1 has no GETBULK")
        return await self._exchange(snmp.GET_BULK, oids, (non_repeaters, max_repetitions), until)

    @property
    def is_v1(self) -> bool:
        """Whether there is no GETBULK and one missing object refuses a whole GET."""
        return self.peer.auth.version == Version.V1

    @property
    def address(self) -> str | None:
        """The address that is asked; None while a name has none."""
        return None if self._place is None else str(self._place[1][0])

    @property
    def engine(self) -> Engine | None:
        """The device's SNMPv3 engine with boots and clock, once a message with a right digest (or, without authentication, any)
        came from it."""
        if self._user is None or self._place is None:
            return None
        engine = self._client.engines.known(self._user.place(*self._place[1][:2]))
        return engine if engine and (engine.trusted or not engine.keys.level) else None

    @property
    def engine_boots(self) -> int | None:
        """snmpEngineBoots as last heard, or None."""
        return self.engine.boots if self.engine else None

    @property
    def engine_time(self) -> int | None:
        """snmpEngineTime now, in seconds, or None."""
        return self.engine.time_at(self._client.clock()) if self.engine else None

    def _demand_walks(self, kind: str) -> None:
        if self.peer.get_only:
            raise SnmpError(Fault.NOT_SUPPORTED, f"{self.peer.host}: {kind} asked of a device that answers GET only")

    async def _exchange(self, kind: int, oids: Sequence[bytes], extra: tuple[int, int], until: float) -> Rows:
        if self._busy:
            raise RuntimeError("a session has one request under way at a time")
        self._busy = True
        self._tries = self._sent = 0
        started, outcome, rows, before = self._client.clock(), "cancelled", None, self.received_bytes
        try:
            rows = await self._ask(kind, oids, extra, until)
            outcome = "ok"
        except SnmpError as error:
            outcome = error.fault.value
            raise
        finally:
            self._busy = False
            if self.log is not None:
                self.log.append(
                    RequestLog(
                        kind=KINDS[kind],
                        first=oids[0] if oids else b"",
                        objects=len(oids),
                        rows=len(rows) if rows else 0,
                        tries=self._tries,
                        sent_bytes=self._sent,
                        received_bytes=self.received_bytes - before,
                        duration_s=self._client.clock() - started,
                        outcome=outcome,
                    )
                )
        return rows

    async def _ask(self, kind: int, oids: Sequence[bytes], extra: tuple[int, int], until: float) -> Rows:
        if self._place is None:
            await self._locate(until)
        if self._community is not None:
            answer = await self._tried(self._community.encoder(self._client.templates, kind, extra, tuple(oids)), until)
        else:
            names = snmp.name_list(oids)
            answer = await self._ask_engine(lambda request_id: snmp.encode_pdu(kind, request_id, *extra, names), until)
        if isinstance(answer, Report):
            raise self._refused(answer)
        pdu, rows = answer
        if pdu.status:
            raise self._failed(pdu)
        return rows

    async def _locate(self, until: float) -> None:
        peer, client = self.peer, self._client
        place = literal(peer.host, peer.port)
        self._is_literal = place is not None
        if place is None:
            seconds = min(peer.timeout_s * (peer.retries + 1), until - client.clock())
            places = await look_up(peer.host, peer.port, max(seconds, 0.0))
            place = places[self._failures % len(places)]
        try:
            self._pool = await client.pool(place[0])
        except OSError as error:
            raise SnmpError(Fault.UNREACHABLE, f"{peer.host}: no socket for its address family ({error.strerror})") from None
        self._socket = self._pool.turn()
        self._place, self.key = place, place[1][:2]
        if self._community is None and self._user is None:
            self._user = User(peer.auth, client.engines, client.first_salt())

    async def _ask_engine(self, pdu_of: Callable[[int], bytes], until: float) -> Answer:
        """Ask by SNMPv3. An engine that is not known is found first; a report about clock or engine id is answered by asking
        once more with what it says, at once and without counting as a try that failed."""
        assert self._user is not None
        assert self._place is not None
        user, engines, clock = self._user, self._client.engines, self._client.clock
        place = user.place(*self._place[1][:2])
        resynchronised: set[Report] = set()
        fresh = False
        while True:
            if engines.known(place) is None:
                await self._tried(user.discovery, until)
                fresh = True
            engine = engines.known(place)
            if engine is None:
                raise SnmpError(Fault.UNKNOWN_ENGINE, f"{self.peer.host}: the agent names no engine id")
            try:
                answer = await self._tried(user.encoder(engine, pdu_of, clock), until)
            except SnmpError as error:
                if fresh and error.fault is Fault.TIMEOUT and await self._answers_without_privacy(user, until):
                    return Report.DECRYPTION
                raise
            if not isinstance(answer, Report) or answer not in _RESYNC or answer in resynchronised:
                return answer
            resynchronised.add(answer)

    async def _answers_without_privacy(self, user: User, until: float) -> bool:
        """Whether the agent, which told its engine id just now and then said nothing, answers when nothing is encrypted: many
        agents are silent about a message that they cannot decrypt, and a wrong privacy password must not look like a dead
        device."""
        plain = user.without_privacy()
        if plain is None:
            return False
        self._user = plain
        try:
            await self._ask_engine(lambda number: snmp.encode_pdu(snmp.GET, number, 0, 0, b""), until)
        except SnmpError:
            return False
        finally:
            self._user = user
        return True

    async def _tried(self, encode: Callable[[int], bytes], until: float) -> Answer:
        """Send until an answer comes or tries and time are used up. The ids of all tries stay valid until then."""
        client, loop = self._client, asyncio.get_running_loop()
        ids = self._ids = []
        self._wrong = None
        answer: Answer | None = None
        try:
            for _ in range(self.peer.retries + 1):
                if (left := until - client.clock()) <= 0:
                    break
                ids.append(client.expect(self))
                waiter = self._waiter = loop.create_future()
                self._send(encode(ids[-1]))
                self._number += 1
                client.timers.add(self, self._number, min(self.peer.timeout_s, left))
                answer = await waiter
                if answer is not None:
                    return answer
                client.stats.timeouts += 1
        finally:
            self._waiter = None
            client.release(self, ids, answered=answer is not None)
        raise self._silent(until)

    def _send(self, data: bytes) -> None:
        assert self._pool is not None
        assert self._place is not None
        stats = self._client.stats
        # Several sessions may share an address: an ICMP error is about the one that asked last.
        self._client.note_address(self)
        try:
            sent = self._pool.send(self._socket, data, self._place[1])
        except OSError as error:
            self._forget_place()
            raise SnmpError(Fault.UNREACHABLE, f"{self.peer.host}: cannot send ({error.strerror or error})") from None
        self._tries += 1
        self._sent += len(data)
        stats.sent += 1
        stats.sent_bytes += len(data)
        stats.unsent += not sent

    # Failing

    def _forget_place(self) -> None:
        """After a failure a name is looked up anew and its next address tried; SNMPv3's engine is found anew."""
        if self._user is not None and self._place is not None:
            self._client.engines.forget(self._user.place(*self._place[1][:2]))
        self._failures += 1
        if not self._is_literal:
            self._place = None

    def _silent(self, until: float) -> SnmpError:
        self._forget_place()
        host, tries = self.peer.host, len(self._ids)
        if self._wrong is not None:
            return SnmpError(self._wrong[0], f"{host}: {self._wrong[1]}")
        if self._client.clock() >= until:
            return SnmpError(Fault.DEADLINE, f"{host}: the time of the poll was over, tries so far: {tries}")
        return SnmpError(Fault.TIMEOUT, f"{host}: no answer, tries: {tries}, {self.peer.timeout_s:g} s each")

    def _failed(self, pdu: snmp.Pdu) -> SnmpError:
        try:
            name = snmp.Status(pdu.status).name
        except ValueError:
            name = "not in RFC 3416"
        fault = Fault.TOO_BIG if pdu.status == snmp.Status.TOO_BIG else Fault.ERROR_STATUS
        words = f"{self.peer.host}: error-status {pdu.status} ({name}), error-index {pdu.index}"
        return SnmpError(fault, words, status=pdu.status, index=pdu.index)

    def _refused(self, report: Report) -> SnmpError:
        fault, words = FAULTS[report]
        return SnmpError(fault, f"{self.peer.host}, auth {self.peer.auth.name}: {words}")

    # Called by the client while a request is under way

    def expire(self, number: int) -> None:
        """The time of this try is over."""
        if number == self._number and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, error: SnmpError) -> None:
        """End the request under way."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def unreachable(self, fault: Fault, words: str) -> None:
        """An ICMP error about the device's address: this try need not be waited for."""
        self._wrong = (fault, f"cannot be reached ({words})")
        self.expire(self._number)

    def malformed(self, words: str) -> None:
        """A datagram from the device, or with one of its ids, could not be read."""
        self._wrong = (Fault.MALFORMED, f"the answer cannot be read: {words}")

    def take(self, data: bytes, version: int, community: bytes, pdu: snmp.Pdu, *, address: Address) -> None:
        """An answer of v1 or v2c with one of this session's ids."""
        own, stats = self._community, self._client.stats
        if own is None or community != own.community or version != own.version or pdu.kind != snmp.RESPONSE:
            stats.wrong_community += 1
            return
        if not self._comes_right(address):
            return
        try:
            rows = snmp.bindings(data, pdu.at, pdu.end)
        except BerError as error:
            stats.malformed += 1
            self.malformed(str(error))
            return
        self._settle((pdu, rows), pdu.request_id, len(data))

    def take_v3(self, data: bytes, message: usm.Message, address: Address) -> None:
        """An answer of v3 with one of this session's ids."""
        user, stats = self._user, self._client.stats
        if user is None or self._place is None or not self._comes_right(address):
            stats.wrong_community += user is None
            return
        place = user.place(*self._place[1][:2])
        engine = self._client.engines.known(place)
        try:
            payload, pdu = user.open(engine, data, message)
            rows = snmp.bindings(payload, pdu.at, pdu.end)
        except UnauthenticError as error:
            stats.unauthentic += 1
            self._wrong = (Fault.WRONG_DIGEST, f"the answer is not trusted: {error}")
            return
        except BerError as error:
            stats.malformed += 1
            self.malformed(str(error))
            return
        answer: Answer | None
        now = self._client.clock()
        if pdu.kind == snmp.REPORT:
            stats.reports += 1
            answer = user.heed(place, message, rows, now)
        elif pdu.kind == snmp.RESPONSE and pdu.request_id in self._ids and engine is not None:
            fits = not engine.keys.level or engine.hear(message.boots, message.time, now)
            answer = (pdu, rows) if fits else Report.NOT_IN_TIME_WINDOW
        else:
            answer = None
        if answer is None:
            stats.wrong_community += 1
        else:
            self._settle(answer, message.message_id, len(data))

    def _comes_right(self, address: Address) -> bool:
        assert self._place is not None
        asked = self._place[1]
        if address == asked or (address[:2] == asked[:2] and address[3:] == asked[3:]):
            return True
        if self.peer.strict_source:
            self._client.stats.wrong_source += 1
            return False
        if self.answered_from is None:
            self.answered_from = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
            self.notes.append(f"{self.peer.host} answers from {self.answered_from}")
        return True

    def _settle(self, answer: Answer, identifier: int, size: int) -> None:
        self.received_bytes += size
        if self._waiter is None or self._waiter.done():
            self._client.stats.duplicate += 1
            return
        self._client.stats.late += identifier != self._ids[-1]
        self._waiter.set_result(answer)
