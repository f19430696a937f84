"""A branch behind a line, in a world whose time a test lets go on: the ground of the tests of the ledger.

The site `branch` has a line `wan-0`, which the centre probes, a server `srv-0` with an agent, which it probes, too, and a
room's computer `pc-0` with an agent alone. Both agents deliver over `line`. Figures are read back three ways: from the pages
of the running collector, from its API, and from its database through an inquiry of the test's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from collector.core.court import Court
from collector.core.periods import PERIODS, local_date
from collector.core.sealing import Link, SealedMonth
from collector.core.state import Span, State
from collector.ledger.inquiry import Inquiry
from collector.store.store import Store
from tests.e2e.ground import Books, Centre, Station
from tests.e2e.line import Line, Mode
from tests.e2e.probing import INTERVAL_MS, Script
from tests.e2e.worlds import STILL, Dial
from tests.servers import wait_for

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STEP_MS = 1_500
"""Half of what the collector takes for a stretch in which it saw nothing: the rest is for busy machines."""
WAN, SERVER, ROOM = "wan-0", "srv-0", "pc-0"
HOSTS = (SERVER, ROOM)
INVENTORY = f"""
sites:
  - {{id: branch, name: Chi nhánh, name_en: Branch, link: {WAN}, critical: {{of: [{SERVER}], require: 1}}}}
targets:
  - {{id: {WAN}, site: branch, class: link, via: collector, interval_s: 15, objective: "99.0"}}
  - {{id: {SERVER}, site: branch, class: server, via: {SERVER}, judged_by: probe+push, parents: [{WAN}], interval_s: 15}}
  - {{id: {ROOM}, site: branch, class: room-pc, via: {ROOM}, parents: [{WAN}], interval_s: 15}}
groups:
  - {{id: machines, name: Máy, rule: all, members: [{SERVER}, {ROOM}]}}
"""


def yesterday(hours: int, minutes: int = 0) -> int:
    """That time of yesterday, local: certificates made now hold then."""
    return PERIODS["day"](ZONE, time.time_ns() // 1_000_000 - DAY_MS)[0] + hours * HOUR_MS + minutes * MINUTE_MS


class Branch:
    """See the module. `open` it; time stands nearly still unless the test walks."""

    def __init__(self, folder: Path, at_ms: int, config: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "inventory").mkdir()
        (folder / "inventory" / "all.yml").write_text(INVENTORY, encoding="utf-8")
        self.dial = Dial(folder / "clock", at_ms)
        self.script = Script(folder / "probes.json", WAN, SERVER)
        self.centre = Centre(folder / "centre", f"inventory: {folder / 'inventory'}\n{config}", self.dial, self.script.path)
        enrolled = self.centre.enrol(*HOSTS)
        self._dials = {name: self.dial.twin(folder / f"clock-{name}") for name in HOSTS}
        self._boots = dict.fromkeys(HOSTS, 1)
        self._folder = folder
        self._enrolled = enrolled
        self.books = Books(self.centre.database)

    @contextlib.contextmanager
    def open(self) -> Iterator[Branch]:
        """Everything runs, and every agent and probe was heard."""
        with self.centre, Line(self.centre.agent_port) as self.line:
            url = f"https://127.0.0.1:{self.line.port}"
            self.stations = {
                name: Station(self._folder / name, name, self._enrolled[name], url, interval_s=15).under(
                    self._dials[name], "boot-1"
                )
                for name in HOSTS
            }
            with self.stations[SERVER], self.stations[ROOM]:
                for station in self.stations.values():
                    station.wait_for_status(lambda s: s.collections > 0)
                self.walk_until(self.delivered)
                yield self

    # --- time

    @property
    def now_ms(self) -> int:
        """The time of this world."""
        return self.dial.now_ms()

    def walk(self, ms: int) -> None:
        """Let time go on, in steps in which the collector looks, and at the pace of the slowest agent."""
        until_ms = self.now_ms + ms
        while (left_ms := until_ms - self.now_ms) > 0:
            before = {name: self._collections(name) for name in HOSTS}
            for _ in range(INTERVAL_MS // STEP_MS):
                for dial in (self.dial, *self._dials.values()):
                    dial.jump(min(STEP_MS, max(0, left_ms)))
                left_ms -= STEP_MS
                self.look()
            if left_ms > -STEP_MS:
                for name, count in before.items():
                    wait_for(lambda name=name, count=count: self._collections(name) != count or not self._lives(name))

    def walk_until(self, holds: Callable[[], object], minutes: int = 10) -> None:
        """Let time go on until something is true."""
        until_ms = self.now_ms + minutes * MINUTE_MS
        while not holds():
            assert self.now_ms < until_ms, f"not within {minutes} min: {self.centre.said()[-2000:]}"
            self.walk(INTERVAL_MS)

    def stand_still(self) -> None:
        """Let no time pass, so that two answers are of the same moment."""
        self.look()
        for dial in (self.dial, *self._dials.values()):
            dial.run(STILL)

    def go_on(self) -> None:
        """Let time pass again."""
        for dial in (self.dial, *self._dials.values()):
            dial.run(1)

    def leap(self, ms: int) -> None:
        """Let time pass in which the collector does not run; agents see one long gap, too, unless they do not run."""
        for dial in (self.dial, *self._dials.values()):
            dial.jump(ms)

    def look(self) -> None:
        """Let the collector look at its clock, if it runs, and wait until it has done what it was at."""
        wall_ms = self.now_ms

        def is_there() -> bool:
            status, body = self.centre.page("/api/v1/targets")
            return status == 0 or instant_ms(json.loads(body)["now"]) >= wall_ms

        wait_for(is_there)

    def _lives(self, name: str) -> bool:
        process = self.stations[name].process
        return process is not None and process.poll() is None

    def _collections(self, name: str) -> int:
        status = self.stations[name].status() if self._lives(name) else None
        return status.collections if status is not None else -1

    # --- what happens

    def cut(self) -> int:
        """The line is cut; when."""
        self.line.become(Mode.CUT)
        self.script.fall_silent(WAN, SERVER)
        return self.now_ms

    def mend(self) -> int:
        """The line works again; when."""
        self.line.become(Mode.OPEN)
        self.script.answer(WAN, SERVER)
        return self.now_ms

    def reboot(self, name: str, *, orderly: bool, away_ms: int) -> None:
        """A machine stops, is away, and comes up again as another boot."""
        station = self.stations[name]
        if orderly:
            assert station.stop() == 0
        else:
            station.kill()
        self.walk(away_ms)
        self._boots[name] += 1
        self._dials[name].reboot()
        station.under(self._dials[name], f"boot-{self._boots[name]}").start()
        station.wait_for_status(lambda s: s.collections > 0)

    def delivered(self) -> bool:
        """Whether every agent has delivered what it holds."""
        statuses = [station.status() for station in self.stations.values()]
        return all(
            s is not None and s.uplink.state.value == "ok" and sum(mark.reports for mark in s.spool.watermarks) <= 3
            for s in statuses
        )

    # --- what is read back

    def court(self, horizon: tuple[int, int], known_ms: int | None = None) -> Court:
        """Judged anew from the database, for every subject, as of a moment."""
        return court_of(self.centre.database, horizon, self.now_ms if known_ms is None else known_ms)

    def api(self, path: str, **query: str) -> dict[str, Any]:
        """An answer of the API."""
        return ask(self.centre, path, **query)

    def samples(self, target: str, module: str, *, outcome: str = "ok") -> list[tuple[int, int]]:
        """First and last instants of runs of evidence, by time."""
        found = self.books.rows(
            "SELECT first_t_ms, last_t_ms FROM evidence WHERE target = ? AND module = ? AND outcome = ? ORDER BY first_t_ms",
            target, module, outcome,
        )  # fmt: skip
        return [(row["first_t_ms"], row["last_t_ms"]) for row in found]


def instant_ms(text: str) -> int:
    """A moment as the API writes it."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def court_of(database: Path, horizon: tuple[int, int], known_ms: int) -> Court:
    """An inquiry of the test's own into a database, beside a collector that may run on it."""

    async def inquire() -> Court:
        store = await Store.open(f"sqlite:///{database}")
        try:
            court, _ = await Inquiry(store).court(None, horizon, known_ms)
            return court
        finally:
            await store.close()

    return asyncio.run(inquire())


class Written(NamedTuple):
    """What the books hold of closed days."""

    links: list[Link]
    months: dict[str, SealedMonth]


def written(database: Path, day_ms: int) -> Written:
    """The chain, and the month of a day by subject; beside a collector that may run."""

    async def read() -> Written:
        store = await Store.open(f"sqlite:///{database}")
        try:
            months = await store.sealed_months([local_date(ZONE, day_ms).strftime("%Y-%m")])
            return Written([link async for link in store.chain()], {month.subject: month for month in months})
        finally:
            await store.close()

    return asyncio.run(read())


def ask(centre: Centre, path: str, **query: str) -> dict[str, Any]:
    """An answer of the API, which must succeed."""
    named = urlencode({name.rstrip("_"): value for name, value in query.items()})
    status, body = centre.page(f"{path}?{named}" if named else path)
    assert status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


def seconds(spans: Iterable[Span], state: State, from_ms: int, until_ms: int) -> int:
    """Milliseconds of a state in a period."""
    parts = [(max(s.from_ms, from_ms), min(s.to_ms, until_ms)) for s in spans if s.state is state]
    return sum(b - a for a, b in parts if b > a)


def whys(spans: Iterable[Span], from_ms: int, until_ms: int) -> list[tuple[str, str]]:
    """States and reasons in a period, in order."""
    return [(s.state.value, s.why.value) for s in spans if s.from_ms < until_ms and s.to_ms > from_ms]
