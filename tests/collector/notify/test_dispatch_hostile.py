"""The dispatcher against a store that fails at any call, before or after it did what was asked, or does not answer; against
settings that change in the middle of an incident; and against channels that break.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.core.change import StoreError
from collector.core.notice import EventKind, RowState
from collector.notify import dispatch
from collector.notify.channel import Delivery
from collector.notify.dispatch import Dispatcher
from collector.notify.opening import Outlet
from collector.store.store import Store
from tests.collector.notify.conftest import NewStore
from tests.collector.notify.dispatch_kit import BEHAVIOURS, Play, Scripted, entry, event

FIRING, UPDATE, RESOLVED = EventKind.FIRING, EventKind.UPDATE, EventKind.RESOLVED
pytestmark = pytest.mark.usefixtures("in_this_thread")
_KEPT = (RowState.DEAD, RowState.DROPPED)


class FaultyStore:
    """A store whose calls fail by chance: half of them before anything happened, half of them after it did."""

    def __init__(self, store: Store, chance: float, seed: int, error: type[Exception] = StoreError) -> None:
        self._store, self._chance, self._error = store, chance, error
        self._random = random.Random(seed)
        self.faults = 0
        self.is_well = False

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            fails = not self.is_well and self._random.random() < self._chance
            self.faults += fails
            if fails and self._random.random() < 0.5:
                raise self._error("disk full")
            result = await method(*arguments, **named)
            if fails:
                raise self._error("no answer, though it was done")
            return result

        return call


def play_of(store: Store, scripts: list[list[str]]) -> Play:
    """Two incidents for two receivers, of which `second` stands in for `first` as well."""
    entries = {"first": entry(fallback="second", confirm_within="30s"), "second": entry()}
    play = Play(store, entries, {name: Scripted(script) for name, script in zip(entries, scripts, strict=True)})
    play.script = [
        (0, [event("a", 1, FIRING), event("b", 1, FIRING), event("b", 1, FIRING, "second")]),
        (1_000, [event("a", 2, UPDATE, at_ms=1_000)]),
        (40_000, [event("a", 3, RESOLVED, at_ms=40_000), event("b", 2, RESOLVED, at_ms=40_000)]),
        (41_000, [event("b", 2, RESOLVED, "second", at_ms=41_000)]),
    ]
    return play


async def _played(play: Play, faulty: FaultyStore) -> None:
    """Fail for two minutes, then be well."""
    real, play.store = play.store, faulty  # type: ignore[assignment]
    play.begin()
    play.store = real
    await play.run(120.0)
    faulty.is_well = True
    assert await play.run()
    assert play.is_running
    await play.end()


async def _verify(play: Play) -> None:
    rows = await play.store.outbox_rows(None, None, 1_000)
    for name, channel in play.channels.items():
        assert isinstance(channel, Scripted)
        mine = [row for row in rows if row.outgoing.receiver == name]
        got = [one.event_id for one in channel.got]
        for row in mine:
            assert row.outgoing.event_id in got or (row.state in _KEPT and row.error), f"{row} was lost"
        assert set(got) <= {row.outgoing.event_id for row in mine}, "an event with another id"
        for order in "ab":
            seqs = [int(one.partition("-")[2]) for one in got if one.startswith(order)]
            assert seqs == sorted(seqs), "out of order"
            assert not seqs or seqs[0] == 1, "over before it began"


_SCRIPT = st.lists(st.sampled_from(BEHAVIOURS), max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scripts=st.tuples(_SCRIPT, _SCRIPT), chance=st.sampled_from([0.1, 0.5, 0.8]), seed=st.integers(0, 1 << 16))
async def test_a_store_that_fails_anywhere_loses_nothing(
    scripts: tuple[list[str], list[str]], chance: float, seed: int, new_store: NewStore
) -> None:
    """Everything arrives in order once it is well, the same event with the same id, and no lane has ended."""
    play = play_of(await new_store(), list(scripts))
    await _played(play, FaultyStore(play.store, chance, seed))
    await _verify(play)


@pytest.mark.parametrize("error", [RuntimeError, KeyError, OSError])
async def test_mistakes_of_the_store_end_nothing_either(error: type[Exception], new_store: NewStore) -> None:
    """What nobody foresaw costs a pause; the dispatcher goes on."""
    for seed in range(3):
        play = play_of(await new_store(), [["error"], ["down"]])
        faulty = FaultyStore(play.store, 0.3, seed, error)
        await _played(play, faulty)
        assert faulty.faults
        await _verify(play)


async def test_a_store_that_does_not_answer_keeps_nobody_from_stopping(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries go on once it answers; a stop does not wait for it for ever."""
    monkeypatch.setattr(dispatch, "_STOP_S", 0.05)
    answering, asked = asyncio.Event(), asyncio.Event()

    class Silent(FaultyStore):
        def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
            method = super().__getattr__(name)

            async def call(*arguments: Any, **named: Any) -> Any:
                asked.set()
                await answering.wait()
                return await method(*arguments, **named)

            return call

    play = play_of(store, [[], []])
    play.script.clear()
    await play.write([event("a", 1, FIRING), event("a", 2, RESOLVED)])
    for stops_first in (True, False):
        dispatcher = Dispatcher(Silent(store, 0.0, 0), play.time.read)  # type: ignore[arg-type]
        dispatcher.adopt({"first": Outlet("first", entry(), play.channels["first"], "vi")}, lambda _: ("", ""), "UTC")
        asked.clear()
        task = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(10):
            await asked.wait()
            if not stops_first:
                answering.set()
                while (await store.outbox_summary()).pending:
                    await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
    assert isinstance(play.channels["first"], Scripted)
    assert [one.event_id for one in play.channels["first"].got] == ["a-1", "a-2"]


async def test_the_end_follows_its_beginning_through_changes_of_the_second_channel(store: Store) -> None:
    """The receiver named in the old file was paged, so it hears the end; the one named in the new file was not."""
    entries = {"first": entry(fallback="old", confirm_within="30s"), "old": entry(), "new": entry()}
    first, old, new = Scripted(["down"] * 5), Scripted(), Scripted()
    play = Play(store, entries, {"first": first, "old": old, "new": new})
    play.begin()
    await play.write([event("a", 1, FIRING), event("b", 1, FIRING)])
    await play.run(200.0)
    assert {one.event_id for one in old.got} == {"a-1", "b-1"}
    play.receivers["first"] = entry(fallback="new", confirm_within="30s")
    play.adopt()
    await play.write([event("a", 2, RESOLVED)])
    assert await play.run()
    play.receivers["first"] = entry()
    play.adopt()
    await play.write([event("b", 2, RESOLVED)])
    assert await play.run()
    await play.end()
    assert [one.event_id for one in old.got if one.notice.event is RESOLVED] == ["a-2", "b-2"]
    assert new.got == []


async def test_a_receiver_that_is_gone_leaves_the_end_to_its_second_channel(store: Store) -> None:
    """Its own row becomes a dead letter; whoever was paged in its place is told that it is over."""
    first, second = Scripted(["token"]), Scripted()
    play = Play(store, {"first": entry(fallback="second"), "second": entry()}, {"first": first, "second": second})
    play.begin()
    await play.write([event("a", 1, FIRING)])
    await play.run(100.0)
    del play.receivers["first"]
    play.adopt()
    await play.write([event("a", 2, RESOLVED)])
    assert await play.run()
    await play.end()
    assert [one.event_id for one in second.got] == ["a-1", "a-2"]
    assert (await play.states())["first", "a-2"] is RowState.DEAD


class _Breaking:
    """A channel that breaks in ways of its own."""

    async def send(self, delivery: Delivery) -> str:
        raise LookupError(f"https://hooks.example.vn/s3cret/{delivery.event_id}")

    async def close(self) -> None:
        raise RuntimeError("cannot be closed")


async def test_a_channel_that_breaks_ends_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by what it raises nor at its end; its failure is told without what it said, for that may be a secret."""
    other = Scripted()
    play = Play(store, {"first": entry(give_up_after="5m"), "second": entry()}, {"first": _Breaking(), "second": other})
    play.begin()
    await play.write([event("a", 1, FIRING)])
    await play.run(100.0)
    del play.receivers["first"]
    play.adopt()
    await play.write([event("b", 1, FIRING, "second")])
    assert await play.run()
    assert play.is_running
    await play.end()
    assert [one.event_id for one in other.got] == ["b-1"]
    assert not any("s3cret" in row.error for row in await store.outbox_rows(None, None, 9))
    assert "LookupError" in caplog.text
    assert "s3cret" not in caplog.text
