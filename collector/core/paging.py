"""What the pager is told and what it may ask: subjects as they stand, fresh looks, the on-call file's answers. Pure values.

`core.pager` decides from these alone; the live engine (`collector.alerting`) makes them, tests make them by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from collector.core.alert import AlertKind, Condition, Severity
from collector.core.notice import Named
from collector.core.silencing import Silence
from collector.core.state import State


class SubjectView(msgspec.Struct, frozen=True):
    """A subject at this moment, as far as pages depend on it. Given for every subject that has a condition or an open alert,
    and for all its parents, observers and members."""

    named: Named
    state: State = State.UNKNOWN
    """Now, as confirmed: device view, of sites and groups end to end."""
    state_since_ms: int = 0
    conditions: tuple[Condition, ...] = ()
    is_pending: bool = False
    """Its newest sample failed and nothing is confirmed yet."""
    good_ms: int | None = None
    """Instant of its newest good sample (up or degraded), live; None: none is known."""
    failed_ms: int | None = None
    """Instant of its newest failed sample, live."""
    parents: tuple[tuple[str, ...], ...] = ()
    """AND of OR-groups (R7.1)."""
    members: tuple[str, ...] = ()
    """Of a group or site: whose states make its own."""
    observers: tuple[str, ...] = ()
    """Subjects of the agents that observe it (`agent:ID`); empty where the collector itself does."""
    confirm_ms: int = 60_000
    """How long after a first failed sample an outage is confirmed at the latest, by its interval, retry, timeout and N."""
    can_look: bool = False
    """Whether the collector can look at it at once."""
    window: str = ""
    """Id of the maintenance window that counts now; empty: none."""
    is_in_hours: bool = True
    is_flapping: bool = False
    is_blind: bool = False
    """Whether the collector does not see over the way out on which it observes this subject."""
    is_in_service: bool = True
    """False once it is out of scope or gone from the inventory: its alerts end."""


class Look(msgspec.Struct, frozen=True):
    """A fresh look at a subject that was asked for."""

    asked_ms: int
    answered_ms: int | None = None
    """None: it goes on, or nobody answered yet."""
    is_good: bool | None = None
    """What was found; None: nothing, nobody could look."""


class AlertRule(msgspec.Struct, frozen=True):
    """How alerts of a kind are treated."""

    after_ms: int = 0
    """How long it must last before anybody is told."""
    pages: bool = True


class Routed(msgspec.Struct, frozen=True):
    """Where an alert goes."""

    route: str
    escalation: str
    quiet_until_ms: int | None = None
    """The route keeps this severity until then for the digest; None: it goes out now."""


class PagingRules(msgspec.Struct, frozen=True):
    """Bounds of holding and grouping, milliseconds."""

    look_timeout_ms: int = 5_000
    hold_limit_ms: int = 120_000
    """No verdict waits longer for a fresh look at parents."""
    recheck_limit_ms: int = 120_000
    """Nothing waits longer for a child to be seen again after its parent's return."""
    merge_gap_ms: int = 300_000
    """An incident whose condition comes back within it is re-opened."""
    group_window_ms: int = 30_000
    """Alerts of one site that become known within it after an incident was opened, and are not graver, join it."""


class Policy(Protocol):
    """What the on-call file says; pure, told the time."""

    rules: PagingRules

    def alert_rule(self, kind: AlertKind) -> AlertRule: ...

    def route(self, labels: Mapping[str, str], severity: Severity, now_ms: int) -> Routed | None:
        """Which route takes an alert now; None: none does."""

    def recipients(self, escalation: str, level: int, now_ms: int) -> tuple[str, ...]:
        """Receivers of a step (from 0), people and rotas resolved at `now_ms`, without repetitions."""

    def next_step(self, escalation: str, level: int, round_: int) -> tuple[int, int, int] | None:
        """What follows step `level` (-1: nothing was done yet) of round `round_` while nobody acknowledges: the step, its
        round, and milliseconds to wait after the one before; None: nothing more."""

    def inhibits(self, source: Mapping[str, str], target: Mapping[str, str]) -> str:
        """Name of the inhibition rule by which an alert mutes another; empty: none."""


class Seen(msgspec.Struct, frozen=True):
    """Everything the pager is told at one moment."""

    now_ms: int
    subjects: Mapping[str, SubjectView]
    looks: Mapping[str, Look] = {}
    """The newest fresh look at each subject that was asked for in the last minutes."""
    silences: Sequence[Silence] = ()
    """Those that are active, are to come, or ended without their end having been dealt with."""
    silence_receivers: tuple[str, ...] = ()
    """Who is told about silences that name nobody themselves."""
