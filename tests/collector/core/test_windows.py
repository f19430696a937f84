"""Maintenance windows: which count as of K, and what they cover (3.11), against the independent check of the vectors."""

from __future__ import annotations

import importlib.util
import itertools
import random
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core import intervals
from collector.core.acts import Act, ActKind, Body, fold
from collector.core.repeats import Repeat, Weekday
from collector.core.state import Span, State, Why
from collector.core.subject import Group, GroupRule, Rules, Subject, SubjectKind, Timetable, Version
from collector.core.windows import (
    Once,
    Selector,
    Window,
    WindowAct,
    WindowBook,
    WindowPlan,
    WindowStatus,
    counted,
    cover,
    cover_history,
    handed_on,
    in_scope,
    selects,
    status,
    used_ms,
)

EVER = (-(1 << 60), 1 << 60)
LATE = 1 << 60
NUMBERS = itertools.count()
CHECK = Path(__file__).parents[2] / "data" / "availability" / "check.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """The independent interval arithmetic that comes with the golden vectors."""
    spec = importlib.util.spec_from_file_location("availability_check", CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def act(kind: str, t: int, by: str, object_: str = "W1", **body: Any) -> WindowAct:
    return Act(next(NUMBERS), object_, ActKind(kind), t, by, Body(**body))


def once(a: int, b: int, *subjects: str, propagate: bool = False) -> WindowPlan:
    return WindowPlan(Once(a, b), (Selector(subjects=subjects or ("T",)),), propagate)


def window(a: int, b: int, *scope: Selector, propagate: bool = False) -> Window:
    return Window("W", a, b, scope, propagate, "u1", "u2", "", "", False, 0)


def times(windows: list[Window]) -> list[tuple[int, int]]:
    return [(one.from_ms, one.to_ms) for one in windows]


def subject(id_: str = "T", *parents: tuple[str, ...], **more: Any) -> Subject:
    return Subject(id_, rules=Rules(parents=parents), **more)


@pytest.mark.parametrize(
    ("approver", "as_of", "expected"),
    [("u2", 99, []), ("u2", 100, [(10, 20)]), ("u1", 100, []), ("U1", 100, [])],
)
def test_r11_1_counts_from_approval_by_someone_else(approver: str, as_of: int, expected: list[tuple[int, int]]) -> None:
    """Pending and self-approved windows do nothing, however the own name is spelled (V29)."""
    acts = [act("create", 5, "u1", plan=once(10, 20)), act("approve", 100, approver)]
    assert times(counted(acts, as_of, EVER)) == expected


def test_r11_1_ends_at_the_real_end_and_not_when_cancelled() -> None:
    created = [act("create", 5, "u1", plan=once(10, 20)), act("approve", 6, "u2")]
    ended = act("end", 17, "u1", end_ms=14)
    assert times(counted([*created, ended], 16, EVER)) == [(10, 20)]
    assert times(counted([*created, ended], 17, EVER)) == [(10, 14)]
    assert times(counted([*created, act("end", 15, "u1")], 17, EVER)) == [(10, 15)]
    assert counted([*created, act("cancel", 17, "u1")], 17, EVER) == []


def test_r11_1_an_approval_after_the_cancellation_does_not_count() -> None:
    acts = [act("create", 5, "u1", plan=once(10, 20)), act("cancel", 6, "u1"), act("approve", 7, "u2")]
    assert counted(acts, LATE, EVER) == []
    assert fold(acts, LATE)["W1"].approved_ms is None


@pytest.mark.parametrize(("created", "approved", "expected"), [(5, 10, False), (5, 11, True), (11, 12, True)])
def test_r11_3_created_or_approved_after_its_start_is_retroactive(created: int, approved: int, expected: bool) -> None:
    acts = [act("create", created, "u1", plan=once(10, 20)), act("approve", approved, "u2")]
    assert [one.retroactive for one in counted(acts, LATE, EVER)] == [expected]


def test_horizon_keeps_windows_that_touch_it_whole() -> None:
    acts = [act("create", 5, "u1", plan=once(10, 20)), act("approve", 6, "u2")]
    assert times(counted(acts, LATE, (19, 30))) == [(10, 20)]
    assert counted(acts, LATE, (20, 30)) == counted(acts, LATE, (0, 10)) == []


WEEKLY = Repeat("22:00", 3_600_000, "Asia/Ho_Chi_Minh", date(2026, 11, 2), date(2026, 11, 30), (Weekday.MON,))
MONDAYS = [1_793_631_600_000 + 7 * 86_400_000 * n for n in range(5)]
"""22:00 in Ho Chi Minh City on 2, 9, 16, 23 and 30 November 2026."""


def series(*acts: WindowAct) -> list[WindowAct]:
    plan = WindowPlan(WEEKLY, (Selector(subjects=("T",)),))
    return [act("create", 5, "u1", plan=plan), act("approve", 6, "u2"), *acts]


def test_series_is_approved_whole() -> None:
    assert [one.from_ms for one in counted(series(), LATE, EVER)] == MONDAYS
    assert {one.to_ms - one.from_ms for one in counted(series(), LATE, EVER)} == {3_600_000}


def test_series_marks_only_the_occurrences_before_its_approval_as_retroactive() -> None:
    plan = WindowPlan(WEEKLY, (Selector(subjects=("T",)),))
    acts = [act("create", 5, "u1", plan=plan), act("approve", MONDAYS[2] - 1, "u2")]
    assert [one.retroactive for one in counted(acts, LATE, EVER)] == [True, True, False, False, False]


def test_series_cancels_one_occurrence_or_the_rest() -> None:
    one = act("cancel", 7, "u1", occurrence_ms=MONDAYS[1])
    assert [w.from_ms for w in counted(series(one), LATE, EVER)] == [MONDAYS[0], *MONDAYS[2:]]
    rest = act("cancel", MONDAYS[2] + 1, "u1")
    assert [w.from_ms for w in counted(series(rest), LATE, EVER)] == MONDAYS[:3], "what has begun goes on"


def test_series_ends_one_occurrence_or_all() -> None:
    one = act("end", MONDAYS[1] + 60, "u1", occurrence_ms=MONDAYS[1])
    assert [w.to_ms - w.from_ms for w in counted(series(one), LATE, EVER)] == [3_600_000, 60, 3_600_000, 3_600_000, 3_600_000]
    rest = act("end", MONDAYS[1] + 60, "u1")
    assert times(counted(series(rest), LATE, EVER)) == [(MONDAYS[0], MONDAYS[0] + 3_600_000), (MONDAYS[1], MONDAYS[1] + 60)]


def test_status_follows_time() -> None:
    created = [act("create", 5, "u1", plan=once(10, 20))]
    approved = [*created, act("approve", 6, "u2")]

    def at(acts: list[WindowAct], now: int) -> WindowStatus:
        return status(fold(acts, LATE)["W1"], now)

    assert at(created, 12) is WindowStatus.PENDING
    assert [at(approved, now) for now in (7, 19, 20)] == [WindowStatus.APPROVED, WindowStatus.APPROVED, WindowStatus.ENDED]
    assert at([*approved, act("end", 15, "u1")], 15) is WindowStatus.ENDED
    assert at([*approved, act("cancel", 8, "u1")], 9) is WindowStatus.CANCELLED


@pytest.mark.parametrize(
    ("selector", "is_meant"),
    [
        (Selector(subjects=("T", "U")), True),
        (Selector(subjects=("U",)), False),
        (Selector(site="hn"), True),
        (Selector(site="hn", class_="server"), True),
        (Selector(site="hn", class_="switch"), False),
        (Selector(subjects=("T",), site="hcm"), False),
        (Selector(labels={"rack": "7"}), True),
        (Selector(labels={"rack": "7", "row": "1"}), False),
        (Selector(), False),
    ],
)
def test_selector_means_what_has_all_of_it(selector: Selector, is_meant: bool) -> None:
    assert selects(selector, subject(site="hn", class_="server", labels={"rack": "7"})) is is_meant


def test_r15_2_groups_and_sites_only_where_named_by_id() -> None:
    """A member's window does not excuse a group that survives it: selection by site is for members."""
    group = Subject("G", kind=SubjectKind.GROUP, site="hn", group=Group(GroupRule.ALL, ("T",)))
    windows = [window(1, 5, Selector(site="hn"))]
    assert in_scope(subject(site="hn"), windows) == [(1, 5)]
    assert in_scope(group, windows) == []
    assert in_scope(group, [window(1, 5, Selector(subjects=("G",)))]) == [(1, 5)]


def states(*parts: tuple[int, int, State]) -> list[Span]:
    return [Span(a, b, state, Why.STATED) for a, b, state in parts]


def test_r11_4_propagates_only_while_unreachable() -> None:
    """V31: a child down on its own is not excused."""
    windows = [window(10, 50, Selector(subjects=("L",)), propagate=True)]
    spans = states((0, 20, State.UP), (20, 30, State.UNREACHABLE), (30, 40, State.DOWN), (40, 70, State.UNREACHABLE))
    link, child = subject("L"), subject("C", ("L",))
    handed = {"L": handed_on(link, windows, states((0, 70, State.DOWN)))}
    assert handed == {"L": [(10, 50)]}
    assert cover(child, windows, spans, handed) == [(20, 30), (40, 50)]
    assert cover(child, [window(10, 50, Selector(subjects=("L",)))], spans, {"L": []}) == []


def test_r11_4_goes_on_through_a_child_that_is_covered() -> None:
    """Two levels down: excused while the one between is excused for the same reason, and unreachable itself."""
    windows = [window(10, 50, Selector(subjects=("L",)), propagate=True)]
    link, middle, leaf = subject("L"), subject("M", ("L",)), subject("X", ("M",))
    down = states((0, 20, State.UP), (20, 40, State.UNREACHABLE), (40, 60, State.DOWN))
    handed = {"L": handed_on(link, windows, [])}
    handed["M"] = handed_on(middle, windows, down, handed)
    assert handed["M"] == [(20, 40)]
    assert cover(leaf, windows, states((0, 60, State.UNREACHABLE)), handed) == [(20, 40)]


def test_r1_2_scope_follows_the_configuration_of_each_instant() -> None:
    """A target that moved is covered by the windows of the site it was at."""
    moved = Timetable([Version(0, 0, "u1", subject(site="hn")), Version(30, 30, "u1", subject(site="hcm"))])
    windows = [window(10, 50, Selector(site="hn"))]
    assert cover_history(moved, windows, []) == [(10, 30)]


def test_r11_6_used_time_is_of_the_union() -> None:
    windows = [window(0, 10, Selector(subjects=("T",))), window(5, 20, Selector(subjects=("T",)))]
    assert used_ms(cover(subject(), windows, []), (2, 100)) == 18


scopes = st.lists(st.sampled_from("TULC"), min_size=1, max_size=3, unique=True)
moments = st.integers(0, 60)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events as the golden vectors write them."""
    events: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        id_, a = f"W{number}", draw(moments)
        create = {"ev": "maint_create", "id": id_, "t": draw(moments), "from": a, "to": a + draw(st.integers(1, 30))}
        events.append(
            create | {"scope": draw(scopes), "by": draw(st.sampled_from(["u1", "u2"])), "propagate": draw(st.booleans())}
        )
        for _ in range(draw(st.integers(0, 3))):
            kind = draw(st.sampled_from(["maint_approve", "maint_approve", "maint_end", "maint_cancel"]))
            events.append({"ev": kind, "id": id_, "t": draw(moments), "by": draw(st.sampled_from(["u1", "u2", "u3"]))})
    return events


def acts_of(events: list[dict[str, Any]]) -> list[WindowAct]:
    return [
        Act(
            number,
            e["id"],
            ActKind(e["ev"].removeprefix("maint_")),
            e["t"],
            e["by"],
            Body(plan=once(e["from"], e["to"], *e["scope"], propagate=e["propagate"])) if e["ev"] == "maint_create" else Body(),
        )
        for number, e in enumerate(events)
    ]


@st.composite
def timelines(draw: st.DrawFn) -> list[Span]:
    edges = [0, *sorted(draw(st.lists(st.integers(1, 99), max_size=6, unique=True))), 100]
    return [Span(a, b, draw(st.sampled_from(list(State))), Why.STATED) for a, b in itertools.pairwise(edges)]


@settings(max_examples=400, deadline=None)
@given(events=histories(), as_of=moments, spans=timelines(), seed=st.integers(0, 10**6))
def test_r11_1_and_r11_4_agree_with_the_independent_check(
    check: ModuleType, events: list[dict[str, Any]], as_of: int, spans: list[Span], seed: int
) -> None:
    """Union of counted windows and what parents hand on, in any order and with doubles, at any K."""
    vector = {"events": events, "targets": {"T": {"parents": [["L", "U"], ["C"]]}}}
    segments = [[span.from_ms, span.to_ms, span.state.value] for span in spans]
    expected = [tuple(each) for each in check.maintenance_of(vector, "T", segments, as_of)]
    acts = acts_of(events) * 2
    random.Random(seed).shuffle(acts)
    windows = counted(acts, as_of, EVER)
    child = subject("T", ("L", "U"), ("C",))
    handed = {name: in_scope(subject(name), windows, propagating=True) for name in "LUC"}
    assert cover(child, windows, spans, handed) == expected


@settings(max_examples=200, deadline=None)
@given(events=histories(), as_of=moments)
def test_r1_3_what_is_known_later_changes_nothing(events: list[dict[str, Any]], as_of: int) -> None:
    """As of K, acts after K do not exist."""
    acts = acts_of(events)
    assert counted(acts, as_of, EVER) == counted([one for one in acts if one.t_ms <= as_of], LATE, EVER)


@settings(max_examples=200, deadline=None)
@given(events=histories(), more=histories())
def test_r11_1_a_further_window_never_covers_less(events: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    """Union, never a flag: windows beside it take nothing away (V27)."""
    others = [event | {"id": f"{event['id']}b"} for event in more]
    fewer = in_scope(subject(), counted(acts_of(events), LATE, EVER))
    together = in_scope(subject(), counted(acts_of([*events, *others]), LATE, EVER))
    assert intervals.minus(fewer, together) == []


@settings(max_examples=200, deadline=None)
@given(events=histories(), names=st.lists(st.sampled_from(["hn", "hcm", ""]), min_size=4, max_size=4))
def test_book_finds_every_window_that_covers(events: list[dict[str, Any]], names: list[str]) -> None:
    """The index leaves out nothing."""
    windows = counted(acts_of(events), LATE, EVER)
    windows += [window(3, 9, Selector(site=name)) for name in names if name] + [window(1, 2, Selector(labels={"a": "b"}))]
    book = WindowBook(windows)
    for id_, site in zip("TULC", names, strict=True):
        asked = subject(id_, site=site, labels={"a": "b"})
        assert in_scope(asked, book.of(asked)) == in_scope(asked, windows)
    assert book.propagates is any(one.propagate for one in windows)
