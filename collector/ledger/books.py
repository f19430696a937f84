"""What the ledger asks of the store, and the small arithmetic of closed days that closing and mending share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol
from zoneinfo import ZoneInfo

from collector.core.monthly import RestatementLine
from collector.core.periods import PERIODS, local_date
from collector.core.restate import CountedRow, Restated
from collector.core.sealing import Entries, IssuedReport, Link, SealedMonth, StandingRow
from collector.core.state import Span, State
from collector.ledger.inquiry import Records
from collector.ledger.page import lengths


class Books(Records, Protocol):
    """The part of the store that the ledger writes; raises `change.StoreError`."""

    async def enter(self, entries: Entries) -> None: ...
    async def sealed_months(self, months: Collection[str], subjects: Collection[str] | None = None) -> list[SealedMonth]: ...
    async def load_standing(self) -> list[StandingRow]: ...
    async def load_restated(self) -> list[Restated]: ...
    async def show(self, shown_ms: int, rows: Sequence[CountedRow], moved: Sequence[Restated]) -> None: ...
    async def load_counted(self) -> tuple[int, list[CountedRow]]: ...
    async def chain_head(self) -> Link | None: ...
    def chain(self) -> AsyncIterator[Link]: ...
    async def evidence_digest(self, from_ms: int, until_ms: int, known_ms: int) -> bytes: ...
    async def issue_report(self, report: IssuedReport) -> IssuedReport: ...
    async def issued_reports(self, period: str | None = None, scope: str | None = None) -> list[IssuedReport]: ...
    async def restatements(self, report: str | None = None, period: tuple[int, int] | None = None) -> list[RestatementLine]: ...
    async def acts_version(self) -> int: ...


class Local(Protocol):
    """Whose calendar months follow (R2.5)."""

    @property
    def zone(self) -> ZoneInfo: ...


def months_of(keeper: Local, from_ms: int, until_ms: int) -> dict[str, tuple[int, int]]:
    """The local months that have a part in a period, by name, with their bounds."""
    out: dict[str, tuple[int, int]] = {}
    at = from_ms
    while at < until_ms:
        start_ms, at = PERIODS["month"](keeper.zone, at)
        out[local_date(keeper.zone, start_ms).strftime("%Y-%m")] = (start_ms, at)
    return out


def joined(before: list[Span], after: list[Span]) -> list[Span]:
    """Two lists in a row, as one span where the state and reason go on."""
    if before and after and before[-1].to_ms == after[0].from_ms:
        last, first = before[-1], after[0]
        if last.state is first.state and last.why is first.why:
            return [*before[:-1], Span(last.from_ms, first.to_ms, last.state, last.why), *after[1:]]
    return [*before, *after]


def difference(before: list[Span], after: list[Span]) -> dict[State, int]:
    """Milliseconds that each state has more than before."""
    old, new = lengths(before), lengths(after)
    return {state: new.get(state, 0) - old.get(state, 0) for state in State}
