"""How numbers, times and percentages look to people, in one language and one time zone. Programs get them another way.

Percentages and durations are cut by `core.printing` (R16.2, R16.3); here they only get their decimal comma and their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.core.monthly import Report
from collector.core.printing import localised, seconds_up
from collector.report.names import called, names_of, scope
from collector.report.terms import MONTHS, term
from collector.report.words import word

NONE = "–"
"""What stands where there is no value."""


class Show:
    """Prints values in `language`, with times in `zone`.

    `origin_ms` is an instant whose offset from UTC the page states; a time with another offset carries its own (R2.5).
    """

    def __init__(self, language: str, zone: str, origin_ms: int, names: Mapping[str, str] | None = None) -> None:
        """`names` are those of subjects, by id. `zoneinfo.ZoneInfoNotFoundError` for an unknown zone."""
        self.language = language
        self._names = names or {}
        self.zone_name = zone
        self._zone = ZoneInfo(zone)
        self._usual = self.local(origin_ms).utcoffset()
        self._vi = language == "vi"
        self._time = "%d/%m/%Y %H:%M:%S" if self._vi else "%Y-%m-%d %H:%M:%S"
        self._day = "%d/%m/%Y" if self._vi else "%Y-%m-%d"

    @classmethod
    def of(cls, report: Report, language: str) -> Show:
        """For a report: its zone, its names."""
        return cls(language, report.zone, report.from_ms, names_of(report, language))

    def name(self, id_: str) -> str:
        """What a subject is called."""
        return called(self._names, self.language, id_)

    def scope(self, text: str) -> str:
        """Whom a window names."""
        return scope(self._names, self.language, text)

    def word(self, key: str, **values: object) -> str:
        """A text of `words`."""
        return word(self.language, key, **values)

    def term(self, list_: str, value: str) -> str:
        """A word of a closed list of `terms`."""
        return term(self.language, list_, value)

    def local(self, ms: int) -> datetime:
        """The local time of an instant, whole milliseconds kept."""
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(self._zone)

    def offset(self, ms: int) -> str:
        """Offset of local time from UTC at an instant: `+07:00`."""
        text = self.local(ms).strftime("%z")
        return f"{text[:3]}:{text[3:5]}"

    def time(self, ms: int) -> str:
        """Local date and time to the second; 0 is no time."""
        if not ms:
            return NONE
        local = self.local(ms)
        text = local.strftime(self._time)
        return text if local.utcoffset() == self._usual else f"{text} ({self.offset(ms)})"

    def day(self, ms: int) -> str:
        """Local date."""
        return self.local(ms).strftime(self._day)

    def duration(self, ms: int | None) -> str:
        """Hours:minutes:seconds, rounded up to the second (R16.3); nothing is a plain 0."""
        if ms is None:
            return NONE
        if not ms:
            return "0"
        minutes, seconds = divmod(seconds_up(abs(ms)), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{'−' if ms < 0 else ''}{self.count(hours)}:{minutes:02d}:{seconds:02d}"

    def short(self, ms: int) -> str:
        """A setting in seconds, without needless decimals."""
        seconds, rest = divmod(ms, 1000)
        text = self.count(seconds) + (f"{',' if self._vi else '.'}{rest:03d}".rstrip("0") if rest else "")
        return self.word("seconds_short", value=text)

    def exact(self, ms: int) -> str:
        """Seconds to the millisecond, as they are added up."""
        seconds, rest = divmod(abs(ms), 1000)
        text = self.count(seconds) + (f"{',' if self._vi else '.'}{rest:03d}" if rest else "")
        return f"{'−' if ms < 0 else ''}{text}"

    def count(self, number: int | None) -> str:
        """A whole number with its thousands apart."""
        if number is None:
            return NONE
        return f"{number:,}".replace(",", ".") if self._vi else f"{number:,}"

    def percent(self, printed: str | None) -> str:
        """A percentage that is printed already, with the decimal sign of the language."""
        if printed is None:
            return NONE
        return localised(printed, self.language)

    def flag(self, value: bool) -> str:
        """Yes or nothing: what is usual needs no ink."""
        return self.word("yes") if value else ""

    def period(self, period: str, from_ms: int, to_ms: int) -> str:
        """A period as people call it: `2026-10` is October 2026; what has no name is its first and last day."""
        year, _, part = period.partition("-")
        if len(year) != 4 or not year.isdigit():
            return f"{self.day(from_ms)} – {self.day(to_ms - 1)}"
        if not part:
            return self.word("year", year=year)
        if part[0] == "Q" and part[1:].isdigit():
            return self.word("quarter", quarter=part[1:], year=year)
        if part[0] == "W" and part[1:].isdigit():
            return self.word("week", week=int(part[1:]), year=year)
        if part.isdigit() and len(part) == 2 and 1 <= int(part) <= 12:
            return self.word("month", month=int(part) if self._vi else MONTHS[int(part) - 1], year=year)
        return f"{self.day(from_ms)} – {self.day(to_ms - 1)}" if to_ms - from_ms > _LONG_DAY_MS else self.day(from_ms)


_LONG_DAY_MS = 26 * 3_600_000
"""No day is longer, whatever its zone does to the clock; it only chooses between a date and a pair of dates."""
