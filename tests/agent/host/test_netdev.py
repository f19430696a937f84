"""Traffic counters of network devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import netdev
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]
HEAD = "Inter-|   Receive |  Transmit\n face |bytes ...\n"


def test_a_server_with_a_bond_and_a_bridge(
    recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]
) -> None:
    golden("rack", "netdev", netdev.open_reader(netdev.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(netdev.open_reader(netdev.Settings(), recorded("rack")))


def test_the_loopback_is_served_if_wanted(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(netdev.open_reader(netdev.Settings(exclude="^(docker|veth)"), recorded("rack"))())
    assert found['node_network_receive_bytes_total{device="lo"}'] == 31939021.0
    assert not any("docker0" in name for name in found)


def test_a_device_that_comes_and_goes_changes_the_series(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    read = netdev.open_reader(netdev.Settings(), host)
    before = samples(read())
    file = folder / "proc" / "net" / "dev"
    file.write_text(file.read_text().replace("docker0:", "veth1:"))
    after = samples(read())
    assert set(before) ^ set(after) == {
        name for found in (before, after) for name in found if "docker0" in name or "veth1" in name
    }


def test_nohandler_is_read_again_and_survives_its_device(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    read = netdev.open_reader(netdev.Settings(), host)
    name = 'node_network_receive_nohandler_total{device="eno1"}'
    assert samples(read())[name] == 7.0
    file = folder / "sys" / "class" / "net" / "eno1" / "statistics" / "rx_nohandler"
    file.write_text("9\n")
    assert samples(read())[name] == 9.0
    file.write_text("")
    assert samples(read())[name] == 9.0


def test_a_host_full_of_containers_reads_the_rest_in_turns(tmp_path: Path, samples: Samples) -> None:
    devices = [f"veth{number}" for number in range(netdev.KEPT_OPEN + 25)]
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text(HEAD + "".join(f"{device}: {'1 ' * 16}\n" for device in devices))
    files = [tmp_path / "class" / "net" / device / "statistics" / "rx_nohandler" for device in devices]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("1\n")
    read = netdev.open_reader(netdev.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    read()
    for file in files:
        file.write_text("2\n")
    news = [sum(value == 2.0 for name, value in samples(read()).items() if "nohandler" in name) for _ in range(netdev.TURNS)]
    assert news[0] < netdev.KEPT_OPEN + 5
    assert news == sorted(news)
    assert news[-1] == len(devices)


@pytest.mark.parametrize("line", ["eth0: 1 2 3\n", "eth0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", "eth0: " + "x " * 16])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text(HEAD + line)
    with pytest.raises(ReaderError, match="net/dev") as caught:
        netdev.open_reader(netdev.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))()
    assert caught.value.reason is Reason.MISMATCH


def test_a_machine_without_the_file_has_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="net/dev"):
        netdev.open_reader(netdev.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))()
