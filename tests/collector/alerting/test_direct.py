"""The direct way: once for each trouble and its resolved after it, also after a restart; not twice once the desk is back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.alerting.direct import FILE, Direct
from collector.core.alert import COLLECTOR_SUBJECT, AlertKind, Condition, Severity, Trouble, uid_of
from collector.core.direct_case import GIVE_UP_MS, STUCK_MS, Verdict
from collector.core.notice import EventKind, Outgoing
from collector.core.own_trouble import OwnReason, key_of

T = 1_790_000_000_000
FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED


def trouble(name: Trouble = Trouble.DATABASE, severity: Severity = Severity.CRITICAL, **change: object) -> Condition:
    fields: dict[str, object] = {"reason": OwnReason.UNWRITTEN, "detail": "database is locked"}
    return Condition(key_of(name), severity, T - 60_000, T - 30_000, **(fields | change))  # type: ignore[arg-type]


class World:
    """A direct way whose receivers answer as a test says, on a clock that it turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = T
        self.receivers = ["noc", "sms"]
        self.arrived: list[tuple[str, EventKind, str, int]] = []
        self.answer: Callable[[Outgoing, int], Verdict] = lambda _outgoing, _attempt: Verdict.SENT
        self.direct = self.start()

    def start(self) -> Direct:
        return Direct(self.folder, lambda: self.receivers, self.deliver, lambda: self.now, lambda: 0.5)

    async def deliver(self, outgoing: Outgoing, attempt: int) -> Verdict:
        await asyncio.sleep(0)
        verdict = self.answer(outgoing, attempt)
        if verdict is Verdict.SENT:
            self.arrived.append((outgoing.receiver, outgoing.event, outgoing.event_id, attempt))
        return verdict

    async def step(self, *conditions: Condition, stuck: bool = True, seconds: float = 1) -> None:
        """Time passes, and what is due is sent."""
        self.now += round(seconds * 1000)
        self.direct.follow(conditions, T - STUCK_MS if stuck else None)
        await self.send()

    async def send(self) -> None:
        for _ in range(3):
            self.direct.turn()
            await asyncio.gather(*self.direct._busy.values())
        saving = self.direct._saving
        if saving is not None:
            await saving

    def events(self, receiver: str) -> list[EventKind]:
        return [event for name, event, _, _ in self.arrived if name == receiver]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_each_receiver_gets_one_firing_and_one_resolved(world: World) -> None:
    """However often it is looked, with ids that the outbox never gives and under the uid that the desk will use."""
    for _ in range(5):
        await world.step(trouble())
    assert sorted(world.events("noc") + world.events("sms")) == [FIRING, FIRING]
    uid = uid_of(COLLECTOR_SUBJECT, AlertKind.COLLECTOR, "database", T - 30_000)
    assert {one[2] for one in world.arrived} == {f"{uid}-direct-0"}
    for _ in range(5):
        await world.step()
    assert world.events("noc") == world.events("sms") == [FIRING, RESOLVED]
    assert world.arrived[-1][2] == f"{uid}-direct-1"


@pytest.mark.parametrize(
    "condition",
    [trouble(severity=Severity.WARNING), trouble(Trouble.CLOCK), trouble(Trouble.BLIND)],
)
async def test_what_the_desk_can_tell_is_not_told_here(world: World, condition: Condition) -> None:
    """Warnings, and troubles that do not keep the desk from writing."""
    await world.step(condition)
    assert world.arrived == []


async def test_nothing_is_told_while_the_desk_writes(world: World) -> None:
    """Also not in the first fifteen seconds in which it cannot."""
    await world.step(trouble(), stuck=False)
    world.direct.follow([trouble()], world.now - STUCK_MS)
    await world.send()
    assert world.arrived == []
    await world.step(trouble())
    assert len(world.arrived) == 2


async def test_an_outbox_that_is_stuck_is_told_by_its_age(world: World) -> None:
    """Nobody else would: its own notification waits in it."""
    old = trouble(Trouble.OUTBOX, reason=OwnReason.UNSENT)
    world.now = old.since_ms + 3_599_000
    await world.step(old, stuck=False)
    assert world.arrived == []
    await world.step(old, stuck=False)
    assert world.events("noc") == [FIRING]


async def test_a_receiver_that_fails_is_asked_again_and_delays_nobody(world: World) -> None:
    """With growing pauses, the same id and growing attempt numbers."""
    failures = 4
    world.answer = lambda outgoing, attempt: (
        Verdict.AGAIN if outgoing.receiver == "noc" and attempt <= failures else Verdict.SENT
    )
    await world.step(trouble())
    assert world.events("sms") == [FIRING]
    pauses = []
    for _ in range(40):
        before = len(world.arrived)
        await world.step(trouble())
        pauses.append(len(world.arrived) - before)
    assert [one[3] for one in world.arrived if one[0] == "noc"] == [failures + 1]
    assert pauses.index(1) >= 1 + 2 + 5 + 10 - 1, "one, two, five, ten seconds"


async def test_who_will_never_take_it_is_left_alone(world: World) -> None:
    """And so is who does not for a day."""
    asked: list[str] = []

    def answer(outgoing: Outgoing, _attempt: int) -> Verdict:
        asked.append(outgoing.receiver)
        return Verdict.NEVER if outgoing.receiver == "noc" else Verdict.AGAIN

    world.answer = answer
    for _ in range(5):
        await world.step(trouble())
    assert asked.count("noc") == 1
    await world.step(trouble(), seconds=GIVE_UP_MS / 1000 + 1)
    count = len(asked)
    await world.step(trouble(), seconds=3600)
    assert len(asked) == count
    await world.step()
    assert len(asked) == count, "who was not told gets no resolved"


async def test_a_resolved_never_comes_without_its_firing(world: World) -> None:
    """Whose firing was tried and may have arrived gets both in order; who was never tried gets nothing."""
    world.answer = lambda outgoing, attempt: Verdict.AGAIN if attempt < 3 else Verdict.SENT
    world.receivers = ["noc"]
    world.direct.follow([trouble()], T - STUCK_MS - 1)
    world.direct.follow([], None)
    await world.send()
    assert world.arrived == []
    await world.step(trouble())
    await world.step()
    for _ in range(20):
        await world.step()
    assert world.events("noc") == [FIRING, RESOLVED]


async def test_a_restart_neither_pages_again_nor_forgets_the_end(world: World) -> None:
    """What was told stands in a file of the data folder."""
    await world.step(trouble())
    world.direct = world.start()
    assert world.direct.remembered() == (trouble(),)
    for _ in range(3):
        await world.step(trouble())
    assert len(world.arrived) == 2
    world.direct = world.start()
    await world.step()
    assert world.events("noc") == world.events("sms") == [FIRING, RESOLVED]
    await world.direct.stop()
    assert msgspec.json.decode((world.folder / FILE).read_bytes()) == []


async def test_a_restart_in_the_middle_goes_on_with_the_same_id(world: World) -> None:
    """What was not confirmed is sent again at once, as the next attempt."""
    world.answer = lambda _outgoing, _attempt: Verdict.AGAIN
    await world.step(trouble())
    await world.direct.stop()
    world.direct = world.start()
    world.answer = lambda _outgoing, _attempt: Verdict.SENT
    await world.step(trouble())
    assert {one[3] for one in world.arrived} == {2}
    assert len(world.arrived) == 2


async def test_when_the_desk_is_back_it_tells_the_end(world: World) -> None:
    """Who has confirmed is not paged a second time; who has not is left to the desk; nothing more is sent here."""
    world.answer = lambda outgoing, _attempt: Verdict.SENT if outgoing.receiver == "noc" else Verdict.AGAIN
    await world.step(trouble())
    key = trouble().key
    assert world.direct.told(key) == ("noc",)
    assert world.direct.told(key_of(Trouble.DISK)) == ()
    world.direct.hand_over(key, ("noc", "sms"))
    world.answer = lambda _outgoing, _attempt: Verdict.SENT
    for _ in range(5):
        await world.step(trouble(), stuck=False, seconds=60)
    assert world.direct.told(key) == (), "it is the desk's"
    for _ in range(5):
        await world.step(stuck=False, seconds=60)
    assert [one[:2] for one in world.arrived] == [("noc", FIRING)]
    assert world.direct.told(key) == ()
    await world.step(trouble())
    assert world.events("sms") == [FIRING], "the next trouble is told again"


async def test_who_confirms_while_the_desk_writes_gets_the_end(world: World) -> None:
    """The desk's incident, under way at the time, does not name them: their end comes from here. So for one that may have been
    told; whom the desk tells gets nothing from here."""
    world.receivers = ["noc", "chief", "sms"]
    world.answer = lambda outgoing, _attempt: Verdict.AGAIN if outgoing.receiver == "sms" else Verdict.SENT
    await world.step(trouble())
    world.direct.hand_over(trouble().key, ("noc",))
    world.answer = lambda _outgoing, _attempt: Verdict.SENT
    for _ in range(5):
        await world.step(trouble(), stuck=False, seconds=60)
    for _ in range(5):
        await world.step(stuck=False, seconds=60)
    assert (world.events("noc"), world.events("chief"), world.events("sms")) == (
        [FIRING],
        [FIRING, RESOLVED],
        [FIRING, RESOLVED],
    )
    await world.step(trouble())
    assert world.events("noc") == [FIRING, FIRING], "the next trouble is told again"


async def test_a_full_disk_does_not_silence_it(world: World) -> None:
    """What cannot be remembered is told all the same."""
    (world.folder / FILE).with_suffix(".new").mkdir()
    await world.step(trouble(Trouble.DISK))
    await world.step()
    assert world.events("noc") == [FIRING, RESOLVED]


async def test_a_broken_memory_is_told_and_forgotten(world: World) -> None:
    """It may page again; it must not keep the collector from starting."""
    (world.folder / FILE).write_text("{")
    world.direct = world.start()
    await world.step(trouble())
    assert world.events("noc") == [FIRING]
    os.unlink(world.folder / FILE)


async def test_a_channel_that_raises_or_hangs_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last way there is does not end by a mistake in a channel."""
    monkeypatch.setattr("collector.alerting.direct.ATTEMPT_S", 0.01)
    asked: list[int] = []

    async def deliver(outgoing: Outgoing, attempt: int) -> Verdict:
        asked.append(attempt)
        if attempt == 1:
            raise RuntimeError("boom")
        if attempt == 2:
            await asyncio.Event().wait()
        return Verdict.SENT

    world.receivers = ["noc"]
    world.direct = Direct(world.folder, lambda: world.receivers, deliver, lambda: world.now, lambda: 0.5)
    for _ in range(10):
        await world.step(trouble())
    assert asked == [1, 2, 3]
    assert world.direct.told(trouble().key) == ("noc",)


async def test_it_sends_by_itself_as_a_task(world: World) -> None:
    """Woken by what is new."""
    task = asyncio.create_task(world.direct.run())
    await asyncio.sleep(0)
    world.direct.follow([trouble()], T - STUCK_MS - 1)
    async with asyncio.timeout(5):
        while len(world.arrived) < 2:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await world.direct.stop()


STEP = st.sampled_from(["bad", "good", "fail", "work", "restart", "wait"])


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_firing_and_resolved_take_turns(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """Whatever fails and restarts: of each trouble one firing, then one resolved, ids never twice confirmed."""
    asyncio.run(_take_turns(World(tmp_path_factory.mktemp("direct")), steps))


async def _take_turns(world: World, steps: list[str]) -> None:
    known_ms, is_bad = T, False
    for step in [*steps, "work", "good", "wait"]:
        if step == "restart":
            await world.direct.stop()
            world.direct = world.start()
        elif step in ("fail", "work"):
            verdict = Verdict.AGAIN if step == "fail" else Verdict.SENT
            world.answer = lambda _outgoing, _attempt, verdict=verdict: verdict  # type: ignore[misc]
        elif step != "wait":
            known_ms = world.now if step == "bad" and not is_bad else known_ms
            is_bad = step == "bad"
        conditions = [msgspec.structs.replace(trouble(), known_ms=known_ms)] if is_bad else []
        await world.step(*conditions, seconds=601)
    for name in world.receivers:
        ids = [one[2] for one in world.arrived if one[0] == name]
        assert len(ids) == len(set(ids))
        events = world.events(name)
        assert events == [FIRING, RESOLVED] * (len(events) // 2)
