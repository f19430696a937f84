"""The agent's own polling: a thread with an event loop beside the reading of the host, whose reports go into the same spool.

Serves `agent.app`, which imports it only when devices are configured. It never holds up the host's readings, and what it cannot
store is the spool's to state.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from agent.clock import Clock
from agent.model import Lane, Report
from agent.probes.crew import Crew
from agent.probes.snmp import Poller, Tools, pace_of
from agent.results import Result, Schemas
from agent.settings import SnmpSettings
from agent.snmp.auth import Auth
from agent.snmp.auth_file import load_auths
from agent.snmp.device import Device
from agent.snmp.library import Library

GATHER_S: Final = 0.2
"""So long results wait for others, to be stored and sent in one go."""
GATHER_RESULTS: Final = 256
STOP_S: Final = 3.0
AGAIN_S: Final = 10.0
"""Polling that ended by a mistake is begun anew after so long."""


class Sink(Protocol):
    """Where reports go: the spool."""

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> object:
        """Store; the reports' `seq` is given there."""


def devices_of(settings: SnmpSettings, auths: Mapping[str, Auth]) -> list[Device]:
    """The devices as they are polled. Raises `KeyError` for credentials that do not exist, which loading has refused."""
    return [
        Device(
            target=each.target,
            host=each.address,
            auth=auths[each.auth],
            port=each.port,
            class_=each.class_,
            profile=each.profile,
            modules=each.modules,
            interval_s=each.interval_s or settings.interval_s,
            full_interval_s=each.full_interval_s,
            timeout_s=each.timeout_s or 0.0,
            retries=each.retries,
            max_repetitions=each.max_repetitions or 0,
            get_only=each.get_only,
            strict_source=each.strict_source,
            wan=each.wan,
            ping=each.ping,
        )
        for each in settings.devices
    ]


class Gathering:
    """Results on their way into the spool, a few at a time. Used in the loop's thread only."""

    def __init__(self, sink: Sink, stored: Callable[[], None], say: Callable[[str, bool], None]) -> None:
        """`say(text, good)` is told of each writing how it went."""
        self._sink = sink
        self._stored = stored
        self._say = say
        self._results: list[Result] = []
        self._timer: asyncio.TimerHandle | None = None

    def take(self, result: Result) -> None:
        """Keep a result for the next writing."""
        self._results.append(result)
        if len(self._results) >= GATHER_RESULTS:
            self.write()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.write)

    def write(self) -> None:
        """Store what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        results, self._results = self._results, []
        if not results:
            return
        schemas = Schemas()
        for result in results:
            schemas.add(result.schemas)
        facts = [result.report() for result in results if result.lane is Lane.FACTS]
        bulk = [result.report() for result in results if result.lane is Lane.BULK]
        try:
            self._sink.append_collection(facts=facts, bulk=bulk, schemas=schemas)
        except (OSError, ValueError) as error:
            self._say(f"reports of devices could not be stored: {error}", False)
        else:
            self._say("ok", True)
        self._stored()


class SnmpService:
    """`start` once, `stop` once. `stored` is called after reports were stored, `say(about, text, good)` when there is something
    to tell; both from the service's thread."""

    def __init__(
        self,
        devices: Sequence[Device],
        library: Library,
        sink: Sink,
        clock: Clock,
        *,
        stored: Callable[[], None],
        say: Callable[[str, str, bool], None],
    ) -> None:
        self._devices = devices
        self._library = library
        self._sink = sink
        self._clock = clock
        self._stored = stored
        self._say = say
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._thread = threading.Thread(target=self._main, name="snmp", daemon=True)

    def start(self) -> None:
        """Begin polling in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the polls that run, store what they gave, and wait for it a moment."""
        self._is_stopping = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _main(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._always())

    async def _always(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        while not self._is_stopping:
            try:
                await self._run()
            except Exception as error:  # noqa: BLE001  an agent that runs on for days and polls nothing helps nobody
                text = f"polling ended with an error, it is begun anew: {type(error).__name__}: {error}"
                self._say("snmp", text, False)
            await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        gathering = Gathering(self._sink, self._stored, lambda text, good: self._say("snmp spool", text, good))
        tools = Tools(self._library, gathering.take, self._clock)
        await tools.open()
        crew = Crew(lambda device: Poller(device, tools), self._clock, pace=pace_of)
        crew.configure(self._devices)
        try:
            await crew.run()
        finally:
            try:
                gathering.write()
            finally:
                await tools.close()


def open_service(
    settings: SnmpSettings, sink: Sink, clock: Clock, *, stored: Callable[[], None], say: Callable[[str, str, bool], None]
) -> SnmpService:
    """The service of these settings, whose paths are absolute. Raises `SheetError` (a `ValueError`) for files that have become
    wrong since the settings were checked."""
    auths = load_auths(settings.auths_file)
    library = Library.load([settings.folder] if settings.folder else [])
    return SnmpService(devices_of(settings, auths), library, sink, clock, stored=stored, say=say)
