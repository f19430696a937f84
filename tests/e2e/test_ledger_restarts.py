"""Kill -9 of the collector at any moment, also while it closes a day: counters never fall, figures go on, books are whole."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest

from collector.core import sealing
from collector.core.periods import PERIODS, local_date
from collector.core.state import View
from collector.store.store import Store
from tests.e2e.branch import DAY_MS, MINUTE_MS, ZONE, court_of, written, yesterday
from tests.e2e.crowd import Crowd
from tests.e2e.ground import Books, Centre, Enrolled, seeded
from tests.e2e.live import Counters, check_live, counters
from tests.e2e.worlds import STILL, Dial, TurnedClock
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

CROWD = [f"crowd-{number:02}" for number in range(16)]
KILLS = 6
SCRAPES = 3


class Scrapes:
    """Everything that `/metrics` ever counted; nothing may fall from one scrape to the next."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self.last = Counters({}, {})
        self.count = 0
        self.ratios = 0

    def take(self) -> None:
        """One scrape."""
        status, page = self._centre.page("/metrics")
        if status != 200:
            return
        now = counters(page)
        assert now.fallen(self.last) == {}, f"scrape {self.count}"
        assert now.totals.keys() >= self.last.totals.keys()
        self.last, self.count = now, self.count + 1
        self.ratios = page.count("haidang_availability_ratio{")


def test_killed_under_load_around_midnight(tmp_path: Path) -> None:
    """Counters of all subjects, states and both views, over six deaths; the day is closed once, and the chain holds."""
    chance = seeded("restarts")
    dial = Dial(tmp_path / "clock", yesterday(23, 50))
    day = PERIODS["day"](ZONE, dial.now_ms())
    centre = Centre(tmp_path / "centre", dial=dial)
    enrolled = centre.enrol(*CROWD)
    scrapes = Scrapes(centre)
    with centre, Crowd(centre.agent_port, enrolled, chance.randrange(1 << 30), TurnedClock(str(dial.path))) as crowd:
        wait_for(lambda: crowd.acknowledged > 300)
        scrapes.take()
        centre.kill()
        dial.jump(day[1] + 2 * MINUTE_MS - 4_000 - dial.now_ms())
        for number in range(KILLS):
            centre.start()
            for _ in range(SCRAPES):
                scrapes.take()
                time.sleep(chance.uniform(0.0, 0.5))
            if number < KILLS - 1:
                scrapes.take()
                centre.kill()
        wait_for(lambda: scrapes.take() or written(centre.database, day[0]).links)
        before = crowd.acknowledged
        wait_for(lambda: scrapes.take() or crowd.acknowledged > before + 200)
        crowd.end()
        # What late evidence says of the closed day is worked in a few seconds later, with a tick of the ledger in between.
        wait_for(lambda: scrapes.take() or centre.figure("haidang_ledger_behind_subjects") == 0)
        dial.run(STILL)
        court, found = check_live(centre)
        assert found.fallen(scrapes.last) == {}
    assert scrapes.ratios > 0
    books = written(centre.database, day[0])
    assert sealing.verify(books.links) is None
    assert {(link.kind, link.name) for link in books.links} == {("day", local_date(ZONE, day[0]).isoformat())}
    assert books.months.keys() == {*CROWD, *(f"agent:{name}" for name in CROWD)}
    for id_, month in books.months.items():
        assert month.upto_ms == day[1]
        for view in View:
            spans = month.spans(view)
            judged = [span for span in court.raw(id_, view) if span.from_ms < day[1] and span.to_ms > day[0]]
            assert [(span.from_ms, span.state, span.why) for span in spans] == [
                (span.from_ms, span.state, span.why) for span in judged
            ]
            assert spans[-1].to_ms == day[1]
    print(f"restarts: {KILLS} kills, {scrapes.count} scrapes, {crowd.acknowledged} reports, {len(books.links)} links")


def test_half_a_batch_changes_nothing(tmp_path: Path) -> None:
    """A batch that is torn by the collector's death leaves evidence, figures and counters as they were."""
    dial = Dial(tmp_path / "clock", yesterday(14))
    centre = Centre(tmp_path / "centre", dial=dial)
    enrolled = centre.enrol(*CROWD[:2])
    scrapes = Scrapes(centre)
    with centre:
        with Crowd(centre.agent_port, enrolled, 1, TurnedClock(str(dial.path))) as crowd:
            wait_for(lambda: crowd.acknowledged > 50)
        dial.run(STILL)
        scrapes.take()
        known_ms = dial.now_ms()
        evidence = Books(centre.database).rows("SELECT * FROM evidence ORDER BY id")
        horizon = (known_ms - DAY_MS, known_ms)
        before = court_of(centre.database, horizon, known_ms)
        member = crowd.members[0]
        member.collect()
        _send_half(centre, enrolled[member.name], member.request())
        centre.kill()
        centre.start()
        scrapes.take()
        after = court_of(centre.database, horizon, known_ms)
        found = Books(centre.database).rows("SELECT * FROM evidence ORDER BY id")
        assert [tuple(row) for row in found] == [tuple(row) for row in evidence]
        for id_ in before.roll.ids:
            for view in View:
                assert after.figures(id_, view, horizon) == before.figures(id_, view, horizon), (id_, view)
        assert asyncio.run(_verified(centre.database))


def _send_half(centre: Centre, enrolled: Enrolled, request: bytes) -> None:
    context = ssl.create_default_context(cadata=enrolled.ca_pem)
    plain = socket.create_connection(("127.0.0.1", centre.agent_port), 10)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
        wrapped.sendall(request[: len(request) // 2])


async def _verified(database: Path) -> bool:
    store = await Store.open(f"sqlite:///{database}")
    try:
        return sealing.verify([link async for link in store.chain()]) is None
    finally:
        await store.close()
