"""What quiet hours held back since the last digest, over or not, as one message. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from collector.core.alert import Alert, Severity
from collector.core.calling import DigestDue
from collector.core.incident import Incident, IncidentState
from collector.core.incident_facts import NameOf, alert_facts, is_explained
from collector.core.notice import MAX_LISTED, EventKind, Notice, Outgoing, event_id_of

ORDER: Final = "digest"
DAY_MS: Final = 86_400_000
"""What a digest goes back to where no earlier one of the last two days had its receiver; what is over is not remembered for
longer."""


def digests_of(
    due: Sequence[DigestDue], after_ms: int, incidents: Sequence[Incident], alerts: Sequence[Alert], name_of: NameOf
) -> list[Outgoing]:
    """Rows of the digests whose time is after `after_ms`, each from the one before for the same receiver on. `due` holds those
    of the last two days. The same digest made twice, also after a restart, is one event."""
    out: list[Outgoing] = []
    for place, digest in enumerate(due):
        if digest.at_ms <= after_ms:
            continue
        for receiver in digest.receivers:
            earlier = [one.at_ms for one in due[:place] if receiver in one.receivers and one.at_ms < digest.at_ms]
            span = (max(earlier, default=digest.at_ms - DAY_MS), digest.at_ms)
            out += digest_of(incidents, alerts, span, (receiver,), name_of)
    return out


def digest_of(
    incidents: Iterable[Incident], alerts: Iterable[Alert], span: tuple[int, int], receivers: Iterable[str], name_of: NameOf
) -> list[Outgoing]:
    """Rows of one digest for its receivers: every incident that nobody was told of for quiet hours, that was opened by the end
    of `span` (the last digest, this one) and ended within it or lasts still. Empty if there is none. Its number is the minute,
    so that the same digest made twice is one event."""
    since_ms, now_ms = span
    held = {one.uid: one for one in incidents if one.digest and not one.told and _belongs(one, since_ms, now_ms)}
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


def _belongs(incident: Incident, since_ms: int, now_ms: int) -> bool:
    is_over = incident.state is IncidentState.RESOLVED
    return incident.opened_ms <= now_ms and (not is_over or incident.resolved_ms is None or incident.resolved_ms > since_ms)
