"""The desk: looks at the live ledger, asks the pure pager, writes what it decides in one transaction, then believes it.

Deciding is by level, not by edge: what could not be written is decided again, and after a start what was open is compared with
what is true. Nothing here judges a target or words a message.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, Protocol

import msgspec

from agent.model import Outcome
from collector.alerting.looking import Looks
from collector.alerting.views import AGENT_PREFIX, LedgerPort, Views
from collector.core.alert import COLLECTOR_SUBJECT, Alert, Condition
from collector.core.alerting import Loaded
from collector.core.audit import AuditEntry
from collector.core.book import Book
from collector.core.calling import DigestDue
from collector.core.change import StoreError
from collector.core.digest import DAY_MS, digests_of
from collector.core.evidence import Evidence
from collector.core.notice import Changes, EventKind, Outgoing
from collector.core.page_tally import PageTally
from collector.core.pager import Decision, decide
from collector.core.paging import Policy, Seen, SubjectView
from collector.core.silencing import FullMatch, Silence
from collector.waiting import woken

SECOND_MS: Final = 1_000
TURN: Final = 10
"""Every subject is looked at once in so many seconds, whatever happened or not."""
SHARE: Final = 5
"""After a decision the desk rests so many times as long as that was work: a storm never takes a core for itself."""
LEAST_S: Final = 0.02
SLICE_S: Final = 0.01
"""So long at a stretch the desk works before everybody else in the loop has a turn."""
FEW: Final = 300
"""Subjects over which is decided at once; over more in a thread, which lets the loop go on."""
SETTLED_MS: Final = 8 * 86_400_000
"""How long a silence that ended is remembered."""
_log = logging.getLogger("haidang.pages")


class Records(Protocol):
    """The part of the store that the desk writes; raises `change.StoreError`."""

    async def load_alerting(self, now_ms: int) -> Loaded: ...

    async def put_changes(
        self, changes: Changes, *, silences: Sequence[Silence] = (), audit: Sequence[AuditEntry] = ()
    ) -> None: ...


class ConditionsPort(Protocol):
    """What is true of a subject now."""

    def recall(self, alerts: Iterable[Alert]) -> None: ...

    def of(self, id_: str, now_ms: int) -> tuple[Condition, ...]: ...


class Calling(msgspec.Struct, frozen=True):
    """What the on-call file says, as far as the desk needs it. `wants` answers whether a receiver gets an event."""

    policy: Policy
    wants: Callable[[str, EventKind], bool]
    silence_receivers: tuple[str, ...] = ()
    digest_due: Callable[[int, int], Sequence[DigestDue]] = lambda _after_ms, _now_ms: ()
    """Digests whose time is after the one and not after the other."""


class Parts(msgspec.Struct, frozen=True):
    """What the desk is made of."""

    ledger: LedgerPort
    records: Records
    conditions: ConditionsPort
    own: Callable[[int], Sequence[Condition]]
    """The collector's own trouble now."""
    views: Views
    now_ms: Callable[[], int]
    full_match: FullMatch
    on_written: Callable[[Changes], None]
    """What was decided is on disk."""
    amend: Callable[[Changes], None] = lambda _changes: None
    """Changes what is about to be written, where people were told on another way already."""
    tally: PageTally = msgspec.field(default_factory=PageTally)


class Desk:
    """One for the life of the collector: `load` once, `configure` whenever the on-call file is read, `run` as a task."""

    def __init__(self, parts: Parts, calling: Calling, ask: Callable[[str, float], object]) -> None:
        """`ask` looks at a target now (`looking.Ask`)."""
        self._parts = parts
        self.calling = calling
        self.book = Book()
        self.silences: dict[str, Silence] = {}
        self.next_silence = 1
        self.is_loaded = False
        self.looks = Looks(ask, parts.now_ms, self.wake)  # type: ignore[arg-type]  # Protocol of a coroutine function
        self.writing = asyncio.Lock()
        """Whoever decides or acts holds it, from looking at the book until what came of it is adopted."""
        self.failing_ms: int | None = None
        """Since when what is decided cannot be written; None: it can."""
        self.decided_ms = 0
        """When the last decision ended."""
        self._wake = asyncio.Event()
        self._conditions: dict[str, tuple[Condition, ...]] = {}
        """Of the subjects that have any."""
        self._dirty: set[str] = set()
        self._phase = 0
        self._turned_ms = 0
        self._worked_s = 0.0
        """How long the last tick took without the database."""
        self._slice_s = 0.0
        """When the present stretch of work began."""
        self._at_ms = 0
        """The moment of what is being looked at."""
        self._digested_ms = 0
        """Digests up to then are written."""
        self._next_ms: int | None = None

    # --- start and configuration

    async def load(self) -> None:
        """Take up what was open before the start. Raises `StoreError`."""
        loaded = await self._parts.records.load_alerting(self._parts.now_ms())
        self.book = Book.of(loaded.alerts, loaded.incidents, loaded.next_number)
        self.silences = {silence.id: silence for silence in loaded.silences}
        self.next_silence = loaded.next_silence
        self._parts.conditions.recall(self.book.open_alerts())
        self._digested_ms = self._parts.now_ms() - DAY_MS  # Those that are written already are not written again.
        self.is_loaded = True
        self.wake()

    def configure(self, calling: Calling) -> None:
        """The on-call file was read anew."""
        self.calling = calling
        self.wake()

    # --- what happens

    def wake(self) -> None:
        """Something may have changed: look at once."""
        self._wake.set()

    def see(self, news: Iterable[Evidence]) -> None:
        """Evidence that is on disk. On the path of ingest: what goes on as before costs a look into two tables."""
        conditions, open_, dirty = self._conditions, self.book.by_subject, self._dirty
        looked = self.looks.found
        before = len(dirty)
        for evidence in news:
            target = evidence.target
            if evidence.outcome is not Outcome.OK or target in conditions or target in open_ or target in looked:
                dirty.add(target)
        if len(dirty) > before:
            self.wake()

    async def run(self) -> None:
        """Decide whenever something may have changed, and each second, for ever."""
        while True:
            await woken(self._wake, self._pause_s())
            self._wake.clear()
            self._worked_s = 0.0
            try:
                await self.tick()
            except StoreError as error:
                _log.error("what was decided about pages could not be written and is decided again: %s", error)
                await asyncio.sleep(1)
            except Exception:  # noqa: BLE001  one subject's mistake must not end all pages until a restart
                _log.exception("the desk came upon something that it does not know; it goes on")
                await asyncio.sleep(1)
            await asyncio.sleep(max(LEAST_S, min(1.0, SHARE * self._worked_s)))

    def _pause_s(self) -> float:
        if self._next_ms is None:
            return 1.0
        return max(0.0, min(1.0, (self._next_ms - self._parts.now_ms()) / 1000))

    async def tick(self) -> None:
        """Look, decide, write, believe. Raises `StoreError`: nothing was written. Nothing ends and nothing pages while the
        ledger is being taken up: what it does not say then may be true all the same."""
        if not self.is_loaded or not self._parts.ledger.is_loaded:
            return
        async with self.writing:
            began = self._slice_s = time.perf_counter()
            now_ms = self._at_ms = self._parts.now_ms()
            await self._look()
            seen = await self._seen()
            decision = await self._decided(seen)
            self._worked_s = time.perf_counter() - began
            self._parts.tally.decisions_s.observe(self._worked_s)
            self._next_ms = decision.next_ms
            self.looks.want(decision.looks, self.calling.policy.rules.look_timeout_ms / 1000)
            await self._write(decision)
            await self._digest(now_ms)
            self.decided_ms = now_ms
            self.looks.forget(now_ms)
            self.book.forget(now_ms)
            self._parts.views.forget(seen.subjects)

    async def _decided(self, seen: Seen) -> Decision:
        """The book stays as it is meanwhile, for whoever changes it holds `writing`."""
        policy, full_match = self.calling.policy, self._parts.full_match
        if len(seen.subjects) <= FEW:
            return decide(self.book, seen, policy, full_match)
        return await asyncio.to_thread(decide, self.book, seen, policy, full_match)

    async def _breathe(self) -> None:
        """Let everybody else in the loop have a turn now and then. What becomes known meanwhile is seen of one subject and not
        yet of another: the instants of what is seen say which is newer, as they do of samples."""
        if time.perf_counter() - self._slice_s > SLICE_S:
            await asyncio.sleep(0)
            self._slice_s, self._at_ms = time.perf_counter(), self._parts.now_ms()

    async def _digest(self, now_ms: int) -> None:
        """Write the digests whose time has come."""
        if 0 <= now_ms - self._digested_ms < SECOND_MS:
            return
        due = self.calling.digest_due(min(now_ms, self._digested_ms) - DAY_MS, now_ms)
        incidents, alerts = list(self.book.incidents.values()), list(self.book.alerts.values())
        rows = digests_of(due, self._digested_ms, incidents, alerts, self._parts.views.named)
        await self.write(Changes(outgoing=rows))
        self._digested_ms = now_ms

    # --- looking

    async def _look(self) -> None:
        now_ms = self._at_ms
        pages = self._parts.ledger.pages
        dirty, self._dirty = self._dirty, set()
        wanted = {id_ for id_ in dirty if id_ in pages} | {f"{AGENT_PREFIX}{id_}" for id_ in dirty} | self._conditions.keys()
        wanted |= self.book.by_subject.keys()
        composed = [id_ for id_ in pages if pages[id_].judge is None] if dirty else ()
        roll = self._parts.ledger.roll
        wanted.update(id_ for id_ in composed if not dirty.isdisjoint(roll.members(id_)))
        if not 0 <= now_ms - self._turned_ms < SECOND_MS:
            self._turned_ms = now_ms
            self._phase = (self._phase + 1) % TURN
            wanted.update([id_ for index, id_ in enumerate(pages) if index % TURN == self._phase])
        # Wholes before their parts: what becomes known in between is then never seen of a site and not of its line, which would
        # be taken for no cause of it.
        before, wholes = set(self._conditions), {id_ for id_ in wanted if id_ in pages and pages[id_].judge is None}
        await self._look_at(wholes)
        await self._look_at(
            (wanted - wholes).union(*(self._parts_of(id_) for id_ in wholes & self._conditions.keys() - before))
        )
        self._note(COLLECTOR_SUBJECT, tuple(self._parts.own(self._at_ms)))

    async def _look_at(self, ids: Iterable[str]) -> None:
        pages = self._parts.ledger.pages
        for id_ in ids:
            if id_ != COLLECTOR_SUBJECT:
                self._note(id_, self._parts.conditions.of(id_, self._at_ms) if id_ in pages else ())
                await self._breathe()

    def _parts_of(self, whole: str) -> set[str]:
        """Everything that a group or site is made of, and what the groups among it are made of."""
        roll, found, stack = self._parts.ledger.roll, set[str](), [whole]
        while stack:
            new = roll.members(stack.pop()) - found
            found |= new
            stack += new
        return found

    def _note(self, id_: str, found: tuple[Condition, ...]) -> None:
        if found:
            self._conditions[id_] = found
        else:
            self._conditions.pop(id_, None)

    async def _seen(self) -> Seen:
        of_interest = {*self._conditions, *self.book.by_subject, *self._unresolved()}
        subjects: dict[str, SubjectView] = {}
        for id_ in chain(of_interest, self._parts.views.around(of_interest)):
            if id_ not in subjects:
                subjects[id_] = self._view(id_, self._at_ms)
            await self._breathe()
        now_ms = self._at_ms
        silences, receivers = tuple(self._silences(now_ms)), self.calling.silence_receivers
        return Seen(now_ms, subjects, dict(self.looks.found), silences, receivers)

    def _view(self, id_: str, now_ms: int) -> SubjectView:
        return self._parts.views.make(id_, self._conditions.get(id_, ()), now_ms)

    def _unresolved(self) -> set[str]:
        """Subjects of incidents that are not resolved."""
        found: set[str] = set()
        for uid, incident in self.book.incidents.items():
            if incident.resolved_ms is None:
                found.update(self.book.alerts[part].key.subject for part in self.book.parts.get(uid, ()))
        return found

    def _silences(self, now_ms: int) -> list[Silence]:
        """Those that mute, and those whose end was not dealt with."""
        return [one for one in self.silences.values() if one.is_active(now_ms) or (one.end_ms <= now_ms and not one.told_end)]

    # --- writing

    async def _write(self, decision: Decision) -> None:
        await self.write(decision.changes, silences=decision.silences)

    async def write(self, changes: Changes, *, silences: Sequence[Silence] = (), audit: Sequence[AuditEntry] = ()) -> None:
        """Write and adopt, as holder of `writing`. Raises `StoreError`: nothing was written, nothing is believed."""
        self._parts.amend(changes)
        changes.outgoing = [one for one in changes.outgoing if self._is_wanted(one)]
        if not (changes or silences or audit):
            return
        try:
            await self._parts.records.put_changes(changes, silences=silences, audit=audit)
        except StoreError:
            self.failing_ms = self.failing_ms or self._parts.now_ms()
            self._parts.tally.write_failures += 1
            raise
        self.failing_ms = None
        self.adopt(changes, silences)
        self._parts.on_written(changes)

    def _is_wanted(self, outgoing: Outgoing) -> bool:
        return outgoing.event is EventKind.TEST or self.calling.wants(outgoing.receiver, outgoing.event)

    def adopt(self, changes: Changes, silences: Sequence[Silence] = ()) -> None:
        """Believe what was written."""
        self.book.adopt(changes)
        now_ms = self._parts.now_ms()
        for silence in silences:
            self.silences[silence.id] = silence
        self.silences = {id_: one for id_, one in self.silences.items() if not one.told_end or one.end_ms > now_ms - SETTLED_MS}

    # --- what is asked

    def conditions(self) -> Mapping[str, tuple[Condition, ...]]:
        """What is true at present, by subject."""
        return self._conditions

    def open_of(self, subject: str) -> list[Alert]:
        """The open alerts of a subject."""
        return [self.book.alerts[uid] for uid in self.book.by_subject.get(subject, ())]

    async def close(self) -> None:
        """End what is under way."""
        await self.looks.close()
