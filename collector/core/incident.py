"""Incidents: what people handle, one or more alerts with one cause; their life as a table, their timeline as entries. Pure."""

from __future__ import annotations

import enum

import msgspec

from collector.core.alert import AlertKey, Severity


class IncidentState(enum.StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class EntryKind(enum.StrEnum):
    """What happened to an incident: the lines of its timeline."""

    OPENED = "opened"
    REOPENED = "reopened"
    JOINED = "joined"
    """An alert became part of it: explained by it, or grouped with it."""
    LEFT = "left"
    """An alert of it is over, or turned out to have another cause."""
    SEVERITY = "severity"
    PAGED = "paged"
    HELD = "held"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    RESOLVED = "resolved"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    """A receiver will not get it: dead letter."""
    FALLBACK = "fallback"
    """A second channel was asked."""


class Entry(msgspec.Struct, frozen=True):
    """A line of an incident's timeline; appended, never changed. `by` is a person, a receiver, or empty for the collector."""

    incident: str
    at_ms: int
    kind: EntryKind
    by: str = ""
    alert: AlertKey | None = None
    text: str = ""


class Incident(msgspec.Struct, frozen=True):
    """One incident."""

    uid: str
    """Stable: `alert.uid_of` of its cause's alert."""
    number: int
    """For people, who type it: 1, 2, 3 ..."""
    state: IncidentState
    cause: AlertKey
    """The alert that explains the others."""
    severity: Severity
    """The gravest it ever had since it was last opened."""
    site: str
    onset_ms: int
    opened_ms: int
    route: str = ""
    escalation: str = ""
    level: int = 0
    """Step of the escalation that was last carried out, from 0; -1 before the first."""
    round: int = 0
    """How often the escalation was gone through."""
    next_ms: int | None = None
    """When the next step is due unless somebody acknowledges; None: never."""
    told: tuple[str, ...] = ()
    """Receivers whose outbox has a firing of it since it was last opened: each gets the resolved, through every mute."""
    events: int = 0
    """Number of events written to the outbox so far; the next one's number."""
    acknowledged_ms: int | None = None
    acknowledged_by: str = ""
    assignee: str = ""
    resolved_ms: int | None = None
    resolved_by: str = ""
    """A person; empty: its alerts were over."""
    resolving_ms: int | None = None
    """Since when all its alerts are over and those it explained are looked at again."""
    reopened: int = 0
    digest: bool = False
    """Nobody was told for quiet hours: it is to stand in the next digest."""


class ActRefusal(enum.StrEnum):
    """Why a person's act on an incident or a silence is refused: a closed list, also the `code` of the API."""

    FORBIDDEN = "forbidden"
    UNKNOWN_OBJECT = "unknown_object"
    RESOLVED = "resolved"
    """The incident is over."""
    ALREADY = "already"
    """It is so already."""
    BAD_TEXT = "bad_text"
    BAD_MATCHERS = "bad_matchers"
    BAD_TIMES = "bad_times"
    EXPIRED = "expired"


class RefusedError(Exception):
    """An act is refused and nothing was recorded. `value` is what was wrong, `detail` says what was expected."""

    def __init__(self, problem: ActRefusal, value: str, detail: str) -> None:
        super().__init__(f"{value}: {detail}" if value else detail)
        self.problem = problem
        self.value = value
        self.detail = detail
