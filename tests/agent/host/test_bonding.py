"""Bonded network devices."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import bonding
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]


def test_a_bond_with_a_lost_member(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "bonding", bonding.open_reader(bonding.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(bonding.open_reader(bonding.Settings(), recorded("rack")))


def test_members_that_come_back_leave_or_have_the_old_name(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    bond = folder / "sys" / "class" / "net" / "bond0"
    read = bonding.open_reader(bonding.Settings(), host)
    active = 'node_bonding_active{master="bond0"}'
    (bond / "lower_eno2" / "bonding_slave" / "mii_status").write_text("up\n")
    assert samples(read())[active] == 2.0
    (bond / "lower_eno2").rename(bond / "slave_eno2")
    assert samples(read())[active] == 2.0
    shutil.rmtree(bond / "slave_eno2")
    assert samples(read()) == {active: 1.0, 'node_bonding_slaves{master="bond0"}': 2.0}


def test_a_machine_without_bonds_has_no_data(tmp_path: Path) -> None:
    read = bonding.open_reader(bonding.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    with pytest.raises(NoData, match="bonding_masters"):
        read()
    (tmp_path / "class" / "net").mkdir(parents=True)
    (tmp_path / "class" / "net" / "bonding_masters").write_text("\n")
    with pytest.raises(NoData, match="no bond"):
        read()
