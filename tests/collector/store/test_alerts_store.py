"""Alerts, incidents, timelines and silences on SQLite and PostgreSQL: whole or not at all, once, and back as they were."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from collector.core.alerting import Loaded
from collector.core.audit import AuditEntry
from collector.core.change import StoreError
from collector.core.notice import Changes, RowState
from collector.store.store import Store
from tests.collector.store.alerts_kit import T, alert, entry, incident, outgoing, silence

ACT = AuditEntry(T, "an", "operator", "192.0.2.1", "incident.acknowledge", "1", "{}")


def everything() -> Changes:
    return Changes([alert(incident="i1")], [incident()], [entry(), entry(at_ms=T + 1)], [outgoing(), outgoing(receiver="b")])


async def test_what_is_written_twice_is_as_once(store: Store) -> None:
    """Nobody knows whether a write arrived whose answer is lost: it is written again."""
    for _ in range(2):
        await store.put_changes(everything(), silences=[silence()], audit=[ACT])
    loaded = Loaded([alert(incident="i1")], [incident()], 2, [silence()], 2)
    assert await store.load_alerting(T) == loaded
    assert await store.incident_entries("i1") == [entry(), entry(at_ms=T + 1)]
    assert [row.outgoing.receiver for row in await store.outbox_rows(RowState.PENDING, None, 9)] == ["b", "truc_ca"]
    assert [row.entry for row in await store.audit_rows(None, 9)] == [ACT]
    assert await store.verify_audit() is None


@pytest.mark.parametrize("table", ["alerts", "incidents", "incident_entries", "silences", "outbox", "audit"])
async def test_changes_are_written_whole_or_not_at_all(store: Store, table: str) -> None:
    """Whichever part fails, no page is marked as sent that is not in the outbox."""
    database = store._database
    await database.write(lambda c: c.execute(text(f"ALTER TABLE {table} RENAME TO away")).close())
    with pytest.raises(StoreError):
        await store.put_changes(everything(), silences=[silence()], audit=[ACT])
    await database.write(lambda c: c.execute(text(f"ALTER TABLE away RENAME TO {table}")).close())
    assert await store.load_alerting(T) == Loaded()
    assert await store.incident_entries("i1") == await store.outbox_rows(None, None, 9) == []
    assert await store.audit_rows(None, 9) == []
    await store.put_changes(everything(), silences=[silence()], audit=[ACT])
    assert (await store.load_alerting(T)).next_number == 2
