"""Bodies of webhooks by preset, and what their answers mean. Which preset does what with updates, reminders and recoveries is
said in each preset's file.
"""

from __future__ import annotations

from collector.notify import presets_alertmanager
from collector.notify.body import Body, joined
from collector.notify.channel import ChannelError, Delivery
from collector.notify.settings import WebhookEntry

__all__ = ["Body", "check_answer", "joined", "make_bodies", "make_body"]


def make_bodies(entry: WebhookEntry, delivery: Delivery, token: str) -> list[Body]:
    """One body a request: `sms` and `telegram` ask once for each of `to`."""
    return [presets_alertmanager.make_body(delivery)]


def make_body(entry: WebhookEntry, delivery: Delivery, token: str) -> Body:
    """The first of `make_bodies`."""
    return make_bodies(entry, delivery, token)[0]


def check_answer(preset: str, status: int, body: bytes) -> ChannelError | None:
    """What an answer means that its status alone does not say: an error told with 200, a pause asked for in the body. None:
    the status decides."""
    return None
