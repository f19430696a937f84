"""Processes and threads by state, a part of them at each collection."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import processes
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]


def test_processes_of_every_state(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "processes", processes.open_reader(processes.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(processes.open_reader(processes.Settings(), recorded("rack")))


def test_a_round_takes_several_collections(copied: Copied, samples: Samples) -> None:
    """Eight tasks, three a collection: the figures are new at every third collection, but the first reads all."""
    host, folder = copied("rack")
    read = processes.open_reader(processes.Settings(per_collection=3), host)
    assert samples(read())["node_processes_pids"] == 6.0
    shutil.rmtree(folder / "proc" / "150")
    seen = [samples(read())["node_processes_pids"] for _ in range(6)]
    assert seen == [6.0, 6.0, 5.0, 5.0, 5.0, 5.0]


def test_a_state_seen_once_stays_at_zero(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    read = processes.open_reader(processes.Settings(), host)
    read()
    shutil.rmtree(folder / "proc" / "141")
    found = samples(read())
    assert found['node_processes_state{state="Z"}'] == 0.0
    assert found['node_processes_threads_state{thread_state="Z"}'] == 0.0


def test_a_thread_that_ended_meanwhile_is_not_counted(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    shutil.rmtree(folder / "proc" / "140" / "task" / "142")
    found = samples(processes.open_reader(processes.Settings(), host)())
    assert 'node_processes_threads_state{thread_state="R"}' not in found
    assert found["node_processes_threads"] == 8.0


@pytest.mark.parametrize("stat", ["", "77 (cut", "77 (x) S 1 2 3\n", "77 (x) S " + "x " * 40])
def test_a_broken_file_is_named(copied: Copied, stat: str) -> None:
    host, folder = copied("rack")
    (folder / "proc" / "77" / "stat").write_text(stat)
    read = processes.open_reader(processes.Settings(), host)
    for _ in range(2):
        with pytest.raises(ReaderError, match="77/stat") as caught:
            read()
        assert caught.value.reason is Reason.MISMATCH


def test_this_process_is_among_those_of_this_machine(samples: Samples) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc")
    found = samples(processes.open_reader(processes.Settings(), Host())())
    assert found["node_processes_pids"] >= len({os.getpid(), os.getppid()})
    states = sum(value for name, value in found.items() if name.startswith("node_processes_state"))
    assert states == found["node_processes_pids"]


def test_a_machine_without_proc_has_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        processes.open_reader(processes.Settings(), Host(str(tmp_path / "none"), "", "", "linux"))()
