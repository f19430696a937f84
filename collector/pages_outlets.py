"""Receivers as they run: opened from the on-call file, tested by hand, kept told where a receiver forgets by itself."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec

import agent
from collector.core.notice import EventKind, Notice, Outgoing
from collector.core.paging_answers import ReceiverStanding, Tested
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.dispatch import Dispatcher
from collector.notify.links import Links, load_keys
from collector.notify.opening import Outlet, open_channels, opened_of
from collector.notify.tools import Tools
from collector.oncall import OnCallFile
from collector.traces import trace_of

GRACE_S: Final = 10.0
"""A channel ends by itself within its receiver's timeout and the time that a template may take; it is cut off so much later."""
LOOK_S: Final = 1.0
DAY_MS: Final = 86_400_000
_log = logging.getLogger("haidang.notify")
Current = Callable[[str], Sequence[tuple[str, Notice]]]
"""Events of a receiver's open incidents by their ids."""


@runtime_checkable
class Forgetful(Protocol):
    """A channel whose receiver forgets an alert unless it is told again."""

    resend_s: int

    async def refresh(self, deliveries: Sequence[Delivery], now_ms: int) -> str:
        """Tell what lasts again; a remark for people."""


class Outlets:
    """One for the life of the collector: `follow` whenever the on-call file was read."""

    def __init__(self, dispatcher: Dispatcher, data: Path, zone: str, wall_ms: Callable[[], int]) -> None:
        self._dispatcher = dispatcher
        self._data = data
        self._zone = zone
        self._wall_ms = wall_ms
        self._told_ms: dict[str, int] = {}
        self.file = OnCallFile()
        self.links: Links | None = None

    async def follow(self, file: OnCallFile) -> None:
        """Deliver by this file from now on. Raises `OSError` or `ValueError` for a key of links that cannot be used."""
        tools = Tools(file.folder, socket.gethostname(), agent.__version__)
        opened = await open_channels(file.receivers, tools, file.language, self._dispatcher.outlets)
        opened = {name: _speaking(outlet, file.policy.language_of(name)) for name, outlet in opened.items()}
        self.links = Links(await asyncio.to_thread(load_keys, self._data), file.link)
        self._dispatcher.adopt(opened, self.links.of, self._zone)
        self.file = file

    @property
    def of(self) -> Mapping[str, Outlet]:
        """The receivers by name."""
        return self._dispatcher.outlets

    def standings(self) -> Sequence[ReceiverStanding]:
        """Every receiver, by name."""
        outcomes = self._dispatcher.tally.last
        found = []
        for name, outlet in sorted(self.of.items()):
            last = outcomes.get(name)
            fallback = outlet.entry.fallback
            if last is None:
                found.append(ReceiverStanding(name, outlet.entry.kind, outlet.language, fallback))
            else:
                times = (last.success_ms, last.failure_ms)
                found.append(ReceiverStanding(name, outlet.entry.kind, outlet.language, fallback, 0, None, *times, last.error))
        return found

    def delivery(self, notice: Notice, receiver: str, event_id: str) -> Delivery:
        """An event as it goes to a receiver past the outbox. Its link is the same all day: a receiver that is told again and
        again is not told of another one each time."""
        url, now_ms = "", self._wall_ms()
        if self.links is not None and (incident := notice.incident) is not None:
            made = (event_id, receiver, incident.uid, 0, notice.event, notice, incident.severity, now_ms - now_ms % DAY_MS)
            url = self.links.of(Outgoing(*made))[0]
            notice = msgspec.structs.replace(notice, url=url)
        return Delivery(event_id, 1, receiver, notice, self.of[receiver].language, self._zone, now_ms, url)

    async def send(self, receiver: str, notice: Notice, event_id: str) -> str:
        """Send at once, past the outbox; the channel's remark. Raises `ChannelError`, `KeyError` for no receiver."""
        outlet = self.of[receiver]
        try:
            async with asyncio.timeout(outlet.entry.timeout_s + GRACE_S):
                return await outlet.channel.send(self.delivery(notice, receiver, event_id))
        except TimeoutError:
            raise _late() from None

    async def test(self, receiver: str, by: str) -> Tested:
        """Send a test and tell how it went."""
        event_id = f"test-{secrets.token_hex(8)}"
        loop = asyncio.get_running_loop()
        began_s, now_ms = loop.time(), self._wall_ms()
        remark = error = ""
        try:
            remark = await self.send(receiver, Notice(EventKind.TEST, now_ms, by=by), event_id)
        except ChannelError as refused:
            error = str(refused)
        took_ms = round((loop.time() - began_s) * 1000)
        return Tested(receiver, event_id, not error, took_ms, remark, error)

    async def keep_told(self, current: Current) -> None:
        """Tell what lasts again to whoever forgets it, for ever. `current`: events of a receiver's open incidents."""
        while True:
            await asyncio.sleep(LOOK_S)
            now_ms = self._wall_ms()
            forgetful = [(name, opened_of(outlet)) for name, outlet in self.of.items()]
            due = [
                self._tell_again(name, channel, current, now_ms)
                for name, channel in forgetful
                if isinstance(channel, Forgetful) and self._is_due(name, channel, now_ms)
            ]
            await asyncio.gather(*due)

    def _is_due(self, name: str, channel: Forgetful, now_ms: int) -> bool:
        # The wall clock, by which the receiver lets alerts run out: after a step back it is due at once, not hours later.
        return not 0 <= now_ms - self._told_ms.get(name, 0) < channel.resend_s * 1000

    async def _tell_again(self, name: str, channel: Forgetful, current: Current, now_ms: int) -> None:
        self._told_ms[name] = now_ms
        try:
            deliveries = [self.delivery(notice, name, event_id) for event_id, notice in current(name)]
            remark = await channel.refresh(deliveries, now_ms)
        except Exception as error:  # noqa: BLE001  a mistake about one receiver must not let the alerts of all run out
            _log.error("receiver %s cannot be told again what lasts: %s", name, trace_of(error))
            return
        if remark:
            _log.warning("receiver %s: %s", name, remark)


def _speaking(outlet: Outlet, language: str) -> Outlet:
    return Outlet(outlet.name, outlet.entry, outlet.channel, outlet.entry.language or language, outlet.print)


def _late() -> ChannelError:
    return ChannelError(Failure.TIMEOUT, "the channel did not end")
