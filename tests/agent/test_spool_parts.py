"""The pure parts under the spool: settled numbers, segments' bytes, positions, runs of losses, batches."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import batch, disk, segment, wire
from agent.losses import LossBook
from agent.model import Lane, Loss, LossReason
from agent.position import MAX_RANGES, SLOT_BYTES, LanePosition, PositionFile
from agent.ranges import Ranges
from agent.segment import Entry

spans = st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(done=st.integers(0, 10), added=st.lists(spans, max_size=25), asked=spans)
def test_ranges_agree_with_a_set(done: int, added: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    ranges, model = Ranges(done), set(range(1, done + 1))
    for first, last in added:
        ranges.add(first, last)
        model |= set(range(first, last + 1))
    assert [seq in ranges for seq in range(1, 80)] == [seq in model for seq in range(1, 80)]
    assert ranges.done + 1 not in model
    assert set(range(1, ranges.done + 1)) <= model
    assert ranges.count_above() == len([seq for seq in model if seq > ranges.done])
    above = ranges.above()
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(above)), "neighbours are one range"
    holes = {seq for first, last in ranges.open_between(*asked) for seq in range(first, last + 1)}
    assert holes == set(range(asked[0], asked[1] + 1)) - model
    assert ranges.holds_all(*asked) == (not holes)
    again = Ranges(ranges.done, above)
    assert (again.done, again.above()) == (ranges.done, above)


records_ = st.tuples(
    st.integers(1, 4), st.integers(1, 2**53), st.integers(-(2**40), 2**50), st.binary(max_size=40), st.binary(max_size=300)
)


@given(written=st.lists(records_, max_size=8), cut=st.integers(0, 2000))
def test_a_segment_is_read_up_to_where_it_was_cut(written: list, cut: int) -> None:
    data = segment.encode_header(Lane.BULK, 7, 9)
    ends = [len(data)]
    for kind, seq, at_ms, boot, payload in written:
        data += segment.encode_record(kind, seq, at_ms, boot, payload)
        ends.append(len(data))
    assert segment.decode_header(data) == (Lane.BULK, 7, 9)
    cut = min(cut, len(data) - segment.HEADER_BYTES)
    rest = data[: len(data) - cut]
    found = list(segment.records(rest))
    whole = [end for end in ends[1:] if end <= len(rest)]
    assert [record.end for record in found] == whole
    assert [(r.kind, r.seq, r.at_ms, r.boot, rest[r.start : r.end]) for r in found] == written[: len(whole)]


@given(written=st.lists(records_, min_size=1, max_size=5), at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed_and_what_is_before_it_is_kept(written: list, at: int, flip: int) -> None:
    clean = segment.encode_header(Lane.FACTS, 1) + b"".join(segment.encode_record(*record) for record in written)
    data = bytearray(clean)
    at = segment.HEADER_BYTES + at % (len(data) - segment.HEADER_BYTES)
    data[at] ^= flip
    before = [record for record in segment.records(clean) if record.end <= at]
    assert list(segment.records(bytes(data))) == before


@pytest.mark.parametrize("size", range(segment.HEADER_BYTES))
def test_a_header_cut_short_is_none(size: int) -> None:
    assert segment.decode_header(segment.encode_header(Lane.FACTS, 1)[:size]) is None


@pytest.mark.parametrize("at", range(segment.HEADER_BYTES))
def test_a_header_with_a_changed_byte_is_none(at: int) -> None:
    data = bytearray(segment.encode_header(Lane.FACTS, 1))
    data[at] ^= 1
    assert segment.decode_header(bytes(data)) is None


def test_zeros_are_no_record() -> None:
    """A file system may leave a tail of zeros after a power cut."""
    assert list(segment.records(segment.encode_header(Lane.FACTS, 1) + bytes(4096))) == []


def test_a_torn_position_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "position"
    file = PositionFile(str(path))
    assert file.last is None
    for seq in (5, 6, 7):
        file.write(LanePosition(seq), LanePosition(seq), held=seq == 6)
    file.close()
    file.close()
    data = bytearray(path.read_bytes())
    assert len(data) == 2 * SLOT_BYTES
    newest = PositionFile(str(path))
    assert newest.last is not None
    assert (newest.last.facts.next_seq, newest.last.held) == (7, False)
    newest.close()
    data[newest.last.generation % 2 * SLOT_BYTES + 10] ^= 0xFF
    path.write_bytes(data)
    older = PositionFile(str(path))
    assert older.last is not None
    assert (older.last.facts.next_seq, older.last.held) == (6, True)
    older.close()
    path.write_bytes(b"\xff" * 100)
    empty = PositionFile(str(path))
    assert empty.last is None
    empty.close()


def test_the_largest_position_fits_its_slot(tmp_path: Path) -> None:
    ranges = tuple((2**53 - 1000 + 2 * n, 2**53 - 1000 + 2 * n) for n in range(MAX_RANGES))
    lane = LanePosition(2**53, 2**52, ranges)
    path = str(tmp_path / "position")
    file = PositionFile(path)
    for _ in range(2):
        file.write(lane, lane, held=True)
    file.close()
    again = PositionFile(path)
    assert again.last is not None
    assert (again.last.facts, again.last.bulk) == (lane, lane)
    again.close()


def _loss(first: int, last: int, boot: str = "b", reason: LossReason = LossReason.BYTES, count: int = 0) -> Loss:
    return Loss(0, Lane.BULK, boot, first, last, count or last - first + 1, first * 10, last * 10, reason, 0, 0)


def test_losses_in_a_row_are_one_record() -> None:
    book = LossBook(lambda lane, first, last: first > last)
    for seq in (1, 2, 3, 5):
        book.add(_loss(seq, seq))
    assert [(loss.seq, loss.first_seq, loss.last_seq, loss.count) for loss in book.take(40, 0, 0)] == [
        (40, 1, 3, 3),
        (41, 5, 5, 1),
    ]
    assert not book
    assert book.take(42, 0, 0) == []


def test_losses_are_joined_over_numbers_that_can_no_longer_arrive_and_counted_exactly() -> None:
    book = LossBook(lambda lane, first, last: True)
    book.add(_loss(10, 12))
    book.add(_loss(1, 2))
    (loss,) = book.take(1, 77, 88)
    assert (loss.first_seq, loss.last_seq, loss.count, loss.from_ms, loss.until_ms) == (1, 12, 5, 10, 120)
    assert (loss.at_ms, loss.uptime_ms) == (77, 88)


def test_losses_of_other_boots_and_reasons_stay_apart() -> None:
    book = LossBook(lambda lane, first, last: True)
    book.add(_loss(1, 1))
    book.add(_loss(2, 2, boot="c"))
    book.add(_loss(3, 3, reason=LossReason.AGE))
    assert len(book.take(1, 0, 0)) == 3


def _entry(seq: int, boot: str = "b", schemas: tuple[bytes, ...] = ()) -> Entry:
    return Entry(Lane.BULK, seq, boot, 0, segment.REPORT, b"\x80", schemas)


def test_a_batch_holds_no_more_groups_and_schemas_than_a_collector_takes() -> None:
    many_boots = [_entry(n, boot=f"b{n}") for n in range(1, 300)]
    assert len(batch.fit(many_boots, set())) == batch.MAX_GROUPS < 256
    hashes = [n.to_bytes(16, "big") for n in range(1000)]
    many_schemas = [_entry(n, schemas=tuple(hashes[n * 10 : n * 10 + 10])) for n in range(100)]
    assert len(batch.fit(many_schemas, set())) == batch.MAX_SCHEMAS // 10
    assert len(batch.fit(many_schemas, set(hashes))) == 100
    assert len(batch.fit([_entry(1, schemas=tuple(hashes))], set())) == 1, "one report always goes"
    assert batch.fit([], set()) == []
    assert wire.Limits().schemas > batch.MAX_SCHEMAS


@given(st.binary(max_size=5000))
def test_deflate_pays_or_is_left(body: bytes) -> None:
    packed = batch.deflate(body)
    assert packed is None or (len(packed) < len(body) and wire.inflate(packed, len(body)) == body)


def test_replacing_a_file_leaves_no_remains_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(OSError, match="taken"):
        disk.replace_file(str(target), b"data")
    assert list(tmp_path.iterdir()) == [target]
