"""Rules of planned maintenance that hold without a database: a scope that picks something, times in order, no overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from collector.config import Path_, shown
from collector.core.acts import ActProblem, ActRefusedError, require_interval
from collector.core.intervals import Interval, cut, union
from collector.core.repeats import Repeat, check_repeat
from collector.core.window_acts import MAX_SELECTORS, normal
from collector.core.windows import Once
from collector.inventory.joined import PREFIXES, Joined, Place
from collector.inventory.maintenance import MaintenanceEntry, RepeatEntry, ScopeEntry, plan_of, repeat_of, when_of

_A_SUBJECT: Final = "the id of a target, or group:ID, site:ID or agent:ID of one that exists"
_YEAR_MS: Final = 366 * 86_400_000
_Seen = dict[bytes, list[tuple[str, list[Interval]]]]
"""Entries and their times, by scope."""


def check_maintenance(joined: Joined) -> None:
    """Everything that is wrong with planned maintenance, and what is worth saying of it."""
    seen: _Seen = {}
    for id_, entry in joined.maintenance.items():
        place = joined.places["maintenance", id_]
        _check_scope(joined, place, entry)
        times = _times(joined, place, entry)
        if times:
            _check_beside(joined, place, entry, times, seen)


# -- scope


def _check_scope(joined: Joined, place: Place, entry: MaintenanceEntry) -> None:
    if not entry.scope:
        place.problem(("scope",), "an empty list", _A_SUBJECT)
    if len(entry.scope) > MAX_SELECTORS and sum(isinstance(each, ScopeEntry) for each in entry.scope) >= MAX_SELECTORS:
        place.problem(("scope",), f"{len(entry.scope)} selectors", f"at most {MAX_SELECTORS}")
    for index, each in enumerate(entry.scope):
        if isinstance(each, str):
            _check_id(joined, place, ("scope", index), each)
        else:
            _check_selector(joined, place, ("scope", index), each)


def _check_id(joined: Joined, place: Place, below: Path_, id_: str) -> None:
    prefix, _, name = id_.partition(":")
    if not id_.startswith(PREFIXES):
        joined.check_target(place, below, id_)
        return
    # A site has parts with ids of their own: `site:ID:devices`.
    known = {"agent": joined.agents, "group": joined.groups, "site": joined.sites}[prefix]
    if known is not None and (name.partition(":")[0] if prefix == "site" else name) not in known:
        place.problem(below, shown(id_), _A_SUBJECT)


def _check_selector(joined: Joined, place: Place, below: Path_, picker: ScopeEntry) -> None:
    for index, id_ in enumerate(picker.subjects):
        _check_id(joined, place, (*below, "subjects", index), id_)
    if picker == ScopeEntry():
        place.problem(below, "a selector that says nothing", "at least one of subjects, site, class and labels")
    elif picker.site is not None and picker.site not in joined.sites:
        place.problem((*below, "site"), shown(picker.site), "the id of a site in this inventory")
    elif joined.targets.keys() >= set(picker.subjects) and not _picks_any(joined, picker):
        expected = "a selector that picks a written target; hosts of agents may follow"
        joined.warnings.append(place.remark(below, "no target", expected))


def _picks_any(joined: Joined, picker: ScopeEntry) -> bool:
    return any(_picks(picker, id_, each.site, each.class_, each.labels) for id_, each in joined.targets.items())


def _picks(picker: ScopeEntry, id_: str, site: str, class_: str, labels: dict[str, str]) -> bool:
    return (
        (not picker.subjects or id_ in picker.subjects)
        and picker.site in (None, site)
        and picker.class_ in (None, class_)
        and picker.labels.items() <= labels.items()
    )


# -- times


def _times(joined: Joined, place: Place, entry: MaintenanceEntry) -> list[Interval]:
    """Every time that an entry asks for; none where something is wrong with them, which is said."""
    wrong = list(_form_troubles(entry))
    for below, found, expected in wrong:
        place.problem(below, found, expected)
    if wrong:
        return []
    zone = joined.settings.time_zone
    if entry.repeat is not None:
        return _repeated(place, entry.repeat, zone)
    when = when_of(entry, zone)
    assert isinstance(when, Once), "an entry without `repeat` is once"
    below = ("to",) if entry.to is not None else ("for",)
    try:
        require_interval(when.from_ms, when.to_ms, _YEAR_MS)
    except ActRefusedError as error:
        found = shown(entry.to if entry.to is not None else entry.for_)
        if error.problem is ActProblem.TOO_LONG:
            place.problem(below, found, "at most 366 days")
        elif error.problem is ActProblem.OUT_OF_RANGE:
            place.problem(below, found, "times in the years 1970 to 2099")
        else:
            place.problem(below, found, "a moment after `from`")
        return []
    return [(when.from_ms, when.to_ms)]


def _form_troubles(entry: MaintenanceEntry) -> Iterator[tuple[Path_, str, str]]:
    once = [key for key, value in (("from", entry.from_), ("to", entry.to), ("for", entry.for_)) if value is not None]
    if entry.repeat is not None:
        if once:
            yield (once[0],), "times beside `repeat`", "`from` with `to` or `for`, or `repeat`"
        if (entry.repeat.weekly is None) == (entry.repeat.monthly is None):
            found = "nothing" if entry.repeat.weekly is None else "both"
            yield ("repeat",), found, "either weekly or monthly"
        elif entry.repeat.weekly == ():
            yield ("repeat", "weekly"), "an empty list", "days of the week, or daily"
    elif entry.from_ is None:
        yield ("from",), "nothing", "`from` with `to` or `for`, or `repeat`"
    elif (entry.to is None) == (entry.for_ is None):
        yield ("to",), "nothing" if entry.to is None else "both", "either to or for"


def _repeated(place: Place, entry: RepeatEntry, zone: str) -> list[Interval]:
    repeat = repeat_of(entry, zone)
    try:
        return check_repeat(repeat)
    except ActRefusedError as error:
        below, found, expected = _why_not(entry, repeat, error)
    place.problem(("repeat", below), found, expected)
    return []


def _why_not(entry: RepeatEntry, repeat: Repeat, error: ActRefusedError) -> tuple[str, str, str]:
    """Where, what was found and what was expected, of a series that makes no sense."""
    if error.problem is ActProblem.TOO_LONG:
        return "for", shown(entry.for_), "at most 31 days"
    if error.problem is ActProblem.OVERLAPS_ITSELF:
        return "for", shown(entry.for_), "a length after which the next time has not begun"
    if repeat.last < repeat.first:
        return "last", shown(entry.last), "a day not before `first`"
    if error.value == "last":
        return "last", shown(entry.last), "a day at most 5 years after `first`"
    if repeat.first.year < 1970 or repeat.last.year > 2098:
        return "first", shown(entry.first), "days of the years 1970 to 2098"
    return "last", shown(entry.last), "a day by which it has been at least once"


def _check_beside(joined: Joined, place: Place, entry: MaintenanceEntry, times: list[Interval], seen: _Seen) -> None:
    """Two windows of one scope have no time in common: the second one is refused where it is asked for."""
    scope = normal(plan_of(entry, joined.settings.time_zone)).scope
    others = seen.setdefault(msgspec.json.encode(scope, order="deterministic"), [])
    for other, taken in others:
        if cut(union(times), union(taken)):
            found = f"the same scope and some of the same time as {other}"
            joined.warnings.append(place.remark((), found, "times of its own, or the window is refused"))
            break
    others.append((entry.id, times))
