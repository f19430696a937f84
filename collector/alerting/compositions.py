"""Groups and sites at this moment: whether all of it works is answered from its members, everything else from a court."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from collector.core import budget
from collector.core.court import Court, Terms
from collector.core.judge import Judge
from collector.core.roll import Roll
from collector.core.state import GOOD_STATES, Span, State, View, Why
from collector.core.subject import Subject, SubjectKind

BACK_MS: Final = 4 * 86_400_000
"""More than the longest burn window, so that what begins in it began."""
FRESH_MS: Final = 60_000
"""How long the state of a group holds while its members' states are the same: windows of theirs may begin and end."""
_E2E: Final = View.E2E


class Page(Protocol):
    """A subject's page in the live ledger; of groups `judge` is None."""

    @property
    def judge(self) -> Judge | None: ...

    @property
    def is_taken_up(self) -> bool: ...


class Ledger(Protocol):
    """The live ledger."""

    roll: Roll
    terms: Terms
    is_loaded: bool

    @property
    def pages(self) -> Mapping[str, Page]: ...


def is_part(subject: Subject) -> bool:
    """Whether it is a part of a site, made for its figures: the site itself says what it says."""
    return subject.kind is SubjectKind.GROUP and subject.id.startswith("site:")


class Compositions:
    """See the module. The court is its own: the ledger's is for pages that take seconds to write."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._court: Court | None = None
        self._court_key: tuple[int, int, int] = (0, 0, 0)
        self._states: dict[str, tuple[tuple[State | None, ...], int, Span]] = {}

    def state(self, id_: str, now_ms: int) -> Span | None:
        """The state of a group or site end to end, and since when; None of one that has none of its own: pools (R15.3), parts
        of sites, and what has no members."""
        subject = self._ledger.roll.subject(id_)
        if subject.group is None or not subject.group.members or self._ledger.roll.is_pool(id_) or is_part(subject):
            return None
        states = self._members(subject, now_ms)
        if all(state is State.UP for state in states):
            return Span(now_ms, now_ms, State.UP, Why.MEMBERS)
        known = self._states.get(id_)
        if known is not None and known[0] == states and 0 <= now_ms - known[1] < FRESH_MS:
            return known[2]
        span = self._composed(id_, now_ms)
        self._states[id_] = (states, now_ms, span)
        return span

    def calm(self, id_: str, now_ms: int) -> tuple[int, ...] | None:
        """What stays the same as long as all members of a subject work and nothing happens to them; None: one does not work."""
        total = 0
        for judge in self._judges(self._ledger.roll.subject(id_)):
            if any(judge.now(view, now_ms).state is not State.UP for view in (View.DEVICE, _E2E)):
                return None
            total += judge.changes
        return (total, id(self._ledger.roll), id(self._ledger.terms))

    def _judges(self, subject: Subject) -> Iterator[Judge]:
        """Of a target itself, or of the targets in a group and in its groups."""
        if subject.group is not None:
            for name in subject.group.members:
                if name in self._ledger.roll:
                    yield from self._judges(self._ledger.roll.subject(name))
        elif (page := self._ledger.pages.get(subject.id)) is not None and page.judge is not None:
            yield page.judge

    def burns(self, id_: str, now_ms: int) -> Mapping[int, budget.Burn]:
        """How fast the budget of a subject is used, by the length of the window: of a pool by its members' seconds (R15.3)."""
        court = self._court_at(now_ms)
        roll = self._ledger.roll
        if not roll.is_pool(id_):
            view = _E2E if roll.subject(id_).group is not None else View.DEVICE
            return self._burns_of(court, id_, view, now_ms)
        parts = court.parts(id_, View.DEVICE) or ()
        found = [(weight, self._burns_of(court, name, View.DEVICE, now_ms)) for weight, name in parts if name in roll]
        slo = roll.subject(id_).objective.slo
        return {length: budget.pooled([(weight, burnt[length]) for weight, burnt in found], slo) for length in budget.WINDOWS}

    def _burns_of(self, court: Court, id_: str, view: View, now_ms: int) -> dict[int, budget.Burn]:
        question = court.question(id_, view, (now_ms - BACK_MS, now_ms))
        return budget.burns(court.spans(id_, view), question, now_ms)

    def _members(self, subject: Subject, now_ms: int) -> tuple[State | None, ...]:
        """The states of the members end to end; None of one that is not in service."""
        out: list[State | None] = []
        for name in subject.group.members if subject.group is not None else ():
            page = self._ledger.pages.get(name)
            if page is None:
                out.append(None)
            elif page.judge is not None:
                state = page.judge.now(_E2E, now_ms).state
                # To a group a member that works badly works.
                out.append(State.UP if state in GOOD_STATES else state)
            else:
                inner = self._members(self._ledger.roll.subject(name), now_ms)
                out += inner or (None,)
        return tuple(out)

    def _composed(self, id_: str, now_ms: int) -> Span:
        spans: Sequence[Span] = self._court_at(now_ms).spans(id_, _E2E)
        if not spans or spans[-1].to_ms < now_ms:
            return Span(0, now_ms, State.UNKNOWN, Why.NEVER)
        index = len(spans) - 1
        while index and spans[index - 1].state is spans[-1].state and spans[index - 1].to_ms == spans[index].from_ms:
            index -= 1
        return Span(spans[index].from_ms, now_ms, spans[-1].state, spans[-1].why)

    def _court_at(self, now_ms: int) -> Court:
        ledger = self._ledger
        key = (now_ms, id(ledger.roll), id(ledger.terms))
        if self._court is None or self._court_key != key:
            from_ms = now_ms - BACK_MS

            def observed(name: str, view: View) -> Sequence[Span]:
                page = ledger.pages.get(name)
                return page.judge.spans(view, from_ms, now_ms) if page is not None and page.judge is not None else ()

            self._court, self._court_key = Court(ledger.roll, observed, ledger.terms, (from_ms, now_ms)), key
        return self._court
