"""Maintenance windows (SPEC 3.11): which of them count as of K, and which seconds of a subject they cover.

Pure. Windows are an overlay: a union, never a sum (R11.1), that erases nothing observed under it (R11.5).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from collector.core.acts import Act, Record, fold
from collector.core.intervals import Interval, Intervals, clip, cut, size, union
from collector.core.repeats import Repeat, expand
from collector.core.state import Span, State
from collector.core.subject import Subject, SubjectKind, Timetable

_ALWAYS: Final = 1 << 60


class Selector(msgspec.Struct, frozen=True, omit_defaults=True, rename={"class_": "class"}):
    """Subjects that have all of it: one of the ids, the site, the class, every label. Site, class and labels mean targets
    and agents; a group or a site has a window only where it is named by its id (R15.2)."""

    subjects: tuple[str, ...] = ()
    site: str = ""
    class_: str = ""
    labels: dict[str, str] = {}


Scope = tuple[Selector, ...]
"""Subjects that any of the selectors means."""


class Once(msgspec.Struct, frozen=True, tag="once"):
    """One time `[from_ms, to_ms)`."""

    from_ms: int
    to_ms: int


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """The entry of the inventory that a window comes from. `file` counts from the folder of the inventory."""

    entry: str
    file: str
    when: Once | Repeat | None = None
    """The times as they are written, where some of them were past when the window was asked for."""


class WindowPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the creator of a window asks for."""

    when: Once | Repeat
    scope: Scope
    propagate: bool = False
    """R11.4: also for children while they are unreachable."""
    origin: Origin | None = None
    """Where it is written; None: a person asked for it."""


class Window(msgspec.Struct, frozen=True):
    """A window that counts, or one occurrence of a series. `from_ms` is its own start, `to_ms` the least of its end and its
    real end (R11.1)."""

    id: str
    from_ms: int
    to_ms: int
    scope: Scope
    propagate: bool
    author: str
    approver: str
    reason: str
    change: str
    retroactive: bool
    """Created or approved after its own start (R11.3)."""
    known_ms: int
    """Since when it counts."""


class WindowStatus(enum.StrEnum):
    """How a window stands at a moment. `ended`: it is over, by time or by its real end."""

    PENDING = "pending"
    APPROVED = "approved"
    ENDED = "ended"
    CANCELLED = "cancelled"


WindowAct = Act[WindowPlan]
WindowRecord = Record[WindowPlan]


def counted(acts: Iterable[WindowAct], known_ms: int, horizon: Interval) -> list[Window]:
    """Windows that count as of `known_ms` and touch `horizon`, by start and id, not clipped (R11.1).

    One counts if someone other than its author approved it by then and it is not cancelled. An empty one vanishes.
    """
    found = [window for record in fold(acts, known_ms).values() for window in of_record(record, horizon)]
    return sorted(found, key=lambda window: (window.from_ms, window.to_ms, window.id))


def of_record(record: WindowRecord, horizon: Interval) -> list[Window]:
    """As `counted`, of one record."""
    known_ms = record.known_ms
    if known_ms is None:
        return []
    plan = record.plan
    return [
        Window(
            record.id, a, b, plan.scope, plan.propagate, record.author, record.approver, record.reason, record.change,
            known_ms > a, known_ms,
        )
        for a, b in occurrences(record, horizon)
    ]  # fmt: skip


def occurrences(record: WindowRecord, horizon: Interval) -> list[Interval]:
    """When a window is, or would be once approved, as far as it touches `horizon`: real ends and cancellations applied."""
    from_ms, to_ms = horizon
    when = record.plan.when
    if isinstance(when, Once):
        planned = [] if record.cancels else [(when.from_ms, when.to_ms)]
    else:
        planned = expand(when, from_ms, to_ms)
    held = [held for start, end in planned if (held := _held(record, start, end))]
    return [(a, b) for a, b in held if a < to_ms and b > from_ms]


def _held(record: WindowRecord, start: int, end: int) -> Interval | None:
    """What is left of an occurrence."""
    for act in record.cancels:
        one = act.body.occurrence_ms
        if one == start or (one is None and start >= act.t_ms):
            return None
    for act in record.ends:
        if act.body.occurrence_ms in (None, start):
            end = min(end, act.t_ms if act.body.end_ms is None else act.body.end_ms)
    return (start, end) if start < end else None


def status(record: WindowRecord, now_ms: int) -> WindowStatus:
    """How a window stands, from the record as of `now_ms`. The occurrences of a cancelled series that were before still
    count."""
    if record.cancelled is not None:
        return WindowStatus.CANCELLED
    if not occurrences(record, (now_ms, _ALWAYS)):
        return WindowStatus.ENDED if record.approved_ms is not None or not record.cancels else WindowStatus.CANCELLED
    return WindowStatus.PENDING if record.approved_ms is None else WindowStatus.APPROVED


def selects(selector: Selector, subject: Subject) -> bool:
    """Does a selector mean a subject? One that says nothing means nobody."""
    if selector.subjects:
        if subject.id not in selector.subjects:
            return False
    elif subject.kind not in (SubjectKind.TARGET, SubjectKind.AGENT) or selector == Selector():
        return False
    return (
        selector.site in ("", subject.site)
        and selector.class_ in ("", subject.class_)
        and all(subject.labels.get(name) == value for name, value in selector.labels.items())
    )


def in_scope(subject: Subject, windows: Iterable[Window], *, propagating: bool = False) -> list[Interval]:
    """When the scope of a window names the subject itself; `propagating`: of windows with `propagate` only."""
    return union(
        (window.from_ms, window.to_ms)
        for window in windows
        if (window.propagate or not propagating) and any(selects(selector, subject) for selector in window.scope)
    )


def cover(
    subject: Subject, windows: Sequence[Window], spans: Sequence[Span], parents: Mapping[str, Intervals] | None = None
) -> list[Interval]:
    """The maintenance of a subject: windows that name it, and what its parents hand on while it is UNREACHABLE (R11.4).

    `parents` holds for each parent `handed_on` (or, for direct parents alone, `in_scope(..., propagating=True)`); parents that
    are not in it hand on nothing. `spans` are the subject's states in the view asked about.
    """
    own = in_scope(subject, windows)
    inherited = _inherited(subject, spans, parents or {})
    return union([*own, *inherited]) if inherited else own


def handed_on(
    subject: Subject, windows: Sequence[Window], spans: Sequence[Span], parents: Mapping[str, Intervals] | None = None
) -> list[Interval]:
    """The maintenance that a subject hands on to its children: of windows with `propagate` that name it, and of those that its
    own parents hand on to it (R11.4). Resolve parents first."""
    own = in_scope(subject, windows, propagating=True)
    inherited = _inherited(subject, spans, parents or {})
    return union([*own, *inherited]) if inherited else own


def _inherited(subject: Subject, spans: Sequence[Span], parents: Mapping[str, Intervals]) -> list[Interval]:
    names = {name for group in subject.rules.parents for name in group}
    received = union(interval for name in names for interval in parents.get(name, ()))
    if not received:
        return []
    unreachable = union((span.from_ms, span.to_ms) for span in spans if span.state is State.UNREACHABLE)
    return cut(received, unreachable)


def cover_history(
    subject: Timetable[Subject],
    windows: Sequence[Window],
    spans: Sequence[Span],
    parents: Mapping[str, Intervals] | None = None,
) -> list[Interval]:
    """As `cover`, with the configuration that was valid at each instant (R1.2)."""
    edges = [-_ALWAYS, *subject.changes, _ALWAYS]
    parts = [
        interval
        for value, a, b in zip(subject.values, edges, edges[1:], strict=False)
        for interval in clip(cover(value, windows, spans, parents), a, b)
    ]
    return union(parts)


class WindowBook:
    """Windows sorted by what they name, so that ten thousand subjects need not each look at all of them."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._by_subject: dict[str, list[int]] = {}
        self._by_site: dict[str, list[int]] = {}
        self._others: list[int] = []
        self._windows = list(windows)
        self.propagates = any(window.propagate for window in self._windows)
        """Is there anything to hand on to children at all?"""
        for number, window in enumerate(self._windows):
            for selector in window.scope:
                self._file(number, selector)

    def _file(self, number: int, selector: Selector) -> None:
        if selector.subjects:
            for name in selector.subjects:
                self._by_subject.setdefault(name, []).append(number)
        elif selector.site:
            self._by_site.setdefault(selector.site, []).append(number)
        else:
            self._others.append(number)

    def of(self, subject: Subject) -> list[Window]:
        """Windows that may name the subject, each once, in order; `cover` decides."""
        found = {*self._by_subject.get(subject.id, ()), *self._by_site.get(subject.site, ()), *self._others}
        return [self._windows[number] for number in sorted(found)]


def used_ms(cover: Intervals, period: Interval) -> int:
    """Maintenance of a subject in a period, for the contract's cap: measured on the union (R11.6). `cover` is a union."""
    return size(clip(cover, *period))
