"""Times and lengths as messages show them: in the receiver's zone, which is always named by its offset."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

from collector.notify.words import word

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def zone_of(name: str) -> tzinfo:
    """The zone; one that is not known here is UTC: a page is never lost for the time it shows."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return UTC


def moment(at_ms: int, zone: str) -> datetime:
    """An instant in a zone. What no calendar holds is shown as its nearest end."""
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    bounded = min(max(at_ms, 0), 253_370_000_000_000)
    return (begin + timedelta(milliseconds=bounded)).astimezone(zone_of(zone))


def say_moment(at_ms: int, zone: str, language: str) -> str:
    """`14:03:20 ngày 24/11/2026 (UTC+7)`, `2026-11-24 14:03:20 (UTC+7)`."""
    local = moment(at_ms, zone)
    day = local.strftime("%d/%m/%Y" if language == "vi" else "%Y-%m-%d")
    return word(language, "clock", date=day, time=local.strftime("%H:%M:%S"), offset=_offset(local))


def say_short(at_ms: int, zone: str, language: str) -> str:
    """`14:03 24/11`, `11-24 14:03`: for subjects and short messages."""
    return moment(at_ms, zone).strftime("%H:%M %d/%m" if language == "vi" else "%m-%d %H:%M")


def say_iso(at_ms: int) -> str:
    """RFC 3339 in UTC, milliseconds: for machines."""
    return moment(at_ms, "UTC").strftime("%Y-%m-%dT%H:%M:%S.") + f"{max(at_ms, 0) % 1000:03d}Z"


def say_length(length_ms: int, language: str) -> str:
    """The two largest units, rounded down: `1 giờ 5 phút`, `1 h 5 min`."""
    left = max(length_ms, 0) // 1000
    first = next((index for index, (_, size) in enumerate(_UNITS) if left >= size), len(_UNITS) - 1)
    parts: list[str] = []
    for key, size in _UNITS[first : first + 2]:
        count, left = divmod(left, size)
        if count or not parts:
            parts.append(word(language, key, count=count))
    return " ".join(parts)


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")
