"""Service hours (R12.4): local schedules, holidays and special days, over clock changes (R2.5)."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from collector.core.calendar import Calendar, Hours, expand, hours, hours_of
from collector.core.intervals import size
from collector.core.periods import instant, midnight

HANOI = "Asia/Ho_Chi_Minh"
OFFICE = (hours("07:30", "11:30"), hours("13:30", "17:00"))
HOUR = 3_600_000


def every_day(*pairs: tuple[int, int]) -> tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]:
    return (pairs, pairs, pairs, pairs, pairs, pairs, pairs)


def local(zone: str, *when: int) -> int:
    return instant(dt.datetime(*when, tzinfo=ZoneInfo(zone)))  # type: ignore[misc,arg-type]


def dates(zone: str, first: dt.date, after: dt.date) -> tuple[int, int]:
    return midnight(ZoneInfo(zone), first), midnight(ZoneInfo(zone), after)


def test_r12_4_weekly_schedule_less_holidays() -> None:
    """A week of offices with a lunch break and one holiday; weekends are out of hours."""
    office = Calendar(HANOI, (OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()), frozenset({dt.date(2026, 3, 5)}))
    week = dates(HANOI, dt.date(2026, 3, 2), dt.date(2026, 3, 9))
    found = expand(office, *week)
    assert len(found) == 8
    assert size(found) == 4 * (4 * HOUR + 3 * HOUR + HOUR // 2)
    assert found[0] == (local(HANOI, 2026, 3, 2, 7, 30), local(HANOI, 2026, 3, 2, 11, 30))


def test_r12_4_special_days_replace_the_schedule_and_win_over_holidays() -> None:
    """A working Saturday in lieu, a short day, a holiday that is worked all the same."""
    saturday, holiday, short = dt.date(2026, 3, 7), dt.date(2026, 3, 5), dt.date(2026, 3, 3)
    special = {saturday: OFFICE, holiday: (hours("08:00", "09:00"),), short: ()}
    office = Calendar(HANOI, (OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()), frozenset({holiday}), special)
    assert hours_of(office, saturday) == OFFICE
    assert hours_of(office, short) == ()
    assert hours_of(office, holiday) == ((480, 540),)
    assert hours_of(office, dt.date(2026, 3, 4)) == OFFICE


def test_r12_4_a_conference_schedule_is_a_calendar() -> None:
    """Special days alone: hours of the meetings, nothing else."""
    meeting = Calendar(HANOI, special={dt.date(2026, 3, 4): (hours("09:00", "10:30"),)})
    assert expand(meeting, *dates(HANOI, dt.date(2026, 3, 1), dt.date(2026, 4, 1))) == [
        (local(HANOI, 2026, 3, 4, 9), local(HANOI, 2026, 3, 4, 10, 30))
    ]


def test_hours_are_clipped_to_what_is_asked() -> None:
    """A period may begin and end within hours, or be empty."""
    day = Calendar(HANOI, every_day(hours("00:00", "24:00")))
    a, b = local(HANOI, 2026, 3, 1, 12), local(HANOI, 2026, 3, 3, 12)
    assert expand(day, a, b) == [(a, b)]
    assert expand(day, a, a) == []


@pytest.mark.parametrize(("month", "day", "length"), [(3, 29, 23), (10, 25, 25), (3, 28, 24)])
def test_r2_5_a_day_of_hours_has_23_to_25(month: int, day: int, length: int) -> None:
    """00:00 to 24:00 on the days of the clock changes in Berlin, and on an ordinary one."""
    always = Calendar("Europe/Berlin", every_day(hours("00:00", "24:00")))
    date = dt.date(2026, month, day)
    assert size(expand(always, *dates("Europe/Berlin", date, date + dt.timedelta(days=1)))) == length * HOUR


def test_r2_5_office_hours_keep_their_local_time_over_a_change() -> None:
    """Nine o'clock is nine o'clock before and after the change: the instants move by an hour."""
    office = Calendar("Europe/Berlin", every_day(hours("09:00", "10:00")))
    found = expand(office, *dates("Europe/Berlin", dt.date(2026, 3, 28), dt.date(2026, 3, 30)))
    assert [a for a, _ in found] == [
        instant(dt.datetime(2026, 3, 28, 8, tzinfo=dt.UTC)),
        instant(dt.datetime(2026, 3, 29, 7, tzinfo=dt.UTC)),
    ]


def test_r2_5_skipped_and_repeated_local_times() -> None:
    """Hours within the skipped hour come an hour later by the clock; of repeated ones the first is meant."""
    night = Calendar("Europe/Berlin", every_day(hours("02:15", "02:45")))
    (spring,) = expand(night, *dates("Europe/Berlin", dt.date(2026, 3, 29), dt.date(2026, 3, 30)))
    assert spring == tuple(instant(dt.datetime(2026, 3, 29, 1, minute, tzinfo=dt.UTC)) for minute in (15, 45))
    (autumn,) = expand(night, *dates("Europe/Berlin", dt.date(2026, 10, 25), dt.date(2026, 10, 26)))
    assert autumn == tuple(instant(dt.datetime(2026, 10, 25, 0, minute, tzinfo=dt.UTC)) for minute in (15, 45))


def test_touching_and_overlapping_hours_are_one() -> None:
    """Hours are a set: what two pairs share counts once."""
    held = Calendar(HANOI, every_day(hours("08:00", "12:00"), hours("12:00", "13:00"), hours("12:30", "14:00")))
    assert size(expand(held, *dates(HANOI, dt.date(2026, 3, 1), dt.date(2026, 3, 2)))) == 6 * HOUR


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("24:01", "24:30"), "24:01"),
        (("8:00", "09:00"), "8:00"),
        (("08:60", "09:00"), "08:60"),
        (("08:00", ""), "HH:MM"),
        (("22:00", "06:00"), "two pairs"),
        (("08:00", "08:00"), "after the beginning"),
    ],
)
def test_bad_hours_are_refused(pair: tuple[str, str], said: str) -> None:
    """The message names the value and what was expected."""
    with pytest.raises(ValueError, match=said):
        hours(*pair)
