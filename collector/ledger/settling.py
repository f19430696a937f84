"""Closed days that evidence about later times may still change: a silence turns out to have begun before midnight (R6.3), a
failure is confirmed (R4.1), the same boot goes on after hours without a report (R9.2), a new one began long ago (R8.2).
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.core.state import State
from collector.ledger.keeper import Keeper
from collector.ledger.page import VIEWS, Page


class Settling:
    """Pages whose days were closed, until their judges have seen everything on the other side."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._waiting: dict[str, tuple[int, bool]] = {}
        """What each judge had counted of changes when its page was last compared, and whether the page was up then."""

    def add(self, pages: Iterable[Page], now_ms: int | None = None) -> None:
        """Pages with closed days. With `now_ms` those that were up then and go on without a change need no comparison."""
        for page in pages:
            if page.judge is not None:
                self._waiting[page.id] = (page.judge.changes, now_ms is not None and _was_up(page, now_ms))

    def due(self) -> list[str]:
        """Pages whose closed days are to be compared with what their judges say now."""
        found: list[str] = []
        for id_, (changes, was_up) in list(self._waiting.items()):
            page = self._keeper.pages.get(id_)
            judge = page.judge if page is not None else None
            if page is None or judge is None:
                del self._waiting[id_]
                continue
            is_settled = judge.settled_ms() >= page.closed_ms
            if judge.changes != changes or (is_settled and not was_up):
                found.append(id_)
                self._waiting[id_] = (judge.changes, False)
            if is_settled:
                del self._waiting[id_]
        return found


def _was_up(page: Page, now_ms: int) -> bool:
    """Whether nothing but late evidence could make the end of the closed days another, if the page goes on as it is."""
    judge, until_ms = page.judge, page.closed_ms
    if judge is None:
        return False
    last = [span for view in VIEWS for span in judge.spans(view, until_ms - 1, until_ms, known_ms=now_ms)]
    return len(last) == len(VIEWS) and all(span.state is State.UP for span in last)
