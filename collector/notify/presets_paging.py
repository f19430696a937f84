"""Paging services: PagerDuty's Events API v2 and Opsgenie's Alert API, as their references stood in 2025.

PagerDuty: firing, update and reminder `trigger` (the same `dedup_key` changes the alert and pages nobody anew while it is
open), acknowledged `acknowledge`, resolved `resolve`. Opsgenie: firing and reminder create (the same alias only counts while it
is open), update adds a note, acknowledged acknowledges, resolved closes. Notices, digests and tests are alerts of their own,
of the lowest urgency, that somebody closes by hand.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from collector.core.alert import Severity
from collector.core.notice import EventKind, Notice
from collector.notify.body import ONE_TIME, Body, json_body
from collector.notify.channel import Delivery
from collector.notify.cutting import clean, cut
from collector.notify.message import cause_of, message_of
from collector.notify.moments import say_iso
from collector.notify.text import plain_text, subject_line

MOST_SUMMARY: Final = 1_024
"""PagerDuty: characters of `payload.summary`."""
MOST_MESSAGE: Final = 130
"""Opsgenie: characters of `message`; then of `description`, `note`, `source`, `user`, a tag."""
MOST_DESCRIPTION: Final = 15_000
MOST_NOTE: Final = 25_000
MOST_SOURCE: Final = 100
MOST_TAG: Final = 50
_URGENCY: Final = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "info"}
_PRIORITY: Final = {Severity.CRITICAL: "P1", Severity.WARNING: "P3", Severity.INFO: "P5"}


def pagerduty(delivery: Delivery, token: str) -> Body:
    """One event; the routing key stands in the body."""
    notice = delivery.notice
    action = {EventKind.ACKNOWLEDGED: "acknowledge", EventKind.RESOLVED: "resolve"}.get(notice.event, "trigger")
    event: dict[str, Any] = {"routing_key": token, "event_action": action, "dedup_key": key_of(delivery)}
    if action == "trigger":
        event |= {"payload": _payload(delivery), "client": "Hải Đăng", "client_url": delivery.url or notice.url}
        event["links"] = [{"href": url, "text": label} for label, url in message_of(delivery).links]
    return json_body(event, takes_token=True)


def _payload(delivery: Delivery) -> dict[str, Any]:
    notice = delivery.notice
    cause = cause_of(notice.alerts)
    incident = notice.incident
    payload = {
        "summary": cut(subject_line(delivery), MOST_SUMMARY),
        "source": "haidang" if cause is None else cause.subject.id,
        "severity": _URGENCY[severity_of(notice)],
        "timestamp": say_iso(notice.made_ms if incident is None else incident.onset_ms),
        "component": "" if cause is None else cause.subject.id,
        "group": "" if incident is None else incident.site,
        "class": "" if cause is None else cause.key.kind.value,
        "custom_details": {
            "text": plain_text(delivery),
            "event_id": delivery.event_id,
            "affected_count": max(notice.affected_count, len(notice.affected)),
            "reason": "" if cause is None else cause.reason,
            "detail": "" if cause is None else clean(cause.detail),
        },
    }
    return {name: value for name, value in payload.items() if value != ""}


def opsgenie(delivery: Delivery, teams: tuple[str, ...], token: str) -> Body:
    """One request; the alert is known by its alias, the key stands in a header."""
    notice = delivery.notice
    headers = {"Authorization": f"GenieKey {token}"}
    if notice.event in (EventKind.UPDATE, EventKind.ACKNOWLEDGED, EventKind.RESOLVED):
        verb = {EventKind.UPDATE: "notes", EventKind.ACKNOWLEDGED: "acknowledge", EventKind.RESOLVED: "close"}[notice.event]
        said: dict[str, Any] = {"source": "haidang", "note": cut(plain_text(delivery), MOST_NOTE)}
        if notice.by:
            said["user"] = cut(clean(notice.by), MOST_SOURCE)
        suffix = f"/{quote(key_of(delivery), safe='')}/{verb}?identifierType=alias"
        return json_body(said, headers=headers, url_suffix=suffix, takes_token=True)
    return json_body(_opened(delivery, teams), headers=headers, takes_token=True)


def _opened(delivery: Delivery, teams: tuple[str, ...]) -> dict[str, Any]:
    notice = delivery.notice
    cause = cause_of(notice.alerts)
    tags = [notice.event.value] + ([] if notice.incident is None else [notice.incident.site])
    alert: dict[str, Any] = {
        "message": cut(subject_line(delivery), MOST_MESSAGE),
        "alias": key_of(delivery),
        "description": cut(plain_text(delivery), MOST_DESCRIPTION),
        "responders": [{"name": team, "type": "team"} for team in teams],
        "tags": [cut(tag, MOST_TAG) for tag in tags if tag],
        "details": {"event_id": delivery.event_id, "url": delivery.url, "acknowledge_url": delivery.acknowledge_url},
        "entity": "" if cause is None else cause.subject.id,
        "source": "haidang",
        "priority": _PRIORITY[severity_of(notice)],
    }
    alert["details"] = {name: value for name, value in alert["details"].items() if value}
    return {name: value for name, value in alert.items() if value}


def key_of(delivery: Delivery) -> str:
    """By what a service knows the alert again: the incident; the event itself where there is none."""
    notice = delivery.notice
    return delivery.event_id if notice.incident is None or notice.event in ONE_TIME else notice.incident.uid


def severity_of(notice: Notice) -> Severity:
    """How urgent a message is: as its incident; without one as its gravest alert, one-time events never more than `info`."""
    if notice.incident is not None:
        return notice.incident.severity
    if notice.event in ONE_TIME:
        return Severity.INFO
    return min((alert.severity for alert in notice.alerts), key=lambda severity: severity.rank, default=Severity.CRITICAL)
