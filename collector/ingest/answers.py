"""Answers of the agents' door as bytes, and the refusal that is not 200."""

from __future__ import annotations

from typing import Final

import msgspec

from agent import wire
from collector.core.refusal import Refusal

_REASONS: Final = {
    200: "OK", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 413: "Content Too Large",
    415: "Unsupported Media Type", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


class RefusedError(Exception):
    """An answer that is not 200. `close` ends the connection, for callers that are not to be trusted with it."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after_s: int = 0, close: bool = False) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.close = close


def told(refusal: Refusal) -> wire.Refused:
    """One refused report as the answer tells it to the agent, whose people read it."""
    return wire.Refused(refusal.lane, refusal.seq, f"{refusal.code}: {refusal.detail}")


def too_slow(timeout_s: float) -> RefusedError:
    """408: the body did not come in time."""
    return RefusedError(408, "too_slow", f"body did not arrive within {timeout_s:g} s", close=True)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole answer: `body` of `content_type` with `extra` header lines; `close` ends the connection after it."""

    status: int
    content_type: str
    body: bytes
    close: bool = False
    extra: str = ""

    @classmethod
    def refusing(cls, error: RefusedError) -> Answer:
        """The JSON answer `{"error": {"code", "detail"}}` of a refusal."""
        body = msgspec.json.encode({"error": {"code": error.code, "detail": error.detail}})
        extra = f"Retry-After: {error.retry_after_s}\r\n" if error.retry_after_s else ""
        if error.status == 401:
            extra += "WWW-Authenticate: Bearer\r\n"
        return cls(error.status, "application/json", body, error.close, extra)

    def render(self, connection: str = "") -> bytes:
        """Head and body (RFC 9112); `connection` is the value of the Connection header, none if empty."""
        about = f"{self.extra}Connection: {connection}\r\n" if connection else self.extra
        head = (
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n{about}\r\n"
        )
        return head.encode() + self.body
