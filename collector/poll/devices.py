"""The collector's own agent: polls the devices that the inventory gives to `collector`, in this process and loop.

It judges nothing and stores nothing itself: what a poll finds goes the way of every agent's reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from agent.clock import Clock
from agent.probes.crew import Crew
from agent.probes.snmp import Poller, Tools, pace_of
from agent.results import Result
from agent.snmp.auth import Auth
from agent.snmp.device import AUTO, Device
from collector.core.poll_tally import PollTally
from collector.core.poll_view import DuplicateEngine
from collector.inventory import Equipment, Inventory
from collector.inventory.chosen import Chosen
from collector.settings import Snmp
from collector.tasks import report_end

COUNT_S: Final = 1.0
_STRAY: Final = (
    "late", "duplicate", "unmatched", "malformed", "wrong_source", "wrong_community", "unauthentic", "reports",
)  # fmt: skip
"""What may become of a datagram that is no plain answer, as the client counts it."""


def devices_of(inventory: Inventory, equipment: Equipment, settings: Snmp) -> list[Device]:
    """What the collector polls. Names were checked when the inventory was loaded."""
    return [_device(chosen, equipment, settings) for chosen in inventory.polled()]


def _device(chosen: Chosen, equipment: Equipment, settings: Snmp) -> Device:
    entry, said = chosen.entry, chosen.snmp
    assert said is not None
    assert entry.address is not None
    timeout_s = settings.timeout_s if said.timeout_s is None else said.timeout_s
    return Device(
        target=entry.id,
        host=entry.address,
        auth=auth_of(equipment, said.auth or "", said.context),
        port=said.port or 161,
        class_=entry.class_,
        profile=said.profile or AUTO,
        modules=said.modules or (),
        interval_s=chosen.interval_s,
        full_interval_s=said.full_interval_s or 0,
        timeout_s=timeout_s or 0.0,
        retries=settings.retries if said.retries is None else said.retries,
        max_repetitions=said.max_repetitions or 0,
        get_only=said.get_only,
        strict_source=said.strict_source or False,
        wan=said.wan,
        ping=settings.ping if said.ping is None else said.ping,
    )


def auth_of(equipment: Equipment, name: str, context: str | None) -> Auth:
    """Credentials by name, with the context that the inventory gives. Raises `KeyError`."""
    auth = equipment.auths[name]
    return auth if context is None else msgspec.structs.replace(auth, context_name=context)


class Devices:
    """Polls until it is cancelled. Made anew when the library of profiles changes; devices may change meanwhile."""

    def __init__(
        self, equipment: Equipment, settings: Snmp, deliver: Callable[[Result], None], clock: Clock, tally: PollTally
    ) -> None:
        self._tally = tally
        self._max_in_flight = settings.max_in_flight
        self._wanted: list[Device] = []
        self._targets: set[str] = set()
        self._tools = Tools(equipment.library, deliver, clock)
        self._crew = Crew(lambda device: Poller(device, self._tools), clock, pace=pace_of, max_in_flight=settings.max_in_flight)

    def is_of(self, equipment: Equipment, settings: Snmp) -> bool:
        """Whether this is what these would be polled with."""
        return equipment.library is self._tools.library and settings.max_in_flight == self._max_in_flight

    def configure(self, devices: Iterable[Device]) -> None:
        """These are polled from now on; one that stays the same goes on undisturbed."""
        wanted = self._wanted = list(devices)
        self._crew.configure(wanted)
        targets = self._targets = {device.target for device in wanted}
        self._tally.devices = len(wanted)
        for gone in self._tally.last.keys() - targets:
            del self._tally.last[gone]

    def has(self, target: str) -> bool:
        """Whether a target is polled here."""
        return target in self._targets

    def poll_now(self, target: str, *, reset: bool = False) -> bool:
        """Poll a device at once; false for one that is not polled here."""
        return self._crew.poll_now(target, reset=reset)

    @property
    def duplicate_engines(self) -> tuple[DuplicateEngine, ...]:
        """SNMPv3 engine ids that more than one address answers with."""
        return tuple([DuplicateEngine(engine_id, found) for engine_id, found in self._tools.client.duplicate_engines()])

    async def run(self) -> None:
        """Poll, for ever. May be run again after it ended."""
        await self._tools.open()
        counting = asyncio.get_running_loop().create_task(self._count_always())
        counting.add_done_callback(report_end)
        try:
            self._crew.configure(self._wanted)
            await self._crew.run()
        finally:
            counting.cancel()
            self._count()
            await self._tools.close()

    async def _count_always(self) -> None:
        while True:
            self._count()
            await asyncio.sleep(COUNT_S)

    def _count(self) -> None:
        tally, crew, client = self._tally, self._crew.stats, self._tools.client.stats
        tally.late, tally.missed, tally.in_flight, tally.waiting = crew.late, crew.missed, crew.in_flight, crew.waiting
        tally.slow = dict(crew.slow)
        tally.requests, tally.timeouts = client.sent, client.timeouts
        tally.sent_bytes, tally.received_bytes = client.sent_bytes, client.received_bytes
        stray = {name: getattr(client, name) for name in _STRAY}
        tally.answers = {"received": client.received} | stray
