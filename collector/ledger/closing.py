"""The end of a local day: its spans are written, its seconds added to what the windows hold, and the day linked into the chain.

A subject's day is written whole or not at all; a day that could not be closed is closed later, from the same judges.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from collector.core import sealing
from collector.core.court import Court
from collector.core.details import NOTHING
from collector.core.figures import Figures
from collector.core.intervals import Interval
from collector.core.periods import PERIODS, days, local_date
from collector.core.sealing import Entries, SealedMonth, StandingRow
from collector.core.standing import WINDOWS
from collector.core.state import Span, View
from collector.ledger.bearing import Bases
from collector.ledger.books import Books, joined
from collector.ledger.inquiry import BACK_MS, BREATH_S, CHUNK
from collector.ledger.keeper import Keeper
from collector.ledger.page import VIEWS, Page, clipped, following, lengths, soft_in, sums_of
from collector.ledger.settling import Settling

DAY: Final = "day"
"""Kind of the chain's links for days."""
CLOSE_AFTER_MS: Final = 120_000
"""How long after local midnight a day is closed: what is under way then has arrived, and what comes later mends the day."""
_log = logging.getLogger("haidang.ledger")


class Closing:
    """See the module."""

    def __init__(self, keeper: Keeper, books: Books, late_after_ms: int) -> None:
        self._keeper = keeper
        self._books = books
        self._late_after_ms = late_after_ms
        self.settling = Settling(keeper)
        self.linking = asyncio.Lock()
        """Held by whoever adds to the chain."""
        self._unlinked: dict[Interval, int] = {}
        """Days to be linked, each with the moment of what its link must know."""

    async def load(self) -> None:
        """Find the closed days that were not linked before the process ended."""
        until_ms = 0
        async for known in self._books.chain():
            if known.kind == DAY:
                until_ms = max(until_ms, known.until_ms)
        closed_ms = max([page.closed_ms for page in self._keeper.pages.values() if page.is_written], default=0)
        if until_ms or closed_ms:
            first_ms = until_ms or PERIODS["day"](self._keeper.zone, closed_ms - 1)[0]
            self._unlinked = {day: day[1] for day in days(self._keeper.zone, first_ms, closed_ms)}

    async def close_days(self, now_ms: int) -> None:
        """Close every day that is over, oldest first."""
        keeper = self._keeper
        today_ms = PERIODS["day"](keeper.zone, now_ms - CLOSE_AFTER_MS)[0]
        open_from = min([page.closed_ms for page in keeper.pages.values() if page.closed_ms < today_ms], default=today_ms)
        for from_ms, until_ms in days(keeper.zone, open_from, today_ms):
            due = [page for page in keeper.pages.values() if page.closed_ms < until_ms]
            _log.info("closing the day until %d: %d subjects", until_ms, len(due))
            await self._close(due, (from_ms, until_ms), now_ms)
            self.settling.add(due, now_ms)
            self.to_link((from_ms, until_ms), until_ms)
        await self.link(now_ms)
        if open_from < today_ms:
            keeper.forget(today_ms - 2 * BACK_MS)

    async def _close(self, due: list[Page], day: tuple[int, int], now_ms: int) -> None:
        """Write the day of these pages, and add it to what their windows hold."""
        month = local_date(self._keeper.zone, day[0]).strftime("%Y-%m")
        place = {id_: at for at, id_ in enumerate(self._keeper.roll.in_order())}
        # Members before their groups: what comes after a member's day was closed mends it, and its groups with it.
        due = sorted(due, key=lambda page: place[page.id])
        for start in range(0, len(due), CHUNK):
            some = due[start : start + CHUNK]
            judged = [page.id for page in some if page.judge is not None]
            known = {one.subject: one for one in await self._books.sealed_months([month], judged)} if judged else {}
            before = [(page, page.closed_ms, page.encoded()) for page in some]
            try:
                await self._books.enter(await self._turned(some, known, day, now_ms))
            except BaseException:
                for page, closed_ms, raw in before:
                    page.load(closed_ms, raw)
                raise
            finally:
                self._keeper.version += 1

    async def _turned(self, some: list[Page], known: Mapping[str, SealedMonth], day: Interval, now_ms: int) -> Entries:
        """Turn these pages to the next day; what is to be written of it."""
        entries, court, begun = Entries(), self._day_court(day[1], now_ms), time.perf_counter()
        bases = Bases(self._keeper.roll, self._keeper.terms.calendars)
        for page in some:
            own = (max(page.closed_ms, day[0]), day[1])
            figures = {view: self._with_day(court, page, view, own) for view in VIEWS}
            if page.judge is not None:
                entries.months.append(self._month(court, known.get(page.id), page, own, now_ms))
            if not page.body.windows:
                page.body.basis = bases.of(page.id)
            self._turn(page, court, figures, own)
            entries.standing.append(StandingRow(page.id, day[1], page.encoded()))
            if time.perf_counter() - begun > BREATH_S:
                await asyncio.sleep(0)
                # What came meanwhile is known to the next ones.
                court, begun = self._day_court(day[1], now_ms), time.perf_counter()
        return entries

    def _day_court(self, until_ms: int, now_ms: int) -> Court:
        """A court over the live judges that ends with the day, with what is known by now."""
        keeper = self._keeper
        from_ms = until_ms - 2 * BACK_MS

        def observed(id_: str, view: View) -> Sequence[Span]:
            page = keeper.pages.get(id_)
            return (
                page.judge.spans(view, from_ms, until_ms, known_ms=now_ms)
                if page is not None and page.judge is not None
                else ()
            )

        return Court(keeper.roll, observed, keeper.terms, (from_ms, until_ms), soft=soft_in(keeper.pages))

    def _with_day(self, court: Court, page: Page, view: View, day: tuple[int, int]) -> dict[str, Figures]:
        """By window, its figures with the day; of windows that end with the day nothing is kept."""
        figures = court.figures(page.id, view, day)
        out: dict[str, Figures] = {}
        for name in WINDOWS:
            start_ms, end_ms = PERIODS[name](self._keeper.zone, day[0])
            if end_ms <= day[1]:
                continue
            known = page.body.windows.get(view, {}).get(name)
            if known is None or known.start_ms != start_ms:
                out[name] = figures
                continue
            first = msgspec.structs.replace(known.figures(), slo=figures.slo)
            again = court.incidents(page.id, view, day) if first.closed_count else ()
            out[name] = following(first, figures, again, (start_ms, day[0]))
        return out

    def _turn(self, page: Page, court: Court, figures: Mapping[View, Mapping[str, Figures]], day: tuple[int, int]) -> None:
        """Turn the page to the next day."""
        for view in VIEWS:
            page.body.windows[view] = {
                name: sums_of(PERIODS[name](self._keeper.zone, day[0])[0], one) for name, one in figures[view].items()
            }
            if not self._keeper.roll.is_pool(page.id):
                spans = lengths(clipped(court.raw(page.id, view), *day))
                if page.judge is not None:
                    page.add_totals(view, spans)
                else:
                    page.add_to_month(view, local_date(self._keeper.zone, day[0]).strftime("%Y-%m"), spans)
        page.closed_ms = day[1]
        page.cache = None

    def _month(self, court: Court, known: SealedMonth | None, page: Page, day: tuple[int, int], now_ms: int) -> SealedMonth:
        base_ms = PERIODS["month"](self._keeper.zone, day[0])[0]
        month = local_date(self._keeper.zone, base_ms).strftime("%Y-%m")
        judge, both, beside = page.judge, [], []
        for view in VIEWS:
            before = clipped(known.spans(view), base_ms, day[0]) if known is not None else []
            both.append(joined(before, clipped(court.raw(page.id, view), *day)))
            told = known.details(view).within(base_ms, day[0]) if known is not None else NOTHING
            beside.append(told.followed(judge.details(view, *day, now_ms) if judge is not None else NOTHING))
        return sealing.seal_month(page.id, month, (base_ms, day[1]), *both, beside=(beside[0], beside[1]))

    def to_link(self, day: Interval, known_ms: int) -> None:
        """A day whose spans were written, with what was known at `known_ms`."""
        self._unlinked[day] = max(known_ms, self._unlinked.get(day, 0))

    async def link(self, now_ms: int) -> None:
        """Link the days that can be: whose evidence as of some K will not change any more (R17.4)."""
        for day, least_ms in sorted(self._unlinked.items()):
            known_ms = sealing.linkable(day[1], now_ms, self._late_after_ms)
            if known_ms is not None and known_ms >= least_ms:
                await self._link(day, known_ms)
                self._unlinked.pop(day)

    async def _link(self, day: Interval, known_ms: int) -> None:
        from_ms, until_ms = day
        name = local_date(self._keeper.zone, from_ms)
        rows = await self._books.sealed_months([name.strftime("%Y-%m")])
        # In a thread: unpacking a month of ten thousand targets takes a second, in which agents are served.
        digest = await asyncio.to_thread(sealing.day_digest, rows, from_ms, until_ms)
        evidence = await self._books.evidence_digest(from_ms, until_ms, known_ms)
        async with self.linking:
            head = await self._books.chain_head()
            link = sealing.link(head, DAY, name.isoformat(), (from_ms, until_ms, known_ms), (digest, evidence))
            await self._books.enter(Entries(links=[link]))
