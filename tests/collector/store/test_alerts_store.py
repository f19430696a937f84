"""Alerts, incidents, timelines and silences on SQLite and PostgreSQL: whole or not at all, once, and back as they were."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url, text, update

from collector.core.alert import Alert, Hold, HoldReason
from collector.core.alerting import Loaded
from collector.core.audit import AuditEntry
from collector.core.change import StoreError
from collector.core.incident import Entry, Incident, IncidentState
from collector.core.notice import Changes, Outgoing, RowState
from collector.core.silencing import Silence
from collector.store import alerts, outbox, tables_alerts
from collector.store.store import Store
from tests.collector.store.alerts_kit import (
    DAY,
    HOUR,
    T,
    alert,
    entry,
    incident,
    outgoing,
    resolved,
    silence,
    values_of,
)

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


async def test_what_changed_is_replaced_by_uid(store: Store) -> None:
    await store.put_changes(everything(), silences=[silence()])
    paged = alert(incident="i1", paged_ms=T + 7, hold=Hold(HoldReason.SILENCE, "S1", T, T + HOUR))
    graver, ended = incident(level=2, told=("truc_ca", "b")), silence(expired_ms=T + 9, expired_by="binh")
    await store.put_changes(Changes([paged], [graver]), silences=[ended])
    assert await store.load_alerting(T) == Loaded([paged], [graver], 2, [ended], 2)
    assert await store.incident_entries("i1") == [entry(), entry(at_ms=T + 1)]


async def test_a_start_takes_up_what_lasts_and_what_was_over_lately(store: Store) -> None:
    """Resolved less than 25 h ago: the condition may come back and open it again. Closed by hand while its alert lasts: the
    alert goes nowhere without it, however long ago."""
    now_ms = T + 30 * DAY
    lately, long_ago = resolved(2, now_ms - 25 * HOUR + 1), resolved(3, now_ms - 25 * HOUR)
    by_hand, still = resolved(4, T), incident(1)
    gone = {"ended_ms": T + 1, "gone_ms": T + 2}
    kept = [
        alert("a", incident="i1", **gone),
        alert("b", T + 1, incident="i2", **gone),
        alert("c", T + 2, incident="i4"),
        alert("d", T + 3),
    ]
    left = [alert("e", incident="i3", **gone), alert("f", **gone)]
    silences = [
        silence(1, to_ms=now_ms + 1),
        silence(2, to_ms=now_ms - 8 * DAY + 1, told_end=True),
        silence(3),
        silence(4, to_ms=now_ms - 8 * DAY, told_end=True),
        silence(5, to_ms=now_ms + DAY, expired_ms=T + 1, told_end=True),
    ]
    await store.put_changes(Changes(left + kept, [long_ago, by_hand, lately, still]), silences=silences)
    assert await store.load_alerting(now_ms) == Loaded(kept, [still, lately, by_hand], 5, silences[:3], 6)


async def test_a_number_belongs_to_one_incident(store: Store) -> None:
    await store.put_changes(Changes(incidents=[incident(1)]))
    with pytest.raises(StoreError):
        await store.put_changes(Changes(incidents=[incident(1, uid="other")]))
    assert (await store.load_alerting(T)).incidents == [incident(1)]


async def test_incidents_and_silences_come_in_pages_newest_first(store: Store) -> None:
    open_ones = [incident(number) for number in range(1, 12)]
    over = [resolved(number, T) for number in (3, 11)]
    await store.put_changes(Changes(incidents=open_ones + over), silences=[silence(number) for number in range(1, 12)])

    async def numbers(state: IncidentState | None, before: int | None) -> list[int]:
        return [one.number for one in await store.incident_page(state, before, 3)]

    assert await numbers(None, None) == [11, 10, 9]
    assert await numbers(None, 3) == [2, 1]
    assert await numbers(IncidentState.OPEN, 5) == [4, 2, 1]
    assert await numbers(IncidentState.RESOLVED, None) == [11, 3]
    assert (await store.incident_by(3), await store.incident_by(99)) == (over[0], None)
    assert [one.id for one in await store.silence_page(None, 2)] == ["S11", "S10"], "by number, not as text"
    assert [one.id for one in await store.silence_page(3, 9)] == ["S2", "S1"]


async def test_alerts_of_a_subject_are_found_by_when_they_lasted(store: Store) -> None:
    over = alert(known_ms=T, since_ms=T - 10, ended_ms=T + 10, gone_ms=T + 15, incident="i1")
    out_of_service = alert(known_ms=T + 20, since_ms=T + 20, gone_ms=T + 30)
    moment = alert(known_ms=T + 40, since_ms=T + 40, ended_ms=T + 40, gone_ms=T + 41)
    lasting = alert(known_ms=T + 50, since_ms=T + 50, incident="i1")
    await store.put_changes(Changes([lasting, over, moment, out_of_service, alert("other")]))

    async def found(from_ms: int, until_ms: int) -> list[Alert]:
        return await store.alerts_between("web1", T + from_ms, T + until_ms)

    assert await found(-99, 99) == [over, out_of_service, moment, lasting]
    assert await found(-99, -10) == []
    assert await found(9, 20) == [over]
    assert await found(10, 20) == []
    assert await found(29, 41) == [out_of_service, moment]
    assert await found(900, 901) == [lasting]
    assert await store.incident_alerts("i1") == [over, lasting]


async def test_only_what_nobody_asks_for_any_more_is_pruned(store: Store) -> None:
    old = {"ended_ms": T, "gone_ms": T}
    stays = [alert("a", incident="i1", **old), alert("b"), alert("c", ended_ms=T, gone_ms=T + DAY)]
    await store.put_changes(Changes([alert("d", **old), alert("e", **old), *stays], [resolved(1, T)], [entry()]))
    assert await store.prune_alerting(T + DAY) == 2
    assert await store.prune_alerting(T + DAY) == 0
    left = [await store.alerts_between(subject, T - DAY, T + DAY) for subject in "abcde"]
    assert left == [[stays[0]], [stays[1]], [stays[2]], [], []]
    assert (await store.incident_by(1), await store.incident_entries("i1")) == (resolved(1, T), [entry()])


async def test_more_than_one_step_is_pruned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "STEP", 2)
    await store.put_changes(Changes([alert(f"t{number}", ended_ms=T, gone_ms=T) for number in range(5)]))
    assert await store.prune_alerting(T + 1) == 5


_numbers = itertools.count(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.tuples(*map(values_of, (Alert, Incident, Entry, Outgoing, Silence))))
async def test_every_value_comes_back_as_it_was(store: Store, values: Any) -> None:
    number = next(_numbers)
    replace, uid = msgspec.structs.replace, f"u{number}"
    one, of, line, sent, mute = values
    one, line = replace(one, uid=uid, incident=uid), replace(line, incident=uid)
    of, sent, mute = replace(of, uid=uid, number=number), replace(sent, order=uid, event_id=uid), replace(mute, id=f"S{number}")
    await store.put_changes(Changes([one], [of], [line], [sent]), silences=[mute])
    assert await store.incident_alerts(uid) == [one]
    assert await store.incident_by(number) == of
    assert await store.incident_entries(uid) == [line]
    assert [row.outgoing for row in await store.outbox_of(uid, 9)] == [sent]
    assert await store.silence_page(number + 1, 1) == [mute]


async def test_bytes_of_a_newer_program_are_read_and_what_no_program_wrote_is_named(store: Store) -> None:
    """A field that this program does not know is left alone; a damaged row is an error that says which."""
    await store.put_changes(everything())
    body = msgspec.msgpack.encode(msgspec.to_builtins(alert(incident="i1")) | {"mood": "grim"})
    change = update(tables_alerts.alerts)
    await store._database.write(lambda c: c.execute(change.values(body=body)).close())
    assert (await store.load_alerting(T)).alerts == [alert(incident="i1")]
    await store._database.write(lambda c: c.execute(change.values(body=b"\xc1")).close())
    with pytest.raises(StoreError, match=r"alert .* of web1 cannot be read"):
        await store.load_alerting(T)


async def test_two_who_write_at_once_are_one_after_the_other(postgres_url: str, postgres_folder: Path) -> None:
    """Rows are numbered in the order in which they are committed: whoever has read up to a number has missed nothing."""
    store = await Store.open(postgres_url)
    name = make_url(postgres_url).database
    other = await asyncpg.connect(host=str(postgres_folder), user="haidang", database=name)
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", outbox._LOCK)
        writing = asyncio.create_task(store.put_changes(everything()))
        async with asyncio.timeout(10):
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                await asyncio.sleep(0)
        assert not writing.done()
        assert await store.outbox_rows(None, None, 9) == []
    await writing
    assert len(await store.outbox_rows(None, None, 9)) == 2
    await other.close()
    await store.close()
