"""For the tests of channels: deliveries of one incident of the example province, at every moment of its life."""

from __future__ import annotations

from typing import Any

import msgspec

from collector.core.alert import AlertKey, AlertKind, Severity, uid_of
from collector.core.incident import IncidentState
from collector.core.notice import AlertFacts, EventKind, IncidentFacts, Named, Notice, event_id_of
from collector.core.state import State
from collector.notify.channel import Delivery

SINCE_MS = 1_780_000_000_000
"""When it began."""
ROUTER = Named("q1-router", "Router Quận 1", "District 1 router", "q1", "Quận 1", "District 1", "network", {"floor": "2"})


def facts(name: str = "q1-router", *, since_ms: int = SINCE_MS, **more: Any) -> AlertFacts:
    """A critical outage of the subject `name`; `kind` and `of` are the rest of its key."""
    key = AlertKey(name, more.pop("kind", AlertKind.DOWN), more.pop("of", ""))
    subject = msgspec.structs.replace(ROUTER, id=name)
    values = {"severity": Severity.CRITICAL, "state": State.DOWN, "reason": "timeout", "detail": "no answer to 3 pings"} | more
    return AlertFacts(uid_of(key, since_ms), key, subject=subject, since_ms=since_ms, known_ms=since_ms + 10_000, **values)


def delivery(
    event: EventKind = EventKind.FIRING, seq: int = 0, alerts: tuple[AlertFacts, ...] | None = None, **more: Any
) -> Delivery:
    """Event `seq` of incident 12, made `seq` minutes after it began; `more` are fields of the delivery."""
    made_ms = SINCE_MS + 10_000 + seq * 60_000
    listed = (facts(is_cause=True),) if alerts is None else alerts
    is_over = event is EventKind.RESOLVED
    if is_over and alerts is None:
        listed = tuple(msgspec.structs.replace(one, ended_ms=made_ms - 5_000) for one in listed)
    state = IncidentState.RESOLVED if is_over else IncidentState.OPEN
    incident = IncidentFacts(
        "00112233aabbccdd", 12, state, Severity.CRITICAL, "q1", "Quận 1", "District 1", SINCE_MS, SINCE_MS + 10_000,
        made_ms if is_over else None,
    )  # fmt: skip
    notice = Notice(event, made_ms, incident, listed, len(listed))
    values: dict[str, Any] = {
        "attempt": 1, "receiver": "truc-ca", "notice": notice, "language": "vi", "zone": "Asia/Ho_Chi_Minh", "sent_ms": made_ms,
    }  # fmt: skip
    return Delivery(event_id_of(incident.uid, seq), **values | more)


def trial(**more: Any) -> Delivery:
    """A test of a receiver: no incident, no alerts."""
    values: dict[str, Any] = {
        "attempt": 1, "receiver": "truc-ca", "notice": Notice(EventKind.TEST, SINCE_MS, by="an"), "language": "en",
        "zone": "Asia/Ho_Chi_Minh", "sent_ms": SINCE_MS,
    }  # fmt: skip
    return Delivery("test-1-0", **values | more)
