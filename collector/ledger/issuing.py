"""Seals reports and issues new versions of sealed ones when evidence or people changed what they say (3.17).

What is issued is judged from evidence as of a K before which all that was received is stored, so that it can be made again.
`tick` is called about once a second, beside the clerk's: of a large estate a report takes minutes. Whatever fails is tried
again. A version, its link of the chain and its restatements are written together, and what was not restated when a process died
is found again by comparing with the version.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from collector.core import sealing
from collector.core.audit import AuditEntry
from collector.core.change import COLLECTOR, StoreError
from collector.core.court import Terms
from collector.core.issued import SealError, SealProblem, changed_lines, decode, encode, reclassify, title
from collector.core.letting_go import let_go_of
from collector.core.monthly import Report
from collector.core.people import Actor
from collector.core.periods import PERIODS, local_date, parse
from collector.core.sealing import Entries, IssuedReport, Link
from collector.ledger.clerk import Clerk
from collector.ledger.inquiry import Inquiry
from collector.ledger.keeper import Keeper
from collector.ledger.reports import NAMED, SEALED, Reporter, Shelf, Wanted, settle_ms
from collector.ledger.restating import Evidenced, Restating

QUIET_MS: Final = 60_000
"""A sealed period that changed is restated when nothing changed in it for so long,"""
LONGEST_MS: Final = 600_000
"""or when it changed first so long ago."""
REPORT: Final = "report"
"""Kind of the chain's links for reports."""
_TRIES: Final = 5
_log = logging.getLogger("haidang.ledger")


class Library(Shelf, Evidenced, Protocol):
    """The part of the store that issued reports are kept in; raises `change.StoreError`."""

    async def enter(self, entries: Entries) -> None: ...
    async def issued_reports(
        self, period: str | None = None, scope: str | None = None, *, bodies: bool = True
    ) -> Sequence[IssuedReport]: ...
    async def issued_report(self, period: str, scope: str = "", version: int | None = None) -> IssuedReport | None: ...
    async def acts_version(self) -> int: ...
    async def pruned_before(self) -> int | None: ...


class _Asked(msgspec.Struct):
    period: str
    actor: Actor
    done: asyncio.Future[IssuedReport]


class _Touched(msgspec.Struct):
    """A sealed period in which something changed, or may have."""

    first_ms: int
    last_ms: int
    subjects: set[str]


class Issuing:
    """See the module. `now_ms` is the collector's timeline."""

    def __init__(self, reporter: Reporter, library: Library, clerk: Clerk, keeper: Keeper) -> None:
        self._reporter = reporter
        self._library = library
        self._clerk = clerk
        self._keeper = keeper
        self._restating = Restating(reporter, library)
        self._asked: list[_Asked] = []
        self._newest: dict[str, IssuedReport] | None = None
        """Newest versions by period, without bodies; None before the first tick."""
        self._to_compare: list[str] = []
        """Periods that are compared with their versions, since nobody watched them."""
        self._touched: dict[str, _Touched] = {}
        self._acts = -1
        self._looked_until_ms = -1
        """End of the newest month that was looked at for sealing."""
        self.on_ask: Callable[[], None] = lambda: None
        """Called when `seal` waits for a tick."""

    async def seal(self, period: str, actor: Actor) -> IssuedReport:
        """Issue version 1 of a period, at the next tick (R17.1); audited. Raises `SealError`, `change.StoreError`."""
        asked = _Asked(period, actor, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        self.on_ask()
        return await asked.done

    async def tick(self, now_ms: int) -> None:
        """What is due: seals that people ask for, months that settled, changes of sealed periods. One report a call."""
        if self._newest is None:
            await self._load()
        if self._asked:
            await self._answer(self._asked.pop(0), now_ms)
            return
        await self._gather(now_ms)
        period = self._due(now_ms)
        if period is not None:
            try:
                await self._restate(period, now_ms)
            except BaseException:
                # It waits as if it had changed just now: the others are not to wait for it.
                self._touched[period].first_ms = self._touched[period].last_ms = now_ms
                raise
        elif self._to_compare:
            period = self._to_compare.pop()
            try:
                await self._compare(period, now_ms)
            except BaseException:
                self._to_compare.insert(0, period)
                raise
        else:
            await self._seal_months(now_ms)

    def close(self) -> None:
        """Tell everybody who waits for a seal that none will come: the collector stops."""
        asked, self._asked = self._asked, []
        for one in asked:
            if not one.done.done():
                one.done.set_exception(StoreError("the collector stops; nothing was sealed"))

    async def _load(self) -> None:
        found = await self._library.issued_reports(scope="", bodies=False)
        self._newest = {one.period: one for one in found}
        self._to_compare = sorted(self._newest, key=lambda period: self._version(period).until_ms)

    def _version(self, period: str) -> IssuedReport:
        assert self._newest is not None, "loaded at the first tick"
        return self._newest[period]

    # --- sealing

    async def _answer(self, asked: _Asked, now_ms: int) -> None:
        if asked.done.cancelled():
            return
        try:
            issued = await self._seal(asked.period, asked.actor, now_ms)
        except SealError as error:
            if not asked.done.cancelled():
                asked.done.set_exception(error)
        except StoreError as error:
            if not asked.done.cancelled():
                asked.done.set_exception(error)
            raise
        else:
            if not asked.done.cancelled():
                asked.done.set_result(issued)
        finally:
            if not asked.done.done():
                asked.done.set_exception(StoreError("the report could not be made; the log tells why"))

    async def _seal(self, period: str, actor: Actor | None, now_ms: int) -> IssuedReport:
        interval = self._sealable(period, now_ms)
        report = await self._made(period, interval, now_ms)
        if not report.subjects:
            raise SealError(SealProblem.NO_DATA, period, "nothing was in service in this period")
        audited = []
        if actor is not None:
            said = msgspec.json.encode({"version": 1}).decode()
            audited.append(AuditEntry(now_ms, actor.name, actor.role.value, actor.source, "report.seal", period, said))
        author = actor.name if actor is not None else COLLECTOR
        made = [msgspec.structs.replace(report, status=SEALED, version=1)]
        del report
        issued = await self._issue(made[0], author, now_ms, Entries(audited=audited))
        await asyncio.to_thread(let_go_of, made)
        return issued

    def _sealable(self, period: str, now_ms: int) -> tuple[int, int]:
        """The period, which may be sealed now. Raises `SealError`."""
        if NAMED.fullmatch(period) is None:
            detail = "expected a year, quarter, month, week or day, such as 2026-10 or 2026-Q4"
            raise SealError(SealProblem.BAD_PERIOD, period, detail)
        zone = self._keeper.zone
        try:
            from_ms, until_ms = parse(period, zone)
        except ValueError as error:
            raise SealError(SealProblem.BAD_PERIOD, period, str(error)) from error
        assert self._newest is not None, "loaded at the first tick"
        known = self._newest.get(period)
        if known is not None:
            detail = f"it is sealed: version {known.version} is the newest one"
            raise SealError(SealProblem.IS_SEALED, period, detail, version=known.version)
        may_ms = self._may_be_sealed(until_ms)
        if now_ms < may_ms:
            problem = SealProblem.OPEN if now_ms < until_ms else SealProblem.SETTLING
            raise SealError(problem, period, f"expected to be asked from {local_date(zone, may_ms)} on", at_ms=may_ms)
        return from_ms, until_ms

    async def _made(self, period: str, interval: tuple[int, int], now_ms: int) -> Report:
        """The report as of a moment from before which nothing is on its way to the store any more."""
        wanted = Wanted(period, interval, known_ms=now_ms - sealing.COMMITTED_MS)
        return await self._reporter.report(wanted, now_ms)

    def _is_closed(self, until_ms: int) -> bool:
        pages = self._keeper.pages.values()
        return all(page.closed_ms >= until_ms and (page.behind_ms is None or page.behind_ms >= until_ms) for page in pages)

    async def _seal_months(self, now_ms: int) -> None:
        """Each local month whose settling is over, from the first one that something was known of (R17.1)."""
        zone = self._keeper.zone
        newest = self._newest_settled(now_ms)
        if newest <= self._looked_until_ms:
            return
        at_ms = self._looked_until_ms
        if at_ms < 0:
            said = [version.rx_ms for some in (await self._library.load_subjects()).values() for version in some]
            at_ms = PERIODS["month"](zone, min(said, default=now_ms))[0]
        while at_ms < newest:
            start_ms, end_ms = PERIODS["month"](zone, at_ms)
            with contextlib.suppress(SealError):  # sealed already, or nothing was in service
                await self._seal(local_date(zone, start_ms).strftime("%Y-%m"), None, now_ms)
            self._looked_until_ms = at_ms = end_ms

    def _newest_settled(self, now_ms: int) -> int:
        """End of the newest month whose settling is over."""
        zone = self._keeper.zone
        end_ms = PERIODS["month"](zone, now_ms)[0]
        while self._may_be_sealed(end_ms) > now_ms:
            end_ms = PERIODS["month"](zone, end_ms - 1)[0]
        return end_ms

    def _may_be_sealed(self, until_ms: int) -> int:
        """From when on a period that ends then may be sealed: all that is live about it is stored by then, too (R9.1)."""
        config = self._reporter.setup.config
        stored_ms = until_ms + round(config.late_after_s * 1_000) + sealing.COMMITTED_MS
        return max(settle_ms(self._keeper.zone, until_ms, config.ledger.settle_days), stored_ms)

    async def _issue(self, report: Report, author: str, now_ms: int, entries: Entries) -> IssuedReport:
        """Write a version with its link and what `entries` has. The chain may grow meanwhile: then again behind its new end."""
        for attempt in range(_TRIES):
            try:
                issued = await self._append(report, entries, (author, now_ms))
                break
            except StoreError:
                if attempt == _TRIES - 1:
                    raise
        _log.info("%s is issued by %s", title(report.period, report.version), author)
        assert self._newest is not None, "loaded at the first tick"
        self._newest[report.period] = msgspec.structs.replace(issued, body=b"")
        return issued

    async def _append(self, report: Report, entries: Entries, said: tuple[str, int]) -> IssuedReport:
        async with self._clerk.linking:
            head = await self._library.chain_head()
            issued, link = await asyncio.to_thread(_bound, report, head, said)
            await self._library.enter(msgspec.structs.replace(entries, issued=[issued], links=[link]))
            return issued

    # --- restating

    async def _gather(self, now_ms: int) -> None:
        """Which sealed periods mended days and people's acts are about."""
        mended, self._clerk.mended[:] = list(self._clerk.mended), []
        for one in mended:
            for period, issued in (self._newest or {}).items():
                if any(piece.from_ms < issued.until_ms and piece.to_ms > issued.from_ms for piece in one.changes):
                    self._touch(period, {one.subject}, now_ms)
        acts = await self._library.acts_version()
        if acts != self._acts:
            for period in [] if self._acts < 0 else list(self._newest or {}):
                if await self._is_acted_on(period, now_ms):
                    self._touch(period, set(), now_ms)
            self._acts = acts

    def _touch(self, period: str, subjects: set[str], now_ms: int) -> None:
        known = self._touched.setdefault(period, _Touched(now_ms, now_ms, set()))
        known.last_ms = now_ms
        known.subjects |= subjects

    async def _is_acted_on(self, period: str, now_ms: int) -> bool:
        """Whether other windows or corrections count in a period than when it was issued (R11.3)."""
        issued, inquiry = self._version(period), Inquiry(self._library)
        interval = (issued.from_ms, issued.until_ms)
        then, now = await inquiry.terms(issued.known_ms, interval), await inquiry.terms(now_ms, interval)
        return _counted(then, interval) != _counted(now, interval)

    def _due(self, now_ms: int) -> str | None:
        for period, touched in self._touched.items():
            is_quiet = now_ms - touched.last_ms >= QUIET_MS and self._is_closed(self._version(period).until_ms)
            if is_quiet or now_ms - touched.first_ms >= LONGEST_MS:
                return period
        return None

    async def _compare(self, period: str, now_ms: int) -> None:
        """After a start: does the newest version still say what closed days and people say?"""
        issued = await self._library.issued_report(period)
        assert issued is not None, "it was listed"
        before = await asyncio.to_thread(decode, issued.body)
        wanted = Wanted(period, (issued.from_ms, issued.until_ms))
        now = await self._reporter.report(wanted, now_ms)
        changed = {id_ for id_, _ in await asyncio.to_thread(changed_lines, before, now)}
        both = [before, now]
        del before, now
        await asyncio.to_thread(let_go_of, both)
        if changed or await self._is_acted_on(period, now_ms):
            self._touch(period, changed & set(self._keeper.roll), now_ms)

    async def _restate(self, period: str, now_ms: int) -> None:
        """Issue the next version of a period, if anything in it is another now (R17.2)."""
        touched = self._touched[period]
        issued = await self._library.issued_report(period)
        assert issued is not None, "only issued periods are touched"
        before = await asyncio.to_thread(decode, issued.body)
        pruned_ms = await self._library.pruned_before()
        if pruned_ms is not None and issued.from_ms < pruned_ms:
            _log.error("%s changed and cannot be restated: its evidence is no longer kept", period)
            self._touched.pop(period, None)
            return
        now = await self._made(period, (issued.from_ms, issued.until_ms), now_ms)
        after = msgspec.structs.replace(now, status=SEALED, version=issued.version + 1)
        lines = await self._restating.lines(before, after, touched.subjects)
        if lines:
            marked = await asyncio.to_thread(reclassify, before, after)
            whole = msgspec.structs.replace(marked, restatements=(*before.restatements, *lines))
            await self._issue(whole, COLLECTOR, now_ms, Entries(restatements=lines))
            del marked, whole
        self._touched.pop(period, None)
        both, known_ms = [before, after], now.provenance.known_ms
        del before, now, after
        await asyncio.to_thread(let_go_of, both)
        if touched.last_ms > known_ms:
            # What came last is not known to this version yet.
            self._touched[period] = _Touched(touched.last_ms, touched.last_ms, touched.subjects)


def _bound(report: Report, head: Link | None, said: tuple[str, int]) -> tuple[IssuedReport, Link]:
    """A version with the link that it is in the chain, behind `head`. `said`: by whom it is issued, and when."""
    author, now_ms = said
    before = head.hash if head is not None else b""
    provenance = msgspec.structs.replace(report.provenance, chain_head=before.hex())
    body = encode(msgspec.structs.replace(report, provenance=provenance))
    span = (report.from_ms, report.to_ms, provenance.known_ms)
    digests = (hashlib.sha256(body).digest(), bytes(32))
    link = sealing.link(head, REPORT, title(report.period, report.version), span, digests)
    return IssuedReport(report.period, "", report.version, *span, now_ms, author, before, body), link


def _counted(terms: Terms, interval: tuple[int, int]) -> set[object]:
    """What of people's acts bears on an interval."""
    own = [one for one in terms.corrections if one.from_ms < interval[1] and one.to_ms > interval[0]]
    return {msgspec.json.encode(one) for one in (*terms.windows, *own)}
