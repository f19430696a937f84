"""Vectors worked out by hand for the rules that the golden file cites but does not hold (V08, V14 ... V38) and for edges."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.replay.format import FormatError
from collector.replay.run import MATCHES, replay, result_document, run
from collector.replay.words import vietnamese

FOLDER = Path(__file__).parents[2] / "data" / "availability"
MORE = FOLDER / "more_vectors.json"
DOC: dict[str, Any] = json.loads(MORE.read_text(encoding="utf-8"))
VECTORS: list[dict[str, Any]] = DOC["vectors"]


def _check(path: Path) -> subprocess.CompletedProcess[str]:
    """The independent check of figures against segments."""
    return subprocess.run([sys.executable, FOLDER / "check.py", path], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_results_are_as_worked_out_by_hand(vector: dict[str, Any]) -> None:
    """Figures and segments, to the second."""
    outcomes = replay(json.dumps({**DOC, "vectors": [vector]}).encode()).outcomes
    assert len(outcomes) == len(vector["results"])
    for outcome in outcomes:
        assert outcome.compared > 20
        assert outcome.differences == ()
        assert [remark for remark in outcome.remarks if remark.what == "segments"] == []


def test_the_hand_figures_agree_with_the_hand_segments() -> None:
    """`check.py` recomputes every figure of the file."""
    found = _check(MORE)
    assert found.returncode == 0, found.stdout
    assert " 0 failures" in found.stdout


def test_the_computed_file_is_accepted_by_the_independent_check(tmp_path: Path) -> None:
    """Without expectations in the file, what is computed says the same."""
    bare = copy.deepcopy(DOC)
    for vector in bare["vectors"]:
        for result in vector["results"]:
            del result["figures"], result["segments"]
    path = tmp_path / "computed.json"
    path.write_text(result_document(replay(json.dumps(bare).encode())), encoding="utf-8")
    found = _check(path)
    assert found.returncode == 0, found.stdout
    again = json.loads(path.read_text(encoding="utf-8"))
    for vector, before in zip(again["vectors"], VECTORS, strict=True):
        assert [result["segments"] for result in vector["results"]] == [result["segments"] for result in before["results"]]


def _small(result: dict[str, Any], **vector: Any) -> dict[str, Any]:
    events = [{"t": 0, "ev": "obs", "target": "T", "result": "ok", "every": 60, "until": 1140}]
    asked = {"subject": "T", "view": "device", "policy": "device_contract", **result}
    made = {"id": "X", "period": {"from": 0, "to": 1200}, "targets": {"T": {"kind": "probe"}}, "events": events}
    return {"vectors": [{**made, "results": [asked], **vector}]}


def test_null_says_as_much_as_a_key_that_is_not_there() -> None:
    """In events, targets, results and vectors; what must be there is still missed."""
    nothing = dict.fromkeys(("as_of", "period", "params", "group", "burn", "display", "annotations", "figures", "segments"))
    events = [
        {
            "t": 0,
            "ev": "obs",
            "target": "T",
            "result": "ok",
            "every": 60,
            "until": 1140,
            "rx": None,
            "observer": None,
            "by": None,
        }
    ]
    document = _small(nothing, events=events, targets={"T": {"kind": "probe", "parents": None, "scope": None, "ttl": None}})
    document["vectors"][0] |= {"calendar": None, "slo": None, "epoch": None}
    found = replay(json.dumps({**document, "defaults": None, "policies": None}).encode())
    assert found.outcomes[0].answer.segments == [[0, 1200, "up"]]
    without = _small({}, results=None)
    assert replay(json.dumps(without).encode()).outcomes == ()
    assert json.loads(result_document(replay(json.dumps(without).encode()))) == without


@pytest.mark.parametrize("slo", ["99.9", 99.9])
def test_an_objective_may_be_a_number(slo: str | float) -> None:
    """R16.1: a decimal number stands for what is written, not for the nearest binary one."""
    for document in (_small({}, slo=slo), _small({"params": {"slo": slo}}), {**_small({}), "defaults": {"slo": slo}}):
        assert replay(json.dumps(document).encode()).outcomes[0].answer.figures["budget_total"] == "1.200"


def test_no_time_is_to_come_in_a_period_that_is_over(tmp_path: Path) -> None:
    """`future_ast` is 0 then, and may be expected to be."""
    path = tmp_path / "closed.json"
    path.write_text(json.dumps(_small({"figures": {"future_ast": 0, "maint_down": 0}})))
    assert run(path, result_json=True, language="en") == MATCHES


def test_results_that_share_a_vector_do_not_share_what_differs() -> None:
    """Each K, set of parameters and period is judged for itself, in whatever order they are asked."""
    vector = next(vector for vector in VECTORS if vector["id"] == "X01")
    twice = {**vector, "results": [*reversed(vector["results"]), *vector["results"], *vector["results"][:2]]}
    found = replay(json.dumps({**DOC, "vectors": [twice]}).encode())
    assert found.differences == 0
    assert [outcome.answer.segments for outcome in found.outcomes] == [result["segments"] for result in twice["results"]]


def test_r12_3_segments_have_no_holes_between_two_times_of_service(tmp_path: Path) -> None:
    """What lies between is told as unknown, counts nowhere, and the independent check can add the rest up."""
    document = {**DOC, **_small({}, targets={"T": {"kind": "probe", "scope": [[0, 300], [600, 900]]}})}
    found = replay(json.dumps(document).encode())
    computed = found.outcomes[0].answer
    assert computed.segments == [[0, 300, "up"], [300, 600, "unknown"], [600, 900, "up"]]
    assert (computed.figures["ast"], computed.figures["unknown"]) == (600, 0)
    path = tmp_path / "holes.json"
    path.write_text(result_document(found), encoding="utf-8")
    assert _check(path).returncode == 0


EDGES: dict[str, tuple[str, int, list[tuple[int, str]], int, str | None]] = {
    "unknown at the very beginning": (
        "device_contract",
        0,
        [(-600, "up"), (-300, "down"), (0, "unknown"), (60, "down"), (120, "up")],
        0,
        "360.000",
    ),
    "a short up at the very beginning": (
        "device_contract",
        300,
        [(-600, "up"), (-300, "down"), (0, "up"), (60, "down"), (120, "up")],
        0,
        "360.000",
    ),
    "a short up until the beginning": (
        "device_contract",
        300,
        [(-600, "up"), (-300, "down"), (-60, "up"), (0, "down"), (120, "up")],
        0,
        "360.000",
    ),
    "a long up until the beginning": (
        "device_contract",
        60,
        [(-600, "up"), (-300, "down"), (-60, "up"), (0, "down"), (120, "up")],
        1,
        "120.000",
    ),
    "charged degraded over the beginning": ("degraded_bad", 0, [(-600, "up"), (-300, "degraded"), (300, "up")], 0, "600.000"),
    "charged degraded until the beginning": (
        "degraded_bad",
        0,
        [(-600, "up"), (-300, "degraded"), (0, "down"), (100, "up")],
        0,
        "400.000",
    ),
    "unknown until the end": (
        "device_contract",
        0,
        [(0, "up"), (1000, "down"), (1100, "unknown"), (1200, "down"), (1300, "up")],
        1,
        None,
    ),
    "a short up until the end": (
        "device_contract",
        300,
        [(0, "up"), (1000, "down"), (1100, "up"), (1200, "down"), (1300, "up")],
        1,
        None,
    ),
    "an end that only unknown follows": (
        "device_contract",
        0,
        [(0, "up"), (1000, "down"), (1100, "unknown"), (1300, "up")],
        1,
        "100.000",
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_r13_2_a_chain_over_the_edge_of_a_period_is_one_whatever_lies_at_the_edge(name: str) -> None:
    """It started where its first charged second is, and has ended when its last one is in the period (R13.1, R13.4)."""
    policy, merge_gap, states, started, closed = EDGES[name]
    events = [{"t": t, "ev": "state", "target": "T", "state": state} for t, state in states]
    asked = {"policy": policy, "params": {"merge_gap": merge_gap}}
    document = _small(asked, events=events, targets={"T": {"kind": "state"}})
    figures = replay(json.dumps(document).encode()).outcomes[0].answer.figures
    assert (figures["incidents"], figures["incidents_started"], figures["mttr_closed"]) == (1, started, closed)


def _refused(data: bytes) -> str:
    with pytest.raises(FormatError) as error:
        replay(data)
    assert [problem for problem in error.value.problems if vietnamese(problem.expected) == problem.expected != "JSON"] == []
    return str(error.value)


def test_a_file_that_is_not_utf_8_is_refused() -> None:
    assert "expected JSON" in _refused(b'{"vectors": ["\xff"]}')


def test_r15_3_a_pool_has_no_states_to_compose() -> None:
    """A group of members' states cannot take one; a pool of groups can."""
    pool = {"subject": "F", "view": "device", "policy": "device_contract", "group": {"rule": "pooled", "members": ["T"]}}
    group = {**pool, "subject": "G", "group": {"rule": "all_of", "members": ["T", "F"]}}
    said = _refused(json.dumps(_small({}, results=[group, pool])).encode())
    assert said == 'vectors[0].results[0].group.members: found "F", expected a member that has states, which a pool has not'
    group["group"] = {"rule": "all_of", "members": ["T"]}
    pool["group"] = {"rule": "pooled", "members": ["T", "G"]}
    found = replay(json.dumps(_small({}, results=[group, pool])).encode())
    assert found.outcomes[1].answer.figures["ast"] == 2400


def test_a_role_for_what_is_no_state_is_refused_by_place() -> None:
    policies = {"x": {"roles": {"asleep": "good"}, "incident_states": []}}
    said = _refused(json.dumps({**_small({}), "policies": policies}).encode())
    assert said.startswith('policies[...].roles: found {"x"')
