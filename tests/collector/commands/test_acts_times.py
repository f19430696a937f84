"""What people type: times in the configured zone, lengths, repeats, scopes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.commands.acts_times import TypedError, day, labels, length, moment, monthly, selector, weekdays

HCM = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T22:00", "2026-11-24T15:00+00:00"),
        ("2026-11-24 22:00:30", "2026-11-24T15:00:30+00:00"),
        ("2026-11-24T22:00Z", "2026-11-24T22:00+00:00"),
        ("2026-11-24T22:00+02:00", "2026-11-24T20:00+00:00"),
        ("now", "2026-11-24T01:00+00:00"),
    ],
)
def test_r2_5_times_are_local_unless_they_say_otherwise(text: str, expected: str) -> None:
    assert moment(text, HCM, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(("text", "key"), [
    ("tomorrow", "bad_time"), ("2026-11-24", "bad_time"), ("22:00", "bad_time"), ("2026-02-30T10:00", "bad_time"),
    ("2026-03-29T02:30", "odd_time"), ("2026-10-25T02:30", "odd_time"),
])  # fmt: skip
def test_times_that_are_none_or_two(text: str, key: str) -> None:
    """An hour that clocks jump over, or that comes twice, is not guessed."""
    with pytest.raises(TypedError) as caught:
        moment(text, ZoneInfo("Europe/Paris"), NOW)
    assert (caught.value.key, caught.value.value) == (key, text)


def test_lengths_and_days() -> None:
    assert [length(text) for text in ("90m", "2h", "1d", "1h30m", "45s")] == [
        timedelta(minutes=90), timedelta(hours=2), timedelta(days=1), timedelta(minutes=90), timedelta(seconds=45),
    ]  # fmt: skip
    assert day("2026-11-24") == "2026-11-24"
    assert weekdays("mon,fri") == ["mon", "fri"]
    assert len(weekdays("daily")) == 7
    assert monthly("2-tue") == {"weekdays": ["tue"], "nth": 2}
    assert monthly("last-sun") == {"weekdays": ["sun"], "nth": -1}
    assert (monthly("15"), monthly("last")) == ({"month_day": 15}, {"month_day": -1})


def test_scopes() -> None:
    assert selector("target=a+b,site=x,class=y,label.rack=7,label.row=2") == {
        "subjects": ["a", "b"], "site": "x", "class": "y", "labels": {"rack": "7", "row": "2"},
    }  # fmt: skip
    assert labels(["rack=7", "note=a=b"]) == {"rack": "7", "note": "a=b"}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (length, ""), (length, "0m"), (length, "2"), (length, "-1h"), (length, "1m2h"), (day, "24/11/2026"),
        (weekdays, "monday"), (weekdays, ""), (monthly, "0"), (monthly, "32"), (monthly, "6-tue"), (monthly, "²"),
        (selector, "site"), (selector, "site="), (selector, "site=x,site=y"), (selector, "place=x"), (selector, "label.=x"),
        (lambda text: labels([text]), "rack"), (lambda text: labels([text]), "=7"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(TypedError) as caught:
        read(text)
    assert caught.value.value == text
