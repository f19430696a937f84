"""Which outage used up the budget of which a burn alert tells: whoever was told of that one is not told of it again. Pure."""

from __future__ import annotations

from typing import Final

from collector.core.alert import Alert, Hold, HoldReason
from collector.core.book import Draft
from collector.core.budget import ALERTS
from collector.core.incident import Incident
from collector.core.paging import SubjectView
from collector.core.state import State

_LONG_MS: Final = {alert.name: alert.long_ms for alert in ALERTS}
_SLACK_MS: Final = 300_000
"""Budgets are worked out once a minute: an alert may last so much longer than what its window holds."""
_STEP_MS: Final = 600_000
"""Until when something explains a burn alert is said in such steps, so that it is not written anew each second."""
_STAYS: Final = frozenset({
    HoldReason.MAINTENANCE, HoldReason.SILENCE, HoldReason.CLOSED_BY_HAND, HoldReason.FLAPPING, HoldReason.BLIND,
    HoldReason.PARENT_DOWN, HoldReason.OBSERVER_GONE,
})  # fmt: skip
"""What keeps an outage from people keeps what it used of a budget from them as well, until that is out of the window."""


def stays_explained(alert: Alert, live: Hold | None, now_ms: int) -> Hold | None:
    """Why a burn alert is held, given what holds the outages of which it tells: for as long as these are within its window,
    also when they are over."""
    if live is not None and live.reason in _STAYS:
        until_ms = now_ms + _LONG_MS.get(alert.key.name, 0) + _SLACK_MS
        return Hold(live.reason, live.by, until_ms=(until_ms // _STEP_MS + 1) * _STEP_MS)
    old = alert.hold
    is_recent = old is not None and old.reason in _STAYS and old.until_ms is not None and now_ms < old.until_ms
    return old if live is None and is_recent else live


def spender(draft: Draft, alert: Alert, view: SubjectView) -> Incident | None:
    """The newest incident, over or not, of a subject, its members or what they lie behind that lasted within the long window of
    a burn alert and is as grave: what it says is why the budget is used. None: no incident explains it."""
    window_ms = _LONG_MS.get(alert.key.name, 0) + _SLACK_MS
    # A window of which nothing is known ends nothing: as long as that is so the alert goes on to be about what it was about.
    until_ms = alert.known_ms if view.state is State.UNKNOWN else draft.now_ms
    touched = draft.touched()
    uids = dict.fromkeys(uid for name in _related(draft, view) for uid in touched.get(name, ()))
    known = [incident for uid in uids if (incident := draft.incident(uid)) is not None]
    found = [one for one in known if one.resolved_ms is None or one.resolved_ms >= until_ms - window_ms]
    grave = [one for one in found if one.severity.rank <= alert.severity.rank]
    return max(grave, key=lambda incident: (incident.resolved_ms is None, incident.number), default=None)


def _related(draft: Draft, view: SubjectView) -> set[str]:
    """A subject, what it is made of, and everything before these."""
    found: set[str] = set()
    stack = [view.named.id]
    while stack:
        name = stack.pop()
        seen = draft.view(name)
        if name not in found and seen is not None:
            found.add(name)
            stack += seen.members
            stack += [parent for group in seen.parents for parent in group]
    return found
