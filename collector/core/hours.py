"""Hours of the day and of the week as people write them in the on-call file, also over midnight. Pure.

They are made of calendars (`core.calendar`), so a change of clocks means the same here as for service hours (R2.5, R12.4).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from collector.core.calendar import MIDNIGHT, Calendar, expand
from collector.core.intervals import Interval, cut, minus, union
from collector.core.periods import instant, local_date, midnight

_DAY_MS: Final = 86_400_000
_BACK_MS: Final = 3 * _DAY_MS
_AHEAD_MS: Final = 45 * _DAY_MS
_FRESH_MS: Final = 7 * _DAY_MS


class Hours(msgspec.Struct, frozen=True):
    """When something holds: inside every calendar of `within` and outside every one of `outside`; with neither, always."""

    within: tuple[Calendar, ...] = ()
    outside: tuple[Calendar, ...] = ()

    @property
    def is_always(self) -> bool:
        """Whether nothing limits it."""
        return not (self.within or self.outside)


def weekly(pairs: Iterable[tuple[int, int]], weekdays: Iterable[int], zone: str) -> Calendar:
    """Hours of each of these days of the week (Monday is 0), as minutes from midnight. A pair that ends where it begins or
    before reaches into the next day, and belongs to the day on which it begins."""
    days: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    wanted = tuple(weekdays)
    for first, last in pairs:
        for day in wanted:
            if first < last:
                days[day].append((first, last))
                continue
            days[day].append((first, MIDNIGHT))
            if last:
                days[(day + 1) % 7].append((0, last))
    mon, tue, wed, thu, fri, sat, sun = (tuple(sorted(day)) for day in days)
    return Calendar(zone, (mon, tue, wed, thu, fri, sat, sun))


def spans(hours: Hours, from_ms: int, to_ms: int) -> list[Interval]:
    """The instants of `[from_ms, to_ms)` at which it holds."""
    found = [(from_ms, to_ms)] if from_ms < to_ms else []
    for calendar in hours.within:
        found = cut(found, expand(calendar, from_ms, to_ms))
    for calendar in hours.outside:
        found = minus(found, expand(calendar, from_ms, to_ms))
    return found


def clock(zone: ZoneInfo, day: dt.date, minute: int) -> int:
    """The instant of a local time on a local date; a minute beyond the day counts into the days after it."""
    more, rest = divmod(minute, MIDNIGHT)
    date = day + dt.timedelta(days=more)
    if rest == 0:
        return midnight(zone, date)
    return instant(dt.datetime(date.year, date.month, date.day, rest // 60, rest % 60, tzinfo=zone))


def next_clock(zone: ZoneInfo, at_ms: int, minute: int) -> int:
    """The first instant at or after `at_ms` at which clocks show a local time."""
    day = local_date(zone, at_ms) - dt.timedelta(days=1)
    while (found := clock(zone, day, minute)) < at_ms:
        day += dt.timedelta(days=1)
    return found


class Timetable:
    """Hours that are asked about again and again. `until`: a local minute to which each stretch is prolonged.

    What it remembers is only what it would find again.
    """

    def __init__(self, hours: Hours, zone: str, until: int | None = None) -> None:
        self.hours = hours
        self._zone = ZoneInfo(zone)
        self._until = until
        self._fresh: Interval = (0, 0)
        self._spans: list[Interval] = []

    def span_at(self, at_ms: int) -> Interval | None:
        """The stretch that holds `at_ms`, as far as it is within some weeks of it; None: it does not hold then."""
        if not self._fresh[0] <= at_ms < self._fresh[1]:
            self._fresh = (at_ms, at_ms + _FRESH_MS)
            found = spans(self.hours, at_ms - _BACK_MS, at_ms + _AHEAD_MS)
            until = self._until
            if until is not None:
                found = union((a, next_clock(self._zone, b, until)) for a, b in found)
            self._spans = found
        return next((span for span in self._spans if span[0] <= at_ms < span[1]), None)

    def holds(self, at_ms: int) -> bool:
        """Whether it holds then."""
        return self.hours.is_always or self.span_at(at_ms) is not None
