"""Whoever is paged in the simulated province: every receiver of the example's on-call file becomes one webhook of this machine,
which checks the signature and tells each event once, with all to whom it came.

Routes, rotas, escalations and waits stay those of the example; nothing leaves the machine, and no secret is needed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml
from aiohttp import web

from collector.notify.signing import is_signed

FILE: Final = "oncall.yml"
KEY_FILE: Final = "pager.key"
GATHER_S: Final = 1.0
"""How long copies of an event to other receivers are waited for, so that one line tells them all."""
MOST_BYTES: Final = 1_000_000


class Page(NamedTuple):
    """One event, as it came."""

    event: str
    to: tuple[str, ...]
    subject: str
    url: str


def derive_oncall(source: Path, folder: Path, ports: tuple[int, int], language: str) -> bytes:
    """Write the on-call file of the simulation; returns the key, written too, by which its webhooks are signed. `ports`: of the
    collector's pages, and of the pager."""
    said = yaml.safe_load(source.read_text(encoding="utf-8"))
    web_port, port = ports
    base = f"http://127.0.0.1:{port}"
    key = secrets.token_hex(32).encode()
    file = folder / KEY_FILE
    file.touch(0o600)
    file.write_bytes(key)
    kept = ("events", "fallback", "confirm_within", "give_up_after")
    for name, entry in said["receivers"].items():
        here = {"url": f"{base}/pages/{name}", "secret_file": KEY_FILE}
        rest = {each: entry[each] for each in kept if each in entry}
        said["receivers"][name] = {"webhook": here, "language": language} | rest
    for person in said.get("people", {}).values():
        person.pop("language", None)
    beats = said.get("heartbeat") or []
    said |= {"link": f"http://127.0.0.1:{web_port}", "language": language}
    said["heartbeat"] = [{"url": f"{base}/beat", "every": beat.get("every", "60s")} for beat in beats[:1]]
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    (folder / FILE).write_text(text, encoding="utf-8")
    return key


class Pager:
    """The webhook; `open`, then `close`."""

    def __init__(self, key: bytes, tell: Callable[[Page], None]) -> None:
        self._key = key
        self._tell = tell
        self._came: dict[str, list[str]] = {}
        self._runner: web.AppRunner | None = None

    async def open(self, port: int) -> None:
        """Raises `OSError` if the port is taken."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.add_routes([web.post("/pages/{name}", self._take), web.route("*", "/beat", self._beat)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def close(self) -> None:
        """Let go of the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _beat(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp = request.headers.get("X-Haidang-Timestamp", "0")
        if not is_signed(self._key, int(stamp), body, request.headers.get("X-Haidang-Signature", "")):
            return web.Response(status=403)
        name, event_id = request.match_info["name"], request.headers["X-Haidang-Event-Id"]
        if event_id not in self._came:
            self._came[event_id] = []
            asyncio.get_running_loop().call_later(GATHER_S, self._say, event_id, msgspec.json.decode(body)["haidang"])
        if name not in self._came[event_id]:
            self._came[event_id].append(name)
        return web.Response()

    def _say(self, event_id: str, said: dict[str, Any]) -> None:
        self._tell(Page(said["event"], tuple(self._came[event_id]), said["subject"], said["url"]))
