"""Families of which no recording exists: their profiles derive what a person reading the MIB would, and judge it so."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.packets.ber import tail_from
from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.library import Library
from agent.snmp.match import Facts
from agent.snmp.profile import Profile
from agent.snmp.rows import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Rows
from tests.snmp.recordings import encode

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "data/snmp/constructed_devices.yml").read_text(encoding="utf-8")
)
OID = "oid "
"""What marks an object identifier among the texts of the file."""


@cache
def library() -> Library:
    return Library.load()


def answered(profile: Profile, answers: dict[str, Any]) -> Rows:
    """The answers as rows in the order of OIDs; the same OID under two names once."""
    bound: dict[bytes, Any] = {}
    for name, value in answers.items():
        word, _, index = name.partition(".")
        bound[profile.objects[word].oid + tail_from([int(arc) for arc in (index or "0").split(".")])] = value
    rows = Rows()
    for oid, value in sorted(bound.items()):
        if isinstance(value, int):
            rows.add(oid, INTEGER, value)
        elif value.startswith(OID):
            rows.add(oid, OBJECT_IDENTIFIER, encode(value.removeprefix(OID)))
        else:
            rows.add(oid, OCTET_STRING, value.encode())
    return rows


def rows_of_reading(evaluation: Evaluation, name: str) -> dict[str, Any]:
    table = evaluation.tables.get(name)
    return {} if table is None else {"/".join(row): value for row, value in zip(table.labels, table.values, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=[f"{place}-{case['profile']}" for place, case in enumerate(CASES)])
def test_a_device_without_recording_is_known_read_and_judged(case: dict[str, Any]) -> None:
    """The facts lead to the profile; readings, findings and health are those of the file."""
    assert library().identify(Facts(**case["facts"])).profile == case["profile"]
    profile = library().profile(case["profile"])
    evaluation = evaluate(profile, answered(profile, case["answers"]), Memory(), 1000.0, full=True)
    for name, expected in case.get("readings", {}).items():
        assert rows_of_reading(evaluation, name) == {label: pytest.approx(value) for label, value in expected.items()}, name
    assert sorted(finding.rule for finding in evaluation.findings) == sorted(case.get("rules", []))
    assert str(evaluation.health) == case["health"], evaluation.reason
