"""The nine invariants of SPEC 3.18, and that judging live equals recomputing, over random histories on the real core."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core import figures
from collector.core.dependency import KnownPath
from collector.core.figures import Figures, Verdict
from collector.core.groups import Member, compose
from collector.core.intervals import union
from collector.core.judge import Judge, judge_all
from collector.core.policy import POLICIES, Policy
from collector.core.state import Span, State, View
from collector.core.stretch import Stretch
from collector.core.subject import Group, GroupRule, Timetable
from collector.replay.evidence import blinds_of, maintenance_of, rules_of, scope_of, stretches_of
from collector.replay.timeline import Case, runs_of, spans_between
from tests.collector.core.histories import Event, History, Vector, ask_all, case_of, lines_of, share

SEEDS = st.integers(0, 2**40)
SLO = Fraction(99, 100)
Lines = dict[tuple[str, View], list[Span]]


def runs(lines: Lines) -> dict[tuple[str, View], list[tuple[int, int, State]]]:
    return {key: runs_of(spans) for key, spans in lines.items()}


def asked(case: Case, name: str, spans: list[Span], policy: Policy) -> figures.Question:
    """The question about a target's figures over the vector's period."""
    known_ms = case.known.known_ms
    return figures.Question(
        period=case.period,
        policy=policy,
        slo=SLO,
        known_ms=min(known_ms, case.period[1]),
        scope=scope_of(case.known, name),
        windows=maintenance_of(case.known, name, spans),
        merge_gap_ms=case.parameters[name].merge_gap * 1000,
    )


def classes(found: Figures) -> tuple[int, ...]:
    return found.maintenance, found.up, found.degraded, found.down, found.unreachable, found.unknown


@given(seed=SEEDS)
@settings(max_examples=share(15), deadline=None)
def test_invariant_1_5_9_partition_bounds_and_integers(seed: int) -> None:
    """Spans cover the period in scope once; the classes add up; low <= availability <= high; MET leaves budget; no float."""
    case = case_of(History(seed).vector, ask_all(History(seed)))
    for (name, _), spans in lines_of(case).items():
        inside = union((max(a, case.period[0]), min(b, case.end_ms)) for a, b in scope_of(case.known, name))
        assert union((span.from_ms, span.to_ms) for span in spans) == inside
        assert sum(span.to_ms - span.from_ms for span in spans) == sum(b - a for a, b in inside)
        for policy in POLICIES.values():
            found = figures.compute(spans, asked(case, name, spans, policy))
            assert found.ast == sum(classes(found))
            assert found.ast == sum(b - a for a, b in inside)
            assert all(type(value) is int for value in (found.good, found.bad, found.denom, found.charged, *classes(found)))
            low, ratio, high = found.low, found.availability, found.high
            if low is None or ratio is None or high is None:
                assert found.denom == 0
                continue
            assert 0 <= low <= ratio <= high <= 1
            assert (ratio * found.denom).denominator == 1
            left = found.budget_left
            assert left is not None
            if found.verdict is Verdict.MET and case.end_ms == case.period[1]:
                assert left >= 0


@given(seed=SEEDS, share_=st.integers(1, 99))
@settings(max_examples=share(10), deadline=None)
def test_invariant_2_periods_add_up(seed: int, share_: int) -> None:
    """Seconds of two adjacent periods are those of both together, `incidents_started` too; so are the spans themselves."""
    history = History(seed)
    case = case_of(history.vector, ask_all(history))
    middle = case.period[0] + (case.period[1] - case.period[0]) * share_ // 100
    for name, target in case.vector.targets.items():
        for view in View:
            spans = case.spans(name, view)
            for policy in (POLICIES["device_contract"], POLICIES["e2e"]):
                whole = asked(case, name, spans, policy)
                halves = [
                    msgspec.structs.replace(whole, period=period, known_ms=None if whole.known_ms is None else whole.known_ms)
                    for period in ((case.period[0], middle), (middle, case.period[1]))
                ]
                first, second = (figures.compute(spans, half) for half in halves)
                both = figures.compute(spans, whole)
                assert [a + b for a, b in zip(classes(first), classes(second), strict=True)] == list(classes(both))
                assert (first.good + second.good, first.bad + second.bad) == (both.good, both.bad)
                assert (first.incidents_started or 0) + (second.incidents_started or 0) == both.incidents_started
                assert figures.add(first, second).incidents_started == both.incidents_started
            assert target.kind in ("probe", "push", "probe+push")


@given(seed=SEEDS)
@settings(max_examples=share(10), deadline=None)
def test_invariant_3_order_and_repetition_change_nothing(seed: int) -> None:
    """The same records in any order, some of them twice: the same spans."""
    history = History(seed)
    dice = Random(seed)
    events = history.events + [event for event in history.events if dice.random() < 0.3 and not event["ev"].startswith("maint")]
    dice.shuffle(events)
    shuffled = {**history.vector, "events": events}
    question = ask_all(history)
    assert lines_of(case_of(shuffled, question)) == lines_of(case_of(history.vector, question))


def total(lines: Lines, state: State) -> dict[tuple[str, View], int]:
    return {key: sum(span.to_ms - span.from_ms for span in spans if span.state is state) for key, spans in lines.items()}


@given(seed=SEEDS)
@settings(max_examples=share(5), deadline=None)
def test_invariant_4_a_late_self_report_never_increases_unknown(seed: int) -> None:
    """More positive evidence leaves less unknown, wherever in the spool it was found (device view). In the middle of a gap that
    a policy bridges (R5.5) it would unbridge both halves."""
    history = History(seed)
    dice = Random(seed)
    # After a farewell (R8.5) it ends a time of being down, and what then follows may well be unknown.
    history.events[:] = [event for event in history.events if not event.get("reason")]
    name = dice.choice(list(history.targets))
    t = dice.randint(0, history.end)
    rx = dice.randint(t + 31, t + 60) if history.as_of is None else max(t, min(t + 31, history.as_of))
    more = {**history.vector, "events": [*history.events, {"t": t, "ev": "report", "target": name, "rx": max(rx, t + 31)}]}
    question = ask_all(history, gap_policy="unknown")
    before = total(lines_of(case_of(history.vector, question)), State.UNKNOWN)
    after = total(lines_of(case_of(more, question)), State.UNKNOWN)
    assert after[name, View.DEVICE] <= before[name, View.DEVICE]
    assert after[name, View.E2E] == before[name, View.E2E]


@given(seed=SEEDS)
@settings(max_examples=share(5), deadline=None)
def test_invariant_4_a_counted_window_never_increases_bad(seed: int) -> None:
    """One more approved window: bad time goes down or stays, under every policy."""
    history = History(seed)
    dice = Random(seed)
    a = dice.randint(-100, history.end)
    name = dice.choice(list(history.targets))
    window: list[Event] = [
        {"t": -9000, "ev": "maint_create", "id": "M", "from": a, "to": a + dice.randint(1, 900), "scope": [name], "by": "u1"},
        {"t": -8000, "ev": "maint_approve", "id": "M", "by": "u2"},
    ]
    window[0]["propagate"] = dice.random() < 0.5
    question = ask_all(history)
    before, after = (case_of({**history.vector, "events": history.events + more}, question) for more in ([], window))
    for (name_, _), spans in lines_of(before).items():
        for policy in POLICIES.values():
            old, new = (figures.compute(spans, asked(case, name_, spans, policy)) for case in (before, after))
            assert new.bad <= old.bad


@given(seed=SEEDS, longer=st.integers(1, 200))
@settings(max_examples=share(5), deadline=None)
def test_invariant_4_a_longer_ttl_never_increases_unknown(seed: int, longer: int) -> None:
    """For targets on their own, with M = 1: a run that is unconfirmed at the end is unknown by R4.6, whatever the TTL; and a
    silence around a blind collector takes longer to be sure of. A gap that a policy bridges (R5.5) is no longer bridged when a
    state held longer comes between."""
    history = History(seed)
    blind = any(event["ev"] == "blind" for event in history.events)
    question = ask_all(history, recover_after=1, gap_policy="unknown")
    after_question = ask_all(history, recover_after=1, gap_policy="unknown", ttl=question["params"]["ttl"] + longer)
    before, after = (total(lines_of(case_of(history.vector, one)), State.UNKNOWN) for one in (question, after_question))
    for (name, view), unknown in before.items():
        if "parents" not in history.targets[name] and not (blind and history.targets[name]["kind"] == "push"):
            assert after[name, view] <= unknown


@given(seed=SEEDS)
@settings(max_examples=share(5), deadline=None)
def test_invariant_6_what_is_learned_after_k_changes_nothing(seed: int) -> None:
    """The figures as of K are those of the records received until K, whatever came later."""
    history = History(seed)
    k = history.as_of = history.as_of or history.end // 2 + history.vector["period"]["from"]
    known: list[Event] = [event for event in history.events if event.get("rx", event["t"]) <= k]
    question = ask_all(history)
    assert lines_of(case_of(history.vector, question)) == lines_of(case_of({**history.vector, "events": known}, question))


@given(seed=SEEDS, count=st.integers(1, 6))
@settings(max_examples=share(3), deadline=None)
def test_invariant_7_all_of_is_no_better_than_any_member(seed: int, count: int) -> None:
    """When nothing is unknown or excluded, a group of all its members is available at most as much as each of them."""
    dice = Random(seed)
    end = 100_000
    members = []
    for _ in range(count):
        edges = [0, *sorted(dice.sample(range(1, end), dice.randint(0, 6))), end]
        states = [dice.choice((State.UP, State.DOWN, State.DEGRADED)) for _ in edges[1:]]
        members.append([Span(a, b, state, _why()) for a, b, state in zip(edges, edges[1:], states, strict=False)])
    rule = Group(GroupRule.ALL, tuple(str(index) for index in range(count)))
    spans, _ = compose([Member(one) for one in members], rule, View.DEVICE, (0, end))
    question = figures.Question(period=(0, end), policy=POLICIES["device_contract"], slo=SLO)
    whole = figures.compute(spans, question).availability
    assert whole is not None
    assert all(whole <= (figures.compute(one, question).availability or 0) for one in members)


def _why() -> Any:
    from collector.core.state import Why

    return Why.STATED


@given(seed=SEEDS, by=st.integers(-(10**6), 10**9))
@settings(max_examples=share(4), deadline=None)
def test_invariant_8_a_shift_of_all_times_shifts_the_answer(seed: int, by: int) -> None:
    """Nothing depends on what time it is (24/7 policies)."""
    history = History(seed)
    question = ask_all(history)
    moved = {**question, "as_of": question["as_of"] + by} if "as_of" in question else question
    here, there = runs(lines_of(case_of(history.vector, question))), runs(lines_of(case_of(shifted(history.vector, by), moved)))
    assert {key: [(a + by * 1000, b + by * 1000, state) for a, b, state in found] for key, found in here.items()} == there


def shifted(vector: Vector, by: int) -> Vector:
    """All times later by so many seconds; counters are as they were then."""
    times = ("t", "rx", "until", "from", "to", "boot_time")
    move = lambda one: {key: value + by if key in times else value for key, value in one.items()}  # noqa: E731
    targets = {
        name: {**target, "scope": [[a + by, b + by] for a, b in target["scope"]]} if "scope" in target else target
        for name, target in vector["targets"].items()
    }
    return {**vector, "period": move(vector["period"]), "events": [move(one) for one in vector["events"]], "targets": targets}


# --- two ways to the same answer


def live(case: Case, name: str, stretches: list[tuple[int, Stretch]], paths: Any) -> tuple[Judge, int]:
    """A judge that is told one record after the other as they arrive, and asked in between; made anew from what is known when a
    record came too late to be taken in place. Returns it and how often that was."""
    rules, scope = Timetable.always(rules_of(case.vector.targets[name], case.parameters[name])), scope_of(case.known, name)
    judge, seen, again = Judge(rules, scope=scope, paths=paths), [], 0
    blinds = sorted(blinds_of(case.known), key=lambda blind: blind.until_ms)
    for rx_ms, stretch in stretches:
        # A collector that starts says first how long it was blind (R5.3).
        while blinds and blinds[0].until_ms <= rx_ms:
            judge.blind(blinds.pop(0))
        seen.append(stretch)
        judge.see(stretch)
        told = [blind for blind in blinds_of(case.known) if blind not in blinds]
        if judge.behind_ms is not None:
            judge, again = judge_all(seen, told, rules, scope=scope, paths=paths), again + 1
        if len(seen) % 7 == 0:
            for view in View:
                judge.spans(view, case.period[0], rx_ms + 1)
                judge.now(view, rx_ms)
    for blind in blinds:
        judge.blind(blind)
    if judge.behind_ms is not None:
        judge, again = judge_all(seen, blinds_of(case.known), rules, scope=scope, paths=paths), again + 1
    return judge, again


@given(seed=SEEDS)
@settings(max_examples=share(15), deadline=None)
def test_live_equals_recomputed(seed: int) -> None:
    """Records one by one as they arrived, late ones and all, with questions in between: the spans of the recomputation."""
    history = History(seed).be_possible()
    case = case_of(history.vector, ask_all(history))
    for name in case.vector.targets:
        arrived = sorted(_arrivals(case, name), key=lambda pair: pair[0])
        rules = rules_of(case.vector.targets[name], case.parameters[name])
        paths = (
            {view: KnownPath(_groups(case, rules.parents, view), rules.dep_slack_ms) for view in View}
            if rules.parents
            else None
        )
        judge, _ = live(case, name, arrived, paths)
        for view in View:
            known_ms = case.known.known_ms
            told = judge.spans(view, case.period[0], case.end_ms, known_ms=min(known_ms, case.period[1]))
            again = case.judge(name).spans(view, case.period[0], case.end_ms, known_ms=min(known_ms, case.period[1]))
            assert told == again


def _groups(case: Case, parents: Any, view: View) -> list[list[list[Span]]]:
    return [[case._for_path(parent, view) for parent in group] for group in parents]


def _arrivals(case: Case, name: str) -> list[tuple[int, Stretch]]:
    """A target's stretches with when each was received."""
    events = {(event.t * 1000, event.ev, event.observer): event.known * 1000 for event in case.known.of_target[name]}
    return [
        (events.get((s.first_ms, str(s.kind), "center" if s.observer == "collector" else s.observer), s.first_ms), s)
        for s in stretches_of(case.known, name, case.parameters[name])
    ]


@given(seed=SEEDS)
@settings(max_examples=share(3), deadline=None)
def test_live_reports_in_order_are_never_behind(seed: int) -> None:
    """What arrives live and in order costs no recomputation, late self-reports neither: that is what makes judging O(1)."""
    history = History(seed)
    history.events[:] = [e for e in history.events if e["ev"] != "blind" and not (e["ev"] == "obs" and "rx" in e)]
    case = case_of(history.vector, ask_all(history))
    for name in case.vector.targets:
        if "scope" not in history.targets[name]:
            assert live(case, name, sorted(_arrivals(case, name), key=lambda pair: pair[0]), None)[1] == 0


def test_spans_between_keeps_what_is_inside() -> None:
    """The tests' own clipping clips."""
    span = Span(0, 10, State.UP, _why())
    assert spans_between([span], 3, 20) == [Span(3, 10, State.UP, _why())]
    assert spans_between([span], 10, 20) == []
