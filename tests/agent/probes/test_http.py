"""The probe of web servers against real ones: what is asked, what is measured, what an answer must be."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from aiohttp import web

from agent.model import Outcome, Reason
from agent.probes.http import address_problem
from agent.probes.http_settings import Authorization, BasicAuth, HeaderRule
from tests.agent.probes.http_kit import probed, raw, saying, serving, values
from tests.servers import free_port

PAGE = "<html>Cổng dịch vụ công</html>"
MODIFIED = "Tue, 24 Nov 2026 10:00:00 GMT"


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html", headers={"Last-Modified": MODIFIED, "X-Site": "portal"})


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", 4.0), ("::1", 6.0)])
async def test_a_page(host: str, family: float) -> None:
    """A page gives status, version, length, date and the time of every phase, over IPv4 and IPv6."""
    async with serving(_page, host=host) as url:
        done = await probed(f"{url}/")
    assert done.finding.outcome is Outcome.OK, done.finding
    found = values(done)
    assert found["probe_success"] == 1.0
    assert found["probe_ip_protocol"] == family
    assert found["probe_http_status_code"] == 200.0
    assert found["probe_http_version"] == 1.1
    assert found["probe_http_content_length"] == len(PAGE.encode()) == found["probe_http_uncompressed_body_length"]
    assert found["probe_http_last_modified_timestamp_seconds"] == 1795514400.0
    assert (found["probe_http_redirects"], found["probe_http_ssl"], found["probe_failed_due_to_regex"]) == (0.0, 0.0, 0.0)
    phases = {name: value for name, value in found.items() if name.startswith("probe_http_duration_seconds")}
    assert [name[28:-1] for name in phases] == ["resolve", "connect", "tls", "processing", "transfer"]
    assert phases["probe_http_duration_seconds{processing}"] > 0.0 == phases["probe_http_duration_seconds{tls}"]
    assert sum(phases.values()) <= done.duration_s


async def test_what_is_sent() -> None:
    """The server sees method, path, query, Host and header fields as they were meant, and our name."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(text=await request.text())

    async with serving(handler) as url:
        headers = {"host": "portal.example.vn", "X-Ten": "giá trị", "Content-Type": "text/plain"}
        done = await probed(f"{url}/tra cứu?q=hồ+sơ&n=%31#đầu", method="POST", headers=headers, body="nội dung")
    assert done.finding.outcome is Outcome.OK, done.finding
    (request,) = seen
    assert request.method == "POST"
    assert request.path == "/tra cứu"
    assert dict(request.query) == {"q": "hồ sơ", "n": "1"}
    assert request.headers["Host"] == "portal.example.vn"
    assert request.headers["X-Ten"] == "giá trị"
    assert request.headers["User-Agent"].startswith("haidang/")
    assert request.headers["Connection"] == "close"
    assert values(done)["probe_http_content_length"] == len("nội dung".encode())


async def test_head() -> None:
    """HEAD has a length and no body."""
    async with serving(_page) as url:
        done = await probed(url, method="HEAD")
    found = values(done)
    assert done.finding.outcome is Outcome.OK, done.finding
    assert found["probe_http_content_length"] == len(PAGE.encode())
    assert found["probe_http_uncompressed_body_length"] == 0.0


@pytest.mark.parametrize(
    ("status", "codes", "outcome", "detail"),
    [
        (204, (), Outcome.OK, ""),
        (503, (), Outcome.FAILED, "answered 503 Service Unavailable, expected 2xx"),
        (404, (404, 410), Outcome.OK, ""),
        (200, (404, 410), Outcome.FAILED, "answered 200 OK, expected 404 or 410"),
    ],
)
async def test_statuses(status: int, codes: tuple[int, ...], outcome: Outcome, detail: str) -> None:
    """The status must be one of those expected, 2xx if none are; a wrong one is said in a sentence."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(handler) as url:
        done = await probed(url, valid_status_codes=codes)
    assert (done.finding.outcome, done.finding.detail) == (outcome, detail)
    assert done.finding.reason is (Reason.BAD_STATUS if detail else Reason.NONE)
    assert values(done)["probe_http_status_code"] == status


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"fail_if_body_matches_regexp": ("lỗi", "dịch vụ")}, "the body matches 'dịch vụ'"),
        ({"fail_if_body_not_matches_regexp": ("Cổng", "đã nộp")}, "the body does not match 'đã nộp'"),
        ({"fail_if_body_not_matches_regexp": (r"(?i)c.ng d\pLch",)}, ""),
        ({"fail_if_header_matches": (HeaderRule(header="X-SITE", regexp="^port"),)}, "header field X-SITE matches '^port'"),
        ({"fail_if_header_matches": (HeaderRule(header="X-No", regexp="a"),)}, "has no header field X-No"),
        ({"fail_if_header_matches": (HeaderRule(header="X-No", regexp="a", allow_missing=True),)}, ""),
        (
            {"fail_if_header_not_matches": (HeaderRule(header="x-site", regexp="^mail$"),)},
            "header field x-site does not match '^mail$'",
        ),
        ({"fail_if_header_not_matches": (HeaderRule(header="x-site", regexp="portal"),)}, ""),
    ],
)
async def test_rules(settings: dict[str, Any], detail: str) -> None:
    """Rules about body and header fields hold, or the finding and `probe_failed_due_to_regex` say which did not."""
    async with serving(_page) as url:
        done = await probed(url, **settings)
    assert done.finding.detail == detail
    assert done.finding.reason is (Reason.MISMATCH if detail else Reason.NONE)
    assert values(done)["probe_failed_due_to_regex"] == float(bool(detail))


async def test_versions_and_tls_rules() -> None:
    """HTTP/1.0 is named where 1.1 was expected; plain HTTP where TLS was expected."""
    async with raw(saying("HTTP/1.0 200 OK\r\n\r\nxin chào".encode())) as address:
        old = await probed(address, valid_http_versions=("HTTP/1.1", "HTTP/2.0"))
        plain = await probed(address, fail_if_not_ssl=True)
        good = await probed(address, valid_http_versions=("HTTP/1.0",))
    assert old.finding.detail == "speaks HTTP/1.0, expected HTTP/1.1 or HTTP/2.0"
    assert plain.finding.reason is Reason.MISMATCH
    assert "fail_if_not_ssl" in plain.finding.detail
    assert good.finding.outcome is Outcome.OK
    assert values(good)["probe_http_version"] == 1.0
    assert values(good)["probe_http_content_length"] == -1.0
    assert values(good)["probe_http_uncompressed_body_length"] == len("xin chào".encode())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
async def test_compression(coding: str) -> None:
    """A packed body is unpacked for the rules and counted unpacked; `deflate` in both of its forms."""
    bare = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(PAGE.encode()),
        "deflate": zlib.compress(PAGE.encode()),
        "raw": bare.compress(PAGE.encode()) + bare.flush(),
    }[coding]
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with raw(saying(head + packed)) as address:
        compression = "gzip" if coding == "gzip" else "deflate"
        done = await probed(address, compression=compression, fail_if_body_not_matches_regexp=("công</html>$",))
    assert done.finding.outcome is Outcome.OK, done.finding
    assert values(done)["probe_http_content_length"] == len(packed)
    assert values(done)["probe_http_uncompressed_body_length"] == len(PAGE.encode())


async def test_not_compressed() -> None:
    """A body that is not packed where it must be is a mismatch, as blackbox_exporter has it."""
    async with serving(_page) as url:
        done = await probed(url, compression="gzip")
    assert done.finding.reason is Reason.MISMATCH
    assert "not gzip" in done.finding.detail


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"basic_auth": BasicAuth(username="thăm dò", password="mật:khẩu")}, "Basic dGjEg20gZMOyOm3huq10Omto4bqpdQ=="),
        ({"bearer_token": "abc"}, "Bearer abc"),
        ({"authorization": Authorization(type="Token", credentials="abc")}, "Token abc"),
        ({"headers": {"Authorization": "Own abc"}, "bearer_token": "unused"}, "Own abc"),
    ],
)
async def test_credentials(settings: dict[str, Any], expected: str) -> None:
    """Credentials go along; when they are refused the reason is `auth` and the finding does not hold them."""
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(status=200 if request.path == "/good" else 403)

    async with serving(handler) as url:
        good = await probed(f"{url}/good", **settings)
        bad = await probed(f"{url}/bad", **settings)
        without = await probed(f"{url}/bad")
    assert seen == [expected, expected, None]
    assert good.finding.outcome is Outcome.OK
    assert bad.finding.reason is Reason.AUTH
    assert "abc" not in bad.finding.detail
    assert without.finding.reason is Reason.BAD_STATUS


async def test_nobody_listens() -> None:
    """A refused connection is told as such, and the metrics are those of no answer."""
    done = await probed(f"127.0.0.1:{free_port()}")
    assert done.finding.reason is Reason.REFUSED
    found = values(done)
    assert (found["probe_success"], found["probe_http_status_code"], found["probe_http_content_length"]) == (0.0, 0.0, 0.0)


async def test_names() -> None:
    """A name is resolved once and asked for in Host; one that does not exist is `unresolved`."""
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.headers["Host"])
        return web.Response()

    async with serving(handler) as url:
        port = url.rpartition(":")[2]
        done = await probed(f"http://localhost:{port}", preferred_ip_protocol="ip4")
        lost = await probed("http://no-such-name.invalid/")
    assert done.finding.outcome is Outcome.OK, done.finding
    assert asked == [f"localhost:{port}"]
    assert lost.finding.reason is Reason.UNRESOLVED
    assert values(lost)["probe_http_status_code"] == 0.0


async def test_the_steps_are_told_without_secrets() -> None:
    """Whoever debugs reads each step, and no query, token or password."""
    said: list[str] = []
    async with serving(_page) as url:
        await probed(f"{url}/a?token=bimat", verbose=said, bearer_token="bimat")
    text = "\n".join(said)
    assert "GET http://127.0.0.1" in text
    assert "HTTP/1.1 200 OK" in text
    assert "bimat" not in text


@pytest.mark.parametrize(
    "address", ["portal.example.vn", "192.0.2.1:8080", "[2001:db8::1]:443", "https://dịch-vụ.example.vn/a?b"]
)
def test_addresses(address: str) -> None:
    """Hosts, hosts with ports and URLs are addresses, in any script."""
    assert address_problem(address) == ""


@pytest.mark.parametrize(
    "address",
    ["", "http://", "ftp://portal.example.vn/", "http://a:b@portal.example.vn/", "portal.example.vn:99999", "a b", "[::1"],
)
def test_no_addresses(address: str) -> None:
    """What is no address is refused with words."""
    assert address_problem(address) != ""
