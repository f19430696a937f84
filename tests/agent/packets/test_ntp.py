"""NTP messages, against literal bytes and whatever else arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets import ntp
from agent.packets.ntp import Message, NtpError, decode, difference_s, encode, encode_request, from_unix_ns, offset_and_delay

ANSWER = bytes.fromhex(
    "24 01 06 e9 00000200 00008000 47505300 e9a1b2c3 00000000 0102030405060708 e9a1b2c4 80000000 e9a1b2c4 c0000000"
)
STAMPS = st.integers(0, (1 << 64) - 1)


def test_a_request_tells_nothing_but_its_token() -> None:
    """Version 4, mode 3, and the transmit time stamp."""
    assert encode_request(0x0102030405060708) == b"\x23" + bytes(39) + bytes.fromhex("0102030405060708")


def test_an_answer_is_understood() -> None:
    """Every field of a primary server's."""
    message = decode(ANSWER)
    assert message == Message(
        0, 4, 4, 1, 6, -23, 0.0078125, 0.5, b"GPS\0",
        0xE9A1B2C300000000, 0x0102030405060708, 0xE9A1B2C480000000, 0xE9A1B2C4C0000000,
    )  # fmt: skip
    assert (message.reference_text, message.kiss_code) == ("GPS", "")
    assert encode(message) == ANSWER
    assert message._replace(stratum=2, reference_id=bytes([192, 0, 2, 1])).reference_text == "192.0.2.1"
    assert message._replace(stratum=0, reference_id=b"RATE").kiss_code == "RATE"


def test_four_stamps_tell_offset_and_delay() -> None:
    """Asked at 0 s, answered at 1 s by our clock; received at 10.4 and sent at 10.6 by a clock that is 10 s ahead."""
    stamps = [from_unix_ns(1_700_000_000_000_000_000 + at) for at in (0, 10_400_000_000, 10_600_000_000, 1_000_000_000)]
    message = decode(ANSWER)._replace(receive=stamps[1], transmit=stamps[2])
    assert offset_and_delay(stamps[0], message, stamps[3]) == pytest.approx((10.0, 0.8))


def test_the_year_2036_changes_nothing() -> None:
    """The era ends between the two, and their distance is as it was."""
    before, after = from_unix_ns(2_085_978_495_500_000_000), from_unix_ns(2_085_978_497_000_000_000)
    assert before > after
    assert difference_s(after, before) == pytest.approx(1.5)
    assert ntp.to_unix_s(after, 2_085_978_400.0) == pytest.approx(2_085_978_497.0)
    assert from_unix_ns(0) >> 32 == 2_208_988_800


@given(st.binary(max_size=120))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """Nothing but `NtpError` comes out, and what was read is written again as it was."""
    try:
        message = decode(data)
    except NtpError:
        assert len(data) < ntp.SIZE
        return
    assert encode(message) == data[: ntp.SIZE]
    assert message.reference_text.isascii()


@given(STAMPS, STAMPS, STAMPS, STAMPS)
def test_any_stamps_give_finite_numbers(first: int, second: int, third: int, fourth: int) -> None:
    """A delay is never negative, an offset never longer than half an era."""
    offset_s, delay_s = offset_and_delay(first, decode(ANSWER)._replace(receive=second, transmit=third), fourth)
    assert abs(offset_s) <= 1 << 31
    assert 0 <= delay_s <= 1 << 32
