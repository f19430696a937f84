"""The API of issued reports: which there are, what each says, and sealing a period (3.17).

Reports name people, so that reading them needs a token, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, Protocol

import msgspec
from aiohttp import web
from msgspec import Meta

from collector.core.issued import SealError, SealProblem
from collector.core.people import Actor, Right
from collector.core.sealing import IssuedReport
from collector.expose.api import time_text
from collector.expose.auth import Gatekeeper, PeoplePort
from collector.expose.requests import JSON, RequestError, answering, json_answer, read_body, read_query

DOCUMENTS_AT_ONCE: Final = 2
WAITING: Final = 8
"""Requests that may wait for a document or a seal; the next is answered 503."""
DOCUMENT_TIMEOUT_S: Final = 60.0
SEAL_TIMEOUT_S: Final = 290.0
"""A month of ten thousand targets takes most of a minute."""
_STATUS: Final = {SealProblem.BAD_PERIOD: 422, SealProblem.NO_DATA: 422}
"""HTTP status of a refusal; 409 for what is not named."""


class ReportsPort(Protocol):
    """Issued reports. Raises `change.StoreError`."""

    async def issued(self) -> Sequence[IssuedReport]:
        """Every version, without bodies, oldest first."""

    async def document(self, period: str, version: int | None, language: str) -> bytes | None:
        """A version, or the newest, as JSON; None if there is none."""

    async def seal(self, period: str, actor: Actor) -> IssuedReport:
        """Issue version 1. Raises `SealError`."""


class _DocumentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    lang: Literal["en", "vi"] = "en"


class _NothingIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def add_routes(
    app: web.Application, reports: ReportsPort, people: PeoplePort, *, steady: Callable[[], float] = time.monotonic
) -> None:
    """Add the routes to the web application before it serves. `steady` only paces those who bring wrong tokens."""
    desk = _Desk(reports, Gatekeeper(people, steady))
    routes = [
        ("GET", "/reports", desk.listing),
        ("GET", "/reports/{period}", desk.show),
        ("POST", "/reports/{period}/seal", desk.seal),
    ]
    app.add_routes([web.route(method, f"/api/v1{path}", answering(handler)) for method, path, handler in routes])


class _Desk:
    """The handlers."""

    def __init__(self, reports: ReportsPort, gate: Gatekeeper) -> None:
        self._reports = reports
        self._gate = gate
        self._turns = asyncio.Semaphore(DOCUMENTS_AT_ONCE)
        self._waiting = 0

    async def listing(self, request: web.Request) -> web.Response:
        await self._gate.admit(request, Right.READ)
        found = await self._reports.issued()
        return json_answer({"reports": [_view(one) for one in reversed(found)]})

    async def show(self, request: web.Request) -> web.Response:
        await self._gate.admit(request, Right.READ)
        query = read_query(request.query.items(), _DocumentQuery)
        period = request.match_info["period"]
        body = await self._in_turn(period, query)
        if body is None:
            which = "no version is issued of this period" if query.version is None else "this version is not there"
            raise RequestError(404, "unknown_report", which, value=period)
        return web.Response(body=body, content_type=JSON)

    async def _in_turn(self, period: str, query: _DocumentQuery) -> bytes | None:
        if self._waiting >= WAITING:
            raise RequestError(503, "busy", "too many reports are asked for at the same time", retry_after_s=5)
        self._waiting += 1
        try:
            async with asyncio.timeout(DOCUMENT_TIMEOUT_S), self._turns:
                return await self._reports.document(period, query.version, query.lang)
        except TimeoutError:
            raise RequestError(503, "busy", "no turn came in time", retry_after_s=5) from None
        finally:
            self._waiting -= 1

    async def seal(self, request: web.Request) -> web.Response:
        actor = await self._gate.admit(request, Right.APPROVE)
        await read_body(request, _NothingIn)
        if self._waiting >= WAITING:
            raise RequestError(503, "busy", "too many reports are asked for at the same time", retry_after_s=5)
        self._waiting += 1
        try:
            async with asyncio.timeout(SEAL_TIMEOUT_S):
                issued = await self._reports.seal(request.match_info["period"], actor)
        except SealError as error:
            raise _refused(error) from error
        except TimeoutError:
            detail = "it was not sealed in time; look whether it is: GET /api/v1/reports"
            raise RequestError(503, "busy", detail, retry_after_s=30) from None
        finally:
            self._waiting -= 1
        return json_answer(_view(issued), status=201)


def _refused(error: SealError) -> RequestError:
    value = time_text(error.at_ms) if error.at_ms else str(error.version) if error.version else error.value
    return RequestError(_STATUS.get(error.problem, 409), error.problem.value, error.detail, value=value)


def _view(one: IssuedReport) -> dict[str, Any]:
    return {
        "period": one.period,
        "version": one.version,
        "from": time_text(one.from_ms),
        "to": time_text(one.until_ms),
        "known_at": time_text(one.known_ms),
        "issued_at": time_text(one.issued_ms),
        "issued_by": one.issued_by,
        "chain_head": one.head.hex(),
    }
