"""The ledger when nobody looked, and when a machine restarted unseen: nothing is invented, and what a spool tells counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.core.court import Court
from collector.core.state import Span, State, View, Why
from tests.e2e.branch import HOSTS, MINUTE_MS, ROOM, SERVER, STEP_MS, WAN, Branch, whys, yesterday
from tests.e2e.live import check_live, counters

pytestmark = pytest.mark.e2e

TTL_MS = 37_500
LATE_AFTER_MS = 30_000
"""SPEC 3.20, at an interval of 15 s."""


def _states(court: Court, id_: str, view: View, period: tuple[int, int]) -> set[State]:
    return {span.state for span in court.spans(id_, view) if span.from_ms < period[1] and span.to_ms > period[0]}


def test_collector_killed_for_three_minutes(tmp_path: Path) -> None:
    """R5.2, R5.3, V08: kill -9 leaves a blind span and no invented up or down; late reports close it in the device view, and
    end to end it stays unknown (R9.6)."""
    branch = Branch(tmp_path / "branch", yesterday(14))
    with branch.open():
        branch.walk(2 * MINUTE_MS)
        before = counters(branch.centre.page("/metrics")[1])
        branch.centre.kill()
        died_ms = branch.now_ms
        branch.walk(3 * MINUTE_MS)
        branch.centre.start()
        back_ms = branch.now_ms
        started = counters(branch.centre.page("/metrics")[1])
        assert started.fallen(before) == {}
        branch.walk_until(branch.delivered)
        branch.walk(MINUTE_MS)
        branch.stand_still()
        court, later = check_live(branch.centre)
        assert later.fallen(started) == {}
        figures = branch.api("/api/v1/availability", window="day", subject=WAN)["figures"]
    (blind_ms, until_ms, cause) = branch.books.blinds()[0]
    assert cause == "died"
    assert died_ms - 10_000 - 2 * STEP_MS <= blind_ms <= died_ms < until_ms <= back_ms
    for view in View:
        gap = [span for span in court.spans(WAN, view) if span.why is Why.BLIND]
        # The gap ends at the next sample, not at the restart; it begins with the record, or where a sample that came after the
        # last heartbeat holds no longer (R5.2).
        first_ok_ms = branch.samples(WAN, "icmp")[1][0]
        assert gap == [Span(gap[0].from_ms, first_ok_ms, State.UNKNOWN, Why.BLIND)]
        assert blind_ms <= gap[0].from_ms <= died_ms + TTL_MS
        assert _states(court, WAN, view, (blind_ms, first_ok_ms)) <= {State.UP, State.UNKNOWN}
        assert court.figures(WAN, view, (blind_ms, back_ms)).down == 0
    assert {row["ms"]["down"] for row in figures} == {0}
    for id_ in HOSTS:
        period = (died_ms + TTL_MS, until_ms - LATE_AFTER_MS)
        assert _states(court, id_, View.DEVICE, period) == {State.UP}, id_
        assert ("up", "late_reports") in whys(court.spans(id_, View.DEVICE), *period)
        assert _states(court, id_, View.E2E, period) == {State.UNKNOWN}, id_
        assert State.DOWN not in {span.state for view in View for span in court.spans(id_, view)}, id_
    for id_ in ("site:branch", "site:branch:critical", "group:machines"):
        assert State.DOWN not in _states(court, id_, View.E2E, (blind_ms, back_ms)), id_


def test_reboots_that_only_spools_tell_of(tmp_path: Path) -> None:
    """R8.2, R9.5, V24: behind a cut line one machine restarts in order and another loses power for half a minute; both come up
    as another boot before the line does, and their spools turn just that time down in the device view."""
    branch = Branch(tmp_path / "branch", yesterday(14))
    with branch.open():
        branch.walk(2 * MINUTE_MS)
        branch.cut()
        branch.walk(2 * MINUTE_MS)
        branch.reboot(SERVER, orderly=True, away_ms=3 * MINUTE_MS)
        branch.walk(MINUTE_MS)
        branch.reboot(ROOM, orderly=False, away_ms=15_000)
        branch.walk(2 * MINUTE_MS)
        assert (
            branch.court((branch.now_ms - 10 * MINUTE_MS, branch.now_ms))
            .figures(ROOM, View.DEVICE, (branch.now_ms - 10 * MINUTE_MS, branch.now_ms))
            .down
            == 0
        )
        branch.mend()
        branch.walk_until(branch.delivered)
        branch.walk(MINUTE_MS)
        branch.stand_still()
        court, _ = check_live(branch.centre)
    (stop,) = branch.books.markers(SERVER, "agent_stop")[:1]
    starts = {id_: branch.books.markers(id_, "agent_start") for id_ in HOSTS}
    assert {id_: [row["grade"] for row in found] for id_, found in starts.items()} == {id_: ["live", "late"] for id_ in HOSTS}
    downs = {id_: [span for span in court.spans(id_, View.DEVICE) if span.state is State.DOWN] for id_ in HOSTS}
    assert downs[SERVER] == [Span(stop["first_t_ms"], starts[SERVER][1]["first_t_ms"], State.DOWN, Why.REBOOT)]
    beats = [beat for beat in branch.books.beats(ROOM) if beat.boot == "boot-1"]
    last_ms = max(beat.last_ms for beat in beats)
    assert downs[ROOM] == [Span(last_ms, starts[ROOM][1]["first_t_ms"], State.DOWN, Why.REBOOT)]
    for id_ in HOSTS:
        assert {s.state for s in court.spans(id_, View.DEVICE)} == {State.UP, State.DOWN}, id_
        assert State.DOWN not in {s.state for s in court.spans(id_, View.E2E)}, id_
