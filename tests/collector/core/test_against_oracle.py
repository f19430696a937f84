"""The judge against an independent, slow reading of the same rules; and that reading against what was worked out by hand."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.state import View, Why
from collector.replay.timeline import runs_of, spans_between
from tests.collector.core.histories import History, Vector, case_of, document, share, smallest
from tests.collector.core.oracle import Oracle, answer

FOLDER = Path(__file__).parents[2] / "data" / "availability"
DOC: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))
RESULTS = [(vector, index) for vector in DOC["vectors"] for index in range(len(vector["results"]))]
SINGLE = [(vector, index) for vector, index in RESULTS if "group" not in vector["results"][index]]
GROUPS = [
    (vector, index) for vector, index in RESULTS if vector["results"][index].get("group", {}).get("rule", "pooled") != "pooled"
]
SEEDS = st.integers(0, 2**40)


def _name(value: Any) -> str:
    return value["id"] if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(("vector", "index"), SINGLE, ids=_name)
def test_the_oracle_gives_the_golden_segments(vector: Vector, index: int) -> None:
    """What was derived by hand: segments, time that rests on late evidence or continuity, soft runs, reboots, restarts."""
    result = vector["results"][index]
    segments = result["segments"]
    got = answer(DOC, vector, result, (segments[0][0], segments[-1][1]))
    assert got.segments == segments
    for key in ("up_backfill", "up_inferred"):
        assert getattr(got, key) == result["figures"].get(key, getattr(got, key))
    for key in ("soft_runs", "reboots", "agent_restarts"):
        assert getattr(got, key) == result.get("annotations", {}).get(key, getattr(got, key))


@pytest.mark.parametrize(("vector", "index"), GROUPS, ids=_name)
def test_the_oracle_gives_the_golden_groups(vector: Vector, index: int) -> None:
    """Groups, composed by the independent check from the segments that the oracle gives for the members (3.15)."""
    spec = importlib.util.spec_from_file_location("check", FOLDER / "check.py")
    assert spec is not None
    assert spec.loader is not None
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    result = vector["results"][index]
    period = result.get("period", vector["period"])
    until = min(period["to"], result.get("as_of", period["to"]))
    members = [
        {
            "subject": member,
            "view": result["view"],
            "segments": answer(DOC, vector, {**result, "subject": member}, (period["from"], until)).segments,
        }
        for member in result["group"]["members"]
    ]
    got = check.group_segments({**vector, "results": members}, result, result.get("as_of", check.INF), period["from"], until)
    assert got == result["segments"]


def judged(vector: Vector, asked: dict[str, Any]) -> tuple[Any, ...]:
    """Segments in whole seconds, seconds by E2 and E3, as the real core gives them."""
    case = case_of(vector, asked)
    spans = spans_between(case.spans(asked["subject"], View(asked["view"])), case.period[0], case.end_ms)
    rests = [
        sum(span.to_ms - span.from_ms for span in spans if span.why is why) / 1000 for why in (Why.BACKFILL, Why.CONTINUITY)
    ]
    return [[a / 1000, b / 1000, str(state)] for a, b, state in runs_of(spans)], *rests


def read_again(vector: Vector, asked: dict[str, Any]) -> tuple[Any, ...]:
    """The same by the oracle."""
    period = vector["period"]
    got = answer(document(), vector, asked, (period["from"], period["to"]))
    return got.segments, got.up_backfill, got.up_inferred


@given(seed=SEEDS, plain=st.booleans())
@settings(max_examples=share(25), deadline=None)
def test_judge_and_oracle_agree(seed: int, plain: bool) -> None:
    """Every target of a random history, in both views, as of a random K: the same segments, and the same grades."""
    history = History(seed, plain=plain)
    for name in history.targets:
        for view in View:
            asked = history.question(name, str(view))
            if judged(history.vector, asked) != read_again(history.vector, asked):
                least = smallest(history.vector, lambda one: judged(one, asked) != read_again(one, asked))  # noqa: B023
                shown = json.dumps({"history": least, "asked": asked}, indent=1)
                pytest.fail(f"{shown}\njudge  {judged(least, asked)}\noracle {read_again(least, asked)}")


def test_the_oracle_can_tell_a_wrong_answer() -> None:
    """It is not content with everything: one sample more or less is another answer."""
    events = [{"t": t, "ev": "obs", "target": "T", "result": "fail"} for t in (0, 60, 120)]
    vector: Vector = {"id": "X", "period": {"from": 0, "to": 180}, "targets": {"T": {"kind": "probe"}}, "events": events}
    asked = {"subject": "T", "view": "device", "policy": "device_contract"}
    assert answer(document(), vector, asked, (0, 180)).segments == [[0, 180, "down"]]
    assert answer(document(), {**vector, "events": events[:2]}, asked, (0, 180)).segments == [[0, 180, "unknown"]]
    assert Oracle(document(), vector, asked, 180).path("T", "device", 0) == "ok"
