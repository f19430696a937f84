"""The channel `apprise`: whatever the optional package Apprise knows. Its addresses are secrets, and are shown nowhere.

The package waits in threads that nobody can cancel: each receiver has few of them, and one that is stuck never holds a delivery
longer than its time.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from collector.core.notice import EventKind
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.private import read_private, read_secret
from collector.notify.settings import AppriseEntry, ReceiverEntry
from collector.notify.text import plain_text, subject_line
from collector.notify.tools import Tools

if TYPE_CHECKING:
    import apprise

MOST_SERVICES: Final = 20
"""Addresses of one receiver; each has a thread."""
MOST_REMEMBERED: Final = 1_000
"""Events of which is known which services have taken them."""
_TYPES: Final = {EventKind.FIRING: "failure", EventKind.REMINDER: "failure", EventKind.RESOLVED: "success"}
"""How services colour it; everything else is `info`, an update of what lasts `warning`."""


async def open_channel(name: str, entry: ReceiverEntry, tools: Tools) -> AppriseChannel:
    """The channel of a receiver. Raises `ChannelError` (settings): the package is missing, or an address cannot be used; which
    one is told by its number."""
    settings = entry.apprise
    if settings is None:
        raise ChannelError(Failure.SETTINGS, "apprise: nothing is said")
    urls = _addresses(settings, tools)
    if importlib.util.find_spec("apprise") is None:
        raise ChannelError(Failure.SETTINGS, "the package apprise is missing: install haidang[collector,apprise]")
    # in a thread, for it reads more than a hundred modules
    services = await asyncio.get_running_loop().run_in_executor(None, _load, urls)
    return AppriseChannel(services, entry.timeout_s)


class AppriseChannel:
    """Tells the services of one receiver."""

    def __init__(self, services: list[apprise.Apprise], timeout_s: float) -> None:
        self._services = services
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(len(services), thread_name_prefix="apprise")
        self._busy: dict[int, asyncio.Future[bool]] = {}
        self._taken: OrderedDict[str, set[int]] = OrderedDict()

    async def send(self, delivery: Delivery) -> str:
        """Deliver; returns when every service has taken it. One that has is not asked again for the same event, for as long as
        this process remembers. Raises `ChannelError`, never permanent: Apprise does not say why something failed."""
        taken = self._taken.setdefault(delivery.event_id, set())
        while len(self._taken) > MOST_REMEMBERED:
            self._taken.popitem(last=False)
        wanted = [number for number in range(len(self._services)) if number not in taken]
        stuck = [number for number in wanted if number in self._busy and not self._busy[number].done()]
        asked = {number: self._ask(number, delivery) for number in wanted if number not in stuck}
        if asked:
            await asyncio.wait(asked.values(), timeout=self._timeout_s)
        taken.update(number for number, answer in asked.items() if answer.done() and answer.result())
        late = [*stuck, *(number for number, answer in asked.items() if not answer.done())]
        if left := [number for number in wanted if number not in taken]:
            which = ", ".join(str(number + 1) for number in left)
            failure = Failure.TIMEOUT if late else Failure.SERVER
            raise ChannelError(failure, f"not taken by address {which} of {len(self._services)}")
        return ""

    async def close(self) -> None:
        """Let go of the threads; one that is stuck ends when its service lets go of it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, number: int, delivery: Delivery) -> asyncio.Future[bool]:
        kind = _TYPES.get(delivery.notice.event, "warning" if delivery.notice.event is EventKind.UPDATE else "info")
        words = (subject_line(delivery), plain_text(delivery), kind)
        answer = asyncio.get_running_loop().run_in_executor(self._threads, _notify, self._services[number], *words)
        self._busy[number] = answer
        return answer


def _addresses(settings: AppriseEntry, tools: Tools) -> list[str]:
    """Apprise's addresses: one a line of the file, without blank lines and comments; or separated by blanks."""
    if settings.url_file:
        data = read_private(tools.folder / settings.url_file, "url_file")
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
        urls = [line for line in lines if line and not line.startswith("#")]
    else:
        secret = read_secret(tools.folder, "", settings.url_env, "url")
        urls = [] if secret is None else secret.reveal().split()
    if not 1 <= len(urls) <= MOST_SERVICES:
        raise ChannelError(Failure.SETTINGS, f"apprise: {len(urls)} addresses, expected 1 to {MOST_SERVICES}")
    return urls


def _load(urls: list[str]) -> list[apprise.Apprise]:
    """One object an address, so that each is answered for by itself."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines name addresses, which are secrets here
    services = []
    for number, url in enumerate(urls, 1):
        # no plugins and no storage of its own: nothing but what the package brings, and no file is written
        asset = apprise.AppriseAsset(app_id="Haidang", app_desc="Hải Đăng", plugin_paths=[], secure_logging=True)
        service = apprise.Apprise(asset=asset)
        if not service.add(url):
            raise ChannelError(Failure.SETTINGS, f"apprise: address {number} cannot be used")
        services.append(service)
    return services


def _notify(service: apprise.Apprise, title: str, body: str, kind: str) -> bool:
    try:
        return bool(service.notify(body=body, title=title, notify_type=kind, body_format="text"))
    except Exception:  # noqa: BLE001  hundreds of services with errors of their own; which one says nothing, and may show a secret
        return False
