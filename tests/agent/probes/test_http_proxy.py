"""Through proxies: requests in clear, tunnels for https, and failures of the proxy that are not the target's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agent.model import Outcome, Reason
from tests.agent.probes.http_kit import TRUSTED, probed, raw, saying, serving, silence, values
from tests.probes.certs import certs
from tests.servers import free_port


async def _page(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.host}{request.path}")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@contextlib.asynccontextmanager
async def _proxy(heads: list[str], port: int = 0) -> AsyncIterator[str]:
    """A proxy that notes the heads of requests and leads all of them to `port` of this machine, or where they say."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heads.append(head)
        method, target, _ = head.split(" ", 2)
        authority = target if method == "CONNECT" else target.split("/")[2]
        there = port or int(authority.rpartition(":")[2])
        up, down = await asyncio.open_connection("127.0.0.1", there)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
            else:
                down.write(head.replace(f"http://{authority}", "", 1).encode())
            await asyncio.gather(_pump(reader, down), _pump(up, writer))
        finally:
            down.transport.abort()

    async with raw(script) as address:
        yield address


async def test_in_clear() -> None:
    """A request in clear goes to the proxy with the whole URL, the address that was resolved, and the name in Host."""
    heads: list[str] = []
    async with serving(_page) as url, _proxy(heads) as proxy:
        port = url.rpartition(":")[2]
        done = await probed(
            f"http://localhost:{port}/a?b", proxy_url=f"http://nguoi:m%E1%BA%ADt@{proxy}", preferred_ip_protocol="ip4",
            fail_if_body_not_matches_regexp=(f"^localhost:{port}/a$",),
        )  # fmt: skip
    assert done.finding.outcome is Outcome.OK, done.finding
    (head,) = heads
    assert head.startswith(f"GET http://127.0.0.1:{port}/a?b HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bmd1b2k6beG6rXQ=" in head.replace("proxy-authorization", "Proxy-Authorization")
    assert values(done)["probe_ip_protocol"] == 4.0


async def test_a_tunnel() -> None:
    """https goes through a tunnel, with the fields for the proxy in it alone; the certificate is the server's."""
    heads: list[str] = []
    async with serving(_page, shown=certs().good()) as url, _proxy(heads) as proxy:
        port = url.rpartition(":")[2]
        done = await probed(
            url, proxy_url=f"http://{proxy}", tls_config=TRUSTED, proxy_connect_header={"X-Site": ("portal",)},
            fail_if_not_ssl=True,
        )  # fmt: skip
    assert done.finding.outcome is Outcome.OK, done.finding
    assert heads == [f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Site: portal\r\n\r\n"]
    assert values(done)["probe_http_ssl"] == 1.0


async def test_names_are_left_to_the_proxy() -> None:
    """With `skip_resolve_phase_with_proxy` only the proxy resolves, and no address is given."""
    heads: list[str] = []
    async with serving(_page) as url, _proxy(heads, int(url.rpartition(":")[2])) as proxy:
        done = await probed("http://known-inside.invalid/", proxy_url=f"http://{proxy}", skip_resolve_phase_with_proxy=True)
    assert done.finding.outcome is Outcome.OK, done.finding
    assert heads[0].startswith("GET http://known-inside.invalid/ HTTP/1.1\r\n")
    assert "probe_ip_protocol" not in values(done)
    assert values(done)["probe_http_duration_seconds{resolve}"] == 0.0


@pytest.mark.parametrize(
    ("answer", "outcome", "reason", "detail"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Outcome.ERROR, Reason.AUTH, "the proxy answered 407"),
        (
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            Outcome.FAILED,
            Reason.BAD_STATUS,
            "the proxy answered 502 Bad Gateway to CONNECT",
        ),
        (b"SSH-2.0-x\r\n\r\n", Outcome.ERROR, Reason.MISMATCH, "the proxy: no answer of HTTP/1.1"),
        (b"", Outcome.FAILED, Reason.NO_DATA, "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore than was asked", Outcome.FAILED, Reason.TLS, "in clear"),
    ],
)
async def test_a_proxy_that_refuses(answer: bytes, outcome: Outcome, reason: Reason, detail: str) -> None:
    """What the proxy says itself is told as the proxy's."""
    async with raw(saying(answer)) as proxy:
        done = await probed("https://192.0.2.1/", proxy_url=f"http://{proxy}")
    assert (done.finding.outcome, done.finding.reason) == (outcome, reason), done.finding
    assert detail in done.finding.detail


async def test_no_proxy_there() -> None:
    """A proxy that nobody reaches accuses nobody: we could not test."""
    done = await probed("http://192.0.2.1/", proxy_url=f"http://127.0.0.1:{free_port()}")
    lost = await probed("http://192.0.2.1/", proxy_url="http://no-such-proxy.invalid:3128")
    assert (done.finding.outcome, done.finding.reason) == (Outcome.ERROR, Reason.REFUSED)
    assert done.finding.detail.startswith("the proxy 127.0.0.1:")
    assert (lost.finding.outcome, lost.finding.reason) == (Outcome.ERROR, Reason.UNRESOLVED)


async def test_a_silent_proxy() -> None:
    """A proxy that never answers ends with the deadline, which says that it was the proxy."""
    async with raw(silence) as proxy:
        done = await probed("https://192.0.2.1/", proxy_url=f"http://{proxy}", timeout_s=0.3)
    assert done.finding.reason is Reason.TIMEOUT
    assert "`proxy`" in done.finding.detail
