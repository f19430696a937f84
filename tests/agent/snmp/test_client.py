"""The client: who gets which answer, what happens to answers that nobody wants, and how a request fails."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.packets import ber
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from agent.snmp.client import Client
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.peer import Peer
from agent.snmp.rows import Rows
from agent.snmp.session import Session
from agent.snmp.sockets import Sockets
from tests.agent.snmp.answering import COMMUNITY, Device, Request, Response, number

UPTIME, NAME = ber.oid_of("1.3.6.1.2.1.1.3.0"), ber.oid_of("1.3.6.1.2.1.1.5.0")
DATA = {UPTIME: number(4711, 0x43), NAME: (4, b"device-01")}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of this test's loop."""
    made = Client()
    await made.open()
    yield made
    await made.close()


async def ask(session: Session, seconds: float = 10.0) -> Rows:
    """One GET of sysUpTime."""
    return await session.get([UPTIME], session._client.clock() + seconds)


async def fault_of(session: Session, seconds: float = 10.0) -> SnmpError:
    """How it fails."""
    with pytest.raises(SnmpError) as caught:
        await ask(session, seconds)
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "localhost"])
@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
async def test_an_agent_is_asked_and_answers(client: Client, host: str, version: Version) -> None:
    """By IPv4, IPv6 and name, in both versions that have a community."""
    async with Device(DATA, host="127.0.0.1" if host == "localhost" else host) as device:
        rows = await ask(client.session(msgspec.structs.replace(device.peer(version), host=host)))
    assert (rows.oids, rows.tags, rows.values) == ([UPTIME], [0x43], [4711])
    assert (client.stats.sent, client.stats.received, client.stats.timeouts) == (1, 1, 0)


@contextlib.asynccontextmanager
async def _devices(count: int) -> AsyncIterator[list[Device]]:
    """Many devices, each with its own name."""
    async with contextlib.AsyncExitStack() as stack:
        made = [Device({NAME: (4, f"device-{at}".encode())}) for at in range(count)]
        yield [await stack.enter_async_context(device) for device in made]


async def test_many_sessions_share_the_sockets(client: Client) -> None:
    """Two hundred sessions at once through two sockets, each with the answers of its own device."""
    async with _devices(50) as devices:
        sessions = [client.session(device.peer(timeout_s=5.0)) for device in devices for _ in range(4)]
        answers = await asyncio.gather(*[session.get([NAME], client.clock() + 10) for session in sessions])
    assert [rows.values for rows in answers] == [[f"device-{at // 4}".encode()] for at in range(200)]
    assert client.stats.unmatched == 0


async def test_a_session_has_one_request_under_way(client: Client) -> None:
    """A second one at the same time is a mistake of the program."""
    async with Device(DATA, twist=lambda _request, _response: []) as device:
        session = client.session(device.peer())
        first = asyncio.ensure_future(fault_of(session))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await ask(session)
        assert (await first).fault is Fault.TIMEOUT


async def test_silence_is_tried_again_and_then_a_timeout(client: Client) -> None:
    """As often as the peer says, with an id of its own each time."""
    async with Device(DATA, twist=lambda _request, _response: []) as device:
        session = client.session(device.peer(timeout_s=0.02, retries=2))
        error = await fault_of(session)
        assert len({request.request_id for request in device.requests}) == 3
    assert (error.fault, error.reason.value, client.stats.timeouts) == (Fault.TIMEOUT, "timeout", 3)


async def test_the_deadline_goes_before_tries(client: Client) -> None:
    """No request outlives the poll; with no time left nothing is sent."""
    async with Device(DATA, twist=lambda _request, _response: []) as device:
        session = client.session(device.peer(timeout_s=30.0))
        started = client.clock()
        assert (await fault_of(session, 0.05)).fault is Fault.DEADLINE
        assert client.clock() - started < 5
        assert (await fault_of(session, 0.0)).fault is Fault.DEADLINE
        assert len(device.requests) == 1


async def test_an_answer_to_an_earlier_try_ends_the_request(client: Client) -> None:
    """A device that always answers one try late is a device that answers; what follows is counted and dropped."""
    held: list[Response] = []

    def late(request: Request, response: Response) -> list[Response]:
        held.append(response)
        return [held[-2]] if len(held) % 2 == 0 else []

    async with Device(DATA, twist=late) as device:
        session = client.session(device.peer(timeout_s=0.05))
        assert (await ask(session)).values == [4711]
        device.twist = lambda request, response: [held[0], held[1], response]
        assert (await ask(session)).values == [4711]
    assert (client.stats.late, client.stats.duplicate, client.stats.unmatched) == (1, 2, 0)


async def test_duplicates_poison_nothing(client: Client) -> None:
    """Three answers to each request: one is taken, whenever the others come."""
    async with Device(DATA, twist=lambda _request, response: [response] * 3) as device:
        session = client.session(device.peer())
        for _ in range(10):
            assert (await ask(session)).values == [4711]
        await asyncio.sleep(0)
        assert len(device.requests) == 10
    assert client.stats.duplicate >= 18
    assert client.stats.timeouts == 0


async def test_answers_after_the_end_are_late(client: Client) -> None:
    """The device of a request that was given up answers at last: counted, dropped."""
    held: list[Response] = []

    def slow(request: Request, response: Response) -> list[Response]:
        held.append(response)
        return [] if len(held) == 1 else [held[0], response]

    async with Device(DATA, twist=slow) as device:
        session = client.session(device.peer(timeout_s=0.02, retries=0))
        assert (await fault_of(session)).fault is Fault.TIMEOUT
        assert (await ask(session)).values == [4711]
    assert (client.stats.late, client.stats.duplicate) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "counter"),
    [({"request_id": 1}, "unmatched"), ({"community": "other"}, "wrong_community"), ({"version": 0}, "wrong_community")],
)
async def test_answers_for_others_are_dropped(client: Client, changes: dict[str, object], counter: str) -> None:
    """Another id, community or version: nobody's answer."""

    def foreign(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, **changes)]

    async with Device(DATA, twist=foreign) as device:
        session = client.session(device.peer(timeout_s=0.02))
        assert (await fault_of(session)).fault is Fault.TIMEOUT
    assert getattr(client.stats, counter) == 2


async def test_requests_sent_back_are_no_answers(client: Client) -> None:
    """A reflector returns what it gets: the id is right, the PDU is not a response."""

    def mirror(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, kind=request.kind)]

    async with Device(DATA, twist=mirror) as device:
        assert (await fault_of(client.session(device.peer(timeout_s=0.02)))).fault is Fault.TIMEOUT


async def test_another_source_address_is_taken_and_noted_once(client: Client) -> None:
    """Routers answer from whichever address they like; with `strict_source` that is refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))
        target: list[tuple[str, int]] = []

        def elsewhere(request: Request, response: Response) -> list[Response]:
            other.sendto(response.octets(), target[-1])
            return []

        class Noting(Device):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                target.append(addr)
                super().datagram_received(data, addr)

        async with Noting(DATA, twist=elsewhere) as device:
            session = client.session(device.peer())
            await ask(session)
            await ask(session)
            place = f"127.0.0.2:{other.getsockname()[1]}"
            assert (session.answered_from, session.notes) == (place, [f"127.0.0.1 answers from {place}"])
            strict = client.session(device.peer(timeout_s=0.02, strict_source=True))
            assert (await fault_of(strict)).fault is Fault.TIMEOUT
            assert strict.notes == []
    assert client.stats.wrong_source == 2


@pytest.mark.parametrize("cut", [1, 10, 30, 45])
async def test_damaged_answers_are_told_from_silence(client: Client, cut: int) -> None:
    """Only unreadable answers came: that is what the error says, whether the id could still be read or not."""
    async with Device(DATA, twist=lambda _request, response: [response.octets()[:-cut]]) as device:
        session = client.session(device.peer(timeout_s=0.02, retries=0))
        error = await fault_of(session)
    assert (error.fault, error.reason.value) == (Fault.MALFORMED, "mismatch")
    assert client.stats.malformed == 1


async def test_a_damaged_answer_does_not_hide_a_whole_one(client: Client) -> None:
    """The answer that can be read counts."""
    async with Device(DATA, twist=lambda _request, response: [b"\x30\x05junk", response.octets()[:-2], response]) as device:
        assert (await ask(client.session(device.peer()))).values == [4711]
    assert client.stats.malformed == 2


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=20))
@settings(max_examples=30, deadline=None)
def test_junk_harms_nobody(junk: list[bytes]) -> None:
    """Whatever else arrives at the socket, the request is answered and no exception leaves the reader."""

    async def run() -> None:
        problems: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        made = Client()
        await made.open()
        async with Device(DATA, twist=lambda _request, response: [*junk, response]) as device:
            assert (await ask(made.session(device.peer(timeout_s=5.0)))).values == [4711]
        await made.close()
        assert made.stats.received == len(junk) + 1
        assert problems == []

    asyncio.run(run())


async def test_error_status_is_an_error_with_its_index(client: Client) -> None:
    """genErr for object 1: which, and what it is called."""

    def angry(request: Request, response: Response) -> list[Response]:
        return [msgspec.structs.replace(response, status=5, index=1)]

    async with Device(DATA, twist=angry) as device:
        error = await fault_of(client.session(device.peer()))
    assert (error.fault, error.status, error.index, error.reason.value) == (Fault.ERROR_STATUS, 5, 1, "bad_status")
    assert "GEN_ERR" in error.detail


async def test_requests_are_logged_for_people(client: Client) -> None:
    """Kind, objects, tries, octets and outcome of each request, when somebody wants them."""
    async with Device(DATA, twist=lambda request, response: [response] if request.number != 2 else []) as device:
        session = client.session(device.peer(timeout_s=0.05, retries=0))
        await ask(session)
        session.log = []
        await fault_of(session)
        await session.get_bulk([UPTIME], 0, 5, client.clock() + 5)
    lost, bulk = session.log
    assert (lost.kind, lost.objects, lost.rows, lost.tries, lost.received_bytes, lost.outcome) == ("get", 1, 0, 1, 0, "timeout")
    assert (bulk.kind, bulk.rows, bulk.outcome) == ("get-bulk", 5, "ok")
    assert lost.sent_bytes > 0
    assert bulk.received_bytes > 100
    assert 0 <= bulk.duration_s < lost.duration_s < 5


async def test_names_without_address_are_unresolved(client: Client) -> None:
    """A name that is none, without asking the network."""
    auth = Auth(name="test", community=Secret(COMMUNITY))
    for host in ("", "a" * 70 + ".example.vn", "\0"):
        error = await fault_of(client.session(Peer(host=host or "..", auth=auth, timeout_s=2.0)))
        assert (error.fault, error.reason.value) == (Fault.UNRESOLVED, "unresolved")


async def test_what_the_system_cannot_send_is_unreachable(client: Client) -> None:
    """A broadcast address is refused by the system (EACCES), and the next request is its own."""
    auth = Auth(name="test", community=Secret(COMMUNITY))
    session = client.session(Peer(host="255.255.255.255", auth=auth))
    for _ in range(2):
        error = await fault_of(session)
        assert (error.fault, error.reason.value) == (Fault.UNREACHABLE, "unreachable")


async def test_closing_ends_what_is_under_way() -> None:
    """Nobody waits for an answer that nobody can receive."""
    client = Client()
    await client.open()
    async with Device(DATA, twist=lambda _request, _response: []) as device:
        waiting = asyncio.ensure_future(fault_of(client.session(device.peer(timeout_s=60.0))))
        while not device.requests:
            await asyncio.sleep(0)
        await client.close()
        assert (await waiting).fault is Fault.UNREACHABLE


async def test_a_cancelled_request_leaves_nothing_behind(client: Client) -> None:
    """The session can be used again, and the answer that comes after all is late."""
    async with Device(DATA, twist=lambda _request, _response: []) as device:
        session = client.session(device.peer(timeout_s=60.0))
        waiting = asyncio.ensure_future(ask(session))
        while not device.requests:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        device.twist = None
        assert (await ask(session)).values == [4711]
    assert client._expected == {}


async def test_v1_has_no_getbulk_and_get_only_has_neither(client: Client) -> None:
    """What cannot be asked is refused before anything is sent."""
    async with Device(DATA) as device:
        with pytest.raises(SnmpError) as caught:
            await client.session(device.peer(Version.V1)).get_bulk([UPTIME], 0, 5, client.clock() + 5)
        assert caught.value.fault is Fault.NOT_SUPPORTED
        with pytest.raises(SnmpError) as caught:
            await client.session(device.peer(get_only=True)).get_next([UPTIME], client.clock() + 5)
        assert caught.value.fault is Fault.NOT_SUPPORTED
        assert device.requests == []


PASSWORD = Secret("authpass12")


@pytest.mark.parametrize(
    "settings_of",
    [
        {"priv_protocol": PrivProtocol.AES, "priv_password": PASSWORD},
        {"auth_protocol": AuthProtocol.SHA},
        {"auth_protocol": AuthProtocol.SHA, "password": PASSWORD, "priv_protocol": PrivProtocol.DES},
    ],
)
async def test_impossible_credentials_are_refused_before_sending(client: Client, settings_of: dict[str, Any]) -> None:
    """Privacy without authentication and protocols without passwords; no secret is in the words."""
    auth = Auth(name="x", version=Version.V3, username="u", **settings_of)
    error = await fault_of(client.session(Peer(host="127.0.0.1", auth=auth)))
    assert error.fault is Fault.NOT_SUPPORTED
    assert PASSWORD.reveal() not in error.detail
    assert client.stats.sent == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say whom an ICMP error is about")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.77", "::1"])
async def test_a_closed_port_is_refused_at_once(client: Client, host: str) -> None:
    """The ICMP error ends the tries, without their time; and requests of others on the same socket are not hurt."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((host, 0))
        closed = taken.getsockname()[1]
    async with Device(DATA, host=host) as device:
        dead = msgspec.structs.replace(device.peer(timeout_s=30.0, retries=1), port=closed)
        sessions = [client.session(dead if at % 2 else device.peer(timeout_s=30.0, retries=0)) for at in range(40)]
        sessions = [session for at, session in enumerate(sessions) if at % 2 == 0 or at == 1]
        found = await asyncio.wait_for(asyncio.gather(*map(ask, sessions), return_exceptions=True), 20)
    refused = [each for each in found if isinstance(each, SnmpError)]
    assert [(error.fault, error.reason.value) for error in refused] == [(Fault.REFUSED, "refused")]
    assert [each.values for each in found if isinstance(each, Rows)] == [[4711]] * 20
    assert client.stats.icmp_errors >= 1


async def test_an_event_loop_without_readers_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows' proactor loop has datagram endpoints in their place."""

    def absent(*_: object) -> None:
        raise NotImplementedError

    loop = asyncio.get_running_loop()
    async with Device(DATA) as device:
        client = Client(sockets=1)
        real = loop.add_reader
        monkeypatch.setattr(loop, "add_reader", absent)
        opening = asyncio.ensure_future(client.open())
        await asyncio.sleep(0)
        monkeypatch.setattr(loop, "add_reader", real)
        await opening
        assert (await ask(client.session(device.peer()))).values == [4711]
        await client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say whom an ICMP error is about")
async def test_sessions_of_one_address_each_hear_of_its_errors(client: Client) -> None:
    """Whoever asked last hears of it, also after another session with the same address came and went."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        closed = taken.getsockname()[1]
    peer = Peer(host="127.0.0.1", port=closed, auth=Auth(name="test", community=Secret(COMMUNITY)), timeout_s=30.0, retries=0)
    first, second = client.session(peer), client.session(peer)
    assert [(await fault_of(session)).fault for session in (first, second)] == [Fault.REFUSED] * 2
    del second
    assert (await fault_of(first)).fault is Fault.REFUSED


async def test_sockets_are_all_open_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system has no more of them the error is told, and later they are opened as if nothing had been."""
    pool = Sockets(socket.AF_INET, lambda data, address: None, lambda number, address: None, count=2, buffer_bytes=4096)
    real, made = pool._made, list[socket.socket]()

    def scarce() -> socket.socket:
        if made:
            raise OSError(errno.EMFILE, "no more")
        made.append(real())
        return made[0]

    monkeypatch.setattr(pool, "_made", scarce)
    with pytest.raises(OSError, match="no more"):
        await pool.open()
    assert (pool.is_open, made[0].fileno()) == (False, -1)
    monkeypatch.setattr(pool, "_made", real)
    await pool.open()
    assert all(pool.send(pool.turn(), b"x", ("127.0.0.1", 9)) for _ in range(4))
    pool.close()
