"""Streams: what is read in which bounds, what ends them, and that closing never waits."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator

import pytest

from agent.model import Reason
from agent.probes.certificates import chain_of
from agent.probes.dial import MAX_LINE, Stream, connect, open_stream
from agent.probes.probe import ProbeError, Run
from agent.probes.resolve import Place
from agent.probes.tls_settings import TlsSettings, make_context
from agent.probes.tools import Tools
from tests.probes.certs import certs
from tests.probes.peers import Handler, endless, saying, serving, silent


@contextlib.asynccontextmanager
async def _stream(handler: Handler, *, is_tls: bool) -> AsyncIterator[Stream]:
    tools = Tools()
    context = certs().good().context() if is_tls else None
    async with serving(handler, context=context) as port:
        run = Run(tools, 10)
        sock = await connect(run, Place(socket.AF_INET, "127.0.0.1"), port)
        tls = TlsSettings(ca=certs().ca_pem) if is_tls else None
        stream = await open_stream(run, sock, tls=tls, server_name="localhost")
        try:
            yield stream
        finally:
            stream.close()
    tools.close()


both = pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])


@both
async def test_reading_in_pieces(is_tls: bool) -> None:
    """Lines, up to a mark, an exact count, what is there, and the end, in turn."""

    async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in (b"li", b"ne\nhead\r", b"\n\r\nbo", b"dy rest", b"\nlast"):
            writer.write(part)
            await writer.drain()
        writer.close()

    async with _stream(handler, is_tls=is_tls) as stream:
        assert await stream.readline() == b"line\n"
        assert await stream.readuntil(b"\r\n\r\n") == b"head\r\n\r\n"
        assert await stream.readexactly(4) == b"body"
        assert await stream.read(1) == b" "
        assert await stream.readline() == b"rest\n"
        assert await stream.readline() == b"last"
        assert await stream.readline() == b""
        assert await stream.read() == b""


@both
async def test_an_end_too_early_is_told(is_tls: bool) -> None:
    """With what was there; nothing of it is taken for an answer."""

    async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"12345")
        writer.close()

    for read in (lambda stream: stream.readuntil(b"\n"), lambda stream: stream.readexactly(6)):
        async with _stream(handler, is_tls=is_tls) as stream:
            with pytest.raises(ProbeError, match="after 5 bytes") as caught:
                await read(stream)
            assert caught.value.finding.reason is Reason.NO_DATA


@both
async def test_bounds_hold_against_a_server_that_never_stops(is_tls: bool) -> None:
    """A line, a head and one read are bounded, and so is what is kept."""
    async with _stream(endless, is_tls=is_tls) as stream:
        assert 0 < len(await stream.read(10)) <= 10
        assert len(await stream.read(10**9)) <= MAX_LINE
        with pytest.raises(ProbeError, match="more than 100 bytes") as caught:
            await stream.readuntil(b"\r\n\r\n", limit=100)
        assert caught.value.finding.reason is Reason.MISMATCH
        with pytest.raises(ProbeError, match=f"more than {MAX_LINE} bytes"):
            await stream.readline()


async def test_a_line_as_long_as_the_limit_is_a_line() -> None:
    """One byte more is none, wherever the newline is."""
    async with _stream(saying(b"x" * 9 + b"\n" + b"y" * 10 + b"\n"), is_tls=False) as stream:
        assert await stream.readline(limit=10) == b"x" * 9 + b"\n"
        with pytest.raises(ProbeError, match="more than 10 bytes"):
            await stream.readline(limit=10)


@both
async def test_much_is_written_to_whoever_reads(is_tls: bool) -> None:
    """More than the buffers of the system hold, complete."""
    data = bytes(range(256)) * 8192
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.readexactly(len(data)))
        writer.write(b"thanks\n")
        await silent(reader, writer)

    async with _stream(handler, is_tls=is_tls) as stream:
        await stream.write(data)
        assert await stream.readline() == b"thanks\n"
    assert await got == data


@both
async def test_a_cancelled_read_leaves_a_stream_that_closes_at_once(is_tls: bool) -> None:
    """The deadline falls while a server is silent; closing twice does no harm, and nothing is left for the loop."""
    async with _stream(silent, is_tls=is_tls) as stream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stream.read()
        stream.close()
        stream.close()


async def test_a_server_sees_the_goodbye_of_tls() -> None:
    """It is not told that the connection was cut, which many servers log."""
    tools = Tools()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> list[bytes]:
            sock, _ = server.accept()
            sock.settimeout(10)
            with certs().good().context().wrap_socket(sock, server_side=True, suppress_ragged_eofs=False) as wrapped:
                return [wrapped.recv(10), wrapped.recv(10)]  # an end without goodbye would raise

        serving_it = asyncio.ensure_future(asyncio.to_thread(serve))
        run = Run(tools, 10)
        sock = await connect(run, Place(socket.AF_INET, "127.0.0.1"), server.getsockname()[1])
        stream = await open_stream(run, sock, tls=TlsSettings(ca=certs().ca_pem), server_name="localhost")
        await stream.write(b"bye")
        stream.close()
        assert await serving_it == [b"bye", b""]
    tools.close()


async def test_tools_may_close_while_a_connect_is_under_way() -> None:
    """Whoever waits is cancelled, and nothing else comes of it."""
    tools = Tools()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        place, port = Place(socket.AF_INET, "127.0.0.1"), full.getsockname()[1]
        waiting = [asyncio.ensure_future(connect(Run(tools, 10), place, port)) for _ in range(5)]
        done, pending = await asyncio.wait(waiting, timeout=0.2)
        assert pending
        tools.close()
        for task in pending:
            task.cancel()
        results = await asyncio.gather(*pending, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        for task in done:
            task.result().close()


async def test_an_error_of_the_connect_is_the_systems() -> None:
    """Whoever runs the probe translates it by its number."""
    tools = Tools()
    with pytest.raises(OSError, match=r"unreachable|denied|[Nn]o route|[Ii]nvalid") as caught:
        await connect(Run(tools, 5), Place(socket.AF_INET, "255.255.255.255"), 9)
    assert caught.value.errno in (errno.ENETUNREACH, errno.EACCES, errno.EHOSTUNREACH, errno.EINVAL)
    tools.close()


async def test_without_chains_of_python_the_leaf_is_seen() -> None:
    """A TLS object that offers neither the public nor the inner way still tells the server's own certificate."""

    class Bare:
        def __init__(self, tls: ssl.SSLObject) -> None:
            self.context, self.version, self.getpeercert = tls.context, tls.version, tls.getpeercert

    async with _stream(silent, is_tls=True) as stream:
        assert stream.tls is not None
        chain = chain_of(Bare(stream.tls))  # type: ignore[arg-type]
        assert chain.sent == chain_of(stream.tls).sent
        assert chain.is_verified


def test_equal_settings_share_a_context_whatever_the_server_is_called() -> None:
    """Contexts are costly: five hundred targets with the system's authorities have one."""
    one = make_context(TlsSettings(ca=certs().ca_pem, server_name="a.example.vn"))
    assert make_context(TlsSettings(ca=certs().ca_pem, server_name="b.example.vn")) is one
    assert make_context(TlsSettings(ca=certs().ca_pem, insecure_skip_verify=True)) is not one
