"""What may be done to a maintenance window, and each reason of the closed list for which it may not (R11.1, R11.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from collector.core.acts import Act, ActKind, ActProblem, ActRefusedError, Body, Names, Rulebook, deadline_ms, fold, instant_ms
from collector.core.people import Actor, Role
from collector.core.repeats import Repeat, Weekday
from collector.core.window_acts import check_approve, check_cancel, check_create, check_end, normal
from collector.core.windows import Once, Selector, WindowPlan, WindowRecord

ZONE = "Asia/Ho_Chi_Minh"
RULES = Rulebook(Names(frozenset({"T", "U"}), frozenset({"hn"}), frozenset({"server"}), frozenset({("rack", "7")})))
U1 = Actor("u1", Role.OPERATOR, "192.0.2.1")
U2 = Actor("u2", Role.APPROVER, "192.0.2.2")
U3 = Actor("u3", Role.ADMIN, "192.0.2.3")
HOUR = 3_600_000


def at(text: str) -> int:
    """Local time in Ho Chi Minh City."""
    return instant_ms(datetime.fromisoformat(f"{text}+07:00"))


NOW = at("2026-11-24T08:00")
PLAN = WindowPlan(Once(at("2026-11-24T22:00"), at("2026-11-24T23:00")), (Selector(subjects=("T",)),))
SERIES = WindowPlan(
    Repeat("22:00", HOUR, ZONE, date(2026, 11, 25), date(2026, 12, 31), (Weekday.TUE, Weekday.WED)), (Selector(site="hn"),)
)


def plan(from_: str, to: str, *scope: Selector) -> WindowPlan:
    return WindowPlan(Once(at(from_), at(to)), scope or (Selector(subjects=("T",)),))


def repeat(**changes: Any) -> WindowPlan:
    return msgspec.structs.replace(SERIES, when=msgspec.structs.replace(SERIES.when, **changes))


def record(plan: WindowPlan = PLAN, *acts: tuple[str, int, str, Body[WindowPlan]], created: int = NOW - 9) -> WindowRecord:
    """A window of u1, with what was done to it."""
    done = [Act(1, "M1", ActKind.CREATE, created, "u1", Body(plan=plan))]
    done += [Act(n + 2, "M1", ActKind(kind), t, by, body) for n, (kind, t, by, body) in enumerate(acts)]
    return fold(done, 1 << 60)["M1"]


def approved(plan: WindowPlan = PLAN, at_ms: int = NOW - 5) -> WindowRecord:
    return record(plan, ("approve", at_ms, "u2", Body()))


def refused(act: Callable[[], object]) -> ActProblem:
    with pytest.raises(ActRefusedError) as caught:
        act()
    return caught.value.problem


def create(plan: WindowPlan, actor: Actor = U1, now: int = NOW, **texts: str) -> Body[WindowPlan]:
    return check_create(Body(plan=plan, **texts), [], actor, now, RULES)


def test_a_window_ahead_needs_no_reason() -> None:
    assert create(PLAN) == Body(plan=PLAN)
    assert create(SERIES).plan == SERIES


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (plan("2026-11-25T10:00", "2026-11-25T09:00"), ActProblem.INVERTED),
        (plan("2026-11-25T10:00", "2026-11-25T10:00"), ActProblem.EMPTY),
        (plan("2026-11-25T10:00", "2027-11-27T10:00"), ActProblem.TOO_LONG),
        (plan("2026-11-25T10:00", "2126-11-25T10:00"), ActProblem.OUT_OF_RANGE),
        (plan("2026-11-25T10:00", "2026-11-25T11:00", Selector(subjects=("X",))), ActProblem.UNKNOWN_NAME),
        (plan("2026-11-25T10:00", "2026-11-25T11:00", Selector(site="X")), ActProblem.UNKNOWN_NAME),
        (plan("2026-11-25T10:00", "2026-11-25T11:00", Selector(class_="X")), ActProblem.UNKNOWN_NAME),
        (plan("2026-11-25T10:00", "2026-11-25T11:00", Selector(labels={"rack": "8"})), ActProblem.UNKNOWN_NAME),
        (plan("2026-11-25T10:00", "2026-11-25T11:00", Selector(subjects=("T",)), Selector()), ActProblem.EMPTY_SCOPE),
        (plan("2026-11-25T10:00", "2026-11-25T11:00", *[Selector(site="hn")] * 101), ActProblem.TOO_LONG),
        (msgspec.structs.replace(PLAN, scope=()), ActProblem.EMPTY_SCOPE),
        (repeat(duration_ms=25 * HOUR), ActProblem.OVERLAPS_ITSELF),
        (repeat(duration_ms=32 * 24 * HOUR), ActProblem.TOO_LONG),
        (repeat(start="24:00"), ActProblem.BAD_REPEAT),
        (repeat(zone="Asia/Nowhere"), ActProblem.BAD_REPEAT),
        (repeat(zone="../../etc/passwd"), ActProblem.BAD_REPEAT),
        (repeat(duration_ms=0), ActProblem.BAD_REPEAT),
        (repeat(last=date(2026, 11, 1)), ActProblem.BAD_REPEAT),
        (repeat(last=date(2036, 11, 1)), ActProblem.BAD_REPEAT),
        (repeat(first=date(2099, 1, 1), last=date(2099, 3, 1)), ActProblem.BAD_REPEAT),
        (repeat(weekdays=()), ActProblem.BAD_REPEAT),
        (repeat(month_day=3), ActProblem.BAD_REPEAT),
        (repeat(weekdays=(), month_day=32), ActProblem.BAD_REPEAT),
        (repeat(nth=6), ActProblem.BAD_REPEAT),
        (repeat(weekdays=(), month_day=3, nth=1), ActProblem.BAD_REPEAT),
        (repeat(weekdays=(Weekday.MON,), last=date(2026, 11, 26)), ActProblem.BAD_REPEAT),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: WindowPlan, problem: ActProblem) -> None:
    assert refused(lambda: create(wrong)) is problem


@pytest.mark.parametrize("text", ["x" * 501, "two\nlines", "bell\x07"])
def test_texts_are_one_printable_line(text: str) -> None:
    assert refused(lambda: create(PLAN, reason=text)) is ActProblem.BAD_TEXT
    assert refused(lambda: create(PLAN, change=text)) is ActProblem.BAD_TEXT


def test_viewers_plan_nothing() -> None:
    assert refused(lambda: create(PLAN, Actor("u0", Role.VIEWER, ""))) is ActProblem.FORBIDDEN


def test_windows_of_one_scope_do_not_overlap() -> None:
    """Of different scopes they may: what counts is their union (R11.1)."""

    def again(plan: WindowPlan, *known: WindowRecord) -> object:
        return check_create(Body(plan=plan), known, U1, NOW, RULES)

    assert refused(lambda: again(PLAN, record())) is ActProblem.DUPLICATE
    assert refused(lambda: again(PLAN, approved())) is ActProblem.DUPLICATE
    beside = plan("2026-11-24T22:30", "2026-11-24T23:30")
    for known in (record(), approved()):
        assert refused(lambda: again(beside, known)) is ActProblem.OVERLAPS  # noqa: B023
    assert again(msgspec.structs.replace(beside, scope=(Selector(class_="server"),)), approved())
    assert again(plan("2026-11-24T23:00", "2026-11-24T23:30"), approved()), "they touch"
    early = approved()
    shortened = msgspec.structs.replace(
        early, ends=record(PLAN, ("end", at("2026-11-24T22:10"), "u1", Body(end_ms=at("2026-11-24T22:10")))).ends
    )
    assert again(beside, shortened), "it was over before"
    assert (
        refused(lambda: again(SERIES, record(plan("2026-11-25T22:30", "2026-11-25T23:30", *SERIES.scope))))
        is ActProblem.OVERLAPS
    )
    assert again(PLAN, record(PLAN, ("cancel", NOW - 1, "u1", Body())))
    doubled = msgspec.structs.replace(PLAN, scope=(Selector(subjects=("T", "T")), *PLAN.scope))
    assert normal(doubled) == PLAN
    assert refused(lambda: again(doubled, record())) is ActProblem.DUPLICATE


def test_r11_3_retroactive_needs_reason_and_change() -> None:
    past = plan("2026-11-23T22:00", "2026-11-23T23:00")
    assert refused(lambda: create(past)) is ActProblem.NEEDS_REASON
    assert refused(lambda: create(past, reason="forgotten")) is ActProblem.NEEDS_REASON
    assert refused(lambda: create(past, reason="  ", change="CR-1")) is ActProblem.NEEDS_REASON
    assert create(past, reason="forgotten", change="CR-1").change == "CR-1"


@pytest.mark.parametrize(
    ("touched", "expected"),
    [
        ("2026-09-15T00:00", "2026-10-08T00:00"),  # Thu 1, Fri 2, Mon 5, Tue 6, Wed 7
        ("2026-09-30T23:59", "2026-10-08T00:00"),
        ("2026-10-01T00:00", "2026-11-07T00:00"),  # Mon 2 to Fri 6 November
        ("2026-12-31T23:00", "2027-01-09T00:00"),  # holiday on Fri 1; Mon 4 to Fri 8 January
    ],
)
def test_r11_3_limit_is_five_working_days_after_the_month(touched: str, expected: str) -> None:
    rules = msgspec.structs.replace(RULES, holidays=frozenset({"2027-01-01"}))
    assert deadline_ms(at(touched), rules) == at(expected)


def test_r11_3_after_the_limit_nothing_is_recorded() -> None:
    """To the millisecond; the beginning of the window decides, for it lies in the earliest month."""
    past = plan("2026-09-30T23:00", "2026-10-01T01:00")
    texts = {"reason": "forgotten", "change": "CR-1"}
    end = at("2026-10-08T00:00")
    assert create(past, now=end - 1, **texts)
    assert refused(lambda: create(past, now=end, **texts)) is ActProblem.TOO_LATE
    known = fold([Act(1, "M1", ActKind.CREATE, end - 9, "u1", Body(plan=past, **texts))], end)["M1"]
    assert check_approve(known, Body(), U2, end - 1, RULES) == Body()
    assert refused(lambda: check_approve(known, Body(), U2, end, RULES)) is ActProblem.TOO_LATE


def test_r11_1_approval_is_by_someone_else_once() -> None:
    assert check_approve(record(), Body(), U2, NOW, RULES) == Body()
    own = Actor("U1", Role.ADMIN, "")
    assert refused(lambda: check_approve(record(), Body(), own, NOW, RULES)) is ActProblem.SELF_APPROVAL
    operator = Actor("u4", Role.OPERATOR, "")
    assert refused(lambda: check_approve(record(), Body(), operator, NOW, RULES)) is ActProblem.FORBIDDEN
    assert refused(lambda: check_approve(approved(), Body(), U3, NOW, RULES)) is ActProblem.ALREADY_APPROVED
    cancelled = record(PLAN, ("cancel", NOW - 1, "u1", Body()))
    assert refused(lambda: check_approve(cancelled, Body(), U2, NOW, RULES)) is ActProblem.CANCELLED


def test_r11_3_late_approval_brings_the_missing_reason() -> None:
    """Asked for in time without a change number, approved after it began: the approver adds it."""
    later = at("2026-11-24T22:30")
    assert refused(lambda: check_approve(record(), Body(), U2, later, RULES)) is ActProblem.NEEDS_REASON
    body = check_approve(record(), Body(reason="late", change="CR-2"), U2, later, RULES)
    known = record(PLAN, ("approve", later, "u2", body))
    assert (known.reason, known.change) == ("late", "CR-2")


def test_only_the_author_or_an_admin_takes_back() -> None:
    for check in (check_cancel, check_end):
        body: Body[WindowPlan] = Body()
        assert refused(lambda check=check: check(record(), Body(), U2, NOW, RULES)) is ActProblem.NOT_OWN  # type: ignore[misc]
    assert check_cancel(record(), body, Actor("U1", Role.OPERATOR, ""), NOW, RULES) == Body()
    assert check_cancel(record(), body, U3, NOW, RULES) == Body()


def test_end_is_between_start_and_now() -> None:
    during = at("2026-11-24T22:30")

    def end(body: Body[WindowPlan], now: int = during, known: WindowRecord | None = None) -> Body[WindowPlan]:
        return check_end(known or approved(), body, U1, now, RULES)

    assert end(Body()) == Body(end_ms=during)
    assert end(Body(end_ms=at("2026-11-24T22:10"))).end_ms == at("2026-11-24T22:10")
    assert refused(lambda: end(Body(end_ms=during + 1))) is ActProblem.IN_FUTURE
    assert refused(lambda: end(Body(), now=NOW)) is ActProblem.BEFORE_START
    assert refused(lambda: end(Body(), now=at("2026-11-24T23:00"))) is ActProblem.OVER
    ended = record(PLAN, ("approve", NOW, "u2", Body()), ("end", during, "u1", Body(end_ms=during)))
    assert refused(lambda: end(Body(), during + 1, ended)) is ActProblem.OVER
    cancelled = record(PLAN, ("cancel", NOW - 1, "u1", Body()))
    assert refused(lambda: end(Body(), during, cancelled)) is ActProblem.CANCELLED


def test_what_counted_is_not_taken_back_after_the_limit() -> None:
    """One person alone does not change a month that is closed (R17.2); what never counted may go."""
    past = plan("2026-09-10T22:00", "2026-09-10T23:00")
    late = at("2026-10-08T00:00")
    known = approved(past, at("2026-09-09T00:00"))
    assert check_cancel(known, Body(), U1, at("2026-09-30T23:59"), RULES) == Body()
    for author in (U1, Actor("U1", Role.ADMIN, "")):
        over = at("2026-10-01T00:00")
        assert refused(lambda: check_cancel(known, Body(), author, over, RULES)) is ActProblem.SECOND_PERSON  # noqa: B023
        ended: Body[WindowPlan] = Body(end_ms=at("2026-09-10T22:30"))
        assert refused(lambda: check_end(known, ended, author, over, RULES)) is ActProblem.SECOND_PERSON  # noqa: B023
    assert check_cancel(known, Body(), U3, late - 1, RULES) == Body()
    assert refused(lambda: check_cancel(known, Body(), U3, late, RULES)) is ActProblem.TOO_LATE
    half = at("2026-09-10T22:30")
    assert refused(lambda: check_end(known, Body(end_ms=half), U3, late, RULES)) is ActProblem.TOO_LATE
    assert check_cancel(record(past, created=at("2026-09-09T00:00")), Body(), U1, late, RULES) == Body()


def test_series_takes_back_one_occurrence() -> None:
    first, second = at("2026-11-25T22:00"), at("2026-12-01T22:00")
    known = approved(SERIES)
    body: Body[WindowPlan] = Body(occurrence_ms=second)
    assert check_cancel(known, body, U1, NOW, RULES) == body
    assert refused(lambda: check_cancel(known, Body(occurrence_ms=second + 1), U1, NOW, RULES)) is ActProblem.NO_OCCURRENCE
    gone = record(SERIES, ("approve", NOW - 5, "u2", Body()), ("cancel", NOW, "u1", body))
    assert refused(lambda: check_cancel(gone, body, U1, NOW, RULES)) is ActProblem.NO_OCCURRENCE
    assert check_cancel(gone, Body(), U1, NOW, RULES) == Body()
    assert check_end(known, Body(occurrence_ms=first), U1, first + 60, RULES) == Body(end_ms=first + 60, occurrence_ms=first)
    assert refused(lambda: check_end(known, body, U1, first + 60, RULES)) is ActProblem.BEFORE_START
    after = at("2027-01-05T00:00")
    assert refused(lambda: check_cancel(known, Body(), U1, after, RULES)) is ActProblem.OVER


def test_a_single_window_named_by_its_start_is_meant_whole() -> None:
    start = at("2026-11-24T22:00")
    assert check_cancel(record(), Body(occurrence_ms=start), U1, NOW, RULES) == Body()
    assert refused(lambda: check_cancel(record(), Body(occurrence_ms=start + 1), U1, NOW, RULES)) is ActProblem.NO_OCCURRENCE


def test_months_follow_the_zone() -> None:
    """R2.5: what is still September in the zone of the ledger is not October because it is so elsewhere."""
    moment = instant_ms(datetime(2026, 9, 30, 16, 59, tzinfo=UTC))
    assert deadline_ms(moment, RULES) == at("2026-10-08T00:00")
    assert deadline_ms(moment + 60_000, RULES) == at("2026-11-07T00:00")
    utc = msgspec.structs.replace(RULES, zone="UTC")
    assert deadline_ms(moment + 60_000, utc) == instant_ms(datetime(2026, 10, 8, tzinfo=UTC))
