"""What the pages behind signed links share: who is let in, how nothing of them is kept by browsers, and how a refusal is told.

The link is the permission, for one purpose and one incident; whoever guesses links is slowed down, and nobody else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import hdrs, web

from collector.core.alert import Alert
from collector.core.incident import Entry, Incident
from collector.core.paging_answers import LinkClaim
from collector.expose.acknowledge_words import PAGE
from collector.expose.auth import Failures, network_of
from collector.expose.paging_port import LinkPort, PagingDesk
from collector.expose.words import LANGUAGES

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_MAX_TOKEN: Final = 1024
_STYLE: Final = (
    "body{font:18px/1.5 sans-serif;max-width:40rem;margin:1rem auto;padding:0 1rem}"
    "button,.button{font-size:1.2rem;padding:.6rem 1.2rem}input{font-size:1rem;padding:.3rem}dt{font-weight:bold}"
    ".button{display:inline-block;background:#fc3;color:#000;text-decoration:none}li{margin:.4rem 0}.other{color:#555}"
)


class PastPort(Protocol):
    """The part of the store that the page of an incident reads; raises `change.StoreError`."""

    async def incident_of(self, uid: str) -> Incident | None: ...

    async def incident_entries(self, uid: str) -> list[Entry]: ...

    async def incident_alerts(self, uid: str) -> list[Alert]: ...


class PageTools(msgspec.Struct, frozen=True):
    """What the pages need beside the desk."""

    links: LinkPort
    now_ms: Callable[[], int]
    zone: ZoneInfo
    reason: Callable[[str, str], str] = lambda language, word: word
    """Words, by language, for the reason of an alert, as messages say it."""
    steady: Callable[[], float] = time.monotonic
    """Only paces those who bring links that are none."""

    def time(self, ms: int) -> str:
        """A moment as people of the place read it."""
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone).strftime("%Y-%m-%d %H:%M %Z")


class PageError(Exception):
    """The page tells that nothing was done; `key` names a text."""

    def __init__(self, status: int, key: str, retry_after_s: int = 0) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.retry_after_s = retry_after_s


class Door:
    """Lets in whoever brings a genuine link."""

    def __init__(self, desk: PagingDesk, tools: PageTools) -> None:
        self._desk = desk
        self._tools = tools
        self._failures = Failures()

    def admit(self, request: web.Request, read: Callable[[str, int], LinkClaim | None]) -> LinkClaim:
        """What the link in the address says, by `read` for the purpose of the page. Raises `PageError`."""
        tools, key, token = self._tools, network_of(request.remote or ""), request.match_info["token"]
        claim = read(token, tools.now_ms()) if len(token) <= _MAX_TOKEN else None
        if claim is None:
            # Only who brings none waits: behind one proxy, whoever guesses must not shut out who has a page to acknowledge.
            wait_s = self._failures.wait_s(key, tools.steady())
            if wait_s > 0:
                raise PageError(429, "slow_down", math.ceil(wait_s))
            self._failures.count(key, tools.steady())
            raise PageError(403, "bad_link")
        if not self._desk.is_loaded():
            raise PageError(503, "loading", 2)
        return claim


def shown(value: str) -> str:
    """A text of others as HTML: no mark-up, nothing that cannot be seen, and its direction stays its own."""
    return f"<bdi>{escape(''.join(each if each.isprintable() else ' ' for each in value))}</bdi>"


def said(key: str) -> str:
    """A text of the pages in both languages."""
    return "".join(f'<p lang="{language}">{escape(PAGE[key][language])}</p>' for language in reversed(LANGUAGES))


def answer(status: int, inner: str, language: str = "vi") -> web.Response:
    """A whole page; `inner` is HTML."""
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Hải Đăng</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><h1>Hải Đăng</h1>{inner}</body></html>\n"
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def refuse(refusal: PageError) -> web.Response:
    """The page that says why not."""
    told = answer(refusal.status, said(refusal.key))
    if refusal.retry_after_s:
        told.headers[hdrs.RETRY_AFTER] = str(refusal.retry_after_s)
    return told
