"""Subjects as the pager sees them: states, newest samples, parents, windows, hours, from the live ledger. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from collector.core import flap
from collector.core.alert import COLLECTOR_SUBJECT, Condition
from collector.core.court import Court, Terms
from collector.core.judge import Judge
from collector.core.newest import Newest, newest
from collector.core.notice import Named
from collector.core.paging import SubjectView
from collector.core.roll import Roll
from collector.core.state import GOOD_STATES, Span, View
from collector.core.subject import GroupRule, Subject, SubjectKind

AGENT_PREFIX: Final = "agent:"
_SLOW_MS: Final = 5_000
"""An agent's report or a sample of somebody else may be so late without being missed."""
_NONE: Final = Newest()


class PagePort(Protocol):
    """A page of the ledger."""

    @property
    def judge(self) -> Judge | None: ...


class LedgerPort(Protocol):
    """The live ledger (`collector.ledger.keeper`)."""

    roll: Roll
    terms: Terms
    flaps: flap.FlapRule
    is_loaded: bool

    @property
    def pages(self) -> Mapping[str, PagePort]: ...

    def state(self, id_: str, view: View, now_ms: int) -> Span: ...

    def court(self, now_ms: int) -> Court: ...


class WorldPort(Protocol):
    """What inventory and polling know of subjects."""

    def named(self, id_: str) -> Named: ...

    def observers(self, id_: str) -> tuple[str, ...]:
        """Agents that observe a target; empty where the collector does, too."""

    def can_look(self, id_: str) -> bool: ...

    def is_blind(self, id_: str) -> bool: ...

    def timeout_ms(self, id_: str) -> int:
        """How long one look at a target may take."""


def view_of(subject: Subject) -> View:
    """By which view a subject pages: did it run? What is composed: could the centre use it?"""
    return View.E2E if subject.group is not None or subject.kind in (SubjectKind.SITE, SubjectKind.GROUP) else View.DEVICE


class Views:
    """One for the life of the desk."""

    def __init__(self, ledger: LedgerPort, world: WorldPort) -> None:
        self._ledger = ledger
        self._world = world
        self._flaps: dict[str, tuple[object, bool]] = {}

    def named(self, id_: str) -> Named:
        """A subject as messages show it."""
        return self._world.named(id_)

    def around(self, ids: Iterable[str]) -> Iterator[str]:
        """These subjects and all that their pages depend on: parents and members up to the roots, observers, machines; one
        after the other, for of many it takes a while to find them."""
        roll = self._ledger.roll
        found: set[str] = set()
        stack = [*ids]
        while stack:
            id_ = stack.pop()
            if id_ in found or id_ not in roll or id_ not in self._ledger.pages:
                continue
            found.add(id_)
            yield id_
            stack += roll.parents(id_)
            stack += roll.members(id_)
            stack += self._observers(id_)

    def _observers(self, id_: str) -> tuple[str, ...]:
        if id_.startswith(AGENT_PREFIX):
            # An agent is silent when its machine is: that machine's own page says so.
            host = id_.removeprefix(AGENT_PREFIX)
            return (host,) if host in self._ledger.pages else ()
        return tuple([AGENT_PREFIX + name for name in self._world.observers(id_)])

    def make(self, id_: str, conditions: tuple[Condition, ...], now_ms: int) -> SubjectView:
        """A subject at this moment. One that has no page is out of service; the collector itself always is in service."""
        page = self._ledger.pages.get(id_)
        if page is None:
            is_own = id_ == COLLECTOR_SUBJECT
            return SubjectView(self._world.named(id_), conditions=conditions, is_in_service=is_own)
        subject = self._ledger.roll.subject(id_)
        view = view_of(subject)
        span = self._ledger.state(id_, view, now_ms)
        seen = self._newest(id_, now_ms)
        return SubjectView(
            named=self._world.named(id_),
            state=span.state,
            state_since_ms=span.from_ms,
            conditions=conditions,
            is_pending=seen.is_pending,
            good_ms=seen.good_ms,
            failed_ms=seen.failed_ms,
            parents=subject.rules.parents,
            members=subject.group.members if subject.group is not None else (),
            observers=self._observers(id_),
            confirm_ms=self._confirm_ms(id_, subject),
            can_look=self._can_look(id_),
            window=self._window(id_, subject, now_ms),
            is_in_hours=self._is_in_hours(id_, now_ms),
            is_flapping=bool(conditions) and self._is_flapping(id_, view, now_ms),
            is_blind=self._world.is_blind(id_),
            is_in_service=self._ledger.roll.is_in_service(id_, now_ms),
        )

    def _newest(self, id_: str, now_ms: int, depth: int = 8) -> Newest:
        """Of a group: when it was last seen to work as a whole."""
        page = self._ledger.pages.get(id_)
        if page is None:
            return _NONE
        if page.judge is not None:
            return newest(page.judge)
        group = self._ledger.roll.subject(id_).group
        if group is None or not depth:
            return _NONE
        parts = [self._newest(name, now_ms, depth - 1) for name in group.members]
        good = [part.good_ms for part in parts if part.good_ms is not None]
        failed = max([part.failed_ms for part in parts if part.failed_ms is not None], default=None)
        is_good = self._ledger.state(id_, View.E2E, now_ms).state in GOOD_STATES
        if not is_good or not good:
            return Newest(None, failed, any(part.is_pending for part in parts))
        return Newest(min(good) if group.rule is GroupRule.ALL else max(good), failed)

    def _confirm_ms(self, id_: str, subject: Subject) -> int:
        rules, timeout_ms = subject.rules, self._world.timeout_ms(id_)
        if self._can_look(id_):
            # Looked at again and again, as long as nothing is confirmed.
            return rules.fail_after * (timeout_ms + 1_000) + 1_000
        return rules.fail_after * (rules.interval_ms + timeout_ms) + _SLOW_MS

    def _can_look(self, id_: str) -> bool:
        page = self._ledger.pages.get(id_)
        if page is not None and page.judge is None:
            return any(self._world.can_look(name) for name in self._ledger.roll.members(id_))
        return self._world.can_look(id_)

    def _window(self, id_: str, subject: Subject, now_ms: int) -> str:
        windows = self._ledger.terms.windows
        if not windows:
            return ""
        covers = self._ledger.court(now_ms).maintenance(id_, view_of(subject))
        if not any(a <= now_ms < b for a, b in covers):
            return ""
        present = {window.id for window in windows if window.from_ms <= now_ms < window.to_ms}
        own = [window.id for window in self._ledger.court(now_ms).windows_of(id_) if window.id in present]
        return own[0] if own else min(present, default="?")

    def _is_in_hours(self, id_: str, now_ms: int) -> bool:
        hours = self._ledger.court(now_ms).hours(id_)
        if hours is None:
            return True
        # The horizon of a live court ends now: the moment itself belongs to the hours that reach it.
        return any(a <= now_ms - 1 < b for a, b in hours)

    def _is_flapping(self, id_: str, view: View, now_ms: int) -> bool:
        page = self._ledger.pages[id_]
        changes = page.judge.changes if page.judge is not None else now_ms
        key = (changes, now_ms // 60_000)
        known = self._flaps.get(id_)
        if known is None or known[0] != key:
            spans = self._ledger.court(now_ms).spans(id_, view)
            is_flapping = any(a <= now_ms < b for a, b in flap.flapping(spans, self._ledger.flaps))
            known = self._flaps[id_] = (key, is_flapping)
        return known[1]

    def forget(self, kept: Iterable[str]) -> None:
        """Drop what is remembered of other subjects."""
        wanted = set(kept)
        self._flaps = {id_: value for id_, value in self._flaps.items() if id_ in wanted}
