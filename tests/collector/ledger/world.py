"""A small world for the ledger: the real store, committer and wiring, and a clock that a test turns; no processes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import msgspec

from agent.model import AGENT, HEARTBEAT, Kind, Lane, Outcome, Reason, Report
from agent.wire import Batch, Group
from collector.config import Config
from collector.core.fleet import Fleet
from collector.core.schemas import SchemaBook
from collector.core.state import Span, View
from collector.core.tally import Tally
from collector.ingest.commit import Committer
from collector.ingest.intake import Incoming
from collector.inventory import load_inventory
from collector.ledgers import Ledgers
from collector.store.store import Store

DAY = 86_400_000
HOUR = 3_600_000
MIDNIGHT = 1_772_384_400_000
"""2026-03-02 00:00 in Asia/Ho_Chi_Minh, a Monday."""
INTERVAL = 60_000


class Machine:
    """One agent and its machine: what it makes is kept until it is sent."""

    def __init__(self, name: str, born_ms: int) -> None:
        self.name = name
        self.born_ms = born_ms
        self.boot = "b1"
        self.seq = 0
        self.spool: list[tuple[str, Report]] = []

    def make(self, t_ms: int, target: str = "", **fields: object) -> None:
        """A report about `t_ms`: the heartbeat, if nothing else is said."""
        self.seq += 1
        values: dict[str, object] = {
            "seq": self.seq, "target": target or self.name, "module": HEARTBEAT, "kind": Kind.REPORT, "at_ms": t_ms,
            "uptime_ms": t_ms - self.born_ms, "awake_ms": t_ms - self.born_ms, "interval_ms": INTERVAL,
        }  # fmt: skip
        self.spool.append((self.boot, Report(**(values | fields))))  # type: ignore[arg-type]

    def marker(self, t_ms: int, kind: Kind, detail: str = "") -> None:
        self.make(t_ms, module=AGENT, kind=kind, detail=detail, interval_ms=0)

    def probe(self, t_ms: int, target: str, ok: bool) -> None:
        outcome = (Outcome.OK, Reason.NONE) if ok else (Outcome.FAILED, Reason.TIMEOUT)
        self.make(t_ms, target, module="icmp", kind=Kind.OBS, outcome=outcome[0], reason=outcome[1])

    def reboot(self, t_ms: int) -> None:
        self.boot = f"b{int(self.boot[1:]) + 1}"
        self.born_ms = t_ms


class World:
    """The collector's part; `now` is its timeline."""

    def __init__(self, folder: Path, now: int = MIDNIGHT, inventory: str = "") -> None:
        self.folder = folder
        self.now = now
        self.config = Config()
        if inventory:
            (folder / "inventory").mkdir(exist_ok=True)
            (folder / "inventory" / "all.yml").write_text(inventory)
            self.config = msgspec.structs.replace(self.config, inventory=str(folder / "inventory"))
        self.machines: dict[str, Machine] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Ledgers]:
        """From a start to a clean stop."""
        await self.start()
        try:
            yield self.ledgers
        finally:
            await self.stop()

    async def start(self) -> None:
        self.store = await Store.open(f"sqlite:///{self.folder / 'haidang.db'}")
        gap = await self.store.begin(self.now)
        fleet = Fleet(SchemaBook(), Tally())
        self.ledgers = Ledgers(self.store, fleet, self.config, lambda: self.now)
        self.committer = Committer(self.store, self.ledgers.see)
        assert gap is None or gap.until_ms == self.now
        for blind in await self.store.blinds(0, self.now):
            self.ledgers.blind(blind.from_ms, blind.until_ms or self.now)
        await self.configure()
        self.committer.start()

    async def configure(self) -> None:
        accounts = await self.store.agents()
        folder = Path(self.config.inventory) if self.config.inventory else None
        inventory = load_inventory(folder, [account.id for account in accounts], self.config)
        fleet_targets = inventory.with_agents(accounts)
        self.ledgers._fleet.set_targets(fleet_targets.values())
        await self.ledgers.load(inventory, accounts)

    async def stop(self) -> None:
        await self.committer.drain()
        await self.store.finish(self.now)
        await self.store.close()

    async def die(self) -> None:
        """As after kill -9: what was not committed is gone, no farewell is written; the last heartbeat was just now."""
        await self.committer.drain()
        await self.store.heartbeat(self.now)
        await self.store.close()

    async def enrol(self, *names: str) -> None:
        """Agents whose machines have been up for a day."""
        for name in names:
            await self.store.add_agent(name, "dic", "server", self.now)
            await self.store.create_code(name, name.encode(), self.now + HOUR, self.now)
            await self.store.redeem_code(name.encode(), name.encode(), self.now)
            self.machines[name] = Machine(name, self.now - DAY)
        await self.configure()

    async def send(self, name: str) -> None:
        """What a machine holds arrives now, a boot after the other, and is on disk and seen."""
        machine = self.machines[name]
        held, machine.spool = machine.spool, []
        boots = sorted({boot for boot, _ in held} | {machine.boot}, key=lambda boot: int(boot[1:]))
        groups = tuple(
            Group(boot, Lane.FACTS, tuple(report for of, report in held if of == boot))
            for boot in boots
            if any(of == boot for of, _ in held)
        )
        up = self.now - machine.born_ms
        batch = Batch(1, f"s-{name}", machine.boot, up, up, self.now, groups)
        await self.committer.submit(Incoming(name, batch, groups, self.now))

    async def live(self, names: Iterable[str], until_ms: int, *, step: int = INTERVAL) -> None:
        """Heartbeats of machines, each received as it is made, with a tick of the clerk every ten."""
        count = 0
        while self.now + step <= until_ms:
            self.now += step
            for name in names:
                self.machines[name].make(self.now, interval_ms=step)
                await self.send(name)
            count += 1
            if count % 10 == 0:
                await self.tick()
        await self.tick()

    async def tick(self) -> None:
        await self.ledgers.clerk.tick(self.now)

    async def settle(self) -> None:
        """Everything that is due, also what waits a few seconds or minutes."""
        for _ in range(4):
            self.now += 61_000
            await self.tick()

    async def recomputed(self, id_: str, view: View, from_ms: int, known_ms: int | None = None) -> list[Span]:
        """The spans from evidence alone."""
        known = self.now if known_ms is None else known_ms
        court, _ = await self.ledgers.inquiry.court([id_], (from_ms, self.now), known)
        return list(court.spans(id_, view))

    def kept(self, id_: str, view: View, from_ms: int) -> list[Span]:
        """The spans of the live judges."""
        return [
            Span(max(span.from_ms, from_ms), span.to_ms, span.state, span.why)
            for span in self.ledgers.keeper.court(self.now).spans(id_, view)
            if span.to_ms > from_ms
        ]


def states(spans: Sequence[Span], zero: int = MIDNIGHT) -> list[tuple[int, int, str, str]]:
    """Spans in whole minutes since `zero`, for people who read tests."""
    return [((s.from_ms - zero) // 60_000, (s.to_ms - zero) // 60_000, s.state.value, s.why.value) for s in spans]
