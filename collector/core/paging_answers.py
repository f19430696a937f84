"""What people ask of the pager and what it answers them: acts on incidents and silences as asked, routes explained, who is on
duty, how receivers stand. Pure values between the API and the desk; nothing here decides.
"""

from __future__ import annotations

import enum

import msgspec

from collector.core.alert import AlertKind, Severity
from collector.core.silencing import Matcher


class IncidentActKind(enum.StrEnum):
    """What a person can do to an incident."""

    ACKNOWLEDGE = "acknowledge"
    """I care for it: the escalation stops."""
    ASSIGN = "assign"
    COMMENT = "comment"
    RESOLVE = "resolve"
    """It is over for us, whatever its alerts say: those still open page nobody until they have ended."""


class IncidentAct(msgspec.Struct, frozen=True):
    """An act as it is asked for."""

    kind: IncidentActKind
    text: str = ""
    """A comment; only `comment` needs one."""
    assignee: str = ""
    """Of `assign`: to whom."""


class SilencePlan(msgspec.Struct, frozen=True):
    """A silence as it is asked for; `[from_ms, to_ms)`."""

    matchers: tuple[Matcher, ...]
    comment: str
    from_ms: int
    to_ms: int
    notify: tuple[str, ...] = ()
    """Receivers that are told of it; empty: those of the on-call file's `silences`."""


class LinkClaim(msgspec.Struct, frozen=True):
    """What a genuine link that has not expired says."""

    incident: str
    """Uid."""
    receiver: str
    """To whom it was sent: the name under which is acknowledged."""
    expires_ms: int = 0


class RouteAsk(msgspec.Struct, frozen=True):
    """Where would an alert of this target go?"""

    target: str
    severity: Severity
    kind: AlertKind
    at_ms: int


class RouteStep(msgspec.Struct, frozen=True):
    """One step of the escalation, people and rotas resolved at the moment it would be carried out."""

    level: int
    round: int
    after_ms: int
    """After the page, all waits together."""
    receivers: tuple[str, ...]


class RouteExplained(msgspec.Struct, frozen=True):
    """The answer to a `RouteAsk`. Without a `route` nobody would be told."""

    labels: dict[str, str]
    route: str = ""
    escalation: str = ""
    quiet_until_ms: int | None = None
    """The route keeps this severity until then for the digest."""
    pages: bool = True
    """False: the on-call file says that this kind of alert pages nobody."""
    after_ms: int = 0
    """How long it must last before anybody is told."""
    steps: tuple[RouteStep, ...] = ()
    silences: tuple[str, ...] = ()
    """Ids of silences that would mute it then."""


class Duty(msgspec.Struct, frozen=True):
    """A stretch in which one person is on duty in one rota; `person` is empty in a gap."""

    rota: str
    person: str
    from_ms: int
    to_ms: int
    receivers: tuple[str, ...] = ()
    note: str = ""
    """Why it is not who it would be by turn: `override`, `swap`, `holiday`; empty: by turn."""


class ReceiverStanding(msgspec.Struct, frozen=True):
    """How a receiver stands since the collector's start; what is pending comes from the outbox."""

    name: str
    kind: str
    language: str
    fallback: str = ""
    pending: int = 0
    oldest_ms: int | None = None
    """When the oldest of these was written."""
    last_success_ms: int | None = None
    last_failure_ms: int | None = None
    last_error: str = ""
    """`class: text`, without secrets."""


class Tested(msgspec.Struct, frozen=True):
    """How the test of a receiver went."""

    receiver: str
    event_id: str
    is_delivered: bool
    took_ms: int
    remark: str = ""
    """Of the channel: *the template failed, the default text was sent*."""
    error: str = ""
    """`class: text`, without secrets."""
