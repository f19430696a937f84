"""What goes when the spool is over its limits: bulk first, then heartbeats; markers and losses stay (SPEC R9.7).

Facts have their own share. A facts segment over it is compacted, not dropped: its markers and losses are rewritten.
"""

from __future__ import annotations

from agent import segment
from agent.lane import Damage, LaneFiles, SegmentFile
from agent.model import LossReason
from agent.segment import Entry
from agent.spool_store import Store


def enforce(store: Store) -> None:
    """Drop what is over the limits, oldest first, bulk before facts; every drop is stated."""
    limits, facts, bulk = store.limits, store.facts, store.bulk
    oldest = store.clock.uptime_ms() - limits.max_age_s * 1000
    while (reason := _excess(facts, limits.facts_bytes, oldest)) and _compact(store, reason):
        pass
    room = limits.max_bytes - max(facts.size, limits.facts_bytes)
    while reason := _excess(bulk, room, oldest):
        _drop_oldest(store, bulk, reason)
    # Only when nothing but markers and losses fills the whole spool: the bound on disk space holds even then.
    while facts.size > limits.max_bytes and len(facts.segments) > 1:
        _drop_oldest(store, facts, LossReason.BYTES)


def _excess(lane: LaneFiles, room: int, oldest_ms: int) -> LossReason | None:
    if not lane.segments:
        return None
    if lane.size > room:
        return LossReason.BYTES
    first = next((file for file in lane.segments if not file.covers), None)
    return LossReason.AGE if first and first.newest_ms < oldest_ms else None


def _compact(store: Store, reason: LossReason) -> bool:
    """Take the reports out of the oldest facts segment and keep markers and losses; false if there is nothing to gain."""
    lane = store.facts
    at = next((index for index, file in enumerate(lane.segments[:-1]) if not file.covers), None)
    if at is None:
        return False
    file = lane.segments[at]
    entries = _entries(store, lane, file)
    store.give_up([entry for entry in entries if not entry.is_protected], reason)
    store.flush()
    kept = [entry for entry in entries if entry.is_protected]
    files = [file]
    previous = lane.segments[at - 1] if at else None
    if previous and previous.size + sum(len(entry.payload) + 96 for entry in kept) <= store.limits.segment_bytes:
        files, kept = [previous, file], _entries(store, lane, previous) + kept
    try:
        lane.compact(files, kept)
    except OSError as error:
        store.disk_error = error.strerror or type(error).__name__
        return False
    return True


def _entries(store: Store, lane: LaneFiles, file: SegmentFile) -> list[Entry]:
    """What a segment that must go still owes. Unreadable parts are stated as lost (each time the segment gets shorter)."""
    while True:
        try:
            return lane.entries(file)
        except Damage as damage:
            store.lose_rest(lane, damage)
        except OSError:
            store.lose_rest(lane, Damage(file, segment.HEADER_BYTES))


def _drop_oldest(store: Store, lane: LaneFiles, reason: LossReason) -> None:
    file = lane.segments[0]
    store.give_up(_entries(store, lane, file), reason)
    store.flush()
    lane.remove(file)
    store.save()
