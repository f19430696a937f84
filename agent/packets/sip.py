"""SIP messages of an OPTIONS transaction (RFC 3261): values in, bytes out, and back.

Knows what a probe needs: one request, and the responses to it. It must never trust a length that the other side tells.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

MAX_MESSAGE: Final = 65_535
"""Bytes of a message; a longer one is refused, over UDP it cannot be."""
MAX_HEADERS: Final = 128
PORT: Final = 5060
TLS_PORT: Final = 5061
MAGIC_COOKIE: Final = "z9hG4bK"
"""Start of every branch since RFC 3261 (8.1.1)."""

_COMPACT: Final = {
    "a": "accept-contact", "c": "content-type", "e": "content-encoding", "f": "from", "i": "call-id", "k": "supported",
    "l": "content-length", "m": "contact", "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events",
    "v": "via",
}  # fmt: skip
"""Short names of headers (RFC 3261 7.3.3 and later)."""
_HEAD_END: Final = b"\r\n\r\n"
_TRANSPORTS: Final = ("udp", "tcp", "tls")
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_LITERAL: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,15})?")
_USER: Final = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/%-]{1,128}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,128}")
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?")


class SipError(ValueError):
    """What is no SIP message, or none that is to be read."""


class Address(msgspec.Struct, frozen=True):
    """Whom to ask. `host` is without brackets; `port` 0 and `transport` "" mean: not told."""

    host: str
    port: int = 0
    user: str = ""
    transport: str = ""


def parse_address(text: str) -> Address:
    """`host`, `host:port`, `[v6]:port` or a URI `sip:user@host:port;transport=tcp`, `sips:...`. Raises `SipError`."""
    scheme, colon, rest = text.partition(":")
    is_uri = bool(colon) and scheme.lower() in ("sip", "sips")
    rest, *parameters = (rest if is_uri else text).split(";")
    user, at, place = rest.rpartition("@")
    if (parameters and not is_uri) or (at and not (is_uri and _USER.fullmatch(user))):
        raise SipError(f"no SIP address: {text[:100]!r}")
    host, port = _host_port(place)
    transport = "tls" if is_uri and scheme.lower() == "sips" else ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() == "transport" and not transport:
            transport = value.lower()
            if transport not in _TRANSPORTS:
                raise SipError(f"no transport that we have: {value[:20]!r}")
    return Address(host, port, user, transport)


def _host_port(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or not _LITERAL.fullmatch(host):
            raise SipError(f"no address: {text[:100]!r}")
        port = port[1:] if port else ""
    elif text.count(":") > 1:
        host, port = text, ""
        if not _LITERAL.fullmatch(host):
            raise SipError(f"no address: {text[:100]!r}")
    else:
        host, colon, port = text.partition(":")
        if not _HOST.fullmatch(host) or (colon and not port):
            raise SipError(f"no host: {text[:100]!r}")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536):
        raise SipError(f"no port: {port[:20]!r}")
    return host, int(port or 0)


def bracketed(host: str) -> str:
    """The host as it stands in a URI or Via: an IPv6 literal in brackets and without its zone."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host


def is_clean(text: str) -> bool:
    """Whether text can stand in a header: printable, on one line."""
    return text.isprintable()


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One OPTIONS request. `sent_by` is our side (`host:port`); `branch` starts with `MAGIC_COOKIE`."""

    uri: str
    transport: str
    sent_by: str
    branch: str
    from_uri: str
    from_tag: str
    call_id: str
    sequence: int = 1
    user_agent: str = "haidang"
    max_forwards: int = 70


def encode(options: Options) -> bytes:
    """The request (RFC 3261 11.1). With `rport` the answer comes back through a NAT (RFC 3581). Raises `SipError` for what
    would break out of its line."""
    lines = (
        f"OPTIONS {options.uri} SIP/2.0",
        f"Via: SIP/2.0/{options.transport.upper()} {options.sent_by};branch={options.branch};rport",
        f"Max-Forwards: {options.max_forwards}",
        f"From: <{options.from_uri}>;tag={options.from_tag}",
        f"To: <{options.uri}>",
        f"Call-ID: {options.call_id}",
        f"CSeq: {options.sequence} OPTIONS",
        f"Contact: <sip:{options.sent_by};transport={options.transport}>",
        "Accept: application/sdp",
        f"User-Agent: {options.user_agent}",
        "Content-Length: 0",
    )
    if not all(is_clean(line) for line in lines):
        raise SipError("unprintable text in a request")
    return "\r\n".join((*lines, "", "")).encode()


class Response(msgspec.Struct, frozen=True):
    """A response. `headers` are in their order, names small and long (`via`, not `v`)."""

    status: int
    phrase: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def first(self, name: str) -> str:
        """Value of the first header of that name, "" where it has none."""
        return next((value for each, value in self.headers if each == name), "")

    def every(self, name: str) -> str:
        """Values of all headers of that name, as one list (RFC 3261 7.3.1)."""
        return ", ".join(value for each, value in self.headers if each == name)


def take(buffer: bytes) -> tuple[bytes | None, bytes]:
    """The first whole message of a stream and what is behind it; None: it is not whole yet. Line ends before a message are
    signs of life (RFC 5626 3.5.1) and skipped. Raises `SipError` where no message can be found any more."""
    buffer = buffer.lstrip(b"\r\n")
    end = buffer.find(_HEAD_END, 0, MAX_MESSAGE)
    if end < 0:
        if len(buffer) >= MAX_MESSAGE:
            raise SipError("headers without an end")
        return None, buffer
    length = _content_length(_headers(_lines(buffer[:end])[1:]))
    whole = end + len(_HEAD_END) + (length or 0)
    if whole > MAX_MESSAGE:
        raise SipError(f"message of {whole} bytes")
    return (buffer[:whole], buffer[whole:]) if len(buffer) >= whole else (None, buffer)


def decode(message: bytes) -> Response | None:
    """The response in a datagram or in what `take` found; None for a request. Raises `SipError`."""
    if len(message) > MAX_MESSAGE:
        raise SipError(f"message of {len(message)} bytes")
    head, end, body = message.lstrip(b"\r\n").partition(_HEAD_END)
    if not end:
        raise SipError("headers without an end")
    lines = _lines(head)
    if lines[0].endswith(" SIP/2.0"):
        return None
    status = _STATUS_LINE.fullmatch(lines[0])
    if status is None:
        raise SipError(f"no status line: {lines[0][:60]!r}")
    headers = _headers(lines[1:])
    length = _content_length(headers)
    if length is not None and length > len(body):
        raise SipError(f"body of {len(body)} bytes where {length} were told")
    return Response(int(status[1]), status[2] or "", headers, body[:length])


def answers(options: Options, response: Response) -> bool:
    """Whether a response belongs to the request: branch of the topmost Via, Call-ID, CSeq (RFC 3261 17.1.3, 8.1.3)."""
    top = response.first("via").split(",")[0]
    branch = next((part.strip()[7:] for part in top.split(";")[1:] if part.strip().lower().startswith("branch=")), "")
    number, _, method = response.first("cseq").partition(" ")
    return (
        branch == options.branch
        and response.first("call-id") == options.call_id
        and number == str(options.sequence)
        and method.strip() == "OPTIONS"
    )


def _lines(head: bytes) -> list[str]:
    """Lines with those that continue one put behind it (RFC 3261 7.3.1)."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise SipError("headers that are no UTF-8") from error
    if text.count("\r\n") > MAX_HEADERS:
        raise SipError(f"more than {MAX_HEADERS} headers")
    lines: list[str] = []
    for line in text.split("\r\n"):
        if lines and line[:1] in (" ", "\t"):
            lines[-1] = f"{lines[-1]} {line.strip()}"
        else:
            lines.append(line)
    return lines


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not _TOKEN.fullmatch(name):
            raise SipError(f"no header: {line[:60]!r}")
        found.append((_COMPACT.get(name, name), value.strip()))
    return tuple(found)


def _content_length(headers: tuple[tuple[str, str], ...]) -> int | None:
    """Told length of the body. Raises `SipError` for none, or several that differ."""
    told = {value for name, value in headers if name == "content-length"}
    if not told:
        return None
    [value, *others] = told
    if others or not (value.isascii() and value.isdigit() and len(value) <= 6):
        raise SipError(f"no length: {value[:20]!r}")
    return int(value)
