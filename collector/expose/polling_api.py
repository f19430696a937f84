"""`/api/v1/polling`: what polling came upon that is no target's own, as JSON. Holds no secret: communities and users of unknown
senders are not in it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web

from collector.core.poll_view import PollView
from collector.expose.api import time_text


def add_polling_route(app: web.Application, look: Callable[[], PollView]) -> None:
    """Before it serves. `look` gives the view of this moment."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(page(look())), content_type="application/json")

    app.add_routes([web.get("/api/v1/polling", show)])


def page(view: PollView) -> dict[str, object]:
    """The answer's body."""
    senders = [
        {
            "source": one.source,
            "why": one.why,
            "messages": one.messages,
            "first": time_text(one.first_ms),
            "last": time_text(one.last_ms),
        }
        for one in view.unknown_senders
    ]
    return {
        "devices": view.devices,
        "slow": view.slow,
        "duplicate_engines": view.duplicate_engines,
        "unknown_trap_senders": senders,
        "uplinks": [
            {
                "uplink": way.uplink,
                "up": way.is_seeing,
                "since": time_text(way.since_ms),
                "lost_seconds": way.lost_s,
                "discarded_results": way.discarded,
            }
            for way in view.uplinks
        ],
    }
