"""Alertmanager's webhook payload, version "4", as its documentation of `webhook_config` (0.28) has it; what is ours stands
under the one key `haidang`.

Firing, update, reminder and acknowledged are `firing`, resolved is `resolved` with every alert resolved. Notices, digests and
tests carry one alert of their own (`HaidangNotice`, `HaidangDigest`, `HaidangTest`) that is nobody else's and never resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from collector.core.alert import Severity, labels_of, uid_of
from collector.core.notice import Affected, AlertFacts, EventKind, IncidentFacts, Named
from collector.notify.body import ONE_TIME, Body, json_body
from collector.notify.channel import Delivery
from collector.notify.message import Speech
from collector.notify.moments import say_iso
from collector.notify.text import plain_text, subject_line

UNENDED: Final = "0001-01-01T00:00:00Z"
"""Go's zero time: what Alertmanager writes for the end of what lasts."""
_NAMES: Final = {EventKind.NOTICE: "HaidangNotice", EventKind.DIGEST: "HaidangDigest", EventKind.TEST: "HaidangTest"}


def make_body(delivery: Delivery) -> Body:
    """The body of one request."""
    return json_body(payload(delivery))


def payload(delivery: Delivery) -> dict[str, Any]:
    """The payload as plain values; also what templates are given."""
    notice, incident = delivery.notice, delivery.notice.incident
    alerts = (
        _one_time(delivery)
        if notice.event in ONE_TIME or not notice.alerts
        else [_alert(delivery, one) for one in notice.alerts]
    )
    group = {} if incident is None else {"incident": str(incident.number)}
    key = delivery.event_id if incident is None else incident.uid
    return {
        "version": "4",
        "groupKey": f'{{}}:{{incident="{key}"}}',
        "truncatedAlerts": max(notice.alerts_count - len(notice.alerts), 0),
        "status": "resolved" if notice.event is EventKind.RESOLVED else "firing",
        "receiver": delivery.receiver,
        "groupLabels": group,
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": _origin(delivery.url or notice.url),
        "alerts": alerts,
        "haidang": ours(delivery),
    }


def _alert(delivery: Delivery, alert: AlertFacts) -> dict[str, Any]:
    notice, speech = delivery.notice, Speech(delivery)
    ended_ms = alert.ended_ms
    if notice.event is EventKind.RESOLVED and ended_ms is None:
        closed_ms = None if notice.incident is None else notice.incident.resolved_ms
        ended_ms = notice.made_ms if closed_ms is None else closed_ms
    labels = labels_of(alert.key, alert.severity, (alert.subject.site, alert.subject.class_, alert.subject.labels))
    if notice.incident is not None:
        labels["incident"] = str(notice.incident.number)
    return {
        "status": "firing" if ended_ms is None else "resolved",
        "labels": labels,
        "annotations": {"summary": speech.what(alert), "description": speech.why(alert)},
        "startsAt": say_iso(alert.since_ms),
        "endsAt": UNENDED if ended_ms is None else say_iso(ended_ms),
        "generatorURL": delivery.url or notice.url,
        "fingerprint": alert.uid,
    }


def _one_time(delivery: Delivery) -> list[dict[str, Any]]:
    """The one alert of an event without alerts of its own."""
    notice = delivery.notice
    severity = Severity.INFO if notice.incident is None else notice.incident.severity
    labels = {"alertname": _NAMES.get(notice.event, "HaidangIncident"), "severity": severity.value}
    labels |= {"silence": notice.silence} if notice.silence else {}
    labels |= {} if notice.incident is None else {"incident": str(notice.incident.number), "site": notice.incident.site}
    is_over = notice.event is EventKind.RESOLVED
    begun_ms = notice.made_ms if notice.incident is None else notice.incident.onset_ms
    return [
        {
            "status": "resolved" if is_over else "firing",
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {"summary": subject_line(delivery), "description": plain_text(delivery)},
            "startsAt": say_iso(begun_ms),
            "endsAt": say_iso(notice.made_ms) if is_over else UNENDED,
            "generatorURL": delivery.url or notice.url,
            "fingerprint": uid_of(delivery.event_id if notice.incident is None else notice.incident.uid),
        }
    ]


def ours(delivery: Delivery) -> dict[str, Any]:
    """What Alertmanager's payload has no place for."""
    notice = delivery.notice
    return {
        "event": notice.event.value,
        "event_id": delivery.event_id,
        "attempt": delivery.attempt,
        "made": say_iso(notice.made_ms),
        "language": delivery.language,
        "subject": subject_line(delivery),
        "text": plain_text(delivery),
        "url": delivery.url or notice.url,
        "acknowledge_url": delivery.acknowledge_url,
        "incident": None if notice.incident is None else _incident(notice.incident),
        "alerts": [_facts(alert) for alert in notice.alerts],
        "alerts_count": max(notice.alerts_count, len(notice.alerts)),
        "affected": [_affected(one) for one in notice.affected],
        "affected_count": max(notice.affected_count, len(notice.affected)),
        "still_down": [_subject(subject) for subject in notice.still_down],
        "step": notice.level,
        "by": notice.by,
        "comment": notice.text,
        "silence": notice.silence,
        "matchers": notice.matchers,
    }


def _incident(incident: IncidentFacts) -> dict[str, Any]:
    return {
        "uid": incident.uid,
        "number": incident.number,
        "state": incident.state.value,
        "severity": incident.severity.value,
        "site": incident.site,
        "site_name": {"vi": incident.site_vi, "en": incident.site_en},
        "onset": say_iso(incident.onset_ms),
        "opened": say_iso(incident.opened_ms),
        "resolved": None if incident.resolved_ms is None else say_iso(incident.resolved_ms),
        "acknowledged_by": incident.acknowledged_by,
        "assignee": incident.assignee,
        "reopened": incident.reopened,
        "route": incident.route,
    }


def _facts(alert: AlertFacts) -> dict[str, Any]:
    return {
        "fingerprint": alert.uid,
        "subject": _subject(alert.subject),
        "kind": alert.key.kind.value,
        "name": alert.key.name,
        "severity": alert.severity.value,
        "state": alert.state.value,
        "reason": alert.reason,
        "detail": alert.detail,
        "value": alert.value,
        "is_cause": alert.is_cause,
        "since": say_iso(alert.since_ms),
        "known": say_iso(alert.known_ms),
        "ended": None if alert.ended_ms is None else say_iso(alert.ended_ms),
    }


def _affected(affected: Affected) -> dict[str, Any]:
    return {
        "subject": _subject(affected.subject),
        "state": affected.state.value,
        "since": say_iso(affected.since_ms),
        "reason": affected.reason.value,
    }


def _subject(subject: Named) -> dict[str, Any]:
    return {
        "id": subject.id,
        "name": {"vi": subject.name_vi, "en": subject.name_en},
        "site": subject.site,
        "class": subject.class_,
    }


def _common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Pairs that all of them have."""
    if not maps:
        return {}
    return {name: value for name, value in maps[0].items() if all(other.get(name) == value for other in maps[1:])}


def _origin(url: str) -> str:
    """Scheme and host of an address; empty if it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""
