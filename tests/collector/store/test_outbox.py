"""The outbox on SQLite and PostgreSQL: in order, once a receiver and event, nothing forgotten and nothing before its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event

from collector.core.alerting import OutboxSummary
from collector.core.audit import AuditEntry
from collector.core.delivery import Before, OutboxPort, Past
from collector.core.incident import EntryKind
from collector.core.notice import Changes, EventKind, Outgoing, RowState
from collector.store import outbox, tables_alerts
from collector.store.store import Store
from tests.collector.store.alerts_kit import DAY, T, entry, incident, outgoing, resolved

ACT = AuditEntry(T, "an", "operator", "192.0.2.1", "outbox.retry", "1", "{}")
FIRING, UPDATE, RESOLVED = EventKind.FIRING, EventKind.UPDATE, EventKind.RESOLVED
HANDED = entry(kind=EntryKind.FALLBACK, by="b")


async def put(store: Store, *events: Outgoing) -> None:
    await store.put_changes(Changes(outgoing=list(events)))


async def head_ids(store: Store, receiver: str = "truc_ca", limit: int = 99, busy: Sequence[str] = ()) -> list[int]:
    return [row.id for row in await store.outbox_heads(receiver, limit, busy)]


async def states(store: Store) -> dict[int, str]:
    return {row.id: row.state.value for row in reversed(await store.outbox_rows(None, None, 999))}


def instead(of: Outgoing, receiver: str = "b") -> Outgoing:
    return msgspec.structs.replace(of, receiver=receiver, first_receiver=of.receiver, created_ms=T + 99)


async def test_only_the_oldest_pending_row_of_an_order_may_be_delivered(store: Store) -> None:
    """A resolved waits for its firing; another incident and another receiver do not."""
    port: OutboxPort = store
    await put(
        store,
        outgoing(seq=1),
        outgoing(seq=2, event=RESOLVED),
        outgoing("i2", 1),
        outgoing(seq=1, receiver="b"),
    )
    assert await port.outbox_receivers() == ["b", "truc_ca"]
    assert (await head_ids(store), await head_ids(store, "b"), await head_ids(store, "c")) == ([1, 3], [4], [])
    assert await port.outbox_begin(1, T + 5) == 1
    assert await head_ids(store) == [1, 3], "in flight, it blocks as before"
    assert await head_ids(store, busy=["i1"]) == [3]
    assert await head_ids(store, limit=1) == [1]
    await port.outbox_failed(1, T + 60, "http_500: no")
    assert await head_ids(store) == [3, 1], "by when they are due"
    assert await port.outbox_begin(1, T + 61) == 2
    [row] = [row for row in await store.outbox_heads("truc_ca", 9) if row.id == 1]
    assert (row.attempts, row.next_ms, row.last_ms, row.error) == (2, T + 60, T + 61, "http_500: no")
    await port.outbox_delivered(1, T + 62, [entry(kind=EntryKind.DELIVERED)])
    assert await head_ids(store) == [2, 3]
    [row] = await store.outbox_rows(None, 2, 9)
    assert (row.state, row.done_ms, row.error) == (RowState.DELIVERED, T + 62, "")
    assert await store.incident_entries("i1") == [entry(kind=EntryKind.DELIVERED)]
    assert await port.outbox_begin(1, T + 63) is None


async def test_an_event_is_written_once_for_a_receiver(store: Store) -> None:
    """Whatever became of it meanwhile."""
    await put(store, outgoing())
    await store.outbox_begin(1, T)
    await store.outbox_delivered(1, T)
    await put(store, outgoing(), outgoing(receiver="b"))
    assert {row.outgoing.receiver: row.state for row in await store.outbox_rows(None, None, 9)} == {
        "truc_ca": RowState.DELIVERED,
        "b": RowState.PENDING,
    }
    assert await head_ids(store) == []


@pytest.mark.parametrize("end", ["delivered", "dead", "dropped"])
async def test_what_is_over_blocks_nothing_and_is_ended_once(store: Store, end: str) -> None:
    await put(store, outgoing(seq=1), outgoing(seq=2))
    if end == "delivered":
        await store.outbox_delivered(1, T + 1)
    elif end == "dead":
        await store.outbox_dead(1, T + 1, "http_404: gone", [entry(kind=EntryKind.UNDELIVERABLE)])
    else:
        await store.outbox_dropped(1, T + 1, "dropped: its firing never arrived")
    assert await head_ids(store) == [2]
    assert await store.outbox_begin(1, T + 2) is None
    await store.outbox_dead(1, T + 2, "late: x", [entry(text="late")], instead(outgoing(seq=1)))
    await store.outbox_dropped(1, T + 2, "late: x")
    assert not await store.outbox_fallback(1, T + 2, instead(outgoing(seq=1)), [entry(text="late")])
    [row] = await store.outbox_rows(None, 2, 9)
    assert (row.state.value, row.done_ms, row.fallback_ms) == (end, T + 1, None)
    assert not row.error.startswith("late")
    assert await store.incident_entries("i1") == ([entry(kind=EntryKind.UNDELIVERABLE)] if end == "dead" else [])


async def test_a_confirmation_counts_whatever_the_row_was_meanwhile(store: Store) -> None:
    """The receiver has it: a person who dropped it, or a patience that ended, does not make that untrue."""
    await put(store, outgoing(seq=1), outgoing(seq=2))
    await store.outbox_begin(1, T)
    await store.outbox_dead(1, T + 1, "timeout: 10 s")
    for _ in range(2):
        await store.outbox_delivered(1, T + 2, [entry(kind=EntryKind.DELIVERED)])
    assert await states(store) == {1: "delivered", 2: "pending"}
    assert await head_ids(store) == [2]
    assert len(await store.incident_entries("i1")) == 1
    await store.outbox_failed(1, T + 9, "late: x")
    [row] = await store.outbox_rows(RowState.DELIVERED, None, 9)
    assert (row.next_ms, row.error) == (0, "late: x")


async def test_a_second_channel_is_asked_once_and_not_with_what_it_knows(store: Store) -> None:
    await put(store, outgoing(seq=1), outgoing(seq=2, event=RESOLVED), outgoing("i2", 5), outgoing("i2", 5, "b"))
    assert await store.outbox_fallback(1, T + 5, instead(outgoing(seq=1)), [HANDED])
    assert not await store.outbox_fallback(1, T + 6, instead(outgoing(seq=1), "c"), [entry(text="again")])
    assert not await store.outbox_fallback(3, T + 6, instead(outgoing("i2", 4)), [entry("i2", text="older")])
    assert not await store.outbox_fallback(99, T + 6, instead(outgoing("i2", 4)), [entry("i2", text="nothing")])
    rows = {row.id: row for row in await store.outbox_rows(None, None, 9)}
    assert rows[5].outgoing == instead(outgoing(seq=1))
    assert (rows[1].state, rows[1].fallback_ms, rows[3].fallback_ms, len(rows)) == (RowState.PENDING, T + 5, T + 6, 5)
    assert (await store.incident_entries("i1"), await store.incident_entries("i2")) == ([HANDED], [])
    assert await head_ids(store, "b") == [4, 5]


async def test_a_dead_letter_asks_a_second_channel_in_the_same_transaction(store: Store) -> None:
    """Its timeline says that a second channel was asked only if one was."""
    given_up = entry(kind=EntryKind.UNDELIVERABLE, by="truc_ca")
    await put(store, outgoing(seq=1), outgoing(seq=2), outgoing(seq=2, receiver="b"))
    await store.outbox_dead(1, T + 5, "http_404: x", [given_up, HANDED], instead(outgoing(seq=1)))
    assert await store.incident_entries("i1") == [given_up], "b was told more than that already"
    assert [row.fallback_ms for row in await store.outbox_rows(RowState.DEAD, None, 9)] == [T + 5]
    third, again = outgoing("i1", 3), entry(kind=EntryKind.FALLBACK, at_ms=T + 7)
    await put(store, third)
    [row] = await store.outbox_rows(None, None, 1)
    await store.outbox_dead(row.id, T + 7, "http_404: x", [again], instead(third))
    assert await store.incident_entries("i1") == [given_up, again]
    assert [row.outgoing for row in await store.outbox_rows(None, None, 1)] == [instead(third)]


async def test_following_events_go_to_a_second_channel_that_was_asked_before(store: Store) -> None:
    await put(
        store,
        outgoing(seq=1, created_ms=T + 9),
        outgoing(seq=2, event=RESOLVED, created_ms=T),
        outgoing("i2", 1, event=UPDATE),
        outgoing("i3", 1, event=EventKind.TEST),
    )

    async def unasked(*events: EventKind, limit: int = 9) -> list[int]:
        return [row.id for row in await store.outbox_unasked("truc_ca", events or tuple(EventKind), limit)]

    assert await unasked() == [1]
    assert await unasked(RESOLVED, UPDATE) == await unasked(EventKind.REMINDER) == []
    await store.outbox_fallback(1, T, instead(outgoing(seq=1)))
    assert await unasked() == [2]
    await put(store, outgoing("i4", 1, created_ms=T - 1))
    assert (await unasked(), await unasked(limit=1), await unasked(FIRING)) == ([6, 2], [6], [6])
    assert await unasked(RESOLVED) == [2]
    await store.outbox_dropped(1, T, "x: y")
    await store.outbox_dead(2, T, "x: y")
    assert await unasked() == [6]


async def test_what_came_before_a_row_is_told_in_the_order_of_writing(store: Store) -> None:
    await put(store, outgoing(seq=1), outgoing(seq=2, event=UPDATE), outgoing(seq=3, event=RESOLVED))
    await put(store, outgoing("i2", 1), outgoing(seq=1, receiver="b"))
    assert await store.outbox_before(1) == Before((), is_handed=False)
    await store.outbox_dead(1, T, "http_404: x", fallback=instead(outgoing(seq=2), "c"))
    rows = (Past(FIRING, RowState.DEAD, "http_404: x"), Past(UPDATE, RowState.PENDING))
    assert await store.outbox_before(3) == Before(rows, is_handed=True)
    assert await store.outbox_before(4) == await store.outbox_before(5) == Before((), is_handed=False)
    assert await store.outbox_before(999) == Before((), is_handed=False)


async def test_what_came_before_is_bounded_to_the_newest(store: Store) -> None:
    await put(store, *[outgoing(seq=seq, event=UPDATE) for seq in range(1, 210)], outgoing(seq=300, event=RESOLVED))
    await store.outbox_dropped(10, T, "the: oldest told")
    rows = (await store.outbox_before(210)).rows
    assert (len(rows), rows[0].error) == (200, "the: oldest told")


async def test_the_outbox_is_summed_up(store: Store) -> None:
    assert await store.outbox_summary() == OutboxSummary(0, None, 0)
    await put(store, outgoing(created_ms=T + 9), outgoing("i2", created_ms=T + 5), outgoing("i3", created_ms=T + 7))
    assert await store.outbox_summary() == OutboxSummary(3, T + 5, 0)
    await store.outbox_dead(2, T, "x: y")
    await store.outbox_delivered(1, T)
    assert await store.outbox_summary() == OutboxSummary(1, T + 7, 1)


async def test_rows_come_in_pages_newest_first(store: Store) -> None:
    await put(store, *[outgoing(f"i{number}") for number in range(1, 6)], outgoing("i1", 2, "b"))
    await store.outbox_dead(2, T, "x: y")

    async def page(state: RowState | None, before: int | None, limit: int) -> list[int]:
        return [row.id for row in await store.outbox_rows(state, before, limit)]

    assert (await page(None, None, 2), await page(None, 3, 9)) == ([6, 5], [2, 1])
    assert (await page(RowState.DEAD, None, 9), await page(RowState.PENDING, 5, 2)) == ([2], [4, 3])
    assert [row.id for row in await store.outbox_of("i1", 9)] == [6, 1]
    assert [row.id for row in await store.outbox_of("i1", 1)] == [6]


async def test_a_retried_firing_brings_back_what_was_dropped_for_it(store: Store) -> None:
    """Or its receiver would hear the beginning and never the end; and it goes first again."""
    await put(store, outgoing(seq=1), outgoing(seq=2, event=RESOLVED), outgoing(seq=3), outgoing("i2"))
    await store.outbox_begin(1, T)
    await store.outbox_dead(1, T + 1, "http_404: x")
    await store.outbox_dropped(2, T + 2, "dropped: its firing never arrived")
    assert await head_ids(store) == [3, 4]
    assert await store.outbox_retry([1, 2, 3, 4, 99], T + 9, [ACT]) == [1]
    assert await states(store) == {1: "pending", 2: "pending", 3: "pending", 4: "pending"}
    assert await head_ids(store) == [4, 1]
    [row] = await store.outbox_rows(None, 2, 9)
    assert (row.attempts, row.next_ms, row.done_ms) == (1, T + 9, None)
    assert await store.outbox_begin(1, T + 10) == 2, "attempts go on being counted"
    assert [row.entry for row in await store.audit_rows(None, 9)] == [ACT]


async def test_nothing_is_audited_where_nothing_was_dead(store: Store) -> None:
    await put(store, outgoing())
    assert await store.outbox_retry([1, 7], T, [ACT]) == await store.outbox_drop([1], T, [ACT]) == []
    assert await store.audit_rows(None, 9) == []
    await store.outbox_dead(1, T, "http_404: x")
    assert await store.outbox_drop([1, 1], T + 1, [ACT]) == [1]
    [row] = await store.outbox_rows(None, None, 9)
    assert (row.state, row.error, len(await store.audit_rows(None, 9))) == (RowState.DROPPED, "http_404: x", 1)
    assert await store.outbox_retry([1], T + 2, [ACT]) == []


async def test_an_error_of_any_kind_is_kept(store: Store) -> None:
    """A receiver's reply decides what is in it; PostgreSQL takes neither NUL nor half a character."""
    await put(store, outgoing())
    await store.outbox_failed(1, T, "http_500: \0lỗi\ud800" + "x" * 9_000)
    [row] = await store.outbox_heads("truc_ca", 1)
    assert row.error == ("http_500: lỗi?" + "x" * 9_000)[:500]


async def test_delivered_rows_are_pruned_but_not_while_their_incident_lasts(store: Store) -> None:
    """A receiver that was told of an outage half a year ago is told of its end."""
    over_long, over_lately, lasting = resolved(1, T), resolved(2, T + DAY), incident(3)
    events = [outgoing(f"i{number}") for number in (1, 2, 3)]
    events += [outgoing("digest", 1), outgoing("digest", 2), outgoing("S1"), outgoing("S1", 1, "b"), outgoing("S2")]
    late = outgoing("S3", created_ms=T - 1)
    await store.put_changes(Changes(incidents=[over_long, over_lately, lasting], outgoing=[*events, late]))
    for id_ in (1, 2, 3, 4, 7):
        await store.outbox_delivered(id_, T)
    await store.outbox_dead(6, T, "x: y")
    await store.outbox_dropped(8, T, "x: y")
    await store.outbox_delivered(9, T + DAY)
    assert await store.prune_alerting(T + DAY) == 3
    assert await states(store) == {2: "delivered", 3: "delivered", 4: "delivered", 5: "pending", 6: "dead", 9: "delivered"}
    assert await head_ids(store) == [5]
    await store.outbox_delivered(5, T)
    assert await store.prune_alerting(T + DAY) == 2


async def test_a_number_is_never_used_again(store: Store) -> None:
    """Whoever wants to retry 17 must not get another row."""
    await put(store, outgoing("a"), outgoing("b"))
    for id_ in (1, 2):
        await store.outbox_delivered(id_, T)
    assert await store.prune_alerting(T + 10) == 2
    await put(store, outgoing("c"))
    assert await states(store) == {3: "pending"}


async def test_pruning_goes_on_behind_a_step_in_which_nothing_is_due(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STEP", 2)
    await put(store, *[outgoing(f"a{number}") for number in range(7)])
    for id_ in (1, 4, 5, 7):
        await store.outbox_delivered(id_, T)
    assert await store.prune_alerting(T + 10) == 4
    assert list(await states(store)) == [2, 3, 6]


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two collectors on one PostgreSQL database."""
    first = await Store.open(postgres_url)
    second = await Store.open(postgres_url)
    yield first, second
    await first.close()
    await second.close()


async def test_two_collectors_may_both_take_a_row_and_both_count_the_attempt(pair: tuple[Store, Store]) -> None:
    """There are no leases: what both deliver has one event id and two attempt numbers, and is delivered once."""
    await put(pair[0], outgoing())
    taken = await asyncio.gather(*[store.outbox_heads("truc_ca", 9) for store in pair])
    assert [[row.id for row in rows] for rows in taken] == [[1], [1]]
    assert sorted(await asyncio.gather(*[store.outbox_begin(1, T) for store in pair])) == [1, 2]  # type: ignore[type-var]
    await asyncio.gather(*[store.outbox_delivered(1, T, [entry(kind=EntryKind.DELIVERED)]) for store in pair])
    assert (await states(pair[0]), len(await pair[1].incident_entries("i1"))) == ({1: "delivered"}, 1)


async def test_no_head_is_lost_between_two_transactions(pair: tuple[Store, Store]) -> None:
    """One ends a row while the other writes the next of its order: neither sees what the other does."""
    await put(pair[0], outgoing(seq=1))
    for seq in range(1, 40):
        writes = put(pair[1], outgoing(seq=seq + 1))
        await asyncio.gather(pair[0].outbox_delivered(seq, T), writes)
        assert await head_ids(pair[0]) == [seq + 1]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delivered", "dead", "dropped", "failed", "retry", "drop", "fallback"]), st.integers(0, 30)
    ),
    max_size=25,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_heads_are_the_oldest_pending_rows_whatever_happens(store: Store, steps: list[tuple[str, int]]) -> None:
    await store._database.write(lambda c: c.execute(delete(tables_alerts.outbox)).close())
    for number, (step, choice) in enumerate(steps, 1):
        rows = await store.outbox_rows(None, None, 99)
        await _do(store, (step, choice), number, [row.id for row in rows])
        pending: dict[tuple[str, str], int] = {}
        for row in await store.outbox_rows(RowState.PENDING, None, 99):
            pending[row.outgoing.receiver, row.outgoing.order] = row.id
        for receiver in ("truc_ca", "b"):
            wanted = sorted(id_ for (name, _), id_ in pending.items() if name == receiver)
            assert sorted(await head_ids(store, receiver)) == wanted, f"after step {number}"
        assert await store.outbox_receivers() == sorted({name for name, _ in pending})


async def _do(store: Store, what: tuple[str, int], number: int, ids: list[int]) -> None:
    step, choice = what
    made = outgoing(f"i{choice % 3}", number, ("truc_ca", "b")[choice % 2])
    if step == "put" or not ids:
        await put(store, made)
        return
    id_ = ids[choice % len(ids)]
    acts: dict[str, Any] = {
        "delivered": lambda: store.outbox_delivered(id_, T),
        "dead": lambda: store.outbox_dead(id_, T, "x: y", (), instead(made) if choice % 2 else None),
        "dropped": lambda: store.outbox_dropped(id_, T, "x: y"),
        "failed": lambda: store.outbox_failed(id_, T + choice, "x: y"),
        "retry": lambda: store.outbox_retry([id_], T, ()),
        "drop": lambda: store.outbox_drop([id_], T, ()),
        "fallback": lambda: store.outbox_fallback(id_, T, instead(made)),
    }
    await acts[step]()


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda c: outbox.heads(c, "truc_ca", 9, ["i1"]), "ix_outbox_head"),
        (outbox.receivers, "ix_outbox_head"),
        (lambda c: outbox.unasked(c, "truc_ca", [FIRING, RESOLVED], 9), "ix_outbox_unasked"),
        (outbox.summary, "ix_outbox_pending"),
        (lambda c: outbox.page(c, RowState.DEAD, 7, 9), "ix_outbox_state"),
    ],
)
async def test_what_is_asked_each_second_looks_at_no_row_that_is_over(tmp_path: Path, ask: Any, index: str) -> None:
    """However many were delivered: an index has what is asked for, in that order."""
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")

    def plan(connection: Connection) -> str:
        asked: list[tuple[str, Any]] = []
        event.listen(connection, "before_cursor_execute", lambda _c, _cursor, sql, values, *_: asked.append((sql, values)))
        ask(connection)
        sql, values = asked[0]
        return "; ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values))

    found = await store._database.read(plan)
    await store.close()
    assert index in found
    assert "SCAN outbox;" not in f"{found};"
    assert "TEMP B-TREE" not in found
