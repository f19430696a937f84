"""The lines of SMTP and IMAP: known ones are read as the RFCs say, and no bytes raise anything but the packet's own error."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.packets import imap, smtp


def test_reply_lines() -> None:
    """Code, whether more follows, text (RFC 5321 4.2)."""
    assert smtp.read_line(b"250-mail.example.vn\r\n") == (250, False, "mail.example.vn")
    assert smtp.read_line(b"250 OK\r\n") == (250, True, "OK")
    assert smtp.read_line(b"354\r\n") == (354, True, "")
    assert smtp.read_line(b"220 ch\xc3\xa0o\n") == (220, True, "chào")


@pytest.mark.parametrize(
    "data", [b"", b"250", b"25 OK\r\n", b"650 OK\r\n", b"250OK\r\n", b"250 a\rb\r\n", b"250 " + b"a" * 3000 + b"\r\n"]
)
def test_what_is_no_reply(data: bytes) -> None:
    """Is refused."""
    with pytest.raises(smtp.SmtpError):
        smtp.read_line(data)


def test_extensions() -> None:
    """By name, in capitals; the old form of AUTH counts too."""
    offers = smtp.extensions(["mail", "SIZE 1000", "auth plain", "AUTH=LOGIN", "", "STARTTLS"])
    assert offers == {"SIZE": ("1000",), "AUTH": ("PLAIN", "LOGIN"), "STARTTLS": ()}


def test_what_we_say() -> None:
    """Address literals and SASL PLAIN, byte for byte."""
    assert smtp.own_name("192.0.2.1") == "[192.0.2.1]"
    assert smtp.own_name("fe80::1%eth0") == "[IPv6:fe80::1]"
    assert base64.b64decode(smtp.plain("u", "mật")) == b"\0u\0m\xe1\xba\xadt"


def test_imap_lines() -> None:
    """Tag, condition, code, text (RFC 9051 7)."""
    assert imap.read_line(b"* OK [CAPABILITY IMAP4rev1] hi\r\n") == ("*", "OK", "CAPABILITY IMAP4rev1", "hi")
    assert imap.read_line(b"h1 no [AUTHENTICATIONFAILED] wrong\r\n") == ("h1", "NO", "AUTHENTICATIONFAILED", "wrong")
    assert imap.read_line(b"* 3 EXISTS\r\n") == ("*", "", "", "3 EXISTS")
    assert imap.read_line(b"+ \r\n") == ("+", "", "", "")
    assert imap.read_line(b"* BYE\r\n").condition == "BYE"


@pytest.mark.parametrize("data", [b"", b"* OK", b"\r\n", b"h1\r\n", b"h1 GREAT\r\n"])
def test_what_is_no_line(data: bytes) -> None:
    """Is refused."""
    with pytest.raises(imap.ImapError):
        imap.read_line(data)


def test_imap_capabilities() -> None:
    """From a greeting, from CAPABILITY, from an answer; from nothing else."""
    for data in (b"* OK [CAPABILITY a B] x\r\n", b"* CAPABILITY a B\r\n", b"h1 OK [CAPABILITY a B]\r\n"):
        assert imap.capabilities(imap.read_line(data)) == {"A", "B"}
    assert imap.capabilities(imap.read_line(b"h1 NO [CAPABILITY a] x\r\n")) is None
    assert imap.capabilities(imap.read_line(b"* 1 EXISTS\r\n")) is None


def test_imap_literals_and_strings() -> None:
    """Sizes at the end of a line only; what cannot be quoted is not."""
    assert imap.literal_size(b"* X {12}\r\n") == 12
    assert imap.literal_size(b"* X {12} y\r\n") is None
    assert imap.quoted('a"b\\') == '"a\\"b\\\\"'
    assert imap.quoted("a\nb") is imap.quoted("ậ") is None


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: data + b"\r\n"))
@settings(max_examples=300, deadline=None)
def test_any_bytes(data: bytes) -> None:
    """A value or the packet's own error."""
    imap.literal_size(data)
    try:
        code, _, text = smtp.read_line(data)
    except smtp.SmtpError:
        pass
    else:
        assert 200 <= code < 600
        smtp.extensions(["", text])
    try:
        line = imap.read_line(data)
    except imap.ImapError:
        return
    assert line.tag
    imap.capabilities(line)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
@settings(max_examples=100, deadline=None)
def test_quoted_strings_come_back(text: str) -> None:
    """What is quoted can be read back as it was."""
    quoted = imap.quoted(text)
    assert quoted is not None
    inner = quoted[1:-1].replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")
    assert inner == text
