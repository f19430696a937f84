"""Answers from evidence: a court for any subjects, period and moment K, judged anew from what was stored and known then (R1.3).

Serves reports, explanations and restatements, in the running collector and beside it. Nothing is changed here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from agent.model import HEARTBEAT, Kind
from collector.core import corrections, windows
from collector.core.acts import Act
from collector.core.calendar import Calendar
from collector.core.change import COLLECTOR
from collector.core.corrections import CorrectionPlan
from collector.core.court import Court, Terms, path_of
from collector.core.dependency import PathLine
from collector.core.details import Details
from collector.core.intervals import Interval, Intervals
from collector.core.judge import Judge, judge_all
from collector.core.roll import Roll, Versions
from collector.core.state import Span, View
from collector.core.stretch import BlindSpan, Stretch
from collector.core.subject import SubjectKind, Version
from collector.core.windows import WindowPlan

AGENT_PREFIX: Final = "agent:"
"""Subject ids of the agents themselves."""
CALENDAR: Final = "calendar:"
"""Names of calendars in the history of settings."""
DAY_MS: Final = 86_400_000
BACK_MS: Final = 4 * DAY_MS
"""How far before a period evidence is read at least: more than the longest burn window, so that what begins in it began."""
CHUNK: Final = 200
"""Targets read at once."""
Way = tuple[View, bool]
"""The view in which a parent is part of a path, and whether only what the centre itself saw of it counts."""
SITE_WAY: Final[Way] = (View.DEVICE, False)
"""Of what an agent looks at from its site: by everybody's samples of what lies between."""
CENTRE_WAYS: Final[tuple[Way, ...]] = ((View.DEVICE, True), (View.E2E, True))
"""Of what the centre looks at, by view. An agent that a cut line keeps from telling held its last samples as good until their
TTL, which made a way of what was none."""
BREATH_S: Final = 0.004
"""How long judging keeps the event loop between two breaths, about."""


class Records(Protocol):
    """The part of the store that is asked; raises `change.StoreError`."""

    async def load_subjects(self, known_ms: int | None = None) -> Mapping[str, Versions]: ...
    async def load_settings(self, known_ms: int | None = None) -> Mapping[str, Sequence[Version[bytes]]]: ...
    async def stretches_of(
        self, targets: Sequence[str], from_ms: int, until_ms: int, known_ms: int
    ) -> Mapping[str, Sequence[Stretch]]: ...
    async def blind_spans(self, from_ms: int, until_ms: int, known_ms: int) -> Sequence[BlindSpan]: ...
    async def window_acts(self, id_: str | None = None) -> list[Act[WindowPlan]]: ...
    async def correction_acts(self, id_: str | None = None) -> list[Act[CorrectionPlan]]: ...


def is_sign(s: Stretch) -> bool:
    """Whether the ledger reads it: of self-reports the heartbeat alone, whose lane nothing pushes out; all else is."""
    return s.kind is not Kind.REPORT or s.module == HEARTBEAT


def of_agent(s: Stretch) -> Stretch | None:
    """The same evidence as it speaks of the agent itself: once it has stopped it does not run, whatever the machine does."""
    if s.kind is Kind.OBS:
        return None
    if s.kind is Kind.AGENT_STOP and not s.farewell:
        return msgspec.structs.replace(s, farewell=True)
    return s


def target_of(subject_id: str) -> str:
    """Whose evidence a subject is judged by."""
    return subject_id.removeprefix(AGENT_PREFIX)


def upstream_of(roll: Roll, observer: str) -> frozenset[str]:
    """What lies between an observer and the centre, itself included: none of it is between it and what it observes (R9.8)."""
    found: set[str] = set()
    stack = [observer]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += roll.parents(name) if name in roll else ()
    return frozenset(found)


def end_of(until_ms: int, known_ms: int) -> int:
    """Until when evidence is read for a period that ends at `until_ms`, as of K."""
    return min(until_ms + DAY_MS, known_ms)


class Blinds:
    """Blindness by what it is about, so that that of a thousand targets costs each only its own."""

    def __init__(self, spans: Iterable[BlindSpan]) -> None:
        self._all: list[BlindSpan] = []
        self._of: dict[str, list[BlindSpan]] = {}
        for span in spans:
            (self._of.setdefault(span.target, []) if span.target else self._all).append(span)

    def about(self, target: str) -> list[BlindSpan]:
        """What bears on a target."""
        return [*self._all, *self._of.get(target, ())]


class Bench:
    """Judges made anew from evidence as of K (`known_ms`), parents first. `until_ms` is the end of what is asked, or K."""

    def __init__(self, roll: Roll, from_ms: int, until_ms: int, known_ms: int) -> None:
        self.roll = roll
        self.from_ms = from_ms
        self.until_ms = until_ms
        self.known_ms = known_ms
        self._seen = (from_ms - BACK_MS, end_of(until_ms, known_ms) + 1)
        """All that children's samples may be about, the very last instant included."""
        self.judges: dict[str, Judge] = {}
        self._for_path: dict[tuple[str, Way], Sequence[Span]] = {}

    def add(self, id_: str, stretches: Iterable[Stretch], blinds: Iterable[BlindSpan]) -> None:
        """Judge a target; its parents were added before. `blinds` are those that bear on it."""
        is_agent = self.roll.subject(id_).kind is SubjectKind.AGENT
        found = [s for s in stretches if is_sign(s)]
        if is_agent:
            found = [s for one in found if (s := of_agent(one)) is not None]
        observers = {s.observer for s in found if s.kind is Kind.OBS}
        self.judges[id_] = judge_all(
            found, blinds, self.roll.rules(id_), scope=self.roll.scope(id_), paths=self._paths(id_, observers)
        )

    def _paths(self, id_: str, observers: Iterable[str]) -> dict[str, PathLine] | None:
        paths: dict[str, PathLine] = {}
        for way in CENTRE_WAYS:
            line = path_of(self.roll, id_, lambda name: self.for_path(name, way), frozenset())  # noqa: B023
            if line is None:
                return None
            paths[way[0]] = line
        for observer in observers:
            if observer == COLLECTOR:
                continue
            without = upstream_of(self.roll, observer)
            line = path_of(self.roll, id_, lambda name: self.for_path(name, SITE_WAY), without)
            if line is not None:
                paths[observer] = line
        return paths

    def for_path(self, id_: str, way: Way) -> Sequence[Span]:
        """A parent's timeline as its children's path sees it; of a group the composed one."""
        key, (view, centre_only) = (id_, way), way
        known = self._for_path.get(key)
        if known is None:
            judge = self.judges.get(id_)
            if judge is not None:
                known = judge.spans(view, *self._seen, for_path=True, centre_only=centre_only, known_ms=self.known_ms)
            else:
                court = Court(self.roll, lambda name, v: self.for_path(name, (v, centre_only)), Terms(), self._seen)
                known = court.spans(id_, view) if id_ in self.roll and self.roll.subject(id_).group else ()
            self._for_path[key] = known
        return known

    def observed(self, id_: str, view: View) -> Sequence[Span]:
        """What `Court` asks."""
        judge = self.judges.get(id_)
        return judge.spans(view, self.from_ms, self.until_ms, known_ms=self.known_ms) if judge is not None else ()

    def soft(self, id_: str, view: View) -> Intervals:
        """What `Court` asks of failures that were never confirmed (R4.3)."""
        judge = self.judges.get(id_)
        return judge.soft_runs(view) if judge is not None else ()

    def details(self, id_: str, view: View) -> Details:
        """What closed days keep beside spans, over the whole horizon; `KeyError` for what was not judged."""
        return self.judges[id_].details(view, self.from_ms, self.until_ms, self.known_ms)


def _in_order(versions: Mapping[str, Versions]) -> Roll:
    roll = Roll(versions)
    roll.in_order()
    return roll


class Inquiry:
    """See the module."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def roll(self, known_ms: int | None = None) -> Roll:
        """Every subject as configuration had it, as of K."""
        # In a thread: of ten thousand subjects it takes a tenth of a second, in which agents are served.
        return await asyncio.to_thread(_in_order, await self._records.load_subjects(known_ms))

    async def terms(self, known_ms: int, horizon: Interval) -> Terms:
        """Windows and corrections that count as of K, and calendars as they were written then."""
        found = windows.counted(await self._records.window_acts(), known_ms, horizon)
        told = corrections.counted(await self._records.correction_acts(), known_ms)
        said = await self._records.load_settings(known_ms)
        calendars = {
            name.removeprefix(CALENDAR): msgspec.json.decode(versions[-1].value, type=Calendar)
            for name, versions in said.items()
            if name.startswith(CALENDAR) and versions[-1].value
        }
        return Terms(found, told, calendars)

    async def court(self, wanted: Iterable[str] | None, horizon: Interval, known_ms: int) -> tuple[Court, Bench]:
        """A court for `wanted` (None: all) over a horizon as of K, and the judges behind it."""
        roll = await self.roll(known_ms)
        terms = await self.terms(known_ms, horizon)
        bench = await self.bench(roll, roll.ids if wanted is None else wanted, horizon, known_ms)
        return Court(roll, bench.observed, terms, horizon, known_ms, soft=bench.soft), bench

    async def bench(self, roll: Roll, wanted: Iterable[str], horizon: Interval, known_ms: int) -> Bench:
        """Judges of `wanted` and of everything these rest on."""
        from_ms, until_ms = horizon[0], min(horizon[1], known_ms)
        bench = Bench(roll, from_ms, until_ms, known_ms)
        # What came after the period is evidence of it, too: a silence that goes on, a boot that began before.
        end_ms = end_of(until_ms, known_ms)
        blinds = Blinds(await self._records.blind_spans(from_ms - BACK_MS, end_ms, known_ms))
        judged = [id_ for id_ in roll.needed(wanted) if roll.subject(id_).group is None]
        for start in range(0, len(judged), CHUNK):
            some = judged[start : start + CHUNK]
            targets = sorted({target_of(id_) for id_ in some})
            found = await self._records.stretches_of(targets, from_ms - BACK_MS, end_ms, known_ms)
            begun = time.perf_counter()
            for id_ in some:
                target = target_of(id_)
                bench.add(id_, found.get(target, ()), blinds.about(target))
                if time.perf_counter() - begun > BREATH_S:
                    await asyncio.sleep(0)
                    begun = time.perf_counter()
            await asyncio.sleep(0)
        return bench
