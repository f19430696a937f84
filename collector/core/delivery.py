"""Decisions about the delivery of outbox rows, and what is asked of whoever stores them. Pure: time and chance are arguments.

Delivery is at least once, one after the other within (receiver, order), retried for days, and handed to a second channel when
the first does not confirm in time. A receiver never hears the end of something whose beginning it cannot have heard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Final, Protocol

import msgspec

from collector.core.incident import Entry, EntryKind
from collector.core.notice import EventKind, OutboxRow, Outgoing, RowState

LEADING: Final = frozenset({EventKind.FIRING, EventKind.REMINDER, EventKind.NOTICE, EventKind.DIGEST})
"""Events that stand by themselves: a second channel is asked with them when the first does not confirm in time. The others
but a test (`update`, `acknowledged`, `resolved`) follow them: the second channel gets these if it was asked in their order."""

FOLLOWING: Final = frozenset({EventKind.UPDATE, EventKind.ACKNOWLEDGED, EventKind.RESOLVED})


class Past(msgspec.Struct, frozen=True):
    """An earlier row of the same receiver and order."""

    event: EventKind
    state: RowState
    error: str = ""
    """As in the row: `class: text`."""


class Before(msgspec.Struct, frozen=True):
    """What came before a row in its receiver and order."""

    rows: tuple[Past, ...]
    """In the order of writing; the newest 200 at most."""
    is_handed: bool
    """Whether a second channel was asked in the receiver's place in this order (a row has it as `first_receiver`)."""


class Summary(Protocol):
    """How the outbox stands."""

    @property
    def pending(self) -> int: ...

    @property
    def oldest_ms(self) -> int | None:
        """`created_ms` of the oldest pending row; None: there is none."""

    @property
    def dead(self) -> int: ...


class OutboxPort(Protocol):
    """What the dispatcher asks of the store. Each method is one transaction and raises `change.StoreError`.

    A row is the *head* of its (receiver, order) if no pending row of these was written before it: delivered, dead and dropped
    ones do not block. Rows of one (receiver, order) have growing `seq`, in the order of writing: see `outbox_fallback`.
    """

    def outbox_receivers(self) -> Awaitable[list[str]]:
        """Receivers that have pending rows."""

    def outbox_heads(self, receiver: str, limit: int, busy: Collection[str] = ()) -> Awaitable[list[OutboxRow]]:
        """Pending heads of one receiver, due or not, by (next_ms, id), without those whose order is in `busy`."""

    def outbox_unasked(self, receiver: str, events: Collection[EventKind], limit: int) -> Awaitable[list[OutboxRow]]:
        """Pending rows of a receiver, heads or not, with one of these events, for which no second channel was asked
        (`fallback_ms` is None), by (created_ms, id): those with an event in `LEADING`, and of those with one in `FOLLOWING`
        only rows whose order has a row with `first_receiver` = `receiver`."""

    def outbox_before(self, id_: int) -> Awaitable[Before]:
        """What came before this row in its receiver and order."""

    def outbox_begin(self, id_: int, now_ms: int) -> Awaitable[int | None]:
        """Begin an attempt: `attempts` grows by 1 and is returned, `last_ms` is set; None, and nothing happens, if the row is
        no longer pending. `next_ms` stays, so that after a crash the row is due at once."""

    def outbox_delivered(self, id_: int, now_ms: int, entries: Sequence[Entry] = ()) -> Awaitable[None]:
        """The receiver has confirmed: delivered, whatever the row's state was meanwhile; `error` is emptied. What somebody
        revived before it meanwhile, of the same incident, is dropped: it is past."""

    def outbox_failed(self, id_: int, next_ms: int, error: str) -> Awaitable[None]:
        """An attempt failed: not before `next_ms` again. Nothing but the error changes if the row is no longer pending."""

    def outbox_dead(
        self, id_: int, now_ms: int, error: str, entries: Sequence[Entry] = (), fallback: Outgoing | None = None
    ) -> Awaitable[None]:
        """A pending row is given up; with `fallback`, as `outbox_fallback` does. Nothing if it is no longer pending."""

    def outbox_dropped(self, id_: int, now_ms: int, error: str) -> Awaitable[None]:
        """A pending row is dropped: its receiver never got the firing that it belongs to."""

    def outbox_fallback(self, id_: int, now_ms: int, fallback: Outgoing, entries: Sequence[Entry] = ()) -> Awaitable[bool]:
        """Ask a second channel: if the row is pending and its `fallback_ms` is None, set that and write `fallback` and the
        entries; `fallback` is left out (and so are the entries) if its receiver has a row of this order whose `seq` is the
        same or higher: it was told as much already. An event in `FOLLOWING` goes to whoever was asked with its beginning,
        whatever the settings say by now, and to nobody else. Whether a row was written."""

    def outbox_summary(self) -> Awaitable[Summary]:
        """How the outbox stands."""


class Terms(msgspec.Struct, frozen=True):
    """What a receiver's settings say of delivery; times in milliseconds."""

    receiver: str
    give_up_ms: int = 259_200_000
    fallback: str = ""
    """Receiver of the second channel; empty: there is none."""
    confirm_ms: int = 120_000
    wanted: frozenset[EventKind] = frozenset()
    """Events that the second channel wants."""


class Failed(msgspec.Struct, frozen=True):
    """Why an attempt failed."""

    failure: str
    """Word of `channel.Failure`."""
    error: str
    """`class: text`, without secrets."""
    permanent: bool = False
    retry_after_s: float | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What follows from a failed attempt."""

    is_dead: bool
    next_ms: int
    """When it is tried again unless it is dead."""
    fallback: Outgoing | None
    """For the second channel, which is asked at once."""


_BASE_MS: Final = 1_000
MOST_WAIT_MS: Final = 300_000
"""Between two attempts of one row."""
MOST_PAUSE_MS: Final = 30_000
"""Between two attempts at a receiver that fails, whatever the rows: so long does a new page wait at most once it is back."""
_JITTER: Final = 0.2
_TEST_MS: Final = 600_000
"""A test of a receiver is given up after this."""
_AT_ONCE: Final = frozenset({"auth", "settings"})
"""Failures that a person must mend: the second channel is asked without waiting, the first all the same again and again."""
_NEVER_ARRIVED: Final = frozenset({"auth", "rejected", "refused", "unreachable", "unresolved", "tls", "settings", "rate_limit"})
"""Failures after which the receiver cannot have taken the event."""
_BEGINNINGS: Final = frozenset({EventKind.FIRING, EventKind.REMINDER})


def backoff_ms(failures: int, chance: float, most_ms: int = MOST_WAIT_MS) -> int:
    """Wait after `failures` failures in a row: 1 s, doubled each time up to `most_ms`, and a fifth more or less by `chance`, a
    number in [0, 1)."""
    ceiling = min(most_ms, _BASE_MS << min(max(failures, 1) - 1, 32))
    return round(ceiling * (1 - _JITTER + 2 * _JITTER * chance))


def judge_failure(row: OutboxRow, failed: Failed, terms: Terms, now_ms: int, chance: float) -> Verdict:
    """What to do after a failed attempt of `row`, in which `attempts` counts it. A permanent failure, or one after the time to
    give up, is the last."""
    event, created_ms = row.outgoing.event, row.outgoing.created_ms
    patience_ms = _TEST_MS if event is EventKind.TEST else terms.give_up_ms
    is_dead = failed.permanent or now_ms - created_ms >= patience_ms
    asks = (is_dead or failed.failure in _AT_ONCE) and event in LEADING and row.fallback_ms is None
    pause_ms = max(backoff_ms(row.attempts, chance), round((failed.retry_after_s or 0.0) * 1_000))
    return Verdict(is_dead, now_ms + pause_ms, copy_for_fallback(row, terms, now_ms) if asks else None)


def copy_for_fallback(row: OutboxRow, terms: Terms, now_ms: int) -> Outgoing | None:
    """The event of a row for the second channel; None where there is none, or it does not want such events. An end is copied
    though the settings name none any more: whoever was asked with the beginning gets it (`OutboxPort.outbox_fallback`)."""
    has_second = bool(terms.fallback) and terms.fallback != terms.receiver
    if row.outgoing.event not in terms.wanted if has_second else row.outgoing.event is not EventKind.RESOLVED:
        return None
    return msgspec.structs.replace(
        row.outgoing, receiver=terms.fallback, first_receiver=row.outgoing.receiver, created_ms=now_ms
    )


def hand_over_ms(row: OutboxRow, terms: Terms) -> int:
    """When the second channel is asked with a row for which it was not: at once with what follows something it was told."""
    return row.outgoing.created_ms + terms.confirm_ms if row.outgoing.event in LEADING else 0


def is_owed(event: EventKind, before: Before) -> bool:
    """Whether a receiver is to hear this event. What follows a firing is not owed if every firing and reminder since the last
    resolved that was delivered is one that the receiver cannot have got. Nothing known of any: it is, rows are forgotten."""
    if event not in FOLLOWING:
        return True
    beginnings = []
    for past in reversed(before.rows):
        if past.event is EventKind.RESOLVED and past.state is RowState.DELIVERED:
            break
        if past.event in _BEGINNINGS:
            beginnings.append(past)
    return not beginnings or any(map(_may_have_arrived, beginnings))


def _may_have_arrived(past: Past) -> bool:
    if past.state in (RowState.DELIVERED, RowState.PENDING):
        return True
    return past.error != "" and past.error.partition(":")[0] not in _NEVER_ARRIVED


def entries_of(row: OutboxRow, kind: EntryKind, at_ms: int, by: str, text: str) -> tuple[Entry, ...]:
    """The line for the timeline of the row's incident; none if it is about none."""
    incident = row.outgoing.notice.incident
    return () if incident is None else (Entry(incident.uid, at_ms, kind, by, None, f"{row.outgoing.event.value}{text}"),)
