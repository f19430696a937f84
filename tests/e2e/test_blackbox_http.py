"""The probe `http` beside Debian's blackbox_exporter: one module file, the same servers, the same samples."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.agent.probes.http_kit import raw, saying, serving
from tests.e2e.blackbox import BlackboxExporter, Case
from tests.probes.certs import certs

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

TEXT = "Hải Đăng is well\n" * 20
DATE = "Tue, 24 Nov 2026 08:00:00 GMT"
CA = Path("ca.pem")
"""Beside the module file; the fixture fills in where that is."""

PLAIN = {
    "good": Case({}, "/text"),
    "without a scheme": Case({}, ""),
    "created": Case({}, "/status/201"),
    "no content": Case({}, "/status/204"),
    "not found": Case({}, "/status/404"),
    "not found is right": Case({"valid_status_codes": [404, 410]}, "/status/404"),
    "right would be 404": Case({"valid_status_codes": [404]}, "/text"),
    "broken": Case({}, "/status/500"),
    "redirected": Case({}, "/redirect/3"),
    "redirected for ever": Case({}, "/redirect/999"),
    "redirect not followed": Case({"follow_redirects": False, "valid_status_codes": [302]}, "/redirect/3"),
    "redirect in the old words": Case({"no_follow_redirects": True, "valid_status_codes": [302]}, "/redirect/3"),
    "redirect is not good": Case({"follow_redirects": False}, "/redirect/3"),
    "post": Case({"method": "POST", "body": "a=1", "headers": {"Content-Type": "text/plain"}}, "/echo"),
    "post redirected by 307": Case({"method": "POST", "body": "a=1"}, "/redirect-307"),
    "post redirected by 303": Case({"method": "POST", "body": "a=1"}, "/redirect-303"),
    "head": Case({"method": "HEAD"}, "/text"),
    "own fields": Case({"headers": {"X-Site": "thanh-mien", "User-Agent": "lighthouse", "Host": "portal.example.vn"}}, "/echo"),
    "body must not match": Case({"fail_if_body_matches_regexp": ["is w[a-e]ll"]}, "/text"),
    "body does not match": Case({"fail_if_body_matches_regexp": ["(?i)is ILL"]}, "/text"),
    "body must match": Case({"fail_if_body_not_matches_regexp": ["^Hải Đăng", "well"]}, "/text"),
    "body matches not": Case({"fail_if_body_not_matches_regexp": ["Hải Đăng", "ill$"]}, "/text"),
    "field must not match": Case({"fail_if_header_matches": [{"header": "X-Site", "regexp": "^thanh"}]}, "/fields"),
    "field does not match": Case({"fail_if_header_matches": [{"header": "X-Site", "regexp": "^Thanh"}]}, "/fields"),
    "field must match": Case({"fail_if_header_not_matches": [{"header": "x-site", "regexp": "mien$"}]}, "/fields"),
    "field matches not": Case({"fail_if_header_not_matches": [{"header": "X-Site", "regexp": "^mien"}]}, "/fields"),
    "field is missing": Case({"fail_if_header_not_matches": [{"header": "X-No", "regexp": "."}]}, "/fields"),
    "field is missing too": Case({"fail_if_header_matches": [{"header": "X-No", "regexp": "."}]}, "/fields"),
    "field may be missing": Case(
        {"fail_if_header_not_matches": [{"header": "X-No", "regexp": ".", "allow_missing": True}]}, "/fields"
    ),
    "user": Case({"basic_auth": {"username": "hai", "password": "đăng:1"}}, "/user"),
    "wrong user": Case({"basic_auth": {"username": "hai", "password": "no"}}, "/user"),
    "no user": Case({}, "/user"),
    "token": Case({"bearer_token": "secret"}, "/token"),
    "token in new words": Case({"authorization": {"credentials": "secret"}}, "/token"),
    "wrong token": Case({"authorization": {"type": "Bearer", "credentials": "no"}}, "/token"),
    "gzip": Case({"compression": "gzip", "fail_if_body_not_matches_regexp": ["well"]}, "/gzip"),
    "gzip by field": Case(
        {"compression": "gzip", "headers": {"Accept-Encoding": "gzip"}, "fail_if_body_not_matches_regexp": ["well"]}, "/gzip"
    ),
    "no gzip": Case({"compression": "gzip"}, "/text"),
    "gzip left as it is": Case({"fail_if_body_not_matches_regexp": ["well"]}, "/gzip"),
    "limit": Case({"body_size_limit": "100B"}, "/text"),
    "limit is wide": Case({"body_size_limit": "1KB"}, "/text"),
    "chunked": Case({"fail_if_body_not_matches_regexp": ["well"]}, "/chunked"),
    "must be TLS": Case({"fail_if_not_ssl": True}, "/text"),
    "must not be TLS": Case({"fail_if_ssl": True}, "/text"),
    "version": Case({"valid_http_versions": ["HTTP/1.1"]}, "/text"),
    "other version": Case({"valid_http_versions": ["HTTP/2.0", "HTTP/1.0"]}, "/text"),
    "cookies": Case({}, "/cookie"),
    "IPv4": Case({"preferred_ip_protocol": "ip4"}, "/text"),
    "no IPv6": Case({"preferred_ip_protocol": "ip6", "ip_protocol_fallback": False}, "/text", ("phases without an address",)),
}
"""Probes of a server without TLS; the target is a path there."""

SHOWN = {
    "good": certs().good(),
    "expired": certs().expired(),
    "wrong name": certs().wrong_name(),
    "self-signed": certs().self_signed(),
    "unknown authority": certs().unknown_authority(),
    "chain": certs().chain(),
    "chain ended": certs().chain(days=-1),
}
TRUSTED = ("good", "chain")
TRUST = {"tls_config": {"ca_file": str(CA)}}
BLIND = {"tls_config": {"insecure_skip_verify": True}}
SECURE = {
    **{f"{name}, verified": Case(TRUST, name, () if name in TRUSTED else ("refused handshake",)) for name in SHOWN},
    **{f"{name}, whatever it is": Case(BLIND, name, ("no trusted chain",)) for name in SHOWN},
    "other name": Case({"tls_config": {"ca_file": str(CA), "server_name": "elsewhere.example.vn"}}, "wrong name"),
    "must be TLS": Case({**TRUST, "fail_if_not_ssl": True}, "good"),
    "must not be TLS": Case({**TRUST, "fail_if_ssl": True}, "good"),
    "TLS 1.2": Case({"tls_config": {"ca_file": str(CA), "max_version": "TLS12"}}, "good"),
    "bad status under TLS": Case({**TRUST, "valid_status_codes": [404]}, "good"),
}
"""Probes of servers with TLS; the target is what the server shows."""

ANSWERS = {
    "HTTP 1.0": b"HTTP/1.0 200 OK\r\n\r\nbody to the end",
    "nothing": b"",
    "no HTTP": b"220 mail.example.vn ESMTP\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: much\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "first a 100": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status without words": b"HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n",
    "redirect to nowhere": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
}
BROKEN = ("nothing", "no HTTP", "half a head", "bad length")
ODD = {name: Case({}, differs=("broken answer",) if name in BROKEN else ()) for name in ANSWERS}
"""Probes of servers that say just these bytes."""
GROUPS = {"plain": PLAIN, "tls": SECURE, "odd": ODD, "nobody": {"refuses": Case({}, differs=("refused connection",))}}
CASES = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}


async def handle(request: web.Request) -> web.StreamResponse:
    """The web server of the tests."""
    path, fields = request.path, {"Last-Modified": DATE}
    kind, _, rest = path[1:].partition("/")
    if kind == "status":
        return web.Response(status=int(rest), text="" if rest == "204" else TEXT)
    if kind == "redirect":
        return web.Response(status=302, headers={"Location": f"/redirect/{int(rest) - 1}" if int(rest) else "/text"})
    if kind in ("redirect-303", "redirect-307"):
        return web.Response(status=int(kind[-3:]), headers={"Location": "/echo"})
    if kind == "fields":
        return web.Response(text=TEXT, headers={"X-Site": "thanh-mien"})
    if kind == "echo":
        told = [request.method, request.host, request.headers.get("X-Site", ""), await request.text()]
        return web.Response(text="|".join([*told, request.headers.get("Content-Type", "")]))
    if kind in ("user", "token"):
        wanted = {"user": f"Basic {base64.b64encode('hai:đăng:1'.encode()).decode()}", "token": "Bearer secret"}[kind]
        return web.Response(status=200 if request.headers.get("Authorization") == wanted else 401)
    if kind == "gzip":
        return web.Response(body=gzip.compress(TEXT.encode()), headers={"Content-Encoding": "gzip"})
    if kind == "cookie":
        if request.cookies.get("seen") == "yes":
            return web.Response(text="seen")
        return web.Response(status=302, headers={"Location": "/cookie", "Set-Cookie": "seen=yes; Path=/"})
    return await _chunked(request) if kind == "chunked" else web.Response(text=TEXT, headers=fields)


async def _chunked(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for _ in range(3):
        await response.write(TEXT.encode())
    await response.write_eof()
    return response


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlackboxExporter]:
    """blackbox_exporter and our probes."""
    folder = tmp_path_factory.mktemp("blackbox")
    (folder / CA).write_text(certs().ca_pem)
    with BlackboxExporter(folder, "http", CASES) as running:
        yield running


@pytest.mark.parametrize("name", PLAIN)
async def test_plain(both: BlackboxExporter, name: str) -> None:
    """Status, redirects, rules, methods, credentials, packed bodies: the same samples."""
    async with serving(handle) as url:
        path = PLAIN[name].target
        await both.agree(f"plain: {name}", url + path if path else url.removeprefix("http://"))


@pytest.mark.parametrize("name", SECURE)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_tls(both: BlackboxExporter, name: str, host: str) -> None:
    """Certificates, good and bad, trusted or not looked at: the same verdict, dates, names and version."""
    async with serving(handle, shown=SHOWN[SECURE[name].target], host=host) as url:
        await both.agree(f"tls: {name}", f"{url}/text")


@pytest.mark.parametrize("name", ODD)
async def test_odd(both: BlackboxExporter, name: str) -> None:
    """Servers that are hardly any."""
    async with raw(saying(ANSWERS[name])) as address:
        await both.agree(f"odd: {name}", f"http://{address}/")


async def test_nobody(both: BlackboxExporter) -> None:
    """A port that refuses."""
    async with serving(handle) as url:
        pass
    await both.agree("nobody: refuses", f"{url}/text")


async def test_by_name(both: BlackboxExporter) -> None:
    """A name that has both families."""
    async with serving(handle) as url:
        told = await both.agree("plain: IPv4", url.replace("127.0.0.1", "localhost") + "/text")
    assert told.value("probe_ip_protocol") == 4
