"""DNS messages, against literal bytes and whatever else arrives."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets import dns
from agent.packets.dns import DnsError, Question, Response, answers, decode_response, encode_query, read_name, wire_name
from agent.packets.dns_text import name_text

QUESTION = Question(b"\7example\2vn\0", 1, 1)
HEAD = bytes.fromhex("1234 8180 0001 0001 0000 0000") + QUESTION.name + bytes.fromhex("0001 0001")
"""A response to `QUESTION` with one answer, up to the answer; the name of the question is at 0x0c."""


def response_with(kind: int, data: bytes, klass: int = 1) -> bytes:
    """A response whose only record has this type and data, at 0x27 of the message."""
    fixed = kind.to_bytes(2, "big") + klass.to_bytes(2, "big") + (300).to_bytes(4, "big") + len(data).to_bytes(2, "big")
    return HEAD + b"\xc0\x0c" + fixed + data


def test_a_query_is_what_rfc_1035_draws() -> None:
    """Number, flags with the wish for recursion, one question."""
    wanted = bytes.fromhex("1234 0100 0001 0000 0000 0000 07 6578616d706c65 02 766e 00 0001 0001")
    assert encode_query(0x1234, QUESTION, recursion=True) == wanted
    assert encode_query(0x1234, QUESTION, recursion=False)[2:4] == b"\0\0"


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (1, bytes([192, 0, 2, 1]), "IN\tA\t192.0.2.1"),
        (28, bytes.fromhex("20010db8 00000000 00000000 00000001"), "IN\tAAAA\t2001:db8::1"),
        (28, bytes(10) + b"\xff\xff\xc0\0\2\1", "IN\tAAAA\t::ffff:192.0.2.1"),
        (5, b"\3www\xc0\x0c", "IN\tCNAME\twww.example.vn."),
        (2, b"\3ns1\xc0\x0c", "IN\tNS\tns1.example.vn."),
        (12, b"\4host\xc0\x0c", "IN\tPTR\thost.example.vn."),
        (39, b"\xc0\x0c", "IN\tDNAME\texample.vn."),
        (15, b"\0\x0a\4mail\xc0\x0c", "IN\tMX\t10 mail.example.vn."),
        (
            6,
            b"\2ns\xc0\x0c\4root\xc0\x0c" + b"".join(n.to_bytes(4, "big") for n in (2026112401, 3600, 600, 86400, 300)),
            "IN\tSOA\tns.example.vn. root.example.vn. 2026112401 3600 600 86400 300",
        ),
        (33, b"\0\1\0\2\x13\xc4\3sip\xc0\x0c", "IN\tSRV\t1 2 5060 sip.example.vn."),
        (16, b'\5v=sp1\4a"b\\\3\xe1\x00~', 'IN\tTXT\t"v=sp1" "a\\"b\\\\" "\\225\\000~"'),
        (257, b"\0\5issueca.example.vn", 'IN\tCAA\t0 issue "ca.example.vn"'),
        (13, b"\3x86\5Linux", 'IN\tHINFO\t"x86" "Linux"'),
        (43, b"\x30\x39\x08\x02\xab\xcd", "IN\tDS\t12345 8 2 ABCD"),
        (44, b"\4\2\xab\xcd", "IN\tSSHFP\t4 2 ABCD"),
        (52, b"\3\1\1\xab\xcd", "IN\tTLSA\t3 1 1 abcd"),
        (48, b"\1\1\3\x0d\1\2\3", "IN\tDNSKEY\t257 3 13 AQID"),
        (65280, b"\x0a\0\0\1", "CLASS1\tTYPE65280\t\\# 4 0a000001"),
        (1, b"\1\2\3", "CLASS1\tTYPE1\t\\# 3 010203"),
    ],
)
def test_records_read_as_zone_files_write_them(kind: int, data: bytes, text: str) -> None:
    """Names in full though compressed on the wire; what is unknown or broken as RFC 3597 has it."""
    [record] = decode_response(response_with(kind, data)).answers
    assert record.text == f"example.vn.\t300\t{text}"


def test_the_serial_of_a_zone_is_told() -> None:
    """The number behind the two names of an SOA."""
    data = b"\0\0" + (4294967295).to_bytes(4, "big") + bytes(16)
    assert decode_response(response_with(6, data)).answers[0].serial == 4294967295


def test_the_header_is_understood() -> None:
    """Number, code, truncation."""
    answer = decode_response(bytes.fromhex("abcd 8383 0000 0000 0000 0000"))
    assert answer == Response(0xABCD, 3, True, (), (), (), ())
    assert answer.rcode_name == "NXDOMAIN"
    assert answer._replace(rcode=14).rcode_name == "RCODE14"


def test_a_truncated_response_has_what_is_whole() -> None:
    """One that says that it is truncated may end anywhere; any other may not."""
    whole = response_with(1, bytes(4))
    two = whole[:7] + b"\2" + whole[8:] + b"\xc0\x0c\0"
    with pytest.raises(DnsError):
        decode_response(two)
    assert len(decode_response(two[:2] + b"\x83\x80" + two[4:]).answers) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(12),
        HEAD,
        HEAD + b"\xc0",
        HEAD + b"\xc0\x27" + bytes(10),  # a pointer to itself
        HEAD + b"\1a\xc0\x27" + bytes(10),  # a pointer to the name that it is in
        HEAD + b"\xc0\xff" + bytes(10),
        HEAD + b"\x80" + bytes(10),
        response_with(15, b"\0\x0a\4mail\xc0\x0c\0"),
        response_with(6, b"\0\0" + bytes(19)),
        response_with(1, bytes(4))[:-1],
    ],
)
def test_broken_messages_are_refused(data: bytes) -> None:
    """Too short, no response, pointers that lead nowhere or in circles, lengths that do not fit."""
    with pytest.raises(DnsError):
        decode_response(data)


def test_a_long_chain_of_pointers_ends() -> None:
    """Each pointer must lead further back, so the work is bounded by the message."""
    chain = b"\0" + b"".join((0xC000 | max(0, 2 * at - 1)).to_bytes(2, "big") for at in range(300))
    assert read_name(chain, 2 * 199 + 1) == (b"\0", 401)
    with pytest.raises(DnsError):
        read_name(chain, 2 * 299 + 1)
    with pytest.raises(DnsError):
        read_name(b"\x3f" + bytes(63) + (b"\x3f" + bytes(63)) * 4 + b"\0", 0)


@pytest.mark.parametrize(
    ("text", "wire"),
    [("", b"\0"), (".", b"\0"), ("a.vn", b"\1a\2vn\0"), ("a.vn.", b"\1a\2vn\0"), ("bücher.vn", b"\x0dxn--bcher-kva\2vn\0")],
)
def test_names_go_on_the_wire(text: str, wire: bytes) -> None:
    """Absolute in any case; letters of other scripts as IDNA."""
    assert wire_name(text) == wire


@pytest.mark.parametrize("text", ["a..vn", "x" * 64, ".".join(["x" * 60] * 5), "..", "ả" * 70])
def test_what_is_no_name_is_refused(text: str) -> None:
    """Empty and long labels, and names that are too long."""
    with pytest.raises(ValueError, match="domain name"):
        wire_name(text)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_response_or_an_error(data: bytes, with_head: bool) -> None:
    """Nothing but `DnsError` comes out."""
    try:
        answer = decode_response(HEAD[:12] + data if with_head else data)
    except DnsError:
        return
    assert all(record.text for record in (*answer.answers, *answer.authority, *answer.additional))


@given(st.sampled_from([*dns.TYPE_NUMBERS.values(), 65280]), st.binary(max_size=80), st.integers(0, 65535))
def test_any_data_of_a_record_is_text_or_an_error(kind: int, data: bytes, klass: int) -> None:
    """One line, whatever the bytes."""
    try:
        [record] = decode_response(response_with(kind, data, klass)).answers
    except DnsError:
        return
    assert record.text.startswith("example.vn.\t300\t")
    assert record.text.isprintable() or "\t" in record.text
    assert "\n" not in record.text


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=3))
def test_names_are_read_as_they_were_written(labels: list[bytes]) -> None:
    """Any bytes in labels, and the text of them has no other letters than ASCII."""
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    assert read_name(wire, 0) == (wire, len(wire))
    assert name_text(wire).isascii()


@given(st.integers(0, 65535), st.sampled_from(["a.example.vn", ".", "X.vn"]), st.booleans())
def test_a_query_turned_into_a_response_asks_the_same(identifier: int, name: str, recursion: bool) -> None:
    """Round trip of the question."""
    question = Question(wire_name(name), 28, 1)
    query = encode_query(identifier, question, recursion=recursion)
    answer = decode_response(query[:2] + bytes((query[2] | 0x80,)) + query[3:])
    assert (answer.identifier, answer.questions) == (identifier, (question,))
    assert dns.same_question(question, question._replace(name=question.name.upper()))


def _folded(count: int, names: int) -> bytes:
    """A message whose names are folded into the longest one there can be, again and again."""
    name = b"\x01a" * 126 + b"\0"
    record = b"\xc0\x0c" + struct.pack("!HHIH", 6, 1, 0, 24) + b"\xc0\x0c\xc0\x0c" + bytes(20)
    return struct.pack("!6H", 7, 0x8180, names, count, 0, 0) + name + struct.pack("!HH", 1, 1) + record * count


def test_names_without_end_of_unfolding_are_refused() -> None:
    """64 KiB would take half a second, in which whoever probes does nothing else."""
    with pytest.raises(DnsError, match="unfold"):
        decode_response(_folded(1_790, 1))
    assert len(decode_response(_folded(400, 1)).answers) == 400


def test_a_lie_is_told_without_reading_all_of_it() -> None:
    """Neither another number nor another question has the records read, and many questions are not read at all."""
    mine = Question(b"\x01a" * 126 + b"\0", 1, 1)
    lies = _folded(1_790, 1)
    assert answers(lies, 7, mine)
    assert not answers(lies, 8, mine)
    assert not answers(lies, 7, Question(b"\0", 1, 1))
    with pytest.raises(DnsError, match="more questions"):
        decode_response(_folded(1_000, 10_000))
