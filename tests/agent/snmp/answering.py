"""A small SNMP agent (v1, v2c) in the test's own loop: honest, unless the test puts something between request and answer."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import msgspec

from agent.packets import ber, snmp
from agent.settings import Secret
from agent.snmp.auth import Auth, Version
from agent.snmp.peer import Peer
from agent.snmp.rows import END_OF_MIB_VIEW, INTEGER, NO_SUCH_INSTANCE

COMMUNITY = "open-sesame"
Binding = tuple[bytes, int, bytes]


class Request(msgspec.Struct, kw_only=True):
    """A request as it came."""

    number: int
    """From 1 on, over everything that this agent received."""
    version: int
    kind: int
    request_id: int
    first: int
    second: int
    oids: list[bytes]


class Response(msgspec.Struct, kw_only=True):
    """An answer before it is encoded."""

    version: int
    request_id: int
    bindings: list[Binding]
    community: str = COMMUNITY
    status: int = 0
    index: int = 0
    kind: int = snmp.RESPONSE

    def octets(self) -> bytes:
        head = ber.integer(self.request_id) + ber.integer(self.status) + ber.integer(self.index)
        pdu = ber.tlv(self.kind, head + ber.tlv(0x30, snmp.encode_bindings(self.bindings)))
        return snmp.encode_message(self.version, self.community.encode(), pdu)


Twist = Callable[[Request, Response], Iterable[Response | bytes]]
"""What is sent in place of the honest answer: nothing, several, or any octets."""


def number(value: int, tag: int = INTEGER) -> tuple[int, bytes]:
    """Tag and content of an integer."""
    return tag, ber.integer(value)[2:]


def column(text: str, rows: int) -> dict[bytes, tuple[int, bytes]]:
    """A column with rows 1 to `rows`, each worth its index."""
    return {ber.oid_of(f"{text}.{row}"): number(row) for row in range(1, rows + 1)}


class Device(asyncio.DatagramProtocol):
    """`async with Device(data) as device`: answers on a port of `host`."""

    def __init__(self, data: dict[bytes, tuple[int, bytes]], *, host: str = "127.0.0.1", twist: Twist | None = None) -> None:
        self.data = dict(data)
        self.host = host
        self.port = 0
        self.twist = twist
        self.requests: list[Request] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transport.close()

    def peer(self, version: Version = Version.V2C, **settings: object) -> Peer:
        """How to reach it; tries are short, since it answers at once or never."""
        auth = Auth(name="test", version=version, community=Secret(COMMUNITY))
        chosen = {"timeout_s": 0.1, "retries": 1, **settings}
        return Peer(host=self.host, port=self.port, auth=auth, **chosen)  # type: ignore[arg-type]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        version, at, end = snmp.envelope(data)
        community, pdu = snmp.decode_community(data, at, end)
        if community.decode() != COMMUNITY:
            return
        request = Request(
            number=len(self.requests) + 1,
            version=version,
            kind=pdu.kind,
            request_id=pdu.request_id,
            first=pdu.status,
            second=pdu.index,
            oids=snmp.bindings(data, pdu.at, pdu.end).oids,
        )
        self.requests.append(request)
        honest = self.honest(request)
        for each in [honest] if self.twist is None else self.twist(request, honest):
            self.transport.sendto(each if isinstance(each, bytes) else each.octets(), addr)

    def honest(self, request: Request) -> Response:
        """The answer of an agent without faults."""
        response = Response(version=request.version, request_id=request.request_id, bindings=[])
        if request.kind == snmp.GET:
            for at, oid in enumerate(request.oids, 1):
                found = self.data.get(oid)
                if found is None and request.version == 0:
                    nulls = [(each, 5, b"") for each in request.oids]
                    return msgspec.structs.replace(response, status=2, index=at, bindings=nulls)
                response.bindings.append((oid, *(found or (NO_SUCH_INSTANCE, b""))))
            return response
        rounds = request.second if request.kind == snmp.GET_BULK else 1
        names = list(request.oids)
        ordered = sorted(self.data, key=ber.arcs_of)
        arcs = [ber.arcs_of(oid) for oid in ordered]
        for _ in range(rounds):
            for at, oid in enumerate(names):
                place = bisect.bisect_right(arcs, ber.arcs_of(oid))
                if place == len(ordered):
                    if request.version == 0:
                        return msgspec.structs.replace(response, status=2, index=at + 1)
                    response.bindings.append((oid, END_OF_MIB_VIEW, b""))
                    continue
                names[at] = ordered[place]
                response.bindings.append((names[at], *self.data[names[at]]))
        return response
