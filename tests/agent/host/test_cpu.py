"""CPU counters only grow, but for a CPU that was taken out and put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import cpu
from agent.host.reading import Host, ReaderError
from agent.model import Readings, Reason

Read = Callable[[], dict[str, float]]


@pytest.fixture
def machine(tmp_path: Path, samples: Callable[[Readings], dict[str, float]]) -> tuple[Path, Read]:
    (tmp_path / "stat").write_text("cpu0 100 0 0 1000 50 0 0 0 0 0\ncpu1 200 0 0 2000 50 0 0 0 0 0\n")
    read = cpu.open_reader(cpu.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    return tmp_path / "stat", lambda: samples(read())


def seconds(found: dict[str, float], cpu_name: str, mode: str) -> float:
    return found[f'node_cpu_seconds_total{{cpu="{cpu_name}",mode="{mode}"}}']


def test_a_counter_that_jitters_back_stays(machine: tuple[Path, Read]) -> None:
    """The kernel's idle and iowait may fall by a tick or two; a falling counter would read as a reboot."""
    stat, read = machine
    read()
    stat.write_text("cpu0 101 0 0 999 49 0 0 0 0 0\ncpu1 201 0 0 2001 51 0 0 0 0 0\n")
    found = read()
    assert seconds(found, "0", "user") == 1.01
    assert seconds(found, "0", "idle") == 10.0
    assert seconds(found, "0", "iowait") == 0.5
    assert seconds(found, "1", "iowait") == 0.51


def test_a_cpu_put_back_starts_anew_and_its_neighbour_does_not(machine: tuple[Path, Read]) -> None:
    stat, read = machine
    read()
    stat.write_text("cpu0 5 0 0 700 1 0 0 0 0 0\ncpu1 199 0 0 2000 51 0 0 0 0 0\n")
    found = read()
    assert (seconds(found, "0", "user"), seconds(found, "0", "idle"), seconds(found, "0", "iowait")) == (0.05, 7.0, 0.01)
    assert seconds(found, "1", "user") == 2.0


def test_idle_that_fell_by_less_than_three_seconds_is_jitter(machine: tuple[Path, Read]) -> None:
    stat, read = machine
    read()
    stat.write_text("cpu0 5 0 0 701 1 0 0 0 0 0\ncpu1 200 0 0 2000 50 0 0 0 0 0\n")
    found = read()
    assert (seconds(found, "0", "user"), seconds(found, "0", "idle")) == (1.0, 10.0)


def test_cpus_that_come_and_go_change_the_series(machine: tuple[Path, Read]) -> None:
    stat, read = machine
    read()
    stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\ncpu1 150 0 0 1000 50 0 0 0 0 0\n")
    found = read()
    assert {key for key in found if 'cpu="0"' in key} == set()
    assert seconds(found, "1", "user") == 1.5


def test_a_line_that_is_too_short_is_named(machine: tuple[Path, Read]) -> None:
    stat, read = machine
    stat.write_text("cpu0 1 2 3\n")
    with pytest.raises(ReaderError, match=r"stat: found b'cpu0 1 2 3', expected a CPU and 10 numbers") as caught:
        read()
    assert caught.value.reason is Reason.MISMATCH


def test_throttles_count_once_a_core_and_once_a_package(
    recorded: Callable[[str], Host], samples: Callable[[Readings], dict[str, float]]
) -> None:
    """Two threads of one core show the same counter."""
    found = samples(cpu.open_reader(cpu.Settings(), recorded("server"))())
    assert {key: value for key, value in found.items() if "throttles" in key} == {
        'node_cpu_core_throttles_total{core="0",package="0"}': 3.0,
        'node_cpu_core_throttles_total{core="0",package="1"}': 13.0,
        'node_cpu_package_throttles_total{package="0"}': 7.0,
        'node_cpu_package_throttles_total{package="1"}': 107.0,
    }
