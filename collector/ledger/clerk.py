"""The clerk does what the live ledger cannot do in place: makes judges anew from evidence, closes days, mends closed days that
late evidence is about, and keeps all of it on disk.

`tick` is called about once a second; whatever fails is left as it was and tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final

from collector.core import restate
from collector.core.change import COLLECTOR
from collector.core.court import Terms
from collector.core.details import NOTHING
from collector.core.judge import Judge
from collector.core.periods import PERIODS
from collector.core.sealing import SealedMonth
from collector.core.stretch import Stretch
from collector.ledger.bearing import Bases, affected
from collector.ledger.books import Books, months_of
from collector.ledger.closing import Closing
from collector.ledger.counted import Counters
from collector.ledger.inquiry import BACK_MS, BREATH_S, CHUNK, DAY_MS, Inquiry, is_sign, of_agent
from collector.ledger.keeper import Keeper
from collector.ledger.mending import Mended, Mending
from collector.ledger.page import VIEWS, Page

MEND_EVERY_MS: Final = 5_000
UNSURE_MS: Final = 600_000
"""So long before the process last ended people's acts may not have reached all that they bear on."""
BLINDS_BACK_MS: Final = 40 * DAY_MS
CHECKED_MS: Final = 6 * DAY_MS
"""How far back closed days are compared with evidence after a start; spools hold a week."""


class Clerk:
    """One for the life of the process; `load` first, then `tick` again and again."""

    def __init__(self, keeper: Keeper, books: Books, inquiry: Inquiry, late_after_ms: int = 30_000) -> None:
        self._keeper = keeper
        self._books = books
        self._inquiry = inquiry
        self._mended_ms = 0
        self._terms_of: tuple[int, int] | None = None
        """The acts and the day that the keeper's terms are of."""
        self._anew: set[str] = set()
        """Whose judges are to be made anew, until that is done."""
        self._unchecked: list[str] = []
        """Pages whose latest closed days were not compared with the evidence since the start: late evidence may have come
        that the process before did not live to mend them by."""
        self._counters = Counters(keeper, books)
        keeper.before_showing = self._counters.write_shown
        self._closing = Closing(keeper, books, late_after_ms)
        self._mending = Mending(keeper, books, inquiry, self._closing)

    @property
    def mended(self) -> list[Mended]:
        """What was changed in closed days (see `Mending`)."""
        return self._mending.mended

    @property
    def linking(self) -> asyncio.Lock:
        """Whoever adds to the chain holds it, from looking at its end until the link is written (R17.4)."""
        return self._closing.linking

    # --- start

    async def load(self, now_ms: int) -> None:
        """Take up every page where the store has it, and judge what came since."""
        keeper = self._keeper
        keeper.take_roll(await self._inquiry.roll(), now_ms)
        await self._counters.load()
        await self._take_standing()
        await self._closing.load()
        # What people did shortly before the process ended may not have reached the sums of closed days.
        known_ms = min(
            now_ms, max([one.from_ms for one in keeper.blinds.values() if not one.target], default=now_ms) - UNSURE_MS
        )
        keeper.terms = await self._terms(known_ms, now_ms)
        await self._take_terms(now_ms)
        # The collector's own blindness was told already; that of agents, and of ways out, is evidence.
        for record in await self._books.blind_spans(now_ms - BLINDS_BACK_MS, now_ms, now_ms):
            if record.observer != COLLECTOR or record.target:
                keeper.blind(record)
        await self.rebuild(list(keeper.pages), now_ms)
        self._unchecked = [page.id for page in keeper.pages.values() if page.is_written]
        self._closing.settling.add([keeper.pages[id_] for id_ in self._unchecked])

    async def _take_standing(self) -> None:
        """Pages of subjects that come, or come back, go on where they are on disk."""
        for row in await self._books.load_standing():
            page = self._keeper.pages.get(row.subject)
            if page is not None and not page.is_written:
                page.load(row.upto_ms, row.body)

    async def _terms(self, known_ms: int, now_ms: int) -> Terms:
        year_ms = PERIODS["year"](self._keeper.zone, now_ms)[0]
        return await self._inquiry.terms(known_ms, (min(year_ms, now_ms - 2 * BACK_MS), now_ms + BACK_MS))

    async def _take_terms(self, now_ms: int) -> None:
        """Windows and corrections when somebody acted on one, and each day those of the days to come."""
        key = (await self._books.acts_version(), PERIODS["day"](self._keeper.zone, now_ms)[0])
        if key != self._terms_of:
            await self._read_terms(now_ms)
            self._terms_of = key

    async def _read_terms(self, now_ms: int) -> None:
        keeper = self._keeper
        # An act bears the moment at which it was asked for, which may be later than the beginning of this tick.
        terms = await self._terms(max(now_ms, keeper.now_ms()), now_ms)
        self._mending.stale |= affected(keeper.roll, keeper.terms, terms)
        keeper.terms = terms
        keeper.version += 1

    async def take_roll(self, now_ms: int) -> None:
        """Configuration was changed and is on disk. After a failure it can be called again."""
        anew = self._keeper.take_roll(await self._inquiry.roll(), now_ms)
        self._anew |= set(anew)
        self._mending.stale |= set(anew)
        await self._take_standing()
        await self._read_terms(now_ms)
        await self.rebuild((), now_ms)
        await self._mending.refresh(now_ms)

    # --- judges made anew

    async def rebuild(self, ids: Iterable[str], now_ms: int) -> None:
        """New judges from evidence, parents first. What arrives meanwhile is not lost on them."""
        keeper = self._keeper
        self._anew.update(ids)
        judged = [id_ for id_ in keeper.roll.in_order() if id_ in self._anew and id_ in keeper.pages]
        pages = [page for id_ in judged if (page := keeper.pages[id_]).judge is not None]
        self._anew.intersection_update([page.id for page in pages])
        for start in range(0, len(pages), CHUNK):
            some = pages[start : start + CHUNK]
            for page in some:
                page.missed = []
            # What was seen until here is known by now, whenever the tick began; what comes from here on is kept in `missed`.
            known_ms = max(now_ms, keeper.now_ms())
            from_ms = min(PERIODS["day"](keeper.zone, now_ms)[0], *(page.closed_ms for page in some)) - 2 * BACK_MS
            targets = sorted({page.target for page in some})
            found = await self._books.stretches_of(targets, from_ms, known_ms, known_ms)
            begun = time.perf_counter()
            for page in some:
                self._replace(page, found.get(page.target, ()))
                self._anew.discard(page.id)
                if time.perf_counter() - begun > BREATH_S:
                    await asyncio.sleep(0)
                    begun = time.perf_counter()
            await asyncio.sleep(0)

    def _replace(self, page: Page, stretches: Sequence[Stretch]) -> None:
        keeper = self._keeper
        missed, page.missed = page.missed or [], None
        if page.id not in keeper.pages:
            return
        judge = keeper.make_judge(page.id)
        judge.see_all([seen for s in stretches if is_sign(s) and (seen := of_agent(s) if page.is_agent else s) is not None])
        for stretch in missed:
            judge.see(stretch)
        page.judge = judge
        page.is_taken_up = True
        page.cache = None

    # --- all the time

    async def tick(self, now_ms: int) -> None:
        """What is due: judges that fell behind, acts of people, mended days, the end of a day."""
        keeper = self._keeper
        self._anew |= {page.id for page in keeper.pages.values() if page.is_judged_behind}
        self._anew |= set(keeper.parents.watch(now_ms))
        if self._anew:
            await self.rebuild((), now_ms)
        await self._take_terms(now_ms)
        await self._check_some(now_ms)
        late = [page for page in keeper.pages.values() if page.behind_ms is not None]
        if late and now_ms - self._mended_ms >= MEND_EVERY_MS:
            self._mended_ms = now_ms
            for start in range(0, len(late), CHUNK):
                # What is late proves something of the time before it, too (R9.2).
                await self._check([page.id for page in late[start : start + CHUNK]], now_ms)
            await self._mending.mend(late, now_ms)
        await self._mending.refresh(now_ms)
        await self._closing.close_days(now_ms)
        await self._counters.write()

    async def _check_some(self, now_ms: int) -> None:
        waiting = set(self._unchecked)
        self._unchecked += [id_ for id_ in self._closing.settling.due() if id_ not in waiting]
        some, rest = self._unchecked[:CHUNK], self._unchecked[CHUNK:]
        if some:
            await self._check(some, now_ms)
        self._unchecked = rest

    async def _check(self, ids: Sequence[str], now_ms: int) -> None:
        """Compare the latest closed days with what the judges say of them now."""
        keeper = self._keeper
        pages = [page for id_ in ids if (page := keeper.pages.get(id_)) is not None]
        closed_ms = max([page.closed_ms for page in pages], default=0)
        months = months_of(keeper, closed_ms - CHECKED_MS, closed_ms) if pages else {}
        rows: dict[str, list[SealedMonth]] = {}
        for row in await self._books.sealed_months(months, [page.id for page in pages]):
            rows.setdefault(row.subject, []).append(row)
        bases, begun = Bases(keeper.roll, keeper.terms.calendars), time.perf_counter()
        for page in pages:
            if page.body.basis != bases.of(page.id):
                self._mending.stale.add(page.id)
            if page.judge is not None:
                self._compare(page, page.judge, rows.get(page.id, ()), now_ms)
            if time.perf_counter() - begun > BREATH_S:
                await asyncio.sleep(0)
                begun = time.perf_counter()

    def _compare(self, page: Page, judge: Judge, rows: Sequence[SealedMonth], now_ms: int) -> None:
        from_ms, until_ms = page.closed_ms - CHECKED_MS, page.closed_ms
        for view in VIEWS:
            written = [span for row in sorted(rows, key=lambda row: row.base_ms) for span in row.spans(view)]
            judged = judge.spans(view, from_ms, until_ms, known_ms=now_ms)
            since_ms = max(from_ms, written[0].from_ms) if written else until_ms
            for tell in (restate.compare, restate.regraded):
                for change in tell(written, judged, since_ms, until_ms)[:1]:
                    page.behind(change.from_ms)
            known = judge.details(view, since_ms, until_ms, now_ms)
            kept = NOTHING
            for row in rows:
                kept = kept.followed(row.details(view).within(since_ms, until_ms))
            if known != kept:
                begun = [a for a, _ in {*known.soft, *known.confirmed} ^ {*kept.soft, *kept.confirmed}]
                page.behind(min(begun, default=since_ms))
