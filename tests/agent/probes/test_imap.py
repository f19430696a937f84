"""The probe of IMAP servers, against servers that speak as RFC 9051 says and against those that do not."""

from __future__ import annotations

import pytest

from agent.model import Outcome, Reason
from agent.probes.imap import Settings, address_problem, open_probe
from tests.agent.probes.mail_kit import TRUSTED, Step, seen, serving, silence, tls
from tests.probes.certs import certs

PASSWORD = 'pa"ss\\word'
GREETED = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"


def _leave(number: int) -> list[Step]:
    return [f"h{number} LOGOUT", f"* BYE bye\r\nh{number} OK done\r\n".encode()]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_plain_server(host: str) -> None:
    """Greeting, capabilities, goodbye, each with its time, over IPv4 and IPv6."""
    steps: list[Step] = [b"* OK ready\r\n", "h1 CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nh1 OK done\r\n", *_leave(2)]
    async with serving(steps, host=host) as (address, heard):
        found = await seen(open_probe(Settings()), address)
    assert found.outcome is Outcome.OK, found.finding
    assert heard == ["h1 CAPABILITY", "h2 LOGOUT"]
    phases = [phase for (phase,) in found.samples["probe_imap_duration_seconds"]]
    assert phases == ["resolve", "connect", "banner", "capability", "quit"]
    assert found.samples["probe_imap_starttls_offered"] == {(): 0}


async def test_starttls_and_login() -> None:
    """What was offered in clear is forgotten; the password is sent quoted, under TLS only, and told nowhere."""
    steps: list[Step] = [
        GREETED, "h1 STARTTLS", b"h1 OK begin\r\n", tls, "h2 CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nh2 OK done\r\n",
        'h3 LOGIN "probe" "pa\\"ss\\\\word"', b"* 5 EXISTS\r\nh3 OK [CAPABILITY IMAP4rev1] welcome\r\n", *_leave(4),
    ]  # fmt: skip
    async with serving(steps) as (address, heard):
        found = await seen(open_probe(Settings(username="probe", password=PASSWORD, tls_config=TRUSTED)), address)
    assert found.outcome is Outcome.OK, found.finding
    assert len(heard) == 4
    assert "ss\\" not in found.said
    assert found.samples["probe_ssl_earliest_cert_expiry"] == {(): certs().good().not_after_s[0]}


@pytest.mark.parametrize("has_initial", [True, False])
async def test_a_login_by_sasl(has_initial: bool) -> None:
    """AUTHENTICATE PLAIN goes before LOGIN, in one step or two."""
    message = "AHByb2JlAHBhInNzXHdvcmQ="
    ways: dict[bool, list[Step]] = {
        True: [f"h1 AUTHENTICATE PLAIN {message}"],
        False: ["h1 AUTHENTICATE PLAIN", b"+ \r\n", message],
    }
    capability = b"IMAP4rev1 AUTH=PLAIN" + (b" SASL-IR" if has_initial else b"")
    steps: list[Step] = [b"* OK [CAPABILITY " + capability + b"] hi\r\n", *ways[has_initial], b"h1 OK in\r\n", *_leave(2)]
    async with serving(steps, context=certs().good().context()) as (address, _):
        settings = Settings(tls=True, tls_config=TRUSTED, username="probe", password=PASSWORD)
        found = await seen(open_probe(settings), address)
    assert found.outcome is Outcome.OK, found.finding
    assert message not in found.said


async def test_literals_are_part_of_an_answer() -> None:
    """Whatever is in them is data."""
    answer = b"* LIST () {12}\r\nh1 NO this\r\n {4}\r\n\r\n\r\n rest\r\n* CAPABILITY IMAP4rev1\r\nh1 OK done\r\n"
    async with serving([b"* OK hi\r\n", "h1 CAPABILITY", answer, *_leave(2)]) as (address, _):
        found = await seen(open_probe(Settings()), address)
    assert found.outcome is Outcome.OK, found.finding


async def test_what_comes_in_clear_after_starttls_is_refused() -> None:
    """Bytes behind the agreement could be somebody's in between."""
    async with serving([GREETED, "h1 STARTTLS", b"h1 OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", tls]) as (address, _):
        found = await seen(open_probe(Settings(tls_config=TRUSTED)), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)


async def test_no_password_in_clear() -> None:
    """Whoever takes STARTTLS out of the offer gets no password."""
    async with serving([b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", silence]) as (address, _):
        found = await seen(open_probe(Settings(username="probe", password=PASSWORD)), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)


async def test_a_server_that_knows_us_already() -> None:
    """Needs no login; where TLS is required, it is refused, for it cannot begin any more."""
    for starttls, outcome in (("if_offered", Outcome.OK), ("required", Outcome.FAILED)):
        async with serving([b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", *_leave(1)]) as (address, _):
            found = await seen(open_probe(Settings(starttls=starttls, username="a", password="b")), address)  # type: ignore[arg-type]
        assert found.outcome is outcome


CAN: tuple[Step, ...] = (b"* OK [CAPABILITY IMAP4rev1] hi\r\n", "h1 LOGIN")


@pytest.mark.parametrize(
    ("steps", "reason", "detail"),
    [
        ([b"* BYE overloaded\r\n"], Reason.BAD_STATUS, "banner: * BYE overloaded"),
        ([b"220 mail ESMTP\r\n"], Reason.MISMATCH, "banner: '220 mail ESMTP' is an answer that is neither OK nor NO nor BAD"),
        ([b"\r\n"], Reason.MISMATCH, "banner: '' is no line of an IMAP server"),
        ([b""], Reason.NO_DATA, "banner: the server closed the connection"),
        ([b"* OK " + b"x" * 70_000], Reason.MISMATCH, "the server sent more than 65536 bytes"),
        ([b"* OK {99999999}\r\n"], Reason.MISMATCH, "banner: more than 65536 bytes in answer to one command"),
        ([*CAN, b"h1 NO [AUTHENTICATIONFAILED] wrong\r\n"], Reason.AUTH, "auth: NO [AUTHENTICATIONFAILED] wrong"),
        ([*CAN, b"h9 OK\r\n"], Reason.MISMATCH, "auth: an answer to what was not asked, 'h9'"),
        ([*CAN, b"+ go on\r\n"], Reason.MISMATCH, "auth: an answer to what was not asked, '+'"),
        ([*CAN, b"* BYE\r\n"], Reason.BAD_STATUS, "auth: BYE"),
        ([*CAN, b"* 1 EXISTS\r\n" * 300], Reason.MISMATCH, "auth: an answer of more than 256 lines"),
        ([*CAN, (b"* " + b"y" * 16_000 + b"\r\n") * 5], Reason.MISMATCH, "the server sent more than"),
        ([*CAN, b"h1 OK"], Reason.NO_DATA, "auth: the server closed the connection"),
    ],
)  # fmt: skip
async def test_each_phase_fails_with_its_own_reason(steps: list[Step], reason: Reason, detail: str) -> None:
    """And says in which phase it was."""
    async with serving(steps) as (address, _):
        found = await seen(open_probe(Settings(username="a", password="b", allow_plain_auth=True)), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason)
    assert found.finding.detail.startswith(detail)


async def test_a_silent_server() -> None:
    """Costs the run's time and no more; one that takes no leave costs little."""
    async with serving([silence]) as (address, _):
        found = await seen(open_probe(Settings()), address, 0.3)
    assert (found.reason, "`banner`" in found.finding.detail) == (Reason.TIMEOUT, True)
    async with serving([b"* OK [CAPABILITY IMAP4rev1] hi\r\n", "h1 LOGOUT", silence]) as (address, _):
        found = await seen(open_probe(Settings()), address, 4.0)
    assert (found.outcome, found.samples["probe_duration_seconds"][()] < 3) == (Outcome.OK, True)


async def test_passwords_that_cannot_be_quoted() -> None:
    """Are said to be so; SASL could have carried them."""
    async with serving([*CAN]) as (address, _):
        found = await seen(open_probe(Settings(username="a", password="mật", allow_plain_auth=True)), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.AUTH)
    assert address_problem("mail.example.vn:143") == ""
