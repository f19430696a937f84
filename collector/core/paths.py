"""What lies between us and a subject at this moment: parents that are out, parents nobody has looked at since, the moment
since when there is a path again. Pure; one object per decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.core.alert import AlertKey, AlertKind
from collector.core.book import Draft
from collector.core.paging import SubjectView
from collector.core.state import GOOD_STATES, State

_OUT: Final = (State.DOWN, State.UNREACHABLE)
REPEAT_MS: Final = 1_000
"""A subject is looked at again at most this often."""

Groups = Sequence[Sequence[str]]


class Paths:
    """Answers about parents and observers, each worked out once."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._seen = draft.seen
        self._rules = draft.policy.rules
        self._blocking: dict[tuple[tuple[str, ...], ...], str] = {}
        self._tops: dict[str, str] = {}
        self._out: dict[str, bool] = {}

    def blocked_by(self, parents: tuple[tuple[str, ...], ...]) -> str:
        """The topmost subject that explains why there is no path: every member of some OR-group is out. Empty: none does."""
        found = self._blocking.get(parents)
        if found is None:
            group = self._blocked_group(parents)
            found = self._blocking[parents] = self._chosen([self._top(name) for name in group])
        return found

    def gone_observer(self, observers: tuple[str, ...]) -> str:
        """The subject that explains why nobody observes: every observer is out or silent itself. Empty: none does."""
        known = self._members(observers)
        if not known or not all(self._is_gone(name) for name in known):
            return ""
        return self._chosen([self.blocked_by(self._seen.subjects[name].parents) or name for name in known])

    def since_ms(self, groups: Groups) -> int:
        """Since when there has been a path: every group had a good member. 0 where nothing is demanded or nobody knows."""
        since = 0
        for group in groups:
            views = [self._seen.subjects[name] for name in self._members(group)]
            good = [view.state_since_ms for view in views if view.state in GOOD_STATES]
            since = max(since, min(good, default=0))
        return since

    def unseen(self, groups: Groups, since_ms: int) -> list[tuple[str, ...]]:
        """The groups of which no member was seen good at or after `since_ms`."""
        open_ = []
        for group in groups:
            members = self._members(group)
            if members and not any(self._was_good(name, since_ms) for name in members):
                open_.append(members)
        return open_

    def verdict_by(self, groups: Groups, since_ms: int, begun_ms: int) -> int:
        """When the verdict over such groups must be there: what confirms the pending parents, up to the root, after the newest
        failed sample of any of them, and a look. Of one that is not pending only its next sample or look tells: as long as
        anything may wait."""
        limit = begun_ms + self._rules.hold_limit_ms
        needed = begun_ms
        for subject in {name for group in groups for name in group}:
            confirm, newest = self._chain(subject, since_ms, ())
            needed = max(needed, limit if newest is None else max(newest, begun_ms) + confirm)
        return min(limit, needed + self._rules.look_timeout_ms)

    def look(self, subject: str) -> int | None:
        """Ask for a fresh look, unless one goes on or was made just now. When to ask again; None: nobody can look."""
        view = self._seen.subjects.get(subject)
        if view is None or not view.can_look:
            return None
        now, look = self._seen.now_ms, self._seen.looks.get(subject)
        if look is None:
            self._draft.looks.add(subject)
            return now + REPEAT_MS
        again = look.asked_ms + (self._rules.look_timeout_ms if look.answered_ms is None else REPEAT_MS)
        if now < again:
            return again
        self._draft.looks.add(subject)
        return now + REPEAT_MS

    def _chain(self, subject: str, since_ms: int, below: tuple[str, ...]) -> tuple[int, int | None]:
        """What confirms the pending ones from here to the root, and the newest failed sample among them; None: one of them has
        none yet and only its next sample tells."""
        view = self._seen.subjects.get(subject)
        if view is None or subject in below:
            return 0, 0
        if not view.is_pending:
            return 0, None
        above = [
            self._chain(name, since_ms, (*below, subject)) for group in self.unseen(view.parents, since_ms) for name in group
        ]
        times = [found for _, found in above]
        longest = view.confirm_ms + max((found for found, _ in above), default=0)
        return longest, None if None in times else max([view.failed_ms or 0, *(found for found in times if found is not None)])

    def _members(self, group: Sequence[str]) -> tuple[str, ...]:
        """Those that are in service: what is retired neither blocks nor carries."""
        subjects = self._seen.subjects
        return tuple(name for name in group if (view := subjects.get(name)) is not None and view.is_in_service)

    def _blocked_group(self, parents: Groups) -> tuple[str, ...]:
        for group in parents:
            members = self._members(group)
            if members and all(self._is_out(name) for name in members):
                return members
        return ()

    def _is_out(self, subject: str) -> bool:
        known = self._out.get(subject)
        if known is None:
            view = self._seen.subjects[subject]
            known = view.state in _OUT or self._draft.open_by(AlertKey(subject, AlertKind.DOWN)) is not None
            self._out[subject] = known
        return known

    def _is_gone(self, subject: str) -> bool:
        return self._seen.subjects[subject].state is State.UNKNOWN or self._is_out(subject)

    def _top(self, subject: str) -> str:
        """The first thing out on the way up: what is out without anything out before it."""
        known = self._tops.get(subject)
        if known is not None:
            return known
        self._tops[subject] = subject  # Should parents form a cycle after all, it ends here.
        group = self._blocked_group(self._seen.subjects[subject].parents)
        top = self._chosen([self._top(name) for name in group]) or subject
        self._tops[subject] = top
        return top

    def _chosen(self, tops: Sequence[str]) -> str:
        """Of several the first one that people were told of."""
        for name in tops:
            alert = self._draft.open_by(AlertKey(name, AlertKind.DOWN))
            if alert is not None and self._draft.unresolved(alert.incident) is not None:
                return name
        return tops[0] if tops else ""

    def _was_good(self, subject: str, since_ms: int) -> bool:
        view = self._seen.subjects[subject]
        if self._is_out(subject):
            return False
        look = self._seen.looks.get(subject)
        answered = look.answered_ms if look is not None and look.is_good else None
        last = max(view.good_ms or -1, answered or -1)
        return last >= since_ms and not (view.is_pending and last <= (view.failed_ms or 0))


def is_good(view: SubjectView | None) -> bool:
    """Whether it is known to work."""
    return view is not None and view.state in GOOD_STATES
