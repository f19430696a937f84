"""The probe of SIP against servers over UDP, TCP and TLS, those that misbehave, and a program that is not ours."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.model import Outcome, Reason
from tests.agent.authority import Authority
from tests.agent.probes.sip_server import SipServer, ok, response
from tests.agent.probes.voice_kit import Ran, run
from tests.e2e import debian
from tests.servers import free_port

BOTH = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
HOW = pytest.mark.parametrize("how", ["udp", "tcp"])


def found(ran: Ran) -> tuple[Outcome, Reason]:
    """Outcome and reason of a run."""
    return ran.done.finding.outcome, ran.done.finding.reason


def server_context(authority: Authority) -> ssl.SSLContext:
    """TLS of a server with the authority's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server_file)
    return context


@HOW
@BOTH
async def test_a_server_that_answers_is_up(how: str, host: str) -> None:
    """Status, what the server says of itself, phases; one request and no retransmission."""
    async with SipServer(how, host=host) as server:
        ran = await run("sip", server.address)
    assert found(ran) == (Outcome.OK, Reason.NONE), ran.done.finding
    samples = ran.samples
    assert samples["probe_sip_status_code"] == 200
    assert samples["probe_sip_retransmissions"] == 0
    assert samples["probe_sip_info{Tong dai 1.0,INVITE, OPTIONS}"] == 1
    assert samples["probe_ip_protocol"] == (6 if ":" in host else 4)
    assert samples["probe_sip_duration_seconds{processing}"] > 0.0
    assert samples["probe_sip_duration_seconds{tls}"] == 0.0
    [request] = server.requests
    assert request.startswith(f"OPTIONS {server.address.removesuffix(';transport=udp')} SIP/2.0\r\n".encode())


async def test_a_server_over_tls_shows_its_certificate(tmp_path: Path) -> None:
    """The chain's expiry is given, and one that is near is a warning."""
    authority = Authority(tmp_path, ["127.0.0.1"])
    async with SipServer("tls", tls=server_context(authority)) as server:
        ran = await run("sip", server.address, tls_config={"ca": authority.ca_pem})
        near = await run("sip", server.address, tls_config={"ca": authority.ca_pem}, degraded_cert_days=60)
        strange = await run("sip", server.address)
    assert found(ran) == (Outcome.OK, Reason.NONE), ran.done.finding
    assert ran.samples["probe_ssl_earliest_cert_expiry"] > 1e9
    assert ran.samples["probe_sip_duration_seconds{tls}"] > 0.0
    assert server.requests[0].startswith(b"OPTIONS sip:127.0.0.1:")
    assert b"Via: SIP/2.0/TLS 127.0.0.1:" in server.requests[0]
    assert found(near) == (Outcome.DEGRADED, Reason.MISMATCH)
    assert "certificate" in near.done.finding.detail
    assert found(strange) == (Outcome.FAILED, Reason.TLS)
    assert strange.samples["probe_sip_status_code"] == 0


async def test_lost_requests_are_sent_again() -> None:
    """Two of three requests are lost: the third is answered, and the two count. All three are the same bytes."""
    async with SipServer("udp", lambda request, number: ok(request, number) if number == 2 else []) as server:
        ran = await run("sip", server.address, t1=0.03)
    assert found(ran) == (Outcome.OK, Reason.NONE)
    assert ran.samples["probe_sip_retransmissions"] == 2
    assert len(set(server.requests)) == 1
    assert 0.09 <= ran.samples["probe_sip_duration_seconds{processing}"] < 5.0


async def test_a_silent_server_is_a_timeout() -> None:
    """The deadline ends it, and says where it was; the distances double, so 0.5 s hold four retransmissions."""
    async with SipServer("udp", lambda _request, _number: []) as server:
        ran = await run("sip", server.address, 0.5, t1=0.03)
    assert found(ran) == (Outcome.FAILED, Reason.TIMEOUT)
    assert "`processing`" in ran.done.finding.detail
    assert ran.samples["probe_sip_status_code"] == 0
    assert 1 <= ran.samples["probe_sip_retransmissions"] <= 4


@HOW
async def test_a_provisional_response_does_not_end_it(how: str) -> None:
    """100 says that somebody works on it, and the final response comes later."""
    async with SipServer(how, lambda request, number: [response(request, "100 Trying"), *ok(request, number)]) as server:
        ran = await run("sip", server.address)
    assert ran.samples["probe_sip_status_code"] == 200


@HOW
async def test_a_server_that_is_always_working_on_it_is_given_up(how: str) -> None:
    """A flood of them holds up nobody, and ends the run before its deadline."""
    async with SipServer(how, lambda request, _number: [response(request, "100 Trying")] * 300) as server:
        ran = await run("sip", server.address)
    assert found(ran) == (Outcome.FAILED, Reason.MISMATCH), ran.done.finding
    assert ran.done.duration_s < 5.0


async def test_a_provisional_response_slows_retransmission() -> None:
    """After 100 the request is sent again every 4 s only (RFC 3261 17.1.2)."""
    async with SipServer("udp", lambda request, _number: [response(request, "100 Trying")]) as server:
        ran = await run("sip", server.address, 0.6, t1=0.1)
    assert found(ran) == (Outcome.FAILED, Reason.TIMEOUT)
    assert ran.samples["probe_sip_retransmissions"] <= 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("404 Not Found", Reason.BAD_STATUS),
        ("503 Service Unavailable", Reason.BAD_STATUS),
        ("302 Moved", Reason.BAD_STATUS),
        ("401 Unauthorized", Reason.AUTH),
        ("407 Proxy Authentication Required", Reason.AUTH),
    ],
)
async def test_a_status_is_judged_by_the_module(status: str, reason: Reason) -> None:
    """By default 200 only; what proves life is named in `valid_status_codes`."""
    code = int(status[:3])
    async with SipServer("udp", lambda request, _number: [response(request, status)]) as server:
        ran = await run("sip", server.address)
        alive = await run("sip", server.address, valid_status_codes=[200, code])
    assert found(ran) == (Outcome.FAILED, reason)
    assert status in ran.done.finding.detail
    assert ran.samples["probe_sip_status_code"] == code
    assert found(alive) == (Outcome.OK, Reason.NONE)


@HOW
async def test_answers_to_something_else_are_passed_over(how: str) -> None:
    """Another branch, another call, another method, a request, and no SIP at all: the right one still counts."""

    def play(request: bytes, number: int) -> list[bytes]:
        right = ok(request, number)[0]
        foreign = [
            right.replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"),
            right.replace(b"Call-ID: ", b"Call-ID: x"),
            right.replace(b" OPTIONS\r\nTo", b" INVITE\r\nTo").replace(b" OPTIONS\r\nCall", b" INVITE\r\nCall"),
            request,
        ]
        noise = [b"\x00\xff", b"SIP/2.0 200 OK"] if how == "udp" else [b"\r\n\r\n"]
        return [*foreign[:2], *noise, request, right]

    async with SipServer(how, play) as server:
        ran = await run("sip", server.address)
    assert ran.samples["probe_sip_status_code"] == 200


@HOW
async def test_a_server_that_answers_everything_else_is_given_up(how: str) -> None:
    """A flood of foreign answers ends the run before its deadline."""

    def play(request: bytes, number: int) -> list[bytes]:
        return ok(request.replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"), number) * 150

    async with SipServer(how, play) as server:
        ran = await run("sip", server.address)
    assert found(ran) == (Outcome.FAILED, Reason.MISMATCH)
    assert ran.done.duration_s < 5.0


@pytest.mark.parametrize(
    ("reply", "reason", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.MISMATCH, "everything but"),
        (b"a" * 70_000, Reason.MISMATCH, "does not speak SIP"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 9999999\r\n\r\n", Reason.MISMATCH, "does not speak SIP"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 100\r\n\r\n", Reason.TIMEOUT, "processing"),
        (SipServer.CLOSE, Reason.NO_DATA, "without a response"),
    ],
)
async def test_a_stream_that_is_no_sip_has_its_reason(reply: bytes, reason: Reason, said: str) -> None:
    """Endless headers, lying lengths, another protocol, a closed connection."""
    many = 120 if reply.startswith(b"HTTP") else 1
    async with SipServer("tcp", lambda _request, _number: [reply] * many) as server:
        ran = await run("sip", server.address, 1.0)
    assert found(ran) == (Outcome.FAILED, reason), ran.done.finding
    assert said in ran.done.finding.detail


@HOW
@BOTH
async def test_a_closed_port_is_refused(how: str, host: str) -> None:
    """At once, over TCP and over UDP."""
    kind = socket.SOCK_DGRAM if how == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        port = sock.getsockname()[1]
    ran = await run("sip", f"sip:{f'[{host}]' if ':' in host else host}:{port};transport={how}")
    assert found(ran) == (Outcome.FAILED, Reason.REFUSED)
    assert ran.done.duration_s < 5.0


async def test_headers_and_server_must_match() -> None:
    """Expressions over what the server says of itself, and over any header."""
    rule = {"header": "Allow", "regexp": "INVITE"}
    async with SipServer("udp") as server:
        good = await run("sip", server.address, server_regexp="^Tong dai", fail_if_header_not_matches=[rule])
        other = await run("sip", server.address, server_regexp="Asterisk")
        lacks = await run("sip", server.address, fail_if_header_not_matches=[{"header": "Allow", "regexp": "REFER"}])
        gone = await run("sip", server.address, fail_if_header_not_matches=[{"header": "Supported", "regexp": "."}])
        may = await run(
            "sip", server.address, fail_if_header_not_matches=[{"header": "Supported", "regexp": ".", "allow_missing": True}]
        )
    assert [each.done.finding.outcome for each in (good, may)] == [Outcome.OK, Outcome.OK]
    assert [found(each) for each in (other, lacks, gone)] == [(Outcome.FAILED, Reason.MISMATCH)] * 3
    assert "Tong dai 1.0" in other.done.finding.detail


async def test_whom_and_as_whom_is_asked_can_be_told() -> None:
    """User, From, transport and hops of the module; the address's own user goes first."""
    async with SipServer("tcp") as server:
        address = f"127.0.0.1:{server.port}"
        await run("sip", address, transport="tcp", user="room-1", from_uri="sip:giamsat@example.vn", max_forwards=3)
        await run("sip", f"sip:room-2@{address}", transport="tcp", user="room-1")
    first, second = server.requests
    assert first.startswith(f"OPTIONS sip:room-1@{address};transport=tcp SIP/2.0\r\n".encode())
    assert b"From: <sip:giamsat@example.vn>;tag=" in first
    assert b"Max-Forwards: 3\r\n" in first
    assert second.startswith(f"OPTIONS sip:room-2@{address};transport=tcp SIP/2.0\r\n".encode())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": "a b"}, "user"),
        ({"user": "a\r\nb"}, "user"),
        ({"from_uri": "sip:a>b"}, "from_uri"),
        ({"server_regexp": "("}, "server_regexp"),
        ({"fail_if_header_not_matches": [{"header": "a", "regexp": "["}]}, "regexp"),
        ({"valid_status_codes": [100]}, "valid_status_codes"),
        ({"t1": 0.0}, "t1"),
        ({"transport": "sctp"}, "transport"),
        ({"tls_config": {"ca": "no certificate"}}, "tls_config"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_wrong_settings_are_refused_by_name(settings: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=said):
        await run("sip", "127.0.0.1", **settings)


SCENARIO = """<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="options">
  <recv request="OPTIONS"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Allow: INVITE, ACK, BYE, OPTIONS
Server: SIPp
Content-Length: 0

  ]]></send>
</scenario>
"""


@contextmanager
def sipp(folder: Path, host: str, how: str) -> Iterator[str]:
    """Debian's SIPp, which answers OPTIONS; its address."""
    (folder / "options.xml").write_text(SCENARIO)
    port = free_port()
    place = ("-i", f"[{host}]" if ":" in host else host, "-p", str(port))
    command = (str(debian.binary("sipp")), "-sf", "options.xml", "-t", f"{how[0]}1", *place, "-nostdin")
    env = {**os.environ, **debian.environment(folder), "TERM": "xterm"}
    with (folder / "sipp.out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield f"sip:{f'[{host}]' if ':' in host else host}:{port};transport={how}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.debian
@HOW
@BOTH
async def test_sipp_is_up(tmp_path: Path, how: str, host: str) -> None:
    """A SIP program that knows nothing of ours understands the request and is understood."""
    with sipp(tmp_path, host, how) as address:
        async with asyncio.timeout(20):
            while found(ran := await run("sip", address, 5.0)) == (Outcome.FAILED, Reason.REFUSED):
                await asyncio.sleep(0.1)  # it is starting
    said = (tmp_path / "sipp.out").read_text(errors="replace")[-2000:]
    assert found(ran) == (Outcome.OK, Reason.NONE), (ran.done.finding, said)
    assert ran.samples["probe_sip_status_code"] == 200
    assert ran.samples["probe_sip_info{SIPp,INVITE, ACK, BYE, OPTIONS}"] == 1


KAMAILIO = """#!KAMAILIO
log_stderror=yes
children=1
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
mpath="{modules}"
loadmodule "sl.so"
loadmodule "textops.so"
request_route {{
  if (is_method("OPTIONS")) {{
    append_to_reply("Allow: INVITE, OPTIONS\\r\\n");
    sl_send_reply("200", "OK");
    exit;
  }}
  sl_send_reply("404", "Not here");
}}
"""


@contextmanager
def kamailio(folder: Path, host: str) -> Iterator[str]:
    """Debian's Kamailio on a port of UDP and TCP; host and port."""
    program, port = debian.binary("kamailio"), free_port()
    [modules] = program.parents[1].glob("lib/*/kamailio/modules")
    place = f"[{host}]" if ":" in host else host
    (folder / "kamailio.cfg").write_text(KAMAILIO.format(host=place, port=port, modules=f"{modules}/"))
    command = (str(program), "-f", "kamailio.cfg", "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(folder), "-w", str(folder))
    env = {**os.environ, **debian.environment(folder)}
    with (folder / "kamailio.out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield f"{place}:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.debian
@BOTH
async def test_kamailio_is_up(tmp_path: Path, host: str) -> None:
    """The SIP server of many exchanges understands the request over UDP and TCP, and its mirrors of our headers match."""
    with kamailio(tmp_path, host) as place:
        for how in ("udp", "tcp"):
            async with asyncio.timeout(20):
                while found(ran := await run("sip", f"sip:{place};transport={how}", 5.0)) == (Outcome.FAILED, Reason.REFUSED):
                    await asyncio.sleep(0.1)  # it is starting
            said = (tmp_path / "kamailio.out").read_text(errors="replace")[-2000:]
            assert found(ran) == (Outcome.OK, Reason.NONE), (ran.done.finding, said)
            assert any(
                name.startswith("probe_sip_info{kamailio (") and name.endswith(",INVITE, OPTIONS}") for name in ran.samples
            )
