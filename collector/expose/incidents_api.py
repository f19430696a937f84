"""The API of incidents and open alerts: lists, one with its timeline, and people's acts on it, each audited by the desk."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from collector.core.incident import Incident, IncidentState
from collector.core.paging_answers import IncidentAct, IncidentActKind
from collector.expose.alert_views import alert_view
from collector.expose.incidents_views import (
    AlertList,
    IncidentList,
    IncidentShown,
    entry_view,
    incident_view,
    open_alert_view,
    row_view,
)
from collector.expose.paging_gate import PagingGate, number_of, unknown
from collector.expose.requests import Handler, json_answer, read_body, read_query

_ROWS: Final = 200
"""Outbox rows of one incident that are shown, the newest."""
Text = Annotated[str, Meta(max_length=500)]


class _ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: Literal["", "active", "open", "acknowledged", "resolved"] = ""
    """`active`: those that are not resolved; "": all."""
    before: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class _AlertQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str = ""
    held: Literal["", "true", "false"] = ""
    """`true`: those of which nobody was told; `false`: those that were paged."""


class _TextIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Text = ""


class _CommentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Text


class _AssignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    assignee: Annotated[str, Meta(max_length=64)]
    text: Text = ""


_BODIES: Final[dict[IncidentActKind, type[_TextIn | _CommentIn | _AssignIn]]] = {
    IncidentActKind.ACKNOWLEDGE: _TextIn,
    IncidentActKind.ASSIGN: _AssignIn,
    IncidentActKind.COMMENT: _CommentIn,
    IncidentActKind.RESOLVE: _TextIn,
}


class Incidents:
    """The handlers."""

    def __init__(self, gate: PagingGate) -> None:
        self._gate = gate

    async def listing(self, request: web.Request) -> web.Response:
        """Newest first; what is active is told from memory, without the database."""
        await self._gate.reader(request)
        query = read_query(request.query.items(), _ListQuery)
        desk = self._gate.desk
        found = self._active(query) if query.state == "active" else await self._stored(query)
        more = found[query.limit - 1].number if len(found) > query.limit else None
        return json_answer(IncidentList([incident_view(one, desk) for one in found[: query.limit]], more))

    def _active(self, query: _ListQuery) -> list[Incident]:
        found = [
            one
            for one in self._gate.desk.incidents()
            if one.state is not IncidentState.RESOLVED and (query.before is None or one.number < query.before)
        ]
        return sorted(found, key=lambda one: one.number, reverse=True)

    async def _stored(self, query: _ListQuery) -> list[Incident]:
        state = IncidentState(query.state) if query.state else None
        return await self._gate.records.incident_page(state, query.before, query.limit + 1)

    async def show(self, request: web.Request) -> web.Response:
        """One incident with its alerts, what it affects and why, its timeline and its rows of the outbox."""
        await self._gate.reader(request)
        number, desk, records = number_of(request), self._gate.desk, self._gate.records
        found = desk.incident(number) or await records.incident_by(number)
        if found is None:
            raise unknown(str(number))
        alerts = await records.incident_alerts(found.uid)
        alerts.sort(key=lambda one: (one.key != found.cause, not one.is_open, one.severity.rank, one.since_ms, one.uid))
        entries = await records.incident_entries(found.uid)
        rows = await records.outbox_of(found.uid, _ROWS)
        return json_answer(
            IncidentShown(
                incident_view(found, desk),
                [alert_view(one, desk.name_of(one.key.subject), number) for one in alerts],
                [entry_view(one) for one in entries],
                [row_view(one) for one in rows],
            )
        )

    def act(self, kind: IncidentActKind) -> Handler:
        """The handler of one act."""

        async def answer(request: web.Request) -> web.Response:
            actor = await self._gate.actor(request)
            asked = await read_body(request, _BODIES[kind])
            act = IncidentAct(kind, asked.text, getattr(asked, "assignee", ""))
            done = await self._gate.desk.act(number_of(request), act, actor)
            return json_answer(incident_view(done, self._gate.desk))

        return answer

    async def alerts(self, request: web.Request) -> web.Response:
        """What is wrong at present and whether anybody was told."""
        await self._gate.reader(request)
        query, desk = read_query(request.query.items(), _AlertQuery), self._gate.desk
        found = desk.alerts_of(query.subject) if query.subject else desk.alerts()
        if query.held:
            is_wanted = query.held == "false"
            found = [one for one in found if (one.paged_ms is not None) is is_wanted]
        ordered = sorted(found, key=lambda one: (one.severity.rank, one.since_ms, one.key))
        return json_answer(AlertList([open_alert_view(one, desk) for one in ordered]))
