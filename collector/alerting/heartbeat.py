"""The dead man's switch: tells somebody outside that all is well, so that they notice when nobody tells it any more.

It does not beat while something is not well: that is the point. Nothing is queued or made up for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from collector.core.page_tally import Beating, PageTally
from collector.tasks import end, keep_running, report_end

SPARE_S: Final = 5.0
"""So much longer than its own timeout an attempt may take, whoever sends it."""
_log = logging.getLogger("haidang.pages")


class Switch(msgspec.Struct, frozen=True):
    """One switch. `url` is as good as a password and is never logged; `name` is what logs say."""

    name: str
    url: str
    every_s: float = 60.0
    method: str = "POST"
    timeout_s: float = 10.0


class Beat(msgspec.Struct, frozen=True):
    """What a switch sends with POST: who, and figures for whoever looks."""

    version: str
    hostname: str
    at_ms: int
    """Wall clock, milliseconds UTC."""
    sequence: int
    """Beats of this switch since the start, this one included: the first one after a start is 1."""
    figures: Mapping[str, float] = {}


Send = Callable[[Switch, bytes], Awaitable[str]]
"""Sends one request; answers why it failed, without the URL, or nothing. Ends within the switch's timeout."""


class Calls(msgspec.Struct, frozen=True):
    """What the switches ask."""

    unwell: Callable[[], Sequence[str]]
    """Why they must not beat; empty: all is well."""
    send: Send
    wall_ms: Callable[[], int]
    figures: Callable[[], Mapping[str, float]] = dict


class Heartbeats:
    """All switches of the on-call file: `configure` with each file, `stop` last. Each beats by itself."""

    def __init__(self, calls: Calls, tally: PageTally, *, version: str, hostname: str) -> None:
        self._calls = calls
        self._tally = tally
        self._version = version
        self._hostname = hostname
        self._tasks: dict[Switch, asyncio.Task[None]] = {}
        self._sequences: dict[str, int] = {}
        self._was: dict[str, tuple[Beating, str]] = {}
        """How each switch did last, and why."""

    async def configure(self, switches: Sequence[Switch]) -> None:
        """These are the switches from now on; those that stay beat on."""
        for switch in self._tasks.keys() - set(switches):
            await end(self._tasks.pop(switch))
        for switch in switches:
            if switch not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._keep(switch))
                task.add_done_callback(report_end)
                self._tasks[switch] = task

    async def stop(self) -> None:
        """Beat no more."""
        await self.configure(())

    async def _keep(self, switch: Switch) -> None:
        async def once() -> None:
            await self.beat(switch)

        await keep_running(f"heartbeat {switch.name}", once, switch.every_s)

    async def beat(self, switch: Switch) -> Beating:
        """Beat once, if all is well; never longer than the switch's timeout."""
        reasons = self._calls.unwell()
        if reasons:
            outcome, why = Beating.WITHHELD, "; ".join(reasons)
        else:
            why = await self._send(switch)
            outcome = Beating.FAILED if why else Beating.SENT
        self._tally.heartbeats[outcome] += 1
        self._tell(switch, outcome, why)
        return outcome

    async def _send(self, switch: Switch) -> str:
        sequence = self._sequences[switch.name] = self._sequences.get(switch.name, 0) + 1
        beat = Beat(self._version, self._hostname, self._calls.wall_ms(), sequence, self._calls.figures())
        body = msgspec.json.encode(beat) if switch.method == "POST" else b""
        try:
            async with asyncio.timeout(switch.timeout_s + SPARE_S):
                return await self._calls.send(switch, body)
        except TimeoutError:
            return "no answer in time"

    def _tell(self, switch: Switch, outcome: Beating, why: str) -> None:
        """Say once how it changed, not every minute."""
        before = self._was.get(switch.name)
        self._was[switch.name] = (outcome, why)
        if outcome is Beating.SENT:
            if before is not None and before[0] is not Beating.SENT:
                _log.info("heartbeat %s goes on", switch.name)
        elif before != (outcome, why):
            word = "is withheld" if outcome is Beating.WITHHELD else "could not be sent"
            _log.warning("heartbeat %s %s: %s", switch.name, word, why)
