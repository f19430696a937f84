"""Adds the API of incidents, silences, duties and the outbox to the web application.

Reading needs a viewer's token, for these pages name people, as maintenance windows do; each act needs an operator's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from collector.core.paging_answers import IncidentActKind
from collector.core.silencing import FullMatch
from collector.expose.auth import Gatekeeper, PeoplePort
from collector.expose.incidents_api import Incidents
from collector.expose.oncall_api import OnCall
from collector.expose.outbox_api import Outbox
from collector.expose.paging_gate import PagingGate
from collector.expose.paging_port import PagingDesk, PagingRecords
from collector.expose.requests import answering
from collector.expose.silences_api import Silences


def add_paging_routes(
    app: web.Application,
    desk: PagingDesk,
    records: PagingRecords,
    people: PeoplePort,
    *,
    now_ms: Callable[[], int],
    full_match: FullMatch,
    on_retry: Callable[[], None],
    steady: Callable[[], float] = time.monotonic,
) -> None:
    """Before it serves. `now_ms` is the collector's timeline; `on_retry` is called after dead letters became due; `steady`
    only paces those who bring wrong tokens."""
    gate = PagingGate(desk, records, Gatekeeper(people, steady), now_ms, full_match)
    incidents, silences, outbox, oncall = Incidents(gate), Silences(gate), Outbox(gate, on_retry), OnCall(gate)
    routes = [
        ("GET", "/incidents", incidents.listing),
        ("GET", "/incidents/{number}", incidents.show),
        *(("POST", f"/incidents/{{number}}/{kind.value}", incidents.act(kind)) for kind in IncidentActKind),
        ("GET", "/alerts", incidents.alerts),
        ("GET", "/silences", silences.listing),
        ("POST", "/silences", silences.create),
        ("POST", "/silences/{id}/expire", silences.expire),
        ("GET", "/oncall/now", oncall.now),
        ("GET", "/oncall/week", oncall.week),
        ("GET", "/routes/explain", oncall.route),
        ("GET", "/receivers", outbox.receivers),
        ("POST", "/receivers/{name}/test", outbox.test),
        ("GET", "/outbox", outbox.listing),
        ("POST", "/outbox/retry", outbox.retry),
        ("POST", "/outbox/drop", outbox.drop),
    ]
    app.add_routes([web.route(method, f"/api/v1{path}", answering(handler)) for method, path, handler in routes])
