"""What an explanation tells of alerts: of each whether anybody was told, or why nobody was. Read from the store."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from collector.commands.paging_text import PagingTeller
from collector.core.alert import Alert
from collector.core.intervals import Interval
from collector.core.notice import Named
from collector.expose.alert_views import AlertView, alert_view
from collector.store.store import Store

MOST: Final = 200
"""Alerts of a period that are told, the newest."""


async def alerts_of(store: Store, id_: str, names: dict[str, str], interval: Interval, known_ms: int) -> list[AlertView]:
    """Alerts of a subject that lasted at some moment of a period and were known by then; none for what was fine, and none that
    was over when it began: another took its place. Raises `StoreError`."""
    read = await store.alerts_between(id_, *interval)
    found = [one for one in read if one.known_ms <= known_ms and (one.paged_ms is not None or one.ended_ms != one.since_ms)]
    named = Named(id_, names.get("vi", ""), names.get("en", ""))
    return [alert_view(one, named, await _number(store, one)) for one in found[-MOST:]]


async def _number(store: Store, alert: Alert) -> int | None:
    incident = await store.incident_of(alert.incident) if alert.incident else None
    return None if incident is None else incident.number


def alert_lines(alerts: list[AlertView], language: str, zone: str) -> str:
    """The text, ending in a line feed; empty without alerts."""
    if not alerts:
        return ""
    tell = PagingTeller(language, ZoneInfo(zone))
    told: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(alerts))
    return "\n".join(["", tell.say("part_alerts"), *(f"  {tell.alert(one)}" for one in told)]) + "\n"
