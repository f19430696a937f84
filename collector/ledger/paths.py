"""Paths of live targets through their parents' pages (3.7), and whose path has changed since it was judged (R7.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from collector.core.change import COLLECTOR
from collector.core.court import Court, Terms, path_of
from collector.core.dependency import FOREVER, Path, PathLine
from collector.core.roll import Roll
from collector.core.state import Span, State, Why
from collector.ledger.inquiry import BACK_MS, CENTRE_WAYS, SITE_WAY, Way, upstream_of
from collector.ledger.page import VIEWS, Page

_OUT: Final = (State.DOWN, State.UNREACHABLE)
WAYS: Final = (*CENTRE_WAYS, SITE_WAY)


class Book(Protocol):
    """All pages, and the time."""

    roll: Roll
    pages: dict[str, Page]
    now_ms: Callable[[], int]


class Parents:
    """Pages as parents of others."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def timeline(self, id_: str, way: Way, until_ms: int) -> list[Span]:
        """A parent's timeline as its children's path sees it, its last state going on."""
        view, centre_only = way
        page = self.book.pages.get(id_)
        if page is None:
            return []
        from_ms = until_ms - BACK_MS
        if page.judge is not None:
            spans = page.judge.spans(view, from_ms, until_ms, for_path=True, centre_only=centre_only)
        else:
            inner = Court(
                self.book.roll, lambda name, v: self.timeline(name, (v, centre_only), until_ms), Terms(), (from_ms, until_ms)
            )
            spans = list(inner.spans(id_, view))
        if spans and spans[-1].to_ms >= until_ms:
            last = spans[-1]
            spans[-1] = Span(last.from_ms, FOREVER, last.state, last.why)
        return spans

    def key(self, id_: str, way: Way, now_ms: int) -> tuple[object, ...]:
        """What a path through a parent depends on."""
        view, centre_only = way
        page = self.book.pages.get(id_)
        if page is None:
            return ()
        if page.judge is not None:
            return (page.judge.changes, page.judge.now(view, now_ms, centre_only=centre_only).state)
        return tuple(self.key(name, way, now_ms) for name in sorted(self.book.roll.members(id_)))

    def watch(self, now_ms: int) -> list[str]:
        """Children whose path is another than they were judged with (R7.5): their judges are to be made anew."""
        anew: set[str] = set()
        for page in self.book.pages.values():
            if not page.children or page.judge is None:
                continue
            for way in WAYS:
                spans = self.timeline(page.id, way, now_ms)
                outages = tuple((span.from_ms, span.to_ms) for span in spans if span.state in _OUT)
                before = page.outages.get(way)
                page.outages[way] = outages
                if before is not None and before != outages:
                    since = min(edge for pair in set(before) ^ set(outages) for edge in pair)
                    anew |= {child for child in page.children if self._was_failing(child, since, now_ms)}
        return sorted(anew)

    def _was_failing(self, id_: str, since_ms: int, now_ms: int) -> bool:
        page = self.book.pages.get(id_)
        if page is None or page.judge is None:
            return False
        slack = self.book.roll.rules(id_).last().dep_slack_ms
        return any(
            span.state not in (State.UP, State.DEGRADED) or span.why in (Why.BACKFILL, Why.CONTINUITY)
            for view in VIEWS
            for span in page.judge.spans(view, since_ms - slack, now_ms)
        )


class LivePath:
    """The path of a live judge's target, through its parents' pages as they stand."""

    def __init__(self, parents: Parents, id_: str, way: Way, without: frozenset[str] = frozenset()) -> None:
        self._parents = parents
        self._id = id_
        self._way = way
        self._without = without
        self._line: PathLine | None = None
        self._key: tuple[object, ...] = ()

    def at(self, t_ms: int) -> tuple[Path, int]:
        """See `dependency.PathLine`. Beyond now the parents' last states go on."""
        book, parents = self._parents.book, self._parents
        now_ms = max(t_ms, book.now_ms())
        key = tuple(parents.key(name, self._way, now_ms) for name in sorted(book.roll.parents(self._id)))
        if self._line is None or key != self._key:
            self._line = path_of(book.roll, self._id, lambda name: parents.timeline(name, self._way, now_ms), self._without)
            self._key = key
        return self._line.at(t_ms) if self._line is not None else (Path.OK, FOREVER)


class LivePaths(Mapping[str, PathLine]):
    """The paths of a live judge's target: those of both views, and of every agent that turns out to observe it, from whatever
    site (R9.8)."""

    def __init__(self, parents: Parents, id_: str) -> None:
        self._parents = parents
        self._id = id_
        self._made: dict[str, PathLine] = {way[0]: LivePath(parents, id_, way) for way in CENTRE_WAYS}

    def __getitem__(self, name: str) -> PathLine:
        line = self._made.get(name)
        if line is None:
            if name == COLLECTOR:
                raise KeyError(name)
            without = upstream_of(self._parents.book.roll, name)
            line = self._made[name] = LivePath(self._parents, self._id, SITE_WAY, without)
        return line

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
