"""ICMP echo messages, against literal bytes and whatever else arrives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.packets.icmp import REPLY_V4, REQUEST_V4, REQUEST_V6, Echo, checksum, decode, encode


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
