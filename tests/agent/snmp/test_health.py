"""Health rules: each of the shipped ones on readings that break it and readings that do not, hold times, hysteresis, memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.snmp import health
from agent.snmp.health import Health, Judge, Judgement
from agent.snmp.library import Library
from agent.snmp.readings import Table
from agent.snmp.rules import Change, changed
from agent.snmp.trend import Trends, slope_of
from agent.snmp.vocabulary import Kind

LIBRARY = Library.load()
HOUR = 3_600.0

Given = dict[str, Any]
"""Readings: a value for one row without labels, or {label or labels: value}."""


def tables(given: Given) -> dict[str, Table]:
    """The tables of readings."""
    found = {}
    for name, values in given.items():
        reading = LIBRARY.vocabulary[name]
        rows = values if isinstance(values, dict) else {"": values}
        labels = []
        for key in rows:
            parts = key if isinstance(key, tuple) else (key,)
            labels.append((*parts, *[""] * len(reading.labels))[: len(reading.labels)])
        assert reading.kind is not Kind.STATE or set(rows.values()) <= set(reading.states), f"{name}: no such state"
        found[name] = Table(reading, tuple(labels), list(rows.values()))
    return found


def judged(judge: Judge, given: Given, at_s: float = 0.0, gap_s: float = 10_000.0, required: tuple[str, ...] = ()) -> Judgement:
    """One judgement by all shipped rules."""
    return judge.judge(tuple(LIBRARY.rules.values()), required, tables(given), at_s, gap_s)


def held(given: Given, for_s: float) -> Judgement:
    """The judgement after readings have been the same for so long, polled every minute."""
    judge = Judge()
    result = judged(judge, given)
    for at_s in range(60, int(for_s) + 1, 60):
        result = judged(judge, given, at_s)
    return result


UP, DEGRADED, DOWN = Health.UP, Health.DEGRADED, Health.DOWN

CASES: list[tuple[Given, float, Health, str]] = [
    # processor, memory, file systems
    ({"device_cpu_utilization_ratio": {"1": 0.95}}, 540, UP, ""),
    ({"device_cpu_utilization_ratio": {"1": 0.95}}, 600, DEGRADED, "processor 1 at 95 %"),
    ({"device_cpu_utilization_ratio": {"1": 0.9}}, 1_200, UP, ""),
    ({"host_cpu_utilization_ratio": {"1": 1.0, "2": 0.1}}, 1_200, UP, ""),
    ({"host_cpu_utilization_ratio": {"1": 1.0, "2": 0.9}}, 600, DEGRADED, "processors at 95 %"),
    ({"device_memory_utilization_ratio": {"ram": 0.96}}, 600, DEGRADED, "memory ram at 96 %"),
    ({"host_memory_utilization_ratio": 0.96}, 540, UP, ""),
    ({"host_filesystem_utilization_ratio": {"/": 0.85, "/var": 0.5}}, 0, UP, ""),
    ({"host_filesystem_utilization_ratio": {"/": 0.86, "/var": 0.5}}, 0, DEGRADED, "file system / is 86 % full"),
    ({"host_filesystem_utilization_ratio": {"/": 0.96, "/var": 0.97}}, 0, DOWN, "file system /var is 97 % full (and 1 more)"),
    # temperature, fans, power supplies
    ({"device_temperature_state": {"cpu": "warning"}}, 0, DEGRADED, "the device warns of temperature cpu"),
    ({"device_temperature_state": {"cpu": "critical"}}, 0, DOWN, "temperature cpu is critical"),
    ({"device_temperature_celsius": {"cpu": 70}, "device_temperature_limit_celsius": {"cpu": 65}}, 0, DEGRADED, "70 °C"),
    ({"device_temperature_celsius": {"cpu": 70}, "device_temperature_limit_celsius": {"in": 65}}, 0, UP, ""),
    ({"device_temperature_celsius": {"cpu": 99}}, 0, UP, ""),
    ({"device_temperature_celsius": {"cpu": 99}, "device_temperature_critical_celsius": {"cpu": 95}}, 0, DOWN, "critical"),
    ({"device_fan_state": {"1": "ok", "2": "failed"}}, 0, DEGRADED, "fan 2: failed"),
    ({"device_fan_state": {"1": "failed", "2": "failed", "3": "absent"}}, 0, DOWN, "all fans have failed"),
    ({"device_fan_state": {"1": "ok", "2": "absent"}}, 0, UP, ""),
    ({"device_psu_state": {"1": "ok", "2": "failed"}}, 0, DEGRADED, "power supply 2: failed"),
    ({"device_psu_state": {"1": "failed", "2": "unknown"}}, 0, DOWN, "all power supplies have failed"),
    ({"device_redundancy": {"power": 0}}, 0, DEGRADED, "no redundancy: power"),
    # storage, BMC
    ({"storage_pool_state": {"a": "degraded"}}, 0, DEGRADED, "pool a: degraded"),
    ({"storage_pool_state": {"a": "rebuilding"}}, 0, DEGRADED, "pool a: rebuilding"),
    ({"storage_pool_state": {"a": "busy"}}, 0, UP, ""),
    ({"storage_pool_state": {"a": "failed"}}, 0, DOWN, "pool a: failed"),
    ({"storage_pool_state": {"a": "offline"}}, 0, DOWN, "pool a: offline"),
    ({"storage_disk_state": {"3": "spare_used"}}, 0, DEGRADED, "disk 3: spare used"),
    ({"storage_disk_state": {"3": "spare"}}, 0, UP, ""),
    ({"hardware_rollup_state": "degraded"}, 0, DEGRADED, "the hardware is degraded"),
    ({"hardware_rollup_state": "failed"}, 0, DOWN, "critical fault"),
    ({"hardware_state": {"disk 1": "failed"}}, 0, DEGRADED, "hardware disk 1: failed"),
    # pairs, neighbours
    ({"firewall_ha_peer_state": {"": "missing"}}, 0, DEGRADED, "the other member of the pair: missing"),
    ({"firewall_ha_synchronized": {"": 0}}, 0, DEGRADED, "the pair is not in step"),
    ({"firewall_ha_state": "standby", "firewall_ha_peer_state": {"": "active"}}, 0, UP, ""),
    ({"firewall_ha_state": "standby", "firewall_ha_peer_state": {"": "missing"}}, 0, DOWN, "no active member"),
    ({"bgp_peer_state": {"192.0.2.1": "active"}, "bgp_peer_admin_up": {"192.0.2.1": 1}}, 0, DEGRADED, "192.0.2.1: active"),
    ({"bgp_peer_state": {"192.0.2.1": "idle"}, "bgp_peer_admin_up": {"192.0.2.1": 0}}, 0, UP, ""),
    ({"ospf_neighbour_state": {"192.0.2.1": "two_way"}}, 600, UP, ""),
    ({"ospf_neighbour_state": {"192.0.2.1": "init"}}, 60, DEGRADED, "OSPF neighbour 192.0.2.1: init"),
    ({"vpn_tunnel_up": {"hcm": 0, "hn": 1}}, 0, DEGRADED, "tunnel hcm is down"),
    ({"firewall_session_utilization_ratio": {"": 0.95}}, 0, DEGRADED, "session table at 95 %"),
    # ports
    ({"network_port_state": {"Gi1": "down", "Gi2": "disabled", "Gi3": "unknown"}}, 0, UP, ""),
    ({"network_port_state": {"Gi1": "testing"}}, 0, DEGRADED, "port Gi1 is testing"),
    ({"network_port_state": {"Gi1": "down"}, "network_port_watched": {"Gi1": 1}}, 0, DEGRADED, "port Gi1 is down"),
    ({"network_port_state": {"Gi1": "down"}, "network_port_watched": {"Gi2": 1}}, 0, UP, ""),
    ({"network_port_error_ratio": {"Gi1": 0.002}}, 0, DEGRADED, "port Gi1: 0.2 % of the packets have errors"),
    ({"network_port_error_ratio": {"Gi1": 0.001}}, 0, UP, ""),
    ({"network_port_receive_utilization_ratio": {"W": 0.95}, "network_port_wan": {"W": 1}}, 840, UP, ""),
    ({"network_port_receive_utilization_ratio": {"W": 0.95}, "network_port_wan": {"W": 1}}, 900, DEGRADED, "receives at 95 %"),
    ({"network_port_transmit_utilization_ratio": {"W": 0.95}}, 1_800, UP, ""),
    # UPS
    ({"ups_output_source": "normal", "ups_battery_state": "normal"}, 0, UP, ""),
    ({"ups_output_source": "eco"}, 0, UP, ""),
    ({"ups_output_source": "bypass", "ups_battery_charge_ratio": 1.0}, 0, DEGRADED, "bypass"),
    ({"ups_output_source": "bypass_fault"}, 0, DOWN, "the UPS has failed"),
    ({"ups_output_source": "none"}, 0, DOWN, "the output is off"),
    ({"ups_output_source": "battery"}, 0, DEGRADED, "mains out"),
    ({"ups_output_source": "battery", "ups_battery_runtime_seconds": 299}, 0, DOWN, "on battery, 4 min 59 s left"),
    ({"ups_output_source": "normal", "ups_battery_runtime_seconds": 299}, 0, UP, ""),
    ({"ups_output_source": "battery", "ups_battery_state": "low"}, 0, DOWN, "on battery, and the battery is low"),
    ({"ups_output_source": "normal", "ups_battery_state": "low"}, 0, DEGRADED, "the battery is low"),
    ({"ups_output_source": "normal", "ups_battery_state": "depleted"}, 0, DOWN, "the battery is depleted"),
    ({"ups_battery_state": "unknown"}, 1_740, UP, ""),
    ({"ups_battery_state": "unknown"}, 1_800, DEGRADED, "does not know"),
    ({"ups_battery_replace": 1}, 0, DEGRADED, "needs replacing"),
    ({"ups_output_load_ratio": {"1": 0.5, "2": 0.81}}, 0, DEGRADED, "load of line 2 at 81 %"),
    ({"ups_output_source": "normal", "ups_battery_charge_ratio": 0.49}, 0, DEGRADED, "charged only 49 %"),
    ({"ups_output_source": "battery", "ups_battery_charge_ratio": 0.49}, 0, DEGRADED, "mains out"),
    ({"ups_alarms": 2}, 0, DEGRADED, "alarms at the UPS: 2"),
    # PDU, transfer switch, environment
    ({"pdu_load_state": {"1": "near_overload"}}, 0, DEGRADED, "near its limit"),
    ({"pdu_load_state": {"1": "overload"}}, 0, DOWN, "1 is overloaded"),
    ({"pdu_load_ratio": {"1": 0.81}}, 0, DEGRADED, "at 81 %"),
    ({"pdu_current_amperes": {"1": 0}}, 0, UP, ""),
    ({"ats_redundant": 0}, 0, DEGRADED, "only one source is left"),
    ({"env_temperature_celsius": {"rack": 30.5}}, 0, DEGRADED, "rack is 30.5 °C"),
    ({"env_temperature_celsius": {"rack": 38.5}}, 0, DOWN, "rack is 38.5 °C"),
    ({"env_temperature_celsius": {"rack": 33}, "env_temperature_limit_celsius": {"rack": 35}}, 0, UP, ""),
    ({"env_temperature_celsius": {"rack": 36}, "env_temperature_limit_celsius": {"rack": 35}}, 0, DEGRADED, "above its limit"),
    ({"env_contact_state": {"door": "alarm"}}, 0, DEGRADED, "contact door is in alarm"),
    # video
    ({"vc_endpoint_state": "ok", "vc_hardware_state": {"camera": "failed"}}, 0, DEGRADED, "camera has failed"),
    ({"vc_sip_state": "ok", "vc_sip_registered": {"1": 0}}, 0, DEGRADED, "not registered with the SIP server"),
    ({"vc_sip_state": "disabled", "vc_h323_state": "disabled"}, 0, UP, ""),
    ({"vc_call_receive_loss_ratio": {"1": 0.02}}, 0, UP, ""),
    ({"vc_call_receive_loss_ratio": {"1": 0.02}}, 60, DEGRADED, "call loses 2 %"),
    ({"vc_call_receive_loss_ratio": {"1": 0.06}}, 0, DEGRADED, "bad call"),
    ({"vc_call_receive_jitter_seconds": {"1": 0.031}}, 60, DEGRADED, "jitter of the call is 31 ms"),
    ({"vc_call_receive_latency_seconds": {"1": 0.2}}, 60, DEGRADED, "latency of the call is 200 ms"),
    ({"mcu_ports_utilization_ratio": {"video": 0.72}}, 0, UP, ""),
    ({"mcu_ports_utilization_ratio": {"video": 0.91}}, 0, DEGRADED, "91 % of the video ports"),
    ({"mcu_hardware_state": {"power supply": "failed"}}, 0, DEGRADED, "power supply of the conference bridge"),
    ({"mcu_failed_call_ratio": 0.3}, 540, UP, ""),
    ({"mcu_failed_call_ratio": 0.3}, 600, DEGRADED, "30 % of the new calls fail"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "for_s", "expected", "words"), CASES, ids=[f"{next(iter(case[0]))}-{place}" for place, case in enumerate(CASES)]
)
def test_rule(given: Given, for_s: float, expected: Health, words: str) -> None:
    """Readings that stand so for so long give this health, and say why."""
    found = held(given, for_s)
    assert found.health is expected, found.reason
    assert words in found.reason
    assert bool(found.reason) == bool(found.reason_vi) == (expected is not UP)


def test_down_outweighs_unknown_outweighs_degraded() -> None:
    """A finding of down counts though other things were not read; one of degraded does not make known what is not."""
    needed = ("ups_output_source",)
    assert judged(Judge(), {"ups_output_source": "normal"}, required=needed).health is UP
    assert judged(Judge(), {"ups_battery_charge_ratio": 1.0}, required=needed).health is Health.UNKNOWN
    assert judged(Judge(), {"ups_output_source": "unknown"}, required=needed).health is Health.UNKNOWN
    found = judged(Judge(), {"ups_battery_replace": 1}, required=needed)
    assert found.health is Health.UNKNOWN
    assert found.reason == "not known: ups_output_source; the battery needs replacing"
    assert judged(Judge(), {"ups_battery_state": "depleted"}, required=needed).health is DOWN
    assert judged(Judge(), {"vc_calls": 0}, required=("ups_output_source", "vc_calls")).health is UP


def test_the_worst_comes_first() -> None:
    """The reason begins with what is worst, and is not endless."""
    found = judged(Judge(), {"ups_battery_replace": 1, "ups_output_source": "none", "ups_alarms": 1})
    assert found.health is DOWN
    assert found.reason == "the output is off; the battery needs replacing; alarms at the UPS: 1"
    assert found.reason_vi == "không có điện ngõ ra; cần thay ắc quy; số báo động trên UPS: 1"
    assert found.findings[0].rule == "ups_no_output"


def test_hysteresis() -> None:
    """A finding ends only beyond its `clear`, and one that has not begun does not begin there."""
    judge = Judge()
    for at_s, value, expected in ((0, 0.84, UP), (60, 0.86, DEGRADED), (120, 0.84, DEGRADED), (180, 0.83, UP), (240, 0.84, UP)):
        assert judged(judge, {"host_filesystem_utilization_ratio": {"/": value}}, at_s).health is expected, at_s


def test_hold_begins_anew_after_a_good_poll_and_after_a_gap() -> None:
    """Ten minutes means ten minutes without a good value, and nothing is known of a time without polls."""
    bad, good = {"host_memory_utilization_ratio": 0.97}, {"host_memory_utilization_ratio": 0.5}
    judge = Judge()
    judged(judge, bad, 0)
    judged(judge, good, 300)
    assert judged(judge, bad, 600).health is UP
    assert judged(judge, bad, 1_199).health is UP
    assert judged(judge, bad, 1_200).health is DEGRADED
    judge = Judge()
    judged(judge, bad, 0, gap_s=150)
    assert judged(judge, bad, 700, gap_s=150).health is UP
    for at_s in range(760, 1_360, 60):
        found = judged(judge, bad, at_s, gap_s=150)
    assert found.findings[0].since_s == 700


def test_clear_time() -> None:
    """A rule with `clear_for_s` ends only after so long a good time."""
    judge = Judge()
    hot = {"device_temperature_celsius": {"a": 70}, "device_temperature_limit_celsius": {"a": 65}}
    cool = {"device_temperature_celsius": {"a": 60}, "device_temperature_limit_celsius": {"a": 65}}
    assert judged(judge, hot, 0).health is DEGRADED
    assert judged(judge, cool, 60).health is DEGRADED
    assert judged(judge, cool, 359).health is DEGRADED
    assert judged(judge, cool, 360).health is UP


def test_lost_is_not_never_had() -> None:
    """The last session lost is down for a day; one that was never there is not down."""
    judge = Judge()
    lost = {"bgp_peer_state": {"a": "idle", "b": "idle"}, "bgp_peer_admin_up": {"a": 1, "b": 1}}
    assert judged(judge, lost, 0).health is DEGRADED
    assert judged(judge, {**lost, "bgp_peer_state": {"a": "established", "b": "idle"}}, 60).health is DEGRADED
    assert judged(judge, lost, 120).health is DOWN
    assert judged(judge, lost, 90_000, gap_s=1e9).health is DEGRADED
    judge = Judge()
    judged(judge, {"pdu_current_amperes": {"1": 2.0, "2": 0}}, 0)
    found = judged(judge, {"pdu_current_amperes": {"1": 0, "2": 0}}, 60)
    assert found.health is DOWN
    assert found.reason == "phase 1 carried load and is at 0 A"


def test_a_reading_that_is_gone_takes_its_findings_along() -> None:
    """Nothing is said of what is not known any more."""
    judge = Judge()
    assert judged(judge, {"ups_alarms": 3}, 0).health is DEGRADED
    assert judged(judge, {}, 60).health is UP
    assert judged(judge, {"ups_alarms": 3}, 120).findings[0].since_s == 120


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device with ever new rows cannot fill the memory."""
    monkeypatch.setattr(health, "MAX_ROWS", 100)
    judge = Judge()
    for poll in range(5):
        given = {"device_sensor_state": {f"{poll}-{place}": "failed" for place in range(150)}}
        found = judged(judge, given, poll * 60)
    assert found.findings[0].count <= 100


def test_filling() -> None:
    """A file system that grows steadily is told of when it will be full within three days, and only then."""
    gib = 2.0**30
    for per_hour, expected in ((2 * gib, DEGRADED), (0.2 * gib, UP), (0.0, UP), (-2 * gib, UP)):
        judge = Judge()
        for hour in range(10):
            used = {"/": 20 * gib + hour * per_hour}
            found = judged(
                judge, {"host_filesystem_used_bytes": used, "host_filesystem_size_bytes": {"/": 100 * gib}}, hour * HOUR
            )
        assert found.health is expected, per_hour
        if expected is DEGRADED:
            assert found.reason == "file system / will be full in 1 d 7 h"


def test_trend_is_bounded_and_forgets() -> None:
    """A day of samples, rows that are gone are forgotten, and a short past says nothing."""
    trends = Trends()
    for hour in range(100):
        found = trends.times([(("/",), float(hour))], {("/",): 1_000.0}, hour * HOUR)
    assert found[0] == pytest.approx(901 * HOUR)
    assert trends.times([(("/new",), 1.0)], {("/new",): 2.0}, 101 * HOUR) == [None]
    assert slope_of([(0.0, 1.0)]) == 0.0


def test_change_of_a_rule() -> None:
    """Other thresholds replace those of the rule; without a `clear` of its own it ends where it begins."""
    rule = LIBRARY.rules["env_temperature_high"]
    warm = changed(rule, Change(above=45))
    assert (warm.above, warm.clear) == (45, None)
    with pytest.raises(ValueError, match="clear on the good side"):
        changed(rule, Change(above=45, clear=50))


@settings(deadline=None)  # twenty polls with all rules, on a machine that does other things as well
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "ups_output_source": st.sampled_from(LIBRARY.vocabulary["ups_output_source"].states),
                "ups_battery_charge_ratio": st.floats(0, 1),
                "ups_battery_runtime_seconds": st.floats(0, 10_000),
                "device_fan_state": st.dictionaries(
                    st.text(max_size=3), st.sampled_from(["ok", "failed", "absent"]), min_size=1
                ),
                "host_cpu_utilization_ratio": st.dictionaries(st.text(max_size=2), st.floats(0, 1), min_size=1, max_size=4),
                "pdu_current_amperes": st.dictionaries(st.text(max_size=2), st.floats(0, 30), min_size=1, max_size=4),
            },
        ),
        max_size=20,
    )
)
def test_never_up_with_a_finding_never_down_without(polls: list[Given]) -> None:
    """Whatever the readings do, health, findings and reason agree, and what is raised holds or is within its clear."""
    judge = Judge()
    for place, poll in enumerate(polls):
        found = judged(judge, poll, place * 60.0)
        worst = {finding.health for finding in found.findings}
        assert (found.health is UP) == (not worst)
        assert (found.health is DOWN) == (DOWN in worst)
        assert all(finding.since_s <= place * 60.0 for finding in found.findings)
