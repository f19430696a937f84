"""The readers of systems without `/proc`, run on this machine and compared with what its kernel says."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from agent.host import diskstats, filesystem, netclass, netdev, processes, psutil_io
from agent.host.exclusion import Exclusion
from agent.host.reading import Host, NoData, Reader
from agent.model import Family, Readings

Samples = Callable[[Readings], dict[str, float]]
ELSEWHERE = Host(platform="win32")
NO_LOOPBACK = netclass.Settings(exclude="^lo$")  # up by its flags, while the kernel calls its state unknown
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")


def families(readings: Readings) -> dict[str, Family]:
    return {family.name: family for family, _, _ in readings}


PAIRS = [
    (diskstats.open_reader(diskstats.Settings(), ELSEWHERE), diskstats.open_reader(diskstats.Settings(), Host())),
    (netdev.open_reader(netdev.Settings(), ELSEWHERE), netdev.open_reader(netdev.Settings(), Host())),
    (netclass.open_reader(NO_LOOPBACK, ELSEWHERE), netclass.open_reader(NO_LOOPBACK, Host())),
    (filesystem.open_reader(filesystem.Settings(), ELSEWHERE), filesystem.open_reader(filesystem.Settings(), Host())),
    (processes.open_reader(processes.Settings(), ELSEWHERE), processes.open_reader(processes.Settings(), Host())),
]
IDS = ["diskstats", "netdev", "netclass", "filesystem", "processes"]


@on_linux
@pytest.mark.parametrize(("ours", "linux"), PAIRS, ids=IDS)
def test_names_types_and_labels_are_those_of_linux(ours: Reader, linux: Reader) -> None:
    try:
        here, there = families(ours()), families(linux())
    except NoData as error:
        pytest.skip(error.detail)
    assert here
    assert {name: family for name, family in there.items() if name in here} == here


@on_linux
@pytest.mark.parametrize(("ours", "linux"), PAIRS, ids=IDS)
def test_values_lie_between_two_readings_of_the_kernel(ours: Reader, linux: Reader, samples: Samples) -> None:
    try:
        before, now, after = samples(linux()), samples(ours()), samples(linux())
    except NoData as error:
        pytest.skip(error.detail)
    compared = now.keys() & before.keys() & after.keys()
    assert compared
    for name in compared:
        low, high = sorted((before[name], after[name]))
        slack = 0.01 * abs(high) + 0.011  # 1 %, and the unit in which psutil rounds times
        if "processes" not in name:  # processes come and go while the suite runs
            assert low - slack <= now[name] <= high + slack, name


@pytest.mark.parametrize("ours", [ours for ours, _ in PAIRS], ids=IDS)
def test_the_layout_stays_the_same(ours: Reader, same_layout: Callable[[Reader], None]) -> None:
    try:
        ours()
    except NoData as error:
        pytest.skip(error.detail)
    same_layout(ours)


def test_where_all_is_left_out_there_is_no_data() -> None:
    everything = Exclusion("exclude", ".")
    for read in (
        psutil_io.open_diskstats(everything),
        psutil_io.open_netdev(everything),
        psutil_io.open_netclass(everything),
        psutil_io.open_filesystem(filesystem.Settings(exclude_types=".")),
    ):
        with pytest.raises(NoData):
            read()
