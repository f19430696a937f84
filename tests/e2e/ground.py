"""The ground of the tests that nothing is lost: a collector with enrolled agents, and the books that prove it afterwards.

The proof is read from the collector's database and compared with what the test knows by itself: which numbers were
acknowledged, which the agent's spool gave, when who was dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.enrolment import Identity, write_identity
from agent.kinds import READERS
from agent.model import Lane
from agent.position import Position, PositionFile
from agent.status import Status
from agent.status import read as read_status
from collector.ingest.enrol import make_token, open_authority, utc
from collector.store.store import Store
from tests.e2e import worlds
from tests.servers import Collector, Program, wait_for

SLACK_MS = 1_500
"""How exactly a test knows when a process began or ended, on a busy machine."""
FEW = ("loadavg", "meminfo")


def seeded(name: str) -> random.Random:
    """Random numbers of a test; the seed is printed, so that a failure can be played again."""
    seed = time.time_ns() % 1_000_000
    print(f"{name}: seed {seed}")
    return random.Random(seed)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Enrolled(NamedTuple):
    """What an agent needs to know."""

    token: str
    ca_pem: str


class Centre(Collector):
    """A collector whose agents are enrolled before its first start; with `dial` its clock is the test's, with `probes` it
    probes (`probing.Script`)."""

    def __init__(self, folder: Path, config: str = "", dial: worlds.Dial | None = None, probes: Path | None = None) -> None:
        super().__init__(folder, config)
        self.data = folder / "data"
        self.database = self.data / "haidang.db"
        self._now_ms = now_ms if dial is None else dial.now_ms
        if dial is not None:
            self.argv = worlds.command("collector", self.config, dial, probes=probes)

    def enrol(self, *names: str) -> dict[str, Enrolled]:
        """Make accounts with tokens; the collector must not be running, or it learns of them two seconds later."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        authority = open_authority(self.data, (), utc(now_ms()))
        tokens = {name: make_token() for name in names}

        async def seed() -> None:
            store = await Store.open(f"sqlite:///{self.database}")
            for name, (_, token_hash) in tokens.items():
                await store.add_agent(name, "dic", "server", self._now_ms())
                await store.create_code(name, token_hash, self._now_ms() + 60_000, self._now_ms())
                await store.redeem_code(token_hash, token_hash, self._now_ms())
            await store.close()

        asyncio.run(seed())
        return {name: Enrolled(token, authority.ca_pem.decode()) for name, (token, _) in tokens.items()}

    def figure(self, name: str, **labels: str) -> float:
        """Sum of one of the collector's own series over the labels not given; 0 if there is none."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in self.page("/metrics")[1].splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(text in line for text in wanted))


class Station(Program):
    """An agent's machine: `haidang-agent run` on settings of the test's own; with `dial` its clock is the test's."""

    def __init__(self, folder: Path, name: str, enrolled: Enrolled, url: str, *, interval_s: int = 1, few: bool = True) -> None:
        self.name = name
        identity = Identity(name, enrolled.token, interval_s, (url,))
        self.config = Path(write_identity(identity, enrolled.ca_pem, url, str(folder), force=True))
        text = self.config.read_text().replace("spool:\n", "  connect_timeout_s: 1\n  answer_timeout_s: 1\nspool:\n")
        if few:
            others = [kind for kind in READERS if kind not in FEW]
            text += f"readers:\n  disable: [{', '.join(others)}]\n"
        self.config.write_text(text)
        self.spool = folder / "spool"
        super().__init__([sys.executable, "-m", "agent", "run", "--config", str(self.config)], folder, "agent")

    def under(self, dial: worlds.Dial, boot: str = "") -> Station:
        """Run it by this clock, and as this boot of its machine."""
        self.argv = worlds.command("agent", self.config, dial, boot)
        return self

    def status(self) -> Status | None:
        """What the process that was started last wrote of itself; what an earlier one left behind does not count."""
        with contextlib.suppress(OSError, ValueError):
            status = read_status(str(self.folder / "status.json"))
            if self.process is not None and status.pid == self.process.pid:
                return status
        return None

    def wait_for_status(self, holds: Callable[[Status], bool], seconds: float = 20.0) -> Status:
        """Its status once `holds` is true of it."""

        def look() -> Status | None:
            status = self.status()
            return status if status is not None and holds(status) else None

        return wait_for(look, seconds, lambda: f"{self.said()[-1500:]}\n{self.status()}")  # type: ignore[return-value]

    @property
    def stream(self) -> str:
        """The name of its spool."""
        return (self.spool / "stream").read_text().strip()

    def settled(self) -> dict[Lane, set[int]]:
        """What its position file says the collector has, or is stated as lost. Read it while the agent does not run."""
        last = self._position()
        if last is None:
            return {lane: set() for lane in Lane}
        found = {}
        for lane, position in ((Lane.FACTS, last.facts), (Lane.BULK, last.bulk)):
            found[lane] = set(range(1, position.done + 1)) | numbers(position.ranges)
        return found

    def produced(self) -> dict[Lane, int]:
        """The last number each lane gave."""
        last = self._position()
        if last is None:
            return dict.fromkeys(Lane, 0)
        return {Lane.FACTS: last.facts.next_seq - 1, Lane.BULK: last.bulk.next_seq - 1}

    def _position(self) -> Position | None:
        file = PositionFile(str(self.spool / "position"))
        last = file.last
        file.abandon()
        return last

    def drain(self, seconds: float = 30.0) -> None:
        """Stop it in order once everything it holds was delivered."""
        self.wait_for_status(
            lambda s: s.uplink.state.value == "ok" and sum(m.reports for m in s.spool.watermarks) <= 3, seconds
        )
        assert self.stop() == 0, self.said()


def numbers(ranges: Iterable[tuple[int, int]]) -> set[int]:
    """The numbers in ranges."""
    return {number for first, last in ranges for number in range(first, last + 1)}


def _parsed(text: str) -> set[int]:
    parts = [part.partition("-") for part in text.split()]
    return numbers((int(first), int(last or first)) for first, _, last in parts)


class LaneBook(NamedTuple):
    """What the collector has of one lane: numbers received, numbers stated as lost, reports counted in evidence, loss records
    (which are numbered in the facts lane and are no evidence)."""

    received: set[int]
    lost: set[int]
    counted: int
    records: int


class Beat(NamedTuple):
    """A run of heartbeats."""

    first_ms: int
    last_ms: int
    count: int
    interval_ms: int
    grade: str
    quality: str
    first_rx_ms: int
    boot: str


class Books:
    """What the collector's database says. Read it at any time; a process that was killed leaves it readable."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Rows of a query."""
        with contextlib.closing(sqlite3.connect(self._database, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query, values).fetchall()

    def lane(self, agent: str, stream: str, lane: Lane) -> LaneBook:
        """One lane of one spool."""
        found = self.rows(
            "SELECT received, lost FROM sequences WHERE agent = ? AND stream = ? AND lane = ?", agent, stream, lane.value
        )
        counted = self.rows(
            "SELECT coalesce(sum(e.count), 0) AS n, coalesce(sum(e.last_seq - e.first_seq + 1 < e.count), 0) AS odd"
            " FROM evidence e JOIN boots b ON b.id = e.boot_id WHERE b.agent = ? AND b.stream = ? AND e.lane = ?",
            agent, stream, lane.value,
        )[0]  # fmt: skip
        assert counted["odd"] == 0, "a run counts more reports than it has numbers"
        records = self.rows("SELECT count(*) AS n FROM losses WHERE agent = ? AND stream = ?", agent, stream)[0]["n"]
        if not found:
            return LaneBook(set(), set(), counted["n"], 0)
        records = records if lane is Lane.FACTS else 0
        return LaneBook(_parsed(found[0]["received"]), _parsed(found[0]["lost"]), counted["n"], records)

    def losses(self, agent: str) -> list[sqlite3.Row]:
        """Loss records of an agent."""
        return self.rows("SELECT * FROM losses WHERE agent = ? ORDER BY seq", agent)

    def blinds(self) -> list[tuple[int, int | None, str]]:
        """Blind records of the collector."""
        return [(r["from_ms"], r["until_ms"], r["cause"]) for r in self.rows("SELECT * FROM blinds ORDER BY from_ms, id")]

    def markers(self, target: str, kind: str) -> list[sqlite3.Row]:
        """Markers of an agent, by time."""
        return self.rows("SELECT * FROM evidence WHERE target = ? AND kind = ? ORDER BY first_t_ms, id", target, kind)

    def beats(self, target: str, module: str = "heartbeat") -> list[Beat]:
        """Runs of heartbeats (or of another module) by their first instant."""
        found = self.rows(
            "SELECT e.*, b.boot FROM evidence e JOIN boots b ON b.id = e.boot_id"
            " WHERE target = ? AND module = ? AND kind = 'report' ORDER BY first_t_ms, e.id",
            target, module,
        )  # fmt: skip
        return [
            Beat(r["first_t_ms"], r["last_t_ms"], r["count"], r["interval_ms"], r["grade"], r["quality"], r["first_rx_ms"],
                 r["boot"])
            for r in found
        ]  # fmt: skip

    def check_lane(self, agent: str, stream: str, lane: Lane, *, produced: int, acknowledged: set[int]) -> LaneBook:
        """Everything the lane produced is received or stated as lost, never both; each received report is counted exactly once
        in the evidence; and whatever was acknowledged is received, or was stated as lost by the agent itself."""
        book = self.lane(agent, stream, lane)
        everything = set(range(1, produced + 1))
        missing = everything - book.received - book.lost
        assert not missing, f"{agent} {lane}: neither received nor stated as lost: {sorted(missing)[:20]}"
        assert book.received | book.lost == everything, f"{agent} {lane}: more than the {produced} that were produced"
        assert not book.received & book.lost, f"{agent} {lane}: both: {sorted(book.received & book.lost)[:20]}"
        assert book.counted + book.records == len(book.received), f"{agent} {lane}: {book.counted} counted"
        assert acknowledged <= book.received | book.lost
        stated = numbers((r["first_seq"], r["last_seq"]) for r in self.losses(agent) if r["lane"] == lane.value)
        assert book.lost == stated, f"{agent} {lane}: loss records and closed holes differ"
        return book

    def check_station(self, station: Station, acknowledged: dict[Lane, set[int]] | None = None) -> dict[Lane, LaneBook]:
        """`check_lane` for both lanes of a stopped agent."""
        produced, settled = station.produced(), station.settled()
        return {
            lane: self.check_lane(
                station.name,
                station.stream,
                lane,
                produced=produced[lane],
                acknowledged=settled[lane] | (acknowledged or {}).get(lane, set()),
            )
            for lane in Lane
        }

    def gaps(self, target: str) -> Iterator[tuple[int, int]]:
        """Stretches between heartbeats that are longer than a heartbeat holds (R5.1)."""
        last_ms, hold_ms = 0, 0
        for beat in self.beats(target):
            if last_ms and beat.first_ms - last_ms > hold_ms:
                yield last_ms, beat.first_ms
            last_ms, hold_ms = max(last_ms, beat.last_ms), beat.interval_ms * 5 // 2

    def check_gaps(self, target: str, dead: Iterable[tuple[int, int]] = (), slack_ms: int = SLACK_MS) -> list[tuple[int, int]]:
        """Every gap lies within a loss, a blind record or a stretch in which the test itself kept the agent dead (`dead`, to
        which an interval on both sides belongs); the gaps."""
        explained = [(r["from_ms"], r["until_ms"]) for r in self.losses(target)]
        explained += [(from_ms, until_ms or now_ms()) for from_ms, until_ms, _ in self.blinds()]
        explained += list(dead)
        gaps = list(self.gaps(target))
        interval_ms = self.beats(target)[0].interval_ms
        for from_ms, until_ms in gaps:
            reach = from_ms + interval_ms + slack_ms
            for start, end in sorted(explained):
                if start <= reach:
                    reach = max(reach, end + interval_ms + slack_ms)
            assert reach >= until_ms, f"{target}: nothing explains {until_ms - from_ms} ms without a heartbeat from {from_ms}"
        return gaps
