"""The live ledger: one judge a subject, fed by every commit, asked at any moment; nothing here waits for the database.

`see` is on the path of ingest: a report that goes on as before costs a few microseconds. What it cannot take in place is left
to the clerk (`collector.ledger.clerk`), which judges anew from evidence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from fractions import Fraction
from typing import Final
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec

from agent.model import HEARTBEAT, Kind, Outcome
from collector.core import budget, flap
from collector.core.change import COLLECTOR
from collector.core.court import Court, Terms
from collector.core.dependency import FOREVER
from collector.core.evidence import Evidence, Grade, TimeQuality
from collector.core.figures import Figures, Question, pool
from collector.core.intervals import Interval, clip, cut, size
from collector.core.judge import Judge
from collector.core.periods import PERIODS
from collector.core.roll import Roll
from collector.core.standing import BURN_WINDOWS, WINDOWS, Standing, SubjectRow, ViewStanding
from collector.core.state import Span, State, View, Why
from collector.core.stretch import BlindSpan
from collector.core.subject import SubjectKind
from collector.core.waypoints import blind_of, stretch_of
from collector.ledger.counters import Moved, claim, count
from collector.ledger.inquiry import BACK_MS, of_agent, target_of
from collector.ledger.page import VIEWS, Page, clipped, following, lengths, soft_in
from collector.ledger.paths import LivePaths, Parents
from collector.ledger.shown import Shown, later

_NOTHING: Final = Fraction(0)
_REPORT, _LIVE, _OK, _MEASURED = Kind.REPORT, Grade.LIVE, Outcome.OK, TimeQuality.MEASURED
"""Looked up once: Python 3.11 takes longer to find a member in its enumeration than to compare two."""
FRESH_MS: Final = 60_000
"""How long figures of a subject in which nothing changes are shown before they are worked out again."""


class Keeper:
    """See the module. `now_ms` is the collector's timeline; `see` and the answers are for its event loop only."""

    def __init__(self, zone: ZoneInfo, now_ms: Callable[[], int], flaps: flap.FlapRule | None = None) -> None:
        self.zone = zone
        self.now_ms = now_ms
        self.flaps = flaps or flap.FlapRule()
        self.roll = Roll({})
        self.terms = Terms()
        self.is_loaded = True
        """Whether the pages are all there; while a large estate is taken up, nothing is said of any."""
        self.pages: dict[str, Page] = {}
        self.moved: dict[str, dict[View, dict[tuple[State, State], int]]] = {}
        self.blinds: dict[tuple[str, str, int], BlindSpan] = {}
        """By observer, what it is about and beginning."""
        self.version = 0
        """Grows with whatever changes figures other than evidence: configuration, windows, corrections."""
        self.unwritten: list[Moved] = []
        """What was moved and is not on disk yet."""
        self.unclaimed: set[str] = set()
        """Pages whose counters go on otherwise than is written on disk."""
        self.before_showing: Callable[[int], Awaitable[None]] | None = None
        """Writes the counters that are about to be shown."""
        self.mended_days = 0
        """Closed days of subjects that came out differently when they were judged anew, since the start."""
        self.issue_failures = 0
        """Seals and restatements that failed since the start; they are tried again."""
        self.parents = Parents(self)
        self._by_target: dict[str, list[Page]] = {}
        self._periods: dict[str, Interval] = {}
        self._windows: dict[tuple[str, View, str], Figures] = {}
        self._court: Court | None = None
        self._court_key: tuple[int, int] = (-1, -1)

    # --- what is watched

    def take_roll(self, roll: Roll, now_ms: int) -> list[str]:
        """All subjects as configuration has them now; answers the ids whose judges are to be made anew."""
        before, self.roll = self.roll, roll
        anew: list[str] = []
        wanted = {id_ for id_ in roll if not roll.is_gone(id_)}
        for gone in self.pages.keys() - wanted:
            del self.pages[gone]
        for id_ in sorted(wanted):
            subject = roll.subject(id_)
            page = self.pages.get(id_)
            if page is None:
                page = self.pages[id_] = Page(id_, target_of(id_), is_agent=subject.kind is SubjectKind.AGENT)
                page.closed_ms = PERIODS["day"](self.zone, min(now_ms, roll.known_since(id_)))[0]
                anew.append(id_)
            elif id_ not in before or before.history(id_).values != roll.history(id_).values:
                anew.append(id_)
            if subject.group is None and page.judge is None:
                page.judge = self.make_judge(id_)
        self._link()
        self.version += 1
        return anew

    def _link(self) -> None:
        self._by_target = {}
        for page in self.pages.values():
            page.children = set()
            if page.judge is not None:
                self._by_target.setdefault(page.target, []).append(page)
        for id_ in self.pages:
            for parent in self._parents_of(id_):
                if parent in self.pages:
                    self.pages[parent].children.add(id_)

    def _parents_of(self, id_: str) -> set[str]:
        """Targets whose state is part of its path, through groups of them too."""
        found: set[str] = set()
        stack = [*self.roll.parents(id_)]
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack += self.roll.members(name)
        return found

    def make_judge(self, id_: str) -> Judge:
        """An empty judge for a subject, with paths through the live pages of its parents."""
        paths = LivePaths(self.parents, id_) if self.roll.parents(id_) else None
        judge = Judge(self.roll.rules(id_), scope=self.roll.scope(id_), paths=paths)
        target = target_of(id_)
        for record in self.blinds.values():
            if record.target in ("", target):
                judge.blind(record)
        return judge

    # --- what is seen

    def see(self, news: Iterable[Evidence]) -> None:
        """Take evidence that is on disk."""
        by_target = self._by_target
        for evidence in news:
            pages = by_target.get(evidence.target)
            if pages is None or (evidence.kind is _REPORT and evidence.module != HEARTBEAT):
                continue
            usual = evidence.kind is _REPORT and evidence.grade is _LIVE and evidence.outcome is _OK
            if usual and evidence.quality is _MEASURED:
                for page in pages:
                    page.beat(evidence)
            else:
                self._see_other(evidence, pages)

    def _see_other(self, evidence: Evidence, pages: Iterable[Page]) -> None:
        stretch = stretch_of(evidence)
        if stretch is None:
            if evidence.kind is Kind.BLIND:
                about = blind_of(evidence.target, evidence.observer)
                self.blind(BlindSpan(evidence.observer, evidence.from_ms, evidence.until_ms, about))
            return
        for page in pages:
            seen = of_agent(stretch) if page.is_agent else stretch
            if seen is not None:
                page.take(seen)

    def blind(self, record: BlindSpan) -> None:
        """An observer saw nothing, of anybody or of one target (R5.3). Told again with a later end, it still lasts."""
        key = (record.observer, record.target, record.from_ms)
        known = self.blinds.get(key)
        if known is not None and known.until_ms >= record.until_ms:
            return
        self.blinds[key] = record
        news_ms = record.from_ms if known is None else known.until_ms
        for page in self._by_target.get(record.target, ()) if record.target else self.pages.values():
            judge = page.judge
            if judge is not None:
                judge.blind(record)
                if news_ms < page.closed_ms and (record.observer == COLLECTOR or judge.hears(record.observer)):
                    page.behind(news_ms)

    def forget(self, before_ms: int) -> None:
        """Drop what is only about the time before `before_ms`."""
        self.blinds = {key: one for key, one in self.blinds.items() if one.until_ms > before_ms}
        for page in self.pages.values():
            if page.judge is not None:
                page.judge.forget(before_ms)

    # --- what is answered

    def court(self, now_ms: int) -> Court:
        """A court over what the live judges hold, until `now_ms`."""
        key = (now_ms, self.version)
        if self._court is None or self._court_key != key:
            from_ms = PERIODS["day"](self.zone, now_ms)[0] - BACK_MS

            def observed(id_: str, view: View) -> Sequence[Span]:
                page = self.pages.get(id_)
                return page.judge.spans(view, from_ms, now_ms) if page is not None and page.judge is not None else ()

            self._windows = {}
            self._court = Court(self.roll, observed, self.terms, (from_ms, now_ms), soft=soft_in(self.pages))
            self._court_key = key
        return self._court

    def state(self, id_: str, view: View, now_ms: int) -> Span:
        """The present state of a subject and since when; `KeyError` for an unknown one."""
        page = self.pages[id_]
        if page.judge is not None:
            return page.judge.now(view, now_ms)
        spans = self.court(now_ms).spans(id_, view)
        if not spans or spans[-1].to_ms < now_ms:
            return Span(0, now_ms, State.UNKNOWN, Why.NEVER)
        index = len(spans) - 1
        while index and spans[index - 1].state is spans[-1].state and spans[index - 1].to_ms == spans[index].from_ms:
            index -= 1
        return Span(spans[index].from_ms, now_ms, spans[-1].state, spans[-1].why)

    def standing(self, id_: str, now_ms: int) -> Standing:
        """Everything the metric pages show of a subject. Worked out when something changed, else once a minute."""
        page = self.pages[id_]
        return self._moved_on(self._shown(page, now_ms), page, now_ms)

    def _shown(self, page: Page, now_ms: int) -> Shown:
        """What was worked out last, if that may still be shown."""
        judge = page.judge
        today_ms = self._bounds("day", now_ms)[0]
        key = (
            self.version,
            page.closed_ms,
            today_ms,
            judge.changes if judge is not None else self._of_members(page.id, now_ms),
        )
        shown = page.cache
        # Each at its own moment of the minute, so that a page does not wait for all of them at once.
        phase = crc32(page.id.encode()) % FRESH_MS
        if isinstance(shown, Shown) and shown.key == key and (shown.at_ms + phase) // FRESH_MS == (now_ms + phase) // FRESH_MS:
            return shown
        if isinstance(shown, Shown) and shown.key == key and shown.is_steady and self._is_up(page, now_ms):
            shown = page.cache = later(shown, now_ms)
            page.counted = {one.view: one.totals for one in shown.standing.views}
            return shown
        subject = self.roll.subject(page.id)
        row = SubjectRow(page.id, subject.kind, subject.site, subject.class_)
        standing = Standing(row, tuple(self._view(page, view, now_ms) for view in VIEWS))
        shown = page.cache = Shown(now_ms, key, standing, self._is_steady(page, standing, now_ms))
        return shown

    def _of_members(self, id_: str, now_ms: int) -> int:
        """What a group's standing depends on: as long as it is the same, no member has changed."""
        parts = {*self.roll.members(id_), *self.roll.pooled(id_)}
        return hash(tuple([self.parents.key(name, (view, False), now_ms) for name in sorted(parts) for view in VIEWS]))

    def _is_up(self, page: Page, now_ms: int) -> bool:
        judge = page.judge
        return judge is not None and all(judge.now(view, now_ms).state is State.UP for view in VIEWS)

    def _is_steady(self, page: Page, standing: Standing, now_ms: int) -> bool:
        """Whether all that time can change, as long as it stays up, is that seconds of up are added."""
        court = self.court(now_ms)
        scope = court.scope(page.id)
        return (
            page.judge is not None
            and self.roll.subject(page.id).group is None
            and bool(scope)
            and scope[-1][1] >= FOREVER
            and court.hours(page.id) is None
            and not self.terms.windows
            and all(
                one.state is not None and one.state.state is State.UP and not one.is_flapping and not any(one.burn.values())
                for one in standing.views
            )
        )

    def _moved_on(self, shown: Shown, page: Page, now_ms: int) -> Standing:
        """The same a little later: counters go on in the state that lasts, the figures stay."""
        if now_ms == shown.at_ms or page.judge is None:
            return shown.standing
        views = []
        for one in shown.standing.views:
            state = page.judge.now(one.view, now_ms)
            if one.state is None or state.state is not one.state.state:
                page.cache = None
                return self.standing(page.id, now_ms)
            in_service = size(clip(self.roll.scope(page.id), shown.at_ms, now_ms))
            totals = page.counted[one.view] = one.totals | {state.state: one.totals.get(state.state, 0) + in_service}
            views.append(msgspec.structs.replace(one, state=state, totals=totals))
        return msgspec.structs.replace(shown.standing, views=tuple(views))

    def _view(self, page: Page, view: View, now_ms: int) -> ViewStanding:
        court = self.court(now_ms)
        is_pool = self.roll.is_pool(page.id)
        spans = [] if is_pool else list(court.spans(page.id, view))
        question = court.question(page.id, view, (page.closed_ms, now_ms))
        burn: dict[str, Fraction | None] = dict.fromkeys(BURN_WINDOWS)
        if not is_pool:
            burn = self._burn(spans, question, now_ms)
        covered = court.maintenance(page.id, view)
        state = None if is_pool else self.state(page.id, view, now_ms)
        return ViewStanding(
            view,
            state,
            {} if state is None else self._totals(page, view, state.state, now_ms),
            dict(self.moved.get(page.id, {}).get(view, {})),
            self._windows_shown(page.id, view, now_ms),
            burn,
            any(a <= now_ms - 1 < b for a, b in flap.flapping(spans, self.flaps)),
            any(a <= now_ms - 1 < b for a, b in covered),
        )

    def _burn(self, spans: Sequence[Span], question: Question, now_ms: int) -> dict[str, Fraction | None]:
        """Burn rates; where nothing but good was seen since the longest window began, there is nothing to add up (R14.2)."""
        last = spans[-1] if spans else None
        if (
            last is not None
            and last.state is State.UP
            and last.from_ms <= now_ms - max(BURN_WINDOWS.values())
            and question.hours is None
            and not (question.windows or question.composed)
        ):
            return dict.fromkeys(BURN_WINDOWS, _NOTHING)
        return {name: budget.burn(spans, question, now_ms - ms, now_ms).rate for name, ms in BURN_WINDOWS.items()}

    def _windows_shown(self, id_: str, view: View, now_ms: int) -> dict[str, Figures]:
        """Figures to date; sums add up what is shown of their parts, so that a page agrees with itself."""
        parts = self.court(now_ms).parts(id_, view)
        if parts is None:
            return {name: self.window(id_, view, name, now_ms) for name in WINDOWS}
        found: list[tuple[int, dict[str, Figures]]] = []
        for weight, part in parts:
            page = self.pages.get(part)
            if page is None:  # out of service
                found.append((weight, {name: self.window(part, view, name, now_ms) for name in WINDOWS}))
            else:
                found.append((weight, self._shown(page, now_ms).standing.views[VIEWS.index(view)].windows))
        slo = self.roll.subject(id_).objective.slo
        pools = {name: pool([(weight, windows[name]) for weight, windows in found], slo) for name in WINDOWS}
        return {name: msgspec.structs.replace(figures, provisional=True) for name, figures in pools.items()}

    def _totals(self, page: Page, view: View, state: State, now_ms: int) -> dict[State, int]:
        """Counters that never fall, as they are shown now."""
        open_ = lengths(clipped(self.court(now_ms).raw(page.id, view), page.closed_ms, now_ms))
        self.unwritten += count(page, view, open_, self.moved.setdefault(page.id, {}).setdefault(view, {}))
        if claim(page, view, state, now_ms, self.roll.scope(page.id)):
            self.unclaimed.add(page.id)
        return page.counted[view]

    def window(self, id_: str, view: View, name: str, now_ms: int) -> Figures:
        """Figures of a subject from the beginning of the local day, week, month, quarter or year until now (R2.5)."""
        court = self.court(now_ms)
        key = (id_, view, name)
        known = self._windows.get(key)
        if known is None:
            parts = court.parts(id_, view)
            if parts is None:
                known = self._own_window(court, key, now_ms)
            else:
                # Seconds of what is in it (R15.3): each by its own scope and hours.
                slo = self.roll.subject(id_).objective.slo
                known = pool([(weight, self.window(part, view, name, now_ms)) for weight, part in parts], slo)
                known = msgspec.structs.replace(known, provisional=True)
            self._windows[key] = known
        return known

    def _bounds(self, name: str, now_ms: int) -> Interval:
        """Bounds of the local day, week, month, quarter or year; asked so often that they are kept while they hold."""
        known = self._periods.get(name)
        if known is None or not known[0] <= now_ms < known[1]:
            known = self._periods[name] = PERIODS[name](self.zone, now_ms)
        return known

    def _own_window(self, court: Court, key: tuple[str, View, str], now_ms: int) -> Figures:
        id_, view, name = key
        page = self.pages.get(id_)
        closed_ms = page.closed_ms if page is not None else 0
        start_ms, end_ms = self._bounds(name, now_ms)
        known = page.body.windows.get(view, {}).get(name) if page is not None else None
        first = known.figures() if known is not None and known.start_ms == start_ms < closed_ms else None
        open_from = closed_ms if first is not None else max(start_ms, min(closed_ms, now_ms))
        figures = court.figures(id_, view, (open_from, now_ms))
        if first is not None:
            first = msgspec.structs.replace(first, slo=figures.slo)
            again = court.incidents(id_, view, (open_from, now_ms)) if first.closed_count else ()
            figures = following(first, figures, again, (start_ms, open_from))
        scope, hours = court.scope(id_), court.hours_within(id_, (now_ms, end_ms))
        coming = clip(scope if hours is None else cut(scope, hours), now_ms, end_ms)
        return msgspec.structs.replace(figures, future_ast=size(coming), provisional=True)
