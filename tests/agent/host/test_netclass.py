"""Properties of network devices: read in full rarely, and at once when something tells of a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import netclass
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]


def test_devices_that_are_up_down_and_bonded(
    recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]
) -> None:
    golden("rack", "netclass", netclass.open_reader(netclass.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(netclass.open_reader(netclass.Settings(), recorded("rack")))


@pytest.fixture
def rack(copied: Copied, samples: Samples) -> tuple[Path, Callable[[], dict[str, float]], Reader]:
    host, folder = copied("rack")
    read = netclass.open_reader(netclass.Settings(), host)
    return folder / "sys" / "class" / "net", lambda: samples(read()), read


def test_a_lost_carrier_is_seen_at_once_with_all_it_brings(
    rack: tuple[Path, Callable[[], dict[str, float]], Reader],
) -> None:
    net, found, _ = rack
    found()
    eno1 = net / "eno1"
    for file, value in (("operstate", "down"), ("carrier", "0"), ("carrier_changes", "4"), ("carrier_down_count", "2")):
        (eno1 / file).write_text(f"{value}\n")
    (eno1 / "speed").write_text("-1\n")
    after = found()
    assert after['node_network_up{device="eno1"}'] == 0.0
    assert after['node_network_carrier{device="eno1"}'] == 0.0
    assert after['node_network_carrier_changes_total{device="eno1"}'] == 4.0
    assert after['node_network_carrier_down_changes_total{device="eno1"}'] == 2.0
    assert after['node_network_speed_bytes{device="eno1"}'] == -125000.0
    assert any('device="eno1"' in name and 'operstate="down"' in name for name in after if "info" in name)


def test_while_nothing_changes_the_very_same_readings_come(
    rack: tuple[Path, Callable[[], dict[str, float]], Reader],
) -> None:
    _, _, read = rack
    assert all(read() is one for one in [read()] for _ in range(2 * netclass.EVERY))


def test_a_silent_change_is_seen_after_a_while_and_keeps_the_layout(
    rack: tuple[Path, Callable[[], dict[str, float]], Reader],
) -> None:
    net, found, read = rack
    before = read()
    (net / "bond0" / "mtu").write_text("9000\n")
    seen = [found()['node_network_mtu_bytes{device="bond0"}'] for _ in range(netclass.EVERY)]
    assert seen[0] == 1500.0
    assert seen[-1] == 9000.0
    assert all(one[1] is other[1] for one, other in zip(before, read(), strict=True))


def test_a_device_that_comes_and_goes_changes_the_series(
    rack: tuple[Path, Callable[[], dict[str, float]], Reader],
) -> None:
    net, found, _ = rack
    before = found()
    (net / "eno2").rename(net / "eno3")
    after = found()
    assert {name.replace("eno3", "eno2") for name in after} == set(before)
    assert after['node_network_up{device="eno3"}'] == 0.0


def test_a_property_that_is_no_number_is_not_served(rack: tuple[Path, Callable[[], dict[str, float]], Reader]) -> None:
    net, found, _ = rack
    (net / "lo" / "mtu").write_text("many\n")
    after = found()
    assert 'node_network_mtu_bytes{device="lo"}' not in after
    assert 'node_network_flags{device="lo"}' in after


def test_a_host_full_of_containers_looks_at_the_rest_in_turns(tmp_path: Path, samples: Samples) -> None:
    devices = [tmp_path / "class" / "net" / f"veth{number}" for number in range(netclass.KEPT_OPEN + 30)]
    for device in devices:
        device.mkdir(parents=True)
        (device / "operstate").write_text("down\n")
    read = netclass.open_reader(netclass.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    read()
    for device in devices:
        (device / "operstate").write_text("up\n")
    news = [sum(value for name, value in samples(read()).items() if "network_up" in name) for _ in range(netclass.EVERY)]
    assert netclass.KEPT_OPEN <= news[0] < len(devices)
    assert news[-1] == len(devices)


def test_a_machine_without_devices_has_no_data(tmp_path: Path) -> None:
    host = Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux")
    with pytest.raises(NoData, match="class/net"):
        netclass.open_reader(netclass.Settings(), host)()
    (tmp_path / "class" / "net").mkdir(parents=True)
    with pytest.raises(NoData, match="no network device"):
        netclass.open_reader(netclass.Settings(), host)()
