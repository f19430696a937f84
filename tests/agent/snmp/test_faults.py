"""What devices do wrong, one case a test: the outcome, its reason, what was kept. Here single requests of v1 and v2c."""

from __future__ import annotations

import asyncio

import pytest

from agent.model import Reason
from agent.packets import ber
from agent.settings import Secret
from agent.snmp.auth import Auth
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.rows import COUNTER64, GAUGE32, OPAQUE
from tests.snmp import tinyber
from tests.snmp.asking import NAME, TRY_S, UPTIME, V1, VALUES, failure, name_of, soon, speaking, texts, until_counted
from tests.snmp.fault_agent import IGNORED, FaultAgent, Faults
from tests.snmp.tinyber import Pdu

# Answers that are lost, late, double, or not ours


async def test_a_duplicate_reply_is_dropped_and_poisons_nothing() -> None:
    """Three copies of each answer: every request gets its own answer, the rest is counted."""
    async with FaultAgent(VALUES, Faults(copies=3)) as agent, speaking(agent) as (client, session):
        for _ in range(5):
            assert await name_of(client, session) == b"sw-1"
            assert (await session.get([ber.oid_of(UPTIME)], soon(client))).values == [4_000_000_000]
        await until_counted(client, duplicate=20)
        assert client.stats.timeouts == 0


async def test_the_late_answer_to_the_first_try_ends_the_second() -> None:
    """An agent that always answers the try before: one retry, no failure, counted as late."""
    async with FaultAgent(VALUES, Faults(late=True)) as agent, speaking(agent) as (client, session):
        for _ in range(3):
            assert await name_of(client, session) == b"sw-1"
        assert (client.stats.late, client.stats.timeouts, len(agent.asked)) == (3, 3, 6)


async def test_an_answer_after_all_tries_disturbs_no_later_request() -> None:
    """The answer comes when the request has failed: timeout, and the next request does not take it for its own."""
    async with FaultAgent(VALUES, Faults(delay_s=3 * TRY_S)) as agent, speaking(agent, retries=0) as (client, session):
        assert (await failure(client, session)).fault is Fault.TIMEOUT
        agent.faults.delay_s = 0
        agent.values[tinyber.arcs(NAME)] = tinyber.text("new name")
        assert await name_of(client, session) == b"new name"
        await until_counted(client, late=1)


async def test_a_slow_device_answers_within_its_timeout() -> None:
    """2.5 s, scaled down: a timeout above it reads everything, one below it is a timeout and says how long each try was."""
    faults = Faults(delay_s=2.5 * TRY_S)
    async with FaultAgent(VALUES, faults) as agent, speaking(agent, timeout_s=10 * TRY_S) as (client, session):
        assert await name_of(client, session) == b"sw-1"
    async with FaultAgent(VALUES, faults) as agent, speaking(agent) as (client, session):
        error = await failure(client, session)
        assert (error.fault, error.reason) == (Fault.TIMEOUT, Reason.TIMEOUT)
        assert "tries: 2, 0.1 s each" in error.detail


async def test_a_device_that_never_answers_costs_its_tries_and_no_more() -> None:
    """Timeout after the first try and the retries; after the deadline nothing is sent any more."""
    async with (
        FaultAgent(VALUES, Faults(drop=lambda number, pdu: True)) as agent,
        speaking(agent, retries=2) as (client, session),
    ):
        error = await failure(client, session)
        assert (error.fault, error.reason, len(agent.asked)) == (Fault.TIMEOUT, Reason.TIMEOUT, 3)
        error = await failure(client, session, client.clock() + TRY_S / 2)
        assert (error.fault, error.reason) == (Fault.DEADLINE, Reason.TIMEOUT)


async def test_every_kth_request_lost_is_made_good_by_the_retry() -> None:
    """A line that loses each third datagram: all ten requests succeed, and the retries are no load generator."""
    faults = Faults(drop=lambda number, pdu: number % 3 == 0)
    async with FaultAgent(VALUES, faults) as agent, speaking(agent) as (client, session):
        for _ in range(10):
            assert await name_of(client, session) == b"sw-1"
        assert len(agent.asked) == 10 + client.stats.timeouts == 14


async def test_a_reply_from_another_address_counts_and_is_noted_once() -> None:
    """Routers with many addresses and clusters answer from whichever they like."""
    async with FaultAgent(VALUES, Faults(source="127.0.0.2")) as agent, speaking(agent) as (client, session):
        for _ in range(3):
            assert await name_of(client, session) == b"sw-1"
        assert session.answered_from is not None
        assert session.answered_from.startswith("127.0.0.2:")
        assert len(session.notes) == 1


async def test_a_strict_device_must_answer_from_the_address_that_was_asked() -> None:
    """With `strict_source` the same reply is dropped and counted."""
    async with (
        FaultAgent(VALUES, Faults(source="127.0.0.2")) as agent,
        speaking(agent, strict_source=True) as (client, session),
    ):
        assert (await failure(client, session)).fault is Fault.TIMEOUT
        assert client.stats.wrong_source == 2


async def test_a_wrong_request_id_is_nobodys_answer() -> None:
    """Answers with another id are counted as unmatched and never taken, even though everything else fits."""
    faults = Faults(twist=lambda asked, answer: answer._replace(request_id=asked.request_id ^ 0x5A5A5A))
    async with FaultAgent(VALUES, faults) as agent, speaking(agent) as (client, session):
        assert (await failure(client, session)).fault is Fault.TIMEOUT
        await until_counted(client, unmatched=2)


async def test_a_wrong_community_in_the_reply_is_not_taken() -> None:
    """Somebody else's answer with our id."""
    async with FaultAgent(VALUES, Faults(community=b"private")) as agent, speaking(agent) as (client, session):
        assert (await failure(client, session)).fault is Fault.TIMEOUT
        assert client.stats.wrong_community == 2


async def test_the_community_that_the_device_does_not_know_is_a_timeout() -> None:
    """Agents are silent towards a wrong community; the words hold no secret."""
    auth = Auth(name="lab", community=Secret("hunter2"))
    async with FaultAgent(VALUES) as agent, speaking(agent, auth) as (client, session):
        error = await failure(client, session)
        assert error.fault is Fault.TIMEOUT
        assert "hunter2" not in error.detail


# Datagrams that cannot be read

GARBAGE = (
    b"\x00",
    b"\x30",
    b"\x30\x84\xff\xff\xff\xff",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x30\x80\x02\x01\x01\x00\x00",
    b"\xff" * 1400,
)


def _lengthened(data: bytes) -> bytes:
    """The outermost length one octet too long."""
    return data[:1] + bytes((data[1] + 1,)) + data[2:]


def _overrun(data: bytes) -> bytes:
    """The last value's length reaches over the end."""
    at = data.rindex(b"\x04\x04sw-1")
    return data[: at + 1] + b"\x7f" + data[at + 2 :]


@pytest.mark.parametrize(
    "mangle",
    [_lengthened, _overrun, lambda data: data[:-3], lambda data: data[: len(data) // 2], lambda data: b"\xff" * len(data)],
    ids=["outer length", "inner length", "truncated", "half", "garbage"],
)
async def test_what_cannot_be_decoded_is_named_and_never_half_taken(mangle: object) -> None:
    """Bad BER lengths, a cut datagram, garbage: mismatch, with the words of what is wrong; the session goes on afterwards."""
    async with FaultAgent(VALUES, Faults(mangle=mangle)) as agent, speaking(agent) as (client, session):  # type: ignore[arg-type]
        error = await failure(client, session)
        assert (error.fault, error.reason) == (Fault.MALFORMED, Reason.MISMATCH)
        assert client.stats.malformed == 2
        agent.faults.mangle = None
        assert await name_of(client, session) == b"sw-1"


async def test_junk_before_the_answer_disturbs_nothing() -> None:
    """Datagrams of all kinds of rubbish arrive first, and the answer is taken all the same."""
    async with FaultAgent(VALUES, Faults(junk=GARBAGE)) as agent, speaking(agent) as (client, session):
        for _ in range(5):
            assert await name_of(client, session) == b"sw-1"
        assert (client.stats.malformed, client.stats.timeouts) == (5 * len(GARBAGE), 0)


async def test_lengths_of_more_octets_than_needed_are_legal() -> None:
    """Some agents write every length in the long form."""

    def lengthen(data: bytes) -> bytes:
        assert data[1] < 0x80
        return data[:1] + b"\x83\x00\x00" + data[1:]

    async with FaultAgent(VALUES, Faults(mangle=lengthen)) as agent, speaking(agent) as (client, session):
        assert await name_of(client, session) == b"sw-1"


# What the agent says


async def test_an_error_status_is_named_with_its_object() -> None:
    """genErr: bad_status, with status and index; nothing is retried, since the device has answered."""
    faults = Faults(error_at=tinyber.arcs(NAME))
    async with FaultAgent(VALUES, faults) as agent, speaking(agent) as (client, session):
        with pytest.raises(SnmpError) as caught:
            await session.get([ber.oid_of(UPTIME), ber.oid_of(NAME)], soon(client))
        error = caught.value
        assert (error.fault, error.reason, error.status, error.index) == (Fault.ERROR_STATUS, Reason.BAD_STATUS, 5, 2)
        assert len(agent.asked) == 1


async def test_no_such_name_of_v1_names_the_object() -> None:
    """v1 refuses the whole GET for one missing object."""
    async with FaultAgent(VALUES) as agent, speaking(agent, V1) as (client, session):
        with pytest.raises(SnmpError) as caught:
            await session.get([ber.oid_of(UPTIME), ber.oid_of("1.3.6.1.2.1.1.9.0")], soon(client))
        assert (caught.value.status, caught.value.index) == (2, 2)


async def test_too_big_is_a_fault_of_its_own() -> None:
    """So that who asked can ask for less."""
    async with FaultAgent(VALUES, Faults(too_big_above=1)) as agent, speaking(agent) as (client, session):
        with pytest.raises(SnmpError) as caught:
            await session.get([ber.oid_of(UPTIME), ber.oid_of(NAME)], soon(client))
        assert caught.value.fault is Fault.TOO_BIG


async def test_get_bulk_answered_as_get_next_gives_what_there_is() -> None:
    """One row instead of many."""
    async with FaultAgent(VALUES, Faults(bulk=IGNORED)) as agent, speaking(agent) as (client, session):
        rows = await session.get_bulk([ber.oid_of("1.3.6.1.2.1.2.2.1.1")], 0, 10, soon(client))
        assert texts(rows) == ["1.3.6.1.2.1.2.2.1.1.1"]


async def test_values_of_odd_types_are_read() -> None:
    """NULL is absent, an Opaque float is a number, integers come as any integer type, OIDs have arcs above 2^31."""
    odd = "1.3.6.1.4.1.9.4294902016.2147483649.1"
    values = {
        tinyber.arcs("1.3.6.1.2.1.33.1.2.4.0"): (tinyber.NULL, b""),
        tinyber.arcs("1.3.6.1.4.1.6574.4.2.6.0"): tinyber.opaque_float(20.5),
        tinyber.arcs("1.3.6.1.2.1.33.1.2.1.0"): tinyber.integer(2, tinyber.GAUGE32),
        tinyber.arcs("1.3.6.1.4.1.34774.4.1.1.4.0"): tinyber.integer(76_546_048, tinyber.COUNTER64),
        tinyber.arcs("1.3.6.1.2.1.25.2.3.1.5.1"): tinyber.integer(-1_294_967_296),
        tinyber.arcs("1.3.6.1.2.1.2.2.1.10.1"): (tinyber.COUNTER32, b"\xff\xff\xff\xff"),
        tinyber.arcs(odd): tinyber.integer(7),
    }
    async with FaultAgent(values) as agent, speaking(agent) as (client, session):
        rows = await session.get([ber.oid_from(name) for name in values], soon(client))
        assert rows.values == [None, 20.5, 2, 76_546_048, -1_294_967_296, 4_294_967_295, 7]
        assert (rows.tags[1], rows.tags[2], rows.tags[3]) == (OPAQUE, GAUGE32, COUNTER64)
        assert texts(rows)[-1] == odd


async def test_one_request_is_under_way_at_a_time() -> None:
    """A second one is refused at once and does not harm the first."""
    async with FaultAgent(VALUES, Faults(late=True)) as agent, speaking(agent) as (client, session):
        first = asyncio.create_task(name_of(client, session))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one request"):
            await name_of(client, session)
        assert await first == b"sw-1"


def test_the_counterpart_takes_its_own_messages_apart() -> None:
    """The test's own encoder and decoder agree, so that a fault of theirs is not taken for one of the program."""
    pdu = Pdu(tinyber.GET, -5, 0, 0, ((tinyber.arcs("2.100.3.4294967295"), tinyber.text(b"\0" * 300)),))
    assert tinyber.message_of(tinyber.message(1, b"c", pdu)) == (1, b"c", pdu)
