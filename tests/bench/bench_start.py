"""How long a collector needs to be ready that has 10,000 targets with 300 series each and a year of history.

The database is made through the store: agents, configuration a year old, twelve closed months of every target and agent with
20 outages each, fifty runs of evidence a target over the year and those of the last days, newest values, one chain. Then a
real collector is started: measured are the seconds from exec until `/-/ready` says so (agents are heard, what they say is
safe), and until picture and ledger are whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from fleet import BLOCKS, VALUES, WIDTH, schemas
from processes import cpu_seconds, free_port, pss_bytes, running

from agent import wire
from agent.model import HEARTBEAT, HOST, Block, Kind, Lane, Outcome, Reason, Report
from collector.config import Config
from collector.core.change import BootRow, Change, Latest, ModuleRow, SchemaRow, SequenceRow
from collector.core.evidence import Grade, Run, TimeQuality
from collector.core.figures import Question, compute
from collector.core.periods import PERIODS
from collector.core.policy import POLICIES
from collector.core.sealing import FIRST, Entries, SealedMonth, StandingRow, link, seal_month
from collector.core.skew import BootClock
from collector.core.standing import WINDOWS
from collector.core.state import Span, State, View, Why
from collector.inventory import load_inventory
from collector.ledger.page import STATES, Page, sums_of
from collector.store.store import Store

BUDGET_S = 2
TARGETS = 10_000
RUNS = 50
OUTAGES = 20
OUTAGE_MS = 600_000
DAY = 86_400_000
INTERVAL = 15_000
ROUNDS = 2
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NAMES = [f"host-{number:05}" for number in range(TARGETS)]


def months(now_ms: int) -> list[tuple[str, int, int]]:
    """Name and bounds of the last twelve local months, the present one until today."""
    out: list[tuple[str, int, int]] = []
    at = PERIODS["day"](ZONE, now_ms)[0]
    for _ in range(12):
        start, _ = PERIODS["month"](ZONE, at - 1)
        name = time.strftime("%Y-%m", time.gmtime((start + 12 * 3_600_000) / 1000))
        out.append((name, start, at))
        at = start
    return out[::-1]


def spans_of(start: int, end: int) -> list[Span]:
    """A month with its outages."""
    out: list[Span] = []
    at, step = start, (end - start) // (OUTAGES + 1)
    for number in range(OUTAGES):
        onset = start + (number + 1) * step
        if onset + OUTAGE_MS < end:
            out += [Span(at, onset, State.UP, Why.REPORTING), Span(onset, onset + OUTAGE_MS, State.DOWN, Why.SILENT)]
            at = onset + OUTAGE_MS
    return [*out, Span(at, end, State.UP, Why.REPORTING)]


class Year:
    """What a year has left behind."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.today_ms = PERIODS["day"](ZONE, now_ms)[0]
        self.months = months(now_ms)
        self.from_ms = self.months[0][1]
        self.spans = [span for _, start, end in self.months for span in spans_of(start, end)]
        encoded = [wire.encode(schema) for schema in schemas()]
        self.schemas = [(wire.check_schema(data, wire.Limits())[0], data) for data in encoded]
        self.blocks = tuple(Block(digest, bytes(8 * WIDTH)) for digest, _ in self.schemas)

    async def fill(self, data: Path) -> None:
        """Write it all."""
        data.mkdir(mode=0o700)
        store = await Store.open(f"sqlite:///{data / 'haidang.db'}")
        await store.begin(self.from_ms)
        await store.close()
        self._enrol(data / "haidang.db")
        store = await Store.open(f"sqlite:///{data / 'haidang.db'}")
        accounts = await store.agents()
        subjects = load_inventory(None, NAMES, Config()).subjects(accounts)
        await store.put_settings({}, "inventory", self.from_ms)
        await store.put_subjects(subjects, "inventory", self.from_ms)
        body = self._standing()
        for name, start, end in self.months:
            one = seal_month("", name, (start, end), *[spans_of(start, end)] * 2)
            rows = [SealedMonth(id_, name, start, end, one.device, one.e2e) for id_ in subjects if not id_.startswith("site:")]
            await store.enter(Entries(months=rows))
        await store.enter(Entries(standing=[StandingRow(id_, self.today_ms, body) for id_ in subjects]))
        await self._link(store)
        for first in range(0, TARGETS, 500):
            await store.apply(self._change(NAMES[first : first + 500]))
        await store.finish(self.now_ms - 5_000)
        await store.close()

    def _enrol(self, database: Path) -> None:
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.executemany(
                "INSERT INTO agents (id, site, class, standing, created_ms, enrolled_ms, revoked_ms, agent_version, hostname)"
                " VALUES (?, ?, 'server', 'active', ?, ?, 0, '', '')",
                [(name, f"site-{number % 83:02}", self.from_ms, self.from_ms) for number, name in enumerate(NAMES)],
            )

    def _standing(self) -> bytes:
        page = Page("", "")
        for view in View:
            policy = POLICIES["device_contract" if view is View.DEVICE else "e2e"]
            page.body.windows[view] = {}
            for window in WINDOWS:
                start, _ = PERIODS[window](ZONE, self.now_ms)
                question = Question((start, max(start, self.today_ms)), policy, Fraction(99, 100))
                page.body.windows[view][window] = sums_of(start, compute(self.spans, question))
            page.body.totals[view] = [sum(s.to_ms - s.from_ms for s in self.spans if s.state is state) for state in STATES]
        return page.encoded()

    async def _link(self, store: Store) -> None:
        head, links, at = None, [], self.from_ms
        while at < self.today_ms:
            day = PERIODS["day"](ZONE, at)
            head = link(
                head, "day", time.strftime("%Y-%m-%d", time.gmtime(day[0] / 1000)), (*day, day[1] + 120_000), (FIRST, FIRST)
            )
            links.append(head)
            at = day[1]
        await store.enter(Entries(links=links))

    def _change(self, names: list[str]) -> Change:
        change = Change()
        born = self.from_ms - DAY
        clock = BootClock(born, born, self.now_ms - DAY, 0)
        for name in names:
            change.boots.append(BootRow(name, f"s-{name}", "b1", True, True, clock, self.from_ms, self.now_ms))
            change.sequences += [SequenceRow(name, f"s-{name}", lane, "1-2000000", "", self.now_ms) for lane in Lane]
            change.schemas += [SchemaRow(name, digest, data) for digest, data in self.schemas]
            for module, lane in ((HEARTBEAT, Lane.FACTS), (HOST, Lane.BULK)):
                change.opened += list(self._runs(name, module, lane, born))
                change.modules.append(ModuleRow(name, name, module, self.from_ms))
            up = self.now_ms - 5_000 - born
            report = Report(
                2_000_000, name, HOST, Kind.REPORT, self.now_ms - 5_000, up, up, interval_ms=INTERVAL, blocks=self.blocks
            )
            change.latest.append(
                Latest(
                    name, HOST, name, f"s-{name}", "b1", Lane.BULK, self.now_ms - 5_000, self.now_ms - 4_990, Grade.LIVE,
                    TimeQuality.MEASURED, report,
                )
            )  # fmt: skip
        return change

    def _runs(self, name: str, module: str, lane: Lane, born: int) -> Iterator[Run]:
        length = (self.now_ms - 5_000 - self.from_ms) // RUNS
        for number in range(RUNS):
            first = self.from_ms + number * length
            last = self.now_ms - 5_000 if number == RUNS - 1 else first + length - OUTAGE_MS
            yield Run(
                0, name, name, module, Kind.REPORT, Outcome.OK, Reason.NONE, "", INTERVAL, f"s-{name}", "b1", lane, Grade.LIVE,
                TimeQuality.MEASURED, first, last, first + 10, last + 10, 1 + number * 40_000, (number + 1) * 40_000,
                (last - first) // INTERVAL, first - born, last - born, 0, 0, first, last, growing=number == RUNS - 1,
            )  # fmt: skip


def answered(port: int, path: str) -> bytes | None:
    """The page, or None while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, ConnectionError):
        return None


def start(folder: Path) -> tuple[float, float, float, float]:
    """Seconds until ready, CPU seconds until then, seconds until picture and ledger are whole, MiB then."""
    port, agents = free_port(), free_port()
    settings = folder / "collector.yml"
    settings.write_text(f"data: data\nweb: {{listen: '127.0.0.1:{port}'}}\nagents: {{listen: '127.0.0.1:{agents}'}}\n")
    begun = time.monotonic()
    command = [sys.executable, "-m", "collector", "run", "--config", str(settings)]
    with running(command, port, folder / "collector.log") as process:
        while answered(port, "/-/ready") is None:
            time.sleep(0.01)
        ready, cpu = time.monotonic() - begun, cpu_seconds(process.pid)
        while "everything is taken up" not in (folder / "collector.log").read_text():
            time.sleep(0.05)
        taken = time.monotonic() - begun
        figure = answered(port, f"/api/v1/availability?subject={NAMES[-1]}&window=year&view=device") or b""
        if b'"incidents":' not in figure:
            raise RuntimeError(f"{figure!r}: expected the year of the last target")
        return ready, cpu, taken, pss_bytes(process.pid) / 2**20


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(Year(time.time_ns() // 1_000_000).fill(folder / "data"))
        size = (folder / "data" / "haidang.db").stat().st_size / 2**20
        found = [start(folder) for _ in range(ROUNDS)]
    ready, cpu, taken, memory = min(found)
    print(f"database of {size:.0f} MiB; ready after {[f'{one[0]:.2f}' for one in found]} s, {cpu:.2f} s of CPU")
    print(f"{TARGETS} targets, {VALUES} series in {BLOCKS} blocks each: all taken up after {taken:.1f} s, {memory:.0f} MiB")
    print(f"BENCH start ours={ready:.2f}s budget={BUDGET_S}s ratio={ready / BUDGET_S:.2f}")


if __name__ == "__main__":
    main()
