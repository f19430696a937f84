"""Makes the plan by which is decided out of a checked on-call file and the inventory. It refuses nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, TypeVar

from collector.config_forms import day_minutes_of, day_of, hand_over_of, instant_ms, notify_of, wait_of
from collector.core.alert import AlertKind, Severity
from collector.core.alert_rules import KINDS, KindRule
from collector.core.calendar import WEEKDAYS, Calendar
from collector.core.calling import (
    DigestRule,
    Escalation,
    GroupPick,
    InhibitRule,
    Match,
    Notify,
    NotifyKind,
    Person,
    Plan,
    Quiet,
    Route,
    Step,
)
from collector.core.hours import Hours, weekly
from collector.core.paging import PagingRules
from collector.core.rota import Override, Rota, Swap
from collector.inventory import Inventory
from collector.oncall.files import (
    AlertEntry,
    AlertsEntry,
    DigestEntry,
    HoldingEntry,
    HoursEntry,
    InhibitEntry,
    MatchEntry,
    OnCallEntry,
    QuietEntry,
    RotaEntry,
    SeveritiesEntry,
)

_MS: Final = timedelta(milliseconds=1)
_DAY_MINUTES: Final = 24 * 60
ALL_EVENTS: Final = frozenset({"firing", "update", "reminder", "acknowledged", "resolved", "notice", "digest"})
T = TypeVar("T", bound=str)


def several(given: T | tuple[T, ...] | None) -> tuple[T, ...]:
    """One or a list, as a list."""
    return () if given is None else given if isinstance(given, tuple) else (given,)


def plan_of(entry: OnCallEntry, inventory: Inventory | None, zone: str) -> Plan:
    """The whole plan."""
    making = Making(inventory, zone)
    return Plan(
        zone=zone,
        language=entry.language,
        people={id_: Person(each.name or id_, each.receivers, each.language or "") for id_, each in entry.people.items()},
        rotas={name: making.rota(each) for name, each in entry.rotas.items()},
        escalations={
            name: Escalation(
                tuple([Step(ms(each.after), notify(each.notify)) for each in one.steps]), one.repeat, ms(one.repeat_after)
            )
            for name, one in entry.escalations.items()
        },
        routes=tuple(
            [
                Route(one.name, one.escalation, making.match(one.match), making.quiet(one.quiet) if one.quiet else None)
                for one in entry.routes
            ]
        ),
        kinds=kinds_of(entry.alerts),
        inhibit=tuple([_inhibit(one) for one in entry.inhibit]),
        rules=_rules(entry.holding),
        digests=tuple([_digest(one) for one in entry.digest]),
        emergency=entry.emergency,
        languages={name: one.language for name, one in entry.receivers.items() if one.language},
        events={name: frozenset(one.events) for name, one in entry.receivers.items() if set(one.events) != ALL_EVENTS},
    )


def ms(text: str) -> int:
    """A length as it is written, in milliseconds."""
    return wait_of(text) // _MS


def clock_of(text: str) -> int:
    """`06:30` as the minute of the day."""
    return hand_over_of(text)[1]


def notify(names: Iterable[str]) -> tuple[Notify, ...]:
    """What a step names."""
    return tuple([Notify(NotifyKind(kind), name) for kind, name in map(notify_of, names)])


class Making:
    """Values that need the inventory or the zone. Without an inventory groups have no members and calendars no hours."""

    def __init__(self, inventory: Inventory | None, zone: str) -> None:
        self._inventory = inventory
        self._zone = zone

    def hours(self, entry: HoursEntry) -> Hours:
        """When something holds."""
        within: list[Calendar] = []
        if entry.hours is not None or entry.days is not None:
            pairs = [day_minutes_of(text) for text in several(entry.hours)] or [(0, _DAY_MINUTES)]
            days = range(7) if entry.days is None else [WEEKDAYS.index(day) for day in entry.days]
            within.append(weekly(pairs, days, self._zone))
        within += self._calendar(entry.calendar)
        return Hours(tuple(within), tuple(self._calendar(entry.outside)))

    def _calendar(self, id_: str | None) -> list[Calendar]:
        if id_ is None:
            return []
        known = self._inventory.calendars if self._inventory is not None else {}
        return [known.get(id_, Calendar(self._zone))]

    def rota(self, entry: RotaEntry) -> Rota:
        """A rota."""
        return Rota(
            zone=self._zone,
            people=entry.people,
            hand_overs=hand_overs_of(entry),
            cycle_days=7 if entry.kind == "weekly" else 1,
            starts=day_of(entry.starts),
            only=self.hours(entry.only),
            holidays=self.holidays(several(entry.holidays.days)) if entry.holidays else (),
            holiday_people=entry.holidays.people if entry.holidays else (),
            overrides=tuple(
                [
                    Override(self.instant(one.from_), self.instant(one.to), one.person, one.instead_of or "")
                    for one in entry.overrides
                ]
            ),
            swaps=tuple(
                [Swap(self.instant(one.from_), self.instant(one.to), one.people[0], one.people[1]) for one in entry.swaps]
            ),
        )

    def holidays(self, names: Iterable[str]) -> tuple[date, ...]:
        """The days of dates and of lists of the inventory, in order."""
        known = self._inventory.holidays if self._inventory is not None else {}
        found: set[date] = set()
        for name in names:
            if name in known:
                found.update(known[name])
            elif is_date(name):
                found.add(day_of(name))
        return tuple(sorted(found))

    def instant(self, text: str) -> int:
        """A time, or the local midnight of a date."""
        return instant_ms(text, self._zone)

    def match(self, entry: MatchEntry) -> Match:
        """What a route takes."""
        return Match(
            severities=frozenset(map(Severity, several(entry.severity))),
            kinds=frozenset(map(AlertKind, several(entry.kind))),
            sites=frozenset(several(entry.site)),
            classes=frozenset(several(entry.class_)),
            groups=tuple([self.group(name) for name in several(entry.group)]),
            labels=_labels(entry.labels),
            hours=self.hours(entry),
        )

    def quiet(self, entry: QuietEntry) -> Quiet:
        """When a route is quiet."""
        until = clock_of(entry.until) if entry.until is not None else None
        return Quiet(frozenset(map(Severity, several(entry.severity))), self.hours(entry), until)

    def group(self, name: str) -> GroupPick:
        """Everybody in a group, in the groups inside it and at the sites inside it; also the groups themselves."""
        known = self._inventory.groups if self._inventory is not None else {}
        ids: set[str] = set()
        sites: set[str] = set()
        picks: set[tuple[str, str, tuple[tuple[str, str], ...]]] = set()
        waiting, seen = [name], {name}
        while waiting:
            one = waiting.pop()
            ids.add(f"group:{one}")
            for member in known[one].members if one in known else ():
                if not isinstance(member, str):
                    picks.add((member.site or "", member.class_ or "", tuple(sorted(member.labels.items()))))
                    continue
                prefix, _, rest = member.partition(":")
                ids.add(member)
                if prefix == "site":
                    sites.add(rest)
                elif prefix == "group" and rest not in seen:
                    seen.add(rest)
                    waiting.append(rest)
        return GroupPick(name, frozenset(ids), frozenset(sites), tuple(sorted(picks)))


def is_date(text: str) -> bool:
    """Whether a text is a date that there is."""
    try:
        day_of(text)
    except ValueError:
        return False
    return True


def hand_overs_of(entry: RotaEntry) -> tuple[int, ...]:
    """Hand-overs as minutes from the midnight of a cycle's first day."""
    found = [hand_over_of(text) for text in several(entry.hand_over)]
    return tuple(sorted((WEEKDAYS.index(day) if day else 0) * _DAY_MINUTES + minute for day, minute in found))


def kinds_of(entry: AlertsEntry) -> dict[AlertKind, KindRule]:
    """What the file says of kinds of alerts."""
    return {kind: _kind(kind, getattr(entry, kind.value)) for kind in AlertKind if getattr(entry, kind.value) != AlertEntry()}


def _kind(kind: AlertKind, entry: AlertEntry) -> KindRule:
    built_in, said = KINDS[kind], entry.severity
    severities = built_in.severities
    if isinstance(said, SeveritiesEntry):
        severities = Severity(said.critical), Severity(said.normal), Severity(said.low)
    elif said is not None:
        severities = (Severity(said),) * 3
    return KindRule(built_in.after_ms if entry.after is None else ms(entry.after), entry.pages, severities)


def _labels(said: dict[str, str | tuple[str, ...]]) -> dict[str, frozenset[str]]:
    return {label: frozenset(several(values)) for label, values in said.items()}


def _inhibit(entry: InhibitEntry) -> InhibitRule:
    return InhibitRule(entry.name, _labels(entry.source), _labels(entry.target), entry.equal)


def _rules(entry: HoldingEntry) -> PagingRules:
    return PagingRules(
        look_timeout_ms=ms(entry.look_timeout),
        hold_limit_ms=ms(entry.hold_limit),
        recheck_limit_ms=ms(entry.recheck_limit),
        merge_gap_ms=ms(entry.merge_gap),
        group_window_ms=ms(entry.group_window),
    )


def _digest(entry: DigestEntry) -> DigestRule:
    days = tuple(range(7)) if entry.days is None else tuple(sorted(WEEKDAYS.index(day) for day in entry.days))
    return DigestRule(tuple(sorted(map(clock_of, several(entry.at)))), notify(entry.notify), days)


__all__ = ["ALL_EVENTS", "Making", "clock_of", "hand_overs_of", "is_date", "ms", "notify", "plan_of", "several"]
