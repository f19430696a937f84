"""One lane of the spool on disk: segment files, what is settled, what is fresh, what waits for a disk that takes nothing.

Not safe for several threads: the spool's lock is around every call.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from agent import disk, segment
from agent.model import Lane
from agent.position import MAX_RANGES, LanePosition
from agent.ranges import Ranges
from agent.segment import Entry, Record

_CHUNK_BYTES: Final = 256 * 1024
_SUFFIX: Final = ".seg"


class Gap(NamedTuple):
    """Numbers that should be there and are not, with the boot and wall clock of their neighbours. `at_end`: the newest."""

    first: int
    last: int
    boot: str
    from_ms: int
    until_ms: int
    at_end: bool


class Damage(Exception):  # noqa: N818 - a finding, not a failure: the caller states a loss and reads on
    """A segment is unreadable from `offset` on."""

    def __init__(self, file: SegmentFile, offset: int) -> None:
        super().__init__(f"{file.path} is damaged at byte {offset}")
        self.file = file
        self.offset = offset


class SegmentFile:
    """A segment on disk as the lane knows it; `size` counts good bytes. `covers` is not 0 for a compacted one."""

    __slots__ = ("boot", "covers", "first_seq", "last_seq", "newest_ms", "path", "since_ms", "size")

    def __init__(self, path: str, first_seq: int, covers: int = 0) -> None:
        self.path = path
        self.first_seq = first_seq
        self.last_seq = max(first_seq - 1, covers)
        self.covers = covers
        self.size = 0
        self.newest_ms = 0
        """Uptime of the newest record (of this boot; older ones are placed by the wall clock, maybe below 0)."""
        self.boot = ""
        self.since_ms = 0
        """Boot and wall clock of the first record."""


class LaneFiles:
    """See the module."""

    def __init__(self, folder: str, lane: Lane, segment_bytes: int, fresh: int) -> None:
        self.lane = lane
        self.segments: list[SegmentFile] = []
        self.settled = Ranges()
        self.next_seq = 1
        self.first_given = 1
        """The first number given since the start."""
        self.recent: deque[Entry] = deque(maxlen=fresh)
        """The newest entries, in memory, so that sending at once reads nothing back."""
        self.held: list[Entry] = []
        """Entries not on disk yet; empty but while the disk takes nothing."""
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._fd = -1
        self._written: set[bytes] = set()
        self._head = ("", 0)
        self._schema_cache: tuple[str, int, dict[bytes, tuple[int, int]]] = ("", 0, {})

    # -- figures ---------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.segments)

    @property
    def pending(self) -> int:
        """How many numbers are not settled."""
        return self.next_seq - 1 - self.settled.done - self.settled.count_above()

    def position(self) -> LanePosition:
        """What the position file keeps of this lane."""
        return LanePosition(self.next_seq, self.settled.done, self.settled.above()[:MAX_RANGES])

    # -- start -----------------------------------------------------------------------------------------------------

    def recover(self, last: LanePosition | None, uptime_of: Callable[[Record, bytes], int]) -> tuple[list[Gap], list[bytes]]:
        """Read every segment, cut what is torn, find the missing numbers and the loss records. Raises `OSError`."""
        paths = sorted(os.path.join(self._folder, n) for n in os.listdir(self._folder) if self._is_mine(n))
        scan = _Scan(last)
        for path in paths:
            self._recover_file(path, scan, uptime_of)
        if last:
            self.settled = Ranges(last.done, last.ranges)
        elif self.segments:
            self.settled = Ranges(self.segments[0].first_seq - 1)
        newest = self.segments[-1].last_seq if self.segments else 0
        self.next_seq = max(scan.expected, newest + 1, last.next_seq if last else 1)
        self.first_given = self.next_seq
        scan.meet(self.next_seq, "", 0, at_end=True)
        if self.segments:
            self._reopen(self.segments[-1])
        return scan.gaps, scan.losses

    def _is_mine(self, name: str) -> bool:
        return name.startswith(f"{self.lane}-") and name.endswith(_SUFFIX)

    def _recover_file(self, path: str, scan: _Scan, uptime_of: Callable[[Record, bytes], int]) -> None:
        data = disk.read_file(path)
        header = segment.decode_header(data)
        replaced = bool(header and self.segments and header.first_seq <= self.segments[-1].covers)
        if header is None or header.lane is not self.lane or replaced:
            # Torn while being made, not ours, or left over from a compaction: its numbers show up as a gap if they matter.
            disk.remove_file(path)
            return
        if scan.expected == 0:
            scan.expected = header.first_seq
        file = SegmentFile(path, header.first_seq, header.covers)
        self._written, end, newest = set(), segment.HEADER_BYTES, None
        for record in segment.records(data):
            end = record.end
            if record.kind == segment.SCHEMA:
                self._written.add(data[record.start : record.start + segment.HASH_BYTES])
                continue
            if newest is None:
                file.boot, file.since_ms = record.boot.decode(), record.at_ms
            newest = record
            file.last_seq = max(file.last_seq, record.seq)
            scan.meet(record.seq, record.boot.decode(), record.at_ms)
            if record.kind == segment.LOSS:
                scan.losses.append(data[record.start : record.end])
        if end < len(data):
            _truncate(path, end)
        file.size = end
        file.newest_ms = uptime_of(newest, data) if newest else 0
        self.segments.append(file)

    def _reopen(self, file: SegmentFile) -> None:
        if file.size < self._segment_bytes and not file.covers:
            self._fd = disk.open_file(file.path)

    # -- write -----------------------------------------------------------------------------------------------------

    def stage(self, entries: Sequence[Entry]) -> None:
        """Take entries whose numbers were given from `next_seq` on; `flush` brings them to disk."""
        self.held.extend(entries)
        self.recent.extend(entries)
        self.next_seq += len(entries)

    def flush(self, known: Mapping[bytes, bytes], uptime_ms: int) -> None:
        """Bring what is held to disk, with the schemas that this segment lacks. Raises `OSError` and keeps it held."""
        entries = [entry for entry in self.held if entry.seq not in self.settled]
        if entries:
            self._make_room(entries[0].seq)
            file = self.segments[-1]
            is_new = file.size == 0
            data = bytearray(segment.encode_header(self.lane, file.first_seq) if is_new else b"")
            hashes = self._encode(entries, known, data)
            try:
                disk.write_at(self._fd, file.size, data)
                disk.sync(self._fd)
                if is_new:
                    disk.sync_folder(self._folder)
            except OSError:
                self._undo(file)
                raise
            if is_new:
                file.boot, file.since_ms = entries[0].boot, entries[0].at_ms
            file.size += len(data)
            file.last_seq = entries[-1].seq
            file.newest_ms = uptime_ms
            self._written |= hashes
        self.held.clear()

    def _encode(self, entries: Sequence[Entry], known: Mapping[bytes, bytes], data: bytearray) -> set[bytes]:
        hashes: set[bytes] = set()
        for entry in entries:
            for needed in entry.schemas:
                if needed not in self._written and needed not in hashes and needed in known:
                    hashes.add(needed)
                    data += segment.encode_record(segment.SCHEMA, 0, 0, b"", needed + known[needed])
            data += segment.encode_record(entry.kind, entry.seq, entry.at_ms, entry.boot.encode(), entry.payload)
        return hashes

    def _make_room(self, first_seq: int) -> None:
        if self._fd >= 0 and self.segments[-1].size < self._segment_bytes:
            return
        self.seal()
        path = os.path.join(self._folder, f"{self.lane}-{first_seq:016x}{_SUFFIX}")
        disk.remove_file(path)
        self._fd = disk.open_file(path, create=True)
        self.segments.append(SegmentFile(path, first_seq))
        self._written = set()

    def _undo(self, file: SegmentFile) -> None:
        """After a failed write or sync nobody knows which pages reached the disk, so this segment takes no more."""
        if file.size:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, file.size)
        self.seal()
        if not file.size:
            self.segments.remove(file)
            disk.remove_file(file.path)

    def seal(self) -> None:
        """Close the newest segment: the next flush starts another."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # -- read ------------------------------------------------------------------------------------------------------

    def walk(self, file: SegmentFile, offset: int = segment.HEADER_BYTES) -> Iterator[tuple[bytes, Record, int]]:
        """Data, record and the record's absolute end, one after another. Raises `Damage`, `OSError`."""
        want = _CHUNK_BYTES
        while offset < file.size:
            try:
                data = disk.read_file(file.path, offset, min(want, file.size - offset))
            except FileNotFoundError:
                raise Damage(file, offset) from None
            end = 0
            for record in segment.records(data, 0):
                end = record.end
                yield data, record, offset + end
            is_whole = offset + len(data) >= file.size
            if not end and (is_whole or len(data) < want or not segment.is_cut_short(data, 0)):
                raise Damage(file, offset)
            want = _CHUNK_BYTES if end else want * 2
            offset += end

    def unsent(self, max_reports: int, max_bytes: int) -> list[Entry]:
        """The oldest unsettled entries that are not fresh. Raises `Damage`, `OSError`."""
        found: list[Entry] = []
        newest = self.settled.done
        fresh = {entry.seq for entry in self.recent}
        for entry in self._stored():
            if entry.seq <= newest or entry.seq in fresh:
                continue
            newest = entry.seq
            max_bytes -= len(entry.payload)
            if len(found) >= max_reports or (found and max_bytes < 0):
                break
            found.append(entry)
        return found

    def _stored(self) -> Iterator[Entry]:
        done = self.settled.done
        for file in list(self.segments):
            if file.last_seq <= done:
                continue
            is_head, offset = True, self._head[1] if self._head[0] == file.path else segment.HEADER_BYTES
            for data, record, end in self.walk(file, offset):
                is_report = record.kind != segment.SCHEMA and record.seq > done
                is_head = is_head and not is_report
                if is_head:
                    self._head = (file.path, end)
                elif is_report and record.seq not in self.settled:
                    yield segment.entry_of(self.lane, data, record)
        yield from [entry for entry in self.held if entry.seq not in self.settled]

    def given_since_start(self, last: int) -> list[Entry]:
        """The unsettled entries numbered since the start, up to `last`. Raises `Damage`, `OSError`."""
        mine = {e.seq: e for e in (*self._stored(), *self.recent) if self.first_given <= e.seq <= last}
        return [mine[seq] for seq in sorted(mine) if seq not in self.settled]

    def entries(self, file: SegmentFile) -> list[Entry]:
        """Every unsettled entry of a segment. Raises `Damage`, `OSError`."""
        return [
            segment.entry_of(self.lane, data, record)
            for data, record, _ in self.walk(file)
            if record.kind != segment.SCHEMA and record.seq not in self.settled
        ]

    def schema(self, seq: int, needed: bytes) -> bytes | None:
        """A schema as written into the segment that holds report `seq`. Raises `Damage`, `OSError`."""
        file = next((f for f in reversed(self.segments) if f.first_seq <= seq), None)
        if file is None:
            return None
        if self._schema_cache[:2] != (file.path, file.size):
            places = {
                data[r.start : r.start + segment.HASH_BYTES]: (end - (r.end - r.start) + segment.HASH_BYTES, end)
                for data, r, end in self.walk(file)
                if r.kind == segment.SCHEMA
            }
            self._schema_cache = (file.path, file.size, places)
        place = self._schema_cache[2].get(needed)
        return disk.read_file(file.path, place[0], place[1] - place[0]) if place else None

    # -- forget ----------------------------------------------------------------------------------------------------

    def settle(self, first: int, last: int) -> None:
        """These numbers need no more care: accepted, or stated as lost."""
        self.settled.add(first, last)

    def forget_settled(self) -> None:
        """Drop settled entries from memory."""
        if any(entry.seq in self.settled for entry in self.recent):
            self.recent = deque((e for e in self.recent if e.seq not in self.settled), self.recent.maxlen)
        if self.held:
            self.held = [entry for entry in self.held if entry.seq not in self.settled]

    def finished(self) -> list[SegmentFile]:
        """Segments with nothing left to send; the newest stays, for it says which number comes next."""
        done = self.settled.done
        return [file for file in self.segments[:-1] if file.last_seq <= done]

    def remove(self, file: SegmentFile) -> None:
        """Delete a segment."""
        if file is self.segments[-1]:
            self.seal()
        self.segments.remove(file)
        disk.remove_file(file.path)

    def forget_files(self, missing: Sequence[SegmentFile], held: Sequence[Entry]) -> None:
        """These segments are gone from the disk; the next flush writes `held`."""
        if missing and missing[-1] is self.segments[-1]:
            self.seal()
        self.segments = [file for file in self.segments if file not in missing]
        self.held = list(held)
        self._head = ("", 0)
        self.forget_settled()

    def compact(self, files: Sequence[SegmentFile], kept: Sequence[Entry]) -> None:
        """Replace neighbouring segments by one that holds only `kept`. Raises `OSError` and changes nothing."""
        merged = SegmentFile(files[0].path, files[0].first_seq, max(file.last_seq for file in files))
        data = bytearray(segment.encode_header(self.lane, merged.first_seq, merged.covers))
        for entry in kept:
            data += segment.encode_record(entry.kind, entry.seq, entry.at_ms, entry.boot.encode(), entry.payload)
        disk.replace_file(merged.path, data)
        merged.size, merged.newest_ms = len(data), files[-1].newest_ms
        merged.boot, merged.since_ms = files[0].boot, files[0].since_ms
        at = self.segments.index(files[0])
        self.segments[at : at + len(files)] = [merged]
        for file in files[1:]:
            disk.remove_file(file.path)
        self._head = ("", 0)


class _Scan:
    """What `recover` learns while it reads: the numbers it expects, the gaps it met, the loss records."""

    def __init__(self, last: LanePosition | None) -> None:
        self.expected = last.done + 1 if last else 0
        self.gaps: list[Gap] = []
        self.losses: list[bytes] = []
        self._boot = ""
        self._at_ms = 0

    def meet(self, seq: int, boot: str, at_ms: int, *, at_end: bool = False) -> None:
        if 0 < self.expected < seq:
            start = self._at_ms or at_ms
            until = start if at_end else max(start, at_ms)
            self.gaps.append(Gap(self.expected, seq - 1, self._boot or boot, start, until, at_end))
        if not at_end:
            self._boot, self._at_ms = boot, at_ms
        self.expected = max(self.expected, seq + 1)


def _truncate(path: str, size: int) -> None:
    fd = disk.open_file(path)
    try:
        os.ftruncate(fd, size)
        disk.sync(fd)
    finally:
        os.close(fd)
