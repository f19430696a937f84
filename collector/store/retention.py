"""Evidence older than it must be kept goes; closed days, the chain and issued reports stay. Functions of a connection.

Small steps, each a transaction: reports must not wait for it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from collector.store.tables import blinds, clock_steps, evidence, losses, meta

STEP: Final = 5_000
"""Rows looked at in one transaction."""
PRUNED: Final = "pruned_before_ms"
"""`meta`: evidence from before this is incomplete."""


def step(connection: Connection, before_ms: int, after_id: int) -> tuple[int, int | None]:
    """Delete old evidence among the next rows behind `after_id`: how many went, and where to go on (None: done).

    Rows are in the order of receipt, and nothing is older than its receipt: behind the first step in which all was received
    since `before_ms` nothing is due.
    """
    e = evidence.c
    some = select(e.id, e.first_rx_ms).where(e.id > after_id).order_by(e.id).limit(STEP).subquery()
    last_id, first_rx_ms = connection.execute(select(func.max(some.c.id), func.min(some.c.first_rx_ms))).one()
    if last_id is None or first_rx_ms >= before_ms:
        return 0, None
    due = (e.id > after_id, e.id <= last_id, e.last_t_ms < before_ms, ~e.growing)
    return connection.execute(delete(evidence).where(*due)).rowcount, int(last_id)


def finish(connection: Connection, before_ms: int) -> None:
    """What is small goes at once; remember until when."""
    connection.execute(delete(losses).where(losses.c.rx_ms < before_ms))
    connection.execute(delete(blinds).where(blinds.c.until_ms < before_ms))
    connection.execute(delete(clock_steps).where(clock_steps.c.at_ms < before_ms))
    _raise(connection, meta, before_ms)


def _raise(connection: Connection, table: Table, before_ms: int) -> None:
    known = pruned_before(connection)
    if known is None:
        connection.execute(insert(table).values(key=PRUNED, number=before_ms))
    else:
        connection.execute(update(table).where(table.c.key == PRUNED).values(number=max(known, before_ms)))


def pruned_before(connection: Connection) -> int | None:
    """See `Store.pruned_before`."""
    found = connection.execute(select(meta.c.number).where(meta.c.key == PRUNED)).scalar()
    return None if found is None else int(found)
