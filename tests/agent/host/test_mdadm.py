"""Software RAID: states of arrays as the kernel prints them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import mdadm
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

HEAD = b"Personalities : [raid1] [raid10] [linear]\n"


def test_arrays_at_rest_at_work_and_broken(
    recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]
) -> None:
    golden("rack", "mdadm", mdadm.open_reader(mdadm.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(mdadm.open_reader(mdadm.Settings(), recorded("rack")))


@pytest.mark.parametrize(
    ("raw", "array"),
    [
        (
            b"md9 : active (auto-read-only) raid10 sdb[1] sda[0](F)\n      100 blocks [2/1] [_U]\n",
            mdadm.Array(b"md9", "active", 2, 1, 1, 0, 100, 100),
        ),
        (
            b"md9 : active linear sdb[1] sda[0]\n      100 blocks 0k rounding\n",
            mdadm.Array(b"md9", "active", 2, 2, 0, 0, 100, 100),
        ),
        (
            b"md9 : active raid5 sdb[1] sda[0]\n      100 blocks [2/2] [UU]\n      [>...]  reshape = 1.0% (7/100) x\n",
            mdadm.Array(b"md9", "recovering", 2, 2, 0, 0, 100, 7),
        ),
        (
            b"md9 : active raid1 sdb[1] sda[0]\n      100 blocks [2/2] [UU]\n        resync=DELAYED\n      bitmap: 0/1 pages\n",
            mdadm.Array(b"md9", "resync", 2, 2, 0, 0, 100, 0),
        ),
    ],
)
def test_one_array(raw: bytes, array: mdadm.Array) -> None:
    assert mdadm.parse(HEAD + raw + b"\nunused devices: <none>\n", "mdstat") == [array]


@pytest.mark.parametrize(
    "raw",
    [
        b"md9 : active raid1 sda[0]\n",
        b"md9 active\n      100 blocks [1/1] [U]\n",
        b"md9 : active raid1 sda[0]\n   100 blocks\n",
    ],
)
def test_a_broken_file_is_named(raw: bytes) -> None:
    with pytest.raises(ReaderError, match="mdstat") as caught:
        mdadm.parse(HEAD + raw, "mdstat")
    assert caught.value.reason is Reason.MISMATCH


def test_a_machine_without_arrays_has_no_data(tmp_path: Path) -> None:
    read = mdadm.open_reader(mdadm.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    with pytest.raises(NoData, match="mdstat"):
        read()
    (tmp_path / "mdstat").write_bytes(HEAD + b"unused devices: <none>\n")
    with pytest.raises(NoData, match="no array"):
        read()
