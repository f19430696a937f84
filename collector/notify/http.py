"""The one HTTP client of all channels: bounded in time and size, without cookies, proxies and redirects of its own accord.

Whatever can go wrong is mapped to `ChannelError` here and nowhere else; no text of an error holds a URL, for its path may be a
secret. Each request has a connection of its own: nothing is sent into one that the receiver has just closed.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import tempfile
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

from collector.notify.channel import ChannelError, Failure
from collector.notify.names import Names
from collector.notify.private import read_private, read_public
from collector.notify.settings import TlsEntry
from collector.notify.tools import Tools

MOST_BYTES: Final = 65_536
"""Of an answer's body; what is longer is cut off and the status counts."""
MOST_PAUSE_S: Final = 3_600.0
"""Of `Retry-After`: nobody may ask for more silence."""
_MOST_REDIRECTS: Final = 3
_CONNECTIONS: Final = 8
_CONNECT_S: Final = 5.0
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_AUTH: Final = frozenset({401, 403, 407})
_LATER: Final = frozenset({408, 425})


class Answer(msgspec.Struct, frozen=True):
    """What a receiver answered."""

    status: int
    body: bytes
    """At most `MOST_BYTES`."""
    retry_after_s: float | None = None
    location: str = ""


class HttpClient:
    """Asks the servers of one receiver. Made with `open_client` inside the running loop; `close` it."""

    def __init__(self, tls: ssl.SSLContext | bool, server_name: str, agent: str, *, allow_redirects: bool) -> None:
        self._names = Names()
        connector = aiohttp.TCPConnector(ssl=tls, force_close=True, limit=_CONNECTIONS, ttl_dns_cache=30, resolver=self._names)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": agent, "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
        )
        self._server_name = server_name
        self._allow_redirects = allow_redirects

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()
        await self._names.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """POST; the answer, whatever its status. Raises `ChannelError` when there is none within `timeout_s`."""
        return await self.request("POST", url, body, headers, timeout_s)

    async def request(self, method: str, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """As `post`, by any method. Redirects are followed, with method and body, only where settings allow it."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._followed(method, url, body, headers)
        except TimeoutError:
            raise ChannelError(Failure.TIMEOUT, f"no whole answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failure_of(error) from None

    async def _followed(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = await self._once(method, url, body, headers)
        for _ in range(_MOST_REDIRECTS if self._allow_redirects else 0):
            if answer.status not in _REDIRECTS:
                break
            url = _redirected(url, answer.location)
            answer = await self._once(method, url, body, headers)
        return answer

    async def _once(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._session.request(
            method,
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            server_hostname=self._server_name or None,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
        ) as response:
            data = b""
            while len(data) < MOST_BYTES and (more := await response.content.read(MOST_BYTES - len(data))):
                data += more
            pause = response.headers.get("Retry-After", "")
            return Answer(response.status, data, retry_after_s(pause, time.time()), response.headers.get("Location", ""))


def open_client(tls: TlsEntry, tools: Tools, *, allow_redirects: bool = False) -> HttpClient:
    """A client as settings say. Raises `ChannelError` (settings) for files that cannot be read or used."""
    context = tls_context(tls, tools.folder) if tls != TlsEntry() else True
    agent = f"haidang-collector/{tools.version}"
    return HttpClient(context, tls.server_name, agent, allow_redirects=allow_redirects)


def check(answer: Answer) -> None:
    """Raises `ChannelError` unless the status is 2xx. Who is not let in is asked again, for somebody will mend the token; other
    4xx are permanent but those that ask for another try."""
    status, pause = answer.status, answer.retry_after_s
    said = f"status {status}"
    if 200 <= status < 300:
        return
    if status in _AUTH:
        raise ChannelError(Failure.AUTH, said, retry_after_s=pause)
    if status == 429:
        raise ChannelError(Failure.RATE_LIMIT, said, retry_after_s=pause)
    if status in _LATER or status >= 500:
        raise ChannelError(Failure.SERVER, said, retry_after_s=pause)
    if 300 <= status < 400:
        raise ChannelError(Failure.REJECTED, f"{said}: a redirect that is not followed", retry_after_s=pause)
    raise ChannelError(Failure.REJECTED, said, permanent=400 <= status < 500)


def retry_after_s(text: str, now_s: float) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 10.2.3: seconds or a date), between 0 and `MOST_PAUSE_S`; None for nothing
    that can be read."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_PAUSE_S)
    try:
        at_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(at_s - now_s, 0.0), MOST_PAUSE_S)


def failure_of(error: BaseException) -> ChannelError:
    """What an exception of aiohttp or the system means. Of its text only what the system says is kept."""
    tls = _tls_error(error)
    if tls is not None:
        return ChannelError(Failure.TLS, tls)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ChannelError(Failure.UNRESOLVED, "the host's name cannot be resolved")
    if isinstance(error, TimeoutError):
        return ChannelError(Failure.TIMEOUT, f"no connection within {_CONNECT_S:g} s")
    if isinstance(error, aiohttp.ClientConnectorError):
        return _unconnected(error.os_error)
    if isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | aiohttp.ClientOSError | ConnectionError
    ):
        return ChannelError(Failure.CLOSED, "the connection ended before the answer was whole")
    if isinstance(error, aiohttp.ClientResponseError):
        return ChannelError(Failure.SERVER, "the answer is no HTTP")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return ChannelError(Failure.SETTINGS, "the URL or a header cannot be used")
    if isinstance(error, OSError):
        return _unconnected(error)
    return ChannelError(Failure.INTERNAL, type(error).__name__)


def _unconnected(error: OSError) -> ChannelError:
    if isinstance(error, ConnectionRefusedError) or error.errno == errno.ECONNREFUSED:
        return ChannelError(Failure.REFUSED, "connection refused")
    if isinstance(error, ConnectionError):
        return ChannelError(Failure.CLOSED, "the connection ended before the answer was whole")
    return ChannelError(Failure.UNREACHABLE, (error.strerror or "no connection")[:100].lower())


def _tls_error(error: BaseException | None) -> str | None:
    """What is wrong with TLS, if that is behind an exception. Of a certificate the reason that OpenSSL gives. Those of aiohttp
    are unwrapped first, for they pass as the system's and lack what these have."""
    for _ in range(5):
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            error = error.certificate_error
        elif isinstance(error, aiohttp.ClientConnectorError):
            error = error.os_error
        elif isinstance(error, ssl.SSLCertVerificationError):
            return f"certificate: {error.verify_message or 'not trusted'}"
        elif isinstance(error, ssl.SSLError):
            return (error.reason or "handshake failed").lower().replace("_", " ")
        elif error is not None:
            error = error.__cause__ or error.__context__
    return None


def _redirected(url: str, location: str) -> str:
    """Where a redirect leads. Raises `ChannelError` unless it is the same host, and not from TLS to none."""
    old, new = urlsplit(url), urlsplit(urljoin(url, location))
    is_safe = new.scheme == "https" or (new.scheme == "http" and old.scheme == "http")
    if not location or new.hostname != old.hostname or not is_safe:
        raise ChannelError(Failure.REJECTED, "a redirect to another host")
    return new.geturl()


def tls_context(entry: TlsEntry, folder: Path) -> ssl.SSLContext:
    """What TLS of a receiver is made with, also by channels that speak no HTTP. Raises `ChannelError` (settings)."""
    try:
        return _made(entry, folder)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "not PEM"
        raise ChannelError(Failure.SETTINGS, f"tls: {str(reason).lower().replace('_', ' ')}") from None


def _made(entry: TlsEntry, folder: Path) -> ssl.SSLContext:
    trusted = read_public(folder / entry.ca_file, "tls.ca_file").decode("ascii", "replace") if entry.ca_file else None
    context = ssl.create_default_context(cadata=trusted)
    if not entry.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if entry.cert_file:
        _load_pair(context, entry, folder)
    return context


def _load_pair(context: ssl.SSLContext, entry: TlsEntry, folder: Path) -> None:
    """OpenSSL reads a pair from files only: a copy that nobody else can read lives for the moment of the reading, so what was
    checked is what is used."""
    chain = read_public(folder / entry.cert_file, "tls.cert_file")
    key = read_private(folder / (entry.key_file or entry.cert_file), "tls.key_file")
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(key + b"\n" + chain)
        copy.flush()
        context.load_cert_chain(copy.name, password=lambda: b"")
