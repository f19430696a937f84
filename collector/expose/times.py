"""Times as the API tells them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds; "" outside the years 1 to 9999."""
    try:
        moment = datetime.fromtimestamp(ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def maybe(ms: int | None) -> str | None:
    """A time that there may not be."""
    return None if ms is None else time_text(ms)
