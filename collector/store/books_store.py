"""The part of the store that keeps the ledger's books and reads evidence back for judgement."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from collector.core.evidence import Run
from collector.core.monthly import RestatementLine
from collector.core.restate import CountedRow, Restated
from collector.core.sealing import Entries, IssuedReport, Link, SealedMonth, StandingRow
from collector.core.stretch import BlindSpan, Stretch
from collector.core.subject import Subject, Version
from collector.store import books, history, recall, retention
from collector.store.engine import Database

_LINKS = 5_000


class BooksStore:
    """Mixed into `Store`. Each method is one transaction, if it does not say otherwise, and raises `change.StoreError`."""

    _database: Database

    # --- configuration history (R1.2)

    async def put_subjects(self, wanted: Mapping[str, Subject], author: str, now_ms: int) -> list[str]:
        """Write down what is different from the newest versions; the ids that changed. What is missing is out of service from
        now on (R12.3)."""
        return await self._database.write(lambda c: history.put_subjects(c, wanted, author, now_ms))

    async def load_subjects(self, known_ms: int | None = None) -> dict[str, list[Version[Subject]]]:
        """Every version of every subject that was known then, oldest first. A removed one ends with a version out of scope."""
        return await self._database.read(lambda c: history.load_subjects(c, known_ms))

    async def put_settings(self, wanted: Mapping[str, bytes], author: str, now_ms: int) -> list[str]:
        """Write down what is different of calendars, policies and the like; the names that changed. What is missing becomes
        empty."""
        return await self._database.write(lambda c: history.put_settings(c, wanted, author, now_ms))

    async def load_settings(self, known_ms: int | None = None) -> dict[str, list[Version[bytes]]]:
        """Every version of every setting that was known then, oldest first."""
        return await self._database.read(lambda c: history.load_settings(c, known_ms))

    # --- books

    async def enter(self, entries: Entries) -> None:
        """Write entries whole or not at all. Raises `StoreError` for a link that does not follow the newest one (R17.4)."""
        await self._database.write(lambda c: books.enter(c, entries))

    async def sealed_months(self, months: Collection[str], subjects: Collection[str] | None = None) -> list[SealedMonth]:
        """Closed days by month (`2026-10`) and subject; of all subjects, or of these."""
        return await self._database.read(lambda c: books.months(c, months, subjects))

    async def load_standing(self) -> list[StandingRow]:
        """Where every subject's ledger stands."""
        return await self._database.read(books.all_standing)

    async def load_restated(self) -> list[Restated]:
        """Totals of what was claimed as one state and became another."""
        return await self._database.read(books.totals)

    async def show(self, shown_ms: int, rows: Sequence[CountedRow], moved: Sequence[Restated]) -> None:
        """Write what counters are shown at this moment where they do not go on as written, and what was moved since."""
        await self._database.write(lambda c: books.show(c, shown_ms, rows, moved))

    async def load_counted(self) -> tuple[int, list[CountedRow]]:
        """When counters were last shown (0: never), and what is written of them."""
        return await self._database.read(books.all_counted)

    async def chain_head(self) -> Link | None:
        """The newest link; None before the first."""
        return await self._database.read(books.head)

    async def chain(self) -> AsyncIterator[Link]:
        """Every link, oldest first; in several transactions."""
        after = 0
        while found := await self._database.read(lambda c: books.links(c, after, _LINKS)):  # noqa: B023
            for one in found:
                yield one
            after = found[-1].number

    async def issue_report(self, report: IssuedReport) -> IssuedReport:
        """Keep a report as the next version of its period and scope (R17.1); as it was kept."""
        return await self._database.write(lambda c: books.issue(c, report))

    async def issued_reports(
        self, period: str | None = None, scope: str | None = None, *, bodies: bool = True
    ) -> list[IssuedReport]:
        """Issued versions, oldest first; of all periods and scopes, or of these. Without `bodies` these are left empty."""
        return await self._database.read(lambda c: books.issued(c, period, scope, bodies=bodies))

    async def issued_report(self, period: str, scope: str = "", version: int | None = None) -> IssuedReport | None:
        """One version, or the newest; None if there is none."""
        return await self._database.read(lambda c: books.one_issued(c, period, scope, version))

    async def restatements(self, report: str | None = None, period: tuple[int, int] | None = None) -> list[RestatementLine]:
        """Changes of sealed figures (R17.2), oldest first; of a report, and of intervals that touch a period."""
        return await self._database.read(lambda c: books.restatement_lines(c, report, period))

    # --- evidence for judgement

    async def runs(self, target: str, from_ms: int, until_ms: int) -> list[Run]:
        """`runs_of` one target."""
        return (await self.runs_of([target], from_ms, until_ms))[target]

    async def runs_of(self, targets: Sequence[str], from_ms: int, until_ms: int) -> dict[str, list[Run]]:
        """All that judgement of a period needs (R5.6), by first instant: runs that touch it or the day on either side, and for
        a target with nothing there the nearest of each observer, module and kind."""
        return await self._database.read(lambda c: recall.runs_of(c, targets, from_ms, until_ms))

    async def stretches_of(
        self, targets: Sequence[str], from_ms: int, until_ms: int, known_ms: int
    ) -> dict[str, list[Stretch]]:
        """The same as what it told as of K (R1.3)."""
        return await self._database.read(lambda c: recall.stretches_of(c, targets, (from_ms, until_ms), known_ms))

    async def blind_spans(self, from_ms: int, until_ms: int, known_ms: int) -> list[BlindSpan]:
        """Blindness of every observer that touches the period, as of K, oldest first; what lasts ends at K."""
        return await self._database.read(lambda c: recall.blind_spans(c, from_ms, until_ms, known_ms))

    async def evidence_digest(self, from_ms: int, until_ms: int, known_ms: int) -> bytes:
        """SHA-256 over what was known at K of the runs that touch a day, and of the collector's blindness in it (R17.4).

        The same at any later time until evidence of the day is pruned, if K is `sealing.linkable`. In several transactions.
        """
        digest, period = hashlib.sha256(), (from_ms, until_ms)
        after: recall.Place | None = None
        while True:
            place = after
            page, after = await self._database.read(lambda c: recall.digest_page(c, period, known_ms, place))  # noqa: B023
            digest.update(page)
            if after is None:
                break
        digest.update(await self._database.read(lambda c: b"".join(recall.blind_bytes(c, period, known_ms))))
        return digest.digest()

    # --- retention

    async def prune(self, before_ms: int) -> int:
        """Delete evidence that is wholly about the time before `before_ms`; how many rows went. Closed days, the chain and
        reports stay. In small transactions, so that reports never wait long."""
        gone, after = 0, 0
        while True:
            place = after
            some, go_on = await self._database.write(lambda c: retention.step(c, before_ms, place))  # noqa: B023
            gone += some
            if go_on is None:
                break
            after = go_on
        await self._database.write(lambda c: retention.finish(c, before_ms))
        return gone

    async def pruned_before(self) -> int | None:
        """Before when evidence is no longer complete; None while nothing was pruned."""
        return await self._database.read(retention.pruned_before)
