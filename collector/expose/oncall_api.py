"""The API of duties and routes: who is on duty, and where an alert would go."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from collector.core.acts import instant_ms
from collector.core.alert import AlertKind, Severity
from collector.core.paging_answers import RouteAsk
from collector.expose.acts_views import Moment
from collector.expose.incidents_views import duty_view, route_view
from collector.expose.paging_gate import PagingGate
from collector.expose.requests import json_answer, read_query

WEEK_MS: Final = 7 * 86_400_000


class _NowQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: Moment | None = None


class _WeekQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    from_: Moment | None = None


class _RouteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: Annotated[str, Meta(min_length=1, max_length=200)]
    severity: Severity = Severity.CRITICAL
    kind: AlertKind = AlertKind.DOWN
    at: Moment | None = None


class OnCall:
    """The handlers."""

    def __init__(self, gate: PagingGate) -> None:
        self._gate = gate

    async def now(self, request: web.Request) -> web.Response:
        """Who is on duty at this or another moment."""
        await self._gate.reader(request)
        at_ms = self._at(read_query(request.query.items(), _NowQuery).at)
        return self._duties(at_ms, at_ms + 1)

    async def week(self, request: web.Request) -> web.Response:
        """Who is on duty in the seven days from now or another moment."""
        await self._gate.reader(request)
        from_ms = self._at(read_query(request.query.items(), _WeekQuery).from_)
        return self._duties(from_ms, from_ms + WEEK_MS)

    async def route(self, request: web.Request) -> web.Response:
        """Where an alert of a target would go. Raises `RefusedError`, `RequestError`."""
        await self._gate.reader(request)
        query = read_query(request.query.items(), _RouteQuery)
        ask = RouteAsk(query.target, query.severity, query.kind, self._at(query.at))
        return json_answer(route_view(self._gate.desk.explain_route(ask)))

    def _at(self, moment: Moment | None) -> int:
        return self._gate.now_ms() if moment is None else instant_ms(moment)

    def _duties(self, from_ms: int, to_ms: int) -> web.Response:
        return json_answer({"duties": [duty_view(one) for one in self._gate.desk.duties(from_ms, to_ms)]})
