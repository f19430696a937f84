"""The channel of everything else: Apprise's `json://` to a real server, and what happens when some of it fails."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.core.notice import EventKind
from collector.notify.apprise import AppriseChannel, open_channel
from collector.notify.channel import CHANNELS, ChannelError, Failure
from collector.notify.settings import AppriseEntry, ReceiverEntry
from collector.notify.tools import Tools
from tests.agent.probes.http_kit import serving
from tests.collector.notify.deliveries import delivery, trial

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of a plugin of the package


async def opened(folder: Path, text: str, timeout_s: float = 20.0) -> AppriseChannel:
    """A channel whose addresses are these lines."""
    file = folder / "urls"
    file.write_text(text)
    os.chmod(file, 0o600)
    receiver = ReceiverEntry(apprise=AppriseEntry(url_file="urls"), timeout_s=timeout_s)
    return await open_channel("others", receiver, Tools(folder, "haidang.example.vn", "0.1"))


class Service:
    """Takes what Apprise posts; `statuses` are its answers by path, 200 where none is said."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.statuses: dict[str, int] = {}

    async def answer(self, request: web.Request) -> web.Response:
        status = self.statuses.get(request.path, 200)
        if status == 200:
            self.taken.append((request.path, json.loads(await request.read())))
        return web.Response(status=status)


def test_the_table_of_kinds_names_this_module() -> None:
    """A receiver of the kind finds its channel."""
    assert CHANNELS["apprise"] == f"{open_channel.__module__}:{open_channel.__name__}"


async def test_messages_arrive(tmp_path: Path) -> None:
    """Title and text in the receiver's words, and the kind by which services choose a colour."""
    service = Service()
    async with serving(service.answer) as url:
        channel = await opened(tmp_path, f"# the room's screen\n\n{url.replace('http', 'json')}/screen\n")
        for one in (delivery(), delivery(EventKind.UPDATE, 1), delivery(EventKind.RESOLVED, 2), trial()):
            assert await channel.send(one) == ""
        await channel.close()
    assert [body["type"] for _, body in service.taken] == ["failure", "warning", "success", "info"]
    path, page = service.taken[0]
    assert path == "/screen"
    assert "Router Quận 1" in page["title"]
    assert "Router Quận 1" in page["message"]


async def test_a_service_that_took_it_is_not_asked_again(tmp_path: Path) -> None:
    """Of two addresses one fails: the next attempt asks that one alone; another event asks both."""
    service = Service()
    service.statuses["/two"] = 500
    async with serving(service.answer) as url:
        json_url = url.replace("http", "json")
        channel = await opened(tmp_path, f"{json_url}/one\n{json_url}/two\n")
        with pytest.raises(ChannelError, match="address 2 of 2") as failure:
            await channel.send(delivery())
        assert (failure.value.failure, failure.value.permanent) == (Failure.SERVER, False)
        service.statuses.clear()
        await channel.send(delivery(attempt=2))
        await channel.send(delivery(EventKind.RESOLVED, 1))
        await channel.close()
    assert sorted(path for path, _ in service.taken[:2]) == ["/one", "/two"]
    assert sorted(path for path, _ in service.taken[2:]) == ["/one", "/two"]


async def test_a_service_that_hangs_holds_nothing_else(tmp_path: Path) -> None:
    """The attempt ends in time, the other address is told, and while its thread is stuck nothing more is put into it."""
    service, release, asked = Service(), asyncio.Event(), 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        if request.path == "/stuck":
            asked += 1
            await release.wait()
        return await service.answer(request)

    async with serving(answer) as url:
        json_url = url.replace("http", "json")
        channel = await opened(tmp_path, f"{json_url}/stuck\n{json_url}/well\n", timeout_s=1.0)
        for seq in range(2):
            with pytest.raises(ChannelError, match="address 1 of 2") as failure:
                await channel.send(delivery(seq=seq))
            assert failure.value.failure is Failure.TIMEOUT
        assert [path for path, _ in service.taken] == ["/well", "/well"]
        assert asked == 1
        release.set()
        await channel.close()
        for thread in threading.enumerate():
            if thread.name.startswith("apprise"):
                await asyncio.to_thread(thread.join, 10)


@pytest.mark.parametrize(
    ("text", "said"), [("", "0 addresses"), ("json://127.0.0.1/ok\nnonsense://s3cret\n", "address 2 cannot be used")]
)
async def test_addresses_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    """Are told by their number, never by what stands in them."""
    with pytest.raises(ChannelError, match=said) as failure:
        await opened(tmp_path, text)
    assert failure.value.failure is Failure.SETTINGS
    assert "s3cret" not in str(failure.value)


async def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    """Is refused."""
    (tmp_path / "urls").write_text("json://127.0.0.1/ok")
    os.chmod(tmp_path / "urls", 0o644)
    receiver = ReceiverEntry(apprise=AppriseEntry(url_file="urls"))
    with pytest.raises(ChannelError, match="mode 0644"):
        await open_channel("others", receiver, Tools(tmp_path, "haidang.example.vn", "0.1"))


async def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People are told which extra brings it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ChannelError, match=r"haidang\[collector,apprise\]") as failure:
        await opened(tmp_path, "json://127.0.0.1/ok")
    assert failure.value.failure is Failure.SETTINGS
