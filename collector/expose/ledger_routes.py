"""Adds the ledger's API to the web application. Reading figures needs no token, as reading states does not."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from collector.expose.availability import Availability
from collector.expose.ledger_desk import DeskSettings, LedgerDesk
from collector.expose.ledger_port import InquiryPort, LedgerPort
from collector.expose.requests import answering
from collector.expose.subjects import Subjects


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
    app.add_routes([web.get(f"/api/v1{path}", answering(handler)) for path, handler in routes])
