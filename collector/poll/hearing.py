"""Follows the inventory with the receiver of traps: who may send them, whose they are, and where their evidence goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from agent.clock import Clock
from agent.model import Report
from collector.core.poll_tally import TrapCounts
from collector.core.poll_view import UnknownSender
from collector.core.tally import Tally
from collector.inventory import Inventory
from collector.poll.places import Places
from collector.poll.trap_desk import Heard, report
from collector.poll.trap_receiver import Receiver
from collector.tasks import report_end

RESOLVE_S: Final = 600.0
"""Names of targets are looked up anew so often."""
COUNT_S: Final = 1.0
_log = logging.getLogger("haidang.traps")


class Hearing:
    """`follow` an inventory as often as it changes, `stop` once."""

    def __init__(
        self, keep: Callable[[Report], None], poll_now: Callable[[str, bool], object], clock: Clock, tally: Tally
    ) -> None:
        self._keep = keep
        self._poll_now = poll_now
        self._clock = clock
        self._tally = tally
        self._receiver: Receiver | None = None
        self._before = TrapCounts()
        self._present: Inventory | None = None
        self._places = Places()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where traps are heard now."""
        return self._receiver.addresses if self._receiver is not None else ()

    @property
    def strangers(self) -> tuple[UnknownSender, ...]:
        """Senders that are not heard, the last one first."""
        found = self._receiver.strangers if self._receiver is not None else ()
        return tuple([UnknownSender(one.source, one.why, one.count, one.first_ms, one.last_ms) for one in found])

    async def follow(self, inventory: Inventory) -> None:
        """Hear with the credentials and for the targets of this inventory. Raises `OSError` for an address that is not to be
        had."""
        before, self._present = self._present, inventory
        if before is None or self._receiver is None or _ears(before) != _ears(inventory):
            await self._restart(inventory)
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._receiver is not None:
            self._know(self._receiver, inventory)
            self._spawn(self._know_always(self._receiver, inventory))
            self._spawn(self._count_always())

    async def stop(self) -> None:
        """Hear nothing more."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._receiver is not None:
            await self._receiver.stop()
            self._count()
            self._before, self._receiver = self._tally.traps or TrapCounts(), None

    async def _restart(self, inventory: Inventory) -> None:
        await self.stop()
        equipment, settings = inventory.equipment, inventory.settings.traps
        if equipment is None or equipment.notifications is None or not settings.listen:
            return
        # The sockets of the one before are closed in the next turn of the loop.
        await asyncio.sleep(0)
        receiver = Receiver(
            settings, equipment.auths, equipment.notifications, self._clock, poll_now=self._poll_now, record=self._record
        )
        self._know(receiver, inventory)
        await receiver.start()
        self._receiver = receiver
        _log.info("traps are heard at %s", ", ".join(f"{host} port {port}" for host, port in receiver.addresses))

    def _record(self, heard: Heard) -> None:
        self._keep(report(heard, self._clock.uptime_ms(), self._clock.awake_ms()))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(report_end)
        self._tasks.append(task)

    def _know(self, receiver: Receiver, inventory: Inventory) -> None:
        """Tell who is at which address, as far as that is known by now."""
        targets: dict[str, list[str]] = {}
        for id_, entry in inventory.entries.items():
            for place in self._places.of(entry.address) or () if entry.address is not None else ():
                targets.setdefault(place, []).append(id_)
        receiver.know(targets)
        proxies = {name: self._places.of(name) for name in inventory.settings.traps.proxies}
        receiver.trust({name: places for name, places in proxies.items() if places is not None})

    async def _know_always(self, receiver: Receiver, inventory: Inventory) -> None:
        named = [entry.address for entry in inventory.entries.values() if entry.address is not None]
        while True:
            await self._places.look_up((*named, *inventory.settings.traps.proxies))
            self._know(receiver, inventory)
            await asyncio.sleep(RESOLVE_S)

    async def _count_always(self) -> None:
        while True:
            self._count()
            await asyncio.sleep(COUNT_S)

    def _count(self) -> None:
        receiver, before = self._receiver, self._before
        assert receiver is not None
        now = receiver.tally
        self._tally.traps = TrapCounts(
            fates={fate.value: before.fates.get(fate.value, 0) + count for fate, count in now.fates.items()},
            notifications=_sum(before.notifications, now.notifications),
            polls=before.polls + now.polls,
            waiting=receiver.waiting,
            strangers=len(receiver.strangers),
            learnt_engines=receiver.learnt_engines,
        )


def _sum(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {name: before.get(name, 0) + now.get(name, 0) for name in {**before, **now}}


def _ears(inventory: Inventory) -> tuple[object, ...]:
    """What a receiver is made from."""
    equipment = inventory.equipment
    if equipment is None:
        return (inventory.settings.traps,)
    return inventory.settings.traps, dict(equipment.auths), equipment.notifications
