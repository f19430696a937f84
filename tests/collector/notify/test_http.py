"""The HTTP client of the channels against servers that answer well, badly, slowly, without end, or not at all."""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from collector.notify import http
from collector.notify.channel import ChannelError, Failure
from collector.notify.http import MOST_BYTES, MOST_PAUSE_S, Answer, check, open_client, retry_after_s
from collector.notify.names import Names
from collector.notify.settings import TlsEntry
from collector.notify.tools import Tools
from tests.agent.probes.http_kit import Script, raw, saying, serving, silence, slowly
from tests.probes.certs import Shown, certs

PLAIN = TlsEntry()
SECRET = "s3cret-in-the-path"


async def post(
    url: str, folder: Path, tls: TlsEntry = PLAIN, *, timeout_s: float = 5.0, allow_redirects: bool = False
) -> Answer:
    """One request with a body, by a client of its own."""
    tools = Tools(folder, "collector.example.vn", "1.0")
    async with open_client(tls, tools, allow_redirects=allow_redirects) as client:
        return await client.post(f"{url}/{SECRET}", b"body", {"Content-Type": "text/plain"}, timeout_s)


async def failure(url: str, folder: Path, tls: TlsEntry = PLAIN, **more: float) -> ChannelError:
    """How one request fails. No text of it holds what stands in the path."""
    with pytest.raises(ChannelError) as caught:
        await post(url, folder, tls, **more)  # type: ignore[arg-type]
    assert SECRET not in str(caught.value)
    return caught.value


async def test_an_answer(tmp_path: Path) -> None:
    """Status, body and what was sent are those of the wire; cookies are not kept and nothing is unpacked."""
    seen: list[tuple[str, bytes, str | None]] = []

    async def here(request: web.Request) -> web.Response:
        seen.append((request.headers["User-Agent"], await request.read(), request.headers.get("Accept-Encoding")))
        return web.Response(status=202, text="đã nhận", headers={"Retry-After": "7"})

    async with serving(here) as url:
        answer = await post(url, tmp_path)
    assert (answer.status, answer.body.decode(), answer.retry_after_s) == (202, "đã nhận", 7.0)
    assert seen == [("haidang-collector/1.0", b"body", "identity")]


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await silence(reader, writer)


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head without end, a byte at a time."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await slowly(b"a", 0.01)(reader, writer)


async def _abort(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (_hang, Failure.TIMEOUT),
        (_drip, Failure.TIMEOUT),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", then=silence), Failure.TIMEOUT),
        (_abort, Failure.CLOSED),
        (saying(), Failure.CLOSED),
        (saying(b"HTTP/1.1 200"), Failure.CLOSED),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), Failure.CLOSED),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha"), Failure.CLOSED),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Failure.SERVER),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"), Failure.SERVER),
    ],
    ids=[
        "hangs",
        "drips",
        "body hangs",
        "reset",
        "closed",
        "half a line",
        "half a body",
        "half a chunk",
        "no HTTP",
        "huge head",
    ],
)
async def test_answers_that_are_none(script: Script, expected: Failure, tmp_path: Path) -> None:
    """Each is a failure of its class that may pass, found within the timeout."""
    async with raw(script) as address:
        error = await failure(f"http://{address}", tmp_path, timeout_s=0.5)
    assert (error.failure, error.permanent) == (expected, False)


async def test_an_answer_without_end_is_cut_off(tmp_path: Path) -> None:
    """What was read is bounded; the status counts."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + bytes(4_096) + b"\r\n")
            await writer.drain()

    async with raw(endless) as address:
        answer = await post(f"http://{address}", tmp_path)
    assert (answer.status, len(answer.body)) == (500, MOST_BYTES)


async def test_nobody_there(tmp_path: Path, free_port: int) -> None:
    """A closed port, a name that does not exist and an address that is none are told apart."""
    assert (await failure(f"http://127.0.0.1:{free_port}", tmp_path)).failure is Failure.REFUSED
    assert (await failure("http://haidang.invalid", tmp_path)).failure is Failure.UNRESOLVED
    assert (await failure("http://[::", tmp_path)).failure is Failure.SETTINGS


@pytest.mark.parametrize(
    ("shown", "detail"),
    [
        (certs().expired(), "certificate has expired"),
        (certs().wrong_name(), "mismatch"),
        (certs().self_signed(), "self-signed"),
        (certs().unknown_authority(), "unable to get local issuer"),
    ],
    ids=["expired", "wrong name", "self-signed", "unknown authority"],
)
async def test_bad_certificates(shown: Shown, detail: str, tmp_path: Path) -> None:
    """Each fails with the reason and may pass, for somebody will renew it; without verification it goes."""
    (tmp_path / "ca.pem").write_text(certs().ca_pem)

    async with serving(_ok, shown=shown) as url:
        error = await failure(url, tmp_path, TlsEntry(ca_file="ca.pem"))
        answer = await post(url, tmp_path, TlsEntry(verify=False))
    assert (error.failure, error.permanent) == (Failure.TLS, False)
    assert detail in str(error).lower()
    assert answer.status == 200


async def _ok(_request: web.Request) -> web.Response:
    return web.Response()


async def test_a_name_of_its_own(tmp_path: Path) -> None:
    """The certificate may be for `server_name` instead of the host."""
    (tmp_path / "ca.pem").write_text(certs().ca_pem)
    async with serving(_ok, shown=certs().wrong_name()) as url:
        answer = await post(url, tmp_path, TlsEntry(ca_file="ca.pem", server_name="elsewhere.example.vn"))
    assert answer.status == 200


async def test_no_tls_there(tmp_path: Path) -> None:
    """A plain server behind https is a failure of TLS, and no authority of a test is trusted without being named."""
    async with serving(_ok) as url:
        error = await failure(url.replace("http:", "https:"), tmp_path)
    assert error.failure is Failure.TLS
    async with serving(_ok, shown=certs().good()) as url:
        assert (await failure(url, tmp_path)).failure is Failure.TLS


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with an authority, our certificate and its private key."""
    shown = certs().good()
    (tmp_path / "ca.pem").write_text(certs().ca_pem)
    (tmp_path / "cert.pem").write_text(shown.chain)
    (tmp_path / "key.pem").touch(0o600)
    (tmp_path / "key.pem").write_text(shown.key)
    return tmp_path


OURS = TlsEntry(ca_file="ca.pem", cert_file="cert.pem", key_file="key.pem")


async def test_mutual_tls(pair: Path) -> None:
    """A server that wants a certificate gets ours; without one it is a failure of TLS."""
    context = certs().good().context()
    context.load_verify_locations(cadata=certs().ca_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    async with raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), context=context) as address:
        assert (await post(f"https://{address}", pair, OURS)).status == 200
        error = await failure(f"https://{address}", pair, TlsEntry(ca_file="ca.pem"))
    assert error.failure in (Failure.TLS, Failure.CLOSED), error


@pytest.mark.parametrize("what", ["open key", "no key", "no certificate", "other key", "no authority", "odd authority"])
async def test_files_of_tls_that_cannot_be_used(what: str, pair: Path) -> None:
    """A key that others may read, and files that are absent or no PEM, are refused when the channel is opened."""
    match what:
        case "open key":
            (pair / "key.pem").chmod(0o640)
        case "no key":
            (pair / "key.pem").unlink()
        case "no certificate":
            (pair / "cert.pem").unlink()
        case "other key":
            (pair / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n")
        case "no authority":
            (pair / "ca.pem").unlink()
        case "odd authority":
            (pair / "ca.pem").write_text("none")
    with pytest.raises(ChannelError) as caught:
        open_client(OURS, Tools(pair, "", "1"))
    assert caught.value.failure is Failure.SETTINGS
    assert os.path.basename(str(pair)) not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "expected", "permanent"),
    [
        (401, Failure.AUTH, False),
        (403, Failure.AUTH, False),
        (429, Failure.RATE_LIMIT, False),
        (408, Failure.SERVER, False),
        (425, Failure.SERVER, False),
        (500, Failure.SERVER, False),
        (503, Failure.SERVER, False),
        (400, Failure.REJECTED, True),
        (404, Failure.REJECTED, True),
        (410, Failure.REJECTED, True),
        (422, Failure.REJECTED, True),
        (302, Failure.REJECTED, False),
    ],
)
def test_statuses(status: int, expected: Failure, permanent: bool) -> None:
    """Each status but 2xx is a failure of its class; a pause that was asked for is handed on."""
    with pytest.raises(ChannelError) as caught:
        check(Answer(status, b"", retry_after_s=30.0))
    assert (caught.value.failure, caught.value.permanent, caught.value.retry_after_s) == (
        expected,
        permanent,
        None if permanent else 30.0,
    )
    check(Answer(204, b""))


@given(st.text(max_size=40))
def test_retry_after_is_bounded(text: str) -> None:
    """Whatever stands there, it is a pause between nothing and an hour, or none."""
    pause = retry_after_s(text, 0.0)
    assert pause is None or 0.0 <= pause <= MOST_PAUSE_S


def test_retry_after_as_seconds_and_as_a_date() -> None:
    """Both forms of RFC 9110; a date in the past asks for no pause, one beyond the bound for the bound."""
    now_s = float(int(time.time()))
    assert retry_after_s("120", now_s) == 120.0
    assert retry_after_s(formatdate(now_s + 90, usegmt=True), now_s) == 90.0
    assert retry_after_s(formatdate(now_s - 90, usegmt=True), now_s) == 0.0
    assert retry_after_s(formatdate(now_s + 9e5, usegmt=True), now_s) == MOST_PAUSE_S
    assert retry_after_s("99999999999999999999", now_s) == MOST_PAUSE_S
    assert retry_after_s("-5", now_s) is None
    assert retry_after_s("soon", now_s) is None


async def test_redirects_are_not_followed_unless_allowed(tmp_path: Path) -> None:
    """Where they are, method and body go along, to the same host only, and a loop ends."""
    seen: list[tuple[str, str, bytes]] = []

    async def here(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, await request.read()))
        targets = {f"/{SECRET}": "/moved", "/moved": "/new", "/loop": "/loop"}
        return (
            web.Response(status=307, headers={"Location": targets[request.path]}) if request.path in targets else web.Response()
        )

    async with serving(here) as url:
        plain = await post(url, tmp_path)
        followed = await post(url, tmp_path, allow_redirects=True)
        async with open_client(TlsEntry(), Tools(tmp_path, "", "1"), allow_redirects=True) as client:
            loop = await client.post(f"{url}/loop", b"", {}, 5.0)
    assert (plain.status, followed.status, loop.status) == (307, 200, 307)
    assert seen[1:4] == [("POST", f"/{SECRET}", b"body"), ("POST", "/moved", b"body"), ("POST", "/new", b"body")]
    assert len(seen) == 4 + 4


@pytest.mark.parametrize(
    "location", ["http://127.0.0.2:{port}/", "//elsewhere.example.vn/", "", "ftp://127.0.0.1/", "http://[::"]
)
async def test_redirects_elsewhere_are_refused(location: str, tmp_path: Path) -> None:
    """A token or a page is never carried to another host, nor to nowhere."""

    async def here(request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": location.format(port=request.url.port)})

    async with serving(here) as url:
        with pytest.raises(ChannelError) as caught:
            await post(url, tmp_path, allow_redirects=True)
    assert caught.value.failure in (Failure.REJECTED, Failure.SETTINGS)


async def test_a_name_service_that_hangs_takes_no_thread_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is down and no name is resolved: each receiver waits in threads of its own, and only as long as it may."""
    answers = threading.Event()

    def hang(*_: object) -> list[tuple[object, ...]]:
        answers.wait(30)
        raise OSError("no name service")

    monkeypatch.setattr(http, "Names", lambda: Names(hang))
    failures = [failure(f"http://host{number}.example.vn", tmp_path, timeout_s=0.5) for number in range(40)]
    waiting = asyncio.gather(*failures)
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)  # all have begun
            assert await asyncio.to_thread(lambda: "room") == "room"
            assert {error.failure for error in await waiting} == {Failure.TIMEOUT}
    finally:
        answers.set()


_LINES = b"".join(b"X-%d: " % number + b"a" * 4_000 + b"\r\n" for number in range(16))


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", _LINES),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", _LINES),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", b"a" * 65_536),
        (b"HTTP/1.1 200 ", b"a" * 65_536),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 500),
    ],
    ids=["headers", "trailers", "chunk extension", "reason", "1xx"],
)
async def test_no_flood_fills_the_memory(head: bytes, more: bytes, tmp_path: Path) -> None:
    """A receiver that sends lines without end is given up within the timeout, and little of them was kept."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(more)
            await writer.drain()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with raw(flood) as address:
        error = await failure(f"http://{address}", tmp_path, timeout_s=1.0)
    assert error.failure in (Failure.SERVER, Failure.CLOSED, Failure.TIMEOUT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32_768


async def test_what_is_packed_stays_packed(tmp_path: Path) -> None:
    """A megabyte that would become a gigabyte costs 64 KiB."""
    packed = b"\x1f\x8b" + os.urandom(200_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)

    async with raw(saying(head + packed)) as address:
        answer = await post(f"http://{address}", tmp_path)
    assert (answer.status, answer.body) == (200, packed[:MOST_BYTES])


@given(
    st.text(max_size=40)
    | st.from_regex(r"(\A[A-Z][a-z]{2}, )?[-+]?[0-9]{1,30}( [A-Z][a-z]{2} [0-9]{1,6} [0-9:]{1,9} [-+A-Z0-9]{1,6})?\Z")
)
def test_any_pause_is_a_pause_or_none(text: str) -> None:
    """Of a receiver that has taken an event no odd header makes a failure, and none keeps pages for more than an hour."""
    pause = retry_after_s(text, 1_800_000_000.0)
    assert pause is None or 0.0 <= pause <= MOST_PAUSE_S
