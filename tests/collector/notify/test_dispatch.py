"""The dispatcher with real webhooks and a real store: receivers that are down, slow, full, lying or gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.core.delivery import MOST_WAIT_MS
from collector.core.incident import EntryKind
from collector.core.notice import EventKind, RowState
from collector.notify import dispatch, lane
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.store.store import Store
from tests.agent.probes.http_kit import serving
from tests.collector.notify.dispatch_kit import BEGIN, Play, Scripted, entry, event, real

FIRING, RESOLVED, UPDATE = EventKind.FIRING, EventKind.RESOLVED, EventKind.UPDATE
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """A real one: takes requests, answers with what is next and with 200 when nothing is."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.got: list[tuple[str, int, str]] = []
        """Event id, attempt, event."""

        self._more = asyncio.Event()

    async def has(self, number: int) -> None:
        """Returns when so many requests came."""
        while len(self.got) < number:
            self._more.clear()
            await self._more.wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        headers = request.headers
        self.got.append((headers["X-Haidang-Event-Id"], int(headers["X-Haidang-Attempt"]), headers["X-Haidang-Event"]))
        self._more.set()
        return await (self._answers.pop(0)(request) if self._answers else status(200)(request))


def status(code: int, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


async def hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def abort(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.abort()
    return response


async def test_an_event_comes_once(store: Store, tmp_path: Path) -> None:
    """A receiver that answers gets each event once, at the first attempt, and the timeline says so."""
    receiver = Receiver()
    async with serving(receiver.handle) as url, real(store, tmp_path, {"first": url}) as play:
        await play.write([event("i", 1, FIRING)])
        await play.run()
        await play.write([event("i", 2, RESOLVED)])
        assert await play.run()
        assert play.dispatcher is not None
        tally = play.dispatcher.tally
    assert receiver.got == [("i-1", 1, "firing"), ("i-2", 1, "resolved")]
    assert [(one.kind, one.by, one.text) for one in await store.incident_entries("i")] == [
        (EntryKind.DELIVERED, "first", "firing"),
        (EntryKind.DELIVERED, "first", "resolved"),
    ]
    assert (tally.sent, tally.failed, tally.in_flight) == ({"webhook": 2}, {}, 0)


@pytest.mark.parametrize(
    ("answer", "failure", "waits_ms"),
    [
        (status(500), Failure.SERVER, 1_000),
        (status(429, Retry_After="40"), Failure.RATE_LIMIT, 40_000),
        (status(503, Retry_After="40"), Failure.SERVER, 40_000),
        (status(403), Failure.AUTH, 1_000),
        (hang, Failure.TIMEOUT, 1_000),
        (abort, Failure.CLOSED, 1_000),
        (break_off, Failure.CLOSED, 1_000),
    ],
    ids=["500", "429", "503", "403", "hangs", "aborts", "breaks off"],
)
async def test_what_was_not_confirmed_comes_again(
    answer: Answer, failure: Failure, waits_ms: int, store: Store, tmp_path: Path
) -> None:
    """With the same id and the next number, after the pause that was asked for or the backoff; what follows it waits."""
    receiver = Receiver(answer)
    async with serving(receiver.handle) as url, real(store, tmp_path, {"first": url}, timeout_s=0.3) as play:
        await play.write([event("i", 1, FIRING), event("i", 2, RESOLVED)])
        assert await play.run()
        assert play.dispatcher is not None
        assert play.dispatcher.tally.failed == {("webhook", failure.value): 1}
        assert play.time.now_ms - BEGIN == waits_ms
    assert receiver.got == [("i-1", 1, "firing"), ("i-1", 2, "firing"), ("i-2", 1, "resolved")]


async def test_a_receiver_that_is_down_for_a_day(
    store: Store, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that was written meanwhile arrives within five minutes of its return, in the order of each incident, once;
    until then it was asked one row at a time and seldom."""
    monkeypatch.setattr(dispatch, "LOOK_S", 3_600.0)
    monkeypatch.setattr(lane, "IDLE_MS", 3_600_000)
    receiver = Receiver()
    async with real(store, tmp_path, {"first": f"http://127.0.0.1:{free_port}"}) as play:
        play.script = [
            (hour * 3_600_000, [event(f"i{hour}", 1, FIRING, at_ms=hour * 3_600_000)]) for hour in range(0, 24, 3)
        ] + [(23 * 3_600_000, [event(f"i{hour}", 2, RESOLVED, at_ms=23 * 3_600_000) for hour in range(0, 24, 3)])]
        await play.run(until_s=86_400)
        assert play.dispatcher is not None
        tally = play.dispatcher.tally
        assert set(tally.failed) == {("webhook", "refused")}
        assert 200 < tally.failed["webhook", "refused"] < 86_400 / 30
        async with _listening(receiver, free_port):
            assert await play.run()
        assert play.time.now_ms - BEGIN <= 86_400_000 + MOST_WAIT_MS
    assert sorted(one[::2] for one in receiver.got) == sorted(
        (f"i{hour}-{seq}", word) for hour in range(0, 24, 3) for seq, word in ((1, "firing"), (2, "resolved"))
    )
    ids = [one[0] for one in receiver.got]
    assert all(ids.index(f"i{hour}-1") < ids.index(f"i{hour}-2") for hour in range(0, 24, 3))


@contextlib.asynccontextmanager
async def _listening(receiver: Receiver, port: int) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_one_broken_receiver_delays_no_other(store: Store, tmp_path: Path) -> None:
    """While one hangs with many events, the other's come at once."""
    broken, good = Receiver(*[hang] * 500), Receiver()
    urls = contextlib.AsyncExitStack()
    async with urls:
        one, two = [await urls.enter_async_context(serving(each.handle)) for each in (broken, good)]
        play = await urls.enter_async_context(real(store, tmp_path, {"broken": one, "good": two}, timeout_s=30.0))
        await play.write([event(f"i{n}", 1, FIRING, "broken") for n in range(50)])
        await play.write([event(f"i{n}", 1, FIRING, "good") for n in range(50)])
        async with asyncio.timeout(20):
            await good.has(50)
        assert play.time.now_ms == BEGIN
        assert 1 <= len(broken.got) <= lane.SLOTS


class Choosy(Scripted):
    """Cannot take one event."""

    async def send(self, delivery: Delivery) -> str:
        if delivery.event_id == "i0-1":
            raise ChannelError(Failure.SERVER, "status 500")
        return await super().send(delivery)


async def test_a_poisonous_event_holds_up_its_own_order_only(store: Store) -> None:
    """A receiver that cannot take one event takes the others, and that one is given up in its time."""
    receiver = Choosy()
    play = Play(store, {"first": entry(give_up_after="1h")}, {"first": receiver})
    play.begin()
    await play.write([event(f"i{n}", 1, FIRING) for n in range(20)])
    await play.run(until_s=30)
    assert {one.event_id for one in receiver.got} == {f"i{n}-1" for n in range(1, 20)}
    assert await play.run()
    await play.end()
    assert (await play.states())["first", "i0-1"] is RowState.DEAD


async def test_a_permanent_failure_is_dead_and_asks_the_fallback_at_once(store: Store, tmp_path: Path) -> None:
    """The dead letter stays listed; the second channel gets the firing with the same id, and the resolved, too."""
    gone, second = Receiver(*[status(410)] * 2), Receiver()
    async with serving(gone.handle) as one, serving(second.handle) as two:
        async with real(store, tmp_path, {"first": one, "second": two}) as play:
            play.receivers["first"] = msgspec.structs.replace(play.receivers["first"], fallback="second")
            play.adopt()
            await play.write([event("i", 1, FIRING)])
            await play.run()
            await play.write([event("i", 2, RESOLVED)])
            assert await play.run()
            assert play.time.now_ms == BEGIN
        states = await play.states()
    assert states == {
        ("first", "i-1"): RowState.DEAD,
        ("second", "i-1"): RowState.DELIVERED,
        ("first", "i-2"): RowState.DROPPED,
        ("second", "i-2"): RowState.DELIVERED,
    }
    assert [word for _, _, word in second.got] == ["firing", "resolved"]
    kinds = [one.kind for one in await store.incident_entries("i")]
    assert kinds == [EntryKind.UNDELIVERABLE, EntryKind.FALLBACK, EntryKind.DELIVERED, EntryKind.DELIVERED]


async def test_the_fallback_is_asked_when_nobody_confirms_in_time(store: Store) -> None:
    """After `confirm_within`, while the first goes on; what follows goes to both, and to the second at once."""
    first, second = Scripted(["down"] * 9), Scripted()
    entries = {"first": entry(fallback="second", confirm_within="2m"), "second": entry()}
    play = Play(store, entries, {"first": first, "second": second})
    play.begin()
    play.script = [(0, [event("i", 1, FIRING)]), (150_000, [event("i", 2, UPDATE, at_ms=150_000)])]
    await play.run(until_s=119)
    assert second.got == []
    await play.run(until_s=121)
    assert [one.event_id for one in second.got] == ["i-1"]
    await play.run(until_s=151)
    assert [one.event_id for one in second.got] == ["i-1", "i-2"]
    assert first.got == []
    await play.run()
    await play.write([event("i", 3, RESOLVED)])
    assert await play.run()
    await play.end()
    assert [one.event_id for one in first.got] == [one.event_id for one in second.got] == ["i-1", "i-2", "i-3"]


async def test_the_second_channel_hears_nothing_of_what_the_first_confirmed(store: Store) -> None:
    """Also not the resolved of an incident whose firing the first got."""
    first, second = Scripted(["ok", *["down"] * 12]), Scripted()
    play = Play(store, {"first": entry(fallback="second"), "second": entry()}, {"first": first, "second": second})
    play.begin()
    await play.write([event("i", 1, FIRING)])
    await play.run()
    await play.write([event("i", 2, RESOLVED)])
    assert await play.run()
    await play.end()
    assert [one.event_id for one in first.got] == ["i-1", "i-2"]
    assert second.got == []


async def test_giving_up_after_its_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firing that never arrived is a dead letter, its resolved is dropped, and the timeline says what was not delivered."""
    monkeypatch.setattr(dispatch, "LOOK_S", 3_600.0)
    monkeypatch.setattr(lane, "IDLE_MS", 3_600_000)
    play = Play(store, {"first": entry(give_up_after="3h")}, {"first": Scripted(["down"] * 10_000)})
    play.begin()
    await play.write([event("i", 1, FIRING), event("i", 2, RESOLVED)])
    assert await play.run()
    await play.end()
    assert 10_800_000 <= play.time.now_ms - BEGIN <= 10_800_000 + 360_000
    assert await play.states() == {("first", "i-1"): RowState.DEAD, ("first", "i-2"): RowState.DROPPED}
    assert [one.kind for one in await store.incident_entries("i")] == [EntryKind.UNDELIVERABLE]


async def test_rows_of_a_receiver_that_is_gone_are_dead(store: Store) -> None:
    """Both those of one that never was in the file and those of one that a reload removed; the reason is said."""
    play = Play(store, {"first": entry(), "other": entry()}, {"first": Scripted(["down"] * 99), "other": Scripted()})
    play.begin()
    await play.write([event("i", 1, FIRING), event("i", 1, FIRING, "nobody")])
    await play.run(until_s=10)
    states = await play.states()
    assert states == {("first", "i-1"): RowState.PENDING, ("nobody", "i-1"): RowState.DEAD}
    del play.receivers["first"]
    play.adopt()
    assert await play.run()
    await play.end()
    rows = await store.outbox_rows(RowState.DEAD, None, 10)
    assert {(row.outgoing.receiver, row.error) for row in rows} == {("first", dispatch.GONE), ("nobody", dispatch.GONE)}


async def test_a_reload_changes_a_receiver_without_losing_or_repeating(store: Store) -> None:
    """What waits for the old channel goes through the new one; an unchanged receiver goes on."""
    old, new = Scripted(["down"] * 99), Scripted()
    play = Play(store, {"first": entry()}, {"first": old})
    play.begin()
    await play.write([event("i", 1, FIRING)])
    await play.run(until_s=10)
    play.channels["first"] = new
    play.adopt()
    assert await play.run()
    await play.end()
    assert (old.got, [one.event_id for one in new.got]) == ([], ["i-1"])
