"""The page behind the link of a message: one incident as people ask for it, without logging in, for as long as the link works.

It shows and never acts. What it shows is what messages say, and the timeline; the part in memory does not need the database.
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web

from collector.core.alert import Alert, Hold, HoldReason
from collector.core.change import StoreError
from collector.core.incident import Entry, EntryKind, Incident, IncidentState
from collector.core.notice import EventKind
from collector.expose.acknowledge import INCIDENTS_PATH, add_acknowledge_page
from collector.expose.acknowledge import PATH as ACKNOWLEDGE_PATH
from collector.expose.alert_views import names_of
from collector.expose.incident_page_words import ENTRIES, EVENTS, PAGE
from collector.expose.link_page import Door, PageError, PageTools, PastPort, answer, refuse, shown
from collector.expose.paging_port import PagingDesk
from collector.expose.paging_words import INCIDENTS, SEVERITIES, hold_text, kind_text
from collector.expose.words import LANGUAGES

MOST_SHOWN: Final = 100
"""Alerts, and lines of the timeline, that are shown; the rest is counted."""
_DELIVERY: Final = (EntryKind.DELIVERED, EntryKind.UNDELIVERABLE, EntryKind.FALLBACK)


def add_link_pages(app: web.Application, desk: PagingDesk, past: PastPort, tools: PageTools) -> None:
    """The pages behind both links of messages. Before it serves."""
    app.add_routes([web.get(f"{INCIDENTS_PATH}/{{token}}", _Page(desk, past, tools).show)])
    add_acknowledge_page(app, desk, tools)


class _Found(msgspec.Struct, frozen=True):
    """An incident with all that is known of it; `entries` is None if they cannot be read."""

    incident: Incident
    alerts: list[Alert]
    entries: list[Entry] | None


class _Page:
    """The handler."""

    def __init__(self, desk: PagingDesk, past: PastPort, tools: PageTools) -> None:
        self._desk = desk
        self._past = past
        self._tools = tools
        self._door = Door(desk, tools)

    async def show(self, request: web.Request) -> web.Response:
        """The incident in the language that is asked for; with a way to acknowledge if that link is given too."""
        try:
            claim = self._door.admit(request, self._tools.links.read_view)
            found = await self._find(claim.incident)
        except PageError as refusal:
            return refuse(refusal)
        language, token = _language(request), request.query.get("acknowledge", "")
        allowed = self._tools.links.read(token, self._tools.now_ms()) if token else None
        may_act = allowed is not None and allowed.incident == claim.incident
        telling = _Telling(self._desk, self._tools, language)
        parts = [telling.switch(token if may_act else ""), telling.facts(found)]
        if may_act and found.incident.state is IncidentState.OPEN:
            href = f"{ACKNOWLEDGE_PATH}/{quote(token, safe='.')}"
            parts.append(f'<p><a class="button" href="{escape(href)}">{PAGE["button"][language]}</a></p>')
        return answer(200, "".join([*parts, telling.affected(found), telling.timeline(found)]), language)

    async def _find(self, uid: str) -> _Found:
        """From memory and the store; from memory alone where the store does not answer. Raises `PageError`."""
        known = self._desk.incident_of(uid)
        try:
            incident = known or await self._past.incident_of(uid)
            if incident is None:
                raise PageError(410, "gone")
            return _Found(incident, await self._past.incident_alerts(uid), await self._past.incident_entries(uid))
        except StoreError:
            if known is None:
                raise PageError(503, "store", 5) from None
            return _Found(known, [one for one in self._desk.alerts() if one.incident == uid], None)


class _Telling:
    """Finds the words, in one language."""

    def __init__(self, desk: PagingDesk, tools: PageTools, language: str) -> None:
        self._desk = desk
        self._tools = tools
        self._language = language

    def switch(self, token: str) -> str:
        """The same page in the other language."""
        other = next(each for each in LANGUAGES if each != self._language)
        more = f"&acknowledge={quote(token, safe='.')}" if token else ""
        return f'<p><a href="{escape(f"?lang={other}{more}")}" lang="{other}">{self._word("other")}</a></p>'

    def facts(self, found: _Found) -> str:
        """What, where, since when, why, and who cares for it."""
        incident, language = found.incident, self._language
        named = self._desk.name_of(incident.cause.subject)
        site = named.site_vi if language == "vi" else named.site_en
        cause = _cause(found)
        rows = [
            ("subject", self._name(incident.cause.subject)),
            ("site", site or named.site or incident.site),
            ("severity", SEVERITIES[incident.severity][language]),
            ("state", INCIDENTS[incident.state][language]),
            ("since", self._tools.time(incident.onset_ms)),
            ("why", self._why(cause) if cause is not None else ""),
            ("acknowledged", self._by(incident.acknowledged_ms, incident.acknowledged_by) or self._word("nobody")),
            ("assignee", incident.assignee),
            ("resolved", self._by(incident.resolved_ms, incident.resolved_by)),
            ("told", ", ".join(incident.told)),
        ]
        listed = "".join(f"<dt>{self._word(key)}</dt><dd>{shown(value)}</dd>" for key, value in rows if value)
        what = f": {kind_text(cause, language)}" if cause is not None else ""
        return f"<h2>#{incident.number} {shown(names_of(named)[language] + what)}</h2><dl>{listed}</dl>"

    def affected(self, found: _Found) -> str:
        """The other alerts, and why nobody was told of each; nothing if there are none."""
        cause = _cause(found)
        others = sorted(
            (one for one in found.alerts if one is not cause), key=lambda one: (not one.is_open, one.since_ms, one.key)
        )
        lines = [shown(self._alert(one)) for one in others[:MOST_SHOWN]]
        return self._listed("affected", lines, len(others)) if others else ""

    def timeline(self, found: _Found) -> str:
        """What happened, the newest first."""
        if found.entries is None:
            return f"<h3>{self._word('timeline')}</h3><p>{self._word('no_timeline')}</p>"
        lines = [shown(self._entry(one)) for one in reversed(found.entries[-MOST_SHOWN:])]
        return self._listed("timeline", lines, len(found.entries))

    def _listed(self, key: str, lines: list[str], count: int) -> str:
        if count > len(lines):
            lines.append(self._word("more").format(count=count - len(lines)))
        return f"<h3>{self._word(key)}</h3><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"

    def _alert(self, alert: Alert) -> str:
        parts = [f"{self._name(alert.key.subject)}: {kind_text(alert, self._language)}", self._tools.time(alert.since_ms)]
        if alert.ended_ms is not None:
            parts.append(self._word("over").format(time=self._tools.time(alert.ended_ms)))
        elif alert.hold is not None or alert.paged_ms is None:
            parts.append(hold_text(alert.hold, self._language))
        if alert.paged_ms is not None:
            parts.append(self._word("paged"))
        return " – ".join(parts)

    def _entry(self, entry: Entry) -> str:
        about = f"{self._name(entry.alert.subject)}" if entry.alert is not None else ""
        text = entry.text
        first, _, rest = text.partition(" ")
        if entry.kind in (EntryKind.HELD, EntryKind.JOINED) and first in set(HoldReason):
            text = hold_text(Hold(HoldReason(first), rest), self._language)
        elif entry.kind in _DELIVERY:
            event, mark, rest = text.partition(":")
            text = (EVENTS[EventKind(event)][self._language] if event in set(EventKind) else event) + mark + rest
        parts = [self._tools.time(entry.at_ms), ENTRIES[entry.kind][self._language], entry.by, about, text]
        return " – ".join(filter(None, parts))

    def _name(self, subject: str) -> str:
        name = names_of(self._desk.name_of(subject))[self._language]
        return f"{name} ({subject})" if name != subject else name

    def _why(self, alert: Alert) -> str:
        return "; ".join(filter(None, (self._tools.reason(self._language, alert.reason) if alert.reason else "", alert.detail)))

    def _by(self, at_ms: int | None, by: str) -> str:
        return " – ".join(filter(None, (self._tools.time(at_ms), by))) if at_ms is not None else ""

    def _word(self, key: str) -> str:
        return PAGE[key][self._language]


def _cause(found: _Found) -> Alert | None:
    """The newest alert of the cause."""
    of_cause = [one for one in found.alerts if one.key == found.incident.cause]
    return max(of_cause, key=lambda one: (one.is_open, one.since_ms), default=None)


def _language(request: web.Request) -> str:
    """As asked for in the address, else the first of ours that the browser names, else Vietnamese."""
    if (asked := request.query.get("lang", "")) in LANGUAGES:
        return asked
    wanted = [part.strip()[:2].lower() for part in request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(",")]
    return next((one for one in wanted if one in LANGUAGES), "vi")
