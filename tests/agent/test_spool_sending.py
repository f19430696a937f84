"""What is on its way to the collector while the disk takes nothing is not stated as lost: it may have arrived."""

import os
from pathlib import Path

import pytest

from agent.model import Lane, LossReason
from agent.spool import SpoolLimits
from tests.agent import spool_kit as kit
from tests.agent.test_spool_disk import no_room_past

HELD = 10


@pytest.mark.parametrize("is_answered", [True, False])
def test_what_is_under_way_is_not_given_up(tmp_path: Path, is_answered: bool) -> None:
    """Received and lost never overlap; and when the answer does not come, memory is bounded again with the next report."""
    clock = kit.JumpClock()
    spool = kit.reopen(tmp_path, SpoolLimits(held_reports=HELD), clock)

    def collect(count: int) -> None:
        for _ in range(count):
            spool.append_collection(facts=[kit.heartbeat(clock, "x" * 5000)], bulk=[kit.host(clock, detail="x" * 5000)])
            clock.advance(15)

    with no_room_past(4096):
        os.truncate(tmp_path / "ballast", 0)
        collect(HELD)
        assert spool.status().held_reports == HELD
        sent = spool.fresh(*kit.PLENTY) + spool.backlog(*kit.PLENTY)
        spool.sending(sent)
        collect(HELD)
        assert spool.status().held_reports == len(sent) + HELD
        if is_answered:
            spool.accept(sent)
        spool.sending(())
        collect(1)
        assert spool.status().held_reports <= HELD
    collect(1)
    entries = kit.unsent(spool)
    stated = {(r.lane, seq) for r in kit.losses(entries) for seq in range(r.first_seq, r.last_seq + 1)}
    arrived = {(entry.lane, entry.seq) for entry in sent} if is_answered else set()
    kept = {(entry.lane, entry.seq) for entry in entries}
    assert not stated & arrived
    produced = {mark.lane: mark.produced for mark in spool.watermarks()}
    assert {lane: {seq for its, seq in stated | arrived | kept if its is lane} for lane in Lane} == {
        lane: set(range(1, produced[lane] + 1)) for lane in Lane
    }
    assert {loss.reason for loss in kit.losses(entries)} == {LossReason.DISK_FULL}
