"""Connects the collector's care for itself: the look at its own trouble, the direct way past the database, the dead man's
switch, and the figures of pages.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

import agent
from collector.alerting.direct import Direct
from collector.alerting.heartbeat import Calls, Heartbeats, Switch
from collector.alerting.trouble import Sources, Watch, own_conditions
from collector.config_forms import length_of
from collector.core.alert import Alert, AlertKey, Severity
from collector.core.direct_case import Verdict
from collector.core.notice import Notice, Outgoing
from collector.core.notify_tally import NotifyTally
from collector.core.own_trouble import FAILURES, Loop
from collector.core.page_tally import PageTally
from collector.core.poll_view import WayOut
from collector.core.wellness import TICK_MS, Signs, why_unwell
from collector.notify.channel import ChannelError
from collector.notify.http import HttpClient, check, open_client
from collector.notify.private import read_secret
from collector.notify.settings import TlsEntry
from collector.notify.tools import Tools
from collector.oncall import NO_FILE, OnCallFile


class DeskPort(Protocol):
    """Of the desk (`collector.alerting.desk`)."""

    is_loaded: bool
    decided_ms: int
    failing_ms: int | None


class LedgersPort(Protocol):
    """Of the ledger's loops (`collector.ledgers`)."""

    turned_ms: int
    failures: int
    issue_failures: int


class VigilPort(Protocol):
    """Of the collector's watch (`collector.vigil`)."""

    @property
    def dark_ms(self) -> int | None: ...

    @property
    def unwritten_ms(self) -> int | None: ...


class Charges(msgspec.Struct, frozen=True):
    """What is cared for. Milliseconds are the collector's timeline."""

    data: Path
    desk: DeskPort
    ledgers: LedgersPort
    vigil: VigilPort
    ways: Callable[[], tuple[WayOut, ...]]
    notify: NotifyTally
    send: Callable[[str, Notice, str], Coroutine[Any, Any, str]]
    """Sends a notice to a receiver at once, under an event id; raises `ChannelError`, `KeyError` for no receiver."""
    severe: Callable[[AlertKey, Severity], Severity]
    ready: Callable[[], str]
    now_ms: Callable[[], int]
    wall_ms: Callable[[], int]
    figures: Callable[[], Mapping[str, float]] = dict


_STILL_MS: Final = 2 * TICK_MS
"""The desk has not decided for so long: paging itself is in trouble."""
_AGAIN_MS: Final = 60_000
"""After a time in which nothing could be written everything has so long to begin again: that is the database's trouble."""


class Care:
    """One for the life of the collector: `follow` with each on-call file, `recall` what was open, `run` for the tasks, `stop`.

    `conditions` is what the desk takes for the collector's own trouble; `told` and `hand_over` as of `Direct`.
    """

    def __init__(self, charges: Charges, tally: PageTally) -> None:
        self._of = charges
        self._file = NO_FILE
        self._client: HttpClient | None = None
        self._dry_ms = -_AGAIN_MS
        """When nothing could be written last."""
        self.direct = Direct(charges.data, lambda: self._file.emergency, self._deliver, charges.now_ms)
        tally.direct = self.direct.counts
        self.watch = Watch(self._sources(), charges.now_ms, charges.severe)
        self.watch.recall(self.direct.remembered())
        self.watch.on_look = self._looked
        self.conditions = self.watch.conditions
        self.told = self.direct.told
        self.hand_over = self.direct.hand_over
        calls = Calls(self.unwell, self._beat, charges.wall_ms, charges.figures)
        self.heartbeats = Heartbeats(calls, tally, version=agent.__version__, hostname=socket.gethostname())

    def recall(self, alerts: Iterable[Alert]) -> None:
        """Open alerts of before a restart: the collector's own go on under the same names, or end."""
        self.watch.recall(own_conditions(alerts))

    async def follow(self, file: OnCallFile) -> None:
        """By this file from now on. Raises `ChannelError` (settings) where the URL of a switch cannot be read."""
        switches = _switches(file)
        self._file = file
        if self._client is None:
            self._client = open_client(TlsEntry(), Tools(file.folder, socket.gethostname(), agent.__version__))
        await self.heartbeats.configure(switches)

    def run(self) -> Iterable[Coroutine[Any, Any, None]]:
        """The tasks, each for ever."""
        return (self.watch.run(), self.direct.run())

    async def stop(self) -> None:
        """Let go of what is under way."""
        await self.heartbeats.stop()
        await self.direct.stop()
        if self._client is not None:
            await self._client.close()

    def unwell(self) -> Sequence[str]:
        """Why the dead man's switch must not beat."""
        of = self._of
        ticks = {"judging": of.ledgers.turned_ms, "paging": of.desk.decided_ms}
        signs = Signs(of.ready(), ticks, of.vigil.unwritten_ms, (), self.watch.conditions())
        return why_unwell(signs, of.now_ms())

    def _sources(self) -> Sources:
        of = self._of
        return Sources(
            of.data,
            unwritten=self._unwritten,
            outbox=lambda: (of.notify.oldest_ms, of.notify.dead_rows),
            ways=of.ways,
            dark_ms=lambda: of.vigil.dark_ms,
            ahead_ms=lambda: of.wall_ms() - of.now_ms(),
            loops=self._loops,
        )

    def _unwritten(self) -> tuple[int | None, str]:
        since_ms, desk = self._of.vigil.unwritten_ms, self._of.desk
        failing_ms = desk.failing_ms if desk.failing_ms is not None and desk.decided_ms < desk.failing_ms else None
        known = [one for one in (since_ms, failing_ms) if one is not None]
        why = "evidence cannot be written" if since_ms is not None else "pages cannot be written"
        return (min(known), why) if known else (None, "")

    def _loops(self) -> tuple[Loop, ...]:
        ledgers, desk, now_ms = self._of.ledgers, self._of.desk, self._of.now_ms()
        if self._unwritten()[0] is not None:
            self._dry_ms = now_ms
        if now_ms - self._dry_ms < _AGAIN_MS:
            return ()
        is_still = desk.decided_ms > 0 and now_ms - desk.decided_ms > _STILL_MS
        return (
            Loop("judging", ledgers.failures),
            Loop("paging", FAILURES if is_still else 0, "the desk stands still" if is_still else ""),
            Loop("issuing of reports", ledgers.issue_failures, is_grave=False),
        )

    def _looked(self) -> None:
        desk = self._of.desk
        self.direct.follow(self.watch.conditions(), desk.decided_ms if desk.is_loaded and desk.decided_ms else None)

    async def _deliver(self, outgoing: Outgoing, _attempt: int) -> Verdict:
        try:
            await self._of.send(outgoing.receiver, outgoing.notice, outgoing.event_id)
        except ChannelError as error:
            return Verdict.NEVER if error.permanent else Verdict.AGAIN
        except KeyError:  # the file does not have it any more
            return Verdict.NEVER
        return Verdict.SENT

    async def _beat(self, switch: Switch, body: bytes) -> str:
        if self._client is None:
            return "not started"
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            check(await self._client.request(switch.method, switch.url, body, headers, switch.timeout_s))
        except ChannelError as error:
            return str(error)
        return ""


def _switches(file: OnCallFile) -> list[Switch]:
    found = []
    for number, entry in enumerate(file.heartbeats, 1):
        secret = read_secret(file.folder, entry.url_file, entry.url_env, "url")
        url = secret.reveal() if secret is not None else str(entry.url or "")
        every_s = length_of(entry.every).total_seconds()
        found.append(Switch(str(number), url, every_s, entry.method, entry.timeout_s))
    return found
