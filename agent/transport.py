"""One HTTP connection to a collector: TLS with a pinned CA, keep-alive, deadlines, bounded answers.

Errors of sockets and TLS are translated here into `Reason`; nothing outside matches on their text.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from agent import http1
from agent.model import Reason
from agent.orders_copy import MAX_BYTES
from agent.settings import URL_PATTERN
from agent.wire import CONTENT_TYPE

_LOOPBACK: Final = re.compile(r"localhost\Z|127\.\d{1,3}\.\d{1,3}\.\d{1,3}\Z|::1\Z")
_URL: Final = re.compile(URL_PATTERN)
_DEFAULT_PORT: Final = 8601
_MAX_RETRY_AFTER_S: Final = 3600.0
_PIECE_BYTES: Final = 64 * 1024
_RECEIVE_BYTES: Final = 16 * 1024


class TransportError(Exception):
    """No answer: why (a closed list) and a sentence for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Response(msgspec.Struct, frozen=True):
    """An HTTP answer; `retry_after_s` is 0 if the collector named no time."""

    status: int
    body: bytes
    retry_after_s: float = 0.0


class TransportSettings(msgspec.Struct, frozen=True):
    """How to reach collectors. `token` and `ca_file` may be absent (empty) on loopback."""

    token: str = ""
    ca_file: str = ""
    allow_plain_http: bool = False
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 10.0
    """From the first byte sent to the last byte of the answer."""
    answer_bytes: int = 1024 * 1024
    orders_bytes: int = MAX_BYTES

    def __repr__(self) -> str:
        return f"TransportSettings(token=***, ca_file={self.ca_file!r}, allow_plain_http={self.allow_plain_http})"


class Transport(Protocol):
    """What the uplink needs: send one body to one collector, get one answer."""

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        """`POST url/v1/batches`. Raises `TransportError`."""

    def get_orders(self, url: str, tag: str) -> Response:
        """`GET url/v1/orders`, whose answer is 304 if `tag` names what there is. Raises `TransportError`."""

    def close(self) -> None:
        """Drop the connection."""


class Address(msgspec.Struct, frozen=True):
    """A collector's URL, taken apart; `authority` is host and port as HTTP names them."""

    host: str
    port: int
    is_tls: bool
    path: str
    authority: str


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by a loopback address."""
    parts = _URL.match(url)
    return parts is not None and _LOOPBACK.match(_host(parts)) is not None


def check_url(url: str, settings: TransportSettings) -> Address:
    """The URL's parts. Raises `ValueError` saying what was found and what was expected."""
    parts = _URL.match(url)
    if parts is None:
        wrong = url.startswith(("https://", "http://")) and any(mark in url for mark in "@?#")
        expected = "an address without user, query and fragment" if wrong else "https://host:port"
        raise ValueError(f"found {url!r}, expected {expected}")
    host, port = _host(parts), int((parts[2] or ":0")[1:]) or _DEFAULT_PORT
    if port > 65_535:
        raise ValueError(f"found {url!r} (Port out of range), expected https://host:port")
    is_tls = url.startswith("https:")
    if not is_tls and not settings.allow_plain_http and not _LOOPBACK.match(host):
        raise ValueError(f"found {url!r}, expected https:// (plain HTTP only to loopback, or with allow_plain_http)")
    if is_tls and not settings.ca_file:
        raise ValueError(f"found {url!r} without ca_file, expected the file with the collector's CA certificate")
    return Address(host, port, is_tls, (parts[3] or "").rstrip("/") + "/v1/batches", f"{parts[1]}:{port}")


def _host(parts: re.Match[str]) -> str:
    return parts[1].strip("[]").lower()


class HttpTransport:
    """The real one: a connection is kept to the collector spoken to last."""

    def __init__(self, settings: TransportSettings) -> None:
        """Raises `ValueError` naming the setting that is wrong."""
        self._settings = settings
        self._context = _context(settings.ca_file) if settings.ca_file else None
        self._url = ""
        self._address: Address | None = None
        self._connection: _Connection | None = None

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        """See `Transport.post`."""
        return self._ask(url, lambda address: self._head(address, len(body), deflated), body, self._settings.answer_bytes)

    def get_orders(self, url: str, tag: str) -> Response:
        """See `Transport.get_orders`."""

        def head(address: Address) -> bytes:
            fields = self._fields(address)
            if tag:
                fields["If-None-Match"] = f'"{tag}"'
            return http1.get(address.path.removesuffix("/v1/batches") + "/v1/orders", fields)

        return self._ask(url, head, b"", self._settings.orders_bytes)

    def _ask(self, url: str, make: Callable[[Address], bytes], body: bytes, most: int) -> Response:
        try:
            address = self._go_to(url)
            head = make(address)
        except ValueError as error:
            raise TransportError(Reason.MISMATCH, str(error)) from None
        try:
            return self._send(address, head, body, most)
        except (OSError, http1.AnswerError) as error:
            self.close()
            raise _translate(error, address) from error

    def _go_to(self, url: str) -> Address:
        if url != self._url or self._address is None:
            self.close()
            self._address = check_url(url, self._settings)
            self._url = url
        return self._address

    def _fields(self, address: Address) -> dict[str, str]:
        fields = {"Host": address.authority}
        if self._settings.token:
            fields["Authorization"] = f"Bearer {self._settings.token}"
        return fields

    def _head(self, address: Address, length: int, deflated: bool) -> bytes:
        fields = self._fields(address)
        fields["Content-Type"] = CONTENT_TYPE
        if deflated:
            fields["Content-Encoding"] = "deflate"
        return http1.post(address.path, fields, length)

    def _send(self, address: Address, head: bytes, body: bytes, most: int) -> Response:
        if self._connection is not None:
            try:
                return self._exchange(self._connection, head, body, most)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                # The collector closed a connection that was idle; sending twice is harmless (DESIGN.md 2, point 3).
                self.close()
        self._connection = _Connection(address, self._context, self._settings)
        return self._exchange(self._connection, head, body, most)

    def _exchange(self, connection: _Connection, head: bytes, body: bytes, most: int) -> Response:
        answer = connection.exchange(head, body, most)
        if answer.is_last:
            self.close()
        return Response(answer.status, answer.body, _retry_after(answer.fields.get("retry-after", "")))

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection:
    """A socket whose whole exchange has one deadline: a peer that drips bytes cannot hold the uplink."""

    def __init__(self, address: Address, context: ssl.SSLContext | None, settings: TransportSettings) -> None:
        """Reach the collector; TLS is part of the connect timeout."""
        self._settings = settings
        self._deadline = 0.0
        self._socket = self._reach(address)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None and address.is_tls:
                # As bytes, for the same reason as in `_reach`.
                self._socket = context.wrap_socket(self._timed(), server_hostname=address.host.encode("ascii"))
        except BaseException:
            self.close()
            raise

    def _reach(self, address: Address) -> socket.socket:
        # A name given as text goes through the codec for international names, 0.2 MiB of tables; ours are ASCII.
        found = socket.getaddrinfo(address.host.encode("ascii"), address.port, type=socket.SOCK_STREAM)
        for index, (family, kind, protocol, _, place) in enumerate(found, 1):
            self._deadline = time.monotonic() + self._settings.connect_timeout_s
            self._socket = socket.socket(family, kind, protocol)
            try:
                self._timed().connect(place)
            except OSError:
                self.close()
                if index == len(found):
                    raise
            else:
                return self._socket
        raise OSError("no address")

    def exchange(self, head: bytes, body: bytes, most: int) -> http1.Answer:
        """Send a request, get its answer, whose body has at most `most` bytes. Raises `OSError`, `ConnectionResetError` if no
        byte of an answer came, and `http1.AnswerError`."""
        self._deadline = time.monotonic() + self._settings.answer_timeout_s
        # A small body goes with its head in one segment and one TLS record.
        pieces = (head + body,) if len(body) <= _PIECE_BYTES else (head, body)
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[self._timed().send(view[:_PIECE_BYTES]) :]
        parser = http1.Parser(most)
        while data := self._timed().recv(_RECEIVE_BYTES):
            answer = parser.feed(data)
            if answer is not None:
                return answer
        if not parser.has_begun:
            raise ConnectionResetError("closed the connection without an answer")
        return parser.finish()

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _timed(self) -> socket.socket:
        """The socket, good for as long as the deadline allows. Raises `TimeoutError`."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._socket


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file {ca_file!r}: {error.strerror or error}, expected a file with a PEM certificate") from error
    return context


def _retry_after(text: str) -> float:
    # The other form of the header is a date; our collectors send seconds, and a date needs a clock that agrees with theirs.
    return min(float(text), _MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() else 0.0


def _translate(error: Exception, address: Address) -> TransportError:
    where = f"{address.host}:{address.port}"
    if isinstance(error, TimeoutError):
        return TransportError(Reason.TIMEOUT, f"{where} did not answer in time")
    if isinstance(error, socket.gaierror):
        return TransportError(Reason.UNRESOLVED, f"{address.host}: {error.strerror}")
    if isinstance(error, ConnectionRefusedError):
        return TransportError(Reason.REFUSED, f"{where} refuses the connection")
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError(Reason.TLS, f"{where}: {error.verify_message}")
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return TransportError(Reason.TLS, f"{where}: {error.reason or error}")
    if isinstance(error, OSError):
        return TransportError(Reason.UNREACHABLE, f"{where}: {error.strerror or error}")
    return TransportError(Reason.MISMATCH, f"{where} does not answer as a collector: {error or type(error).__name__}")
