"""The page behind the acknowledge link of a message: whoever holds the link may say *I care for it*, without logging in.

A GET only shows what would be acknowledged, for mail scanners and previews follow links; nothing happens but by the button.
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from collector.core.alert import Alert
from collector.core.change import StoreError
from collector.core.incident import ActRefusal, Incident, IncidentState, RefusedError
from collector.core.paging_answers import IncidentAct, IncidentActKind, LinkClaim
from collector.core.people import Actor, Role
from collector.expose.acknowledge_words import PAGE
from collector.expose.alert_views import names_of
from collector.expose.link_page import Door, PageError, PageTools, answer, refuse, said, shown
from collector.expose.paging_port import PagingDesk
from collector.expose.paging_words import INCIDENTS, SEVERITIES, kind_text
from collector.expose.words import LANGUAGES

PATH: Final = "/acknowledge"
"""What links begin with after the collector's address."""
INCIDENTS_PATH: Final = "/incidents"
"""The same of links to the page of an incident."""
_MAX_BODY: Final = 4096
_BODY_TIMEOUT_S: Final = 10.0
_MAX_NAME: Final = 64


def add_acknowledge_page(app: web.Application, desk: PagingDesk, tools: PageTools) -> None:
    """Before it serves."""
    page = _Page(desk, tools)
    app.add_routes([web.get(f"{PATH}/{{token}}", page.show), web.post(f"{PATH}/{{token}}", page.act)])


class _Page:
    """The handlers."""

    def __init__(self, desk: PagingDesk, tools: PageTools) -> None:
        self._desk = desk
        self._tools = tools
        self._door = Door(desk, tools)

    async def show(self, request: web.Request) -> web.Response:
        """What would be acknowledged, and a button. Changes nothing."""
        try:
            claim, incident = self._find(request)
        except PageError as refusal:
            return refuse(refusal)
        whole = f"{INCIDENTS_PATH}/{self._tools.links.view_of(claim)}?acknowledge={request.match_info['token']}"
        return answer(200, self._incident_part(incident, is_asking=True) + _whole(whole))

    async def act(self, request: web.Request) -> web.Response:
        """Acknowledge in the name of the receiver that the link was sent to."""
        try:
            claim, incident = self._find(request)
            name = await _name(request)
            actor = Actor(f"link:{claim.receiver}", Role.OPERATOR, request.remote or "")
            done = await self._desk.act(incident.number, IncidentAct(IncidentActKind.ACKNOWLEDGE, name), actor)
        except PageError as refusal:
            return refuse(refusal)
        except RefusedError as error:
            if error.problem not in (ActRefusal.ALREADY, ActRefusal.RESOLVED):
                return refuse(PageError(422, "bad_name" if error.problem is ActRefusal.BAD_TEXT else "refused"))
            # Two people pressed the button: the second one sees who was first.
            return answer(200, self._incident_part(self._find(request)[1], is_asking=False))
        except StoreError:
            return refuse(PageError(503, "store", 5))
        return answer(200, said("done") + self._incident_part(done, is_asking=False))

    def _find(self, request: web.Request) -> tuple[LinkClaim, Incident]:
        """Raises `PageError`."""
        claim = self._door.admit(request, self._tools.links.read)
        incident = self._desk.incident_of(claim.incident)
        if incident is None:
            raise PageError(410, "gone")
        return claim, incident

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
            ("since", self._tools.time(incident.onset_ms)),
            ("alerts", str(len(alerts)) if len(alerts) > 1 else ""),
            ("state", _state(incident, language)),
        ]
        facts = "".join(f"<dt>{escape(PAGE[key][language])}</dt><dd>{shown(value)}</dd>" for key, value in rows if value)
        return f'<dl lang="{language}">{facts}</dl>'


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


def _whole(url: str) -> str:
    label = " / ".join(escape(PAGE["whole"][language]) for language in reversed(LANGUAGES))
    return f'<p><a href="{escape(url)}">{label}</a></p>'


def _form() -> str:
    label = " / ".join(escape(PAGE["name"][language]) for language in reversed(LANGUAGES))
    button = " / ".join(escape(PAGE["button"][language]) for language in reversed(LANGUAGES))
    return (
        f'<form method="post"><p><label>{label}<br><input name="name" maxlength="{_MAX_NAME}" autocomplete="name"></label></p>'
        f"<p><button>{button}</button></p></form>"
    )


async def _name(request: web.Request) -> str:
    """The name that was typed, unproved; empty if none. Raises `PageError`."""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            data = await _body(request)
        fields = parse_qs(data.decode(), max_num_fields=4, keep_blank_values=True)
    except TimeoutError:
        raise PageError(408, "bad_name") from None
    except ValueError:
        raise PageError(422, "bad_name") from None
    name = fields.get("name", [""])[-1].strip()
    if len(name) > _MAX_NAME or not name.isprintable():
        raise PageError(422, "bad_name")
    return name


async def _body(request: web.Request) -> bytes:
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > _MAX_BODY:
            raise PageError(413, "bad_name")
    return bytes(data)
