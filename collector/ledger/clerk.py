"""The clerk does what the live ledger cannot do in place: makes judges anew from evidence, closes days, mends closed days that
late evidence is about, and keeps all of it on disk.

`tick` is called about once a second; whatever fails is left as it was and tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from collector.core import restate
from collector.core.periods import PERIODS
from collector.core.restate import Restated
from collector.core.sealing import Entries, SealedMonth
from collector.core.state import State
from collector.core.stretch import Stretch
from collector.ledger.books import Books, months_of
from collector.ledger.closing import Closing
from collector.ledger.inquiry import BACK_MS, CHUNK, DAY_MS, Inquiry, is_sign, of_agent
from collector.ledger.keeper import Keeper
from collector.ledger.mending import Mended, Mending
from collector.ledger.page import VIEWS, Page

MEND_EVERY_MS: Final = 5_000
CHECKED_MS: Final = 6 * DAY_MS
"""How far back closed days are compared with evidence after a start; spools hold a week."""


class Clerk:
    """One for the life of the process; `load` first, then `tick` again and again."""

    def __init__(self, keeper: Keeper, books: Books, inquiry: Inquiry, late_after_ms: int = 30_000) -> None:
        self._keeper = keeper
        self._books = books
        self._inquiry = inquiry
        self._mended_ms = 0
        self._acts = -1
        self._unchecked: list[str] = []
        """Pages whose latest closed days were not compared with the evidence since the start: late evidence may have come
        that the process before did not live to mend them by."""
        self._closing = Closing(keeper, books, late_after_ms)
        self._mending = Mending(keeper, books, inquiry, self._closing)

    @property
    def mended(self) -> list[Mended]:
        """What was changed in closed days (see `Mending`)."""
        return self._mending.mended

    # --- start

    async def load(self, now_ms: int) -> None:
        """Take up every page where the store has it, and judge what came since."""
        keeper = self._keeper
        keeper.take_roll(await self._inquiry.roll(), now_ms)
        for moved in await self._books.load_restated():
            pairs = keeper.moved.setdefault(moved.subject, {}).setdefault(moved.view, {})
            pairs[State(moved.from_state), State(moved.to_state)] = moved.ms
        for row in await self._books.load_standing():
            page = keeper.pages.get(row.subject)
            if page is not None:
                page.load(row.upto_ms, row.body)
        await self._closing.load()
        await self._take_terms(now_ms)
        await self.rebuild(list(keeper.pages), now_ms)
        self._unchecked = [page.id for page in keeper.pages.values() if page.judge is not None and page.is_written]

    async def _take_terms(self, now_ms: int) -> None:
        """Windows and corrections, when somebody acted on one."""
        version = await self._books.acts_version()
        if version == self._acts:
            return
        year_ms = PERIODS["year"](self._keeper.zone, now_ms)[0]
        horizon = (min(year_ms, now_ms - 2 * BACK_MS), now_ms + BACK_MS)
        self._keeper.terms = await self._inquiry.terms(now_ms, horizon)
        self._keeper.version += 1
        first, self._acts = self._acts < 0, version
        if not first:
            await self._mending.refresh(list(self._keeper.pages), now_ms)

    async def take_roll(self, now_ms: int) -> None:
        """Configuration was changed and is on disk."""
        anew = self._keeper.take_roll(await self._inquiry.roll(), now_ms)
        await self.rebuild(anew, now_ms)
        await self._mending.refresh(anew, now_ms)

    # --- judges made anew

    async def rebuild(self, ids: Iterable[str], now_ms: int) -> None:
        """New judges from evidence, parents first. What arrives meanwhile is not lost on them."""
        keeper = self._keeper
        wanted = set(ids)
        judged = [id_ for id_ in keeper.roll.in_order() if id_ in wanted and id_ in keeper.pages]
        pages = [page for id_ in judged if (page := keeper.pages[id_]).judge is not None]
        for start in range(0, len(pages), CHUNK):
            some = pages[start : start + CHUNK]
            for page in some:
                page.missed = []
            from_ms = min(PERIODS["day"](keeper.zone, now_ms)[0], *(page.closed_ms for page in some)) - 2 * BACK_MS
            targets = sorted({page.target for page in some})
            found = await self._books.stretches_of(targets, from_ms, now_ms, now_ms)
            for page in some:
                self._replace(page, found.get(page.target, ()))
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
        page.cache = None

    # --- all the time

    async def tick(self, now_ms: int) -> None:
        """What is due: judges that fell behind, acts of people, mended days, the end of a day."""
        keeper = self._keeper
        behind = [page.id for page in keeper.pages.values() if page.is_judged_behind]
        behind += keeper.parents.watch(now_ms)
        if behind:
            await self.rebuild(behind, now_ms)
        await self._take_terms(now_ms)
        await self._check_some(now_ms)
        late = [page for page in keeper.pages.values() if page.behind_ms is not None]
        if late and now_ms - self._mended_ms >= MEND_EVERY_MS:
            self._mended_ms = now_ms
            await self._mending.mend(late, now_ms)
        await self._closing.close_days(now_ms)
        await self._write_moved()

    async def _check_some(self, now_ms: int) -> None:
        some, rest = self._unchecked[:CHUNK], self._unchecked[CHUNK:]
        pages = [page for id_ in some if (page := self._keeper.pages.get(id_)) is not None]
        if pages:
            closed_ms = max(page.closed_ms for page in pages)
            months = months_of(self._keeper, closed_ms - CHECKED_MS, closed_ms)
            rows: dict[str, list[SealedMonth]] = {}
            for row in await self._books.sealed_months(months, some):
                rows.setdefault(row.subject, []).append(row)
            for page in pages:
                self._check(page, rows.get(page.id, ()), now_ms)
        self._unchecked = rest

    def _check(self, page: Page, rows: Sequence[SealedMonth], now_ms: int) -> None:
        from_ms, until_ms = page.closed_ms - CHECKED_MS, page.closed_ms
        for view in VIEWS if page.judge is not None else ():
            written = [span for row in sorted(rows, key=lambda row: row.base_ms) for span in row.spans(view)]
            judged = page.judge.spans(view, from_ms, until_ms, known_ms=now_ms) if page.judge is not None else []
            changes = restate.compare(written, judged, max(from_ms, written[0].from_ms), until_ms) if written else ()
            if changes:
                page.behind(changes[0].from_ms)

    async def _write_moved(self) -> None:
        rows, self._keeper.unwritten = self._keeper.unwritten, []
        if rows:
            moved = [Restated(id_, view, was.value, now.value, ms) for id_, view, was, now, ms in rows]
            try:
                await self._books.enter(Entries(restated=moved))
            except Exception:
                self._keeper.unwritten = rows + self._keeper.unwritten
                raise
