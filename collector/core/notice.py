"""What is said: an event of an incident as facts (`Notice`), its copies on the way to receivers (`Outgoing`), and everything
that one decision writes in one transaction (`Changes`). Pure values; words are found where it is delivered.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from collector.core.alert import Alert, AlertKey, HoldReason, Severity
from collector.core.incident import Entry, Incident, IncidentState
from collector.core.state import State

MAX_LISTED: Final = 50
"""Alerts or affected subjects that a notice lists; the rest is counted."""


class EventKind(enum.StrEnum):
    """What an event says."""

    FIRING = "firing"
    """An incident opened or re-opened, or a graver alert joined it: the page."""
    UPDATE = "update"
    """More is affected, or it flaps: nobody is to be woken anew."""
    REMINDER = "reminder"
    """The next step of the escalation: nobody acknowledged."""
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    NOTICE = "notice"
    """Word about a silence: it hides an outage, ended with the target still down, is forgotten."""
    DIGEST = "digest"
    """What quiet hours held back."""
    TEST = "test"


class Named(msgspec.Struct, frozen=True):
    """A subject as messages show it."""

    id: str
    name_vi: str = ""
    name_en: str = ""
    site: str = ""
    site_vi: str = ""
    site_en: str = ""
    class_: str = ""
    labels: dict[str, str] = {}


class AlertFacts(msgspec.Struct, frozen=True):
    """An alert of the incident, at the moment of the event."""

    uid: str
    key: AlertKey
    severity: Severity
    subject: Named
    state: State
    since_ms: int
    known_ms: int
    ended_ms: int | None = None
    reason: str = ""
    detail: str = ""
    value: float | None = None
    is_cause: bool = False


class Affected(msgspec.Struct, frozen=True):
    """A subject that the incident explains: nobody is paged for it."""

    subject: Named
    state: State
    since_ms: int
    reason: HoldReason


class IncidentFacts(msgspec.Struct, frozen=True):
    """The incident at the moment of the event."""

    uid: str
    number: int
    state: IncidentState
    severity: Severity
    site: str
    site_vi: str
    site_en: str
    onset_ms: int
    opened_ms: int
    resolved_ms: int | None = None
    acknowledged_by: str = ""
    assignee: str = ""
    reopened: int = 0
    route: str = ""


class Notice(msgspec.Struct, frozen=True):
    """The facts of one event; the body of its outbox rows. `incident` is None for notices, digests and tests of a receiver."""

    event: EventKind
    made_ms: int
    incident: IncidentFacts | None = None
    alerts: tuple[AlertFacts, ...] = ()
    alerts_count: int = 0
    affected: tuple[Affected, ...] = ()
    affected_count: int = 0
    still_down: tuple[Named, ...] = ()
    """Of `resolved`: what was explained and turned out to be down by itself."""
    level: int = 0
    text: str = ""
    """A comment, or of `notice` the word `hides`, `ended_down` or `forgotten`."""
    by: str = ""
    silence: str = ""
    """Id of the silence a `notice` is about."""
    matchers: str = ""
    """That silence's matchers as they are written."""
    url: str = ""
    """Link that the API's `generatorURL` and messages show; put there when delivered, empty if the on-call file has none."""


class Outgoing(msgspec.Struct, frozen=True):
    """One event for one receiver, to be written into the outbox."""

    event_id: str
    """Stable: the same event has the same id at every attempt and every receiver (`event_id_of`)."""
    receiver: str
    order: str
    """Rows of one receiver and one order are delivered one after the other: the uid of the incident or silence, `digest`."""
    seq: int
    """Place within the order."""
    event: EventKind
    notice: Notice
    severity: Severity
    created_ms: int
    first_receiver: str = ""
    """Of a row for a second channel: whose place it takes."""


def event_id_of(order: str, seq: int) -> str:
    """`ORDER-SEQ`: what receivers tell repetitions by."""
    return f"{order}-{seq}"


class RowState(enum.StrEnum):
    """Where an outbox row stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up: a permanent error, or too old. Listed until somebody retries or drops it."""
    DROPPED = "dropped"
    """A person dropped a dead letter, or its receiver never got the firing that it belongs to."""


class OutboxRow(msgspec.Struct, frozen=True):
    """An outbox row as it is stored. `id` grows in the order of writing."""

    id: int
    outgoing: Outgoing
    state: RowState
    attempts: int = 0
    """Attempts that began; the attempt number that receivers see."""
    next_ms: int = 0
    """Not before then."""
    last_ms: int | None = None
    """When the last attempt began."""
    done_ms: int | None = None
    error: str = ""
    """Why the last attempt failed: `class: text`, without secrets."""
    fallback_ms: int | None = None
    """When the second channel was asked."""


class Changes(msgspec.Struct):
    """What one decision writes, whole or not at all."""

    alerts: list[Alert] = []
    """New or changed, by uid."""
    incidents: list[Incident] = []
    """New or changed, by uid."""
    entries: list[Entry] = []
    outgoing: list[Outgoing] = []

    def __bool__(self) -> bool:
        return bool(self.alerts or self.incidents or self.entries or self.outgoing)
