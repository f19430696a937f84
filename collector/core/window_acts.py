"""May this be done to a maintenance window? Each check raises `ActRefusedError` with a reason of the closed list.

Pure. Four eyes (R11.1) and the limit for what changes the past (R11.3) are kept here; the store asks again in its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from collector.core.acts import (
    ActProblem,
    ActRefusedError,
    Body,
    Names,
    Rulebook,
    require,
    require_approvable,
    require_in_time,
    require_interval,
    require_printable,
    require_second_person,
    require_takeable,
    require_texts,
)
from collector.core.intervals import Interval, cut, union
from collector.core.people import Actor, Right
from collector.core.repeats import Repeat, check_repeat
from collector.core.windows import Once, Scope, Selector, WindowPlan, WindowRecord, occurrences

_YEAR_MS: Final = 366 * 86_400_000
_EVER: Final = (-(1 << 60), 1 << 60)
MAX_SELECTORS: Final = 100
MAX_SUBJECTS: Final = 10_000


def normal(plan: WindowPlan) -> WindowPlan:
    """The plan in the one form that equal plans share: names and selectors sorted, each once."""
    scope = {
        msgspec.json.encode(one, order="deterministic"): one
        for one in (
            msgspec.structs.replace(
                selector, subjects=tuple(sorted(set(selector.subjects))), labels=dict(sorted(selector.labels.items()))
            )
            for selector in plan.scope
        )
    }
    when = plan.when
    if isinstance(when, Repeat):
        when = msgspec.structs.replace(when, weekdays=tuple(sorted(set(when.weekdays))))
    return msgspec.structs.replace(plan, when=when, scope=tuple(scope[key] for key in sorted(scope)))


def check_create(
    body: Body[WindowPlan], known: Iterable[WindowRecord], actor: Actor, t_ms: int, rules: Rulebook
) -> Body[WindowPlan]:
    """The normal form of a window that may be created at `t_ms`; `known` are all windows as of then. Raises
    `ActRefusedError`."""
    require(actor, Right.CREATE)
    assert body.plan is not None, "a create act has a plan"
    require_printable(reason=body.reason, change=body.change)
    _check_scope(body.plan.scope, rules.names)
    times = _check_when(body.plan.when)
    plan, starts = normal(body.plan), times[0][0]
    if starts < t_ms:
        require_in_time(starts, t_ms, rules)
        require_texts(body.reason, body.change)
    for record in known:
        if record.plan.scope == plan.scope:
            _check_beside(record, plan, times)
    return Body(plan=plan, reason=body.reason, change=body.change)


def _check_beside(record: WindowRecord, plan: WindowPlan, times: Sequence[Interval]) -> None:
    """Two windows of one scope have no time in common. Those of different scopes may: what counts is their union (R11.1)."""
    if not cut(union(times), union(occurrences(record, (times[0][0], times[-1][1])))):
        return
    if record.plan.when == plan.when and not record.ends:
        raise ActRefusedError(ActProblem.DUPLICATE, record.id, "has the same times and scope")
    raise ActRefusedError(ActProblem.OVERLAPS, record.id, "has the same scope and some of the same time")


def _check_when(when: Once | Repeat) -> list[Interval]:
    """The occurrences, first to last."""
    if isinstance(when, Once):
        require_interval(when.from_ms, when.to_ms, _YEAR_MS)
        return [(when.from_ms, when.to_ms)]
    return check_repeat(when)


def _check_scope(scope: Scope, names: Names) -> None:
    if not scope or any(selector == Selector() for selector in scope):
        raise ActRefusedError(ActProblem.EMPTY_SCOPE, "scope", "expected subjects, a site, a class or labels in each selector")
    if len(scope) > MAX_SELECTORS or sum(len(selector.subjects) for selector in scope) > MAX_SUBJECTS:
        expected = f"at most {MAX_SELECTORS} selectors and {MAX_SUBJECTS} subjects"
        raise ActRefusedError(ActProblem.TOO_LONG, "scope", f"expected {expected}")
    for selector in scope:
        for kind, value, is_known in _named(selector, names):
            if not is_known:
                raise ActRefusedError(ActProblem.UNKNOWN_NAME, value, f"expected a {kind} of the inventory")


def _named(selector: Selector, names: Names) -> Iterable[tuple[str, str, bool]]:
    yield from (("subject", name, name in names.subjects) for name in selector.subjects)
    yield from (("site", name, name in names.sites) for name in (selector.site,) if name)
    yield from (("class", name, name in names.classes) for name in (selector.class_,) if name)
    yield from (("label", "=".join(pair), pair in names.labels) for pair in selector.labels.items())


def check_approve(record: WindowRecord, body: Body[WindowPlan], actor: Actor, t_ms: int, rules: Rulebook) -> Body[WindowPlan]:
    """Raises `ActRefusedError`, also for a late approval of what needs reason, change number and haste (R11.3)."""
    require_approvable(record, actor)
    require_printable(reason=body.reason, change=body.change)
    left = occurrences(record, _EVER)
    if not left:
        raise ActRefusedError(ActProblem.OVER, record.id, "nothing of it is left to approve")
    if left[0][0] < t_ms:
        require_in_time(left[0][0], t_ms, rules)
        require_texts(record.reason or body.reason, record.change or body.change)
    return Body(reason=body.reason, change=body.change)


def check_end(record: WindowRecord, body: Body[WindowPlan], actor: Actor, t_ms: int, rules: Rulebook) -> Body[WindowPlan]:
    """`body.end_ms` None: now. Raises `ActRefusedError`."""
    require_takeable(record, actor)
    require_printable(reason=body.reason)
    end_ms = t_ms if body.end_ms is None else body.end_ms
    if end_ms > t_ms:
        raise ActRefusedError(ActProblem.IN_FUTURE, "", "expected an end that is not in the future")
    one = _meant(record, body)
    left = occurrences(record, _EVER) if one is None else [_occurrence(record, one)]
    if not left or end_ms >= left[-1][1]:
        raise ActRefusedError(ActProblem.OVER, record.id, "it was over before")
    if end_ms < left[0][0]:
        raise ActRefusedError(ActProblem.BEFORE_START, record.id, "expected an end not before its start; cancel it instead")
    if record.approved_ms is not None:
        require_in_time(end_ms, t_ms, rules)
    require_second_person(record, actor, end_ms, t_ms, rules.zone)
    return Body(end_ms=end_ms, occurrence_ms=one, reason=body.reason)


def check_cancel(record: WindowRecord, body: Body[WindowPlan], actor: Actor, t_ms: int, rules: Rulebook) -> Body[WindowPlan]:
    """Raises `ActRefusedError`. Of a series without `occurrence_ms`, what has begun goes on counting."""
    require_takeable(record, actor)
    require_printable(reason=body.reason)
    when, one = record.plan.when, _meant(record, body)
    touched = t_ms
    if one is not None:
        touched = _occurrence(record, one)[0]
    elif isinstance(when, Once):
        touched = when.from_ms
    elif not any(start >= t_ms for start, _ in occurrences(record, _EVER)) and record.approved_ms is not None:
        raise ActRefusedError(ActProblem.OVER, record.id, "no occurrence of it is still to come")
    if record.approved_ms is not None:
        require_in_time(touched, t_ms, rules)
    require_second_person(record, actor, touched, t_ms, rules.zone)
    return Body(occurrence_ms=one, reason=body.reason)


def _meant(record: WindowRecord, body: Body[WindowPlan]) -> int | None:
    """The one occurrence of a series that is meant; a single window is meant as a whole, however it is said."""
    if body.occurrence_ms is None or isinstance(record.plan.when, Repeat):
        return body.occurrence_ms
    _occurrence(record, body.occurrence_ms)
    return None


def _occurrence(record: WindowRecord, start_ms: int) -> Interval:
    for start, end in occurrences(record, (start_ms, start_ms + 1)):
        if start == start_ms:
            return start, end
    raise ActRefusedError(ActProblem.NO_OCCURRENCE, record.id, "expected the start of an occurrence that stands")
