"""The ledger over a line that is cut: what was down, what could not be reached, and what ran all the time and told of it later.

The centre's own probes are scripted (`probing`) and go through the collector's own committer; agents are real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.core.state import Span, State, View, Why
from tests.e2e.branch import HOSTS, MINUTE_MS, ROOM, SERVER, WAN, Branch, whys, yesterday
from tests.e2e.live import check_live

pytestmark = pytest.mark.e2e

SITE, DEVICES = "site:branch", "site:branch:devices"


def _printed(branch: Branch, **when: str) -> dict[tuple[str, str], dict[str, Any]]:
    answer = branch.api("/api/v1/availability", limit="200", **when)
    return {(row["subject"], row["view"]): row for row in answer["figures"]}


def test_line_cut_for_ten_minutes(tmp_path: Path) -> None:
    """V21, R9.3, R9.6: after the spool arrived the line was down and the host behind it up in the device view; end to end the
    host was unreachable and the site down. What was printed before is printed again as of then (R1.3)."""
    branch = Branch(tmp_path / "branch", yesterday(14))
    with branch.open():
        branch.walk(2 * MINUTE_MS)
        cut_ms = branch.cut()
        branch.walk(6 * MINUTE_MS)
        states = {id_: one["state"] for id_, one in branch.centre.targets().items()}
        assert states == {WAN: "down", SERVER: "unreachable", ROOM: "unreachable"}
        branch.stand_still()
        first_ms = branch.now_ms
        live = _printed(branch, window="day")
        moment = branch.api("/api/v1/availability", window="day", limit="1")["as_of"]
        first = _printed(branch, window="day", as_of=moment)
        before = branch.court((cut_ms - 5 * MINUTE_MS, first_ms))
        branch.go_on()
        branch.walk(4 * MINUTE_MS)
        mended_ms = branch.mend()
        branch.walk_until(branch.delivered)
        branch.walk(MINUTE_MS)
        branch.stand_still()
        _check_spans(branch, cut_ms, mended_ms)
        again = _printed(branch, window="day", as_of=moment)
        assert again == first
        for key, row in live.items():
            assert row["ms"] == first[key]["ms"], key
            assert row["printed"] == first[key]["printed"], key
        after = branch.court((cut_ms - 5 * MINUTE_MS, first_ms), first_ms)
        for id_ in before.roll.ids:
            for view in View:
                assert list(after.spans(id_, view)) == list(before.spans(id_, view)), (id_, view)
                period = (cut_ms - MINUTE_MS, first_ms)
                assert after.figures(id_, view, period) == before.figures(id_, view, period), (id_, view)
        now = _printed(branch, window="day")
        assert first[SERVER, "device"]["ms"]["unreachable"] > 5 * MINUTE_MS
        assert now[SERVER, "device"]["ms"]["unreachable"] == 0
        assert now[SERVER, "device"]["ms"]["up_backfill"] > 9 * MINUTE_MS
        check_live(branch.centre)
    assert branch.books.blinds()[:-1] == [], "the collector saw everything"


def _check_spans(branch: Branch, cut_ms: int, mended_ms: int) -> None:
    court = branch.court((cut_ms - 2 * MINUTE_MS, branch.now_ms))
    outages = {}
    for id_ in (WAN, SERVER):
        failed = branch.samples(id_, "icmp", outcome="failed")
        onset_ms, restored_ms = failed[0][0], next(a for a, _ in branch.samples(id_, "icmp") if a > failed[-1][1])
        assert cut_ms <= onset_ms < mended_ms <= restored_ms
        outages[id_] = (onset_ms, restored_ms)
    for view in View:
        downs = [span for span in court.spans(WAN, view) if span.state is not State.UP]
        assert downs == [Span(*outages[WAN], State.DOWN, Why.OBSERVED)], "R4.1, R4.2"
    period = outages[SERVER]
    assert whys(court.spans(SERVER, View.DEVICE), *period) == [("up", "late_reports")]
    assert whys(court.spans(SERVER, View.E2E), *period) == [("unreachable", "path_broken")]
    assert Span(*period, State.UNREACHABLE, Why.PATH) in court.spans(SERVER, View.E2E)
    # The room's computer is silent from the first report that did not come (R6.3).
    silent = next(span for span in court.spans(ROOM, View.E2E) if span.state is State.UNREACHABLE)
    assert silent.why is Why.PATH
    assert whys(court.spans(ROOM, View.DEVICE), silent.from_ms, silent.to_ms) == [("up", "late_reports")]
    assert [span for span in court.spans(SITE, View.E2E) if span.state is not State.UP] == [
        Span(*outages[WAN], State.DOWN, Why.MEMBERS)
    ]
    pooled = court.figures(DEVICES, View.DEVICE, (cut_ms, mended_ms))
    assert pooled.up == pooled.ast == len(HOSTS) * (mended_ms - cut_ms)
    assert court.figures(SITE, View.E2E, outages[WAN]).down == outages[WAN][1] - outages[WAN][0]
