"""Connects polling, probing and traps to the running collector: devices and probes from the inventory, results into the store
like any agent's, and none that accuses while the collector does not see.

Nothing of SNMP is loaded until the inventory names a device to poll or traps are to be heard, nothing of probes until it names
one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import wire
from agent.clock import Clock
from agent.model import Lane, Outcome
from agent.wire import Batch
from collector.core.change import COLLECTOR, StoreError
from collector.core.poll_tally import PollTally
from collector.core.poll_view import PollView, SlowDevice, WayOut, devices_by_outcome
from collector.core.probe_tally import ProbeTally
from collector.core.schemas import SchemaBook, pack
from collector.core.sequence import Sequence
from collector.core.tally import Tally
from collector.ingest.commit import BusyError, Committer
from collector.ingest.intake import IdentityConflictError, Incoming, UnusableBatchError
from collector.inventory import Inventory
from collector.store.store import Store
from collector.tasks import end, keep_running, report_end

if TYPE_CHECKING:
    from agent.probes.probe import Finding, Job
    from collector.poll.devices import Devices
    from collector.poll.gathering import Gathering, Sender, Stored
    from collector.poll.hearing import Hearing
    from collector.poll.probing import Probing
    from collector.poll.sight import Watch

STREAM_FILE: Final = "collector.stream"
_log = logging.getLogger("haidang.poll")


class Polling:
    """One for the life of the collector: `begin` once, `configure` whenever the inventory changes, `run` as a task, `stop`."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        book: SchemaBook,
        tally: Tally,
        *,
        clock: Clock,
        now_ms: Callable[[], int],
        folder: Path,
    ) -> None:
        self._store = store
        self._committer = committer
        self._book = book
        self._tally = tally
        self._clock = clock
        self._now_ms = now_ms
        self._folder = folder
        self._held: set[bytes] = set()
        """Layouts that the store holds of ours."""
        self._releases = 0
        self._wanted: Inventory | None = None
        self._present: Inventory | None = None
        self._news = asyncio.Event()
        self._gathering: Gathering | None = None
        self._devices: Devices | None = None
        self._probing: Probing | None = None
        self._watch: Watch | None = None
        self._hearing: Hearing | None = None
        self._uplink_of: dict[str, str] = {}
        self._polls = PollTally()
        self._probes = ProbeTally()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def remember_schema(self, agent: str, digest: bytes) -> None:
        """A layout that the store already holds for this agent, at start."""
        if agent == COLLECTOR:
            self._held.add(digest)

    async def begin(self, inventory: Inventory) -> None:
        """Start what the inventory asks for. Raises `StoreError`, and `OSError` for an address that is not to be had."""
        self._wanted = inventory
        await self._apply(inventory)

    def configure(self, inventory: Inventory) -> None:
        """Take another inventory; `run` does it."""
        self._wanted = inventory
        self._news.set()

    async def run(self) -> None:
        """Follow the inventory, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._wanted is None or self._wanted is self._present:
                continue
            try:
                await self._apply(self._wanted)
            except (OSError, StoreError) as error:
                _log.error("polling cannot follow the inventory, it is tried again: %s", error)
                await asyncio.sleep(5)
                self._news.set()

    async def stop(self) -> None:
        """Hear and poll nothing more; what was found is handed over."""
        if self._hearing is not None:
            await self._hearing.stop()
        for name in ("devices", "probing", "sight"):
            await self._end(name)
        if self._watch is not None:
            await self._watch.finish()
        await self._end("gathering")
        if self._gathering is not None:
            await self._gathering.finish()

    def poll_now(self, target: str, reset: bool) -> bool:
        """Poll a device at once; false for one that is not polled here."""
        return self._devices is not None and self._devices.poll_now(target, reset=reset)

    async def probe_now(self, target: str, timeout_s: float) -> Mapping[str, Finding]:
        """Probe a target at once and wait so long for what is found, by the name of the probe; what does not end in time is
        not in it."""
        return await self._probing.probe_now(target, timeout_s) if self._probing is not None else {}

    def can_look(self, target: str) -> bool:
        """Whether a target can be looked at from here at once."""
        return (self._probing is not None and self._probing.looks_at(target)) or (
            self._devices is not None and self._devices.has(target)
        )

    async def look_at(self, target: str, timeout_s: float) -> bool | None:
        """Look at a target at once: whether any of its judged probes finds it good. None: nobody could tell in time; a device
        that is polled tells by its next sample, which is on its way."""
        found = [finding.outcome for finding in (await self.probe_now(target, timeout_s)).values()]
        if not found:
            self.poll_now(target, reset=False)
        if any(outcome in (Outcome.OK, Outcome.DEGRADED) for outcome in found):
            return True
        return False if Outcome.FAILED in found else None

    def is_blind(self, target: str) -> bool:
        """Whether nothing is seen over the way out by which the collector observes a target."""
        uplink = self._uplink_of.get(target)
        return uplink is not None and any(way.uplink == uplink and not way.is_seeing for way in self._ways())

    def look(self) -> PollView:
        """What polling came upon until now."""
        tally = self._tally.snmp
        return PollView(
            devices_by_outcome(tally) if tally is not None else {},
            tuple([SlowDevice(target, missed) for target, missed in tally.slow.items()]) if tally is not None else (),
            self._devices.duplicate_engines if self._devices is not None else (),
            self._hearing.strangers if self._hearing is not None else (),
            self._ways(),
        )

    def _ways(self) -> tuple[WayOut, ...]:
        if self._watch is None:
            return ()
        skew_ms = self._now_ms() - self._clock.uptime_ms()
        views = self._watch.views()
        return tuple([WayOut(one.id, one.is_seeing, one.since_ms + skew_ms, one.lost_s, one.discarded) for one in views])

    # -- following the inventory

    async def _apply(self, inventory: Inventory) -> None:
        equipment, settings = inventory.equipment, inventory.settings
        if equipment is not None and self._gathering is None:
            await self._open()
        if self._devices is not None and (equipment is None or not self._devices.is_of(equipment, settings.snmp)):
            # Nothing is polled any more, or profiles are another: every device is looked at anew.
            if equipment is None:
                self._devices.configure(())
            await self._end("devices")
            self._devices = None
        if equipment is not None:
            self._see(inventory)
            self._poll(inventory)
        await self._probe(inventory)
        await self._hear(inventory)
        self._present = inventory

    def _see(self, inventory: Inventory) -> None:
        """Which ways out there are, and over which each target is observed."""
        from collector.poll.ways import ways_of

        assert self._watch is not None
        uplinks, self._uplink_of = ways_of(inventory)
        self._watch.configure(uplinks, self._uplink_of)

    async def _probe(self, inventory: Inventory) -> None:
        settings = inventory.settings.probes
        jobs: list[Job] = []
        if inventory.equipment is not None:
            from collector.inventory.probes import jobs_of

            jobs = jobs_of(inventory, COLLECTOR)
        if self._probing is not None and not self._probing.is_of(settings):
            await self._end("probing")
            self._probing = None
        if self._probing is None and jobs:
            from collector.poll.probing import Probing

            assert self._watch is not None
            self._tally.probes = self._probes
            self._probing = Probing(settings, self._watch.take, self._clock, self._probes)
            self._spawn("probing", self._probing)
        if self._probing is not None:
            self._probing.configure(jobs)

    def _poll(self, inventory: Inventory) -> None:
        if self._devices is None and not inventory.polled():
            return
        from collector.poll.devices import Devices, devices_of

        equipment, settings = inventory.equipment, inventory.settings.snmp
        assert equipment is not None
        wanted = devices_of(inventory, equipment, settings)
        if self._devices is None and wanted:
            assert self._watch is not None
            self._tally.snmp = self._polls
            self._devices = Devices(equipment, settings, self._watch.take, self._clock, self._polls)
            self._spawn("devices", self._devices)
        if self._devices is not None:
            self._devices.configure(wanted)

    async def _hear(self, inventory: Inventory) -> None:
        if self._hearing is None:
            if not inventory.settings.traps.listen or inventory.equipment is None:
                return
            from collector.poll.hearing import Hearing

            assert self._gathering is not None
            self._hearing = Hearing(self._gathering.keep, self.poll_now, self._clock, self._tally)
        await self._hearing.follow(inventory)

    async def _open(self) -> None:
        """Find out who we are to the store, and begin to hand over."""
        from collector.poll.gathering import Gathering
        from collector.poll.sight import Watch

        sender = await self._sender()
        self._gathering = Gathering(self._submit, sender, self._clock, self._polls, self._probes)
        self._spawn("gathering", self._gathering)
        self._watch = Watch(self._gathering.take, self._clock)
        self._tally.sight = self._ways
        self._spawn("sight", self._watch)

    async def _sender(self) -> Sender:
        from collector.poll.gathering import Sender

        stream = _stream(self._folder / STREAM_FILE)
        saved = (await self._store.load_agents({COLLECTOR: {stream}}))[COLLECTOR]
        following: dict[Lane, int] = {}
        for row in saved.sequences:
            if row.stream == stream:
                numbers = Sequence(row.received, row.lost)
                following[row.lane] = 1 + max(
                    [last for some in (numbers.received, numbers.lost) for _, last in some], default=0
                )
        return Sender(stream, secrets.token_hex(16), following)

    def _spawn(self, name: str, work: Devices | Gathering | Probing | Watch) -> None:
        task = asyncio.get_running_loop().create_task(keep_running(name, work.run))
        task.add_done_callback(report_end)
        self._tasks[name] = task

    async def _end(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            await end(task)

    # -- into the store

    async def _submit(self, batch: Batch, schemas: Mapping[bytes, bytes]) -> Stored:
        from collector.poll.gathering import Stored

        try:
            new = self._new_schemas(schemas)
            incoming = Incoming(COLLECTOR, batch, batch.groups, self._now_ms(), new, self._forgotten())
            receipt = await self._committer.submit(incoming)
        except BusyError:
            return Stored.LATER
        except StoreError as error:
            _log.error("results of polls could not be stored: %s", error)
            return Stored.NEVER if error.poison else Stored.LATER
        except (IdentityConflictError, UnusableBatchError) as error:
            _log.error("results of polls are refused, they are offered again: %s", error)
            return Stored.LATER
        except Exception:  # noqa: BLE001  one batch must not keep all that follow from being stored
            _log.exception("results of polls could not be handed over")
            return Stored.NEVER
        for one in receipt.refused:
            self._tally.refuse(one.code)
        self._held.difference_update(incoming.forgotten)
        self._held.update(digest for digest, _ in new)
        return Stored.YES

    def _new_schemas(self, schemas: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """Layouts that the store is to keep; the book has them from now on."""
        new = []
        for digest in schemas:
            if self._book.known(digest) and digest in self._held:
                continue
            encoded = schemas[digest]
            try:
                _, schema = wire.check_schema(encoded, wire.Limits())
                taken = self._book.add(COLLECTOR, digest, pack(schema))
            except wire.WireError as error:
                _log.error("the layout of a device's values is not taken: %s", error)
                taken = False
            if taken:
                new.append((digest, encoded))
            else:
                self._tally.schemas_refused += 1
        return tuple(new)

    def _forgotten(self) -> tuple[bytes, ...]:
        """Layouts that the store need not keep any more."""
        if self._book.releases == self._releases:
            return ()
        self._releases = self._book.releases
        return tuple([digest for digest in self._held if not self._book.known(digest)])


def _stream(file: Path) -> str:
    """The name of our sequence of reports: the same as long as the data folder is the same."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = file.read_text(encoding="ascii").strip()
        if name.isalnum() and len(name) == 32:
            return name
    name = secrets.token_hex(16)
    file.write_text(f"{name}\n", encoding="ascii")
    return name
