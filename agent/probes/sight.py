"""Proves an observer's own sight before it accuses anybody: when every reference of a way out is silent, a failed observation
over it says nothing of the target and becomes *could not test*, and the time is stated as blind (R5.3).

Stands between whoever observes and whoever stores; holds a failed result for at most one look at the references.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import msgspec

from agent.clock import Clock
from agent.model import Kind, Lane, Outcome, Reason
from agent.results import Result

LOOK_S: Final = 1.0
"""Longest wait for a reference's answer; so long a failed result may be held."""
FRESH_S: Final = 0.5
"""An answer of a reference that is younger than this proves sight at present."""
INTERVAL_S: Final = 5.0
"""Distance of regular looks, so that the start of a blindness is known to the second."""
MODULE: Final = "sight"
_WEIGHED: Final = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.UNRESOLVED})
"""What the loss of a way out looks like. Who refuses or answers wrongly was reached."""
_GOOD: Final = (Outcome.OK, Outcome.DEGRADED)
_HELD: Final = 20_000
"""Failed results that wait for a look; more are weighed by the last one."""
_log = logging.getLogger("haidang.sight")


class Uplink(msgspec.Struct, frozen=True):
    """A way out and the addresses that answer as long as it works: `host` by an ICMP echo, `host:port` (`[v6]:port`) by TCP."""

    id: str
    references: tuple[str, ...]


class View(msgspec.Struct, frozen=True):
    """What is known of an uplink: whether any reference answers, since when that is so, and all seconds without sight."""

    id: str
    is_seeing: bool
    since_ms: int
    lost_s: float
    discarded: int
    """Failed results that accused nobody."""


Ask = Callable[[str, float], Awaitable[bool | None]]
"""Whether a reference answers within so many seconds; None where this system does not let us ask."""


class _Eye:
    """One uplink. All times are uptime."""

    def __init__(self, uplink: Uplink, now_ms: int) -> None:
        self.uplink = uplink
        self.answered_ms = now_ms
        self.is_seeing = True
        self.since_ms = now_ms
        """When it was lost or came back."""
        self.returned_ms = -1
        """When it last came back: what began before and failed tells as little as what failed meanwhile."""
        self.lost_ms = 0
        self.discarded = 0
        self.touched: dict[str, tuple[int, int]] = {}
        """Targets that were not accused since sight was lost, and the blindness stated of each."""
        self.look: asyncio.Task[None] | None = None
        self.is_mute = False

    def view(self, now_ms: int) -> View:
        lost_ms = self.lost_ms + (0 if self.is_seeing else now_ms - self.since_ms)
        return View(self.uplink.id, self.is_seeing, self.since_ms, lost_ms / 1000, self.discarded)


class Sight:
    """`take` results on their way; `deliver` gets them, held back if they accuse. `run` is a task, `close` the end."""

    def __init__(self, deliver: Callable[[Result], None], ask: Ask, clock: Clock) -> None:
        self._deliver = deliver
        self._ask = ask
        self._clock = clock
        self._eyes: dict[str, _Eye] = {}
        self._uplink_of: Mapping[str, str] = {}
        self._good: dict[str, int] = {}
        """When each target was last seen to be good, by uptime: until then we did see it."""
        self._held: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    def configure(self, uplinks: Iterable[Uplink], uplink_of: Mapping[str, str]) -> None:
        """These are the ways out, and over which each target is observed. What is known of one that stays is kept."""
        now_ms = self._clock.uptime_ms()
        before, eyes = dict(self._eyes), dict[str, _Eye]()
        for uplink in uplinks:
            known = before.get(uplink.id)
            is_same = known is not None and known.uplink == uplink
            eyes[uplink.id] = before.pop(uplink.id) if is_same else _Eye(uplink, now_ms)
        self._eyes = eyes  # In one step and never changed: `views` may be asked from another thread.
        for gone in before.values():
            self._return(gone, now_ms)
        self._uplink_of = dict(uplink_of)
        self._good = {target: self._good[target] for target in self._uplink_of if target in self._good}
        self._news.set()

    def take(self, result: Result) -> None:
        """Let a result through, at once unless it accuses a target that is observed over an uplink with references."""
        target = result.target
        eye = self._eyes.get(self._uplink_of.get(target, ""))
        if eye is None or not _accuses(result):
            if eye is not None and result.outcome in _GOOD:
                self._see(eye, target, result.uptime_ms)
            self._deliver(result)
        elif len(self._held) >= _HELD:
            self._pass(eye, result)
        else:
            task = asyncio.get_running_loop().create_task(self._weigh(eye, result))
            self._held.add(task)
            task.add_done_callback(self._held.discard)

    def views(self) -> tuple[View, ...]:
        """What is known of every uplink. May be called from any thread."""
        now_ms = self._clock.uptime_ms()
        return tuple([eye.view(now_ms) for eye in self._eyes.values()])

    async def run(self) -> None:
        """Look at the references regularly, for ever."""
        while True:
            self._news.clear()
            await asyncio.gather(*[self._look(eye) for eye in self._eyes.values()])
            try:
                async with asyncio.timeout(INTERVAL_S if self._eyes else None):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Let go of what is held, as it was found or not at all accusing; state the end of every blindness."""
        if self._held:
            await asyncio.wait(self._held, timeout=2 * LOOK_S)
        now_ms = self._clock.uptime_ms()
        for eye in self._eyes.values():
            if eye.look is not None:
                eye.look.cancel()
            self._state(eye, now_ms)

    # -- looking

    async def _weigh(self, eye: _Eye, result: Result) -> None:
        if self._clock.uptime_ms() - eye.answered_ms > FRESH_S * 1000:
            await self._look(eye)
        self._pass(eye, result)

    async def _look(self, eye: _Eye) -> None:
        """Ask all references at once; whoever wants to know meanwhile waits for the same answers."""
        if eye.look is None or eye.look.done():
            eye.look = asyncio.get_running_loop().create_task(self._ask_all(eye))
        await asyncio.shield(eye.look)

    async def _ask_all(self, eye: _Eye) -> None:
        asking = [asyncio.ensure_future(self._ask(reference, LOOK_S)) for reference in eye.uplink.references]
        answers: list[bool | None] = []
        try:
            for one in asyncio.as_completed(asking):
                answers.append(await one)
                if answers[-1]:
                    break
        finally:
            for task in asking:
                task.cancel()
        now_ms = self._clock.uptime_ms()
        if any(answers) or None in answers:
            if not any(answers) and not eye.is_mute:
                eye.is_mute = True
                _log.error(
                    "uplink %s: this system does not let us ask its references, sight is taken for granted", eye.uplink.id
                )
            self._return(eye, now_ms)
            eye.answered_ms = now_ms
        elif eye.is_seeing:
            eye.is_seeing, eye.since_ms = False, eye.answered_ms
            _log.warning("uplink %s: no reference answers any more, nobody behind it is accused", eye.uplink.id)

    def _return(self, eye: _Eye, now_ms: int) -> None:
        if eye.is_seeing:
            return
        eye.lost_ms += now_ms - eye.since_ms
        _log.warning("uplink %s: references answer again, after %.0f s", eye.uplink.id, (now_ms - eye.since_ms) / 1000)
        self._state(eye, now_ms)
        eye.is_seeing, eye.since_ms, eye.returned_ms = True, now_ms, now_ms
        eye.touched.clear()

    # -- telling

    def _see(self, eye: _Eye, target: str, at_ms: int) -> None:
        """It was good then, so we saw it again, even if no look has told yet."""
        self._good[target] = max(at_ms, self._good.get(target, -1))
        if target in eye.touched and at_ms > eye.touched[target][0]:
            self._blind(eye, target, at_ms)
            del eye.touched[target]

    def _pass(self, eye: _Eye, result: Result) -> None:
        if eye.is_seeing and result.uptime_ms >= eye.returned_ms:
            self._deliver(result)
            return
        eye.discarded += 1
        if not eye.is_seeing and result.target not in eye.touched:
            self._blind(eye, result.target, self._clock.uptime_ms())
        answers = "answered" if eye.is_seeing else "answers"
        detail = f"no reference of the uplink {eye.uplink.id} {answers}, so this accuses nobody: {result.detail}"
        self._deliver(msgspec.structs.replace(result, outcome=Outcome.ERROR, detail=detail[:300]))

    def _state(self, eye: _Eye, now_ms: int) -> None:
        """State until when the observer was blind for the targets that it said so of."""
        for target, (_, until_ms) in list(eye.touched.items()):
            if until_ms < now_ms:
                self._blind(eye, target, now_ms)

    def _blind(self, eye: _Eye, target: str, until_ms: int) -> None:
        clock = self._clock
        # From the very instant of a good sample on that sample would hold, as if nothing had been lost (R5.2).
        from_ms = eye.touched[target][0] if target in eye.touched else max(eye.since_ms, self._good.get(target, -1) + 1)
        eye.touched[target] = from_ms, until_ms
        self._deliver(
            Result(
                target, MODULE, Kind.BLIND, Lane.FACTS, Outcome.OK, Reason.NONE, f"uplink {eye.uplink.id}", clock.wall_ms(),
                clock.uptime_ms(), clock.awake_ms(), 0.0, 0, from_ms=from_ms, until_ms=max(until_ms, from_ms + 1),
            )
        )  # fmt: skip


def _accuses(result: Result) -> bool:
    """Whether it is a judged observation that the loss of a way out would explain."""
    is_failing = result.outcome is Outcome.FAILED or result.outcome is Outcome.ERROR
    return is_failing and result.kind is Kind.OBS and result.reason in _WEIGHED


__all__ = ["FRESH_S", "INTERVAL_S", "LOOK_S", "MODULE", "Ask", "Sight", "Uplink", "View"]
