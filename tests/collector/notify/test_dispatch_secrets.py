"""What receivers keep secret is nowhere that anybody reads: not in rows, the timeline, figures of receivers, errors or logs."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.core.notice import EventKind
from collector.notify.opening import open_channels
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.notify.tools import Tools
from collector.store.store import Store
from tests.agent.probes.http_kit import serving
from tests.collector.notify.dispatch_kit import Play, event

SECRET = "T0KEN-s3cret"


async def _echo(request: web.Request) -> web.Response:
    """Repeats all that it was sent, wherever an answer has room for it, and fails."""
    sent = f"{request.path_qs} {dict(request.headers)} {await request.text()}"
    head = {"Location": f"http://other.example.vn/{SECRET}", "Retry-After": SECRET, "X-Error": SECRET, "Server": SECRET}
    status = {"1": 500, "2": 401, "3": 302, "4": 400}.get(request.headers["X-Haidang-Attempt"], 200)
    body = f'{{"ok":false,"error_code":500,"description":"{SECRET}"}}' if "sendMessage" in request.path else sent
    return web.Response(status=status, headers=head, text=body if status != 200 else '{"ok":true}', reason=SECRET)


async def _closes(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize("preset", ["alertmanager", "slack", "mattermost", "teams", "telegram", "pagerduty", "opsgenie", "sms"])
async def test_no_secret_is_told(
    preset: str, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Receivers that fail in many ways and repeat what they were sent; one whose address cannot be used at all."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RECEIVER_TOKEN", SECRET)
    more: dict[str, Any] = {"preset": preset, "token_env": "RECEIVER_TOKEN", "url_file": "url"}
    if preset in ("telegram", "sms"):
        more |= {"to": ("100",)}
    if preset == "sms":
        more |= {"form": {"to": "{to}", "text": "{text}", "key": "{token}"}}
    for handler in (_echo, _closes, None):
        async with serving(handler or _echo) as url:
            place = f"{url}/hooks/{SECRET}" if handler else f"http://{SECRET}.invalid:99999/{SECRET}\\"
            (tmp_path / "url").write_text(place)
            os.chmod(tmp_path / "url", 0o600)
            settings = {"first": ReceiverEntry(webhook=WebhookEntry(**more), timeout_s=2.0, give_up_after="10m")}
            outlets = await open_channels(settings, Tools(tmp_path, "collector.example.vn", "1.0"), "vi")
            play = Play(store, settings, {"first": outlets["first"].channel})
            play.begin()
            await play.write([event(f"i{handler}", 1, EventKind.FIRING)])
            assert await play.run()
            assert play.dispatcher is not None
            assert SECRET not in repr(play.dispatcher.tally)
            await play.end()
            await play.dispatcher.close()
    rows = await store.outbox_rows(None, None, 99)
    assert [row.error != "" or row.state.value == "delivered" for row in rows] == [True] * 3
    assert SECRET not in repr(rows)
    assert SECRET not in repr([await store.incident_entries(row.outgoing.order) for row in rows])
    assert SECRET not in caplog.text
