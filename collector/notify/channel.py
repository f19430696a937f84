"""What every channel is: one function that sends one delivery or says why not; loaded by name when a receiver uses its kind.

A channel neither retries nor remembers: that is the outbox's (`collector.notify.dispatch`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from collector.core.notice import Notice

CHANNELS: Final[Mapping[str, str]] = {
    "webhook": "collector.notify.webhook:open_channel",
    "alertmanager": "collector.notify.alertmanager:open_channel",
    "email": "collector.notify.email:open_channel",
    "apprise": "collector.notify.apprise:open_channel",
}
"""Kind -> `module:function` as text: a kind is imported only when the on-call file names it."""


class Failure(enum.StrEnum):
    """Why a delivery failed: a closed list, also the label of the metrics."""

    AUTH = "auth"
    RATE_LIMIT = "rate_limit"
    REJECTED = "rejected"
    """The receiver answered that it will never take it (4xx, 5yz of SMTP)."""
    SERVER = "server"
    """The receiver answered that it cannot take it now (5xx, 4yz of SMTP)."""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    TLS = "tls"
    CLOSED = "closed"
    """The connection ended before the answer was whole."""
    SETTINGS = "settings"
    """What the receiver needs cannot be read: a secret's file is gone, a package is missing."""
    INTERNAL = "internal"


class ChannelError(Exception):
    """A delivery failed. `permanent`: trying again cannot help. `retry_after_s`: the receiver asked for so long a pause. The
    text holds no secret and no address with one."""

    def __init__(self, failure: Failure, detail: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(f"{failure.value}: {detail}"[:300])
        self.failure = failure
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class Delivery(msgspec.Struct, frozen=True):
    """One attempt to deliver one event to one receiver."""

    event_id: str
    """The same at every attempt: receivers tell repetitions by it."""
    attempt: int
    """From 1."""
    receiver: str
    notice: Notice
    language: str
    """`vi` or `en`."""
    zone: str
    """Name of the time zone in which times are shown."""
    sent_ms: int
    """Wall clock, milliseconds UTC: what a signature covers."""
    url: str = ""
    """Page of the incident; empty where the on-call file has no `link`."""
    acknowledge_url: str = ""
    """Signed, one purpose, expiring; empty where there is nothing to acknowledge."""


class Channel(Protocol):
    """One receiver's channel. Made once, used by one task at a time per order and by several tasks in all."""

    async def send(self, delivery: Delivery) -> str:
        """Deliver; returns when the receiver has confirmed. The text (may be empty) is a remark for people: *the template
        failed, the default text was sent*. Raises `ChannelError`; ends within the receiver's timeout."""

    async def close(self) -> None:
        """Let go of connections."""
