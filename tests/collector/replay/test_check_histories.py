"""Random histories through `replay`, and every figure and group recomputed from the segments by the independent check."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.replay.format import Question
from collector.replay.reading import load
from collector.replay.run import replay, result_document
from collector.replay.timeline import Shelf
from tests.collector.core.histories import History, document, share

FOLDER = Path(__file__).parents[2] / "data" / "availability"
POLICIES: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))["policies"]


def _check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", FOLDER / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK = _check()


def _vector(seed: int) -> dict[str, Any] | None:
    """A history with ends and cancellations of windows, service hours, groups, and all policies; None if K is before it."""
    history, dice = History(seed), Random(seed)
    vector = history.vector
    from_s, to_s = vector["period"]["from"], vector["period"]["to"]
    if history.as_of is not None and history.as_of <= from_s + 240:
        return None
    for made in [event for event in vector["events"] if event["ev"] == "maint_create" and dice.random() < 0.3]:
        act = dice.choice(("maint_end", "maint_cancel"))
        vector["events"].append({"t": dice.randrange(1800), "ev": act, "id": made["id"], "by": "u1"})
    shared: dict[str, Any] = {}
    if dice.random() < 0.3:
        day = [[f"{hour:02d}:{dice.choice(('00', '05'))}", f"{hour:02d}:{dice.randint(10, 40)}"] for hour in range(24)]
        vector["epoch"] = 1772384400 + dice.randrange(86_400)
        vector["calendar"] = {"tz": "Asia/Ho_Chi_Minh", "weekly": dict.fromkeys(("mon", "tue"), day), "holidays": []}
        vector["calendar"]["expanded"] = CHECK.expand_calendar(vector["calendar"], vector["epoch"], from_s, to_s)
        shared["use_calendar"] = True
    elif dice.random() < 0.5:
        shared["period"] = {"from": from_s + 60 * dice.randint(0, 3) + dice.choice((0, 7)), "to": to_s}
    views, policies, names = ("device", "e2e"), sorted(POLICIES), sorted(history.targets)
    results = [{**history.question(name, view), "policy": dice.choice(policies)} for name in names for view in views]
    for number in range(3):
        members = dice.sample(names, dice.randint(1, len(names)))
        group = {"rule": dice.choice(("all_of", "any_of", "k_of_n")), "k": dice.randint(1, len(members)), "members": members}
        asked = history.question(f"G{number}", dice.choice(views))
        results.append({**asked, "policy": dice.choice(policies), "group": group})
    return {**vector, "results": [{**result, **shared} for result in results]}


@settings(max_examples=share(2), deadline=None)
@given(st.integers(0, 2**40))
def test_figures_and_groups_are_those_of_the_independent_check(seed: int) -> None:
    vector = _vector(seed)
    if vector is None:
        return
    found = replay(json.dumps({**document(vector), "policies": POLICIES}).encode())
    told = json.loads(result_document(found))
    for result in told["vectors"][0]["results"]:
        recomputed = CHECK.compute(told, told["vectors"][0], result)
        for key, value in result["figures"].items():
            if key not in CHECK.UNCHECKED:
                assert recomputed[key] == value, (result["subject"], key)


def test_results_of_the_same_k_and_parameters_are_judged_once() -> None:
    """And only those: another K, period or parameter is another case. What is kept is bounded."""
    vector = _vector(7) or _vector(8)
    assert vector is not None
    read = load(json.dumps({**document(vector), "policies": POLICIES}).encode()).vectors[0]
    shelf, period = Shelf(), (0, 1000)
    one, two = Question("A", "device", "e2e"), Question("B", "e2e", "calendar")
    assert shelf.judged(one, period) is shelf.judged(two, period)
    assert shelf.judged(one, period) is not shelf.judged(one, (0, 2000))
    assert shelf.judged(one, period) is not shelf.judged(Question("A", "device", "e2e", params={"ttl": 7}), period)
    known = shelf.known(read, None)
    assert shelf.known(read, None) is known
    assert shelf.known(read, 5) is not known
    assert shelf.known(read, 6) is not known
    assert shelf.known(read, None) is not known
