"""The door of pysnmp: it reads every version, acknowledges informs, and survives whatever a message does to the library."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.packets.ber import integer, tlv
from agent.packets.snmp import bindings, decode_community, envelope
from collector.poll.trap import Reader
from collector.poll.trap_frame import INFORM, FrameError, look
from collector.poll.trap_map import TRAP_OID, Bind, Type
from collector.poll.trap_users import Credential
from tests.collector.poll.trap_kit import AUTH, COMMUNITY, ENGINE, inform, name, pdu_v2, sequence, v1, v2c, v3

TRAP_OID_NAME = name(TRAP_OID)
NO_NOTIFICATION = sequence(integer(1), tlv(4, COMMUNITY), pdu_v2(tag=INFORM).replace(TRAP_OID_NAME, TRAP_OID_NAME[:-1] + b"\1"))
OWN = bytes.fromhex("80007ed905aabbccdd")
VALUES = {
    "integer": (integer(-5), Bind("1.3.6.1.4.1.99.1", Type.INTEGER, -5)),
    "octets": (tlv(4, b"\xff\0"), Bind("1.3.6.1.4.1.99.1", Type.OCTETS, b"\xff\0")),
    "null": (tlv(5, b""), Bind("1.3.6.1.4.1.99.1", Type.NULL, None)),
    "oid": (name("1.3.6.1.4.1.4294967295"), Bind("1.3.6.1.4.1.99.1", Type.OID, "1.3.6.1.4.1.4294967295")),
    "address": (tlv(0x40, b"\x0a\0\0\1"), Bind("1.3.6.1.4.1.99.1", Type.ADDRESS, b"\x0a\0\0\1")),
    "counter": (integer(2**32 - 1, 0x41), Bind("1.3.6.1.4.1.99.1", Type.COUNTER32, 2**32 - 1)),
    "gauge": (integer(7, 0x42), Bind("1.3.6.1.4.1.99.1", Type.GAUGE, 7)),
    "ticks": (integer(7, 0x43), Bind("1.3.6.1.4.1.99.1", Type.TICKS, 7)),
    "counter64": (integer(2**64 - 1, 0x46), Bind("1.3.6.1.4.1.99.1", Type.COUNTER64, 2**64 - 1)),
    "opaque": (tlv(0x44, b"\x9f\x78\4\0\0\0\0"), Bind("1.3.6.1.4.1.99.1", 0x44, b"\x9f\x78\4\0\0\0\0")),
    "noSuchInstance": (tlv(0x81, b""), Bind("1.3.6.1.4.1.99.1", 0x81, None)),
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Knows a community and a user of an engine."""
    made = Reader(OWN, 5, [COMMUNITY])
    made.register(ENGINE, Credential(AUTH))
    return made


@pytest.mark.parametrize(("value", "bind"), VALUES.values(), ids=VALUES.keys())
def test_values(reader: Reader, value: bytes, bind: Bind) -> None:
    """Every type of value arrives with its tag."""
    read = reader.read(v2c(binds=[("1.3.6.1.4.1.99.1", value)]), "192.0.2.1", 1, pytest.fail)
    assert read.notice is not None
    assert read.notice.binds == (bind,)


def test_version_1_and_3(reader: Reader) -> None:
    """Traps are read and not answered."""
    old = reader.read(v1(address=b"\xc0\0\2\7"), "192.0.2.1", 0, pytest.fail).notice
    new = reader.read(v3(), "192.0.2.1", 3, pytest.fail).notice
    assert old is not None
    assert new is not None
    assert (old.oid, old.about, old.version) == ("1.3.6.1.4.1.318.0.5", "192.0.2.7", 0)
    assert (new.oid, new.source, new.version) == ("1.3.6.1.6.3.1.1.5.3", "192.0.2.1", 3)


def test_inform_is_answered_with_its_variables(reader: Reader) -> None:
    """The acknowledgement has the request-id and the community of the inform, and no error (RFC 3416 section 4.2.7)."""
    answers: list[bytes] = []
    assert reader.read(inform(), "192.0.2.1", 1, answers.append).notice is not None
    version, at, end = envelope(answers[0])
    community, pdu = decode_community(answers[0], at, end)
    assert (version, community, len(answers)) == (1, COMMUNITY, 1)
    assert pdu.request_id == 7
    assert bindings(answers[0], pdu.at, pdu.end).values[-1] == b"eth3"


def test_inform_without_a_trap_oid_is_not_answered(reader: Reader) -> None:
    """What is no notification is not acknowledged as one."""
    read = reader.read(NO_NOTIFICATION, "192.0.2.1", 1, pytest.fail)
    assert (read.notice, read.why) == (None, "no snmpTrapOID.0 among the variables")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    st.sampled_from([v2c(), inform(), v1(), v3(), v2c(binds=[("1.3.6.1.4.1.99.1", value) for value, _ in VALUES.values()])]),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_whatever_passes_the_first_look(reader: Reader, data: bytes, changes: list[tuple[int, int]]) -> None:
    """A message with some octets changed is read or is not; nothing is raised."""
    changed = bytearray(data)
    for place, octet in changes:
        changed[place % len(changed)] = octet
    try:
        frame = look(bytes(changed))
    except FrameError:
        return
    read = reader.read(bytes(changed), "192.0.2.1", frame.version, lambda answer: None)
    assert read.notice is not None or read.why


def test_forgotten_engine_is_not_read(reader: Reader) -> None:
    """An engine that is forgotten is a stranger to the library, until it is registered again."""
    engine, credential = b"engine-2", Credential(AUTH)
    for expected in (True, False, True):
        if expected:
            assert reader.register(engine, credential)
        assert (reader.read(v3(engine_id=engine), "192.0.2.1", 3, pytest.fail).notice is not None) is expected
        assert reader.read(v3(), "192.0.2.1", 3, pytest.fail).notice is not None
        reader.forget(engine)


def test_memory_stays_flat(reader: Reader) -> None:
    """Messages of all kinds, refused ones too, leave nothing behind in the library."""
    refused = [(v3()[:-1] + b"\xff", 3), (v3(user="mallory"), 3), (v2c(community=b"let-me-in"), 1), (NO_NOTIFICATION, 1)]
    messages = [(v2c(), 1), (inform(), 1), (v1(), 0), *refused * 2]

    def burst() -> int:
        for _ in range(40):
            for data, version in messages:
                reader.read(data, "192.0.2.1", version, lambda answer: None)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    burst()
    tracemalloc.start()
    try:
        first, last = burst(), burst()
    finally:
        tracemalloc.stop()
    assert last - first < 16 * 1024, "what is kept of those without an answer would be some 170 KiB"
