"""SIP messages: addresses, the bytes of a request, and responses of any kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets.sip import (
    MAX_HEADERS,
    MAX_MESSAGE,
    Address,
    Options,
    Response,
    SipError,
    answers,
    decode,
    encode,
    parse_address,
    take,
)

OPTIONS = Options(
    uri="sip:room-1@sip.example.vn",
    transport="udp",
    sent_by="192.0.2.10:40000",
    branch="z9hG4bKabc",
    from_uri="sip:haidang@192.0.2.10",
    from_tag="f1",
    call_id="c1",
    sequence=7,
)
OK_TEXT = (
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:40000;branch=z9hG4bKabc;rport=40000;received=192.0.2.10\r\n"
    "From: <sip:haidang@192.0.2.10>;tag=f1\r\n"
    "To: <sip:room-1@sip.example.vn>;tag=t1\r\n"
    "Call-ID: c1\r\n"
    "CSeq: 7 OPTIONS\r\n"
    "Allow: INVITE, ACK\r\n"
    "Allow: OPTIONS\r\n"
    "Server: Tổng đài\r\n"
    "Content-Length: 4\r\n"
    "\r\n"
    "v=0\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip.example.vn", Address("sip.example.vn")),
        ("192.0.2.1:5062", Address("192.0.2.1", 5062)),
        ("[2001:db8::1]:5060", Address("2001:db8::1", 5060)),
        ("[2001:db8::1]", Address("2001:db8::1")),
        ("2001:db8::1", Address("2001:db8::1")),
        ("sip:room@sip.example.vn:5070;transport=TCP", Address("sip.example.vn", 5070, "room", "tcp")),
        ("SIP:192.0.2.1", Address("192.0.2.1")),
        ("sip:[2001:db8::1]:5060;transport=udp;lr", Address("2001:db8::1", 5060, "", "udp")),
        ("sips:sip.example.vn", Address("sip.example.vn", 0, "", "tls")),
        ("sip:5060", Address("5060")),
    ],
)
def test_addresses_are_hosts_or_uris(text: str, expected: Address) -> None:
    """Everything that people write down for a SIP server."""
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", ":5060", "host:", "host:0", "host:65536", "host:٣", "[::1", "[::1]5060", "a b", "user@host", "host;transport=tcp",
        "sip:user name@host", "sip:host;transport=sctp", "sip:<script>@host", "sip:@host", "-host", "host\r\nEvil: 1", "sip:",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing is guessed, and nothing that could break out of a line is let through."""
    with pytest.raises(SipError):
        parse_address(text)


def test_a_request_is_these_bytes() -> None:
    """RFC 3261 11.1: start line, the headers that every request has, Contact and Accept, no body."""
    assert encode(OPTIONS).decode() == (
        "OPTIONS sip:room-1@sip.example.vn SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.10:40000;branch=z9hG4bKabc;rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:haidang@192.0.2.10>;tag=f1\r\n"
        "To: <sip:room-1@sip.example.vn>\r\n"
        "Call-ID: c1\r\n"
        "CSeq: 7 OPTIONS\r\n"
        "Contact: <sip:192.0.2.10:40000;transport=udp>\r\n"
        "Accept: application/sdp\r\n"
        "User-Agent: haidang\r\n"
        "Content-Length: 0\r\n"
        "\r\n"
    )
    with pytest.raises(SipError, match="unprintable"):
        encode(Options(**{**{name: getattr(OPTIONS, name) for name in OPTIONS.__struct_fields__}, "user_agent": "a\r\nb"}))


def test_a_response_is_read_and_matched() -> None:
    """Status, headers in any spelling of their names, lists over several lines, the body as long as it was told."""
    response = decode(OK_TEXT.encode() + b"more")
    assert response is not None
    assert (response.status, response.phrase, response.body) == (200, "OK", b"v=0\n")
    assert response.every("allow") == "INVITE, ACK, OPTIONS"
    assert response.first("server") == "Tổng đài"
    assert response.first("missing") == ""
    assert answers(OPTIONS, response)


def test_compact_and_folded_headers_are_the_same() -> None:
    """`v`, `i`, `l` for their long names, and a header over two lines (RFC 3261 7.3.1, 7.3.3)."""
    text = "SIP/2.0 100\r\nv: SIP/2.0/UDP a\r\n ;branch=z9hG4bKabc\r\ni:c1\r\nCSEQ : 7  OPTIONS\r\nl:0\r\n\r\n"
    response = decode(text.encode())
    assert response is not None
    assert (response.status, response.phrase) == (100, "")
    assert answers(OPTIONS, response)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("branch=z9hG4bKabc", "branch=z9hG4bKabd"),
        ("branch=z9hG4bKabc", "other=1"),
        ("Call-ID: c1", "Call-ID: c2"),
        ("7 OPTIONS", "8 OPTIONS"),
        ("7 OPTIONS", "7 INVITE"),
        ("Via: ", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother\r\nVia: "),
    ],
)
def test_a_response_to_something_else_is_not_ours(was: str, now: str) -> None:
    """Branch of the topmost Via, Call-ID, number and method must all be those of the request."""
    response = decode(OK_TEXT.replace(was, now, 1).encode())
    assert response is not None
    assert not answers(OPTIONS, response)


def test_a_request_is_no_response() -> None:
    """Servers ask as well; what they ask is none."""
    assert decode(encode(OPTIONS)) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "without an end"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no status line"),
        (b"SIP/2.0 700 X\r\n\r\n", "no status line"),
        (b"SIP/2.0 200 OK\r\nno colon\r\n\r\n", "no header"),
        (b"SIP/2.0 200 OK\r\nA b: 1\r\n\r\n", "no header"),
        (b"SIP/2.0 200 OK\r\nServer: \xff\r\n\r\n", "UTF-8"),
        (b"SIP/2.0 200 OK\r\nl: 5\r\n\r\nabc", "body of 3"),
        (b"SIP/2.0 200 OK\r\nl: 3\r\nContent-Length: 2\r\n\r\nabc", "no length"),
        (b"SIP/2.0 200 OK\r\nl: -1\r\n\r\n", "no length"),
        (b"SIP/2.0 200 OK\r\n" + b"a: 1\r\n" * (MAX_HEADERS + 1) + b"\r\n", "headers"),
        (b"SIP/2.0 200 OK\r\na: 1\r\n" + b" 1\r\n" * MAX_HEADERS + b"\r\n", "headers"),
        (b"SIP/2.0 200 OK\r\n" + b"a" * MAX_MESSAGE, "bytes"),
    ],
)
def test_broken_responses_say_what_is_wrong(data: bytes, said: str) -> None:
    """Each with the one error of this file."""
    with pytest.raises(SipError, match=said):
        decode(data)


def test_a_stream_is_cut_into_messages() -> None:
    """Signs of life between them are skipped, a piece of a message waits for its rest."""
    whole = OK_TEXT.encode()
    assert take(b"\r\n\r\n" + whole + whole[:50]) == (whole, whole[:50])
    for end in range(len(whole)):
        assert take(whole[:end]) == (None, whole[:end])
    assert take(b"\r\n\r\n") == (None, b"")


@pytest.mark.parametrize("data", [b"a" * MAX_MESSAGE, b"SIP/2.0 200 OK\r\nl: 999999\r\n\r\n", b"\x16\x03\x01\r\n\r\n"])
def test_a_stream_without_messages_is_given_up(data: bytes) -> None:
    """Headers that do not end, a body beyond the bound."""
    if data.startswith(b"\x16"):
        assert take(data) == (data, b"")
        with pytest.raises(SipError):
            decode(data)
        return
    with pytest.raises(SipError):
        take(data)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda rest: b"SIP/2.0 200 OK\r\n" + rest + b"\r\n\r\n")))
def test_any_bytes_are_a_response_or_an_error(data: bytes) -> None:
    """Nothing but the error of this file ever comes out, of a datagram and of a stream."""
    for read in (decode, take):
        try:
            found = read(data)
        except SipError:
            continue
        assert found is None or isinstance(found, Response | tuple)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    """And an address never holds what would break a line."""
    try:
        address = parse_address(text)
    except SipError:
        return
    assert (address.host + address.user).isprintable()
    assert 0 <= address.port < 65_536


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)


@given(st.integers(100, 699), TOKENS, TOKENS, TOKENS, st.integers(1, 2**31 - 1), st.binary(max_size=50))
def test_a_server_that_mirrors_the_request_is_understood(
    status: int, branch: str, call_id: str, phrase: str, sequence: int, body: bytes
) -> None:
    """Round trip: what a server makes of our request answers it and no other."""
    ours = Options(
        uri="sip:a.example.vn",
        transport="tcp",
        sent_by="192.0.2.1:1",
        branch=branch,
        from_uri="sip:b.example.vn",
        from_tag="t",
        call_id=call_id,
        sequence=sequence,
    )
    kept = [
        line for line in encode(ours).decode().split("\r\n")[1:] if line.split(":")[0] in ("Via", "Call-ID", "CSeq", "From")
    ]
    head = "\r\n".join((f"SIP/2.0 {status} {phrase}", *kept, f"Content-Length: {len(body)}", "", ""))
    message, rest = take(head.encode() + body)
    assert (message, rest) == (head.encode() + body, b"")
    assert message is not None
    response = decode(message)
    assert response is not None
    assert (response.status, response.phrase, response.body) == (status, phrase, body)
    assert answers(ours, response)
    assert not answers(OPTIONS, response)
