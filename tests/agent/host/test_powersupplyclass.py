"""Batteries and mains adapters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import powersupplyclass
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]


def test_an_adapter_and_a_battery(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "powersupplyclass", powersupplyclass.open_reader(powersupplyclass.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(powersupplyclass.open_reader(powersupplyclass.Settings(), recorded("rack")))


def test_a_property_without_an_answer_is_left_out(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    battery = folder / "sys" / "class" / "power_supply" / "BAT0"
    read = powersupplyclass.open_reader(powersupplyclass.Settings(), host)
    before = samples(read())
    (battery / "power_now").write_text("\n")
    (battery / "capacity").write_text("55\n")
    after = samples(read())
    assert set(before) - set(after) == {'node_power_supply_power_watt{power_supply="BAT0"}'}
    assert after['node_power_supply_capacity{power_supply="BAT0"}'] == 55.0


def test_a_machine_without_supplies_has_no_data(tmp_path: Path) -> None:
    read = powersupplyclass.open_reader(powersupplyclass.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    with pytest.raises(NoData, match="class/power_supply"):
        read()
    (tmp_path / "class" / "power_supply").mkdir(parents=True)
    with pytest.raises(NoData, match="no power supply"):
        read()
