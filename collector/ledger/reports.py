"""Makes the report of a period: from closed days and, where these end, from evidence; or, as of some K, from evidence alone.

Serves the running collector, which seals reports, and the command beside it. Nothing is changed here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from collector.core.assembly import Ask, Facts, Progress, assemble
from collector.core.change import COLLECTOR
from collector.core.configuration import config_version
from collector.core.counting import Key
from collector.core.court import Court, Terms
from collector.core.intervals import Interval, Intervals, clip, minus, union
from collector.core.letting_go import drain
from collector.core.monthly import Provenance, Report, RestatementLine
from collector.core.periods import PERIODS, local_date, midnight
from collector.core.roll import Roll
from collector.core.sealing import Link, SealedMonth
from collector.core.state import Span
from collector.core.subject import SubjectKind
from collector.ledger.closing import CLOSE_AFTER_MS
from collector.ledger.days import Confirmations, Days
from collector.ledger.inquiry import BREATH_S, CHUNK, Bench, Inquiry, Records
from collector.ledger.page import VIEWS
from collector.ledger.valid import ValidRecords
from collector.settings import Config

OPEN: Final = "open"
SETTLING: Final = "settling"
SEALED: Final = "sealed"
"""R17.1."""
NAMED: Final = re.compile(r"\d{4}(-(Q[1-4]|\d\d|W\d\d|\d\d-\d\d))?", re.ASCII)
"""Periods that have a name and can be sealed; a pair of moments cannot."""


class Shelf(Records, Protocol):
    """The part of the store that reports are made from; raises `change.StoreError`."""

    async def sealed_months(self, months: Sequence[str], subjects: Sequence[str] | None = None) -> Sequence[SealedMonth]: ...
    async def chain_head(self) -> Link | None: ...
    async def restatements(
        self, report: str | None = None, period: tuple[int, int] | None = None
    ) -> Sequence[RestatementLine]: ...


class Setup(msgspec.Struct, frozen=True):
    """What a report states beside what the store knows. `names` gives a subject's names by language."""

    config: Config
    code_version: str
    tzdata_version: str
    names: Callable[[str], dict[str, str]]


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for. `interval` is the period, `limit` a site or group (`site:ID`, `group:ID`), `policy` one for every
    subject; `known_ms` K, None for closed days as they are now."""

    period: str
    interval: Interval
    limit: str = ""
    policy: str = ""
    known_ms: int | None = None
    language: str = "vi"


class Made(msgspec.Struct, frozen=True):
    """A court over what a report is about, and what else was found out."""

    court: Court
    confirmed: Mapping[Key, Intervals] = {}
    soft: Mapping[Key, Intervals] = {}
    spans: dict[Key, Sequence[Span]] = {}
    """What the court is over, where it was judged for this report."""


class UnknownLimitError(ValueError):
    """The site or group was not in service in the period; `known` are those that were."""

    def __init__(self, limit: str, known: Sequence[str]) -> None:
        super().__init__(f"{limit}: no such site or group in the period")
        self.limit = limit
        self.known = known


def settle_ms(zone: ZoneInfo, until_ms: int, settle_days: int) -> int:
    """From when a period that ended may be sealed: so many local days after its end (R17.1, R2.5)."""
    end = local_date(zone, until_ms - 1).toordinal() + 1 + settle_days
    return midnight(zone, type(local_date(zone, until_ms)).fromordinal(end))


def status_of(zone: ZoneInfo, until_ms: int, now_ms: int) -> str:
    """What a period that is not sealed is (R17.1)."""
    return OPEN if now_ms < until_ms else SETTLING


def horizon_of(zone: ZoneInfo, interval: Interval, known_ms: int) -> Interval:
    """How far a report looks: a month before and behind its period, for incidents that reach out of it; as far as days were
    closed at K or, if the period reaches further, as K itself. The same for closed days and for evidence."""
    from_ms = PERIODS["month"](zone, interval[0] - 1)[0]
    behind_ms = PERIODS["month"](zone, interval[1])[1]
    closed_ms = PERIODS["day"](zone, known_ms - CLOSE_AFTER_MS)[0]
    return from_ms, min(behind_ms, closed_ms if interval[1] <= closed_ms else known_ms)


class Reporter:
    """See the module."""

    def __init__(self, shelf: Shelf, setup: Setup) -> None:
        self._shelf = shelf
        self.setup = setup
        self.zone = ZoneInfo(setup.config.time_zone)

    async def report(self, wanted: Wanted, now_ms: int, progress: Progress | None = None) -> Report:
        """The report as it is now or as of K, not issued. `now_ms` is K where none is given. Raises `UnknownLimitError`,
        `change.StoreError`."""
        known_ms = now_ms if wanted.known_ms is None else wanted.known_ms
        records = ValidRecords(self._shelf, wanted.interval[1], wanted.policy)
        inquiry = Inquiry(records)
        roll = await inquiry.roll(known_ms)
        ids = within(roll, wanted.limit)
        horizon = horizon_of(self.zone, wanted.interval, known_ms)
        terms = await inquiry.terms(known_ms, horizon)
        making = _Making(inquiry, self._shelf, self.zone, (roll, terms))
        if wanted.known_ms is None:
            made = await making.closed(ids, horizon, known_ms)
        else:
            made = await making.judged(ids, horizon, known_ms, progress)
        blinds = await self._shelf.blind_spans(*wanted.interval, known_ms)
        facts = Facts(
            await self._provenance(roll, terms, known_ms),
            status_of(self.zone, wanted.interval[1], known_ms),
            blinds=union((one.from_ms, one.until_ms) for one in blinds if one.observer == COLLECTOR and not one.target),
            confirmed=made.confirmed,
            soft=made.soft,
            restatements=await self._shelf.restatements(wanted.period),
        )
        # In a thread: a month of ten thousand targets takes most of a second, in which agents are served.
        return await asyncio.to_thread(self._assembled, made, (wanted, ids), facts, progress)

    def _assembled(self, made: Made, what: tuple[Wanted, Sequence[str]], facts: Facts, progress: Progress | None) -> Report:
        report = assemble(made.court, self._ask(*what), facts, progress)
        made.court.let_go()
        drain(made.spans)
        return report

    def _ask(self, wanted: Wanted, ids: Iterable[str]) -> Ask:
        ledger = self.setup.config.ledger
        names = {id_: found for id_ in ids if (found := self.setup.names(id_))}
        return Ask(
            wanted.period,
            wanted.interval,
            self.setup.config.time_zone,
            wanted.limit,
            names,
            wanted.language,
            Fraction(ledger.objective) / 100,
        )

    async def _provenance(self, roll: Roll, terms: Terms, known_ms: int) -> Provenance:
        config, head = self.setup.config, await self._shelf.chain_head()
        subjects = {id_: roll.subject(id_) for id_ in roll}
        version = await asyncio.to_thread(config_version, subjects, terms.calendars, config.ledger, config.time_zone)
        chain = head.hash.hex() if head is not None else ""
        return Provenance(known_ms, chain, self.setup.code_version, self.setup.tzdata_version, version)

    async def court(self, ids: Iterable[str], interval: Interval, known_ms: int) -> Court:
        """A court over a period as of K for some subjects, from evidence, with the configuration valid in it."""
        inquiry = Inquiry(ValidRecords(self._shelf, interval[1]))
        court, _ = await inquiry.court(ids, interval, known_ms)
        return court


def within(roll: Roll, limit: str) -> list[str]:
    """Every subject that a report is about, or rests on. Raises `UnknownLimitError`."""
    if not limit:
        return roll.ids
    if limit not in roll or roll.subject(limit).group is None:
        raise UnknownLimitError(limit, [id_ for id_ in roll.ids if roll.subject(id_).group is not None])
    wanted = {limit}
    if roll.subject(limit).kind is SubjectKind.SITE:
        site = roll.subject(limit).site
        wanted |= {id_ for id_ in roll if roll.subject(id_).site == site}
    return roll.needed(wanted)


class _Making:
    """Courts for one report."""

    def __init__(self, inquiry: Inquiry, shelf: Shelf, zone: ZoneInfo, said: tuple[Roll, Terms]) -> None:
        self._inquiry, self._shelf, self._zone = inquiry, shelf, zone
        self._roll, self._terms = said

    async def judged(self, ids: Sequence[str], horizon: Interval, known_ms: int, progress: Progress | None) -> Made:
        """From evidence as of K (R1.3): a part of the subjects after the other, so that it can be told how far it is."""
        single = self._single(ids)
        found, confirmed, soft = dict[Key, Sequence[Span]](), dict[Key, Intervals](), dict[Key, Intervals]()
        for start in range(0, len(single), CHUNK):
            some = single[start : start + CHUNK]
            bench, begun = await self._inquiry.bench(self._roll, some, horizon, known_ms), time.perf_counter()
            for key in [(id_, view) for id_ in some for view in VIEWS]:
                found[key], told = bench.observed(*key), bench.details(*key)
                if told.confirmed:
                    confirmed[key] = told.confirmed
                if told.soft:
                    soft[key] = told.soft
                if time.perf_counter() - begun > BREATH_S:
                    await asyncio.sleep(0)
                    begun = time.perf_counter()
            if progress is not None:
                progress(start, len(single))
        observed = found.get
        court = Court(self._roll, lambda id_, view: observed((id_, view), ()), self._terms, horizon, known_ms)
        return Made(court, confirmed, soft, found)

    async def closed(self, ids: Sequence[str], horizon: Interval, known_ms: int) -> Made:
        """From closed days; where a subject's end before the horizon does, from evidence."""
        whole = len(ids) == len(self._roll)
        rows = await self._shelf.sealed_months(month_names(self._zone, *horizon), None if whole else self._single(ids))
        by_subject, behind = await asyncio.to_thread(self._by_subject, ids, rows, horizon)
        tail: Bench | None = None
        if behind:
            tail = await self._inquiry.bench(self._roll, behind, (min(behind.values()), horizon[1]), known_ms)
        days = Days(by_subject, behind, tail)
        soft = await asyncio.to_thread(days.soft)
        return Made(Court(self._roll, days.observed, self._terms, horizon, known_ms), Confirmations(days), soft)

    def _by_subject(
        self, ids: Sequence[str], rows: Sequence[SealedMonth], horizon: Interval
    ) -> tuple[dict[str, list[SealedMonth]], dict[str, int]]:
        """Months of each subject, and since when evidence is to be asked of some."""
        out: dict[str, list[SealedMonth]] = {}
        for row in sorted(rows, key=lambda row: row.month):
            out.setdefault(row.subject, []).append(row)
        return out, self._behind(ids, out, horizon)

    def _behind(self, ids: Iterable[str], rows: Mapping[str, Sequence[SealedMonth]], horizon: Interval) -> dict[str, int]:
        """Since when, of the subjects whose closed days do not reach the horizon's end."""
        out = {}
        for id_ in self._single(ids):
            known = rows.get(id_)
            upto_ms = known[-1].upto_ms if known else horizon[0]
            if upto_ms >= horizon[1]:
                continue
            missing = minus(clip(self._roll.scope(id_), *horizon), [(-1, upto_ms)])
            if missing:
                out[id_] = missing[0][0]
        return out

    def _single(self, ids: Iterable[str]) -> list[str]:
        return [id_ for id_ in ids if self._roll.subject(id_).group is None]


def month_names(zone: ZoneInfo, from_ms: int, until_ms: int) -> list[str]:
    """The local months that have a part in a period, as `2026-10`."""
    out: list[str] = []
    at = from_ms
    while at < until_ms:
        start_ms, at = PERIODS["month"](zone, at)
        out.append(local_date(zone, start_ms).strftime("%Y-%m"))
    return out
