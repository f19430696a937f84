"""What the probes of mail servers share: their connection, TLS from the start or later, and what is told of both."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import Meta

from agent.model import Family, Outcome, Reason
from agent.probes.dial import Stream, connect, open_stream
from agent.probes.probe import OK, Finding, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, resolve, split_address
from agent.probes.shapes import CertDays, Fallback, IpName, Secret, SourceIp
from agent.probes.tls_settings import TlsSettings, make_context

if TYPE_CHECKING:
    from agent.probes.certificates import Expiry

_SHOWN: Final = 120
_GOODBYE_S: Final = 1.0
_ORDER: Final = ("resolve", "connect", "tls", "banner", "ehlo", "capability", "starttls", "auth", "quit")


class MailSettings(ProbeSettings, frozen=True):
    """Connection, TLS and login."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    tls: Annotated[bool, Meta(description="Speak TLS from the first byte, as on ports 465 and 993.")] = False
    starttls: Annotated[
        Literal["required", "if_offered", "never"],
        Meta(description="Whether to go over to TLS within the conversation; without meaning where `tls` is true."),
    ] = "if_offered"
    tls_config: TlsSettings = TlsSettings()
    username: Annotated[str, Meta(description="Log in with it; empty: no login.")] = ""
    password: Annotated[Secret, Meta(description="Its password.")] = ""
    allow_plain_auth: Annotated[bool, Meta(description="Send the password without TLS too.")] = False
    degraded_cert_days: CertDays = 0.0


def check(settings: MailSettings) -> None:
    """Raises `ValueError` that says which setting is wrong and why."""
    try:
        make_context(settings.tls_config)
    except ValueError as error:
        raise ValueError(f"tls_config: {error}") from error
    if bool(settings.username) != bool(settings.password):
        raise ValueError("username: a login needs username and password")
    if settings.username and not settings.tls and settings.starttls == "never" and not settings.allow_plain_auth:
        raise ValueError("starttls: never, so that the password would be sent in clear, which allow_plain_auth does not allow")
    if "\0" in settings.username or "\0" in settings.password:
        raise ValueError("username: a NUL is in it or in the password")


def address_problem(address: str) -> str:
    """What was expected in place of this address."""
    try:
        split_address(address, 25)
    except ValueError:
        return "a host or host:port"
    return ""


class Talk:
    """A conversation with a mail server, of which everything that is said can be told."""

    def __init__(self, run: Run, stream: Stream, host: str, own_ip: str) -> None:
        self.run, self.stream, self.host, self.own_ip = run, stream, host, own_ip
        self.expiry: Expiry | None = None
        """Which certificate expires first and when, once TLS is spoken."""

    async def say(self, line: str, shown: str = "") -> None:
        """Send a line; `shown` is told in place of one that holds a secret."""
        if self.run.is_verbose:
            self.run.say(f"C: {shown or line}")
        await self.stream.write(f"{line}\r\n".encode())

    async def hear(self, limit: int) -> bytes:
        """The next line. Raises `ProbeError` for one that is too long, and at the end."""
        line = await self.stream.readline(limit)
        if not line.endswith(b"\n"):
            raise ProbeError(Reason.NO_DATA, f"{self.run.phase}: the server closed the connection")
        if self.run.is_verbose:
            self.run.say(f"S: {shown(line)}")
        return line

    async def secure(self, tls: TlsSettings) -> None:
        """Speak TLS from here on; what the server sent in clear behind its agreement is refused. What certificates it showed is
        told in any case."""
        from agent.probes.certificates import give_certificates  # needs a package that probes without TLS do not

        try:
            await self.stream.start_tls(self.run, tls, self.host)
        finally:
            self.expiry = give_certificates(self.run, self.stream)

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.stream.tls is not None


@contextlib.asynccontextmanager
async def talking(settings: MailSettings, address: str, ports: tuple[int, int], run: Run) -> AsyncIterator[Talk]:
    """A conversation, with TLS already where the settings say so. `ports` are those without and with TLS from the start."""
    try:
        host, port = split_address(address, ports[settings.tls])
    except ValueError as error:
        raise ProbeError(Reason.INTERNAL, f"address: {error}", Outcome.ERROR) from error
    place = await resolve(run, host, IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback))
    sock: socket.socket = await connect(run, place, port, source_ip=settings.source_ip_address)
    own_ip = sock.getsockname()[0]
    stream = await open_stream(run, sock)
    try:
        talk = Talk(run, stream, host, own_ip)
        if settings.tls:
            await talk.secure(settings.tls_config)
        yield talk
    finally:
        stream.close()


async def goodbye(part: Callable[[], Coroutine[Any, Any, object]], run: Run) -> None:
    """The end of a conversation: politeness, which no probe fails for and which takes little time."""
    with contextlib.suppress(TimeoutError, OSError, ssl.SSLError, ProbeError):
        async with asyncio.timeout(min(_GOODBYE_S, run.left_s() / 2)):
            with run.during("quit"):
                await part()


def give_phases(family: Family, run: Run) -> None:
    """The seconds of each phase that there was, always in the same order."""
    for phase in _ORDER:
        if phase in run.phases:
            run.give(family, run.phases[phase], phase)


def clear_login_refused(settings: MailSettings, talk: Talk) -> None:
    """Raises `ProbeError` before a password would be sent in clear."""
    if not talk.is_secure and not settings.allow_plain_auth:
        raise ProbeError(Reason.TLS, "starttls: the server offers no TLS, and the password is not sent in clear")


def verdict(settings: MailSettings, talk: Talk) -> Finding:
    """All went well; degraded if a certificate expires soon."""
    if talk.expiry is None:
        return OK
    from agent.probes.certificates import expiring

    return expiring(talk.expiry, settings.degraded_cert_days) or OK


def shown(data: bytes | str) -> str:
    """What a server said, short and printable."""
    text = data.decode("utf-8", errors="replace") if isinstance(data, bytes) else data
    return "".join(character if character.isprintable() else " " for character in text).strip()[:_SHOWN]
