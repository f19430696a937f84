"""`replay`: golden files come out as they were worked out by hand, differences are said, bad files are refused by place."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.replay.format import FormatError
from collector.replay.run import DIFFERS, MATCHES, UNREADABLE, Replay, replay, result_document, run
from collector.replay.words import _PATTERNS, vietnamese

FOLDER = Path(__file__).parents[2] / "data" / "availability"
GOLDEN = FOLDER / "vectors.json"
DOC: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
RESULTS = [(vector, index) for vector in DOC["vectors"] for index in range(len(vector["results"]))]


def _name(value: Any) -> str:
    return value["id"] if isinstance(value, dict) else str(value)


def played(*vectors: dict[str, Any], **changes: Any) -> Replay:
    return replay(json.dumps({**DOC, **changes, "vectors": list(vectors)}).encode())


def made(events: list[dict[str, Any]], target: dict[str, Any] | None = None, **asked: Any) -> dict[str, Any]:
    """A vector with one target T over [0, 1200) and one result, without expectations."""
    result = {"subject": "T", "view": "device", "policy": "device_contract", **asked}
    targets = {"T": {"kind": "probe"} if target is None else target}
    return {"id": "X", "period": {"from": 0, "to": 1200}, "targets": targets, "events": events, "results": [result]}


def oks(until: int, **more: Any) -> dict[str, Any]:
    return {"t": 0, "ev": "obs", "target": "T", "result": "ok", "every": 60, "until": until, **more}


@pytest.mark.parametrize(("vector", "index"), RESULTS, ids=_name)
def test_golden_results_are_met(vector: dict[str, Any], index: int) -> None:
    """Segments, every figure, what is displayed, burn rates, alerts and annotations: to the second and the printed digit."""
    outcome = played(vector).outcomes[index]
    assert outcome.differences == ()
    assert outcome.remarks == ()
    assert outcome.compared >= len(vector["results"][index]["figures"])


def test_the_result_is_a_file_that_the_independent_check_accepts(tmp_path: Path) -> None:
    """With everything computed in place of what was expected, `check.py` recomputes every figure from the segments."""
    stripped = copy.deepcopy(DOC)
    for vector in stripped["vectors"]:
        for result in vector["results"]:
            for key in ("figures", "segments"):
                result.pop(key)
    # Burn rates and alerts belong together in the check; both stay as they are asked for.
    computed = tmp_path / "computed.json"
    computed.write_text(result_document(replay(json.dumps(stripped).encode())), encoding="utf-8")
    check = subprocess.run(
        [sys.executable, FOLDER / "check.py", computed], capture_output=True, text=True, check=False, timeout=60
    )
    assert check.returncode == 0, check.stdout
    again = json.loads(computed.read_text(encoding="utf-8"))
    for vector, before in zip(again["vectors"], DOC["vectors"], strict=True):
        assert [result["segments"] for result in vector["results"]] == [result["segments"] for result in before["results"]]
        assert {key: value for key, value in vector.items() if key != "results"} == {
            key: value for key, value in before.items() if key != "results"
        }


def test_a_result_without_expectations_is_computed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing is compared, and nothing is missing."""
    file = tmp_path / "plain.json"
    file.write_text(json.dumps({**DOC, "vectors": [made([oks(1140)])]}))
    assert run(file, result_json=False, language="en") == MATCHES
    said = capsys.readouterr().out
    assert 'segments [[0, 1200, "up"]]' in said
    assert "X[0] T/device/device_contract: computed" in said
    assert "0 expected figures, 0 differences" in said


def test_differences_are_said_one_by_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A wrong figure gives exit code 1 and both values; wrong segments and annotations alone are remarks."""
    vector = made([oks(1140)], figures={"up": 1199, "verdict": "MET"}, segments=[[0, 1199, "up"]], display={"2": "99.99"})
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**DOC, "vectors": [vector]}))
    assert run(file, result_json=False, language="en") == DIFFERS
    said = capsys.readouterr().out
    assert "DIFFERS figures.up: expected 1199, computed 1200" in said
    assert 'DIFFERS display.2: expected "99.99", computed "100"' in said
    assert 'remark: segments: expected [[0, 1199, "up"]], computed [[0, 1200, "up"]]' in said
    assert "3 expected figures, 2 differences" in said
    assert run(file, result_json=False, language="vi") == DIFFERS
    assert "KHÁC figures.up: mong đợi 1199, tính được 1200" in capsys.readouterr().out
    assert run(file, result_json=True, language="en") == DIFFERS
    said_json = capsys.readouterr()
    assert json.loads(said_json.out)["vectors"][0]["results"][0]["figures"]["up"] == 1200
    assert "figures.up: expected 1199, computed 1200" in said_json.err
    vector["results"][0] = {**vector["results"][0], "figures": {"up": 1200}, "display": {"2": "100"}}
    file.write_text(json.dumps({**DOC, "vectors": [vector]}))
    assert run(file, result_json=False, language="en") == MATCHES


def _broken(change: str, value: Any) -> bytes:
    """A sound file with one value set, by its path."""
    window = {"t": 1, "ev": "maint_create", "id": "W", "from": 1, "to": 2, "scope": ["T"], "by": "u1"}
    vector = made([oks(1140), window])
    vector["targets"]["U"] = {"kind": "probe", "parents": [["T"]]}
    document: dict[str, Any] = {**copy.deepcopy(DOC), "vectors": [vector]}
    *steps, last = change.split("/")
    place: Any = document
    for step in steps:
        place = place[int(step) if step.isdecimal() else step]
    place[int(last) if last.isdecimal() else last] = value
    return json.dumps(document).encode()


BAD = [
    ("vectors/0/events/0/t", "x", 'vectors[0].events[0].t: found "x", expected a whole number'),
    ("vectors/0/events/0/t", 1.5, "vectors[0].events[0].t: found 1.5, expected a whole number"),
    ("vectors/0/events/0/target", "Z", 'vectors[0].events[0].target: found "Z", expected a target of this vector'),
    (
        "vectors/0/events/0/result",
        "maybe",
        'vectors[0].events[0].result: found "maybe", expected one of the values of the format',
    ),
    ("vectors/0/events/0/until", -1, "vectors[0].events[0].until: found -1, expected not before t (0)"),
    ("vectors/0/events/0/every", 0, "vectors[0].events[0].every: found 0, expected a whole number >= 1"),
    ("vectors/0/events/1/id", "V", None),
    ("vectors/0/events/1/to", 1, "vectors[0].events[1].to: found 1, expected after from (1)"),
    ("vectors/0/events/1/ev", "maint_approve", 'vectors[0].events[1].id: found "W", expected the id of a maint_create'),
    ("vectors/0/period", {"from": 5, "to": 5}, 'vectors[0].period: found "from 5 to 5", expected from before to'),
    ("vectors/0/period", {"from": 5}, 'vectors[0].period: found {"from": 5}, expected the key to'),
    ("vectors/0/targets/T/kind", "host", 'vectors[0].targets.T.kind: found "host", expected one of the values of the format'),
    ("vectors/0/targets/T/fail_after", 0, "vectors[0].targets.T.fail_after: found 0, expected a whole number >= 1"),
    (
        "vectors/0/targets/T/parents",
        [["U"]],
        'vectors[0].targets.T.parents: found "T -> U -> T", expected parents without a cycle',
    ),
    ("vectors/0/targets/T/parents", [["Z"]], 'vectors[0].targets.T.parents: found "Z", expected a target of this vector'),
    ("vectors/0/targets/T/scope", [[5, 5]], "vectors[0].targets.T.scope: found [5, 5], expected from before to"),
    ("vectors/0/results/0/subject", "Z", 'found "Z", expected a target of this vector, or a `group` beside it'),
    ("vectors/0/results/0/view", "side", 'vectors[0].results[0].view: found "side", expected one of the values of the format'),
    (
        "vectors/0/results/0/policy",
        "mine",
        'vectors[0].results[0].policy: found "mine", expected one of calendar, calendar_strict',
    ),
    ("vectors/0/results/0/params", {"slo": "101"}, 'found "101", expected per cent as text, such as 99.9'),
    ("vectors/0/results/0/params", {"ttl": "5"}, 'vectors[0].results[0].params.ttl: found "5", expected a whole number'),
    ("vectors/0/results/0/use_calendar", True, "found true, expected a `calendar` in the vector"),
    ("vectors/0/results/0/group", {"rule": "k_of_n", "members": ["T"]}, "group.k: found nothing, expected 1 to 1"),
    (
        "vectors/0/results/0/group",
        {"rule": "all_of", "members": ["Z"]},
        'group.members: found "Z", expected a target or another',
    ),
    ("vectors/0/calendar", {"tz": "Mars/X", "weekly": {}}, "expected a time zone, dates and hours as HH:MM"),
    (
        "vectors/0/calendar",
        {"tz": "Asia/Ho_Chi_Minh", "weekly": {"mon": [["9", "10"]]}},
        "expected a time zone, dates and hours",
    ),
    ("vectors/0/slo", "none", 'vectors[0].slo: found "none", expected per cent as text'),
    ("vectors/0/epoch", "x", 'vectors[0].epoch: found "x", expected a whole number'),
    ("vectors/0/events", None, "vectors[0].events: found null, expected a list"),
    ("vectors/0", 7, "vectors[0]: found 7, expected a mapping"),
    ("vectors", {}, "vectors: found {}, expected a list"),
    ("defaults", {"gap_policy": "x"}, 'defaults.gap_policy: found "x", expected one of the values of the format'),
    ("policies", {"p": {"roles": {}}}, "policies[...]: found"),
]


@pytest.mark.parametrize(("change", "value", "said"), BAD, ids=[f"{place}={value!r}"[:60] for place, value, _ in BAD])
def test_a_bad_file_is_refused_by_place_value_and_expectation(change: str, value: Any, said: str | None) -> None:
    """One wrong value, one message that names it; a renamed window alone is none."""
    if said is None:
        assert replay(_broken(change, value)).differences == 0
        return
    with pytest.raises(FormatError) as error:
        replay(_broken(change, value))
    assert said in str(error.value)


@pytest.mark.parametrize("kind", ["observation", "ping"])
def test_an_unknown_kind_of_event_is_refused(kind: str) -> None:
    with pytest.raises(FormatError, match='vectors\\[0\\].events\\[0\\].ev: found "' + kind + '", expected one of obs, report'):
        replay(_broken("vectors/0/events/0/ev", kind))


def test_what_is_no_such_file_gives_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Not there, no JSON, no mapping: said in the language asked for, and nothing on standard output."""
    file = tmp_path / "file.json"
    assert run(file, result_json=False, language="vi") == UNREADABLE
    assert "không đọc được" in capsys.readouterr().err
    for text, said in (("[", "expected JSON"), ("[]", "expected a mapping with `vectors`"), ("{}", "vectors: found nothing")):
        file.write_text(text)
        assert run(file, result_json=True, language="en") == UNREADABLE
        told = capsys.readouterr()
        assert said in told.err
        assert told.out == ""
    file.write_bytes(_broken("vectors/0/events/0/target", "Z"))
    assert run(file, result_json=False, language="vi") == UNREADABLE
    assert 'vectors[0].events[0].target: thấy "Z", cần một đối tượng của chuỗi này' in capsys.readouterr().err


@pytest.mark.parametrize(("change", "value", "said"), [one for one in BAD if one[2]], ids=lambda one: str(one)[:40])
def test_every_expectation_has_vietnamese_words(change: str, value: Any, said: str) -> None:
    with pytest.raises(FormatError) as error:
        replay(_broken(change, value))
    for problem in error.value.problems:
        assert vietnamese(problem.expected) != problem.expected or any(p.fullmatch(problem.expected) for p, _ in _PATTERNS)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(one for key, part in below for one in _places(part, (*place, key)))]


WRONG = (None, 0, -1, 1.5, "", "x", "T", [], {}, [[]], True, 10**12, 10**30, ["T"], {"a": 1}, [[5, 1]], "99.9")


@given(
    which=st.integers(0, len(DOC["vectors"]) - 1), at=st.integers(0, 10**6), value=st.sampled_from(WRONG), gone=st.booleans()
)
@settings(max_examples=400, deadline=None)
def test_any_one_value_changed_is_judged_or_refused(which: int, at: int, value: Any, gone: bool) -> None:
    """Whatever stands in a place, the file is judged or refused with problems; nothing else is raised."""
    document: Any = copy.deepcopy({**DOC, "vectors": [DOC["vectors"][which]]})
    places = [place for place in _places(document) if place and place[0] != "doc"]
    *steps, last = places[at % len(places)]
    inner = document
    for step in steps:
        inner = inner[step]
    if gone and isinstance(inner, dict):
        del inner[last]
    else:
        inner[last] = value
    try:
        found = replay(json.dumps(document).encode())
    except FormatError as error:
        assert error.problems  # noqa: PT017 - one of the two right ends
    else:
        assert len(json.loads(result_document(found))["vectors"]) == len(document["vectors"])


def test_too_many_events_are_refused() -> None:
    """A repetition is counted before it is written out."""
    event = oks(10**11, every=1)
    with pytest.raises(FormatError, match=r"vectors\[0\].events: found 100000000001, expected at most 5000000 events"):
        played(made([event]))


def test_groups_that_contain_each_other_are_refused() -> None:
    vector = made([oks(1140)])
    vector["results"] = [
        {"subject": a, "view": "device", "policy": "e2e", "group": {"rule": "all_of", "members": [b]}} for a, b in ("GH", "HG")
    ]
    with pytest.raises(FormatError, match="expected groups without a cycle"):
        played(vector)


def segments(vector: dict[str, Any]) -> Any:
    return played(vector).outcomes[0].answer.segments


def test_r8_1_a_stall_is_an_explicit_failure() -> None:
    report = {"t": 0, "ev": "report", "target": "T", "every": 60, "until": 1140}
    stall = {"t": 310, "ev": "stall", "target": "T", "until": 475}
    assert segments(made([report, stall], {"kind": "push"})) == [[0, 310, "up"], [310, 475, "down"], [475, 1200, "up"]]


def test_r8_5_a_shutdown_is_down_until_the_next_evidence() -> None:
    reports = [
        {"t": a, "ev": "report", "target": "T", "every": 60, "until": b, "boot": "B1", "boot_time": -9}
        for a, b in ((0, 300), (600, 1140))
    ]
    stop = {"t": 310, "ev": "agent_stop", "target": "T", "boot": "B1", "reason": "suspend"}
    assert segments(made([*reports, stop], {"kind": "push"})) == [[0, 310, "up"], [310, 600, "down"], [600, 1200, "up"]]


def test_r8_5_time_asleep_is_no_continuity() -> None:
    """Of the silence between two reports of one boot, what it slept is not proved."""
    reports = [
        {"t": t, "ev": "report", "target": "T", "boot": "B1", "boot_time": -9, "suspended": slept}
        for t, slept in ((0, 0), (60, 0), (660, 240), (720, 240))
    ]
    found = played(made(reports, {"kind": "push"})).outcomes[0].answer.figures
    assert found["unknown"] == 240 + 1200 - 780
    assert found["up_inferred"] == 540 - 240


def test_r12_3_scope_may_be_told_by_enrolment_and_retirement() -> None:
    events = [
        {"t": 120, "ev": "enrol", "target": "T"},
        {"t": 600, "ev": "retire", "target": "T"},
        {"t": 60, "ev": "obs", "target": "T", "result": "ok", "every": 60, "until": 900},
        {"t": 5, "ev": "loss", "target": "T"},
    ]
    assert segments(made(events)) == [[120, 600, "up"]]


def test_r2_3_a_spool_whose_boot_was_never_heard_live_is_placed_by_its_wall_clock() -> None:
    """The agent's clock is an hour slow, as its boot before told; the reports of the boot that was not heard fall where they
    belong."""
    heard = {
        "t": 0,
        "ev": "report",
        "target": "T",
        "every": 60,
        "until": 300,
        "boot": "B1",
        "boot_time": -9,
        "wall_offset": -3600,
    }
    spool = {**heard, "t": 360, "until": 600, "rx": 700, "boot": "B2", "boot_time": 350}
    after = {**heard, "t": 720, "until": 1140, "boot": "B3", "boot_time": 710}
    found = played(made([heard, spool, after], {"kind": "push"}, view="device")).outcomes[0].answer
    assert found.segments == [[0, 300, "up"], [300, 360, "down"], [360, 600, "up"], [600, 720, "down"], [720, 1200, "up"]]


def test_a_policy_of_the_file_counts_as_written() -> None:
    policies = {"mine": {"roles": {"up": "good", "down": "good", "unknown": "bad"}, "incident_states": ["down"]}}
    vector = made(
        [oks(540), {"t": 600, "ev": "obs", "target": "T", "result": "fail", "every": 60, "until": 1140}], policy="mine"
    )
    found = played(vector, policies=policies).outcomes[0].answer.figures
    assert (found["good"], found["bad"], found["incidents"], found["mttr"]) == (1200, 0, 1, "600.000")


def test_as_of_before_the_period_gives_no_data() -> None:
    found = played(made([oks(1140)], as_of=-5)).outcomes[0].answer
    assert (found.segments, found.figures["verdict"], found.figures["future_ast"]) == ([], "NO_DATA", 1200)


def test_a_group_may_have_groups_as_members() -> None:
    """Sites of a group of sites (3.15): the inner group is composed in the same view, as of the same K."""
    vector = made([oks(540), {"t": 600, "ev": "obs", "target": "T", "result": "fail", "every": 60, "until": 1140}])
    inner = {"subject": "G", "view": "device", "policy": "e2e", "group": {"rule": "any_of", "members": ["T"]}}
    outer = {"subject": "H", "view": "device", "policy": "e2e", "group": {"rule": "all_of", "members": ["G"]}}
    pool = {
        "subject": "P",
        "view": "device",
        "policy": "e2e",
        "group": {"rule": "pooled", "members": ["T", "H"], "weights": {"H": 3}},
    }
    vector["results"] = [inner, outer, pool]
    answers = [outcome.answer for outcome in played(vector).outcomes]
    assert [answer.segments for answer in answers[:2]] == [[[0, 600, "up"], [600, 1200, "down"]]] * 2
    assert (answers[2].segments, answers[2].figures["up"], answers[2].figures["incidents"]) == (None, 2400, None)
