"""The page behind the acknowledge link of a message: whoever holds the link may say *I care for it*, without logging in.

A GET only shows what would be acknowledged, for mail scanners and previews follow links; nothing happens but by the button.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import hdrs, web

from collector.core.alert import Alert
from collector.core.change import StoreError
from collector.core.incident import ActRefusal, Incident, IncidentState, RefusedError
from collector.core.paging_answers import IncidentAct, IncidentActKind, LinkClaim
from collector.core.people import Actor, Role
from collector.expose.acknowledge_words import PAGE
from collector.expose.alert_views import names_of
from collector.expose.auth import Failures, network_of
from collector.expose.paging_port import LinkPort, PagingDesk
from collector.expose.paging_words import INCIDENTS, SEVERITIES, kind_text
from collector.expose.words import LANGUAGES

PATH: Final = "/acknowledge"
"""What links begin with after the collector's address."""
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
_MAX_BODY: Final = 4096
_BODY_TIMEOUT_S: Final = 10.0
_MAX_NAME: Final = 64
_STYLE: Final = (
    "body{font:18px/1.5 sans-serif;max-width:40rem;margin:1rem auto;padding:0 1rem}"
    "button{font-size:1.2rem;padding:.6rem 1.2rem}input{font-size:1rem;padding:.3rem}dt{font-weight:bold}[lang=en]{color:#555}"
)


class PageTools(msgspec.Struct, frozen=True):
    """What the page needs beside the desk."""

    links: LinkPort
    now_ms: Callable[[], int]
    zone: ZoneInfo
    steady: Callable[[], float] = time.monotonic
    """Only paces those who bring links that are none."""


class _PageError(Exception):
    """The page tells that nothing was done; `key` names a text."""

    def __init__(self, status: int, key: str, retry_after_s: int = 0) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.retry_after_s = retry_after_s


def add_acknowledge_page(app: web.Application, desk: PagingDesk, tools: PageTools) -> None:
    """Before it serves."""
    page = _Page(desk, tools)
    app.add_routes([web.get(f"{PATH}/{{token}}", page.show), web.post(f"{PATH}/{{token}}", page.act)])


class _Page:
    """The handlers."""

    def __init__(self, desk: PagingDesk, tools: PageTools) -> None:
        self._desk = desk
        self._tools = tools
        self._failures = Failures()

    async def show(self, request: web.Request) -> web.Response:
        """What would be acknowledged, and a button. Changes nothing."""
        try:
            return self._answer(200, self._incident_part(self._find(request)[1], is_asking=True))
        except _PageError as refusal:
            return self._refuse(refusal)

    async def act(self, request: web.Request) -> web.Response:
        """Acknowledge in the name of the receiver that the link was sent to."""
        try:
            claim, incident = self._find(request)
            name = await _name(request)
            actor = Actor(f"link:{claim.receiver}", Role.OPERATOR, request.remote or "")
            done = await self._desk.act(incident.number, IncidentAct(IncidentActKind.ACKNOWLEDGE, name), actor)
        except _PageError as refusal:
            return self._refuse(refusal)
        except RefusedError as error:
            if error.problem not in (ActRefusal.ALREADY, ActRefusal.RESOLVED):
                return self._refuse(_PageError(422, "bad_name" if error.problem is ActRefusal.BAD_TEXT else "refused"))
            # Two people pressed the button: the second one sees who was first.
            return self._answer(200, self._incident_part(self._find(request)[1], is_asking=False))
        except StoreError:
            return self._refuse(_PageError(503, "store", 5))
        return self._answer(200, _said("done") + self._incident_part(done, is_asking=False))

    def _find(self, request: web.Request) -> tuple[LinkClaim, Incident]:
        """Raises `_PageError`."""
        tools, key, token = self._tools, network_of(request.remote or ""), request.match_info["token"]
        wait_s = self._failures.wait_s(key, tools.steady())
        if wait_s > 0:
            raise _PageError(429, "slow_down", math.ceil(wait_s))
        claim = tools.links.read(token, tools.now_ms()) if len(token) <= _MAX_TOKEN else None
        if claim is None:
            self._failures.count(key, tools.steady())
            raise _PageError(403, "bad_link")
        if not self._desk.is_loaded():
            raise _PageError(503, "loading", 2)
        incident = self._desk.incident_of(claim.incident)
        if incident is None:
            raise _PageError(410, "gone")
        return claim, incident

    def _refuse(self, refusal: _PageError) -> web.Response:
        answer = self._answer(refusal.status, _said(refusal.key))
        if refusal.retry_after_s:
            answer.headers[hdrs.RETRY_AFTER] = str(refusal.retry_after_s)
        return answer

    def _answer(self, status: int, inner: str) -> web.Response:
        text = (
            '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Hải Đăng</title>'
            '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
            f"<style>{_STYLE}</style></head><body><h1>Hải Đăng</h1>{inner}</body></html>\n"
        )
        return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)

    def _incident_part(self, incident: Incident, *, is_asking: bool) -> str:
        """The facts; with the button if it is open and asked about."""
        facts = "".join(self._facts(incident, language) for language in reversed(LANGUAGES))
        if incident.state is not IncidentState.OPEN:
            return facts
        return facts + (_form() if is_asking else "")

    def _facts(self, incident: Incident, language: str) -> str:
        named = self._desk.name_of(incident.cause.subject)
        site = named.site_vi if language == "vi" else named.site_en
        alerts = [one for one in self._desk.alerts() if one.incident == incident.uid]
        rows = [
            ("incident", f"#{incident.number}"),
            ("subject", f"{names_of(named)[language]} ({incident.cause.subject})"),
            ("what", _what(incident, alerts, language)),
            ("severity", SEVERITIES[incident.severity][language]),
            ("site", site or incident.site),
            ("since", self._time(incident.onset_ms)),
            ("alerts", str(len(alerts)) if len(alerts) > 1 else ""),
            ("state", _state(incident, language)),
        ]
        shown = "".join(f"<dt>{escape(PAGE[key][language])}</dt><dd>{escape(value)}</dd>" for key, value in rows if value)
        return f'<dl lang="{language}">{shown}</dl>'

    def _time(self, ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self._tools.zone).strftime("%Y-%m-%d %H:%M %Z")


def _what(incident: Incident, alerts: list[Alert], language: str) -> str:
    found = [one for one in alerts if one.key == incident.cause]
    return kind_text(found[0], language) if found else ""


def _state(incident: Incident, language: str) -> str:
    text, by = INCIDENTS[incident.state][language], ""
    if incident.state is IncidentState.ACKNOWLEDGED:
        by = incident.acknowledged_by
    elif incident.state is IncidentState.RESOLVED:
        by = incident.resolved_by
    return f"{text} ({by})" if by else text


def _form() -> str:
    label = " / ".join(escape(PAGE["name"][language]) for language in reversed(LANGUAGES))
    button = " / ".join(escape(PAGE["button"][language]) for language in reversed(LANGUAGES))
    return (
        f'<form method="post"><p><label>{label}<br><input name="name" maxlength="{_MAX_NAME}" autocomplete="name"></label></p>'
        f"<p><button>{button}</button></p></form>"
    )


def _said(key: str) -> str:
    return "".join(f'<p lang="{language}">{escape(PAGE[key][language])}</p>' for language in reversed(LANGUAGES))


async def _name(request: web.Request) -> str:
    """The name that was typed, unproved; empty if none. Raises `_PageError`."""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            data = await _body(request)
        fields = parse_qs(data.decode(), max_num_fields=4, keep_blank_values=True)
    except TimeoutError:
        raise _PageError(408, "bad_name") from None
    except ValueError:
        raise _PageError(422, "bad_name") from None
    name = fields.get("name", [""])[-1].strip()
    if len(name) > _MAX_NAME or not name.isprintable():
        raise _PageError(422, "bad_name")
    return name


async def _body(request: web.Request) -> bytes:
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > _MAX_BODY:
            raise _PageError(413, "bad_name")
    return bytes(data)
