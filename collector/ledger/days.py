"""Closed days as reports read them: unpacked when asked for, and from evidence where they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from collector.core.counting import Key
from collector.core.details import NOTHING, Details, has_soft
from collector.core.intervals import Intervals
from collector.core.sealing import SealedMonth
from collector.core.state import Span, View
from collector.ledger.books import joined
from collector.ledger.inquiry import Bench
from collector.ledger.page import VIEWS, clipped


class Days:
    """Months of subjects, each in order of time. `behind`: from when on `tail` speaks, of subjects whose days end before."""

    def __init__(self, rows: Mapping[str, Sequence[SealedMonth]], behind: Mapping[str, int], tail: Bench | None) -> None:
        self._rows, self._behind, self._tail = rows, behind, tail
        self._device: dict[str, list[Span]] = {}

    def observed(self, id_: str, view: View) -> Sequence[Span]:
        """What `Court` asks; one list for both views where they are alike."""
        rows = self._rows.get(id_, ())
        is_alike = id_ not in self._behind and all(row.device == row.e2e for row in rows)
        if is_alike and id_ in self._device:
            return self._device[id_]
        spans = [span for row in rows for span in row.spans(view)]
        since_ms = self._behind.get(id_)
        if since_ms is not None and self._tail is not None:
            spans = joined([span for span in spans if span.from_ms < since_ms], self._late(id_, view, since_ms))
        if is_alike:
            self._device[id_] = spans
        return spans

    def _late(self, id_: str, view: View, since_ms: int) -> list[Span]:
        assert self._tail is not None, "asked only with a tail"
        return clipped(self._tail.observed(id_, view), since_ms, self._tail.until_ms)

    def details(self, id_: str, view: View) -> Details:
        """Unconfirmed failures and hard instants (R4.1, R4.3)."""
        told = NOTHING
        for row in self._rows.get(id_, ()):
            if row.beside:
                told = told.followed(row.details(view))
        since_ms = self._behind.get(id_)
        if since_ms is None or self._tail is None:
            return told
        return told.within(0, since_ms).followed(self._tail.details(id_, view).within(since_ms, self._tail.until_ms))

    def soft(self) -> dict[Key, Intervals]:
        """By subject and view, failures that were never confirmed."""
        some = {*self._behind, *[id_ for id_, rows in self._rows.items() if any(has_soft(row.beside) for row in rows)]}
        return {(id_, view): soft for id_ in some for view in VIEWS if (soft := self.details(id_, view).soft)}

    def told(self) -> set[str]:
        """Subjects that have any details, or may have some."""
        return {*self._behind, *[id_ for id_, rows in self._rows.items() if any(row.beside for row in rows)]}


class Confirmations(Mapping[Key, Intervals]):
    """By subject and view, onset and hard instant of outages; unpacked for the few that a report lists."""

    def __init__(self, days: Days) -> None:
        self._days = days

    def __getitem__(self, key: Key) -> Intervals:
        if found := self._days.details(*key).confirmed:
            return found
        raise KeyError(key)

    def __iter__(self) -> Iterator[Key]:
        return iter([(id_, view) for id_ in self._days.told() for view in VIEWS if (id_, view) in self])

    def __len__(self) -> int:
        return len(list(iter(self)))
