"""The collector's own sight: which ways out it has, and by which of them each target is observed, as the inventory says.

What it cannot see it does not judge: see `agent.probes.sight`, which does the work for agents as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from agent.clock import Clock
from agent.probes.references import References
from agent.probes.sight import Sight, Uplink, View
from agent.results import Result


class Watch:
    """`take` results on their way to the store; `configure` whenever the inventory changes; `run` as a task; `finish` last."""

    def __init__(self, deliver: Callable[[Result], None], clock: Clock) -> None:
        self._references = References()
        self._sight = Sight(deliver, self._references.ask, clock)
        self.take = self._sight.take

    def configure(self, uplinks: Iterable[Uplink], uplink_of: Mapping[str, str]) -> None:
        """These are the ways out, and over which each target is observed."""
        self._sight.configure(uplinks, uplink_of)

    def views(self) -> tuple[View, ...]:
        """What is known of every way out."""
        return self._sight.views()

    async def run(self) -> None:
        """Look at the references, for ever."""
        await self._sight.run()

    async def finish(self) -> None:
        """Let go of what is held and state how long we were blind; call before the last results are handed over."""
        try:
            await self._sight.close()
        finally:
            self._references.close()


__all__ = ["Uplink", "View", "Watch"]
