"""One HTTP connection to a collector: TLS with a pinned CA, keep-alive, deadlines, bounded answers.

Errors of sockets and TLS are translated here into `Reason`; nothing outside matches on their text.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from agent.model import Reason


class TransportError(Exception):
    """No answer: why (a closed list) and a sentence for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Response(msgspec.Struct, frozen=True):
    """An HTTP answer; `retry_after_s` is 0 if the collector named no time."""

    status: int
    body: bytes
    retry_after_s: float = 0.0


class TransportSettings(msgspec.Struct, frozen=True):
    """How to reach collectors. `token` and `ca_file` may be absent (empty) on loopback."""

    token: str = ""
    ca_file: str = ""
    allow_plain_http: bool = False
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 10.0
    answer_bytes: int = 1024 * 1024


class Transport(Protocol):
    """What the uplink needs: send one body to one collector, get one answer."""

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        """`POST url/v1/batches`. Raises `TransportError`."""

    def close(self) -> None:
        """Drop the connections."""


class HttpTransport:
    """The real one."""

    def __init__(self, settings: TransportSettings) -> None:
        """Raises `ValueError` naming the setting that is wrong."""
        raise NotImplementedError

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        """See `Transport.post`."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop the connections."""
        raise NotImplementedError
