"""Alerts follow conditions: they begin when a condition is confirmed and end when its opposite was seen. Pure.

What nobody sees any more has not ended: only a good sample ends an outage.
"""

from __future__ import annotations

from typing import Final

from collector.core.alert import Alert, AlertKey, AlertKind, Condition, uid_of
from collector.core.book import Draft, changed
from collector.core.incident import EntryKind
from collector.core.paging import SubjectView
from collector.core.state import GOOD_STATES, State

OVER: Final = "over"
OUT_OF_SERVICE: Final = "out of service"

_ENDS: Final = {
    AlertKind.DOWN: frozenset(GOOD_STATES),
    AlertKind.DEGRADED: frozenset({State.UP, State.DOWN}),
    AlertKind.NO_DATA: frozenset(State) - {State.UNKNOWN},
}
"""States that end an alert of these kinds; the others end when their condition is gone. A confirmed outage ends what was only
degraded, since its own alert has it from there; what cannot be reached may be degraded still."""


def follow(draft: Draft) -> list[tuple[str, SubjectView]]:
    """Begin, change and end alerts by what is seen; the subjects that have an open alert afterwards."""
    book, left = draft.book, []
    for subject, view in draft.seen.subjects.items():
        uids = book.by_subject.get(subject)
        if uids is None and not view.conditions:
            continue
        if not view.is_in_service:
            for uid in uids or ():
                _end(draft, book.alerts[uid], draft.now_ms, OUT_OF_SERVICE)
            continue
        alerts = [book.alerts[uid] for uid in uids or ()]
        for alert in alerts:
            if not any(alert.key == condition.key for condition in view.conditions):
                _end_if_over(draft, alert, view)
        for condition in view.conditions:
            _match(draft, condition, next((alert for alert in alerts if alert.key == condition.key), None))
        left.append((subject, view))
    return left


def _match(draft: Draft, condition: Condition, alert: Alert | None) -> None:
    """An alert for a condition, or its alert as the condition is now. A new detail or value alone is not worth a write."""
    if alert is None:
        draft.put(_begin(draft, condition.key, condition))
        return
    if alert.severity is not condition.severity or alert.state is not condition.state or alert.reason != condition.reason:
        draft.put(
            changed(
                alert,
                severity=condition.severity,
                state=condition.state,
                reason=condition.reason,
                detail=condition.detail,
                value=condition.value,
            )
        )


def _begin(draft: Draft, key: AlertKey, condition: Condition) -> Alert:
    uid = uid_of(key.subject, key.kind, key.name, condition.known_ms)
    if draft.knows(uid):  # It ended already and is said to be true again from the same moment.
        uid = uid_of(key.subject, key.kind, key.name, condition.known_ms, draft.now_ms)
    return Alert(
        uid, key, condition.severity, condition.since_ms, condition.known_ms,
        condition.state, condition.reason, condition.detail, condition.value,
    )  # fmt: skip


def _end_if_over(draft: Draft, alert: Alert, view: SubjectView) -> None:
    states = _ENDS.get(alert.key.kind)
    if states is None:
        _end(draft, alert, draft.now_ms, OVER)
    elif view.state in states:
        _end(draft, alert, view.state_since_ms, OVER)


def _end(draft: Draft, alert: Alert, ended_ms: int, text: str) -> None:
    draft.put(changed(alert, ended_ms=max(alert.since_ms, ended_ms), gone_ms=draft.now_ms))
    if alert.incident:
        draft.note(alert.incident, EntryKind.LEFT, alert, text)
