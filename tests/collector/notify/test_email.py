"""Mail through a real server: what arrives, what a refusal means, and servers that lie, stall and break off."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.notice import EventKind
from collector.notify.channel import CHANNELS, ChannelError, Failure
from collector.notify.email import EmailChannel, open_channel
from collector.notify.email_message import address_of, mail_of
from collector.notify.settings import EmailEntry, ReceiverEntry, TlsEntry
from collector.notify.tools import Tools
from tests.agent.probes.mail_kit import Step, abort, serving, silence
from tests.collector.notify.deliveries import ROUTER, delivery, facts, trial
from tests.probes.certs import Shown, certs

PASSWORD = "mật khẩu rất dài"
GREETED = (b"220 mail.example.vn ESMTP\r\n", "EHLO haidang.example.vn", b"250-mail\r\n250 SIZE 1000000\r\n")
TAKING = (*GREETED, "MAIL FROM", b"250 ok\r\n", "RCPT TO", b"250 ok\r\n", "DATA", b"354 go on\r\n")


class Inbox:
    """What a server of aiosmtpd took; `refuse` maps an address to its answer, `answer` is that to the message."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.refuse: dict[str, str] = {}
        self.answer = "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.taken.append((envelope.rcpt_tos, mail))
        return self.answer


def _authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode() and data.login == b"haidang"
    return AuthResult(success=is_good, handled=is_good)


@contextlib.asynccontextmanager
async def _mail_server(
    shown: Shown | None = None, *, is_implicit: bool = False, **options: Any
) -> AsyncIterator[tuple[int, Inbox]]:
    """A mail server of aiosmtpd on 127.0.0.1: its port and what it took. With a certificate it offers STARTTLS, or speaks TLS
    from the first byte."""
    context, inbox, made = shown.context() if shown else None, Inbox(), []

    def make() -> SMTP:
        offered = None if is_implicit else context
        made.append(SMTP(inbox, hostname="mail.example.vn", loop=asyncio.get_running_loop(), tls_context=offered, **options))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=context if is_implicit else None)
    try:
        yield server.sockets[0].getsockname()[1], inbox
    finally:
        server.close()
        await server.wait_closed()
        await abort([transport for each in made for transport in (each.transport, each._original_transport)])


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Any]:
    """Opens a channel to a port of this machine; the authority of the tests is trusted."""
    (tmp_path / "ca.pem").write_text(certs().ca_pem)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    os.chmod(tmp_path / "password", 0o600)

    async def opening(port: int, *, timeout_s: float = 10.0, **more: Any) -> EmailChannel:
        values: dict[str, Any] = {
            "host": "127.0.0.1", "port": port, "sender": "Hải Đăng <haidang@example.vn>", "to": ("truc@example.vn",),
            "tls": TlsEntry(ca_file="ca.pem"),
        }  # fmt: skip
        entry = ReceiverEntry(email=EmailEntry(**values | more), timeout_s=timeout_s)
        return await open_channel("truc-ca", entry, Tools(tmp_path, "haidang.example.vn", "0.1"))

    return opening


async def _failed(channel: EmailChannel) -> ChannelError:
    with pytest.raises(ChannelError) as failure:
        await channel.send(delivery())
    return failure.value


def test_the_table_of_kinds_names_this_module() -> None:
    """A receiver of the kind finds its channel."""
    assert CHANNELS["email"] == f"{open_channel.__module__}:{open_channel.__name__}"


async def test_a_page_arrives_with_starttls_and_login(opened: Callable[..., Any]) -> None:
    """Both forms of the text, the words of the language, and the link of the incident."""
    async with _mail_server(certs().good(), authenticator=_authenticator, auth_require_tls=True) as (port, inbox):
        channel = await opened(port, username="haidang", password_file="password")
        assert await channel.send(delivery(url="https://haidang.example.vn/incidents/12")) == ""
    [(to, mail)] = inbox.taken
    assert to == ["truc@example.vn"]
    assert "Router Quận 1" in mail["Subject"]
    assert mail["From"].addresses[0].display_name == "Hải Đăng"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert mail.get_content_type() == "multipart/alternative"
    for part in (plain, html):
        assert "Router Quận 1" in part.get_content()
        assert "https://haidang.example.vn/incidents/12" in part.get_content()


async def test_tls_from_the_first_byte(opened: Callable[..., Any]) -> None:
    """As on port 465, with the name that the certificate bears rather than the address."""
    shown = certs().shown(names=("mail.example.vn",))
    async with _mail_server(shown, is_implicit=True) as (port, inbox):
        tls = TlsEntry(ca_file="ca.pem", server_name="mail.example.vn")
        await (await opened(port, security="tls", tls=tls)).send(delivery())
        assert len(inbox.taken) == 1
        wrong = await _failed(await opened(port, security="tls"))
    assert (wrong.failure, wrong.permanent) == (Failure.TLS, False)


async def test_the_name_of_the_certificate_counts_after_starttls_too(opened: Callable[..., Any]) -> None:
    """A server that is called otherwise is told its name."""
    async with _mail_server(certs().shown(names=("mail.example.vn",))) as (port, inbox):
        tls = TlsEntry(ca_file="ca.pem", server_name="mail.example.vn")
        await (await opened(port, tls=tls)).send(delivery())
    assert len(inbox.taken) == 1


@pytest.mark.parametrize("which", ["expired", "wrong_name", "self_signed"])
@pytest.mark.parametrize("is_implicit", [False, True])
async def test_certificates_that_nobody_should_trust(opened: Callable[..., Any], which: str, is_implicit: bool) -> None:
    """Nothing is sent, not even the address."""
    async with _mail_server(getattr(certs(), which)(), is_implicit=is_implicit) as (port, inbox):
        error = await _failed(await opened(port, security="tls" if is_implicit else "starttls"))
    assert (error.failure, error.permanent, inbox.taken) == (Failure.TLS, False, [])
    assert "certificate" in str(error)


async def test_no_way_back_to_clear_text(opened: Callable[..., Any]) -> None:
    """Whoever takes STARTTLS out of the offer gets neither password nor message."""
    steps = [*GREETED, "nothing more"]
    async with serving(steps) as (address, heard):
        error = await _failed(await opened(int(address.rpartition(":")[2]), username="haidang", password_file="password"))
    assert (error.failure, error.permanent) == (Failure.TLS, False)
    assert [line for line in heard if line] == ["EHLO haidang.example.vn"]


async def test_what_is_said_before_tls_does_not_count(opened: Callable[..., Any]) -> None:
    """An answer slipped in behind that to STARTTLS is not taken for one of the server's (RFC 3207 6)."""
    steps: list[Step] = [
        *GREETED[:2],
        b"250-mail\r\n250 STARTTLS\r\n",
        "STARTTLS",
        b"220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n",
        silence,
    ]
    async with serving(steps) as (address, _):
        error = await _failed(await opened(int(address.rpartition(":")[2]), timeout_s=0.5))
    assert error.failure in (Failure.TIMEOUT, Failure.TLS)


async def test_a_login_that_is_refused(opened: Callable[..., Any], tmp_path: Path) -> None:
    """Somebody will mend it: it is tried again. The password is nowhere."""
    (tmp_path / "password").write_text("wrong-password")
    async with _mail_server(certs().good(), authenticator=_authenticator) as (port, inbox):
        error = await _failed(await opened(port, username="haidang", password_file="password"))
    assert (error.failure, error.permanent, inbox.taken) == (Failure.AUTH, False, [])
    assert "wrong" not in str(error)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"security": "none", "host": "192.0.2.1", "username": "u", "password_file": "password"}, "without TLS"),
        ({"username": "u"}, "together"),
        ({"username": "u", "password_file": "absent"}, "password_file"),
        ({"to": ()}, "nobody"),
        ({"to": ("truc@example.vn\r\nBcc: x@example.vn",)}, "no e-mail address"),
        ({"to": ("trực@example.vn",)}, "no e-mail address"),
        ({"sender": "nobody"}, "no e-mail address"),
        ({"tls": TlsEntry(ca_file="absent.pem")}, "ca_file"),
    ],
)
async def test_settings_that_cannot_be_used(opened: Callable[..., Any], more: dict[str, Any], said: str) -> None:
    """Are refused when the channel is opened."""
    with pytest.raises(ChannelError, match=said) as failure:
        await opened(25, **more)
    assert failure.value.failure is Failure.SETTINGS


async def test_a_password_that_others_can_read(opened: Callable[..., Any], tmp_path: Path) -> None:
    """Is refused with its mode."""
    os.chmod(tmp_path / "password", 0o644)
    with pytest.raises(ChannelError, match="mode 0644"):
        await opened(25, username="u", password_file="password")


async def test_some_addresses_are_refused(opened: Callable[..., Any]) -> None:
    """The others get the message; people are told which did not."""
    async with _mail_server(certs().good()) as (port, inbox):
        inbox.refuse = {"gone@example.vn": "550 no such user"}
        channel = await opened(port, to=("truc@example.vn", "gone@example.vn"))
        remark = await channel.send(delivery())
    [(to, _)] = inbox.taken
    assert to == ["truc@example.vn"]
    assert remark == "refused for 1: gone@example.vn"


@pytest.mark.parametrize(
    ("answers", "failure", "is_permanent"),
    [
        (("550 no such user", "552 mailbox full"), Failure.REJECTED, True),
        (("550 no such user", "451 come back later"), Failure.SERVER, False),
        (("421 too busy", "421 too busy"), Failure.CLOSED, False),  # RFC 5321 3.8: such an answer ends the connection
    ],
)
async def test_every_address_is_refused(
    opened: Callable[..., Any], answers: tuple[str, str], failure: Failure, is_permanent: bool
) -> None:
    """For good only if no answer leaves hope."""
    async with _mail_server(certs().good()) as (port, inbox):
        inbox.refuse = dict(zip(("truc@example.vn", "chi@example.vn"), answers, strict=True))
        error = await _failed(await opened(port, to=tuple(inbox.refuse)))
    assert (error.failure, error.permanent) == (failure, is_permanent)


@pytest.mark.parametrize(
    ("answer", "failure", "is_permanent"),
    [
        ("451 try again", Failure.SERVER, False),
        ("452 no room", Failure.SERVER, False),
        ("552 too large", Failure.REJECTED, True),
        ("554 looks like spam", Failure.REJECTED, True),
        ("530 authentication required", Failure.AUTH, False),
    ],
)
async def test_the_message_is_refused(opened: Callable[..., Any], answer: str, failure: Failure, is_permanent: bool) -> None:
    """4yz is tried again, 5yz is for good."""
    async with _mail_server(certs().good()) as (port, inbox):
        inbox.answer = answer
        error = await _failed(await opened(port))
    assert (error.failure, error.permanent) == (failure, is_permanent)


ENDLESS = b"220-" + b"x" * 60 + b"\r\n"


async def _babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(ENDLESS * 100)
            await writer.drain()


@pytest.mark.parametrize(
    ("steps", "failure"),
    [
        ((silence,), Failure.TIMEOUT),
        ((b"220 mail\r\n", "EHLO", silence), Failure.TIMEOUT),
        ((*TAKING, silence), Failure.TIMEOUT),
        ((_babble,), Failure.SERVER),
        ((b"220 " + b"x" * 100_000, silence), Failure.SERVER),
        ((b"HTTP/1.1 400 Bad Request\r\n", silence), Failure.SERVER),
        ((b"554 go away\r\n",), Failure.REJECTED),
        ((b"421 later\r\n",), Failure.SERVER),
        ((), Failure.CLOSED),
        ((*GREETED, "MAIL FROM"), Failure.CLOSED),
        (TAKING, Failure.CLOSED),
    ],
    ids=[
        "mute", "hangs", "hangs after DATA", "endless banner", "endless line", "no SMTP", "554", "421", "closes",
        "closes at MAIL", "closes after DATA",
    ],
)  # fmt: skip
async def test_servers_that_fail(opened: Callable[..., Any], steps: tuple[Step, ...], failure: Failure) -> None:
    """Each way of failing has its word, ends within the time, and is tried again."""
    async with serving(steps) as (address, _):
        channel = await opened(int(address.rpartition(":")[2]), security="none", timeout_s=1.0)
        async with asyncio.timeout(5):
            error = await _failed(channel)
    assert (error.failure, error.permanent) == (failure, False), error


async def test_a_farewell_that_fails_is_no_failure(opened: Callable[..., Any]) -> None:
    """The message is the server's once it said so: nothing after that has it sent again."""
    steps: list[Step] = [*TAKING, _until_dot, b"250 taken\r\n", "QUIT"]
    async with serving(steps) as (address, heard):
        channel = await opened(int(address.rpartition(":")[2]), security="none")
        assert await channel.send(delivery()) == ""
    assert heard[-1] == "QUIT"


async def _until_dot(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n.\r\n")


async def test_nobody_listens(opened: Callable[..., Any]) -> None:
    """Is told apart from a name that nobody knows."""
    async with serving(()) as (address, _):
        port = int(address.rpartition(":")[2])
    assert (await _failed(await opened(port))).failure is Failure.REFUSED
    assert (await _failed(await opened(port, host="mail.invalid"))).failure is Failure.UNRESOLVED


async def test_a_delivery_that_is_given_up_lets_go_at_once(opened: Callable[..., Any]) -> None:
    """Cancelled while the server hangs, it leaves no task and no connection behind."""
    reached = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        reached.clear()

    async with serving([*GREETED, "MAIL FROM", hang]) as (address, _):
        channel = await opened(int(address.rpartition(":")[2]), security="none", timeout_s=60.0)
        sending = asyncio.create_task(channel.send(delivery()))
        async with asyncio.timeout(10):
            await reached.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "mail"]


def _mail(given: Any) -> EmailMessage:
    sender, to = address_of("haidang@example.vn", "sender"), (address_of("Trực ca A <truc@example.vn>", "to"),)
    raw = mail_of(given, sender, to)
    assert raw.isascii()
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    return read


def test_one_event_is_one_message() -> None:
    """The id is that of event and receiver: it outlives attempts and differs between receivers."""
    first, again = _mail(delivery()), _mail(delivery(attempt=7))
    assert first["Message-ID"] == again["Message-ID"] == "<00112233aabbccdd-0.truc-ca@example.vn>"
    assert (first["X-Haidang-Attempt"], again["X-Haidang-Attempt"]) == ("1", "7")
    assert _mail(delivery(receiver="chi"))["Message-ID"] != first["Message-ID"]


def test_messages_of_an_incident_are_one_conversation() -> None:
    """All refer to the first, which refers to none; a test belongs to no conversation."""
    first, last = _mail(delivery()), _mail(delivery(EventKind.RESOLVED, 3))
    assert first["References"] is None
    assert last["References"] == last["In-Reply-To"] == first["Message-ID"]
    assert _mail(trial())["References"] is None


def test_machines_do_not_answer() -> None:
    """It is marked as automatic; only a critical page is marked as urgent."""
    page, over = _mail(delivery()), _mail(delivery(EventKind.RESOLVED, 1))
    assert page["Auto-Submitted"] == over["Auto-Submitted"] == "auto-generated"
    assert (page["Importance"], over["Importance"]) == ("high", None)
    assert page["Date"].datetime.timestamp() * 1000 == delivery().sent_ms


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20))
def test_no_text_of_others_adds_a_header(name: str, detail: str, event_id: str) -> None:
    """Names and details with line feeds stay what they are: text."""
    hostile = f"{name}\r\nBcc: x@example.vn\r\n\r\n{detail}"
    subject = msgspec.structs.replace(ROUTER, name_vi=hostile)
    given = delivery(alerts=(msgspec.structs.replace(facts(is_cause=True), subject=subject, detail=hostile),))
    mail = _mail(msgspec.structs.replace(given, event_id=event_id + "\nBcc: y@example.vn", receiver=hostile))
    assert mail["Bcc"] is None
    assert sorted(set(mail.keys())) == sorted(set(_mail(delivery(EventKind.UPDATE, 1)).keys()) | {"Importance"})
    assert mail["Subject"].isprintable()
