"""The services of the simulated province: whatever its probes knock at answers as a good one does, at every address."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, NamedTuple

from agent.packets import ntp
from agent.probes.probe import Job
from tests.agent.probes.h323_terminal import CALL_PROCEEDING, SETUP, STATUS, STATUS_ENQUIRY, message
from tests.agent.probes.sip_server import response
from tests.province.derive import ECHO_PORT, Ground
from tests.province.town import Datagrams, Town, stream_socket

PAGE: Final = "<!doctype html><html lang=vi><title>Mô phỏng / Simulation</title><h1>Cổng thông tin điện tử</h1></html>".encode()
_BANNERS: Final = {21: b"220 ready\r\n", 22: b"SSH-2.0-simulated\r\n", 995: b"+OK ready\r\n"}
_NAME: Final = b"\x02ns\x07example\x02vn\0"
_RECORDS: Final = {
    1: bytes((127, 0, 0, 1)),
    2: _NAME,
    5: _NAME,
    6: _NAME + _NAME + struct.pack("!5I", 2026110101, 3600, 600, 604800, 3600),
    12: _NAME,
    15: struct.pack("!H", 10) + _NAME,
    16: b"\x0av=spf1 -all"[:11],
    28: bytes(15) + b"\1",
}
"""Type of a DNS question -> data of its answer (RFC 1035 3.3, RFC 3596)."""
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "_Here"], Coroutine[Any, Any, None]]


class Door(NamedTuple):
    """A port at which one kind of service answers."""

    kind: str
    port: int
    real: int
    """The port outside the simulation."""
    transport: str = "tcp"
    tls: bool = False


def doors(jobs: Iterable[Job], ground: Ground) -> set[Door]:
    """What the jobs knock at, apart from echoes and reflectors."""
    found: dict[tuple[int, bool], Door] = {}
    for job in jobs:
        kind, settings = job.module.kind, job.module.settings
        host_port = job.address.partition("://")[2].partition("/")[0] or job.address.partition(";")[0]
        port = host_port.rpartition(":")[2]
        if kind in ("icmp", "rtp", "script") or not port.isdigit():
            continue
        transport = {"ntp": "udp", "sip": "udp", "dns": "udp"}.get(kind, "tcp")
        transport = settings.get("transport") or settings.get("transport_protocol") or transport
        tls = job.address.startswith("https:") or bool(settings.get("tls")) or kind == "tls" or transport == "tls"
        real = int(port) - ground.base
        door = Door(kind, int(port), real, "udp" if transport == "udp" else "tcp", tls)
        # Of several kinds at one port the one that says more: who only connects is content with any of them.
        if (known := found.get((door.port, door.transport == "udp"))) is None or known.kind == "tcp":
            found[door.port, door.transport == "udp"] = door
    return set(found.values())


class Services:
    """`open` once, `close` once."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[Datagrams] = []

    async def open(self, wanted: Iterable[Door]) -> None:
        """Answer at these. Raises `OSError`, with the port, if one is taken."""
        for door in wanted:
            if door.transport == "udp":
                self._datagrams.append(_Answers(self._town, door))
            else:
                serve = self._serving(door)
                self._servers.append(await asyncio.start_server(serve, sock=stream_socket(door.port), limit=65_536))

    async def close(self) -> None:
        """Close all."""
        for server in self._servers:
            server.close()
        for each in self._datagrams:
            each.close()

    def _serving(self, door: Door) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
        talk = TALKS.get(door.kind, _connects)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            address = writer.get_extra_info("sockname")[0]
            try:
                async with asyncio.timeout(30):
                    if not address.startswith("127."):
                        return
                    if address in self._town.cut:
                        # The kernel has taken the connection already; who is content with that is sent away.
                        if door.kind != "h323":
                            await reader.read()
                        return
                    if door.tls:
                        await writer.start_tls(self._town.context(address))
                    await talk(reader, writer, _Here(door, self._town, address))
            except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
                return
            finally:
                with contextlib.suppress(OSError):
                    writer.close()

        return serve


class _Here(NamedTuple):
    """A door and who stands behind it."""

    door: Door
    town: Town
    address: str


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _here: _Here) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    body = b"" if head.startswith(b"HEAD ") else PAGE
    lines = ("HTTP/1.1 200 OK", "Content-Type: text/html; charset=utf-8", f"Content-Length: {len(PAGE)}", "Connection: close")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    await writer.drain()


async def _connects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: _Here) -> None:
    """Says what is said first at this port, and RTSP's answer to who asks for it."""
    first = b"alive\n" if here.door.real == ECHO_PORT else _BANNERS.get(here.door.real, b"")
    if first:
        writer.write(first)
    while data := await reader.read(4096):
        if b"RTSP/1.0" in data:
            writer.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")


async def _smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: _Here) -> None:
    writer.write(b"220 mail.example.vn ESMTP\r\n")
    is_secure = here.door.tls
    while line := await reader.readline():
        verb = line.split()[0].upper() if line.split() else b""
        if verb == b"EHLO":
            writer.write(b"250-mail.example.vn\r\n" + (b"" if is_secure else b"250-STARTTLS\r\n") + b"250 8BITMIME\r\n")
        elif verb == b"STARTTLS":
            writer.write(b"220 go ahead\r\n")
            await writer.drain()
            await writer.start_tls(here.town.context(here.address))
            is_secure = True
        elif verb == b"QUIT":
            writer.write(b"221 bye\r\n")
            return
        else:
            writer.write(b"250 ok\r\n")


async def _imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: _Here) -> None:
    able = b"CAPABILITY IMAP4rev1" + (b"" if here.door.tls else b" STARTTLS")
    writer.write(b"* OK [" + able + b"] ready\r\n")
    while line := await reader.readline():
        tag, _, rest = line.strip().partition(b" ")
        verb = rest.split()[0].upper() if rest.split() else b""
        if verb == b"CAPABILITY":
            writer.write(b"* " + able + b"\r\n")
        elif verb == b"LOGOUT":
            writer.write(b"* BYE\r\n" + tag + b" OK\r\n")
            return
        writer.write(tag + b" OK done\r\n")
        if verb == b"STARTTLS":
            await writer.drain()
            await writer.start_tls(here.town.context(here.address))
            able = b"CAPABILITY IMAP4rev1"


async def _sip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _here: _Here) -> None:
    while True:
        writer.write(response(await reader.readuntil(b"\r\n\r\n")))


async def _h323(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _here: _Here) -> None:
    plays = {STATUS_ENQUIRY: STATUS, SETUP: CALL_PROCEEDING}
    while True:
        size = struct.unpack("!H", (await reader.readexactly(4))[2:])[0]
        body = await reader.readexactly(max(0, size - 4))
        if len(body) > 4 and body[4] in plays:
            writer.write(message(plays[body[4]], struct.unpack("!H", body[2:4])[0]))


async def _dns(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _here: _Here) -> None:
    while True:
        answer = resolved(await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0]))
        writer.write(struct.pack("!H", len(answer)) + answer)


async def _handshake(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _here: _Here) -> None:
    await reader.read()


TALKS: Final[dict[str, Talk]] = {
    "dns": _dns, "h323": _h323, "http": _page, "imap": _imap, "sip": _sip, "smtp": _smtp, "tcp": _connects, "tls": _handshake,
}  # fmt: skip


class _Answers(Datagrams):
    """Names, time and voice over UDP."""

    def __init__(self, town: Town, door: Door) -> None:
        super().__init__(door.port)
        self._town = town
        self._reply = {"dns": resolved, "ntp": told, "sip": response}[door.kind]

    def take(self, data: bytes, client: tuple[str, int], to: str) -> None:
        """One request; what is none gets no answer."""
        if to not in self._town.cut:
            with contextlib.suppress(ValueError, StopIteration, struct.error, IndexError):
                self.send(self._reply(data), client, to)


def resolved(query: bytes) -> bytes:
    """The answer of a name server to a query of one question (RFC 1035 4.1). Raises `ValueError`, `struct.error`."""
    end = query.index(b"\0", 12) + 1
    kind = struct.unpack_from("!H", query, end)[0]
    data = _RECORDS.get(kind, b"")
    head = query[:2] + struct.pack("!5H", 0x8580, 1, bool(data), 0, 0) + query[12 : end + 4]
    return head + (b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, 300, len(data)) + data if data else b"")


def told(request: bytes) -> bytes:
    """The answer of a time server of stratum 2 (RFC 5905 7.3). Raises `ntp.NtpError`."""
    asked, now = ntp.decode(request), ntp.from_unix_ns(time.time_ns())
    return ntp.encode(ntp.Message(0, 4, 4, 2, 6, -20, 0.001, 0.002, bytes((127, 0, 0, 1)), now, asked.transmit, now, now))
