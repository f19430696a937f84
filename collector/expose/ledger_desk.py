"""What the handlers of the ledger share: the live ledger, inquiries of a bounded number and time, breaths in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from collector.core.court import Court
from collector.core.intervals import Interval
from collector.core.periods import PERIODS
from collector.core.roll import Roll
from collector.expose.availability_views import Print
from collector.expose.ledger_port import BenchPort, InquiryPort, LedgerPort
from collector.expose.requests import RequestError
from collector.expose.stream import BusyError, Gate

STEP_S: Final = 0.004
"""How long an answer keeps the event loop between two breaths, about."""
EDGE_TIMEOUT_MS: Final = 5_000
"""Timeout of probes, part of the uncertainty (R4.2)."""
T = TypeVar("T")


class DeskSettings(msgspec.Struct, frozen=True):
    """Limits of the ledger's API."""

    recomputed_at_once: int = 2
    recomputed_waiting: int = 6
    timeout_s: float = 30.0
    """From request to answer, waiting included."""
    printing: Print = Print()


class LedgerDesk:
    """See the module. `inquire` gives an inquiry by the configuration that was valid before a moment (R1.2)."""

    def __init__(
        self,
        ledger: LedgerPort,
        inquire: Callable[[int], InquiryPort],
        now_ms: Callable[[], int],
        settings: DeskSettings | None = None,
    ) -> None:
        self.ledger = ledger
        self.now_ms = now_ms
        self.settings = settings or DeskSettings()
        self._inquire = inquire
        self._gate = Gate(self.settings.recomputed_at_once, self.settings.recomputed_waiting)

    @property
    def zone(self) -> ZoneInfo:
        """Whose calendar periods follow (R2.5)."""
        return self.ledger.zone

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """Everything inside ends in time. Raises `RequestError` (503)."""
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                yield
        except TimeoutError:
            detail = "the answer was not ready in time; ask for a shorter period or fewer subjects"
            raise RequestError(503, "timeout", detail, retry_after_s=5) from None

    @asynccontextmanager
    async def court(
        self, choose: Callable[[Roll], Sequence[str]], period: Interval, known_ms: int
    ) -> AsyncIterator[tuple[Court, BenchPort, Sequence[str]]]:
        """A court over what the chosen subjects rest on, recomputed as of K, and the subjects themselves; it holds its turn as
        long as it is used. Raises `RequestError` (503) when too many wait, `change.StoreError`."""
        inquiry = self._inquire(period[1])
        try:
            async with self._gate.turn():
                ids = choose(await inquiry.roll(known_ms))
                court, bench = await inquiry.court(ids, self._horizon(period, known_ms), known_ms)
                yield court, bench, ids
        except BusyError:
            detail = "too many figures are being recomputed at the same time"
            raise RequestError(503, "busy", detail, retry_after_s=5) from None

    def _horizon(self, period: Interval, known_ms: int) -> Interval:
        """A month before the period and one behind it, for incidents that reach out of it; not further than K."""
        from_ms = min(period[0], known_ms)
        return PERIODS["month"](self.zone, from_ms - 1)[0], min(PERIODS["month"](self.zone, period[1])[1], known_ms)


async def breathing(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a breath for the event loop every few milliseconds."""
    begun = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - begun > STEP_S:
            await asyncio.sleep(0)
            begun = time.perf_counter()
