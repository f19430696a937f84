"""When somebody removes the spool's folder, or a part of it, under the running agent: made anew, and what was there is stated.

The process knows every number it gave, so the stream goes on: what memory holds is written again, the rest is lost.
"""

from __future__ import annotations

import os

from agent.disk import LockedError
from agent.lane import Gap, LaneFiles
from agent.model import LossReason
from agent.ranges import Ranges
from agent.spool_store import Store


def repair(store: Store) -> None:
    """Look whether the folder is the one that was opened. What is missing is made anew; a folder that took its place is left
    alone, and this spool reads and writes no more: it needs a new start."""
    folder = store.folder
    if folder.is_in_place():
        folder.trouble = ""
        return
    if folder.is_replaced():
        folder.trouble = "another folder stands in its place"
        return
    try:
        folder.make_anew()
    except LockedError as error:
        folder.trouble = f"removed, and made anew by process {error.pid or '(unknown)'}"
        return
    except OSError as error:
        folder.trouble = f"removed, and cannot be made anew: {error.strerror or error}"
        return
    folder.trouble = ""
    folder.repairs += 1
    for lane in store.lanes.values():
        _take_stock(store, lane)
    store.save()


def _take_stock(store: Store, lane: LaneFiles) -> None:
    """State what only the missing segments held; what memory holds as well waits for the next flush."""
    files = lane.segments
    missing = [file for file in files if not os.path.exists(file.path)]
    present = [file for file in files if file not in missing]
    tail = present[-1].last_seq + 1 if present else 1
    kept = {entry.seq: entry for entry in (*lane.recent, *lane.held) if entry.seq >= tail and entry.seq not in lane.settled}
    safe = Ranges(lane.settled.done, lane.settled.above())
    for seq in kept:
        safe.add(seq, seq)
    now_ms = store.clock.wall_ms()
    for at, file in enumerate(files):
        if file not in missing:
            continue
        following = files[at + 1] if at + 1 < len(files) else None
        last = following.first_seq - 1 if following else lane.next_seq - 1
        since_ms = file.since_ms or now_ms
        until_ms = max(since_ms, following.since_ms if following else now_ms)
        for first, end in list(safe.open_between(file.first_seq, last)):
            lane.settle(first, end)
            store.lose(lane.lane, Gap(first, end, file.boot, since_ms, until_ms, False), LossReason.CORRUPT)
    lane.forget_files(missing, [kept[seq] for seq in sorted(kept)])
