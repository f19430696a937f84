"""Readings: sentinels, states, ranges, labels, sources in order, and that nothing is made anew that has not changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.blocks import Layout
from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.profile import Profile
from tests.agent.snmp.reading_kit import OID, profile_of, rows


def poll(profile: Profile, answers: dict[str, Any], memory: Memory | None = None, at_s: float = 0.0) -> Evaluation:
    """One full poll; keys are relative to the tests' OID."""
    return evaluate(
        profile, rows({f"{OID}.{key}": value for key, value in answers.items()}), memory or Memory(), at_s, full=True
    )


def values(found: Evaluation, reading: str) -> dict[tuple[str, ...], Any]:
    """The rows of a reading."""
    table = found.tables.get(reading)
    return {} if table is None else dict(zip(table.labels, table.values, strict=True))


def shown(found: Evaluation, reading: str) -> dict[tuple[str, ...], float]:
    """Its series as they are exposed."""
    for family, labels, numbers in found.readings:
        if family.name == f"haidang_{reading}":
            return dict(zip(labels, numbers, strict=True))
    return {}


@pytest.mark.parametrize(
    ("entry", "answers", "expected"),
    [
        ("value: aScalar / 100", {"1.0": 50}, {(): 0.5}),
        ("value: aScalar / 100", {"1.0": None}, {}),
        ("value: aScalar / 100", {}, {}),
        ("{value: aScalar / 100, unless: [-1]}", {"1.0": -1}, {}),
        ("{value: aScalar / 100, unless: [4294967295]}", {"1.0": ("g", 4294967295)}, {}),
        ("value: aScalar / 100", {"1.0": 101}, {}),
        ("{value: aScalar / 100, rescale: 0.1}", {"1.0": 990}, {(): 0.99}),
        ("{value: aScalar / 100, rescale: 0.1}", {"1.0": 9900}, {}),
        ("{value: aScalar / 100, range: [0.2, 0.4]}", {"1.0": 50}, {}),
        ("value: aScalar / 100", {"1.0": "50"}, {(): 0.5}),
        ("value: aScalar / 100", {"1.0": "50 %"}, {(): 0.5}),
        ("value: aScalar / 100", {"1.0": "n/a"}, {}),
        ("value: [otherScalar / 1000, aScalar / 100]", {"1.0": 50}, {(): 0.5}),
        ("value: [otherScalar / 1000, aScalar / 100]", {"1.0": 50, "6.0": 505}, {(): 0.505}),
        ("{value: [otherScalar / 1000, aScalar / 100], unless: [65535]}", {"1.0": 50, "6.0": 65535}, {(): 0.5}),
        ("value: 1 if has(otherScalar) else 0", {}, {}),  # nothing that it looks at was answered
        ("value: 1 if has(otherScalar) else aScalar", {"1.0": 0}, {(): 0.0}),
        ("{value: aScalar / 100, where: otherScalar > 1}", {"1.0": 50, "6.0": 1}, {}),
        ("{value: aScalar / 100, where: otherScalar > 1}", {"1.0": 50}, {}),
        ("{value: aScalar / 100, where: otherScalar > 1}", {"1.0": 50, "6.0": 2}, {(): 0.5}),
        ("value: aText", {"2.0": "x"}, {}),
    ],
)
def test_number(tmp_path: Path, entry: str, answers: dict[str, Any], expected: dict[tuple[str, ...], float]) -> None:
    """What was not read, is a sentinel or is implausible gives no row; the first source with a row counts."""
    profile = profile_of(tmp_path, f"readings: [{{reading: ups_battery_charge_ratio, {entry.strip('{}')}}}]\n")
    assert values(poll(profile, answers), "ups_battery_charge_ratio") == pytest.approx(expected)


def test_dropped_values_are_counted(tmp_path: Path) -> None:
    """The implausible and the unparsable are counted with every poll."""
    entries = "[{reading: ups_battery_charge_ratio, value: aScalar / 100}, {reading: ups_alarms, value: otherScalar}]"
    profile, memory = profile_of(tmp_path, f"readings: {entries}\n"), Memory()
    poll(profile, {"1.0": 900, "6.0": "?"}, memory)
    found = poll(profile, {"1.0": 900, "6.0": "?"}, memory, 60)
    assert shown(found, "snmp_implausible_total") == {(): 2.0}
    assert shown(found, "snmp_unparsable_total") == {(): 2.0}


STATES = (
    "readings: [{reading: device_fan_state, value: aState, labels: {fan: aName}, states: {1: ok, 2: failed, three: absent}}]\n"
)


def test_states(tmp_path: Path) -> None:
    """A state is one of the vocabulary's; a number that is not listed is unknown, a text where a number belongs is absent."""
    profile = profile_of(tmp_path, STATES)
    answers = {"5.1": 1, "5.2": 2, "5.3": 99, "5.4": "three", "5.5": "warning", "4.1": "A", "4.2": "B", "4.3": "C"}
    found = poll(profile, {**answers, "5.6": None})
    assert values(found, "device_fan_state") == {
        ("A",): "ok", ("B",): "failed", ("C",): "unknown",
    }  # fmt: skip
    assert shown(found, "device_fan_state")[("B", "failed")] == 1.0
    assert sum(shown(found, "device_fan_state").values()) == 3


def test_state_by_text(tmp_path: Path) -> None:
    """Texts are states by the profile's list, or by the vocabulary."""
    profile = profile_of(tmp_path, "readings: [{reading: firewall_ha_state, value: aText, states: {primary: active}}]\n")
    for said, expected in (("primary", "active"), ("standby", "standby"), ("", "unknown"), ("what", "unknown")):
        assert values(poll(profile, {"2.0": said}), "firewall_ha_state") == {(): expected}


@pytest.mark.parametrize(
    ("labels", "answers", "expected"),
    [
        ("{sensor: aName}", {"3.1": 20, "3.2": 21, "4.1": "in", "4.2": "out"}, {("in",): 20, ("out",): 21}),
        ("{}", {"3.1": 20, "3.2": 21}, {("1",): 20, ("2",): 21}),
        ("{}", {"3.4.300.70000": 20}, {("4.300.70000",): 20}),
        ("{sensor: aName}", {"3.1": 20, "3.2": 21, "4.1": ""}, {("1",): 20, ("2",): 21}),
        ("{sensor: aName}", {"3.1": 20, "3.2": 21, "4.1": "T", "4.2": "T"}, {("T #1",): 20, ("T #2",): 21}),
        ("{sensor: \"'board ' + text(index(1))\"}", {"3.7": 20}, {("board 7",): 20}),
        ("{sensor: aName}", {"3.1": 20, "4.1": "Cảm biến\r\n  phòng"}, {("Cảm biến phòng",): 20}),
        ("{sensor: aName}", {"3.1": 20, "4.1": b"bad\x00\xfe" + b"x" * 600}, {("bad₫" + "x" * 251,): 20}),
    ],
)
def test_labels(tmp_path: Path, labels: str, answers: dict[str, Any], expected: dict[tuple[str, ...], float]) -> None:
    """Labels are texts of the row; without one it is the index, and doubles are told apart by it."""
    profile = profile_of(tmp_path, f"readings: [{{reading: env_temperature_celsius, value: aColumn, labels: {labels}}}]\n")
    assert values(poll(profile, answers), "env_temperature_celsius") == expected


def test_entries_of_one_reading_are_put_together(tmp_path: Path) -> None:
    """Two tables may give rows of one reading; of rows with the same labels the first counts."""
    text = """readings:
  - {reading: env_temperature_celsius, value: aColumn}
  - {reading: env_temperature_celsius, value: aScalar, labels: {sensor: "'whole'"}}
  - {reading: env_temperature_celsius, value: otherScalar, labels: {sensor: "'1'"}}
"""
    found = poll(profile_of(tmp_path, text), {"3.1": 20, "1.0": 30, "6.0": 40})
    assert values(found, "env_temperature_celsius") == {("1",): 20, ("whole",): 30}


def test_rows_of_text_become_info(tmp_path: Path) -> None:
    """An info is 1 where its value is there; identity gives device_info."""
    text = "vendor: Maker\nidentity: {model: aText, serial: \"match(aText, 'SN:([0-9]+)')\"}\n"
    found = poll(profile_of(tmp_path, text), {"2.0": "X1 SN:77"})
    assert shown(found, "device_info") == {("Maker", "X1 SN:77", "77", ""): 1.0}
    assert list(shown(found, "snmp_device_info")) == [("tested", "", "", "", "")]


TWO = """readings:
  - {reading: env_temperature_celsius, value: aColumn, labels: {sensor: aName}}
  - {reading: device_fan_state, value: aState, states: {1: ok}}
"""


def test_a_layout_that_has_not_changed_is_the_same_objects(tmp_path: Path) -> None:
    """While labels stay, families and series are handed out by identity, so that packing a block looks at values only."""
    profile, memory, layout = profile_of(tmp_path, TWO), Memory(), Layout()
    answers: dict[str, Any] = {"3.1": 20, "3.2": 21, "4.1": "in", "4.2": "out", "5.1": 1}
    first = poll(profile, answers, memory)
    layout.block(first.readings)
    schema = layout.hash
    second = poll(profile, {**answers, "3.1": 25, "5.1": 2}, memory, 60)
    for (family, labels, _), (new_family, new_labels, _) in zip(first.readings, second.readings, strict=True):
        assert new_family is family
        assert new_labels is labels
    layout.block(second.readings)
    assert (layout.hash, layout.changes) == (schema, 1)
    renamed = poll(profile, {**answers, "4.1": "rack"}, memory, 120)
    assert values(renamed, "env_temperature_celsius") == {("rack",): 20, ("out",): 21}
    gone = poll(profile, {**answers, "3.1": -999}, memory, 180)
    assert values(gone, "env_temperature_celsius") == {("out",): 21}


def test_devices_that_are_alike_share_layout_and_labels(tmp_path: Path) -> None:
    """Thousands of devices of one family with the same names do not keep them thousands of times."""
    profile = profile_of(tmp_path, TWO)
    answers: dict[str, Any] = {"3.1": 20, "4.1": "in", "5.1": 1}
    one, other = poll(profile, answers), poll(profile, answers)
    assert one.tables["env_temperature_celsius"].series is other.tables["env_temperature_celsius"].series
    assert one.tables["device_fan_state"].series is other.tables["device_fan_state"].series


ANSWER = st.one_of(st.none(), st.integers(-(2**63), 2**64), st.binary(max_size=40), st.floats(), st.text(max_size=8))


@given(
    polls=st.lists(
        st.dictionaries(st.sampled_from(["1.0", "2.0", "3.1", "3.2", "4.1", "4.2", "5.1", "6.0"]), ANSWER), max_size=6
    )
)
@settings(deadline=None, max_examples=200)
def test_whatever_a_device_answers(polls: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any types and values give readings that can be packed: finite numbers in their ranges, labels that are told apart."""
    profile = _profile(tmp_path_factory)
    memory, layout = Memory(), Layout()
    for place, answers in enumerate(polls):
        found = poll(
            profile, {key: ("g", value) if isinstance(value, float) else value for key, value in answers.items()}, memory, place
        )
        layout.block(found.readings)
        fresh = poll(profile, {key: ("g", value) if isinstance(value, float) else value for key, value in answers.items()})
        for reading in ("env_temperature_celsius", "device_fan_state", "ups_battery_charge_ratio"):
            table = fresh.tables.get(reading)
            assert (table is None) or len(set(table.labels)) == len(table.labels)
            if table is not None and reading == "ups_battery_charge_ratio":
                assert all(0 <= value <= 1 for value in table.values)


_made: list[Profile] = []


def _profile(factory: pytest.TempPathFactory) -> Profile:
    if not _made:
        more = "  - {reading: ups_battery_charge_ratio, value: aScalar / otherScalar, unless: [7]}\n"
        _made.append(profile_of(factory.mktemp("site"), TWO + more))
    return _made[0]
