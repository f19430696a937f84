"""What quiet hours held back since the last digest, over or not, as one message. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from collector.core.alert import Alert, Severity
from collector.core.incident import Incident, IncidentState
from collector.core.incident_facts import NameOf, alert_facts, is_explained
from collector.core.notice import MAX_LISTED, EventKind, Notice, Outgoing, event_id_of

ORDER: Final = "digest"


def digest_of(
    incidents: Iterable[Incident], alerts: Iterable[Alert], span: tuple[int, int], receivers: Iterable[str], name_of: NameOf
) -> list[Outgoing]:
    """Rows of one digest for its receivers: every incident that nobody was told of for quiet hours and that was opened or
    ended within `span` (the last digest, now), or still lasts. Empty if there is none. Its number is the minute, so that the
    same digest made twice is one event."""
    since_ms, now_ms = span
    held = {one.uid: one for one in incidents if one.digest and not one.told and _belongs(one, since_ms)}
    listed = [alert for alert in alerts if alert.incident in held and not is_explained(alert)]
    if not listed:
        return []
    listed.sort(key=lambda one: (not one.is_open, one.severity.rank, one.since_ms, one.uid))
    facts = tuple(alert_facts(one, held[one.incident], name_of) for one in listed[:MAX_LISTED])
    notice = Notice(EventKind.DIGEST, now_ms, alerts=facts, alerts_count=len(listed))
    seq = now_ms // 60_000
    return [
        Outgoing(event_id_of(ORDER, seq), receiver, ORDER, seq, EventKind.DIGEST, notice, Severity.INFO, now_ms)
        for receiver in dict.fromkeys(receivers)
    ]


def _belongs(incident: Incident, since_ms: int) -> bool:
    is_over = incident.state is IncidentState.RESOLVED
    return not is_over or incident.resolved_ms is None or incident.resolved_ms > since_ms
