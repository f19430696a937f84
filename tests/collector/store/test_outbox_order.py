"""The outbox against what would tell a receiver things in the wrong order, or never: late retries, spoilt rows, new files."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import text

from collector.core.audit import AuditEntry
from collector.core.notice import Changes, EventKind, Notice, Outgoing, RowState
from collector.store.store import Store
from tests.collector.store.alerts_kit import DAY, T, outgoing, resolved

FIRING, UPDATE, RESOLVED = EventKind.FIRING, EventKind.UPDATE, EventKind.RESOLVED


async def put(store: Store, *events: Outgoing) -> None:
    await store.put_changes(Changes(outgoing=list(events)))


async def states(store: Store) -> dict[int, str]:
    return {row.id: row.state.value for row in reversed(await store.outbox_rows(None, None, 999))}


async def head_ids(store: Store, receiver: str = "truc_ca", busy: Sequence[str] = ()) -> list[int]:
    return [row.id for row in await store.outbox_heads(receiver, 99, busy)]


async def test_a_dead_letter_is_not_tried_again_once_what_came_after_it_was_delivered(store: Store) -> None:
    """Or a receiver would hear that something began after it heard that it is over."""
    await put(store, outgoing(seq=1), outgoing(seq=2, event=UPDATE), outgoing(seq=3, event=RESOLVED), outgoing("i2", 1))
    await store.outbox_dead(1, T, "timeout: x")
    await store.outbox_dead(2, T, "timeout: x")
    await store.outbox_dead(4, T, "timeout: x")
    await store.outbox_delivered(3, T)
    assert await store.outbox_retry([1, 2, 4], T + 1, ()) == [4]
    assert await states(store) == {1: "dead", 2: "dead", 3: "delivered", 4: "pending"}


async def test_what_belongs_to_no_incident_is_tried_again_whatever_came_later(store: Store) -> None:
    """A digest of Monday is worth reading though Tuesday's has arrived."""
    await put(store, *[outgoing("digest", seq, event=EventKind.DIGEST) for seq in (1, 2, 3)])
    await store.outbox_dead(1, T, "timeout: x")
    await store.outbox_delivered(2, T)
    assert await store.outbox_retry([1], T, ()) == [1]
    await store.outbox_delivered(3, T)
    assert (await states(store))[1] == "pending"


async def test_what_is_revived_while_the_next_is_on_its_way_is_dropped_with_its_delivery(store: Store) -> None:
    """A person retries the firing in the second in which the receiver takes the resolved."""
    await put(store, outgoing(seq=1), outgoing(seq=2, event=RESOLVED), outgoing(seq=1, receiver="b"), outgoing("i2", 1))
    await store.outbox_dead(1, T, "timeout: x")
    await store.outbox_begin(2, T)
    assert await store.outbox_retry([1], T, ()) == [1]
    await store.outbox_delivered(2, T + 1)
    assert await states(store) == {1: "dropped", 2: "delivered", 3: "pending", 4: "pending"}
    assert (await head_ids(store), await head_ids(store, "b")) == ([4], [3])
    [row] = await store.outbox_rows(RowState.DROPPED, None, 9)
    assert (row.error, row.done_ms) == ("dropped: what came after it was delivered", T + 1)


async def test_what_came_after_a_dead_letter_is_kept_as_long_as_that_is(store: Store) -> None:
    """Or somebody who tries it again would page for what was over half a year ago."""
    await store.put_changes(
        Changes(incidents=[resolved(1, T)], outgoing=[outgoing("i1", 1), outgoing("i1", 2, event=RESOLVED)])
    )
    await store.outbox_dead(1, T, "timeout: x")
    await store.outbox_delivered(2, T)
    assert await store.prune_alerting(T + 200 * DAY) == 0
    assert await store.outbox_retry([1], T + 200 * DAY, ()) == []
    await store.outbox_drop([1], T + 1, ())
    assert await store.prune_alerting(T + 200 * DAY) == 2


@pytest.mark.parametrize("body", ["", "00", "c1", "93"])
async def test_a_row_whose_facts_are_spoilt_stops_nothing(
    body: str, store: Store, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its event is told without them; what else its receiver gets, and the list of people, go on."""
    await put(store, outgoing("i1", 1), outgoing("i2", 1))
    raw = f"X'{body}'" if url.startswith("sqlite") else f"'\\x{body}'"
    await store._database.write(lambda c: c.execute(text(f"UPDATE outbox SET body = {raw} WHERE id = 1")))
    with caplog.at_level(logging.ERROR):
        rows = await store.outbox_heads("truc_ca", 9)
        assert [row.id for row in await store.outbox_rows(None, None, 9)] == [2, 1]
    assert [row.id for row in rows] == [1, 2]
    assert rows[0].outgoing.notice == Notice(FIRING, rows[0].outgoing.created_ms)
    assert "outbox row 1 cannot be read" in caplog.text


def _copy(of: Outgoing, receiver: str) -> Outgoing:
    return msgspec.structs.replace(of, receiver=receiver, first_receiver=of.receiver)


async def test_the_end_goes_to_whoever_was_asked_with_the_beginning(store: Store) -> None:
    """Though the on-call file names another second channel by now, or none: who was never told hears of no end."""
    firing, end = outgoing(seq=1), outgoing(seq=2, event=RESOLVED)
    await put(store, firing, end)
    assert await store.outbox_fallback(1, T, _copy(firing, "old"))
    await store.outbox_delivered(1, T)
    assert await store.outbox_fallback(2, T, _copy(end, "new"))
    rows = [(row.outgoing.receiver, row.outgoing.event) for row in reversed(await store.outbox_rows(None, None, 9))]
    assert rows == [("truc_ca", FIRING), ("truc_ca", RESOLVED), ("old", FIRING), ("old", RESOLVED)]


async def test_an_end_goes_to_nobody_who_was_not_asked(store: Store) -> None:
    end = outgoing(seq=2, event=RESOLVED)
    await put(store, outgoing(seq=1), end)
    assert not await store.outbox_fallback(2, T, _copy(end, "new"))
    assert await states(store) == {1: "pending", 2: "pending"}


async def test_what_people_do_to_the_outbox_is_one_line_of_a_trail_that_holds(store: Store) -> None:
    """One for each act that did something, none for others, and nobody can take one out unseen."""
    await put(store, outgoing("i1", 1), outgoing("i2", 1), outgoing("i3", 1))
    for id_ in (1, 2, 3):
        await store.outbox_dead(id_, T, "timeout: x")

    def act(what: str, at_ms: int) -> tuple[AuditEntry]:
        return (AuditEntry(at_ms, "an", "operator", "192.0.2.1", what, "outbox", "{}"),)

    await store.outbox_retry([1, 2], T + 1, act("outbox.retry", T + 1))
    await store.outbox_retry([1, 2], T + 2, act("outbox.retry", T + 2))
    await store.outbox_drop([3], T + 3, act("outbox.drop", T + 3))
    await store.put_changes(Changes(), audit=act("receiver.test", T + 4))
    rows = [(row.entry.act, row.entry.t_ms - T) for row in await store.audit_rows(None, 9)]
    assert rows == [("receiver.test", 4), ("outbox.drop", 3), ("outbox.retry", 1)]
    assert await store.verify_audit() is None
    await store._database.write(lambda c: c.execute(text("DELETE FROM audit WHERE act = 'outbox.drop'")))
    assert await store.verify_audit() is not None
