"""What sums of closed days rest on: a digest that changes with what it is over, and can be made of every calendar there is."""

from __future__ import annotations

import datetime as dt

from collector.core.calendar import Calendar
from collector.core.roll import Roll
from collector.core.subject import Objective, Subject
from collector.ledger.bearing import Bases

NOON, NIGHT = ((720, 780),), ((0, 60),)
FIRST, SECOND = dt.date(2026, 4, 30), dt.date(2026, 9, 2)


def basis(calendar: Calendar) -> bytes:
    """That of a subject whose service hours are those of the calendar."""
    roll = Roll.of([Subject("web-01", site="dic", class_="server", objective=Objective(calendar="office"))])
    return Bases(roll, {"office": calendar}).of("web-01")


def test_a_calendar_with_special_days_has_a_basis_that_follows_it() -> None:
    """Equal for equal days in whatever order they were read, another one for other hours."""
    days = {FIRST: NOON, SECOND: NIGHT}
    one = basis(Calendar("Asia/Ho_Chi_Minh", special=days, holidays=frozenset(days)))
    assert one == basis(Calendar("Asia/Ho_Chi_Minh", special=dict(reversed(days.items())), holidays=frozenset(days)))
    assert one != basis(Calendar("Asia/Ho_Chi_Minh", special=days | {SECOND: NOON}, holidays=frozenset(days)))
    assert one != basis(Calendar("Asia/Ho_Chi_Minh", special=days))
