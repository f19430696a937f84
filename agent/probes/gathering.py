"""Results on their way into the agent's spool, a few at a time: many small writings cost more than the reports are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from agent.model import Lane, Report
from agent.results import Result, Schemas

GATHER_S: Final = 0.2
"""So long results wait for others, to be stored and sent in one go."""
GATHER_RESULTS: Final = 256


class Sink(Protocol):
    """Where reports go: the spool."""

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> object:
        """Store; the reports' `seq` is given there."""


class Gathering:
    """Used in the loop's thread only; `write` once more at the end."""

    def __init__(self, sink: Sink, stored: Callable[[], None], say: Callable[[str, bool], None]) -> None:
        """`stored` is called after each writing; `say(text, good)` is told how it went."""
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
            self._say(f"reports of other targets could not be stored: {error}", False)
        else:
            self._say("ok", True)
        self._stored()
