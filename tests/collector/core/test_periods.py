"""Periods are local (R2.5): boundaries from the zone, lengths from the boundaries."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.periods import PERIODS, day, days, instant, midnight, month, parse, quarter, to_date, week, year

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [HANOI, BERLIN, *(ZoneInfo(name) for name in ("America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"))]
HOUR = 3_600_000


def utc(*when: int) -> int:
    return instant(dt.datetime(*when, tzinfo=dt.UTC))  # type: ignore[misc,arg-type]


def test_r2_5_a_month_begins_at_local_midnight() -> None:
    """October in Ho Chi Minh City begins at 17:00 UTC on the last of September (V34)."""
    assert month(HANOI, utc(2026, 10, 15)) == (utc(2026, 9, 30, 17), utc(2026, 10, 31, 17))
    assert month(HANOI, utc(2026, 9, 30, 16, 59))[1] == utc(2026, 9, 30, 17)


def test_r2_5_days_have_23_24_or_25_hours() -> None:
    """V35: lengths are differences of instants, also of the month that holds a change."""
    spring, autumn = day(BERLIN, utc(2026, 3, 29, 12)), day(BERLIN, utc(2026, 10, 25, 12))
    assert (spring[1] - spring[0], autumn[1] - autumn[0]) == (23 * HOUR, 25 * HOUR)
    march = month(BERLIN, utc(2026, 3, 1))
    assert march[1] - march[0] == 31 * 24 * HOUR - HOUR


def test_r2_5_a_midnight_that_is_skipped_is_the_instant_of_the_change() -> None:
    """In São Paulo, 2018-11-04 began at 01:00: the day before ended there, and nothing is lost between."""
    zone = ZoneInfo("America/Sao_Paulo")
    before, after = day(zone, utc(2018, 11, 3, 12)), day(zone, utc(2018, 11, 4, 12))
    assert before[1] == after[0] == utc(2018, 11, 4, 3)
    assert after[1] - after[0] == 23 * HOUR


def test_names_of_periods() -> None:
    """Weeks begin on Monday, quarters in January, April, July and October; years are the zone's."""
    t = utc(2026, 10, 31, 20)  # 1 November in Hanoi, a Sunday
    assert week(HANOI, t) == (midnight(HANOI, dt.date(2026, 10, 26)), midnight(HANOI, dt.date(2026, 11, 2)))
    assert quarter(HANOI, t) == (midnight(HANOI, dt.date(2026, 10, 1)), midnight(HANOI, dt.date(2027, 1, 1)))
    assert year(HANOI, utc(2026, 12, 31, 17)) == (midnight(HANOI, dt.date(2027, 1, 1)), midnight(HANOI, dt.date(2028, 1, 1)))
    assert to_date("quarter", HANOI, t) == (midnight(HANOI, dt.date(2026, 10, 1)), t)
    with pytest.raises(KeyError):
        to_date("decade", HANOI, t)


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-Q1", (2026, 1, 1), (2026, 4, 1)),
        ("2026-Q4", (2026, 10, 1), (2027, 1, 1)),
        ("2026-10", (2026, 10, 1), (2026, 11, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2026-W01", (2025, 12, 29), (2026, 1, 5)),
        ("2026-W53", (2026, 12, 28), (2027, 1, 4)),
        ("2026-10-31", (2026, 10, 31), (2026, 11, 1)),
        ("2026-10-05/2026-10-08", (2026, 10, 5), (2026, 10, 8)),
    ],
)
def test_periods_are_read_as_people_write_them(text: str, first: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    """Every form, in the zone."""
    assert parse(text, HANOI) == (midnight(HANOI, dt.date(*first)), midnight(HANOI, dt.date(*after)))


def test_a_period_between_two_instants() -> None:
    """RFC 3339 on either side."""
    assert parse("2026-10-05T00:00:00Z/2026-10-05T08:30:00+07:00", HANOI) == (utc(2026, 10, 5), utc(2026, 10, 5, 1, 30))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "10-2026",
            "2026-13",
            "2026-00",
            "2026-Q5",
            "2025-W53",
            "2026-W00",
            "2026-02-30",
            "26-10",
            "2026-10 ",
            "２０２６",
        ),
        *("2026-10-08/2026-10-05", "2026-10-08/2026-10-08", "2026-10-08T00:00:00/2026-10-09", "a/b", "0000", "9999"),
    ],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    """The message names the value and the forms."""
    with pytest.raises(ValueError, match="expected 2026, 2026-Q4") as caught:
        parse(text, HANOI)
    assert repr(text) in str(caught.value)


@given(st.sampled_from(ZONES), st.integers(utc(1990, 1, 1), utc(2037, 1, 1)))
def test_periods_partition_time(zone: ZoneInfo, t: int) -> None:
    """Each period holds its instant and the next begins where it ends, in every zone."""
    for name, period in PERIODS.items():
        a, b = period(zone, t)
        assert a <= t < b, name
        assert period(zone, b)[0] == b, name
        assert period(zone, a) == period(zone, b - 1) == (a, b), name


@given(st.sampled_from(ZONES), st.integers(utc(1990, 1, 1), utc(2037, 1, 1)), st.integers(0, 40 * 24 * HOUR))
def test_days_cover_what_is_asked(zone: ZoneInfo, t: int, length: int) -> None:
    """Whole local days, without a gap; none for nothing."""
    held = days(zone, t, t + length)
    assert bool(held) == (length > 0)
    if held:
        assert held[0] == day(zone, t)
        assert held[-1][0] < t + length <= held[-1][1]
        assert all(before[1] == after[0] for before, after in pairwise(held))
