"""The spool keeps what it took, in order and once, across restarts and within its limits; what it drops it states."""

import os
from pathlib import Path

import pytest

from agent import wire
from agent.model import Kind, Lane, LossReason
from agent.spool import Spool, SpoolError, SpoolLimits
from tests.agent import spool_kit as kit

LIMITS = SpoolLimits()
SMALL = SpoolLimits(max_bytes=96 * 1024, facts_bytes=32 * 1024, segment_bytes=8 * 1024)


@pytest.fixture
def clock() -> kit.JumpClock:
    return kit.JumpClock()


def _fill(spool: Spool, clock: kit.JumpClock, count: int) -> None:
    for number in range(count):
        spool.append_collection(facts=[kit.heartbeat(clock)], bulk=[kit.host(clock, detail=f"{number:0200}")])
        clock.advance(15)


def test_numbers_count_per_lane_from_one(tmp_path: Path, clock: kit.JumpClock) -> None:
    with_both = kit.reopen(tmp_path, LIMITS, clock)
    first = with_both.append_collection(facts=[kit.marker(clock), kit.heartbeat(clock)], bulk=[kit.host(clock)])
    assert (first.facts, first.bulk) == (range(1, 3), range(1, 2))
    assert with_both.append(Lane.BULK, [kit.host(clock)]) == range(2, 3)
    assert with_both.append(Lane.FACTS, []) == range(3, 3)
    with_both.close()


def test_what_was_appended_is_offered_as_it_would_be_sent(tmp_path: Path, clock: kit.JumpClock) -> None:
    """The payload is the wire encoding, number included; the stored copy equals the one in memory."""
    spool = kit.reopen(tmp_path, LIMITS, clock)
    hash_, encoded = kit.schema(1)
    spool.append_collection(facts=[kit.heartbeat(clock)], bulk=[kit.host(clock, kit.block(hash_))], schemas={hash_: encoded})
    fresh = spool.fresh(*kit.PLENTY)
    assert [(e.lane, e.seq, e.boot, e.at_ms, e.schemas) for e in fresh] == [
        (Lane.FACTS, 1, kit.BOOT, clock.wall, ()),
        (Lane.BULK, 1, kit.BOOT, clock.wall, (hash_,)),
    ]
    assert wire.decode_report(fresh[1].payload).blocks == (kit.block(hash_),)
    kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock, boot="boot-2")
    assert spool.backlog(*kit.PLENTY) == fresh
    assert spool.schemas(fresh, {hash_}) == {hash_: encoded}
    spool.close()


def test_facts_come_before_bulk_and_old_before_new(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    _fill(spool, clock, 40)
    fresh = [(e.lane, e.seq) for e in spool.fresh(*kit.PLENTY)]
    assert fresh == [(Lane.FACTS, n) for n in range(25, 41)] + [(Lane.BULK, n) for n in range(37, 41)]
    backlog = [(e.lane, e.seq) for e in spool.backlog(*kit.PLENTY)]
    assert backlog == [(Lane.FACTS, n) for n in range(1, 25)] + [(Lane.BULK, n) for n in range(1, 37)]
    spool.close()


def test_reading_is_bounded_by_count_and_bytes_but_never_empty_handed(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    _fill(spool, clock, 40)
    assert [e.seq for e in spool.backlog(3, 10**9)] == [1, 2, 3]
    size = len(spool.backlog(1, 10**9)[0].payload)
    assert [e.seq for e in spool.backlog(100, 2 * size)] == [1, 2]
    assert len(spool.backlog(100, 1)) == 1
    assert len(spool.fresh(100, 1)) == 1
    assert [e.lane for e in spool.backlog(30, 10**9)][23:] == [Lane.FACTS] + [Lane.BULK] * 6
    spool.close()


def test_what_is_accepted_is_not_offered_again_even_above_a_gap(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    _fill(spool, clock, 40)
    fresh = spool.fresh(*kit.PLENTY)
    spool.accept(fresh)
    assert spool.fresh(*kit.PLENTY) == []
    assert not {(e.lane, e.seq) for e in kit.unsent(spool)} & {(e.lane, e.seq) for e in fresh}
    facts = spool.watermarks()[0]
    assert (facts.produced, facts.oldest, facts.reports) == (40, 1, 24)
    kit.kill(spool)
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert len(kit.unsent(spool)) == 24 + 36, "ranges above a gap survive a restart"
    spool.acknowledge(Lane.FACTS, 40)
    spool.acknowledge(Lane.BULK, 36)
    assert kit.unsent(spool) == []
    assert not spool.has_pending()
    spool.close()


def test_segments_go_once_everything_in_them_is_settled(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, SpoolLimits(segment_bytes=4096), clock)
    _fill(spool, clock, 100)
    many = len(list(tmp_path.glob("bulk-*.seg")))
    spool.acknowledge(Lane.BULK, 50)
    fewer = len(list(tmp_path.glob("bulk-*.seg")))
    spool.acknowledge(Lane.BULK, 100)
    assert many > 5 > 1
    assert 1 < fewer < many
    assert len(list(tmp_path.glob("bulk-*.seg"))) == 1
    spool.close()


def test_a_number_is_never_given_twice_even_when_all_was_sent(tmp_path: Path, clock: kit.JumpClock) -> None:
    for start in range(1, 6):
        spool = kit.reopen(tmp_path, LIMITS, clock)
        assert spool.append(Lane.FACTS, [kit.heartbeat(clock)]) == range(start, start + 1)
        spool.accept(spool.fresh(*kit.PLENTY))
        kit.kill(spool)
    for segment in tmp_path.glob("*.seg"):
        segment.unlink()
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert spool.append(Lane.FACTS, [kit.heartbeat(clock)]) == range(6, 7)
    spool.close()


def test_numbers_jump_over_what_the_collector_knows_already(tmp_path: Path, clock: kit.JumpClock) -> None:
    """A folder put back from a copy must not reuse numbers: they would be dropped as duplicates."""
    spool = kit.reopen(tmp_path, LIMITS, clock)
    spool.append(Lane.FACTS, [kit.heartbeat(clock)])
    spool.acknowledge(Lane.FACTS, 500)
    assert spool.append(Lane.FACTS, [kit.heartbeat(clock)]) == range(501, 502)
    spool.acknowledge(Lane.FACTS, 2**60)
    assert spool.append(Lane.FACTS, [kit.heartbeat(clock)]) == range(502, 503)
    spool.close()


def test_the_stream_is_named_once_and_anew_when_the_numbers_are_gone(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    spool.append(Lane.FACTS, [kit.heartbeat(clock)])
    name = spool.stream
    spool.close()
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert spool.stream == name
    assert wire._ID.match(name)
    spool.close()
    (tmp_path / "position").unlink()
    for segment in tmp_path.glob("*.seg"):
        segment.unlink()
    spool = kit.reopen(tmp_path, LIMITS, clock)
    assert spool.stream != name
    spool.close()


def test_a_second_opener_is_told_who_has_the_folder(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    with pytest.raises(SpoolError, match=rf"spool folder {tmp_path} is in use by process {os.getpid()}"):
        kit.reopen(tmp_path, LIMITS, clock)
    spool.close()
    spool.close()
    kit.reopen(tmp_path, LIMITS, clock).close()


def test_a_folder_that_is_a_file_is_named(tmp_path: Path, clock: kit.JumpClock) -> None:
    place = tmp_path / "spool"
    place.write_text("not a folder")
    with pytest.raises(SpoolError, match=rf"spool folder {place}: File exists"):
        kit.reopen(place, LIMITS, clock)


# -- limits ------------------------------------------------------------------------------------------------------------


def test_r9_7_over_its_bytes_the_oldest_bulk_goes_first_and_is_stated(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, SMALL, clock)
    start = clock.wall
    _fill(spool, clock, 400)
    entries = kit.unsent(spool)
    assert spool.status().bytes <= SMALL.max_bytes
    bulk = kit.reports(entries, Lane.BULK)
    stated = [loss for loss in kit.losses(entries) if loss.lane is Lane.BULK]
    assert {loss.reason for loss in stated} == {LossReason.BYTES}
    assert _covered(stated) | set(bulk) == set(range(1, 401))
    assert _covered(stated) & set(bulk) == set()
    assert min(bulk) > max(_covered(stated))
    assert sum(loss.count for loss in stated) == 400 - len(bulk)
    assert sum(loss.count for loss in kit.losses(entries)) == spool.status().lost[LossReason.BYTES]
    assert stated[0].from_ms == start
    assert stated[0].until_ms == start + (stated[0].last_seq - 1) * 15_000
    assert {loss.boot for loss in stated} == {kit.BOOT}
    spool.close()


def test_r9_7_bulk_never_pushes_facts_out(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, SMALL, clock)
    for _ in range(20):
        spool.append(Lane.FACTS, [kit.heartbeat(clock)])
    for number in range(2000):
        spool.append(Lane.BULK, [kit.host(clock, detail=f"{number:0200}")])
    assert set(range(1, 21)) <= set(kit.reports(kit.unsent(spool), Lane.FACTS))
    spool.close()


def test_r9_7_facts_over_their_share_lose_heartbeats_and_keep_markers_and_losses(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, SMALL, clock)
    kinds = (Kind.AGENT_START, Kind.STALL, Kind.CLOCK_STEP, Kind.AGENT_STOP, Kind.BLIND)
    markers = set()
    for number in range(2000):
        spool.append(Lane.FACTS, [kit.heartbeat(clock)])
        if number % 100 == 50:
            markers |= set(spool.append(Lane.FACTS, [kit.marker(clock, kinds[number // 100 % 5])]))
        clock.advance(15)
    entries = kit.unsent(spool)
    facts = kit.reports(entries, Lane.FACTS)
    stated = kit.losses(entries)
    produced = spool.watermarks()[0].produced
    assert markers <= set(facts)
    assert _covered(stated).isdisjoint(facts)
    assert _covered(stated) | {entry.seq for entry in entries} == set(range(1, produced + 1))
    assert spool.status().bytes <= SMALL.max_bytes
    assert spool.status().lost[LossReason.BYTES] == sum(loss.count for loss in stated) > 1000
    kit.kill(spool)
    spool = kit.reopen(tmp_path, SMALL, clock)
    assert kit.unsent(spool) == entries, "a restart neither brings lost reports back nor states them twice"
    spool.close()


def test_markers_alone_are_bounded_too_and_their_losses_are_merged(tmp_path: Path, clock: kit.JumpClock) -> None:
    """A crash loop without a collector writes start markers for ever; the disk must not fill up."""
    spool = kit.reopen(tmp_path, SMALL, clock)
    for _ in range(3000):
        spool.append(Lane.FACTS, [kit.marker(clock)])
    entries = kit.unsent(spool)
    stated = kit.losses(entries)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.seg")) <= SMALL.max_bytes
    gone = {seq for loss in stated for seq in range(loss.first_seq, loss.last_seq + 1)}
    kept = {entry.seq for entry in entries}
    assert not gone & kept
    assert gone | kept == set(range(1, spool.watermarks()[0].produced + 1))
    assert sum(loss.count for loss in stated) == len(gone) == spool.status().lost[LossReason.BYTES]
    assert len(stated) < 100
    spool.close()


def test_reports_past_the_age_limit_are_stated_as_such(tmp_path: Path, clock: kit.JumpClock) -> None:
    limits = SpoolLimits(max_age_s=3600, segment_bytes=4096)
    spool = kit.reopen(tmp_path, limits, clock)
    spool.append(Lane.FACTS, [kit.marker(clock)])
    _fill(spool, clock, 480)
    entries = kit.unsent(spool)
    stated = kit.losses(entries)
    assert {loss.reason for loss in stated} == {LossReason.AGE}
    assert {loss.lane for loss in stated} == {Lane.FACTS, Lane.BULK}
    assert 1 in kit.reports(entries, Lane.FACTS)
    oldest = min(report.at_ms for report in kit.reports(entries, Lane.BULK).values())
    assert clock.wall - oldest < (3600 + 40 * 15) * 1000
    spool.close()


def test_a_step_of_the_wall_clock_makes_nothing_old(tmp_path: Path, clock: kit.JumpClock) -> None:
    """A machine without a clock battery boots in 1970 and jumps to today: what it spooled meanwhile is minutes old."""
    clock.wall = 60_000
    spool = kit.reopen(tmp_path, SpoolLimits(max_age_s=3600), clock)
    _fill(spool, clock, 10)
    clock.wall = 1_760_000_000_000
    _fill(spool, clock, 10)
    kit.kill(spool)
    spool = kit.reopen(tmp_path, SpoolLimits(max_age_s=3600), clock)
    _fill(spool, clock, 1)
    assert len(kit.reports(kit.unsent(spool), Lane.BULK)) == 21
    assert kit.losses(kit.unsent(spool)) == []
    spool.close()


def test_a_report_too_large_to_store_is_stated_not_stored(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    spool.append_collection(bulk=[kit.host(clock, detail="x" * (3 * 1024 * 1024)), kit.host(clock)])
    entries = kit.unsent(spool)
    assert list(kit.reports(entries, Lane.BULK)) == [2]
    assert [(loss.lane, loss.first_seq, loss.reason) for loss in kit.losses(entries)] == [(Lane.BULK, 1, LossReason.REFUSED)]
    assert spool.status().bytes < 4096
    spool.close()


def test_refused_reports_are_stated_and_a_refused_loss_is_not_stated_again(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    spool.append_collection(facts=[kit.heartbeat(clock)], bulk=[kit.host(clock), kit.host(clock)])
    spool.state_loss([e for e in spool.fresh(*kit.PLENTY) if e.lane is Lane.BULK], LossReason.REFUSED)
    entries = kit.unsent(spool)
    assert [(e.seq, e.is_loss) for e in entries] == [(1, False), (2, True)]
    assert (kit.losses(entries)[0].first_seq, kit.losses(entries)[0].last_seq, kit.losses(entries)[0].count) == (1, 2, 2)
    spool.state_loss(entries, LossReason.REFUSED)
    assert [(e.seq, e.is_loss) for e in kit.unsent(spool)] == [(3, True)], "only the heartbeat's loss is new"
    spool.close()


# -- schemas -----------------------------------------------------------------------------------------------------------


def test_each_segment_holds_the_schemas_it_needs(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, SpoolLimits(segment_bytes=4096), clock)
    known = dict([kit.schema(1), kit.schema(2)])
    blocks = [kit.block(hash_) for hash_ in known]
    for _ in range(60):
        spool.append(Lane.BULK, [kit.host(clock, *blocks)], known)
    assert len(list(tmp_path.glob("bulk-*.seg"))) > 2
    kit.kill(spool)
    first = min(tmp_path.glob("bulk-*.seg"))
    assert all(first.read_bytes().count(data) == 1 for data in known.values()), "once a segment, not once a report"
    spool = kit.reopen(tmp_path, SpoolLimits(segment_bytes=4096), clock)
    spool.append(Lane.BULK, [kit.host(clock, *blocks)], known)
    spool.acknowledge(Lane.BULK, 30)
    for entry in spool.backlog(*kit.PLENTY):
        assert spool.schemas([entry], set(known)) == known
    kit.kill(spool)
    last = kit.newest_segment(tmp_path, Lane.BULK)
    assert all(last.read_bytes().count(data) == 1 for data in known.values()), "a reopened segment knows what it holds"


def test_a_reopened_segment_gets_the_schemas_that_only_older_ones_hold(tmp_path: Path, clock: kit.JumpClock) -> None:
    limits = SpoolLimits(segment_bytes=4096)
    spool = kit.reopen(tmp_path, limits, clock)
    hash_, data = kit.schema(1)
    spool.append(Lane.BULK, [kit.host(clock, kit.block(hash_), detail="x" * 5000)], {hash_: data})
    spool.append(Lane.BULK, [kit.host(clock)])
    assert data not in kit.newest_segment(tmp_path, Lane.BULK).read_bytes()
    kit.kill(spool)
    spool = kit.reopen(tmp_path, limits, clock)
    spool.append(Lane.BULK, [kit.host(clock, kit.block(hash_))], {hash_: data})
    assert data in kit.newest_segment(tmp_path, Lane.BULK).read_bytes()
    spool.close()


def test_churning_schemas_do_not_pile_up_in_memory(tmp_path: Path, clock: kit.JumpClock) -> None:
    spool = kit.reopen(tmp_path, LIMITS, clock)
    for number in range(2000):
        hash_, data = kit.schema(number)
        spool.append(Lane.BULK, [kit.host(clock, kit.block(hash_))], {hash_: data})
    assert len(spool._store.known) <= 513
    entry = spool.backlog(1, 10**9)[0]
    assert spool.schemas([entry], set(entry.schemas)) == dict([kit.schema(0)])
    spool.close()


def _covered(stated: list) -> set[int]:
    covered = [seq for loss in stated for seq in range(loss.first_seq, loss.last_seq + 1)]
    assert len(covered) == len(set(covered)), "stated twice"
    return set(covered)
