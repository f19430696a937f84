"""A site behind a line, in network namespaces: what the centre, the site's agent and the ledger make of a line that is cut, a
room that is really dead, an agent that is killed, and a centre that has lost its own way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.core.state import State, View, Why
from collector.report.rfc3339 import instant
from tests.e2e.behind import BOX, FAR, GATE, LATE_MS, LINE, ROOM, SWITCH, TTL_MS, Behind
from tests.e2e.branch import ask
from tests.e2e.ground import now_ms
from tests.servers import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

WHILE_CUT_MS = 4 * LATE_MS
"""Longer than what still counts as live, so that a spool brings late evidence."""
EDGE_MS = TTL_MS
"""So long after a change the state before it may last: a sample's hold."""

RUN_MS = 1_000
"""Longest run of a probe."""


def test_a_site_behind_a_line(tmp_path: Path) -> None:
    """Both views come out right of every trouble in turn; nothing that the agent saw is lost."""
    site = Behind(tmp_path)
    with site.open():
        settle(site)
        cut_line(site)
        dead_room_behind_a_silent_line(site)
        killed_agent(site)
        lost_way_out(site)
        site.box.drain()
    site.books.check_station(site.box)
    assert not site.books.losses(BOX)


def settle(site: Behind) -> None:
    """Everything is up by the orders alone."""
    site.wait(View.DEVICE, 60, **dict.fromkeys((LINE, GATE, BOX, ROOM, SWITCH), "up"))
    site.wait(View.E2E, **dict.fromkeys((LINE, ROOM, BOX), "up"))
    [agent] = ask(site.centre, "/api/v1/agents")["agents"]
    assert (agent["id"], agent["orders"]["state"], len(agent["orders"]["runs"])) == (BOX, "current", 32)


def only(site: Behind, id_: str, view: View, period: tuple[int, int], state: State, *why: Why) -> None:
    """That is all there is of a target in a period, but for its end, where a probe that began before may have been answered
    after it."""
    spans = site.spans(id_, view, period[0], period[1] - RUN_MS)
    assert {(span.state, span.why) for span in spans} == {(state, each) for each in why}, (id_, view, spans)


def never(seen: set[tuple[str, str, str]], ids: tuple[str, ...], *states: str) -> None:
    """Nothing of the kind was shown."""
    assert not [each for each in seen if each[0] in ids and each[2] in states], seen


def cut_line(site: Behind) -> None:
    """The cable is pulled, and the router says so: the line alone is down, what is behind it cannot be reached. Afterwards the
    device view knows that all of it lived (R9.3, R9.8)."""
    cut_ms = now_ms()
    site.net.pull(site.line)
    out_ms = site.wait(View.E2E, **{LINE: "down", ROOM: "unreachable"})
    seen = site.watch(lambda: now_ms() - cut_ms > WHILE_CUT_MS and site.states(View.E2E)[BOX] == "unreachable")
    never(seen, (GATE, BOX, ROOM, SWITCH), "down")
    mended_ms = site.mend_line()
    site.back(mended_ms)
    whole = (out_ms, mended_ms)
    for view in View:
        only(site, LINE, view, whole, State.DOWN, Why.OBSERVED)
    only(site, ROOM, View.E2E, whole, State.UNREACHABLE, Why.PATH)
    late = (cut_ms, mended_ms)
    for id_ in (GATE, ROOM, SWITCH):
        only(site, id_, View.DEVICE, late, State.UP, Why.OBSERVED)
    silent = (cut_ms + EDGE_MS, mended_ms - LATE_MS)
    only(site, BOX, View.DEVICE, silent, State.UP, Why.BACKFILL)
    only(site, BOX, View.E2E, silent, State.UNREACHABLE, Why.PATH)
    told = ask(site.centre, f"/api/v1/subjects/{ROOM}/spans", from_=instant(out_ms), to=instant(mended_ms), view="e2e")
    assert [(one["state"], one["cause"], one["counts"]) for one in told["spans"]] == [("unreachable", "link", "bad")]
    told = ask(site.centre, f"/api/v1/subjects/{ROOM}/spans", from_=instant(out_ms), to=instant(mended_ms), view="device")
    assert [(one["state"], one["counts"]) for one in told["spans"]] == [("up", "good")]
    explained = site.explain(ROOM, cut_ms, mended_ms)
    assert "a router on the way says: network is unreachable" in explained
    assert f"{LINE} was down" in explained
    assert f"by {BOX}, ok" in explained


def dead_room_behind_a_silent_line(site: Behind) -> None:
    """The line swallows everything, and meanwhile the room dies: down in the device view from its death, end to end from the
    moment at which the line is back."""
    site.net.swallow("net", *FAR)
    out_ms = site.wait(View.E2E, **{LINE: "down", ROOM: "unreachable"})
    dead_ms = now_ms()
    site.net.pull(site.room)
    seen = site.watch(lambda: now_ms() - dead_ms > WHILE_CUT_MS)
    never(seen, (GATE, BOX, ROOM, SWITCH), "down")
    site.net.forward("net", *FAR)
    mended_ms = now_ms()
    site.wait(View.E2E, **{LINE: "up", ROOM: "down", BOX: "up"})
    down_ms = site.wait(View.DEVICE, **{ROOM: "down", GATE: "up"})
    wait_for(lambda: now_ms() - down_ms > TTL_MS and site.delivered(mended_ms), 40, site.said)
    revived_ms = now_ms()
    site.net.plug(site.room)
    site.back(revived_ms)
    only(site, ROOM, View.DEVICE, (out_ms - 2_000, dead_ms), State.UP, Why.OBSERVED)
    only(site, ROOM, View.DEVICE, (dead_ms + EDGE_MS, revived_ms), State.DOWN, Why.OBSERVED)
    only(site, ROOM, View.E2E, (out_ms, mended_ms), State.UNREACHABLE, Why.PATH)
    only(site, ROOM, View.E2E, (down_ms, revived_ms), State.DOWN, Why.OBSERVED)
    for id_ in (GATE, SWITCH):
        only(site, id_, View.DEVICE, (out_ms, revived_ms), State.UP, Why.OBSERVED)
    explained = site.explain(ROOM, dead_ms, revived_ms)
    assert f"by {BOX}, failed" in explained


def killed_agent(site: Behind) -> None:
    """R9.8: what only the agent observed is unknown, by its own blindness, and never down; what the centre sees stays up."""
    killed_ms = now_ms()
    site.box.kill()
    gone = {GATE: "unknown", SWITCH: "unknown", BOX: "unknown"}
    seen = site.watch(lambda: now_ms() - killed_ms > WHILE_CUT_MS and gone.items() <= site.states(View.DEVICE).items(), 60)
    never(seen, (LINE, GATE, BOX, ROOM, SWITCH), "down", "unreachable")
    never(seen - {(ROOM, view.value, "up") for view in View}, (LINE, ROOM), "unknown")
    started_ms = now_ms()
    site.start_box()
    site.back(started_ms)
    only(site, GATE, View.DEVICE, (killed_ms + EDGE_MS, started_ms), State.UNKNOWN, Why.BLIND)
    only(site, SWITCH, View.DEVICE, (killed_ms + 13_000, started_ms), State.UNKNOWN, Why.BLIND)
    only(site, ROOM, View.DEVICE, (killed_ms, started_ms), State.UP, Why.OBSERVED)
    # The machine ran on under the same boot, which the agent tells when it is back (R9.2).
    only(site, BOX, View.DEVICE, (killed_ms + EDGE_MS, started_ms), State.UP, Why.CONTINUITY)
    [blind] = site.books.markers(BOX, "blind")
    assert blind["from_ms"] <= killed_ms + 2_000 < started_ms <= blind["until_ms"]
    assert f"{BOX} was blind" in site.explain(GATE, killed_ms, started_ms)


def lost_way_out(site: Behind) -> None:
    """The reference is gone, too: nobody is accused, the time is booked as blind, and the device view has what the site's own
    agent saw."""
    lost_ms = now_ms()
    site.net.pull(site.uplink)
    gone = {LINE: "unknown", ROOM: "unknown", BOX: "unknown"}
    seen = site.watch(lambda: now_ms() - lost_ms > WHILE_CUT_MS and gone.items() <= site.states(View.E2E).items())
    never(seen, (LINE, GATE, BOX, ROOM, SWITCH, "site:branch"), "down", "unreachable")
    back_ms = now_ms()
    site.net.plug(site.uplink, (FAR[0], "10.9.1.2"))
    site.back(back_ms)
    period = (lost_ms + EDGE_MS, back_ms)
    for view in View:
        only(site, LINE, view, period, State.UNKNOWN, Why.BLIND)
    only(site, ROOM, View.E2E, period, State.UNKNOWN, Why.BLIND)
    only(site, ROOM, View.DEVICE, (lost_ms, back_ms), State.UP, Why.OBSERVED)
    only(site, GATE, View.DEVICE, (lost_ms, back_ms), State.UP, Why.OBSERVED)
    only(site, BOX, View.DEVICE, (period[0], back_ms - LATE_MS), State.UP, Why.BACKFILL)
    for id_ in (LINE, ROOM):
        told = [(row["from_ms"], row["until_ms"]) for row in site.books.markers(id_, "blind")]
        assert min(told)[0] <= lost_ms + EDGE_MS, told
        # The last good sample ends it, not the next look at the references.
        assert back_ms - RUN_MS <= max(until_ms for _, until_ms in told) <= now_ms(), told
    assert "collector was blind" in site.explain(LINE, lost_ms, back_ms)
    [figures] = ask(
        site.centre, "/api/v1/availability", subject=LINE, view="device", from_=instant(lost_ms), to=instant(back_ms)
    )["figures"]
    assert figures["ms"]["bad"] == 0
