"""The web listener, over real sockets: pages, codes, formats, limits."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collector.core.fleet import Fleet
from collector.core.tally import Tally
from collector.expose.negotiate import OPENMETRICS, TEXT
from collector.expose.server import SECURITY_HEADERS, WebSettings, make_app, serve
from collector.expose.stream import BusyError, Gate, send
from tests.collector.fleet_kit import NOW, TTL, counter, gauge, info, make_fleet, schema, show, values
from tests.e2e.debian import binary

LOAD = schema((gauge("node_load1", about="1m load average."), [()]))
PAGES = ["/metrics", "/metrics/targets", "/metrics/targets/h1"]
PLAIN = {"Accept-Encoding": "identity"}


class Site:
    """A served fleet of h1 and h2, both reporting, and h3, which never did. `now` and `reason` can be changed."""

    def __init__(self) -> None:
        self.fleet: Fleet = make_fleet("h1", "h2", "h3")
        self.now = NOW
        self.reason = ""
        self.settings = WebSettings()
        self.url = ""
        net = schema((counter("node_network_receive_bytes_total", "device", about="Bytes."), [("eth0",), ("lo",)]))
        for name in ("h1", "h2"):
            show(self.fleet, name, (LOAD, values(0.5)), (net, values(1, 2)))
        self.session = aiohttp.ClientSession(auto_decompress=False)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        await self.serve(
            make_app(self.fleet, version="0.1.0", now_ms=lambda: self.now, ready=lambda: self.reason, settings=self.settings)
        )

    async def serve(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        sent = {**PLAIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.session.request(method, self.url + path, headers=sent) as answer:
            return answer.status, dict(answer.headers), await answer.read()

    async def stop(self) -> None:
        await self.session.close()
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    one = Site()
    await one.start()
    yield one
    await one.stop()


@pytest.mark.parametrize("path", PAGES)
async def test_each_page_in_both_formats_plain_and_gzip(site: Site, path: str) -> None:
    for accept, kind, parse in (
        ("text/plain", TEXT, parse_text),
        ("application/openmetrics-text", OPENMETRICS, parse_openmetrics),
    ):
        status, headers, plain = await site.ask(path, Accept=accept)
        assert (status, headers["Content-Type"]) == (200, kind)
        assert "Content-Encoding" not in headers
        assert list(parse(plain.decode()))
        status, headers, packed = await site.ask(path, Accept=accept, Accept_Encoding="gzip")
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert headers["Vary"] == "Accept, Accept-Encoding"
        if path != "/metrics":  # which counts its own scrapes
            assert gzip.decompress(packed) == plain
        else:
            assert list(parse(gzip.decompress(packed).decode()))


async def test_the_page_of_a_target_holds_it_alone(site: Site) -> None:
    _, _, body = await site.ask("/metrics/targets/h2")
    samples = [sample for family in parse_text(body.decode()) for sample in family.samples]
    assert len(samples) == 3
    assert {sample.labels["instance"] for sample in samples} == {"h2"}


async def test_the_page_of_a_silent_target_fails_so_that_up_is_zero(site: Site) -> None:
    site.now = NOW + TTL + 1
    status, _, body = await site.ask("/metrics/targets/h1")
    assert (status, body) == (503, b"no fresh values: silent for 37 s; a report was due every 15 s\n")
    status, _, body = await site.ask("/metrics/targets/h3")
    assert (status, body) == (503, b"no fresh values: never reported\n")
    assert (await site.ask("/metrics/targets"))[2] == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/metrics/targets/nobody", 404),
        ("/metrics/targets/..%2f..%2fetc", 404),
        ("/api/v1/targets/nobody", 404),
        ("/api/v1/targets?limit=none", 400),
        ("/nothing", 404),
        ("/metrics/", 404),
    ],
)
async def test_what_is_not_there(site: Site, path: str, status: int) -> None:
    assert (await site.ask(path))[0] == status


@pytest.mark.parametrize("path", [*PAGES, "/", "/sd", "/-/healthy", "/-/ready", "/api/v1/targets", "/api/v1/targets/h1"])
async def test_head_and_get_only_with_security_headers(site: Site, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await site.ask(path, method))[0] == 405
    status, headers, body = await site.ask(path, "HEAD")
    assert (status, body) == (200, b"")
    assert (await site.ask(path))[1]["Content-Type"] == headers["Content-Type"]
    for name, value in SECURITY_HEADERS.items():
        assert headers[name] == value


async def test_health_and_readiness(site: Site) -> None:
    assert (await site.ask("/-/healthy"))[::2] == (200, b"healthy\n")
    assert (await site.ask("/-/ready"))[::2] == (200, b"ready\n")
    site.reason = "stopping"
    assert (await site.ask("/-/ready"))[::2] == (503, b"not ready: stopping\n")
    assert (await site.ask("/-/healthy"))[0] == 200


async def test_discovery_leads_back_to_this_listener(site: Site) -> None:
    _, headers, body = await site.ask("/sd")
    assert headers["Content-Type"] == "application/json"
    groups = json.loads(body)
    assert [group["labels"]["instance"] for group in groups] == ["h1", "h2", "h3"]
    assert groups[0]["targets"] == [site.url.removeprefix("http://")]
    assert (await site.ask(groups[0]["labels"]["__metrics_path__"]))[0] == 200
    assert (await site.ask("/sd", Host="x/y"))[0] == 400


async def test_the_list_of_targets_is_paged_and_filtered(site: Site) -> None:
    async def ask(query: str) -> tuple[list[str], str]:
        told = json.loads((await site.ask(f"/api/v1/targets?{query}"))[2])
        return [target["id"] for target in told["targets"]], told["next"]

    assert await ask("") == (["h1", "h2", "h3"], "")
    assert await ask("limit=2") == (["h1", "h2"], "h2")
    assert await ask("limit=2&after=h2") == (["h3"], "")
    assert await ask("state=unknown") == (["h3"], "")
    assert await ask("state=up&limit=1") == (["h1"], "h1")


async def test_one_target_as_json_tells_its_modules(site: Site) -> None:
    told = json.loads((await site.ask("/api/v1/targets/h1"))[2])
    assert (told["state"], told["series"], told["figures"]["load1"]) == ("up", 3, 0.5)
    assert [module["module"] for module in told["modules"]] == ["host"]


async def test_the_first_page_speaks_vietnamese_and_english_and_its_links_work(site: Site) -> None:
    body = (await site.ask("/"))[2].decode()
    assert "Trạng thái các đối tượng" in body
    assert "States of the targets" in body
    links = re.findall(r'href="([^"]+)"', body)
    assert len(links) == 8
    for link in set(links) - {"/api/v1/availability", "/api/v1/subjects"}:  # the ledger's, which is not here
        assert (await site.ask(link))[0] == 200


async def test_scrapes_are_counted_by_page_and_code(site: Site) -> None:
    for path in (*PAGES, "/metrics/targets/nobody"):
        await site.ask(path)
    assert site.fleet.tally.scrapes == {("metrics", 200): 1, ("targets", 200): 1, ("target", 200): 1, ("target", 404): 1}


async def test_a_page_that_takes_too_long_is_cut_and_not_taken_for_whole() -> None:
    """A scraper that stops reading meets the deadline; its connection ends without the last chunk."""
    site = Site()
    names = [f"host-{n:04}" for n in range(2_000)]
    site.fleet.set_targets([info(name) for name in names])
    wide = schema((gauge("node_wide", "n"), [("x" * 500 + str(n),) for n in range(20)]))
    for name in names:
        show(site.fleet, name, (wide, values(*range(20))))
    site.settings = WebSettings(scrape_timeout_s=0.3)
    cut = asyncio.Event()

    class Watched(Tally):
        def scrape(self, page: str, code: int) -> None:
            super().scrape(page, code)
            cut.set()

    site.fleet.tally = Watched()
    await site.start()
    try:
        port = int(site.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as scraper:
            scraper.sendall(b"GET /metrics/targets HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(20):
                await cut.wait()
            assert not await asyncio.to_thread(_read_to_end, scraper)
        assert site.fleet.tally.scrapes == {("targets", 499): 1}
        assert (await site.ask("/-/healthy"))[0] == 200
    finally:
        await site.stop()


def _read_to_end(scraper: socket.socket) -> bool:
    """Read what is left; does it end as a whole chunked body does?"""
    tail = b""
    with contextlib.suppress(ConnectionResetError):
        while data := scraper.recv(1 << 20):
            tail = (tail + data)[-5:]
    return tail == b"0\r\n\r\n"


async def test_a_gate_lets_some_through_some_wait_and_turns_the_rest_away() -> None:
    gate = Gate(at_once=1, waiting=1)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def visit() -> None:
        async with gate.turn():
            inside.set()
            await leave.wait()

    first, second = asyncio.create_task(visit()), asyncio.create_task(visit())
    await inside.wait()
    with pytest.raises(BusyError):
        async with gate.turn():
            pass
    second.cancel()
    leave.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    async with gate.turn():
        pass


async def test_too_many_scrapes_are_answered_503_with_retry_after() -> None:
    site = Site()
    settings = WebSettings(scrapes_at_once=1, scrapes_waiting=0)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(request: web.Request, _: web.StreamResponse) -> None:
        if request.path == "/metrics":
            entered.set()
            await leave.wait()

    app = make_app(site.fleet, version="0.1.0", now_ms=lambda: NOW, ready=lambda: "", settings=settings)
    app.on_response_prepare.append(hold)
    await site.serve(app)
    try:
        first = asyncio.create_task(site.ask("/metrics"))
        await entered.wait()
        status, headers, body = await site.ask("/metrics/targets")
        assert (status, headers["Retry-After"]) == (503, "5")
        assert json.loads(body)["error"]["code"] == "busy"
        assert (await site.ask("/-/healthy"))[0] == 200
        leave.set()
        assert (await first)[0] == 200
        assert (await site.ask("/metrics/targets"))[0] == 200
        assert site.fleet.tally.scrapes[("targets", 503)] == 1
    finally:
        await site.stop()


async def test_a_page_gives_the_loop_a_turn_at_every_chunk() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    class Sink:
        async def write(self, data: bytes) -> None:
            written.append(data)

        async def write_eof(self) -> None:
            written.append(b"END")

    def chunks() -> Iterator[bytes]:
        for n in range(50):
            yield b"" if n % 2 else b"x" * 10

    written: list[bytes] = []
    other = asyncio.create_task(count())
    await send(Sink(), chunks(), None, 100)  # type: ignore[arg-type]
    other.cancel()
    assert turns >= 50
    assert written == [b"x" * 100, b"x" * 100, b"x" * 50, b"END"]


@pytest.mark.debian
@pytest.mark.parametrize("path", PAGES)
async def test_promtool_is_content_with_each_page(site: Site, path: str) -> None:
    _, _, body = await site.ask(path)
    ran = await asyncio.to_thread(
        subprocess.run, [binary("promtool"), "check", "metrics"], input=body, capture_output=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr.decode(), ran.stdout.decode()) == (0, "", "")


async def test_connections_beyond_the_limit_are_turned_away_and_the_others_served() -> None:
    app = make_app(make_fleet(), version="0", now_ms=lambda: 1, ready=lambda: "")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        stop = await serve(app, bound, 1.0, connections=2)
        try:
            kept = [await asyncio.open_connection(*bound.getsockname()) for _ in range(2)]
            for _, writer in kept:
                writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            assert [(await reader.readline()).split()[1] for reader, _ in kept] == [b"200", b"200"]
            reader, writer = await asyncio.open_connection(*bound.getsockname())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            for _, writer in kept:
                writer.close()
                await writer.wait_closed()
        finally:
            await stop()
