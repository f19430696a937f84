"""What the pager remembers: open alerts and incidents (`Book`), and one decision being made over it (`Draft`). Pure.

A draft never changes its book: what it decided is written first and adopted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from collector.core.alert import OF_STATES, Alert, AlertKey, Condition
from collector.core.incident import Entry, EntryKind, Incident, IncidentState
from collector.core.incident_facts import is_explained
from collector.core.notice import Changes
from collector.core.paging import Policy, Seen, SubjectView
from collector.core.saying import Say
from collector.core.silencing import FullMatch, Silence

KEPT_MS: Final = 25 * 3_600_000
"""How long a resolved incident is remembered, so that it can be re-opened and its alerts shown."""


class Book:
    """Open alerts, incidents and the ended alerts of incidents, as they are stored."""

    __slots__ = ("alerts", "by_subject", "incidents", "live", "next_number", "open", "parts")

    def __init__(self, next_number: int = 1) -> None:
        self.alerts: dict[str, Alert] = {}
        self.incidents: dict[str, Incident] = {}
        self.live: dict[str, None] = {}
        """Uids of incidents that are not over."""
        self.next_number = next_number
        self.open: dict[AlertKey, str] = {}
        """Uid of the open alert of a key."""
        self.by_subject: dict[str, dict[str, None]] = {}
        """Uids of a subject's open alerts."""
        self.parts: dict[str, dict[str, None]] = {}
        """Uids of an incident's alerts, ended ones too."""

    @classmethod
    def of(cls, alerts: Iterable[Alert], incidents: Iterable[Incident], next_number: int) -> Book:
        """A book from what is stored."""
        book = cls(next_number)
        book.adopt(Changes(list(alerts), list(incidents)))
        return book

    def adopt(self, changes: Changes) -> None:
        """Take over what was written. Entries and outgoing rows are not remembered here."""
        for incident in changes.incidents:
            self.incidents[incident.uid] = incident
            self.next_number = max(self.next_number, incident.number + 1)
            if incident.state is IncidentState.RESOLVED:
                self.live.pop(incident.uid, None)
            else:
                self.live[incident.uid] = None
        for alert in changes.alerts:
            self._put(alert)

    def forget(self, now_ms: int) -> None:
        """Let go of incidents that were resolved more than `KEPT_MS` ago, unless an alert of theirs is still open."""
        for uid, incident in list(self.incidents.items()):
            if incident.resolved_ms is None or incident.resolved_ms > now_ms - KEPT_MS:
                continue
            parts = self.parts.get(uid, {})
            if not any(self.alerts[part].is_open for part in parts):
                del self.incidents[uid]
                for part in list(parts):
                    self._drop(self.alerts[part])

    def open_alerts(self) -> Iterator[Alert]:
        """All open alerts, in the order in which they became known here."""
        return (self.alerts[uid] for uid in self.open.values())

    def _put(self, alert: Alert) -> None:
        old = self.alerts.get(alert.uid)
        if old is not None:
            self._drop(old)
        if not alert.is_open and not alert.incident:
            return
        self.alerts[alert.uid] = alert
        if alert.is_open:
            self.open[alert.key] = alert.uid
            self.by_subject.setdefault(alert.key.subject, {})[alert.uid] = None
        if alert.incident:
            self.parts.setdefault(alert.incident, {})[alert.uid] = None

    def _drop(self, old: Alert) -> None:
        del self.alerts[old.uid]
        if self.open.get(old.key) == old.uid:
            del self.open[old.key]
        for index, key in ((self.by_subject, old.key.subject), (self.parts, old.incident)):
            uids = index.get(key)
            if uids is not None:
                uids.pop(old.uid, None)
                if not uids:
                    del index[key]


class Draft:
    """One decision: the book as it will be, and what it takes to write that."""

    def __init__(self, book: Book, seen: Seen, policy: Policy, full_match: FullMatch) -> None:
        self.book = book
        self.seen = seen
        self.policy = policy
        self.full_match = full_match
        self.now_ms = seen.now_ms
        self.entries: list[Entry] = []
        self.changes = Changes(entries=self.entries)
        self.looks: set[str] = set()
        self.wakes: list[int] = []
        """Instants at which it must be decided again, whatever happens."""
        self.silences: dict[str, Silence] = {}
        self.says: dict[str, Say] = {}
        """What is to be said of incidents once everything is decided, so that it lists everything."""
        self._alerts: dict[str, Alert] = {}
        self._incidents: dict[str, Incident] = {}
        self._opened: dict[AlertKey, str] = {}
        self._subjects: dict[str, dict[str, None]] = {}
        self._parts: dict[str, dict[str, None]] = {}
        self._number = book.next_number
        self._owners: dict[AlertKey, list[str]] | None = None
        self._told: list[Alert] | None = None
        self._touched: dict[str, dict[str, None]] | None = None

    def view(self, subject: str) -> SubjectView | None:
        """The subject as it is seen now."""
        return self.seen.subjects.get(subject)

    def alert(self, uid: str) -> Alert:
        """An alert as it will be."""
        return self._alerts.get(uid) or self.book.alerts[uid]

    def knows(self, uid: str) -> bool:
        """Whether there is such an alert."""
        return uid in self._alerts or uid in self.book.alerts

    def open_by(self, key: AlertKey) -> Alert | None:
        """The open alert of a key."""
        uid = self._opened.get(key) or self.book.open.get(key)
        alert = self.alert(uid) if uid is not None else None
        return alert if alert is not None and alert.is_open else None

    def open_of(self, subject: str) -> list[Alert]:
        """A subject's open alerts."""
        uids: Iterable[str] = self.book.by_subject.get(subject, ())
        if subject in self._subjects:
            uids = [*uids, *self._subjects[subject]]
        known, changed_ = self.book.alerts, self._alerts
        alerts = [changed_.get(uid) or known[uid] for uid in uids]
        return [alert for alert in alerts if alert.gone_ms is None]

    def put(self, alert: Alert) -> Alert:
        """Change an alert, or add it."""
        uid = alert.uid
        if uid not in self._alerts and uid not in self.book.alerts:
            self._opened[alert.key] = uid
            self._subjects.setdefault(alert.key.subject, {})[uid] = None
        self._alerts[uid] = alert
        if alert.incident and uid not in self.book.parts.get(alert.incident, ()):
            self._parts.setdefault(alert.incident, {})[uid] = None
            if self._touched is not None and alert.key.kind in OF_STATES:
                self._touched.setdefault(alert.key.subject, {})[alert.incident] = None
        return alert

    def incident(self, uid: str) -> Incident | None:
        """An incident as it will be."""
        return self._incidents.get(uid) or self.book.incidents.get(uid)

    def unresolved(self, uid: str) -> Incident | None:
        """An incident, if it is not over."""
        incident = self.incident(uid) if uid else None
        return incident if incident is not None and incident.state is not IncidentState.RESOLVED else None

    def live(self) -> list[Incident]:
        """Incidents that are not over, older ones first."""
        uids = {**self.book.live, **dict.fromkeys(self._incidents)}
        return [incident for uid in uids if (incident := self.unresolved(uid)) is not None]

    def told(self) -> list[Alert]:
        """Open alerts of which people were told before this decision, of incidents that are not over."""
        if self._told is None:
            found = [alert for uid in self.book.live for alert in self.parts(uid)]
            self._told = [alert for alert in found if alert.is_open and alert.paged_ms is not None]
        return self._told

    def owners(self) -> dict[AlertKey, list[str]]:
        """Incidents of the book in which an alert of a key was handled, not only explained."""
        if self._owners is not None:
            return self._owners
        found: dict[AlertKey, dict[str, None]] = {}
        for incident in self.book.incidents.values():
            found.setdefault(incident.cause, {})[incident.uid] = None
        for alert in self.book.alerts.values():
            if alert.incident and not is_explained(alert):
                found.setdefault(alert.key, {})[alert.incident] = None
        self._owners = {key: list(uids) for key, uids in found.items()}
        return self._owners

    def touched(self) -> dict[str, dict[str, None]]:
        """Incidents, over or not, by the subjects whose states they tell of or explain."""
        if self._touched is None:
            self._touched = {}
            pairs = ((uid, part) for parts in (self.book.parts, self._parts) for uid, uids in parts.items() for part in uids)
            for incident, key in ((uid, self.alert(part).key) for uid, part in pairs):
                if key.kind in OF_STATES:
                    self._touched.setdefault(key.subject, {})[incident] = None
        return self._touched

    def all_open(self) -> Iterator[Alert]:
        """Every open alert."""
        uids = {**dict.fromkeys(self.book.open.values()), **dict.fromkeys(self._alerts)}
        return (alert for alert in map(self.alert, uids) if alert.is_open)

    def put_incident(self, incident: Incident) -> Incident:
        """Change an incident, or add it."""
        self._incidents[incident.uid] = incident
        return incident

    def take_number(self) -> int:
        """The next incident's number."""
        self._number += 1
        return self._number - 1

    def parts(self, uid: str) -> list[Alert]:
        """An incident's alerts, in the order in which they became part of it."""
        uids = [*self.book.parts.get(uid, ()), *self._parts.get(uid, ())]
        return [alert for alert in map(self.alert, uids) if alert.incident == uid]

    def note(self, incident: str, kind: EntryKind, alert: Alert | None = None, text: str = "", by: str = "") -> None:
        """A line in an incident's timeline."""
        self.entries.append(Entry(incident, self.now_ms, kind, by, alert.key if alert is not None else None, text))

    def finish(self) -> Changes:
        """What is to be written: what differs from the book, in the order in which it was first touched."""
        self.changes.alerts = [a for uid, a in self._alerts.items() if self.book.alerts.get(uid) != a]
        self.changes.incidents = [i for uid, i in self._incidents.items() if self.book.incidents.get(uid) != i]
        return self.changes


def condition_of(view: SubjectView, key: AlertKey) -> Condition | None:
    """The condition of a key, if it is true now."""
    for condition in view.conditions:
        if condition.key == key:
            return condition
    return None


def changed(alert: Alert, **fields: object) -> Alert:
    """The alert with other fields."""
    return msgspec.structs.replace(alert, **fields)
