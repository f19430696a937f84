"""NVMe controllers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import nvme
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]


def test_a_controller(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "nvme", nvme.open_reader(nvme.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(nvme.open_reader(nvme.Settings(), recorded("rack")))


def test_its_state_is_seen_at_once_its_firmware_after_a_while(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    controller = folder / "sys" / "class" / "nvme" / "nvme0"
    read = nvme.open_reader(nvme.Settings(), host)
    read()
    (controller / "state").write_text("resetting\n")
    (controller / "firmware_rev").write_text("2.0\n")
    (name,) = samples(read())
    assert 'firmware_revision="1.0.2"' in name
    assert 'state="resetting"' in name
    assert any('firmware_revision="2.0"' in name for _ in range(nvme.EVERY) for name in samples(read()))


def test_a_machine_without_controllers_has_no_data(tmp_path: Path) -> None:
    read = nvme.open_reader(nvme.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    with pytest.raises(NoData, match="class/nvme"):
        read()
    (tmp_path / "class" / "nvme").mkdir(parents=True)
    with pytest.raises(NoData, match="no controller"):
        read()
