"""What the on-call file says, as values: people, steps, routes, what mutes what, digests. Pure; `core.routing` uses them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from collector.core.alert import AlertKind, Severity
from collector.core.alert_rules import KindRule
from collector.core.hours import Hours
from collector.core.paging import PagingRules
from collector.core.rota import Rota

_MINUTE_MS: Final = 60_000


class NotifyKind(enum.StrEnum):
    """What a step names."""

    ROTA = "rota"
    """Whoever is on call in it when the step is carried out."""
    PERSON = "person"
    RECEIVER = "receiver"


class Notify(msgspec.Struct, frozen=True):
    """Whom a step or a digest goes to."""

    kind: NotifyKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}"


class Step(msgspec.Struct, frozen=True):
    """A step of an escalation, `after_ms` from its beginning, if nobody has acknowledged by then."""

    after_ms: int
    notify: tuple[Notify, ...]


class Escalation(msgspec.Struct, frozen=True):
    """Steps, gone through once and `repeat` times more, each time `repeat_after_ms` after the last step."""

    steps: tuple[Step, ...]
    repeat: int = 0
    repeat_after_ms: int = 30 * _MINUTE_MS


class GroupPick(msgspec.Struct, frozen=True):
    """Who belongs to a group of the inventory, as far as labels tell it."""

    name: str = ""
    ids: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    """Sites that are members: with all that is in them."""
    picks: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()
    """Site, class and labels of members that are picked; what is empty is not asked."""

    def has(self, labels: Mapping[str, str]) -> bool:
        """Whether the subject of an alert with these labels belongs to it."""
        subject = labels.get("instance", "")
        if subject in self.ids or subject.removeprefix("agent:") in self.ids or site_of(labels) in self.sites:
            return True
        return any(
            site in ("", labels.get("site")) and class_ in ("", labels.get("class")) and set(own) <= labels.items()
            for site, class_, own in self.picks
        )


class Miss(enum.StrEnum):
    """Why a route does not match: a closed list."""

    SEVERITY = "severity"
    KIND = "kind"
    SITE = "site"
    CLASS = "class"
    GROUP = "group"
    LABELS = "labels"
    HOURS = "hours"


class Match(msgspec.Struct, frozen=True):
    """What a route takes: everything that is said must hold, of a list one is enough; what is empty is not asked."""

    severities: frozenset[Severity] = frozenset()
    kinds: frozenset[AlertKind] = frozenset()
    sites: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    groups: tuple[GroupPick, ...] = ()
    labels: dict[str, frozenset[str]] = {}
    hours: Hours = Hours()

    @property
    def is_all(self) -> bool:
        """Whether it takes everything."""
        return self == Match()

    def miss(self, labels: Mapping[str, str], severity: Severity) -> Miss | None:
        """The first thing that is not as it says, hours left out; None: it matches."""
        asked = (
            (Miss.SEVERITY, not self.severities or severity in self.severities),
            (Miss.KIND, not self.kinds or labels.get("kind", "") in self.kinds),
            (Miss.SITE, not self.sites or site_of(labels) in self.sites),
            (Miss.CLASS, not self.classes or labels.get("class", "") in self.classes),
            (Miss.GROUP, not self.groups or any(group.has(labels) for group in self.groups)),
            (Miss.LABELS, holds(self.labels, labels)),
        )
        return next((what for what, is_so in asked if not is_so), None)


class Quiet(msgspec.Struct, frozen=True):
    """When a route keeps some severities for the digest. `until`: minute of the day to which its hours are prolonged."""

    severities: frozenset[Severity]
    hours: Hours
    until: int | None = None


class Route(msgspec.Struct, frozen=True):
    """One route."""

    name: str
    escalation: str
    match: Match = Match()
    quiet: Quiet | None = None


class InhibitRule(msgspec.Struct, frozen=True):
    """An alert that is as `source` says mutes those that are as `target` says and have the same `equal` labels."""

    name: str
    source: dict[str, frozenset[str]]
    target: dict[str, frozenset[str]]
    equal: tuple[str, ...] = ()


class DigestRule(msgspec.Struct, frozen=True):
    """A digest at these minutes of these days of the week (Monday is 0)."""

    minutes: tuple[int, ...]
    notify: tuple[Notify, ...]
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


class DigestDue(msgspec.Struct, frozen=True):
    """A digest whose time has come."""

    at_ms: int
    receivers: tuple[str, ...]


class Person(msgspec.Struct, frozen=True):
    """Somebody who can be on call."""

    name: str
    receivers: tuple[str, ...]
    language: str = ""


class Plan(msgspec.Struct, frozen=True):
    """Everything the on-call file says that decisions depend on."""

    zone: str = "UTC"
    language: str = "vi"
    people: dict[str, Person] = {}
    rotas: dict[str, Rota] = {}
    escalations: dict[str, Escalation] = {}
    routes: tuple[Route, ...] = ()
    kinds: dict[AlertKind, KindRule] = {}
    """What differs from `alert_rules.KINDS`."""
    inhibit: tuple[InhibitRule, ...] = ()
    rules: PagingRules = PagingRules()
    digests: tuple[DigestRule, ...] = ()
    emergency: tuple[str, ...] = ()
    languages: dict[str, str] = {}
    """Receivers that say a language."""
    events: dict[str, frozenset[str]] = {}
    """Receiver -> the events it gets (`notice.EventKind`); those that are not in it get all."""


def holds(wanted: Mapping[str, frozenset[str]], labels: Mapping[str, str]) -> bool:
    """Whether each label has one of the values that are wanted; an absent label is the empty text."""
    return all(labels.get(label, "") in values for label, values in wanted.items())


def site_of(labels: Mapping[str, str]) -> str:
    """The site of an alert's subject; of a site's own subject, that site."""
    prefix, _, rest = labels.get("instance", "").partition(":")
    return labels.get("site", "") or (rest.partition(":")[0] if prefix == "site" else "")
