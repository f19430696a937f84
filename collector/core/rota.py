"""Who is on call when: turns of a rota by local time, holidays, swaps and overrides. Pure.

At every instant of a rota exactly one person is on call, or it is told that nobody is. A hand-over is found for its local date
(R2.5): a time that a change of clocks skips is read with the offset before it, one that comes twice is its first occurrence.
"""

from __future__ import annotations

import datetime as dt
import enum
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from collector.core.hours import Hours, clock, spans
from collector.core.intervals import Interval
from collector.core.periods import local_date

_DAY_MS: Final = 86_400_000
_MARGIN_MS: Final = 8 * _DAY_MS
_DAY: Final = dt.timedelta(days=1)
_MINUTES: Final = 24 * 60


class Why(enum.StrEnum):
    """Why it is this person: a closed list."""

    ROTATION = "rotation"
    HOLIDAY = "holiday"
    SWAP = "swap"
    OVERRIDE = "override"
    GAP = "gap"
    """Nobody is on call."""


class Override(msgspec.Struct, frozen=True):
    """In `[from_ms, to_ms)` `person` is on call in the place of `instead_of`, or of whoever it would be (empty)."""

    from_ms: int
    to_ms: int
    person: str
    instead_of: str = ""


class Swap(msgspec.Struct, frozen=True):
    """In `[from_ms, to_ms)` two people have each other's turns."""

    from_ms: int
    to_ms: int
    first: str
    second: str


class Rota(msgspec.Struct, frozen=True):
    """A rota. Its turns begin at the hand-overs: minutes from the midnight of a cycle's first day, growing, at least two hours
    apart (no change of clocks can then turn their order)."""

    zone: str
    people: tuple[str, ...]
    hand_overs: tuple[int, ...]
    cycle_days: int
    """7: hand-overs by day of the week, a cycle begins on Mondays; 1: every day the same."""
    starts: dt.date
    """Its first turn, that of the first person, begins at the first hand-over on or after this day; before, there is a gap."""
    only: Hours = Hours()
    """Outside of these hours nobody is on call, whatever is said below."""
    holidays: tuple[dt.date, ...] = ()
    """Growing. A holiday is from the first hand-over time of its day to that time of the next."""
    holiday_people: tuple[str, ...] = ()
    """The first holiday of a year goes to the first of them, and so on."""
    overrides: tuple[Override, ...] = ()
    swaps: tuple[Swap, ...] = ()

    @property
    def anchor(self) -> dt.date:
        """First day of the first cycle."""
        return self.starts - dt.timedelta(days=self.starts.weekday() if self.cycle_days == 7 else 0)

    @property
    def day_minute(self) -> int:
        """The minute of the day at which a holiday begins."""
        return min(minute % _MINUTES for minute in self.hand_overs)


class Turn(msgspec.Struct, frozen=True):
    """A stretch `[from_ms, to_ms)` of one person. In a gap `person` is empty, and its ends are those that were looked at."""

    person: str
    from_ms: int
    to_ms: int
    why: Why = Why.ROTATION
    instead_of: str = ""
    """Whose turn it would be by rotation; empty if it is theirs, or nobody's."""


class _Duty(msgspec.Struct, frozen=True):
    """What holds at an instant; equal neighbours are one turn."""

    person: str
    why: Why
    instead_of: str
    mark: int
    """Number of the turn, of the holiday or of the override."""


def on_call(rota: Rota, at_ms: int) -> Turn:
    """Who is on call at an instant, since when and until when."""
    return turns(rota, at_ms, at_ms + 1)[0]


def turns(rota: Rota, from_ms: int, to_ms: int) -> list[Turn]:
    """The turns that touch `[from_ms, to_ms)`, whole, in order, without a hole between them: gaps are turns, too."""
    if from_ms >= to_ms:
        return []
    low, high = _around(rota, from_ms, to_ms)
    only = None if rota.only.is_always else spans(rota.only, low, high)
    out: list[Turn] = []
    last: _Duty | None = None
    edges = sorted({low, *(edge for edge in _edges(rota, low, high, only or ()) if low < edge < high), high})
    for a, b in pairwise(edges):
        duty = _duty(rota, a) if only is None or _is_in(only, a) else _GAP
        if duty == last:
            out[-1] = msgspec.structs.replace(out[-1], to_ms=b)
        else:
            out.append(Turn(duty.person, a, b, duty.why, duty.instead_of))
        last = duty
    return [turn for turn in out if turn.to_ms > from_ms and turn.from_ms < to_ms]


def _around(rota: Rota, from_ms: int, to_ms: int) -> Interval:
    """A stretch in which every turn that touches a stretch is whole."""
    first, last = _number(rota, from_ms), _number(rota, to_ms)
    low, high = from_ms - _MARGIN_MS, to_ms + _MARGIN_MS
    if first >= 0:
        low = min(low, _begin(rota, first))
    high = max(high, _begin(rota, max(last, -1) + 1) if last >= -1 else high)
    for each in rota.overrides:
        if each.from_ms <= to_ms and each.to_ms >= from_ms:
            low, high = min(low, each.from_ms), max(high, each.to_ms)
    return low, high


def _edges(rota: Rota, low: int, high: int, only: Sequence[Interval]) -> Iterator[int]:
    """Instants at which it may become somebody else."""
    number = max(_number(rota, low), -1) + 1
    while (begin := _begin(rota, number)) < high:
        yield begin
        number += 1
    zone = ZoneInfo(rota.zone)
    first, last = local_date(zone, low) - 2 * _DAY, local_date(zone, high)
    for day in rota.holidays:
        if first <= day <= last:
            yield from _holiday(rota, day)
    for override in rota.overrides:
        yield from (override.from_ms, override.to_ms)
    for swap in rota.swaps:
        yield from (swap.from_ms, swap.to_ms)
    for span in only:
        yield from span


def _duty(rota: Rota, at_ms: int) -> _Duty:
    number = _number(rota, at_ms)
    regular = rota.people[number % len(rota.people)] if number >= 0 and rota.people else ""
    duty = _Duty(regular, Why.ROTATION if regular else Why.GAP, "", number if regular else -1)
    day = _holiday_at(rota, at_ms) if rota.holiday_people and number >= 0 else None
    if day is not None:
        before = sum(1 for each in rota.holidays if each.year == day.year and each < day)
        person = rota.holiday_people[before % len(rota.holiday_people)]
        duty = _Duty(person, Why.HOLIDAY, regular if person != regular else "", day.toordinal())
    for swap in rota.swaps:
        if swap.from_ms <= at_ms < swap.to_ms and duty.person in (swap.first, swap.second):
            other = swap.second if duty.person == swap.first else swap.first
            duty = _Duty(other, Why.SWAP, duty.person, duty.mark)
            break
    for index, each in enumerate(rota.overrides):
        if each.from_ms <= at_ms < each.to_ms and each.instead_of in ("", duty.person) and each.person != duty.person:
            # One that replaces whoever it would be is one turn, whomever it replaces.
            mark, replaced = (duty.mark, duty.person) if each.instead_of else (index, "")
            return _Duty(each.person, Why.OVERRIDE, replaced, mark)
    return duty


_GAP: Final = _Duty("", Why.GAP, "", -1)


def _is_in(intervals: Sequence[Interval], at_ms: int) -> bool:
    index = bisect_right(intervals, (at_ms, 1 << 62)) - 1
    return index >= 0 and at_ms < intervals[index][1]


# --- hand-overs


def _begin(rota: Rota, number: int) -> int:
    """When turn `number` begins; the first is 0."""
    anchor, minutes, first = _frame(rota.anchor, rota.starts, rota.hand_overs)
    cycle, index = divmod(number + first, len(minutes))
    return clock(ZoneInfo(rota.zone), anchor + dt.timedelta(days=cycle * rota.cycle_days), minutes[index])


@lru_cache(maxsize=256)
def _frame(anchor: dt.date, starts: dt.date, minutes: tuple[int, ...]) -> tuple[dt.date, tuple[int, ...], int]:
    """First day of the first cycle, its hand-overs, and how many of these are before the first turn."""
    begin = (starts - anchor).days * _MINUTES
    return anchor, minutes, sum(1 for minute in minutes if minute < begin)


def _number(rota: Rota, at_ms: int) -> int:
    """The turn that holds an instant; below 0: before the first."""
    _, minutes, first = _frame(rota.anchor, rota.starts, rota.hand_overs)
    cycle = (local_date(ZoneInfo(rota.zone), at_ms) - rota.anchor).days // rota.cycle_days
    number = (cycle + 1) * len(minutes) - first
    while _begin(rota, number) > at_ms:
        number -= 1
    return number


# --- holidays


def _holiday(rota: Rota, day: dt.date) -> Interval:
    zone = ZoneInfo(rota.zone)
    return clock(zone, day, rota.day_minute), clock(zone, day + _DAY, rota.day_minute)


def _holiday_at(rota: Rota, at_ms: int) -> dt.date | None:
    """The holiday that holds an instant."""
    today = local_date(ZoneInfo(rota.zone), at_ms)
    for day in (today, today - _DAY):
        begin, end = _holiday(rota, day)
        if begin <= at_ms < end and day in rota.holidays:
            return day
    return None


# --- what is wrong


class Fault(enum.StrEnum):
    """What may be wrong with a rota in a stretch of time: a closed list."""

    GAP = "gap"
    IDLE_OVERRIDE = "idle_override"
    """It replaces somebody who is not on call at all in its time, or would be on call anyway."""
    ONE_SIDED = "one_sided"
    """Of a swap one gives a turn and gets none."""


class Finding(msgspec.Struct, frozen=True):
    """One fault; `index` is the place of the override or swap in its list."""

    fault: Fault
    from_ms: int
    to_ms: int
    index: int = 0


def findings(rota: Rota, from_ms: int, to_ms: int) -> list[Finding]:
    """What is wrong in `[from_ms, to_ms)`. Time outside of `only` is no gap."""
    out = [Finding(Fault.GAP, a, b) for a, b in gaps(msgspec.structs.replace(rota, only=Hours()), from_ms, to_ms)]
    for index, each in enumerate(rota.overrides):
        if each.to_ms > from_ms and each.from_ms < to_ms and not _acts(rota, each):
            out.append(Finding(Fault.IDLE_OVERRIDE, each.from_ms, each.to_ms, index))
    for index, swap in enumerate(rota.swaps):
        if swap.to_ms > from_ms and swap.from_ms < to_ms and _is_one_sided(rota, swap):
            out.append(Finding(Fault.ONE_SIDED, swap.from_ms, swap.to_ms, index))
    return out


def gaps(rota: Rota, from_ms: int, to_ms: int) -> list[Interval]:
    """When nobody is on call in `[from_ms, to_ms)`."""
    found = [turn for turn in turns(rota, from_ms, to_ms) if turn.why is Why.GAP]
    return [(max(turn.from_ms, from_ms), min(turn.to_ms, to_ms)) for turn in found]


def _acts(rota: Rota, override: Override) -> bool:
    found = turns(rota, override.from_ms, override.to_ms)
    return any(turn.why is Why.OVERRIDE and turn.person == override.person for turn in found)


def _is_one_sided(rota: Rota, swap: Swap) -> bool:
    plain = msgspec.structs.replace(rota, swaps=(), overrides=())
    people = {turn.person for turn in turns(plain, swap.from_ms, swap.to_ms)}
    return not {swap.first, swap.second} <= people


def clashes(rota: Rota) -> list[tuple[int, int]]:
    """Pairs of overrides, by their places in the list, that say two things of one moment."""
    found = rota.overrides
    return [
        (i, j)
        for j, late in enumerate(found)
        for i, early in enumerate(found[:j])
        if early.from_ms < late.to_ms
        and late.from_ms < early.to_ms
        and (early.instead_of == late.instead_of or not (early.instead_of and late.instead_of))
    ]
