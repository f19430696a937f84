"""A process that delivers an outbox to a real receiver until it is killed: `python -m ...dispatch_child DATABASE URL`.

Prints one line when it has begun.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from collector.notify.dispatch import Dispatcher
from collector.notify.opening import open_channels
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.notify.tools import Tools
from collector.store.store import Store


async def deliver(database: str, url: str) -> None:
    """For ever."""
    store = await Store.open(database)
    receivers = {"first": ReceiverEntry(webhook=WebhookEntry(url=url), timeout_s=2.0)}
    dispatcher = Dispatcher(store, lambda: round(time.time() * 1_000))
    tools = Tools(Path(), "collector.example.vn", "1.0")
    dispatcher.adopt(await open_channels(receivers, tools, "vi"), lambda _: ("", ""), "Asia/Ho_Chi_Minh")
    print("begun", flush=True)
    await dispatcher.run()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], sys.argv[2]))
