"""What the exposition asks of the ledger: of the live one in memory, and of the one that answers from evidence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol
from zoneinfo import ZoneInfo

from collector.core.court import Court
from collector.core.figures import Figures
from collector.core.intervals import Interval
from collector.core.judge import Judge
from collector.core.roll import Roll
from collector.core.standing import Standing
from collector.core.state import Span, View


class PagePort(Protocol):
    """One subject's page, as far as its health goes."""

    @property
    def judge(self) -> Judge | None: ...
    @property
    def is_judged_behind(self) -> bool: ...
    @property
    def closed_ms(self) -> int: ...
    @property
    def behind_ms(self) -> int | None: ...


class LedgerPort(Protocol):
    """The live ledger. Asked for a subject that it has no page for it raises `KeyError`."""

    @property
    def is_loaded(self) -> bool: ...
    @property
    def pages(self) -> Mapping[str, PagePort]: ...
    @property
    def before_showing(self) -> Callable[[int], Awaitable[None]] | None: ...
    @property
    def roll(self) -> Roll: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def mended_days(self) -> int: ...
    @property
    def issue_failures(self) -> int: ...
    def standing(self, id_: str, now_ms: int) -> Standing: ...
    def state(self, id_: str, view: View, now_ms: int) -> Span: ...
    def court(self, now_ms: int) -> Court: ...
    def window(self, id_: str, view: View, name: str, now_ms: int) -> Figures: ...


class BenchPort(Protocol):
    """The judges behind a court."""

    @property
    def judges(self) -> Mapping[str, Judge]: ...


class InquiryPort(Protocol):
    """Answers from evidence as of K; raises `change.StoreError`."""

    async def roll(self, known_ms: int | None = None) -> Roll: ...
    async def court(self, wanted: Iterable[str] | None, horizon: Interval, known_ms: int) -> tuple[Court, BenchPort]: ...
