"""The channel `alertmanager`: alerts for every peer of a cluster (API v2), told again while they last.

Alertmanager forgets what it is not told again, and never hears what was said while it was down: by `refresh` an alert stays,
comes back after a restart, and ends everywhere. A peer that is down never delays the others.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from collector.notify.alertmanager_labels import Identity, Posted, passing, told_by
from collector.notify.alertmanager_memory import Memory
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.http import HttpClient, check, open_client
from collector.notify.private import read_secret
from collector.notify.settings import AlertmanagerEntry, ReceiverEntry
from collector.notify.tools import Tools

MOST_ALERTS: Final = 500
"""Of one request."""
GRACE_S: Final = 1.0
"""So long the slower peers are waited for once one has taken it; `refresh` brings it to them later."""
_PATH: Final = "/api/v2/alerts"


async def open_channel(name: str, entry: ReceiverEntry, tools: Tools) -> AlertmanagerChannel:
    """The channel of a receiver. Raises `ChannelError` (settings) for secrets and certificates that cannot be used."""
    settings = entry.alertmanager
    if settings is None or not settings.urls:
        raise ChannelError(Failure.SETTINGS, "alertmanager: no peer")
    headers = {"Content-Type": "application/json"} | _login(settings, tools)
    client = open_client(settings.tls, tools)
    peers = [_Peer(url, client, headers, entry.timeout_s) for url in settings.urls]
    return AlertmanagerChannel(settings, client, peers)


class AlertmanagerChannel:
    """Tells the peers of one receiver. Whoever runs it calls `refresh` every `resend_s`."""

    def __init__(self, settings: AlertmanagerEntry, client: HttpClient, peers: Sequence[_Peer]) -> None:
        self.resend_s = settings.resend_s
        self._more = settings.labels
        self._client = client
        self._peers = peers
        self._memory = Memory()

    async def send(self, delivery: Delivery) -> str:
        """Tell every peer; returns when at least one has taken it, with a remark on the others. Raises `ChannelError` when none
        did: permanent only if every peer refused for good."""
        if delivery.notice.incident is None:
            alone = passing(delivery, self._more, self.resend_s)
            return await self._tell(lambda: alone)
        concerned = self._memory.note(told_by(delivery, self._more))
        return await self._tell(lambda: self._now(concerned, delivery.sent_ms))

    async def refresh(self, deliveries: Sequence[Delivery], now_ms: int) -> str:
        """Tell again what lasts, and the ends of the last 15 minutes. `deliveries` hold one event of each incident that is not
        resolved and that this receiver was told of, with the facts of now (`made_ms`). Returns a remark; what failed is told
        the next time, so nothing is raised."""
        lasting = self._memory.note([alert for delivery in deliveries for alert in told_by(delivery, self._more)])
        self._memory.forget(lasting, now_ms)
        try:
            return await self._tell(lambda: self._now(lasting | self._memory.ended(now_ms), now_ms))
        except ChannelError as error:
            return str(error)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    def _now(self, concerned: set[Identity], now_ms: int) -> list[Posted]:
        return [alert.at(now_ms, self.resend_s) for alert in self._memory.newest(concerned)]

    async def _tell(self, alerts: Callable[[], list[Posted]]) -> str:
        """Tell all peers at once. `alerts` is asked when a peer's turn has come, so that what was said meanwhile stands."""
        tasks = {asyncio.create_task(peer.tell(alerts)): peer.name for peer in self._peers}
        try:
            await _first_taken(set(tasks))
            slower = [task for task in tasks if not task.done()]
            if slower:
                await asyncio.wait(slower, timeout=GRACE_S)
            return _judged({name: _outcome(task) for task, name in tasks.items()})
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Peer:
    """One Alertmanager. It is told one thing after the other."""

    def __init__(self, url: str, client: HttpClient, headers: Mapping[str, str], timeout_s: float) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc.rpartition("@")[2]
        """Host and port: what people are shown."""
        self._url = url if parts.path.endswith(_PATH) else url.rstrip("/") + _PATH
        self._client = client
        self._headers = headers
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()

    async def tell(self, alerts: Callable[[], list[Posted]]) -> None:
        """Raises `ChannelError`; ends within the receiver's timeout, however long it had to wait for its turn."""
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                await self._post(alerts())
        except TimeoutError:
            raise ChannelError(Failure.TIMEOUT, f"no whole answer within {self._timeout_s:g} s") from None

    async def _post(self, alerts: list[Posted]) -> None:
        for start in range(0, len(alerts), MOST_ALERTS):
            body = msgspec.json.encode(alerts[start : start + MOST_ALERTS])
            check(await self._client.post(self._url, body, self._headers, self._timeout_s))


async def _first_taken(tasks: set[asyncio.Task[None]]) -> None:
    """Returns when one peer has taken it, or all have failed."""
    pending = tasks
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if any(task.exception() is None for task in done):
            return


def _outcome(task: asyncio.Task[None]) -> ChannelError | None:
    """None: taken. Whatever a peer raised that is no failure of a channel is raised here."""
    if not task.done():
        return ChannelError(Failure.TIMEOUT, "no answer yet")
    error = task.exception()
    if error is None or isinstance(error, ChannelError):
        return error
    raise error


def _judged(outcomes: Mapping[str, ChannelError | None]) -> str:
    failed = {name: error for name, error in outcomes.items() if error is not None}
    remark = "; ".join(f"{name}: {error}" for name, error in failed.items())
    if len(failed) < len(outcomes):
        return remark[:300]
    hopeful = [error for error in failed.values() if not error.permanent]
    first = next(iter(hopeful or failed.values()))
    pauses = [error.retry_after_s for error in hopeful if error.retry_after_s is not None]
    pause = min(pauses) if pauses and len(pauses) == len(hopeful) else None
    raise ChannelError(first.failure, remark, permanent=not hopeful, retry_after_s=pause)


def _login(settings: AlertmanagerEntry, tools: Tools) -> dict[str, str]:
    password = read_secret(tools.folder, settings.password_file, "", "password")
    token = read_secret(tools.folder, settings.token_file, "", "token")
    if token is not None and password is not None:
        raise ChannelError(Failure.SETTINGS, "alertmanager: a password or a token, not both")
    if bool(settings.username) != (password is not None):
        raise ChannelError(Failure.SETTINGS, "alertmanager: username and password go together")
    if token is not None:
        return {"Authorization": f"Bearer {token.reveal()}"}
    if password is not None:
        pair = f"{settings.username}:{password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}
