"""Rules of an inventory that need more than one value: names that resolve, times in order, parents without cycles (R7.1)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from collector.config import shown
from collector.config_forms import day_of, instant_ms, minutes_of
from collector.core.calendar import WEEKDAYS
from collector.core.graph import cycle_text, walk
from collector.core.subject import Sign
from collector.inventory.chosen import Chosen, Origin
from collector.inventory.files import COLLECTOR, ClassDefaults, InService, Promise, TargetEntry, Week
from collector.inventory.joined import A_TARGET, PREFIXES, Joined, Place

_YEAR: Final = re.compile(r"(19|20)[0-9]{2}\Z")


def check_targets(joined: Joined) -> None:
    """Everything that is wrong with targets, and what is worth saying of them."""
    zone = joined.settings.time_zone
    for id_, entry in joined.targets.items():
        place = joined.places["targets", id_]
        if id_.startswith(PREFIXES):
            place.problem(("id",), shown(id_), "an id that does not begin with site:, group: or agent:")
        if entry.site not in joined.sites:
            place.problem(("site",), shown(entry.site), "the id of a site in this inventory")
        _check_via(joined, place, entry)
        check_promise(joined, place, entry)
        _check_judging(place, joined.chosen(entry))
        _check_parents(joined, place, entry)
        check_in_service(place, entry.in_service, zone)
    _check_cycles(joined)
    _warn_of_push_only(joined)


def _check_via(joined: Joined, place: Place, entry: TargetEntry) -> None:
    agents = joined.agents
    if agents is None:
        return
    if entry.via != COLLECTOR and entry.via not in agents:
        place.problem(("via",), shown(entry.via), "`collector` or an agent made with `agent add`")
    if entry.id in agents and entry.via != entry.id:
        place.problem(("via",), shown(entry.via), f'"{entry.id}": this id is an agent, which reports its own host')


def check_promise(joined: Joined, place: Place, promise: Promise) -> None:
    """The calendar that is named exists."""
    if promise.calendar is not None and promise.calendar not in joined.calendars:
        place.problem(("calendar",), shown(promise.calendar), "the id of a calendar in this inventory")


def _check_judging(place: Place, chosen: Chosen) -> None:
    if chosen.sign is not Sign.PROBE and chosen.entry.via == COLLECTOR:
        place.problem(("judged_by",), shown(chosen.sign.value), "probe: an agent pushes, the collector polls")
    if not chosen.is_ttl_long_enough:
        place.problem(("ttl_s",), shown(chosen.ttl_s), f"at least 1.5 times the interval of {chosen.interval_s} s (R5.1)")


def _check_parents(joined: Joined, place: Place, entry: TargetEntry) -> None:
    for index, group in enumerate(entry.parents):
        if group == ():
            place.problem(("parents", index), "an empty list", A_TARGET)
        for inner, id_ in enumerate((group,) if isinstance(group, str) else group):
            below = ("parents", index) if isinstance(group, str) else ("parents", index, inner)
            joined.check_target(place, below, id_)


def parents_of(entry: TargetEntry) -> tuple[tuple[str, ...], ...]:
    """Parents as AND of OR-groups (R7.1)."""
    return tuple([(group,) if isinstance(group, str) else group for group in entry.parents])


def _check_cycles(joined: Joined) -> None:
    edges = {id_: [id_ for group in parents_of(entry) for id_ in group] for id_, entry in joined.targets.items()}
    for cycle in walk(edges).cycles:
        place = joined.places["targets", cycle[0]]
        place.problem(("parents",), f"a cycle {cycle_text(cycle)}", "parents that do not lead back (R7.1)")


def check_in_service(place: Place, intervals: tuple[InService, ...], zone: str) -> None:
    """In-service intervals are not inverted and do not overlap (R12.3)."""
    spans: list[tuple[int, float, int]] = []
    for index, each in enumerate(intervals):
        start = instant_ms(each.from_, zone)
        end = float("inf") if each.to is None else instant_ms(each.to, zone)
        if end <= start:
            place.problem(("in_service", index, "to"), shown(each.to), "a moment after `from`")
        else:
            spans.append((start, end, index))
    spans.sort()
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            below = ("in_service", after[2], "from")
            place.problem(below, shown(intervals[after[2]].from_), f"a moment after in_service[{before[2]}] has ended")


def _warn_of_push_only(joined: Joined) -> None:
    """A server under an objective has an active probe besides its agent, on itself or on a service of it (R6.1)."""
    probed = {
        parent
        for entry in joined.targets.values()
        if joined.chosen(entry).sign is not Sign.PUSH
        for group in parents_of(entry)
        for parent in group
    }
    for id_, entry in joined.targets.items():
        chosen = joined.chosen(entry)
        if chosen.sign is Sign.PUSH and chosen.has_objective and id_ not in probed:
            place = joined.places["targets", id_]
            expected = "a probe besides the agent, of it or of a service on it, as it has an objective (R6.1)"
            joined.warnings.append(place.remark((), "reports of its agent only", expected))


def check_defaults(joined: Joined) -> None:
    """Defaults name sites and calendars that exist, and hold together themselves."""
    for place, origin, entry in joined.defaults():
        if origin is Origin.SITE and place.path[-1] not in joined.sites:
            place.problem((), shown(place.path[-1]), "the id of a site in this inventory")
        check_promise(joined, place, entry)
        if _is_ttl_too_short(entry):
            expected = f"at least 1.5 times the interval of {entry.interval_s} s (R5.1)"
            place.problem(("ttl_s",), shown(entry.ttl_s), expected)


def _is_ttl_too_short(entry: ClassDefaults) -> bool:
    return entry.ttl_s is not None and entry.interval_s is not None and 2 * entry.ttl_s < 3 * entry.interval_s


def check_calendars(joined: Joined) -> None:
    """Hours of a day are in order, and lists of holidays exist (R12.4)."""
    for id_, calendar in joined.calendars.items():
        place = joined.places["calendars", id_]
        if not any(calendar.special_days.values()) and calendar.hours == Week():
            place.problem(("hours",), "no hours", "hours of some day, or special_days")
        for day in WEEKDAYS:
            _check_hours(place, ("hours", day), getattr(calendar.hours, day))
        for date, hours in calendar.special_days.items():
            _check_hours(place, ("special_days", date), hours)
        single = isinstance(calendar.holidays, str)
        for index, name in enumerate((calendar.holidays,) if isinstance(calendar.holidays, str) else calendar.holidays):
            if name not in joined.holidays and not is_day(name):
                below = ("holidays",) if single else ("holidays", index)
                place.problem(below, shown(name), "the id of a list under `holidays`, or a date as 2026-10-31")


def check_holidays(joined: Joined) -> None:
    """Each day once; and a list that is named after a year with days of another one is doubtful."""
    for id_, entry in joined.holidays.items():
        place = joined.places["holidays", id_]
        year = _YEAR.search(id_)
        for index, day in enumerate(entry.days):
            if day in entry.days[:index]:
                place.problem(("days", index), shown(day), "each day once")
            elif year is not None and not day.startswith(year[0]):
                joined.warnings.append(place.remark(("days", index), shown(day), f"a day of {year[0]}"))


def is_day(text: str) -> bool:
    """Whether a text is a date rather than the id of a list."""
    try:
        day_of(text)
    except ValueError:
        return False
    return True


def _check_hours(place: Place, below: tuple[str, str], hours: tuple[str, ...]) -> None:
    spans = sorted((*minutes_of(text), index) for index, text in enumerate(hours))
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            place.problem((*below, after[2]), shown(hours[after[2]]), "hours that do not overlap others of the day")
