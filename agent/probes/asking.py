"""One question by UDP and the datagrams that come back until one is an answer. For probes whose protocol is that simple.

The socket is connected: the kernel drops what others send, and tells when nobody listens there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from agent.model import Outcome, Reason
from agent.probes.datagrams import Datagram, prepare, receive
from agent.probes.probe import ProbeError, Run
from agent.probes.resolve import Place, socket_address

SIZE: Final = 65_535
_AT_ONCE: Final = 32
"""Datagrams looked at in a row, so that a flood leaves the loop its breath."""


def connected(place: Place, port: int, source_ip: str = "") -> socket.socket:
    """A UDP socket to there, to be closed by whoever asked for it. Raises `OSError`."""
    if source_ip and (":" in source_ip) != (place.family == socket.AF_INET6):
        text = f"{source_ip} cannot be the source for {place.ip}: not the same family"
        raise ProbeError(Reason.INTERNAL, text, Outcome.ERROR)
    sock = socket.socket(place.family, socket.SOCK_DGRAM)
    try:
        prepare(sock)
        if source_ip:
            sock.bind((source_ip, 0))
        sock.connect(socket_address(place, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def answer_of(sock: socket.socket, run: Run, is_answer: Callable[[bytes], bool]) -> Datagram:
    """The first datagram that is an answer; others are ignored, and told to who debugs. Raises `OSError`. It waits for ever, as
    the run has a deadline."""
    loop = asyncio.get_running_loop()
    ignored = 0
    while True:
        for _ in range(_AT_ONCE):
            try:
                heard = receive(sock, SIZE)
            except BlockingIOError:
                break
            if is_answer(heard.data):
                return heard
            ignored += 1
            if run.is_verbose:
                run.say(f"ignored datagram {ignored}, of {len(heard.data)} bytes: it does not answer what was asked")
        await _readable(loop, sock)


async def _readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    waiter = loop.create_future()
    loop.add_reader(sock, _wake, waiter)
    try:
        await waiter
    finally:
        loop.remove_reader(sock)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
