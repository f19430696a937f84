"""Forms of text that settings and inventory ask for: each is a check, and its name is the wording of what was expected."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from collector.core.calendar import hours

ID: Final = "letters, digits and ._:- (1 to 128, first a letter or digit)"
PERCENT: Final = "per cent above 0 and below 100, at most 4 decimals"
DATE: Final = "a date as 2026-10-31"
DATE_OR_TIME: Final = "a date as 2026-10-01 or a time as 2026-10-01T08:00:00+07:00"
HOURS: Final = "hours as 07:30-11:30, from 00:00 to 24:00"
DAY_HOURS: Final = "hours as 22:00-06:00, from 00:00 to 24:00"
HAND_OVER: Final = "a day and a time as mon 08:00, or a time as 08:00"
NOTIFY: Final = "rota:NAME, person:NAME or receiver:NAME"
WAIT: Final = "a length as 0m, 15m or 2h"
LENGTH: Final = "a length as 90m, 2h or 1d"
MONTHLY: Final = "15, last, 2-tue or last-sun"
START: Final = "a local time as 22:00"
LABEL: Final = "letters, digits and _ (1 to 64, first a letter)"
TEXT: Final = "text of at most 200 characters"
ENGINE_ID: Final = "an SNMP engine id: 5 to 32 bytes in hexadecimal"
MAYBE_ENGINE_ID: Final = "nothing, or an SNMP engine id: 5 to 32 bytes in hexadecimal"

_PASSWORD: Final = re.compile(r"(://[^/@:]*):.*@")
_PASSWORD_ASKED: Final = re.compile(r"(password=)[^&\"]*", re.IGNORECASE)
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?(\.[0-9A-Za-z_-]{1,63})*\Z")
_ID: Final = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._:-]{0,127}\Z")
_LABEL: Final = re.compile(r"[a-zA-Z][0-9a-zA-Z_]{0,63}\Z")
_PERCENT: Final = re.compile(r"(0|[1-9][0-9]?)(?:\.([0-9]{1,4}))?\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
_LENGTH: Final = re.compile(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,7})s)?\Z")
_NTH: Final = re.compile(r"([1-5]|last)-(mon|tue|wed|thu|fri|sat|sun)\Z")
_MONTH_DAY: Final = re.compile(r"([1-9]|[12][0-9]|3[01]|last)\Z")
_START: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
_NO_LENGTH: Final = re.compile(r"0[dhms]\Z")
_HAND_OVER: Final = re.compile(r"(?:(mon|tue|wed|thu|fri|sat|sun) )?([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_NOTIFY: Final = re.compile(r"(rota|person|receiver):(.+)\Z")
_ENGINE_ID: Final = re.compile(r"(0x)?([0-9a-fA-F]{2}){5,32}\Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS: Final = (1970, 9998)
"""A local midnight of these years is an instant that counts."""


def without_password(text: str) -> str:
    """An address as a message may show it."""
    return _PASSWORD_ASKED.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises `ValueError`."""
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (
        not host
        or not (port.isascii() and port.isdecimal())
        or int(port) > 65_535
        or (":" in host and not text.startswith("["))
    ):
        raise ValueError(text)
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a listen host can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_id(text: str) -> bool:
    """Whether `text` may name a target, an agent or a site."""
    return _ID.match(text) is not None


def parts_per_million(text: str) -> int:
    """`99.9` (per cent) as 999,000. Raises `ValueError` when it is not of the form `PERCENT`."""
    match = _PERCENT.match(text)
    ppm = int(match[1]) * 10_000 + int((match[2] or "").ljust(4, "0")) if match else 0
    if ppm == 0:
        raise ValueError(text)
    return ppm


def day_of(text: str) -> date:
    """The day of `2026-10-31`. Raises `ValueError`."""
    if not _DATE.match(text):
        raise ValueError(text)
    day = date.fromisoformat(text)
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ValueError(text)
    return day


def instant_ms(text: str, zone: str) -> int:
    """A time with offset, or local midnight of a date, in milliseconds UTC. Raises `ValueError`."""
    if _DATE.match(text):
        day = day_of(text)
        moment = datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(zone))
    elif _TIME.match(text):
        moment = datetime.fromisoformat(text.upper())
        day_of(text[:10])
    else:
        raise ValueError(text)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def minutes_of(text: str) -> tuple[int, int]:
    """Minutes of the day at which `07:30-11:30` begins and ends. Raises `ValueError`, also when it is empty or inverted."""
    first, _, last = text.partition("-")
    return hours(first, last)


def length_of(text: str) -> timedelta:
    """The length of `2h`, `90m`, `1d` or `1h30m`. Raises `ValueError`, also for none."""
    match = _LENGTH.match(text)
    days, hours_, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    found = timedelta(days=days, hours=hours_, minutes=minutes, seconds=seconds)
    if not found:
        raise ValueError(text)
    return found


def wait_of(text: str) -> timedelta:
    """As `length_of`, also `0m`. Raises `ValueError`."""
    return timedelta(0) if _NO_LENGTH.match(text) else length_of(text)


def day_minutes_of(text: str) -> tuple[int, int]:
    """As `minutes_of`, also hours that reach over midnight: `22:00-06:00` as 1320 and 360. Raises `ValueError`, also when they
    end where they begin."""
    first, _, last = text.partition("-")
    if first == "24:00":
        raise ValueError(text)
    ends = tuple(hours("00:00", part)[1] if part != "00:00" else 0 for part in (first, last))
    if ends[0] == ends[1]:
        raise ValueError(text)
    return ends[0], ends[1]


def hand_over_of(text: str) -> tuple[str, int]:
    """`mon 08:00` as day (empty: every day) and minute of the day. Raises `ValueError`."""
    match = _HAND_OVER.match(text)
    if match is None:
        raise ValueError(text)
    return match[1] or "", int(match[2]) * 60 + int(match[3])


def notify_of(text: str) -> tuple[str, str]:
    """`rota:noc` as its two parts. Raises `ValueError`."""
    match = _NOTIFY.match(text)
    if match is None or not is_id(match[2]):
        raise ValueError(text)
    return match[1], match[2]


def monthly_of(text: str) -> tuple[str, int, int]:
    """`2-tue` as the day of the week and which of the month (-1: the last), `15` or `last` as `("", 0, day)` (-1: the last).
    Raises `ValueError`."""
    nth = _NTH.match(text)
    if nth is not None:
        return nth[2], -1 if nth[1] == "last" else int(nth[1]), 0
    if not _MONTH_DAY.match(text):
        raise ValueError(text)
    return "", 0, -1 if text == "last" else int(text)


def _is_address(text: str) -> bool:
    try:
        host, _ = split_address(text)
    except ValueError:
        return False
    return _is_host(host)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # A last label of digits alone was meant as an address, and no name of a host has one (RFC 1123, section 2.1).
        return _HOST_NAME.match(text) is not None and not text.rpartition(".")[2].isdecimal()
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.query or parts.fragment) and (port is None or port > 0)
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_zone(text: str) -> bool:
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def _is_database(text: str) -> bool:
    try:
        parts = urlsplit(text)
        secret = _PASSWORD.search(text) or _PASSWORD_ASKED.search(parts.query)
        return text == "" or (parts.scheme in ("postgresql+asyncpg", "sqlite") and not secret)
    except ValueError:
        return False


def _reads(reading: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            reading(text)
        except ValueError:
            return False
        return True

    return check


FORMS: Final[dict[str, Callable[[str], bool]]] = {
    "host:port": _is_address,
    "host name or IP address": _is_host,
    "http:// or https:// URL": _is_url,
    "time zone name": _is_zone,
    "postgresql+asyncpg://user@host/name or sqlite:///path": _is_database,
    ID: is_id,
    PERCENT: _reads(parts_per_million),
    DATE: _reads(day_of),
    DATE_OR_TIME: _reads(lambda text: instant_ms(text, "UTC")),
    HOURS: _reads(minutes_of),
    DAY_HOURS: _reads(day_minutes_of),
    HAND_OVER: _reads(hand_over_of),
    NOTIFY: _reads(notify_of),
    WAIT: _reads(wait_of),
    LENGTH: _reads(length_of),
    MONTHLY: _reads(monthly_of),
    START: lambda text: _START.match(text) is not None,
    LABEL: lambda text: _LABEL.match(text) is not None,
    TEXT: lambda text: len(text) <= 200 and text.isprintable(),
    ENGINE_ID: lambda text: _ENGINE_ID.match(text) is not None,
    MAYBE_ENGINE_ID: lambda text: not text or _ENGINE_ID.match(text) is not None,
}
