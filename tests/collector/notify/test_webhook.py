"""The webhook channel: its headers and signature, its secrets, and the example receiver as a real process."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.notify.channel import ChannelError, Failure
from collector.notify.opening import Unopened, open_channels, open_one
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.notify.signing import is_signed, sign
from collector.notify.tools import Tools
from tests.agent.probes.http_kit import serving
from tests.collector.notify.deliveries import delivery
from tests.servers import Program, wait_for

ROOT = Path(__file__).parents[3]
KEY = "khóa-ký-của-trực-ca"


def private(folder: Path, name: str, text: str) -> str:
    """A file that only its owner can read."""
    (folder / name).touch(0o600)
    (folder / name).write_text(f"{text}\n")
    return name


def receiver(**webhook: object) -> ReceiverEntry:
    return ReceiverEntry(webhook=WebhookEntry(**webhook), timeout_s=2.0)  # type: ignore[arg-type]


async def test_headers_and_body(tmp_path: Path) -> None:
    """Each request says which event it is, which attempt, and when; is signed; and carries Alertmanager's payload."""
    seen: list[tuple[dict[str, str], bytes]] = []

    async def here(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response()

    async with serving(here) as url:
        entry = receiver(
            url_file=private(tmp_path, "url", f"{url}/hook"),
            secret_file=private(tmp_path, "key", KEY),
            token_file=private(tmp_path, "token", "t0ken"),
            headers={"X-Team": "truc-ca"},
        )
        channel = await open_one("first", entry, Tools(tmp_path, "", "1"))
        sent = delivery(attempt=3)
        assert await channel.send(sent) == ""
        await channel.close()
    headers, body = seen[0]
    timestamp = sent.sent_ms // 1_000
    expected = {
        "X-Haidang-Event": "firing", "X-Haidang-Event-Id": sent.event_id, "X-Haidang-Attempt": "3", "X-Team": "truc-ca",
        "X-Haidang-Timestamp": str(timestamp), "Idempotency-Key": sent.event_id, "Authorization": "Bearer t0ken",
        "Content-Type": "application/json", "X-Haidang-Signature": sign(KEY.encode(), timestamp, body),
    }  # fmt: skip
    assert {name: headers.get(name) for name in expected} == expected
    assert msgspec.json.decode(body)["version"] == "4"
    assert is_signed(KEY.encode(), timestamp, body, headers["X-Haidang-Signature"])
    assert not is_signed(KEY.encode(), timestamp + 1, body, headers["X-Haidang-Signature"])
    assert not is_signed(KEY.encode(), timestamp, body + b" ", headers["X-Haidang-Signature"])


@pytest.mark.parametrize(
    "webhook",
    [
        {"url": "http://127.0.0.1:1/", "secret_file": "absent"},
        {"url": "http://127.0.0.1:1/", "token_file": "open"},
        {"url": "ftp://127.0.0.1/"},
        {"url_env": "HAIDANG_TEST_NO_SUCH_URL"},
        {"url": "http://127.0.0.1:1/", "headers": {"X-Haidang-Event-Id": "1"}},
        {"url": "http://127.0.0.1:1/", "headers": {"X-A": "b\r\nX-C: d"}},
    ],
)
async def test_what_cannot_be_used_is_told_at_each_delivery(webhook: dict[str, object], tmp_path: Path) -> None:
    """The other receivers are opened all the same; a secret that others may read is not used."""
    (tmp_path / "open").write_text("t0ken\n")
    (tmp_path / "open").chmod(0o644)
    found = await open_channels(
        {"bad": receiver(**webhook), "good": receiver(url="http://127.0.0.1:1/")}, Tools(tmp_path, "", "1"), "vi"
    )
    assert isinstance(found["bad"].channel, Unopened)
    with pytest.raises(ChannelError) as caught:
        await found["bad"].channel.send(delivery())
    assert (caught.value.failure, caught.value.permanent) == (Failure.SETTINGS, False)
    assert "t0ken" not in str(caught.value)
    for outlet in found.values():
        await outlet.channel.close()


async def test_a_reload_keeps_what_has_not_changed(tmp_path: Path) -> None:
    """A receiver whose settings and files are the same keeps its channel; one whose secret changed gets a new one."""
    receivers = {
        "one": receiver(url="http://127.0.0.1:1/"),
        "two": receiver(url_file=private(tmp_path, "url", "http://[::1]/")),
    }
    tools = Tools(tmp_path, "", "1")
    old = await open_channels(receivers, tools, "vi")
    private(tmp_path, "url", "http://[::1]/other")
    new = await open_channels(receivers, tools, "vi", old)
    assert new["one"].channel is old["one"].channel
    assert new["two"].channel is not old["two"].channel
    for outlet in (*old.values(), new["two"]):
        await outlet.channel.close()


@pytest.mark.parametrize(
    ("template", "remark"),
    [
        ('{"w": {{ haidang.event | tojson }}}', ""),
        ("{{ nothing.here }}", "the default text was sent"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "the default text was sent"),
        (None, "the default text was sent"),
    ],
    ids=["good", "fails", "loops", "absent"],
)
async def test_templates_keep_no_page_back(template: str | None, remark: str, tmp_path: Path) -> None:
    """A template's text is what is sent and signed; where it gives none, the default goes out and the remark says so."""
    bodies: list[bytes] = []

    async def here(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response()

    if template is not None:
        (tmp_path / "body.j2").write_text(template)
    async with serving(here) as url:
        channel = await open_one("a", receiver(url=url, template_file="body.j2"), Tools(tmp_path, "", "1"))
        said = await channel.send(delivery())
        await channel.close()
    assert remark in said
    assert (said == "") is (remark == "")
    assert bodies == [b'{"w": "firing"}'] if not remark else msgspec.json.decode(bodies[0])["version"] == "4"


async def test_the_example_receiver(tmp_path: Path, free_port: int) -> None:
    """It takes what we sign, takes a repetition without acting on it again, and refuses a wrong key and an old message."""
    command = [sys.executable, str(ROOT / "config/webhook_receiver.py"), str(free_port)]
    tools = Tools(tmp_path, "", "1")
    url = f"http://127.0.0.1:{free_port}/"
    with Program(command, tmp_path, "receiver", {"HAIDANG_WEBHOOK_KEY": KEY}) as process:
        await asyncio.to_thread(wait_for, lambda: _listens(free_port))
        right = await open_one("a", receiver(url=url, secret_file=private(tmp_path, "key", KEY)), tools)
        wrong = await open_one("b", receiver(url=url, secret_file=private(tmp_path, "other", "other")), tools)
        none = await open_one("c", receiver(url=url), tools)
        now_ms = time.time_ns() // 1_000_000
        for attempt in (1, 2):
            await right.send(delivery(attempt=attempt, sent_ms=now_ms))
        for channel, sent_ms, failure in (
            (wrong, now_ms, Failure.AUTH),
            (none, now_ms, Failure.AUTH),
            (right, now_ms - 600_000, Failure.SERVER),
        ):
            with pytest.raises(ChannelError) as caught:
                await channel.send(delivery(seq=5, sent_ms=sent_ms))
            assert caught.value.failure is failure
        for channel in (right, wrong, none):
            await channel.close()
        assert process.said().count("NEW ") == 1


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
