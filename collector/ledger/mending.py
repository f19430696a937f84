"""Closed days that late evidence is about: judged anew, compared, written, and what they add up to worked out again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from collector.core import restate, sealing
from collector.core.court import Court
from collector.core.intervals import Interval, Intervals, union
from collector.core.periods import PERIODS, days
from collector.core.restate import Changed
from collector.core.sealing import Entries, SealedMonth, StandingRow
from collector.core.standing import WINDOWS
from collector.core.state import Span, State, View
from collector.ledger.bearing import Bases
from collector.ledger.books import Books, difference, joined, months_of
from collector.ledger.closing import Closing
from collector.ledger.inquiry import BREATH_S, CHUNK, DAY_MS, Bench, Inquiry
from collector.ledger.keeper import Keeper
from collector.ledger.page import VIEWS, Page, clipped, lengths, sums_of

LATEST_MS: Final = 31 * DAY_MS
"""Groups are counted again at least so far back, whatever their windows need."""


class Mended(msgspec.Struct, frozen=True):
    """What changed in a closed day: of whom, in which view, where, from the old spans to the new ones."""

    subject: str
    view: View
    changes: tuple[Changed, ...]


class Mending:
    """See the module."""

    def __init__(self, keeper: Keeper, books: Books, inquiry: Inquiry, closing: Closing) -> None:
        self._keeper = keeper
        self._books = books
        self._inquiry = inquiry
        self._closing = closing
        self.mended: list[Mended] = []
        """What was changed in closed days and nobody has looked at yet: sealed reports are restated by it."""
        self.stale: set[str] = set()
        """Subjects whose closed days add up to something else now, until that is worked out and on disk."""

    async def mend(self, late: list[Page], now_ms: int) -> None:
        """Judge closed days anew that late evidence is about, and write what changed (R9.3, R9.5, R17.2)."""
        keeper = self._keeper
        # What came since `now_ms` has marked its page, too: it must be known to the judgement that the mark is taken off for.
        now_ms = max(now_ms, keeper.now_ms())
        since = {page.id: page.behind_ms or 0 for page in late}
        for page in late:
            page.behind_ms = None
        try:
            from_ms = PERIODS["day"](keeper.zone, min(since.values()))[0]
            until_ms = max(page.closed_ms for page in late)
            bench = await self._inquiry.bench(keeper.roll, [*since], (from_ms, until_ms), now_ms)
            for page in late:
                if page.judge is not None and await self._mend_page(page, bench, from_ms):
                    self._is_other(page, from_ms, now_ms)
            await self.refresh(now_ms)
        except BaseException:
            for page in late:
                page.behind(since[page.id])
            raise

    def _is_other(self, page: Page, from_ms: int, now_ms: int) -> None:
        """Its closed days are written and others than before: they are to be added up and linked again."""
        self.stale.add(page.id)
        for day in days(self._keeper.zone, from_ms, page.closed_ms):
            self._closing.to_link(day, now_ms)

    async def _mend_page(self, page: Page, bench: Bench, from_ms: int) -> bool:
        """Write the closed days of a page as they are judged now; whether they are others."""
        months = months_of(self._keeper, from_ms, page.closed_ms)
        rows = {row.month: row for row in await self._books.sealed_months(months, [page.id])}
        entries, changed = Entries(), dict[View, list[Changed]]()
        moved: list[tuple[View, dict[State, int]]] = []
        for month, (start_ms, end_ms) in months.items():
            bounds = (start_ms, min(end_ms, page.closed_ms))
            row = rows.get(month) or sealing.seal_month(page.id, month, bounds, [], [])
            after = mended_month(row, bench, from_ms, bounds)
            if after == row:
                continue
            for view in VIEWS:
                changed.setdefault(view, []).extend(_changes(row, after, view, bounds))
                moved.append((view, difference(row.spans(view), after.spans(view))))
            entries.months.append(after)
        if not entries.months:
            return False
        kept = page.encoded()
        page.body.basis = b""
        for view, gained in moved:
            page.add_totals(view, gained)
        entries.standing.append(StandingRow(page.id, page.closed_ms, page.encoded()))
        try:
            await self._books.enter(entries)
        except BaseException:
            page.load(page.closed_ms, kept)
            raise
        if any(changed.values()):
            self._tell(page, changed, from_ms)
        return True

    def _tell(self, page: Page, changed: Mapping[View, Sequence[Changed]], from_ms: int) -> None:
        """Sealed reports and the children's paths depend on it."""
        found = [(view, changes) for view, changes in changed.items() if changes]
        self.mended += [Mended(page.id, view, tuple(changes)) for view, changes in found]
        pieces = union((one.from_ms, one.to_ms) for _, changes in found for one in changes)
        self._keeper.mended_days += len({day for a, b in pieces for day in days(self._keeper.zone, a, b)})
        since_ms = max(from_ms, pieces[0][0])
        for child in page.children & self._keeper.pages.keys():
            self._keeper.pages[child].behind(since_ms)

    async def refresh(self, now_ms: int) -> None:
        """Work out again what the closed days of `stale` subjects, and of the groups they are in, add up to."""
        keeper = self._keeper
        self.stale = self._dependents(self.stale)
        if not self.stale:
            return
        bases = Bases(keeper.roll, keeper.terms.calendars)
        # Groups first: as long as a member is not done, a restart finds that its groups are not either.
        todo = [id_ for id_ in reversed(keeper.roll.in_order()) if id_ in self.stale]
        try:
            for start in range(0, len(todo), CHUNK):
                some = todo[start : start + CHUNK]
                await self._refresh_some(some, bases, now_ms)
                self.stale.difference_update(some)
        finally:
            keeper.version += 1

    async def _refresh_some(self, some: Sequence[str], bases: Bases, now_ms: int) -> None:
        keeper = self._keeper
        starts = {name: PERIODS[name](keeper.zone, now_ms)[0] for name in WINDOWS}
        until_ms = max(keeper.pages[id_].closed_ms for id_ in some)
        begin_ms = min(*starts.values(), PERIODS["month"](keeper.zone, now_ms - LATEST_MS)[0])
        court = await self.closed_court(some, (begin_ms, until_ms))
        entries, begun = Entries(), time.perf_counter()
        for id_ in some:
            page = keeper.pages[id_]
            for view in VIEWS:
                page.body.windows[view] = {
                    name: sums_of(start_ms, court.figures(id_, view, (start_ms, page.closed_ms)))
                    for name, start_ms in starts.items()
                    if start_ms < page.closed_ms
                }
            if page.judge is None and not keeper.roll.is_pool(id_):
                self._count_months(page, court, begin_ms)
            page.body.basis = bases.of(id_)
            page.cache = None
            entries.standing.append(StandingRow(id_, page.closed_ms, page.encoded()))
            if time.perf_counter() - begun > BREATH_S:
                await asyncio.sleep(0)
                begun = time.perf_counter()
        await self._books.enter(entries)

    def _count_months(self, page: Page, court: Court, begin_ms: int) -> None:
        """What a group's months have in its totals, by its members' closed days as they are now."""
        for month, (from_ms, until_ms) in months_of(self._keeper, begin_ms, page.closed_ms).items():
            for view in VIEWS:
                spans = clipped(court.raw(page.id, view), from_ms, min(until_ms, page.closed_ms))
                page.set_month(view, month, lengths(spans))

    def _dependents(self, ids: Collection[str]) -> set[str]:
        keeper = self._keeper
        if not ids:
            return set()
        wanted = {id_ for id_ in ids if id_ in keeper.pages}
        for id_ in keeper.roll.in_order():
            if id_ in keeper.pages and keeper.pages[id_].judge is None:
                inside = keeper.roll.members(id_) | set(keeper.roll.pooled(id_))
                if not wanted.isdisjoint(inside):
                    wanted.add(id_)
        return wanted

    async def closed_court(self, wanted: Iterable[str], horizon: tuple[int, int]) -> Court:
        """A court over closed days as they are written."""
        keeper = self._keeper
        months = months_of(keeper, *horizon)
        ids = [id_ for id_ in keeper.roll.needed(wanted) if keeper.roll.subject(id_).group is None]
        found: dict[tuple[str, View], list[Span]] = {}
        soft: dict[tuple[str, View], Intervals] = {}
        for row in sorted(await self._books.sealed_months(months, ids), key=lambda row: row.month):
            for view in VIEWS:
                found.setdefault((row.subject, view), []).extend(row.spans(view))
                if runs := row.details(view).soft:
                    soft[row.subject, view] = union([*soft.get((row.subject, view), ()), *runs])

        def told(id_: str, view: View) -> Intervals:
            return soft.get((id_, view), ())

        return Court(keeper.roll, lambda id_, view: found.get((id_, view), ()), keeper.terms, horizon, soft=told)


def mended_month(row: SealedMonth, bench: Bench, from_ms: int, bounds: Interval) -> SealedMonth:
    """A closed month as it is judged now from `from_ms` on. `bounds` are its first instant and the end of its closed days."""
    start_ms, upto_ms = bounds
    at_ms = max(from_ms, start_ms)
    both, beside = [], []
    for view in VIEWS:
        fresh = clipped(bench.observed(row.subject, view), at_ms, upto_ms)
        both.append(joined(clipped(row.spans(view), start_ms, at_ms), fresh))
        kept = row.details(view).within(start_ms, at_ms)
        beside.append(kept.followed(bench.details(row.subject, view).within(at_ms, upto_ms)))
    return sealing.seal_month(row.subject, row.month, bounds, *both, beside=(beside[0], beside[1]))


def _changes(before: SealedMonth, after: SealedMonth, view: View, bounds: Interval) -> list[Changed]:
    """What became another in a view: states, grades (R9.7) and unconfirmed failures (R4.3)."""
    old, new = before.spans(view), after.spans(view)
    found = restate.compare(old, new, *bounds) + restate.regraded(old, new, *bounds)
    return found + restate.compare_soft(before.details(view).soft, after.details(view).soft, *bounds)
