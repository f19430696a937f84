"""An explanation shows for every span why it holds, what it counts as, and the evidence behind it, as of K."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Kind, Lane, Outcome, Reason
from collector.core.corrections import Correction
from collector.core.court import Court, Terms
from collector.core.evidence import Evidence, Grade, Run, TimeQuality, extend, start_run
from collector.core.explanation import Explanation, Sources, Told, Wanted, explain
from collector.core.judge import Judge, judge_all
from collector.core.roll import Roll
from collector.core.state import Span, State, View, Why
from collector.core.stretch import BlindSpan
from collector.core.subject import Group, GroupRule, Objective, Rules, Sign, Subject, SubjectKind, Timetable
from collector.core.waypoints import stretch_at
from collector.core.windows import Selector, Window
from collector.core.witness import MOST, Role

MINUTE = 60_000
END = 30 * MINUTE
LATER = 100 * MINUTE
RULES = Rules(sign=Sign.BOTH, interval_ms=MINUTE, fail_after=3, dep_slack_ms=MINUTE)


def sample(
    minute: int, outcome: Outcome = Outcome.OK, *, rx: int | None = None, kind: Kind = Kind.OBS, boot: str = "",
    observer: str = "collector", seq: int = 0,
) -> Evidence:  # fmt: skip
    """A probe by the centre, or a report of the machine itself with `boot`."""
    t_ms = minute * MINUTE
    rx_ms = t_ms if rx is None else rx * MINUTE
    own = kind is not Kind.OBS
    return Evidence(
        "srv", "srv" if own else observer, "heartbeat" if own else "tcp", kind, t_ms, rx_ms, outcome,
        Reason.TIMEOUT if outcome is Outcome.FAILED else Reason.NONE, "", MINUTE, "s1", boot, Lane.FACTS, seq or minute + 1,
        t_ms, t_ms, t_ms, Grade.LIVE if rx_ms - t_ms <= 30_000 else Grade.LATE, TimeQuality.MEASURED,
    )  # fmt: skip


def runs_of(samples: Iterable[Evidence]) -> list[Run]:
    """Stored rows, numbered from 1."""
    out: list[Run] = []
    last: dict[tuple[str, Kind, Grade], int] = {}
    for each in samples:
        key = (each.observer, each.kind, each.grade)
        grown = extend(out[last[key]], each) if key in last else None
        if grown is not None:
            out[last[key]] = grown
        else:
            last[key] = len(out)
            out.append(start_run(each))
    return [Run(*[index + 1, *[getattr(run, name) for name in Run.__struct_fields__[1:]]]) for index, run in enumerate(out)]


def judged(runs: Sequence[Run], rules: Rules = RULES, blinds: Sequence[BlindSpan] = (), known_ms: int = LATER) -> Judge:
    stretches = [found for run in runs if (found := stretch_at(run, known_ms)) is not None]
    return judge_all(stretches, blinds, Timetable.always(rules))


def told(
    runs: Sequence[Run], *, rules: Rules = RULES, blinds: Sequence[BlindSpan] = (), known_ms: int = LATER,
    terms: Terms | None = None, objective: Objective | None = None,
) -> Explanation:  # fmt: skip
    """`srv` explained from half an hour of evidence."""
    judge = judged(runs, rules, blinds, known_ms)
    subject = Subject(id="srv", rules=rules, objective=objective or Objective(merge_gap_ms=0))
    court = Court(
        Roll.of([subject]), lambda _, view: judge.spans(view, 0, END), terms or Terms(), (0, END), min(known_ms, LATER)
    )
    sources = Sources(
        known_ms, runs, blinds, {view: judge.confirmed(view) for view in View},
        {view: judge.soft_runs(view) for view in View}, judge.boots.reboots(),
    )  # fmt: skip
    return explain(court, Wanted("srv", "today", (0, END)), sources)


def rows(told_: Told) -> list[tuple[str, int, int]]:
    """Role and minutes of each row of evidence."""
    return [(row.role.value, row.first_ms // MINUTE, row.last_ms // MINUTE) for row in told_.evidence.rows]


def shape(explained: Explanation, view: View = View.DEVICE) -> list[tuple[int, int, str, str]]:
    [found] = [each for each in explained.views if each.view is view]
    return [(t.from_ms // MINUTE, t.to_ms // MINUTE, t.state.value, t.why.value) for t in found.spans]


FAILED = Outcome.FAILED


def test_r4_1_an_outage_shows_the_failed_samples_and_the_first_good_one() -> None:
    """It begins at the first failed check and ends at the first good one; the incident says when it was confirmed."""
    runs = runs_of([sample(m, FAILED if 10 <= m < 15 else Outcome.OK) for m in range(31)])
    explained = told(runs)
    assert shape(explained) == [(0, 10, "up", "observed"), (10, 15, "down", "observed"), (15, 30, "up", "observed")]
    up, down, _ = explained.views[0].spans
    assert rows(up) == [("said", 0, 9)]
    assert rows(down) == [("said", 10, 14), ("after", 15, 30)]
    said = down.evidence.rows[0]
    assert (said.id, said.count, said.outcome, said.reason, said.observer, said.module) == (
        2, 5, "failed", "timeout", "collector", "tcp",
    )  # fmt: skip
    assert (down.cause, down.grade, down.counts, down.rule) == ("host", "E1", "bad", "R4.1")
    [incident] = explained.views[0].incidents
    assert (incident.onset_ms, incident.hard_ms, incident.restored_ms) == (10 * MINUTE, 12 * MINUTE, 15 * MINUTE)
    assert explained.views[0].uncertainty_ms == 65_000


def test_r4_3_a_soft_run_is_listed_and_not_charged() -> None:
    """Two failures of three."""
    explained = told(runs_of([sample(m, FAILED if m in (10, 11) else Outcome.OK) for m in range(31)]))
    assert shape(explained) == [(0, 30, "up", "observed")]
    assert explained.views[0].soft == ((10 * MINUTE, 12 * MINUTE),)
    assert explained.views[0].figures.soft_fail == 2 * MINUTE
    assert [role for role, _, _ in rows(explained.views[0].spans[0])] == ["said", "against", "said"]


def test_r5_2_a_gap_shows_the_samples_on_either_side_and_the_blind_record() -> None:
    """V08: known until the hold ends or blindness begins, unknown to the next sample."""
    runs = runs_of([sample(m) for m in range(31) if not 10 < m < 20])
    blind = BlindSpan("collector", 11 * MINUTE, 19 * MINUTE)
    explained = told(runs, blinds=[blind, BlindSpan("other", 0, END)])
    assert shape(explained)[1] == (11, 20, "unknown", "collector_blind")
    gap = explained.views[0].spans[1]
    assert rows(gap) == [("before", 0, 10), ("after", 20, 30)]
    assert gap.blinds == (blind,)
    assert (gap.cause, gap.counts) == ("collector", "excluded")


def test_r9_3_late_reports_lift_the_device_view_and_are_named() -> None:
    """V21: the end-to-end view ignores them (R9.6)."""
    probes = [sample(m) for m in range(31) if not 10 < m < 20]
    reports = [sample(m, kind=Kind.REPORT, boot="b1", rx=25, seq=100 + m) for m in range(9, 23)]
    explained = told(runs_of([*probes, *reports]))
    assert (12, 20, "up", "late_reports") in [(a, b, s, w) for a, b, s, w in shape(explained)]
    lifted = next(t for t in explained.views[0].spans if t.why is Why.BACKFILL)
    assert (lifted.grade, rows(lifted)) == ("E2", [("said", 9, 22)])
    assert lifted.evidence.rows[0].received_ms == 25 * MINUTE
    assert lifted.evidence.rows[0].grade == "late"
    gap = next(t for t in explained.views[1].spans if t.state is State.UNKNOWN)
    assert rows(gap) == [("before", 0, 10), ("after", 20, 30)]


def test_r1_3_nothing_received_after_k_is_shown() -> None:
    """As of a moment before the late reports came there are none."""
    probes = [sample(m) for m in range(31) if not 10 < m < 20]
    reports = [sample(m, kind=Kind.REPORT, boot="b1", rx=25, seq=100 + m) for m in range(9, 23)]
    explained = told(runs_of([*probes, *reports]), known_ms=24 * MINUTE)
    spans = explained.views[0].spans
    assert Why.BACKFILL not in [t.why for t in spans]
    assert max(row.received_ms for t in spans for row in t.evidence.rows) <= 24 * MINUTE
    assert max(row.last_ms for t in spans for row in t.evidence.rows) <= 24 * MINUTE
    assert explained.views[0].figures.provisional


def test_r8_2_a_reboot_shows_the_last_of_the_old_boot_and_the_first_of_the_new() -> None:
    """V18."""
    rules = Rules(sign=Sign.PUSH, interval_ms=MINUTE)
    reports = [sample(m, kind=Kind.REPORT, boot="b1" if m <= 10 else "b2") for m in range(31) if m != 11]
    explained = told(runs_of(reports), rules=rules)
    assert (10, 12, "down", "reboot") in shape(explained)
    reboot = next(t for t in explained.views[0].spans if t.why is Why.REBOOT)
    assert rows(reboot) == [("old_boot", 0, 10), ("new_boot", 12, 30)]
    assert [row.boot for row in reboot.evidence.rows] == ["b1", "b2"]
    [boot] = explained.reboots
    assert (boot.last_ms, boot.first_ms, boot.pinned) == (10 * MINUTE, 12 * MINUTE, False)


def test_r6_3_silence_shows_the_last_and_the_next_report() -> None:
    """V20: down by absence from the first missed report on."""
    rules = Rules(sign=Sign.PUSH, interval_ms=MINUTE, silence_is_down=True)
    explained = told(runs_of([sample(m, kind=Kind.REPORT) for m in range(31) if not 10 < m < 20]), rules=rules)
    silent = next(t for t in explained.views[0].spans if t.why is Why.SILENT)
    assert (silent.state, rows(silent)) == (State.DOWN, [("before", 0, 10), ("after", 20, 30)])


def test_r5_6_before_the_first_sample_only_what_follows_is_named() -> None:
    """Never the current state."""
    first = told(runs_of([sample(m) for m in range(10, 31)])).views[0].spans[0]
    assert (first.why, rows(first), first.cause) == (Why.NEVER, [("after", 10, 30)], "agent")
    nothing = told([]).views[0].spans
    assert [(t.why, t.evidence.rows) for t in nothing] == [(Why.NEVER, ())]


def test_many_rows_are_bounded_and_counted() -> None:
    """The first and the last ones stay."""
    flips = [sample(m, FAILED if m % 2 else Outcome.OK) for m in range(20)]
    [span, *_] = told(runs_of([sample(m, observer="far") for m in range(31)] + flips)).views[0].spans
    assert len(span.evidence.rows) == MOST
    assert span.evidence.left_out == 21 - MOST


# --- what a span counts as


def window(id_: str, a: int, b: int) -> Window:
    return Window(id_, a * MINUTE, b * MINUTE, (Selector(subjects=("srv",)),), False, "u1", "u2", "work", "C-1", False, 0)


def test_r11_2_a_span_is_parted_where_a_window_begins_and_ends() -> None:
    """V28: what lies outside is charged; both parts know when the outage began."""
    runs = runs_of([sample(m, FAILED if 10 <= m < 20 else Outcome.OK) for m in range(31)])
    explained = told(runs, terms=Terms(windows=[window("w1", 5, 12), window("w2", 15, 16)]))
    parts = [(t.from_ms // MINUTE, t.to_ms // MINUTE, t.state.value, t.counts, t.windows) for t in explained.views[0].spans]
    assert parts == [
        (0, 5, "up", "good", ()), (5, 10, "up", "maintenance", ("w1",)), (10, 12, "down", "maintenance", ("w1",)),
        (12, 15, "down", "bad", ()), (15, 16, "down", "maintenance", ("w2",)), (16, 20, "down", "bad", ()),
        (20, 30, "up", "good", ()),
    ]  # fmt: skip
    assert {t.since_ms // MINUTE for t in explained.views[0].spans if t.state is State.DOWN} == {10}


def test_r9_4_a_correction_shows_what_was_observed_and_its_evidence() -> None:
    """Raw and corrected side by side."""
    runs = runs_of([sample(m, FAILED if 10 <= m < 20 else Outcome.OK) for m in range(31)])
    one = Correction("c7", "srv", None, 5 * MINUTE, 15 * MINUTE, State.UP, "u1", "u2", "test line", "C-2", 0)
    explained = told(runs, terms=Terms(corrections=[one]))
    corrected = [t for t in explained.views[0].spans if t.why is Why.CORRECTED]
    assert [(t.from_ms // MINUTE, t.to_ms // MINUTE, t.state, t.observed, t.correction) for t in corrected] == [
        (10, 15, State.UP, State.DOWN, "c7")
    ]
    assert rows(corrected[0]) == [("said", 10, 19), ("after", 20, 30)]


def test_r7_3_an_unreachable_span_names_the_parents_outage() -> None:
    """V12, V13: also one that begins within the slack after it; other parents' outages are not named."""
    link = Subject(id="link")
    srv = Subject(id="srv", rules=Rules(parents=(("link",),), dep_slack_ms=MINUTE))
    lines = {
        "link": [Span(0, 11 * MINUTE, State.UP, Why.OBSERVED), Span(11 * MINUTE, 20 * MINUTE, State.DOWN, Why.OBSERVED),
                 Span(20 * MINUTE, END, State.UP, Why.OBSERVED)],
        "srv": [Span(0, 10 * MINUTE, State.UP, Why.OBSERVED), Span(10 * MINUTE, 11 * MINUTE, State.UNREACHABLE, Why.PATH),
                Span(11 * MINUTE, END, State.UP, Why.OBSERVED)],
    }  # fmt: skip
    court = Court(Roll.of([link, srv]), lambda id_, _: lines[id_], Terms(), (0, END))
    explained = explain(court, Wanted("srv", "today", (0, END)), Sources(LATER))
    [cut] = [t for t in explained.views[0].spans if t.state is State.UNREACHABLE]
    assert [(o.subject, o.from_ms // MINUTE, o.state) for o in cut.others] == [("link", 11, State.DOWN)]
    assert (cut.cause, cut.counts) == ("link", "excluded")
    assert [t.counts for t in explained.views[1].spans if t.state is State.UNREACHABLE] == ["bad"]


def test_r15_1_a_groups_span_names_the_members_that_failed() -> None:
    """A group rests on members, not on evidence of its own; a pool has no spans at all (R15.3)."""
    a, b = Subject(id="a"), Subject(id="b")
    group = Subject(id="group:g", kind=SubjectKind.GROUP, group=Group(GroupRule.ALL, ("a", "b")))
    pooled = Subject(id="group:p", kind=SubjectKind.GROUP, group=Group(GroupRule.POOLED, ("a", "b")))
    down = [Span(0, 10 * MINUTE, State.UP, Why.OBSERVED), Span(10 * MINUTE, END, State.DOWN, Why.OBSERVED)]
    lines = {"a": [Span(0, END, State.UP, Why.OBSERVED)], "b": down}
    court = Court(Roll.of([a, b, group, pooled]), lambda id_, _: lines[id_], Terms(), (0, END))
    spans = explain(court, Wanted("group:g", "today", (0, END)), Sources(LATER)).views[0].spans
    assert [(t.state, [o.subject for o in t.others]) for t in spans] == [(State.UP, []), (State.DOWN, ["b"])]
    view = explain(court, Wanted("group:p", "today", (0, END)), Sources(LATER)).views[0]
    assert (view.spans, view.uncertainty_ms, view.figures.down) == ((), None, 20 * MINUTE)


def test_an_unknown_subject_and_an_empty_period_are_refused() -> None:
    """Nothing is made up."""
    court = Court(Roll.of([Subject(id="srv")]), lambda *_: (), Terms(), (0, END))
    with pytest.raises(KeyError):
        explain(court, Wanted("nobody", "today", (0, END)), Sources(LATER))
    with pytest.raises(ValueError, match="expected an end after its beginning"):
        explain(court, Wanted("srv", "never", (5, 5)), Sources(LATER))


def test_r5_6_agreed_time_that_nothing_speaks_for_is_shown_as_unknown() -> None:
    """So that the parts add up to the period."""
    court = Court(Roll.of([Subject(id="srv")]), lambda *_: [Span(0, 5 * MINUTE, State.UP, Why.OBSERVED)], Terms(), (0, END))
    spans = explain(court, Wanted("srv", "today", (0, END)), Sources(LATER)).views[0].spans
    assert [(t.from_ms, t.to_ms, t.why) for t in spans] == [(0, 5 * MINUTE, Why.OBSERVED), (5 * MINUTE, END, Why.NEVER)]


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    """Half an hour of probes and reports, with holes, failures, reboots and lateness."""
    out: list[Evidence] = []
    outcomes = st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, FAILED, FAILED, Outcome.DEGRADED, None])
    late = draw(st.integers(0, 30))
    reboot = draw(st.integers(1, 40))
    for minute in range(31):
        probe, report = draw(outcomes), draw(st.booleans())
        if probe is not None:
            out.append(sample(minute, probe))
        if report:
            boot = "b1" if minute < reboot else "b2"
            rx = 40 if minute < late else None
            out.append(sample(minute, kind=Kind.REPORT, boot=boot, rx=rx))
    return runs_of(out)


@settings(max_examples=150, deadline=None)
@given(histories(), st.booleans(), st.sampled_from([20 * MINUTE, 35 * MINUTE, LATER]))
def test_parts_cover_the_period_and_add_up_to_the_figures(runs: list[Run], is_blind: bool, known_ms: int) -> None:
    """Whatever happened: every second is told once, its counting is that of the figures, and every span names evidence that
    was known (R1.3)."""
    blinds = [BlindSpan("collector", 8 * MINUTE, 12 * MINUTE)] if is_blind else []
    terms = Terms(windows=[window("w1", 5, 12)])
    explained = told(runs, blinds=blinds, known_ms=known_ms, terms=terms)
    until_ms = min(END, known_ms)
    for view in explained.views:
        assert (view.spans[0].from_ms, view.spans[-1].to_ms) == (0, until_ms)
        assert all(a.to_ms == b.from_ms for a, b in pairwise(view.spans))
        sums = dict.fromkeys(("good", "bad", "excluded", "maintenance"), 0)
        for part in view.spans:
            sums[part.counts] += part.to_ms - part.from_ms
        f = view.figures
        assert (sums["good"], sums["bad"], sums["maintenance"]) == (f.good, f.bad, f.maintenance)
        assert sum(one.charged_ms for one in view.incidents) == f.charged
        for part in view.spans:
            assert part.evidence.rows or part.why is Why.NEVER
            assert all(row.received_ms <= known_ms and row.last_ms <= known_ms for row in part.evidence.rows)
            if part.state is State.DOWN and part.why is Why.OBSERVED:
                assert Role.SAID in [row.role for row in part.evidence.rows]
