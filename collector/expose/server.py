"""The web listener: metric pages, service discovery, health and the JSON API.

`make_app` is the whole interface; the caller binds it. Nothing here changes the fleet.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web

from collector.core.fleet import Fleet


class WebSettings(msgspec.Struct, frozen=True):
    """Limits of the web listener."""

    scrapes_at_once: int = 2
    """Metric pages rendered at the same time; more wait."""
    scrapes_waiting: int = 16
    """Requests that may wait for their turn; the next is answered 503."""
    scrape_timeout_s: float = 60.0
    """From request to last byte of a metric page."""


def make_app(
    fleet: Fleet,
    *,
    version: str,
    now_ms: Callable[[], int],
    ready: Callable[[], str],
    settings: WebSettings | None = None,
) -> web.Application:
    """The web application. `now_ms` is the collector's timeline; `ready` answers "" or why the collector is not ready."""
    app = web.Application()

    async def healthy(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app.router.add_get("/-/healthy", healthy)
    return app
