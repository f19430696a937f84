"""Thermal zones and cooling devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import thermal_zone
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]
PACKAGE = 'node_thermal_zone_temp{type="x86_pkg_temp",zone="0"}'


def test_zones_and_cooling_devices(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "thermal_zone", thermal_zone.open_reader(thermal_zone.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(thermal_zone.open_reader(thermal_zone.Settings(), recorded("rack")))


def test_temperatures_move_and_a_failing_sensor_costs_only_itself(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    thermal = folder / "sys" / "class" / "thermal"
    read = thermal_zone.open_reader(thermal_zone.Settings(), host)
    before = samples(read())
    (thermal / "thermal_zone0" / "temp").write_text("-1500\n")
    (thermal / "thermal_zone1" / "temp").write_text("hot\n")
    after = samples(read())
    assert after[PACKAGE] == -1.5
    assert set(before) - set(after) == {'node_thermal_zone_temp{type="acpitz",zone="1"}'}
    (thermal / "thermal_zone1" / "temp").write_text("20000\n")
    found = [samples(read()) for _ in range(thermal_zone.EVERY)]
    assert set(found[-1]) == set(before)


def test_a_machine_without_sensors_has_no_data(tmp_path: Path) -> None:
    host = Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux")
    read = thermal_zone.open_reader(thermal_zone.Settings(), host)
    with pytest.raises(NoData, match="class/thermal"):
        read()
    (tmp_path / "class" / "thermal").mkdir(parents=True)
    with pytest.raises(NoData, match="no thermal zone"):
        read()
