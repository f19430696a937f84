"""Silences that deserve a word: one that hides an outage, one that ended while it still hid something, one that was forgotten.
Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from collector.core.alert import Alert, AlertKind, HoldReason, Severity
from collector.core.book import Draft
from collector.core.incident_facts import NameOf
from collector.core.notice import MAX_LISTED, AlertFacts, EventKind, Notice, Outgoing, event_id_of
from collector.core.silencing import Silence
from collector.core.state import State
from collector.core.telling import names_in

HIDES: Final = "hides"
ENDED_DOWN: Final = "ended_down"
FORGOTTEN: Final = "forgotten"

HIDES_AFTER_MS: Final = 600_000
"""An outage that a silence hides is told once it lasts longer than this."""
REWRITE_MS: Final = 60_000
"""`last_match_ms` is written at most this often."""
IDLE_MS: Final = 7 * 86_400_000
"""A silence that matched nothing for this long is told as forgotten, and again after as long."""
FAR_MS: Final = 30 * 86_400_000
"""So is one, once, whose end is further away than this."""


def tend(draft: Draft) -> None:
    """Look after every silence; what changed is in `draft.silences`, what is to be said in the draft's outgoing rows."""
    if not draft.seen.silences:
        return
    hidden: dict[str, list[Alert]] = {}
    for alert in draft.all_open():
        hold = alert.hold
        if hold is not None and hold.reason is HoldReason.SILENCE:
            hidden.setdefault(hold.by, []).append(alert)
    for silence in draft.seen.silences:
        if silence.is_active(draft.now_ms):
            changed = _matched(draft, silence, hidden.get(silence.id, []))
            changed = _hides(draft, changed, hidden.get(silence.id, []))
            changed = _forgotten(draft, changed)
        else:
            changed = _ended(draft, silence)
        if changed != silence:
            draft.silences[silence.id] = changed


def _matched(draft: Draft, silence: Silence, hidden: list[Alert]) -> Silence:
    last = silence.last_match_ms
    if not hidden or (last is not None and draft.now_ms - last < REWRITE_MS):
        return silence
    draft.wakes.append(draft.now_ms + REWRITE_MS)
    return msgspec.structs.replace(silence, last_match_ms=draft.now_ms)


def _hides(draft: Draft, silence: Silence, hidden: list[Alert]) -> Silence:
    """Once per alert: a confirmed outage that somebody would have been told of."""
    found = []
    for alert in hidden:
        is_outage = alert.key.kind is AlertKind.DOWN and alert.state is State.DOWN
        if is_outage and alert.severity is not Severity.INFO and alert.uid not in silence.told_hides:
            due = alert.since_ms + HIDES_AFTER_MS
            if draft.now_ms > due:
                found.append(alert)
            else:
                draft.wakes.append(due + 1)
    if not found:
        return silence
    told = _tell(draft, silence, HIDES, found)
    return msgspec.structs.replace(told, told_hides=(*told.told_hides, *(alert.uid for alert in found)))


def _ended(draft: Draft, silence: Silence) -> Silence:
    """Its end, dealt with once: what it hid and is down still. These alerts page by themselves; this says why only now."""
    if silence.told_end or draft.now_ms < silence.end_ms:
        if not silence.told_end:
            draft.wakes.append(silence.from_ms)
        return silence
    found = [alert for alert in draft.book.open_alerts() if _was_hidden_by(alert, silence)]
    still = [now for alert in found if (now := draft.alert(alert.uid)).is_open]
    told = _tell(draft, silence, ENDED_DOWN, still) if still else silence
    return msgspec.structs.replace(told, told_end=True)


def _was_hidden_by(alert: Alert, silence: Silence) -> bool:
    hold = alert.hold
    return hold is not None and hold.reason is HoldReason.SILENCE and hold.by == silence.id and alert.key.kind is AlertKind.DOWN


def _forgotten(draft: Draft, silence: Silence) -> Silence:
    now, told = draft.now_ms, silence.told_forgotten_ms
    idle_since = max(silence.created_ms, silence.from_ms, silence.last_match_ms or 0, told or 0)
    is_far = told is None and silence.end_ms - now > FAR_MS
    if now - idle_since <= IDLE_MS and not is_far:
        return silence
    return msgspec.structs.replace(_tell(draft, silence, FORGOTTEN, []), told_forgotten_ms=now)


def _tell(draft: Draft, silence: Silence, word: str, alerts: list[Alert]) -> Silence:
    """A notice to the silence's receivers; the silence with the event counted."""
    name_of: NameOf = names_in(draft)
    alerts = sorted(alerts, key=lambda alert: (alert.severity.rank, alert.since_ms, alert.uid))
    notice = Notice(
        EventKind.NOTICE,
        draft.now_ms,
        alerts=tuple(_facts(alert, name_of) for alert in alerts[:MAX_LISTED]),
        alerts_count=len(alerts),
        text=word,
        by=silence.author,
        silence=silence.id,
        matchers=" ".join(map(str, silence.matchers)),
    )
    severity = min((alert.severity for alert in alerts), key=lambda found: found.rank, default=Severity.INFO)
    receivers = silence.notify or draft.seen.silence_receivers
    draft.changes.outgoing += [
        Outgoing(
            event_id_of(silence.id, silence.events), receiver, silence.id, silence.events, EventKind.NOTICE, notice, severity,
            draft.now_ms,
        )
        for receiver in receivers
    ]  # fmt: skip
    return msgspec.structs.replace(silence, events=silence.events + 1)


def _facts(alert: Alert, name_of: NameOf) -> AlertFacts:
    return AlertFacts(
        alert.uid, alert.key, alert.severity, name_of(alert.key.subject), alert.state, alert.since_ms, alert.known_ms,
        alert.ended_ms, alert.reason, alert.detail, alert.value,
    )  # fmt: skip
