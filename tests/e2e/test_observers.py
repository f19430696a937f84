"""Two observers of one room, in network namespaces: the centre, and an agent that belongs to another site. In the device view
whoever sees it live is right; end to end only the centre counts (3.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.core.state import State, View
from tests.e2e.behind import BOX, INVENTORY, LATE_MS, LINE, ROOM, TTL_MS, Behind
from tests.e2e.branch import ask
from tests.e2e.ground import now_ms
from tests.servers import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

ROOM_NET, BOX_NET = "10.9.3.0/24", "10.9.2.0/24"
ROOMS = INVENTORY.replace(f"{{id: {ROOM}, site: branch,", f"{{id: {ROOM}, site: rooms,").replace(
    "sites:\n", "sites:\n  - {id: rooms, name: Phòng họp, name_en: Rooms, uplink: wan}\n"
)
UP, DOWN = {ROOM: "up"}, {ROOM: "down"}


def test_two_observers_of_one_room(tmp_path: Path) -> None:
    """Each alone, none, and the agent alone over a cut line: both views, at present and afterwards."""
    site = Behind(tmp_path, ROOMS)
    with site.open():
        site.wait(View.DEVICE, 60, **dict.fromkeys((LINE, BOX, ROOM), "up"))
        site.wait(View.E2E, **dict.fromkeys((LINE, BOX, ROOM), "up"))
        wait_for(lambda: is_heard(site, "ok"), 30, site.said)
        only_the_agent_sees_it(site)
        only_the_centre_sees_it(site)
        nobody_sees_it_over_a_cut_line(site)
        site.box.drain()
    site.books.check_station(site.box)


def is_heard(site: Behind, outcome: str, since_ms: int = 0) -> bool:
    """Whether the agent has said so of the room since a moment. The reports of a second observer bear its name."""
    question = "SELECT 1 FROM evidence WHERE target = ? AND module LIKE ? AND outcome = ? AND last_t_ms > ?"
    return bool(site.books.rows(question, ROOM, f"%:{BOX}", outcome, since_ms))


def during(site: Behind, view: View, period: tuple[int, int]) -> set[State]:
    """The states of the room within a period."""
    return {span.state for span in site.spans(ROOM, view, *period)}


def only_the_agent_sees_it(site: Behind) -> None:
    """The centre's way to the room swallows everything, though the line works: down end to end, up as a device."""
    site.net.swallow("net", ROOM_NET)
    down_ms = site.wait(View.E2E, **DOWN)
    seen = site.watch(lambda: now_ms() - down_ms > TTL_MS)
    assert {state for id_, view, state in seen if id_ == ROOM and view == "device"} == {"up"}
    healed_ms = now_ms()
    assert during(site, View.E2E, (down_ms, healed_ms)) == {State.DOWN}
    assert during(site, View.DEVICE, (down_ms, healed_ms)) == {State.UP}
    site.net.forward("net", ROOM_NET)
    site.wait(View.E2E, **UP)


def only_the_centre_sees_it(site: Behind) -> None:
    """The room's answers to the agent are lost: that changes nothing in either view."""
    site.net.swallow(ROOM, BOX_NET)
    begun_ms = now_ms()
    seen = site.watch(lambda: now_ms() - begun_ms > 2 * TTL_MS and is_heard(site, "failed", begun_ms + TTL_MS))
    assert {state for id_, _, state in seen if id_ == ROOM} == {"up"}
    for view in View:
        assert during(site, view, (begun_ms, now_ms())) == {State.UP}
    site.net.forward(ROOM, BOX_NET)
    healed_ms = now_ms()
    wait_for(lambda: is_heard(site, "ok", healed_ms), 30, site.said)


def nobody_sees_it_over_a_cut_line(site: Behind) -> None:
    """The line is not between the agent and the room, wherever the room is filed: what the agent found dead was down, in the
    running ledger, too."""
    site.net.pull(site.line)
    site.wait(View.E2E, **{LINE: "down", ROOM: "unreachable"})
    site.net.pull(site.room)
    dead_ms = now_ms()
    wait_for(lambda: now_ms() - dead_ms > 2 * TTL_MS + LATE_MS)
    site.net.plug(site.room)
    revived_ms = now_ms()
    mended_ms = site.mend_line()
    site.back(mended_ms)
    dead = (dead_ms + TTL_MS, revived_ms - 1_000)
    assert during(site, View.DEVICE, dead) == {State.DOWN}
    assert during(site, View.E2E, dead) == {State.UNREACHABLE}
    wait_for(lambda: down_ms(site) >= dead[1] - dead[0], 20, lambda: f"{figures(site)}")
    assert down_ms(site) < revived_ms - dead_ms + TTL_MS
    ms = figures(site)
    assert ms["device"]["unreachable"] == 0
    assert ms["e2e"]["unreachable"] >= dead[1] - dead[0]


def figures(site: Behind) -> dict[str, dict[str, int]]:
    """Milliseconds of the room by view and state, as the running ledger has them of today."""
    shown = ask(site.centre, "/api/v1/availability", subject=ROOM, window="day")
    assert shown["live"] is True
    return {row["view"]: row["ms"] for row in shown["figures"]}


def down_ms(site: Behind) -> int:
    """Of the device view."""
    return figures(site)["device"]["down"]
