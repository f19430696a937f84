"""What the pollers of one event loop share: the client and its sockets, modules made ready, the way that results go."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.probes.echo import Echoes
from agent.results import Result
from agent.snmp.client import Client
from agent.snmp.library import Library
from agent.snmp.series import Compiled, compile_module


class Tools:
    """`await open()` before the first poll, `await close()` after the last. `deliver` gets every result at once, in the loop;
    it must neither raise nor wait."""

    def __init__(
        self, library: Library, deliver: Callable[[Result], None], clock: Clock, *, client: Client | None = None
    ) -> None:
        self.library = library
        self.deliver = deliver
        self.clock = clock
        self.client = client or Client()
        self.echoes = Echoes()
        self._compiled: dict[str, Compiled] = {}

    async def open(self) -> None:
        """Open the sockets. Raises `OSError` where the system has none for us."""
        await self.client.open()

    async def close(self) -> None:
        """Close the sockets; requests under way end."""
        self.echoes.close()
        await self.client.close()

    def compiled(self, name: str) -> Compiled:
        """A module made ready, once for all devices. Raises `KeyError` and `SheetError` as the library does."""
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = compile_module(name, self.library.module(name))
        return found
