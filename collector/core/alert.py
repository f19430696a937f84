"""What someone must know: conditions of subjects, alerts that follow them, and why an alert is held back. Pure values.

A *condition* is what is true now; an *alert* remembers it from its first moment to its last and whether anybody was told.
Times are milliseconds UTC on the collector's timeline.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Final

import msgspec

from collector.core.state import State


class AlertKind(enum.StrEnum):
    """What is wrong: a closed list."""

    DOWN = "down"
    """A confirmed outage, or a target that cannot be reached because something before it is out."""
    DEGRADED = "degraded"
    NO_DATA = "no_data"
    """Nobody knows: no observation for longer than its hold, while somebody should observe it."""
    BURN = "burn"
    """The error budget is used too fast (R14.3); `name` is the burn alert."""
    AGENT_WEDGED = "agent_wedged"
    """The agent runs and nothing, or not all, of what it makes arrives."""
    CERTIFICATE = "certificate"
    """A certificate ends soon or has ended; `name` is the probe."""
    ON_BATTERY = "on_battery"
    """A UPS runs on its battery."""
    COLLECTOR = "collector"
    """The collector's own trouble; `name` is one of `Trouble`. Subject `COLLECTOR_SUBJECT`."""


OF_STATES: Final = frozenset({AlertKind.DOWN, AlertKind.DEGRADED, AlertKind.NO_DATA})
"""Kinds that say what somebody saw or did not see of a subject."""


class Trouble(enum.StrEnum):
    """What can be wrong with the collector itself."""

    DISK = "disk"
    DATABASE = "database"
    OUTBOX = "outbox"
    BLIND = "blind"
    CLOCK = "clock"
    LEDGER = "ledger"
    """Judging or paging itself fails again and again."""


COLLECTOR_SUBJECT: Final = "collector"
"""The subject of the collector's own trouble: no target of the inventory can be called so."""


class Severity(enum.StrEnum):
    """How urgent: `critical` wakes people, `warning` waits for them, `info` is for the record."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the gravest."""
        return _RANKS[self]


_RANKS: Final = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class AlertKey(msgspec.Struct, frozen=True, order=True):
    """What an alert is about. Of one key at most one alert is open at a time."""

    subject: str
    kind: AlertKind
    name: str = ""


class Condition(msgspec.Struct, frozen=True):
    """Something that someone must know, confirmed and true now."""

    key: AlertKey
    severity: Severity
    since_ms: int
    """When it became true: the onset, not the confirming sample (R4.1)."""
    known_ms: int
    """When it was confirmed."""
    state: State = State.DOWN
    """Of `down`: whether it is DOWN or UNREACHABLE (R7.2)."""
    reason: str = ""
    """Word of a closed list: `agent.model.Reason` of the newest evidence, or `core.state.Why`; put into words where shown."""
    detail: str = ""
    """Evidence in English, at most 300 characters, without control characters."""
    value: float | None = None
    """The number behind it, if there is one: days left, burn rate, ratio of bytes free."""


class HoldReason(enum.StrEnum):
    """Why nobody is told (yet): a closed list, shown wherever the absence of a page is asked about."""

    SETTLING = "settling"
    """Younger than its kind's `after`."""
    PARENT_CHECKED = "parent_checked"
    """Its parents get a fresh look first; bounded."""
    PARENT_DOWN = "parent_down"
    """A parent is down or unreachable and explains it."""
    RECHECKED = "rechecked"
    """Its parent has just returned: it is looked at again before anything is said; bounded."""
    OBSERVER_GONE = "observer_gone"
    """Whoever observes it is itself down or silent, which explains that nobody knows."""
    BLIND = "blind"
    """The collector itself does not see over this way out."""
    MAINTENANCE = "maintenance"
    SILENCE = "silence"
    INHIBITED = "inhibited"
    """A graver alert of the same subject, or a rule of the on-call file, says it already."""
    FLAPPING = "flapping"
    OUT_OF_HOURS = "out_of_hours"
    """Outside the subject's service hours."""
    QUIET_HOURS = "quiet_hours"
    """The route keeps this severity for the digest at this hour."""
    GROUPED = "grouped"
    """Part of an incident of which people were told already."""
    CLOSED_BY_HAND = "closed_by_hand"
    """A person resolved its incident while it was still true."""
    NO_ROUTE = "no_route"
    """No route takes it, or there is no on-call file."""
    MUTED_RULE = "muted_rule"
    """The on-call file says that this kind of alert pages nobody."""


class Hold(msgspec.Struct, frozen=True):
    """Why an alert is held. `by` names what holds it: a parent, a window, a silence, an incident, a route."""

    reason: HoldReason
    by: str = ""
    since_ms: int = 0
    """When this reason began to hold it."""
    until_ms: int | None = None
    """When it is asked again at the latest; None: when something changes."""


class Alert(msgspec.Struct, frozen=True):
    """A condition's life. `paged_ms` is set in the transaction that writes its page into the outbox and by nothing else: what
    is held never uses up its page."""

    uid: str
    """Stable: `uid_of` of key and `known_ms`."""
    key: AlertKey
    severity: Severity
    since_ms: int
    known_ms: int
    state: State = State.DOWN
    reason: str = ""
    detail: str = ""
    value: float | None = None
    hold: Hold | None = None
    """Why nobody is told at present; None once paged, unless it became held again (then only `paged_ms` tells)."""
    incident: str = ""
    """Uid of the incident it is part of; empty while it has none."""
    paged_ms: int | None = None
    ended_ms: int | None = None
    """When it was over: the first good sample, not when we noticed; None while it lasts."""
    gone_ms: int | None = None
    """When we noticed that it is over."""
    looked_ms: int | None = None
    """Since when the fresh look at its parents, or at itself after their return, has been waited for: a restart does not
    begin it anew."""

    @property
    def is_open(self) -> bool:
        """Whether its condition is still true."""
        return self.gone_ms is None


def uid_of(*parts: object) -> str:
    """A stable id of 16 hexadecimal digits: the same parts give the same id, so what is written twice is one."""
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()


ALERT_NAMES: Final = {
    AlertKind.DOWN: "TargetDown",
    AlertKind.DEGRADED: "TargetDegraded",
    AlertKind.NO_DATA: "TargetNoData",
    AlertKind.BURN: "ErrorBudgetBurn",
    AlertKind.AGENT_WEDGED: "AgentWedged",
    AlertKind.CERTIFICATE: "CertificateExpiring",
    AlertKind.ON_BATTERY: "UpsOnBattery",
    AlertKind.COLLECTOR: "CollectorTrouble",
}
"""`alertname` in the names that Alertmanager's users know."""


def labels_of(key: AlertKey, severity: Severity, subject: tuple[str, str, dict[str, str]]) -> dict[str, str]:
    """The labels by which silences, routes and Alertmanager know an alert. `subject` is its site, class and own labels; these
    never hide one of ours."""
    site, class_, own = subject
    labels = {
        "alertname": ALERT_NAMES[key.kind],
        "instance": key.subject,
        "kind": key.kind.value,
        "name": key.name,
        "severity": severity.value,
        "site": site,
        "class": class_,
    }
    return own | {name: value for name, value in labels.items() if value}
