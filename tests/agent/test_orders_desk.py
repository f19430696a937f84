"""The agent's desk for orders: fetched once they are news, refused without harm, put off when nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent import orders_copy
from agent.model import Reason
from agent.orders import Orders, encode, sealed
from agent.orders_copy import NO_ORDERS
from agent.orders_desk import Desk
from agent.orders_desk import Orders as Found
from agent.probes.probe import Job, Module
from agent.settings import CollectorSettings, Settings, SpoolSettings
from agent.transport import Response, TransportError
from agent.wire import Batch, OrdersState
from collector.ingest.admission import check_batch
from tests.agent.jumping import JumpingClock
from tests.servers import wait_for

URL = "https://centre.example.vn"


def orders(address: str) -> Orders:
    job = Job(target="portal", name="port", module=Module(name="port", kind="tcp"), address=address)
    return sealed(Orders(version=1, jobs=(job,)), b"key")


GOOD, BAD = orders("192.0.2.7:443"), orders("nowhere")


class Centre:
    """Gives the orders that a test says, or fails."""

    def __init__(self) -> None:
        self.gives: Callable[[], Response] = lambda: Response(200, encode(GOOD))
        self.asked: list[str] = []

    def post(self, url: str, body: bytes, deflated: bool) -> Response:
        raise NotImplementedError

    def get_orders(self, url: str, tag: str) -> Response:
        self.asked.append(tag)
        return self.gives()

    def close(self) -> None:
        """Nothing is open."""


class Room:
    """A desk, and what became of what it was told."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            id="box", collector=CollectorSettings(urls=(URL,)), spool=SpoolSettings(folder=str(folder / "spool"))
        )
        self.clock = JumpingClock()
        self.centre = Centre()
        self.applied: list[Found] = []
        self.said: list[str] = []
        self.fails = False
        self.desk = self.open()

    def open(self) -> Desk:
        return Desk(
            self.settings, self.clock, apply=self._apply, say=lambda text, _: self.said.append(text), random=lambda: 0.5
        )

    def _apply(self, found: Found) -> None:
        if self.fails:
            raise OSError("no socket")
        self.applied.append(found)

    def hear(self, tag: str) -> None:
        """A batch was answered; the desk does what it does, and is done."""
        self.desk.heard(tag)
        said = len(self.said)
        before = self.desk.wait_s(None)
        self.desk.follow(self.centre, URL)
        if before == 0.0:
            wait_for(lambda: len(self.said) > said and not self.desk._is_checking)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_orders_are_fetched_once_and_kept(room: Room) -> None:
    room.hear(GOOD.tag)
    assert room.desk.state() == OrdersState(GOOD.tag)
    room.hear(GOOD.tag)
    assert room.centre.asked == [""]
    again = room.open()
    begun = again.begin()
    assert begun is not None
    assert begun.body == room.applied[0].body == encode(GOOD)
    assert again.state() == OrdersState(GOOD.tag)


def test_an_agent_without_orders_asks_for_none(room: Room) -> None:
    room.hear(NO_ORDERS)
    room.hear("")
    assert room.desk.wait_s(7.0) == 7.0
    assert (room.centre.asked, room.applied) == ([], [])


def test_whatever_is_wrong_is_told_on_one_line(room: Room) -> None:
    """A collector refuses batches whose words about orders it cannot store, and the reports in them would be lost."""
    module = Module(name="page", kind="http", settings={"fail_if_body_matches_regexp": ["a\n(\x1b"]})
    bad = sealed(Orders(version=1, jobs=(Job(target="portal", name="page", module=module, address="192.0.2.7"),)), b"key")
    room.centre.gives = lambda: Response(200, encode(bad))
    room.hear(bad.tag)
    state = room.desk.state()
    assert state.refused == bad.tag
    assert state.detail.isprintable()
    check_batch(Batch(1, "stream", "boot", 0, 0, 0, orders=state))


def test_bad_orders_are_refused_told_and_asked_for_again_much_later(room: Room) -> None:
    """What ran before goes on, in memory and on disk."""
    room.hear(GOOD.tag)
    room.centre.gives = lambda: Response(200, encode(BAD))
    room.hear(BAD.tag)
    state = room.desk.state()
    assert (state.tag, state.refused) == (GOOD.tag, BAD.tag)
    assert "'nowhere'" in state.detail
    copy = orders_copy.read(orders_copy.path_of(room.settings.spool.folder))
    assert copy is not None
    assert copy.tag == GOOD.tag
    assert (room.desk.wait_s(None) or 0.0) >= 30.0
    room.hear(GOOD.tag)
    assert room.desk.state() == OrdersState(GOOD.tag)


def test_orders_that_cannot_be_carried_out_leave_the_copy_before(room: Room) -> None:
    room.hear(GOOD.tag)
    room.fails = True
    other = orders("192.0.2.8:443")
    room.centre.gives = lambda: Response(200, encode(other))
    room.hear(other.tag)
    assert room.desk.state() == OrdersState(GOOD.tag, other.tag, "carrying them out failed: OSError")
    copy = orders_copy.read(orders_copy.path_of(room.settings.spool.folder))
    assert copy is not None
    assert copy.tag == GOOD.tag


@pytest.mark.parametrize("status", [404, 429, 500, None])
def test_a_centre_that_gives_nothing_is_asked_again_later(room: Room, status: int | None) -> None:
    def fail() -> Response:
        if status is None:
            raise TransportError(Reason.TIMEOUT, "no answer")
        return Response(status, b"")

    good, room.centre.gives = room.centre.gives, fail
    room.hear(GOOD.tag)
    wait_s = room.desk.wait_s(None)
    assert wait_s is not None
    assert 0.1 <= wait_s <= 5.0
    room.desk.follow(room.centre, URL)
    assert len(room.centre.asked) == 1
    room.centre.gives = good
    room.clock.jump(5_000)
    room.hear(GOOD.tag)
    assert room.desk.state() == OrdersState(GOOD.tag)


def test_orders_of_nothing_end_what_ran(room: Room) -> None:
    room.hear(GOOD.tag)
    room.hear(NO_ORDERS)
    assert room.centre.asked == [""]
    assert not room.applied[-1].verdict.observes
    assert orders_copy.read(orders_copy.path_of(room.settings.spool.folder)) is None
    assert room.desk.state() == OrdersState(NO_ORDERS)
