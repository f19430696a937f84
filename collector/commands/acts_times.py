"""Times, lengths and repeats as people type them, and scopes; what the API takes comes out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.config_forms import length_of, monthly_of

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TypedError(ValueError):
    """Something typed is not understood; `key` names a text of `acts_words`."""

    def __init__(self, key: str, value: str) -> None:
        super().__init__(value)
        self.key = key
        self.value = value


def moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """`2026-11-24T22:00` (or with a space, or with seconds) in `zone`, with an offset as it says, or `now`. Raises
    `TypedError`, also for a local time that the clocks jump over, or that comes twice and needs an offset."""
    if text == "now":
        return now
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TypedError("bad_time", text) from None
    if len(text.strip()) < len("2026-11-24T22:00"):
        raise TypedError("bad_time", text)
    if found.tzinfo is not None:
        return found
    local = found.replace(tzinfo=zone)
    if local.utcoffset() != found.replace(tzinfo=zone, fold=1).utcoffset():
        raise TypedError("odd_time", text)
    return local


def length(text: str) -> timedelta:
    """`2h`, `90m`, `1d`, `1h30m`, above 0. Raises `TypedError`."""
    try:
        return length_of(text)
    except ValueError:
        raise TypedError("bad_length", text) from None


def day(text: str) -> str:
    """`2026-11-24`. Raises `TypedError`."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise TypedError("bad_day", text) from None


def weekdays(text: str) -> list[str]:
    """`mon,wed,fri`, or `daily`. Raises `TypedError`."""
    if text == "daily":
        return list(_DAYS)
    names = text.split(",")
    if not all(name in _DAYS for name in names):
        raise TypedError("bad_weekdays", text)
    return names


def monthly(text: str) -> dict[str, Any]:
    """`15` or `last` (a day of the month), `2-tue` or `last-sun` (the n-th weekday). Raises `TypedError`."""
    try:
        weekday, nth, month_day = monthly_of(text)
    except ValueError:
        raise TypedError("bad_monthly", text) from None
    return {"weekdays": [weekday], "nth": nth} if weekday else {"month_day": month_day}


def selector(text: str) -> dict[str, Any]:
    """`target=a+b,site=x,class=y,label.rack=7` as one selector. Raises `TypedError`."""
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise TypedError("bad_scope", text)
        if name == "target":
            found.setdefault("subjects", []).extend(value.split("+"))
        elif name in ("site", "class") and name not in found:
            found[name] = value
        elif name.startswith("label.") and len(name) > len("label."):
            found.setdefault("labels", {})[name.removeprefix("label.")] = value
        else:
            raise TypedError("bad_scope", text)
    return found


def labels(pairs: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` each. Raises `TypedError`."""
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not name or not value:
            raise TypedError("bad_label", pair)
        found[name] = value
    return found
