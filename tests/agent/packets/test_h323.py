"""H.225.0 signalling: golden bytes, an independent program that reads them, and whatever else arrives."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets import h323
from agent.packets.h323 import H323Error, Message
from tests.e2e import debian

CONFERENCE, CALL = bytes(range(16)), bytes(range(16, 32))
IDENTIFIER = "0008914a0004"
SETUP = (
    "0300004f 08 02 1234 05"  # TPKT of 79 bytes; Q.931, call 0x1234, SETUP
    "04 03 88c0a5"  # bearer: unrestricted, packet mode, H.221 and H.242
    "7e 003e 05"  # user-user, 62 bytes, ASN.1
    "20 80 06" + IDENTIFIER + "0200"  # setup of protocol version 4, from a terminal
    "000102030405060708090a0b0c0d0e0f"  # conference
    "00590d80 11 00 101112131415161718191a1b1c1d1e1f"  # create, pointToPoint, later parts, the call
    "0100 0100 0100 0100 02800100"  # four times false, no H.245 in this channel
)
INQUIRY = f"0300002d 08 02 1234 75 7e 0021 05 2830 19 00 06{IDENTIFIER}00 101112131415161718191a1b1c1d1e1f 02800100"
RELEASE = (
    f"03000032 08 02 1234 5a 08 02 8090 7e 0022 05 25 c0 06{IDENTIFIER} 5808 11 00 101112131415161718191a1b1c1d1e1f 02800100"
)


def released(reason: str, *, cause: bytes | None = None) -> bytes:
    """A release of a terminal with the bits of a reason, as the called side sends it."""
    value = int(reason, 2).to_bytes(len(reason) // 8, "big")
    user = b"\x05" + bytes.fromhex(f"05 40 06 {IDENTIFIER}") + value
    elements = [(0x7E, user)] if cause is None else [(0x08, cause), (0x7E, user)]
    return h323.encode(Message(h323.RELEASE_COMPLETE, 0x9234, tuple(elements)))


REASONS = [
    *(f"0{number:04b}000" for number in range(12)),
    *(f"10{number:06b}" + "00000001" + "00000000" for number in range(13)),
]
"""Every reason of a release as packed bits: those of the first version, and the later ones as open types."""


def read(data: bytes) -> Message:
    """The one message in a TPKT."""
    content, rest = h323.take(data)
    assert content is not None
    assert rest == b""
    return h323.decode(content)


@pytest.mark.parametrize(
    ("made", "golden"),
    [
        (h323.setup(0x1234, CONFERENCE, CALL), SETUP),
        (h323.status_inquiry(0x1234, CALL), INQUIRY),
        (h323.release(0x1234, CALL), RELEASE),
    ],
    ids=["setup", "inquiry", "release"],
)
def test_messages_are_these_bytes(made: bytes, golden: str) -> None:
    """Bytes that Wireshark reads as what they are meant to be (see below)."""
    assert made.hex() == golden.replace(" ", "")


def test_a_release_says_why_by_cause_and_by_reason() -> None:
    """Our own release read back: normal call clearing, and no more precise reason."""
    message = read(bytes.fromhex(RELEASE))
    assert (message.name, message.reference) == ("release complete", 0x1234)
    assert h323.CAUSES[h323.cause_of(message)] == "normal call clearing"
    assert (
        h323.reason_of(Message(0x5A, 1, ((0x7E, b"\x05" + bytes.fromhex(f"05 40 06{IDENTIFIER} 58")),))) == "undefined reason"
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [("8091", 17), ("0080a9", 41), ("80ff", 127), ("", 0), ("80", 0), ("00", 0), ("0080", 0)],
)
def test_causes_are_read_where_they_stand(content: str, cause: int) -> None:
    """With and without octet 3a; a cut element has none."""
    assert h323.cause_of(Message(h323.RELEASE_COMPLETE, 1, ((0x08, bytes.fromhex(content)),))) == cause


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("05 05 40 06 0008914a0004 18", "destination rejection"),
        ("05 25 c0 06 0008914a0004 48", "adaptive busy"),
        ("05 05 40 06 0008914a0002 82 01 00", "called party not registered"),
        ("05 05 40 06 0008914a0004 bf 01 00", "other reason"),
        ("05 05 40 06 0008914a0004 c0 01 7f", "other reason"),
        ("05 05 40 06 0008914a0004 78", "other reason"),
        ("05 05 00 06 0008914a0004", ""),
        ("05 03 40 06 0008914a0004 18", ""),
        ("04 05 40 06 0008914a0004 18", ""),
        ("05 05 40 7f 00", ""),
        ("05 05", ""),
        ("", ""),
    ],
)
def test_reasons_are_read_where_there_are_some(content: str, reason: str) -> None:
    """Of a release with a reason only, whatever the version of the protocol."""
    message = Message(h323.RELEASE_COMPLETE, 1, ((0x7E, bytes.fromhex(content)),))
    assert h323.reason_of(message) == reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("04000008", "version 4"),
        ("16030100", "version 22"),
        ("03000003", "TPKT of 3"),
        ("0300ffff", "TPKT of 65535"),
    ],
)
def test_a_stream_that_is_no_tpkt_is_refused(data: str, said: str) -> None:
    """At its header, before anything is waited for."""
    with pytest.raises(H323Error, match=said):
        h323.take(bytes.fromhex(data))


def test_a_stream_is_cut_into_messages() -> None:
    """A piece waits for its rest; a TPKT without content keeps the connection alive and is nothing."""
    whole = bytes.fromhex(INQUIRY.replace(" ", ""))
    assert h323.take(b"\x03\x00\x00\x04" + whole) == (b"", whole)
    assert h323.take(whole + whole[:9]) == (whole[4:], whole[:9])
    for end in range(len(whole)):
        assert h323.take(whole[:end]) == (None, whole[:end])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no Q.931"),
        ("09 02 1234 05", "no Q.931"),
        ("08 03 123456 05", "no Q.931"),
        ("08 02 1234", "no Q.931"),
        ("08 02 1234 05 04 05 88", "element 4"),
        ("08 02 1234 05 7e 00", "element 126"),
        ("08 02 1234 05 7e ffff 05", "element 126"),
        ("08 02 1234 05" + "a1" * 65, "elements"),
    ],
)
def test_broken_messages_say_what_is_wrong(content: str, said: str) -> None:
    """Each with the one error of this file."""
    with pytest.raises(H323Error, match=said):
        h323.decode(bytes.fromhex(content))


def test_references_of_any_width_are_read() -> None:
    """None, one octet (as on ISDN lines) and two; the flag is the highest bit of the first."""
    assert [h323.decode(bytes.fromhex(each)).reference for each in ("0800 05a1a1", "0801 85 05", "0802 9234 05")] == [
        0,
        0x8005,
        0x9234,
    ]


def test_a_message_beyond_the_bound_is_not_made() -> None:
    """Neither do we send what we would refuse."""
    with pytest.raises(H323Error, match="bytes"):
        h323.encode(Message(h323.SETUP, 1, ((0x7E, bytes(h323.MAX_MESSAGE)),)))


ELEMENTS = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 0x7D), st.binary(max_size=255)),
        st.tuples(st.just(0x7E), st.binary(max_size=600)),
    ),
    max_size=10,
)


@given(st.sampled_from(sorted(h323.MESSAGES)), st.integers(0, 0xFFFF), ELEMENTS)
def test_what_is_encoded_is_decoded(kind: int, reference: int, elements: list[tuple[int, bytes]]) -> None:
    """Round trip of every kind of message."""
    message = Message(kind, reference, tuple(elements))
    assert read(h323.encode(message)) == message


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda rest: b"\x08\x02\x92\x34\x5a" + rest)))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """Nothing but the error of this file comes out, and of what is a message cause, reason and name can be asked."""
    for each in (h323.take, h323.decode):
        try:
            found = each(data)
        except H323Error:
            continue
        if isinstance(found, Message):
            assert isinstance(h323.reason_of(found), str)
            assert 0 <= h323.cause_of(found) < 128
            assert found.name


@given(st.binary(max_size=40), st.binary(max_size=6))
def test_any_user_information_and_cause_can_be_asked(user: bytes, cause: bytes) -> None:
    """Cut or lying elements have no cause and no reason, or some; never an error."""
    message = Message(h323.RELEASE_COMPLETE, 1, ((0x08, cause), (0x7E, b"\x05" + user)))
    assert isinstance(h323.reason_of(message), str)
    assert 0 <= h323.cause_of(message) < 128


def recorded(folder: Path, messages: list[bytes]) -> Path:
    """A recording of TCP segments to port 1720, one for each message, as tcpdump would make it (raw IP)."""
    path, sequence = folder / "signalling.pcap", 1
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for data in messages:
            tcp = struct.pack("!HHIIBBHHH", 40_000, 1_720, sequence, 1, 0x50, 0x18, 8_192, 0, 0) + data
            addresses = bytes((192, 0, 2, 1, 192, 0, 2, 2))
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + addresses + tcp
            file.write(struct.pack("<IIII", 0, 0, len(ip), len(ip)) + ip)
            sequence += len(data)
    return path


def dissected(folder: Path, messages: list[bytes]) -> list[str]:
    """What Debian's Wireshark makes of each message."""
    command = (str(debian.binary("tshark")), "-n", "-r", str(recorded(folder, messages)), "-V", "-O", "q931,h225")
    env = {**os.environ, **debian.environment(folder), "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=60)
    return re.split(r"^Frame \d+", done.stdout, flags=re.MULTILINE)[1:]


@pytest.mark.debian
def test_wireshark_reads_what_we_mean(tmp_path: Path) -> None:
    """A program that is not ours finds every part of our messages, of each goal, and nothing malformed."""
    setups = [h323.setup(0x1234, CONFERENCE, CALL, goal) for goal in h323.GOALS]
    *calls, inquiry, release = dissected(tmp_path, [*setups, h323.status_inquiry(0x1234, CALL), h323.release(0x1234, CALL)])
    assert not re.search(r"[Mm]alformed|[Ee]xpert|ndecoded", "".join((*calls, inquiry, release)))
    goals = ("create (0)", "capability-negotiation (3)", "callIndependentSupplementaryService (4)")
    for text, goal in zip(calls, goals, strict=True):
        assert f"conferenceGoal: {goal}" in text
        for part in (
            "Message type: SETUP (0x05)",
            "Call reference value: 1234",
            "Information transfer capability: Unrestricted digital information",
            "protocolIdentifier: 0.0.8.2250.0.4 (Version 4)",
            "terminal",
            "conferenceID: 00010203-0405-0607-0809-0a0b0c0d0e0f",
            "callType: pointToPoint",
            "guid: 10111213-1415-1617-1819-1a1b1c1d1e1f",
            "mediaWaitForConnect: False",
            "maintainConnection: False",
            "h245Tunnelling: False",
        ):
            assert part in text, part
    for part in ("Message type: STATUS ENQUIRY (0x75)", "statusInquiry", "guid: 10111213", "h245Tunnelling: False"):
        assert part in inquiry, part
    for part in ("RELEASE COMPLETE (0x5a)", "Normal call clearing (16)", "reason: undefinedReason", "guid: 10111213"):
        assert part in release, part


@pytest.mark.debian
def test_wireshark_knows_the_reasons_by_the_same_names(tmp_path: Path) -> None:
    """Every reason of a release that we name is the one that it finds in the same bytes."""
    releases = [released(bits) for bits in REASONS]
    other = {"inConf": "in conference", "invalidCID": "invalid conference id"}
    for text, data in zip(dissected(tmp_path, releases), releases, strict=True):
        found = re.search(r"reason: (\w+)", text)
        assert found is not None, text
        spoken = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found[1]).lower().replace("non standard", "non-standard")
        assert h323.reason_of(read(data)) == other.get(found[1], spoken)


@pytest.mark.debian
def test_wireshark_knows_the_causes_by_the_same_numbers(tmp_path: Path) -> None:
    """Every cause that we have a word for is one that it has a word for too."""
    releases = [released(REASONS[11], cause=bytes((0x80, 0x80 | number))) for number in h323.CAUSES]
    for text, number in zip(dissected(tmp_path, releases), h323.CAUSES, strict=True):
        assert re.search(rf"Cause value: (?!Unknown).+ \({number}\)", text), (number, text)
