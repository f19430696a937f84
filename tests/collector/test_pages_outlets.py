"""Receivers that forget are told again what lasts, whatever became of others, of their settings, or of the clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from collector import pages_outlets
from collector.core.notice import EventKind, Notice
from collector.notify import opening
from collector.notify.channel import Channel, Delivery
from collector.notify.dispatch import Dispatcher
from collector.notify.settings import AlertmanagerEntry, ReceiverEntry
from collector.notify.tools import Tools
from collector.oncall import OnCallFile
from collector.pages_outlets import Outlets
from collector.store.store import Store

LOUD = ReceiverEntry(alertmanager=AlertmanagerEntry(urls=("http://127.0.0.1:1",), password_file="password"))


class Told:
    """A channel whose receiver forgets; each refresh is counted, or fails."""

    resend_s = 60

    def __init__(self, *, fails: bool = False) -> None:
        self.times = 0
        self.news = asyncio.Event()
        self._fails = fails

    async def send(self, delivery: Delivery) -> str:
        return ""

    async def refresh(self, deliveries: Sequence[Delivery], now_ms: int) -> str:
        self.times += 1
        self.news.set()
        if self._fails:
            raise LookupError("s3cret")
        return ""

    async def close(self) -> None:
        pass

    async def again(self) -> None:
        """Returns when it was told once more."""
        async with asyncio.timeout(10):
            await self.news.wait()
        self.news.clear()


class House:
    """Outlets with a clock that is moved by hand."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.wall_ms = 1_800_000_000_000
        self.outlets = Outlets(Dispatcher(store, self.read), folder, "Asia/Ho_Chi_Minh", self.read)

    def read(self) -> int:
        return self.wall_ms

    @contextlib.asynccontextmanager
    async def telling(self, file: OnCallFile) -> AsyncIterator[None]:
        """While receivers are told again."""
        await self.outlets.follow(file)
        current = [("i1-1", Notice(EventKind.FIRING, 0))]
        task = asyncio.create_task(self.outlets.keep_told(lambda _: current))
        yield
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(pages_outlets, "LOOK_S", 0.01)
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    yield House(store, tmp_path)
    await store.close()


async def test_a_mistake_about_one_receiver_lets_no_alert_of_another_run_out(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    channels: dict[str, Channel] = {"bad": Told(fails=True), "good": Told()}

    async def open_one(name: str, entry: ReceiverEntry, tools: Tools) -> Channel:
        return channels[name]

    monkeypatch.setattr(opening, "open_one", open_one)
    good = channels["good"]
    assert isinstance(good, Told)
    async with house.telling(OnCallFile(receivers={"bad": LOUD, "good": LOUD})):
        await good.again()
        house.wall_ms += 60_000
        await good.again()
        house.wall_ms -= 3_600_000
        await good.again()
    assert good.times == 3
    assert "LookupError" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_receiver_that_could_be_opened_only_later_is_told_again_too(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its password was missing at the start; once it is there, what it was told does not run out."""
    late = Told()

    async def open_one(name: str, entry: ReceiverEntry, tools: Tools) -> Channel:
        if not (tmp_path / "password").exists():
            raise opening.ChannelError(opening.Failure.SETTINGS, "password_file: no such file")
        return late

    monkeypatch.setattr(opening, "open_one", open_one)
    async with house.telling(OnCallFile(receivers={"late": LOUD})):
        (tmp_path / "password").write_text("x")
        os.chmod(tmp_path / "password", 0o600)
        delivery = house.outlets.delivery(Notice(EventKind.TEST, 0), "late", "test-1")
        assert await house.outlets.of["late"].channel.send(delivery) == ""
        await late.again()
