"""Windows that the inventory asks for: which of its entries are owed a window, and which windows it says no more.

Pure. The inventory asks as anybody does: a window counts once a person approves it (R11.1). It never asks for what is past, and
never takes back what is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from collector.core.acts import LATEST_MS, ActKind, Body
from collector.core.people import CONFIGURATION, Actor, Role
from collector.core.repeats import Repeat, expand
from collector.core.window_acts import normal
from collector.core.windows import Once, Origin, WindowPlan, WindowRecord, occurrences

SOURCE: Final = "configuration"
"""`Actor.source` of what the inventory asks for; a request has an address there."""
INVENTORY: Final = Actor(CONFIGURATION, Role.OPERATOR, SOURCE)
_EVER: Final = (-(1 << 60), 1 << 60)


class Planned(msgspec.Struct, frozen=True):
    """One entry of the inventory: the window as it is written, whatever of it is past. `file` counts from its folder."""

    entry: str
    file: str
    plan: WindowPlan
    reason: str
    change: str = ""


def of_inventory(records: Iterable[WindowRecord]) -> list[WindowRecord]:
    """Windows that the inventory asked for, the oldest first."""
    found = [record for record in records if record.plan.origin is not None and record.author == CONFIGURATION]
    return sorted(found, key=lambda record: (record.created_ms, len(record.id), record.id))


def no_longer_said(
    records: Iterable[WindowRecord], planned: Mapping[str, Planned], t_ms: int
) -> list[tuple[WindowRecord, ActKind]]:
    """Windows to be taken back at `t_ms`, and how: those whose entry is gone or says something else now."""
    ours = of_inventory(records)
    newest = _newest(ours)
    found = []
    for record in ours:
        entry = _entry(record)
        if record is newest[entry] and entry in planned and says(planned[entry], record):
            continue
        kind = taking_back(record, t_ms)
        if kind is not None:
            found.append((record, kind))
    return found


def owed(records: Iterable[WindowRecord], planned: Iterable[Planned]) -> list[Planned]:
    """Entries whose window is not asked for yet. What a person ended or cancelled is not asked for again; what the inventory
    itself took back is, when it says it again."""
    newest = _newest(of_inventory(records))
    return [each for each in planned if each.entry not in newest or not _stands(each, newest[each.entry])]


def says(planned: Planned, record: WindowRecord) -> bool:
    """Whether an entry says what a window was asked for with. In which file it stands does not matter; nor do texts that the
    entry leaves to whoever approves."""
    plan = record.plan
    origin = plan.origin
    written = origin.when if origin is not None and origin.when is not None else plan.when
    wanted = normal(planned.plan)
    texts = planned.reason in ("", record.reason) and planned.change in ("", record.change)
    return texts and (wanted.when, wanted.scope, wanted.propagate) == (written, plan.scope, plan.propagate)


def taking_back(record: WindowRecord, t_ms: int) -> ActKind | None:
    """How a window is taken back from `t_ms` on: cancelled before it begins, ended while it runs; None: nothing is left."""
    left = occurrences(record, _EVER)
    if record.cancelled is not None or not left or left[-1][1] <= t_ms:
        return None
    return ActKind.END if any(start < t_ms < end for start, end in left) else ActKind.CANCEL


def asked(planned: Planned, t_ms: int) -> Body[WindowPlan] | None:
    """What is asked for at `t_ms`: the times that are not past; None if all are."""
    plan = normal(planned.plan)
    when = still_to_come(plan.when, t_ms)
    if when is None:
        return None
    origin = Origin(planned.entry, planned.file, plan.when if when != plan.when else None)
    made = msgspec.structs.replace(plan, when=when, origin=origin)
    return Body(plan=made, reason=planned.reason, change=planned.change)


def still_to_come(when: Once | Repeat, t_ms: int) -> Once | Repeat | None:
    """The part of a time that lies after `t_ms`: of a series, the occurrences that have not begun."""
    if isinstance(when, Once):
        return Once(max(when.from_ms, t_ms), when.to_ms) if when.to_ms > t_ms else None
    starts = [start for start, _ in expand(when, 0, LATEST_MS)]
    later = [start for start in starts if start >= t_ms]
    if not later:
        return None
    if later[0] == starts[0]:
        return when
    return msgspec.structs.replace(when, first=datetime.fromtimestamp(later[0] // 1000, ZoneInfo(when.zone)).date())


def _stands(planned: Planned, record: WindowRecord) -> bool:
    taken = any(act.actor == CONFIGURATION for act in (*record.ends, *record.cancels))
    return says(planned, record) and not taken


def _newest(ours: Iterable[WindowRecord]) -> dict[str, WindowRecord]:
    return {_entry(record): record for record in ours}


def _entry(record: WindowRecord) -> str:
    return record.plan.origin.entry if record.plan.origin is not None else ""
