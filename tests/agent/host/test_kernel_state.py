"""Kinds stat, pressure, uname, dmi, cpufreq, selinux, schedstat, loadavg: single promises that golden samples do not show."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import cpufreq, dmi, loadavg, pressure, schedstat, selinux, stat, uname
from agent.host.reading import Host, NoData, ReaderError
from agent.model import Readings, Reason

Samples = Callable[[Readings], dict[str, float]]
Copied = Callable[[str], tuple[Host, Path]]


def test_stat_finds_lines_behind_a_long_line_of_interrupts(tmp_path: Path, samples: Samples) -> None:
    lines = ["cpu  1 2", "intr 77 " + "1 " * 40_000, "ctxt 5", "btime 6", "processes 7", "procs_running 8", "procs_blocked 9"]
    (tmp_path / "stat").write_text("\n".join(lines))
    assert samples(stat.open_reader(stat.Settings(), Host(str(tmp_path), platform="linux"))()) == {
        "node_boot_time_seconds": 6,
        "node_context_switches_total": 5,
        "node_forks_total": 7,
        "node_intr_total": 77,
        "node_procs_blocked": 9,
        "node_procs_running": 8,
    }


def test_stat_names_the_line_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  1 2\nctxt 5\n")
    with pytest.raises(ReaderError, match="stat: found no 'btime', expected a line with its number"):
        stat.open_reader(stat.Settings(), Host(str(tmp_path), platform="linux"))()


def test_pressure_is_told_in_seconds(copied: Copied, samples: Samples) -> None:
    host, folder = copied("vm")
    (folder / "proc/pressure/io").write_text("some avg10=0.00 total=2500000\nfull avg10=0.00 total=1500000\n")
    found = samples(pressure.open_reader(pressure.Settings(), host)())
    assert found["node_pressure_io_waiting_seconds_total"] == 2.5
    assert found["node_pressure_io_stalled_seconds_total"] == 1.5


def test_an_old_kernel_has_no_full_line_for_cpu(copied: Copied, samples: Samples) -> None:
    host, folder = copied("vm")
    (folder / "proc/pressure/cpu").write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n")
    assert samples(pressure.open_reader(pressure.Settings(), host)())["node_pressure_cpu_waiting_seconds_total"] == 3


def test_the_machines_names(
    recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The architecture is the running machine's; every other name is recorded."""
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("Linux", "x", "x", "x", "x86_64")))
    golden("vm", "uname", uname.open_reader(uname.Settings(), recorded("vm"))())


def test_a_renamed_machine_is_shown_with_its_new_name(copied: Copied) -> None:
    host, folder = copied("vm")
    read = uname.open_reader(uname.Settings(), host)
    before = read()[0]
    assert dict(zip(before[0].labels, before[1][0], strict=True))["nodename"] == "vm1"
    assert read()[0][1] is before[1]
    (folder / "proc/sys/kernel/hostname").write_text("db1\n")
    after = read()[0]
    assert dict(zip(after[0].labels, after[1][0], strict=True))["nodename"] == "db1"


def test_dmi_labels_are_those_that_can_be_read(recorded: Callable[[str], Host], samples: Samples) -> None:
    assert samples(dmi.open_reader(dmi.Settings(), recorded("server"))()) == {
        'node_dmi_info{bios_date="06/15/2022",bios_vendor="Example Firmware",bios_version="2.15.1",board_asset_tag="",'
        'product_name="Rack 2000",system_vendor="Example Systems Inc."}': 1
    }


def test_a_frequency_that_is_unknown_costs_one_series(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(cpufreq.open_reader(cpufreq.Settings(), recorded("server"))())
    current = {key: value for key, value in found.items() if key.startswith("node_cpu_scaling_frequency_hertz")}
    assert current == {f'node_cpu_scaling_frequency_hertz{{cpu="{cpu}"}}': 1.2e9 + cpu * 1e8 for cpu in range(3)}
    assert found['node_cpu_frequency_max_hertz{cpu="3"}'] == 3.9e9


def test_a_frequency_that_becomes_unknown_costs_one_run(copied: Copied, samples: Samples) -> None:
    host, folder = copied("server")
    read = cpufreq.open_reader(cpufreq.Settings(), host)
    read()
    (folder / "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq").write_text("<unknown>\n")
    with pytest.raises(ReaderError):
        read()
    found = samples(read())
    assert 'node_cpu_scaling_frequency_hertz{cpu="1"}' not in found
    assert 'node_cpu_scaling_frequency_hertz{cpu="2"}' in found


def test_frequencies_of_cpus_that_went_away_leave_after_a_look(copied: Copied, samples: Samples) -> None:
    host, folder = copied("server")
    read = cpufreq.open_reader(cpufreq.Settings(), host)
    assert 'node_cpu_frequency_max_hertz{cpu="3"}' in samples(read())
    (folder / "sys/devices/system/cpu/cpu3").rename(folder / "gone")
    found = [samples(read()) for _ in range(40)]
    assert 'node_cpu_frequency_max_hertz{cpu="3"}' not in found[-1]
    assert 'node_cpu_frequency_max_hertz{cpu="2"}' in found[-1]


@pytest.mark.parametrize(
    ("line", "mode"),
    [("SELINUX=enforcing", 1), ("SELINUX = Permissive", 0), ("SELINUX=disabled", -1), ("#SELINUX=enforcing", -1)],
)
def test_selinux_configured_mode(line: str, mode: int, copied: Copied, samples: Samples) -> None:
    host, folder = copied("server")
    (folder / "root/etc/selinux/config").write_text(f"# SELINUX= comment\n{line}\n")
    assert samples(selinux.open_reader(selinux.Settings(), host)()) == {
        "node_selinux_enabled": 1,
        "node_selinux_config_mode": mode,
        "node_selinux_current_mode": 1,
    }


def test_selinux_that_is_off_has_no_modes(recorded: Callable[[str], Host], samples: Samples) -> None:
    assert samples(selinux.open_reader(selinux.Settings(), recorded("vm"))()) == {"node_selinux_enabled": 0}
    with pytest.raises(NoData, match="Linux only"):
        selinux.open_reader(selinux.Settings(), Host(platform="win32"))()


def test_schedstat_is_told_in_seconds(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(schedstat.open_reader(schedstat.Settings(), recorded("server"))())
    assert found['node_schedstat_running_seconds_total{cpu="0"}'] == 2045936.778163039
    assert found['node_schedstat_timeslices_total{cpu="1"}'] == 5145567945


def test_a_load_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loadavg").write_text("0.1 x 0.3 1/2 3\n")
    with pytest.raises(ReaderError, match=r"loadavg: could not convert string to float: b'x'") as caught:
        loadavg.open_reader(loadavg.Settings(), Host(str(tmp_path), platform="linux"))()
    assert caught.value.reason is Reason.MISMATCH
