"""What a poll brings home from agents that are honest, small, lazy, mad or dead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import msgspec
import pytest

from agent.packets import ber, snmp
from agent.snmp.auth import Version
from agent.snmp.client import Client
from agent.snmp.errors import Fault
from agent.snmp.harvest import FORGIVEN
from agent.snmp.session import Session
from agent.snmp.walk import Habits, Harvest, Plan, fetch
from tests.agent.snmp.answering import Binding, Device, Request, Response, column, number

TABLE = "1.3.6.1.2.1.2.2.1"
FIRST, SECOND, THIRD = (ber.oid_of(f"{TABLE}.{arc}") for arc in (1, 2, 3))
UPTIME, NAME, ABSENT = (ber.oid_of(f"1.3.6.1.2.1.1.{arc}.0") for arc in (3, 5, 9))
DATA = {
    UPTIME: number(4711, 0x43),
    NAME: (4, b"device-01"),
    **column(f"{TABLE}.1", 30),
    **column(f"{TABLE}.2", 3),
    **column(f"{TABLE}.3", 2),
}
SCALARS = {ber.oid_of(f"1.3.6.1.4.1.99999.{at}.0"): number(at) for at in range(1, 51)}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of this test's loop."""
    made = Client()
    await made.open()
    yield made
    await made.close()


async def harvest(session: Session, plan: Plan, habits: Habits | None = None, seconds: float = 10.0) -> Harvest:
    """A fetch with `seconds` to go."""
    return await fetch(session, plan, session._client.clock() + seconds, habits)


def under(data: Iterable[bytes], *roots: bytes) -> list[bytes]:
    """The names below the roots, in the order of a walk."""
    return [oid for root in roots for oid in sorted(data, key=ber.arcs_of) if oid.startswith(root)]


async def test_objects_and_subtrees_come_in_the_order_of_the_plan(client: Client) -> None:
    """GET first, then each subtree whole, and nothing beyond its end."""
    async with Device(DATA) as device:
        found = await harvest(client.session(device.peer()), Plan(gets=(NAME, UPTIME), walks=(SECOND, FIRST)))
    assert found.rows.oids == [NAME, UPTIME, *under(DATA, SECOND, FIRST)]
    assert found.rows.values[:5] == [b"device-01", 4711, 1, 2, 3]
    assert (found.truncated, found.failed, found.missing, found.dead, found.answered) == ((), (), (), None, True)


async def test_absent_values_are_no_rows(client: Client) -> None:
    """noSuchInstance and NULL give no row, and are an answer all the same."""
    async with Device({**DATA, FIRST + b"\x02": (5, b"")}) as device:
        found = await harvest(client.session(device.peer()), Plan(gets=(ABSENT, UPTIME), walks=(FIRST,)))
    assert found.rows.oids[0] == UPTIME
    assert FIRST + b"\x02" not in found.rows.oids
    assert len(found.rows) == 30
    assert (found.missing, found.failed) == ((), ())


@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
async def test_getnext_finds_the_same(client: Client, version: Version) -> None:
    """Version 1, and a device that bears one repetition, are walked by GETNEXT, to the end of the MIB."""
    async with Device(DATA) as device:
        found = await harvest(client.session(device.peer(version)), Plan(walks=(FIRST, THIRD), max_repetitions=1))
        assert {request.kind for request in device.requests} == {snmp.GET_NEXT}
    assert found.rows.oids == under(DATA, FIRST, THIRD)
    assert found.failed == ()


async def test_version_1_takes_missing_objects_out(client: Client) -> None:
    """noSuchName names the object that is missing: it is taken out and the others are asked for again."""
    async with Device(DATA) as device:
        found = await harvest(client.session(device.peer(Version.V1)), Plan(gets=(UPTIME, ABSENT, NAME)))
    assert found.rows.oids == [UPTIME, NAME]
    assert (found.failed, found.missing) == ((), ())


async def test_small_subtrees_are_asked_for_together_once_known(client: Client) -> None:
    """The second fetch needs fewer requests and asks for hardly more than there is; its rows are the same."""
    async with Device(DATA) as device:
        session, plan = client.session(device.peer()), Plan(walks=(SECOND, THIRD, FIRST))
        first = await harvest(session, plan)
        second = await harvest(session, plan, first.habits)
        assert [(len(request.oids), request.second) for request in device.requests[4:]] == [(2, 4), (1, 25), (1, 6)]
    assert (first.rows.oids, first.rows.values) == (second.rows.oids, second.rows.values)
    assert second.habits.rows == {FIRST: 30, SECOND: 3, THIRD: 2}


async def test_subtrees_that_grew_are_read_whole(client: Client) -> None:
    """What is known of last time is a guess about how much to ask, never about where to stop."""
    async with Device(DATA) as device:
        session, plan = client.session(device.peer()), Plan(walks=(SECOND, THIRD, FIRST))
        first = await harvest(session, plan)
        device.data |= column(f"{TABLE}.2", 40)
        found = await harvest(session, plan, first.habits)
    assert found.rows.oids == under(device.data, SECOND, THIRD, FIRST)


async def test_a_wrong_answer_for_several_subtrees_is_asked_for_singly(client: Client) -> None:
    """An agent that mixes up several repeaters is asked for one at a time, from then on."""

    def mixed(request: Request, response: Response) -> list[Response]:
        if len(request.oids) > 1:
            response.bindings.reverse()
        return [response]

    async with Device(DATA, twist=mixed) as device:
        session, plan = client.session(device.peer()), Plan(walks=(SECOND, THIRD))
        found = await harvest(session, plan, Habits(rows={SECOND: 3, THIRD: 2}))
    assert found.rows.oids == under(DATA, SECOND, THIRD)
    assert (found.truncated, found.habits.together) == ((), False)


async def test_too_big_is_halved_and_remembered(client: Client) -> None:
    """A device that takes 12 objects gets 10, then 6 repetitions of a walk; next time at once."""

    def small(request: Request, response: Response) -> list[Response]:
        if len(response.bindings) > 12:
            return [msgspec.structs.replace(response, status=1, bindings=[])]
        return [response]

    async with Device({**DATA, **SCALARS}, twist=small) as device:
        session, plan = client.session(device.peer()), Plan(gets=tuple(SCALARS), walks=(FIRST,))
        first = await harvest(session, plan)
        asked = len(device.requests)
        second = await harvest(session, plan, first.habits)
        again = device.requests[asked:]
    assert first.rows.oids == second.rows.oids == [*SCALARS, *under(DATA, FIRST)]
    assert (first.habits.get_size, first.habits.repetitions) == (10, 12)
    assert max(len(request.oids) for request in again) == 10
    assert second.failed == ()


async def test_a_size_is_forgiven_after_a_long_while(client: Client) -> None:
    """It may have been the line: after a hundred fetches without trouble a larger request is tried."""
    async with Device(DATA) as device:
        habits = Habits(repetitions=6, get_size=5, clean=FORGIVEN - 2)
        session, plan = client.session(device.peer()), Plan(gets=(UPTIME,))
        before = await harvest(session, plan, habits)
        after = await harvest(session, plan, before.habits)
    assert (before.habits.repetitions, before.habits.get_size) == (6, 5)
    assert (after.habits.repetitions, after.habits.get_size) == (12, 10)


async def test_objects_left_out_are_asked_for_again(client: Client) -> None:
    """An agent that answers the first seven of a GET and says nothing gives all of them in the end, in order."""

    def short(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, bindings=response.bindings[:7])]

    async with Device(SCALARS, twist=short) as device:
        found = await harvest(client.session(device.peer()), Plan(gets=tuple(SCALARS)))
    assert found.rows.oids == list(SCALARS)
    assert (found.missing, found.habits.get_size) == ((), 7)


async def test_an_object_that_never_comes_is_missing(client: Client) -> None:
    """Asked for alone and still left out: missing, and the others are there."""
    hole = next(iter(SCALARS))

    def holed(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, bindings=[each for each in response.bindings if each[0] != hole])]

    async with Device(SCALARS, twist=holed) as device:
        found = await harvest(client.session(device.peer()), Plan(gets=tuple(SCALARS)))
    assert found.rows.oids == list(SCALARS)[1:]
    assert found.missing == (hole,)


async def test_an_object_that_makes_an_error_fails_alone(client: Client) -> None:
    """genErr with an index takes that object out; without one the GET is halved down to it."""
    bad = list(SCALARS)[3]
    for index_given in (True, False):

        def angry(request: Request, response: Response, given: bool = index_given) -> list[Response]:
            if bad in request.oids:
                return [msgspec.structs.replace(response, status=5, index=request.oids.index(bad) + 1 if given else 0)]
            return [response]

        async with Device(SCALARS, twist=angry) as device:
            found = await harvest(client.session(device.peer()), Plan(gets=tuple(SCALARS)))
        assert found.rows.oids == [oid for oid in SCALARS if oid != bad]
        assert [(oid, error.fault, error.status) for oid, error in found.failed] == [(bad, Fault.ERROR_STATUS, 5)]


def rewritten(rows: list[Binding]) -> list[Binding]:
    """Rows 7, 8, 9 ... of the first column come again as 1, 2, 3 ...: a loop."""
    loop = {FIRST + bytes((row,)): FIRST + bytes(((row - 1) % 6 + 1,)) for row in range(7, 31)}
    return [(loop.get(oid, oid), tag, value) for oid, tag, value in rows]


@pytest.mark.parametrize("repetitions", [1, 4, 25])
async def test_a_loop_ends_at_its_first_step_back(client: Client, repetitions: int) -> None:
    """Names that do not increase stop that walk; its rows so far and the other subtrees are kept."""

    def looping(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, bindings=rewritten(response.bindings))]

    async with Device(DATA, twist=looping) as device:
        plan = Plan(walks=(FIRST, SECOND), max_repetitions=repetitions)
        found = await harvest(client.session(device.peer()), plan)
    assert found.rows.oids == [*under(DATA, FIRST)[:6], *under(DATA, SECOND)]
    assert found.truncated == ((FIRST, "names do not increase"),)
    assert found.failed == ()


async def test_disorder_may_be_allowed_but_no_circle(client: Client) -> None:
    """With `allow_nonincreasing` an unordered subtree is read whole, and a circle still ends."""
    names = under(DATA, FIRST)
    successors = {names[0]: names[4], names[4]: names[2], names[2]: names[1], FIRST: names[0]}

    def jumping(request: Request, response: Response) -> list[Response]:
        at, found = request.oids[0], []
        while at in successors:
            at = successors[at]
            found.append((at, *DATA[at]))
        found.append((SECOND + b"\x01", *number(1)))
        return [msgspec.structs.replace(response, bindings=found)]

    async with Device(DATA, twist=jumping) as device:
        whole = await harvest(client.session(device.peer()), Plan(walks=(FIRST,), allow_nonincreasing=True))
        refused = await harvest(client.session(device.peer()), Plan(walks=(FIRST,)))
    assert whole.rows.values == [1, 5, 3, 2]
    assert whole.truncated == ()
    assert (refused.rows.values, refused.truncated) == ([1, 5], ((FIRST, "names do not increase"),))

    def circling(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, bindings=rewritten(response.bindings))]

    async with Device(DATA, twist=circling) as device:
        circle = await harvest(client.session(device.peer()), Plan(walks=(FIRST,), allow_nonincreasing=True))
    assert circle.rows.values == [1, 2, 3, 4, 5, 6]
    assert circle.truncated == ((FIRST, "names come a second time"),)


async def test_an_endless_subtree_is_capped(client: Client) -> None:
    """Rows and octets have a cap for each subtree."""

    def endless(request: Request, response: Response) -> list[Response]:
        last = request.oids[0]
        start = 0 if last == FIRST else ber.tail_of(last[len(FIRST) :])[0]
        rows = [(FIRST + ber.tail_from([start + step]), 4, b"x" * 20) for step in range(1, 26)]
        return [msgspec.structs.replace(response, bindings=rows)]

    async with Device({}, twist=endless) as device:
        rows = await harvest(client.session(device.peer()), Plan(walks=(FIRST,), max_rows=1000))
        octets = await harvest(client.session(device.peer()), Plan(walks=(FIRST,), max_bytes=20_000))
    assert (len(rows.rows), rows.truncated) == (1000, ((FIRST, "more rows than the cap"),))
    assert octets.truncated == ((FIRST, "more octets than the cap"),)
    assert len(octets.rows) < 1000


async def test_getbulk_answered_as_getnext_works(client: Client) -> None:
    """One row an answer is slow, and right."""

    def single(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, bindings=response.bindings[: len(request.oids)])]

    async with Device(DATA, twist=single) as device:
        session, plan = client.session(device.peer()), Plan(walks=(SECOND, THIRD, FIRST))
        first = await harvest(session, plan)
        second = await harvest(session, plan, first.habits)
    assert first.rows.oids == second.rows.oids == under(DATA, SECOND, THIRD, FIRST)
    assert (first.truncated, second.truncated) == ((), ())


async def test_a_large_getbulk_without_answer_is_asked_smaller(client: Client) -> None:
    """Silence to 25 and 12 repetitions, an answer to 6: the table is read, and the size is remembered."""

    def deaf(request: Request, response: Response) -> list[Response]:
        return [] if request.kind == snmp.GET_BULK and request.second > 10 else [response]

    async with Device(DATA, twist=deaf) as device:
        session, plan = client.session(device.peer(timeout_s=0.05, retries=0)), Plan(walks=(FIRST, SECOND))
        found = await harvest(session, plan)
        before = client.stats.timeouts
        again = await harvest(session, plan, found.habits)
    assert found.rows.oids == again.rows.oids == under(DATA, FIRST, SECOND)
    assert (found.failed, found.habits.repetitions) == ((), 6)
    assert client.stats.timeouts == before


async def test_one_silent_column_fails_alone(client: Client) -> None:
    """The other subtrees are read, and keep their repetitions."""

    def deaf(request: Request, response: Response) -> list[Response]:
        return [] if any(oid.startswith(SECOND) for oid in request.oids) else [response]

    async with Device(DATA, twist=deaf) as device:
        session = client.session(device.peer(timeout_s=0.05, retries=0))
        found = await harvest(session, Plan(gets=(UPTIME,), walks=(FIRST, SECOND, THIRD)))
    assert found.rows.oids == [UPTIME, *under(DATA, FIRST, THIRD)]
    assert [(oid, error.fault) for oid, error in found.failed] == [(SECOND, Fault.TIMEOUT)]
    assert (found.dead, found.habits.repetitions) == (None, 0)


@pytest.mark.parametrize(("gets", "requests"), [((UPTIME,), 1), ((), 2)])
async def test_a_dead_device_costs_no_timeout_for_each_table(client: Client, gets: tuple[bytes, ...], requests: int) -> None:
    """Nothing at all came back: one GET (or one GETBULK and one GETNEXT), and everything has failed."""
    async with Device(DATA, twist=lambda _request, _response: []) as device:
        session = client.session(device.peer(timeout_s=0.05, retries=0))
        found = await harvest(session, Plan(gets=gets, walks=(FIRST, SECOND, THIRD)))
        assert len(device.requests) == requests
    assert [oid for oid, _ in found.failed] == [*gets, FIRST, SECOND, THIRD]
    assert {error.fault for _, error in found.failed} == {Fault.TIMEOUT}
    assert found.dead is not None
    assert (found.answered, len(found.rows), found.requests) == (False, 0, requests)


async def test_a_device_that_dies_is_left_alone(client: Client) -> None:
    """It answered the objects and one table; two silent tables in a row are enough to stop."""
    tables = tuple(ber.oid_of(f"1.3.6.1.4.1.9.{arc}") for arc in range(1, 9))

    def dying(request: Request, response: Response) -> list[Response]:
        return [response] if request.number <= 3 else []

    async with Device(DATA, twist=dying) as device:
        session = client.session(device.peer(timeout_s=0.05, retries=0))
        found = await harvest(session, Plan(gets=(UPTIME,), walks=(SECOND, *tables)))
        assert len(device.requests) <= 6
    assert found.rows.oids == [UPTIME, *under(DATA, SECOND)]
    assert len(found.failed) >= 7
    assert found.dead is not None


async def test_the_deadline_ends_a_fetch_and_keeps_what_was_read(client: Client) -> None:
    """What could not be read in time has failed for that reason."""

    def halting(request: Request, response: Response) -> list[Response]:
        return [response] if request.number <= 2 else []

    async with Device(DATA, twist=halting) as device:
        session = client.session(device.peer(timeout_s=5.0))
        found = await harvest(session, Plan(gets=(UPTIME,), walks=(FIRST, SECOND)), seconds=0.2)
    assert found.rows.oids == [UPTIME, *under(DATA, FIRST)[:25]]
    assert [(oid, error.fault) for oid, error in found.failed] == [(FIRST, Fault.DEADLINE), (SECOND, Fault.DEADLINE)]


async def test_get_only_devices_are_not_walked(client: Client) -> None:
    """Neither by the plan's word nor by the peer's."""
    async with Device(DATA) as device:
        for session, plan in (
            (client.session(device.peer()), Plan(gets=(UPTIME,), walks=(FIRST,), get_only=True)),
            (client.session(device.peer(get_only=True)), Plan(gets=(UPTIME,), walks=(FIRST,))),
        ):
            found = await harvest(session, plan)
            assert found.rows.oids == [UPTIME]
            assert [(oid, error.fault) for oid, error in found.failed] == [(FIRST, Fault.NOT_SUPPORTED)]
        assert {request.kind for request in device.requests} == {snmp.GET}
