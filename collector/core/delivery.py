"""Decisions about the delivery of outbox rows, and what is asked of whoever stores them. Pure: time and chance are arguments.

Delivery is at least once, one after the other within (receiver, order), retried for days, and handed to a second channel when
the first does not confirm in time. A receiver never hears the end of something whose beginning it cannot have heard.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Protocol

import msgspec

from collector.core.incident import Entry
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

    async def outbox_receivers(self) -> list[str]:
        """Receivers that have pending rows."""

    async def outbox_heads(self, receiver: str, limit: int, busy: Collection[str] = ()) -> list[OutboxRow]:
        """Pending heads of one receiver, due or not, by (next_ms, id), without those whose order is in `busy`."""

    async def outbox_unasked(self, receiver: str, events: Collection[EventKind], limit: int) -> list[OutboxRow]:
        """Pending rows of a receiver, heads or not, with one of these events, for which no second channel was asked
        (`fallback_ms` is None), by (created_ms, id): those with an event in `LEADING`, and of those with one in `FOLLOWING`
        only rows whose order has a row with `first_receiver` = `receiver`."""

    async def outbox_before(self, id_: int) -> Before:
        """What came before this row in its receiver and order."""

    async def outbox_begin(self, id_: int, now_ms: int) -> int | None:
        """Begin an attempt: `attempts` grows by 1 and is returned, `last_ms` is set; None, and nothing happens, if the row is
        no longer pending. `next_ms` stays, so that after a crash the row is due at once."""

    async def outbox_delivered(self, id_: int, now_ms: int, entries: Sequence[Entry] = ()) -> None:
        """The receiver has confirmed: delivered, whatever the row's state was meanwhile; `error` is emptied."""

    async def outbox_failed(self, id_: int, next_ms: int, error: str) -> None:
        """An attempt failed: not before `next_ms` again. Nothing but the error changes if the row is no longer pending."""

    async def outbox_dead(
        self, id_: int, now_ms: int, error: str, entries: Sequence[Entry] = (), fallback: Outgoing | None = None
    ) -> None:
        """A pending row is given up; with `fallback`, as `outbox_fallback` does. Nothing if it is no longer pending."""

    async def outbox_dropped(self, id_: int, now_ms: int, error: str) -> None:
        """A pending row is dropped: its receiver never got the firing that it belongs to."""

    async def outbox_fallback(self, id_: int, now_ms: int, fallback: Outgoing, entries: Sequence[Entry] = ()) -> bool:
        """Ask a second channel: if the row is pending and its `fallback_ms` is None, set that and write `fallback` and the
        entries; `fallback` is left out (and so are the entries) if its receiver has a row of this order whose `seq` is the
        same or higher: it was told as much already. Whether a row was written."""

    async def outbox_summary(self) -> Summary:
        """How the outbox stands."""
