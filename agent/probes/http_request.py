"""The requests of one run: the first, and each that a redirect asks for. Values only, no network.

Decides what goes along: credentials and cookies stay with the host that they are for, however a server redirects.
"""

from __future__ import annotations

import base64
import functools
import re
from itertools import pairwise
from typing import Final, NamedTuple

import agent
from agent.probes.http_cookies import Jar
from agent.probes.http_settings import Settings
from agent.probes.http_url import Url, follow

MOST_REDIRECTS: Final = 10
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PRIVATE: Final = re.compile(r"auth|cookie|token|key|secret|passw|session|signature", re.IGNORECASE)
"""Names of fields that do not go to another host: what may be a credential by its name."""
_KNOWN: Final = 2048
"""Requests that are made once for all runs."""
Fields = tuple[tuple[str, str], ...]


class Hop(NamedTuple):
    """A request to be made."""

    url: Url
    method: str
    fields: Fields
    body: bytes
    is_first_host: bool
    """Whether it goes where the probe was sent: there the server name of the settings is meant."""
    has_credentials: bool


class Plan:
    """What a module asks, made once; `first` and `after` make its requests for a run."""

    def __init__(self, settings: Settings) -> None:
        self.method = settings.method or "GET"
        self._body = settings.body.encode()
        names = {name.lower(): name for name in settings.headers}
        self.host = settings.headers[names["host"]] if "host" in names else ""
        """The field Host, if the settings name another than the URL's."""
        self._fields = [(name, value) for name, value in settings.headers.items() if name.lower() != "host"]
        if "user-agent" not in names:
            self._fields.append(("User-Agent", f"haidang/{agent.__version__}"))
        self._authorization = "" if "authorization" in names else _authorization(settings)
        self._has_own = "authorization" in names
        self.first = functools.lru_cache(_KNOWN)(self._first)
        """The request of an address. `token`: a field value for Authorization, or empty."""

    def _first(self, url: Url, token: str) -> Hop:
        return self._hop(url, self.method, self._body, self.host or url.authority(), _Away(True, False, token, Jar(), ""))

    def after(self, hop: Hop, status: int, location: str, context: Trip) -> Hop:
        """The request that a redirect asks for, as browsers and Go make it: 307 and 308 keep method and body, the others ask
        with GET. Raises `ValueError` for a `Location` that leads nowhere."""
        url, is_relative = follow(hop.url, location)
        keeps = status in (307, 308)
        method = hop.method if keeps or hop.method == "HEAD" else "GET"
        home = context.home
        is_home = url.host == home.host
        # What went to https must not follow in clear, even to the same host.
        is_private = is_home and (url.is_tls or not home.is_tls) and (url.port == home.port or url.is_tls)
        host = self.host if self.host and is_relative else url.authority()
        referer = "" if hop.url.is_tls and not url.is_tls else str(hop.url)
        away = _Away(is_home, not is_private, context.token, context.jar, referer)
        return self._hop(url, method, hop.body if keeps else b"", host, away)

    def _hop(self, url: Url, method: str, body: bytes, host: str, away: _Away) -> Hop:
        authorization = "" if away.is_stripped else away.token or self._authorization
        has_credentials = bool(authorization) or (self._has_own and not away.is_stripped)
        fields = [("Host", host)]
        for name, value in self._fields:
            if not away.is_stripped or _PRIVATE.search(name) is None:
                fields.append((name, value))
        if authorization:
            fields.append(("Authorization", authorization))
        if cookies := away.jar.header(url):
            fields.append(("Cookie", cookies))
        if away.referer and not any(name.lower() == "referer" for name, _ in fields):
            fields.append(("Referer", away.referer))
        if body or method in ("POST", "PUT", "PATCH"):
            fields.append(("Content-Length", str(len(body))))
        fields.append(("Connection", "close"))
        return Hop(url, method, tuple(fields), body, away.is_first_host, has_credentials)


class Trip:
    """What one run carries from request to request."""

    __slots__ = ("home", "jar", "last", "seen", "token")

    def __init__(self, home: Url, token: str) -> None:
        self.home = home
        self.token = token
        self.jar = Jar()
        self.seen = [home]
        """Where it has been, in order."""
        self.last: Hop
        """The request of the latest answer."""

    def downgrade(self) -> str:
        """What is to be told if a redirect led out of TLS; "" if none did."""
        for before, url in pairwise(self.seen):
            if before.is_tls and not url.is_tls:
                return f"redirected from https to {url.shown}"
        return ""

    def chain(self) -> str:
        """The way for a message, from the first place that it came back to if there is one."""
        urls = self.seen
        for number, url in enumerate(urls):
            if url in urls[number + 1 :]:
                end = urls.index(url, number + 1)
                return "a loop: " + " -> ".join(one.shown for one in urls[number : end + 1])
        return " -> ".join(one.shown for one in urls[:4]) + " -> …"


class _Away(NamedTuple):
    is_first_host: bool
    is_stripped: bool
    """Without what is private."""
    token: str
    jar: Jar
    referer: str


def _authorization(settings: Settings) -> str:
    if settings.basic_auth is not None:
        return basic(settings.basic_auth.username, settings.basic_auth.password)
    if settings.authorization is not None and settings.authorization.credentials:
        return f"{settings.authorization.type.strip() or 'Bearer'} {settings.authorization.credentials}"
    return f"Bearer {settings.bearer_token}" if settings.bearer_token else ""


def basic(username: str, password: str) -> str:
    """The field Authorization of a user and password, in UTF-8 (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
