"""A trouble of the collector that is told directly: its events, and how each receiver stands. Pure values and decisions."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from collector.core.alert import COLLECTOR_SUBJECT, AlertKey, Condition, Severity, Trouble, uid_of
from collector.core.incident import IncidentState
from collector.core.notice import AlertFacts, EventKind, IncidentFacts, Named, Notice, Outgoing
from collector.core.own_trouble import UNSENT_S, OwnReason

STUCK_MS: Final = 15_000
"""How long the desk must have been unable to write before the direct way is taken."""
GIVE_UP_MS: Final = 86_400_000
BACKOFF_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
DIRECT: Final = frozenset({Trouble.DISK.value, Trouble.DATABASE.value, Trouble.OUTBOX.value, Trouble.LEDGER.value})
"""Troubles that may keep the desk or the outbox from telling them."""


class Verdict(enum.Enum):
    """What came of an attempt to deliver."""

    SENT = "sent"
    AGAIN = "again"
    NEVER = "never"
    """The receiver will never take it."""


class Stand(enum.StrEnum):
    """How a receiver stands with a trouble."""

    FIRING = "firing"
    """Its firing is under way."""
    TOLD = "told"
    """It has confirmed the firing."""
    RESOLVING = "resolving"
    """Its resolved is under way."""
    DONE = "done"
    """Nothing more is sent to it about this trouble."""


class Receiver(msgspec.Struct, frozen=True):
    """A receiver's part. `attempts` and `next_ms` are of the event under way, `began_ms` is when that was to be sent first."""

    stand: Stand
    attempts: int = 0
    next_ms: int = 0
    began_ms: int = 0


class Case(msgspec.Struct):
    """A trouble that is told directly."""

    condition: Condition
    fired_ms: int
    receivers: dict[str, Receiver] = {}
    ended_ms: int | None = None
    is_handed: bool = False
    """The desk has an incident of it now, which tells its end to those who stand in it."""

    @property
    def uid(self) -> str:
        """That of the alert and the incident which the desk makes of the same trouble."""
        key = self.condition.key
        return uid_of(key.subject, key.kind, key.name, self.condition.known_ms)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done about it."""
        return (self.ended_ms is not None or self.is_handed) and all(
            one.stand in (Stand.DONE, Stand.TOLD) for one in self.receivers.values()
        )


def is_due(condition: Condition, stuck_ms: int | None, now_ms: int) -> bool:
    """Whether a trouble is to be told directly: it is critical, and whoever tells such things cannot. `stuck_ms`: since when
    the desk could not write. An outbox that is stuck itself is told by its age, at twice what makes it critical."""
    if condition.severity is not Severity.CRITICAL or condition.key.name not in DIRECT:
        return False
    if stuck_ms is not None and now_ms - stuck_ms > STUCK_MS:
        return True
    is_unsent = condition.key.name == Trouble.OUTBOX.value and condition.reason == OwnReason.UNSENT
    return is_unsent and now_ms - condition.since_ms > 2_000 * UNSENT_S.critical.begin


def open_case(condition: Condition, receivers: Sequence[str], now_ms: int) -> Case:
    """A case whose firing is to be sent to each receiver now."""
    parts = {name: Receiver(Stand.FIRING, 0, now_ms, now_ms) for name in receivers}
    return Case(condition, now_ms, parts)


def end_case(case: Case, now_ms: int) -> None:
    """The trouble is over: who was told, or may have been, gets the resolved after the firing; who was never tried gets
    nothing."""
    case.ended_ms = now_ms
    for name, one in case.receivers.items():
        if one.stand is Stand.TOLD:
            case.receivers[name] = Receiver(Stand.RESOLVING, 0, now_ms, now_ms)
        elif one.stand is Stand.FIRING and one.attempts == 0:
            case.receivers[name] = Receiver(Stand.DONE)


def hand_over(case: Case, told: Collection[str]) -> None:
    """The desk has it now and tells the rest to these. Whoever was told here, or may have been, and is not among them, is told
    its end here; who was not tried yet is left to the desk."""
    case.is_handed = True
    for name, one in case.receivers.items():
        if name in told or (one.stand is Stand.FIRING and one.attempts == 0):
            case.receivers[name] = Receiver(Stand.DONE)


def after(case: Case, name: str, verdict: Verdict, now_ms: int, chance: float) -> None:
    """What follows from an attempt that ended; `chance` is from 0 to 1 and spreads the next one by a fifth to both sides."""
    one = case.receivers[name]
    if one.stand not in (Stand.FIRING, Stand.RESOLVING):
        return
    if verdict is Verdict.SENT:
        if one.stand is Stand.RESOLVING:
            case.receivers[name] = Receiver(Stand.DONE)
        elif case.ended_ms is not None:
            case.receivers[name] = Receiver(Stand.RESOLVING, 0, now_ms, now_ms)
        else:
            case.receivers[name] = Receiver(Stand.TOLD)
    elif verdict is Verdict.NEVER or now_ms - one.began_ms > GIVE_UP_MS:
        case.receivers[name] = Receiver(Stand.DONE)
    else:
        pause_s = BACKOFF_S[min(one.attempts, len(BACKOFF_S)) - 1] * (0.8 + 0.4 * chance)
        case.receivers[name] = msgspec.structs.replace(one, next_ms=now_ms + round(pause_s * 1000))


def outgoing_of(case: Case, name: str) -> Outgoing:
    """The event under way to a receiver. The same at every attempt: ids of direct events are never those of the outbox."""
    one, condition = case.receivers[name], case.condition
    event = EventKind.RESOLVED if one.stand is Stand.RESOLVING else EventKind.FIRING
    seq = 1 if event is EventKind.RESOLVED else 0
    ended_ms = case.ended_ms if event is EventKind.RESOLVED else None
    state = IncidentState.RESOLVED if event is EventKind.RESOLVED else IncidentState.OPEN
    subject = Named(COLLECTOR_SUBJECT)
    facts = IncidentFacts(
        case.uid, 0, state, condition.severity, "", "", "", condition.since_ms, case.fired_ms, resolved_ms=ended_ms
    )
    alert = AlertFacts(
        case.uid, condition.key, condition.severity, subject, condition.state, condition.since_ms, condition.known_ms, ended_ms,
        condition.reason, condition.detail, condition.value, True,
    )  # fmt: skip
    made_ms = ended_ms if ended_ms is not None else case.fired_ms
    notice = Notice(event, made_ms, facts, (alert,), 1)
    return Outgoing(
        f"{case.uid}-direct-{seq}", name, case.uid, seq, event, notice, condition.severity, made_ms
    )  # fmt: skip


def told_of(case: Case) -> tuple[str, ...]:
    """Who has confirmed the firing and has not been told the end."""
    return tuple(sorted([name for name, one in case.receivers.items() if one.stand is Stand.TOLD]))


def key_is(case: Case, key: AlertKey) -> bool:
    """Whether a case is about this and not over."""
    return case.condition.key == key and case.ended_ms is None
