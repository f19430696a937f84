"""Repeating times: on weekdays, on the n-th weekday or on a day of the month, by local start and length.

Pure. Each occurrence is found for its local date with zoneinfo (R2.5); lengths are elapsed time.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from collector.core.acts import LATEST_MS, ActProblem, ActRefusedError, instant_ms
from collector.core.intervals import Interval

_DAY_MS: Final = 86_400_000
LONGEST_MS: Final = 31 * _DAY_MS
"""Of one occurrence."""
_LONGEST_SERIES: Final = timedelta(days=5 * 366)
_START: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")


class Weekday(enum.StrEnum):
    """Days as calendars of service hours name them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEK: Final = tuple(Weekday)


class Repeat(msgspec.Struct, frozen=True, tag="repeat"):
    """When a window repeats. Weekly: `weekdays`. Monthly: `weekdays` with `nth`, or `month_day`. A month that has no such day
    has no occurrence."""

    start: str
    """Local time, `HH:MM`."""
    duration_ms: int
    zone: str
    first: date
    """Local dates of the first and the last day on which an occurrence may start."""
    last: date
    weekdays: tuple[Weekday, ...] = ()
    nth: int = 0
    """0: every week; 1 to 5: the n-th of the month; -1: the last."""
    month_day: int = 0
    """1 to 31, -1: the last day; 0: not by day of the month."""


def check_repeat(repeat: Repeat) -> list[Interval]:
    """All occurrences of a series that makes sense. Raises `ActRefusedError` (bad_repeat, too_long, overlaps_itself)."""
    for is_wrong, value, expected in _faults(repeat):
        if is_wrong:
            raise ActRefusedError(ActProblem.BAD_REPEAT, value, f"expected {expected}")
    if repeat.duration_ms > LONGEST_MS:
        raise ActRefusedError(ActProblem.TOO_LONG, "duration", f"expected at most {LONGEST_MS // _DAY_MS} days")
    occurrences = list(_occurrences(repeat, repeat.first, repeat.last))
    if not occurrences:
        raise ActRefusedError(ActProblem.BAD_REPEAT, "first, last", "expected at least one occurrence between them")
    if any(b > c for (_, b), (c, _) in pairwise(occurrences)):
        raise ActRefusedError(ActProblem.OVERLAPS_ITSELF, "duration", "expected an occurrence to end before the next begins")
    return occurrences


def _faults(repeat: Repeat) -> Iterator[tuple[bool, str, str]]:
    yield not _is_zone(repeat.zone), "zone", "the name of a time zone"
    yield not _START.match(repeat.start), "start", "a local time HH:MM"
    yield repeat.duration_ms <= 0, "duration", "a length above 0"
    yield repeat.last < repeat.first, "last", "a day not before the first"
    yield repeat.last - repeat.first > _LONGEST_SERIES, "last", "a series of at most 5 years"
    yield repeat.first.year < 1970 or repeat.last.year > 2098, "first, last", "days of the years 1970 to 2098"
    yield not -1 <= repeat.nth <= 5, "nth", "-1 (last) or 1 to 5"
    yield not -1 <= repeat.month_day <= 31, "month_day", "-1 (last) or 1 to 31"
    yield bool(repeat.weekdays) == bool(repeat.month_day), "weekdays, month_day", "one of the two"
    yield bool(repeat.nth) and not repeat.weekdays, "nth", "weekdays beside it"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return bool(name)


def expand(repeat: Repeat, from_ms: int, to_ms: int) -> list[Interval]:
    """Occurrences that touch `[from_ms, to_ms)`, whole, in order."""
    around = 2 * _DAY_MS
    early = max(0, min(from_ms, LATEST_MS) - repeat.duration_ms - around)
    late = max(0, min(to_ms, LATEST_MS) + around)
    first = max(repeat.first, datetime.fromtimestamp(early // 1000, ZoneInfo(repeat.zone)).date())
    last = min(repeat.last, datetime.fromtimestamp(late // 1000, ZoneInfo(repeat.zone)).date())
    return [(a, b) for a, b in _occurrences(repeat, first, last) if a < to_ms and b > from_ms]


def _occurrences(repeat: Repeat, first: date, last: date) -> Iterator[Interval]:
    zone = ZoneInfo(repeat.zone)
    hour, minute = (int(part) for part in repeat.start.split(":"))
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if _is_due(repeat, day):
            start = instant_ms(datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone))
            yield start, start + repeat.duration_ms


def _is_due(repeat: Repeat, day: date) -> bool:
    is_last = (day + timedelta(days=1)).month != day.month
    if repeat.month_day:
        return is_last if repeat.month_day == -1 else day.day == repeat.month_day
    if _WEEK[day.weekday()] not in repeat.weekdays:
        return False
    if repeat.nth == -1:
        return (day + timedelta(days=7)).month != day.month
    return repeat.nth in (0, (day.day - 1) // 7 + 1)
