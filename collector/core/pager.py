"""Who is told what, now: one decision over everything that is seen (`decide`). Pure; the desk writes what it answers in one
transaction and only then adopts it, so what could not be written is decided again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from collector.core.alert import Alert, AlertKind
from collector.core.book import Book, Draft
from collector.core.escalating import escalate
from collector.core.explained import Explained
from collector.core.following import follow
from collector.core.grouping import heed, keep, mute, page, resolve, rise
from collector.core.holding import Case, case_of, hold_of, mute_of
from collector.core.hygiene import tend
from collector.core.notice import Changes
from collector.core.paging import Policy, Seen, SubjectView
from collector.core.paths import Paths
from collector.core.silencing import FullMatch, Silence
from collector.core.telling import speak

__all__ = ["Book", "Decision", "decide"]

_ORDER: Final = {kind: place for place, kind in enumerate(AlertKind)}
"""Of one subject, what says more comes first."""


class Decision(msgspec.Struct, frozen=True):
    """What one look at everything leads to."""

    changes: Changes
    """To be written whole, then adopted by the book."""
    looks: frozenset[str] = frozenset()
    """Subjects that want a fresh look now."""
    next_ms: int | None = None
    """When it must be asked again although nothing changed; None: when something changes."""
    silences: tuple[Silence, ...] = ()
    """Changed silences, written with `changes`."""


def decide(book: Book, seen: Seen, policy: Policy, full_match: FullMatch) -> Decision:
    """Decide from what is known and seen; never changes the book. The same arguments give the same answer."""
    draft = Draft(book, seen, policy, full_match)
    subjects = follow(draft)
    paths = Paths(draft)
    explained = Explained(draft, paths)
    for alert, view in _in_order(draft, paths, subjects):
        if not explained.still(alert, view):
            _judge(case_of(draft, paths, alert, view))
    for incident in draft.live():
        resolve(draft, incident)
    for incident in draft.live():
        escalate(draft, incident)
    tend(draft)
    speak(draft)
    changes = draft.finish()
    next_ms = min((moment for moment in draft.wakes if moment > seen.now_ms), default=None)
    return Decision(changes, frozenset(draft.looks), next_ms, tuple(draft.silences.values()))


def _in_order(draft: Draft, paths: Paths, subjects: list[tuple[str, SubjectView]]) -> list[tuple[Alert, SubjectView]]:
    """Causes before what they explain: what has its path, then what lies behind something, then groups of all these."""
    free: list[tuple[Alert, SubjectView]] = []
    behind: list[tuple[Alert, SubjectView]] = []
    groups: list[tuple[Alert, SubjectView]] = []
    for subject, view in subjects:
        is_behind = bool(view.parents) and bool(paths.blocked_by(view.parents))
        place = groups if view.members else behind if is_behind or view.observers else free
        place += [(alert, view) for alert in draft.open_of(subject)]
    for found in (free, groups):
        found.sort(key=lambda pair: (pair[0].severity.rank, pair[0].known_ms, _ORDER[pair[0].key.kind], pair[0].uid))
    return [*free, *behind, *groups]


def _judge(case: Case) -> None:
    """Hold an alert or page it; of one that was paged note whether it is held again."""
    if case.alert.paged_ms is not None:
        hold = mute_of(case)
        mute(case, hold)
        if hold is None:
            rise(case)
        return
    hold = hold_of(case)
    if hold is not None:
        if hold.until_ms is not None:
            case.draft.wakes.append(hold.until_ms)
        keep(case, hold)
        heed(case, hold)
        return
    page(case)
