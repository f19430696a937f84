"""Counters on disk: what is shown is written before it is shown, so that they go on from there after any death of the process.

Written are a subject's counters at one moment and the state in which they go on; as long as they do, nothing more is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from collector.core.change import StoreError
from collector.core.intervals import clip, size
from collector.core.restate import CountedRow, Restated
from collector.core.roll import Roll
from collector.core.state import State, View
from collector.ledger.books import Books
from collector.ledger.counters import Moved
from collector.ledger.inquiry import BREATH_S
from collector.ledger.page import Claim, Page

_log = logging.getLogger("haidang.ledger")
_Claims: Final = dict[View, Claim]
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Claims)


class Book(Protocol):
    """All pages, and what of their counters is not on disk."""

    roll: Roll
    pages: dict[str, Page]
    moved: dict[str, dict[View, dict[tuple[State, State], int]]]
    unwritten: list[Moved]
    unclaimed: set[str]


class Counters:
    """Keeps the counters of all pages on disk."""

    def __init__(self, book: Book, books: Books) -> None:
        self._book = book
        self._books = books
        self._shown_ms = 0
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Go on from what was shown last."""
        book = self._book
        for moved in await self._books.load_restated():
            pairs = book.moved.setdefault(moved.subject, {}).setdefault(moved.view, {})
            pairs[State(moved.from_state), State(moved.to_state)] = moved.ms
        self._shown_ms, rows = await self._books.load_counted()
        for row in rows:
            page = book.pages.get(row.subject)
            if page is not None:
                page.claims = _decoder.decode(row.body)
                scope = book.roll.scope(page.id)
                for view, known in page.claims.items():
                    page.counted[view] = known.until(size(clip(scope, known.at_ms, max(known.at_ms, self._shown_ms))))

    async def write_shown(self, now_ms: int) -> None:
        """Counters are about to be shown as they were worked out by now. They are shown, too, when the store fails."""
        try:
            await self.write(now_ms)
        except StoreError as error:
            _log.error("counters are shown that could not be written: %s", error)

    async def write(self, shown_ms: int | None = None) -> None:
        """Write what is not on disk. `shown_ms` is when counters were last worked out to be shown."""
        async with self._writing:
            book = self._book
            moved, book.unwritten = book.unwritten, []
            ids, book.unclaimed = book.unclaimed, set()
            if shown_ms is None and not moved:
                book.unclaimed |= ids
                return
            try:
                self._shown_ms = max(self._shown_ms, shown_ms or 0)
                rows = await self._rows(ids)
                restated = [Restated(id_, view, was.value, now.value, ms) for id_, view, was, now, ms in moved]
                await self._books.show(self._shown_ms, rows, restated)
            except BaseException:
                book.unwritten = moved + book.unwritten
                book.unclaimed |= ids
                raise

    async def _rows(self, ids: Iterable[str]) -> list[CountedRow]:
        """Where many changed at once, the event loop breathes. What changes meanwhile is written as it is then."""
        rows, begun = [], time.perf_counter()
        for id_ in ids:
            page = self._book.pages.get(id_)
            if page is not None:
                rows.append(CountedRow(id_, _encoder.encode(page.claims)))
            if time.perf_counter() - begun > BREATH_S:
                await asyncio.sleep(0)
                begun = time.perf_counter()
        return rows
