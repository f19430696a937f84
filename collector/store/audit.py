"""The audit trail: functions of a connection, in the caller's transaction. Rows are added and read, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, text

from collector.core.audit import AuditEntry, AuditRow, first_fault, row_after
from collector.store.tables_acts import audit

_LOCK = 0x48414155
"""PostgreSQL advisory lock: acts and audit rows are written one transaction after the other."""
_PAGE = 1_000


def serialize(connection: Connection) -> None:
    """From here to the end of the transaction nobody else writes acts. On SQLite a write transaction is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def append(connection: Connection, entry: AuditEntry) -> AuditRow:
    """Add an entry at the end of the chain; call `serialize` before."""
    row = row_after(head(connection), entry)
    connection.execute(insert(audit).values(id=row.seq, hash=row.hash, **msgspec.structs.asdict(entry)))
    return row


def head(connection: Connection) -> AuditRow | None:
    """The newest row, None while there is none."""
    found = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).first()
    return None if found is None else _row(found)


def newest(connection: Connection, before: int | None, limit: int) -> list[AuditRow]:
    """Rows before a number (None: from the end), newest first."""
    found = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        found = found.where(audit.c.id < before)
    return [_row(row) for row in connection.execute(found)]


def verify(connection: Connection) -> int | None:
    """Number of the first row that is missing or altered, None if the chain holds to its end."""
    last: AuditRow | None = None
    for page in pages(connection):
        fault = first_fault(page, last)
        if fault is not None:
            return fault
        last = page[-1]
    return None


def pages(connection: Connection) -> Iterator[list[AuditRow]]:
    """The whole trail, oldest first."""
    after = -(1 << 62)
    while True:
        found = select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(_PAGE)
        page = [_row(row) for row in connection.execute(found)]
        if not page:
            return
        yield page
        after = page[-1].seq


def _row(row: Row[Any]) -> AuditRow:
    entry = AuditEntry(row.t_ms, row.actor, row.role, row.source, row.act, row.object, row.details)
    return AuditRow(row.id, entry, bytes(row.hash))
