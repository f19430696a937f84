"""The outbox: functions of a connection, in the caller's transaction.

Of each (receiver, order) the oldest pending row is its head (`is_head`); whatever adds rows or changes their state calls `lock`
first and `_settle` at the end. Two collectors on one database may both deliver a row: receivers tell it by its event id.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, delete, exists, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from collector.core.alert import Severity
from collector.core.alerting import OutboxSummary
from collector.core.change import StoreError
from collector.core.delivery import FOLLOWING, LEADING, Before, Past
from collector.core.incident import Entry, EntryKind
from collector.core.notice import EventKind, Notice, OutboxRow, Outgoing, RowState
from collector.store import alerts
from collector.store.tables_alerts import incidents, outbox

_LOCK = 0x48414F42
"""PostgreSQL advisory lock: rows are numbered in the order in which they are committed, and no head is lost between two
transactions that do not see each other."""
_NEWEST = 200
_LONGEST_ERROR = 500
STEP = 5_000
"""Rows looked at in one transaction."""

_log = logging.getLogger("haidang.store")
_encoder = msgspec.msgpack.Encoder()
_NOTICE = msgspec.msgpack.Decoder(Notice)
o = outbox.c
# As text: only a condition that is spelled as the index's own makes SQLite use a partial index.
_NOT_DONE = text("outbox.done_ms IS NULL")
_UNASKED = text("outbox.state = 'pending' AND outbox.fallback_ms IS NULL")
_HEAD = text("outbox.is_head")

_INSERTS = {
    name: dialect.insert(outbox).on_conflict_do_nothing(index_elements=["event_id", "receiver"])
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_other = outbox.alias("other")
_FIRST = (
    select(func.min(_other.c.id))
    .where(
        _other.c.order_key == bindparam("of_order"),
        _other.c.receiver == bindparam("of_receiver"),
        _other.c.state == RowState.PENDING.value,
    )
    .scalar_subquery()
)
_UNCROWN = (
    update(outbox)
    .where(o.order_key == bindparam("of_order"), o.receiver == bindparam("of_receiver"), _HEAD, o.id > _FIRST)
    .values(is_head=False)
)
_CROWN = update(outbox).where(o.id == _FIRST, o.is_head.is_(False)).values(is_head=True)
_LEAVING = {"is_head": False}
_IN_ORDER = tuple(sorted((LEADING | FOLLOWING) - {EventKind.NOTICE, EventKind.DIGEST}))
"""Events of an incident: what a receiver was told of it is not told after what came later. Others stand by themselves."""
_PASSED_BY = "dropped: what came after it was delivered"


def lock(connection: Connection) -> None:
    """From here to the end of the transaction nobody else writes here; after `audit.serialize`, where both are wanted."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def put(connection: Connection, outgoing: Iterable[Outgoing]) -> None:
    """Write events for receivers; what is there already stays as it is. Call `lock` before."""
    bodies: dict[int, bytes] = {}
    values = [_values(one, bodies) for one in outgoing]
    if values:
        connection.execute(_INSERTS[connection.dialect.name], values)
        _settle(connection, {(one["order_key"], one["receiver"]) for one in values})


def _values(one: Outgoing, bodies: dict[int, bytes]) -> dict[str, Any]:
    body = bodies.get(id(one.notice))
    if body is None:
        body = bodies[id(one.notice)] = _encoder.encode(one.notice)
    return {
        "event_id": one.event_id, "receiver": one.receiver, "order_key": one.order, "seq": one.seq, "event": one.event.value,
        "severity": one.severity.value, "created_ms": one.created_ms, "first_receiver": one.first_receiver,
        "state": RowState.PENDING.value, "is_head": False, "attempts": 0, "next_ms": 0, "last_ms": None, "done_ms": None,
        "fallback_ms": None, "error": "", "body": body,
    }  # fmt: skip


def _settle(connection: Connection, places: Collection[tuple[str, str]]) -> None:
    """Mark the heads of these (order, receiver) anew."""
    if places:
        values = [{"of_order": order, "of_receiver": receiver} for order, receiver in sorted(places)]
        connection.execute(_UNCROWN, values)
        connection.execute(_CROWN, values)


# --- what the dispatcher asks


def receivers(connection: Connection) -> list[str]:
    """See `Store.outbox_receivers`."""
    found: list[str] = []
    # One step in the index a receiver: a look at every head takes 0.1 s when tens of thousands wait.
    after = ""
    while True:
        following = select(o.receiver).where(_HEAD, o.receiver > after).order_by(o.receiver).limit(1)
        name = connection.execute(following).scalar()
        if name is None:
            return found
        found.append(name)
        after = name


def heads(connection: Connection, receiver: str, limit: int, busy: Collection[str]) -> list[OutboxRow]:
    """See `Store.outbox_heads`."""
    found = select(outbox).where(_HEAD, o.receiver == receiver).order_by(o.next_ms, o.id).limit(limit)
    if busy:
        found = found.where(o.order_key.not_in(sorted(busy)))
    return [_row(row) for row in connection.execute(found)]


def unasked(connection: Connection, receiver: str, events: Collection[EventKind], limit: int) -> list[OutboxRow]:
    """See `Store.outbox_unasked`."""
    handed = exists().where(_other.c.order_key == o.order_key, _other.c.first_receiver == receiver)
    leading = o.event.in_(sorted(LEADING & set(events)))
    following = o.event.in_(sorted(FOLLOWING & set(events))) & handed
    found = select(outbox).where(_UNASKED, o.receiver == receiver, leading | following)
    return [_row(row) for row in connection.execute(found.order_by(o.created_ms, o.id).limit(limit))]


def before(connection: Connection, id_: int) -> Before:
    """See `Store.outbox_before`."""
    one = connection.execute(select(o.order_key, o.receiver).where(o.id == id_)).first()
    if one is None:
        return Before((), is_handed=False)
    earlier = (o.order_key == one.order_key, o.receiver == one.receiver, o.id < id_)
    found = select(o.event, o.state, o.error).where(*earlier).order_by(o.id.desc()).limit(_NEWEST)
    past = [Past(EventKind(row.event), RowState(row.state), row.error) for row in connection.execute(found)]
    handed = select(o.id).where(o.order_key == one.order_key, o.first_receiver == one.receiver).limit(1)
    return Before(tuple(reversed(past)), is_handed=connection.execute(handed).first() is not None)


def begin(connection: Connection, id_: int, now_ms: int) -> int | None:
    """See `Store.outbox_begin`."""
    begun = update(outbox).where(o.id == id_, o.state == RowState.PENDING.value)
    begun = begun.values(attempts=o.attempts + 1, last_ms=now_ms).returning(o.attempts)
    return connection.execute(begun).scalar()


def delivered(connection: Connection, id_: int, now_ms: int, entries: Sequence[Entry]) -> None:
    """See `Store.outbox_delivered`."""
    lock(connection)
    done = update(outbox).where(o.id == id_, o.state != RowState.DELIVERED.value)
    done = done.values(state=RowState.DELIVERED.value, done_ms=now_ms, error="", **_LEAVING)
    row = connection.execute(done.returning(o.order_key, o.receiver)).first()
    if row is None:
        return
    past = (o.order_key == row.order_key, o.receiver == row.receiver, o.id < id_)
    passed_by = update(outbox).where(*past, o.state == RowState.PENDING.value, o.event.in_(_IN_ORDER))
    connection.execute(passed_by.values(state=RowState.DROPPED.value, done_ms=now_ms, error=_PASSED_BY, **_LEAVING))
    _settle(connection, [(row.order_key, row.receiver)])
    alerts.append(connection, entries)


def failed(connection: Connection, id_: int, next_ms: int, error: str) -> None:
    """See `Store.outbox_failed`."""
    later = case((o.state == RowState.PENDING.value, next_ms), else_=o.next_ms)
    connection.execute(update(outbox).where(o.id == id_).values(error=_text(error), next_ms=later))


def dead(connection: Connection, id_: int, now_ms: int, error: str, words: tuple[Sequence[Entry], Outgoing | None]) -> None:
    """See `Store.outbox_dead`; `words` are its entries and its fallback."""
    lock(connection)
    entries, fallback = words
    asked = fallback is not None and _ask(connection, id_, now_ms, fallback)
    given_up = update(outbox).where(o.id == id_, o.state == RowState.PENDING.value)
    if _leave(connection, given_up.values(state=RowState.DEAD.value, done_ms=now_ms, error=_text(error), **_LEAVING)):
        # Nobody is to read that a second channel was asked when it was told already.
        alerts.append(connection, [entry for entry in entries if asked or entry.kind is not EntryKind.FALLBACK])


def dropped(connection: Connection, id_: int, now_ms: int, error: str) -> None:
    """See `Store.outbox_dropped`."""
    lock(connection)
    gone = update(outbox).where(o.id == id_, o.state == RowState.PENDING.value)
    _leave(connection, gone.values(state=RowState.DROPPED.value, done_ms=now_ms, error=_text(error), **_LEAVING))


def ask(connection: Connection, id_: int, now_ms: int, fallback: Outgoing, entries: Sequence[Entry]) -> bool:
    """See `Store.outbox_fallback`."""
    lock(connection)
    written = _ask(connection, id_, now_ms, fallback)
    if written:
        alerts.append(connection, entries)
    return written


def _ask(connection: Connection, id_: int, now_ms: int, fallback: Outgoing) -> bool:
    mine = update(outbox).where(o.id == id_, o.state == RowState.PENDING.value, o.fallback_ms.is_(None))
    if not connection.execute(mine.values(fallback_ms=now_ms)).rowcount:
        return False
    receivers = [fallback.receiver]
    if fallback.event in FOLLOWING:
        asked = (o.order_key == fallback.order, o.first_receiver == fallback.first_receiver)
        receivers = list(connection.execute(select(o.receiver).where(*asked).distinct().order_by(o.receiver)).scalars())
    copies = [msgspec.structs.replace(fallback, receiver=one) for one in receivers if not _is_told(connection, fallback, one)]
    put(connection, copies)
    return bool(copies)


def _is_told(connection: Connection, fallback: Outgoing, receiver: str) -> bool:
    told = (o.order_key == fallback.order, o.receiver == receiver, o.seq >= fallback.seq)
    return connection.execute(select(o.id).where(*told).limit(1)).first() is not None


def _leave(connection: Connection, change: Any) -> bool:
    """Carry out a change of one row's state and let the next of its order come forward; whether there was such a row."""
    row = connection.execute(change.returning(o.order_key, o.receiver)).first()
    if row is not None:
        _settle(connection, [(row.order_key, row.receiver)])
    return row is not None


def _text(error: str) -> str:
    """What PostgreSQL takes too: no NUL, no half characters, not without end."""
    return error.replace("\0", "").encode(errors="replace").decode()[:_LONGEST_ERROR]


# --- what people ask


def summary(connection: Connection) -> OutboxSummary:
    """See `Store.outbox_summary`."""
    oldest_ms = connection.execute(select(o.created_ms).where(_NOT_DONE).order_by(o.created_ms).limit(1)).scalar()
    wanted = (RowState.PENDING.value, RowState.DEAD.value)
    counted = connection.execute(select(o.state, func.count()).where(o.state.in_(wanted)).group_by(o.state))
    counts = {row[0]: int(row[1]) for row in counted}
    return OutboxSummary(counts.get(RowState.PENDING.value, 0), oldest_ms, counts.get(RowState.DEAD.value, 0))


def page(connection: Connection, state: RowState | None, before_id: int | None, limit: int) -> list[OutboxRow]:
    """See `Store.outbox_rows`."""
    found = select(outbox).order_by(o.id.desc()).limit(limit)
    if state is not None:
        found = found.where(o.state == state.value)
    if before_id is not None:
        found = found.where(o.id < before_id)
    return [_row(row) for row in connection.execute(found)]


def of_order(connection: Connection, order: str, limit: int) -> list[OutboxRow]:
    """See `Store.outbox_of`."""
    found = select(outbox).where(o.order_key == order).order_by(o.id.desc()).limit(limit)
    return [_row(row) for row in connection.execute(found)]


def retry(connection: Connection, ids: Sequence[int], now_ms: int) -> list[int]:
    """See `Store.outbox_retry`. Call `lock` before."""
    again = {"state": RowState.PENDING.value, "next_ms": now_ms, "done_ms": None}
    later = (_other.c.order_key == o.order_key, _other.c.receiver == o.receiver, _other.c.id > o.id)
    is_past = o.event.in_(_IN_ORDER) & exists().where(*later, _other.c.state == RowState.DELIVERED.value)
    revived = _dead_of(connection, ids, ~is_past)
    for row in revived:
        connection.execute(update(outbox).where(o.id == row.id).values(**again))
        # What was dropped because its firing did not arrive has a meaning again.
        after = (o.order_key == row.order_key, o.receiver == row.receiver, o.id > row.id)
        connection.execute(update(outbox).where(*after, o.state == RowState.DROPPED.value).values(**again))
    _settle(connection, {(row.order_key, row.receiver) for row in revived})
    return [row.id for row in revived]


def drop(connection: Connection, ids: Sequence[int], now_ms: int) -> list[int]:
    """See `Store.outbox_drop`. Call `lock` before."""
    found = [row.id for row in _dead_of(connection, ids)]
    for id_ in found:
        connection.execute(update(outbox).where(o.id == id_).values(state=RowState.DROPPED.value, done_ms=now_ms))
    return found


def _dead_of(connection: Connection, ids: Sequence[int], *also: ColumnElement[bool]) -> list[Row[Any]]:
    wanted, found = sorted(set(ids)), list[Row[Any]]()
    for start in range(0, len(wanted), 500):
        some = select(o.id, o.order_key, o.receiver).where(o.id.in_(wanted[start : start + 500]), *also)
        found += connection.execute(some.where(o.state == RowState.DEAD.value).order_by(o.id))
    return found


def _row(row: Row[Any]) -> OutboxRow:
    event = EventKind(row.event)
    outgoing = Outgoing(
        row.event_id, row.receiver, row.order_key, row.seq, event, _notice(row, event), Severity(row.severity),
        row.created_ms, row.first_receiver,
    )  # fmt: skip
    return OutboxRow(
        row.id, outgoing, RowState(row.state), row.attempts, row.next_ms, row.last_ms, row.done_ms, row.error, row.fallback_ms
    )


def _notice(row: Row[Any], event: EventKind) -> Notice:
    try:
        return alerts.decode(_NOTICE, row.body, f"outbox row {row.id}")
    except StoreError as error:
        # One row whose facts are spoilt must not stop all that its receiver is to get: it goes out without them.
        _log.error("%s; its event is told without its facts", error)
        return Notice(event, row.created_ms)


# --- retention


def prune(connection: Connection, before_ms: int, after_id: int) -> tuple[int, int | None]:
    """Delete what is done with among the next rows behind `after_id`: how many went, and where to go on (None: nowhere).

    Rows of an incident that lasts stay, however old: what a receiver was told decides what it is told at the end.
    """
    some = select(o.id, o.created_ms).where(o.id > after_id).order_by(o.id).limit(STEP).subquery()
    last_id, oldest_ms = connection.execute(select(func.max(some.c.id), func.min(some.c.created_ms))).one()
    if last_id is None or oldest_ms >= before_ms:
        return 0, None
    # Of a dead letter as well: who tries it again shall find what came after it.
    kept = (RowState.PENDING.value, RowState.DEAD.value)
    waits = exists().where(_other.c.order_key == o.order_key, _other.c.receiver == o.receiver, _other.c.state.in_(kept))
    lasts = exists().where(incidents.c.uid == o.order_key, func.coalesce(incidents.c.over_ms, before_ms) >= before_ms)
    done = o.state.in_((RowState.DELIVERED.value, RowState.DROPPED.value))
    due = (o.id > after_id, o.id <= last_id, done, o.done_ms < before_ms, ~waits, ~lasts)
    return connection.execute(delete(outbox).where(*due)).rowcount, int(last_id)
