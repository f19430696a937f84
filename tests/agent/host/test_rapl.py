"""Energy counters. Their folders (`intel-rapl:0`) have names that not every system can store, so tests make them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import rapl
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names with a colon")
Samples = Callable[[Readings], dict[str, float]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Two packages, each with its memory, as a server with two sockets has them."""
    powercap = tmp_path / "class" / "powercap"
    (powercap / "intel-rapl").mkdir(parents=True)
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "dram", "intel-rapl:1": "package-1", "intel-rapl:1:0": "dram"}
    for number, (name, title) in enumerate(zones.items()):
        (powercap / name).mkdir()
        (powercap / name / "name").write_text(f"{title}\n")
        (powercap / name / "energy_uj").write_text(f"{number + 1}500000\n")
    return Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux")


def test_zones_are_numbered_by_name_or_by_order(host: Host, samples: Samples, same_layout: Callable[[Reader], None]) -> None:
    read = rapl.open_reader(rapl.Settings(), host)
    path = f"{host.sys}/class/powercap/intel-rapl"
    assert samples(read()) == {
        f'node_rapl_package_joules_total{{index="0",path="{path}:0"}}': 1.5,
        f'node_rapl_dram_joules_total{{index="0",path="{path}:0:0"}}': 2.5,
        f'node_rapl_package_joules_total{{index="1",path="{path}:1"}}': 3.5,
        f'node_rapl_dram_joules_total{{index="1",path="{path}:1:0"}}': 4.5,
    }
    same_layout(read)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything")
def test_an_agent_that_may_not_read_it_has_no_data(host: Host) -> None:
    (Path(host.sys) / "class" / "powercap" / "intel-rapl:0" / "energy_uj").chmod(0)
    with pytest.raises(NoData, match="only root"):
        rapl.open_reader(rapl.Settings(), host)()


def test_a_machine_without_counters_has_no_data(tmp_path: Path) -> None:
    read = rapl.open_reader(rapl.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    with pytest.raises(NoData, match="powercap"):
        read()
    (tmp_path / "class" / "powercap").mkdir(parents=True)
    with pytest.raises(NoData, match="no energy counter"):
        read()
