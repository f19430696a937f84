"""Cookies for the length of one run: pages behind a redirect often need the one that the redirect gave.

As much of RFC 6265 as that takes, in bounds; a cookie never leaves the host that gave it but for names below it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.probes.http_url import Url, is_within

MOST: Final = 50
MOST_BYTES: Final = 4096
"""Of one cookie, as browsers have it."""


class _Cookie(NamedTuple):
    value: str
    is_secure: bool


class Jar:
    """Empty at the beginning of a run."""

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, bool, str], _Cookie] = {}
        """By host, path, whether for that host only, and name."""

    def keep(self, url: Url, fields: list[str]) -> None:
        """Take the `Set-Cookie` fields of an answer of `url`; what is not allowed or one too many is left out."""
        for field in fields:
            pair, *attributes = field.split(";")
            name, equals, value = pair.partition("=")
            name = name.strip()
            if not equals or not name or len(field) > MOST_BYTES:
                continue
            said = {key.strip().lower(): text.strip() for key, _, text in (part.partition("=") for part in attributes)}
            host = said.get("domain", "").lower().lstrip(".") or url.host
            if not is_within(url.host, host) or (host != url.host and "." not in host):
                continue
            path = said.get("path", "")
            path = path if path.startswith("/") else _folder(url)
            key = (host, path, "domain" not in said, name)
            if said.get("max-age", "1").startswith(("0", "-")):
                self._cookies.pop(key, None)
            elif len(self._cookies) < MOST or key in self._cookies:
                self._cookies[key] = _Cookie(value.strip(), "secure" in said)

    def header(self, url: Url) -> str:
        """The field `Cookie` for a request of `url`, longest paths first; empty if there is none."""
        path = url.target.partition("?")[0]
        found = [
            (where, name, cookie)
            for (host, where, is_host_only, name), cookie in self._cookies.items()
            if (url.host == host or (not is_host_only and is_within(url.host, host)))
            and (path == where or path.startswith(where if where.endswith("/") else f"{where}/"))
            and (url.is_tls or not cookie.is_secure)
        ]
        found.sort(key=lambda item: -len(item[0]))
        return "; ".join(f"{name}={cookie.value}" for _, name, cookie in found)


def _folder(url: Url) -> str:
    """RFC 6265 5.1.4: the path up to its last slash."""
    return url.target.partition("?")[0].rpartition("/")[0] or "/"
