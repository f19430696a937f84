"""Somebody removes the spool's folder under the running agent, or puts another in its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.model import Kind, Lane, LossReason
from agent.spool import Spool, SpoolLimits
from tests.agent import spool_kit as kit

LIMITS = SpoolLimits(held_reports=10)
SCHEMA, ENCODED = kit.schema(1)


@pytest.fixture
def clock() -> kit.JumpClock:
    return kit.JumpClock()


def collect(spool: Spool, clock: kit.JumpClock, count: int) -> None:
    for _ in range(count):
        spool.append_collection(
            facts=[kit.heartbeat(clock)], bulk=[kit.host(clock, kit.block(SCHEMA))], schemas={SCHEMA: ENCODED}
        )
        clock.advance(15)


def test_a_removed_folder_is_made_anew_and_its_loss_is_stated(tmp_path: Path, clock: kit.JumpClock) -> None:
    """The stream and its numbers go on; what memory holds is kept, the rest is stated with its span."""
    folder = tmp_path / "spool"
    spool = kit.reopen(folder, LIMITS, clock)
    stream, first_ms = spool.stream, clock.wall
    collect(spool, clock, 40)
    shutil.rmtree(folder)
    removed_ms = clock.wall
    collect(spool, clock, 1)
    status = spool.status()
    assert (status.disk_error, status.repairs, status.held_reports) == ("", 1, 0)
    assert status.lost[LossReason.CORRUPT] == (40 - 16) + (40 - 4)
    entries = kit.unsent(spool)
    stated = {loss.lane: loss for loss in kit.losses(entries)}
    assert (stated[Lane.FACTS].first_seq, stated[Lane.FACTS].last_seq) == (1, 24)
    assert (stated[Lane.BULK].first_seq, stated[Lane.BULK].last_seq) == (1, 36)
    assert {(loss.from_ms, loss.until_ms, loss.boot) for loss in stated.values()} == {(first_ms, removed_ms, kit.BOOT)}
    assert sorted(kit.reports(entries, Lane.BULK)) == [37, 38, 39, 40, 41]
    assert sorted(kit.reports(entries, Lane.FACTS)) == list(range(25, 42))
    assert spool.schemas(entries, {SCHEMA}) == {SCHEMA: ENCODED}
    kit.kill(spool)
    spool = kit.reopen(folder, LIMITS, clock)
    assert spool.stream == stream
    assert kit.unsent(spool) == entries, "everything of it is on disk"
    spool.close()


def test_losses_that_were_stated_on_the_lost_disk_are_stated_again(tmp_path: Path, clock: kit.JumpClock) -> None:
    """Their numbers look settled: without their record nobody would ever explain them."""
    folder = tmp_path / "spool"
    spool = kit.reopen(folder, LIMITS, clock)
    collect(spool, clock, 3)
    spool.state_loss(spool.fresh(1, 1), LossReason.REFUSED)
    collect(spool, clock, 30)
    assert not any(entry.is_loss for entry in spool.fresh(*kit.PLENTY)), "the record is on disk only"
    shutil.rmtree(folder)
    collect(spool, clock, 1)
    stated = {(loss.reason, loss.lane, loss.first_seq, loss.last_seq) for loss in kit.losses(kit.unsent(spool))}
    assert (LossReason.REFUSED, Lane.FACTS, 1, 1) in stated
    spool.close()


@pytest.mark.parametrize("name", ["lock", "position"])
def test_one_file_gone_costs_nothing(name: str, tmp_path: Path, clock: kit.JumpClock) -> None:
    """It is made anew; the reports are where they were."""
    spool = kit.reopen(tmp_path, LIMITS, clock)
    collect(spool, clock, 40)
    before = kit.unsent(spool)
    (tmp_path / name).unlink()
    collect(spool, clock, 1)
    assert spool.status().repairs == 1
    assert sum(spool.status().lost.values()) == 0
    after = kit.unsent(spool)
    assert [entry for entry in after if entry in before] == before
    kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert kit.unsent(spool) == after
    spool.close()


def test_another_folder_in_its_place_is_left_alone(tmp_path: Path, clock: kit.JumpClock) -> None:
    """Not a byte of it changes, nothing is read from it; moved back, the spool goes on where it was."""
    folder, aside, other = tmp_path / "spool", tmp_path / "aside", tmp_path / "other"
    spool = kit.reopen(folder, LIMITS, clock)
    stranger = kit.reopen(other, LIMITS, clock)
    collect(stranger, clock, 30)
    collect(spool, clock, 30)
    stranger.close()
    folder.rename(aside)
    other.rename(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    collect(spool, clock, 30)
    assert spool.is_replaced
    assert spool.status().disk_error == f"spool folder {folder}: another folder stands in its place"
    assert spool.status().held_reports == LIMITS.held_reports
    assert spool.backlog(*kit.PLENTY) == []
    spool.accept(spool.fresh(*kit.PLENTY))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    folder.rename(other)
    aside.rename(folder)
    collect(spool, clock, 1)
    assert not spool.is_replaced
    assert spool.status().disk_error == ""
    entries = kit.unsent(spool)
    assert {seq for seq in kit.reports(entries, Lane.BULK) if seq <= 30} == set(range(1, 31))
    spool.close()


def test_a_folder_that_cannot_be_made_anew_is_said_and_survived(tmp_path: Path, clock: kit.JumpClock) -> None:
    """Memory holds the newest and the network may take them; when the way is free the folder comes back."""
    folder = tmp_path / "state" / "spool"
    spool = kit.reopen(folder, LIMITS, clock)
    collect(spool, clock, 2)
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").write_text("a file stands in the way")
    collect(spool, clock, 20)
    status = spool.status()
    assert status.disk_error == f"spool folder {folder}: removed, and cannot be made anew: Not a directory"
    assert status.held_reports == LIMITS.held_reports
    assert len(spool.fresh(*kit.PLENTY)) > 0
    assert not spool.is_replaced
    (tmp_path / "state").unlink()
    spool.append(Lane.FACTS, [kit.marker(clock, Kind.AGENT_STOP)])
    assert spool.status().disk_error == ""
    produced = {mark.lane: mark.produced for mark in spool.watermarks()}
    entries = kit.unsent(spool)
    for lane in Lane:
        stated = {n for loss in kit.losses(entries) if loss.lane is lane for n in range(loss.first_seq, loss.last_seq + 1)}
        assert stated | {entry.seq for entry in entries if entry.lane is lane} == set(range(1, produced[lane] + 1))
    assert os.listdir(folder)
    spool.close()
