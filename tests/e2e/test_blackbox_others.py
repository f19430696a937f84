"""The probes `tcp`, `dns` and `icmp` beside Debian's blackbox_exporter: one module file, the same servers, the same samples."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.blackbox import BlackboxExporter, Case
from tests.e2e.time_and_names import Unbound
from tests.probes.certs import certs
from tests.probes.peers import BOTH, Handler, at, reset, serving

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

CA = Path("ca.pem")
TRUST = {"ca_file": str(CA)}


async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A mail server that begins TLS when it is asked to."""
    writer.write(b"220 mail.example.vn ESMTP\r\n")
    while line := await reader.readline():
        if line.startswith(b"EHLO"):
            writer.write(b"250-mail.example.vn\r\n250-SIZE 1000\r\n250 STARTTLS\r\n")
        elif line.startswith(b"STARTTLS"):
            writer.write(b"220 go on\r\n")
            await writer.drain()
            await writer.start_tls(certs().good().context())
        else:
            writer.write(b"221 bye\r\n")
            return


async def quiet(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Says nothing."""
    await reader.read()


async def door(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says who it is and closes."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    await writer.drain()


async def slammed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets every connection."""
    reset(writer)


SERVERS: dict[str, Handler] = {"mail": mail, "quiet": quiet, "door": door, "slammed": slammed}
EHLO = [{"expect": "^220 ([^ ]+) ESMTP"}, {"send": "EHLO ${1}\r"}, {"expect": "^250-(.*)$"}]
TCP = {
    "accepted": Case({}, "quiet"),
    "IPv4": Case({"preferred_ip_protocol": "ip4"}, "quiet"),
    "greeting": Case({"query_response": [{"expect": "^SSH-2.0-"}]}, "door"),
    "other greeting": Case({"query_response": [{"expect": "^HTTP"}]}, "door"),
    "two greetings": Case({"query_response": [{"expect": "^SSH"}, {"expect": "^SSH"}]}, "door"),
    "silence": Case({"query_response": [{"expect": "."}]}, "quiet", timeout="1s"),
    "slammed": Case({"query_response": [{"expect": "."}]}, "slammed"),
    "talk": Case({"query_response": [*EHLO, {"send": "QUIT\r"}, {"expect": "^221"}]}, "mail"),
    "starttls": Case(
        {
            "query_response": [
                *EHLO, {"expect": "^250 STARTTLS"}, {"send": "STARTTLS\r"}, {"expect": "^220"}, {"starttls": True},
                {"send": "QUIT\r"}, {"expect": "^221"},
            ],
            "tls_config": TRUST,
        },
        "mail",
    ),
    "starttls with nobody": Case({"query_response": [{"expect": "^220"}, {"starttls": True}]}, "mail"),
    "TLS": Case({"tls": True, "tls_config": TRUST}, "good"),
    "TLS with a chain": Case({"tls": True, "tls_config": TRUST}, "chain"),
    "TLS that ended": Case({"tls": True, "tls_config": TRUST}, "expired"),
    "TLS of another": Case({"tls": True, "tls_config": TRUST}, "wrong name"),
    "TLS of another by its name": Case(
        {"tls": True, "tls_config": {**TRUST, "server_name": "elsewhere.example.vn"}}, "wrong name"
    ),
    "TLS of nobody": Case({"tls": True, "tls_config": {"insecure_skip_verify": True}}, "self-signed", ("no trusted chain",)),
    "TLS and a greeting": Case({"tls": True, "tls_config": TRUST, "query_response": [{"expect": "^SSH"}]}, "good"),
    "TLS where none is": Case({"tls": True, "tls_config": TRUST}, "door"),
}  # fmt: skip
SHOWN = {
    "good": certs().good(), "chain": certs().chain(), "expired": certs().expired(), "wrong name": certs().wrong_name(),
    "self-signed": certs().self_signed(),
}  # fmt: skip

PORTAL, MANY = "portal.example.vn", "big.example.vn"
ZONE = (
    "".join(f"local-data: '{MANY}. 300 IN TXT \"{number:03d}{'x' * 200}\"'\n" for number in range(10))
    + r"""
local-data: 'unknown.example.vn. 300 IN TYPE65280 \# 4 0a000001'
local-data: 'example.vn. 300 IN CAA 0 issue "ca.example.vn"'
local-data: 'odd.example.vn. 300 IN TXT "a\"b\\c\225"'
local-data: 'odd.example.vn. 300 IN TLSA 3 1 1 abcd'
local-data: 'odd.example.vn. 300 IN DS 12345 8 2 abcd'
local-data: 'odd.example.vn. 300 IN SSHFP 4 2 abcd'
local-data: 'odd.example.vn. 300 IN HINFO "x86" "Linux"'
local-data: 'odd.example.vn. 300 IN AAAA ::ffff:192.0.2.1'
"""
)


def asked(name: str = PORTAL, kind: str = "A", *differs: str, **more: Any) -> Case:
    """A question."""
    return Case({"query_name": name, "query_type": kind, **more}, differs=differs)


def shaped(name: str, kind: str, record: str) -> Case:
    """A question to whose answers a record must belong, written like this."""
    return asked(name, kind, validate_answer_rrs={"fail_if_none_matches_regexp": [record]})


DNS = {
    "A": asked(),
    "AAAA": asked(kind="AAAA"),
    "no type": Case({"query_name": PORTAL}),
    "SOA": asked("example.vn", "SOA"),
    "SOA of a name": asked(kind="SOA"),
    "no such name": asked("nobody.example.vn"),
    "no such name is right": asked("nobody.example.vn", valid_rcodes=["NXDOMAIN", "REFUSED"]),
    "refused": asked("www.refused.vn"),
    "tcp": asked(transport_protocol="tcp"),
    "much by tcp": asked(MANY, "TXT", transport_protocol="tcp"),
    "much by udp": asked(MANY, "TXT"),
    "no recursion": asked(recursion_desired=False),
    "class": asked(query_class="CH"),
    "TLS": asked(PORTAL, "A", "DNS over TLS", transport_protocol="tcp", dns_over_tls=True, tls_config=TRUST),
    "any bad": asked(validate_answer_rrs={"fail_if_matches_regexp": ["192.0.2.11"]}),
    "none bad": asked(validate_answer_rrs={"fail_if_matches_regexp": ["192.0.2.12"]}),
    "all bad": asked(validate_answer_rrs={"fail_if_all_match_regexp": ["192.0.2"]}),
    "not all bad": asked(validate_answer_rrs={"fail_if_all_match_regexp": ["192.0.2.11"]}),
    "nothing is all": asked(validate_additional_rrs={"fail_if_all_match_regexp": ["."]}),
    "not all good": asked(validate_answer_rrs={"fail_if_not_matches_regexp": ["192.0.2.11"]}),
    "all good": asked(validate_answer_rrs={"fail_if_not_matches_regexp": ["192.0.2.1[01]"]}),
    "one good": asked(validate_answer_rrs={"fail_if_none_matches_regexp": ["192.0.2.11"]}),
    "none good": asked(validate_answer_rrs={"fail_if_none_matches_regexp": ["192.0.2.12"]}),
    "no authority": asked(validate_authority_rrs={"fail_if_none_matches_regexp": ["."]}),
    "written TXT": shaped("example.vn", "TXT", '^example.vn.\t300\tIN\tTXT\t"v=spf1 -all"$'),
    "written SOA": shaped(
        "example.vn", "SOA", "^example.vn.\t300\tIN\tSOA\tns1.example.vn. root.example.vn. 2026112401 3600 600 86400 300$"
    ),
    "written SRV": shaped("_sip._udp.example.vn", "SRV", "^_sip._udp.example.vn.\t300\tIN\tSRV\t1 2 5060 sip.example.vn.$"),
    "written unknown": shaped("unknown.example.vn", "ANY", r"^unknown.example.vn.\t300\tCLASS1\tTYPE65280\t\\# 4 0a000001$"),
    "written CAA": shaped("example.vn", "CAA", '^example.vn.\t300\tIN\tCAA\t0 issue "ca.example.vn"$'),
    "written escapes": shaped("odd.example.vn", "TXT", r'IN\tTXT\t"a\\"b\\\\c\\225"$'),
    "written TLSA": shaped("odd.example.vn", "TLSA", r"TLSA\t3 1 1 abcd$"),
    "written DS": shaped("odd.example.vn", "DS", r"DS\t12345 8 2 ABCD$"),
    "written SSHFP": shaped("odd.example.vn", "SSHFP", r"SSHFP\t4 2 ABCD$"),
    "written HINFO": shaped("odd.example.vn", "HINFO", r'HINFO\t"x86" "Linux"$'),
    "written mapped": shaped("odd.example.vn", "AAAA", r"AAAA\t::ffff:192.0.2.1$")._replace(differs=("mapped address",)),
    "written as IPv4": shaped("odd.example.vn", "AAAA", r"AAAA\t192.0.2.1$")._replace(differs=("mapped address",)),
    "IPv4": asked(preferred_ip_protocol="ip4"),
}
SILENT = {"nobody": Case({"query_name": PORTAL, "query_type": "A"}, timeout="1s")}
SHARED = ("shared socket",)
ICMP = {
    "echo": Case({}, differs=SHARED),
    "IPv4": Case({"preferred_ip_protocol": "ip4"}, differs=SHARED),
    "hops": Case({"ttl": 7}, differs=SHARED),
    "size": Case({"payload_size": 1000}, differs=SHARED),
    "unbroken": Case({"preferred_ip_protocol": "ip4", "dont_fragment": True}, differs=SHARED),
    "from": Case({"preferred_ip_protocol": "ip4", "source_ip_address": "127.0.0.9"}, differs=SHARED),
}
NO_IPV6 = {"no IPv6": Case({"ip_protocol_fallback": False}, differs=("echo without an address",))}


def running(folder: Path, prober: str, cases: dict[str, Case], authority: str = "") -> BlackboxExporter:
    """Both sides with these cases."""
    (folder / CA).write_text(authority or certs().ca_pem)
    return BlackboxExporter(folder, prober, cases)


@pytest.fixture(scope="module")
def tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlackboxExporter]:
    """Probes of connections."""
    with running(tmp_path_factory.mktemp("tcp"), "tcp", TCP) as both:
        yield both


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BlackboxExporter, Unbound]]:
    """Probes of a name server, and the name server."""
    folder = tmp_path_factory.mktemp("dns")
    server = Unbound(tmp_path_factory.mktemp("unbound"), ZONE)
    with server, running(folder, "dns", {**DNS, **SILENT}, server.ca) as both:
        yield both, server


@pytest.fixture(scope="module")
def echoes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlackboxExporter]:
    """Probes of hosts."""
    with running(tmp_path_factory.mktemp("icmp"), "icmp", {**ICMP, **NO_IPV6}) as both:
        yield both


@pytest.mark.parametrize("name", TCP)
@pytest.mark.parametrize("host", BOTH)
async def test_tcp(tcp: BlackboxExporter, name: str, host: str) -> None:
    """Connects, conversations and TLS: the same verdict and samples."""
    what = TCP[name].target
    context = SHOWN[what].context() if what in SHOWN else None
    async with serving(SERVERS.get(what, door), host, context) as port:
        await tcp.agree(name, at(host, port))


async def test_tcp_refused(tcp: BlackboxExporter) -> None:
    """A port where nobody listens."""
    async with serving(quiet) as port:
        pass
    await tcp.agree("accepted", at("127.0.0.1", port))


@pytest.mark.parametrize("name", DNS)
async def test_dns(names: tuple[BlackboxExporter, Unbound], name: str) -> None:
    """Response codes, counts, and records as they are written, on which rules are built: the same."""
    both, server = names
    port = server.tls_port if "dns_over_tls" in DNS[name].settings else server.port
    for host in BOTH:
        await both.agree(name, at(host, port))


async def test_dns_silent(names: tuple[BlackboxExporter, Unbound]) -> None:
    """A server that takes questions and gives no answers."""
    both, _ = names

    class Silence(asyncio.DatagramProtocol):
        pass

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Silence, ("127.0.0.1", 0))
    try:
        await both.agree("nobody", at("127.0.0.1", transport.get_extra_info("sockname")[1]))
    finally:
        transport.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="echoes of blackbox_exporter need root here")
@pytest.mark.parametrize("name", ICMP)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.7.6"])
async def test_icmp(echoes: BlackboxExporter, name: str, host: str) -> None:
    """Echoes of both families: the same samples, hop limit among them."""
    if ":" in host and "ip4" in ICMP[name].settings.get("preferred_ip_protocol", ""):
        pytest.skip("an IPv6 address")
    await echoes.agree(name, host)


@pytest.mark.skipif(os.geteuid() != 0, reason="echoes of blackbox_exporter need root here")
async def test_icmp_without_address(echoes: BlackboxExporter) -> None:
    """A host that has no address of the only wanted family."""
    await echoes.agree("no IPv6", "127.0.0.1")
