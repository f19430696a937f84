"""Memory fields in bytes where the kernel says kB, and as they are where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import meminfo
from agent.host.reading import Host, ReaderError
from agent.model import Readings


def test_units_and_names(recorded: Callable[[str], Host], samples: Callable[[Readings], dict[str, float]]) -> None:
    found = samples(meminfo.open_reader(meminfo.Settings(), recorded("server"))())
    assert found["node_memory_MemTotal_bytes"] == 65843548 * 1024
    assert found["node_memory_Active_anon_bytes"] == 2000000 * 1024
    assert found["node_memory_HugePages_Total"] == 12


def test_a_new_field_appears(tmp_path: Path, samples: Callable[[Readings], dict[str, float]]) -> None:
    """A kernel module may add a field while the agent runs."""
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 1 kB\nMemFree: 2 kB\n")
    read = meminfo.open_reader(meminfo.Settings(), Host(str(tmp_path), platform="linux"))
    assert set(samples(read())) == {"node_memory_MemTotal_bytes", "node_memory_MemFree_bytes"}
    path.write_text("MemTotal: 1 kB\nBalloon: 7\nMemFree: 2 kB\n")
    assert samples(read()) == {
        "node_memory_MemTotal_bytes": 1024,
        "node_memory_Balloon": 7,
        "node_memory_MemFree_bytes": 2048,
    }


def test_a_line_without_a_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal 1 kB\n")
    with pytest.raises(ReaderError, match="found b'MemTotal' at word 0, expected 'Name: number'"):
        meminfo.open_reader(meminfo.Settings(), Host(str(tmp_path), platform="linux"))()
