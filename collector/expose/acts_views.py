"""What the API takes and tells of maintenance windows, corrections and the audit trail. Values only.

Times are RFC 3339: an offset is needed on the way in, UTC on the way out.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from collector.core.acts import Act, Body, instant_ms
from collector.core.audit import AuditRow
from collector.core.corrections import CorrectionPlan, CorrectionRecord
from collector.core.corrections import status as correction_status
from collector.core.repeats import Repeat, Weekday
from collector.core.state import State, View
from collector.core.windows import Once, Selector, WindowPlan, WindowRecord, occurrences, status
from collector.expose.api import time_text
from collector.expose.requests import RequestError

Moment = Annotated[datetime, Meta(tz=True)]
_EVER = (-(1 << 60), 1 << 60)
_SHOWN = 10
"""Occurrences of a series that are shown."""


class _In(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Strict."""


class SelectorIn(_In, frozen=True, rename={"class_": "class"}):
    """All of it must be so; see `core.windows.Selector`."""

    subjects: tuple[str, ...] = ()
    site: str = ""
    class_: str = ""
    labels: dict[str, str] = {}


class RepeatIn(_In, frozen=True):
    """See `core.repeats.Repeat`; an empty zone is the configured one."""

    start: str
    duration_s: Annotated[int, Meta(gt=0, le=10**9)]
    first: date
    last: date
    weekdays: tuple[Weekday, ...] = ()
    nth: int = 0
    month_day: int = 0
    zone: str = ""


class WindowIn(_In, frozen=True, rename={"from_": "from"}):
    """A window that is asked for: `from` and `to`, or `repeat`."""

    scope: tuple[SelectorIn, ...]
    from_: Moment | None = None
    to: Moment | None = None
    repeat: RepeatIn | None = None
    propagate: bool = False
    reason: str = ""
    change: str = ""

    def body(self, zone: str) -> Body[WindowPlan]:
        """As the core has it. Raises `RequestError` (422)."""
        scope = tuple(Selector(one.subjects, one.site, one.class_, one.labels) for one in self.scope)
        return Body(plan=WindowPlan(self._when(zone), scope, self.propagate), reason=self.reason, change=self.change)

    def _when(self, zone: str) -> Once | Repeat:
        if self.repeat is None:
            if self.from_ is None or self.to is None:
                raise RequestError(422, "bad_body", "expected `from` and `to`, or `repeat`")
            return Once(instant_ms(self.from_), instant_ms(self.to))
        if self.from_ is not None or self.to is not None:
            raise RequestError(422, "bad_body", "expected `from` and `to`, or `repeat`, not both")
        one = self.repeat
        return Repeat(
            one.start, one.duration_s * 1000, one.zone or zone, one.first, one.last, one.weekdays, one.nth, one.month_day
        )


class ApproveIn(_In, frozen=True):
    """An approval; reason and change number are needed for what changes the past, if its author gave none (R11.3)."""

    reason: str = ""
    change: str = ""


class EndIn(_In, frozen=True):
    """The work was over `at` (not given: now); of one `occurrence` of a series, or of the window and all that follows."""

    at: Moment | None = None
    occurrence: Moment | None = None
    reason: str = ""

    def body(self) -> Body[WindowPlan]:
        """As the core has it."""
        return Body(end_ms=_ms(self.at), occurrence_ms=_ms(self.occurrence), reason=self.reason)


class CancelIn(_In, frozen=True):
    """A cancellation, of one `occurrence` of a series or of the window (of a series: from now on)."""

    occurrence: Moment | None = None
    reason: str = ""


class CorrectionIn(_In, frozen=True, rename={"from_": "from"}):
    """A correction that is asked for."""

    subject: str
    from_: Moment
    to: Moment
    state: State
    reason: str
    change: str
    view: Literal["device", "e2e", "both"] = "both"

    def body(self) -> Body[CorrectionPlan]:
        """As the core has it."""
        view = None if self.view == "both" else View(self.view)
        plan = CorrectionPlan(self.subject, instant_ms(self.from_), instant_ms(self.to), self.state, view)
        return Body(plan=plan, reason=self.reason, change=self.change)


class RepeatView(msgspec.Struct, frozen=True):
    """How a series repeats."""

    start: str
    duration_s: int
    first: date
    last: date
    weekdays: tuple[Weekday, ...]
    nth: int
    month_day: int
    zone: str


class Stretch(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A time."""

    from_: str
    to: str


class Taken(msgspec.Struct, frozen=True):
    """An end or a cancellation: by whom, known since when, the real end, and of which occurrence if only of one."""

    by: str
    known: str
    reason: str
    end: str | None
    occurrence: str | None


class OriginView(msgspec.Struct, frozen=True):
    """The entry of the inventory that asked for a window, and the file in which it stood."""

    entry: str
    file: str


class WindowView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A maintenance window. `from` and `to` of a series are those of the first occurrence and the last one."""

    id: str
    status: str
    from_: str
    to: str
    repeat: RepeatView | None
    next: tuple[Stretch, ...]
    """What is still to come of it, real ends and cancellations applied; at most ten."""
    scope: tuple[Selector, ...]
    propagate: bool
    reason: str
    change: str
    author: str
    created: str
    approver: str
    approved: str | None
    retroactive: bool
    ends: tuple[Taken, ...]
    cancels: tuple[Taken, ...]
    origin: OriginView | None
    """Null: a person asked for it."""


class WindowList(msgspec.Struct, frozen=True):
    """Newest first; `next` is the `before` of the following page, "" at the end."""

    maintenance: list[WindowView]
    next: str


class CorrectionView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A correction."""

    id: str
    status: str
    subject: str
    view: str
    from_: str
    to: str
    state: State
    reason: str
    change: str
    author: str
    created: str
    approver: str
    approved: str | None
    cancels: tuple[Taken, ...]


class CorrectionList(msgspec.Struct, frozen=True):
    """As `WindowList`."""

    corrections: list[CorrectionView]
    next: str


class AuditView(msgspec.Struct, frozen=True):
    """A row of the audit trail."""

    seq: int
    at: str
    actor: str
    role: str
    source: str
    act: str
    object: str
    details: msgspec.Raw
    hash: str


class AuditList(msgspec.Struct, frozen=True):
    """Newest first; `next` is the `before` of the following page, null at the end."""

    audit: list[AuditView]
    next: int | None


def window_view(record: WindowRecord, now_ms: int) -> WindowView:
    """A window as of a moment."""
    when = record.plan.when
    whole = msgspec.structs.replace(record, ends=(), cancels=())
    times = occurrences(whole, _EVER)
    known_ms = record.created_ms if record.known_ms is None else record.known_ms
    return WindowView(
        record.id, status(record, now_ms).value, time_text(times[0][0]), time_text(times[-1][1]),
        _repeat_view(when) if isinstance(when, Repeat) else None,
        tuple(Stretch(time_text(a), time_text(b)) for a, b in occurrences(record, (now_ms, _EVER[1]))[:_SHOWN]),
        record.plan.scope, record.plan.propagate, record.reason, record.change, record.author, time_text(record.created_ms),
        record.approver, _text(record.approved_ms), known_ms > times[0][0], _taken(record.ends), _taken(record.cancels),
        OriginView(record.plan.origin.entry, record.plan.origin.file) if record.plan.origin is not None else None,
    )  # fmt: skip


def _repeat_view(when: Repeat) -> RepeatView:
    return RepeatView(
        when.start, when.duration_ms // 1000, when.first, when.last, when.weekdays, when.nth, when.month_day, when.zone
    )


def correction_view(record: CorrectionRecord) -> CorrectionView:
    """A correction as of the record's K."""
    plan = record.plan
    return CorrectionView(
        record.id, correction_status(record).value, plan.subject, plan.view.value if plan.view else "both",
        time_text(plan.from_ms), time_text(plan.to_ms), plan.to_state, record.reason, record.change, record.author,
        time_text(record.created_ms), record.approver, _text(record.approved_ms), _taken(record.cancels),
    )  # fmt: skip


def audit_view(row: AuditRow) -> AuditView:
    """A row of the audit trail."""
    entry = row.entry
    details = msgspec.Raw(entry.details.encode())
    return AuditView(
        row.seq, time_text(entry.t_ms), entry.actor, entry.role, entry.source, entry.act, entry.object, details, row.hash.hex()
    )


def _taken(acts: tuple[Act[WindowPlan], ...] | tuple[Act[CorrectionPlan], ...]) -> tuple[Taken, ...]:
    return tuple(
        Taken(act.actor, time_text(act.t_ms), act.body.reason, _text(act.body.end_ms), _text(act.body.occurrence_ms))
        for act in acts
    )


def _text(ms: int | None) -> str | None:
    return None if ms is None else time_text(ms)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else instant_ms(moment)
