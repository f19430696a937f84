"""Sends the spool to the collector: fresh facts, fresh bulk, then backlog within the credit granted; frees what is stored there.

One thread of its own around `step`, which does one exchange and says when it wants to be woken.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from agent.clock import Clock
from agent.spool import Spool
from agent.transport import Transport


class UplinkState(enum.StrEnum):
    """How the uplink is doing."""

    STARTING = "starting"
    OK = "ok"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    AUTH = "auth"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    INCOMPATIBLE = "incompatible"


class UplinkSettings(msgspec.Struct, frozen=True):
    """`urls` are collectors in order of preference (`https://host:8601`). `compress`: `auto` compresses unless loopback."""

    urls: tuple[str, ...]
    compress: str = "auto"
    """`auto`, `on` or `off`."""
    return_after_s: float = 300.0
    """After how long on another collector the first one is tried again."""
    batch_bytes: int = 1024 * 1024
    batch_reports: int = 500


class UplinkStatus(msgspec.Struct, frozen=True):
    """What `haidang-agent status` and the agent's own series say of the uplink."""

    state: UplinkState
    url: str
    detail: str
    """A sentence for people; empty when all is well."""
    last_success_at_ms: int
    """Wall clock of the last batch that was stored; 0 if none yet."""
    batches: int
    failures: int
    reports: int
    """Reports that the collector stored since start."""
    refused: int
    bytes_sent: int
    config_tag: str


class Uplink:
    """See the module."""

    def __init__(
        self,
        spool: Spool,
        transport: Transport,
        clock: Clock,
        settings: UplinkSettings,
        *,
        boot: str,
        agent_version: str,
        random: Callable[[], float],
    ) -> None:
        raise NotImplementedError

    def step(self) -> float | None:
        """One exchange if one is due. Seconds until the next is wanted; `None` = not before `wake`."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread."""
        raise NotImplementedError

    def wake(self) -> None:
        """There is something to send. Called after each append; never blocks."""
        raise NotImplementedError

    def stop(self, flush_s: float) -> bool:
        """Send what is fresh for at most `flush_s` seconds, then end the thread; true if everything fresh was stored."""
        raise NotImplementedError

    def status(self) -> UplinkStatus:
        """Figures for people and for the agent's own series."""
        raise NotImplementedError


__all__ = ["Uplink", "UplinkSettings", "UplinkState", "UplinkStatus"]
