"""Days, weeks, months, quarters and years of the configured zone as instants (SPEC R2.5). Pure.

Boundaries are local midnights, converted one by one; lengths come out of them and are never assumed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from collector.core.intervals import Interval

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)
_EXPECTED: Final = "expected 2026, 2026-Q4, 2026-10, 2026-W45, 2026-10-31 or FROM/TO with two dates or two RFC 3339 times"


def instant(moment: dt.datetime) -> int:
    """An aware time as milliseconds UTC, exactly. Of a local time that occurs twice the first is meant; one that is skipped is
    read with the offset before the change (PEP 495, fold 0)."""
    return (moment.astimezone(dt.UTC) - _EPOCH) // _MS


def midnight(zone: ZoneInfo, date: dt.date) -> int:
    """When a local date begins; where its midnight is skipped, at the instant of the change."""
    return instant(dt.datetime(date.year, date.month, date.day, tzinfo=zone))


def local_date(zone: ZoneInfo, t_ms: int) -> dt.date:
    """The local date of an instant."""
    return (_EPOCH + t_ms * _MS).astimezone(zone).date()


def day(zone: ZoneInfo, t_ms: int) -> Interval:
    """The local day that holds an instant: 23 to 25 hours."""
    date = local_date(zone, t_ms)
    return _between(zone, date, date + dt.timedelta(days=1))


def week(zone: ZoneInfo, t_ms: int) -> Interval:
    """The local week, from Monday, that holds an instant."""
    date = local_date(zone, t_ms)
    monday = date - dt.timedelta(days=date.weekday())
    return _between(zone, monday, monday + dt.timedelta(days=7))


def month(zone: ZoneInfo, t_ms: int) -> Interval:
    """The local month that holds an instant."""
    date = local_date(zone, t_ms)
    return _months(zone, date.year, date.month, 1)


def quarter(zone: ZoneInfo, t_ms: int) -> Interval:
    """The local quarter that holds an instant."""
    date = local_date(zone, t_ms)
    return _months(zone, date.year, (date.month - 1) // 3 * 3 + 1, 3)


def year(zone: ZoneInfo, t_ms: int) -> Interval:
    """The local year that holds an instant."""
    return _months(zone, local_date(zone, t_ms).year, 1, 12)


PERIODS: Final[dict[str, Callable[[ZoneInfo, int], Interval]]] = {
    "day": day,
    "week": week,
    "month": month,
    "quarter": quarter,
    "year": year,
}


def to_date(name: str, zone: ZoneInfo, t_ms: int) -> Interval:
    """From the beginning of the day, week, month, quarter or year that holds `t_ms` until it. `KeyError` for other names."""
    return PERIODS[name](zone, t_ms)[0], t_ms


def days(zone: ZoneInfo, from_ms: int, to_ms: int) -> list[Interval]:
    """The local days that have a part in `[from_ms, to_ms)`, whole, in order."""
    out: list[Interval] = []
    at = from_ms
    while at < to_ms:
        out.append(day(zone, at))
        at = out[-1][1]
    return out


def parse(text: str, zone: ZoneInfo) -> Interval:
    """A period as people write it: `2026`, `2026-Q4`, `2026-10`, `2026-W45` (ISO week), `2026-10-31`, or `FROM/TO`, where TO is
    the first date or time that is no longer meant. `ValueError` for anything else, with what was expected."""
    try:
        for pattern, read in _FORMS:
            found = pattern.fullmatch(text)
            if found:
                return _told(read(zone, *found.groups()))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"period {text!r} does not exist: {error}; {_EXPECTED}") from None
    raise ValueError(f"period {text!r} is not understood; {_EXPECTED}")


def _told(period: Interval) -> Interval:
    """What lies beyond could not be written as a date when something is added to it."""
    if not _EARLIEST_MS <= period[0] < period[1] <= _LATEST_MS:
        raise ValueError("only the years 1970 to 2099 are known")
    return period


def _between(zone: ZoneInfo, first: dt.date, after: dt.date) -> Interval:
    return midnight(zone, first), midnight(zone, after)


def _months(zone: ZoneInfo, at_year: int, first: int, length: int) -> Interval:
    after = first - 1 + length
    return _between(zone, dt.date(at_year, first, 1), dt.date(at_year + after // 12, after % 12 + 1, 1))


def _of_year(zone: ZoneInfo, at_year: str) -> Interval:
    return _months(zone, int(at_year), 1, 12)


def _of_quarter(zone: ZoneInfo, at_year: str, number: str) -> Interval:
    return _months(zone, int(at_year), int(number) * 3 - 2, 3)


def _of_month(zone: ZoneInfo, at_year: str, number: str) -> Interval:
    return _months(zone, int(at_year), int(number), 1)


def _of_week(zone: ZoneInfo, at_year: str, number: str) -> Interval:
    monday = dt.date.fromisocalendar(int(at_year), int(number), 1)
    return _between(zone, monday, monday + dt.timedelta(days=7))


def _of_day(zone: ZoneInfo, text: str) -> Interval:
    date = dt.date.fromisoformat(text)
    return _between(zone, date, date + dt.timedelta(days=1))


def _of_ends(zone: ZoneInfo, first: str, after: str) -> Interval:
    ends = _end(zone, first), _end(zone, after)
    if ends[0] >= ends[1]:
        raise ValueError("it ends before it begins")
    return ends


def _end(zone: ZoneInfo, text: str) -> int:
    if _DATE.fullmatch(text):
        return midnight(zone, dt.date.fromisoformat(text))
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return instant(moment)


_DAY_MS: Final = 86_400_000
_EARLIEST_MS: Final = -_DAY_MS
_LATEST_MS: Final = 4_102_444_800_000 + _DAY_MS
"""1970-01-01 and 2100-01-01 in any zone."""
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)", re.ASCII)
_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[..., Interval]], ...]] = (
    (re.compile(r"(\d{4})", re.ASCII), _of_year),
    (re.compile(r"(\d{4})-Q([1-4])", re.ASCII), _of_quarter),
    (re.compile(r"(\d{4})-(\d\d)", re.ASCII), _of_month),
    (re.compile(r"(\d{4})-W(\d\d)", re.ASCII), _of_week),
    (_DATE, _of_day),
    (re.compile(r"([^/]+)/([^/]+)"), _of_ends),
)
