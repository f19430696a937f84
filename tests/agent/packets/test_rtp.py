"""The packets of path quality: their bytes, who can make them, and the counts of arrivals."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets.rtp import (
    HEADER,
    MAX_PACKETS,
    MAX_PAYLOAD,
    MIN_PAYLOAD,
    TAG,
    Arrivals,
    Packet,
    Type,
    decode,
    encode,
    key_of,
)

KEY = bytes(range(16))
QUESTION = Packet(
    type=Type.QUESTION, stream=b"\x11\x22\x33\x44stre", cookie=b"biscuits", number=0x0102, sent_ns=0x0A0B0C0D0E0F1011
)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
PACKETS = st.builds(
    Packet,
    type=st.sampled_from(Type),
    stream=st.binary(min_size=8, max_size=8),
    cookie=st.binary(min_size=8, max_size=8),
    number=st.integers(0, MAX_PACKETS - 1),
    sent_ns=U64,
    received_ns=U64,
    held_ns=U32,
    answer=U32,
    distinct=U32,
    duplicates=U32,
    reordered=U32,
    jitter_ns=U32,
)


def test_a_question_is_these_bytes() -> None:
    """RTP's header (version 2, type, sequence, timestamp, source), the stamp, padding, the tag."""
    body = bytes.fromhex(
        "80 08 0102 00000140 11223344"  # RTP
        "48447231 03 000000 1122334473747265 6269736375697473 0a0b0c0d0e0f1011"
        "0000000000000000 00000102 00000000 00000000 00000000 00000000 00000000 00000000"
    ) + bytes(160 - MIN_PAYLOAD)
    tag = hmac.new(KEY, body, hashlib.sha256).digest()[:TAG]
    assert encode(QUESTION, KEY, 160, timestamp=320, payload_type=8) == body + tag
    assert len(body + tag) == HEADER + 160


def test_an_answer_counts_its_own_sequence() -> None:
    """The sequence of an answer's RTP header is the reflector's, so that its losses can be told from ours."""
    answer = Packet(type=Type.ANSWER, stream=bytes(8), number=5, answer=0x1_0007)
    assert encode(answer, KEY, 160)[2:4] == b"\x00\x07"


@given(PACKETS, st.integers(MIN_PAYLOAD, MAX_PAYLOAD))
def test_what_is_encoded_is_decoded(packet: Packet, size: int) -> None:
    """Round trip, at any size, which is that of the datagram."""
    data = encode(packet, KEY, size)
    assert len(data) == HEADER + size
    assert decode(data, KEY) == packet


@given(st.binary(max_size=HEADER + MAX_PAYLOAD + 10))
def test_anything_else_is_nothing(data: bytes) -> None:
    """Any bytes decode without an error, to nothing."""
    assert decode(data, KEY) is None


@given(st.binary(min_size=MIN_PAYLOAD - TAG - 4, max_size=200))
def test_whoever_has_the_key_can_still_say_nonsense(rest: bytes) -> None:
    """Any stamp under a right tag decodes to a packet within bounds, or to nothing; never with an error."""
    body = bytes([0x80]) + bytes(HEADER - 1) + b"HDr1" + rest
    found = decode(body + hmac.new(KEY, body, hashlib.sha256).digest()[:TAG], KEY)
    assert found is None or found.number < MAX_PACKETS


@given(PACKETS, st.data())
def test_no_bit_can_be_changed(packet: Packet, data: st.DataObject) -> None:
    """A packet with one changed bit, cut, extended, or under another key is nothing."""
    whole = encode(packet, KEY, 160)
    place = data.draw(st.integers(0, len(whole) * 8 - 1))
    changed = bytearray(whole)
    changed[place // 8] ^= 1 << place % 8
    assert decode(bytes(changed), KEY) is None
    assert decode(whole[:-1], KEY) is None
    assert decode(whole + b"\0", KEY) is None
    assert decode(whole, KEY[:-1] + b"\0") is None


@pytest.mark.parametrize("size", [0, MIN_PAYLOAD - 1, MAX_PAYLOAD + 1])
def test_sizes_are_bounded(size: int) -> None:
    """A payload that cannot hold the stamp, or would not fit into a frame, is refused."""
    with pytest.raises(ValueError, match=f"payload of {size} bytes"):
        encode(QUESTION, KEY, size)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("000102030405060708090a0b0c0d0e0f", KEY),
        ("00010203 04050607\n08090A0B 0C0D0E0F\n", KEY),
        ("AAECAwQFBgcICQoLDA0ODw==", KEY),
    ],
)
def test_keys_are_hexadecimal_or_base64(text: str, key: bytes) -> None:
    """Both usual ways to write bytes, with blanks between."""
    assert key_of(text) == key


@pytest.mark.parametrize("text", ["", "00ff", "AAECAwQFBgcICQoLDA0O", "not a key, but a very long sentence!", "ấ" * 40])
def test_a_weak_or_broken_key_is_refused_without_being_told(text: str) -> None:
    """Shorter than 16 bytes, or no notation of bytes; the message never holds it."""
    with pytest.raises(ValueError, match=r"shorter than|neither") as refusal:
        key_of(text)
    assert not text or text not in str(refusal.value)


def test_arrivals_tell_loss_order_and_doubles() -> None:
    """0 1 3 2 2 5: five different ones, one late, one twice."""
    arrivals = Arrivals()
    assert [arrivals.add(number, 0, 0) for number in (0, 1, 3, 2, 2, 5)] == [True, True, True, True, False, True]
    assert (arrivals.distinct, arrivals.duplicates, arrivals.reordered) == (5, 1, 1)


def test_jitter_is_that_of_the_standard() -> None:
    """RFC 3550 A.8, worked by hand: transits 10, 10, 26, 10 give 0, 1, then 1 + (16 - 1) / 16; clocks may be years apart."""
    arrivals, apart = Arrivals(), 10**18
    for number, transit in enumerate((10, 10, 26, 10)):
        arrivals.add(number, number * 100, number * 100 + transit + apart)
    assert arrivals.jitter_ns == pytest.approx(1.0 + 15.0 / 16.0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2**63), st.integers(0, 2**63)), max_size=60))
def test_counts_of_arrivals_add_up(came: list[tuple[int, int, int]]) -> None:
    """Whatever comes in whatever order: each packet is counted once, as new or as double."""
    arrivals = Arrivals()
    for each in came:
        arrivals.add(*each)
    assert arrivals.distinct == len({number for number, _, _ in came})
    assert arrivals.distinct + arrivals.duplicates == len(came)
    assert arrivals.jitter_ns >= 0.0
