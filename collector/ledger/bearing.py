"""What configuration and people's acts bear on: whose closed days count otherwise, and what sums of closed days rest on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from collector.core.calendar import Calendar
from collector.core.configuration import plain_calendar
from collector.core.court import Terms
from collector.core.roll import Roll
from collector.core.windows import Window, WindowBook, selects

_DIGEST_BYTES: Final = 8
_encoder = msgspec.msgpack.Encoder(order="deterministic")


def affected(roll: Roll, before: Terms, after: Terms) -> set[str]:
    """Subjects that windows, corrections or calendars are about which count on one side only; groups of them not."""
    windows = _either(before.windows, after.windows)
    found = _named(roll, windows) if windows else set()
    found |= {one.subject for one in _either(before.corrections, after.corrections)}
    names = before.calendars.keys() | after.calendars.keys()
    calendars = {name for name in names if before.calendars.get(name) != after.calendars.get(name)}
    if calendars:
        found |= {id_ for id_ in roll if any(v.objective.calendar in calendars for v in roll.history(id_).values)}
    return found


def _either(before: Iterable[Any], after: Iterable[Any]) -> list[Any]:
    old, new = ({_encoder.encode(one): one for one in some} for some in (before, after))
    return [one for key, one in (old | new).items() if (key in old) is not (key in new)]


def _named(roll: Roll, windows: Iterable[Window]) -> set[str]:
    """What windows name at any time, and the direct children of what they are handed on by (R11.4)."""
    found: set[str] = set()
    handing: set[str] = set()
    book = WindowBook(windows)
    for id_ in roll:
        for value in roll.history(id_).values:
            mine = [window for window in book.of(value) if any(selects(selector, value) for selector in window.scope)]
            if mine:
                found.add(id_)
            if any(window.propagate for window in mine):
                handing.add(id_)
    return found | {id_ for id_ in roll if handing and not handing.isdisjoint(roll.parents(id_))}


class Bases:
    """For each subject a digest of the configuration that sums of its closed days rest on (R1.2): its own, that of what is
    added up in it, and their calendars. Sums with another one are to be worked out again."""

    def __init__(self, roll: Roll, calendars: Mapping[str, Calendar]) -> None:
        self._roll = roll
        self._calendars = calendars
        self._known: dict[str, bytes] = {}

    def of(self, id_: str) -> bytes:
        """The digest; `KeyError` for an unknown subject."""
        known = self._known.get(id_)
        if known is None:
            roll = self._roll
            history = roll.history(id_)
            used = {value.objective.calendar for value in history.values if value.objective.calendar}
            own = (
                history.changes,
                history.values,
                roll.scope(id_),
                [plain_calendar(self._calendars[name]) if name in self._calendars else None for name in sorted(used)],
                [self.of(inner) for inner in sorted(roll.members(id_) | set(roll.pooled(id_)))],
            )
            digest = hashlib.blake2b(_encoder.encode(own), digest_size=_DIGEST_BYTES)
            known = self._known[id_] = digest.digest()
        return known
