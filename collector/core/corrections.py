"""Corrections of the ledger by people (R9.4, 3.17): a state said by one person and approved by another.

Pure. The raw spans stay as they are; a correction is laid over a copy, so both can be shown side by side.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from collector.core.acts import (
    Act,
    ActProblem,
    ActRefusedError,
    Body,
    Record,
    Rulebook,
    fold,
    require,
    require_approvable,
    require_in_time,
    require_interval,
    require_printable,
    require_second_person,
    require_takeable,
    require_texts,
)
from collector.core.people import Actor, Right
from collector.core.state import Span, State, View, Why

_YEAR_MS: Final = 366 * 86_400_000


class CorrectionPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the author says was so: `subject` was `to_state` in `[from_ms, to_ms)`; `view` None: in both."""

    subject: str
    from_ms: int
    to_ms: int
    to_state: State
    view: View | None = None


class Correction(msgspec.Struct, frozen=True):
    """A correction that counts since `known_ms`."""

    id: str
    subject: str
    view: View | None
    from_ms: int
    to_ms: int
    to_state: State
    author: str
    approver: str
    reason: str
    change: str
    known_ms: int


class CorrectionStatus(enum.StrEnum):
    """How a correction stands."""

    PENDING = "pending"
    APPROVED = "approved"
    CANCELLED = "cancelled"


CorrectionAct = Act[CorrectionPlan]
CorrectionRecord = Record[CorrectionPlan]


def counted(acts: Iterable[CorrectionAct], known_ms: int) -> list[Correction]:
    """Corrections that count as of `known_ms`: approved by a second person and not cancelled. In the order in which they were
    approved, which is that in which they are laid over each other."""
    found = [correction_of(record) for record in fold(acts, known_ms).values() if status(record) is CorrectionStatus.APPROVED]
    return sorted(found, key=lambda one: (one.known_ms, one.id))


def correction_of(record: CorrectionRecord) -> Correction:
    """What an approved record says."""
    plan, known_ms = record.plan, record.known_ms
    assert known_ms is not None, "only what is approved counts"
    return Correction(
        record.id, plan.subject, plan.view, plan.from_ms, plan.to_ms, plan.to_state, record.author, record.approver,
        record.reason, record.change, known_ms,
    )  # fmt: skip


def status(record: CorrectionRecord) -> CorrectionStatus:
    """How a correction stands, as of the record's K."""
    if record.cancels:
        return CorrectionStatus.CANCELLED
    return CorrectionStatus.PENDING if record.approved_ms is None else CorrectionStatus.APPROVED


def concerning(corrections: Iterable[Correction], subject: str, view: View) -> list[Correction]:
    """Those about a subject in a view, in their order."""
    return [one for one in corrections if one.subject == subject and one.view in (None, view)]


def apply(spans: Sequence[Span], corrections: Iterable[Correction]) -> list[Span]:
    """A copy of `spans` with corrections laid over it. Of two that overlap the later one in the given order wins. Where there
    is no span (out of scope) there is nothing to correct, and where the state is already what the correction says, the
    evidence for it stays."""
    out = list(spans)
    for one in corrections:
        out = [part for span in out for part in _lay(span, one)]
    return _merged(out)


def _lay(span: Span, one: Correction) -> Iterable[Span]:
    a, b = max(span.from_ms, one.from_ms), min(span.to_ms, one.to_ms)
    if a >= b or span.state is one.to_state:
        yield span
        return
    if span.from_ms < a:
        yield Span(span.from_ms, a, span.state, span.why)
    yield Span(a, b, one.to_state, Why.CORRECTED)
    if b < span.to_ms:
        yield Span(b, span.to_ms, span.state, span.why)


def _merged(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for span in spans:
        last = out[-1] if out else None
        if last is not None and (last.to_ms, last.state, last.why) == (span.from_ms, span.state, Why.CORRECTED) == (
            span.from_ms, span.state, span.why,
        ):  # fmt: skip
            out[-1] = Span(last.from_ms, span.to_ms, span.state, span.why)
        else:
            out.append(span)
    return out


def check_create(
    body: Body[CorrectionPlan], known: Iterable[CorrectionRecord], actor: Actor, t_ms: int, rules: Rulebook
) -> Body[CorrectionPlan]:
    """A correction that may be created at `t_ms`; `known` are all corrections as of then. Raises `ActRefusedError`."""
    require(actor, Right.CREATE)
    plan = body.plan
    assert plan is not None, "a create act has a plan"
    require_printable(reason=body.reason, change=body.change)
    if plan.subject not in rules.names.subjects:
        raise ActRefusedError(ActProblem.UNKNOWN_NAME, plan.subject, "expected a subject of the inventory")
    require_interval(plan.from_ms, plan.to_ms, _YEAR_MS)
    if plan.to_ms > t_ms:
        raise ActRefusedError(ActProblem.IN_FUTURE, "to", "expected a time that is over")
    require_texts(body.reason, body.change)
    require_in_time(plan.from_ms, t_ms, rules)
    for record in known:
        if record.plan == plan and not record.cancels:
            raise ActRefusedError(ActProblem.DUPLICATE, record.id, "says the same")
    return Body(plan=plan, reason=body.reason, change=body.change)


def check_approve(
    record: CorrectionRecord, body: Body[CorrectionPlan], actor: Actor, t_ms: int, rules: Rulebook
) -> Body[CorrectionPlan]:
    """Raises `ActRefusedError`."""
    require_approvable(record, actor)
    require_printable(reason=body.reason)
    require_in_time(record.plan.from_ms, t_ms, rules)
    return Body(reason=body.reason)


def check_cancel(
    record: CorrectionRecord, body: Body[CorrectionPlan], actor: Actor, t_ms: int, rules: Rulebook
) -> Body[CorrectionPlan]:
    """Raises `ActRefusedError`; what is approved may be cancelled as long as it might have been created (R11.3)."""
    require_takeable(record, actor)
    require_printable(reason=body.reason)
    if record.approved_ms is not None:
        require_in_time(record.plan.from_ms, t_ms, rules)
    require_second_person(record, actor, record.plan.from_ms, t_ms, rules.zone)
    return Body(reason=body.reason)
