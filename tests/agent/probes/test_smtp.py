"""The probe of mail servers against a real one, and against servers that lie, stall and break off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from agent.model import Outcome, Reason
from agent.probes.smtp import Settings, address_problem, open_probe
from tests.agent.probes.mail_kit import TRUSTED, Step, abort, seen, serving, silence, tls
from tests.probes.certs import Shown, certs

PASSWORD = "mật khẩu rất dài"
GREETED = (b"220 mail.example.vn ESMTP\r\n", "EHLO ")


def _authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode() and data.login == b"probe"
    return AuthResult(success=is_good, handled=is_good)


@contextlib.asynccontextmanager
async def _server(
    shown: Shown | None = None, *, host: str = "127.0.0.1", is_implicit: bool = False, **options: Any
) -> AsyncIterator[str]:
    """A mail server of aiosmtpd; with a certificate it offers STARTTLS, or speaks TLS from the first byte."""
    context = shown.context() if shown else None
    made: list[SMTP] = []

    def make() -> SMTP:
        offered = None if is_implicit else context
        made.append(_smtp(offered))
        return made[-1]

    def _smtp(offered: Any) -> SMTP:
        return SMTP(Sink(), hostname="mail.example.vn", loop=asyncio.get_running_loop(), tls_context=offered, **options)

    server = await asyncio.get_running_loop().create_server(make, host, 0, ssl=context if is_implicit else None)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()
        await abort([transport for each in made for transport in (each.transport, each._original_transport)])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_plain_server(host: str) -> None:
    """Every phase has its code and its time, over IPv4 and IPv6."""
    async with _server(host=host) as address:
        found = await seen(open_probe(Settings()), address)
    assert found.outcome is Outcome.OK, found.finding
    assert found.samples["probe_smtp_status_code"] == {("banner",): 220, ("ehlo",): 250, ("quit",): 221}
    assert found.samples["probe_smtp_starttls_offered"] == {(): 0}
    assert found.samples["probe_ip_protocol"] == {(): 6 if ":" in host else 4}
    phases = [phase for (phase,) in found.samples["probe_smtp_duration_seconds"]]
    assert phases == ["resolve", "connect", "banner", "ehlo", "quit"]
    assert f"C: EHLO [{'IPv6:' if ':' in host else ''}{host}]" in found.said


async def test_starttls() -> None:
    """It is used where it is offered, and the certificate's end is told."""
    shown = certs().good()
    async with _server(shown) as address:
        found = await seen(open_probe(Settings(tls_config=TRUSTED)), address)
        never = await seen(open_probe(Settings(starttls="never")), address)
    assert found.outcome is Outcome.OK, found.finding
    assert found.samples["probe_smtp_status_code"]["starttls",] == 220
    assert found.samples["probe_ssl_earliest_cert_expiry"] == {(): shown.not_after_s[0]}
    assert ("tls",) in found.samples["probe_smtp_duration_seconds"]
    assert never.outcome is Outcome.OK
    assert "probe_ssl_earliest_cert_expiry" not in never.samples


async def test_tls_from_the_first_byte() -> None:
    """As on port 465."""
    async with _server(certs().good(), is_implicit=True) as address:
        found = await seen(open_probe(Settings(tls=True, tls_config=TRUSTED)), address)
    assert found.outcome is Outcome.OK, found.finding
    assert "probe_smtp_starttls_offered" not in found.samples


async def test_a_certificate_that_ends_soon_is_degraded() -> None:
    """Nothing has failed yet, and somebody should know."""
    async with _server(certs().ending(5)) as address:
        found = await seen(open_probe(Settings(tls_config=TRUSTED, degraded_cert_days=14)), address)
    assert (found.outcome, found.reason) == (Outcome.DEGRADED, Reason.MISMATCH)


@pytest.mark.parametrize("which", ["expired", "wrong_name", "self_signed"])
async def test_certificates_that_nobody_should_trust(which: str) -> None:
    """Fail the probe, during TLS; what was shown is told all the same."""
    async with _server(getattr(certs(), which)()) as address:
        found = await seen(open_probe(Settings(tls_config=TRUSTED)), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert "probe_ssl_earliest_cert_expiry" in found.samples


async def test_starttls_that_is_required_and_not_there() -> None:
    """Fails, and no further word is said in clear."""
    async with _server() as address:
        found = await seen(open_probe(Settings(starttls="required")), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert found.finding.detail == "starttls: the server does not offer it"


@pytest.mark.parametrize("excluded", [(), ("PLAIN",)])
async def test_a_login(excluded: Sequence[str]) -> None:
    """PLAIN, or LOGIN where that is all; the password appears nowhere."""
    options = {"authenticator": _authenticator, "auth_exclude_mechanism": excluded}
    async with _server(certs().good(), **options) as address:
        settings = Settings(tls_config=TRUSTED, username="probe", password=PASSWORD)
        found = await seen(open_probe(settings), address)
    assert found.outcome is Outcome.OK, found.finding
    assert found.samples["probe_smtp_status_code"]["auth",] == 235
    assert PASSWORD not in found.said
    assert "<secret>" in found.said


async def test_a_login_that_is_refused() -> None:
    """Is its own reason."""
    async with _server(certs().good(), authenticator=_authenticator) as address:
        found = await seen(open_probe(Settings(tls_config=TRUSTED, username="probe", password="no")), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.AUTH)
    assert found.finding.detail.startswith("auth: 535")


async def test_no_password_in_clear() -> None:
    """Whoever takes STARTTLS out of the offer gets no password, unless somebody allowed it."""
    async with serving([*GREETED, b"250-mail\r\n250 AUTH PLAIN\r\n", "AUTH", b"235 welcome\r\n", "QUIT"]) as (address, heard):
        found = await seen(open_probe(Settings(username="probe", password=PASSWORD)), address)
        assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
        assert not any("AUTH" in line for line in heard)
        allowed = Settings(username="probe", password=PASSWORD, allow_plain_auth=True)
        assert (await seen(open_probe(allowed), address)).outcome is Outcome.OK


async def test_what_comes_in_clear_after_starttls_is_refused() -> None:
    """Bytes behind the agreement could be somebody's in between, to be taken for the server's."""
    injected = b"220 go ahead\r\n250-mail\r\n250 AUTH PLAIN\r\n"
    async with serving([*GREETED, b"250-mail\r\n250 STARTTLS\r\n", "STARTTLS", injected, tls, "EHLO"]) as (address, heard):
        found = await seen(open_probe(Settings(tls_config=TRUSTED)), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("steps", "reason", "detail"),
    [
        ([b"554 go away\r\n"], Reason.BAD_STATUS, "banner: 554 go away"),
        ([b"SSH-2.0-x\r\n"], Reason.MISMATCH, "banner: 'SSH-2.0-x' is no line of an SMTP reply"),
        ([b""], Reason.NO_DATA, "banner: the server closed the connection"),
        ([b"220-half"], Reason.NO_DATA, "banner: the server closed the connection"),
        ([b"220 " + b"x" * 70_000], Reason.MISMATCH, "the server sent more than 2048 bytes"),
        ([b"220-more\r\n" * 5_000], Reason.MISMATCH, "banner: a reply of more than 128 lines"),
        ([b"220-a\r\n250 b\r\n"], Reason.MISMATCH, "banner: a reply that is 220 and 250 at once"),
        ([*GREETED, b"421 too busy\r\n"], Reason.BAD_STATUS, "ehlo: 421 too busy"),
        ([*GREETED, b"250 STARTTLS\r\n"], Reason.TLS, "starttls: the server does not offer it"),
        ([*GREETED, b"250-a\r\n250 STARTTLS\r\n", "STARTTLS", b"454 not now\r\n"], Reason.BAD_STATUS, "starttls: 454 not now"),
    ],
)
async def test_each_phase_fails_with_its_own_reason(steps: list[Step], reason: Reason, detail: str) -> None:
    """And says in which phase it was."""
    async with serving(steps) as (address, _):
        found = await seen(open_probe(Settings(starttls="required")), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason)
    assert found.finding.detail.startswith(detail)


@pytest.mark.parametrize(("steps", "phase"), [([silence], "banner"), ([*GREETED, b"250-mail", silence], "ehlo")])
async def test_a_silent_server(steps: list[Step], phase: str) -> None:
    """Costs the run's time and no more, and the phase is told."""
    async with serving(steps) as (address, _):
        found = await seen(open_probe(Settings()), address, 0.3)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert f"`{phase}`" in found.finding.detail


async def test_a_server_that_takes_no_leave() -> None:
    """Politeness is no part of the verdict, and takes little of the time."""
    async with serving([*GREETED, b"250 mail\r\n", "QUIT", silence]) as (address, _):
        found = await seen(open_probe(Settings()), address, 4.0)
    assert found.outcome is Outcome.OK
    assert found.samples["probe_duration_seconds"][()] < 3


async def test_an_old_server() -> None:
    """One that knows no EHLO is greeted with HELO."""
    async with serving([b"220 old\r\n", "EHLO", b"502 what?\r\n", "HELO", b"250 hello\r\n", "QUIT", b"221\r\n"]) as (
        address,
        heard,
    ):
        found = await seen(open_probe(Settings(ehlo="probe.example.vn")), address)
    assert found.outcome is Outcome.OK
    assert heard == ["EHLO probe.example.vn", "HELO probe.example.vn", "QUIT"]


async def test_the_greeting_can_be_demanded() -> None:
    """Another server at the address is found out."""
    async with _server() as address:
        assert (await seen(open_probe(Settings(banner=r"^mail\.example\.vn ")), address)).outcome is Outcome.OK
        found = await seen(open_probe(Settings(banner="^other")), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.MISMATCH)


async def test_nobody_there() -> None:
    """Refused is refused."""
    async with _server() as address:
        pass
    found = await seen(open_probe(Settings()), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.REFUSED)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(username="probe"), "username and password"),
        (Settings(username="probe", password="x", starttls="never"), "starttls"),
        (Settings(banner="("), "missing"),
    ],
)
def test_settings_that_do_not_fit(settings: Settings, words: str) -> None:
    """Are refused when the module is loaded."""
    with pytest.raises(ValueError, match=words):
        open_probe(settings)


def test_addresses() -> None:
    """A host, with or without a port."""
    assert [address_problem(text) for text in ("mail.example.vn", "192.0.2.1:587", "[2001:db8::1]:25", "2001:db8::1")] == [
        ""
    ] * 4
    assert address_problem("mail.example.vn:0") == address_problem("https://mail/") == "a host or host:port"
