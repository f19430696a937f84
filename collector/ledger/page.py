"""One subject's page in the ledger of the running collector: its judge, and what its closed days add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Final

import msgspec

from agent.model import HEARTBEAT, Kind
from collector.core.evidence import ASLEEP_MS, Evidence
from collector.core.figures import Figures, add
from collector.core.incidents import Incident
from collector.core.intervals import Interval, Intervals
from collector.core.judge import Judge
from collector.core.state import Span, State, View
from collector.core.stretch import Result, Stretch

STATES: Final = tuple(State)
VIEWS: Final = tuple(View)
KEPT_MONTHS: Final = 15
"""Months of a group that can be counted again: more than late evidence or the sums of a year reach back."""
_FIELDS: Final = tuple(name for name in Figures.__struct_fields__ if name != "slo")


class Sums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Figures of closed days of a window, from `start_ms` on."""

    start_ms: int
    slo: tuple[int, int]
    values: list[int | bool | None]

    def figures(self) -> Figures:
        """The figures."""
        return Figures(slo=Fraction(*self.slo), **dict(zip(_FIELDS, self.values, strict=True)))  # type: ignore[arg-type]


def sums_of(start_ms: int, figures: Figures) -> Sums:
    """Inverse of `Sums.figures`."""
    slo = (figures.slo.numerator, figures.slo.denominator)
    return Sums(start_ms, slo, [getattr(figures, name) for name in _FIELDS])


class Body(msgspec.Struct, array_like=True):
    """What is stored of a page: by view, the sums of windows to date and the milliseconds in each state of all closed days.
    `basis` is what the sums rest on (`bearing.Bases`); empty: they are to be worked out again. `months` are what the last
    months have in the totals of a group, which has no closed days of its own."""

    windows: dict[View, dict[str, Sums]] = {}
    totals: dict[View, list[int]] = {}
    basis: bytes = b""
    months: dict[View, dict[str, list[int]]] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Body)


class Claim(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Counters as they were shown at `at_ms`, in milliseconds in the order of `STATES`, and the index of the state in which
    they go on."""

    at_ms: int
    state: int
    totals: list[int]

    def until(self, ms: int) -> dict[State, int]:
        """The counters after so much more time in service."""
        found = dict(zip(STATES, self.totals, strict=True))
        found[STATES[self.state]] += ms
        return found


class _Beats(msgspec.Struct):
    """Heartbeats in a row, as a stretch that still grows."""

    observer: str
    boot: str
    boot_ms: int | None
    interval_ms: int
    first_ms: int
    last_ms: int
    count: int
    first_asleep_ms: int
    last_asleep_ms: int


class Page:
    """See the module."""

    __slots__ = (
        "_beats", "_body", "_judge", "_raw", "behind_ms", "cache", "children", "claims", "closed_ms", "counted", "id",
        "is_agent", "is_taken_up", "missed", "outages", "target",
    )  # fmt: skip

    def __init__(self, id_: str, target: str, *, is_agent: bool = False) -> None:
        self.id = id_
        self.target = target
        """Whose evidence it is judged by."""
        self.is_agent = is_agent
        self._judge: Judge | None = None
        self.is_taken_up = False
        """Whether its judge knows what is on disk. One that is new knows it a moment later, and says unknown until then."""
        self._beats: _Beats | None = None
        """Heartbeats that its judge has not seen yet: only an answer needs them there."""
        self.closed_ms = 0
        """Until when its days are closed."""
        self.behind_ms: int | None = None
        """Evidence from before the closed days' end arrived: the days since then are to be judged anew."""
        self.missed: list[Stretch] | None = None
        """What arrived while the judge is made anew."""
        self.children: set[str] = set()
        self.outages: dict[tuple[View, bool], tuple[Interval, ...]] = {}
        """When its children's path was broken by it, as they were judged with."""
        self.counted: dict[View, dict[State, int]] = {}
        """Its counters as they were last worked out."""
        self.claims: dict[View, Claim] = {}
        """Its counters as they are to be written."""
        self.cache: object = None
        self._raw = b""
        self._body: Body | None = None

    @property
    def judge(self) -> Judge | None:
        """Its judge, which has seen everything; None for groups, whose states are their members'."""
        if self._beats is not None:
            self._flush()
        return self._judge

    @judge.setter
    def judge(self, judge: Judge | None) -> None:
        self._judge = judge

    @property
    def is_judged_behind(self) -> bool:
        """Whether its judge is to be made anew."""
        return self._judge is not None and self._judge.behind_ms is not None

    def beat(self, e: Evidence) -> None:
        """Take a heartbeat that was received live and says that all is well: the usual one, at the least expense."""
        beats, asleep_ms = self._beats, e.uptime_ms - e.awake_ms
        if beats is not None:
            if (
                0 < (e.t_ms - beats.last_ms) * 2 <= beats.interval_ms * 3
                and beats.interval_ms == e.interval_ms
                and beats.boot == e.boot
                and -ASLEEP_MS <= asleep_ms - beats.first_asleep_ms <= ASLEEP_MS
            ):
                beats.last_ms, beats.last_asleep_ms = e.t_ms, asleep_ms
                beats.count += 1
                return
            self._flush()
        boot_ms = e.t_ms - e.uptime_ms if e.boot else None
        self._beats = _Beats(e.observer, e.boot, boot_ms, e.interval_ms, e.t_ms, e.t_ms, 1, asleep_ms, asleep_ms)

    def _flush(self) -> None:
        b, self._beats = self._beats, None
        if b is not None:
            self._take(
                Stretch(
                    Kind.REPORT, b.observer, HEARTBEAT, Result.OK, b.first_ms, b.last_ms, b.count, (), b.interval_ms, True,
                    b.boot, b.boot_ms, b.first_asleep_ms, b.last_asleep_ms,
                )
            )  # fmt: skip

    def take(self, stretch: Stretch) -> None:
        """Take any other evidence."""
        if self._beats is not None:
            self._flush()
        self._take(stretch)

    def _take(self, stretch: Stretch) -> None:
        if stretch.first_ms < self.closed_ms:
            self.behind(stretch.first_ms)
        if self.missed is not None:
            self.missed.append(stretch)
        if self._judge is not None:
            self._judge.see(stretch)

    @property
    def body(self) -> Body:
        """What its closed days add up to."""
        if self._body is None:
            self._body = _decoder.decode(self._raw) if self._raw else Body()
        return self._body

    @property
    def is_written(self) -> bool:
        """Whether any of its days was closed."""
        return bool(self._raw)

    def load(self, closed_ms: int, raw: bytes) -> None:
        """As it was stored."""
        self.closed_ms, self._raw, self._body = closed_ms, raw, None

    def encoded(self) -> bytes:
        """To be stored."""
        return _encoder.encode(self.body)

    def behind(self, t_ms: int) -> None:
        """Evidence about `t_ms` came that the closed days do not know."""
        self.behind_ms = t_ms if self.behind_ms is None else min(self.behind_ms, t_ms)

    def add_totals(self, view: View, spans: Mapping[State, int]) -> None:
        """Milliseconds of a closed day, by state; negative where a closed day was judged anew."""
        totals = self.body.totals.setdefault(view, [0] * len(STATES))
        for index, state in enumerate(STATES):
            totals[index] += spans.get(state, 0)

    def add_to_month(self, view: View, month: str, spans: Mapping[State, int]) -> None:
        """`add_totals` of a group, whose month can be set later."""
        known = self.body.months.get(view, {}).get(month, [0] * len(STATES))
        self.set_month(view, month, {state: known[index] + spans.get(state, 0) for index, state in enumerate(STATES)})

    def set_month(self, view: View, month: str, spans: Mapping[State, int]) -> None:
        """All milliseconds that a group has in its closed days of a month, in place of what was counted."""
        months = self.body.months.setdefault(view, {})
        known = months.get(month, [0] * len(STATES))
        self.add_totals(view, {state: spans.get(state, 0) - known[index] for index, state in enumerate(STATES)})
        months[month] = [spans.get(state, 0) for state in STATES]
        while len(months) > KEPT_MONTHS:
            del months[min(months)]


def following(first: Figures, second: Figures, again: Iterable[Incident], window: Interval) -> Figures:
    """Figures of closed days and of what follows them. `window` is the first instant of the closed days and of what follows,
    `again` are the incidents that have charged time in the latter.

    An incident that seemed to have ended in the closed days, and goes on, had not ended (R13.1, R13.4).
    """
    from_ms, at_ms = window
    for incident in again:
        before = [piece for piece in incident.pieces if piece[0] < at_ms]
        if before and from_ms < before[-1][1] < at_ms:
            known = sum([b - a for a, b in before])
            count, length = first.closed_count - 1, first.closed_ms - known
            first = msgspec.structs.replace(first, closed_count=max(0, count), closed_ms=max(0, length))
    return add(first, second)


def soft_in(pages: Mapping[str, Page]) -> Callable[[str, View], Intervals]:
    """What a `Court` over live judges asks of failures that were never confirmed (R4.3)."""

    def soft(id_: str, view: View) -> Intervals:
        page = pages.get(id_)
        return page.judge.soft_runs(view) if page is not None and page.judge is not None else ()

    return soft


def lengths(spans: Iterable[Span]) -> dict[State, int]:
    """Milliseconds by state."""
    out: dict[State, int] = {}
    for span in spans:
        out[span.state] = out.get(span.state, 0) + span.to_ms - span.from_ms
    return out


def clipped(spans: Iterable[Span], from_ms: int, until_ms: int) -> list[Span]:
    """The part of the spans inside a period."""
    return [
        Span(max(span.from_ms, from_ms), min(span.to_ms, until_ms), span.state, span.why)
        for span in spans
        if span.from_ms < until_ms and span.to_ms > from_ms
    ]
