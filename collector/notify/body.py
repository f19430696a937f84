"""What a preset makes of a delivery: one request's body, and the pieces that every preset uses."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from collector.core.notice import EventKind

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
ONE_TIME: Final = (EventKind.NOTICE, EventKind.DIGEST, EventKind.TEST)
"""Events that belong to no incident: they are never resolved."""


class Body(msgspec.Struct, frozen=True):
    """One request. `headers` and `url_suffix` may hold a secret: neither is ever shown or logged."""

    data: bytes
    content_type: str = JSON
    headers: dict[str, str] = {}
    """Further headers; one of them may be `Authorization`, which then takes the place of the bearer token."""
    url_suffix: str = ""
    """Behind the path of the receiver's address; may begin a query."""
    remark: str = ""
    """For people: why this is not what the receiver's settings ask for."""
    to: str = ""
    """For whom it is, where each of the receiver's `to` is asked on its own."""
    takes_token: bool = False
    """Whether the token is used within the body, its headers or suffix: then it is not sent as a bearer token as well."""


def json_body(value: Any, **more: Any) -> Body:
    """A body of JSON."""
    return Body(msgspec.json.encode(value), **more)


def joined(address: str, suffix: str) -> str:
    """A receiver's address with a body's suffix behind its path; its own query goes before that of the suffix."""
    path, _, query = address.partition("?")
    more_path, _, more_query = suffix.partition("?")
    queries = "&".join(part for part in (query, more_query) if part)
    whole = (path.rstrip("/") if more_path.startswith("/") else path) + more_path
    return f"{whole}?{queries}" if queries else whole
