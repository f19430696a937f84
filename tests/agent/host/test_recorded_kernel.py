"""Every kernel reader on recorded machines: golden samples, a kept layout, and torn files that never crash it."""

from __future__ import annotations

import importlib
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

# module of agent.host, recorded machine, files it reads there
CASES = [
    ("arp", "vm", ["proc/net/arp"]),
    ("conntrack", "vm", ["proc/sys/net/netfilter/nf_conntrack_count", "proc/net/stat/nf_conntrack"]),
    ("conntrack", "server", ["proc/sys/net/netfilter/nf_conntrack_max", "proc/net/stat/nf_conntrack"]),
    ("cpu", "vm", ["proc/stat"]),
    ("cpu", "server", ["proc/stat", "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"]),
    ("cpufreq", "server", ["sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq"]),
    ("dmi", "server", []),
    ("entropy", "vm", ["proc/sys/kernel/random/entropy_avail", "proc/sys/kernel/random/poolsize"]),
    ("filefd", "vm", ["proc/sys/fs/file-nr"]),
    ("loadavg", "vm", ["proc/loadavg"]),
    ("meminfo", "vm", ["proc/meminfo"]),
    ("meminfo", "server", ["proc/meminfo"]),
    ("netstat", "vm", ["proc/net/netstat", "proc/net/snmp", "proc/net/snmp6"]),
    ("netstat", "server", ["proc/net/netstat", "proc/net/snmp"]),
    ("os_release", "vm", []),
    ("os_release", "server", []),
    ("pressure", "vm", ["proc/pressure/cpu", "proc/pressure/io", "proc/pressure/memory"]),
    ("schedstat", "server", ["proc/schedstat"]),
    ("selinux", "vm", []),
    ("selinux", "server", ["sys/fs/selinux/enforce"]),
    ("sockstat", "vm", ["proc/net/sockstat", "proc/net/sockstat6"]),
    ("sockstat", "server", ["proc/net/sockstat"]),
    ("softnet", "vm", ["proc/net/softnet_stat"]),
    ("softnet", "server", ["proc/net/softnet_stat"]),
    ("stat", "vm", ["proc/stat"]),
    ("stat", "server", ["proc/stat"]),
    ("udp_queues", "vm", ["proc/net/udp", "proc/net/udp6"]),
    ("vmstat", "vm", ["proc/vmstat"]),
]
TORN = [case for case in CASES if case[2]]


def opened(kind: str, host: Host) -> Reader:
    module = importlib.import_module(f"agent.host.{kind}")
    reader: Reader = module.open_reader(module.Settings(), host)
    return reader


@pytest.mark.parametrize(("kind", "machine", "_files"), CASES)
def test_recorded_machines_read_as_expected(
    kind: str,
    machine: str,
    _files: list[str],
    recorded: Callable[[str], Host],
    golden: Callable[[str, str, Readings], None],
) -> None:
    golden(machine, "os" if kind == "os_release" else kind, opened(kind, recorded(machine))())


@pytest.mark.parametrize(("kind", "machine", "_files"), CASES)
def test_the_layout_is_kept_between_runs(
    kind: str, machine: str, _files: list[str], recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]
) -> None:
    same_layout(opened(kind, recorded(machine)))


@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in CASES} - {"selinux"}))
def test_a_machine_without_the_files_has_no_data(kind: str, tmp_path: Path) -> None:
    host = Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux")
    with pytest.raises(NoData) as caught:
        opened(kind, host)()
    assert caught.value.reason is Reason.NO_DATA
    assert str(tmp_path) in caught.value.detail


@pytest.mark.parametrize(("kind", "machine", "files"), TORN)
def test_torn_and_garbled_files_are_errors_and_heal(
    kind: str, machine: str, files: list[str], copied: Callable[[str], tuple[Host, Path]]
) -> None:
    """Cut anywhere or with bytes changed, a file gives readings or the reader's own error; whole again, it reads as before."""
    host, folder = copied(machine)
    read = opened(kind, host)
    expected = [(family, tuple(series), list(values)) for family, series, values in read()]
    dice = random.Random(kind + machine)
    failures: list[str] = []
    for name in files:
        path = folder / name
        whole = path.read_bytes()
        cuts = sorted({0, 1, len(whole) // 2, *(dice.randrange(len(whole)) for _ in range(60))})
        garbled = [whole[:at] + bytes([dice.randrange(256)]) + whole[at + 1 :] for at in cuts if at < len(whole)]
        for broken in [*(whole[:cut] for cut in cuts), *garbled]:
            path.write_bytes(broken)
            try:
                read()
            except ReaderError as error:
                failures.append(error.detail)
        path.write_bytes(whole)
    assert failures, "an empty file at least is an error"
    assert all(str(folder) in detail for detail in failures), "an error names the place"
    again = [(family, tuple(series), list(values)) for family, series, values in opened(kind, host)()]
    assert again == expected
    for _ in range(41):  # cpufreq looks at its CPUs again within 40 runs
        with suppress(ReaderError):
            kept = [(family.name, tuple(series)) for family, series, _ in read()]
    assert kept == [(family.name, series) for family, series, _ in expected]


@pytest.mark.parametrize(("kind", "machine", "files"), TORN)
def test_a_file_that_goes_away_and_comes_back_is_read_again(
    kind: str, machine: str, files: list[str], copied: Callable[[str], tuple[Host, Path]], tmp_path: Path
) -> None:
    """Looked up again at once, or within 40 runs where the kind says so."""
    host, folder = copied(machine)
    path = folder / files[0]
    whole = {family.name: tuple(series) for family, series, _ in opened(kind, host)()}
    shutil.move(path, tmp_path / "away")
    read = opened(kind, host)
    with suppress(NoData):  # raised where the kind needs the file
        assert {family.name: tuple(series) for family, series, _ in read()} != whole
    shutil.move(tmp_path / "away", path)
    for _ in range(41):
        found = {family.name: tuple(series) for family, series, _ in read()}
    assert found == whole
