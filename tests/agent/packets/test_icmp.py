"""ICMP echo messages, against literal bytes and whatever else arrives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.packets.icmp import (
    REPLY_V4,
    REQUEST_V4,
    REQUEST_V6,
    Complaint,
    Echo,
    checksum,
    decode,
    decode_complaint_v4,
    decode_complaint_v6,
    encode,
    meaning,
)


def test_an_echo_request_is_what_ping_sends() -> None:
    """Type 8, code 0, checksum, identifier, sequence, payload."""
    assert encode(Echo(REQUEST_V4, 0x1234, 1, b"abc")) == bytes.fromhex("0800 2168 1234 0001 616263")


def test_the_checksum_is_that_of_rfc_1071() -> None:
    """The example of the RFC's section 3, complemented."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(
    st.sampled_from([REQUEST_V4, REPLY_V4, REQUEST_V6]), st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=99)
)
def test_what_is_encoded_is_decoded(type_: int, identifier: int, sequence: int, payload: bytes) -> None:
    """With and without an IP header."""
    echo = Echo(type_, identifier, sequence, payload)
    assert decode(encode(echo)) == echo
    assert decode(b"\x46" + bytes(23) + encode(echo), with_ip_header=True) == echo


@given(st.binary(max_size=80), st.booleans())
def test_anything_else_is_nothing(data: bytes, with_ip_header: bool) -> None:
    """Never an exception; an IPv4 echo with a wrong checksum is none."""
    echo = decode(data, with_ip_header=with_ip_header)
    assert echo is None or echo.payload == data[len(data) - len(echo.payload) :]


def test_a_damaged_reply_is_nothing() -> None:
    """A flipped bit shows in the checksum."""
    data = bytearray(encode(Echo(REPLY_V4, 1, 1, b"payload")))
    data[9] ^= 1
    assert decode(bytes(data)) is None


ECHO = bytes.fromhex("0800 0000 1234 0007")
QUOTED_V4 = bytes.fromhex("4500 0038 0000 0000 40 01 0000 c0000201 c0000209") + ECHO
QUOTED_V6 = bytes.fromhex("60000000 0024 3a 40") + bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "09")


def complaint_v4(type_: int, code: int, quoted: bytes) -> bytes:
    """An ICMP error in a datagram as a raw socket gives it."""
    message = bytes((type_, code)) + b"\0\0" + bytes(4) + quoted
    return b"\x45" + bytes(19) + message[:2] + checksum(message).to_bytes(2, "big") + message[4:]


def test_an_error_names_the_echo_that_it_is_about() -> None:
    """IPv4: with and without options in the quoted header; IPv6."""
    wanted = Complaint(3, 1, "192.0.2.9", 0x1234, 7)
    assert decode_complaint_v4(complaint_v4(3, 1, QUOTED_V4)) == wanted
    assert decode_complaint_v4(complaint_v4(3, 1, b"\x46" + QUOTED_V4[1:20] + bytes(4) + ECHO)) == wanted
    message = bytes.fromhex("0103 0000 00000000") + QUOTED_V6 + b"\x80" + ECHO[1:]
    assert decode_complaint_v6(message) == Complaint(1, 3, "2001:db8::9", 0x1234, 7)


def test_errors_about_anything_else_are_nothing() -> None:
    """Another protocol, an echo reply, a cut one, a wrong checksum, an error about an error."""
    udp = QUOTED_V4[:9] + b"\x11" + QUOTED_V4[10:]
    for quoted in (udp, QUOTED_V4[:-8] + b"\0" + ECHO[1:], QUOTED_V4[:-1], b""):
        assert decode_complaint_v4(complaint_v4(3, 1, quoted)) is None
    assert decode_complaint_v4(complaint_v4(5, 1, QUOTED_V4)) is None
    damaged = bytearray(complaint_v4(3, 1, QUOTED_V4))
    damaged[-1] ^= 1
    assert decode_complaint_v4(bytes(damaged)) is None
    assert decode_complaint_v6(bytes(8) + QUOTED_V6 + ECHO) is None


def test_errors_are_told_in_words() -> None:
    """And unknown ones by their numbers."""
    assert meaning(3, 1, v6=False) == "host unreachable"
    assert meaning(3, 0, v6=True) == "hop limit exceeded in transit"
    assert meaning(3, 99, v6=False) == "ICMP error 3, code 99"


@given(st.binary(max_size=120), st.sampled_from([3, 11, 12]))
def test_any_bytes_are_an_error_message_or_nothing(data: bytes, type_: int) -> None:
    """Never an exception."""
    for found in (
        decode_complaint_v4(data),
        decode_complaint_v4(complaint_v4(type_, 0, data)),
        decode_complaint_v6(data),
        decode_complaint_v6(bytes((1, 0)) + bytes(6) + data),
    ):
        assert found is None or 0 <= found.sequence <= 0xFFFF


@given(st.binary(max_size=99))
def test_a_checksum_makes_the_sum_of_all_words_all_ones(data: bytes) -> None:
    """The definition of RFC 1071, added up the slow way."""
    words = data + checksum(data).to_bytes(2, "big") if len(data) % 2 == 0 else data + b"\0" + checksum(data).to_bytes(2, "big")
    total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
