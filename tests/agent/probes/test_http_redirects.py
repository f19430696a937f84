"""Redirects: followed in bounds, with the method, cookies and credentials that belong to where they lead."""

from __future__ import annotations

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Outcome, Reason
from agent.probes.http_cookies import MOST, Jar
from agent.probes.http_request import Plan, Trip
from agent.probes.http_settings import Settings
from agent.probes.http_url import follow, parse
from tests.agent.probes.http_kit import TRUSTED, probed, raw, saying, serving, values
from tests.probes.certs import certs


def _to(location: str, status: int = 302, **headers: str) -> web.Response:
    return web.Response(status=status, headers={"Location": location, **headers})


async def test_a_chain() -> None:
    """Relative and absolute redirects lead to the page; each is counted, and the figures are those of the last answer."""

    async def handler(request: web.Request) -> web.Response:
        ways = {"/": "a/b", "/a/b": "../c?d=1", "/c": f"http://{request.host}/trang-chủ"}
        return _to(ways[request.path]) if request.path in ways else web.Response(text=request.path)

    async with serving(handler) as url:
        done = await probed(url, fail_if_body_not_matches_regexp=("^/trang-chủ$",))
    assert done.finding.outcome is Outcome.OK, done.finding
    assert values(done)["probe_http_redirects"] == 3.0
    assert values(done)["probe_http_status_code"] == 200.0


@pytest.mark.parametrize("settings", [{"follow_redirects": False}, {"no_follow_redirects": True}])
async def test_not_followed(settings: dict[str, bool]) -> None:
    """A redirect that is not to be followed is the answer, counted as one."""

    async def handler(_request: web.Request) -> web.Response:
        return _to("/elsewhere")

    async with serving(handler) as url:
        good = await probed(url, valid_status_codes=(302,), **settings)
        bad = await probed(url, **settings)
    assert good.finding.outcome is Outcome.OK
    assert values(good)["probe_http_redirects"] == 1.0
    assert bad.finding.detail == "answered 302 Found, expected 2xx"


async def test_a_loop() -> None:
    """A loop ends after ten redirects and is named with its chain, without queries."""

    async def handler(request: web.Request) -> web.Response:
        return _to({"/": "/a?token=1", "/a": "/b", "/b": "/a?token=1"}[request.path])

    async with serving(handler) as url:
        done = await probed(url)
    assert done.finding.reason is Reason.BAD_STATUS
    assert done.finding.detail == f"more than 10 redirects, a loop: {url}/a?… -> {url}/b -> {url}/a?…"
    assert values(done)["probe_http_redirects"] == 11.0


async def test_too_many() -> None:
    """Redirects that lead further and further end as well."""

    async def handler(request: web.Request) -> web.Response:
        return _to(f"{request.path}x")

    async with serving(handler) as url:
        done = await probed(f"{url}/x")
    assert done.finding.detail.startswith(f"more than 10 redirects, {url}/x -> {url}/xx -> ")


@pytest.mark.parametrize(
    ("status", "method", "body"), [(302, "GET", ""), (303, "GET", ""), (307, "POST", "a"), (308, "POST", "a")]
)
async def test_methods(status: int, method: str, body: str) -> None:
    """307 and 308 repeat method and body; the others ask with GET."""
    seen: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, await request.text()))
        return _to("/to", status) if request.path == "/from" else web.Response()

    async with serving(handler) as url:
        done = await probed(f"{url}/from", method="POST", body="a")
    assert done.finding.outcome is Outcome.OK, done.finding
    assert seen == [("POST", "a"), (method, body)]


async def test_cookies() -> None:
    """A page that asks for the cookie of its redirect gets it: the way in of many portals."""

    async def handler(request: web.Request) -> web.Response:
        if "phien" in request.cookies:
            return web.Response(text="vào")
        return _to("/", 302, **{"Set-Cookie": "phien=1; Path=/; HttpOnly"})

    async with serving(handler) as url:
        done = await probed(url)
    assert done.finding.outcome is Outcome.OK, done.finding
    assert values(done)["probe_http_redirects"] == 1.0


async def test_credentials_stay_home() -> None:
    """A redirect to another host takes no credentials along, be it in a field of their own, and keeps the others."""
    seen: list[dict[str, str]] = []

    async def there(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.Response()

    async with serving(there, host="127.0.0.2") as other:

        async def here(request: web.Request) -> web.Response:
            seen.append(dict(request.headers))
            return _to(f"{other}/x") if request.path == "/" else _to("/")

        async with serving(here) as url:
            headers = {"X-Api-Key": "bimat", "Accept-Language": "vi"}
            done = await probed(f"{url}/first", bearer_token="bimat", headers=headers)
    assert done.finding.outcome is Outcome.OK, done.finding
    assert [each.get("Authorization") for each in seen] == ["Bearer bimat", "Bearer bimat", None]
    assert [each.get("X-Api-Key") for each in seen] == ["bimat", "bimat", None]
    assert [each["Accept-Language"] for each in seen] == ["vi", "vi", "vi"]


async def test_out_of_tls() -> None:
    """A redirect from https to http is told, does not take credentials along, and fails where TLS is asked for."""
    seen: list[str | None] = []

    async def there(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    async with serving(there) as other:

        async def here(_request: web.Request) -> web.Response:
            return _to(f"{other}/x")

        async with serving(here, shown=certs().good()) as url:
            good = await probed(url, tls_config=TRUSTED, bearer_token="bimat")
            bad = await probed(url, tls_config=TRUSTED, fail_if_not_ssl=True)
    assert good.finding.outcome is Outcome.OK, good.finding
    assert good.finding.detail == f"redirected from https to {other}/x"
    assert seen == [None, None]
    assert values(good)["probe_http_ssl"] == 0.0
    assert bad.finding.reason is Reason.MISMATCH
    assert "fail_if_not_ssl" in bad.finding.detail
    assert "redirected from https" in bad.finding.detail


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/", "http://:80/", "javascript:alert(1)", "http://a:b@192.0.2.1/", "//:0/", "x" * 9000]
)
async def test_nowhere(location: str) -> None:
    """A redirect to what is no place to go is told as such, and never followed."""
    async with raw(saying(f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\n\r\n".encode())) as address:
        done = await probed(address)
    assert done.finding.reason is Reason.MISMATCH, done.finding
    assert done.finding.detail.startswith("redirects with 301 to what is no place to go")
    assert values(done)["probe_http_status_code"] == 301.0


async def test_without_location() -> None:
    """A 3xx that names no place is an answer like others."""
    async with raw(saying(b"HTTP/1.1 301 Moved\r\n\r\n")) as address:
        done = await probed(address)
    assert done.finding.detail == "answered 301 Moved, expected 2xx"


@given(st.text(max_size=200))
def test_any_location(location: str) -> None:
    """Whatever a server names as its place is a URL of http or an error of ours."""
    try:
        url, _ = follow(parse("https://portal.example.vn/a/b?c"), location)
    except ValueError:
        return
    assert url.scheme in ("http", "https")
    assert url.host
    assert url.host.isascii()
    assert url.target.startswith("/")
    assert url.target.isascii()
    assert " " not in url.target
    assert parse(str(url)) == url


@given(st.lists(st.text(max_size=80), max_size=80))
def test_any_cookie(fields: list[str]) -> None:
    """Whatever cookies a server sets, they are in bounds and go to no other host."""
    jar = Jar()
    jar.keep(parse("http://a.example.vn/x"), fields)
    assert jar.header(parse("http://b.example.vn/x")) == "" or any("domain" in field.lower() for field in fields)
    assert jar.header(parse("http://a.example.vn/x")).count("; ") < MOST + sum(field.count("; ") for field in fields)


@pytest.mark.parametrize(
    ("field", "url", "is_sent"),
    [
        ("a=1", "http://portal.example.vn/x", True),
        ("a=1", "http://www.portal.example.vn/x", False),
        ("a=1; Domain=example.vn", "http://mail.example.vn/x", True),
        ("a=1; Domain=mail.example.vn", "http://mail.example.vn/x", False),
        ("a=1; Domain=vn", "http://mail.example.vn/x", False),
        ("a=1; Secure", "http://portal.example.vn/x", False),
        ("a=1; Secure", "https://portal.example.vn/x", True),
        ("a=1; Path=/y", "http://portal.example.vn/x", False),
        ("a=1; Path=/x", "http://portal.example.vn/xy", False),
        ("a=1; Path=/x", "http://portal.example.vn/x/y", True),
        ("a=1; Max-Age=0", "http://portal.example.vn/x", False),
    ],
)
def test_where_cookies_go(field: str, url: str, is_sent: bool) -> None:
    """RFC 6265: by host, path, and over TLS only if so marked."""
    jar = Jar()
    jar.keep(parse("http://portal.example.vn/"), [field])
    assert jar.header(parse(url)) == ("a=1" if is_sent else "")


def test_a_host_of_its_own_follows_relative_redirects() -> None:
    """The field Host of the settings stays for redirects that name no host, and does not go to one that is named."""
    plan = Plan(Settings(headers={"Host": "cong.example.vn"}))
    trip = Trip(parse("http://192.0.2.1/"), "")
    first = plan.first(trip.home, "")
    assert dict(first.fields)["Host"] == "cong.example.vn"
    assert dict(plan.after(first, 302, "/x", trip).fields)["Host"] == "cong.example.vn"
    assert dict(plan.after(first, 302, "http://192.0.2.2:8080/x", trip).fields)["Host"] == "192.0.2.2:8080"
