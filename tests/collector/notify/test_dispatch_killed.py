"""The dispatcher dies at every step it takes, and comes back on the same database: nothing is lost, what is repeated has the
same id, the order of each incident is kept, and nothing is over before it began.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from collector.core.notice import EventKind, OutboxRow, RowState
from collector.notify import dispatch
from collector.store.store import Store
from collector.store.tables_alerts import outbox
from tests.collector.notify.conftest import NewStore
from tests.collector.notify.dispatch_kit import BEHAVIOURS, Play, Scripted, entry, event

FIRING, UPDATE, RESOLVED = EventKind.FIRING, EventKind.UPDATE, EventKind.RESOLVED
pytestmark = pytest.mark.usefixtures("in_this_thread")
_KEPT = (RowState.DEAD, RowState.DROPPED)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dead waits for nobody."""
    monkeypatch.setattr(dispatch, "_STOP_S", 0.0)
    monkeypatch.setattr(dispatch, "LOOK_S", 600.0)


def play_of(store: Store, first: Sequence[str], second: Sequence[str] = (), third: Sequence[str] = ()) -> Play:
    """Three receivers, of which `second` is the fallback of `first`, and two incidents that begin, change and end."""
    entries = {"first": entry(fallback="second", confirm_within="5s", give_up_after="1h"), "second": entry(), "third": entry()}
    play = Play(store, entries, {"first": Scripted(first), "second": Scripted(second), "third": Scripted(third)})
    play.script = [
        (0, [event("a", 1, FIRING), event("a", 1, FIRING, "third")]),
        (2_000, [event("b", 1, FIRING, at_ms=2_000), event("a", 2, UPDATE, at_ms=2_000)]),
        (25_000, [event("a", 3, RESOLVED, at_ms=25_000), event("a", 3, RESOLVED, "third", at_ms=25_000)]),
        (26_000, [event("b", 2, RESOLVED, at_ms=26_000)]),
    ]
    return play


async def played(play: Play, kills: Iterator[int]) -> int:
    """Let it live, and die at these steps of each life; the number of lives."""
    lives = 1
    play.begin(next(kills, None))
    while not await play.run():
        lives += 1
        play.begin(next(kills, None))
    await play.end()
    return lives


async def verify(play: Play) -> None:
    """What holds whatever happened."""
    rows = await play.store.outbox_rows(None, None, 1_000)
    for name, channel in play.channels.items():
        assert isinstance(channel, Scripted)
        _verify_receiver(channel, [row for row in rows if row.outgoing.receiver == name])
    confirmed = {row.outgoing.event_id for row in rows if row.state is RowState.DELIVERED}
    assert {"a-1", "b-1"} <= confirmed, "a firing reached nobody"


def _verify_receiver(channel: Scripted, rows: Sequence[OutboxRow]) -> None:
    got = [one.event_id for one in channel.got]
    for row in rows:
        assert row.state is RowState.DELIVERED or (row.state in _KEPT and row.error), row
        assert row.outgoing.event_id in got or row.state in _KEPT, f"{row} was lost"
    assert set(got) <= {row.outgoing.event_id for row in rows}
    for order in "ab":
        seqs = [int(one.partition("-")[2]) for one in got if one.startswith(order)]
        assert seqs == sorted(seqs), "out of order"
        kinds = [one.notice.event for one in channel.got if one.event_id.startswith(order)]
        assert not kinds or kinds[0] is FIRING, "over before it began"
    for id_ in set(got):
        attempts = [one.attempt for one in channel.got if one.event_id == id_]
        assert attempts == sorted(set(attempts)), "an attempt number twice"


SCENARIOS = {
    "well": ((), ()),
    "first down, second asked": (["down"] * 4, ()),
    "confirmations lost": (["lost", "lost"], ["lost"]),
    "permanent": (["gone"], ()),
    "a wrong token": (["token"], ["error"]),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_killed_at_every_step(name: str, new_store: NewStore) -> None:
    """Once at each step after each call of the store and of the channels, where all is well before each as well; a life without
    a kill counts them."""
    whole = play_of(await new_store(), *SCENARIOS[name])
    whole.only_after = name != "well"
    assert await played(whole, iter(())) == 1
    await verify(whole)
    if name == "well":
        assert all(len(channel.got) == len({one.event_id for one in channel.got}) for channel in _scripted(whole))
    for step in range(1, whole.meter.steps + 1):
        play = play_of(await new_store(), *SCENARIOS[name])
        play.only_after = whole.only_after
        assert await played(play, iter((step,))) <= 2
        await verify(play)


@pytest.mark.parametrize("name", ["first down, second asked", "a wrong token"])
async def test_killed_on_postgresql(name: str, postgres_url: str) -> None:
    """The same on PostgreSQL, whose commits other connections see at other moments: at eight steps of a life."""
    store = await Store.open(postgres_url)
    whole = play_of(store, *SCENARIOS[name])
    await played(whole, iter(()))
    await verify(whole)
    for step in range(1, whole.meter.steps, max(1, whole.meter.steps // 8)):
        await store._database.write(lambda c: c.execute(delete(outbox)))
        play = play_of(store, *SCENARIOS[name])
        assert await played(play, iter((step,))) <= 2
        await verify(play)
    await store.close()


def _scripted(play: Play) -> list[Scripted]:
    return [channel for channel in play.channels.values() if isinstance(channel, Scripted)]


_SCRIPT = st.lists(st.sampled_from(BEHAVIOURS), max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scripts=st.tuples(_SCRIPT, _SCRIPT, _SCRIPT), kills=st.lists(st.integers(1, 60), max_size=6))
async def test_any_receivers_and_any_kills(
    scripts: tuple[list[str], list[str], list[str]], kills: list[int], new_store: NewStore
) -> None:
    """Receivers that behave in any way, and a process that dies several times anywhere."""
    play = play_of(await new_store(), *scripts)
    await played(play, iter(kills))
    rows = await play.store.outbox_rows(None, None, 1_000)
    for name, channel in play.channels.items():
        assert isinstance(channel, Scripted)
        _verify_receiver(channel, [row for row in rows if row.outgoing.receiver == name])
