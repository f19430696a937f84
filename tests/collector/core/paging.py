"""A pager at work for tests: views made by hand, a policy with two routes, and everything it wrote checked as it is adopted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from collector.core.alert import Alert, AlertKey, AlertKind, Condition, Severity
from collector.core.book import Book
from collector.core.incident import Entry, Incident, IncidentState
from collector.core.notice import Changes, EventKind, Named, Outgoing
from collector.core.pager import Decision, decide
from collector.core.paging import AlertRule, Look, PagingRules, Routed, Seen, SubjectView
from collector.core.silencing import Matcher, Operator, Silence
from collector.core.state import State

NOW = 1_800_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NOTIFIED = (EventKind.FIRING, EventKind.REMINDER)


def full_match(pattern: str, text: str) -> bool:
    """As the running collector matches."""
    return re.fullmatch(pattern, text) is not None


class Plan:
    """What the on-call file says: everything goes to `noc`, critical alerts climb to `lead`."""

    def __init__(self, rules: PagingRules | None = None) -> None:
        self.rules = rules or PagingRules()
        self.alert_rules: dict[AlertKind, AlertRule] = {}
        self.quiet: dict[Severity, int] = {}
        """Severity -> until when it is kept for the digest."""
        self.routes: dict[str, tuple[str, str]] = {}
        """Subject -> route and escalation of its own."""
        self.unrouted: set[str] = set()
        """Subjects that no route takes."""
        self.steps: dict[str, list[tuple[int, tuple[str, ...]]]] = {
            "critical": [(0, ("noc", "mail")), (15 * MINUTE, ("lead",)), (30 * MINUTE, ("chief",))],
            "warning": [(0, ("mail",))],
            "info": [(0, ("mail",))],
        }
        self.inhibiting = ""
        """Subject whose alerts mute all others."""

    def alert_rule(self, kind: AlertKind) -> AlertRule:
        return self.alert_rules.get(kind, AlertRule())

    def route(self, labels: Mapping[str, str], severity: Severity, now_ms: int) -> Routed | None:
        if labels["instance"] in self.unrouted:
            return None
        if labels["instance"] in self.routes:
            return Routed(*self.routes[labels["instance"]])
        until = self.quiet.get(severity)
        return Routed(f"r-{severity}", severity.value, until if until is not None and now_ms < until else None)

    def recipients(self, escalation: str, level: int, now_ms: int) -> tuple[str, ...]:
        return self.steps[escalation][level][1]

    def next_step(self, escalation: str, level: int, round_: int) -> tuple[int, int, int] | None:
        steps = self.steps[escalation]
        return (level + 1, round_, steps[level + 1][0]) if level + 1 < len(steps) else None

    def inhibits(self, source: Mapping[str, str], target: Mapping[str, str]) -> str:
        return "rule" if self.inhibiting and source["instance"] == self.inhibiting else ""


def silence(value: str = ".*", to_ms: int = NOW + DAY, **fields: object) -> Silence:
    """A silence of subjects by their name."""
    plain = Silence("S1", (Matcher("instance", Operator.MATCHES, value),), "an", "works", NOW - HOUR, NOW - HOUR, to_ms)
    return msgspec.structs.replace(plain, **fields)


def condition(subject: str, since: int, kind: AlertKind = AlertKind.DOWN, **fields: object) -> Condition:
    """Something true since a moment and known 10 s later."""
    plain = Condition(AlertKey(subject, kind), Severity.CRITICAL, since, since + 10 * SECOND)
    return msgspec.structs.replace(plain, **fields)


def up(subject: str, since: int = NOW - DAY, good: int | None = None, **fields: object) -> SubjectView:
    """A subject that works."""
    named = Named(subject, site=str(fields.pop("site", "")), class_="server")
    return msgspec.structs.replace(SubjectView(named, State.UP, since, good_ms=good or since), **fields)


def down(subject: str, since: int, state: State = State.DOWN, **fields: object) -> SubjectView:
    """A subject with a confirmed outage, or behind one."""
    found = condition(subject, since, state=state)
    plain = up(subject, since, since - 1, site=fields.pop("site", ""))
    plain = msgspec.structs.replace(plain, state=state, conditions=(found,), failed_ms=since + 10 * SECOND)
    return msgspec.structs.replace(plain, **fields)


class Pager:
    """Decides, adopts, and fails where what was written breaks a promise."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.book = Book()
        self.silences: dict[str, Silence] = {}
        self.alerts: dict[str, Alert] = {}
        self.incidents: dict[str, Incident] = {}
        self.entries: list[Entry] = []
        self.sent: list[Outgoing] = []
        self.decision: Decision = Decision(Changes())

    def see(self, now: int, views: Sequence[SubjectView], looks: Mapping[str, Look] | None = None) -> list[Outgoing]:
        """One decision, written and adopted; what it says."""
        subjects = {view.named.id: view for view in views}
        seen = Seen(now, subjects, looks or {}, list(self.silences.values()), ("keeper",))
        before = self.stored()
        decision = decide(self.book, seen, self.plan, full_match)
        assert decide(self.book, seen, self.plan, full_match) == decision, "the same question, another answer"
        assert self.stored() == before, "deciding changed the book"
        self._write(decision)
        self.check(now)
        return list(decision.changes.outgoing)

    def _write(self, decision: Decision) -> None:
        changes = decision.changes
        self.decision = decision
        self.alerts |= {alert.uid: alert for alert in changes.alerts}
        self.incidents |= {incident.uid: incident for incident in changes.incidents}
        self.silences |= {found.id: found for found in decision.silences}
        self.entries += changes.entries
        self.sent += changes.outgoing
        self.book.adopt(changes)

    def stored(self) -> bytes:
        """Everything that the book holds."""
        book = self.book
        return msgspec.json.encode([list(book.alerts.values()), list(book.incidents.values()), book.next_number])

    def restart(self) -> None:
        """Forget the book and make it anew from what was written."""
        loaded = [alert for alert in self.alerts.values() if alert.is_open or alert.incident]
        self.book = Book.of(loaded, self.incidents.values(), self.book.next_number)

    def check(self, now: int) -> None:
        """What must be true after every decision."""
        ids = [(row.event_id, row.receiver) for row in self.sent]
        assert len(ids) == len(set(ids)), "an event twice"
        for uid, incident in self.incidents.items():
            self._check_events(uid, incident)
        for alert in self.alerts.values():
            if alert.is_open:
                assert (alert.paged_ms is not None) or alert.hold is not None, f"neither page nor reason: {alert}"
                hold = alert.hold
                waits = hold is not None and hold.until_ms is not None
                assert not waits or hold.until_ms > now, f"a bound that is over holds: {alert}"  # type: ignore[union-attr,operator]

    def _check_events(self, uid: str, incident: Incident) -> None:
        rows = [row for row in self.sent if row.order == uid]
        assert [row.seq for row in rows] == sorted(row.seq for row in rows)
        assert {row.seq for row in rows} == set(range(incident.events))
        told: set[str] = set()
        for row in rows:
            if row.event in NOTIFIED:
                assert row.receiver in told or row.event is EventKind.FIRING, "whoever wants no reminders was never told of it"
                told.add(row.receiver)
            assert row.receiver in told, f"{row.event} to {row.receiver}, who was never told of it"
            if row.event is EventKind.RESOLVED:
                told.discard(row.receiver)
        is_over = incident.state is IncidentState.RESOLVED
        assert told == (set() if is_over else set(incident.told)), "told and resolved differ"

    def alert(self, subject: str, kind: AlertKind = AlertKind.DOWN) -> Alert:
        """The newest alert of a subject."""
        return [found for found in self.alerts.values() if found.key == AlertKey(subject, kind)][-1]

    def events(self) -> list[tuple[int, str]]:
        """Number of the incident and what was said of it, once per event."""
        said = {
            row.event_id: (self.incidents[row.order].number, row.notice.event.value) for row in self.sent if row.notice.incident
        }
        return list(said.values())
