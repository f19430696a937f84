"""Rules of people and rotas, and what the calendar will bring: gaps, idle overrides, swaps from which one has nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from collector.config import Document, Path_, Problem, shown
from collector.config_forms import day_of, hand_over_of
from collector.core.calendar import WEEKDAYS
from collector.core.calling import Escalation, NotifyKind, Plan
from collector.core.intervals import Interval, cut
from collector.core.rota import Fault, Rota, clashes, findings, gaps
from collector.oncall.checking import Checking
from collector.oncall.files import OverrideEntry, RotaEntry, SwapEntry
from collector.oncall.reading import Making, hand_overs_of, is_date, several

AHEAD_MS: Final = 400 * 86_400_000
"""How far rotas are looked at."""
_DAY_MINUTES: Final = 24 * 60
_APART: Final = 120
_LONGEST_MS: Final = 400 * 86_400_000


def check_people(checking: Checking) -> None:
    """People can be reached."""
    for name, person in checking.entry.people.items():
        path = ("people", name, "receivers")
        if not person.receivers:
            checking.problem(path, "an empty list", "at least one receiver")
        checking.names(path, "receiver", person.receivers)


def check_rotas(checking: Checking) -> None:
    """Everything that is wrong with rotas whatever the date."""
    for name, rota in checking.entry.rotas.items():
        path = ("rotas", name)
        if not rota.people:
            checking.problem((*path, "people"), "an empty list", "at least one person")
        for index, person in enumerate(rota.people):
            checking.name((*path, "people", index), "person", person)
        checking.hours((*path, "only"), rota.only)
        is_sound = _check_hand_overs(checking, path, rota)
        _check_holidays(checking, path, rota)
        _check_changes(checking, path, rota)
        if is_sound and not checking.document.problems:
            _check_clashes(checking, path, Making(checking.inventory, checking.zone).rota(rota), rota)


def _check_hand_overs(checking: Checking, path: Path_, rota: RotaEntry) -> bool:
    """Hand-overs suit the kind, are apart, and the first turn begins at one of them."""
    texts = several(rota.hand_over)
    below = (*path, "hand_over")
    if not texts:
        checking.problem(below, "an empty list", "at least one hand-over")
        return False
    is_sound = True
    for index, text in enumerate(texts):
        if bool(hand_over_of(text)[0]) is not (rota.kind == "weekly"):
            wanted = "a day and a time as mon 08:00" if rota.kind == "weekly" else "a time as 08:00"
            checking.problem((*below, index) if isinstance(rota.hand_over, tuple) else below, shown(text), wanted)
            is_sound = False
    if not is_sound:
        return False
    minutes = hand_overs_of(rota)
    length = (7 if rota.kind == "weekly" else 1) * _DAY_MINUTES
    if len(minutes) > 1 and any(b - a < _APART for a, b in pairwise([*minutes, minutes[0] + length])):
        checking.problem(below, "hand-overs less than two hours apart", "two hours or more between hand-overs")
        is_sound = False
    weekday = day_of(rota.starts).weekday()
    days = sorted({minute // _DAY_MINUTES for minute in minutes})
    if rota.kind == "weekly" and weekday not in days:
        expected = f"a day of a hand-over ({', '.join(WEEKDAYS[day] for day in days)})"
        checking.problem((*path, "starts"), f"a start on {rota.starts} ({WEEKDAYS[weekday]})", expected)
        is_sound = False
    return is_sound


def _check_holidays(checking: Checking, path: Path_, rota: RotaEntry) -> None:
    if rota.holidays is None:
        return
    below = (*path, "holidays")
    if not rota.holidays.people:
        checking.problem((*below, "people"), "an empty list", "at least one person")
    for index, person in enumerate(rota.holidays.people):
        checking.name((*below, "people", index), "person", person)
    days = rota.holidays.days
    known = checking.inventory.holidays if checking.inventory is not None else None
    for index, day in enumerate(several(days)):
        if not is_date(day) and known is not None and day not in known:
            place = (*below, "days", index) if isinstance(days, tuple) else (*below, "days")
            checking.problem(place, shown(day), "a date as 2026-09-02, or the id of a list under `holidays`")


def _check_changes(checking: Checking, path: Path_, rota: RotaEntry) -> None:
    making = Making(checking.inventory, checking.zone)
    for index, each in enumerate(rota.overrides):
        below = (*path, "overrides", index)
        _check_times(checking, below, each, making)
        checking.name((*below, "person"), "person", each.person)
        if each.instead_of is not None:
            checking.name((*below, "instead_of"), "person", each.instead_of)
            if each.instead_of == each.person:
                checking.problem((*below, "instead_of"), shown(each.instead_of), "another person than the one who steps in")
    for index, swap in enumerate(rota.swaps):
        below = (*path, "swaps", index)
        _check_times(checking, below, swap, making)
        for place, person in enumerate(swap.people):
            checking.name((*below, "people", place), "person", person)
        if len(set(swap.people)) != 2 or len(swap.people) != 2:
            checking.problem((*below, "people"), f"a swap among {len(set(swap.people))}", "two people")


def _check_times(checking: Checking, path: Path_, entry: OverrideEntry | SwapEntry, making: Making) -> None:
    begin, end = making.instant(entry.from_), making.instant(entry.to)
    if end <= begin:
        checking.problem((*path, "to"), shown(entry.to), "a moment after `from`")
    elif end - begin > _LONGEST_MS:
        checking.problem((*path, "to"), shown(entry.to), "at most 400 days after `from`")


def _check_clashes(checking: Checking, path: Path_, rota: Rota, entry: RotaEntry) -> None:
    lines = checking.document.lines
    for early, late in clashes(rota):
        first = lines.get((*path, "overrides", early), 0)
        checking.problem((*path, "overrides", late), "two overrides at once", f"one at a time (see line {first})")
    for late_, swap in enumerate(entry.swaps):
        for early_, before in enumerate(entry.swaps[:late_]):
            a, b = rota.swaps[early_], rota.swaps[late_]
            if a.from_ms < b.to_ms and b.from_ms < a.to_ms and set(swap.people) & set(before.people):
                first = lines.get((*path, "swaps", early_), 0)
                checking.problem((*path, "swaps", late_), "two swaps at once", f"one at a time (see line {first})")


# --- what the calendar brings


def coming(document: Document, plan: Plan, now_ms: int) -> list[Problem]:
    """What is wrong within the next 400 days: never a reason to refuse a file that was good yesterday."""
    out: list[Problem] = []
    zone = ZoneInfo(plan.zone)
    until_ms = now_ms + AHEAD_MS
    for name, rota in plan.rotas.items():
        out += _of_rota(document, name, rota, (now_ms, until_ms))
    for name, escalation in plan.escalations.items():
        out += _of_escalation(document, name, (escalation, plan), (now_ms, until_ms), zone)
    return out


def _of_rota(document: Document, name: str, rota: Rota, ahead: Interval) -> Iterable[Problem]:
    zone = ZoneInfo(rota.zone)
    for found in findings(rota, *ahead):
        begin, end = _told(zone, found.from_ms), _told(zone, found.to_ms)
        if found.fault is Fault.GAP:
            yield document.remark(
                ("rotas", name, "starts"), f"nobody from {begin} until {end}", "somebody on call at every hour"
            )
        elif found.fault is Fault.IDLE_OVERRIDE:
            path = ("rotas", name, "overrides", found.index)
            yield document.remark(path, f"nobody to replace from {begin} until {end}", "a person who is on call then")
        else:
            path = ("rotas", name, "swaps", found.index)
            yield document.remark(path, f"turns of one alone from {begin} until {end}", "a turn of both people in that time")


def _of_escalation(
    document: Document, name: str, asked: tuple[Escalation, Plan], ahead: Interval, zone: ZoneInfo
) -> Iterable[Problem]:
    """Steps that reach people by rotas alone, and at some time nobody."""
    escalation, plan = asked
    for index, step in enumerate(escalation.steps):
        if any(each.kind is not NotifyKind.ROTA for each in step.notify):
            continue
        empty = [ahead]
        for each in step.notify:
            empty = cut(empty, gaps(plan.rotas[each.name], *ahead))
        if empty:
            begin, end = _told(zone, empty[0][0]), _told(zone, empty[0][1])
            expected = "somebody who is reached at every hour, or the emergency receivers are"
            yield document.remark(("escalations", name, "steps", index), f"nobody from {begin} until {end}", expected)


def _told(zone: ZoneInfo, at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d %H:%M")
