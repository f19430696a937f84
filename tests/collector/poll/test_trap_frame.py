"""The cheap look: it knows a notification of every version, and nothing that comes makes it fail otherwise than it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets.ber import integer, tlv
from collector.poll.trap_frame import GET, INFORM, MAX_BINDS, MAX_BYTES, TRAP_V1, TRAP_V2, Frame, FrameError, look
from tests.collector.poll.trap_kit import AUTH, COMMUNITY, ENGINE, LINK, inform, name, pdu_v2, sequence, v1, v2c, v3

WHOLE = (v2c(), inform(), v1(), v1(generic=0, specific=0), v3(), v3(boots=2**31 - 1))


def test_versions_1_and_2c() -> None:
    """Version, PDU and community stand in the frame."""
    assert look(v2c()) == Frame(version=1, pdu=TRAP_V2, community=COMMUNITY)
    assert look(inform()) == Frame(version=1, pdu=INFORM, community=COMMUNITY)
    assert look(v1()) == Frame(version=0, pdu=TRAP_V1, community=COMMUNITY)


def test_a_frame_prints_without_its_community() -> None:
    assert repr(look(v2c())) == "Frame(version=1, pdu=0xa7, level=0, ********)"


def test_version_3() -> None:
    """Engine, clock, user, level and digest stand in the frame; the digest is where it says."""
    data = v3(boots=5, time_s=600)
    frame = look(data)
    assert (frame.version, frame.pdu, frame.engine_id, frame.user) == (3, TRAP_V2, ENGINE, b"mon")
    assert (frame.boots, frame.time_s, frame.level, len(frame.digest)) == (5, 600, 1, 24)
    assert data[frame.digest_at : frame.digest_at + 24] == frame.digest
    assert not frame.is_exchange


def test_question_before_an_inform() -> None:
    """A GET and a message without engine id ask who we are."""
    assert look(v3(pdu=pdu_v2(tag=GET))).is_exchange
    assert look(v3(engine_id=b"")).is_exchange


def test_lengths_in_more_octets_than_needed_are_taken() -> None:
    """Some agents write every length in three octets."""
    body = v2c()[2:]
    assert look(b"\x30\x82\x00" + bytes([len(body)]) + body) == look(v2c())


def trap_v1(*parts: bytes) -> bytes:
    return sequence(integer(0), tlv(4, COMMUNITY), tlv(TRAP_V1, b"".join(parts)))


BAD = {
    "nothing": b"",
    "not a sequence": b"\x04\x00",
    "indefinite length": b"\x30\x80" + v2c()[2:],
    "cut short": v2c()[:-1],
    "version 2": sequence(integer(2), tlv(4, COMMUNITY), pdu_v2()),
    "a request": sequence(integer(1), tlv(4, COMMUNITY), pdu_v2(tag=GET)),
    "a response": sequence(integer(1), tlv(4, COMMUNITY), pdu_v2(tag=0xA2)),
    "a trap of version 1 in version 2c": sequence(integer(1), tlv(4, COMMUNITY), v1()[-20:]),
    "a name that is no OID": sequence(
        integer(1), tlv(4, COMMUNITY), tlv(TRAP_V2, integer(1) * 3 + sequence(sequence(tlv(6, b"\x80"), tlv(5, b""))))
    ),
    "two values": sequence(
        integer(1), tlv(4, COMMUNITY), tlv(TRAP_V2, integer(1) * 3 + sequence(sequence(name("1.3"), integer(1), integer(1))))
    ),
    "too many variables": v2c(binds=[("1.3.6.1", tlv(5, b""))] * (MAX_BINDS + 1)),
    "too long": v2c(binds=[("1.3.6.1", tlv(4, bytes(MAX_BYTES)))]),
    "nested": v2c(binds=[("1.3.6.1", tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, b"")))))))]),
    "an agent-addr of 16 octets": v1(address=bytes(16)),
    "generic trap 7": v1(generic=7),
    "no time stamp": trap_v1(name("1.3.6.1"), tlv(0x40, bytes(4)), integer(6), integer(1), sequence()),
    "an engine id of 4 octets": v3(engine_id=b"abcd"),
    "an engine id of 33 octets": v3(engine_id=bytes(33)),
    "a negative time": v3(time_s=-5),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_no_notification_is_refused(data: bytes) -> None:
    """The error says where it stopped being one, and shows nothing of the content."""
    with pytest.raises(FrameError) as caught:
        look(data)
    assert "open-sesame" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Random bytes are refused or are a frame; nothing else happens."""
    try:
        look(data)
    except FrameError:
        return


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_notifications(data: bytes, changes: list[tuple[int, int]]) -> None:
    """So are notifications with some octets changed; whole ones are never refused."""
    look(data)
    changed = bytearray(data)
    for place, octet in changes:
        changed[place % len(changed)] = octet
    try:
        look(bytes(changed))
    except FrameError:
        return


def test_every_beginning_is_refused() -> None:
    """A datagram that was cut anywhere is malformed."""
    for data in (*WHOLE, v2c(binds=LINK * 20)):
        for end in range(len(data)):
            with pytest.raises(FrameError):
                look(data[:end])
    assert AUTH.password.reveal() not in repr(AUTH)
