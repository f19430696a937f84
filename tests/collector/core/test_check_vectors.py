"""The golden vectors and their independent checker: the same segments give the same figures, digit for digit, by both.

`tests/data/availability/check.py` computes with plain interval arithmetic, in seconds; random timelines are compared with it.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core import budget, printing
from collector.core.calendar import WEEKDAYS, Calendar, expand, hours
from collector.core.figures import ALWAYS, Figures, Question, compute, pool
from collector.core.flap import FlapRule, flapping
from collector.core.groups import Member, compose
from collector.core.intervals import Interval, cut, minus, union
from collector.core.policy import POLICIES
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule

DATA = Path(__file__).parents[2] / "data" / "availability"
DOC: dict[str, Any] = json.loads((DATA / "vectors.json").read_text(encoding="utf-8"))
CASES = [(vector, i) for vector in DOC["vectors"] for i in range(len(vector["results"]))]
NAMES = [f"{vector['id']}-{i}-{vector['results'][i]['subject']}" for vector, i in CASES]
PROVENANCE = {"up_backfill", "up_inferred"}
"""Figures that do not follow from segments alone."""


def _checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("availability_check", DATA / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = _checker()
Json = dict[str, Any]


def _ms(pairs: list[list[int]]) -> list[Interval]:
    return union((a * 1000, b * 1000) for a, b in pairs)


def spans_of(segments: list[list[Any]]) -> list[Span]:
    """Segments as spans; what is `maintenance` in a group's segments comes from composing its members."""
    return [Span(a * 1000, b * 1000, State(state), Why.STATED) for a, b, state in segments]


def calendar_of(vector: Json) -> Calendar:
    raw = vector["calendar"]
    weekly = tuple(tuple(hours(*pair) for pair in raw["weekly"].get(name, [])) for name in WEEKDAYS)
    return Calendar(raw["tz"], weekly, frozenset(dt.date.fromisoformat(day) for day in raw["holidays"]))  # type: ignore[arg-type]


def hours_of(vector: Json, period: Json) -> list[Interval]:
    """Service hours of the period, in the vector's own times."""
    epoch = vector.get("epoch", 0) * 1000
    found = expand(calendar_of(vector), epoch + period["from"] * 1000, epoch + period["to"] * 1000)
    return [(a - epoch, b - epoch) for a, b in found]


def question_of(vector: Json, result: Json) -> Question:
    parameters = {**DOC["defaults"], **result.get("params", {})}
    period = result.get("period", vector["period"])
    as_of = result.get("as_of")
    windows = []
    if not result.get("group"):
        known = check.INF if as_of is None else as_of
        windows = _ms(check.maintenance_of(vector, result["subject"], result["segments"], known))
    scope = vector["targets"].get(result["subject"], {}).get("scope")
    return Question(
        period=(period["from"] * 1000, period["to"] * 1000),
        policy=POLICIES[result["policy"]],
        slo=Fraction(vector.get("slo", parameters["slo"])) / 100,
        known_ms=None if as_of is None else as_of * 1000,
        scope=ALWAYS if scope is None else _ms(scope),
        hours=hours_of(vector, period) if result.get("use_calendar") else None,
        windows=windows,
        merge_gap_ms=parameters["merge_gap"] * 1000,
    )


def composed(vector: Json, result: Json, until_ms: int) -> tuple[list[Span], list[Interval]]:
    """The group's spans and planned time, from its members' segments as the checker chooses them."""
    group, known = result["group"], result.get("as_of", check.INF)
    members = []
    for name in group["members"]:
        held = [one for one in vector["results"] if one["subject"] == name]
        best = next((one for one in held if one["view"] == result["view"]), held[0])["segments"]
        members.append(Member(spans_of(best), _ms(check.maintenance_of(vector, name, best, known))))
    rule = Group(GroupRule(group["rule"]), tuple(group["members"]), group.get("k") or 0)
    period = result.get("period", vector["period"])
    return compose(members, rule, View(result["view"]), (period["from"] * 1000, until_ms))


def segments_of(spans: list[Span], planned: list[Interval]) -> list[list[Any]]:
    """Spans as the vectors write a group's: with planned time as a state, equal neighbours joined."""
    pieces = [(a, b, "maintenance") for a, b in planned]
    for span in spans:
        pieces += [(a, b, span.state.value) for a, b in minus([(span.from_ms, span.to_ms)], planned)]
    out: list[list[Any]] = []
    for a, b, state in sorted(pieces):
        if out and out[-1][2] == state:
            out[-1][1] = b // 1000
        else:
            out.append([a // 1000, b // 1000, state])
    return out


def answer(vector: Json, result: Json) -> tuple[Figures, list[Span], Question]:
    """A result's figures by the real code, from its segments."""
    group = result.get("group", {})
    if group.get("rule") == "pooled":
        parts = []
        for name in group["members"]:
            member = next(one for one in vector["results"] if one["subject"] == name)
            parts.append((group["weights"][name], answer(vector, member)[0]))
        pooled = {**result, "segments": []}
        return pool(parts), [], question_of(vector, pooled)
    question = question_of(vector, result)
    if not group:
        spans = spans_of(result["segments"])
        return compute(spans, question), spans, question
    spans, planned = composed(vector, result, question.until_ms)
    question = msgspec.structs.replace(question, composed=planned)
    return compute(spans, question), spans, question


def printed(figures: Figures) -> Json:
    """Figures as the vectors write them."""
    whole = ("ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "denom")
    whole += ("maint_down", "future_ast")
    out: Json = {name: getattr(figures, name) // 1000 for name in whole}
    assert all(getattr(figures, name) % 1000 == 0 for name in whole)
    x = figures.doubt
    out["availability"] = printing.percent(figures.good, figures.denom)
    out["low"] = printing.percent(figures.good, figures.denom + x)
    out["high"] = printing.percent(figures.good + x, figures.denom + x)
    out["verdict"] = figures.verdict.value
    out["incidents"], out["incidents_started"] = figures.incidents, figures.incidents_started
    for name in ("mttr", "mtbf", "mtbsi", "mttr_closed", "budget_total", "budget_left"):
        out[name] = printing.seconds(getattr(figures, name))
    return out


@pytest.mark.parametrize(("vector", "i"), CASES, ids=NAMES)
def test_golden_vectors(vector: Json, i: int) -> None:
    """Every figure, display, burn, alert and flapping annotation of every golden vector comes out exactly (3.10 to 3.16)."""
    result = vector["results"][i]
    figures, spans, question = answer(vector, result)
    got = printed(figures)
    wanted = {key: value for key, value in result["figures"].items() if key not in PROVENANCE}
    assert {key: got[key] for key in wanted} == wanted
    for digits, text in result.get("display", {}).items():
        assert printing.display(figures.good, figures.bad, int(digits)) == text
    burnt = [budget.burn(spans, question, one["from"] * 1000, one["to"] * 1000) for one in result.get("burn", [])]
    assert [printing.floored(one.rate, 4) for one in burnt] == [one["burn"] for one in result.get("burn", [])]
    if "alerts" in result:
        rates = budget.burns(spans, question, result["as_of"] * 1000)
        assert {one.rate for one in rates.values()} == {one.rate for one in burnt}
        assert budget.firing(rates) == result["alerts"]
    notes = result.get("annotations", {})
    if "flapping" in notes:
        rule = FlapRule(notes["flap_window"] * 1000, notes["flap_high"], notes["flap_low"])
        assert flapping(spans, rule) == [(a * 1000, b * 1000) for a, b in notes["flapping"]]


@pytest.mark.parametrize(
    ("vector", "i"), [case for case in CASES if case[0]["results"][case[1]].get("group", {}).get("rule", "pooled") != "pooled"]
)
def test_r15_1_groups_are_composed_as_in_the_vectors(vector: Json, i: int) -> None:
    """Members' segments give the group's segments, planned time included (R15.1)."""
    result = vector["results"][i]
    spans, planned = composed(vector, result, question_of(vector, result).until_ms)
    assert segments_of(spans, planned) == result["segments"]


def test_checker_is_content() -> None:
    """The independent checker finds no fault in the vectors that we compare with."""
    failures = []
    for vector in DOC["vectors"]:
        for result in vector["results"]:
            got = check.compute(DOC, vector, result)
            failures += [
                (vector["id"], key) for key, want in result["figures"].items() if key not in PROVENANCE and got[key] != want
            ]
    assert failures == []


# ---------------------------------------------------------------- random timelines against the checker

STATES = [state.value for state in State]
END = 400


@st.composite
def segments(draw: st.DrawFn, from_s: int = 0, to_s: int = END) -> list[list[Any]]:
    """Contiguous segments that cover `[from_s, to_s)`, neighbours of equal state included."""
    inner = draw(st.lists(st.integers(from_s + 1, to_s - 1), max_size=25, unique=True))
    edges = [from_s, *sorted(inner), to_s]
    states = draw(st.lists(st.sampled_from(STATES), min_size=len(edges) - 1, max_size=len(edges) - 1))
    return [[a, b, state] for a, b, state in zip(edges, edges[1:], states, strict=False)]


@st.composite
def intervals(draw: st.DrawFn, most: int = 4) -> list[list[int]]:
    pairs = draw(st.lists(st.tuples(st.integers(-20, END + 20), st.integers(1, 150)), max_size=most))
    return [[a, a + length] for a, length in pairs]


def windows_as_events(pairs: list[list[int]], target: str) -> list[Json]:
    events: list[Json] = []
    for n, (a, b) in enumerate(pairs):
        name = f"{target}-{n}"
        events.append({"t": 0, "ev": "maint_create", "id": name, "from": a, "to": b, "scope": [target], "by": "u1"})
        events.append({"t": 0, "ev": "maint_approve", "id": name, "by": "u2"})
    return events


@st.composite
def timelines(draw: st.DrawFn) -> tuple[Json, Json]:
    """A vector with one target: any states, windows, scope, period within it, K, merge gap, policy, objective."""
    p0 = draw(st.integers(0, END - 1))
    p1 = draw(st.integers(p0 + 1, END))
    target: Json = {"kind": "state"}
    if draw(st.booleans()):
        target["scope"] = [list(pair) for pair in union((a, b) for a, b in draw(intervals(3)))]
    vector: Json = {
        "id": "random",
        "period": {"from": p0, "to": p1},
        "targets": {"T": target},
        "slo": draw(st.sampled_from(["0", "50", "90.0", "99", "99.9", "100"])),
        "events": windows_as_events(draw(intervals()), "T"),
    }
    result: Json = {
        "subject": "T",
        "view": "device",
        "policy": draw(st.sampled_from(sorted(POLICIES))),
        "segments": draw(segments()),
        "params": {"merge_gap": draw(st.sampled_from([0, 1, 5, 30, 200]))},
    }
    if draw(st.booleans()):
        result["as_of"] = draw(st.integers(p0, END + 10))
    vector["results"] = [result]
    return vector, result


def _same(got: Json, want: Json) -> None:
    assert {key: got[key] for key in want if not key.startswith("_")} == {
        key: value for key, value in want.items() if not key.startswith("_")
    }


@settings(max_examples=1500, deadline=None)
@given(timelines())
def test_random_timelines_agree_with_the_checker(case: tuple[Json, Json]) -> None:
    """Any timeline, windows, scope, K, merge gap and policy: figures as the independent checker has them (3.12 to 3.14)."""
    vector, result = case
    figures, spans, question = answer(vector, result)
    want = check.compute(DOC, vector, result)
    _same(printed(figures), want)
    for digits in (1, 2, 4):
        assert printing.display(figures.good, figures.bad, digits) == check.display(
            want["good"], want["bad"], want["denom"], digits
        )
    a, b = vector["period"]["from"], question.until_ms // 1000
    for first, last in ((a, b), (a, (a + b) // 2), ((a + b) // 2, b)):
        bad, good = (check.size(check.cut(want[key], [[first, last]])) for key in ("_bad_iv", "_good_iv"))
        burnt = budget.burn(spans, question, first * 1000, last * 1000)
        assert (burnt.bad, burnt.denom) == (bad * 1000, (bad + good) * 1000)


@st.composite
def weeks(draw: st.DrawFn) -> tuple[Json, Json]:
    """A vector with service hours in a zone with clock changes, over some days at one of them."""
    zone, date = draw(
        st.sampled_from(
            [
                ("Asia/Ho_Chi_Minh", 1772384400),
                ("Europe/Berlin", 1774566000),
                ("Europe/Berlin", 1792706400),
                ("America/New_York", 1772859600),
                ("Australia/Lord_Howe", 1775224800),
            ]
        )
    )
    length = draw(st.integers(1, 5 * 24)) * 3600
    weekly: Json = {}
    for name in WEEKDAYS:
        minutes = sorted(draw(st.lists(st.integers(0, 95), max_size=4, unique=True)))
        pairs = zip(minutes[::2], minutes[1::2], strict=False)
        weekly[name] = [[f"{m * 15 // 60:02}:{m * 15 % 60:02}" for m in pair] for pair in pairs]
    calendar = {"tz": zone, "weekly": weekly, "holidays": draw(st.sampled_from([[], ["2026-03-29"], ["2026-10-26"]]))}
    calendar["expanded"] = check.expand_calendar(calendar, date, 0, length)
    cells = draw(segments(0, 480))
    scaled = [[a * 900, b * 900, state] for a, b, state in cells]
    result = {"subject": "T", "view": "device", "policy": draw(st.sampled_from(sorted(POLICIES))), "segments": scaled}
    result |= {"use_calendar": True, "params": {"merge_gap": draw(st.sampled_from([0, 3600]))}}
    vector = {"id": "hours", "period": {"from": 0, "to": length}, "epoch": date, "calendar": calendar, "results": [result]}
    vector |= {"targets": {"T": {"kind": "state"}}, "events": []}
    return vector, result


@settings(max_examples=300, deadline=None)
@given(weeks())
def test_r12_4_service_hours_agree_with_the_checker(case: tuple[Json, Json]) -> None:
    """Service hours by local date, over clock changes too, and the figures within them (R12.4, R2.5)."""
    vector, result = case
    assert [[a // 1000, b // 1000] for a, b in hours_of(vector, vector["period"])] == vector["calendar"]["expanded"]
    figures, _, _ = answer(vector, result)
    _same(printed(figures), check.compute(DOC, vector, result))


@st.composite
def groups(draw: st.DrawFn) -> tuple[Json, Json]:
    """A vector with a group of up to five members, some in scope or known for a part of the period only."""
    names = [f"m{i}" for i in range(draw(st.integers(1, 5)))]
    view = draw(st.sampled_from(["device", "e2e"]))
    vector: Json = {"id": "group", "period": {"from": 0, "to": END}, "targets": {}, "events": [], "results": []}
    for name in names:
        vector["targets"][name] = {"kind": "state"}
        vector["events"] += windows_as_events(draw(intervals(2)), name)
        held = draw(segments())
        if draw(st.booleans()):
            held = held[draw(st.integers(0, len(held) - 1)) :]
        vector["results"].append({"subject": name, "view": "device", "policy": "device_contract", "segments": held})
    rule = draw(st.sampled_from(["all_of", "any_of", "k_of_n"]))
    group = {"rule": rule, "members": names, "k": draw(st.integers(1, len(names)))}
    result = {"subject": "G", "view": view, "policy": draw(st.sampled_from(sorted(POLICIES))), "group": group}
    result |= {"params": {"merge_gap": draw(st.sampled_from([0, 20]))}}
    if draw(st.booleans()):
        result["as_of"] = draw(st.integers(1, END))
    result["segments"] = check.group_segments(vector, result, result.get("as_of", check.INF), 0, result.get("as_of", END))
    vector["results"].append(result)
    return vector, result


@settings(max_examples=500, deadline=None)
@given(groups())
def test_r15_1_random_groups_agree_with_the_checker(case: tuple[Json, Json]) -> None:
    """Groups by instant, and their figures, as the checker composes them (R15.1, R15.2)."""
    vector, result = case
    spans, planned = composed(vector, result, question_of(vector, result).until_ms)
    assert segments_of(spans, planned) == result["segments"]
    figures, _, _ = answer(vector, result)
    want = check.compute(DOC, vector, result)
    del want["maint_down"]  # R11.5: what members showed under planned work is kept here, the checker has no such segments
    _same(printed(figures), want)


@settings(max_examples=300, deadline=None)
@given(segments(), st.integers(1, 120), st.integers(1, 8), st.integers(0, 3))
def test_r10_2_flapping_agrees_with_the_checker(held: list[list[Any]], window: int, high: int, low: int) -> None:
    """On at `high` transitions within the window, off at `low` (R10.2)."""
    rule = FlapRule(window * 1000, high, min(low, high - 1))
    want = check.flapping(held, window, high, rule.low)
    assert flapping(spans_of(held), rule) == [(a * 1000, b * 1000) for a, b in want]


def test_cut_of_a_calendar_and_a_scope_is_agreed_time() -> None:
    """Out of scope and out of hours are in no class at all (3.12)."""
    spans = spans_of([[0, 100, "down"]])
    question = Question(
        (0, 100_000), POLICIES["device_contract"], Fraction(9, 10), scope=[(0, 50_000)], hours=[(40_000, 70_000)]
    )
    figures = compute(spans, question)
    assert (figures.ast, figures.down) == (10_000, 10_000)
    assert cut(question.scope, question.hours or ()) == [(40_000, 50_000)]
