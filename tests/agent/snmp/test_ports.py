"""Ports: their names, their states by IF-MIB, and what stays the same when a restart gives them other numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp import objects as ifs
from agent.snmp.answers import Layouts
from agent.snmp.library import Library
from agent.snmp.patterns import compile_pattern
from agent.snmp.port_table import MOST_PORTS, PortTable
from agent.snmp.ports import names_of, speed_of, state_of
from agent.snmp.profile import Ports
from agent.snmp.readings import Table
from tests.agent.snmp.reading_kit import rows

IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"
PLAIN = Ports(frozenset({24, 131}), None, None, False)
VOCABULARY = Library.load().vocabulary
GIGABIT = 125_000_000


@pytest.mark.parametrize(
    ("admin", "oper", "expected"),
    [
        (1, 1, "up"), (1, 2, "down"), (1, 3, "testing"), (1, 4, "unknown"), (1, 5, "standby"), (1, 6, "disabled"),
        (1, 7, "down"), (1, 0, "unknown"), (1, 8, "unknown"), (1, None, "unknown"), (1, b"1", "unknown"),
        (2, 1, "disabled"), (2, None, "disabled"), (3, 1, "testing"), (0, 0, "unknown"), (0, 1, "unknown"),
        (4, 1, "unknown"), (None, 1, "up"), (None, None, "unknown"),
    ],
)  # fmt: skip
def test_state(admin: Any, oper: Any, expected: str) -> None:
    """The state by administrator's wish and operation; outside the MIB's values, or missing, it is unknown."""
    assert state_of(admin, oper) == expected


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [
        (1_000, 1_000_000_000, GIGABIT), (10_000, 4_294_967_295, 1_250_000_000), (0, 64_000, 8_000), (None, 64_000, 8_000),
        (0, 4_294_967_295, None), (None, 4_294_967_295, None), (0, 0, None), (None, None, None), (b"x", 8, 1.0),
    ],
)  # fmt: skip
def test_speed(high: Any, low: Any, expected: float | None) -> None:
    """ifHighSpeed before ifSpeed; a saturated or absent speed is unknown."""
    assert speed_of(high, low) == expected


def named(*ports: tuple[Any, ...]) -> list[str]:
    """Names of ports given as (ifName, ifDescr, MAC, ifOperStatus), with indexes 1, 2, 3 ..."""
    full = [(*port, None, None, None, None)[:4] for port in ports]
    names, descriptions, addresses, states = zip(*full, strict=True)
    return names_of([bytes((place,)) for place in range(1, len(ports) + 1)], names, descriptions, addresses, states)


MACS = (b"\0\x1b\x21\0\0\1", b"\0\x1b\x21\0\0\2")


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([(b"Gi0/1", b"GigabitEthernet0/1")], ["Gi0/1"]),
        ([(b"", b"eth0"), (None, b"eth1")], ["eth0", "eth1"]),
        ([(b"", b""), (None, None)], ["1", "2"]),
        ([(b"eth", b"a"), (b"eth", b"b"), (b"x", b"c")], ["eth #1", "eth #2", "x"]),
        ([(b"", b"Adapter", MACS[0]), (b"", b"Adapter", MACS[1])], ["Adapter 00:1b:21:00:00:01", "Adapter 00:1b:21:00:00:02"]),
        ([(b"", b"Adapter", MACS[0]), (b"", b"Adapter", MACS[0])], ["Adapter #1", "Adapter #2"]),
        ([(b"", b"Adapter", MACS[0]), (b"", b"Adapter", b"")], ["Adapter #1", "Adapter #2"]),
        ([(b"eth0", b"", b"", 6), (b"eth0", b"", b"", 1)], ["", "eth0"]),  # a stale row
        ([(b"eth0", b"", b"", 6), (b"eth0", b"", b"", 6)], ["eth0 #1", "eth0 #2"]),
        ([(b"a #2",), (b"a",), (b"a",)], ["a #2", "a #2 #2", "a #3"]),
        ([("Kênh thuê riêng".encode(),)], ["Kênh thuê riêng"]),
        ([(b"bad\x00\xff",)], ["badÿ"]),
    ],
)  # fmt: skip
def test_names(ports: list[tuple[Any, ...]], expected: list[str]) -> None:
    """Empty names fall back, doubles are told apart, a row without a port in it gives way to one with."""
    assert named(*ports) == expected


@given(
    st.lists(
        st.tuples(st.sampled_from([b"", b"a", b"a #2", b"b"]), st.sampled_from([b"", b"a"]), st.just(b""), st.integers(1, 7))
    )
)
def test_names_are_told_apart_alike_on_every_run(ports: list[tuple[Any, ...]]) -> None:
    """No two ports have one name, and the same answer gives the same names."""
    if ports:
        found = named(*ports)
        assert found == named(*ports)
        kept = [name for name in found if name]
        assert len(set(kept)) == len(kept)


class Device:
    """Answers of a device and its port table."""

    def __init__(self, settings: Ports = PLAIN, *, wan: bool = False) -> None:
        self.table = PortTable()
        self.layouts = Layouts(ifs.PORT_COLUMNS)
        self.settings = settings
        self.wan = wan
        self.tables: dict[str, Table] = {}

    def poll(self, now_s: float, ports: dict[int, dict[str, Any]], *, is_break: bool = False) -> None:
        """One answer: {ifIndex: {column OID: value}}."""
        found = rows(
            {
                f"{oid}.{index}": value
                for oid in _columns(ports)
                for index, port in ports.items()
                if (value := port.get(oid)) is not None
            }
        )
        layout = self.layouts.of(found)
        tables = self.table.read(
            layout, found.values, self.settings, wan=self.wan, now_s=now_s, is_break=is_break, vocabulary=VOCABULARY
        )
        self.tables = {table.reading.name: table for table in tables}

    def get(self, name: str) -> dict[str, Any]:
        """Values of a reading by port name (and further labels)."""
        table = self.tables.get(f"network_port_{name}")
        if table is None:
            return {}
        return {
            " ".join(label for label in labels if label): value
            for labels, value in zip(table.labels, table.values, strict=True)
        }


def _columns(ports: dict[int, dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(oid for port in ports.values() for oid in port))


def port(name: str, octets: int, **more: Any) -> dict[str, Any]:
    """A port of a gigabit that is up."""
    columns = {
        f"{IF}.2": name, f"{IF}.3": 6, f"{IF}.7": 1, f"{IF}.8": 1, f"{IF}.9": ("t", 500), f"{IFX}.1": name,
        f"{IFX}.6": ("c64", octets), f"{IFX}.10": ("c64", octets), f"{IFX}.15": ("g", 1_000),
    }  # fmt: skip
    return columns | {f"{IF}.{key[1:]}" if key[0] == "i" else f"{IFX}.{key[1:]}": value for key, value in more.items()}


def test_a_port_keeps_its_past_when_it_gets_another_index() -> None:
    """After renumbering each rate is that of the same port, and its labels are the same objects."""
    device = Device()
    device.poll(0, {1: port("Gi1", 0), 2: port("Gi2", 0)})
    labels = device.tables["network_port_receive_bytes_total"].series
    device.poll(100, {11: port("Gi2", GIGABIT * 50), 12: port("Gi1", GIGABIT * 10)})
    assert device.get("receive_utilization_ratio") == {"Gi2": 0.5, "Gi1": 0.1}
    device.poll(200, {1: port("Gi1", GIGABIT * 20), 2: port("Gi2", GIGABIT * 60)})
    assert device.get("receive_utilization_ratio") == {"Gi1": 0.1, "Gi2": 0.1}
    assert device.tables["network_port_receive_bytes_total"].series is labels
    assert device.tables["network_port_info"].labels[0] == ("Gi1", "", "1", "Gi1", "6", "64")


def test_no_rate_over_a_break() -> None:
    """A restart, a moved discontinuity time or a counter that fell gives no rate once, and the next one is right."""
    device = Device()
    device.poll(0, {1: port("a", GIGABIT * 90, x19=("t", 0))})
    device.poll(60, {1: port("a", 5, x19=("t", 0))})
    assert device.get("receive_utilization_ratio") == {}
    device.poll(120, {1: port("a", 5 + GIGABIT * 6, x19=("t", 0))})
    assert device.get("receive_utilization_ratio") == {"a": 0.1}
    device.poll(180, {1: port("a", 5 + GIGABIT * 12, x19=("t", 700))})
    assert device.get("receive_utilization_ratio") == {}
    device.poll(240, {1: port("a", 5 + GIGABIT * 18, x19=("t", 700))}, is_break=True)
    assert device.get("receive_utilization_ratio") == {}
    device.poll(300, {1: port("a", 5 + GIGABIT * 24, x19=("t", 700))})
    assert device.get("receive_utilization_ratio") == {"a": 0.1}


def test_narrow_counters_are_a_fallback_and_marked() -> None:
    """Without 64-bit counters those of 32 bits are shown, marked, and give no rate that may have wrapped unseen."""
    device = Device()
    slow = {f"{IF}.2": "dsl", f"{IF}.5": ("g", 1_000_000), f"{IF}.8": 1}
    device.poll(0, {1: {**slow, f"{IF}.10": ("c32", 2**32 - 1_000)}, 2: port("Gi1", 1)})
    assert [labels[-1] for labels in device.tables["network_port_info"].labels] == ["32", "64"]
    device.poll(60, {1: {**slow, f"{IF}.10": ("c32", 749_000)}, 2: port("Gi1", 1)})
    assert device.get("receive_utilization_ratio") == {"dsl": 0.1, "Gi1": 0.0}
    fast = {**slow, f"{IF}.5": ("g", 1_000_000_000)}
    device.poll(120, {1: {**fast, f"{IF}.10": ("c32", 750_000)}, 2: port("Gi1", 1)})
    assert device.get("receive_utilization_ratio") == {"Gi1": 0.0}


def test_flap_between_polls_is_seen() -> None:
    """ifLastChange that moved while the state is equal is a flap; a change of the state itself is none."""
    device = Device()
    device.poll(0, {1: port("a", 0)})
    device.poll(60, {1: port("a", 0, i9=("t", 9_000))})
    assert device.get("flaps_total") == {"a": 1.0}
    assert device.get("flap_ratio") == {"a": 0.1}
    device.poll(120, {1: port("a", 0, i8=2, i9=("t", 15_000))})
    assert device.get("flaps_total") == {"a": 1.0}
    device.poll(180, {1: port("a", 0, i8=2, i9=("t", 10))}, is_break=True)
    assert device.get("flaps_total") == {"a": 1.0}, "after a restart all times are new"


def test_ports_of_no_interest_are_left_out() -> None:
    """Loopbacks, tunnels, chosen names and aliases do not appear; watched ports are marked, and lines to the outside."""
    settings = Ports(frozenset({24}), compile_pattern("^Null"), compile_pattern("WAN"), False, compile_pattern("Filter"))
    device = Device(settings, wan=True)
    device.poll(0, {1: port("lo", 0, i3=24), 2: port("Null0", 0), 3: port("Gi1", 0, x18="WAN VNPT"), 4: port("Gi2", 0)})
    assert list(device.get("state")) == ["Gi1 WAN VNPT", "Gi2"]
    device.poll(60, {3: port("Gi1", 0, x18="WAN VNPT"), 4: port("Gi2", 0), 5: port("Gi3", 0, x18="LightWeight Filter")})
    assert list(device.get("state")) == ["Gi1 WAN VNPT", "Gi2"]
    assert device.get("watched") == device.get("wan") == {"Gi1 WAN VNPT": 1.0}


def test_error_ratio_and_packets() -> None:
    """Errors count against packets of all casts over five minutes."""
    device = Device()
    for minute in range(6):
        counts = {"x7": ("c64", minute * 1_000), "x8": ("c64", 0), "x11": ("c64", minute * 1_000), "i14": ("c32", minute * 4)}
        device.poll(minute * 60, {1: port("a", 0, **counts)})
    assert device.get("error_ratio")["a"] == pytest.approx(20 / 10_020)
    assert device.get("receive_packets_total") == {"a unicast": 5_000, "a multicast": 0}


def test_a_missing_column_is_said() -> None:
    """When ifNumber tells of ports whose rows did not come, that is noted in words."""
    found = rows({"1.3.6.1.2.1.2.1.0": 11, f"{IF}.2.1": "a"})
    layout = Layouts(ifs.PORT_COLUMNS).of(found)
    note = PortTable().note(layout, 11)
    assert note is not None
    assert "ifNumber says 11 ports, but ifOperStatus gave no row" in note[0]
    assert PortTable().note(layout, 0) is None


def test_a_table_without_end_is_no_list_of_ports() -> None:
    """A bounded number of ports is read, and what was left out is noted in words."""
    count = MOST_PORTS + 3
    found = rows({f"{IFX}.1.{index}": f"p{index}" for index in range(1, count + 1)})
    layout, table = Layouts(ifs.PORT_COLUMNS).of(found), PortTable()
    tables = table.read(layout, found.values, PLAIN, wan=False, now_s=0.0, is_break=False, vocabulary=VOCABULARY)
    assert {len(each.labels) for each in tables} == {MOST_PORTS}
    note = table.note(layout, count)
    assert note is not None
    assert f"{count} ports, of which only {MOST_PORTS} are read" in note[0]


@given(st.lists(st.tuples(st.integers(0, 2**64), st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=12))
def test_whatever_a_port_says_loads_are_sane(polls: list[tuple[int, int, int, bool]]) -> None:
    """Arbitrary counters, states and restarts give loads between 0 and a little above 1, states of the vocabulary, no error."""
    device = Device()
    for place, (octets, admin, oper, is_break) in enumerate(polls):
        device.poll(60.0 * place, {1: port("a", octets % 2**64, i7=admin, i8=oper)}, is_break=is_break)
        for load in device.get("receive_utilization_ratio").values():
            assert 0 <= load <= 1.1
        assert set(device.get("state").values()) <= set(VOCABULARY["network_port_state"].states)
