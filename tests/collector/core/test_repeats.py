"""Repeating times: the n-th days of the calendar, and clocks that change (R2.5)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.acts import ActProblem, ActRefusedError, instant_ms
from collector.core.repeats import Repeat, Weekday, check_repeat, expand

HOUR = 3_600_000
YEAR = Repeat("22:00", HOUR, "Asia/Ho_Chi_Minh", date(2026, 1, 1), date(2026, 12, 31))
EVER = (-(1 << 60), 1 << 60)


def days(**changes: object) -> list[str]:
    """Local dates on which occurrences begin, as month-day."""
    found = check_repeat(msgspec.structs.replace(YEAR, **changes))
    return [datetime.fromtimestamp(a / 1000, ZoneInfo("Asia/Ho_Chi_Minh")).strftime("%m-%d") for a, _ in found]


def test_nth_weekday_of_the_month() -> None:
    """Patch Tuesday."""
    assert days(weekdays=(Weekday.TUE,), nth=2)[:3] == ["01-13", "02-10", "03-10"]
    assert days(weekdays=(Weekday.SUN,), nth=-1)[:3] == ["01-25", "02-22", "03-29"]
    assert days(weekdays=(Weekday.MON,), nth=5) == ["03-30", "06-29", "08-31", "11-30"], "months without a fifth have none"


def test_day_of_the_month() -> None:
    assert days(month_day=31) == ["01-31", "03-31", "05-31", "07-31", "08-31", "10-31", "12-31"]
    assert days(month_day=-1)[:2] == ["01-31", "02-28"]
    assert len(days(month_day=15)) == 12


def test_weekly_begins_and_ends_with_its_dates() -> None:
    assert days(weekdays=(Weekday.THU, Weekday.FRI), last=date(2026, 1, 9)) == ["01-01", "01-02", "01-08", "01-09"]


@pytest.mark.parametrize(
    ("start", "day", "utc"),
    [
        ("02:30", date(2026, 3, 28), "2026-03-28T01:30+00:00"),
        ("02:30", date(2026, 3, 29), "2026-03-29T01:30+00:00"),  # 02:30 is jumped over; the length is kept
        ("02:30", date(2026, 10, 25), "2026-10-25T00:30+00:00"),  # 02:30 comes twice: the first
        ("22:00", date(2026, 10, 25), "2026-10-25T21:00+00:00"),
    ],
)
def test_r2_5_local_start_where_clocks_change(start: str, day: date, utc: str) -> None:
    """The local hour stays, the length is elapsed time."""
    every = tuple(Weekday)
    [(a, b)] = check_repeat(Repeat(start, HOUR, "Europe/Paris", day, day, every))
    assert (a, b - a) == (instant_ms(datetime.fromisoformat(utc)), HOUR)


def test_day_long_occurrences_overlap_where_a_day_has_23_hours() -> None:
    daily = Repeat("00:00", 24 * HOUR, "Europe/Paris", date(2026, 3, 1), date(2026, 3, 28), tuple(Weekday))
    assert len(check_repeat(daily)) == 28
    with pytest.raises(ActRefusedError) as caught:
        check_repeat(msgspec.structs.replace(daily, last=date(2026, 3, 31)))
    assert caught.value.problem is ActProblem.OVERLAPS_ITSELF


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(["Asia/Ho_Chi_Minh", "Europe/Paris", "Pacific/Apia", "America/St_Johns", "UTC"]),
    first=st.dates(date(2010, 1, 1), date(2030, 1, 1)),
    length=st.integers(0, 90),
    hours=st.integers(1, 60),
    weekdays=st.sets(st.sampled_from(list(Weekday)), min_size=1),
    offset=st.integers(-100, 3_000),
    width=st.integers(1, 500),
)
def test_expansion_of_a_part_is_the_part_of_the_expansion(
    zone: str, first: date, length: int, hours: int, weekdays: set[Weekday], offset: int, width: int
) -> None:
    """Whatever horizon is asked for, no occurrence is missed and none is invented."""
    last = first + timedelta(days=length)
    one = Repeat("23:30", hours * HOUR, zone, first, last, tuple(sorted(weekdays)))
    whole = expand(one, *EVER)
    start = instant_ms(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))) + offset * HOUR
    end = start + width * HOUR
    assert expand(one, start, end) == [(a, b) for a, b in whole if a < end and b > start]
