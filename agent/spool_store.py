"""Both lanes of the spool together: giving numbers, bringing to disk, surviving a full one, gathering losses, starting again.

Not safe for several threads: `Spool` holds its lock around every call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from agent import segment, wire
from agent.clock import Clock
from agent.lane import Damage, Gap, LaneFiles
from agent.losses import LossBook
from agent.model import Lane, Loss, LossReason, Report
from agent.position import LanePosition
from agent.segment import Entry, Record
from agent.spool_folder import SpoolFolder

_FRESH: Final = {Lane.FACTS: 16, Lane.BULK: 4}
"""How many of the newest entries count as fresh and are sent before any backlog: a few collections."""
_KNOWN_SCHEMAS: Final = 512
_NO_SCHEMAS: Final[Mapping[bytes, bytes]] = {}


class SpoolLimits(msgspec.Struct, frozen=True):
    """How much the spool may hold. Facts have their own share; bulk never pushes them out."""

    max_bytes: int = 64 * 1024 * 1024
    facts_bytes: int = 8 * 1024 * 1024
    """Share of `max_bytes` that is kept for facts. Markers and losses may outgrow it, at the expense of bulk."""
    max_age_s: int = 7 * 86_400
    segment_bytes: int = 1024 * 1024
    held_reports: int = 64
    """Reports kept in memory while the disk takes nothing."""


class Store:
    """See the module. `disk_error` is empty, or why the disk takes nothing at present; `lost` counts since the start."""

    def __init__(self, folder: SpoolFolder, limits: SpoolLimits, clock: Clock, boot: str) -> None:
        self.limits = limits
        self.clock = clock
        self.folder = folder
        self._boot = boot
        bulk_bytes = max(limits.max_bytes - limits.facts_bytes, 0)
        sizes = {Lane.FACTS: limits.facts_bytes // 8, Lane.BULK: bulk_bytes // 8}
        self.lanes = {
            lane: LaneFiles(folder.path, lane, max(4096, min(limits.segment_bytes, sizes[lane])), _FRESH[lane]) for lane in Lane
        }
        self.facts = self.lanes[Lane.FACTS]
        self.bulk = self.lanes[Lane.BULK]
        self.known: dict[bytes, bytes] = {}
        self.lost = dict.fromkeys(LossReason, 0)
        self.disk_error = ""
        self.sending: frozenset[tuple[Lane, int]] = frozenset()
        """What an exchange with the collector is under way with: it may be there already, so it is not lost yet."""
        self.stated: dict[int, Loss] = {}
        """Loss records that the collector does not have yet, by their number."""
        self._losses = LossBook(lambda lane, first, last: self.lanes[lane].settled.holds_all(first, last))
        self._stable: tuple[LanePosition, LanePosition] = (LanePosition(), LanePosition())
        self._position = folder.position

    def recover(self) -> None:
        """Read what is on disk and state what is missing. Raises `OSError`."""
        last = self._position.last
        now, wall = self.clock.uptime_ms(), self.clock.wall_ms()

        def uptime_of(record: Record, data: bytes) -> int:
            if record.boot.decode() == self._boot:
                return segment.uptime_ms(data, record)
            return now - max(wall - record.at_ms, 0)

        gaps = {}
        stated: list[bytes] = []
        for lane, files in self.lanes.items():
            position = None if last is None else last.facts if lane is Lane.FACTS else last.bulk
            gaps[lane], found = files.recover(position, uptime_of)
            stated += found
        for payload in stated:
            loss = wire.decode_loss(payload)
            self.lanes[loss.lane].settle(loss.first_seq, loss.last_seq)
            self.stated[loss.seq] = loss
        for lane, found_gaps in gaps.items():
            for gap in found_gaps:
                self._state_gap(self.lanes[lane], gap, is_held=bool(last and last.held))
        self.flush()

    def _state_gap(self, lane: LaneFiles, gap: Gap, *, is_held: bool) -> None:
        reason = LossReason.CORRUPT
        if gap.at_end:
            reason = LossReason.DISK_FULL if is_held else LossReason.TORN
        for first, last in list(lane.settled.open_between(gap.first, gap.last)):
            lane.settle(first, last)
            self.lose(lane.lane, gap._replace(first=first, last=last), reason)

    def stage(self, lane: LaneFiles, reports: Sequence[Report], schemas: Mapping[bytes, bytes] | None) -> range:
        """Number and encode reports; `flush` brings them to disk."""
        first = lane.next_seq
        entries: list[Entry] = []
        for seq, report in enumerate(reports, first):
            payload = wire.encode(msgspec.structs.replace(report, seq=seq))
            needs = tuple([block.schema for block in report.blocks])
            kind = segment.record_kind(report.kind)
            entries.append(Entry(lane.lane, seq, self._boot, report.at_ms, kind, payload, needs))
            self._learn(needs, schemas or _NO_SCHEMAS)
        lane.stage(entries)
        too_large = [entry for entry in entries if len(entry.payload) > segment.MAX_RECORD_BYTES]
        if too_large:
            self.give_up(too_large, LossReason.REFUSED)
        return range(first, lane.next_seq)

    def _learn(self, needs: Iterable[bytes], schemas: Mapping[bytes, bytes]) -> None:
        for needed in needs:
            if needed not in self.known and needed in schemas:
                self.known[needed] = schemas[needed]
        if len(self.known) > _KNOWN_SCHEMAS:
            in_use = {n for lane in self.lanes.values() for e in (*lane.recent, *lane.held) for n in e.schemas} | set(needs)
            self.known = {needed: data for needed, data in self.known.items() if needed in in_use}

    def flush(self) -> None:
        """Bring everything held to disk. If the disk refuses: keep a bounded part, and use the ballast to state the loss."""
        now = self.clock.uptime_ms()
        if self.folder.trouble:
            self.disk_error = f"spool folder {self.folder.path}: {self.folder.trouble}"
            self._shed(now)
            return
        try:
            if self._losses and not self.disk_error:
                self._stage_losses()
            self.facts.flush(self.known, now)
            self.bulk.flush(self.known, now)
            if self._losses:
                self._stage_losses()
                self.facts.flush(self.known, now)
        except OSError as error:
            self.disk_error = error.strerror or type(error).__name__
            self._shed(now)
        else:
            if self.disk_error or not self.folder.has_ballast:
                self.folder.restore_ballast()
            self.disk_error = ""
        self.save()

    def _shed(self, now: int) -> None:
        facts = [entry for entry in self.facts.held if (entry.lane, entry.seq) not in self.sending]
        bulk = [entry for entry in self.bulk.held if (entry.lane, entry.seq) not in self.sending]
        excess = len(facts) + len(bulk) - self.limits.held_reports
        if excess > 0:
            facts.sort(key=lambda entry: entry.is_protected)
            for victim in (bulk + facts)[:excess]:
                self.give_up([victim], LossReason.DISK_FULL)
        if self._losses and not self.folder.trouble and self.folder.release_ballast():
            self._stage_losses()
            with contextlib.suppress(OSError):
                self.facts.flush(self.known, now)

    def _stage_losses(self) -> None:
        losses = self._losses.take(self.facts.next_seq, self.clock.wall_ms(), self.clock.uptime_ms())
        self.stated.update({loss.seq: loss for loss in losses})
        self.facts.stage([
            Entry(Lane.FACTS, loss.seq, self._boot, loss.at_ms, segment.LOSS, wire.encode(loss)) for loss in losses
        ])  # fmt: skip

    def save(self, *, clean: bool = False) -> None:
        """Note the position."""
        # A loss that is not on disk yet must not look settled after a crash, or nobody would ever state it: until then the
        # position keeps saying what it said before. Sending twice is harmless, silence is not.
        if not self._losses and not any(entry.is_loss for entry in self.facts.held):
            self._stable = (self.facts.position(), self.bulk.position())
        facts, bulk = (
            LanePosition(lane.next_seq, stable.done, stable.ranges)
            for lane, stable in zip((self.facts, self.bulk), self._stable, strict=True)
        )
        try:
            self._position.write(facts, bulk, held=bool(self.facts.held or self.bulk.held), clean=clean)
        except OSError as error:
            self.disk_error = error.strerror or type(error).__name__

    def unsent(self, lane: LaneFiles, max_reports: int, max_bytes: int) -> list[Entry]:
        """The oldest unsettled entries of a lane that are not fresh; what is unreadable is stated as lost."""
        if self.folder.trouble:
            return []
        while max_reports > 0 and max_bytes > 0 and lane.pending > len(lane.recent):
            try:
                return lane.unsent(max_reports, max_bytes)
            except Damage as damage:
                self.lose_rest(lane, damage)
            except OSError as error:
                self.disk_error = error.strerror or type(error).__name__
                break
        return []

    def schema(self, entry: Entry, needed: bytes) -> bytes | None:
        """A schema that `entry` uses, from memory or read back from its segment."""
        if needed in self.known:
            return self.known[needed]
        try:
            return self.lanes[entry.lane].schema(entry.seq, needed)
        except (Damage, OSError):
            return None  # the next `backlog` meets the same damage and states it

    def forget(self) -> None:
        """Free what is settled, in memory and on disk."""
        for lane in self.lanes.values():
            lane.forget_settled()
        if self.stated:
            self.stated = {seq: loss for seq, loss in self.stated.items() if seq not in self.facts.settled}
        if self._losses and self.disk_error and not any(entry.is_loss for entry in self.facts.held):
            self._stage_losses()  # the disk takes nothing, but the network does
        finished = [(lane, file) for lane in self.lanes.values() for file in lane.finished()]
        self.save()
        # What stands where the folder stood is somebody else's.
        if finished and self.folder.is_in_place() and self._is_position_synced():
            for lane, file in finished:
                lane.remove(file)

    def _is_position_synced(self) -> bool:
        try:
            self._position.sync()
        except OSError as error:
            self.disk_error = error.strerror or type(error).__name__
            return False
        return True

    def renumber(self, lane: LaneFiles, watermark: int) -> None:
        """The collector has numbers up to `watermark`, so those given since the start were given once before, by a process
        that could not note it. Give the reports new ones. Raises `Damage`, `OSError`."""
        entries = lane.given_since_start(watermark)
        lane.settle(lane.first_given, watermark)
        lane.next_seq = max(lane.next_seq, watermark + 1)
        lane.forget_settled()
        renumbered = [segment.renumbered(entry, seq) for seq, entry in enumerate(entries, lane.next_seq)]
        self.stated.update({entry.seq: wire.decode_loss(entry.payload) for entry in renumbered if entry.is_loss})
        lane.stage(renumbered)
        self.flush()

    def give_up(self, entries: Iterable[Entry], reason: LossReason) -> None:
        """Settle entries as lost; the loss is stated by the next `flush`."""
        for entry in entries:
            lane = self.lanes[entry.lane]
            if entry.seq in lane.settled:
                continue
            lane.settle(entry.seq, entry.seq)
            self.lose(entry.lane, Gap(entry.seq, entry.seq, entry.boot, entry.at_ms, entry.at_ms, False), reason)
        for lane in self.lanes.values():
            lane.forget_settled()

    def lose(self, lane: Lane, gap: Gap, reason: LossReason) -> None:
        """These settled numbers are lost; the next `flush` states it, and again what loss records among them stated."""
        if lane is Lane.FACTS:
            for seq in [seq for seq in self.stated if gap.first <= seq <= gap.last]:
                self._losses.add(self.stated.pop(seq))
        count = gap.last - gap.first + 1
        self.lost[reason] += count
        boot = gap.boot or self._boot
        self._losses.add(Loss(0, lane, boot, gap.first, gap.last, count, gap.from_ms, gap.until_ms, reason, 0, 0))

    def lose_rest(self, lane: LaneFiles, damage: Damage) -> None:
        """State what a damaged segment still owed, and read no further in it."""
        file = damage.file
        last_good, boot, at_ms = max(file.first_seq - 1, lane.settled.done), self._boot, self.clock.wall_ms()
        file.size = damage.offset
        with contextlib.suppress(Damage, OSError):
            for _, record, _ in lane.walk(file):
                if record.kind != segment.SCHEMA:
                    last_good, boot, at_ms = max(record.seq, last_good), record.boot.decode(), record.at_ms
        held = {entry.seq: entry for entry in lane.held}
        if file is lane.segments[-1]:
            lane.seal()
            held |= {entry.seq: entry for entry in lane.recent if entry.seq > last_good and entry.seq not in lane.settled}
            lane.held = [held[seq] for seq in sorted(held)]
        for first, last in list(lane.settled.open_between(last_good + 1, file.last_seq)):
            for seq in range(first, last + 1):
                if seq not in held:
                    lane.settle(seq, seq)
                    self.lose(lane.lane, Gap(seq, seq, boot, at_ms, at_ms, False), LossReason.CORRUPT)
        file.last_seq = last_good
        lane.forget_settled()
        self.flush()
