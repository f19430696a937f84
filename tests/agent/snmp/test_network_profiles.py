"""Network families whose interesting moments no recording shows, by hand-made answers in the numbers of their MIBs: broken
pairs, failed parts, sentinels, states in words."""

from __future__ import annotations

from typing import Any

import pytest

from agent.snmp.evaluate import Evaluation, Memory, evaluate
from agent.snmp.health import Health
from agent.snmp.library import Library
from agent.snmp.match import Facts
from tests.agent.snmp.reading_kit import rows

LIBRARY = Library.load()
PORT: dict[str, Any] = {"1.3.6.1.2.1.2.2.1.7.1": 1, "1.3.6.1.2.1.2.2.1.8.1": 1, "1.3.6.1.2.1.31.1.1.1.1.1": "port1"}
"""One port that is up, since nothing is called up whose ports were not read."""
FORTI = "1.3.6.1.4.1.12356.101"
ASA = "1.3.6.1.4.1.9.9.147.1.2.1.1.1"
PAN = "1.3.6.1.4.1.25461.2.1.2.1"
CHECKPOINT = "1.3.6.1.4.1.2620.1"
HH3C = "1.3.6.1.4.1.25506.2.6.1.1.1.1"
ENTITY = "1.3.6.1.2.1.47.1.1.1.1"
ENVMON = "1.3.6.1.4.1.9.9.13.1"
SENSOR = "1.3.6.1.4.1.9.9.91.1"
MIKROTIK = "1.3.6.1.4.1.14988.1.1"
ARUBA = "1.3.6.1.4.1.47196.4.1.1.3.11"
BROCADE = "1.3.6.1.4.1.1588.2.1.1.1"


def judged(profile: str, answers: dict[str, Any]) -> Evaluation:
    """What one full poll of a device with these answers gives."""
    return evaluate(LIBRARY.profile(profile), rows(PORT | answers), Memory(), 1000.0, full=True)


def read(found: Evaluation, name: str) -> dict[str, Any]:
    """A reading's values by their first label, empty if it was not read."""
    table = found.tables.get(name)
    return (
        {} if table is None else {row[0] if row else "": value for row, value in zip(table.labels, table.values, strict=True)}
    )


def test_a_fortigate_alone_in_its_cluster_is_degraded() -> None:
    """An active member whose partner is gone works, but nothing stands behind it."""
    cluster = {
        f"{FORTI}.13.1.1.0": 3,
        f"{FORTI}.13.2.1.1.2.1": "FGT1",
        f"{FORTI}.13.2.1.1.11.1": "fw-1",
        f"{FORTI}.13.2.1.1.12.1": 1,
        f"{FORTI}.13.2.1.1.16.1": "FGT1",
        "1.3.6.1.4.1.12356.100.1.1.1.0": "FGT1",
    }
    found = judged("fortinet-fortigate", cluster)
    assert (read(found, "firewall_ha_state"), found.health) == ({"": "active"}, Health.DEGRADED)
    both = cluster | {f"{FORTI}.13.2.1.1.2.2": "FGT2", f"{FORTI}.13.2.1.1.11.2": "fw-2", f"{FORTI}.13.2.1.1.12.2": 1}
    assert judged("fortinet-fortigate", both).health is Health.UP
    found = judged("fortinet-fortigate", both | {f"{FORTI}.13.2.1.1.12.2": 0})
    assert (read(found, "firewall_ha_synchronized"), found.health) == ({"fw-1": 1.0, "fw-2": 0.0}, Health.DEGRADED)


@pytest.mark.parametrize(
    ("own", "members", "leader", "state", "peer"),
    [
        ("FGT2", ("FGT2", "FGT1"), "FGT1", "standby", "active"),
        ("FGT1", ("FGT1", "FGT2"), "FGT1", "active", "standby"),
        ("FGT9", ("FGTA", None), "FGTA", "active", "standby"),
    ],
)
def test_a_fortigate_knows_its_place_in_the_pair(
    own: str, members: tuple[str, str | None], leader: str, state: str, peer: str
) -> None:
    """Behind a member that does not lead stands the one that does, and a column left out is no lost member."""
    answers: dict[str, Any] = {f"{FORTI}.13.1.1.0": 3, "1.3.6.1.4.1.12356.100.1.1.1.0": own}
    for row, serial in enumerate(members, 1):
        answers |= {f"{FORTI}.13.2.1.1.11.{row}": f"fw-{row}", f"{FORTI}.13.2.1.1.12.{row}": 1}
        answers |= {} if serial is None else {f"{FORTI}.13.2.1.1.2.{row}": serial, f"{FORTI}.13.2.1.1.16.{row}": leader}
    found = judged("fortinet-fortigate", answers)
    assert (read(found, "firewall_ha_state"), read(found, "firewall_ha_peer_state")) == ({"": state}, {"": peer})
    assert found.health is Health.UP


def test_a_fortigate_that_stands_alone_by_intention_is_up() -> None:
    """Standalone is no fault; a tunnel that is down and a sensor in alarm are."""
    assert judged("fortinet-fortigate", {f"{FORTI}.13.1.1.0": 1}).health is Health.UP
    tunnel = {f"{FORTI}.12.2.2.1.2.1": "site", f"{FORTI}.12.2.2.1.3.1": "lan", f"{FORTI}.12.2.2.1.20.1": 1}
    found = judged("fortinet-fortigate", tunnel)
    assert (read(found, "vpn_tunnel_up"), found.health) == ({"site/lan": 0.0}, Health.DEGRADED)
    sensors = {
        f"{FORTI}.4.3.2.1.2.1": "DTS CPU0",
        f"{FORTI}.4.3.2.1.3.1": "41.5",
        f"{FORTI}.4.3.2.1.4.1": 0,
        f"{FORTI}.4.3.2.1.2.2": "Fan 1",
        f"{FORTI}.4.3.2.1.3.2": "0",
        f"{FORTI}.4.3.2.1.4.2": 1,
        f"{FORTI}.4.3.2.1.2.3": "Fan 2",
        f"{FORTI}.4.3.2.1.3.3": "3900",
        f"{FORTI}.4.3.2.1.4.3": 0,
    }
    found = judged("fortinet-fortigate", sensors)
    assert read(found, "device_temperature_celsius") == {"DTS CPU0": 41.5}
    assert (read(found, "device_fan_state"), found.health) == ({"Fan 1": "failed", "Fan 2": "ok"}, Health.DEGRADED)


@pytest.mark.parametrize(
    ("own", "peer", "details", "state", "peer_state", "health"),
    [
        (9, 10, ("Active unit", "Standby unit"), "active", "standby", Health.UP),
        (9, 4, ("Active unit", "Failed"), "active", "failed", Health.DEGRADED),
        (10, 4, ("Standby unit", "Failed"), "standby", "failed", Health.DOWN),
        (2, 3, ("Failover Off", "not Configured"), "standalone", None, Health.UP),
    ],
)
def test_an_asa_is_judged_by_both_units(
    own: int, peer: int, details: tuple[str, str], state: str, peer_state: str | None, health: Health
) -> None:
    """A pair without an active unit carries nothing; a unit whose failover is switched off misses nobody."""
    found = judged(
        "cisco-asa",
        {
            f"{ASA}.2.6": "Primary unit (this device)",
            f"{ASA}.2.7": "Secondary unit",
            f"{ASA}.3.6": own,
            f"{ASA}.3.7": peer,
            f"{ASA}.4.6": details[0],
            f"{ASA}.4.7": details[1],
        },
    )
    assert read(found, "firewall_ha_state") == {"": state}
    assert read(found, "firewall_ha_peer_state") == ({} if peer_state is None else {"secondary": peer_state})
    assert found.health is health


@pytest.mark.parametrize(
    ("own", "peer", "health"),
    [
        ("active", "passive", Health.UP),
        ("passive", "active", Health.UP),
        ("active", "unknown", Health.DEGRADED),
        ("suspended", "active", Health.DEGRADED),
        ("non-functional", "suspended", Health.DOWN),
        ("disabled", "unknown", Health.UP),
    ],
)
def test_a_palo_alto_says_its_pair_in_words(own: str, peer: str, health: Health) -> None:
    """`unknown` is a lost peer in a pair and nothing at all without one."""
    assert judged("paloalto-panos", {f"{PAN}.11.0": own, f"{PAN}.12.0": peer}).health is health


def test_a_check_point_says_numbers_and_states_in_words() -> None:
    """Text that is a number is parsed, words are read by their beginning, and an unlimited table has no utilisation."""
    found = judged(
        "checkpoint-gaia",
        {
            f"{CHECKPOINT}.1.25.3.0": 5000,
            f"{CHECKPOINT}.1.25.10.0": 0,
            f"{CHECKPOINT}.5.2.0": 1,
            f"{CHECKPOINT}.5.6.0": "Standby",
            f"{CHECKPOINT}.5.101.0": 0,
            f"{CHECKPOINT}.6.7.4.3.0": "8000000000",
            f"{CHECKPOINT}.6.7.4.4.0": "2000000000",
            f"{CHECKPOINT}.6.7.9.1.1.2.1.0": "Up",
            f"{CHECKPOINT}.6.7.9.1.1.2.2.0": "Down",
        },
    )
    assert read(found, "firewall_ha_state") == {"": "standby"}
    assert read(found, "device_memory_utilization_ratio") == {"system": 0.25}
    assert read(found, "firewall_session_utilization_ratio") == {}
    assert (read(found, "device_psu_state"), found.health) == ({"1.0": "ok", "2.0": "failed"}, Health.DEGRADED)


def test_comware_parts_without_a_sensor_give_no_number() -> None:
    """65535 degrees and 0 % are parts that have no such sensor; an error status is a fault of its part."""
    found = judged(
        "hpe-comware",
        {
            **{f"{ENTITY}.5.{part}": kind for part, kind in ((1, 9), (2, 6), (3, 7), (4, 6))},
            **{f"{ENTITY}.7.{part}": name for part, name in ((1, "Board 1"), (2, "PSU 1"), (3, "Fan 1"), (4, "PSU 2"))},
            **{f"{HH3C}.6.{part}": load for part, load in ((1, 12), (2, 0), (3, 0))},
            **{f"{HH3C}.8.{part}": used for part, used in ((1, 40), (2, 0), (3, 0))},
            **{f"{HH3C}.12.{part}": degrees for part, degrees in ((1, 41), (2, 65535), (3, 0))},
            **{f"{HH3C}.19.{part}": error for part, error in ((1, 2), (2, 51), (3, 4), (4, 2))},
        },
    )
    assert read(found, "device_cpu_utilization_ratio") == {"Board 1": 0.12}
    assert read(found, "device_temperature_celsius") == {"Board 1": 41.0}
    assert (read(found, "device_psu_state"), read(found, "device_fan_state")) == (
        {"PSU 1": "failed", "PSU 2": "ok"},
        {"Fan 1": "absent"},
    )
    assert found.health is Health.DEGRADED


def test_cisco_sensors_of_both_ages_are_read() -> None:
    """The old table has states, the new one scales and thresholds; light is told apart by its direction."""
    found = judged(
        "cisco-iosxe",
        {
            f"{ENVMON}.3.1.2.1": "Inlet",
            f"{ENVMON}.3.1.3.1": 30,
            f"{ENVMON}.3.1.6.1": 1,
            f"{ENVMON}.4.1.2.1": "Fan 1",
            f"{ENVMON}.4.1.3.1": 6,
            **{
                f"{ENTITY}.7.{part}": name
                for part, name in ((5, "CPU"), (6, "Te0/1 Receive Power"), (7, "Te0/1 Transmit Power"))
            },
            **{f"{SENSOR}.1.1.1.1.{part}": kind for part, kind in ((5, 8), (6, 14), (7, 14))},
            **{f"{SENSOR}.1.1.1.2.{part}": 9 for part in (5, 6, 7)},
            **{f"{SENSOR}.1.1.1.3.{part}": digits for part, digits in ((5, 0), (6, 1), (7, 1))},
            **{f"{SENSOR}.1.1.1.4.{part}": value for part, value in ((5, 71), (6, -45), (7, -23))},
            **{f"{SENSOR}.1.1.1.5.{part}": 1 for part in (5, 6, 7)},
            f"{SENSOR}.2.1.1.2.5.1": 10,
            f"{SENSOR}.2.1.1.3.5.1": 4,
            f"{SENSOR}.2.1.1.4.5.1": 70,
        },
    )
    assert read(found, "device_temperature_celsius") == {"CPU": 71.0, "Inlet": 30.0}
    assert read(found, "device_temperature_limit_celsius") == {"CPU": 70.0}
    assert read(found, "device_optical_receive_dbm") == {"Te0/1": -4.5}
    assert read(found, "device_optical_transmit_dbm") == {"Te0/1": -2.3}
    assert read(found, "device_fan_state") == {"Fan 1": "failed"}
    rules = {finding.rule for finding in found.findings}
    assert {"temperature_high", "fans_all_failed"} <= rules
    assert found.health is Health.DOWN


def test_routeros_gauges_have_units_of_their_own() -> None:
    """Degrees and revolutions are whole, volts and watts are tenths, a status is a state; no signal is no number."""
    gauges = [
        ("cpu-temperature", 45, 1),
        ("fan1-speed", 4200, 2),
        ("voltage", 241, 3),
        ("power", 92, 5),
        ("psu1-state", 1, 6),
        ("psu2-state", 0, 6),
    ]
    answers: dict[str, Any] = {}
    for number, (name, value, unit) in enumerate(gauges, 1):
        answers |= {
            f"{MIKROTIK}.3.100.1.2.{number}": name,
            f"{MIKROTIK}.3.100.1.3.{number}": value,
            f"{MIKROTIK}.3.100.1.4.{number}": unit,
        }
    answers |= {
        f"{MIKROTIK}.16.1.1.4.1": -95,
        f"{MIKROTIK}.16.1.1.3.1": -11,
        f"{MIKROTIK}.16.1.1.4.2": 0,
        f"{MIKROTIK}.16.1.1.3.2": 0,
    }
    found = judged("mikrotik-routeros", answers)
    assert read(found, "device_temperature_celsius") == {"cpu-temperature": 45.0}
    assert read(found, "device_voltage_volts") == {"voltage": 24.1}
    assert read(found, "device_power_watts") == {"power": 9.2}
    assert read(found, "device_psu_state") == {"psu1-state": "ok", "psu2-state": "failed"}
    assert (read(found, "lte_rsrp_dbm"), read(found, "lte_rsrq_db")) == ({"1": -95.0}, {"1": -11.0})
    assert found.health is Health.DEGRADED


def test_aos_cx_states_come_as_numbers_or_as_words() -> None:
    """Older releases have only words; an empty bay is absent and no fault."""
    names = {
        f"{ARUBA}.2.1.1.3.1.1": "1/1",
        f"{ARUBA}.2.1.1.3.1.2": "1/2",
        f"{ARUBA}.2.1.1.4.1.1": "OK",
        f"{ARUBA}.2.1.1.4.1.2": "Empty",
    }
    found = judged("aruba-cx", names)
    assert (read(found, "device_psu_state"), found.health) == ({"1/1": "ok", "1/2": "absent"}, Health.UP)
    found = judged("aruba-cx", names | {f"{ARUBA}.2.1.1.11.1.1": 1, f"{ARUBA}.2.1.1.11.1.2": 3})
    assert (read(found, "device_psu_state"), found.health) == ({"1/1": "ok", "1/2": "failed"}, Health.DEGRADED)


def test_a_faulty_fibre_channel_port_degrades_and_one_switched_off_does_not() -> None:
    """The wanted state counts before the operational one; light that is `-inf` is no number and no complaint."""
    found = judged(
        "brocade-fos",
        {
            **{f"{BROCADE}.6.2.1.4.{port}": state for port, state in ((1, 1), (2, 2), (3, 4))},
            **{f"{BROCADE}.6.2.1.5.{port}": wanted for port, wanted in ((1, 1), (2, 2), (3, 1))},
            **{f"{BROCADE}.6.2.1.36.{port}": f"port{port}" for port in (1, 2, 3)},
            **{f"{BROCADE}.28.1.1.4.2.16.0.{port}": light for port, light in ((1, "-3.5"), (2, "-inf"))},
        },
    )
    assert read(found, "fc_port_state") == {"port1": "online", "port2": "disabled", "port3": "faulty"}
    assert read(found, "device_optical_receive_dbm") == {"port1": -3.5}
    assert read(found, "snmp_unparsable_total") == {}
    assert found.health is Health.DEGRADED


@pytest.mark.parametrize(
    "profile", ["cisco-ios", "fortinet-fortigate", "huawei-switch", "generic-router", "mikrotik-routeros", "brocade-fos"]
)
def test_a_network_device_that_answers_nothing_of_its_ports_is_unknown(profile: str) -> None:
    """The name alone does not make a device healthy."""
    found = evaluate(LIBRARY.profile(profile), rows({"1.3.6.1.2.1.1.3.0": ("t", 5000)}), Memory(), 1000.0, full=True)
    assert found.health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("sysobjectid", "sysdescr", "class_", "profile"),
    [
        (
            "1.3.6.1.4.1.9.1.1745",
            "Cisco IOS Software [Everest], Catalyst L3 Switch Software (CAT3K_CAA-UNIVERSALK9-M)",
            "",
            "cisco-catalyst",
        ),
        (
            "1.3.6.1.4.1.9.1.1208",
            "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.2",
            "",
            "cisco-catalyst",
        ),
        ("1.3.6.1.4.1.9.1.1041", "Cisco IOS Software, C2900 Software (C2900-UNIVERSALK9-M), Version 15.4", "", "cisco-ios"),
        ("1.3.6.1.4.1.9.1.1639", "Cisco IOS XR Software (Cisco ASR9K Series), Version 6.1.4", "", "cisco-iosxr"),
        (
            "1.3.6.1.4.1.2636.1.1.1.2.131",
            "Juniper Networks, Inc. ex2300-48p Ethernet Switch, kernel JUNOS 18.4",
            "",
            "juniper-ex",
        ),
        ("1.3.6.1.4.1.2636.1.1.1.2.135", "Juniper Networks, Inc. srx340 internet router, kernel JUNOS 18.2", "", "juniper-srx"),
        (
            "1.3.6.1.4.1.2011.2.239.38",
            "Huawei Versatile Routing Platform Software VRP (R) software, CE6850",
            "",
            "huawei-switch",
        ),
        ("1.3.6.1.4.1.2011.2.321.44", "USG6306E Huawei Versatile Routing Platform Software", "", "huawei-usg"),
        ("1.3.6.1.4.1.25506.11.1.82", "HP Comware Platform Software, Software Version 5.20.99", "", "hpe-comware"),
        ("1.3.6.1.4.1.8072.3.2.10", "Linux gw 2.6.18-92cpx86_64 #1 SMP", "", "server-linux"),
        ("1.0.3.0.6.0.1.0", "Cisco IOS Software, C800 Software", "", "cisco-ios"),
        ("1.3.6.1.4.1.5651.1.102.16", "SM4200-16GEF8GE-AC Device", "switch", "generic-switch"),
        ("", "Dell Out-of-band SNMP Agent for Remote Access Controller", "", "bmc-dell-idrac"),
        ("1.3.6.1.4.1.9.1.1682", "Cisco Integrated Management Controller(CIMC) [UCS C220 M4]", "", "cisco-cimc"),
        ("1.3.6.1.4.1.9.1.736", "Cisco IOS Software, ME340x Software (ME340x-METROIPACCESS-M)", "", "cisco-catalyst"),
        ("1.3.6.1.4.1.9.6.1.23.1.1.1", "Linux RV042", "", "cisco-rv"),
        ("1.3.6.1.4.1.25506.1.1000", "H3C SecPath F1000", "", "h3c-secpath"),
        ("1.3.6.1.4.1.890.1.15", "VMG8825-T50", "", "zyxel-cpe"),
        ("1.3.6.1.4.1.11863.1.1.1", "TL-ER6120", "", "tp-link-router"),
        ("1.3.6.1.4.1.3902.3.100.1", "ZTE ZXR10 5950 Switch", "", "zte-switch"),
        ("1.3.6.1.4.1.14988.2", "CSS326-24G-2S+ SwOS v2.11", "", "mikrotik-swos"),
        ("", "FiberHome R8000", "", "fiberhome"),
        ("1.3.6.1.4.1.99999.1", "something", "router", "generic-router"),
        ("1.3.6.1.4.1.99999.1", "something", "firewall", "generic-firewall"),
    ],
)
def test_families_are_told_apart(sysobjectid: str, sysdescr: str, class_: str, profile: str) -> None:
    """By the object identifier, then the words, then what people say it is."""
    assert LIBRARY.identify(Facts(sysobjectid=sysobjectid, sysdescr=sysdescr, class_=class_)).profile == profile


def test_a_check_point_on_a_plain_linux_is_known_by_its_answer() -> None:
    """Its agent is net-snmp and says Linux; only its own objects tell."""
    answered = frozenset({"1.3.6.1.4.1.2620.1.6.4.1.0"})
    facts = Facts(sysobjectid="1.3.6.1.4.1.8072.3.2.10", sysdescr="Linux gw 2.6.18-92cpx86_64 #1 SMP", answered=answered)
    assert LIBRARY.identify(facts).profile == "checkpoint-gaia"
