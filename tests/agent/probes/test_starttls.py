"""Beginnings of TLS inside other protocols: servers that agree, do not offer it, say no, or are something else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.probes.probe import Probe
from agent.probes.tls import Settings, open_probe
from tests.probes.certs import certs
from tests.probes.peers import BOTH, Handler, at, dripping, endless, ran, saying, serving, silent

PROTOCOLS = ("smtp", "imap", "pop3", "ftp", "xmpp", "ldap", "postgres")
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
_LDAP_OID = b"1.3.6.1.4.1.1466.20037"


def _probe(protocol: str) -> Probe:
    return open_probe(msgspec.convert({"starttls": protocol, "tls_config": {"ca": certs().ca_pem}}, Settings))


def _lines(*script: tuple[bytes, bytes]) -> Callable[[Reader, Writer], Awaitable[None]]:
    """Says and hears lines by turns; what is heard must begin so."""

    async def talk(reader: Reader, writer: Writer) -> None:
        for say, hear in script:
            writer.write(say)
            if hear:
                assert (await reader.readline()).startswith(hear)
        await writer.drain()

    return talk


async def _xmpp(reader: Reader, writer: Writer) -> None:
    assert b" to='127.0.0.1' " in await reader.readuntil(b"version='1.0'>")
    writer.write(b"<?xml version='1.0'?><stream:stream id='1' version='1.0'><stream:features>")
    writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>")
    assert await reader.readuntil(b"/>") == b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    writer.write(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


async def _ldap(reader: Reader, writer: Writer) -> None:
    assert await reader.readexactly(31) == b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _LDAP_OID
    writer.write(
        b"\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x16" + _LDAP_OID
    )


async def _postgres(reader: Reader, writer: Writer) -> None:
    assert await reader.readexactly(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    writer.write(b"S")


AGREEING: dict[str, Callable[[Reader, Writer], Awaitable[None]]] = {
    "smtp": _lines(
        (b"220-mail\r\n220 ready\r\n", b"EHLO [127.0.0.1]\r\n"),
        (b"250-mail\r\n250-STARTTLS\r\n250 HELP\r\n", b"STARTTLS"),
        (b"220 go\r\n", b""),
    ),
    "imap": _lines((b"* OK ready\r\n", b"a1 STARTTLS"), (b"* CAPABILITY IMAP4rev1\r\na1 OK go\r\n", b"")),
    "pop3": _lines((b"+OK ready\r\n", b"STLS"), (b"+OK go\r\n", b"")),
    "ftp": _lines((b"220-ftp\r\n welcome\r\n220 ready\r\n", b"AUTH TLS"), (b"234 go\r\n", b"")),
    "xmpp": _xmpp,
    "ldap": _ldap,
    "postgres": _postgres,
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_where_the_server_agrees_tls_begins(protocol: str) -> None:
    """Up to a verified certificate."""
    heard: list[AssertionError] = []

    async def handler(reader: Reader, writer: Writer) -> None:
        try:
            await AGREEING[protocol](reader, writer)
        except AssertionError as error:
            heard.append(error)
        await writer.start_tls(certs().good().context())
        await silent(reader, writer)

    async with serving(handler) as port:
        found = await ran(_probe(protocol), f"127.0.0.1:{port}")
    assert heard == []
    assert found.outcome is Outcome.OK, found.detail
    assert found.value("probe_tls_verified") == 1
    assert ("probe_tls_duration_seconds", "starttls") in found.samples


@pytest.mark.parametrize(
    ("protocol", "said", "reason", "words"),
    [
        ("smtp", b"220 x\r\n250 x\r\n", Reason.TLS, "does not offer"),
        ("smtp", b"554 go away\r\n", Reason.BAD_STATUS, "'554 go away' where 220"),
        ("smtp", b"220 x\r\n250-STARTTLS\r\n250 x\r\n454 later\r\n", Reason.BAD_STATUS, "'454 later'"),
        ("smtp", b"220-x\r\n" * 300, Reason.MISMATCH, "more than 200 lines"),
        ("imap", b"* BYE\r\n", Reason.BAD_STATUS, "'* BYE'"),
        ("imap", b"* OK\r\na1 BAD what\r\n", Reason.BAD_STATUS, "'a1 BAD what'"),
        ("imap", b"* OK\r\n" * 300, Reason.MISMATCH, "more than 200 lines"),
        ("pop3", b"+OK\r\n-ERR\r\n", Reason.BAD_STATUS, "'-ERR'"),
        ("ftp", b"220 x\r\n502 what\r\n", Reason.BAD_STATUS, "'502 what' where 234"),
        ("xmpp", b"<stream:stream><stream:features/>", Reason.TLS, "does not offer"),
        ("xmpp", b"<a>" * 10_000, Reason.MISMATCH, "features of the stream"),
        (
            "xmpp",
            b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><failure/>",
            Reason.BAD_STATUS,
            "'<failure/>'",
        ),
        ("ldap", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00", Reason.TLS, "LDAP result 2"),
        ("ldap", b"\x30\x83\x00", Reason.MISMATCH, "not LDAP"),
        ("ldap", b"\x30\x84\xff\xff\xff\xff", Reason.MISMATCH, "not LDAP"),
        ("ldap", b"\x30\x03\x02\x01\x01", Reason.MISMATCH, "not LDAP"),
        ("ldap", b"SSH-2.0-x\r\n", Reason.MISMATCH, "not LDAP"),
        ("postgres", b"N", Reason.TLS, "does not offer"),
        ("postgres", b"E", Reason.MISMATCH, "not PostgreSQL"),
    ],
)
async def test_where_it_does_not_the_answer_is_told(protocol: str, said: bytes, reason: Reason, words: str) -> None:
    """Not offered, refused, or another protocol altogether."""
    async with serving(saying(said)) as port:
        found = await ran(_probe(protocol), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason), found.detail
    assert words in found.detail


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("handler", [silent, dripping])
async def test_slow_servers_meet_the_deadline(protocol: str, handler: Handler) -> None:
    """Silence, and a letter now and then (which some protocols refuse at once)."""
    async with serving(handler) as port:
        found = await ran(_probe(protocol), f"127.0.0.1:{port}", timeout_s=0.2)
    assert found.outcome is Outcome.FAILED
    assert found.took_s < 2
    if handler is silent:
        assert (found.reason, "`starttls`" in found.detail) == (Reason.TIMEOUT, True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_endless_answers_are_stopped(protocol: str) -> None:
    """Long before the deadline."""
    async with serving(endless) as port:
        found = await ran(_probe(protocol), f"127.0.0.1:{port}", timeout_s=30)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.MISMATCH)


@pytest.mark.parametrize("host", BOTH)
async def test_a_mail_server_is_greeted_with_our_address(host: str) -> None:
    """RFC 5321 4.1.3, for both families."""
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def handler(reader: Reader, writer: Writer) -> None:
        writer.write(b"220 x\r\n")
        heard.set_result(await reader.readline())

    async with serving(handler, host) as port:
        found = await ran(_probe("smtp"), at(host, port))
    assert await heard == (b"EHLO [IPv6:::1]\r\n" if ":" in host else b"EHLO [127.0.0.1]\r\n")
    assert (found.outcome, found.reason) in {(Outcome.FAILED, Reason.NO_DATA), (Outcome.FAILED, Reason.REFUSED)}
