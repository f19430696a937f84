"""A network of its own for a test: whatever is sent to 10.9.0.0/24 or 2001:db8:9::/64 comes to the test, which answers for
the hosts and routers there as it likes. Linux, root; without either the test is skipped."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.packets.icmp import REPLY_V4, REPLY_V6, Echo, checksum, encode

T = TypeVar("T")
HOST, HOST6 = "10.9.0.9", "2001:db8:9::9"
ROUTER, ROUTER6 = bytes((10, 9, 0, 254)), bytes.fromhex("20010db80009000000000000000000fe")
_NEW_NET = 0x40000000
_TUNSETIFF = 0x400454CA
_TUN, _PLAIN = 1, 0x1000
PINGS = Path("/proc/sys/net/ipv4/ping_group_range")
Far = Callable[[bytes], list[bytes]]


def live(far: Far, scenario: Callable[[], Coroutine[Any, Any, T]], *, ping_sockets: bool = False) -> T:
    """Run a scenario in a network namespace of its own, in which `far` gets every IP packet and gives those that come back."""
    tun = Path("/dev/net/tun")
    if sys.platform != "linux" or os.geteuid() != 0 or not tun.exists():
        pytest.skip("network namespaces and TUN devices are for root on Linux")
    if not shutil.which("ip"):
        pytest.skip("debian: ip is missing, of the package iproute2")
    found: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.append(_lived(far, scenario, ping_sockets))
        except BaseException as error:
            errors.append(error)

    # A namespace is of a thread; it goes with the thread.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    if errors:
        raise errors[0]
    return found[0]


def _lived(far: Far, scenario: Callable[[], Coroutine[Any, Any, T]], ping_sockets: bool) -> T:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    PINGS.write_text("0 65535" if ping_sockets else "1 0")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"far0", _TUN | _PLAIN))
        for command in (
            "link set lo up",
            "link set far0 up",
            "addr add 10.9.0.1/24 dev far0",
            "addr add 2001:db8:9::1/64 dev far0 nodad",
        ):
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        return asyncio.run(_answering(descriptor, far, scenario))
    finally:
        os.close(descriptor)


async def _answering(descriptor: int, far: Far, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            packet = os.read(descriptor, 65_535)
        except BlockingIOError:
            return
        if is_request(packet):
            for each in far(packet):
                os.write(descriptor, each)

    loop.add_reader(descriptor, read)
    try:
        return await scenario()
    finally:
        loop.remove_reader(descriptor)


def is_request(packet: bytes) -> bool:
    """Whether an IP packet is an ICMP echo request."""
    return (packet[0] >> 4 == 4 and packet[9] == 1 and packet[20] == 8) or (
        packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 128
    )


def packet_v4(source: bytes, destination: bytes, message: bytes, ttl: int = 61) -> bytes:
    """An ICMP message in IPv4."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(message), 0, 0, ttl, 1, 0, source, destination)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + message


def packet_v6(source: bytes, destination: bytes, message: bytes, hops: int = 61) -> bytes:
    """An ICMPv6 message, its checksum put right."""
    pseudo = source + destination + struct.pack("!II", len(message), 58)
    message = message[:2] + checksum(pseudo + message[:2] + b"\0\0" + message[4:]).to_bytes(2, "big") + message[4:]
    return struct.pack("!IHBB", 0x60000000, len(message), 58, hops) + source + destination + message


def reply(request: bytes, *, identifier: int = 0, sequence: int = 0, payload: bytes = b"", source: bytes = b"") -> bytes:
    """The answer of the host that was asked; `identifier` and `sequence` are added to those that came (modulo 2^16)."""
    v6 = request[0] >> 4 == 6
    message = request[40:] if v6 else request[20:]
    number, count = (int.from_bytes(message[at : at + 2], "big") for at in (4, 6))
    echo = Echo(
        REPLY_V6 if v6 else REPLY_V4, (number + identifier) & 0xFFFF, (count + sequence) & 0xFFFF, payload or message[8:]
    )
    if v6:
        return packet_v6(source or request[24:40], request[8:24], encode(echo))
    return packet_v4(source or request[16:20], request[12:16], encode(echo))


def complaint(request: bytes, kind: int, code: int, *, quoted: bytes | None = None) -> bytes:
    """What the router there says about a packet. It quotes the header and eight bytes, as old ones do."""
    v6 = request[0] >> 4 == 6
    body = request[: 48 if v6 else 28] if quoted is None else quoted
    message = bytes((kind, code, 0, 0, 0, 0, 0, 0)) + body
    if v6:
        return packet_v6(ROUTER6, request[8:24], message)
    message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
    return packet_v4(ROUTER, request[12:16], message)
