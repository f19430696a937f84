"""The channel `email`: one message a delivery over SMTP (RFC 5321), one connection each.

It never falls back from TLS to clear text, and never sends a password without TLS but to this very machine. aiosmtplib speaks
the protocol in a task of its own, which is ended when the time is up: no server can hold more than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Final

import aiosmtplib
import msgspec

from agent.settings import Secret
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.email_message import address_of, mail_of
from collector.notify.http import failure_of, tls_context
from collector.notify.names import Names
from collector.notify.private import read_secret
from collector.notify.settings import EmailEntry, ReceiverEntry
from collector.notify.tools import Tools

_CONNECT_S: Final = 5.0
"""For one address of the server; then the next is tried."""
_QUIT_S: Final = 2.0
"""For the farewell, after the server has taken the message."""
_MOST_SAID: Final = 120
_AUTH_CODES: Final = (530, 534, 535, 538)
"""RFC 4954 4 and 6: a login is wanted, or went wrong."""
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")


class _Server(msgspec.Struct, frozen=True):
    """How the mail server is reached and greeted."""

    entry: EmailEntry
    context: ssl.SSLContext
    hello: str
    password: Secret | None

    @property
    def name(self) -> str:
        """The name its certificate must bear."""
        return self.entry.tls.server_name or self.entry.host


async def open_channel(name: str, entry: ReceiverEntry, tools: Tools) -> EmailChannel:
    """The channel of a receiver. Raises `ChannelError` (settings): a secret, a certificate or an address cannot be used, or the
    password would cross the network in clear."""
    mail = entry.email
    if mail is None or not mail.to:
        raise ChannelError(Failure.SETTINGS, "email: nobody to write to")
    password = read_secret(tools.folder, mail.password_file, mail.password_env, "password")
    if bool(mail.username) != (password is not None):
        raise ChannelError(Failure.SETTINGS, "email: username and password go together")
    if password is not None and mail.security == "none" and not _is_here(mail.host):
        raise ChannelError(Failure.SETTINGS, "email: a password is not sent without TLS")
    server = _Server(mail, tls_context(mail.tls, tools.folder), _greeting(mail.hello or tools.hostname), password)
    return EmailChannel(server, entry.timeout_s)


class EmailChannel:
    """Writes to the people of one receiver."""

    def __init__(self, server: _Server, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._sender = address_of(server.entry.sender, "sender")
        self._to = tuple(address_of(one, "to") for one in server.entry.to)
        self._names = Names()

    async def send(self, delivery: Delivery) -> str:
        """Deliver; returns when the server has taken the message for at least one address, with a remark on those it refused.
        Raises `ChannelError`: 4yz is temporary, 5yz to the sender, to every address or to the message is permanent."""
        message = mail_of(delivery, self._sender, self._to)
        to = [one.addr_spec for one in self._to]
        way = (self._names, self._server, self._timeout_s)
        talk = asyncio.create_task(_talk(way, self._sender.addr_spec, to, message), name="mail")
        try:
            # not asyncio.timeout: the library waits in a way that loses cancellations on Python 3.11; ours must not be lost
            await asyncio.wait({talk}, timeout=self._timeout_s)
            if talk.done():
                return talk.result()
        finally:
            await _end(talk)
        raise ChannelError(Failure.TIMEOUT, f"not taken within {self._timeout_s:g} s")

    async def close(self) -> None:
        """No connection is held between deliveries."""
        await self._names.close()


async def _end(talk: asyncio.Task[str]) -> None:
    """Have the conversation over, whatever it was about to say."""
    if talk.cancel():
        await asyncio.wait({talk}, timeout=1.0)
    if talk.done() and not talk.cancelled():
        talk.exception()  # is retrieved, and nobody complains that it was not


async def _talk(way: tuple[Names, _Server, float], sender: str, to: list[str], message: bytes) -> str:
    """One connection from the first packet to the farewell; `way` is by which names to which server, and its timeout."""
    names, server, timeout_s = way
    entry = server.entry
    link = await _dial(names, entry.host, entry.port)
    client = aiosmtplib.SMTP(
        hostname=server.name,
        sock=link,
        local_hostname=server.hello,
        use_tls=entry.security == "tls",
        start_tls=False,  # done below, where its absence is an error of ours
        tls_context=server.context,
        timeout=timeout_s,  # of one command; the caller has the deadline of all
    )
    try:
        await _greet(client, server)
        refused = await _hand_over(client, sender, to, message)
        await _part(client)
        return _remark(refused)
    finally:
        with contextlib.suppress(OSError):  # gone already
            link.shutdown(socket.SHUT_RDWR)  # so that no farewell of TLS waits for a server that hangs
        client.close()


async def _dial(names: Names, host: str, port: int) -> socket.socket:
    """A connection to the first address that takes one."""
    loop = asyncio.get_running_loop()
    try:
        found = await names.resolve(host, port)
    except (OSError, ValueError):
        raise ChannelError(Failure.UNRESOLVED, "the host's name cannot be resolved") from None
    trouble: OSError | None = None
    for place in found:
        link = socket.socket(place["family"], socket.SOCK_STREAM)
        link.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await loop.sock_connect(link, (place["host"], port))
            return link
        except OSError as error:
            trouble = error
            link.close()
        except BaseException:  # cancelled: nobody else knows of the socket
            link.close()
            raise
    raise _unconnected(trouble or OSError("no address"))


def _unconnected(error: OSError) -> ChannelError:
    if isinstance(error, ConnectionRefusedError):
        return ChannelError(Failure.REFUSED, "connection refused")
    if isinstance(error, TimeoutError):
        return ChannelError(Failure.TIMEOUT, f"no connection within {_CONNECT_S:g} s")
    return ChannelError(Failure.UNREACHABLE, (error.strerror or "no connection").lower())


async def _greet(client: aiosmtplib.SMTP, server: _Server) -> None:
    """Banner, EHLO, TLS, login. What is refused here may be mended at the server: nothing of it is permanent."""
    try:
        await client.connect()
        await client.ehlo()
        if server.entry.security == "starttls":
            if not client.supports_extension("starttls"):
                raise ChannelError(Failure.TLS, "the server does not offer STARTTLS")
            await client.starttls(server_hostname=server.name)
            await client.ehlo()
        if server.password is not None:
            await _log_in(client, server.entry.username, server.password)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _failure(error, is_permanent=False) from None


async def _log_in(client: aiosmtplib.SMTP, username: str, password: Secret) -> None:
    if not client.supported_auth_methods:
        raise ChannelError(Failure.AUTH, "the server offers no login that we know")
    try:
        await client.login(username, password.reveal())
    except aiosmtplib.SMTPAuthenticationError as error:
        later = 400 <= error.code < 500
        # without its text: a server may repeat what it was sent
        raise ChannelError(Failure.SERVER if later else Failure.AUTH, f"login: {error.code}") from None


async def _hand_over(client: aiosmtplib.SMTP, sender: str, to: list[str], message: bytes) -> Mapping[str, object]:
    """MAIL, RCPT, DATA; the addresses that were refused while others were taken."""
    try:
        refused, _ = await client.sendmail(sender, to, message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        answers = error.recipients
        later = [one for one in answers if one.code < 500]
        first = (later or answers)[0]
        failure = Failure.SERVER if later else Failure.REJECTED
        raise ChannelError(failure, f"every address: {_said(first)}", permanent=not later) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _failure(error, is_permanent=True) from None
    return refused


async def _part(client: aiosmtplib.SMTP) -> None:
    """QUIT. The message is the server's already: whatever happens here is no failure."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=_QUIT_S)


def _failure(error: BaseException, *, is_permanent: bool) -> ChannelError:
    """What an exception of the library or the system means."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        if error.code in _AUTH_CODES:
            return ChannelError(Failure.AUTH, f"answer {error.code}")
        is_refusal = 500 <= error.code < 600
        failure = Failure.REJECTED if is_refusal else Failure.SERVER
        detail = _said(error) if 200 <= error.code < 600 else "the answer is no SMTP"
        return ChannelError(failure, detail, permanent=is_refusal and is_permanent)
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, ssl.SSLError):
            return failure_of(cause)
    if isinstance(error, ValueError):
        return ChannelError(Failure.SETTINGS, "an address or a name cannot be sent")
    if isinstance(error, TimeoutError):
        return ChannelError(Failure.TIMEOUT, "no answer")
    if isinstance(error, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPConnectError | ConnectionError):
        return ChannelError(Failure.CLOSED, "the connection ended before the server had taken the message")
    if isinstance(error, OSError) and not isinstance(error, aiosmtplib.SMTPException):
        return failure_of(error)
    return ChannelError(Failure.SERVER, "the answer is no SMTP")


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    """Code and text of an answer, on one line."""
    text = _UNPRINTABLE.sub(" ", error.message.encode("utf-8", "replace").decode("utf-8", "replace"))
    return f"{error.code} {text[:_MOST_SAID]}".strip()


def _remark(refused: Mapping[str, object]) -> str:
    return f"refused for {len(refused)}: {', '.join(sorted(refused))}"[:300] if refused else ""


def _greeting(name: str) -> str:
    """A name for EHLO (RFC 5321, section 4.1.1.1); a machine without a proper one says that it is local."""
    ascii_name = "".join(char for char in name if char.isascii() and (char.isalnum() or char in ".-:[]"))
    return ascii_name if ascii_name == name and name else "localhost.localdomain"


def _is_here(host: str) -> bool:
    """Whether a host is certainly this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
