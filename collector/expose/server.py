"""The web listener: metric pages, service discovery, health, the JSON API and a page of links.

`make_app` and `serve` are the whole interface; the caller binds the socket. Nothing here changes the fleet.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
from aiohttp import hdrs, web

from collector.core.fleet import Fleet
from collector.expose.agents_api import add_agents_route
from collector.expose.api import Api, Query, QueryError, TargetList, is_address, parse_query, time_text
from collector.expose.home import home_page
from collector.expose.ledger_port import LedgerPort
from collector.expose.names import RESERVED
from collector.expose.negotiate import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from collector.expose.own import OwnPage
from collector.expose.paging_port import PagingDesk
from collector.expose.stream import BusyError, Chunk, Gate, send
from collector.expose.text import Renderer

JSON = "application/json"
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Server": "haidang",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class WebSettings(msgspec.Struct, frozen=True):
    """Limits of the web listener."""

    scrapes_at_once: int = 2
    """Pages rendered at the same time; more wait."""
    scrapes_waiting: int = 16
    """Requests that may wait for their turn; the next is answered 503."""
    scrape_timeout_s: float = 60.0
    """From request to last byte of a page, waiting included."""


def make_app(
    fleet: Fleet,
    *,
    version: str,
    now_ms: Callable[[], int],
    ready: Callable[[], str],
    settings: WebSettings | None = None,
    ledger: LedgerPort | None = None,
    paging: PagingDesk | None = None,
) -> web.Application:
    """The web application. `now_ms` is the collector's timeline; `ready` answers "" or why the collector is not ready;
    without a `ledger` nothing of it is shown, without `paging` no alert of a target."""
    pages = _Pages(
        fleet, now_ms, ready, settings or WebSettings(), version=version, api=Api(fleet, ledger, paging), ledger=ledger
    )
    app = web.Application(client_max_size=1024)
    app.on_response_prepare.append(_secure)
    app.on_cleanup.append(pages.close)
    app.add_routes(
        [
            web.get("/", pages.home),
            web.get("/metrics", pages.metrics),
            web.get("/metrics/targets", pages.targets),
            web.get("/metrics/targets/{id}", pages.target),
            web.get("/sd", pages.discovery),
            web.get("/-/healthy", pages.healthy),
            web.get("/-/ready", pages.is_ready),
            web.get("/api/v1/targets", pages.api_targets),
            web.get("/api/v1/targets/{id}", pages.api_target),
        ]
    )
    add_agents_route(app, fleet)
    return app


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)


class _Pages:
    """The handlers."""

    def __init__(
        self,
        fleet: Fleet,
        now_ms: Callable[[], int],
        ready: Callable[[], str],
        settings: WebSettings,
        *,
        version: str,
        api: Api,
        ledger: LedgerPort | None,
    ) -> None:
        self._fleet = fleet
        self._version = version
        self._now_ms = now_ms
        self._ready = ready
        self._settings = settings
        self._api = api
        self._renderer = Renderer(fleet, RESERVED)
        self._own = OwnPage(fleet, version, ready, lambda: self._renderer.conflicts, ledger)
        self._gate = Gate(settings.scrapes_at_once, settings.scrapes_waiting)
        self._pool = ThreadPoolExecutor(settings.scrapes_at_once, "gzip")

    async def close(self, _: web.Application) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def home(self, _: web.Request) -> web.Response:
        return web.Response(text=home_page(self._version), content_type="text/html")

    async def healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def is_ready(self, _: web.Request) -> web.Response:
        reason = self._ready()
        return web.Response(text=f"not ready: {reason}\n", status=503) if reason else web.Response(text="ready\n")

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        return await self._scrape(
            request, "metrics", lambda openmetrics: self._own.page(self._now_ms(), openmetrics=openmetrics)
        )

    async def targets(self, request: web.Request) -> web.StreamResponse:
        return await self._scrape(
            request, "targets", lambda openmetrics: self._renderer.page(self._now_ms(), openmetrics=openmetrics)
        )

    async def target(self, request: web.Request) -> web.StreamResponse:
        target = self._fleet.get(request.match_info["id"])
        if target is None:
            self._fleet.tally.scrape("target", 404)
            return web.Response(text="no such target\n", status=404)
        now_ms = self._now_ms()
        view = self._api.view(target, now_ms)
        if view.series == 0:
            # A failed scrape, so that `up` is 0 for a silent target as it is for a dead exporter.
            self._fleet.tally.scrape("target", 503)
            return web.Response(text=f"no fresh values: {view.reason['en']}\n", status=503)

        def page(openmetrics: bool) -> Iterator[bytes]:
            yield self._renderer.target_page(target, now_ms, openmetrics=openmetrics)

        return await self._scrape(request, "target", page)

    async def discovery(self, request: web.Request) -> web.Response:
        if not is_address(request.host):
            return _problem(400, "bad_host", "the Host header is not host:port")
        return web.Response(body=self._api.discovery(request.host), content_type=JSON)

    async def api_targets(self, request: web.Request) -> web.StreamResponse:
        try:
            query = parse_query(request.query.items())
        except QueryError as error:
            return _problem(400, "bad_query", str(error))
        try:
            return await self._turn(lambda: self._list(query))
        except TimeoutError:
            return _problem(503, "timeout", "the list was not ready in time; ask for fewer targets")

    async def api_target(self, request: web.Request) -> web.Response:
        target = self._fleet.get(request.match_info["id"])
        if target is None:
            return _problem(404, "unknown_target", "no target of this id")
        return web.Response(body=msgspec.json.encode(self._api.view(target, self._now_ms(), modules=True)), content_type=JSON)

    async def _list(self, query: Query) -> web.Response:
        now_ms = self._now_ms()
        views = []
        for count, target in enumerate(self._api.find(query)):
            if count % 100 == 99:
                await asyncio.sleep(0)
            if query.state is None or self._fleet.judge(target, now_ms).state is query.state:
                views.append(self._api.view(target, now_ms))
            if len(views) > query.limit:
                break
        more = len(views) > query.limit
        answer = TargetList(time_text(now_ms), views[: query.limit], views[query.limit - 1].id if more else "")
        return web.Response(body=msgspec.json.encode(answer), content_type=JSON)

    async def _scrape(self, request: web.Request, page: str, chunks: Callable[[bool], Iterator[Chunk]]) -> web.StreamResponse:
        openmetrics = wants_openmetrics(request.headers.get(hdrs.ACCEPT, ""))
        gzip = accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        response = web.StreamResponse()
        response.headers[hdrs.CONTENT_TYPE] = OPENMETRICS if openmetrics else TEXT
        response.headers[hdrs.VARY] = "Accept, Accept-Encoding"
        if gzip:
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"

        async def write() -> web.StreamResponse:
            await response.prepare(request)
            if request.method != hdrs.METH_HEAD:
                await send(response, chunks(openmetrics), self._pool if gzip else None)
            return response

        try:
            answer = await self._turn(write)
            self._fleet.tally.scrape(page, answer.status)
        except (TimeoutError, ConnectionError):
            # Too slow, or gone: the connection must end so that a part is not taken for the whole.
            if not response.prepared:
                self._fleet.tally.scrape(page, 503)
                return _problem(503, "busy", "no turn came in time")
            self._fleet.tally.scrape(page, 499)
            if request.transport is not None:
                request.transport.abort()
            return response
        return answer

    async def _turn(self, work: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._settings.scrape_timeout_s), self._gate.turn():
                return await work()
        except BusyError:
            answer = _problem(503, "busy", "too many pages are asked for at the same time")
            answer.headers[hdrs.RETRY_AFTER] = "5"
            return answer


class _TurnedAway(asyncio.BaseProtocol):
    """What a connection beyond the number gets: nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


async def serve(
    app: web.Application, bound: socket.socket, grace_s: float, connections: int = 1_000
) -> Callable[[], Awaitable[None]]:
    """Serve `app` on a bound socket, at most `connections` at once; one that brings no whole request in 30 s is cut, too.
    What is returned stops it: running answers get `grace_s` to end."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=grace_s, keepalive_timeout=30.0)
    await runner.setup()
    server = runner.server
    assert server is not None

    def protocol() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < connections else _TurnedAway()

    listening = await asyncio.get_running_loop().create_server(protocol, sock=bound)

    async def stop() -> None:
        listening.close()
        await runner.cleanup()

    return stop


def _problem(status: int, code: str, detail: str) -> web.Response:
    body = msgspec.json.encode({"error": {"code": code, "detail": detail}})
    return web.Response(body=body, status=status, content_type=JSON)
