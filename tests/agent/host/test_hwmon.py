"""Sensor chips: names, units, and which files are read when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import hwmon
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]
CORE = 'node_hwmon_temp_celsius{chip="coretemp",sensor="temp2"}'


def test_a_server_with_three_chips(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "hwmon", hwmon.open_reader(hwmon.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(hwmon.open_reader(hwmon.Settings(), recorded("rack")))


@pytest.fixture
def rack(copied: Copied, samples: Samples) -> tuple[Path, Callable[[], dict[str, float]]]:
    host, folder = copied("rack")
    read = hwmon.open_reader(hwmon.Settings(), host)
    return folder / "sys" / "class" / "hwmon", lambda: samples(read())


def test_inputs_and_alarms_move_at_once_limits_after_a_while(rack: tuple[Path, Callable[[], dict[str, float]]]) -> None:
    chips, found = rack
    assert found()[CORE] == 44.0
    (chips / "hwmon0" / "temp2_input").write_text("61500\n")
    (chips / "hwmon0" / "temp2_max").write_text("90000\n")
    (chips / "hwmon1" / "fan1_alarm").write_text("1\n")
    after = found()
    limit = 'node_hwmon_temp_max_celsius{chip="coretemp",sensor="temp2"}'
    assert after[CORE] == 61.5
    assert after['node_hwmon_fan_alarm{chip="nct6779",sensor="fan1"}'] == 1.0
    assert after[limit] == 84.0
    assert [found()[limit] for _ in range(hwmon.EVERY)][-1] == 90.0


def test_a_sensor_that_cannot_be_read_now_is_left_out_now(rack: tuple[Path, Callable[[], dict[str, float]]]) -> None:
    chips, found = rack
    before = found()
    (chips / "hwmon0" / "temp2_input").write_text("\n")
    after = found()
    assert set(before) - set(after) == {CORE}
    (chips / "hwmon0" / "temp2_input").write_text("45000\n")
    assert found() == before | {CORE: 45.0}


def test_a_chip_is_called_like_its_device(copied: Copied, samples: Samples) -> None:
    """The device's name stays the same over boots; its folder may hold sensors too (old drivers)."""
    host, folder = copied("rack")
    device = folder / "sys" / "devices" / "platform" / "coretemp.0"
    device.mkdir(parents=True)
    (device / "temp9_input").write_text("33000\n")
    link = folder / "sys" / "class" / "hwmon" / "hwmon0" / "device"
    try:
        link.symlink_to(device)
    except OSError:
        pytest.skip("no symbolic links here")
    found = samples(hwmon.open_reader(hwmon.Settings(), host)())
    assert found['node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"}'] == 1.0
    assert found['node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp9"}'] == 33.0
    assert found['node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp2"}'] == 44.0


def test_a_sensor_added_later_is_found(rack: tuple[Path, Callable[[], dict[str, float]]]) -> None:
    chips, found = rack
    before = found()
    (chips / "hwmon2" / "fan3_input").write_text("700\n")
    after = [found() for _ in range(hwmon.EVERY)]
    assert set(after[-1]) - set(before) == {'node_hwmon_fan_rpm{chip="hwmon2",sensor="fan3"}'}


def test_a_machine_without_chips_has_no_data(tmp_path: Path) -> None:
    host = Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux")
    read = hwmon.open_reader(hwmon.Settings(), host)
    with pytest.raises(NoData, match="class/hwmon"):
        read()
    (tmp_path / "class" / "hwmon").mkdir(parents=True)
    with pytest.raises(NoData, match="no sensor"):
        read()
