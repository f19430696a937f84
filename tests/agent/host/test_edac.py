"""Memory errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host import edac
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]


def test_a_controller_with_a_row(recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]) -> None:
    golden("rack", "edac", edac.open_reader(edac.Settings(), recorded("rack"))())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(edac.open_reader(edac.Settings(), recorded("rack")))


def test_counts_move_and_a_broken_one_is_named(copied: Copied, samples: Samples) -> None:
    host, folder = copied("rack")
    count = folder / "sys" / "devices" / "system" / "edac" / "mc" / "mc0" / "csrow0" / "ue_count"
    read = edac.open_reader(edac.Settings(), host)
    read()
    count.write_text("9\n")
    assert samples(read())['node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="0"}'] == 9.0
    count.write_text("many\n")
    with pytest.raises(ReaderError, match="many") as caught:
        read()
    assert caught.value.reason is Reason.MISMATCH


def test_a_machine_without_controllers_has_no_data(tmp_path: Path) -> None:
    read = edac.open_reader(edac.Settings(), Host(str(tmp_path), str(tmp_path), str(tmp_path), "linux"))
    with pytest.raises(NoData, match="edac/mc"):
        read()
    (tmp_path / "devices" / "system" / "edac" / "mc" / "power").mkdir(parents=True)
    with pytest.raises(NoData, match="no memory controller"):
        read()
