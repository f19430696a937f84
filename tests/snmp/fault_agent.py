"""An SNMP agent that can do wrong what real ones do wrong: one switch a fault, all off at first.

v1, v2c and, with an engine, v3. It runs in the loop of the test and does nothing on its own: no clock but a delay that is asked
for, no chance.
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.snmp import tinyber, tinyusm
from tests.snmp.tinyber import Arcs, Binding, Pdu, Value

TOO_BIG, NO_SUCH_NAME, GEN_ERR = 1, 2, 5
HONEST, IGNORED, SILENT = "honest", "ignored", "silent"
NULL: Value = (tinyber.NULL, b"")

Address = tuple[str, int]


@dataclass
class Faults:
    """What the agent does wrong."""

    follow: dict[Arcs, Arcs] = field(default_factory=dict)
    """OID -> the one that a walk gets after it: repeating, looping, cycling and unordered tables."""
    drop: Callable[[int, Pdu], bool] | None = None
    """(number of the request from 1, request) -> whether it gets no answer."""
    twist: Callable[[Pdu, Pdu], Pdu] | None = None
    """(request, honest answer) -> the answer."""
    mangle: Callable[[bytes], bytes] | None = None
    """Datagram -> what is sent in its place."""
    community: bytes | None = None
    """The community of answers, another than the one asked with."""
    copies: int = 1
    """How often each answer is sent."""
    late: bool = False
    """The answer to a first try leaves when the second arrives, and the second gets none."""
    delay_s: float = 0.0
    source: str = ""
    """The address that answers leave from, another than the one asked."""
    too_big_above: int = 0
    """A request whose answer would have more bindings gets tooBig."""
    get_cut: int = 0
    """A GET is answered for so many objects, without an error."""
    bulk: str = HONEST
    """What becomes of GETBULK: IGNORED answers it as GETNEXT."""
    bulk_cut: int = 0
    """A GETBULK answer ends after so many bindings, in the midst of a row."""
    disorder_above: int = 0
    """With more repetitions than this, rows are left out and come after later ones."""
    only_get: bool = False
    broken: Arcs = ()
    """Requests that name something below this get no answer."""
    error_at: Arcs = ()
    """A GET of this object fails with genErr."""
    junk: tuple[bytes, ...] = ()
    """Datagrams that are sent before each answer."""


class FaultAgent(asyncio.DatagramProtocol):
    """The agent as a context: `async with FaultAgent(values) as agent`; `values` and `faults` may change while it runs."""

    def __init__(
        self, values: Mapping[Arcs, Value], faults: Faults | None = None, *, host: str = "127.0.0.1", port: int = 0,
        engine: tinyusm.Engine | None = None, community: bytes = b"public",
    ) -> None:  # fmt: skip
        self.values = dict(values)
        self.faults = faults or Faults()
        self.host, self.port = host, port
        self.engine = engine
        self.community = community
        self.asked: list[Pdu] = []
        """Every request, in order."""
        self._held: tuple[Address, bytes] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        self.port = self._transport.get_extra_info("sockname")[1]
        self._second: asyncio.DatagramTransport | None = None
        if self.faults.source:
            address = (self.faults.source, 0)
            self._second, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=address)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._transport.close()
        if self._second is not None:
            self._second.close()
        await asyncio.sleep(0)  # the loop closes what it was told to close

    def datagram_received(self, data: bytes, addr: Address) -> None:
        version = tinyber.signed(tinyber.parts(tinyber.read(data)[1])[0][1])
        if version == 3:
            self._secured(data, addr)
            return
        _, community, pdu = tinyber.message_of(data)
        answer = self._answer(pdu, version) if community == self.community else None
        if answer is not None:
            self._send(tinyber.message(version, self.faults.community or community, answer), addr)

    def _secured(self, data: bytes, addr: Address) -> None:
        engine, asked = self.engine, tinyusm.message_of(data)
        if engine is None:
            return
        if column := engine.refusal(asked, data):
            self._send(engine.report(asked, column), addr)
            return
        answer = self._answer(asked.pdu, 1)
        if answer is not None:
            self._send(engine.encoded(asked, answer, asked.flags & tinyusm.AUTH), addr)

    def _answer(self, pdu: Pdu, version: int) -> Pdu | None:
        """The response with its faults; None for none."""
        self.asked.append(pdu)
        if self._is_dropped(pdu):
            return None
        bindings, status, index = self._found(pdu, version)
        if self.faults.too_big_above and len(bindings) > self.faults.too_big_above:
            bindings, status, index = [], TOO_BIG, 0
        if pdu.kind == tinyber.GET and self.faults.get_cut and not status:
            bindings = bindings[: self.faults.get_cut]
        answer = Pdu(tinyber.RESPONSE, pdu.request_id, status, index, tuple(bindings))
        return self.faults.twist(pdu, answer) if self.faults.twist else answer

    def _is_dropped(self, pdu: Pdu) -> bool:
        faults = self.faults
        if faults.drop and faults.drop(len(self.asked), pdu):
            return True
        if faults.broken and any(name[: len(faults.broken)] == faults.broken for name, _ in pdu.bindings):
            return True
        if pdu.kind == tinyber.GETBULK and faults.bulk == SILENT:
            return True
        return faults.only_get and pdu.kind != tinyber.GET

    def _found(self, pdu: Pdu, version: int) -> tuple[list[Binding], int, int]:
        """Bindings, error-status and error-index of an honest answer (RFC 3416 4.2, RFC 1157 4.1)."""
        names = [name for name, _ in pdu.bindings]
        if pdu.kind == tinyber.GETBULK:
            return self._bulk(pdu, names), 0, 0
        find = self._get if pdu.kind == tinyber.GET else self._next
        bindings = [find(name) for name in names]
        for place, (name, value) in enumerate(bindings, 1):
            if pdu.kind == tinyber.GET and name == self.faults.error_at:
                return list(pdu.bindings), GEN_ERR, place
            if version == 0 and value[0] >= tinyber.NO_SUCH_OBJECT:
                return list(pdu.bindings), NO_SUCH_NAME, place
        return bindings, 0, 0

    def _get(self, name: Arcs) -> Binding:
        return name, self.values.get(name, (tinyber.NO_SUCH_INSTANCE, b""))

    def _next(self, name: Arcs) -> Binding:
        if (follows := self.faults.follow.get(name)) is not None:
            return follows, self.values[follows]
        order = sorted(self.values)
        place = bisect.bisect_right(order, name)
        return (order[place], self.values[order[place]]) if place < len(order) else (name, (tinyber.END_OF_MIB_VIEW, b""))

    def _bulk(self, pdu: Pdu, names: list[Arcs]) -> list[Binding]:
        faults = self.faults
        if faults.bulk == IGNORED:
            return [self._next(name) for name in names]
        bindings = [self._next(name) for name in names[: pdu.status]]
        rows, current = [], names[pdu.status :]
        for _ in range(pdu.index if current else 0):
            row = [self._next(name) for name in current]
            rows.append(row)
            current = [name for name, _ in row]
        if faults.disorder_above and pdu.index > faults.disorder_above:
            rows = [*rows[:10], *rows[12:], *rows[10:12]]
        bindings += [binding for row in rows for binding in row]
        return bindings[: faults.bulk_cut] if faults.bulk_cut else bindings

    def _send(self, data: bytes, addr: Address) -> None:
        faults = self.faults
        if faults.late:
            held, self._held = self._held, (addr, data)
            if held is None:
                return
            addr, data = held
            self._held = None
        if faults.mangle:
            data = faults.mangle(data)
        if faults.delay_s:
            asyncio.get_running_loop().call_later(faults.delay_s, self._transmit, data, addr)
        else:
            self._transmit(data, addr)

    def _transmit(self, data: bytes, addr: Address) -> None:
        transport = self._second or self._transport
        if transport.is_closing():
            return
        for datagram in (*self.faults.junk, *(data,) * self.faults.copies):
            transport.sendto(datagram, addr)

    def send_unasked(self, data: bytes, addr: Address) -> None:
        """Send a datagram that nobody asked for."""
        self._transport.sendto(data, addr)


def table(entry: str, columns: Mapping[int, Iterable[Value]], first: int = 1) -> dict[Arcs, Value]:
    """Values of a table: column -> its values, whose index counts from `first`."""
    root = tinyber.arcs(entry)
    return {(*root, column, index): value for column, cells in columns.items() for index, value in enumerate(cells, first)}
