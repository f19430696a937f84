"""URLs of the probe `http`: what is asked, of whom, and where a redirect leads. Pure text, no network.

An address without a scheme is `http://`, as blackbox_exporter has it. Names and paths may be written in any script.
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

EXPECTED: Final = "a host, host:port or URL (http://… or https://…) without user and password"
MAX_LENGTH: Final = 8192
_PORTS: Final = {"http": 80, "https": 443}
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"
"""What stays as it is in a path or query: all that RFC 3986 lets be there, and `%`, which begins what is quoted already."""
_KNOWN: Final = 4096


class Url(NamedTuple):
    """A URL in its parts. `host` has no brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str
    has_port: bool
    """Whether it was written with a port."""

    @property
    def is_tls(self) -> bool:
        """Whether it is https."""
        return self.scheme == "https"

    def authority(self, host: str = "") -> str:
        """`host` or `host:port` as in the field Host, with another host if one is given."""
        host = host or self.host
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{self.port}" if self.has_port else host

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials belong to."""
        return (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority()}{self.target}"

    @property
    def shown(self) -> str:
        """For messages: without the query, which may hold tokens."""
        path, mark, _ = self.target.partition("?")
        return f"{self.scheme}://{self.authority()}{path}{'?…' if mark else ''}"


@functools.lru_cache(_KNOWN)
def parse(text: str) -> Url:
    """The URL of an address or of a `Location` made absolute. Raises `ValueError` that says what was expected."""
    if len(text) > MAX_LENGTH or not text.isprintable():
        raise ValueError(f"no URL: longer than {MAX_LENGTH} or with control characters")
    parts = urlsplit(text if "://" in text[:16] else f"http://{text}")
    if parts.scheme not in _PORTS or "@" in parts.netloc or " " in parts.netloc:
        raise ValueError(f"expected {EXPECTED}")
    try:
        port, host = parts.port, parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError as error:  # a port that is none, a label that is too long
        raise ValueError(f"no host and port: {error}") from error
    if not host or port == 0:
        raise ValueError(f"expected {EXPECTED}")
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return Url(parts.scheme, host, port or _PORTS[parts.scheme], target, port is not None)


def follow(base: Url, location: str) -> tuple[Url, bool]:
    """Where a `Location` leads from `base`, and whether it was relative (names no host). Raises `ValueError`."""
    location = location.strip()
    if len(location) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH}")
    whole = urljoin(str(base), location)
    scheme, mark, _ = whole.partition("://")
    if not mark or scheme.lower() not in _PORTS:
        raise ValueError("neither http nor https")
    return parse(whole), not urlsplit(location).netloc


def is_within(host: str, first: str) -> bool:
    """Whether `host` is `first` or a name below it: Go sends cookies and credentials that far."""
    return host == first or (":" not in host and "%" not in host and host.endswith(f".{first}"))
