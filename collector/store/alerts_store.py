"""The part of the store that keeps what is paged: alerts, incidents and their timeline, silences, and the outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from collector.core.alert import Alert
from collector.core.alerting import Loaded, OutboxSummary
from collector.core.audit import AuditEntry
from collector.core.delivery import Before
from collector.core.incident import Entry, Incident, IncidentState
from collector.core.notice import Changes, EventKind, OutboxRow, Outgoing, RowState
from collector.core.silencing import Silence
from collector.store import alerts, audit, outbox
from collector.store.engine import Database

_AUDIT_SEEN = 100
"""Newest audit rows among which an entry that is written a second time is found."""


class AlertsStore:
    """Mixed into `Store`. Each method is one transaction, if it does not say otherwise, and raises `change.StoreError`; what
    `core.delivery.OutboxPort` promises is not said again."""

    _database: Database

    async def load_alerting(self, now_ms: int) -> Loaded:
        """Open alerts, incidents that are not resolved or were at most 25 h ago, with all their alerts, and silences that are
        not ended, ended at most 8 days ago or whose end was not dealt with."""
        return await self._database.read(lambda c: alerts.load(c, now_ms))

    async def put_changes(
        self, changes: Changes, *, silences: Sequence[Silence] = (), audit: Sequence[AuditEntry] = ()
    ) -> None:
        """Write what one decision, or one act of a person, comes to, whole or not at all. The same written twice is as once, so
        that whoever does not know whether it was written may write it again."""

        def work(connection: Connection) -> None:
            _audit(connection, audit)
            outbox.lock(connection)
            alerts.put_alerts(connection, changes.alerts)
            alerts.put_incidents(connection, changes.incidents)
            alerts.put_silences(connection, silences)
            alerts.append(connection, changes.entries)
            outbox.put(connection, changes.outgoing)

        await self._database.write(work)

    # --- outbox, for the dispatcher

    async def outbox_receivers(self) -> list[str]:
        """Receivers that have pending rows."""
        return await self._database.read(outbox.receivers)

    async def outbox_heads(self, receiver: str, limit: int, busy: Collection[str] = ()) -> list[OutboxRow]:
        """What may be delivered next to a receiver, due or not."""
        return await self._database.read(lambda c: outbox.heads(c, receiver, limit, busy))

    async def outbox_unasked(self, receiver: str, events: Collection[EventKind], limit: int) -> list[OutboxRow]:
        """Pending rows with which a second channel may be asked."""
        return await self._database.read(lambda c: outbox.unasked(c, receiver, events, limit))

    async def outbox_before(self, id_: int) -> Before:
        """What came before a row in its receiver and order."""
        return await self._database.read(lambda c: outbox.before(c, id_))

    async def outbox_begin(self, id_: int, now_ms: int) -> int | None:
        """Begin an attempt: its number; None if the row is no longer pending."""
        return await self._database.write(lambda c: outbox.begin(c, id_, now_ms))

    async def outbox_delivered(self, id_: int, now_ms: int, entries: Sequence[Entry] = ()) -> None:
        """The receiver has confirmed. The entries are written the first time only."""
        await self._database.write(lambda c: outbox.delivered(c, id_, now_ms, entries))

    async def outbox_failed(self, id_: int, next_ms: int, error: str) -> None:
        """An attempt failed: not before `next_ms` again."""
        await self._database.write(lambda c: outbox.failed(c, id_, next_ms, error))

    async def outbox_dead(
        self, id_: int, now_ms: int, error: str, entries: Sequence[Entry] = (), fallback: Outgoing | None = None
    ) -> None:
        """A pending row is given up. Entries of the kind `fallback` are written only if the second channel is asked."""
        await self._database.write(lambda c: outbox.dead(c, id_, now_ms, error, (entries, fallback)))

    async def outbox_dropped(self, id_: int, now_ms: int, error: str) -> None:
        """A pending row is dropped: its receiver never got the firing that it belongs to."""
        await self._database.write(lambda c: outbox.dropped(c, id_, now_ms, error))

    async def outbox_fallback(self, id_: int, now_ms: int, fallback: Outgoing, entries: Sequence[Entry] = ()) -> bool:
        """Ask a second channel in place of a pending row's receiver; whether a row was written."""
        return await self._database.write(lambda c: outbox.ask(c, id_, now_ms, fallback, entries))

    async def outbox_summary(self) -> OutboxSummary:
        """How the outbox stands."""
        return await self._database.read(outbox.summary)

    # --- outbox, for people

    async def outbox_rows(self, state: RowState | None, before: int | None, limit: int) -> list[OutboxRow]:
        """Rows of a state, or all, before an id (None: from the end), newest first."""
        return await self._database.read(lambda c: outbox.page(c, state, before, limit))

    async def outbox_of(self, order: str, limit: int) -> list[OutboxRow]:
        """Rows of one order (an incident's uid, a silence's id) of every receiver, newest first."""
        return await self._database.read(lambda c: outbox.of_order(c, order, limit))

    async def outbox_retry(self, ids: Sequence[int], now_ms: int, audit: Sequence[AuditEntry]) -> list[int]:
        """Dead letters become pending and due, and with each what was dropped after it in its order; the ids that were dead.
        Nothing is written if there are none."""

        def work(connection: Connection) -> list[int]:
            _begin(connection)
            found = outbox.retry(connection, ids, now_ms)
            _audit(connection, audit if found else ())
            return found

        return await self._database.write(work)

    async def outbox_drop(self, ids: Sequence[int], now_ms: int, audit: Sequence[AuditEntry]) -> list[int]:
        """Dead letters are dropped; the ids that were dead. Nothing is written if there are none."""

        def work(connection: Connection) -> list[int]:
            _begin(connection)
            found = outbox.drop(connection, ids, now_ms)
            _audit(connection, audit if found else ())
            return found

        return await self._database.write(work)

    # --- what was

    async def incident_page(self, state: IncidentState | None, before: int | None, limit: int) -> list[Incident]:
        """Incidents of a state, or all, before a number (None: from the end), newest first."""
        return await self._database.read(lambda c: alerts.page(c, state, before, limit))

    async def incident_by(self, number: int) -> Incident | None:
        """An incident by the number that people type."""
        return await self._database.read(lambda c: alerts.by_number(c, number))

    async def incident_of(self, uid: str) -> Incident | None:
        """An incident by its uid."""
        return await self._database.read(lambda c: alerts.by_uid(c, uid))

    async def incident_entries(self, uid: str) -> list[Entry]:
        """An incident's timeline in the order in which it was written."""
        return await self._database.read(lambda c: alerts.entries_of(c, uid))

    async def incident_alerts(self, uid: str) -> list[Alert]:
        """An incident's alerts in the order in which they became known."""
        return await self._database.read(lambda c: alerts.alerts_of(c, uid))

    async def silence_page(self, before: int | None, limit: int) -> list[Silence]:
        """Silences before the number of an id (None: from the end), newest first."""
        return await self._database.read(lambda c: alerts.silence_page(c, before, limit))

    async def alerts_between(self, subject: str, from_ms: int, until_ms: int) -> list[Alert]:
        """Alerts of a subject that lasted at some moment of `[from_ms, until_ms)`, held or not, by onset."""
        return await self._database.read(lambda c: alerts.between(c, subject, from_ms, until_ms))

    # --- retention

    async def prune_alerting(self, before_ms: int) -> int:
        """Delete rows delivered or dropped before then, if their incident was over before then, and alerts over by then that
        belong to no incident; how many rows went. Incidents, their alerts and timelines stay. In small transactions."""
        gone, after = 0, 0
        while True:
            place = after
            some, go_on = await self._database.write(lambda c: outbox.prune(c, before_ms, place))  # noqa: B023
            gone += some
            if go_on is None:
                break
            after = go_on
        while some := await self._database.write(lambda c: alerts.prune(c, before_ms)):
            gone += some
        return gone


def _begin(connection: Connection) -> None:
    # In this order everywhere: of two transactions each would else wait for what the other has.
    audit.serialize(connection)
    outbox.lock(connection)


def _audit(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Add entries at the end of the trail, but those that were written before."""
    if not entries:
        return
    audit.serialize(connection)
    seen = {row.entry for row in audit.newest(connection, None, _AUDIT_SEEN)}
    for entry in entries:
        if entry not in seen:
            audit.append(connection, entry)
