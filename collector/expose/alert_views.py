"""An alert as the API tells it, and whether anybody was told of it. Values only."""

from __future__ import annotations

import msgspec

from collector.core.alert import Alert, AlertKind, HoldReason, Severity
from collector.core.notice import Named
from collector.core.state import State
from collector.expose.paging_port import PagingDesk
from collector.expose.paging_words import hold_text, kind_text
from collector.expose.times import maybe, time_text
from collector.expose.words import LANGUAGES, Words


class HoldView(msgspec.Struct, frozen=True):
    """Why nobody is told (yet)."""

    reason: HoldReason | None
    """None: it is being decided."""
    text: Words
    by: str
    since: str | None
    until: str | None
    """When it is asked again at the latest."""


class AlertView(msgspec.Struct, frozen=True):
    """An alert, and whether anybody was told of it."""

    uid: str
    subject: str
    names: Words
    site: str
    kind: AlertKind
    name: str
    what: Words
    severity: Severity
    state: State
    since: str
    known: str
    ended: str | None
    reason: str
    detail: str
    value: float | None
    paged: str | None
    incident: int | None
    """Number of the incident that it is part of."""
    held: HoldView | None
    """None once it was paged."""


def names_of(named: Named) -> Words:
    """A subject's names by language; its id where it has none."""
    return {"en": named.name_en or named.name_vi or named.id, "vi": named.name_vi or named.name_en or named.id}


def number_in(desk: PagingDesk, incident: str) -> int | None:
    """Number of an incident that the desk knows."""
    found = desk.incident_of(incident) if incident else None
    return None if found is None else found.number


def alert_view(alert: Alert, named: Named, number: int | None) -> AlertView:
    """`number` of its incident, if it is part of one."""
    key = alert.key
    return AlertView(
        alert.uid, key.subject, names_of(named), named.site, key.kind, key.name,
        {language: kind_text(alert, language) for language in LANGUAGES}, alert.severity, alert.state,
        time_text(alert.since_ms), time_text(alert.known_ms), maybe(alert.ended_ms), alert.reason, alert.detail, alert.value,
        maybe(alert.paged_ms), number, hold_view(alert),
    )  # fmt: skip


def hold_view(alert: Alert) -> HoldView | None:
    """Why nobody is told, or was told of one that is over; also of one that was paged and is held again."""
    hold = alert.hold
    is_told = alert.paged_ms is not None
    if (is_told and not alert.is_open) or (hold is None and (is_told or not alert.is_open)):
        return None
    text = {language: hold_text(hold, language) for language in LANGUAGES}
    if hold is None:
        return HoldView(None, text, "", None, None)
    return HoldView(hold.reason, text, hold.by, maybe(hold.since_ms or None), maybe(hold.until_ms))
