"""Rules of escalations, routes, inhibition, digests and silences, and what nobody uses."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from collector.config import Path_, Problem, shown
from collector.core.alert import AlertKind, Severity
from collector.core.calling import Match
from collector.core.hours import spans
from collector.oncall.check_receivers import check_receivers
from collector.oncall.check_rota import AHEAD_MS, check_people, check_rotas
from collector.oncall.checking import Checking
from collector.oncall.files import HoursEntry, MatchEntry, RouteEntry
from collector.oncall.reading import Making, ms, several

_A_YEAR_MS: Final = 1_767_200_400_000
"""Some January: hours that never come in the 400 days after it never come."""
_VALUES: Final = {"severity": frozenset(Severity), "kind": frozenset(AlertKind)}
_MINUTE_MS: Final = 60_000
_RECEIVER: Final = "receiver:"
_LONGEST: Final = {"hold_limit": 30, "recheck_limit": 30, "merge_gap": 1440, "group_window": 10, "look_timeout": 1}
"""Minutes that the pager may wait at the most: a slip of the pen must not keep pages for days."""
_UNUSED: Final = {
    "receivers": "a receiver that something names",
    "people": "a person whom a rota or a step names",
    "rotas": "a rota that a step names",
    "escalations": "an escalation that a route names",
}


def check_file(checking: Checking) -> list[Problem]:
    """Everything that is wrong goes into the document; what is worth saying is returned."""
    check_receivers(checking)
    check_people(checking)
    _check_escalations(checking)
    check_rotas(checking)
    _check_routes(checking)
    _check_inhibit(checking)
    _check_rest(checking)
    _check_use(checking)
    _check_called(checking)
    return checking.warnings


def _check_escalations(checking: Checking) -> None:
    for name, entry in checking.entry.escalations.items():
        path = ("escalations", name)
        if not entry.steps:
            checking.problem((*path, "steps"), "an empty list", "at least one step")
        for index, step in enumerate(entry.steps):
            checking.notify((*path, "steps", index, "notify"), step.notify)
        for index, (before, step) in enumerate(pairwise(entry.steps), 1):
            if ms(step.after) <= ms(before.after):
                found = f"a step after {step.after} behind one after {before.after}"
                checking.problem(
                    (*path, "steps", index, "after"), found, "a step that can be reached: later than those before it"
                )


# --- routes


def _check_routes(checking: Checking) -> None:
    routes = checking.entry.routes
    making = Making(checking.inventory, checking.zone)
    lines: dict[str, int] = {}
    for index, route in enumerate(routes):
        path = ("routes", index)
        if route.name in lines:
            checking.problem((*path, "name"), shown(route.name), f"a name used once (first on line {lines[route.name]})")
        lines.setdefault(route.name, checking.document.lines.get((*path, "name"), 0))
        checking.name((*path, "escalation"), "escalation", route.escalation)
        _check_match(checking, (*path, "match"), route.match)
        _check_comes(checking, (*path, "match"), route.match, making)
        _check_quiet(checking, (*path, "quiet"), route, making)
    _check_order(checking, [making.match(route.match) for route in routes])
    if routes and not any(making.match(route.match).is_all for route in routes):
        path = ("routes", len(routes) - 1)
        checking.remark(
            path, "no route that takes everything", "a last route without `match`: what no route takes, nobody is told"
        )


def _check_match(checking: Checking, path: Path_, match: MatchEntry) -> None:
    inventory = checking.inventory
    checking.hours(path, match)
    for key, what in (("site", "site"), ("group", "group")):
        given = getattr(match, key)
        known = getattr(inventory, f"{what}s", {})
        if what == "site" and not known:
            continue  # without written sites those of enrolled agents are all there is
        for index, name in enumerate(several(given)):
            checking.of_inventory((*path, key, index) if isinstance(given, tuple) else (*path, key), what, name, known)
    classes = {entry.class_ for entry in inventory.entries.values()} if inventory is not None else set()
    for name in several(match.class_):
        if classes and name not in classes:
            checking.remark(
                (*path, "class"), shown(name), "the class of a target in this inventory; hosts of agents may follow"
            )


def _check_comes(checking: Checking, path: Path_, entry: HoursEntry, making: Making) -> None:
    """Hours come at some time; those of a calendar that is not known are not judged."""
    hours = making.hours(entry)
    known = checking.inventory.calendars if checking.inventory is not None else {}
    is_known = all(name in known for name in (entry.calendar, entry.outside) if name is not None)
    if is_known and not hours.is_always and not spans(hours, _A_YEAR_MS, _A_YEAR_MS + AHEAD_MS):
        checking.problem(path, "hours that never come", "hours that come")


def _check_quiet(checking: Checking, path: Path_, route: RouteEntry, making: Making) -> None:
    quiet = route.quiet
    if quiet is None:
        return
    checking.hours(path, quiet)
    if making.hours(quiet).is_always:
        checking.problem(path, "quiet at every hour", "at least one of hours, days, calendar and outside")
    _check_comes(checking, path, quiet, making)
    if "critical" in several(quiet.severity):
        checking.remark(
            (*path, "severity"), shown("critical"), "warning and info: nobody is woken by what is critical in these hours"
        )
    if not several(quiet.severity):
        checking.problem((*path, "severity"), "an empty list", "one of: critical, warning, info")
    if not checking.entry.digest:
        checking.remark(path, "quiet hours without a digest", "a digest: what is over by then is told to nobody")


def _check_order(checking: Checking, matches: list[Match]) -> None:
    """No route stands behind one that takes all it takes."""
    routes = checking.entry.routes
    for late, match in enumerate(matches):
        said = routes[late].match
        if checking.inventory is None and (said.calendar or said.outside):
            continue  # calendars that are not at hand are not compared
        first = next((early for early in range(late) if _covers(matches[early], match)), None)
        if first is not None:
            found = f"what the route {routes[first].name} takes before it"
            checking.problem(("routes", late), found, "a route that can be reached")


def _covers(early: Match, late: Match) -> bool:
    """Whether everything that a route takes is taken by an earlier one, as far as their words tell."""
    sets = ("severities", "kinds", "sites", "classes", "groups")
    if any(getattr(early, key) and not _within(getattr(late, key), getattr(early, key)) for key in sets):
        return False
    labels = all(label in late.labels and late.labels[label] <= values for label, values in early.labels.items())
    return labels and (early.hours.is_always or early.hours == late.hours)


def _within(late: frozenset[object] | tuple[object, ...], early: frozenset[object] | tuple[object, ...]) -> bool:
    return bool(late) and all(each in early for each in late)


# --- the rest


def _check_inhibit(checking: Checking) -> None:
    lines: dict[str, int] = {}
    for index, rule in enumerate(checking.entry.inhibit):
        path = ("inhibit", index)
        if rule.name in lines:
            checking.problem((*path, "name"), shown(rule.name), f"a name used once (first on line {lines[rule.name]})")
        lines.setdefault(rule.name, checking.document.lines.get((*path, "name"), 0))
        for key in ("source", "target"):
            _check_labels(checking, (*path, key), getattr(rule, key))
        if not rule.equal:
            checking.remark(path, "no `equal` labels", "a label such as site: one alert mutes those of the whole province")


def _check_labels(checking: Checking, path: Path_, said: dict[str, str | tuple[str, ...]]) -> None:
    if not said:
        checking.problem(path, "nothing", "at least one label")
    for label, values in said.items():
        wrong = [value for value in several(values) if label in _VALUES and value not in _VALUES[label]]
        if wrong:
            checking.problem((*path, label), shown(wrong[0]), f"one of: {', '.join(sorted(_VALUES[label]))}")


def _check_rest(checking: Checking) -> None:
    entry = checking.entry
    for key, minutes in _LONGEST.items():
        said = getattr(entry.holding, key)
        if ms(said) > minutes * _MINUTE_MS:
            checking.problem(("holding", key), shown(said), f"at most {minutes}m: pages wait for it")
    checking.names(("silences", "notify"), "receiver", entry.silences.notify)
    checking.names(("emergency",), "receiver", entry.emergency)
    for index, digest in enumerate(entry.digest):
        checking.notify(("digest", index, "notify"), digest.notify)
        for key in ("at", "days"):
            if getattr(digest, key) == ():
                checking.problem(("digest", index, key), "an empty list", "hours that come")
    if entry.routes and not entry.emergency:
        checking.remark((), "no `emergency` receivers", "receivers of what the collector cannot write down")
    if not entry.routes:
        checking.remark((), "no routes", "at least one route: nobody is told of anything")


def _check_use(checking: Checking) -> None:
    """What nobody names was forgotten somewhere."""
    for section, expected in _UNUSED.items():
        for name in getattr(checking.entry, section):
            if (section, name) not in checking.used:
                checking.remark((section, name), "nothing that names it", expected)


def _check_called(checking: Checking) -> None:
    """Whom a step calls must want the call: else the step passes, and nobody hears of it."""
    entry = checking.entry
    called = {name for one in entry.people.values() for name in one.receivers}
    for escalation in entry.escalations.values():
        for step in escalation.steps:
            called |= {name.removeprefix(_RECEIVER) for name in step.notify if name.startswith(_RECEIVER)}
    for name, receiver in entry.receivers.items():
        if name in called and receiver.events and not {"firing", "resolved"} & set(receiver.events):
            path = ("receivers", name, "events")
            checking.remark(path, "no firing, though a person or a step names it", "firing: without it nobody is told this way")


__all__ = ["Checking", "check_file"]
