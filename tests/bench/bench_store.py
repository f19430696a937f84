"""Bytes that a target costs a year, and seconds that the ledger's books take to be read.

One server reports every 15 s for a year, heartbeat and host module, with 50 incidents: line cuts with a spool, restarts of the
machine and of the agent, restarts of the collector. Every report goes through the intake into runs, one by one; what each
commit wrote is then written for many targets side by side, for rows of one target lie between those of others. Added are its
closed days, both views, day by day as they are closed, and its standing. The file is measured after a checkpoint; SQLite
needs no VACUUM, PostgreSQL gets its own now and then, as its daemon would do it in a year.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from agent.model import AGENT, HEARTBEAT, HOST, Kind, Lane, Outcome, Reason, Report
from collector.core.change import BootRow, Change, Saved, SequenceRow
from collector.core.draft import Draft
from collector.core.evidence import Evidence, Grade, Run, TimeQuality
from collector.core.intervals import Interval
from collector.core.judge import Judge, judge_all
from collector.core.sealing import Entries, SealedMonth, StandingRow, link, seal_month
from collector.core.skew import BootClock
from collector.core.state import Span, State, View, Why
from collector.core.stretch import BlindSpan
from collector.core.subject import Rules, Sign, Subject, Timetable
from collector.core.waypoints import stretch_at
from collector.ingest.intake import AgentBook
from collector.ingest.intake import Rules as IntakeRules
from collector.store.store import Store

BUDGET_KIB = 64
TARGETS = 40
T = 1_704_067_200_000
"""2024-01-01."""
MINUTE, DAY, INTERVAL = 60_000, 86_400_000, 15_000
DAYS = 365
INCIDENTS = ("cut",) * 15 + ("reboot",) * 12 + ("agent",) * 10 + ("collector",) * 13
BATCH = 100
"""Spooled reports that are delivered together."""
Tape = list[tuple[int, Change]]


class Server:
    """One machine and its agent for a year, and the collector's intake; what each commit wrote is on the tape."""

    def __init__(self) -> None:
        self.rng = random.Random(7)
        self.book = AgentBook("@", Saved(), ["@stream"], IntakeRules())
        self.draft = Draft()
        self.tape: Tape = []
        self.blinds: list[Interval] = []
        self.runs: dict[int, Run] = {}
        self.ids = 0
        self.boot_count = 0
        self.seq = {Lane.FACTS: 0, Lane.BULK: 0}
        self.begin_boot(T - 3 * DAY)

    def begin_boot(self, instant_ms: int) -> None:
        self.boot_ms, self.boot_count = instant_ms, self.boot_count + 1
        clock = BootClock(instant_ms, instant_ms, instant_ms, 3)
        row = BootRow("@", "@stream", self.boot, True, True, clock, instant_ms, instant_ms)
        self.draft.add_boot(row)

    @property
    def boot(self) -> str:
        return f"@boot{self.boot_count}"

    def tell(self, t_ms: int, rx_ms: int, module: str, kind: Kind, detail: str = "") -> None:
        """One report, through the intake."""
        lane = Lane.BULK if module == HOST else Lane.FACTS
        self.seq[lane] += 1
        uptime = t_ms - self.boot_ms
        interval = INTERVAL if kind is Kind.REPORT else 0
        grade = Grade.LIVE if rx_ms - t_ms <= 30_000 else Grade.LATE
        evidence = Evidence(
            "@", "@", module, kind, t_ms, rx_ms, Outcome.OK, Reason.NONE, detail, interval, "@stream", self.boot, lane,
            self.seq[lane], uptime, uptime, t_ms + 3, grade, TimeQuality.MEASURED,
        )  # fmt: skip
        self.book.record(evidence, _REPORT, self.draft)

    def commit(self, rx_ms: int) -> None:
        self.draft.fresh.clear()
        change = self.draft.change()
        self.ids += len(change.opened)
        opened = range(self.ids - len(change.opened) + 1, self.ids + 1)
        self.draft.settle(opened)
        self.runs |= dict(zip(opened, change.opened, strict=True)) | {run.id: run for run in change.extended}
        change.sequences = [SequenceRow("@", "@stream", lane, f"1-{seq}", "", rx_ms) for lane, seq in self.seq.items()]
        self.tape.append((rx_ms, change))
        self.draft = Draft()

    def report(self, from_ms: int, until_ms: int, *, spooled_until_ms: int = 0) -> None:
        """Heartbeats and host reports in `[from_ms, until_ms)`; spooled ones are delivered in batches from then on. Live ones
        are written when a run begins, and at its end: in between the same row is written again and again."""
        rx_ms = spooled_until_ms
        for number, slot_ms in enumerate(range(from_ms, until_ms, INTERVAL)):
            t_ms = slot_ms + self.rng.randrange(6)
            if not spooled_until_ms:
                rx_ms = t_ms + 20 + self.rng.randrange(40)
            elif number % BATCH == 0:
                rx_ms += 300
            self.tell(t_ms, rx_ms, HEARTBEAT, Kind.REPORT)
            self.tell(t_ms, rx_ms, HOST, Kind.REPORT)
            if (number % BATCH == BATCH - 1) if spooled_until_ms else number < 12:
                self.commit(rx_ms)
        self.commit(rx_ms)

    def live(self, from_ms: int, until_ms: int, what: str) -> None:
        """A stretch that works, and the incident at its end."""
        lasts_ms = self.rng.randrange(2, 180) * MINUTE
        begin = until_ms - lasts_ms - 10 * MINUTE
        self.report(from_ms, begin)
        back = begin + lasts_ms
        if what == "cut":
            self.report(begin, back, spooled_until_ms=back)
        elif what == "collector":
            back = begin + 60_000
            self.blinds.append((begin - 5_000, back))
            self.report(begin, back, spooled_until_ms=back)
        else:
            back = begin + self.rng.randrange(30, 400) * 1_000
            if what == "agent" or self.rng.random() < 0.5:
                self.tell(begin, begin + 30, AGENT, Kind.AGENT_STOP, "shutdown" if what == "reboot" else "restart")
                self.commit(begin + 30)
            if what == "reboot":
                self.begin_boot(back - 25_000)
            self.tell(back, back + 30, AGENT, Kind.AGENT_START)
        self.report(back, until_ms)

    def year(self) -> None:
        """All of it."""
        incidents = list(INCIDENTS)
        self.rng.shuffle(incidents)
        stretch_ms = DAYS * DAY // len(incidents)
        for number, what in enumerate(incidents):
            self.live(T + number * stretch_ms, T + (number + 1) * stretch_ms, what)

    def judge(self) -> Judge:
        """What the judge makes of it."""
        stretches = [found for run in self.runs.values() if (found := stretch_at(run, T + 400 * DAY)) is not None]
        blinds = [BlindSpan("collector", *blind) for blind in self.blinds]
        rules = Timetable.always(Rules(sign=Sign.PUSH, silence_is_down=True))
        return judge_all(stretches, blinds, rules)


_REPORT = Report(1, "@", HOST, Kind.REPORT, T, 1, 1)


class Copy:
    """The tape with the names of another target."""

    def __init__(self, number: int) -> None:
        self.name = f"hdg-ubnd-{number:04d}"
        self.stream = f"{self.name}-{hashlib.sha256(self.name.encode()).hexdigest()[:24]}"
        self.ids: dict[int, int] = {}
        self.opened = 0

    def boot(self, boot: str) -> str:
        return hashlib.sha256(f"{self.name}{boot}".encode()).hexdigest()[:36]

    def run(self, run: Run) -> Run:
        return msgspec.structs.replace(
            run, id=self.ids.get(run.id, 0), target=self.name, observer=self.name, stream=self.stream, boot=self.boot(run.boot)
        )

    def change(self, change: Change) -> Change:
        named = {"agent": self.name, "stream": self.stream}
        return Change(
            opened=[self.run(run) for run in change.opened],
            extended=[self.run(run) for run in change.extended],
            closed=[self.ids[id_] for id_ in change.closed],
            boots=[msgspec.structs.replace(row, boot=self.boot(row.boot), **named) for row in change.boots],
            sequences=[msgspec.structs.replace(row, **named) for row in change.sequences],
        )

    def learn(self, ids: list[int]) -> None:
        for id_ in ids:
            self.opened += 1
            self.ids[self.opened] = id_


def joined(changes: list[Change]) -> Change:
    """One group commit of several targets."""
    every = Change()
    for change in changes:
        for name in ("opened", "extended", "closed", "boots", "sequences"):
            getattr(every, name).extend(getattr(change, name))
    return every


Tidy = Callable[[], Awaitable[object]]


async def nothing() -> None:
    """What SQLite needs to stay tidy."""


async def write_evidence(store: Store, tape: Tape, copies: list[Copy], tidy: Tidy = nothing) -> None:
    """Every target's commits, in order of time."""
    for step, (_, change) in enumerate(tape):
        if step % 25 == 0:
            await tidy()
        ids = list(await store.apply(joined([copy.change(change) for copy in copies])))
        each = len(change.opened)
        for number, copy in enumerate(copies):
            copy.learn(ids[number * each : (number + 1) * each])


def clip(spans: list[Span], from_ms: int, until_ms: int) -> list[Span]:
    """The part within a period."""
    return [
        Span(max(span.from_ms, from_ms), min(span.to_ms, until_ms), span.state, span.why)
        for span in spans
        if span.from_ms < until_ms and span.to_ms > from_ms
    ]


async def write_books(store: Store, server: Server, copies: list[Copy], tidy: Tidy = nothing) -> int:
    """Closed days, one after the other, and standing; bytes of the chain, which costs as much for one target as for all."""
    judge, end_ms = server.judge(), T + DAYS * DAY
    views = {view: judge.spans(view, T, end_ms) for view in View}
    details = {view: judge.details(view, T, end_ms, end_ms) for view in View}
    last = None
    for day in range(DAYS):
        if day % 3 == 0:
            await tidy()
        until_ms, month = T + (day + 1) * DAY, day // 31
        base_ms = T + month * 31 * DAY
        device, e2e = (clip(views[view], base_ms, until_ms) for view in View)
        name, bounds = f"2024-{month + 1:02d}", (base_ms, until_ms)
        beside = (details[View.DEVICE].within(*bounds), details[View.E2E].within(*bounds))
        months = [seal_month(copy.name, name, bounds, device, e2e, beside=beside) for copy in copies]
        last = link(last, "day", f"day {day}", (until_ms - DAY, until_ms, until_ms + DAY), (b"s" * 32, b"e" * 32))
        standing = [StandingRow(copy.name, until_ms, bytes(300)) for copy in copies]
        await store.enter(Entries(months=months, standing=standing, links=[last]))
    count = len(views[View.DEVICE]) + len(views[View.E2E])
    print(f"  {count} spans in both views, {sum(span.state is State.DOWN for span in views[View.E2E])} outages end to end")
    return DAYS * 260


async def sqlite_bytes(server: Server, folder: Path) -> tuple[float, int]:
    """Bytes of a target-year in SQLite, and rows of evidence."""
    path = folder / "haidang.db"
    store = await Store.open(f"sqlite:///{path}")
    await store.close()
    empty = path.stat().st_size
    store = await Store.open(f"sqlite:///{path}")
    copies = [Copy(number) for number in range(TARGETS)]
    await write_evidence(store, server.tape, copies)
    chain = await write_books(store, server, copies)
    counts = await store.counts()
    await store.close()
    assert counts.reports == TARGETS * sum(run.count for run in server.runs.values()), "every report is in the evidence"
    return (path.stat().st_size - empty - chain) / TARGETS, counts.runs // TARGETS


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str | None]:
    """Address of a private PostgreSQL; None where it is not installed."""
    programs = Path("/usr/lib/postgresql/15/bin")
    if not (programs / "initdb").exists():
        yield None
        return
    as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder.chmod(0o777)
    data, control = str(folder / "data"), [*as_owner, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    init = [*as_owner, str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "haidang", "-E", "UTF8", "--locale=C"]
    subprocess.run([*init, "--no-sync"], check=True, capture_output=True, cwd=folder)
    options = f"-c listen_addresses= -c unix_socket_directories={folder}"
    started = [*control, "-l", str(folder / "log"), "-o", options, "start"]
    subprocess.run(started, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        yield f"postgresql+asyncpg://haidang@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder)


async def postgres_bytes(server: Server, url: str) -> float:
    """Bytes of a target-year in PostgreSQL, after its own cleaning."""
    import asyncpg

    store = await Store.open(url)
    admin = await asyncpg.connect(host=url.partition("host=")[2], user="haidang", database="postgres")
    sizes = (
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    before = await admin.fetchval(sizes)
    copies = [Copy(number) for number in range(TARGETS)]

    async def tidy() -> None:
        await admin.execute("VACUUM evidence, spans, standing, boots, sequences")

    await write_evidence(store, server.tape, copies, tidy)
    chain = await write_books(store, server, copies, tidy)
    await tidy()
    after = await admin.fetchval(sizes)
    await admin.close()
    await store.close()
    return float(after - before - chain) / TARGETS


async def read_speeds(folder: Path) -> None:
    """A month of 10,000 subjects with 20 outages each, their standing, and the configuration, read as at a start."""
    store = await Store.open(f"sqlite:///{folder / f'{uuid4().hex}.db'}")
    edges = [T + n * 17 * 3_600_000 for n in range(42)]
    states = ((State.UP, Why.REPORTING), (State.DOWN, Why.SILENT))
    spans = [Span(a, b, *states[n % 2]) for n, (a, b) in enumerate(itertools.pairwise(edges))]
    names = [f"hdg-ubnd-{n:05d}" for n in range(10_000)]
    began = time.perf_counter()
    await store.enter(Entries(months=[seal_month(name, "2024-01", (T, edges[-1]), spans, spans) for name in names]))
    print(f"  closing a day of 10,000 subjects: {time.perf_counter() - began:.2f} s")

    def decode(months: list[SealedMonth]) -> int:
        return sum(len(month.spans(view)) for month in months for view in View)

    async def months() -> None:
        assert decode(await store.sealed_months(["2024-01"])) == 820_000

    await timed("a month of 10,000 subjects x 41 spans x 2 views, read and decoded (0.3 s)", months)
    await store.enter(Entries(standing=[StandingRow(name, T, bytes(400)) for name in names]))

    async def standing() -> None:
        assert len(await store.load_standing()) == 10_000

    await timed("standing of 10,000 subjects (0.1 s)", standing)
    wanted = {name: Subject(name, site="dic", class_="server") for name in names}
    await store.put_subjects(wanted, "inventory", T)

    async def subjects() -> None:
        assert await store.put_subjects(wanted, "inventory", T + 1) == []
        assert len(await store.load_subjects()) == 10_000

    await timed("configuration of 10,000 subjects compared and loaded", subjects)
    await store.close()


async def timed(what: str, work: Tidy) -> None:
    """Best of five, and its processor time: the machine may have others to serve."""
    best = cpu = float("inf")
    for _ in range(5):
        began, used = time.perf_counter(), time.process_time()
        await work()
        best, cpu = min(best, time.perf_counter() - began), min(cpu, time.process_time() - used)
    print(f"  {what}: {best:.3f} s, {cpu:.3f} s of CPU")


async def measure() -> int:
    began = time.perf_counter()
    server = Server()
    server.year()
    reports = sum(run.count for run in server.runs.values())
    spent = time.perf_counter() - began
    print(f"store: {reports:,} reports of one target, {len(INCIDENTS)} incidents, through the intake in {spent:.0f} s")
    with tempfile.TemporaryDirectory(prefix="hd-bench-") as name:
        folder = Path(name)
        await read_speeds(folder)
        each, rows = await sqlite_bytes(server, folder)
        print(f"  SQLite: {each / 1024:.1f} KiB a target-year with {rows} rows of evidence, over {TARGETS} targets")
        async with postgres(folder) as url:
            if url is None:
                print("  PostgreSQL is not installed")
            else:
                print(f"  PostgreSQL: {await postgres_bytes(server, url) / 1024:.1f} KiB a target-year")
    kib = each / 1024
    print(f"BENCH store ours={kib:.1f}KiB budget={BUDGET_KIB}KiB ratio={kib / BUDGET_KIB:.2f}")
    return 0 if kib <= BUDGET_KIB else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(measure()))
