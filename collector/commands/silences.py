"""`silence add | list | expire`: what people mute on a running collector."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from collector.commands import acts_times
from collector.commands.acts_times import TypedError
from collector.commands.client import Client
from collector.commands.paging_text import PagingTeller

_PATH = "/api/v1/silences"


def run(client: Client, options: argparse.Namespace, zone: ZoneInfo) -> str:
    """The text to print. Raises `TypedError`, `ApiError`, `ClientError`."""
    tell = PagingTeller(options.lang, zone)
    if options.verb == "add":
        return tell.silence_made(client.post(_PATH, _body(options, zone)))
    if options.verb == "expire":
        ended = client.post(f"{_PATH}/{quote(options.id, safe='')}/expire", {"comment": options.comment})
        return tell.say("silence_ended", id=ended["id"])
    query = {"status": "" if options.all else "current", "limit": options.limit, "before": options.before}
    return tell.silences(client.get(f"{_PATH}?{urlencode({name: value for name, value in query.items() if value})}"))


def _body(options: argparse.Namespace, zone: ZoneInfo) -> dict[str, Any]:
    now = datetime.now(UTC)
    begin = acts_times.moment(getattr(options, "from") or "now", zone, now)
    lasting = getattr(options, "for")
    if bool(lasting) == bool(options.to):
        raise TypedError("no_end", "")
    end = begin + acts_times.length(lasting) if lasting else acts_times.moment(options.to, zone, now)
    body = {"matchers": options.matchers, "comment": options.comment, "to": end.isoformat(), "notify": options.notify}
    return body | ({"from": begin.isoformat()} if getattr(options, "from") else {})
