"""The probe `dns` against servers that lie or break."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.probes import dns
from tests.agent.probes.probing import Told, probed

Answer = Callable[[bytes], list[bytes]]


def truth(query: bytes, address: bytes = bytes([192, 0, 2, 1])) -> bytes:
    """A response with one A record."""
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for each in self._answer(data):
            self._transport.sendto(each, addr)


@asynccontextmanager
async def by_udp(answer: Answer) -> AsyncIterator[str]:
    """A name server that answers so; its address."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(answer), local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@asynccontextmanager
async def by_tcp(answer: Answer) -> AsyncIterator[str]:
    """A name server that sends these bytes, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            writer.write(b"".join(answer(query)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def opened(**settings: Any) -> dns.Probe:
    """A probe for the address of a name."""
    return dns.open_probe(msgspec.convert({"query_name": "www.example.vn", "query_type": "A", **settings}, dns.Settings))


async def told_by(answer: Answer, *, timeout_s: float = 5.0, **settings: Any) -> Told:
    """What the probe found of a server that answers so."""
    serving = by_tcp if settings.get("transport_protocol") == "tcp" else by_udp
    async with serving(answer) as address:
        return await probed(opened(**settings), address, timeout_s=timeout_s)


async def test_lies_are_ignored() -> None:
    """Another number, another question, a query, and no message at all; the truth behind them counts."""
    lie = bytes([192, 0, 2, 66])
    told = await told_by(
        lambda query: [
            truth(bytes((query[0] ^ 1,)) + query[1:], lie),
            truth(query.replace(b"\3www", b"\3wwx"), lie),
            truth(query[:-4] + b"\0\x1c\0\1", lie),
            query,
            b"\0",
            truth(query),
        ],
        validate_answer_rrs={"fail_if_not_matches_regexp": [r"192\.0\.2\.1$"]},
    )
    assert told.finding.outcome is Outcome.OK, told
    assert sum("ignored" in line for line in told.lines) == 5


async def test_letters_of_names_may_differ_in_case() -> None:
    """Servers need not keep it."""
    told = await told_by(lambda query: [truth(query.replace(b"example", b"EXAMPLE"))])
    assert told.finding.outcome is Outcome.OK


async def test_only_lies_are_no_answer() -> None:
    """It waits to the end, and gives what blackbox_exporter gives then."""
    told = await told_by(lambda query: [truth(b"\0\0" + query[2:])] if query[:2] != b"\0\0" else [], timeout_s=0.2)
    assert told.finding.reason is Reason.TIMEOUT
    assert "request" in told.finding.detail
    assert told.value("probe_dns_query_succeeded") == told.value("probe_dns_answer_rrs") == 0
    assert told.value("probe_dns_duration_seconds", "request") > 0


async def test_a_broken_answer_is_told_as_such() -> None:
    """One with our number that is no message: nothing better will come."""
    told = await told_by(lambda query: [query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x1c"])
    assert (told.finding.outcome, told.finding.reason) == (Outcome.FAILED, Reason.MISMATCH)
    assert "no DNS message" in told.finding.detail


async def test_a_loop_of_pointers_ends() -> None:
    """A name that points to itself."""
    told = await told_by(lambda query: [truth(query)[: 12 + len(query) - 12] + b"\xc0" + bytes((len(query),)) + bytes(10)])
    assert told.finding.reason is Reason.MISMATCH


async def test_a_refusal_without_the_question_counts() -> None:
    """Some servers send nothing but the header."""
    told = await told_by(lambda query: [query[:2] + b"\x81\x85" + bytes(8)])
    assert (told.finding.reason, told.finding.detail) == (Reason.BAD_STATUS, "response code REFUSED")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda query: [], Reason.NO_DATA),
        (lambda query: [b"\0"], Reason.NO_DATA),
        (lambda query: [b"\1\0", truth(query)], Reason.NO_DATA),
        (lambda query: [b"\0\5", b"hello"], Reason.MISMATCH),
        (lambda query: [len(truth(query)).to_bytes(2, "big"), b"\0\0", truth(query)[2:]], Reason.MISMATCH),
        (lambda query: [len(truth(query)).to_bytes(2, "big"), truth(query)], Reason.NONE),
    ],
)
async def test_by_tcp_each_way_to_break_has_its_reason(answer: Answer, reason: Reason) -> None:
    """Closed early, cut, no message, the answer to another question; and a good one."""
    assert (await told_by(answer, transport_protocol="tcp")).finding.reason is reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_closed_port_is_refused(transport: str) -> None:
    """At once, and not after the deadline."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    told = await probed(opened(transport_protocol=transport), address)
    assert told.finding.reason is Reason.REFUSED


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"query_name": "a..vn"}, "query_name"),
        ({"query_type": "B"}, "query_type"),
        ({"query_class": "TYPE1"}, "query_class"),
        ({"valid_rcodes": ["OK"]}, "valid_rcodes"),
        ({"validate_answer_rrs": {"fail_if_matches_regexp": ["("]}}, "validate_answer_rrs.fail_if_matches_regexp"),
        ({"dns_over_tls": True}, "dns_over_tls"),
        ({"source_ip_address": "here"}, "source_ip_address"),
    ],
)
async def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], named: str) -> None:
    """When the probe is opened, by name."""
    with pytest.raises(ValueError, match=named):
        opened(**settings)


async def test_addresses_are_hosts_with_or_without_port() -> None:
    """Anything else is told."""
    for good in ("ns1.example.vn", "ns1.example.vn:5353", "2001:db8::53", "[2001:db8::53]:53"):
        assert dns.address_problem(good) == ""
    for bad in ("", "https://ns1.example.vn/", "ns1.example.vn:dns"):
        assert "host" in dns.address_problem(bad)
