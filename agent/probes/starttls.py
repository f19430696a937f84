"""How TLS begins inside other protocols: for each a tiny exchange in clear, up to where the handshake starts.

Nothing secret is ever sent, and what servers say is read in bounds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from agent.model import Reason
from agent.probes.dial import Stream
from agent.probes.labels import words
from agent.probes.probe import ProbeError

Protocol = Literal["", "smtp", "imap", "pop3", "ftp", "xmpp", "ldap", "postgres"]
MAX_REPLY_LINES: Final = 200
MAX_REPLY_LINE: Final = 8 * 1024
_LDAP_OID: Final = b"1.3.6.1.4.1.1466.20037"
_LDAP_REQUEST: Final = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _LDAP_OID
"""RFC 4511 4.14: an extended request with message id 1."""
_POSTGRES_REQUEST: Final = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_XMPP_TLS: Final = b"urn:ietf:params:xml:ns:xmpp-tls"
_NOT_OFFERED: Final = "the server does not offer to begin TLS"


async def begin(protocol: Protocol, stream: Stream, host: str) -> None:
    """Bring the conversation to where TLS starts. Raises `ProbeError`: `tls` where the server does not offer it, `bad_status`
    where it says no, `mismatch` where it does not speak the protocol; and what `Stream` raises."""
    await _BEGINNINGS[protocol](stream, host)


async def _smtp(stream: Stream, _host: str) -> None:
    """RFC 3207."""
    await _reply(stream, "220")
    await stream.write(f"EHLO [{'IPv6:' if ':' in stream.local_ip else ''}{stream.local_ip}]\r\n".encode())
    offered = await _reply(stream, "250")
    if not any(line[4:].strip().upper() == "STARTTLS" for line in offered):
        raise ProbeError(Reason.TLS, _NOT_OFFERED)
    await stream.write(b"STARTTLS\r\n")
    await _reply(stream, "220")


async def _ftp(stream: Stream, _host: str) -> None:
    """RFC 4217."""
    await _reply(stream, "220")
    await stream.write(b"AUTH TLS\r\n")
    await _reply(stream, "234")


async def _pop3(stream: Stream, _host: str) -> None:
    """RFC 2595."""
    _expect(await _line(stream), "+OK")
    await stream.write(b"STLS\r\n")
    _expect(await _line(stream), "+OK")


async def _imap(stream: Stream, _host: str) -> None:
    """RFC 9051 6.2.1."""
    _expect(await _line(stream), "* OK")
    await stream.write(b"a1 STARTTLS\r\n")
    for _ in range(MAX_REPLY_LINES):
        line = await _line(stream)
        if not line.startswith("* "):
            _expect(line, "a1 OK")
            return
    raise ProbeError(Reason.MISMATCH, f"more than {MAX_REPLY_LINES} lines without the answer to STARTTLS")


async def _xmpp(stream: Stream, host: str) -> None:
    """RFC 6120 5.4."""
    name = host.replace("&", "").replace("<", "").replace("'", "")
    head = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
    await stream.write(f"<?xml version='1.0'?><stream:stream to='{name}' {head}>".encode())
    said = b""
    while not said.endswith((b"</stream:features>", b"<stream:features/>")):
        if len(said) > MAX_REPLY_LINE:
            raise ProbeError(Reason.MISMATCH, f"more than {MAX_REPLY_LINE} bytes without the features of the stream")
        said += await stream.readuntil(b">", MAX_REPLY_LINE)
    if _XMPP_TLS not in said:
        raise ProbeError(Reason.TLS, _NOT_OFFERED)
    await stream.write(b"<starttls xmlns='" + _XMPP_TLS + b"'/>")
    _expect((await stream.readuntil(b">", MAX_REPLY_LINE)).decode("utf-8", "replace").strip(), "<proceed")


async def _ldap(stream: Stream, _host: str) -> None:
    """RFC 4511 4.14."""
    await stream.write(_LDAP_REQUEST)
    tag, size = await stream.readexactly(2)
    if size & 0x80:
        if size not in (0x81, 0x82, 0x84):
            raise ProbeError(Reason.MISMATCH, "what the server answered is not LDAP")
        size = int.from_bytes(await stream.readexactly(size & 0x7F), "big")
    if tag != 0x30 or not 0 < size <= MAX_REPLY_LINE:
        raise ProbeError(Reason.MISMATCH, "what the server answered is not LDAP")
    code = _ldap_code(await stream.readexactly(size))
    if code is None:
        raise ProbeError(Reason.MISMATCH, "what the server answered is not LDAP's answer to a beginning of TLS")
    if code:
        raise ProbeError(Reason.TLS, f"{_NOT_OFFERED} (LDAP result {code})")


def _ldap_code(body: bytes) -> int | None:
    """The result of an extended response to message 1."""
    if body[:4] != b"\x02\x01\x01\x78" or len(body) < 5:
        return None
    rest = body[5 + (body[4] & 0x7F) :] if body[4] & 0x80 else body[5:]
    return rest[2] if len(rest) > 2 and rest[:2] == b"\x0a\x01" else None


async def _postgres(stream: Stream, _host: str) -> None:
    """SSLRequest of PostgreSQL's protocol 3."""
    await stream.write(_POSTGRES_REQUEST)
    answer = await stream.readexactly(1)
    if answer == b"N":
        raise ProbeError(Reason.TLS, _NOT_OFFERED)
    if answer != b"S":
        raise ProbeError(Reason.MISMATCH, "what the server answered is not PostgreSQL")


async def _line(stream: Stream) -> str:
    return (await stream.readuntil(b"\n", MAX_REPLY_LINE)).decode("utf-8", "replace").rstrip("\r\n")


async def _reply(stream: Stream, code: str) -> list[str]:
    """The lines of a reply with numbers as SMTP and FTP have them (RFC 5321 4.2.1, RFC 959 4.2)."""
    lines = [await _line(stream)]
    _expect(lines[0], code)
    while not (lines[-1].startswith(code) and lines[-1][3:4] in ("", " ")):
        if len(lines) > MAX_REPLY_LINES:
            raise ProbeError(Reason.MISMATCH, f"a reply of more than {MAX_REPLY_LINES} lines")
        lines.append(await _line(stream))
    return lines


def _expect(line: str, start: str) -> None:
    if not line.upper().startswith(start.upper()):
        raise ProbeError(Reason.BAD_STATUS, f"the server answered {words(line)!r} where {start} was expected")


_BEGINNINGS: Final[dict[str, Callable[[Stream, str], Awaitable[None]]]] = {
    "smtp": _smtp, "imap": _imap, "pop3": _pop3, "ftp": _ftp, "xmpp": _xmpp, "ldap": _ldap, "postgres": _postgres,
}  # fmt: skip
