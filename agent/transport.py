"""One HTTP connection to a collector: TLS with a pinned CA, keep-alive, deadlines, bounded answers.

Errors of sockets and TLS are translated here into `Reason`; nothing outside matches on their text.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import time
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec

from agent.model import Reason
from agent.wire import CONTENT_TYPE

_LOOPBACK: Final = re.compile(r"localhost\Z|127\.\d{1,3}\.\d{1,3}\.\d{1,3}\Z|::1\Z")
_MAX_RETRY_AFTER_S: Final = 3600.0


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

    def __repr__(self) -> str:
        return f"TransportSettings(token=***, ca_file={self.ca_file!r}, allow_plain_http={self.allow_plain_http})"


class Transport(Protocol):
    """What the uplink needs: send one body to one collector, get one answer."""

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        """`POST url/v1/batches`. Raises `TransportError`."""

    def close(self) -> None:
        """Drop the connection."""


class Address(msgspec.Struct, frozen=True):
    """A collector's URL, taken apart."""

    host: str
    port: int
    is_tls: bool
    path: str


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by a loopback address."""
    return bool(_LOOPBACK.match((urlsplit(url).hostname or "").lower()))


def check_url(url: str, settings: TransportSettings) -> Address:
    """The URL's parts. Raises `ValueError` saying what was found and what was expected."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"found {url!r} ({error}), expected https://host:port") from None
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError(f"found {url!r}, expected https://host:port")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"found {url!r}, expected an address without user, query and fragment")
    is_tls = parts.scheme == "https"
    if not is_tls and not settings.allow_plain_http and not _LOOPBACK.match(host):
        raise ValueError(f"found {url!r}, expected https:// (plain HTTP only to loopback, or with allow_plain_http)")
    if is_tls and not settings.ca_file:
        raise ValueError(f"found {url!r} without ca_file, expected the file with the collector's CA certificate")
    return Address(host, port or 8601, is_tls, parts.path.rstrip("/") + "/v1/batches")


class HttpTransport:
    """The real one: a connection is kept to the collector spoken to last."""

    def __init__(self, settings: TransportSettings) -> None:
        """Raises `ValueError` naming the setting that is wrong."""
        self._settings = settings
        self._context = _context(settings.ca_file) if settings.ca_file else None
        self._url = ""
        self._address: Address | None = None
        self._connection: _Connection | None = None
        self._headers = {"Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE, "User-Agent": "haidang-agent"}
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        """See `Transport.post`."""
        if url != self._url or self._address is None:
            self.close()
            try:
                self._address = check_url(url, self._settings)
            except ValueError as error:
                raise TransportError(Reason.MISMATCH, str(error)) from None
            self._url = url
        headers = {**self._headers, "Content-Encoding": "deflate"} if deflated else self._headers
        try:
            return self._post(self._address, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise _translate(error, self._address) from error

    def _post(self, address: Address, body: bytes, headers: dict[str, str]) -> Response:
        if self._connection is not None:
            try:
                return self._exchange(self._connection, address, body, headers)
            except (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError):
                # The collector closed a connection that was idle; sending twice is harmless (DESIGN.md 2, point 3).
                self.close()
        self._connection = _Connection(address, self._context, self._settings)
        return self._exchange(self._connection, address, body, headers)

    def _exchange(self, connection: _Connection, address: Address, body: bytes, headers: dict[str, str]) -> Response:
        connection.start_clock()
        connection.request("POST", address.path, body, headers)
        answer = connection.getresponse()
        limit = self._settings.answer_bytes
        if (answer.length or 0) > limit or len(data := answer.read(limit + 1)) > limit:
            raise http.client.HTTPException(f"answer is longer than {limit} bytes")
        if answer.length:
            raise http.client.HTTPException(f"answer ends {answer.length} bytes early")
        if answer.will_close:
            self.close()
        return Response(answer.status, data, _retry_after(answer.headers.get("Retry-After", "")))

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.drop()
            self._connection = None


class _Connection(http.client.HTTPConnection):
    """An `HTTPConnection` whose whole exchange has one deadline: a peer that drips bytes cannot hold the uplink."""

    def __init__(self, address: Address, context: ssl.SSLContext | None, settings: TransportSettings) -> None:
        super().__init__(address.host, address.port)
        self._address = address
        self._tls = context if address.is_tls else None
        self._settings = settings
        self._real: socket.socket | None = None
        self._deadline = 0.0

    def start_clock(self) -> None:
        """One exchange begins."""
        self._deadline = time.monotonic() + self._settings.answer_timeout_s

    def connect(self) -> None:
        """Reach the collector; TLS is part of the connect timeout. The deadline starts anew after it."""
        self._real = socket.create_connection((self._address.host, self._address.port), self._settings.connect_timeout_s)
        self._real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self._real = self._tls.wrap_socket(self._real, server_hostname=self._address.host)
        self.start_clock()
        self.sock = _Timed(self)

    def drop(self) -> None:
        """Close the socket, whatever `http.client` thinks of it."""
        self.close()
        if self._real is not None:
            with contextlib.suppress(OSError):
                self._real.close()
            self._real = None

    def timed(self) -> socket.socket:
        """The socket, good for as long as the deadline allows. Raises `TimeoutError`."""
        left = self._deadline - time.monotonic()
        if left <= 0 or self._real is None:
            raise TimeoutError("timed out")
        self._real.settimeout(left)
        return self._real


class _Timed:
    """The part of a socket that `http.client` uses, under the connection's deadline. The connection closes the socket."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._connection.timed().send(view[:65536]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_Reader(self._connection))

    def close(self) -> None:
        """Left to `_Connection.drop`: `http.client` closes before the answer's body is read."""


class _Reader(io.RawIOBase):
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        return self._connection.timed().recv_into(buffer)


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
