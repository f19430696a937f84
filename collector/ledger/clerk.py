"""The clerk does what the live ledger cannot do in place: makes judges anew from evidence, closes days, mends closed days that
late evidence is about, and keeps all of it on disk.

`tick` is called about once a second; whatever fails is left as it was and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from collector.core import restate, sealing
from collector.core.court import Court
from collector.core.figures import Figures, add
from collector.core.monthly import RestatementLine
from collector.core.periods import PERIODS, days, local_date
from collector.core.restate import Changed, Restated
from collector.core.sealing import Entries, IssuedReport, Link, SealedMonth, StandingRow
from collector.core.standing import WINDOWS
from collector.core.state import Span, State, View
from collector.core.stretch import Stretch
from collector.ledger.inquiry import BACK_MS, CHUNK, Inquiry, Records, is_sign, of_agent
from collector.ledger.keeper import Keeper
from collector.ledger.page import VIEWS, Page, clipped, lengths, sums_of

CLOSE_AFTER_MS: Final = 120_000
"""How long after local midnight a day is closed: what is under way then has arrived, and what comes later mends the day."""
MEND_EVERY_MS: Final = 5_000
_log = logging.getLogger("haidang.ledger")


class Books(Records, Protocol):
    """The part of the store that the ledger writes; raises `change.StoreError`."""

    async def enter(self, entries: Entries) -> None: ...
    async def sealed_months(self, months: Collection[str], subjects: Collection[str] | None = None) -> list[SealedMonth]: ...
    async def load_standing(self) -> list[StandingRow]: ...
    async def load_restated(self) -> list[Restated]: ...
    async def chain_head(self) -> Link | None: ...
    async def evidence_digest(self, from_ms: int, until_ms: int, known_ms: int) -> bytes: ...
    async def issue_report(self, report: IssuedReport) -> IssuedReport: ...
    async def issued_reports(self, period: str | None = None, scope: str | None = None) -> list[IssuedReport]: ...
    async def restatements(self, report: str | None = None, period: tuple[int, int] | None = None) -> list[RestatementLine]: ...
    async def acts_version(self) -> int: ...


class Mended(msgspec.Struct, frozen=True):
    """What changed in a closed day: of whom, in which view, where, from the old spans to the new ones."""

    subject: str
    view: View
    changes: tuple[Changed, ...]


class Clerk:
    """One for the life of the process; `load` first, then `tick` again and again."""

    def __init__(self, keeper: Keeper, books: Books, inquiry: Inquiry) -> None:
        self._keeper = keeper
        self._books = books
        self._inquiry = inquiry
        self._mended_ms = 0
        self._acts = -1
        self.mended: list[Mended] = []
        """What was changed in closed days and nobody has looked at yet: sealed reports are restated by it."""

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
        await self._take_terms(now_ms)
        await self.rebuild(list(keeper.pages), now_ms)

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
            await self.refresh(list(self._keeper.pages), now_ms)

    async def take_roll(self, now_ms: int) -> None:
        """Configuration was changed and is on disk."""
        anew = self._keeper.take_roll(await self._inquiry.roll(), now_ms)
        await self.rebuild(anew, now_ms)
        await self.refresh(anew, now_ms)

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
        behind = [page.id for page in keeper.pages.values() if page.judge is not None and page.judge.behind_ms is not None]
        behind += keeper.watch_parents(now_ms)
        if behind:
            await self.rebuild(behind, now_ms)
        await self._take_terms(now_ms)
        late = [page for page in keeper.pages.values() if page.behind_ms is not None]
        if late and now_ms - self._mended_ms >= MEND_EVERY_MS:
            self._mended_ms = now_ms
            await self._mend(late, now_ms)
        await self._close_days(now_ms)
        await self._write_moved()

    async def _write_moved(self) -> None:
        rows, self._keeper.unwritten = self._keeper.unwritten, []
        if rows:
            moved = [Restated(id_, view, was.value, now.value, ms) for id_, view, was, now, ms in rows]
            try:
                await self._books.enter(Entries(restated=moved))
            except Exception:
                self._keeper.unwritten = rows + self._keeper.unwritten
                raise

    # --- the end of a day

    async def _close_days(self, now_ms: int) -> None:
        keeper = self._keeper
        today_ms = PERIODS["day"](keeper.zone, now_ms - CLOSE_AFTER_MS)[0]
        open_from = min([page.closed_ms for page in keeper.pages.values() if page.closed_ms < today_ms], default=today_ms)
        for from_ms, until_ms in days(keeper.zone, open_from, today_ms):
            due = [page for page in keeper.pages.values() if page.closed_ms < until_ms]
            _log.info("closing the day until %d: %d subjects", until_ms, len(due))
            await self._close(due, from_ms, until_ms)
            await self._link(from_ms, until_ms, now_ms)
        if open_from < today_ms:
            for page in keeper.pages.values():
                if page.judge is not None:
                    page.judge.forget(today_ms - 2 * BACK_MS)

    async def _close(self, due: list[Page], from_ms: int, until_ms: int) -> None:
        """Write the day of these pages, and add it to what their windows hold."""
        court = self._day_court(until_ms)
        month = local_date(self._keeper.zone, from_ms).strftime("%Y-%m")
        for start in range(0, len(due), CHUNK):
            some = due[start : start + CHUNK]
            judged = [page.id for page in some if page.judge is not None]
            known = {one.subject: one for one in await self._books.sealed_months([month], judged)} if judged else {}
            entries = Entries()
            news: list[tuple[Page, dict[View, dict[str, Figures]]]] = []
            for page in some:
                day = (max(page.closed_ms, from_ms), until_ms)
                news.append((page, {view: self._with_day(court, page, view, day) for view in VIEWS}))
                if page.judge is not None:
                    entries.months.append(self._month(known.get(page.id), page, month, day))
            before = [(page, page.closed_ms, page.encoded()) for page in some]
            for page, figures in news:
                self._turn(page, court, figures, (max(page.closed_ms, from_ms), until_ms))
                entries.standing.append(StandingRow(page.id, until_ms, page.encoded()))
            try:
                await self._books.enter(entries)
            except BaseException:
                for page, closed_ms, raw in before:
                    page.load(closed_ms, raw)
                raise
            self._keeper.version += 1
            await asyncio.sleep(0)

    def _day_court(self, until_ms: int) -> Court:
        """A court over the live judges that ends with the day."""
        keeper = self._keeper
        from_ms = until_ms - 2 * BACK_MS

        def observed(id_: str, view: View) -> Sequence[Span]:
            page = keeper.pages.get(id_)
            return page.judge.spans(view, from_ms, until_ms) if page is not None and page.judge is not None else ()

        return Court(keeper.roll, observed, keeper.terms, (from_ms, until_ms))

    def _with_day(self, court: Court, page: Page, view: View, day: tuple[int, int]) -> dict[str, Figures]:
        """By window, its figures with the day; of windows that end with the day nothing is kept."""
        figures = court.figures(page.id, view, day)
        out: dict[str, Figures] = {}
        for name in WINDOWS:
            start_ms, end_ms = PERIODS[name](self._keeper.zone, day[0])
            if end_ms <= day[1]:
                continue
            known = page.body.windows.get(view, {}).get(name)
            first = known.figures() if known is not None and known.start_ms == start_ms else None
            out[name] = add(first, figures) if first is not None and first.slo == figures.slo else figures
        return out

    def _turn(self, page: Page, court: Court, figures: Mapping[View, Mapping[str, Figures]], day: tuple[int, int]) -> None:
        """Turn the page to the next day."""
        for view in VIEWS:
            page.body.windows[view] = {
                name: sums_of(PERIODS[name](self._keeper.zone, day[0])[0], one) for name, one in figures[view].items()
            }
            if not self._keeper.roll.is_pool(page.id):
                page.add_totals(view, lengths(clipped(court.raw(page.id, view), *day)))
        page.closed_ms = day[1]
        page.cache = None

    def _month(self, known: SealedMonth | None, page: Page, month: str, day: tuple[int, int]) -> SealedMonth:
        base_ms = PERIODS["month"](self._keeper.zone, day[0])[0]
        assert page.judge is not None
        both = []
        for view in VIEWS:
            before = clipped(known.spans(view), base_ms, day[0]) if known is not None else []
            both.append(_joined(before, page.judge.spans(view, *day)))
        return sealing.seal_month(page.id, month, (base_ms, day[1]), *both)

    async def _link(self, from_ms: int, until_ms: int, now_ms: int) -> None:
        """The day's link of the chain: its spans and the evidence known for them (R17.4)."""
        keeper = self._keeper
        month = local_date(keeper.zone, from_ms).strftime("%Y-%m")
        rows = await self._books.sealed_months([month])
        spans = ((row.subject, row.spans(View.DEVICE), row.spans(View.E2E)) for row in sorted(rows, key=lambda r: r.subject))
        digest = sealing.day_spans_digest(spans, from_ms, until_ms)
        evidence = await self._books.evidence_digest(from_ms, until_ms, now_ms)
        name = local_date(keeper.zone, from_ms).isoformat()
        link = sealing.link(await self._books.chain_head(), "day", name, (from_ms, until_ms, now_ms), (digest, evidence))
        await self._books.enter(Entries(links=[link]))

    # --- closed days mended

    async def _mend(self, late: list[Page], now_ms: int) -> None:
        """Judge closed days anew that late evidence is about, and write what changed (R9.3, R9.5, R17.2)."""
        keeper = self._keeper
        since = {page.id: page.behind_ms or 0 for page in late}
        for page in late:
            page.behind_ms = None
        try:
            from_ms = PERIODS["day"](keeper.zone, min(since.values()))[0]
            until_ms = max(page.closed_ms for page in late)
            bench = await self._inquiry.bench(keeper.roll, [*since], (from_ms, until_ms), now_ms)
            touched: set[str] = set()
            for page in late:
                if page.judge is not None:
                    fresh = {view: list(bench.observed(page.id, view)) for view in VIEWS}
                    touched |= await self._mend_page(page, fresh, from_ms)
            for from_day, until_day in days(keeper.zone, from_ms, until_ms) if touched else ():
                await self._link(from_day, until_day, now_ms)
            await self.refresh(touched, now_ms)
        except BaseException:
            for page in late:
                page.behind(since[page.id])
            raise

    async def _mend_page(self, page: Page, fresh: Mapping[View, list[Span]], from_ms: int) -> set[str]:
        """Write the closed days of a page as they are judged now; answers whose figures change with it."""
        months = _months_of(self._keeper, from_ms, page.closed_ms)
        rows = {row.month: row for row in await self._books.sealed_months(months, [page.id])}
        entries, changed = Entries(), dict[View, list[Changed]]()
        moved: list[tuple[View, dict[State, int]]] = []
        for month, (start_ms, end_ms) in months.items():
            row, upto_ms = rows.get(month), min(end_ms, page.closed_ms)
            both = []
            for view in VIEWS:
                before = row.spans(view) if row is not None else []
                after = _joined(clipped(before, start_ms, max(from_ms, start_ms)), clipped(fresh[view], start_ms, upto_ms))
                found = changed.setdefault(view, [])
                found += restate.compare(before, after, start_ms, upto_ms)
                found += restate.regraded(before, after, start_ms, upto_ms)
                moved.append((view, _difference(before, after)))
                both.append(after)
            entries.months.append(sealing.seal_month(page.id, month, (start_ms, upto_ms), *both))
        if not any(changed.values()):
            return set()
        kept = page.encoded()
        for view, difference in moved:
            page.add_totals(view, difference)
        entries.standing.append(StandingRow(page.id, page.closed_ms, page.encoded()))
        try:
            await self._books.enter(entries)
        except BaseException:
            page.load(page.closed_ms, kept)
            raise
        self._tell(page, changed, from_ms)
        return {page.id}

    def _tell(self, page: Page, changed: Mapping[View, Sequence[Changed]], from_ms: int) -> None:
        """Sealed reports and the children's paths depend on it."""
        for view, changes in changed.items():
            if changes:
                self.mended.append(Mended(page.id, view, tuple(changes)))
                for child in page.children:
                    if child in self._keeper.pages:
                        self._keeper.pages[child].behind(max(from_ms, changes[0].from_ms))

    async def refresh(self, ids: Iterable[str], now_ms: int) -> None:
        """Work out again what the closed days of these subjects, and of the groups they are in, add up to."""
        keeper = self._keeper
        wanted = self._dependents(ids)
        if not wanted:
            return
        year_ms = min(PERIODS[name](keeper.zone, now_ms)[0] for name in WINDOWS)
        until_ms = max(page.closed_ms for page in keeper.pages.values())
        court = await self.closed_court(wanted, (year_ms, until_ms))
        entries = Entries()
        for count, id_ in enumerate(sorted(wanted)):
            page = keeper.pages[id_]
            for view in VIEWS:
                page.body.windows[view] = {
                    name: sums_of(start_ms, court.figures(id_, view, (start_ms, page.closed_ms)))
                    for name in WINDOWS
                    if (start_ms := PERIODS[name](keeper.zone, now_ms)[0]) < page.closed_ms
                }
            page.cache = None
            entries.standing.append(StandingRow(id_, page.closed_ms, page.encoded()))
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        await self._books.enter(entries)
        keeper.version += 1

    def _dependents(self, ids: Iterable[str]) -> set[str]:
        keeper = self._keeper
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
        months = _months_of(keeper, *horizon)
        ids = [id_ for id_ in keeper.roll.needed(wanted) if keeper.roll.subject(id_).group is None]
        found: dict[tuple[str, View], list[Span]] = {}
        for row in sorted(await self._books.sealed_months(months, ids), key=lambda row: row.month):
            for view in VIEWS:
                found.setdefault((row.subject, view), []).extend(row.spans(view))
        return Court(keeper.roll, lambda id_, view: found.get((id_, view), ()), keeper.terms, horizon)


def _months_of(keeper: Keeper, from_ms: int, until_ms: int) -> dict[str, tuple[int, int]]:
    out: dict[str, tuple[int, int]] = {}
    at = from_ms
    while at < until_ms:
        start_ms, at = PERIODS["month"](keeper.zone, at)
        out[local_date(keeper.zone, start_ms).strftime("%Y-%m")] = (start_ms, at)
    return out


def _joined(before: list[Span], after: list[Span]) -> list[Span]:
    """Two lists in a row, as one span where the state and reason go on."""
    if before and after and before[-1].to_ms == after[0].from_ms:
        last, first = before[-1], after[0]
        if last.state is first.state and last.why is first.why:
            return [*before[:-1], Span(last.from_ms, first.to_ms, last.state, last.why), *after[1:]]
    return [*before, *after]


def _difference(before: list[Span], after: list[Span]) -> dict[State, int]:
    old, new = lengths(before), lengths(after)
    return {state: new.get(state, 0) - old.get(state, 0) for state in State}
