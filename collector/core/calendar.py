"""Service hours (SPEC R12.4): a weekly local schedule, minus holidays, plus special days, expanded per local date. Pure.

A time that a clock change skips is read with the offset before it, one that occurs twice is its first occurrence (R2.5).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from collector.core.intervals import Interval, cut, union
from collector.core.periods import instant, local_date, midnight

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT: Final = 24 * 60
"""The minute that ends a day: the next local midnight, whatever the day's length."""

Hours = tuple[tuple[int, int], ...]
"""Pairs of local minutes since midnight, `[from, to)`; 24:00 ends a day."""


class Calendar(msgspec.Struct, frozen=True):
    """When availability counts. A special day replaces the weekly schedule and wins over a holiday; with an empty weekly
    schedule the special days alone are the calendar, as for a conference room (R12.4)."""

    zone: str
    weekly: tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours] = ((), (), (), (), (), (), ())
    """Monday first."""
    holidays: frozenset[dt.date] = frozenset()
    special: dict[dt.date, Hours] = {}


_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)


def hours(from_text: str, to_text: str) -> tuple[int, int]:
    """A pair of `HH:MM`, as minutes since midnight; `24:00` ends the day. `ValueError` for anything else, and for hours that do
    not end after they begin: what reaches over midnight is written as two pairs."""
    pair = _minutes(from_text), _minutes(to_text)
    if pair[0] >= pair[1]:
        raise ValueError(f"hours {from_text}-{to_text}: expected an end after the beginning; over midnight, write two pairs")
    return pair


def expand(calendar: Calendar, from_ms: int, to_ms: int) -> list[Interval]:
    """The service hours within `[from_ms, to_ms)` as a set of instants."""
    zone = ZoneInfo(calendar.zone)
    out: list[Interval] = []
    date = local_date(zone, from_ms)
    last = local_date(zone, to_ms)
    while date <= last:
        for a, b in hours_of(calendar, date):
            out.append((_instant(zone, date, a), _instant(zone, date, b)))
        date += dt.timedelta(days=1)
    return cut(union(out), [(from_ms, to_ms)])


def hours_of(calendar: Calendar, date: dt.date) -> Hours:
    """The hours of one local date (R12.4)."""
    special = calendar.special.get(date)
    if special is not None:
        return special
    return () if date in calendar.holidays else calendar.weekly[date.weekday()]


def _minutes(text: str) -> int:
    found = _CLOCK.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else MIDNIGHT + 1
    if minutes > MIDNIGHT:
        raise ValueError(f"time {text!r}: expected HH:MM from 00:00 to 24:00")
    return minutes


def _instant(zone: ZoneInfo, date: dt.date, minutes: int) -> int:
    if minutes == MIDNIGHT:
        return midnight(zone, date + dt.timedelta(days=1))
    return instant(dt.datetime(date.year, date.month, date.day, minutes // 60, minutes % 60, tzinfo=zone))
