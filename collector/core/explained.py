"""The quick answer for what a dead parent explains and has explained before: ten thousand of them must cost nothing. Pure."""

from __future__ import annotations

from collector.core.alert import OF_STATES, Alert, HoldReason
from collector.core.book import Draft
from collector.core.grouping import incident_of_cause
from collector.core.holding import is_untold
from collector.core.paging import SubjectView
from collector.core.paths import Paths

_Answer = tuple[str, str, int]


class Explained:
    """Knows for each set of parents, once per decision: what explains it, the incident of that, and how grave that one is."""

    def __init__(self, draft: Draft, paths: Paths) -> None:
        self._draft = draft
        self._paths = paths
        self._answers: dict[tuple[tuple[str, ...], ...], _Answer] = {}
        self._kinds = {kind: draft.policy.alert_rule(kind).pages for kind in OF_STATES}

    def still(self, alert: Alert, view: SubjectView) -> bool:
        """Whether an alert that is held because a parent is out is so still, with nothing to note. Says no where in doubt: the
        whole order of reasons answers then."""
        hold = alert.hold
        if hold is None or hold.reason is not HoldReason.PARENT_DOWN or alert.paged_ms is not None or view.members:
            return False
        if view.window or view.is_blind or not view.is_in_hours or not self._kinds.get(alert.key.kind):
            return False
        answer = self._answers.get(view.parents)
        if answer is None:
            answer = self._answers[view.parents] = self._answer(view)
        cause, incident, rank = answer
        return bool(cause) and hold.by == cause and alert.incident == incident and alert.severity.rank >= rank

    def _answer(self, view: SubjectView) -> _Answer:
        cause = self._paths.blocked_by(view.parents)
        if not cause or is_untold(self._draft, cause):
            return "", "", 0
        incident = incident_of_cause(self._draft, cause)
        return (cause, incident.uid, incident.severity.rank) if incident is not None else (cause, "", 0)
