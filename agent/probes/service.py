"""The agent's own observing of others: a thread with an event loop beside the reading of the host, into the same spool.

Serves `agent.app`, which loads it only when there is something to observe. It never holds up the host's readings, and what it
cannot store is the spool's to state.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Final

from agent.clock import Clock
from agent.model import Readings
from agent.probes.active import Active, Say
from agent.probes.gathering import Gathering, Sink
from agent.probes.wanted import Wanted, joined
from agent.status import ObservingStatus

LOCAL: Final = "local"
"""The source that goes before all others: the machine's own file."""
STOP_S: Final = 3.0
AGAIN_S: Final = 10.0
"""Observing that ended by a mistake is begun anew after so long."""


class Observing:
    """`start` once, `stop` once, `configure` as often as wanted and from any thread: a thread runs while anything is wanted.
    `stored` is called after reports were stored, `say(about, text, good)` when there is something to tell; both from there."""

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        *,
        stored: Callable[[], None],
        say: Say,
        scripts: Mapping[str, tuple[str, ...]] | None = None,
        max_in_flight: int = 2_000,
    ) -> None:
        """`scripts` are the programs that probes may run, by name; from the machine's own file and from nowhere else."""
        self._sink = sink
        self._clock = clock
        self._stored = stored
        self._say = say
        self._scripts = dict(scripts or {})
        self._max_in_flight = max_in_flight
        self._lock = threading.Lock()
        """Over everything below."""
        self._sources: dict[str, Wanted] = {LOCAL: Wanted()}
        self._is_started = False
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._news: asyncio.Event | None = None
        self._active: Active | None = None
        """What observes now; set and read as one value, from any thread."""

    def readings(self) -> Readings:
        """The series of what observes; none while nothing does. From any thread."""
        active = self._active
        return [] if active is None else active.readings()

    def status(self) -> ObservingStatus | None:
        """The same for people. From any thread."""
        active = self._active
        return None if active is None else active.status()

    def configure(self, wanted: Wanted, source: str = LOCAL) -> None:
        """This is what a source wants from now on; what others want stays."""
        with self._lock:
            self._sources[source] = wanted
            self._follow()

    def start(self) -> None:
        """Begin with what is wanted."""
        with self._lock:
            self._is_started = True
            self._follow()

    def stop(self) -> None:
        """End the runs that go on, store what they gave, and wait for it a moment."""
        with self._lock:
            self._is_stopping = True
            thread = self._thread
            if self._loop is not None and self._task is not None:
                with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                    self._loop.call_soon_threadsafe(self._task.cancel)
        if thread is not None:
            thread.join(STOP_S)

    def _follow(self) -> None:
        """Have the thread look, or begin one. The lock is held."""
        if self._thread is not None:
            if self._loop is not None and self._news is not None:
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._news.set)
        elif self._is_started and not self._is_stopping and not joined(self._sources.values()).is_nothing:
            self._thread = threading.Thread(target=self._main, name="observing", daemon=True)
            self._thread.start()

    def _main(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._always())

    async def _always(self) -> None:
        with self._lock:
            self._loop, self._task, self._news = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
        while not self._is_stopping:
            try:
                await self._run(self._news)
                return
            except Exception as error:  # noqa: BLE001  an agent that runs on for days and observes nothing helps nobody
                text = f"it ended with an error and is begun anew: {type(error).__name__}: {error}"
                self._say("observing", text, False)
            await asyncio.sleep(AGAIN_S)

    async def _run(self, news: asyncio.Event) -> None:
        """Observe until nothing is wanted any more."""
        gathering = Gathering(self._sink, self._stored, lambda text, good: self._say("observing spool", text, good))
        active = Active(gathering.take, self._clock, self._say, scripts=self._scripts, max_in_flight=self._max_in_flight)
        self._active = active
        try:
            while (wanted := self._wanted(news)) is not None:
                await active.apply(wanted)
                await _first(news, active.tasks)
        finally:
            self._active = None
            try:
                await active.close()
            finally:
                gathering.write()

    def _wanted(self, news: asyncio.Event) -> Wanted | None:
        """What is wanted now; None: nothing, and the thread ends."""
        with self._lock:
            news.clear()
            wanted = joined(self._sources.values())
            if not wanted.is_nothing:
                return wanted
            self._thread = self._loop = self._task = self._news = None
            return None


async def _first(news: asyncio.Event, tasks: set[asyncio.Task[None]]) -> None:
    """Wait for news. Raises what a task ended with."""
    waiting = asyncio.get_running_loop().create_task(news.wait())
    try:
        await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    for task in tasks:
        if task.done():
            task.result()
