"""Servers that lie, stall, break off or never end: each ends the run in time, in bounds, and with a reason of its own."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.model import Outcome, Reason
from agent.probes.http_body import MOST_BYTES, Body, BodyError
from agent.probes.patterns import Pattern
from agent.probes.running import Done
from tests.agent.probes.http_kit import Script, forever, probed, raw, saying, silence, slowly, values

HEAD = b"HTTP/1.1 200 OK\r\n"
PAGE = HEAD + b"Content-Length: 5\r\n\r\nhello"


async def _reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize(
    ("script", "reason", "detail"),
    [
        (saying(), Reason.NO_DATA, "closed the connection without an answer"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.MISMATCH, "begins with 'SSH-2.0-OpenSSH_9.2"),
        (saying(b"<html>HTTP/0.9</html>"), Reason.MISMATCH, "no answer of HTTP/1.1: begins with '<html>"),
        (saying(b"\x15\x03\x01\x00\x02\x02\x16"), Reason.MISMATCH, "speaks TLS"),
        (saying(b"HTTP/1.1 abc\r\n\r\n"), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"No colon\r\n\r\n"), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"Content-Length: -5\r\n\r\n"), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"Server: x\r\n"), Reason.NO_DATA, "too early"),
        (saying(HEAD + b"Content-Length: 9\r\n\r\nhello"), Reason.NO_DATA, "too early"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"), Reason.NO_DATA, "too early"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello"), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n"), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"Content-Length: 99\r\n\r\nhello", then=_reset), Reason.NO_DATA, "5 bytes of the body"),
        (saying(then=_reset), Reason.REFUSED, ""),
        (saying(then=forever(b"HTTP/1.1 100 Continue\r\n\r\n")), Reason.MISMATCH, "more than 5 interim answers"),
        (saying(HEAD, then=forever(b"X-A: b\r\n")), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD, then=forever(b"x" * 1000)), Reason.MISMATCH, "no answer of HTTP/1.1"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", then=forever(b"1\r\na\r\n" * 500)), Reason.MISMATCH, "pieces"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", then=forever(b"0" * 1000)), Reason.MISMATCH, "no answer"),
    ],
)
async def test_lies(script: Script, reason: Reason, detail: str) -> None:
    """What is no answer of HTTP ends the run at once with its own reason."""
    async with raw(script) as address:
        done = await probed(address, timeout_s=20)
    assert done.finding.outcome is Outcome.FAILED
    assert done.finding.reason is reason, done.finding
    assert detail in done.finding.detail
    assert done.duration_s < 15
    assert values(done)["probe_success"] == 0.0


@pytest.mark.parametrize(
    ("script", "phase"),
    [
        (silence, "processing"),
        (saying(then=silence), "processing"),
        (saying(then=slowly(HEAD + b"X-Slow: loris\r\n")), "transfer"),
        (saying(HEAD + b"\r\n", then=slowly(b"a")), "transfer"),
        (saying(HEAD + b"Content-Length: 9\r\n\r\nhello", then=silence), "transfer"),
    ],
)
async def test_stalls(script: Script, phase: str) -> None:
    """A server that does not come to an end ends with the deadline, which names where it was."""
    async with raw(script) as address:
        done = await probed(address, timeout_s=0.3)
    assert done.finding.reason is Reason.TIMEOUT
    assert f"`{phase}`" in done.finding.detail
    assert 0.25 < done.duration_s < 3
    assert values(done)[f"probe_http_duration_seconds{{{phase}}}"] > 0.1


@pytest.mark.parametrize("body", [forever(b"x" * 65536), saying(then=silence)])
async def test_a_bad_status_is_told_whatever_its_body_does(body: Script) -> None:
    """An answer that is bad already stays what it is when its body never ends."""
    async with raw(saying(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", then=body)) as address:
        done = await probed(address, timeout_s=1.0)
    assert done.finding.reason is Reason.BAD_STATUS, done.finding
    assert done.finding.detail == "answered 502 Bad Gateway, expected 2xx"


async def test_an_endless_body() -> None:
    """Ten MiB are read and the rest is left; with a limit more is a failure; rules see the first MiB."""
    async with raw(saying(HEAD + b"\r\n", then=forever(b"x" * 65536))) as address:
        done = await probed(address, timeout_s=20)
        limited = await probed(address, timeout_s=20, body_size_limit=100_000)
        ruled = await probed(address, timeout_s=20, fail_if_body_not_matches_regexp=("y",))
    assert done.finding.outcome is Outcome.OK, done.finding
    assert values(done)["probe_http_uncompressed_body_length"] == MOST_BYTES
    assert limited.finding.detail == "the body is longer than 100000 bytes (body_size_limit)"
    assert values(limited)["probe_http_uncompressed_body_length"] == 100_000
    assert ruled.finding.detail == "the first 1048576 bytes of the body does not match 'y'"


async def test_a_bomb() -> None:
    """A body that unpacks to a gigabyte is cut at ten MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(1024 * 1024)
    bomb = b"".join(packer.compress(piece) for _ in range(200)) + packer.flush()
    assert len(bomb) < 300_000
    async with raw(saying(HEAD + b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)) as address:
        done = await probed(address, compression="gzip", timeout_s=20)
    assert done.finding.outcome is Outcome.OK, done.finding
    assert values(done)["probe_http_uncompressed_body_length"] == MOST_BYTES


async def test_an_expression_made_to_burn() -> None:
    """Expressions that take Python's `re` years take no time worth naming, and the loop goes on meanwhile."""
    body = b"a" * 1_000_000
    async with raw(saying(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)) as address:
        done = await probed(address, timeout_s=20, fail_if_body_matches_regexp=(r"(a+)+b", r"(a*)*(a*)*b$", r"(a|aa)+[^a]"))
    assert done.finding.outcome is Outcome.OK, done.finding
    assert done.duration_s < 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(?=a)", "perl operator"),
        (r"(a)\1", "escape"),
        ("(", "missing"),
        ("a{99999}", "repetition"),
        ("(?<!b)a", "perl operator"),
    ],
)
def test_expressions_that_re2_has_not(text: str, problem: str) -> None:
    """What is no expression of Go is refused with words."""
    with pytest.raises(ValueError, match=problem):
        Pattern(text)


async def _answered(data: bytes) -> Done:
    async with raw(saying(data)) as address:
        return await probed(address, timeout_s=5, fail_if_body_matches_regexp=("z",))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(bytes.__add__, st.just(HEAD), st.binary(max_size=300)),
        st.builds(
            lambda place, what: PAGE[:place] + what + PAGE[place + 1 :],
            st.integers(0, len(PAGE)),
            st.binary(max_size=3),
        ),
    )
)
def test_any_answer(data: bytes) -> None:
    """Whatever comes back is a finding of ours and never a mistake of this program."""
    done = asyncio.run(_answered(data))
    assert done.finding.reason is not Reason.INTERNAL, done.finding
    assert done.finding.outcome in (Outcome.OK, Outcome.FAILED)


@settings(deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(["gzip", "deflate"]), st.integers(1, 500))
def test_bodies_come_back(content: bytes, coding: str, size: int) -> None:
    """Whatever was packed is unpacked, however it is cut, and members of gzip in a row too."""
    packed = gzip.compress(content) * 2 if coding == "gzip" else zlib.compress(content)
    body = Body(coding, 0, 10_000)
    for start in range(0, len(packed), size):
        body.feed(packed[start : start + size])
    body.end()
    assert bytes(body.kept) == content * (2 if coding == "gzip" else 1)
    assert body.size == len(body.kept)


@settings(deadline=None)
@given(st.binary(max_size=500), st.sampled_from(["", "gzip", "deflate"]), st.integers(0, 100))
def test_any_body(content: bytes, coding: str, limit: int) -> None:
    """Whatever comes is counted within the limit or an error of ours."""
    body = Body(coding, limit, 50)
    try:
        body.feed(content)
        body.end()
    except BodyError:
        pass
    assert len(body.kept) <= 50
    assert body.size <= (limit or MOST_BYTES)


def test_bytes_in_bounds_are_kept_when_unpacking_ends_with_a_full_piece() -> None:
    """A body whose last bytes are still inside the unpacker when its input is used up comes out whole."""
    content = bytes(3_000_000)
    body = Body("gzip", 0, 0)
    body.feed(gzip.compress(content))
    body.end()
    assert body.size == len(content)
