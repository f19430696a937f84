"""SNMPv3 agents whose clock, engine id or digest is wrong, one case a test: the outcome, its reason, what was kept."""

from __future__ import annotations

import pytest

from agent.model import Reason
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, Version
from agent.snmp.errors import Fault
from agent.snmp.peer import Peer
from tests.snmp import tinyusm
from tests.snmp.asking import TRY_S, V3, VALUES, failure, name_of, speaking
from tests.snmp.fault_agent import FaultAgent

ENGINE = bytes.fromhex("80001f880474657374")


async def test_an_agent_outside_the_time_window_is_asked_again_at_once() -> None:
    """Its clock has jumped: one report, one more request, no timeout and no failure."""
    async with FaultAgent(VALUES, engine=tinyusm.Engine(ENGINE)) as agent, speaking(agent, V3) as (client, session):
        assert agent.engine is not None
        assert await name_of(client, session) == b"sw-1"
        agent.engine.time += 100_000
        assert await name_of(client, session) == b"sw-1"
        agent.engine.boots, agent.engine.time = agent.engine.boots + 1, 5
        assert await name_of(client, session) == b"sw-1"
        assert (client.stats.timeouts, session.engine_boots, session.engine_time) == (0, 2, 5)


async def test_an_agent_that_is_never_inside_the_window_fails_after_one_more_request() -> None:
    """The failure says so, and is no timeout."""
    engine = tinyusm.Engine(ENGINE, always_outside=True)
    async with FaultAgent(VALUES, engine=engine) as agent, speaking(agent, V3) as (client, session):
        error = await failure(client, session)
        assert (error.fault, error.reason) == (Fault.TIME_WINDOW, Reason.AUTH)
        assert engine.reports.count(tinyusm.NOT_IN_WINDOW) == 2
        assert client.stats.timeouts == 0


async def test_an_agent_with_a_new_engine_id_is_found_anew_at_once() -> None:
    """Its machine was replaced between two polls: unknownEngineID, discovery, and the answer, with new keys."""
    async with FaultAgent(VALUES, engine=tinyusm.Engine(ENGINE)) as agent, speaking(agent, V3) as (client, session):
        assert await name_of(client, session) == b"sw-1"
        agent.engine = tinyusm.Engine(ENGINE + b"-new", boots=9, time=3)
        assert await name_of(client, session) == b"sw-1"
        assert (client.stats.timeouts, session.engine_boots) == (0, 9)


async def test_a_device_that_was_dead_is_found_anew() -> None:
    """After an outage the host must recover though engine, boots and clock have all changed."""
    async with FaultAgent(VALUES, engine=tinyusm.Engine(ENGINE)) as agent, speaking(agent, V3, retries=0) as (client, session):
        assert await name_of(client, session) == b"sw-1"
        agent.faults.drop = lambda number, pdu: True
        assert (await failure(client, session)).fault is Fault.TIMEOUT
        agent.faults.drop = None
        agent.engine = tinyusm.Engine(ENGINE, boots=1, time=-20)  # a clock that is below zero has been seen
        assert await name_of(client, session) == b"sw-1"


async def test_two_devices_with_one_engine_id_both_work_and_are_named() -> None:
    """Clones have different clocks: state is kept by address."""
    first, second = tinyusm.Engine(ENGINE, boots=3, time=500), tinyusm.Engine(ENGINE, boots=40, time=9_000_000)
    async with (
        FaultAgent(VALUES, engine=first) as one,
        FaultAgent(VALUES, engine=second, host="127.0.0.2") as two,
        speaking(one, V3) as (client, session),
    ):
        other = client.session(Peer(host=two.host, port=two.port, auth=V3, timeout_s=TRY_S))
        for _ in range(3):
            assert await name_of(client, session) == b"sw-1"
            assert await name_of(client, other) == b"sw-1"
        assert client.stats.timeouts == 0
        assert first.reports == second.reports
        [(engine_id, places)] = client.duplicate_engines()
        assert engine_id == ENGINE.hex()
        assert places == (f"127.0.0.1:{one.port}", f"127.0.0.2:{two.port}")


@pytest.mark.parametrize(
    ("auth", "fault", "column"),
    [
        (Auth(name="a", version=Version.V3, username="nobody"), Fault.UNKNOWN_USER, tinyusm.UNKNOWN_USER),
        (
            Auth(
                name="a", version=Version.V3, username="monitor", auth_protocol=AuthProtocol.SHA, password=Secret("wrong-pass")
            ),
            Fault.WRONG_DIGEST,
            tinyusm.WRONG_DIGEST,
        ),
    ],
    ids=["user", "password"],
)
async def test_wrong_credentials_are_said_and_not_tried_again(auth: Auth, fault: Fault, column: int) -> None:
    """A configuration error: `auth`, one report, no retry, and no secret in the words."""
    engine = tinyusm.Engine(ENGINE)
    async with FaultAgent(VALUES, engine=engine) as agent, speaking(agent, auth, retries=3) as (client, session):
        error = await failure(client, session)
        assert (error.fault, error.reason) == (fault, Reason.AUTH)
        assert engine.reports == [tinyusm.UNKNOWN_ENGINE, column]
        assert "wrong-pass" not in error.detail


async def test_an_answer_with_a_wrong_digest_is_not_trusted() -> None:
    """A forged answer is dropped; with nothing else the request fails as `auth`."""

    def forge(data: bytes) -> bytes:
        return data.replace(b"sw-1", b"evil")

    async with FaultAgent(VALUES, engine=tinyusm.Engine(ENGINE)) as agent, speaking(agent, V3) as (client, session):
        assert await name_of(client, session) == b"sw-1"
        agent.faults.mangle = forge
        error = await failure(client, session)
        assert (error.fault, error.reason) == (Fault.WRONG_DIGEST, Reason.AUTH)
        assert client.stats.unauthentic == 2
