"""One poll understood: tiers, freshness, restarts, and the words of UPS-MIB as a person would judge them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.health import Health
from agent.snmp.library import Library
from agent.snmp.uptime import Verdict
from tests.agent.snmp.reading_kit import rows

LIBRARY = Library.load()
UPS = LIBRARY.profile("ups-rfc1628")
U = "1.3.6.1.2.1.33.1."
UPTIME = "1.3.6.1.2.1.1.3.0"
CORE = {
    UPTIME: ("t", 1_000_000),
    f"{U}2.1.0": 2,
    f"{U}2.2.0": 0,
    f"{U}2.3.0": 30,
    f"{U}2.4.0": 100,
    f"{U}4.1.0": 3,
    f"{U}6.1.0": 0,
}
REST = {
    f"{U}3.2.0": 1, f"{U}4.3.0": 1, f"{U}2.5.0": 2_710, f"{U}3.3.1.3.1": 230, f"{U}3.3.1.3.2": 0, f"{U}3.3.1.3.3": None,
    f"{U}4.4.1.2.1": 231, f"{U}4.4.1.5.1": 20,
}  # fmt: skip


def full(memory: Memory, at_s: float = 0.0, **changes: Any) -> Evaluation:
    """A poll of everything."""
    return evaluate(UPS, rows({**CORE, **REST, **_changes(changes)}), memory, at_s, full=True)


def fast(memory: Memory, at_s: float, **changes: Any) -> Evaluation:
    """A poll of the core objects."""
    return evaluate(UPS, rows({**CORE, **_changes(changes)}), memory, at_s, full=False)


def _changes(changes: dict[str, Any]) -> dict[str, Any]:
    return {UPTIME if key == "uptime" else U + key[1:].replace("_", ".") + ".0": value for key, value in changes.items()}


def names(found: Evaluation) -> set[str]:
    """Readings of this poll."""
    return {family.name.removeprefix("haidang_") for family, _, _ in found.readings}


def value(found: Evaluation, name: str) -> Any:
    """The values of a reading that holds."""
    table = found.tables.get(name)
    return None if table is None else table.values[0] if len(table.values) == 1 else table.values


@pytest.mark.parametrize(
    ("changes", "health", "words"),
    [
        ({}, Health.UP, ""),
        ({"o4_1": 4}, Health.DEGRADED, "the output comes from the bypass"),
        ({"o4_1": 5}, Health.DEGRADED, "mains out"),
        ({"o4_1": 5, "o2_3": 4}, Health.DOWN, "on battery, 4 min left"),
        ({"o4_1": 5, "o2_3": 65_535}, Health.DEGRADED, "mains out"),  # a sentinel is no short time
        ({"o4_1": 5, "o2_3": -1}, Health.DEGRADED, "mains out"),
        ({"o4_1": 5, "o2_1": 3}, Health.DOWN, "on battery, and the battery is low"),
        ({"o4_1": 2}, Health.DOWN, "the output is off"),
        ({"o4_1": None}, Health.UNKNOWN, "not known: ups_output_source"),
        ({"o4_1": 99}, Health.UNKNOWN, "not known: ups_output_source"),
        ({"o2_1": 4}, Health.DOWN, "the battery is depleted"),
        ({"o2_4": 40}, Health.DEGRADED, "the battery is charged only 40 %, on mains"),
        ({"o6_1": 2}, Health.DEGRADED, "alarms at the UPS: 2"),
        ({"o2_4": ("g", 100), "o2_1": ("g", 2)}, Health.UP, ""),  # any integer type will do
    ],
)
def test_ups(changes: dict[str, Any], health: Health, words: str) -> None:
    """A UPS by RFC 1628 is judged as a person would."""
    found = full(Memory(), **changes)
    assert found.health is health
    assert found.reason.startswith(words) if words else found.reason == ""


def test_units_and_absent_lines() -> None:
    """Base units; a line with NULL, or beyond the number of lines with nothing on it, does not count."""
    found = full(Memory())
    assert value(found, "ups_battery_runtime_seconds") == 1_800
    assert value(found, "ups_battery_volts") == 271
    assert found.tables["ups_input_volts"].labels == (("1",),)
    assert value(found, "ups_output_load_ratio") == 0.2


def test_fast_poll_gives_what_needs_no_more_and_judges_with_the_rest() -> None:
    """With the core objects alone only their readings are shown; the last full ones still count for health while fresh."""
    memory = Memory()
    first = full(memory)
    second = fast(memory, 60, o4_1=5)
    assert names(second) < names(first) | {"health_finding"}
    assert "ups_output_source" in names(second)
    assert "ups_battery_volts" not in names(second)
    assert value(second, "ups_battery_volts") == 271
    assert second.health is Health.DEGRADED
    third = fast(memory, 151)
    assert value(third, "ups_battery_volts") is None, "two and a half intervals are over"
    assert third.health is Health.UP


def test_a_first_fast_poll_knows_what_it_needs() -> None:
    """Before any walk has ended the core objects are enough for the health of a UPS."""
    assert fast(Memory(), 0, o4_1=4).health is Health.DEGRADED


def test_a_finding_from_the_walk_lasts_through_fast_polls() -> None:
    """What the walk found stays found until the walk says otherwise or is too old."""
    memory = Memory()
    busy = {**CORE, **REST, f"{U}4.4.1.5.1": 95}
    assert evaluate(UPS, rows(busy), memory, 0, full=True).reason == "load of line 1 at 95 %"
    assert fast(memory, 60).health is Health.DEGRADED
    assert full(memory, 120).health is Health.UP


def test_required_is_kept_while_it_is_fresh() -> None:
    """One poll without an answer to what is required does not make a device unknown; lasting silence does."""
    memory = Memory()
    assert full(memory, 0).health is Health.UP
    assert full(memory, 60, o4_1=None).health is Health.UP
    assert full(memory, 160, o4_1=None).health is Health.UNKNOWN


def test_restart_is_counted_and_a_wrap_is_not() -> None:
    """The device's restarts by its clocks."""
    memory = Memory()
    assert full(memory, 0, uptime=("t", 2**32 - 3_000)).verdict is Verdict.UNKNOWN
    assert full(memory, 60, uptime=("t", 3_000)).verdict is Verdict.RUNNING
    assert full(memory, 120, uptime=("t", 9_000)).verdict is Verdict.RUNNING
    assert full(memory, 1_000, uptime=("t", 500)).verdict is Verdict.AGENT_RESTARTED
    assert full(memory, 1_060, uptime=None).verdict is Verdict.UNKNOWN
    found = full(memory, 1_120, uptime=("t", 12_500))
    assert found.verdict is Verdict.RUNNING
    numbers = {family.name: list(values) for family, _, values in found.readings}
    assert numbers["haidang_device_reboots_total"] == [1.0]
    assert numbers["haidang_snmp_agent_uptime_seconds"] == [125.0]


def test_findings_are_series() -> None:
    """A finding is a series of its rule while it lasts, and health is a state set."""
    memory = Memory()
    found = {family.name: (labels, list(values)) for family, labels, values in full(memory, o4_1=4).readings}
    assert found["haidang_health_finding"] == ((("ups_on_bypass",),), [1.0])
    assert found["haidang_health_state"] == ((("up",), ("degraded",), ("down",), ("unknown",)), [0.0, 1.0, 0.0, 0.0])
    assert "health_finding" not in names(full(memory, 60))


def test_a_restart_gives_ports_no_rate() -> None:
    """Counters that began anew with the device are no traffic; `reset` says so from outside, for a trap."""
    profile, memory = LIBRARY.profile("generic"), Memory()

    def poll(at_s: float, uptime: int, octets: int) -> Evaluation:
        port = {"1.3.6.1.2.1.2.2.1.2.1": "eth0", "1.3.6.1.2.1.2.2.1.8.1": 1, "1.3.6.1.2.1.31.1.1.1.15.1": ("g", 1_000)}
        answers = {UPTIME: ("t", uptime), **port, "1.3.6.1.2.1.31.1.1.1.6.1": ("c64", octets)}
        return evaluate(profile, rows(answers), memory, at_s, full=True)

    used = "network_port_receive_utilization_ratio"
    poll(0, 1_000_000, 0)
    assert value(poll(100, 1_010_000, 1_250_000_000), used) == 0.1
    assert value(poll(1_000, 5_000, 2_500_000_000), used) is None
    assert value(poll(1_100, 15_000, 3_750_000_000), used) == 0.1
    memory.reset()
    assert used not in names(poll(1_200, 25_000, 5_000_000_000))


def test_a_new_profile_begins_with_nothing() -> None:
    """An answer of nothing at all is understood, and says so."""
    found = evaluate(UPS, rows({}), Memory(), 0, full=True)
    assert found.health is Health.UNKNOWN
    assert found.reason_vi == "không đọc được: ups_output_source"
