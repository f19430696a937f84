"""HTTP/1.1 of the agent: what it sends is what a server reads, what it reads is what `http.client` reads, and no answer passes
its bounds, whatever the pieces that it comes in."""

import email.parser
import http.client
import io
import itertools
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.http1 import MAX_HEAD_BYTES, Answer, AnswerError, Parser, post
from collector.ingest.fast import parse_head

LIMIT = 100


def read(raw: bytes, cuts: tuple[int, ...] = (), *, ends: bool = False, limit: int = LIMIT) -> Answer | None:
    """The answer in `raw`, fed in the pieces between the cuts; `ends` if the connection is closed after it."""
    parser, places = Parser(limit), sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    for start, stop in itertools.pairwise(places):
        answer = parser.feed(raw[start:stop])
        if answer is not None:
            return answer
    return parser.finish() if ends else None


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_head_is_exactly_what_the_collector_recognises() -> None:
    fields = {"Host": "c.example.vn:8601", "Authorization": "Bearer t", "Content-Type": "a/b", "Content-Encoding": "deflate"}
    head = post("/v1/batches", fields, 1234)
    assert head == (
        b"POST /v1/batches HTTP/1.1\r\nHost: c.example.vn:8601\r\nAuthorization: Bearer t\r\nContent-Type: a/b\r\n"
        b"Content-Encoding: deflate\r\nContent-Length: 1234\r\n\r\n"
    )
    known = parse_head(head)
    assert known is not None
    assert (known.length, known.authorization, known.prefix + b"1234\r\n\r\n") == (1234, "Bearer t", head)
    assert post("/v1/batches", fields, 7) == known.prefix + b"7\r\n\r\n", "heads of one agent differ in their last digits only"


@pytest.mark.parametrize("value", ["t\r\nX: y", "t\n", "t\0", "tôi", "\x7f"])
def test_a_field_that_would_break_the_head_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ValueError, match=r"^Authorization: found characters that HTTP cannot carry") as caught:
        post("/", {"Authorization": value}, 0)
    assert value not in str(caught.value)


@given(
    st.dictionaries(
        st.from_regex(r"X-[A-Za-z0-9-]{1,10}", fullmatch=True),
        st.text(st.characters(min_codepoint=32, max_codepoint=126)).map(str.strip),
    ),
    st.integers(0, 2**40),
)
def test_another_parser_reads_the_fields_that_were_given(fields: dict[str, str], length: int) -> None:
    line, _, rest = post("/p", fields, length).partition(b"\r\n")
    message = email.parser.BytesParser().parsebytes(rest, headersonly=True)
    assert line == b"POST /p HTTP/1.1"
    assert dict(message.items()) == {**fields, "Content-Length": str(length)}


# -- answers -----------------------------------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
GOOD = [
    (OK + b"Content-Length: 3\r\n\r\nabc", 200, b"abc", False),
    (OK + b"content-LENGTH:3  \r\n\r\nabc", 200, b"abc", False),
    (OK + b"Content-Length: 0\r\n\r\n", 200, b"", False),
    (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
    (b"HTTP/1.1 503 B\xc3\xa9 \xff\r\nContent-Length: 1\r\n\r\nx", 503, b"x", False),
    (b"HTTP/1.1 204 None\r\n\r\n", 204, b"", False),
    (b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", 304, b"", False),
    (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    (OK + b"Connection: a, Close ,b\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    (OK + b"Connection: closed\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx", 200, b"x", False),
    (OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A ;n=v\r\n0123456789\r\n0\r\n\r\n", 200, b"abc0123456789", False),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n000\r\nX-Sum: 1\r\nY: 2\r\n\r\n", 200, b"x", False),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, b"", False),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "status", "body", "is_last"), GOOD)
def test_answers(raw: bytes, status: int, body: bytes, is_last: bool) -> None:
    for cuts in ((), tuple(range(len(raw)))):
        answer = read(raw, cuts)
        assert answer is not None
        assert (answer.status, answer.body, answer.is_last) == (status, body, is_last)


def test_fields_are_found_by_lower_case_names_and_repeated_ones_are_joined() -> None:
    answer = read(OK + b"Retry-After: 7\r\nVary:a\r\nX-Empty:\r\nVARY: \t b c\t\r\nContent-Length: 0\r\n\r\n")
    assert answer is not None
    assert answer.fields == {"retry-after": "7", "vary": "a, b c", "x-empty": "", "content-length": "0"}


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    assert read(OK + b"\r\nabc") is None
    answer = read(OK + b"\r\nabc", (18, 20), ends=True)
    assert answer is not None
    assert (answer.body, answer.is_last) == (b"abc", True)


def test_bytes_after_the_answer_end_the_connection() -> None:
    answer = read(OK + b"Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n")
    assert answer is not None
    assert (answer.body, answer.is_last) == (b"x", True)


@pytest.mark.parametrize("raw", [raw for raw, *_ in GOOD])
def test_an_answer_that_ends_early_is_refused(raw: bytes) -> None:
    for stop in range(len(raw)):
        with pytest.raises(AnswerError, match="the connection ends"):
            read(raw[:stop], ends=True)


LENGTH = "expected a number"
CHUNK = "expected the size of a chunk"
BAD = [
    (b"garbage\r\n\r\n", "found b'garbage.*expected HTTP/1.1"),
    (b"SSH-2.0-x", "expected HTTP/1.1"),
    (b"\x15\x03\x01", "expected HTTP/1.1"),
    (b"HTTP/2 200 OK\r\n\r\n", "expected HTTP/1.1"),
    (b"HTTP/1.2 200 OK\r\n\r\n", "expected HTTP/1.1 and a status"),
    (b"HTTP/1.1 20 OK\r\n\r\n", "expected HTTP/1.1 and a status"),
    (b"HTTP/1.1 000 OK\r\n\r\n", "expected HTTP/1.1 and a status"),
    (b"HTTP/1.1 2000\r\n\r\n", "expected HTTP/1.1 and a status"),
    (b"HTTP/1.1 200 a\nX: y\r\n\r\n", "expected HTTP/1.1 and a status"),
    (b"HTTP/1.1 101 Switching\r\n\r\n", "nothing was asked to change"),
    (OK + b"no colon\r\n\r\n", "found b'no colon', expected NAME: VALUE"),
    (OK + b"a b: c\r\n\r\n", "expected NAME: VALUE"),
    (OK + b"a : c\r\n\r\n", "expected NAME: VALUE"),
    (OK + b": c\r\n\r\n", "expected NAME: VALUE"),
    (OK + b"A: b\r\n folded\r\n\r\n", "expected NAME: VALUE"),
    (OK + b"A: b\nContent-Length: 1\r\n\r\n", "expected NAME: VALUE"),
    (OK + b"A: \0\r\n\r\n", "expected NAME: VALUE"),
    (OK + b"Content-Length: -1\r\n\r\n", LENGTH),
    (OK + b"Content-Length: +1\r\n\r\n", LENGTH),
    (OK + b"Content-Length: 1_0\r\n\r\n", LENGTH),
    (OK + b"Content-Length: \r\n\r\n", LENGTH),
    (OK + b"Content-Length: \xb2\r\n\r\n", LENGTH),
    (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", LENGTH),
    (OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n", LENGTH),
    (OK + b"Content-Length: 101\r\n\r\n", "an answer of more than 100 bytes"),
    (OK + b"\r\n" + b"x" * 101, "an answer of more than 100 bytes"),
    (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "expected chunked, without Content-Length"),
    (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "expected chunked"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n65\r\n", "an answer of more than 100 bytes"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n64\r\n", "an answer of more than 100 bytes"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 16 + b"\r\n", CHUNK),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\n", CHUNK),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", CHUNK),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n", CHUNK),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 300, CHUNK),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", "expected the end of a chunk"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n", "expected NAME: VALUE"),
    (OK + b"X: " + b"x" * MAX_HEAD_BYTES, "a head of more than 16384 bytes"),
    (OK + b"X: y\r\n" * 5_000, "a head of more than 16384 bytes"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, "a head of more than 16384 bytes"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 5_000, "a head of more than 16384 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "message"), BAD, ids=range(len(BAD)))
def test_what_is_no_answer_is_refused_with_a_reason(raw: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read(raw)
    with pytest.raises(AnswerError, match=message):
        read(raw, tuple(range(0, len(raw), 7)))


# -- any bytes, any pieces ---------------------------------------------------------------------------------------------

_value = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(str.encode)
_name = st.from_regex(r"X-[A-Za-z0-9-]{1,10}", fullmatch=True).map(str.encode)
_cuts = st.lists(st.integers(0, 2_000), max_size=20).map(tuple)


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    status = st.integers(200, 599).filter(lambda number: number not in (204, 304))
    lines = [b"HTTP/1.%d %d OK" % (draw(st.integers(0, 1)), draw(status))]
    lines += [name + b": " + value for name, value in draw(st.dictionaries(_name, _value, max_size=5)).items()]
    lines += draw(st.sampled_from([[], [b"Connection: close"], [b"Connection: keep-alive"]]))
    body, framing = draw(st.binary(max_size=LIMIT)), draw(st.sampled_from(["length", "chunks", "end"]))
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunks":
        lines.append(b"Transfer-Encoding: chunked")
        size = draw(st.integers(1, LIMIT))
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return b"\r\n".join((*draw(st.permutations(lines[1:])), b"", b"")).join((lines[0] + b"\r\n", body))


class _Replayed(socket.socket):
    """Gives `http.client` the bytes of an answer."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> io.BytesIO:  # type: ignore[override]
        return io.BytesIO(self._raw)


def _oracle(raw: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    response = http.client.HTTPResponse(_Replayed(raw), method="POST")
    response.begin()
    fields = {name.lower(): value for name, value in response.getheaders()}
    will_close = response.will_close
    return response.status, fields, response.read(), will_close


@given(_answers(), _cuts)
def test_answers_are_read_as_the_standard_library_reads_them(raw: bytes, cuts: tuple[int, ...]) -> None:
    parser = Parser(LIMIT)
    whole = parser.feed(raw) or parser.finish()
    status, fields, body, will_close = _oracle(raw)
    assert (whole.status, whole.fields, whole.body) == (status, fields, body)
    # HTTP/1.0 may ask to keep a connection; a collector never speaks it, so that is not worth knowing.
    assert whole.is_last == (will_close or raw.startswith(b"HTTP/1.0"))
    assert read(raw, cuts, ends=True) == whole


def _outcome(raw: bytes, cuts: tuple[int, ...] = ()) -> Answer | None:
    """The answer in `raw`; None if it is refused."""
    try:
        return read(raw, cuts, ends=True)
    except AnswerError:
        return None


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [OK, b"\r\n", b"\r", b"\n", b"Content-Length: 3", b"Transfer-Encoding: chunked", b"3", b"0", b"abc"]
            ),
            st.binary(max_size=8),
        ),
        max_size=12,
    ).map(b"".join),
    st.booleans(),
    _cuts,
)
def test_any_bytes_are_an_answer_within_its_bounds_or_refused(noise: bytes, starts: bool, cuts: tuple[int, ...]) -> None:
    raw = OK + noise if starts else noise
    found = _outcome(raw, cuts)
    if found is not None:
        whole = _outcome(raw)
        assert whole is not None
        assert len(found.body) <= LIMIT
        assert (whole.status, whole.fields, whole.body) == (found.status, found.fields, found.body)


def test_a_parser_holds_no_more_than_its_bounds() -> None:
    """Endless bytes of every part of an answer are refused before a parser has taken much more than it may hold."""
    for start in (
        OK,
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        OK + b"\r\n",
    ):
        parser = Parser(1_000)
        parser.feed(start)
        taken = _taken_before_refusal(parser)
        assert taken <= MAX_HEAD_BYTES + 10


def _taken_before_refusal(parser: Parser) -> int:
    for count in range(MAX_HEAD_BYTES):
        try:
            parser.feed(b"aaaaaaaaa;")
        except AnswerError:
            return count * 10
    return MAX_HEAD_BYTES * 10
