"""An observer proves its own sight before it accuses anybody."""

from __future__ import annotations

import asyncio
import os
import resource

import msgspec
import pytest

from agent.model import Kind, Lane, Outcome, Reason
from agent.probes.references import References, parts_of
from agent.probes.sight import MODULE, Sight, Uplink
from agent.results import Result

FAILED = Result(
    "room", "icmp", Kind.OBS, Lane.FACTS, Outcome.FAILED, Reason.TIMEOUT, "no answer", 1_000, 0, 0, 1.0, 5_000
)  # fmt: skip
WAN = Uplink("wan", ("192.0.2.1", "192.0.2.2"))


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def uptime_ms(self) -> int:
        return self.now_ms

    def awake_ms(self) -> int:
        return self.now_ms

    def wall_ms(self) -> int:
        return self.now_ms + 5

    def wait(self, event: object, timeout_s: float) -> bool:
        raise AssertionError("nobody waits on this clock")


class World:
    """References that answer or not, and what was delivered."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.answering: set[str] = set(WAN.references)
        self.is_mute = False
        self.asked = 0
        self.gate: asyncio.Event | None = None
        self.delivered: list[Result] = []
        self.sight = Sight(self.delivered.append, self.ask, self.clock)
        self.sight.configure([WAN], {"room": "wan", "router": "wan"})

    async def ask(self, reference: str, timeout_s: float) -> bool | None:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        return None if self.is_mute else reference in self.answering

    async def take(self, result: Result) -> None:
        """Hand a result over and wait until nothing is held."""
        self.sight.take(result)
        while self.sight._held:
            await asyncio.wait(self.sight._held)
        await asyncio.sleep(0)


async def _observe(world: World, after_ms: int, result: Result = FAILED) -> list[Result]:
    world.clock.now_ms += after_ms
    world.delivered.clear()
    await world.take(result)
    return list(world.delivered)


async def test_a_failure_is_told_as_it_was_found_while_one_reference_answers() -> None:
    """One reference of two is enough to see."""
    world = World()
    world.answering = {"192.0.2.2"}
    assert await _observe(world, 10_000) == [FAILED]
    assert world.asked == 2


async def test_nobody_is_accused_while_no_reference_answers() -> None:
    """The failure becomes *could not test*, and the time since the last answer is stated as blind, once."""
    world = World()
    await _observe(world, 10_000)
    answered_ms = world.clock.now_ms
    world.answering = set()
    blind, found = await _observe(world, 5_000)
    assert (blind.kind, blind.module, blind.target) == (Kind.BLIND, MODULE, "room")
    assert (blind.from_ms, blind.until_ms) == (answered_ms, answered_ms + 5_000)
    assert (found.kind, found.outcome, found.reason) == (Kind.OBS, Outcome.ERROR, Reason.TIMEOUT)
    assert "wan" in found.detail
    assert [one.kind for one in await _observe(world, 5_000)] == [Kind.OBS]
    [view] = world.sight.views()
    assert (view.is_seeing, view.discarded, view.lost_s) == (False, 2, 10.0)


async def test_the_end_of_the_blindness_is_stated_of_everybody_it_touched() -> None:
    """When a reference answers again, each target that was not accused gets the whole span, and failures count again."""
    world = World()
    world.answering = set()
    start_ms = world.clock.now_ms
    await _observe(world, 5_000)
    await _observe(world, 5_000, msgspec.structs.replace(FAILED, target="router"))
    world.answering = {"192.0.2.1"}
    found = await _observe(world, 5_000)
    ends = {one.target: (one.from_ms, one.until_ms) for one in found if one.kind is Kind.BLIND}
    assert ends == {"room": (start_ms, start_ms + 15_000), "router": (start_ms, start_ms + 15_000)}
    assert world.sight.views()[0].is_seeing
    late = msgspec.structs.replace(FAILED, uptime_ms=world.clock.now_ms)
    assert await _observe(world, 1_000, late) == [late]


async def test_a_run_that_began_before_sight_came_back_accuses_nobody() -> None:
    """It may have failed for the same want; one that begins from then on counts."""
    world = World()
    world.answering = set()
    await _observe(world, 5_000)
    begun = msgspec.structs.replace(FAILED, uptime_ms=world.clock.now_ms)
    world.answering = {"192.0.2.1"}
    found = await _observe(world, 5_000, begun)
    assert [one.outcome for one in found if one.kind is Kind.OBS] == [Outcome.ERROR]
    assert "no reference of the uplink wan answered" in found[-1].detail
    after = msgspec.structs.replace(FAILED, uptime_ms=world.clock.now_ms)
    assert await _observe(world, 1_000, after) == [after]


async def test_a_blindness_begins_behind_the_last_good_sample() -> None:
    """A target that was seen after the last answer of a reference was seen: only what follows is blind."""
    world = World()
    good = msgspec.structs.replace(FAILED, outcome=Outcome.OK, reason=Reason.NONE, uptime_ms=world.clock.now_ms + 3_000)
    world.answering = set()
    await _observe(world, 3_000, good)
    blind, _ = await _observe(world, 5_000)
    assert (blind.from_ms, blind.until_ms) == (good.uptime_ms + 1, good.uptime_ms + 5_000)


async def test_a_good_sample_ends_the_blindness_before_a_look_does() -> None:
    """Looks are seconds apart: the time until the target was seen again is blind, and nothing of the time afterwards."""
    world = World()
    world.answering = set()
    start_ms = world.clock.now_ms
    await _observe(world, 5_000)
    seen_ms = world.clock.now_ms + 10_000
    good = msgspec.structs.replace(FAILED, outcome=Outcome.OK, reason=Reason.NONE, uptime_ms=seen_ms)
    blind, passed = await _observe(world, 10_000, good)
    assert (blind.kind, blind.from_ms, blind.until_ms) == (Kind.BLIND, start_ms, seen_ms)
    assert passed == good
    world.answering = {"192.0.2.1"}
    assert [one.kind for one in await _observe(world, 4_000)] == [Kind.OBS]
    assert world.sight.views()[0].is_seeing


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": Outcome.OK, "reason": Reason.NONE},
        {"reason": Reason.REFUSED},
        {"reason": Reason.MISMATCH},
        {"kind": Kind.REPORT},
        {"target": "elsewhere"},
    ],
    ids=str,
)
async def test_what_accuses_nobody_passes_at_once(change: dict[str, object]) -> None:
    """What proves that the target was reached, is not judged, or has no references is never held."""
    world = World()
    world.answering = set()
    result = msgspec.structs.replace(FAILED, **change)
    world.sight.take(result)
    assert world.delivered == [result]
    assert world.asked == 0


async def test_thousands_of_failures_cost_one_look() -> None:
    """Whoever fails while the references are being asked waits for the same answers."""
    world = World()
    world.gate = asyncio.Event()
    world.clock.now_ms += 10_000
    for _ in range(3_000):
        world.sight.take(FAILED)
    await asyncio.sleep(0)
    world.gate.set()
    while world.sight._held:
        await asyncio.wait(world.sight._held)
    assert world.asked == 2
    assert world.delivered == [FAILED] * 3_000


async def test_a_system_that_cannot_ask_takes_results_as_they_are() -> None:
    """Where no echo may be sent, nothing is claimed of the way out."""
    world = World()
    world.is_mute = True
    assert await _observe(world, 10_000) == [FAILED]


async def test_an_uplink_that_is_taken_away_holds_nobody_back() -> None:
    """A change of the inventory ends the blindness of what is gone."""
    world = World()
    world.answering = set()
    await _observe(world, 5_000)
    world.delivered.clear()
    world.clock.now_ms += 1_000
    world.sight.configure([], {})
    assert [one.kind for one in world.delivered] == [Kind.BLIND]
    assert await _observe(world, 0) == [FAILED]


async def test_other_references_end_the_blindness_of_those_before() -> None:
    """A change of the inventory in the middle of a cut leaves no blindness without its end."""
    world = World()
    world.answering = set()
    await _observe(world, 5_000)
    world.delivered.clear()
    world.clock.now_ms += 60_000
    world.sight.configure([Uplink("wan", ("192.0.2.9",))], {"room": "wan"})
    assert [(one.kind, one.until_ms) for one in world.delivered] == [(Kind.BLIND, world.clock.now_ms)]


async def test_no_descriptors_left_is_no_word_about_the_way() -> None:
    """And it ends neither the watch nor the result that waits for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")))
    references = References()
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        assert used >= 1
        assert await references.ask("127.0.0.1:9", 1.0) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        references.close()


async def test_regular_looks_date_the_loss() -> None:
    """`run` asks without a failure, so that the last answer before the loss is known."""
    world = World()
    asked = asyncio.Event()

    async def ask(reference: str, timeout_s: float) -> bool | None:
        asked.set()
        return True

    sight = Sight(world.delivered.append, ask, world.clock)
    sight.configure([WAN], {"room": "wan"})
    task = asyncio.create_task(sight.run())
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_lets_go_of_what_is_held() -> None:
    """At a stop held results are delivered, and blindness that goes on is stated until now."""
    world = World()
    world.answering = set()
    await _observe(world, 5_000)
    world.clock.now_ms += 3_000
    world.delivered.clear()
    world.sight.take(FAILED)
    await world.sight.close()
    assert [one.kind for one in world.delivered] == [Kind.OBS, Kind.BLIND]


async def test_real_references_answer_by_tcp() -> None:
    """An open port and a refused connection are answers, silence is none."""
    references = References()
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        assert await references.ask(f"127.0.0.1:{port}", 1.0) is True
        server.close()
        await server.wait_closed()
        assert await references.ask(f"127.0.0.1:{port}", 1.0) is True
    finally:
        references.close()


async def test_a_real_reference_answers_an_echo() -> None:
    """The loopback address answers, where this system lets us ask."""
    references = References()
    try:
        answer = await references.ask("127.0.0.1", 1.0)
    finally:
        references.close()
    assert answer is True or (answer is None and os.geteuid() != 0)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:443", ("192.0.2.1", 443)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
    ],
)
def test_references_are_addresses_with_or_without_a_port(text: str, parts: tuple[str, int]) -> None:
    """Both families, by echo or by TCP."""
    assert parts_of(text) == parts


@pytest.mark.parametrize("text", ["", "gateway", "192.0.2.1:0", "192.0.2.1:99999", "192.0.2.1:x", "[2001:db8::1", "1.2.3"])
def test_a_name_or_a_wrong_port_is_no_reference(text: str) -> None:
    """A name would have to be looked up over the very way that is in question."""
    with pytest.raises(ValueError, match="expected"):
        parts_of(text)
