"""Block devices: counters of every kernel's format, and what udev tells of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import diskstats
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

Copied = Callable[[str], tuple[Host, Path]]
Golden = Callable[[str, str, Readings], None]
Samples = Callable[[Readings], dict[str, float]]

SDA = """S:disk/by-id/ata-EXAMPLE_HDD_2000
E:ID_ATA=1
E:ID_ATA_WRITE_CACHE=1
E:ID_ATA_WRITE_CACHE_ENABLED=0
E:ID_ATA_ROTATION_RATE_RPM=7200
E:ID_MODEL=EXAMPLE_HDD_2000
E:ID_REVISION=1.01
E:ID_SERIAL=EXAMPLE_HDD_2000_S0001
E:ID_SERIAL_SHORT=S0001
E:ID_WWN=0x5000000000000001
E:ID_PATH=pci-0000:00:1f.2-ata-1
E:no value
"""
SDB = """E:ID_MODEL=EXAMPLE_SAS_900
E:ID_SERIAL_SHORT=5000000000000002
E:SCSI_IDENT_SERIAL=SAS0002
E:ID_FS_TYPE=linux_raid_member
E:ID_FS_USAGE=raid
E:ID_FS_UUID=00000000-0000-4000-8000-000000000001
E:ID_FS_VERSION=1.2
"""
DM = """E:DM_NAME=vg0-root
E:DM_UUID=LVM-01
E:DM_VG_NAME=vg0
E:DM_LV_NAME=root
E:ID_FS_TYPE=ext4
E:ID_FS_USAGE=filesystem
E:ID_FS_UUID=00000000-0000-4000-8000-000000000002
E:ID_FS_VERSION=1.0
"""


@pytest.fixture
def rack(copied: Copied) -> tuple[Host, Path]:
    """The recorded machine with udev's data, whose file names (`b8:0`) not every system can store in a repository."""
    host, folder = copied("rack")
    udev = folder / "root" / "run" / "udev" / "data"
    udev.mkdir(parents=True)
    for name, data in (("b8:0", SDA), ("b8:16", SDB), ("b253:0", DM)):
        (udev / name).write_text(data)
    return host, folder


def test_a_server_with_disks_raid_and_volumes(rack: tuple[Host, Path], golden: Golden) -> None:
    golden("rack", "diskstats", diskstats.open_reader(diskstats.Settings(), rack[0])())


def test_the_layout_stays_the_same(rack: tuple[Host, Path], same_layout: Callable[[Reader], None]) -> None:
    same_layout(diskstats.open_reader(diskstats.Settings(), rack[0]))


def test_without_udev_a_device_has_its_name_and_numbers(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(diskstats.open_reader(diskstats.Settings(), recorded("rack"))())
    labels = 'device="sda",major="8",minor="0",model="",path="",revision="",serial="",wwn=""'
    assert found[f"node_disk_info{{{labels}}}"] == 1.0


def read_lines(tmp_path: Path, samples: Samples, lines: str, settings: diskstats.Settings | None = None) -> dict[str, float]:
    (tmp_path / "diskstats").write_text(lines)
    host = Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux")
    return samples(diskstats.open_reader(settings or diskstats.Settings(), host)())


def test_an_old_kernel_has_fewer_columns(tmp_path: Path, samples: Samples) -> None:
    found = read_lines(tmp_path, samples, "   8  0 sda 1 2 3 4 5 6 7 8 9 10 11\n")
    assert found['node_disk_read_bytes_total{device="sda"}'] == 1536.0
    assert found['node_disk_io_time_weighted_seconds_total{device="sda"}'] == 0.011
    assert not any("discard" in name or "flush" in name for name in found)


def test_columns_of_a_kernel_to_come_are_ignored(tmp_path: Path, samples: Samples) -> None:
    found = read_lines(tmp_path, samples, f"   8  0 sda {' '.join(map(str, range(1, 31)))}\n")
    assert found['node_disk_flush_requests_time_seconds_total{device="sda"}'] == 0.017
    assert len(found) == 18


def test_partitions_and_loop_devices_are_left_out_unless_wanted(tmp_path: Path, samples: Samples) -> None:
    numbers = " ".join(["1"] * 17)
    lines = "".join(f"8 {at} {name} {numbers}\n" for at, name in enumerate(("sda", "sda1", "loop0", "nvme0n1p2", "nvme0n1")))
    found = read_lines(tmp_path, samples, lines)
    assert {name for name in found if "io_now" in name} == {
        'node_disk_io_now{device="sda"}',
        'node_disk_io_now{device="nvme0n1"}',
    }
    everything = read_lines(tmp_path, samples, lines, diskstats.Settings(exclude=""))
    assert len([name for name in everything if "io_now" in name]) == 5


def test_a_disk_that_comes_and_goes_changes_the_series(rack: tuple[Host, Path], samples: Samples) -> None:
    host, folder = rack
    read = diskstats.open_reader(diskstats.Settings(), host)
    before = samples(read())
    file = folder / "proc" / "diskstats"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if " sdb " not in line) + "\n")
    after = samples(read())
    assert set(before) - set(after) == {name for name in before if 'device="sdb"' in name}
    assert len(after) == len(before) - 19


def test_udev_is_asked_again_after_a_while(rack: tuple[Host, Path], samples: Samples) -> None:
    host, folder = rack
    read = diskstats.open_reader(diskstats.Settings(), host)
    read()
    file = folder / "root" / "run" / "udev" / "data" / "b8:0"
    file.write_text(file.read_text().replace("EXAMPLE_HDD_2000\n", "OTHER\n"))
    seen = [any('model="OTHER"' in name for name in samples(read())) for _ in range(diskstats.UDEV_EVERY)]
    assert seen == [False] * (diskstats.UDEV_EVERY - 1) + [True]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("8 0 sda 1 2 3\n", "3"),
        ("8 0 sda 1 2 3 4 5 6 7 8 9 10 eleven\n", "eleven"),
        ("8 0\n", "8 0"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, samples: Samples, lines: str, found: str) -> None:
    with pytest.raises(ReaderError) as caught:
        read_lines(tmp_path, samples, lines)
    assert caught.value.reason is Reason.MISMATCH
    assert "diskstats" in caught.value.detail
    assert found in caught.value.detail


def test_a_machine_without_the_file_has_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="diskstats"):
        diskstats.open_reader(diskstats.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))()


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"exclude: '\(' is no regular expression"):
        diskstats.Settings(exclude="(")
