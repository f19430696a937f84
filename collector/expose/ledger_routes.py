"""Adds the ledger's API to the web application. Reading figures needs no token, as reading states does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from collector.expose.availability import Availability
from collector.expose.ledger_desk import DeskSettings, LedgerDesk
from collector.expose.ledger_port import InquiryPort, LedgerPort
from collector.expose.requests import RequestError, answering
from collector.expose.subjects import Subjects

Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_ledger_routes(
    app: web.Application,
    ledger: LedgerPort,
    inquire: Callable[[int], InquiryPort],
    now_ms: Callable[[], int],
    settings: DeskSettings | None = None,
) -> None:
    """Before it serves. `inquire` gives an inquiry by the configuration that was valid before a moment (R1.2); `now_ms` is the
    collector's timeline."""
    desk = LedgerDesk(ledger, inquire, now_ms, settings)
    figures, subjects = Availability(desk), Subjects(desk)
    routes = [
        ("/availability", figures.show),
        ("/subjects", subjects.listing),
        ("/subjects/{id}", subjects.show),
        ("/subjects/{id}/spans", subjects.spans),
        ("/subjects/{id}/incidents", subjects.incidents),
    ]

    def once_loaded(handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            if not ledger.is_loaded:
                raise RequestError(503, "loading", "the ledger is being taken up after a start; ask again in some seconds")
            return await handler(request)

        return answer

    app.add_routes([web.get(f"/api/v1{path}", answering(once_loaded(handler))) for path, handler in routes])
