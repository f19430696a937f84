"""Corrections by people (R9.4, 3.17): a second person approves, the raw spans stay, and what is laid over them is exact."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.acts import Act, ActKind, ActProblem, ActRefusedError, Body, Names, Rulebook, fold, instant_ms
from collector.core.corrections import (
    Correction,
    CorrectionAct,
    CorrectionPlan,
    CorrectionRecord,
    apply,
    check_approve,
    check_cancel,
    check_create,
    concerning,
    counted,
)
from collector.core.people import Actor, Role
from collector.core.state import Span, State, View, Why

NOW = instant_ms(datetime.fromisoformat("2026-11-24T08:00+07:00"))
HOUR = 3_600_000
RULES = Rulebook(Names(subjects=frozenset({"T"})))
U1 = Actor("u1", Role.OPERATOR, "192.0.2.1")
U2 = Actor("u2", Role.APPROVER, "192.0.2.2")
PLAN = CorrectionPlan("T", NOW - 3 * HOUR, NOW - 2 * HOUR, State.UP, View.DEVICE)


def body(**changes: Any) -> Body[CorrectionPlan]:
    texts = {name: changes.pop(name) for name in ("reason", "change") if name in changes}
    return Body(**({"plan": msgspec.structs.replace(PLAN, **changes), "reason": "probe fault", "change": "CR-7"} | texts))


def acts(*later: tuple[str, int, str]) -> list[CorrectionAct]:
    made: list[CorrectionAct] = [Act(1, "C1", ActKind.CREATE, NOW, "u1", body())]
    return made + [Act(n + 2, "C1", ActKind(kind), t, by, Body()) for n, (kind, t, by) in enumerate(later)]


def record(*later: tuple[str, int, str]) -> CorrectionRecord:
    return fold(acts(*later), 1 << 60)["C1"]


def refused(act: Callable[[], object]) -> ActProblem:
    with pytest.raises(ActRefusedError) as caught:
        act()
    return caught.value.problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"subject": "X"}, ActProblem.UNKNOWN_NAME),
        ({"to_ms": NOW + 1}, ActProblem.IN_FUTURE),
        ({"to_ms": PLAN.from_ms}, ActProblem.EMPTY),
        ({"to_ms": PLAN.from_ms - 1}, ActProblem.INVERTED),
        ({"from_ms": NOW - 400 * 24 * HOUR}, ActProblem.TOO_LONG),
        ({"from_ms": NOW - 60 * 24 * HOUR}, ActProblem.TOO_LATE),
        ({"reason": ""}, ActProblem.NEEDS_REASON),
        ({"change": ""}, ActProblem.NEEDS_REASON),
        ({"reason": "a\nb"}, ActProblem.BAD_TEXT),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], problem: ActProblem) -> None:
    assert check_create(body(), [], U1, NOW, RULES) == body()
    assert refused(lambda: check_create(body(**changes), [], U1, NOW, RULES)) is problem


def test_r9_4_two_people() -> None:
    assert check_approve(record(), Body(), U2, NOW, RULES) == Body()
    assert refused(lambda: check_approve(record(), Body(), Actor("U1", Role.ADMIN, ""), NOW, RULES)) is ActProblem.SELF_APPROVAL
    assert counted(acts(), NOW + 9) == []
    assert counted(acts(("approve", NOW + 1, "u1")), NOW + 9) == []
    approved = acts(("approve", NOW + 5, "u2"))
    assert counted(approved, NOW + 4) == []
    [one] = counted(approved, NOW + 5)
    assert (one.author, one.approver, one.change, one.known_ms) == ("u1", "u2", "CR-7", NOW + 5)
    assert counted([*approved, *acts(("cancel", NOW + 7, "u1"))], NOW + 6) == [one]
    assert counted([*approved, *acts(("cancel", NOW + 7, "u1"))], NOW + 7) == []


def test_r11_3_limit_holds_for_approval_and_cancellation() -> None:
    late = NOW + 40 * 24 * HOUR
    assert refused(lambda: check_approve(record(), Body(), U2, late, RULES)) is ActProblem.TOO_LATE
    approved = record(("approve", NOW + 5, "u2"))
    assert refused(lambda: check_cancel(approved, Body(), U1, late, RULES)) is ActProblem.TOO_LATE
    assert check_cancel(approved, Body(), U1, NOW + 9, RULES) == Body()
    after = NOW + 40 * 86_400_000
    lenient = msgspec.structs.replace(RULES, retro_days=60)
    assert refused(lambda: check_cancel(approved, Body(), U1, after, lenient)) is ActProblem.SECOND_PERSON
    assert check_cancel(approved, Body(), Actor("u3", Role.ADMIN, ""), after, lenient) == Body()
    assert check_cancel(record(), Body(), U1, late, RULES) == Body(), "what never counted may go at any time"


def test_the_same_is_not_said_twice() -> None:
    assert refused(lambda: check_create(body(), [record()], U1, NOW, RULES)) is ActProblem.DUPLICATE
    assert check_create(body(), [record(("cancel", NOW, "u1"))], U1, NOW, RULES)


def correction(a: int, b: int, state: State, **more: Any) -> Correction:
    return Correction(**({"id": "C1", "subject": "T", "view": None, "from_ms": a, "to_ms": b, "to_state": state} | more
                         | {"author": "u1", "approver": "u2", "reason": "r", "change": "c", "known_ms": 0}))  # fmt: skip


def spans(*parts: tuple[int, int, State, Why]) -> list[Span]:
    return [Span(*part) for part in parts]


def test_a_correction_is_laid_over_a_copy() -> None:
    raw = spans((0, 10, State.UP, Why.OBSERVED), (10, 20, State.DOWN, Why.OBSERVED), (30, 40, State.UNKNOWN, Why.BLIND))
    before = list(raw)
    assert apply(raw, [correction(5, 35, State.UP)]) == spans(
        (0, 10, State.UP, Why.OBSERVED),
        (10, 20, State.UP, Why.CORRECTED),
        (30, 35, State.UP, Why.CORRECTED),
        (35, 40, State.UNKNOWN, Why.BLIND),
    )
    assert raw == before


def test_of_two_the_later_approved_wins() -> None:
    raw = spans((0, 20, State.DOWN, Why.OBSERVED))
    first, second = correction(0, 20, State.UP), correction(5, 10, State.DEGRADED)
    assert [span.state for span in apply(raw, [first, second])] == [State.UP, State.DEGRADED, State.UP]
    assert [span.state for span in apply(raw, [second, first])] == [State.UP]


def test_concerning_is_by_subject_and_view() -> None:
    both, device, other = (
        correction(0, 1, State.UP),
        correction(0, 1, State.UP, view=View.DEVICE),
        correction(0, 1, State.UP, subject="U"),
    )
    assert concerning([both, device, other], "T", View.DEVICE) == [both, device]
    assert concerning([both, device, other], "T", View.E2E) == [both]


@st.composite
def timelines(draw: st.DrawFn) -> list[Span]:
    edges = sorted(draw(st.lists(st.integers(0, 60), min_size=2, max_size=8, unique=True)))
    kept = [pair for pair in itertools.pairwise(edges) if draw(st.booleans())]
    return [Span(a, b, draw(st.sampled_from(list(State))), Why.OBSERVED) for a, b in kept]


@settings(max_examples=300, deadline=None)
@given(
    raw=timelines(),
    laid=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from(list(State))), max_size=4),
)
def test_each_instant_has_the_last_state_said_of_it(raw: list[Span], laid: list[tuple[int, int, State]]) -> None:
    """Against a millisecond-by-millisecond painting; spans stay in order, cover the same time, and raw time keeps its why."""
    out = apply(raw, [correction(a, a + length, state) for a, length, state in laid])
    painted = {t: (span.state, span.why) for span in raw for t in range(span.from_ms, span.to_ms)}
    for a, length, state in laid:
        for t in range(a, a + length):
            if t in painted and painted[t][0] is not state:
                painted[t] = (state, Why.CORRECTED)
    assert {t: (span.state, span.why) for span in out for t in range(span.from_ms, span.to_ms)} == painted
    assert all(one.to_ms <= other.from_ms for one, other in itertools.pairwise(out))
