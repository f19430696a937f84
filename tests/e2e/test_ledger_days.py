"""The end of a local day, and a spool that tells of yesterday: the day is closed and linked, mended and linked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collector.config import load
from collector.core import sealing
from collector.core.fleet import Fleet
from collector.core.periods import PERIODS, local_date
from collector.core.schemas import SchemaBook
from collector.core.state import Span, State, View
from collector.core.tally import Tally
from collector.inventory import load_inventory
from collector.ledgers import Ledgers
from collector.store.store import Store
from tests.e2e.branch import HOSTS, MINUTE_MS, ROOM, SERVER, WAN, ZONE, Branch, Written, seconds, written, yesterday
from tests.e2e.live import check_live

pytestmark = pytest.mark.e2e

LATE_AFTER_MS = 30_000


def test_late_spool_after_midnight(tmp_path: Path) -> None:
    """R9.3, R17.2, R17.4: a day that ended with a cut line is closed as it was known; the spool mends it, what was counted is
    restated, the day has a second link, and the running ledger is what the evidence says, also for whoever starts anew."""
    branch = Branch(tmp_path / "branch", yesterday(23, 52))
    day = PERIODS["day"](ZONE, branch.now_ms)
    with branch.open():
        branch.walk(MINUTE_MS)
        branch.cut()
        branch.walk_until(lambda: branch.now_ms > day[1] + 2 * MINUTE_MS)
        branch.walk_until(lambda: written(branch.centre.database, day[0]).links)
        closed = written(branch.centre.database, day[0])
        branch.stand_still()
        _, closed_page = check_live(branch.centre)
        branch.go_on()
        branch.mend()
        branch.walk_until(branch.delivered)
        branch.walk_until(lambda: len(written(branch.centre.database, day[0]).links) > 1)
        branch.stand_still()
        court, page = check_live(branch.centre)
        mended = written(branch.centre.database, day[0])
        known_ms = branch.now_ms
    _check_days(day, closed, mended)
    assert page.fallen(closed_page) == {}
    for id_ in HOSTS:
        moved = page.moved[id_, View.DEVICE, State.UNREACHABLE, State.UP]
        assert moved == page.totals[id_, View.DEVICE, State.UNREACHABLE] > 5 * MINUTE_MS
        again = {(was, now): ms for (of, view, was, now), ms in page.moved.items() if (of, view) == (id_, View.E2E)}
        assert again.keys() <= {(State.UNREACHABLE, State.UP)}, "R9.6"
        assert sum(again.values()) <= LATE_AFTER_MS, "what was received in time counts as live (R9.1)"
        assert seconds(mended.months[id_].spans(View.DEVICE), State.UNREACHABLE, *day) == 0
    for id_, month in mended.months.items():
        for view in View:
            judged = [_clipped(span, day) for span in court.raw(id_, view) if span.from_ms < day[1] and span.to_ms > day[0]]
            assert month.spans(view) == judged, (id_, view)
    asyncio.run(_check_anew(branch, known_ms))


def _clipped(span: Span, day: tuple[int, int]) -> Span:
    return Span(max(span.from_ms, day[0]), min(span.to_ms, day[1]), span.state, span.why)


def _check_days(day: tuple[int, int], closed: Written, mended: Written) -> None:
    (link,) = closed.links
    assert (link.kind, link.name, link.from_ms, link.until_ms) == ("day", local_date(ZONE, day[0]).isoformat(), *day)
    assert closed.months.keys() == {WAN, *HOSTS, *(f"agent:{id_}" for id_ in HOSTS)}
    assert {month.upto_ms for month in closed.months.values()} == {day[1]}
    for id_ in HOSTS:
        assert seconds(closed.months[id_].spans(View.DEVICE), State.UNREACHABLE, *day) > 5 * MINUTE_MS
    assert sealing.verify(mended.links) is None
    assert [(one.name, one.spans == link.spans) for one in mended.links] == [(link.name, True), (link.name, False)]
    assert mended.links[1].known_ms > link.known_ms
    for id_ in (WAN, SERVER, ROOM):
        assert mended.months[id_].spans(View.E2E) == closed.months[id_].spans(View.E2E), "R9.6"


async def _check_anew(branch: Branch, known_ms: int) -> None:
    """A ledger that starts on the database takes up what the one before left, and holds what the evidence says."""
    config = load(branch.centre.config)
    store = await Store.open(f"sqlite:///{branch.centre.database}")
    accounts = await store.agents()
    now_ms = max(known_ms, branch.now_ms)
    ledgers = Ledgers(store, Fleet(SchemaBook(), Tally()), config, lambda: now_ms)
    for blind in await store.blinds(0, now_ms):
        ledgers.blind(blind.from_ms, blind.until_ms or now_ms)
    await ledgers.load(load_inventory(Path(config.inventory), [account.id for account in accounts], config), accounts)
    court = ledgers.keeper.court(now_ms)
    judged, _ = await ledgers.inquiry.court(None, (now_ms - 2 * 86_400_000, now_ms), now_ms)
    for id_ in judged.roll.ids:
        for view in View:
            from_ms = now_ms - 2 * 86_400_000
            kept = [_clipped(span, (from_ms, now_ms)) for span in court.spans(id_, view) if span.to_ms > from_ms]
            assert kept == list(judged.spans(id_, view)), (id_, view)
            totals = ledgers.keeper.standing(id_, now_ms).views[list(View).index(view)]
            counted = {state: ms for state, ms in totals.totals.items() if ms}
            for (was, now), ms in totals.moved.items():
                counted[was] = counted.get(was, 0) - ms
                counted[now] = counted.get(now, 0) + ms
            if totals.state is not None:
                spans = judged.raw(id_, view)
                told = {state: counted.get(state, 0) for state in State}
                assert told == {state: seconds(spans, state, 0, now_ms) for state in State}, (id_, view)
    await store.close()
